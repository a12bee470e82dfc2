"""Durations, rates and shares, written as people write them.

Simulated time is an integer count of microseconds everywhere in the package. A month has
30 days, as in the vendor's price list; a year has 365.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

__all__ = [
    "DAY",
    "HOUR",
    "MINUTE",
    "SECOND",
    "Count",
    "Duration",
    "GrowthPerMonth",
    "RatePerDay",
    "Share",
    "parse_count",
    "parse_duration",
    "parse_growth",
    "parse_rate",
    "parse_share",
    "write_duration",
]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_UNITS = {
    ("us", "µs", "microsecond", "microseconds"): 1,
    ("ms", "millisecond", "milliseconds"): 1_000,
    ("s", "sec", "second", "seconds"): SECOND,
    ("m", "min", "minute", "minutes"): MINUTE,
    ("h", "hour", "hours"): HOUR,
    ("d", "day", "days"): DAY,
    ("w", "week", "weeks"): 7 * DAY,
    ("month", "months"): 30 * DAY,
    ("year", "years"): 365 * DAY,
}
_MICROSECONDS = {name: size for names, size in _UNITS.items() for name in names}

_NUMBER = r"[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+"
_PART = re.compile(rf"({_NUMBER})\s*([a-zµ]+)\s*(?:,|and)?\s*")
_RATE = re.compile(rf"({_NUMBER})\s*(?:calls?\s*)?(?:per|/|an?)\s*([a-zµ]+)")
_GROWTH = re.compile(rf"([+-]?)({_NUMBER})\s*%\s*(?:per|/|an?)\s*([a-z]+)")
_SHARE = re.compile(rf"({_NUMBER})\s*%")
_EXACT_COUNT = 2**53  # beyond it a float no longer tells neighbours apart


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


def parse_duration(value: Any) -> int:
    """Read a duration such as ``30 days``, ``1 hour 30 minutes`` or ``0``; in microseconds.

    >>> parse_duration("10 minutes"), parse_duration("1.5 h") == parse_duration("1 h 30 min")
    (600000000, True)

    Raises
    ------
    ValueError
        If it is no duration, is negative, or is no whole number of microseconds.
    """
    if isinstance(value, str):
        text = value.strip().lower()
        parts = _PART.findall(text)
        if parts and not _PART.sub("", text) and all(unit in _MICROSECONDS for _, unit in parts):
            exact = sum((_number(n) * _MICROSECONDS[unit] for n, unit in parts), Decimal(0))
            if exact == int(exact):
                return int(exact)
            raise ValueError(f"{value!r} is finer than a microsecond, round it")
        if text == "0":
            return 0
    elif value == 0 and not isinstance(value, bool):
        return 0
    raise ValueError(f"{value!r} is not a duration, write a number and a unit such as '30 minutes'")


def write_duration(microseconds: int) -> str:
    """Write a duration in the largest units that hold it exactly.

    >>> write_duration(90 * MINUTE), write_duration(30 * DAY)
    ('1 hour 30 minutes', '30 days')
    """
    parts = []
    units = {"day": DAY, "hour": HOUR, "minute": MINUTE, "second": SECOND, "microsecond": 1}
    for name, size in units.items():
        count, microseconds = divmod(microseconds, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts) or "0"


def parse_rate(value: Any) -> float:
    """Read a rate such as ``1200 per day`` or ``3/minute``; in calls per 24 hours.

    >>> parse_rate("50 per hour")
    1200.0

    Raises
    ------
    ValueError
        If it is no rate.
    """
    if isinstance(value, str):
        match = _RATE.fullmatch(value.strip().lower())
        if match and match[2] in _MICROSECONDS:
            return float(_number(match[1]) * DAY / _MICROSECONDS[match[2]])
    raise ValueError(f"{value!r} is not a rate, write it such as '1200 per day'")


def parse_share(value: Any) -> float:
    """Read a share such as ``0.1%``, or a number from 0 to 1.

    >>> parse_share("0.1%"), parse_share(0.95)
    (0.001, 0.95)

    Raises
    ------
    ValueError
        If it is no share.
    """
    if isinstance(value, str) and (match := _SHARE.fullmatch(value.strip())):
        return float(_number(match[1]) / 100)
    try:
        share = Decimal(str(value).strip())
    except InvalidOperation:
        share = Decimal("NaN")
    if isinstance(value, bool) or not share.is_finite() or share < 0:
        raise ValueError(f"{value!r} is not a share, write it such as '0.1%'")
    if share > 1:
        raise ValueError(f"{value!r} is more than the whole, write '{value}%' for per cent")
    return float(share)


def parse_growth(value: Any) -> float:
    """Read a growth such as ``3% per month`` or ``-10% per year``; the factor per 30 days.

    >>> parse_growth("3% per month")
    1.03

    Raises
    ------
    ValueError
        If it is no growth, or shrinks by 100 % or more.
    """
    if isinstance(value, str) and (match := _GROWTH.fullmatch(value.strip().lower())):
        sign, number, unit = match.groups()
        factor = 1 + (-1 if sign == "-" else 1) * _number(number) / 100
        if factor <= 0:
            raise ValueError(f"{value!r} leaves nothing, shrink by less than 100%")
        if unit in _MICROSECONDS:
            months = Decimal(30 * DAY) / _MICROSECONDS[unit]
            return float(factor) if months == 1 else float(factor) ** float(months)
    raise ValueError(f"{value!r} is not a growth, write it such as '3% per month'")


def parse_count(value: Any) -> int:
    """Read a whole number, also when written as ``94.0`` or ``1,200``.

    >>> parse_count("94.0"), parse_count("1,200")
    (94, 1200)

    Raises
    ------
    ValueError
        If it is no whole number, or is negative.
    """
    text = str(value).strip().replace(",", "")
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError(f"{value!r} is not a number, write a whole number such as 94")
    if number != int(number):
        raise ValueError(f"{value!r} is not whole, write a whole number such as {int(number)}")
    if number < 0:
        raise ValueError(f"{value!r} is negative, write 0 or more")
    if number > _EXACT_COUNT:
        raise ValueError(f"{value!r} is too large, write at most {_EXACT_COUNT}")
    return int(number)


def _written(pattern: str, *examples: str, also: dict[str, Any] | None = None) -> WithJsonSchema:
    text: dict[str, Any] = {"type": "string", "pattern": pattern, "examples": list(examples)}
    return WithJsonSchema({"anyOf": [text, also]} if also else text)


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    _written(r"^\s*[0-9.,]+\s*[A-Za-zµ]+.*$|^0$", "30 days", "10 minutes", also={"const": 0}),
]
RatePerDay = Annotated[
    float,
    BeforeValidator(parse_rate),
    _written(r"^\s*[0-9.,]+.*(per|/| an? ).*$", "1200 per day", "3 per minute"),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    _written(
        r"^\s*[0-9.,]+\s*%\s*$", "0.1%", "95%", also={"type": "number", "minimum": 0, "maximum": 1}
    ),
]
GrowthPerMonth = Annotated[
    float,
    BeforeValidator(parse_growth),
    _written(r"^\s*[+-]?[0-9.,]+\s*%.*$", "3% per month", "-10% per year"),
]
Count = Annotated[
    int, BeforeValidator(parse_count), WithJsonSchema({"type": "integer", "minimum": 0})
]
