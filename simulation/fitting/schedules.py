"""Schedules: calls by the clock, at times of the day or every so often, told from all others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Flags, Floats, Ints
from simulation.fitting.cell_loops import in_steps
from simulation.fitting.cells import Cells
from simulation.fitting.hours import LocalClock, weekday_of
from simulation.fitting.phases import Phase, phases_of
from simulation.fitting.result import Component, Estimate
from simulation.fitting.runs import Runs, grown, runs_of
from simulation.fitting.spelling import about_text, span_text
from simulation.quantities import DAY, HOUR, MINUTE, SECOND

__all__ = ["COARSEST", "schedules_of"]

COARSEST = 5 * MINUTE
"""The longest cells in which schedules are looked for."""

_WIDTHS = (SECOND, 10 * SECOND, MINUTE)  # of slots: for runs on the second, and with jitter
_PERIODS = (
    *(SECOND * n for n in (10, 12, 15, 20, 30, 45)),
    *(MINUTE * n for n in (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 24, 30, 36, 40, 45, 48)),
    HOUR,
)  # longer ones are times of the day
_OTHERS = tuple(MINUTE * n for n in range(1, 60))  # that divide no day
_FEW = 1_000_000  # cells in which those are looked for too
_LONGEST_PERIOD = 6 * HOUR  # a day's length is none: times of the day follow the local clock
_NEAR = 30 * MINUTE  # where chance is learnt: a rate that changes by the hour is steady on one side
_MANY = 0.2  # of the runs are missed: all of them would be far more calls than the log has
_MOST_TIMES = 288  # that a schedule lists: every five minutes
_TOGETHER = 2 * MINUTE  # times of the day that lie closer are one run
_LEAST_SLOTS = 10  # of a period
_SHOWN = 1.5  # standard deviations by which a period's phases stand out beyond what is usual
_DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_SETS = {
    (True,) * 7: "all",
    (True,) * 5 + (False,) * 2: "weekdays",
    (False,) * 5 + (True,) * 2: "weekends",
}


class _Found(NamedTuple):
    """A schedule with one time in its period."""

    period: int
    phase: int  # after local midnight, or after that of the first day for a period
    days: Flags
    runs: Runs
    expected: int


def schedules_of(cells: Cells, clock: LocalClock, start: dt.date) -> tuple[list[Component], Cells]:
    """Return the schedules of a client, and the cells without their calls.

    Periods are looked at first, from the shortest on, then times of the day; of each the narrowest
    slots first. In a log without schedules one is found at most as often as
    `simulation.fitting.phases.FALSE_ALARMS` says.

    Parameters
    ----------
    cells : Cells
    clock : LocalClock
    start : date
        From whose midnight the beat of a period is counted.
    """
    if cells.grain > COARSEST or cells.total < 3:
        return [], cells
    total, found = cells.total, list[_Found]()
    origin = clock.midnight(start)
    for each, rest in _periodic(cells, clock, origin):
        found.append(each)
        cells = rest
    for each, rest in _daily(cells, clock):
        found.append(each)
        cells = rest
    components = [_component(alike, cells.grain, total) for alike in _gathered(found)]
    return components, cells


def _shapes(cells: Cells) -> list[tuple[int, int]]:
    """Return widths and offsets of slots: wide ones also begin half a slot later."""
    widths = [width for width in _WIDTHS if width >= cells.grain] or [cells.grain]
    return [
        (w, o) for w in widths for o in ((0, w // 2) if w > cells.grain and w > SECOND else (0,))
    ]


def _seen(cells: Cells, width: int, offset: int) -> Cells:
    """Return cells as long as slots can be made of: fewer are looked through faster."""
    unit = offset or width
    return cells if unit % cells.grain else cells.longer(unit)


def _periodic(cells: Cells, clock: LocalClock, origin: int) -> Iterator[tuple[_Found, Cells]]:
    """Yield each schedule that comes every so often, and the cells that it leaves."""
    for width, offset in _shapes(cells):
        seen = _seen(cells, width, offset)
        folded = _folded(seen, origin, width, offset)
        for period in _candidates(seen, width):
            if not len(cells.at):
                return
            if not _shows(seen, folded, origin, (width, offset), period):
                continue
            slots = period // width
            slot, calls = in_steps(seen.begins - origin + offset, seen.calls, width)
            cycles = np.arange(
                (cells.covered[0][0] - origin) // period,
                -(-(cells.covered[-1][1] - origin) // period),
            )
            starts = origin - offset + cycles * period
            within = _covered(cells, starts, period)
            # The place of each cycle among those that are covered; -1 of one that is not.
            places = np.where(within, np.cumsum(within) - 1, -1)
            first_cycle = int(cycles[0])
            of_all = weekday_of(clock.local(starts + offset) // DAY)
            weekdays = of_all[within]
            counts = np.bincount(weekdays, minlength=7)
            cycle, slot = slot // slots, slot % slots
            its = places[np.clip(cycle - first_cycle, 0, len(places) - 1)]
            known = its >= 0
            phases = phases_of(
                slot[known], weekdays[its[known]], calls[known], slots, counts, _NEAR // width
            )
            for first_one, last_one, days in _joined(
                phases, min(_TOGETHER, period // 4) // width, slots
            ):
                # Also of cycles that the log covers in part, if it covers the run.
                active = starts[days[of_all]] + first_one * width
                gap = min(_TOGETHER, period // 4) // width
                long = (last_one - first_one + 1) * width
                active = active[_covered(cells, active, long)]
                if not len(active):
                    continue
                earlier, long = grown(cells, active, long, width, gap)
                runs = runs_of(cells, active - earlier, long, _pad(width, long))
                if runs is None:
                    continue
                cells = cells.with_calls(cells.calls - runs.taken)
                seen = _seen(cells, width, offset)
                folded = _folded(seen, origin, width, offset)
                phase = (first_one * width - offset - earlier + runs.onset) % period
                yield _Found(period, phase, days, runs, len(active)), cells


def _pad(width: int, long: int) -> int:
    """Return how far beyond a window of slots calls of its run may be, µs."""
    return max(2 * SECOND, width // 2 if width > SECOND else 0, long // 4 if long > MINUTE else 0)


def _covered(cells: Cells, starts: Ints, length: int) -> Flags:
    """Return which stretches lie within what the log covers, (n,), by their middle."""
    begins, ends = np.array(cells.covered, np.int64).T
    middle = starts + length // 2
    its = np.searchsorted(begins, middle, "right") - 1
    within: Flags = (its >= 0) & (middle < ends[its])
    return within


def _candidates(cells: Cells, width: int) -> list[int]:
    """Return the periods that are looked at, rising, µs."""
    others = _OTHERS if len(cells.at) <= _FEW else ()
    found = {*_PERIODS, *others, *_usual_gaps(cells, width)}
    return [
        each
        for each in sorted(found)
        if each % width == 0 and each >= _LEAST_SLOTS * width and 3 * each <= cells.length
    ]


def _folded(cells: Cells, origin: int, width: int, offset: int) -> Ints:
    """Return the calls in each slot of a day, of which those of periods that divide it are sums."""
    if DAY % width:
        return np.zeros(0, np.int64)
    slot = (cells.begins - origin + offset) // width % (DAY // width)
    return np.bincount(slot, cells.calls, DAY // width).astype(np.int64)


def _shows(cells: Cells, folded: Ints, origin: int, shape: tuple[int, int], period: int) -> bool:
    """Return whether the phases of a period differ by more than chance would let them."""
    width, offset = shape
    slots = period // width
    if len(folded) and DAY % period == 0:
        by_phase = folded.reshape(-1, slots).sum(axis=0)
    else:
        slot = (cells.begins - origin + offset) // width % slots
        by_phase = np.bincount(slot, cells.calls, slots).astype(np.int64)
    median = float(np.median(by_phase))
    usual = 1.4826 * float(np.median(np.abs(by_phase - median)))
    usual = max(usual, np.sqrt(max(median, by_phase.mean() / 10)), 1e-9)
    return bool((by_phase.max() - median) / usual > np.sqrt(2 * np.log(slots)) + _SHOWN)


def _usual_gaps(cells: Cells, width: int) -> list[int]:
    """Return the gaps between calls that are most frequent, as multiples of a slot, µs."""
    gaps = np.diff(cells.begins)
    gaps = gaps[(gaps > 2 * width) & (gaps < _LONGEST_PERIOD)]
    if len(gaps) < 8:
        return []
    values, counts = np.unique(np.rint(gaps / width).astype(np.int64), return_counts=True)
    often = np.argsort(counts)[-3:]
    return [int(values[n]) * width for n in often if counts[n] >= 0.1 * len(gaps)]


def _daily(cells: Cells, clock: LocalClock) -> Iterator[tuple[_Found, Cells]]:
    """Yield each schedule at times of the day, and the cells that it leaves."""
    for width, offset in _shapes(cells):
        if not len(cells.at) or DAY % width:
            return
        slots = DAY // width
        seen = _seen(cells, width, offset)
        slot, calls = in_steps(clock.local(seen.begins) + offset, seen.calls, width)
        first, last = cells.covered[0][0], cells.covered[-1][1]
        edges = clock.local(np.array([first, last - 1])) // DAY
        days = np.arange(int(edges[0]), int(edges[1]) + 1)
        midnights = _utc(clock, days * DAY)
        within = _covered(cells, midnights, DAY)
        every, days = days, days[within]
        counts = np.bincount(weekday_of(days), minlength=7)
        known = np.isin(slot // slots, days)
        slot, calls = slot[known], calls[known]
        phases = phases_of(
            slot % slots, weekday_of(slot // slots), calls, slots, counts, _NEAR // width
        )
        for first_one, last_one, on in _joined(phases, _TOGETHER // width, slots):
            active = every[on[weekday_of(every)]] * DAY + first_one * width - offset
            starts = _utc(clock, active)
            long = (last_one - first_one + 1) * width
            starts = starts[_covered(cells, starts, long)]
            if not len(starts):
                continue
            earlier, long = grown(cells, starts, long, width, _TOGETHER // width)
            runs = runs_of(cells, starts - earlier, long, _pad(width, long))
            if runs is None:
                continue
            cells = cells.with_calls(cells.calls - runs.taken)
            phase = (first_one * width - offset - earlier + runs.onset) % DAY
            yield _Found(DAY, phase, on, runs, len(starts)), cells


def _utc(clock: LocalClock, local: Ints) -> Ints:
    """Return when the local clock shows times, (n,), µs since 1970-01-01 UTC."""
    guess = local - (clock.local(local) - local)
    moments: Ints = local - (clock.local(guess) - guess)
    return moments


def _joined(phases: list[Phase], gap: int, slots: int) -> list[tuple[int, int, Flags]]:
    """Return runs of slots that lie close and share a weekday: first, last, and their weekdays.

    A weekday counts if it is one of most of the slots.
    """
    joined: list[list[Phase]] = []
    for phase in phases:
        near = joined and phase.slot - joined[-1][-1].slot <= max(gap, 1)
        if near and (phase.days & joined[-1][-1].days).any():
            joined[-1].append(phase)
        else:
            joined.append([phase])
    if len(joined) > 1 and joined[0][0].slot + slots - joined[-1][-1].slot <= 1:
        # A run with jitter lies on both sides of midnight, or of the turn of a period.
        before = [phase._replace(slot=phase.slot - slots) for phase in joined.pop()]
        joined[0] = before + joined[0]
    return [
        (its[0].slot, its[-1].slot, np.mean([phase.days for phase in its], axis=0) >= 0.5)
        for its in joined
    ]


def _gathered(found: list[_Found]) -> list[list[_Found]]:
    """Return schedules of the same calls on the same days together: they differ in their times."""
    gathered: dict[tuple[Any, ...], list[_Found]] = {}
    for each in found:
        beat = each.phase if each.period < DAY else 0
        alike = (each.period, beat, tuple(each.days.tolist()), each.runs.calls, each.runs.over)
        gathered.setdefault(alike, []).append(each)
    return list(gathered.values())


def _component(found: list[_Found], grain: int, total: int) -> Component:
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
    if estimates["missed"].value > _MANY and _thinned(law, one, estimates):
        missed = estimates["missed"].value
        notes.append(
            f"{missed:.0%} of its runs are missed, and no law says so: it is thinned out, so that "
            "its calls a day are those of the log"
        )
    return Component({"schedule": law}, estimates, calls / total, calls, None, tuple(notes))


def _thinned(law: dict[str, Any], one: _Found, estimates: dict[str, Estimate]) -> bool:
    """Make a schedule call as much as it does with the runs that are missed; return whether it can.

    Each run has fewer calls; or where that would be none, it comes less often.
    """
    took = 1 - estimates["missed"].value
    calls = estimates["calls"].value * took
    if calls >= 1:
        law["calls"] = round(calls)
    elif "every" in law:
        law["calls"], law["every"] = 1, span_text(round(one.period / calls / SECOND) * SECOND)
    elif (fewer := round(len(law["at"]) * calls)) >= 1:
        law["calls"] = 1
        law["at"] = [law["at"][number * len(law["at"]) // fewer] for number in range(fewer)]
    else:
        return False
    return True


def _estimates(found: list[_Found], each: Floats) -> dict[str, Estimate]:
    count = len(each)
    error = float(each.std(ddof=1) / np.sqrt(count)) if count > 1 else np.nan
    error = float(np.hypot(error, max(its.runs.error for its in found)))
    reach = 1.96 * error if count > 1 else np.inf
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
    low, high = max(0.0, around - 1.96 * spread), min(1.0, around + 1.96 * spread)
    if note:
        low, high = 0.0, 1.0
    return {"calls": calls, "missed": Estimate(missed, spread, low, high, expected, "runs", note)}


def _times(found: _Found) -> list[int]:
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

    >>> _time_text(2 * HOUR), _time_text(2 * HOUR + 5 * SECOND)
    ('02:00', '02:00:05')
    """
    shown = (dt.datetime.min + dt.timedelta(microseconds=time // SECOND * SECOND)).time()
    return shown.isoformat("auto" if shown.second else "minutes")


def _days(on: Flags) -> str | list[str]:
    """Return weekdays as a scenario file writes them."""
    named = _DAY_SETS.get(tuple(on.tolist()))
    return named or [name for name, is_on in zip(_DAY_NAMES, on, strict=True) if is_on]
