"""Cycles in which schedules are looked for: days of the local clock, and shorter periods."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.fitting.cell_loops import in_steps
from simulation.fitting.cells import Cells
from simulation.fitting.hours import LocalClock, weekday_of
from simulation.quantities import DAY

__all__ = ["Cycles", "Shape", "covered"]


class Shape(NamedTuple):
    """How a cycle is cut into slots.

    Attributes
    ----------
    width : int
        Of a slot, µs.
    offset : int
        By how much the first slot begins before the cycle, µs.
    """

    width: int
    offset: int

    def seen(self, cells: Cells) -> Cells:
        """Return cells as long as slots can be made of: fewer are looked through faster."""
        unit = self.offset or self.width
        return cells if unit % cells.grain else cells.longer(unit)


class Cycles:
    """Equal stretches of what a log covers: days of the local clock, or those of a period.

    Parameters
    ----------
    cells : Cells
        Of which they cover all.
    clock : LocalClock
    origin : int
        From where cycles of a period are counted, µs since 1970-01-01 UTC; days begin at local
        midnight.
    period : int
        Their length, µs: a day, or less.
    shape : Shape

    Attributes
    ----------
    period : int
    shape : Shape
    weekday : (c,) int64 array
        Of each cycle, 0 for Monday.
    within : (c,) bool array
        Which of them the log covers.
    """

    def __init__(
        self, cells: Cells, clock: LocalClock, origin: int, period: int, shape: Shape
    ) -> None:
        self.period, self.shape = period, shape
        self._clock, self._origin = clock, origin
        first, last = self._since(np.array([cells.covered[0][0], cells.covered[-1][1] - 1]))
        self._numbers = np.arange(first // period, last // period + 1)
        begins = self._moments(self._numbers * period)
        days = self._numbers if period == DAY else clock.local(begins) // DAY
        self.weekday: Ints = weekday_of(days)
        # An hour of a day may lack at either end, since a log begins with its first call.
        edge = period // 24
        self.within = covered(cells, begins - shape.offset, 2 * edge)
        self.within &= covered(cells, begins - shape.offset + period - 2 * edge, 2 * edge)

    @property
    def slots(self) -> int:
        """How many slots a cycle has."""
        return self.period // self.shape.width

    @property
    def weekdays(self) -> Ints:
        """How many cycles the log covers, (7,), by weekday."""
        return np.bincount(self.weekday[self.within], minlength=7)

    def counted(self, seen: Cells) -> tuple[Ints, Ints, Ints]:
        """Return slot, weekday and calls, (n,), of each slot of covered cycles that has some."""
        width, offset = self.shape
        place, calls = in_steps(self._since(seen.begins) + offset, seen.calls, width)
        cycle = place // self.slots - self._numbers[0]
        known = (cycle >= 0) & (cycle < len(self.within))
        known[known] = self.within[cycle[known]]
        return place[known] % self.slots, self.weekday[cycle[known]], calls[known]

    def starts(self, slot: int, days: Flags) -> Ints:
        """Return when a slot begins in the cycles of some weekdays, µs since 1970-01-01 UTC."""
        width, offset = self.shape
        its = self._numbers[days[self.weekday]]
        return self._moments(its * self.period + slot * width - offset)

    def _since(self, moments: Ints) -> Ints:
        """Return how long moments are after the one from which cycles are counted, µs."""
        return self._clock.local(moments) if self.period == DAY else moments - self._origin

    def _moments(self, since: Ints) -> Ints:
        """Return the moments of which `_since` says so."""
        return self._clock.utc(since) if self.period == DAY else since + self._origin


def covered(cells: Cells, starts: Ints, length: int) -> Flags:
    """Return which stretches lie within what the log covers, (n,), by their middle."""
    begins, ends = np.array(cells.covered, np.int64).T
    middle = starts + length // 2
    its = np.searchsorted(begins, middle, "right") - 1
    within: Flags = (its >= 0) & (middle < ends[its])
    return within
