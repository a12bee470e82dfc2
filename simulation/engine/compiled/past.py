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
def _follow(  # type: ignore[no-untyped-def]
    time, credits, start, in_use, window, client, counted, warmup, levels, counts, floor, most
):
    """Follow new calls into a pool without a limit.

    ``time`` and ``credits`` go back to the window's oldest call; from ``start`` on they are new,
    ``client`` is whose they are. ``levels`` and ``counts`` take what is in use after each of them,
    or more, if that is not above ``floor`` nor above the ``most`` before, and whether it counts.
    Return what is in use at last, the oldest call of the window, the most that was in use, and how
    many calls count and what they cost together.
    """
    oldest, highest, calls, cost = 0, 0, 0, 0
    for first in range(start, time.shape[0], _STRETCH):
        last = min(first + _STRETCH, time.shape[0])
        asked = 0
        for n in range(first, last):
            asked += credits[n]
            its = counted[client[n - start]] and time[n] >= warmup
            counts[n - start] = its
            calls += its
            cost += credits[n] if its else 0
        # Which credits come back before which call is a branch that no processor foresees: it takes
        # longer than all else. Where even with nothing back no level is of interest, the stretch is
        # passed at once.
        edge = time[first] - window
        while time[oldest] <= edge:
            in_use -= credits[oldest]
            oldest += 1
        bound = in_use + asked
        if bound <= floor and bound <= most:
            edge = time[last - 1] - window
            while time[oldest] <= edge:
                in_use -= credits[oldest]
                oldest += 1
            in_use += asked
            for n in range(first, last):
                levels[n - start] = bound
            levels[last - 1 - start] = in_use  # the last is exact: the next ones begin with it
            highest = max(highest, bound)
            continue
        for n in range(first, last):
            edge = time[n] - window
            while time[oldest] <= edge:
                in_use -= credits[oldest]
                oldest += 1
            in_use += credits[n]
            levels[n - start] = in_use
            highest = max(highest, in_use)
    return in_use, oldest, highest, calls, cost


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
        self._in_use, self._oldest, self.highest, number, cost = _follow(
            self.time,
            self.credits,
            self.start,
            self._in_use,
            self._window,
            calls.client,
            self._counted,
            self._warmup,
            self.levels,
            self.counts,
            floor,
            self.most,
        )
        # A level that was not followed is not above the most before.
        self.most = max(self.most, self.highest)
        self.counted_calls += number
        self.counted_credits += cost
