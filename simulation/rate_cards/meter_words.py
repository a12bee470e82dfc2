"""Meters in words: how much, in which time, of whom, of which calls, and when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulation.formats import listed
from simulation.paces import pace_in_words
from simulation.quantities import write_duration

if TYPE_CHECKING:
    from simulation.rate_cards.meters import Meter

__all__ = [
    "applies_in_words",
    "gives_back_in_words",
    "meter_in_words",
    "size_in_words",
    "unit_of",
    "window_in_words",
]

_EACH = {"hour": "an hour", "day": "a day", "month": "a month"}
_MOST_NAMED = 2


def window_in_words(window: int) -> str:
    """Return a window as people call it: ``24 hours``, not ``1 day``."""
    return write_duration(window).replace("1 day", "24 hours")


def unit_of(meter: Meter) -> str:
    """Return what a meter counts: ``credits`` or ``calls``."""
    return "credits" if meter.counts_credits else "calls"


def size_in_words(meter: Meter, size: int, edition: str, window: int) -> str:
    """Return a size of a meter in a few words, such as ``5,000 credits per 24 hours``."""
    amount = f"{size:,} {unit_of(meter)}"
    if meter.kind == "rolling":
        return f"{amount} per {window_in_words(_window(meter, window))}"
    if meter.resets is not None:
        return f"{amount} {_EACH[meter.resets.every]}"
    if meter.kind == "bucket":
        return f"a bucket of {amount}, {pace_in_words(meter.refill_for(edition))} back"
    return f"{amount} at once"


def meter_in_words(meter: Meter, size: int | None, edition: str, window: int) -> str:
    """Return what a meter allows an edition; None is the size of a pool that is not known."""
    amount = f"the limit, in {unit_of(meter)}," if size is None else f"{size:,} {unit_of(meter)}"
    if meter.kind == "rolling":
        each = window_in_words(_window(meter, window)).removeprefix("1 ")
        said = f"{amount} in any {each}"
    elif meter.resets is not None:
        said = f"{amount} {_EACH[meter.resets.every]}, back {meter.resets.in_words()}"
    elif meter.kind == "bucket":
        pace = pace_in_words(meter.refill_for(edition))
        said = f"{amount} in a bucket that refills by {pace}"
    else:
        said = f"{amount} at once"
    return f"{said}{_of_whom(meter)}{applies_in_words(meter, _MOST_NAMED)}"


def _of_whom(meter: Meter) -> str:
    if meter.is_pool:
        return ""
    return {
        "org": " for the org",
        "client": " for each client",
        "group": " for each group of clients",
    }[meter.scope]


def applies_in_words(meter: Meter, most: int | None = None) -> str:
    """Return which calls it counts, as an addition; empty where it counts all.

    More kinds than ``most`` are not named but counted.
    """
    if not meter.applies_to:
        return ""
    kinds = []
    for each in meter.applies_to:
        which = each.api or "any call"
        more = "" if each.more_than is None else f" of more than {each.more_than:,} records"
        kinds.append(which + more)
    if most is not None and len(kinds) > most:
        return f", in {len(kinds)} kinds of call"
    return f", in {listed(kinds)}"


def gives_back_in_words(meter: Meter, edition: str, window: int) -> str:
    """Return when a meter gives back what was taken."""
    if meter.kind == "rolling":
        return f"{window_in_words(_window(meter, window))} after it was taken"
    if meter.resets is not None:
        return f"all of it {meter.resets.in_words()}"
    if meter.kind == "bucket":
        return f"{pace_in_words(meter.refill_for(edition))}, up to its size"
    return "when the call ends"


def _window(meter: Meter, window: int) -> int:
    return window if meter.is_pool or meter.window is None else meter.window
