"""What all pool sizes share of one replication: its calls, and their use of an endless pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Flags, Ints
from simulation.demand import Calls
from simulation.jit import compiled, compiled_with_memory

__all__ = ["Past"]


_STRETCH = 64  # calls that are looked at together before any of them is followed


@compiled
def _count(time, client, credits, counted, warmup, counts):  # type: ignore[no-untyped-def]
    """Note which calls count; return what the dearest call costs, whether it counts or not."""
    dearest = 0
    for n in range(time.shape[0]):
        counts[n] = counted[client[n]] and time[n] >= warmup
        dearest = max(dearest, credits[n])
    return dearest


@compiled
def _released(time, credits, oldest, in_use, edge):  # type: ignore[no-untyped-def]
    """Return the oldest call behind an edge of time, and what is in use without those before it."""
    while time[oldest] <= edge:
        in_use -= credits[oldest]
        oldest += 1
    return oldest, in_use


@compiled_with_memory
def _follow(  # type: ignore[no-untyped-def]
    time, credits, start, in_use, window, levels, floor, most
):
    """Follow new calls into a pool without a limit.

    ``time`` and ``credits`` go back to the window's oldest call; from ``start`` on they are new.
    ``levels`` takes what is in use after each of them, or more if neither exceeds ``floor``.
    Return what is in use at last, the oldest call of the window, and the most that ever was in use,
    ``most`` before.
    """
    count = (time.shape[0] - start + _STRETCH - 1) // _STRETCH
    begins, before = np.empty(count, np.int64), np.empty(count, np.int64)
    bounds = np.empty(count, np.int64)
    oldest = 0
    # Which credits come back before which call is a branch that no processor foresees: it takes
    # longer than all else. So stretches are passed at once, as if nothing came back within them.
    for stretch in range(count):
        first = start + stretch * _STRETCH
        last = min(first + _STRETCH, time.shape[0])
        oldest, in_use = _released(time, credits, oldest, in_use, time[first] - window)
        begins[stretch], before[stretch] = oldest, in_use
        asked = 0
        for n in range(first, last):
            asked += credits[n]
        bounds[stretch] = in_use + asked
        for n in range(first, last):
            levels[n - start] = bounds[stretch]
        oldest, in_use = _released(time, credits, oldest, in_use, time[last - 1] - window)
        in_use += asked
        levels[last - 1 - start] = in_use  # the last is exact: the next ones begin with it
    for stretch in range(count):
        if bounds[stretch] > floor or bounds[stretch] > most:
            first = start + stretch * _STRETCH
            last = min(first + _STRETCH, time.shape[0])
            oldest_then, in_use_then = begins[stretch], before[stretch]
            for n in range(first, last):
                oldest_then, in_use_then = _released(
                    time, credits, oldest_then, in_use_then, time[n] - window
                )
                in_use_then += credits[n]
                levels[n - start] = in_use_then
                most = max(most, in_use_then)
    return in_use, oldest, most


class Past:
    """The calls of the last window and the new ones, with what is in use without a limit.

    Attributes
    ----------
    time, credits : (n,) int64 array
        Of the calls since a window before the first new one.
    start : int
        Where the new ones begin in them.
    in_use : int
        What is in use without a limit after the last call.
    levels, counts : (n - start,) int64 and bool array
        What is in use without a limit after each new call, and whether it counts. Where that is
        not above the limit of any pool that sleeps, more may stand there, but not above it either.
    highest : int
        The highest of the levels.
    most : int
        The most ever in use, as far as it is known.
    dearest : int
        What the dearest call so far costs.
    """

    def __init__(self, window: int, counted: NDArray[np.bool_], warmup: int) -> None:
        self._window, self._counted, self._warmup = window, counted, warmup
        # Calls move through a buffer, and back to its front when it is full: not at each addition.
        self._times, self._costs = np.empty(1024, np.int64), np.empty(1024, np.int64)
        self.levels: Ints = np.empty(0, np.int64)
        self.counts: Flags = np.empty(0, np.bool_)
        self.highest = self.most = self.dearest = 0
        self._first = self._last = self.start = self.in_use = 0
        self.time, self.credits = self._times[:0], self._costs[:0]

    def begin_with(self, calls: Calls) -> None:
        """Take the calls of the last window, of which nothing else is known yet."""
        self._first = self._last = 0
        self._append(calls)
        self.start, self.in_use = len(calls), int(calls.credits.sum())

    def add(self, calls: Calls, floor: int, most: int) -> None:
        """Forget what is older than a window, and take new calls.

        ``floor`` is the smallest limit that demand has not exceeded of late, ``most`` what is known
        to be in use at some time.
        """
        self.most = max(self.most, most)
        self.start = self._last - self._first
        self._append(calls)
        self.levels, self.counts = np.empty(len(calls), np.int64), np.empty(len(calls), np.bool_)
        self.in_use, oldest, self.most = _follow(
            self.time,
            self.credits,
            self.start,
            self.in_use,
            self._window,
            self.levels,
            floor,
            self.most,
        )
        self._first += oldest
        self.highest = int(self.levels.max(initial=0))
        dearest = _count(
            calls.time, calls.client, calls.credits, self._counted, self._warmup, self.counts
        )
        self.dearest = max(self.dearest, dearest)

    def _append(self, calls: Calls) -> None:
        kept = slice(self._first, self._last)
        before = self._last - self._first
        count = before + len(calls)
        if self._first + count > len(self._times):
            # As much room again as is used, so that a call is moved once on average.
            room = max(len(self._times), 2 ** (2 * count - 1).bit_length())
            times, costs = np.empty(room, np.int64), np.empty(room, np.int64)
            times[:before], costs[:before] = self._times[kept], self._costs[kept]
            self._times, self._costs, self._first = times, costs, 0
        self._last = self._first + count
        new = slice(self._first + before, self._last)
        self._times[new], self._costs[new] = calls.time, calls.credits
        now = slice(self._first, self._last)
        self.time, self.credits = self._times[now], self._costs[now]
