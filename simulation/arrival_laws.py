"""The models of when a client's calls come: at random, by the clock, or as recorded."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from simulation.errors import KeyPath
from simulation.quantities import (
    FACTOR,
    Count,
    Duration,
    GrowthPerMonth,
    RatePerDay,
    Share,
    parse_number,
)

if TYPE_CHECKING:
    from simulation.traces import Trace

__all__ = [
    "WEEKDAYS",
    "Arrivals",
    "CountTrace",
    "Event",
    "Part",
    "Poisson",
    "PositiveDuration",
    "Schedule",
    "TraceFile",
]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_SETS = {"all": range(7), "weekdays": range(5), "weekends": range(5, 7)}


class Part(BaseModel):
    """A part of a scenario: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _above_zero(duration: int) -> int:
    if duration <= 0:
        raise ValueError("is 0, write a duration above 0 such as '30 s'")
    return duration


PositiveDuration = Annotated[Duration, AfterValidator(_above_zero)]


class Event(Part):
    """A date on which a client is busier, or quieter, than usual."""

    date: dt.date = Field(description="a local date")
    factor: Annotated[float, Field(ge=0, allow_inf_nan=False), FACTOR] = Field(
        description="by which its rate is multiplied"
    )


def _read_profile(value: Any) -> Any:
    if value in ("flat", "office_hours"):
        return value
    if isinstance(value, list | tuple) and len(value) in (24, 168):
        weights = [parse_number(weight) for weight in value]
        if all(weight >= 0 for weight in weights) and any(weight > 0 for weight in weights):
            return tuple(map(float, weights))
        raise ValueError("has a weight below 0, or none above 0")
    raise ValueError("is no profile, write flat, office_hours, 24 hourly or 168 weekly weights")


class Poisson(Part):
    """Calls that come at random, each on its own: a Poisson process with a changing rate."""

    rate: RatePerDay = Field(description="mean number of calls, over whole weeks of the profile")
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
    daily_variation: Share = Field(
        0.0, description="coefficient of variation of a day's volume beyond Poisson"
    )
    growth: GrowthPerMonth = Field(1.0, description="compound growth of the rate")
    events: tuple[Event, ...] = Field((), description="dates with a factor on the rate")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _read_days(value: Any) -> Any:
    if isinstance(value, str) and value in _DAY_SETS:
        return tuple(_DAY_SETS[value])
    days: list[int | dt.date] = []
    for item in value if isinstance(value, list | tuple) else [value]:
        text = str(item).strip().lower()
        named = [n for n, day in enumerate(WEEKDAYS) if len(text) >= 3 and day.startswith(text)]
        try:
            days.append(named[0] if named else dt.date.fromisoformat(text))
        except ValueError:
            what = "write all, weekdays, weekends, or a list such as [mon, thu] or [2026-03-31]"
            raise ValueError(f"{item!r} is no day, {what}") from None
    return tuple(days)


class Schedule(Part):
    """Calls that come by the clock: at times of the day, or every so often."""

    at: Annotated[tuple[dt.time, ...], BeforeValidator(_as_list)] = Field(
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
    calls: Annotated[Count, Field(le=10_000_000)] = Field(1, description="calls each time")
    over: Duration = Field(0, description="the time over which they are spread evenly")

    @model_validator(mode="after")
    def _one_kind(self) -> Schedule:
        if bool(self.at) == (self.every is not None):
            raise ValueError("needs one of 'at' (times of the day) and 'every' (a period)")
        if any(moment.tzinfo for moment in self.at):
            raise ValueError("'at' takes local times, write them without an offset")
        return self


class CountTrace(Part):
    """Recorded counts of calls per bucket of time."""

    file: str = Field(description="a CSV file, relative to the scenario")
    bucket: PositiveDuration = Field(description="length of a bucket; its calls spread evenly")
    columns: dict[Literal["timestamp", "count"], str] = Field(
        default_factory=dict, description="what the file calls `timestamp` and `count`"
    )


class TraceFile(Part):
    """Recorded usage: a row is a call, or with ``counts`` a bucket of calls."""

    file: str | None = Field(
        None, description="a CSV with `timestamp`, optionally `api` and `records`: a row is a call"
    )
    columns: dict[Literal["timestamp", "api", "records"], str] = Field(
        default_factory=dict, description="what the file calls these columns"
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

    def read(self, folder: Path, zone: ZoneInfo, megabytes: int | None) -> Trace:
        """Read the recorded usage, a file of at most so many megabytes.

        Raises
        ------
        InputError
            If the file or one of its rows cannot be read.
        """
        from simulation.traces import read_call_trace, read_count_trace

        assert self.file is not None
        path = folder / self.file
        if counts := self.count_trace:
            return read_count_trace(path, zone, counts.bucket, counts.columns, megabytes)
        assert self.trace is not None
        return read_call_trace(path, zone, self.trace.columns, megabytes)
