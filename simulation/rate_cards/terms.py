"""The parts of a rate card: sources, editions, call kinds, slabs, and the vendor's answer."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from simulation.bounds import MOST_CREDITS, MOST_CREDITS_A_CALL, MOST_DOLLARS, MOST_PER_LICENSE
from simulation.formats import Credits, Part, Records, frozen
from simulation.quantities import NUMBER, WHOLE, Count

__all__ = [
    "CallCredits",
    "CallKind",
    "Category",
    "Day",
    "Edition",
    "Slab",
    "Source",
    "ThrottledResponse",
]

Category = Literal["meta", "crud", "bulk", "convert", "other"]
Dollars = Annotated[Decimal, Field(ge=0, le=MOST_DOLLARS, decimal_places=9), NUMBER]
CallCredits = Annotated[Count, Field(le=MOST_CREDITS_A_CALL)]

_IS_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def _read_day(value: Any) -> Any:
    """Return the date that a card names, written as YYYY-MM-DD."""
    if isinstance(value, str) and _IS_DAY(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError(f"{value!r} is not a date, write it such as 2026-01-05")


Day = Annotated[date, BeforeValidator(_read_day)]


class Source(Part):
    """Where a card's figures were published."""

    title: str
    url: str
    date: str = Field(description="when it was published, or read where it bears no date")


class Edition(Part):
    """What one edition allows in any window."""

    aliases: tuple[str, ...] = ()
    base: Credits
    per_license: Annotated[Count, Field(le=MOST_PER_LICENSE)] = 0
    maximum: Credits | None = Field(description="the edition's maximum; null where there is none")


class CallKind(Part):
    """What one kind of call costs.

    With ``per_records`` the credits are due for each group of this many records, begun groups
    included.
    """

    category: Category
    credits: CallCredits
    per_records: Records | None = None
    max_records: Records | None = None


class Slab(Part):
    """A stretch of add-on credits and its price in $ per 1,000 credits and day."""

    credits: Annotated[int, Field(ge=1, le=MOST_CREDITS), WHOLE]
    price_per_1000: Dollars


class ThrottledResponse(BaseModel):
    """What the vendor answers when the pool is exhausted; its body may hold true and false."""

    model_config = Part.model_config

    status: Annotated[int, Field(ge=100, le=599), WHOLE]
    body: Annotated[dict[str, Any], AfterValidator(frozen)]
