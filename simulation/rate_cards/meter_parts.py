"""The parts of a meter: when it gives back with the calendar, and which calls it counts."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from simulation.bounds import MOST_RECORDS
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import Part
from simulation.moments import read_time, read_zone
from simulation.quantities import WHOLE

__all__ = ["ORG_ZONE", "AppliesTo", "Resets"]

ORG_ZONE = "org"
"""The time zone of the org itself, in place of a named one."""

_LAST_SAFE_DAY = 28


def _read_zone(value: Any) -> Any:
    return value if value == ORG_ZONE else read_zone(value).key


class Resets(Part):
    """When a calendar meter gives all of it back."""

    every: Literal["hour", "day", "month"] = "day"
    at: Annotated[
        dt.time,
        BeforeValidator(read_time),
        WithJsonSchema({"type": "string", "examples": ["00:00"]}),
    ] = Field(dt.time(), description="the time of the day; with `hour` its minutes count")
    day: Annotated[int, Field(ge=1, le=_LAST_SAFE_DAY), WHOLE] = Field(
        1, description="the day of the month, with `month`"
    )
    timezone: Annotated[
        str,
        BeforeValidator(_read_zone),
        WithJsonSchema({"type": "string", "examples": ["America/New_York", ORG_ZONE]}),
    ] = Field(description="where that clock hangs; org: in the org's own zone")

    @model_validator(mode="after")
    def _check(self) -> Resets:
        if self.every == "hour" and self.at.hour:
            what = f"has an hour, write the minutes alone, such as 00:{self.at.minute:02}"
            raise KeyProblems([KeyProblem(("at",), what)])
        if self.every != "month" and "day" in self.model_fields_set:
            raise KeyProblems([KeyProblem(("day",), "is for resets each month, leave it out")])
        return self

    def in_words(self) -> str:
        """Return when it resets, such as ``at 00:00 in America/New_York``."""
        zone = "of the org's zone" if self.timezone == ORG_ZONE else f"in {self.timezone}"
        if self.every == "hour":
            past = f"{self.at.minute} minutes past" if self.at.minute else "at the start of"
            return f"{past} each hour {zone}"
        day = f"on day {self.day} of each month " if self.every == "month" else ""
        return f"{day}at {self.at:%H:%M} {zone}"


class AppliesTo(Part):
    """Calls that a meter counts: of one kind or of all, or of those with many records."""

    api: str | None = None
    more_than: Annotated[int, Field(ge=0, le=MOST_RECORDS), WHOLE] | None = Field(
        None, description="only calls with more records than this"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"api": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_something(self) -> AppliesTo:
        if self.api is None and self.more_than is None:
            raise ValueError("says nothing, write a call kind, or {more_than: 10}")
        return self

    def in_words(self) -> str:
        """Return which calls these are."""
        more = "" if self.more_than is None else f" of more than {self.more_than:,} records"
        return f"{self.api or 'any call'}{more}"
