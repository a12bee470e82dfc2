"""Local hours, against the scenario's own calendar."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulation.fitting.cells import Cells
from simulation.fitting.hours import LocalClock, days_of, hours_of, weekday_of
from simulation.quantities import DAY, HOUR, SECOND
from simulation.scenario.clock import Clock

_EPOCH = dt.date(1970, 1, 1).toordinal()


@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("UTC", "2026-01-05"),
        ("Europe/Berlin", "2026-03-25"),  # daylight saving begins
        ("Europe/Berlin", "2026-10-20"),  # and ends
        ("America/New_York", "2026-10-28"),
        ("Australia/Lord_Howe", "2026-04-01"),  # by half an hour
        ("Asia/Kathmandu", "2026-01-05"),  # a quarter beside the hour
        ("Pacific/Apia", "2011-12-27"),  # a date that never was
        ("Europe/Berlin", "2100-03-20"),
        ("America/New_York", "1990-03-28"),
    ],
)
def test_hours_are_those_of_the_scenario(zone: str, start: str) -> None:
    clock = Clock(dt.datetime.fromisoformat(start), ZoneInfo(zone), 14 * DAY)
    begin = clock.start_epoch
    end = begin + clock.horizon
    cells = Cells.of_times(np.arange(begin, end, 7 * 60 * SECOND), SECOND, ((begin, end),))
    hours = hours_of(cells, LocalClock(ZoneInfo(zone), begin, end))
    shown: dict[tuple[int, int], list[float]] = {}
    for day, hour, length, calls in zip(*hours, strict=True):
        its = shown.setdefault((int(day), int(hour)), [0.0, 0.0])
        its[0] += length
        its[1] += calls
    meant: dict[tuple[int, int], list[float]] = {}
    for day in range(clock.days):
        for span in clock.hours(day):
            first, last = max(span.start, 0), min(span.end, clock.horizon)
            if first < last:
                key = (clock.date(day).toordinal() - _EPOCH, span.hour)
                its = meant.setdefault(key, [0.0, 0.0])
                its[0] += (last - first) / HOUR
                within = (cells.begins >= begin + first) & (cells.begins < begin + last)
                its[1] += int(within.sum())
    assert shown.keys() == meant.keys()
    for key, its in shown.items():
        assert its == pytest.approx(meant[key])


def test_no_call_is_lost_between_hours() -> None:
    zone = ZoneInfo("Asia/Kathmandu")
    generator = np.random.default_rng(7)
    for grain in (SECOND, 7 * SECOND, 3600 * SECOND, 6 * HOUR, 12 * HOUR, DAY):
        times = np.sort(generator.integers(0, 9 * DAY, 500)) + 20_000 * DAY + 5 * HOUR
        cells = Cells.of_times(times, grain)
        begin, end = cells.covered[0]
        hours = hours_of(cells, LocalClock(zone, begin, end))
        assert hours.calls.sum() == pytest.approx(500)
        assert hours.length.sum() * HOUR == pytest.approx(end - begin)
        days = days_of(hours, np.ones((7, 24)))
        assert days.calls.sum() == pytest.approx(500)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"])
def test_counts_of_a_day_are_those_of_the_local_day_that_holds_most_of_it(zone: str) -> None:
    at = np.arange(20_500, 20_520)
    cells = Cells(DAY, at, np.arange(100, 120), ((20_500 * DAY, 20_520 * DAY),))
    clock = LocalClock(ZoneInfo(zone), *cells.covered[0])
    days = days_of(hours_of(cells, clock), np.ones((7, 24)))
    whole = days.length > 0.9
    assert set(days.calls[whole].round(6).tolist()) <= {float(n) for n in range(100, 120)}
    assert days.calls.sum() == pytest.approx(cells.total)


def test_weekdays_begin_with_monday() -> None:
    monday = dt.date(2026, 1, 5).toordinal() - _EPOCH
    assert weekday_of(np.array([monday, monday + 6, 0])).tolist() == [0, 6, 3]
