"""Percentiles of the delays of calls, those that wait for ever included."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, inf, isnan, nan
from typing import Literal

import numpy as np

from simulation.arrays import Ints
from simulation.experiment.estimates import ratio_of
from simulation.experiment.intervals import Estimate

__all__ = ["Delays", "quantile_with_zeros"]


class Delays:
    """The delays of the calls of all n replications together.

    Parameters
    ----------
    late : n sorted int64 arrays
        The delays of the calls that waited, µs, by replication; the others waited 0.
    counts : (n,) int64 array
        How many calls there are, those that wait for ever included.
    never : (n,) int64 array, optional
        How many of the calls wait for ever.
    unseen : float
        How many calls wait in an event that no replication shows.
    """

    def __init__(
        self, late: Sequence[Ints], counts: Ints, never: Ints | None = None, unseen: float = 1.0
    ) -> None:
        self._late, self._counts, self._unseen = late, counts, unseen
        self._never = np.zeros(len(counts), np.int64) if never is None else never
        self._all = np.sort(np.concatenate(late)) if len(late) else np.empty(0, np.int64)
        # The share that waits longer only changes at these, so one of them ends any interval.
        self._steps = np.concatenate(([0], np.unique(self._all)))
        self._longer: dict[int, Estimate[float]] = {}

    def quantile(self, q: float) -> Estimate[float]:
        """Return a quantile in µs, linear between two calls; inf where calls wait for ever.

        Its interval has every wait for which 1 - q lies in the interval of the share of calls that
        wait longer.
        """
        whole, endless = int(self._counts.sum()), int(self._never.sum())
        value = quantile_with_zeros(self._all, whole, q, endless)
        with_calls = int((self._counts > 0).sum())
        if len(self._counts) < 2 or isnan(value):
            return Estimate(value, nan, nan, with_calls)
        # R. S. Woodruff, Confidence intervals for medians and other position measures, 1952.
        low, high = self._least("low", 1 - q), self._least("high", 1 - q)
        return Estimate(value, min(low, value), max(high, value), with_calls)

    def _least(self, end: Literal["low", "high"], share: float) -> float:
        """Return the least wait that no more than this share exceeds, by one end of intervals."""
        # By bisection, since each step takes an interval of its own; shares fall with the wait.
        below, above = 0, len(self._steps)
        while below < above:
            middle = (below + above) // 2
            if getattr(self._share_longer(middle), end) <= share:
                above = middle
            else:
                below = middle + 1
        return float(self._steps[below]) if below < len(self._steps) else inf

    def _share_longer(self, step: int) -> Estimate[float]:
        if step not in self._longer:
            wait = self._steps[step]
            longer = [len(each) - np.searchsorted(each, wait, side="right") for each in self._late]
            counts = np.array(longer) + self._never
            self._longer[step] = ratio_of(counts, self._counts, self._unseen)
        return self._longer[step]


def quantile_with_zeros(late: Ints, count: int, q: float, endless: int = 0) -> float:
    """Return a quantile of zeros, sorted numbers and endless ones, ``count`` of them in all.

    It is linear between order statistics.

    >>> quantile_with_zeros(np.array([7, 9]), 5, 0.75)
    7.0
    """
    if not count:
        return nan
    zeros, rank = count - len(late) - endless, (count - 1) * q
    below = floor(rank)

    def at(n: int) -> float:
        if n < zeros:
            return 0
        return int(late[n - zeros]) if n - zeros < len(late) else inf

    first, second = at(below), at(min(below + 1, count - 1))
    if rank == below or first == second:  # inf - inf would be nan
        return float(first)
    return first + (second - first) * (rank - below)
