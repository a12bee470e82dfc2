"""Hypothesis strategies: scenario files that were broken, by hand or by a program.

They start from the files that ship, so that most of a file is right and what is wrong is met
deep inside. Half of them change the data, half the text.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import strategies as st

from simulation.formats.documents import Document
from tests.helpers import SCENARIOS

__all__ = ["hostile_data", "hostile_texts"]

Path = tuple[Any, ...]

_NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2**31, 2**53, 2**62, 2**63, 2**64, 10**20, 10**400, -(2**63)]),
    st.sampled_from([0.5, -0.0, 1e-309, 5e-324, 1e308, -1e308, math.inf, -math.inf, math.nan]),
    st.integers(),
    st.floats(),
)
_WORDS = st.sampled_from(
    [
        *("", " ", "null", "drop", "retry", "other", "flat", "free", "all", "mon", "kaizen-34"),
        *(
            "fixed",
            "[key]",
            "name",
            "poisson",
            "0",
            "1",
            "-1",
            "1e308",
            "inf",
            "nan",
            "NaN",
            "0x10",
        ),
        *(
            "5 per day",
            "0 per day",
            "99999999999 per day",
            "1e9 per day",
            "1 per year",
            "3 a fortnight",
        ),
        *("1 us", "30 days", "9999999 years", "-1 day", "1 day 1", "0 s", "1 month"),
        *(
            "100%",
            "150%",
            "0%",
            "-3%",
            "1000000%",
            "3% per month",
            "100% per second",
            "-99% per us",
        ),
        *("2026-01-05", "0001-01-01", "9999-12-31", "2026-02-30", "2026-03-29 02:30", "2026-W02-1"),
        *(
            "00:00",
            "24:00",
            "2:00",
            "6pm",
            "02:00+01:00",
            "UTC",
            "localtime",
            "Pacific/Apia",
            "Berlin",
        ),
        *(
            "a\u0308",
            "\u00e4",
            "\ufb01",
            "\u200b",
            "\x1b[31m",
            "=1+1",
            "../x",
            "none.yaml",
            "none.csv",
        ),
    ]
)
_DATES = st.dates().map(str)
_SCALARS = st.one_of(st.none(), st.booleans(), _NUMBERS, _WORDS, _DATES, st.text(max_size=12))
_KEYS = st.one_of(_WORDS, st.integers(-2, 200), st.booleans(), st.text(max_size=4))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=4,
)


_DURATIONS = ["1 us", "3 days", "20 years", "9999999 years", 0, "0 s", -1]
_SHARES = [0, 1, "100%", "150%", "0%", "1000000%", 1e-309, "0.0000001%", 5e-324, 0.5]
_COUNTS = [0, 1, 10**7, 10**12, 2**53, 2**63 - 1, 2**63, 10**30, -1, True]
_FACTORS = [0, 1, 1e-309, 1e300, 1e308, 1e400, "1e999", 1.0000001, 10**400, "300%", False]
_EVENTS = [
    {"date": day, "factor": factor} for day in ("2026-01-06", "2016-01-06") for factor in (0, 1e300)
]
_BY_KEY: dict[str, list[Any]] = {
    "rate": ["0 per day", "100000000 per day", "99999999 per us", "0.0001 per year", "5 per day"],
    "growth": ["100% per second", "-99.9% per us", "900% per month", "1% per us", "0% per year"],
    "daily_variation": _SHARES,
    "profile": [
        [1e308] * 24,
        [0] * 23 + [1],
        [10**400] * 24,
        [1e-320] * 168,
        [True] * 24,
        [0] * 24,
    ],
    "events": [_EVENTS, _EVENTS[:1], _EVENTS[1:2], _EVENTS[:1] * 2, []],
    "at": [["00:00", "00:00"], ["23:59:59.999999"], ["6pm"], [7200], []],
    "days": [[], ["2016-01-06"], ["2062-01-06"], ["mon", "monday"], "weekends", [0]],
    "every": _DURATIONS,
    "over": _DURATIONS,
    "first": _DURATIONS,
    "max_delay": _DURATIONS,
    "horizon": _DURATIONS,
    "warmup": _DURATIONS,
    "factor": _FACTORS,
    "weight": _FACTORS,
    "cost_of_lost_call": _FACTORS,
    "records": [
        *_COUNTS,
        *({"uniform": [1, most]} for most in _COUNTS),
        *({"poisson": mean} for mean in _FACTORS),
        *({"choices": {1: weight, 2: weight}} for weight in _FACTORS),
        {"choices": [1, 2, 1]},
    ],
    "max_attempts": _COUNTS,
    "seed": _COUNTS,
    "replications": _COUNTS,
    "user_licenses": _COUNTS,
    "addon_credits": _COUNTS,
    "throttled_share": _SHARES,
    "probability": _SHARES,
    "retry": [None, {}, "drop"],
    "start": ["2026-03-29 02:30", "2026-10-25 02:30", "0001-01-01", "9999-12-31", 20260105],
    "timezone": ["localtime", "Pacific/Apia", "Europe/Berlin", "berlin", "America/New_York"],
}
"""For each key, values of its own form that are at the edge of sense, or beyond it."""


@st.composite
def _near(draw: st.DrawFn, key: Any) -> Any:
    if key in _BY_KEY and draw(st.integers(0, 3)):
        return copy.deepcopy(draw(st.sampled_from(_BY_KEY[key])))
    return draw(_VALUES)


def _places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every value in nested data."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


def _double(draw: st.DrawFn, holder: Any, last: Any) -> None:
    again = copy.deepcopy(holder[last])
    if isinstance(holder, list):
        holder.append(again)
    else:
        holder[draw(_KEYS)] = again


def _add(draw: st.DrawFn, holder: Any, last: Any) -> None:
    inner = holder[last]
    if isinstance(inner, dict):
        key = draw(st.one_of(st.sampled_from(sorted(_BY_KEY)), _KEYS))
        inner[key] = draw(_near(key))
    elif isinstance(inner, list):
        inner.append(draw(_VALUES))


def _rename(draw: st.DrawFn, holder: Any, last: Any) -> None:
    if isinstance(holder, dict):
        holder[draw(_KEYS)] = holder.pop(last)


def _break(draw: st.DrawFn, data: Any) -> None:
    """Do one thing to nested data that a slip, or malice, would do."""
    places = sorted(_places(data), key=str)
    edges = [path for path in places if path[-1] in _BY_KEY]
    if draw(st.booleans()) and edges:
        places = edges
    path = draw(st.sampled_from(places))
    holder, last = _at(data, path[:-1]), path[-1]
    kinds: list[Any] = ["replace", "replace", "drop", "swap", _double, _rename, _add]
    how = draw(st.sampled_from(kinds))
    if how == "replace":
        holder[last] = draw(_near(last))
    elif how == "drop":
        del holder[last]
    elif how == "swap":
        holder[last] = copy.deepcopy(_at(data, draw(st.sampled_from(places))))
    else:
        how(draw, holder, last)


_SHIPPED = [Document.read(path).data for path in SCENARIOS]
_TEXTS = [path.read_text(encoding="utf-8") for path in SCENARIOS]


@st.composite
def hostile_data(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the data of a shipped scenario with one to four things broken."""
    data: dict[str, Any] = copy.deepcopy(draw(st.sampled_from(_SHIPPED)))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        _break(draw, data)
    return data


@st.composite
def hostile_texts(draw: st.DrawFn) -> str:
    """Draw the text of a scenario file: broken data written out, or a shipped text broken."""
    if draw(st.booleans()):
        return yaml.safe_dump(draw(hostile_data()), allow_unicode=True, sort_keys=False)
    text: str = draw(st.sampled_from(_TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(
            st.one_of(
                st.just(""),
                st.just(text[start:end] * 2),
                st.text("\t :-,.[]{}#&*!|>%@'\"\n0123456789eE", max_size=4),
                st.text(max_size=4),
                _SCALARS.map(str),
            )
        )
        text = text[:start] + piece + text[end:]
    return text
