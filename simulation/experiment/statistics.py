"""Throttling statistics of a replication, each defined in one place.

A new statistic is an entry of `STATISTICS`, and of `TABLE` if people are to see it: files, JSON,
the terminal's table, the report and the page of methods follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf, nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand
from simulation.engine import IMPOSSIBLE, LOST, SUCCEEDED, UNFINISHED, DayRecords, Entries
from simulation.experiment.by_meter import MeterTracker
from simulation.experiment.delays import quantile_with_zeros
from simulation.experiment.groups import Group, groups_of
from simulation.experiment.usage import Intervals, UsageTracker
from simulation.quantities import HOUR, SECOND

__all__ = ["QUANTILES", "STATISTICS", "TABLE", "Late", "ReplicationStatistics", "Statistic"]

_MEAN = "mean of the replications"
_MEDIAN = "median of the replications"


class Settled(NamedTuple):
    """Calls of one day that count, a column each; all of one length.

    ``attempts``, ``throttled_attempts`` and those ``held_back`` are numbers, ``outcome`` one of the
    outcomes of `simulation.engine`, ``credits`` what a call costs, in the card's smallest unit.
    """

    attempts: NDArray[np.int32]
    throttled_attempts: NDArray[np.int32]
    held_back: NDArray[np.int32]
    outcome: NDArray[np.int8]
    credits: NDArray[np.int64]


class Figures(NamedTuple):
    """The figures of a group of calls at the end of a replication, from which statistics are made.

    ``sums`` has the statistics that are sums over calls, credits in the card's smallest unit,
    ``peak`` the most credits in use in any window, ``exhausted`` how long the pool could not pay
    the group's cheapest call, µs, and ``first_throttle`` when a call was throttled first, µs; only
    where one was.
    """

    sums: Mapping[str, int]
    peak: int | float
    exhausted: int
    first_throttle: int


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """A statistic of a replication, over calls submitted after the warm-up.

    It is a sum over calls (``of_calls``), or a figure of a group of calls (``of_group``), or
    neither, as the percentiles of delays, which need every delay.

    Attributes
    ----------
    label : str
        What tables call it.
    estimator : str
        Which estimate stands as its ``mean``; where it is not the mean of the replications,
        `simulation.experiment.summary` makes it.
    of_calls : callable, optional
        Returns what each call adds, (n,).
    of_group : callable, optional
        Returns its value; nan where there is none.
    in_credits : bool
        Whether it counts credits, over calls in the card's smallest unit: an event that no
        replication shows has as many as its calls cost.
    at_most : str
        The statistic that it cannot exceed, if there is one: its interval ends there.
    is_share : bool
        Whether tables write it in per cent.
    if_any : bool
        Whether tables leave it out where it is 0.
    """

    label: str
    estimator: str = _MEAN
    of_calls: Callable[[Settled], NDArray[Any]] | None = None
    of_group: Callable[[Figures], float] | None = None
    in_credits: bool = False
    at_most: str = ""
    is_share: bool = False
    if_any: bool = False


QUANTILES = {
    f"{name}_p{round(100 * q)}_s": (q, of_all)
    for name, of_all in (("delay", False), ("delay_all", True))
    for q in (0.50, 0.95, 0.99)
}
"""Quantiles of the delays, and whether of all calls: those that never succeed wait for ever."""


def _quantile(q: float, of_all: bool) -> Statistic:
    whose = "all" if of_all else "the succeeded"
    until = "success of all calls" if of_all else "success"
    which = "median" if q == 0.5 else f"{100 * q:.0f}th percentile"
    return Statistic(
        label=f"seconds until {until}, {which}",
        estimator=f"percentile of {whose} calls of all replications",
        if_any=True,
    )


STATISTICS: Mapping[str, Statistic] = {
    "calls": Statistic(
        label="calls submitted", of_calls=lambda done: np.ones(len(done.outcome), np.int64)
    ),
    "attempts": Statistic(label="attempts", of_calls=lambda done: done.attempts),
    "throttled_attempts": Statistic(
        label="  throttled", of_calls=lambda done: done.throttled_attempts
    ),
    "held_back_attempts": Statistic(
        label="  held back by the client itself",
        of_calls=lambda done: done.held_back,
        if_any=True,
    ),
    "throttled_calls": Statistic(
        label="  first attempt throttled",
        of_calls=lambda done: done.throttled_attempts > 0,
        at_most="calls",
    ),
    "throttled_share": Statistic(
        label="  as a share",
        estimator="ratio of the sums over the replications",
        of_group=lambda found: (
            found.sums["throttled_calls"] / found.sums["calls"] if found.sums["calls"] else nan
        ),
        is_share=True,
    ),
    "succeeded_calls": Statistic(
        label="  succeeded", of_calls=lambda done: done.outcome == SUCCEEDED, at_most="calls"
    ),
    "lost_calls": Statistic(
        label="  lost",
        of_calls=lambda done: (done.outcome == LOST) | (done.outcome == IMPOSSIBLE),
        at_most="calls",
    ),
    "impossible_calls": Statistic(
        label="    of them dearer than the limit",
        of_calls=lambda done: done.outcome == IMPOSSIBLE,
        if_any=True,
        at_most="calls",
    ),
    "unfinished_calls": Statistic(
        label="  unfinished at the end",
        of_calls=lambda done: done.outcome == UNFINISHED,
        if_any=True,
        at_most="calls",
    ),
    "credits_demanded": Statistic(
        label="credits demanded", of_calls=lambda done: done.credits, in_credits=True
    ),
    "credits_used": Statistic(
        label="credits used",
        of_calls=lambda done: done.credits * (done.outcome == SUCCEEDED),
        in_credits=True,
        at_most="credits_demanded",
    ),
    "peak_window_credits": Statistic(
        label="most credits held in any window, median",
        estimator=_MEDIAN,
        of_group=lambda found: found.peak,
    ),
    "exhausted_hours": Statistic(
        label="hours with the pool exhausted", of_group=lambda found: found.exhausted / HOUR
    ),
    "any_throttled": Statistic(
        label="runs with a throttled call",
        estimator="share of the replications",
        of_group=lambda found: float(found.sums["throttled_calls"] > 0),
        is_share=True,
    ),
    "hours_to_first_throttle": Statistic(
        label="hours to the first throttled call, median",
        estimator=f"{_MEDIAN}, none before the horizon included",
        of_group=lambda found: (
            found.first_throttle / HOUR if found.sums["throttled_calls"] else nan
        ),
    ),
    **{name: _quantile(*quantile) for name, quantile in QUANTILES.items()},
}
"""The statistics of a replication by name, in the order of the columns of ``runs.parquet``."""

TABLE = (
    *("calls", "throttled_calls", "throttled_share", "succeeded_calls", "lost_calls"),
    *("impossible_calls", "unfinished_calls", "attempts", "throttled_attempts"),
    *("held_back_attempts", "credits_demanded", "credits_used", "peak_window_credits"),
    "exhausted_hours",
    *("delay_p50_s", "delay_p95_s", "delay_p99_s"),
)
"""The statistics that the terminal and the report show, in their order."""


class Late(NamedTuple):
    """The delays of a replication's calls that succeeded, but not at once.

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
    """The statistics of a replication, summed up day by day; no call is held.

    What grows with the run is one number per call that succeeded after a delay (the
    delay, for exact percentiles), and one row per interval.
    """

    def __init__(self, demand: Demand, intervals: Intervals) -> None:
        self.intervals = intervals
        self.groups = groups_of(demand)
        self.usage = UsageTracker(demand, self.groups, intervals)
        self._card = demand.scenario.card
        self.meters = MeterTracker(demand.scenario)
        self._kinds = len(demand.apis)
        self._accounts = len(demand.scenario.clients) * self._kinds
        self._warmup = demand.scenario.warmup_end
        self._sums = {
            name: np.zeros(self._accounts, np.int64)
            for name, statistic in STATISTICS.items()
            if statistic.of_calls is not None
        }
        self._first_throttle = np.full(self._accounts, np.iinfo(np.int64).max)
        holds = [client.holds_back for client in demand.scenario.clients]
        self._holds_back = np.repeat(np.array(holds, bool), self._kinds)
        self._delays: list[NDArray[np.int64]] = []
        self._delay_accounts: list[NDArray[np.int64]] = []

    def add(self, day: DayRecords) -> None:
        """Take in what one day left behind."""
        self.intervals.add(day)
        self.usage.add(day)
        settled = day.settled
        self.meters.add_peaks(day)
        if self._holds_back.any():
            self._note_throttles(day.throttles)
        counted = np.flatnonzero(settled.calls.time >= self._warmup)
        if not len(counted):
            return
        calls, outcome = settled.calls.take(counted), settled.outcome[counted]
        account = calls.client.astype(np.int64) * self._kinds + calls.api
        attempts, throttled = settled.attempts[counted], settled.throttled_attempts[counted]
        succeeded = outcome == SUCCEEDED
        done = Settled(attempts, throttled, settled.held_back[counted], outcome, calls.credits)
        # By account, the finest grain, and once: every group's sum is one over its accounts.
        for name in self._sums:
            of_calls = STATISTICS[name].of_calls
            assert of_calls is not None
            sums = np.bincount(account, of_calls(done), minlength=self._accounts)
            self._sums[name] += sums.astype(np.int64)  # exact below 2**53
        # A call that nothing holds back makes its first attempt when it is submitted.
        refused = np.flatnonzero((throttled > 0) & ~self._holds_back[account])
        # `at`, since an account stands there once for each of its calls, and the least has to win.
        np.minimum.at(self._first_throttle, account[refused], calls.time[refused])
        waited = np.flatnonzero(succeeded & (settled.settled_at[counted] > calls.time))
        self.meters.add_calls(settled.throttled_by[counted])
        if len(waited):
            self._delays.append(settled.settled_at[counted][waited] - calls.time[waited])
            self._delay_accounts.append(account[waited])

    def _note_throttles(self, throttles: Entries) -> None:
        """Note when clients that hold calls back were throttled first."""
        late = (throttles.time >= self._warmup) & (throttles.account >= 0)
        late[late] = self._holds_back[throttles.account[late]]
        np.minimum.at(self._first_throttle, throttles.account[late], throttles.time[late])

    def finish(self) -> list[dict[str, float]]:
        """Return the `STATISTICS` of each group, in the order of ``groups``; nan where none."""
        late = self.late()
        return [
            self._of_group(index, group, late.of(group)) for index, group in enumerate(self.groups)
        ]

    def by_meter(self) -> tuple[list[int], list[float]]:
        """Return how many calls each meter throttled first, and the most used of each."""
        return self.meters.finish(self._card.of_pool(self.usage.peaks[0]))

    def late(self) -> Late:
        """Return the delays of all calls that succeeded, but not at once."""
        none = [np.empty(0, np.int64)]
        delays = np.concatenate(self._delays or none)
        accounts = np.concatenate(self._delay_accounts or none)
        order = np.argsort(delays, kind="stable")
        return Late(delays[order], accounts[order])

    def _of_group(self, index: int, group: Group, delays: NDArray[np.int64]) -> dict[str, float]:
        sums = {name: int(column[group.members].sum()) for name, column in self._sums.items()}
        found = Figures(
            sums,
            self._card.of_pool(self.usage.peaks[index]),
            self.usage.exhausted[group.cheapest],
            int(self._first_throttle[group.members].min()),
        )
        values: dict[str, float] = {
            name: sums[name] if statistic.of_group is None else statistic.of_group(found)
            for name, statistic in STATISTICS.items()
            if name not in QUANTILES
        }
        for name, value in sums.items():
            if STATISTICS[name].in_credits:
                values[name] = self._card.in_credits(value)
        never = sums["calls"] - sums["succeeded_calls"]
        for name, (q, of_all) in QUANTILES.items():
            count, endless = (sums["calls"], never) if of_all else (sums["succeeded_calls"], 0)
            delay = quantile_with_zeros(delays, count, q, endless)
            values[name] = nan if isinf(delay) else delay / SECOND
        return {name: values[name] for name in STATISTICS}
