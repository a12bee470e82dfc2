"""Figures in words: numbers, shares, money, durations, and lists of names."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from math import ceil

from simulation.quantities import DAY, DAYS_PER_MONTH, write_duration

__all__ = [
    "counted",
    "dollars",
    "exact",
    "exact_percent",
    "in_words",
    "listed",
    "money",
    "number",
    "percent",
    "period",
    "plural",
    "say_duration",
    "say_number",
]


_PERIODS = {DAY: "day", 7 * DAY: "week", DAYS_PER_MONTH * DAY: "month", 365 * DAY: "year"}


def number(value: float) -> str:
    """Return a number as text, with the digits that matter.

    >>> number(48012.4), number(3.14159), number(0.0), number(0.004)
    ('48,012', '3.1', '0', '0.004')
    """
    if value == 0 or value >= 100 or (value >= 1 and value == int(value)):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def percent(share: float) -> str:
    """Return a share as text, in per cent.

    >>> percent(0.71), percent(0.0123), percent(0.00001), percent(1.0)
    ('71 %', '1.2 %', '0.001 %', '100 %')
    >>> percent(0.995), percent(0.9999)
    ('99.5 %', '99.99 %')
    """
    per_cent = share * 100
    if 99 < per_cent < 100:  # the rest to 100 matters, so its digits are kept
        return f"{100 - max(0.001, float(f'{100 - per_cent:.1g}')):.6g} %"
    if 0 < per_cent < 0.001:
        return "<0.001 %"
    if per_cent >= 9.95 or per_cent == 0:
        return f"{per_cent:.0f} %"
    return f"{per_cent:.2g} %"


def exact(value: float) -> str:
    """Return a number as text, with the digits that it was written with.

    >>> exact(48000.0), exact(2.5), exact(0.1 + 0.2)
    ('48,000', '2.5', '0.3')
    """
    return f"{value:,.12g}"


def exact_percent(share: float) -> str:
    """Return a share as text, in per cent, with the digits that it was written with.

    >>> exact_percent(0.001), exact_percent(0.95)
    ('0.1 %', '95 %')
    """
    return f"{exact(100 * share)} %"


def period(counted: int) -> str:
    """Return a name for the time that the statistics of a run are over.

    >>> period(30 * DAY), period(10 * DAY)
    ('month', 'run of 10 days')
    """
    return _PERIODS.get(counted) or f"run of {write_duration(counted)}"


def plural(name: str) -> str:
    """Return the plural of a name that `period` returns."""
    first, *rest = name.split(" ")
    return " ".join([first + "s", *rest])


def listed(names: Iterable[str], word: str = "and") -> str:
    """Return names joined by commas and a word.

    >>> listed(["a", "b", "c"]), listed(["a", "b"], "or"), listed(["a"])
    ('a, b and c', 'a or b', 'a')
    """
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def say_duration(seconds: float) -> str:
    """Return a duration as text, in its largest unit.

    >>> say_duration(4.2), say_duration(600), say_duration(9000)
    ('4.2 seconds', '10 minutes', '2.5 hours')
    """
    if seconds >= 3600:
        return f"{number(seconds / 3600)} hours"
    return f"{number(seconds / 60)} minutes" if seconds >= 60 else f"{number(seconds)} seconds"


def dollars(amount: Decimal | float) -> str:
    """Return an amount in $ as text, with cents.

    >>> dollars(Decimal("1234.5")), dollars(-3.0)
    ('$1,234.50', '-$3.00')
    """
    return f"{'-' if amount < 0 else ''}${abs(amount):,.2f}"


def say_number(value: float) -> str:
    """Return a difference as text, with its sign.

    >>> say_number(-3.2), say_number(12.0)
    ('-3.2', '+12')
    """
    return f"{'-' if value < 0 else '+'}{number(abs(value))}"


def money(dollars: Decimal) -> str:
    """Return a price as text, in full.

    >>> money(Decimal("1234.50")), money(Decimal("0.012"))
    ('$1,234.50', '$0.012')
    """
    return f"${dollars:,}"


def in_words(seconds: float) -> str:
    """Return a duration as text, rounded as people say it.

    >>> in_words(4.2), in_words(75), in_words(600), in_words(9000)
    ('about 5 seconds', 'about 75 seconds', 'about 10 minutes', 'about 2.5 hours')
    """
    if seconds < 90:
        count = max(1, ceil(seconds))
        return f"about {counted(count, 'second')}"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"


def counted(count: int, name: str) -> str:
    """Return a number of things as text.

    >>> counted(1, "org"), counted(1200, "license")
    ('1 org', '1,200 licenses')
    """
    return f"{count:,} {name}{'' if count == 1 else 's'}"
