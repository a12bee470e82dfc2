"""Dates that a zone left out: the calendar, demand and both engines go on over them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from simulation import plan, run
from simulation.demand.demand import Demand
from simulation.quantities import DAY, HOUR
from simulation.scenario.clock import Clock
from simulation.scenario.scenario import Scenario
from tests.engine.test_compiled import compare
from tests.helpers import any_limit, creditsim, poisson, scheduled

_KNOWN = {  # dates without an hour since 1990, by the time zone database
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Fakaofo", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Pacific/Kiritimati", date(1994, 12, 31)),
    ("Pacific/Kanton", date(1994, 12, 31)),
}
_ORDINARY = [  # daylight saving by an hour, by half of one, at midnight; a zone moved by 3 hours
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("Antarctica/Casey", date(2020, 10, 4)),
]


@lru_cache
def leaps() -> list[tuple[str, date]]:
    """Return where any zone moved its clock by 6 hours or more since 1990: zone and old date."""
    found = []
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)

        def offset(moment: datetime, zone: ZoneInfo = zone) -> timedelta:
            moved = moment.astimezone(zone).utcoffset()
            assert moved is not None
            return moved

        months = [datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=30 * n) for n in range(450)]
        for low, high in pairwise(months):
            if abs(offset(high) - offset(low)) >= timedelta(hours=6):
                before, after = low, high
                while after - before > timedelta(minutes=1):
                    middle = before + (after - before) / 2
                    if offset(middle) == offset(low):
                        before = middle
                    else:
                        after = middle
                found.append((name, before.astimezone(zone).date()))
    return found


def test_the_zones_with_dates_without_hours_are_among_those_that_are_tried() -> None:
    left_out = {(zone, day + timedelta(days=1)) for zone, day in leaps()}
    assert left_out >= _KNOWN
    for zone, day in _KNOWN:
        clock = Clock(
            datetime(day.year, day.month, day.day) - timedelta(days=1), ZoneInfo(zone), 3 * DAY
        )
        assert clock.date(1) == day
        assert not clock.has_hours(1)
        assert clock.hours(1) == ()
        assert clock.days == 4


@st.composite
def runs(draw: st.DrawFn) -> tuple[ZoneInfo, datetime, int]:
    """Draw a run that begins a few days before a clock is moved far, or within the gap."""
    zone, day = draw(st.sampled_from([*leaps(), *_ORDINARY]))
    begins = datetime(day.year, day.month, day.day) + timedelta(days=draw(st.integers(-3, 2)))
    begins += draw(st.sampled_from([timedelta(0), timedelta(hours=12), timedelta(minutes=1415)]))
    return ZoneInfo(zone), begins, draw(st.sampled_from([1, HOUR, DAY, 50 * HOUR, 5 * DAY]))


@settings(max_examples=300, deadline=None)
@given(runs())
def test_every_moment_of_a_local_day_bears_its_date(
    where: tuple[ZoneInfo, datetime, int],
) -> None:
    zone, start, horizon = where
    clock = Clock(start, zone, horizon)
    assert clock.day_of(0) == 0
    assert clock.day_start(0) <= 0
    assert clock.day_end(clock.days - 1) == horizon
    for day in range(clock.days):
        begin, end = clock.day_start(day), clock.day_start(day + 1)
        assert begin <= end
        assert clock.has_hours(day) == (begin < end)
        spans = clock.hours(day)
        assert [span.start for span in spans] == [begin, *(s.end for s in spans)][: len(spans)]
        assert sum(span.end - span.start for span in spans) == end - begin
        for moment in range(begin, end, HOUR // 2):
            shown = (
                datetime(1970, 1, 1, tzinfo=UTC)
                + timedelta(microseconds=clock.start_epoch + moment)
            ).astimezone(zone)
            assert shown.date() == clock.date(day)
            if moment >= 0:
                assert clock.day_of(moment) == day


def everything(folder: Path, zone: str, start: datetime, horizon: str) -> Scenario:
    """Return a scenario with every kind of arrivals, around a date."""
    file = folder / f"{zone.replace('/', '-')}-{start:%Y%m%d%H%M}.csv"
    first = start.replace(tzinfo=UTC) - timedelta(days=2)
    rows = [f"{first + timedelta(hours=n):%Y-%m-%dT%H:%M:%S+00:00},{n % 5}\n" for n in range(240)]
    file.write_text("timestamp,count\n" + "".join(rows))
    events = [{"date": f"{start + timedelta(days=n):%Y-%m-%d}", "factor": 2} for n in range(4)]
    retry = {"retry": {"first": "1 hour", "max_attempts": 40, "jitter": "full"}}
    clients: list[dict[str, Any]] = [
        poisson(
            "p",
            "60 per day",
            "two",
            poisson={"profile": "office_hours", "events": events, "growth": "10% per month"},
            on_throttle=retry,
        ),
        scheduled("s", "08:00", 6, "five", schedule={"over": "30 hours"}),
        {
            "name": "e",
            "arrivals": {"schedule": {"every": "7 hours", "calls": 2}},
            "calls": [{"api": "one"}],
        },
        {
            "name": "t",
            "arrivals": {"counts": {"file": str(file), "bucket": "1 hour"}},
            "calls": [{"api": "one"}],
            "on_throttle": retry,
        },
    ]
    return any_limit(
        90, clients, start=f"{start:%Y-%m-%d %H:%M}", timezone=zone, horizon=horizon, seed=3
    )


@settings(max_examples=60, deadline=None)
@given(runs(), st.sampled_from(["26 hours", "4 days", "5 days 7 hours"]))
def test_both_engines_agree_and_every_call_comes_on_its_day(
    tmp_path_factory: pytest.TempPathFactory,
    where: tuple[ZoneInfo, datetime, int],
    horizon: str,
) -> None:
    zone, start, _ = where
    there = start.replace(tzinfo=zone)
    assume(there.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == start)  # else refused,
    assume(there.utcoffset() == there.replace(fold=1).utcoffset())  # as are starts that come twice
    scenario = everything(tmp_path_factory.mktemp("traces"), zone.key, start, horizon)
    demand, clock = Demand(scenario), scenario.clock
    for day in range(clock.days):
        times = demand.draw_day(0, day).time
        assert all(clock.local(int(time)).date() == clock.date(day) for time in times)
    assert compare(demand, 0, scenario.limit) > 0


@pytest.mark.parametrize(("zone", "missing"), sorted(_KNOWN))
def test_a_date_without_hours_has_no_burst_and_its_neighbours_have_theirs_once(
    zone: str, missing: date
) -> None:
    start = f"{missing - timedelta(days=2):%Y-%m-%d}"
    for over in (0, "10 minutes", "20 hours"):
        client = scheduled("s", "08:00", 4, schedule={"over": over})
        scenario = any_limit(99, [client], start=start, timezone=zone, horizon="6 days")
        demand = Demand(scenario)
        begun = np.concatenate([demand.draw_day(0, day).time for day in range(scenario.clock.days)])
        assert len(begun) == 4 * 6  # two days before the date, four after it
        if over == 0:
            shown = [scenario.clock.local(int(time)) for time in begun[::4]]
            assert [each.hour for each in shown] == [8] * 6
            assert missing not in {each.date() for each in shown}


def test_every_command_goes_on_over_a_date_without_hours(tmp_path: Path) -> None:
    scenario = everything(tmp_path, "Pacific/Apia", datetime(2011, 12, 28), "5 days")
    scenario = scenario.changed({"warmup": "1 day", "replications": 2})
    one, other = run(scenario), run(scenario, engine="compiled")
    assert one.runs.equals(other.runs)
    assert one.intervals.equals(other.intervals)
    assert len(one.intervals) == 2 * 5 * 24
    plan(scenario, max_replications=2)
    file = tmp_path / "apia.yaml"
    file.write_text(scenario.to_yaml(tmp_path))
    for command in (("validate",), ("run",), ("run", "--report", tmp_path / "page.html")):
        done = creditsim(command[0], file, *command[1:])
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
