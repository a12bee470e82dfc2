"""Paces as people write them: how many calls or credits in a unit of time, exact."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from simulation.quantities import DAY, HOUR, LONGEST, MINUTE, SECOND, parse_duration, parse_number

__all__ = ["Pace", "pace_in_words", "parse_pace"]

_PACE = re.compile(r"([0-9][0-9.,_]*)\s*(?:calls?\b|credits?\b)?\s*(?:/|\bper\b|\ban?\b)\s*(.+)")


def parse_pace(value: Any) -> Fraction:
    """Return a pace such as ``10 per second`` or ``2 credits/second``, per µs and exact.

    >>> parse_pace("2 per second"), parse_pace("90/min")
    (Fraction(1, 500000), Fraction(3, 2000000))

    Raises
    ------
    ValueError
        If it is no pace above 0, or can be read in two ways.
    """
    match = _PACE.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 80 else None
    if match is None:
        raise ValueError(f"{value!r} is not a pace, write it such as '10 per second'")
    amount, unit = Fraction(str(parse_number(match[1]))), match[2]
    if unit[0].isalpha():
        unit = f"1 {unit}"
    pace = amount / parse_duration(unit)
    if pace <= 0:
        raise ValueError(f"{value!r} lets nothing through, write such as '10 per second'")
    if pace * LONGEST < 1:  # times behind it would leave 64 bits
        longest = f"{LONGEST // DAY} days"
        raise ValueError(f"{value!r} is less than 1 in {longest}, write such as '10 per second'")
    return pace


def pace_in_words(pace: Fraction) -> str:
    """Return a pace, given per µs, in the first unit of time in which it is a whole number.

    >>> pace_in_words(parse_pace("2 per second")), pace_in_words(parse_pace("90 per hour"))
    ('2 per second', '90 per hour')
    """
    for unit, length in (("second", SECOND), ("minute", MINUTE), ("hour", HOUR), ("day", DAY)):
        if (pace * length).denominator == 1:
            return f"{int(pace * length):,} per {unit}"
    return f"{float(pace * SECOND):.6g} per second"


Pace = Annotated[
    Fraction,
    BeforeValidator(parse_pace),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*[0-9.,]+.*(per|/| an? ).*$",
            "examples": ["10 per second"],
        }
    ),
]
"""A pace in a file: calls or credits per µs."""
