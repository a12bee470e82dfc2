"""Numbers that YAML cuts at a comma, inside {…} and […], where commas part the values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import yaml

__all__ = ["cut_in_list", "cut_in_mapping"]

_NUMBER = re.compile(r"([-+]?)([0-9]+(?:,[0-9]+)*)(.*)", re.DOTALL)
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_ENDS = re.compile(r"[-+]?[0-9]+").fullmatch
_BEGINS = re.compile(r"[0-9]+(?!\s*[:-])(?:\s*[%a-zA-Zµ/].*)?").fullmatch


def _whole(text: str) -> list[str]:
    """Return the readings of a number, with the text after it, if its commas belong to it.

    >>> _whole("2,5 per hour"), _whole("1,000"), _whole("0,125"), _whole("1,250,000")
    (['2.5 per hour', '25 per hour'], ['1', '1000'], ['0.125'], ['1250000'])
    """
    found = _NUMBER.fullmatch(text)
    if not found:
        return []
    sign, number, rest = found.groups()
    grouped = _THOUSANDS.fullmatch(number)
    joined = number.replace(",", "").lstrip("0") or "0"
    if number.count(",") > 1:
        return [f"{sign}{joined}{rest}"] if grouped else []
    first = number.replace(",", ".").rstrip("0").rstrip(".")
    if grouped and re.search(r"\.[0-9]{3}$", first):
        first += "0"  # 1.125 may be thousands as well
    return [f"{sign}{each}{rest}" for each in ([first] if number[0] == "0" else [first, joined])]


def _is_scalar(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent)


def _stand_close(before: Any, after: Any) -> bool:
    """Return whether two values are cut from text such as ``1,5``, without quotes or blanks."""
    return (
        _is_scalar(before)
        and _is_scalar(after)
        and before.implicit[0]
        and after.implicit[0]
        and after.start_mark.index == before.end_mark.index + 1
        and re.search(r"[0-9]$", before.value) is not None
        and re.match(r"[0-9]", after.value) is not None
    )


def cut_in_mapping(before: Any, key: Any, value: Any) -> str:
    """Return what is wrong where a number is cut, as in ``{rate: 2,5 per hour}``, or nothing.

    Parameters
    ----------
    before, key, value : yaml.Event
        A value of a mapping inside of braces, and the key and value that follow it.
    """
    if not _is_scalar(value) or value.value or not _stand_close(before, key):
        return ""
    text = f"{before.value},{key.value}"
    right = " or ".join(_whole(text)) or f"{text!r}, in quotes"
    return f"{text!r} is cut at its comma inside {{…}}, write {right}"


def cut_in_list(events: Sequence[Any]) -> str:
    """Return what is wrong where values may be one number, as in ``[1,5, 2]``, or nothing.

    In a list whose commas have no blank behind them, every comma parts two values.

    Parameters
    ----------
    events : sequence of yaml.Event
        The first of each value of a list inside of brackets.
    """
    on_one_line = [
        (one, other)
        for one, other in pairwise(events)
        if _is_scalar(one) and one.end_mark.line == other.start_mark.line
    ]
    if all(other.start_mark.index == one.end_mark.index + 1 for one, other in on_one_line):
        return ""
    for one, other in on_one_line:
        if _stand_close(one, other) and _ENDS(one.value) and _BEGINS(other.value):
            text = f"{one.value},{other.value}"
            has_thousands = re.match(r"[0-9]{3}(?![0-9])", other.value)
            numbers = _whole(text) if has_thousands else _whole(text)[:1]
            read = " or as ".join(["two values", *numbers])
            right = " or ".join([f"'{one.value}, {other.value}'", *numbers])
            return f"{text!r} can be read as {read}, write {right}"
    return ""
