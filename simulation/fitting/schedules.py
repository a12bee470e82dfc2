"""Schedules: calls by the clock, at times of the day or every so often, told from all others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.fitting.cells import Cells
from simulation.fitting.cycles import Cycles, Shape, covered
from simulation.fitting.hours import LocalClock
from simulation.fitting.phases import Phase, phases_of
from simulation.fitting.result import Component
from simulation.fitting.runs import grown, runs_of
from simulation.fitting.schedule_laws import Found, laws_of
from simulation.quantities import DAY, HOUR, MINUTE, SECOND

__all__ = ["COARSEST", "schedules_of"]

COARSEST = 5 * MINUTE
"""The longest cells in which schedules are looked for."""

_WIDTHS = (SECOND, 10 * SECOND, MINUTE, 5 * MINUTE)
"""Of slots: for runs on the second, with jitter, and of many minutes."""
_PERIODS = (
    *(SECOND * n for n in (10, 12, 15, 20, 30, 45)),
    *(MINUTE * n for n in (1, 2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16, 18, 20, 24, 30, 36, 40, 45, 48)),
    HOUR,
)  # longer ones are times of the day
_OTHERS = tuple(MINUTE * n for n in range(1, 60))  # that divide no day
_FEW = 1_000_000  # cells in which those are looked for even if few gaps are as long
_LONGEST_PERIOD = 6 * HOUR  # a day's length is none: times of the day follow the local clock
_NEAR = 30 * MINUTE  # where chance is learnt: a rate that changes by the hour is steady on one side
_TOGETHER = 2 * MINUTE  # times of the day that lie closer are one run
_LEAST_SLOTS = 10  # of a period
_SHOWN = 1.5  # standard deviations by which a period's phases stand out beyond what is usual


def schedules_of(cells: Cells, clock: LocalClock, start: dt.date) -> tuple[list[Component], Cells]:
    """Return the schedules of a client, and the cells without their calls.

    Periods are looked at from the shortest on, in all widths of slots, and times of the day last:
    the simplest schedule that tells calls takes them, and a poll with some jitter is no set of
    rarer ones. In a log without schedules one is found at most as often as
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
    total, found = cells.total, list[Found]()
    for each, rest in _search(cells, clock, clock.midnight(start)):
        found.append(each)
        cells = rest
    return laws_of(found, cells.grain, total), cells


def _search(cells: Cells, clock: LocalClock, origin: int) -> Iterator[tuple[Found, Cells]]:
    """Yield each schedule, and the cells that it leaves."""
    shapes = _shapes(cells)
    looks = [_Look(cells, origin, shape) for shape in shapes]
    periods = _candidates(looks)
    while periods:
        period, *periods = periods
        for number, shape in enumerate(shapes):
            if not len(cells.at):
                return
            if not looks[number].shows(period):
                continue
            cycles = Cycles(cells, clock, origin, period, shape)
            for found, rest in _taken(cells, looks[number].seen, cycles):
                yield found, rest
                cells = rest
            if cells is not looks[number].cells:
                looks = [_Look(cells, origin, each) for each in shapes]
                # Gaps between what is left may show a period that was hidden.
                periods = [each for each in _candidates(looks) if each > period]


def _shapes(cells: Cells) -> list[Shape]:
    """Return widths and offsets of slots: wide ones also begin half a slot later."""
    widths = [width for width in _WIDTHS if width >= cells.grain] or [cells.grain]
    return [
        Shape(w, o)
        for w in widths
        for o in ((0, w // 2) if w > cells.grain and w > SECOND else (0,))
    ]


class _Look:
    """Cells as slots of a shape see them: which periods show in them."""

    def __init__(self, cells: Cells, origin: int, shape: Shape) -> None:
        self.cells, self.shape, self._origin = cells, shape, origin

    @cached_property
    def seen(self) -> Cells:
        """The cells, as long as slots can be made of."""
        return self.shape.seen(self.cells)

    @cached_property
    def _of_day(self) -> Ints:
        """The calls in each slot of a day, of which those of periods that divide it are sums."""
        return self._folded(DAY // self.shape.width)

    def _folded(self, slots: int) -> Ints:
        width, offset = self.shape
        slot = (self.seen.begins - self._origin + offset) // width % slots
        return np.bincount(slot, self.seen.calls, slots).astype(np.int64)

    def fits(self, period: int) -> bool:
        """Return whether a period has slots, the log covers some of it, and looking is not slow."""
        width = self.shape.width
        if period % width or period < _LEAST_SLOTS * width or 3 * period > self.cells.length:
            return False
        return not DAY % period or len(self.seen.at) <= _FEW or period in self.usual_gaps

    def shows(self, period: int) -> bool:
        """Return whether the phases of a period differ by more than chance would let them.

        A day is looked at in any case: its calls follow the local clock.
        """
        width = self.shape.width
        if period == DAY:
            return DAY % width == 0
        if not self.fits(period):
            return False
        slots = period // width
        if DAY % width or DAY % period:
            by_phase = self._folded(slots)
        else:
            by_phase = self._of_day.reshape(-1, slots).sum(axis=0)
        median = float(np.median(by_phase))
        usual = 1.4826 * float(np.median(np.abs(by_phase - median)))
        usual = max(usual, np.sqrt(max(median, by_phase.mean() / 10)), 1e-9)
        return bool((by_phase.max() - median) / usual > np.sqrt(2 * np.log(slots)) + _SHOWN)

    @cached_property
    def usual_gaps(self) -> list[int]:
        """The gaps between calls that are most frequent, as multiples of a slot, µs."""
        width = self.shape.width
        gaps = np.diff(self.seen.begins)
        gaps = gaps[(gaps > 2 * width) & (gaps < _LONGEST_PERIOD)]
        if len(gaps) < 8:
            return []
        values, counts = np.unique(np.rint(gaps / width).astype(np.int64), return_counts=True)
        often = np.argsort(counts)[-3:]
        return [int(values[n]) * width for n in often if counts[n] >= 0.1 * len(gaps)]


def _candidates(looks: list[_Look]) -> list[int]:
    """Return the periods that are looked at, rising, µs; a day is the last."""
    found = {*_PERIODS, *_OTHERS, *(gap for look in looks for gap in look.usual_gaps)}
    fit = [each for each in sorted(found) if any(look.fits(each) for look in looks)]
    return [*fit, DAY]


def _taken(cells: Cells, seen: Cells, cycles: Cycles) -> Iterator[tuple[Found, Cells]]:
    """Yield each schedule that comes once in a cycle, and the cells that it leaves."""
    (width, offset), period = cycles.shape, cycles.period
    phases = phases_of(*cycles.counted(seen), cycles.slots, cycles.weekdays, _NEAR // width)
    gap = max(1, min(_TOGETHER, period // 4) // width)
    for first, last, days in _joined(phases, gap, cycles.slots):
        # Also in cycles that the log covers in part, if it covers the run.
        starts, long = cycles.starts(first, days), (last - first + 1) * width
        starts = starts[covered(cells, starts, long)]
        if not len(starts):
            continue
        earlier, long = grown(cells, starts, long, width, gap)
        runs = runs_of(cells, starts - earlier, long, _pad(width, long))
        if runs is None:
            continue
        cells = cells.with_calls(cells.calls - runs.taken)
        phase = (first * width - offset - earlier + runs.onset) % period
        yield Found(period, phase, days, runs, len(starts)), cells


def _pad(width: int, long: int) -> int:
    """Return how far beyond a window of slots calls of its run may be, µs."""
    return max(2 * SECOND, width // 2 if width > SECOND else 0, long // 4 if long > MINUTE else 0)


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
