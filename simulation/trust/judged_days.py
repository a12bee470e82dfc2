"""The days on which a scenario is judged by a log, and the scenarios that simulate them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Literal, NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.moments import local_dates, local_time, midnight
from simulation.quantities import DAY, HOUR, write_duration
from simulation.scenario import Scenario

__all__ = ["NOT_JUDGED", "JudgedDays", "LeftOut", "WholeDays", "lead"]

NOT_JUDGED = (
    *("horizon", "warmup", "replications", "initial_usage", "objective", "alternatives"),
    *("addon_billing", "billed_use"),
)
"""Keys of a scenario that change nothing of a judgement: the days of the log take their place, or
they are about purchases, which none judges."""


class LeftOut(NamedTuple):
    """A local day of a log that is not judged.

    Attributes
    ----------
    date : date
    why : str
        ``in part``: the log begins or ends within it; ``fills the pool``: its credits are still in
        use when the judged days begin.
    """

    date: dt.date
    why: Literal["in part", "fills the pool"]


class WholeDays(NamedTuple):
    """The whole local days of a log that can be judged.

    Attributes
    ----------
    first : date
    days : int
    left_out : tuple of LeftOut
        The others of the log, in order.
    """

    first: dt.date
    days: int
    left_out: tuple[LeftOut, ...]

    @classmethod
    def of(cls, begin: int, end: int, scenario: Scenario) -> WholeDays:
        """Return those of a log that begins and ends at some moments, µs since 1970-01-01 UTC.

        A day is whole if the log begins in its first hour, or ends in its last. The first of them
        fill the pool. There may be none.
        """
        zone, day = scenario.timezone, dt.timedelta(days=1)
        first, last = local_dates(begin, end, zone)
        left_out = list[LeftOut]()
        if begin >= midnight(first, zone) + HOUR:
            left_out.append(LeftOut(first, "in part"))
            first += day
        filling = lead(scenario).days
        left_out += [LeftOut(first + n * day, "fills the pool") for n in range(filling)]
        if end < midnight(last + day, zone) - HOUR:
            left_out.append(LeftOut(last, "in part"))
            last -= day
        first += filling * day
        return cls(first, (last - first).days + 1, tuple(left_out))


@dataclass(frozen=True)
class JudgedDays:
    """Whole local days of a log that a scenario is judged by, with a window before them.

    Attributes
    ----------
    scenario : Scenario
        Whose clock they are read by; its run reaches to their end, and may begin before them.
    first : date
        The first of them.
    count : int
        How many they are.
    """

    scenario: Scenario
    first: dt.date
    count: int

    def __len__(self) -> int:
        return self.count

    @cached_property
    def dates(self) -> list[dt.date]:
        """The judged days."""
        return [self.first + dt.timedelta(days=day) for day in range(self.count)]

    @cached_property
    def edges(self) -> Ints:
        """Where each day begins, and the last one ends, µs since the run's start, (d + 1,)."""
        days = [*self.dates, self.first + dt.timedelta(days=self.count)]
        begin = self.scenario.clock.start_epoch
        return np.array([midnight(day, self.scenario.timezone) - begin for day in days])

    @cached_property
    def hours(self) -> Ints:
        """Where each full hour begins, µs since the run's start, (h,)."""
        return np.arange(self.edges[0], self.edges[-1], HOUR)

    @cached_property
    def hour_of_week(self) -> Ints:
        """Which hour of the week each of ``hours`` is by the local clock, (h,)."""
        begin, zone = self.scenario.clock.start_epoch, self.scenario.timezone
        local = [local_time(begin + hour, zone) for hour in self.hours.tolist()]
        return np.array([24 * each.weekday() + each.hour for each in local])

    @classmethod
    def of(cls, scenario: Scenario, first: dt.date, count: int) -> JudgedDays:
        """Return days on which a scenario is judged, with its run fitted to them.

        The run begins a window before them, or at the scenario's own start if that is earlier,
        since growth is counted from there; what comes before them is its warm-up.
        """
        start = min(scenario.start.date(), first - lead(scenario))
        end = first + dt.timedelta(days=count)
        begin, judged, ends = (midnight(day, scenario.timezone) for day in (start, first, end))
        values: dict[str, object] = {
            "start": start.isoformat(),
            "warmup": write_duration(judged - begin),
            "horizon": write_duration(ends - begin),
            "initial_usage": None,
            "alternatives": [],
        }
        return cls(scenario.changed(values), first, count)

    def replayed(self, clients: list[dict[str, object]]) -> JudgedDays:
        """Return the same days of the same org with other clients, such as those of a log."""
        start = self.first - lead(self.scenario)
        begin, judged = (midnight(day, self.scenario.timezone) for day in (start, self.first))
        end = midnight(self.first + dt.timedelta(days=self.count), self.scenario.timezone)
        values = {
            "start": start.isoformat(),
            "warmup": write_duration(judged - begin),
            "horizon": write_duration(end - begin),
            "replications": 1,
            "clients": clients,
            "objective": {},
        }
        return JudgedDays(self.scenario.changed(values), self.first, self.count)


def lead(scenario: Scenario) -> dt.timedelta:
    """Return the days before the judged ones whose calls the pool still counts."""
    return dt.timedelta(days=ceil(scenario.card.window / DAY))
