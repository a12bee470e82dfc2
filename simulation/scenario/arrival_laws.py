"""The models of when a client's calls come: at random, by the clock, or as recorded."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from simulation.bounds import (
    FEWEST_PER_MONTH,
    LEAST_VARIATION,
    MOST_CALLS_A_DAY,
    MOST_PER_MONTH,
    MOST_VARIATION,
)
from simulation.errors import KeyPath, KeyProblem, KeyProblems
from simulation.formats import (
    FrozenDict,
    Part,
    PositiveDuration,
    check_weight,
    did_you_mean,
    one_reading,
    twice,
)
from simulation.quantities import (
    FACTOR,
    Count,
    Duration,
    GrowthPerMonth,
    RatePerDay,
    Share,
    parse_number,
)
from simulation.scenario.moments import read_date

__all__ = [
    "PROFILES",
    "WEEKDAYS",
    "Arrivals",
    "CountTrace",
    "Event",
    "Poisson",
    "Schedule",
    "TraceFile",
]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Weights of an hour: a working day that builds up from 7, dips at noon and fades after 18,
# with a trickle at night and at weekends. Ours, not measured.
_WORKDAY = [1] * 6 + [3, 10, 30, 60, 70, 65, 45, 55, 65, 62, 55, 40, 20, 10, 6, 4, 2, 1]
_DAY_OFF = [1] * 8 + [3, 4, 5, 5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 1]
PROFILES: dict[str, Sequence[float]] = {"flat": [1], "office_hours": _WORKDAY * 5 + _DAY_OFF * 2}

_DAY_SETS = {"all": range(7), "weekdays": range(5), "weekends": range(5, 7)}


def _read_date(value: Any) -> Any:
    """Read a date; a number is none, though it could count days or seconds."""
    if isinstance(value, str):
        return read_date(value.strip())
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise ValueError(f"{value!r} is not a date, write it such as 2026-01-20")


class Event(Part):
    """A date on which a client is busier, or quieter, than usual."""

    date: Annotated[dt.date, BeforeValidator(_read_date)] = Field(description="a local date")
    factor: Annotated[float, Field(ge=0, le=1_000_000), FACTOR] = Field(
        description="by which its rate is multiplied"
    )


def _read_profile(value: Any) -> Any:
    if value in ("flat", "office_hours"):
        return value
    right = "write flat, office_hours, 24 hourly or 168 weekly weights"
    if not isinstance(value, list | tuple):
        meant = did_you_mean(value, PROFILES)
        raise ValueError(f"{value!r} is no profile, {meant}{right}")
    if len(value) not in (24, 168):
        raise ValueError(f"is no profile, it has {len(value)} weights, {right}")
    weights = [float(parse_number(weight)) for weight in value]
    if min(weights) < 0 or not any(weights):
        raise ValueError("has a weight below 0, or none above 0")
    return tuple(map(check_weight, weights))


def _read_rate(rate: float) -> float:
    if not 0 < rate <= MOST_CALLS_A_DAY:
        raise ValueError(
            f"is {rate:g} a day, write more than 0 and at most {MOST_CALLS_A_DAY:,} per day, "
            "or leave the client out"
        )
    return rate


def _read_variation(share: float) -> float:
    if share and not LEAST_VARIATION <= share <= MOST_VARIATION:
        raise ValueError(
            f"{share:g} is out of range, write 0 or {LEAST_VARIATION:.4%} to {MOST_VARIATION:.0%}"
        )
    return share


def _read_growth(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        factor = handler(value)
    except ArithmeticError:
        factor = math.inf
    if not FEWEST_PER_MONTH <= factor <= MOST_PER_MONTH:
        raise ValueError(
            f"{value!r} is a factor of more than {MOST_PER_MONTH:,.0f} in 30 days, or less than "
            f"one part in as many: write a slower growth"
        )
    return factor


class Poisson(Part):
    """Calls that come at random, each on its own: a Poisson process with a changing rate."""

    rate: Annotated[RatePerDay, AfterValidator(_read_rate)] = Field(
        description="mean number of calls, over whole weeks of the profile"
    )
    profile: Annotated[
        str | tuple[float, ...],
        BeforeValidator(_read_profile),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["flat", "office_hours"]},
                    *(
                        {
                            "type": "array",
                            "items": {"type": "number", "minimum": 0},
                            "minItems": length,
                            "maxItems": length,
                        }
                        for length in (24, 168)
                    ),
                ]
            }
        ),
    ] = Field(
        "flat", description="flat, office_hours, 24 weights by hour, or 168 from Monday 00:00"
    )
    daily_variation: Annotated[
        Share, AfterValidator(_read_variation), BeforeValidator(one_reading)
    ] = Field(0.0, description="coefficient of variation of a day's volume beyond Poisson")
    growth: Annotated[GrowthPerMonth, WrapValidator(_read_growth)] = Field(
        1.0, description="compound growth of the rate"
    )
    events: tuple[Event, ...] = Field((), description="dates with a factor on the rate")

    @model_validator(mode="after")
    def _one_event_a_date(self) -> Poisson:
        if again := twice(event.date for event in self.events):
            what = f"name {again} twice, write one event with the factor of both"
            raise KeyProblems([KeyProblem(("events",), what)])
        return self


_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?")
_CLOCK_TIME = re.compile(r"^\W?([0-9]{1,2})(?:[:.]?([0-9]{2}))?\s*(am|pm|h|uhr)?\W?$")


def _read_time(value: Any) -> Any:
    if isinstance(value, dt.time):
        return value
    if isinstance(value, str) and _TIME.fullmatch(value.strip()):
        try:
            return dt.time.fromisoformat(value.strip())
        except ValueError:
            pass
    raise ValueError(f"{value!r} is no time of the day, write it as {_near_time(value)}")


def _near_time(value: Any) -> str:
    """Write the time that is probably meant, or any."""
    if isinstance(value, str) and (found := _CLOCK_TIME.search(value.strip().lower())):
        hour, minute = int(found[1]), int(found[2] or 0)
        if found[3] in ("am", "pm") and 1 <= hour <= 12:
            hour = hour % 12 + 12 * (found[3] == "pm")
        if hour < 24 and minute < 60:
            return f"{hour:02}:{minute:02}"
    return "02:00"


def _read_times(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    times, wrong = [], []
    for place, item in enumerate(items):
        try:
            times.append(_read_time(item))
        except ValueError as error:
            wrong.append(KeyProblem((place,), str(error)))
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


class Schedule(Part):
    """Calls that come by the clock: at times of the day, or every so often."""

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
    calls: Annotated[Count, Field(ge=1, le=10_000_000)] = Field(1, description="calls each time")
    over: Duration = Field(0, description="the time over which they are spread evenly")

    @model_validator(mode="after")
    def _one_kind(self) -> Schedule:
        if bool(self.at) == (self.every is not None):
            raise ValueError("needs one of 'at' (times of the day) and 'every' (a period)")
        return self


class CountTrace(Part):
    """Recorded counts of calls per bucket of time."""

    file: str = Field(description="a CSV file, relative to the scenario")
    bucket: PositiveDuration = Field(description="length of a bucket; its calls spread evenly")
    columns: dict[Literal["timestamp", "count"], str] = Field(
        default_factory=FrozenDict, description="what the file calls `timestamp` and `count`"
    )


class TraceFile(Part):
    """Recorded usage: a row is a call, or with ``counts`` a bucket of calls."""

    file: str | None = Field(
        None, description="a CSV with `timestamp`, optionally `api` and `records`: a row is a call"
    )
    columns: dict[Literal["timestamp", "api", "records"], str] = Field(
        default_factory=FrozenDict, description="what the file calls these columns"
    )
    counts: CountTrace | None = Field(None, description="or counts of calls per bucket")

    @model_validator(mode="after")
    def _one_kind(self) -> TraceFile:
        if (self.file is None) == (self.counts is None):
            raise ValueError(
                "needs one of 'file' (a row is a call) and 'counts' (calls per bucket)"
            )
        return self


class Arrivals(Part):
    """The law by which a client's calls come: exactly one of the kinds."""

    poisson: Poisson | None = Field(None, description="at random")
    schedule: Schedule | None = Field(None, description="by the clock")
    trace: TraceFile | None = Field(None, description="as recorded")
    counts: CountTrace | None = Field(None, description="short for `trace: {counts: ...}`")

    @model_validator(mode="after")
    def _one_kind(self) -> Arrivals:
        if sum(getattr(self, kind) is not None for kind in type(self).model_fields) != 1:
            raise ValueError("needs exactly one of 'poisson', 'schedule' and 'trace'")
        return self

    @property
    def count_trace(self) -> CountTrace | None:
        """The counts per bucket, wherever they are written."""
        return self.counts or (self.trace.counts if self.trace else None)

    @property
    def file(self) -> str | None:
        """The trace's file, or None where calls are not recorded ones."""
        if self.count_trace:
            return self.count_trace.file
        return self.trace.file if self.trace else None

    @property
    def file_key(self) -> KeyPath:
        """The key inside a client that names the trace's file."""
        if self.counts:
            return ("arrivals", "counts", "file")
        return ("arrivals", "trace", *(("counts",) if self.count_trace else ()), "file")
