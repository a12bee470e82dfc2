"""The hours of the local clock that a log covers, and the calls in each of them."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Flags, Floats, Ints
from simulation.fitting.cells import Cells
from simulation.quantities import DAY, HOUR, SECOND

__all__ = ["Days", "Hours", "LocalClock", "days_of", "hours_of", "weekday_of"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SHORTEST = 1e-6  # day: weights of hours without calls may be 0, and so may a part of a day
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday


class LocalClock:
    """What the clocks of a zone show in a stretch of time, for whole arrays at once.

    Local times are µs, as if the local clock had shown UTC: a day begins where they divide by a
    day's length. `simulation.scenario.Clock` says the same of one moment.

    Parameters
    ----------
    zone : ZoneInfo
    begin, end : int
        The stretch, µs since 1970-01-01 UTC.
    """

    def __init__(self, zone: ZoneInfo, begin: int, end: int) -> None:
        self.zone = zone
        days = range(begin // DAY - 1, end // DAY + 3)
        changes, offsets = [days[0] * DAY], [self._offset(days[0] * DAY)]
        for day, following in pairwise(days):
            if self._offset(following * DAY) == offsets[-1]:
                continue
            low, high = day * DAY, following * DAY  # the clocks are changed in between
            while high - low > SECOND:
                middle = (low + high) // 2 // SECOND * SECOND
                low, high = (middle, high) if self._offset(middle) == offsets[-1] else (low, middle)
            changes.append(high)
            offsets.append(self._offset(high))
        self.changes: Ints = np.array(changes, np.int64)
        self._offsets: Ints = np.array(offsets, np.int64)

    def _offset(self, moment: int) -> int:
        utc = _EPOCH + dt.timedelta(microseconds=moment)
        shown = utc.astimezone(self.zone).utcoffset()
        assert shown is not None
        return shown // dt.timedelta(microseconds=1)

    def local(self, moments: Ints) -> Ints:
        """Return what the clocks show at moments, (n,), µs since 1970-01-01 UTC, in any order."""
        if len(self._offsets) == 1:
            return moments + np.int64(self._offsets[0])
        its = np.searchsorted(self.changes, moments, side="right") - 1
        shown: Ints = moments + self._offsets[its]
        return shown

    def utc(self, shown: Ints) -> Ints:
        """Return when the clocks show local times, (n,), µs since 1970-01-01 UTC."""
        guess = shown - (self.local(shown) - shown)
        moments: Ints = shown - (self.local(guess) - guess)
        return moments

    def midnight(self, date: dt.date) -> int:
        """Return when a local date begins, µs since 1970-01-01 UTC."""
        begins = dt.datetime.combine(date, dt.time(), self.zone)
        return (begins - _EPOCH) // dt.timedelta(microseconds=1)

    def edges(self, begin: int, end: int) -> Ints:
        """Return the moments of a stretch at which an hour of the local clock begins, in order."""
        found = []
        ends = [*self.changes[1:].tolist(), end]
        for since, until, offset in zip(
            self.changes.tolist(), ends, self._offsets.tolist(), strict=True
        ):
            first, last = max(since, begin), min(until, end)
            if first < last:
                found.append(np.array([first]))
                next_one = -(-(first + offset) // HOUR) * HOUR - offset
                found.append(np.arange(next_one, last, HOUR, dtype=np.int64))
        return np.unique(np.concatenate(found))


def weekday_of(day: Ints) -> Ints:
    """Return the weekday of days, (n,), counted since 1970-01-01; 0 for Monday."""
    return (day + _EPOCH_WEEKDAY) % 7


class Hours(NamedTuple):
    """The hours of the local clock that a log covers, in order.

    Attributes
    ----------
    day : (h,) int64 array
        The local date of each, in days since 1970-01-01.
    hour : (h,) int64 array
        The hour that the clock shows, 0 to 23.
    length : (h,) float64 array
        How much of it is covered, as a part of an hour.
    calls : (h,) float64 array
        Calls in it; whole numbers, unless a cell reaches into a second hour.
    """

    day: Ints
    hour: Ints
    length: Floats
    calls: Floats


def hours_of(cells: Cells, clock: LocalClock) -> Hours:
    """Return the covered hours of the local clock.

    A cell of half a day or more is taken to be of the local half-days or days that hold most of it:
    usage by the day is the vendor's day, whatever zone the cells are named in.
    """
    shifted = cells.grain >= DAY // 2
    parts = []
    for begin, end in cells.covered:
        edges = np.append(clock.edges(begin, end), end)
        looked = edges.copy()
        # A cell that the log covers in part has all its calls in that part.
        looked[0] = begin // cells.grain * cells.grain
        looked[-1] = -(-end // cells.grain) * cells.grain
        if shifted:
            local = clock.local(edges)
            away = (local - edges + cells.grain // 2) % cells.grain - cells.grain // 2
            looked[1:-1] = np.maximum.accumulate((edges + away)[1:-1])
            looked = np.clip(looked, looked[0], looked[-1])
        local = clock.local(edges[:-1])
        parts.append(
            (
                local // DAY,
                local // HOUR % 24,
                np.diff(edges) / HOUR,
                np.diff(cells.within(looked)),
            )
        )
    day, hour, length, calls = map(np.concatenate, zip(*parts, strict=True))
    return Hours(day, hour, length, calls)


class Days(NamedTuple):
    """The local days that a log covers, in order.

    Attributes
    ----------
    day : (d,) int64 array
        Local dates, in days since 1970-01-01.
    weekday : (d,) int64 array
        0 for Monday.
    calls : (d,) float64 array
    length : (d,) float64 array
        How much of it is covered, as a part of 24 hours; by the weights of the profile where the
        hours of a day differ.
    """

    day: Ints
    weekday: Ints
    calls: Floats
    length: Floats

    def of(self, some: Flags) -> Days:
        """Return those of the days for which a flag is set."""
        return Days(self.day[some], self.weekday[some], self.calls[some], self.length[some])


def days_of(hours: Hours, weights: Floats) -> Days:
    """Return the days of hours.

    Parameters
    ----------
    hours : Hours
    weights : (7, 24) float64 array
        The hours of the days of a week, with mean 1 on each day.
    """
    day, place = np.unique(hours.day, return_inverse=True)
    weekday = weekday_of(hours.day)
    length = np.bincount(place, hours.length * weights[weekday, hours.hour] / 24)
    length = np.maximum(length, _SHORTEST)
    return Days(day, weekday_of(day), np.bincount(place, hours.calls), length)
