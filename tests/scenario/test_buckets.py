"""Buckets of a trace in local time last as long as the clock shows their times."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulation import InputError
from simulation.demand.demand import Demand
from simulation.quantities import DAY, MINUTE
from simulation.scenario.traces import Trace, read_count_trace
from tests.helpers import build

HALF_HOUR = timedelta(minutes=30)
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("America/Sao_Paulo", "2018-11-04"),  # midnight is skipped
    ("America/Sao_Paulo", "2018-02-17"),  # the hour before midnight comes twice
    ("Pacific/Apia", "2011-12-30"),  # the day is skipped
]


def read(folder: Path, zone: str, minutes: int, *rows: str) -> Trace:
    file = folder / "counts.csv"
    file.write_text("".join(f"{row}\n" for row in ("timestamp,count", *rows)))
    return read_count_trace(file, ZoneInfo(zone), minutes * MINUTE)


def spans(trace: Trace) -> list[tuple[str, int, int]]:
    """Return when each bucket begins (UTC), for how many minutes, and with how many calls."""
    assert trace.counts is not None
    begins = [str(np.datetime64(int(time), "us"))[11:16] for time in trace.times]
    minutes = (int(length) // MINUTE for length in trace.lengths)
    return list(zip(begins, minutes, trace.counts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("zone", "minutes", "rows", "lasted"),
    [
        ("Europe/Berlin", 60, ["2026-10-25 02:00,120"], [("00:00", 120, 120)]),
        (
            "Europe/Berlin",
            60,
            ["2026-10-25 02:00,120", "2026-10-25 02:00,7"],
            [("00:00", 60, 120), ("01:00", 60, 7)],
        ),
        ("Europe/Berlin", 60, ["2026-10-25 02:00+02:00,120"], [("00:00", 60, 120)]),
        ("Europe/Berlin", 60, ["2026-10-25 01:00,5"], [("23:00", 60, 5)]),
        ("Europe/Berlin", 60, ["2026-10-25 03:00,5"], [("02:00", 60, 5)]),
        (
            "Europe/Berlin",
            30,
            ["2026-10-25 02:00,7", "2026-10-25 02:30,20"],
            [("00:00", 30, 4), ("00:30", 30, 10), ("01:00", 30, 3), ("01:30", 30, 10)],
        ),
        (  # a row that goes back tells the hours apart, for rows before it too
            "Europe/Berlin",
            60,
            ["2026-10-25 01:30,6", "2026-10-25 02:30,7", "2026-10-25 02:30,8"],
            [("23:30", 60, 6), ("00:30", 60, 7), ("01:30", 60, 8)],
        ),
        (  # one that starts before the hour that comes twice, and ends in it
            "Europe/Berlin",
            30,
            ["2026-10-25 01:45,9"],
            [("23:45", 30, 6), ("01:00", 15, 3)],
        ),
        (
            "Europe/Berlin",
            30,
            ["2026-10-25 01:45,120", "2026-10-25 01:45,7"],
            [("23:45", 30, 120), ("01:00", 15, 7)],
        ),
        (
            "Europe/Berlin",
            120,
            ["2026-10-25 02:00,7", "2026-10-25 02:00,8"],
            [("00:00", 60, 7), ("01:00", 120, 8)],
        ),
        ("Europe/Berlin", 240, ["2026-03-29 00:00,4"], [("23:00", 180, 4)]),
        ("Europe/Berlin", 240, ["2026-03-29 00:00+01:00,4"], [("23:00", 240, 4)]),
        ("Europe/Berlin", 240, ["2026-03-29 04:00,4"], [("02:00", 240, 4)]),
        ("Europe/Berlin", 120, ["2026-03-29 02:00,4"], [("01:00", 60, 4)]),
        ("Europe/Berlin", 360, ["2026-10-25 00:00,4"], [("22:00", 420, 4)]),
        ("Europe/Berlin", 1440, ["2026-03-29,4"], [("23:00", 23 * 60, 4)]),
        ("Europe/Berlin", 1440, ["2026-10-25,4"], [("22:00", 25 * 60, 4)]),
        ("Australia/Lord_Howe", 30, ["2026-04-05 01:30,6"], [("14:30", 60, 6)]),
        ("Australia/Lord_Howe", 60, ["2026-04-05 01:00,6"], [("14:00", 90, 6)]),
        ("Australia/Lord_Howe", 60, ["2026-10-04 02:00,6"], [("15:30", 30, 6)]),
        (
            "Australia/Lord_Howe",
            20,
            ["2026-04-05 01:20,9"],
            [("14:20", 20, 6), ("15:00", 10, 3)],
        ),
        ("America/Sao_Paulo", 1440, ["2018-11-04,5"], [("03:00", 23 * 60, 5)]),
        ("Pacific/Apia", 1440, ["2011-12-29,4"], [("10:00", 1440, 4)]),
        ("Pacific/Apia", 7 * 1440, ["2011-12-26,4"], [("10:00", 6 * 1440, 4)]),
        ("Europe/Berlin", 365 * 1440, ["2026-01-01,4"], [("23:00", 365 * 1440, 4)]),
    ],
)
def test_a_bucket_lasts_as_long_as_the_clock_shows_its_times(
    tmp_path: Path, zone: str, minutes: int, rows: list[str], lasted: list[Any]
) -> None:
    assert spans(read(tmp_path, zone, minutes, *rows)) == lasted


@pytest.mark.parametrize(
    ("zone", "minutes", "stamp"),
    [
        ("Europe/Berlin", 60, "2026-03-29 02:00"),
        ("Europe/Berlin", 30, "2026-03-29 02:30"),
        ("Australia/Lord_Howe", 30, "2026-10-04 02:00"),
        ("Pacific/Apia", 1440, "2011-12-30"),
    ],
)
def test_a_bucket_of_which_the_clock_shows_nothing_is_refused(
    tmp_path: Path, zone: str, minutes: int, stamp: str
) -> None:
    with pytest.raises(InputError, match=f":2: '{stamp}' does not exist in {zone}"):
        read(tmp_path, zone, minutes, f"{stamp},5")


def test_one_stamp_in_each_of_two_years_is_for_both_hours_of_each(tmp_path: Path) -> None:
    rows = ["2025-10-26 02:00,10", "2026-10-25 02:00,20", "2026-10-25 02:00,30"]
    found = spans(read(tmp_path, "Europe/Berlin", 60, *rows))
    assert found == [("00:00", 120, 10), ("00:00", 60, 20), ("01:00", 60, 30)]


@given(
    st.sampled_from(CHANGES), st.sampled_from([30, 60, 240, 360, 1440, 7 * 1440]), st.integers(1, 4)
)
@example(("Pacific/Apia", "2011-12-30"), 7 * 1440, 1)
@example(("Europe/Berlin", "2026-10-25"), 30, 3)
@settings(deadline=None, max_examples=25)
def test_calls_that_are_even_in_real_time_are_even_again_when_grouped_by_local_time(
    change: tuple[str, str], minutes: int, calls: int
) -> None:
    zone, date = ZoneInfo(change[0]), change[1]
    start = datetime.fromisoformat(date) - timedelta(days=3)
    begin, end = (at.replace(tzinfo=zone).timestamp() for at in (start, start + timedelta(days=7)))
    counts: dict[datetime, int] = {}
    for instant in range(int(begin), int(end), 1800):
        shown = datetime.fromtimestamp(instant, zone).replace(tzinfo=None) - start
        stamp = start + shown // timedelta(minutes=minutes) * timedelta(minutes=minutes)
        counts[stamp] = counts.get(stamp, 0) + calls
    with TemporaryDirectory() as folder:
        rows = "".join(f"{stamp},{count}\n" for stamp, count in sorted(counts.items()))
        (Path(folder) / "t.csv").write_text(f"timestamp,count\n{rows}")
        law = {"counts": {"file": "t.csv", "bucket": f"{minutes} minutes"}}
        client = {"name": "even", "arrivals": law, "calls": [{"api": "other"}]}
        keys = {"start": str(start.date()), "timezone": change[0], "horizon": "8 days"}
        scenario = build([client], Path(folder), **keys)
        demand = Demand(scenario)
        drawn = [demand.draw_day(0, day).time for day in range(scenario.clock.days)]
    between = 30 * MINUTE // calls
    real = (int(end) - int(begin)) * 1_000_000
    assert np.concatenate(drawn).tolist() == list(range(0, real, between))


@given(
    st.sampled_from(CHANGES),
    st.sampled_from([30, 60, 240, 360, 1440]),
    st.lists(st.integers(0, 50), min_size=1, max_size=200),
)
@settings(deadline=None, max_examples=50)
def test_no_call_of_a_row_is_lost_or_added_and_no_bucket_changes_away_from_a_change_of_clock(
    change: tuple[str, str], minutes: int, counts: list[int]
) -> None:
    zone, middle = ZoneInfo(change[0]), datetime.fromisoformat(change[1])
    stamps = [middle + timedelta(minutes=minutes * n) for n in range(-100, 100)]
    seen = [
        stamp
        for stamp in stamps
        if datetime.fromtimestamp(stamp.replace(tzinfo=zone).timestamp(), zone).replace(tzinfo=None)
        == stamp
    ]
    given_counts = dict(zip(seen, counts, strict=False))
    with TemporaryDirectory() as folder:
        rows = [f"{stamp},{count}" for stamp, count in given_counts.items()]
        trace = read(Path(folder), change[0], minutes, *rows)
    assert trace.counts is not None
    by_line = np.bincount(trace.lines, trace.counts)[2:]
    assert by_line.tolist() == list(given_counts.values())
    assert (np.diff(trace.times) >= 0).all()
    lasting = np.bincount(trace.lines, trace.lengths)[2:]
    for stamp, lasts in zip(given_counts, lasting, strict=True):
        ends = stamp + timedelta(minutes=minutes)
        offsets = [at.replace(tzinfo=zone, fold=1).utcoffset() for at in (stamp, ends)]
        moved = [stamp.replace(tzinfo=zone).utcoffset(), *offsets]
        if len(set(moved)) == 1:
            assert lasts == minutes * MINUTE
        assert 0 < lasts <= minutes * MINUTE + DAY


@pytest.mark.parametrize("change", CHANGES)
def test_calls_of_a_bucket_that_ends_after_midnight_are_drawn_to_its_end(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    start = datetime.fromisoformat(change[1]) - timedelta(days=1)
    (tmp_path / "t.csv").write_text(f"timestamp,count\n{start:%Y-%m-%d} 00:30,500\n")
    law = {"counts": {"file": "t.csv", "bucket": "2 days"}}
    client = {"name": "even", "arrivals": law, "calls": [{"api": "other"}]}
    keys = {"start": str(start.date()), "timezone": change[0], "horizon": "5 days"}
    scenario = build([client], tmp_path, **keys)
    (length,) = scenario.trace_of(scenario.clients[0]).lengths.tolist()
    begin, end = (
        at.replace(tzinfo=ZoneInfo(change[0])).timestamp()
        for at in (start + HALF_HOUR, start + HALF_HOUR + timedelta(days=2))
    )
    assert length == (end - begin) * 1_000_000
    demand = Demand(scenario)
    drawn = np.concatenate([demand.draw_day(0, day).time for day in range(scenario.clock.days)])
    assert drawn.tolist() == [30 * MINUTE + n * length // 500 for n in range(500)]


def test_traces_whose_buckets_last_another_time_are_not_the_same_trace(tmp_path: Path) -> None:
    local = read(tmp_path, "Europe/Berlin", 360, "2026-10-25 00:00,4")
    exact = read(tmp_path, "Europe/Berlin", 360, "2026-10-25 00:00+02:00,4")
    assert local.times.tolist() == exact.times.tolist()
    assert local.digest() != exact.digest()


SHOWN_TWICE = [change for change in CHANGES if change[1] in ("2026-10-25", "2026-04-05")]


@given(
    st.sampled_from(SHOWN_TWICE),
    st.sampled_from([10, 15, 20, 30]),
    st.integers(0, 29),
    st.booleans(),
    st.data(),
)
@example(SHOWN_TWICE[0], 30, 15, True, None)
@settings(deadline=None, max_examples=50)
def test_counts_by_local_time_and_offset_are_put_where_their_calls_were(
    change: tuple[str, str], minutes: int, after: int, by_stamp: bool, data: st.DataObject | None
) -> None:
    """A bucket that the change cuts in two is one row before it and one after it."""
    zone, day = ZoneInfo(change[0]), datetime.fromisoformat(change[1])
    length = timedelta(minutes=minutes)
    start = day + timedelta(minutes=after % minutes)
    begin, end = (at.replace(tzinfo=zone).timestamp() for at in (start, start + 12 * length * 2))
    lasted: dict[tuple[timedelta, datetime], list[int]] = {}
    for instant in range(int(begin), int(end), 60):
        moment = datetime.fromtimestamp(instant, zone)
        stamp = start + (moment.replace(tzinfo=None) - start) // length * length
        offset = moment.utcoffset()
        assert offset is not None
        lasted.setdefault((-offset, stamp), []).append(instant)
    rows = sorted(lasted.items(), key=lambda row: row[0][1] if by_stamp else row[1][0])
    counts = st.integers(0, 99)
    written = [(row, data.draw(counts) if data else n + 1) for n, row in enumerate(rows)]
    with TemporaryDirectory() as folder:
        lines = [f"{stamp},{count}" for ((_, stamp), _), count in written]
        trace = read(Path(folder), change[0], minutes, *lines)
    assert trace.counts is not None
    found = zip(trace.times.tolist(), trace.lengths.tolist(), trace.counts.tolist(), strict=True)
    assert sorted(found) == sorted(
        (instants[0] * 1_000_000, len(instants) * MINUTE, count) for (_, instants), count in written
    )
