"""The models of how a client holds itself back: quota, reserve, and what a queue waits for."""

from __future__ import annotations

import datetime as dt
import re
from math import ceil, floor
from typing import Annotated, Any

from pydantic import Field, WithJsonSchema, model_validator

from simulation.bounds import MOST_CREDITS
from simulation.formats import Credits, Part, PositiveDuration
from simulation.moments import read_time
from simulation.quantities import Count, Share, parse_count, parse_duration, parse_share
from simulation.scenario.arrival_laws import Arrivals, TraceFile

__all__ = ["InitialUsage", "PartOfPool", "Queue", "SomeOfPool", "Wait"]

_UNTIL = re.compile(r"until\s+[\"']?(.+?)[\"']?")
UNTIL_AVAILABLE = "until_available"


class PartOfPool(Part):
    """A part of the pool: a share of the limit, or a number of credits."""

    share: Share | None = None
    credits: Annotated[Count, Field(le=MOST_CREDITS)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        if isinstance(value, str) and value.strip().endswith("%"):
            if (part := parse_share(value)) > 1:
                raise ValueError(f"{value!r} is more than the pool, write at most 100%")
            return {"share": part}
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1:
            share = f"{100 * value:g}%"
            what = "or a part of a credit: write the share in per cent, or a whole number"
            raise ValueError(f"{value} may be {share} {what}")
        amount = parse_count(value)
        if amount == 0:
            raise ValueError("is 0, write a share such as 25%, or a number of credits")
        return {"credits": amount}

    @model_validator(mode="after")
    def _one_form(self) -> PartOfPool:
        if (self.share is None) == (self.credits is None):
            raise ValueError("needs one of a share such as 25%, and a number of credits")
        if self.share == 0:
            raise ValueError("is 0%, write a share such as 25%, or a number of credits")
        return self

    def at_most(self, limit: int) -> int:
        """Return how many credits it is of a pool of some size; a share is rounded down."""
        return floor(self._of(limit))

    def at_least(self, limit: int) -> int:
        """Return how many credits it is of a pool of some size; a share is rounded up."""
        return ceil(self._of(limit))

    def _of(self, limit: int) -> float:
        if self.credits is not None:
            return self.credits
        assert self.share is not None
        return round(self.share * limit, 6)  # 0.3 of 10 is 3, though the product is a bit less

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.credits:,} credits" if self.share is None else f"{100 * self.share:g}%"


class Wait(Part):
    """How long a queue stops: for a time, until a clock time, or until there is room."""

    span: PositiveDuration | None = None
    clock: dt.time | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        if isinstance(value, str) and value.strip() == UNTIL_AVAILABLE:
            return {}
        if isinstance(value, str) and (until := _UNTIL.fullmatch(value.strip())):
            return {"clock": read_time(until[1])}
        try:
            is_zero = not parse_duration(value)  # read again as a part of the model
        except ValueError as error:
            also = 'until_available, or until "00:00"'
            raise ValueError(f"{error}, or {also}") from None
        if is_zero:
            raise ValueError("is 0, write a duration such as '15 minutes', or until_available")
        return {"span": value}

    @property
    def is_for_room(self) -> bool:
        """Whether it is over when there is room for the call that waits."""
        return self.span is None and self.clock is None


_A_WAIT = WithJsonSchema(
    {"type": "string", "examples": ["15 minutes", UNTIL_AVAILABLE, 'until "00:00"']}
)


class Queue(Part):
    """Stop as a whole when throttled; then work what has waited, in order."""

    wait: Annotated[Wait, _A_WAIT] = Field(
        description='how long it stops: a duration, until_available, or until "00:00"'
    )
    max_wait: PositiveDuration | None = Field(
        None, description="a call that is older is lost; none unless given"
    )


class InitialUsage(Part):
    """What is in use at the start, so that no warm-up is needed."""

    credits: Credits | None = Field(
        None, description="credits in use, which come back evenly over the next window"
    )
    trace: TraceFile | None = Field(
        None, description="or a trace of the calls before the start, as under `arrivals`"
    )

    @model_validator(mode="after")
    def _one_form(self) -> InitialUsage:
        if (self.credits is None) == (self.trace is None):
            raise ValueError("needs one of 'credits' and 'trace'")
        return self

    @property
    def law(self) -> Arrivals | None:
        """The trace as a law of arrivals, which is how traces are read."""
        if self.trace is None:
            return None
        return Arrivals.model_construct(poisson=None, schedule=None, trace=self.trace, counts=None)


_PART_OF_POOL = WithJsonSchema(
    {
        "anyOf": [
            {"type": "string", "pattern": r"^\s*[0-9.,]+\s*%\s*$", "examples": ["25%"]},
            {"type": "integer", "minimum": 1},
        ]
    }
)
SomeOfPool = Annotated[PartOfPool, _PART_OF_POOL]
"""A share or a number of credits in a file."""
