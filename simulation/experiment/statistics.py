"""Throttling statistics of a replication."""

from __future__ import annotations

from math import isinf, nan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand
from simulation.engine import IMPOSSIBLE, LOST, SUCCEEDED, UNFINISHED, DayRecords
from simulation.experiment.delays import quantile_with_zeros
from simulation.experiment.groups import Group, groups_of
from simulation.experiment.usage import Intervals, UsageTracker
from simulation.quantities import HOUR, SECOND

__all__ = ["QUANTILES", "STATISTICS", "Late", "ReplicationStatistics"]

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
    "any_throttled",
    "hours_to_first_throttle",
    "delay_p50_s",
    "delay_p95_s",
    "delay_p99_s",
    "delay_all_p50_s",
    "delay_all_p95_s",
    "delay_all_p99_s",
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
QUANTILES = {
    f"{name}_p{round(100 * q)}_s": (q, of_all)
    for name, of_all in (("delay", False), ("delay_all", True))
    for q in (0.50, 0.95, 0.99)
}
"""Quantiles of the delays, and whether of all calls: those that never succeed wait for ever."""


class Late(NamedTuple):
    """The delays of a replication's calls that succeeded after being throttled.

    Attributes
    ----------
    delays : (n,) int64 array
        Rising, µs.
    accounts : (n,) int64 array
        Of each: client × number of call kinds + call kind.
    """

    delays: NDArray[np.int64]
    accounts: NDArray[np.int64]

    def of(self, group: Group) -> NDArray[np.int64]:
        """Return the delays of the calls of a group, rising."""
        delays: NDArray[np.int64] = self.delays[group.members[self.accounts]]
        return delays


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
        late = self.late()
        return [
            self._of_group(place, group, late.of(group)) for place, group in enumerate(self.groups)
        ]

    def late(self) -> Late:
        """Return the delays of all calls that succeeded after being throttled."""
        none = [np.empty(0, np.int64)]
        delays = np.concatenate(self._delays or none)
        accounts = np.concatenate(self._delay_accounts or none)
        order = np.argsort(delays, kind="stable")
        return Late(delays[order], accounts[order])

    def _of_group(self, place: int, group: Group, delays: NDArray[np.int64]) -> dict[str, float]:
        sums = {name: int(column[group.members].sum()) for name, column in self._sums.items()}
        first = int(self._first_throttle[group.members].min())
        values: dict[str, float] = {
            **sums,
            "throttled_share": sums["throttled_calls"] / sums["calls"] if sums["calls"] else nan,
            "peak_window_credits": self.usage.peaks[place],
            "exhausted_hours": self.usage.exhausted[group.cheapest] / HOUR,
            "any_throttled": float(sums["throttled_calls"] > 0),
            "hours_to_first_throttle": first / HOUR if sums["throttled_calls"] else nan,
        }
        never = sums["calls"] - sums["succeeded_calls"]
        for name, (q, of_all) in QUANTILES.items():
            count, endless = (sums["calls"], never) if of_all else (sums["succeeded_calls"], 0)
            delay = quantile_with_zeros(delays, count, q, endless)
            values[name] = nan if isinf(delay) else delay / SECOND
        return {name: values[name] for name in STATISTICS}
