"""Numbers, durations, rates and shares, written as people write them.

Simulated time is an integer count of microseconds everywhere in the package. A month has
30 days, as in the vendor's price list; a year has 365.

A number that can be read in two ways is refused, and both are named, and so is the unit ``m``,
which may be minutes or months. The decimal sign is a dot. Where thousands occur (counts, rates,
durations, money, weights) commas group them in threes, as in ``1,200``, and a dot before exactly
three digits, as in ``2.000``, may be meant so as well: ``2``, ``2,000`` and ``2.0000`` may not.
Shares, growths and factors have no thousands: ``1.125`` is a decimal there, and a comma is refused.
"""

from __future__ import annotations

import re
from decimal import Decimal, localcontext
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

__all__ = [
    "DAY",
    "DAYS_PER_MONTH",
    "FACTOR",
    "HOUR",
    "LONGEST",
    "MINUTE",
    "NUMBER",
    "SECOND",
    "WHOLE",
    "Count",
    "Duration",
    "GrowthPerMonth",
    "RatePerDay",
    "Share",
    "parse_count",
    "parse_duration",
    "parse_factor",
    "parse_growth",
    "parse_number",
    "parse_rate",
    "parse_share",
    "parse_whole",
    "write_duration",
]

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
DAYS_PER_MONTH = 30

_UNITS = {
    ("us", "µs", "microsecond", "microseconds"): 1,
    ("ms", "millisecond", "milliseconds"): 1_000,
    ("s", "sec", "second", "seconds"): SECOND,
    ("min", "minute", "minutes"): MINUTE,
    ("h", "hour", "hours"): HOUR,
    ("d", "day", "days"): DAY,
    ("w", "week", "weeks"): 7 * DAY,
    ("month", "months"): DAYS_PER_MONTH * DAY,
    ("year", "years"): 365 * DAY,
}
_MICROSECONDS = {name: size for names, size in _UNITS.items() for name in names}

_NUMBER = r"[.,]?[0-9](?:[0-9.,]*[0-9])?"  # all that may be meant as one; `_read` decides
_NEXT = r"(?:(?:\s*,\s*|\s+and\s+|\s*)(?=[.,]?[0-9])|$)"
_PART = re.compile(rf"({_NUMBER})\s*([a-zµ]+){_NEXT}")
_PER = r"\s*(?:/\s*|(?:per|an?)\s+)"  # whole words: pers and ad are none
_RATE = re.compile(rf"({_NUMBER})(?:\s*calls?\b)?{_PER}([a-zµ]+)")
_GROWTH = re.compile(rf"([+-]?)({_NUMBER})\s*%{_PER}([a-z]+)")
_SHARE = re.compile(rf"({_NUMBER})\s*%")
_CURRENCY = r"[$€£¥₹]|usd|eur|gbp|inr|us\$"
_MONEY = re.compile(rf"(?:{_CURRENCY})\s*({_NUMBER})|({_NUMBER})\s*(?:{_CURRENCY})")
_SIGNED = re.compile(rf"([+-]?)({_NUMBER}|[0-9]{{1,3}}(?:_[0-9]{{3}})+)(\.?)(e[+-]?[0-9]{{1,3}})?")

_PLAIN = re.compile(r"[0-9]*\.?[0-9]+")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_EITHER = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}")
_FOREIGN = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?")

_MOST_DIGITS = 40
_MOST_CHARACTERS = 200
_EXACT_COUNT = 2**53  # beyond it a float no longer tells neighbours apart
LONGEST = 20 * 365 * DAY
"""The longest duration that can be written: longer than any run."""


def _shown(value: Any) -> str:
    """Return a value as messages show it, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:60]}…{shown[-1]}"


def _text(value: Any) -> str:
    """Return the text of a value, empty where it is none or longer than any quantity."""
    is_short = isinstance(value, str) and len(value) <= _MOST_CHARACTERS
    return value.strip().lower() if is_short else ""


def _read(
    text: str, written: Any, thousands: bool = True, whole: bool = False, power: str = ""
) -> Decimal:
    """Return the only number that ``text`` can mean; ``power`` is the exponent after it.

    Raises
    ------
    ValueError
        If it can be read in two ways, in none, or has too many digits.
    """
    if len(text) > _MOST_DIGITS:
        what = f"a number of {len(text)} digits is too long, write {_MOST_DIGITS} at most"
        raise ValueError(what)
    if _PLAIN.fullmatch(text) and not (thousands and _EITHER.fullmatch(text)):
        return Decimal(text)
    is_grouped = (thousands and not power) or text.count(",") > 1 or "." in text
    if is_grouped and _THOUSANDS.fullmatch(text):
        return Decimal(text.replace(",", ""))
    joined = re.sub("[.,]", "", text).lstrip("0") or "0"
    if text.count(".") + text.count(",") == 1 and joined != "0":
        decimal = Decimal(text.replace(",", "."))
        first = f"{decimal:f}".rstrip("0").rstrip(".")
        plain = f"{first}0" if thousands and _EITHER.fullmatch(first) else first
        other = f"{joined}{power}" if power else f"{int(joined):,}"
        remedy = f"write {plain}{power} or {joined}{power}"
        if whole and "." in first and not power:
            remedy = f"write a whole number such as {joined}"
        raise ValueError(f"{_shown(written)} can be read as {first}{power} or as {other}, {remedy}")
    if _FOREIGN.fullmatch(text):
        joined = text.replace(".", "").replace(",", ".")
    raise ValueError(
        f"{_shown(written)} has dots or commas where no number has them, write {joined}{power}"
    )


def _is_unit(word: str, written: Any) -> bool:
    """Return whether a word is a unit of time, in one reading."""
    if word == "m":
        raise ValueError(f"{_shown(written)} may mean minutes or months, write 'min' or 'month'")
    return word in _MICROSECONDS


def parse_duration(value: Any) -> int:
    """Return a duration such as ``30 days``, ``1 hour 30 minutes`` or ``0``, in microseconds.

    >>> parse_duration("10 minutes"), parse_duration("1.5 h") == parse_duration("1 h 30 min")
    (600000000, True)

    Raises
    ------
    ValueError
        If it is no duration, can be read in two ways, is negative or longer than 20 years, or
        is no whole number of microseconds.
    """
    if text := _text(value):
        parts = _PART.findall(text)
        if parts and not _PART.sub("", text) and all(_is_unit(unit, value) for _, unit in parts):
            with localcontext() as context:
                context.prec = 3 * _MOST_DIGITS
                sizes = [_read(number, value) * _MICROSECONDS[unit] for number, unit in parts]
                exact = sum(sizes, Decimal(0))
            if len({_MICROSECONDS[unit] for _, unit in parts}) < len(parts):
                raise ValueError(f"{_shown(value)} has one unit twice, write each once")
            if exact > LONGEST:
                what = f"is too long, write at most {write_duration(LONGEST)}"
                raise ValueError(f"{_shown(value)} {what}")
            if exact == int(exact):
                return int(exact)
            raise ValueError(f"{_shown(value)} is finer than a microsecond, round it")
        if text == "0":
            return 0
    elif isinstance(value, int | float) and value == 0 and not isinstance(value, bool):
        return 0
    what = "is not a duration, write a number and a unit such as '30 minutes'"
    raise ValueError(f"{_shown(value)} {what}")


def write_duration(microseconds: int) -> str:
    """Return a duration as text, in the largest units that hold it exactly.

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
    """Return a rate such as ``1200 per day`` or ``3/minute``, in calls per 24 hours.

    >>> parse_rate("50 per hour")
    1200.0

    Raises
    ------
    ValueError
        If it is no rate, or can be read in two ways.
    """
    match = _RATE.fullmatch(_text(value))
    if match and _is_unit(match[2], value):
        return float(_read(match[1], value) * DAY / _MICROSECONDS[match[2]])
    raise ValueError(f"{_shown(value)} is not a rate, write it such as '1200 per day'")


def parse_share(value: Any) -> float:
    """Return a share such as ``0.1%``, or a number from 0 to 1, as a fraction.

    >>> parse_share("0.1%"), parse_share(0.95)
    (0.001, 0.95)

    Raises
    ------
    ValueError
        If it is no share, or can be read in two ways.
    """
    if match := _SHARE.fullmatch(_text(value)):
        return float(_read(match[1], value, thousands=False) / 100)
    share = _decimal(value, thousands=False)
    if share is None or share < 0:
        raise ValueError(f"{_shown(value)} is not a share, write it such as '0.1%'")
    if share > 1:
        raise ValueError(f"{_shown(value)} is more than the whole, write '{value}%' for per cent")
    return float(share)


def parse_growth(value: Any) -> float:
    """Return a growth such as ``3% per month`` or ``-10% per year``, as the factor per 30 days.

    >>> parse_growth("3% per month")
    1.03

    Raises
    ------
    ValueError
        If it is no growth, can be read in two ways, shrinks by 100 % or more, or has no bounds.
    """
    if match := _GROWTH.fullmatch(_text(value)):
        sign, number, unit = match.groups()
        factor = 1 + (-1 if sign == "-" else 1) * _read(number, value, thousands=False) / 100
        if factor <= 0:
            raise ValueError(f"{_shown(value)} leaves nothing, shrink by less than 100%")
        if _is_unit(unit, value):
            months = Decimal(DAYS_PER_MONTH * DAY) / _MICROSECONDS[unit]
            return float(factor) if months == 1 else _power(float(factor), float(months), value)
    raise ValueError(f"{_shown(value)} is not a growth, write it such as '3% per month'")


def _power(factor: float, months: float, written: str) -> float:
    try:
        grown = float(factor**months)
    except OverflowError:
        grown = 0.0
    if grown == 0:
        raise ValueError(f"{_shown(written)} is beyond all bounds, write it such as '3% per month'")
    return grown


def _decimal(value: Any, thousands: bool = True, whole: bool = False) -> Decimal | None:
    """Return the number that a value is or its text means, or None where it is none."""
    if isinstance(value, str):
        match = _SIGNED.fullmatch(_text(value))
        if not match or (match[3] and not match[2].isdigit()):
            return None
        sign, number, _, exponent = match.groups(default="")
        read = _read(number.replace("_", ""), value, thousands, whole, exponent)
        return Decimal(f"{sign}{read}{exponent}") if exponent else read * (-1 if sign == "-" else 1)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    if isinstance(value, int) and value.bit_length() > 4 * _MOST_DIGITS:
        raise ValueError(f"is too large, write a number of at most {_MOST_DIGITS} digits")
    exact = Decimal(value) if isinstance(value, int) else Decimal(str(value))
    return exact if exact.is_finite() else None


def parse_number(value: Any, thousands: bool = True) -> int | float | Decimal:
    """Return a number that is given as one, or read it from text such as ``2.5`` or ``1,200``.

    >>> parse_number("1,200.50"), parse_number(2.5)
    (Decimal('1200.50'), 2.5)

    Raises
    ------
    ValueError
        If it is no number, or can be read in two ways.
    """
    number = _decimal(value, thousands)
    if number is None:
        raise ValueError(f"{_shown(value)} is not a number, write {_bare(value, thousands)}")
    return value if isinstance(value, int | float) else number


def _bare(value: Any, thousands: bool) -> str:
    """Return the number in a text with a unit that numbers do not take, or an example of one."""
    if match := _SHARE.fullmatch(_text(value)):
        return f"{_read(match[1], value, thousands=False) / 100:f}, which is the same"
    if match := _MONEY.fullmatch(_text(value)):
        number = _read(match[1] or match[2], value, thousands)
        return f"{number:f} without a currency"
    return "one such as 2.5"


def parse_factor(value: Any) -> int | float | Decimal:
    """Return a factor, which has no thousands: ``1.125`` is a decimal.

    >>> parse_factor("1.125")
    Decimal('1.125')

    Raises
    ------
    ValueError
        If it is no number, or can be read in two ways.
    """
    return parse_number(value, thousands=False)


def parse_whole(value: Any) -> int:
    """Return a whole number, also when written as ``94.0`` or ``1,200``.

    >>> parse_whole("94.0"), parse_whole("1,200"), parse_whole(-3)
    (94, 1200, -3)

    Raises
    ------
    ValueError
        If it is no whole number, or can be read in two ways: ``12.000`` is 12 or 12,000.
    """
    number = _decimal(value, whole=True)
    if number is None:
        raise ValueError(f"{_shown(value)} is not a number, write a whole number such as 94")
    if number.adjusted() >= _MOST_DIGITS:
        raise ValueError(f"{_shown(value)} is too large, write a number of fewer digits")
    if number != int(number):
        what = f"is not whole, write a whole number such as {int(number)}"
        raise ValueError(f"{_shown(value)} {what}")
    return int(number)


def parse_count(value: Any) -> int:
    """Return a whole number of 0 or more, at most 2^53.

    >>> parse_count("94.0"), parse_count("1,200")
    (94, 1200)

    Raises
    ------
    ValueError
        If it is no whole number, can be read in two ways, is negative or too large.
    """
    number = parse_whole(value)
    if number < 0:
        raise ValueError(f"{_shown(value)} is negative, write 0 or more")
    if number > _EXACT_COUNT:
        raise ValueError(f"{_shown(value)} is too large, write at most {_EXACT_COUNT}")
    return number


def _written(pattern: str, *examples: str, also: dict[str, Any] | None = None) -> WithJsonSchema:
    text: dict[str, Any] = {"type": "string", "pattern": pattern, "examples": list(examples)}
    return WithJsonSchema({"anyOf": [text, also]} if also else text)


WHOLE = BeforeValidator(parse_whole)
"""Reads an int as people write it; stands after the bounds, so that the schema has them."""

NUMBER = BeforeValidator(parse_number)
"""Reads a float or Decimal where thousands occur."""

FACTOR = BeforeValidator(parse_factor)
"""Reads a float or Decimal where none do."""

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
