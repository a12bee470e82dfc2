"""What a call costs: a number of credits, or one by how many records the call has."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import gcd, lcm
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, WrapValidator, field_validator

from simulation.bounds import MOST_CREDITS_A_CALL
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import FrozenDict, Part, Records, exact, listed, one_number_twice
from simulation.quantities import parse_count, parse_number

__all__ = ["CallCost", "CallCredits", "SmallestUnit", "Tiers", "common_unit"]

_MOST_DECIMALS = 6


def _written(value: Any) -> int | float:
    """Return a number of 0 or more, an int where it is whole; of at most six decimals."""
    number = Decimal(str(parse_number(value)))
    if number == number.to_integral_value():
        return parse_count(value)
    if number < 0:
        raise ValueError(f"{value!r} is negative, write 0 or more")
    if number != round(number, _MOST_DECIMALS):
        raise ValueError(
            f"{value!r} has more than {_MOST_DECIMALS} decimals, write at most {_MOST_DECIMALS}"
        )
    return float(number)


def _unit(value: Any) -> int | float:
    number = _written(value)
    if not 0 < number <= 1:
        raise ValueError(
            f"{value!r} is out of range, write 1, or a part of a credit such as 0.25 or 0.1"
        )
    return number


CallCredits = Annotated[int | float, BeforeValidator(_written), Field(le=MOST_CREDITS_A_CALL)]
SmallestUnit = Annotated[int | float, BeforeValidator(_unit)]
_CREDITS: TypeAdapter[int | float] = TypeAdapter(CallCredits)


class Tiers(Part):
    """What a call costs by its records: a tier ends with a number of records, and has a cost."""

    up_to: dict[Records, CallCredits] = Field(
        description="the credits of a call by the most records of its tier"
    )

    @field_validator("up_to", mode="before")
    @classmethod
    def _once(cls, value: Any) -> Any:
        """Refuse a number of records that stands twice, as in ``200`` and ``200.0``."""
        if not isinstance(value, Mapping):
            return value
        if not value:
            raise ValueError("has no tier, write records with credits such as {200: 1, 1000: 2}")
        if both := one_number_twice(value):
            what = "{!r} and {!r} are one bound, give it one cost".format(*both)
            raise KeyProblems([KeyProblem((both[0],), what)])
        return value

    @field_validator("up_to", mode="after")
    @classmethod
    def _rising(cls, value: dict[int, int | float]) -> dict[int, int | float]:
        return FrozenDict(sorted(value.items()))

    @property
    def bounds(self) -> tuple[int, ...]:
        """The most records of each tier, rising."""
        return tuple(self.up_to)

    @property
    def costs(self) -> tuple[int | float, ...]:
        """The credits of a call of each tier, in the order of `bounds`."""
        return tuple(self.up_to.values())

    def within(self, least: int, most: int) -> list[int | float]:
        """Return the costs of the tiers in which a call of some numbers of records may be.

        >>> Tiers(up_to={200: 1, 1000: 2, 2000: 3}).within(200, 1000)
        [1, 2]
        """
        begins = (0, *self.bounds)
        return [
            cost
            for (before, last), cost in zip(pairwise(begins), self.costs, strict=True)
            if before < most and last >= least
        ]

    def in_words(self) -> str:
        r"""Return what calls cost, in words, a line for each tier.

        >>> Tiers(up_to={200: 1, 1000: 2}).in_words()
        '1 up to 200 records\n2 up to 1,000 records'
        """
        return "\n".join(
            f"{exact(cost)} up to {last:,} records" for last, cost in self.up_to.items()
        )

    def costs_in_words(self) -> str:
        """Return the costs alone, in words.

        >>> Tiers(up_to={200: 1, 1000: 2, 2000: 3}).costs_in_words()
        '1, 2 or 3'
        """
        return listed((exact(cost) for cost in self.costs), "or")


def _cost(value: Any, _: Any) -> int | float | Tiers:
    # Which of both is meant is plain, so messages are those of one, not of a union.
    if isinstance(value, dict):
        return Tiers.model_validate(value)
    return _CREDITS.validate_python(value)


CallCost = Annotated[int | float | Tiers, WrapValidator(_cost)]
"""A number of credits, or tiers."""


def common_unit(amounts: Mapping[Any, int | float]) -> Fraction:
    """Return the largest part of a credit of which a credit and all amounts are whole multiples.

    >>> common_unit({"a": 0.5, "b": 0.75, "c": 3})
    Fraction(1, 4)
    """
    fractions = [Fraction(1), *(Fraction(str(each)) for each in amounts.values())]
    below = lcm(*(each.denominator for each in fractions))
    return Fraction(gcd(*(int(each * below) for each in fractions)), below)
