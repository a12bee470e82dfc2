"""The parts of a rate card: sources, editions, call kinds, slabs, and the vendor's answer."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field

from simulation.bounds import MOST_CREDITS, MOST_CREDITS_A_CALL, MOST_DOLLARS, MOST_PER_LICENSE
from simulation.formats import Credits, Part, Records, frozen
from simulation.quantities import NUMBER, WHOLE, Count

__all__ = [
    "AddonBilling",
    "BilledUse",
    "CallCredits",
    "CallKind",
    "Category",
    "Edition",
    "Slab",
    "Source",
    "ThrottledResponse",
]

AddonBilling = Literal["purchased", "consumed"]
"""How add-on credits are billed: the whole size, or what is used of it."""

BilledUse = Literal["calendar_day", "any_24_hours"]
"""What a day's use is, where that is billed: the credits that the calendar day consumes above the
allowance, or the most above it in any 24 hours that end in the day."""

Category = Literal["meta", "crud", "bulk", "convert", "other"]
Dollars = Annotated[Decimal, Field(ge=0, le=MOST_DOLLARS, decimal_places=9), NUMBER]
CallCredits = Annotated[Count, Field(le=MOST_CREDITS_A_CALL)]


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
