"""Counts of calls, as tables and records write them."""

from __future__ import annotations

import re

from simulation.bounds import MOST_CALLS_A_DAY

__all__ = ["count_in", "is_count", "wrong_count"]

is_count = re.compile(r"\s*\d{1,3}(?:[ ,.']?\d{3})*(?:\.0+)?\s*").fullmatch
"""Whether a text is a whole number, perhaps with marks between thousands."""


def count_in(text: str) -> int:
    """Return the number that a text is of which `is_count` says that it is one.

    >>> count_in("1,234"), count_in("17.0"), count_in("1.234")
    (1234, 17, 1234)
    """
    digits = re.sub(r"[ ,']", "", text.strip())
    if re.fullmatch(r"\d+\.0+", digits):
        digits = digits.partition(".")[0]
    return int(digits.replace(".", "") or 0)


def wrong_count(text: str) -> str:
    """Return why a text counts no calls, as the reason for leaving it out; empty where it does."""
    if not is_count(text):
        return "a count that is not a whole number"
    if count_in(text) > MOST_CALLS_A_DAY:
        return f"a count of more than {MOST_CALLS_A_DAY:,} calls"
    return ""
