"""Throttling statistics of a replication, and their means with confidence intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, isnan, nan
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, stdtrit

from simulation.demand import Demand
from simulation.quantities import HOUR, SECOND
from simulation.records import IMPOSSIBLE, LOST, SUCCEEDED, UNFINISHED, DayRecords
from simulation.usage import Group, Intervals, UsageTracker, groups_of

__all__ = [
    "STATISTICS",
    "Estimate",
    "ReplicationStatistics",
    "binomial_interval",
    "mean_with_interval",
    "summarise",
]

STATISTICS = (
    "calls",
    "attempts",
    "throttled_attempts",
    "throttled_calls",
    "throttled_share",
    "succeeded_calls",
    "lost_calls",
    "impossible_calls",
    "unfinished_calls",
    "credits_demanded",
    "credits_used",
    "peak_window_credits",
    "exhausted_hours",
    "hours_to_first_throttle",
    "delay_p50_s",
    "delay_p95_s",
    "delay_p99_s",
)
"""The statistics of a replication, over calls submitted after the warm-up."""

_SUMS = (
    "calls",
    "attempts",
    "throttled_attempts",
    "throttled_calls",
    "succeeded_calls",
    "lost_calls",
    "impossible_calls",
    "unfinished_calls",
    "credits_demanded",
    "credits_used",
)
_QUANTILES = {"delay_p50_s": 0.50, "delay_p95_s": 0.95, "delay_p99_s": 0.99}


class ReplicationStatistics:
    """Takes in the records of a replication day by day; holds sums, not calls.

    What grows with the run is one number per call that succeeded after being throttled (the
    delay, for exact percentiles), and one row per interval.
    """

    def __init__(self, demand: Demand, intervals: Intervals) -> None:
        self.intervals = intervals
        self.groups = groups_of(demand)
        self.usage = UsageTracker(demand, self.groups, intervals)
        self._kinds = len(demand.apis)
        self._accounts = len(demand.scenario.clients) * self._kinds
        self._warmup = demand.scenario.warmup_end
        self._sums = {name: np.zeros(self._accounts, np.int64) for name in _SUMS}
        self._first_throttle = np.full(self._accounts, np.iinfo(np.int64).max)
        self._delays: list[NDArray[np.int64]] = []
        self._delay_accounts: list[NDArray[np.int64]] = []

    def add(self, day: DayRecords) -> None:
        """Take in what one day left behind."""
        self.intervals.add(day)
        self.usage.add(day)
        settled = day.settled
        counted = np.flatnonzero(settled.calls.time >= self._warmup)
        if not len(counted):
            return
        calls, outcome = settled.calls.take(counted), settled.outcome[counted]
        account = calls.client.astype(np.int64) * self._kinds + calls.api
        attempts, throttled = settled.attempts[counted], settled.throttled_attempts[counted]
        succeeded = outcome == SUCCEEDED
        values: dict[str, NDArray[np.bool_] | NDArray[np.int64] | NDArray[np.int32] | None] = {
            "calls": None,
            "attempts": attempts,
            "throttled_attempts": throttled,
            "throttled_calls": throttled > 0,
            "succeeded_calls": succeeded,
            "lost_calls": (outcome == LOST) | (outcome == IMPOSSIBLE),
            "impossible_calls": outcome == IMPOSSIBLE,
            "unfinished_calls": outcome == UNFINISHED,
            "credits_demanded": calls.credits,
            "credits_used": calls.credits * succeeded,
        }
        for name, value in values.items():
            sums = np.bincount(account, value, minlength=self._accounts)  # exact below 2**53
            self._sums[name] += sums.astype(np.int64)
        refused = np.flatnonzero(throttled)
        np.minimum.at(self._first_throttle, account[refused], calls.time[refused])
        late = refused[succeeded[refused]]
        if len(late):
            self._delays.append(settled.settled_at[counted][late] - calls.time[late])
            self._delay_accounts.append(account[late])

    def finish(self) -> list[dict[str, float]]:
        """Return the `STATISTICS` of each group, in the order of ``groups``; nan where none."""
        none = [np.empty(0, np.int64)]
        delays = np.concatenate(self._delays or none)
        accounts = np.concatenate(self._delay_accounts or none)
        order = np.argsort(delays, kind="stable")
        delays, accounts = delays[order], accounts[order]
        return [
            self._of_group(place, group, delays[group.members[accounts]])
            for place, group in enumerate(self.groups)
        ]

    def _of_group(self, place: int, group: Group, delays: NDArray[np.int64]) -> dict[str, float]:
        sums = {name: int(column[group.members].sum()) for name, column in self._sums.items()}
        first = int(self._first_throttle[group.members].min())
        values: dict[str, float] = {
            **sums,
            "throttled_share": sums["throttled_calls"] / sums["calls"] if sums["calls"] else nan,
            "peak_window_credits": self.usage.peaks[place],
            "exhausted_hours": self.usage.exhausted[group.cheapest] / HOUR,
            "hours_to_first_throttle": first / HOUR if sums["throttled_calls"] else nan,
        }
        for name, q in _QUANTILES.items():
            values[name] = _quantile(delays, sums["succeeded_calls"], q) / SECOND
        return {name: values[name] for name in STATISTICS}


def _quantile(delays: NDArray[np.int64], count: int, q: float) -> float:
    """Return a quantile, linear between order statistics, of delays and zeros up to ``count``."""
    if not count:
        return nan
    zeros, place = count - len(delays), (count - 1) * q
    low = floor(place)
    at, above = (0 if n < zeros else int(delays[n - zeros]) for n in (low, min(low + 1, count - 1)))
    return at + (above - at) * (place - low)


class Estimate(NamedTuple):
    """A mean over replications with its 95 % confidence interval; nan where there is none."""

    mean: float
    ci95_low: float
    ci95_high: float
    replications: int

    @property
    def has_interval(self) -> bool:
        """Whether there were enough replications for an interval."""
        return not isnan(self.ci95_low)


def mean_with_interval(
    values: ArrayLike, confidence: float = 0.95, signed: bool = False
) -> Estimate:
    """Return the mean of values from independent replications, with its interval.

    The interval is Student's t over replications, which are independent. Values that are nan
    are left out. Without a value the mean is nan; with fewer than two the interval is. No
    statistic can be negative, so neither is the low end, unless the values are ``signed``.

    >>> mean_with_interval([1.0, 2.0, 3.0]).mean
    2.0
    """
    given = np.asarray(values, np.float64)
    given = given[~np.isnan(given)]
    count = len(given)
    if count == 0:
        return Estimate(nan, nan, nan, 0)
    mean = float(given.mean())
    if count == 1:
        return Estimate(mean, nan, nan, 1)
    half = float(stdtrit(count - 1, (1 + confidence) / 2) * given.std(ddof=1) / np.sqrt(count))
    low = mean - half if signed else max(0.0, mean - half)
    return Estimate(mean, low, mean + half, count)


def binomial_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Clopper–Pearson interval of a probability.

    >>> [round(p, 3) for p in binomial_interval(0, 30)]
    [0.0, 0.116]
    """
    k, n, tail = successes, trials, (1 - confidence) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return low, high


def summarise(runs: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return mean and 95 % interval of every statistic over replications.

    Parameters
    ----------
    runs : DataFrame
        A row for each replication (and group), a column for each statistic.
    by : sequence of str
        Columns that name the group.

    Returns
    -------
    DataFrame
        Columns ``by``, ``statistic``, ``mean``, ``ci95_low``, ``ci95_high`` and
        ``replications``, those that had a value.
    """
    groups: Iterable[tuple[tuple[str, ...], pd.DataFrame]] = [((), runs)]
    if by:
        groups = runs.groupby(list(by), sort=False)
    rows = []
    for key, group in groups:
        for statistic in STATISTICS:
            estimate = mean_with_interval(group[statistic])
            if statistic == "throttled_share" and estimate.has_interval:
                estimate = estimate._replace(ci95_high=min(1.0, estimate.ci95_high))
            names = dict(zip(by, key, strict=True))
            rows.append({**names, "statistic": statistic, **estimate._asdict()})
    return pd.DataFrame(rows)
