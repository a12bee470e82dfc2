"""The parts of a rate card: sources, editions, call kinds, slabs, and the vendor's answer."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from simulation.bounds import MOST_CREDITS, MOST_DOLLARS, MOST_PER_LICENSE
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import Credits, Part, Records, frozen
from simulation.quantities import NUMBER, WHOLE, Count
from simulation.rate_cards.costs import CallCost, Tiers
from simulation.rate_cards.durations import CallDuration

__all__ = [
    "AddonBilling",
    "BilledUse",
    "CallKind",
    "Category",
    "Day",
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
    """What one kind of call costs, and how long it stays open where a scenario does not say.

    With ``per_records`` the credits are due for each group of this many records, begun groups
    included. With tiers they are those of the first tier that reaches its records.
    """

    category: Category
    credits: CallCost
    per_records: Records | None = None
    max_records: Records | None = None
    duration: CallDuration | None = None

    @model_validator(mode="after")
    def _check(self) -> CallKind:
        tiers, problems = self.tiers, list[KeyProblem]()
        if tiers is not None and self.per_records is not None:
            what = "stands beside tiers, which say what records cost: leave it out, or the tiers"
            problems.append(KeyProblem(("per_records",), what))
        if tiers is not None and (self.max_records or 0) > tiers.bounds[-1]:
            what = (
                f"{self.max_records:,} is above the last tier, {tiers.bounds[-1]:,}, and no cost "
                f"is given there: write {tiers.bounds[-1]} or less, or add a tier"
            )
            problems.append(KeyProblem(("max_records",), what))
        if problems:
            raise KeyProblems(problems)
        return self

    @property
    def tiers(self) -> Tiers | None:
        """What calls cost by their records, where that is given so."""
        return self.credits if isinstance(self.credits, Tiers) else None

    @property
    def most_records(self) -> int | None:
        """The most records of a call; None where there is no bound."""
        if self.tiers is None or self.max_records is not None:
            return self.max_records
        return self.tiers.bounds[-1]

    @property
    def amounts(self) -> dict[tuple[str | int, ...], int | float]:
        """Every number of credits in it, by its keys."""
        if isinstance(self.credits, Tiers):
            return {("credits", "up_to", last): cost for last, cost in self.credits.up_to.items()}
        return {("credits",): self.credits}

    def cost_in_words(self) -> str:
        """Return what a call costs, in words, a line for each tier."""
        if isinstance(self.credits, Tiers):
            return self.credits.in_words()
        per = f" per {self.per_records} records" if self.per_records else ""
        return f"{self.credits}{per}"


class Slab(Part):
    """A stretch of add-on credits and its price in $ per 1,000 credits and day."""

    credits: Annotated[int, Field(ge=1, le=MOST_CREDITS), WHOLE]
    price_per_1000: Dollars


class ThrottledResponse(BaseModel):
    """What the vendor answers when the pool is exhausted; its body may hold true and false."""

    model_config = Part.model_config

    status: Annotated[int, Field(ge=100, le=599), WHOLE]
    body: Annotated[dict[str, Any], AfterValidator(frozen)]
