"""The scenario's calendar: microseconds since its start, against local days and hours."""

from __future__ import annotations

import bisect
import datetime as dt
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from simulation.quantities import DAY, MINUTE

__all__ = ["Clock", "HourSpan"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class HourSpan(NamedTuple):
    """A stretch of a day in which the local clock shows one hour: [start, end) in µs."""

    start: int
    end: int
    hour: int


class Clock:
    """The calendar of one time zone, against simulated time.

    Simulated time is µs since the scenario's start. Day 0 is the local day that the start
    falls in; a day lasts 23 or 25 hours when daylight saving begins or ends, and a date that a
    zone left out (Samoa had no 30 December 2011) is a day of no length.

    Attributes
    ----------
    start : datetime
        The scenario's start, in its time zone.
    start_epoch : int
        The same in µs since 1970-01-01 UTC.
    horizon : int
        Length of a run, µs.
    days : int
        Local days that a run touches.

    >>> clock = Clock(datetime(2026, 3, 29), ZoneInfo("Europe/Berlin"), 2 * DAY)
    >>> clock.day_start(1) // (60 * MINUTE)  # the day on which daylight saving begins
    23
    """

    def __init__(self, start: datetime, timezone: ZoneInfo, horizon: int) -> None:
        self.timezone = timezone
        self.start = (
            start.replace(tzinfo=timezone) if start.tzinfo is None else start.astimezone(timezone)
        )
        self.start_epoch = (self.start - _EPOCH) // _MICROSECOND
        self.horizon = horizon
        self._first_date = self.local(0).date()
        estimate = horizon // DAY + 5  # enough also if a date has no hours, and days 23
        starts = [self._local(self._first_date + timedelta(d), time()) for d in range(estimate)]
        self.days = bisect.bisect_left(starts, horizon)
        self._day_starts = starts[: self.days + 1]

    def day_start(self, day: int) -> int:
        """Return when a local day starts, µs; negative for a day that began before the run."""
        return self._day_starts[day]

    def day_end(self, day: int) -> int:
        """Return where a local day ends, or the run, whichever is earlier."""
        return min(self.day_start(day + 1), self.horizon)

    def has_hours(self, day: int) -> bool:
        """Return whether a local day exists: whether the clock ever shows its date."""
        return self.day_start(day) < self.day_start(day + 1)

    def date(self, day: int) -> dt.date:
        """Return the date of a local day."""
        return self._first_date + timedelta(days=day)

    def day_of(self, moment: int) -> int:
        """Return the local day that a moment of the run falls in."""
        return bisect.bisect_right(self._day_starts, moment) - 1

    def _local(self, day: dt.date, at: time) -> int:
        wall = datetime.combine(
            day, at, self.timezone
        )  # fold 0: a skipped time counts by the offset before
        return (wall - _EPOCH) // _MICROSECOND - self.start_epoch

    def at(self, day: int, time_of_day: time) -> int:
        """Return when the local clock shows a time, µs.

        A time that daylight saving skips is read as if the clock had not been moved (02:30
        becomes 03:30); one that comes twice is its first.
        """
        return self._local(self.date(day), time_of_day)

    @lru_cache(maxsize=64)  # noqa: B019 - lives as long as its scenario
    def hours(self, day: int) -> tuple[HourSpan, ...]:
        """Return the stretches of a local day in which the local clock shows one hour."""
        start, end = self.day_start(day), self.day_start(day + 1)
        quarters = range(start, end, 15 * MINUTE)  # offsets in use are multiples of this
        spans = []
        for hour, group in groupby(quarters, key=lambda moment: self.local(moment).hour):
            spans.append((next(group), hour))
        edges = [*(moment for moment, _ in spans), end]
        return tuple(HourSpan(s, e, hour) for (s, hour), e in zip(spans, edges[1:], strict=True))

    def local(self, moment: int) -> datetime:
        """Return what the local clock and calendar show at a moment of the run."""
        utc = _EPOCH + timedelta(microseconds=self.start_epoch + moment)
        return utc.astimezone(self.timezone)

    def say(self, moment: int) -> str:
        """Return a moment in words: the day of the run, counted from 1, and the time.

        >>> Clock(datetime(2026, 1, 5), ZoneInfo("UTC"), 30 * DAY).say(4 * DAY + 90 * MINUTE)
        'day 5 (Fri 9 Jan), 01:30'
        """
        local = self.local(moment)
        return f"day {self.day_of(moment) + 1} ({local:%a} {local.day} {local:%b}), {local:%H:%M}"
