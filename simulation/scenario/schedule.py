"""The law of calls by the clock: at times of the day, or every so often."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from simulation.arrays import Floats
from simulation.bounds import MOST_CALLS_A_DAY
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import PositiveDuration, counted, did_you_mean, twice
from simulation.moments import read_date, read_time
from simulation.quantities import DAY, LONGEST, Count, Duration, write_duration
from simulation.scenario.clock import Clock
from simulation.scenario.estimated import Estimable, EstimatedCount, range_of
from simulation.scenario.laws import (
    DAYS_PER_WEEK,
    WEEKDAYS,
    Found,
    Law,
    outside,
    run_of,
    weekdays_of,
)

__all__ = ["Schedule"]

_DAY_SETS = {"all": range(7), "weekdays": range(5), "weekends": range(5, 7)}
_SAID: dict[tuple[int | dt.date, ...], str] = {
    tuple(range(7)): "",
    tuple(range(5)): " on weekdays",
    (5, 6): " at weekends",
}


def _read_times(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    times, wrong = [], []
    for index, item in enumerate(items):
        try:
            times.append(read_time(item))
        except ValueError as error:
            wrong.append(KeyProblem((index,), str(error)))
    if wrong:
        raise KeyProblems(wrong)
    if (again := twice(times)) is not None:
        what = f"{again:%H:%M:%S} stands twice, write it once, and under 'calls' how many each time"
        raise ValueError(what)
    return tuple(times)


def _read_days(value: Any) -> Any:
    if isinstance(value, str) and value in _DAY_SETS:
        return tuple(_DAY_SETS[value])
    days: list[int | dt.date] = []
    for item in value if isinstance(value, list | tuple) else [value]:
        text = str(item).strip().lower()
        named = [n for n, day in enumerate(WEEKDAYS) if len(text) >= 3 and day.startswith(text)]
        try:
            days.append(named[0] if named else read_date(str(item).strip()))
        except ValueError:
            meant = did_you_mean(item, (*_DAY_SETS, *WEEKDAYS))
            what = "write all, weekdays, weekends, or a list such as [mon, thu] or [2026-03-31]"
            raise ValueError(f"{item!r} is no day, {meant}{what}") from None
    if not days:
        raise ValueError("is empty, so the client would never call: write a day, or leave it out")
    if (again := twice(days)) is not None:
        day = WEEKDAYS[again] if isinstance(again, int) else again
        raise ValueError(f"{day} stands twice, write it once")
    return tuple(days)


class Schedule(Law):
    """Calls that come by the clock: at times of the day, or every so often."""

    is_drawn: ClassVar[bool] = False
    draws_number: ClassVar[bool] = False

    at: Annotated[tuple[dt.time, ...], BeforeValidator(_read_times)] = Field(
        (), description="local times of the day, such as [02:00]"
    )
    every: PositiveDuration | None = Field(
        None, description="or a period, counted from 00:00 of the first day"
    )
    days: Annotated[
        tuple[int | dt.date, ...],
        BeforeValidator(_read_days),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": list(_DAY_SETS)},
                    {"type": "array", "items": {"type": "string"}, "minItems": 1},
                ]
            }
        ),
    ] = Field(
        tuple(range(7)), description="all, weekdays, weekends, or a list of weekdays and dates"
    )
    calls: Annotated[Count, Field(ge=1, le=10_000_000), Estimable(EstimatedCount)] = Field(
        1, description="calls each time; or {estimate, low, high: ...}"
    )
    over: Duration = Field(0, description="the time over which they are spread evenly")

    @model_validator(mode="after")
    def _one_kind(self) -> Schedule:
        if bool(self.at) == (self.every is not None):
            raise ValueError("needs one of 'at' (times of the day) and 'every' (a period)")
        return self

    def mean_arrivals(self, clock: Clock) -> Floats:
        """Return the number of arrivals on each local day of the run, (days,)."""
        weekdays = np.isin(np.arange(DAYS_PER_WEEK), [d for d in self.days if isinstance(d, int)])
        on = weekdays[weekdays_of(clock)]
        for day in self.days:
            if not isinstance(day, int) and 0 <= (n := (day - clock.date(0)).days) < clock.days:
                on[n] = True
        bursts = len(self.at) if self.every is None else max(1.0, DAY / self.every)
        return np.where(on, float(bursts) * max(1, self.calls), 0.0)

    @property
    def times_drawn(self) -> float:
        """How often each of its calls is drawn: a burst may reach into later days."""
        return 1.0 + self.over / DAY

    @property
    def differs_by_weekday(self) -> bool:
        """Whether the days of a week differ in their calls."""
        return 0 < sum(isinstance(day, int) for day in self.days) < DAYS_PER_WEEK

    def in_words(self) -> str:
        """Return the law as a sentence, with all digits that it was given with."""
        if self.every is not None:
            when = f"every {write_duration(self.every)}"
        else:
            times = (
                at.isoformat("auto" if at.second or at.microsecond else "minutes") for at in self.at
            )
            when = f"at {', '.join(times)}"
        days = _SAID.get(self.days)
        if days is None:
            names = [
                WEEKDAYS[day].title() if isinstance(day, int) else str(day) for day in self.days
            ]
            days = f" on {', '.join(names)}"
        count = counted(self.calls, self.arrival) + range_of(self.calls)
        over = f" spread over {write_duration(self.over)}" if self.over else ""
        said = f"by the clock, {count} {when}{days}{over}."
        return said if self.each is None else f"{said} {self.each.in_words()}"

    def problems(self, clock: Clock) -> Iterator[Found]:
        """Yield a client that never calls, however long a run is, and more than a day can hold."""
        if self.each is not None and (most := self.mean_calls(clock).max()) > MOST_CALLS_A_DAY:
            what = f"gives {most:.3g} calls on a day, write so few that there are at most "
            yield ("each", "calls"), f"{what}{MOST_CALLS_A_DAY:,}"
        if self._first_call(clock) is None:
            what = (
                f"gives no call in a run from {clock.start.date().isoformat()} on, however long: "
                "write a day and a time after the start"
            )
            yield ("days",), what

    def remarks(self, clock: Clock) -> Iterator[Found]:
        """Yield dates outside the run, and a first call that comes after it."""
        others = outside((day for day in self.days if isinstance(day, dt.date)), clock)
        begins = self._first_call(clock)
        if begins is not None and begins >= clock.horizon:
            when = f"{clock.local(begins):%Y-%m-%d %H:%M}"
            yield (), f"gives no call in {run_of(clock)}, the first would come at {when}"
        elif others:
            yield ("days",), f"{others} not in {run_of(clock)}, no call comes then"

    def _first_call(self, clock: Clock) -> int | None:
        """Return when the first call comes, µs; None if in no run, however long."""
        start = clock.start.date()
        reach = LONGEST // DAY
        weekdays = {day for day in self.days if isinstance(day, int)}
        dates = sorted((day - start).days for day in self.days if isinstance(day, dt.date))
        days = [day for day in dates if 0 <= day < reach]
        found = min((call for day in days for call in self._calls_of(clock, day)), default=None)
        if weekdays:
            for day in range(reach if found is None else min(reach, found // DAY + 2)):
                if (start.weekday() + day) % DAYS_PER_WEEK in weekdays:
                    calls = [*self._calls_of(clock, day)]
                    if calls:
                        return min(calls) if found is None else min(found, *calls)
        return found

    def _calls_of(self, clock: Clock, day: int) -> Iterator[int]:
        """Yield the first call in the run of each burst of a day, or of its first such burst."""
        if self.every is None:
            begins = [clock.at(day, moment) for moment in self.at]
        else:
            origin, midnight = clock.at(0, dt.time()), clock.at(day, dt.time())
            next_one = origin + -(-(max(midnight, 0) - origin) // self.every) * self.every
            begins = [next_one] if next_one < clock.at(day + 1, dt.time()) else []
            if day == 0 and next_one > origin:
                begins.append(next_one - self.every)
        for begin in begins:
            if begin >= 0:
                yield begin
            else:
                # How many of its calls come before 0.
                number = -(begin * self.calls // self.over) if self.over else self.calls
                if number < self.calls:
                    yield begin + number * self.over // self.calls
                # The last burst that begins before 0 reaches furthest.
                last = begin + (min(number, self.calls) - 1) * self.over // self.calls
                if self.each is not None and last + self.each.length >= 0 and self.each.every:
                    yield last % self.each.every
