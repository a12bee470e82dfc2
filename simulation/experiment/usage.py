"""The pool over time: peaks, exhausted hours, intervals, and the marks that usage crossed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.demand import Demand
from simulation.engine import DayRecords, Entries
from simulation.experiment.groups import Group
from simulation.jit import compiled
from simulation.quantities import HOUR
from simulation.rate_cards import ALERT_LEVELS

__all__ = ["Crossing", "Intervals", "UsageTracker"]


@dataclass(frozen=True)
class Crossing:
    """A moment at which usage rose to a level; the first of its local day."""

    level_percent: int
    day: int
    moment: int


class Intervals:
    """Sums over stretches of equal length, from the scenario's start to its horizon.

    Attributes
    ----------
    length : int
        Length of an interval, µs; the last one may be shorter.
    columns : dict of (m,) int64 arrays
        A value for each interval, by the names of ``intervals.parquet``; amounts of credits are
        numbers of the card's smallest unit.
    """

    def __init__(self, demand: Demand, length: int = HOUR) -> None:
        scenario = demand.scenario
        self.length = length
        self.count = -(-scenario.clock.horizon // length)
        self._kinds = len(demand.apis)
        self._category = [scenario.category(api) for api in demand.apis]
        names = ["calls", "credits_demanded", "credits_used", "credits_available"]
        names += ["throttled_attempts"]
        names += [f"throttled_attempts_{name}" for name in dict.fromkeys(self._category)]
        self.columns = {name: np.zeros(self.count, np.int64) for name in names}

    def _add(self, name: str, time: Ints, values: Ints | None = None) -> None:
        if len(time):
            index = time // self.length
            first = int(index[0])  # times are in order, so this is the least
            sums = np.bincount(index - first, values)  # exact below 2**53
            self.columns[name][first : first + len(sums)] += sums.astype(np.int64)

    def add(self, day: DayRecords) -> None:
        """Count what a day left behind."""
        calls, throttles = day.settled.calls, day.throttles
        self._add("calls", calls.time)
        self._add("credits_demanded", calls.time, calls.credits)
        self._add("credits_used", day.grants.time, day.grants.credits)
        self._add("throttled_attempts", throttles.time)
        category = np.array(self._category)[throttles.account % self._kinds]
        for name in dict.fromkeys(self._category):
            self._add(f"throttled_attempts_{name}", throttles.time[category == name])

    def ends(self, start: int, end: int, horizon: int) -> tuple[Ints, Ints]:
        """Return the intervals that end in (start, end], and when; the last ends at the horizon."""
        stop = self.count if end == horizon else end // self.length
        which = np.arange(start // self.length, stop, dtype=np.int64)
        return which, np.minimum((which + 1) * self.length, horizon)


class _Changes(NamedTuple):
    """What changes how many credits are in use, (n,) each, in the order in which it happens.

    Attributes
    ----------
    moment : int64 array
        When, µs since the scenario's start.
    credits : int64 array
        By how much; releases are negative.
    account : int64 array
        As of `Entries`.
    """

    moment: Ints
    credits: Ints
    account: Ints

    @classmethod
    def of(cls, released: Entries, window: int, accepted: Entries) -> _Changes:
        """Return the releases of what was accepted before, and what is accepted now."""
        moment = np.concatenate((_back_at(released, window), accepted.time))
        credits = np.concatenate((-released.credits, accepted.credits))
        account = np.concatenate((released.account, accepted.account))
        # Releases stand first, so that a stable sort keeps them first within an instant (rule 3).
        order = np.argsort(moment, kind="stable")
        return cls(moment[order], credits[order], account[order])

    def count_until(self, moment: int) -> int:
        """Return how many of them happen until a moment, that moment included."""
        return int(np.searchsorted(self.moment, moment, side="right"))


class UsageTracker:
    """The credits in use over time, followed from the grants of one day after the other.

    Every figure is over the time after the warm-up, but for the intervals and crossings, which
    cover the whole run.
    """

    def __init__(self, demand: Demand, groups: list[Group], intervals: Intervals) -> None:
        scenario = demand.scenario
        self._clock = scenario.clock
        self._limit = scenario.card.pool_parts(scenario.limit)  # and all else is counted alike
        self._window = scenario.card.window
        self._warmup = scenario.warmup_end
        self._intervals = intervals
        self._in_use = Entries.of([], [], [])
        self._level = 0
        self.crossings: list[Crossing] = []
        self._groups_of = _groups_of_accounts(groups)
        self._levels = np.zeros(len(groups), np.int64)
        self._peaks = np.zeros(len(groups), np.int64)
        self.exhausted: Mapping[int, int] = {group.cheapest: 0 for group in groups}

    def add(self, day: DayRecords) -> None:
        """Follow the pool through one day."""
        if day.before is not None:
            self._begin_with(day.before)
        in_use = _joined(self._in_use, day.grants)
        if in_use.back_at is None:
            back = int(np.searchsorted(in_use.time, day.end - self._window, side="left"))
            released, kept = _part(in_use, slice(None, back)), _part(in_use, slice(back, None))
        else:
            is_back = in_use.back_at < day.end
            released, kept = _part(in_use, is_back), _part(in_use, ~is_back)
        changes = _Changes.of(released, self._window, day.grants)
        self._in_use = kept
        passed = len(changes.moment) + 1  # nothing counts before the warm-up is over
        if day.end > self._warmup:
            passed = changes.count_until(self._warmup)
        _follow_groups(
            changes.credits, changes.account, self._groups_of, passed, self._levels, self._peaks
        )
        self._follow(day, changes)

    def _begin_with(self, before: Entries) -> None:
        """Take what is in use at the start, which no group of calls has taken but all of them."""
        self._in_use, self._level = before, int(before.credits.sum())
        everything = self._groups_of[-1]
        self._levels[everything[everything >= 0]] = self._level

    @property
    def peaks(self) -> list[int]:
        """The most that each group had in use at once, in the card's smallest unit."""
        return self._peaks.tolist()

    def _follow(self, day: DayRecords, changes: _Changes) -> None:
        """Note exhausted time, crossings and intervals; a level lasts until the next."""
        moments, after = changes.moment, self._level + np.cumsum(changes.credits)
        # Between changes of one instant nothing can be seen of the pool: only the last counts.
        last = np.append(moments[1:] != moments[:-1], True)[: len(moments)]  # of its instant
        times = np.concatenate(([day.start], moments[last]))
        levels = np.concatenate(([self._level], after[last]))
        # Moved to the end of the warm-up, spans before it have no length.
        spans = np.diff(np.maximum(np.append(times, day.end), self._warmup))
        self.exhausted = {
            cheapest: before + int(spans[levels > self._limit - cheapest].sum())
            for cheapest, before in self.exhausted.items()
        }
        self.crossings += self._crossings(day.day, times, levels)
        ended, when = self._intervals.ends(day.start, day.end, self._clock.horizon)
        seen = np.searchsorted(times, when, side="left") - 1
        self._intervals.columns["credits_available"][ended] = self._limit - levels[seen]
        self._level = int(levels[-1])

    def _crossings(self, day: int, times: Ints, levels: Ints) -> Iterator[Crossing]:
        for percent in ALERT_LEVELS:
            # In whole numbers, so that a mark is not missed by rounding.
            above = levels * 100 >= percent * self._limit
            rises = np.flatnonzero(above[1:] & ~above[:-1])
            if len(rises):
                yield Crossing(percent, day, int(times[rises[0] + 1]))


def _joined(first: Entries, then: Entries) -> Entries:
    back_at = None
    if then.back_at is not None:
        before = first.time if first.back_at is None else first.back_at  # the first day has none
        back_at = np.concatenate((before, then.back_at))
    return Entries(
        np.concatenate((first.time, then.time)),
        np.concatenate((first.credits, then.credits)),
        np.concatenate((first.account, then.account)),
        back_at,
    )


def _part(entries: Entries, which: slice | Flags) -> Entries:
    back_at = None if entries.back_at is None else entries.back_at[which]
    return Entries(entries.time[which], entries.credits[which], entries.account[which], back_at)


def _back_at(entries: Entries, window: int) -> Ints:
    return entries.time + window if entries.back_at is None else entries.back_at


def _groups_of_accounts(groups: list[Group]) -> Ints:
    """Return the indices of the groups of each account, with those of account -1 in the last row.

    They are (accounts + 1, k), filled up with -1: Python's index -1 finds the last row by itself.
    """
    members = np.array([group.members for group in groups])
    everything = np.array([[group.grain == "overall"] for group in groups])
    belongs = np.concatenate((members, everything), axis=1)
    rows = [np.flatnonzero(column) for column in belongs.T]
    padded = np.full((len(rows), max(map(len, rows))), -1, np.int64)
    for row, its in zip(padded, rows, strict=True):
        row[: len(its)] = its
    return padded


@compiled
def _follow_groups(changes, accounts, groups_of, passed, levels, peaks):  # type: ignore[no-untyped-def]
    """Follow the credits in use by each group; note the peaks after ``passed`` changes."""
    for n in range(changes.shape[0] + 1):
        # When the warm-up is over the level of each group is its first peak, without a change.
        if n == passed:
            for group in range(levels.shape[0]):
                peaks[group] = max(peaks[group], levels[group])
        if n == changes.shape[0]:
            break
        for k in range(groups_of.shape[1]):
            group = groups_of[accounts[n], k]
            if group >= 0:
                levels[group] += changes[n]
                if n >= passed:
                    peaks[group] = max(peaks[group], levels[group])
