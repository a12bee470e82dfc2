"""What all pool sizes share of one replication: its calls, and their use of an endless pool."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Flags, Ints
from simulation.demand import Calls
from simulation.jit import compiled

__all__ = ["Past"]


@compiled
def _follow(  # type: ignore[no-untyped-def]
    time, credits, start, in_use, window, client, counted, warmup, levels, counts
):
    """Follow new calls into a pool without a limit.

    ``time`` and ``credits`` go back to the window's oldest call; from ``start`` on they are new,
    ``client`` is whose they are, and ``levels`` and ``counts`` take what is in use after each of
    them and whether it counts. Return what is in use at last, the oldest call of the window, the
    most that was in use, and how many calls count and what they cost together.
    """
    oldest, most, calls, cost = 0, 0, 0, 0
    for n in range(start, time.shape[0]):
        edge = time[n] - window
        while time[oldest] <= edge:
            in_use -= credits[oldest]
            oldest += 1
        in_use += credits[n]
        levels[n - start] = in_use
        most = max(most, in_use)
        its = counted[client[n - start]] and time[n] >= warmup
        counts[n - start] = its
        if its:
            calls += 1
            cost += credits[n]
    return in_use, oldest, most, calls, cost


class Past:
    """The calls of the last window and the new ones, with what is in use without a limit.

    Attributes
    ----------
    time, credits : (n,) int64 array
        Of the calls since a window before the first new one.
    start : int
        Where the new ones begin in them.
    levels, counts : (n - start,) int64 and bool array
        What is in use without a limit after each new call, and whether it counts.
    highest : int
        The most in use while the new ones came.
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

    def add(self, calls: Calls) -> None:
        """Forget what is older than a window, and take new calls."""
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
        )
        self.most = max(self.most, self.highest)
        self.counted_calls += number
        self.counted_credits += cost
