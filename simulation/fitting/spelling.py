"""Numbers as a scenario file writes them, so that each can be read in one way alone."""

from __future__ import annotations

from simulation.quantities import DAY, HOUR, MINUTE, SECOND

__all__ = [
    "about_text",
    "growth_text",
    "number_text",
    "rate_text",
    "share_text",
    "span_text",
    "weight",
]

_STEPS = ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes"), (SECOND, "s"), (1000, "ms"))


def number_text(value: float, digits: int = 6) -> str:
    """Return a number of so many digits, never with a dot before three of them.

    >>> number_text(120.125), number_text(1234567.5, 9), number_text(0.00001234)
    ('120.1250', '1234567.5', '0.00001234')
    """
    rounded = float(f"{value:.{digits}g}")
    text = f"{rounded:.20f}".rstrip("0").rstrip(".") if abs(rounded) < 1e15 else f"{rounded:.0f}"
    plain = f"{rounded:.{digits}g}"
    text = plain if "e" not in plain else text
    whole, _, part = text.partition(".")
    return f"{whole}.{part}0" if len(part) == 3 else text


def rate_text(per_day: float) -> str:
    """Return a rate.

    >>> rate_text(1200)
    '1200 per day'
    """
    return f"{number_text(per_day)} per day"


def share_text(share: float) -> str:
    """Return a share.

    >>> share_text(0.1524)
    '15.24%'
    """
    return f"{number_text(100 * share, 4)}%"


def growth_text(factor: float) -> str:
    """Return a growth.

    >>> growth_text(1.034), growth_text(0.95)
    ('3.4% per month', '-5% per month')
    """
    return f"{number_text(100 * (factor - 1), 4)}% per month"


def span_text(microseconds: int) -> str:
    """Return a span of time in its largest whole unit, or in seconds to the µs.

    >>> span_text(900_000_000), span_text(200_000), span_text(86_400_000_000), span_text(0)
    ('15 minutes', '200 ms', '1 day', '0')
    >>> span_text(5_555_556), span_text(308_641_975), span_text(999)
    ('5.555556 s', '308.641975 s', '999 us')
    """
    for size, unit in _STEPS:
        if microseconds and microseconds % size == 0:
            count = microseconds // size
            return f"{count} {unit.removesuffix('s') if count == 1 and len(unit) > 2 else unit}"
    if microseconds >= SECOND:
        return f"{number_text(microseconds / SECOND, 15)} s"
    return f"{microseconds} us" if microseconds else "0"


def about_text(microseconds: float) -> str:
    """Return a span of time to three digits, for a reader: a scenario file has `span_text`.

    >>> about_text(60_123_456), about_text(499_870), about_text(900_000_000), about_text(0)
    ('60.1 s', '500 ms', '15 minutes', '0')
    """
    if microseconds < 1:
        return "0"
    for size, unit in _STEPS:
        # 90 s and 36 hours are as readable as larger units, and 7.5 minutes more than 450 s.
        if microseconds >= (2 * size if size >= MINUTE else size):
            count = number_text(microseconds / size, 3)
            return f"{count} {unit.removesuffix('s') if count == '1' and len(unit) > 2 else unit}"
    return f"{microseconds:.3g} us"


def weight(value: float) -> float:
    """Return a weight of an hour, rounded to what a file shows.

    >>> weight(1.23456), weight(0.0123456), weight(0)
    (1.23, 0.0123, 0.0)
    """
    if value >= 0.1:
        return round(value, 2)
    return float(f"{value:.3g}") if value >= 1e-6 else 0.0
