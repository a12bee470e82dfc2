"""Schedules as laws: those of the same calls together, in the words of a scenario file."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Flags, Floats
from simulation.fitting.result import REACH, Component, Estimate
from simulation.fitting.runs import Runs
from simulation.fitting.spelling import about_text, span_text
from simulation.quantities import DAY, MINUTE, SECOND

__all__ = ["Found", "laws_of"]

_MANY = 0.2  # of the runs are missed: all of them would be far more calls than the log has
_SOME = 0.05  # of them are, which matters where runs are short and many
_OFTEN = 10  # times a day
_CLOSE = 0.03  # of the calls a day: by so much rounding may change them
_MOST_TIMES = 288  # that a schedule lists: every five minutes
_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_SETS = {
    (True,) * 7: "all",
    (True,) * 5 + (False,) * 2: "weekdays",
    (False,) * 5 + (True,) * 2: "weekends",
}


class Found(NamedTuple):
    """A schedule with one time in its period.

    Attributes
    ----------
    period : int
        From run to run, µs; a day for a time of the local day.
    phase : int
        After local midnight, or after that of the first day for a period, µs.
    days : (7,) bool array
        The weekdays on which it runs.
    runs : Runs
    expected : int
        The runs that there should have been.
    """

    period: int
    phase: int
    days: Flags
    runs: Runs
    expected: int


def laws_of(found: list[Found], grain: int, total: int) -> list[Component]:
    """Return schedules as laws, of cells of a length, µs, of a client's calls in all."""
    return [_component(alike, grain, total) for alike in _gathered(found)]


def _gathered(found: list[Found]) -> list[list[Found]]:
    """Return schedules of the same calls on the same days together: they differ in their times."""
    gathered: dict[tuple[Any, ...], list[Found]] = {}
    for each in found:
        beat = each.phase if each.period < DAY else 0
        alike = (each.period, beat, tuple(each.days.tolist()), each.runs.calls, each.runs.over)
        gathered.setdefault(alike, []).append(each)
    return list(gathered.values())


def _component(found: list[Found], grain: int, total: int) -> Component:
    """Return schedules that differ only in their times, as one law."""
    one = found[0]
    each = np.concatenate([its.runs.each for its in found])
    calls = int(sum(int(its.runs.taken.sum()) for its in found))
    law: dict[str, Any] = {}
    notes = []
    tolerance = max(grain, SECOND, *(its.runs.jitter for its in found))
    off_beat = min(one.phase, one.period - one.phase)
    times = sorted({_readable(phase, tolerance) for its in found for phase in _times(its)})
    if one.period < DAY and (off_beat <= tolerance or len(times) > _MOST_TIMES or DAY % one.period):
        law["every"] = span_text(one.period)
        if off_beat > tolerance:
            notes.append(
                f"its runs come {about_text(one.phase)} after the beat that a scenario counts from "
                "the midnight of its first day"
            )
    else:
        law["at"] = [_time_text(time) for time in times]
    days = _days(one.days)
    if days != "all":
        law["days"] = days
    law["calls"] = one.runs.calls
    if one.runs.over:
        law["over"] = span_text(one.runs.over)
    if one.runs.jitter > grain:
        notes.append(f"nine in ten runs begin within {about_text(one.runs.jitter)}")
    if not all(its.runs.is_same for its in found) and one.runs.besides < 0.2:
        low, high = np.quantile(each, [0.05, 0.95]).tolist()
        notes.append(f"runs make {low:.0f} to {high:.0f} calls (nine in ten)")
    estimates = _estimates(found, each)
    if (missed := estimates["missed"].value) > _SOME:
        so = "it makes more calls than the log has"
        is_often = len(times) >= _OFTEN or one.period * _OFTEN <= DAY
        if (missed > _MANY or is_often) and _thinned(law, one, estimates):
            so = "it is thinned out, so that its calls a day are those of the log"
        notes.append(f"{missed:.0%} of its runs are missed, and no law says so: {so}")
    return Component({"schedule": law}, estimates, calls / total, calls, None, tuple(notes))


def _thinned(law: dict[str, Any], one: Found, estimates: dict[str, Estimate]) -> bool:
    """Make a schedule call as much as it does with the runs that are missed; return whether it can.

    Each run has fewer calls; or where these are too few for that, there are fewer runs.
    """
    wanted: float = estimates["calls"].value * (1 - estimates["missed"].value)
    calls = max(1, round(wanted))
    if abs(calls - wanted) <= _CLOSE * wanted:
        law["calls"] = calls
        return True
    law["calls"] = max(1, round(estimates["calls"].value))
    share = wanted / law["calls"]
    times = law.get("at") or [_time_text(time) for time in range(0, DAY, one.period)]
    if DAY % one.period or len(times) > _MOST_TIMES:
        law["every"] = span_text(round(one.period / share / SECOND) * SECOND)
        return True
    fewer = max(1, round(len(times) * share))
    if fewer < len(times):
        law.pop("every", None)
        law["at"] = [times[number * len(times) // fewer] for number in range(fewer)]
    return bool(fewer < len(times))


def _estimates(found: list[Found], each: Floats) -> dict[str, Estimate]:
    count = len(each)
    error = float(each.std(ddof=1) / np.sqrt(count)) if count > 1 else np.nan
    error = float(np.hypot(error, max(its.runs.error for its in found)))
    reach = REACH * error if count > 1 else np.inf
    mean = float(each.mean())
    if all(its.runs.is_same for its in found):
        mean, error, reach = float(found[0].runs.calls), 0.0, 0.0
    calls = Estimate(mean, error, max(0.0, mean - reach), mean + reach, count, "runs")
    expected = sum(its.expected for its in found)
    took = sum(int(its.runs.took_place.sum()) for its in found)
    missed = max(0.0, 1 - took / expected)
    note = ""
    if any(its.runs.besides >= 0.2 * its.runs.calls for its in found):
        missed, note = np.nan, "what comes besides hides which runs took place"
    # Two failures and two successes more (A. Agresti and B. A. Coull, 1998).
    around = (expected - took + 2) / (expected + 4)
    spread = float(np.sqrt(around * (1 - around) / (expected + 4)))
    low, high = max(0.0, around - REACH * spread), min(1.0, around + REACH * spread)
    if note:
        low, high = 0.0, 1.0
    return {"calls": calls, "missed": Estimate(missed, spread, low, high, expected, "runs", note)}


def _times(found: Found) -> list[int]:
    """Return the times of the day at which a schedule runs, µs after midnight."""
    if DAY % found.period:
        return [found.phase]
    return list(range(found.phase % found.period, DAY, found.period))


def _readable(phase: int, tolerance: int) -> int:
    """Return a time of the day near this one in the longest unit within a tolerance, µs."""
    for unit in (MINUTE, 10 * SECOND, SECOND):
        near = round(phase / unit) * unit
        if abs(near - phase) <= tolerance:
            return near % DAY
    return phase % DAY


def _time_text(time: int) -> str:
    """Return a time of the day.

    >>> _time_text(120 * MINUTE), _time_text(120 * MINUTE + 5 * SECOND)
    ('02:00', '02:00:05')
    """
    shown = (dt.datetime.min + dt.timedelta(microseconds=time // SECOND * SECOND)).time()
    return shown.isoformat("auto" if shown.second else "minutes")


def _days(on: Flags) -> str | list[str]:
    """Return weekdays as a scenario file writes them."""
    named = _DAY_SETS.get(tuple(on.tolist()))
    return named or [name for name, is_on in zip(_DAY_NAMES, on, strict=True) if is_on]
