"""The moments at which calendar meters give all of it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from simulation.rate_cards.meter_parts import ORG_ZONE, Resets

__all__ = ["reset_moments"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_BEFORE = dt.timedelta(days=33)  # more than a month, so that the period of a start is known


def reset_moments(resets: Resets, org_zone: ZoneInfo, start: int, end: int) -> list[int]:
    """Return the resets from the last one at or before ``start`` until ``end``, rising.

    Moments are µs since 1970-01-01 UTC. A time that daylight saving skips is read as if the clock
    had not been moved; one that comes twice is its first. With ``every: hour`` each hour that the
    local clock begins has one, so a day of 25 hours has 25.
    """
    zone = org_zone if resets.timezone == ORG_ZONE else ZoneInfo(resets.timezone)
    first = (_EPOCH + start * _MICROSECOND).astimezone(zone).date() - _BEFORE
    last = (_EPOCH + end * _MICROSECOND).astimezone(zone).date() + dt.timedelta(days=1)
    found: set[int] = set()
    day = first
    while day <= last:
        if resets.every != "month" or day.day == resets.day:
            found.update(_of_day(resets, day, zone))
        day += dt.timedelta(days=1)
    moments = sorted(found)
    before = [moment for moment in moments if moment <= start]
    return before[-1:] + [moment for moment in moments if start < moment <= end]


def _of_day(resets: Resets, day: dt.date, zone: ZoneInfo) -> Iterator[int]:
    if resets.every != "hour":
        yield _moment(dt.datetime.combine(day, resets.at, zone))
        return
    for hour in range(24):
        for fold in (0, 1):  # an hour that comes twice resets twice
            shown = dt.datetime.combine(day, resets.at.replace(hour=hour, fold=fold), zone)
            moment = _moment(shown)
            # Not of an hour that the clock skips; `fold` means an earlier moment there.
            if (_EPOCH + moment * _MICROSECOND).astimezone(zone).replace(tzinfo=None) == (
                shown.replace(tzinfo=None, fold=0)
            ):
                yield moment


def _moment(local: dt.datetime) -> int:
    return (local - _EPOCH) // _MICROSECOND
