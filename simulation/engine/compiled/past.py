"""What all pool sizes share of one replication: its calls, and their use of an endless pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Flags, Ints
from simulation.demand import Calls
from simulation.jit import compiled

__all__ = ["Past"]


_STRETCH = 64  # calls that are looked at together before any of them is followed


@compiled
def _count(time, client, credits, counted, warmup, counts):  # type: ignore[no-untyped-def]
    """Note which calls count; return how many, and what they cost together."""
    calls = cost = 0
    for n in range(time.shape[0]):
        its = counted[client[n]] and time[n] >= warmup
        counts[n] = its
        calls += its
        cost += credits[n] * its
    return calls, cost


@compiled
def _follow_stretch(time, credits, first, last, oldest, in_use, window, start, levels):  # type: ignore[no-untyped-def]
    """Follow calls one by one; return the most that was in use."""
    most = 0
    for n in range(first, last):
        edge = time[n] - window
        while time[oldest] <= edge:
            in_use -= credits[oldest]
            oldest += 1
        in_use += credits[n]
        levels[n - start] = in_use
        most = max(most, in_use)
    return most


@compiled
def _follow(  # type: ignore[no-untyped-def]  # noqa: C901 - one loop, for speed
    time, credits, start, in_use, window, levels, floor, most
):
    """Follow new calls into a pool without a limit.

    ``time`` and ``credits`` go back to the window's oldest call; from ``start`` on they are new.
    ``levels`` takes what is in use after each of them, or more if neither exceeds ``floor``.
    Return what is in use at last, the oldest call of the window, the highest of the levels, and the
    most that ever was in use, ``most`` before.
    """
    count = (time.shape[0] - start + _STRETCH - 1) // _STRETCH
    begins, before = np.empty(count, np.int64), np.empty(count, np.int64)
    bounds = np.empty(count, np.int64)
    oldest, highest, busiest = 0, 0, 0
    # Which credits come back before which call is a branch that no processor foresees: it takes
    # longer than all else. So stretches are passed at once, as if nothing came back within them.
    for stretch in range(count):
        first = start + stretch * _STRETCH
        last = min(first + _STRETCH, time.shape[0])
        asked = 0
        for n in range(first, last):
            asked += credits[n]
        for end in (first, last - 1):
            edge = time[end] - window
            while time[oldest] <= edge:
                in_use -= credits[oldest]
                oldest += 1
            if end == first:
                begins[stretch], before[stretch] = oldest, in_use
                bounds[stretch] = in_use + asked
        in_use += asked
        for n in range(first, last):
            levels[n - start] = bounds[stretch]
        levels[last - 1 - start] = in_use  # the last is exact: the next ones begin with it
        if bounds[stretch] > bounds[busiest]:
            busiest = stretch
    # Followed are those that may be of interest, first the one that may hold the most: after it
    # hardly another one can.
    for turn in range(-1, count):
        stretch = busiest if turn < 0 else turn
        if count == 0 or (turn == busiest and turn >= 0):
            continue
        if bounds[stretch] > floor or bounds[stretch] > most:
            first = start + stretch * _STRETCH
            last = min(first + _STRETCH, time.shape[0])
            reached = _follow_stretch(
                time,
                credits,
                first,
                last,
                begins[stretch],
                before[stretch],
                window,
                start,
                levels,
            )
            most, highest = max(most, reached), max(highest, reached)
        else:
            highest = max(highest, bounds[stretch])
    return in_use, oldest, highest, most


class Past:
    """The calls of the last window and the new ones, with what is in use without a limit.

    Attributes
    ----------
    time, credits : (n,) int64 array
        Of the calls since a window before the first new one.
    start : int
        Where the new ones begin in them.
    levels, counts : (n - start,) int64 and bool array
        What is in use without a limit after each new call, and whether it counts. Where that is
        not above the limit of any pool that sleeps, more may stand there, but not above it either.
    highest : int
        The highest of the levels.
    most : int
        The most ever in use: the pool size that throttles no call (rule 5).
    counted_calls, counted_credits : int
        Calls that counted so far, and what they cost together.
    """

    def __init__(self, window: int, counted: NDArray[np.bool_], warmup: int) -> None:
        self._window, self._counted, self._warmup = window, counted, warmup
        self.time: Ints = np.empty(0, np.int64)
        self.credits: Ints = np.empty(0, np.int64)
        self.levels: Ints = np.empty(0, np.int64)
        self.counts: Flags = np.empty(0, np.bool_)
        self.start = self.highest = self.most = self.counted_calls = self.counted_credits = 0
        self._oldest = self._in_use = 0

    def add(self, calls: Calls, floor: int) -> None:
        """Forget what is older than a window, and take new calls.

        ``floor`` is the smallest limit that demand has not exceeded of late.
        """
        self.time = np.concatenate((self.time[self._oldest :], calls.time))
        self.credits = np.concatenate((self.credits[self._oldest :], calls.credits))
        self.start = len(self.time) - len(calls)
        self.levels, self.counts = np.empty(len(calls), np.int64), np.empty(len(calls), np.bool_)
        self._in_use, self._oldest, self.highest, self.most = _follow(
            self.time,
            self.credits,
            self.start,
            self._in_use,
            self._window,
            self.levels,
            floor,
            self.most,
        )
        number, cost = _count(
            calls.time, calls.client, calls.credits, self._counted, self._warmup, self.counts
        )
        self.counted_calls += number
        self.counted_credits += cost
