"""Dates and times have one reading, the same wherever they are written, or are refused."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from simulation import InputError, load_scenario
from simulation.batch.portfolio_files import csv_items
from simulation.moments import read_date, read_moment
from simulation.scenario.traces import read_call_trace
from tests.helpers import build, poisson, scheduled

SCENARIO = """\
name: n
org: {edition: free}
start: 2026-01-05
horizon: 5 days
clients:
  - name: a
    arrivals: {poisson: {rate: 5 per day, events: [{date: 2026-01-06, factor: 2}]}}
    calls: [{api: other}]
  - name: b
    arrivals: {schedule: {at: '02:00', days: [2026-01-06]}}
    calls: [{api: other}]
"""

days = st.dates(date(1990, 1, 1), date(2200, 12, 31))
day_forms = st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u"])


def refusal(text: str) -> str:
    with pytest.raises(ValueError, match=re.escape(repr(text))) as refused:
        read_moment(text)
    return str(refused.value)


def remedies(told: str) -> list[datetime]:
    """Return what the remedies of a message mean."""
    return [read_moment(each) for each in told.rpartition("write ")[2].split(" or ")]


@pytest.mark.parametrize(
    ("text", "time_of_day"),
    [
        ("2026-01-05", time()),
        ("20260105", time()),
        ("2026-W02-1", time()),
        ("2026-01-05 08:30", time(8, 30)),
        ("2026-01-05t08:30:07", time(8, 30, 7)),
        ("20260105T0830", time(8, 30)),
        ("20260105T083007.5Z", time(8, 30, 7, 500_000, UTC)),
        ("2026-01-05T08:30:07.744000000Z", time(8, 30, 7, 744_000, UTC)),
        ("2026-01-05 08:30:07,744", time(8, 30, 7, 744_000)),
        ("2026-01-05 08:30:07 +0100", time(8, 30, 7, 0, timezone(timedelta(hours=1)))),
        ("2026-01-05T08:30:07.7+00:00", time(8, 30, 7, 700_000, UTC)),
        ("2026-01-05 08:30:07-05", time(8, 30, 7, 0, timezone(timedelta(hours=-5)))),
    ],
)
def test_what_logs_and_people_write_is_read(text: str, time_of_day: time) -> None:
    assert read_moment(text) == datetime.combine(date(2026, 1, 5), time_of_day)


@given(days, day_forms, st.sampled_from("+-−"), st.integers(0, 23), st.sampled_from([0, 30]))
@example(date(2026, 1, 5), "%Y-%m-%d", "+", 1, 0)
def test_an_offset_of_a_date_may_be_a_time_and_both_are_told(
    day: date, form: str, sign: str, hour: int, minute: int
) -> None:
    away = (-1 if sign != "+" else 1) * timedelta(hours=hour, minutes=minute)
    told = [f"{hour:02}:{minute:02}", f"{hour:02}{minute:02}", *([] if minute else [f"{hour:02}"])]
    for clock in told:
        assert remedies(refusal(f"{day.strftime(form)}{sign}{clock}")) == [
            datetime.combine(day, time(), timezone(away)),
            datetime.combine(day, time(hour, minute)),
        ]


@given(
    days,
    st.sampled_from(["T", "t", " "]),
    st.sampled_from(["{:02}", "{:02}:{:02}", "{:02}{:02}"]),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(".,"),
    st.text("0123456789", min_size=1, max_size=4),
)
@example(date(2026, 1, 5), "T", "{:02}", 8, 0, ".", "5")
def test_a_part_of_an_hour_or_of_a_minute_is_told_with_what_else_it_may_be(
    day: date, between: str, form: str, hour: int, minute: int, sign: str, digits: str
) -> None:
    told = refusal(f"{day}{between}{form.format(hour, minute)}{sign}{digits}")
    by_hour = form == "{:02}"
    begin = datetime.combine(day, time(hour, 0 if by_hour else minute))
    part = Fraction(int(digits), 10 ** len(digits))
    exact, other = ((moment - begin) // timedelta(microseconds=1) for moment in remedies(told))
    assert exact == round(part * (3600 if by_hour else 60) * 1_000_000)
    fits = len(digits) == 2 and int(digits) < 60  # a dot for a colon, as in 08.30
    assert other == (int(digits) * (60 if by_hour else 1) if fits else part) * 1_000_000


@given(
    days,
    st.text(st.characters(exclude_categories=["Cs", "Nd"]), min_size=1, max_size=3)
    | st.sampled_from("0123456789"),
    st.times(),
    st.sampled_from(["%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%SZ"]),
)
@example(date(2026, 1, 5), "4", time(8, 30), "%H:%M")
@example(date(2026, 1, 5), "_", time(8, 30), "%H:%M:%S")
def test_nothing_but_t_or_one_blank_stands_before_a_time(
    day: date, between: str, clock: time, form: str
) -> None:
    assume(between not in ("T", "t", " "))
    written = clock.strftime(form)
    told = refusal(f"{day}{between}{written}")
    if len(between) == 1 and between not in "+-\u2212\n":
        assert f"before its time, write {day}T{written}" in told


@given(days, st.times(), st.text("0123456789", min_size=7, max_size=12), st.sampled_from(".,"))
@example(date(2026, 1, 5), time(), "0000001", ".")
@example(date(2026, 1, 5), time(), "744123000", ".")
def test_digits_finer_than_a_microsecond_are_dropped(
    day: date, clock: time, digits: str, sign: str
) -> None:
    meant = datetime.combine(day, clock.replace(microsecond=int(digits[:6])))
    for before, after in (("%Y-%m-%d %H:%M:%S", ""), ("%Y%m%dT%H%M%S", "Z")):
        found = read_moment(f"{meant.strftime(before)}{sign}{digits}{after}")
        assert found.replace(tzinfo=None) == meant


@given(st.integers(1991, 2200), st.integers(1, 52), st.sampled_from(["-", ""]))
def test_a_week_is_no_day(year: int, week: int, dash: str) -> None:
    text = f"{year}{dash}W{week:02}"
    assert remedies(refusal(text)) == [datetime.fromisocalendar(year, week, 1)]
    with pytest.raises(ValueError, match="is not a date"):
        read_date(text)


FORM = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,](\d{1,6})0*)?)?"
    r"( ?(?:Z|[+-]\d\d(:?\d\d){0,2}))?)?",
    re.ASCII,
)
PIECES = ["-", "+", "−", ":", ".", ",", " ", "T", "t", "Z", "W", "_", "x", "0", "5", "08", "30"]


@given(
    st.sampled_from(["2026-01-05", "20260105", "2026-01-05T08:30", "2026-01-05 08:30:00", "2026"]),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
def test_whatever_is_read_has_one_form_and_says_each_part(begin: str, rest: str) -> None:
    text = begin + rest
    try:
        moment = read_moment(text)
    except ValueError:
        return
    if "W" in text:
        assert moment.isoformat() == datetime.fromisoformat(text).isoformat()
        return
    found = FORM.fullmatch(text)
    assert found, text
    numbers = [int(part or 0) for part in found.groups()[:6]]
    assert list(moment.timetuple()[:6]) == numbers
    assert moment.microsecond == int((found[7] or "").ljust(6, "0"))
    assert (moment.tzinfo is not None) == bool(found[8])


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_a_value_error(text: str) -> None:
    for read in (read_moment, read_date):
        with suppress(ValueError):
            read(text)


TWO_READINGS = {
    "2026-01-05+01:00": "as the day 2026-01-05 of UTC+01:00 or as 01:00 on that day",
    "2026-01-05-05:00": "as the day 2026-01-05 of UTC-05:00 or as 05:00 on that day",
    "2026-01-05T08.5": "as 08:30 or as 08:00:00.5",
    "2026-01-05T08:30.5": "as 08:30:30 or as 08:30:00.5",
    "2026-W02": "as a week or as its Monday",
}


@pytest.mark.parametrize("text", TWO_READINGS)
def test_a_start_is_refused_wherever_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = re.escape(f"{text!r} can be read {TWO_READINGS[text]}, write ")
    Path("n.yaml").write_text(SCENARIO)
    Path("m.yaml").write_text(SCENARIO.replace("start: 2026-01-05", f"start: {text}"))
    Path("orgs.csv").write_text(f"scenario,start\nn.yaml,{text}\n")
    with pytest.raises(InputError, match=f"^m.yaml:3: start: {told}"):
        load_scenario("m.yaml")
    with pytest.raises(InputError, match=f"start: {told}"):
        load_scenario("n.yaml", [f"start={text}"])
    (item,) = csv_items(Path("orgs.csv"))
    with pytest.raises(InputError, match=f"^orgs.csv:2: start: {told}"):
        item.load()
    Path("t.csv").write_text(f"timestamp\n2026-01-04\n{text}\n")
    with pytest.raises(InputError, match=f"^t.csv:3: {told}"):
        read_call_trace(Path("t.csv"), ZoneInfo("UTC"))


@pytest.mark.parametrize("text", ["2026-W02", "2026W02", "2026-01-06+01:00", "2026-01-06T08.5"])
@pytest.mark.parametrize("key", ["date: 2026-01-06", "days: [2026-01-06]"])
def test_a_date_of_the_calendar_is_refused_too(tmp_path: Path, key: str, text: str) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO.replace(key, key.replace("2026-01-06", text)))
    with pytest.raises(InputError, match=rf"{re.escape(repr(text))} is no(t a date| day)"):
        load_scenario(file)
    file.write_text(SCENARIO.replace(key, key.replace("2026-01-06", "2026-W02-2")))
    assert load_scenario(file).name == "n"


@given(days, st.integers(0, 23), st.sampled_from(["", "Z", "+02:00"]), st.sampled_from("Tt "))
def test_an_hour_alone_is_told_with_its_minutes(
    day: date, hour: int, zone: str, between: str
) -> None:
    told = refusal(f"{day}{between}{hour:02}{zone}")
    assert told.endswith(f"has an hour alone, write {day}T{hour:02}:00{zone}")


def test_moments_of_python_are_taken_as_written_and_not_mixed_up() -> None:
    clients = [
        poisson("p", "9 per day", poisson={"events": [{"date": date(2026, 1, 6), "factor": 2}]}),
        scheduled("s", "09:00", 1, schedule={"at": time(9, 30)}),
    ]
    scenario = build(clients, start=date(2026, 1, 5), horizon="2 days")
    written = build(
        [
            poisson("p", "9 per day", poisson={"events": [{"date": "2026-01-06", "factor": 2}]}),
            scheduled("s", "09:30", 1),
        ],
        start="2026-01-05 00:00",
        horizon="2 days",
    )
    assert scenario.model_dump() == written.model_dump()
    event = {"date": datetime(2026, 1, 6), "factor": 2}
    mistakes: list[dict[str, Any]] = [
        {"start": time(9)},
        {"start": 20260105},
        {"clients": [poisson("p", "9 per day", poisson={"events": [event]})]},
        {"clients": [scheduled("s", "", 1, schedule={"at": date(2026, 1, 5)})]},
    ]
    for wrong in mistakes:
        with pytest.raises(InputError, match=r"is not a date|is no time of the day"):
            build(**{"clients": clients, "start": "2026-01-05", **wrong})
