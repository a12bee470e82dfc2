"""Logs at the edges: through `read_log`, and through the command that fits a scenario to them."""

from __future__ import annotations

import datetime as dt
import json
import threading
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from simulation import InputError, load_scenario, read_log
from simulation.cli.commands import app
from simulation.logs import Reading, entries_of_logs
from tests.logs.test_forms import FORMS
from tests.logs.test_hostile_logs import read_or_refused

BERLIN = ZoneInfo("Europe/Berlin")
REQUEST = '"GET /crm/v7/users HTTP/1.1" 200 5 "-" "sync/2.1"'


def line(moment: dt.datetime, offset: str = " %z") -> str:
    return f"10.0.0.7 - - [{moment.strftime('%d/%b/%Y:%H:%M:%S' + offset)}] {REQUEST}\n"


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type,misc]


def lines(begin: dt.datetime, step: dt.timedelta, count: int) -> str:
    return "".join(line(begin + n * step) for n in range(count))


def fit(log: Path, *options: str) -> Result:
    words = ["fit", str(log), "--out", str(log.parent / "org.yaml"), "--force", *options]
    return CliRunner().invoke(app, words)


def fitted_or_refused(log: Path, *options: str) -> str:
    """Return the refusal of a log, or nothing where a scenario was written that can be run."""
    done = fit(log, *options)
    assert done.exit_code in (0, 2), done.output
    if done.exit_code == 2:
        assert len(done.stderr.strip().splitlines()) == 1
        return done.stderr
    load_scenario(log.parent / "org.yaml")
    return ""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def test_a_log_of_one_line(log: Path) -> None:
    log.write_text(line(utc(2026, 1, 5, 8)))
    assert len(read_log(log)) == 1
    assert (
        "log: covers 1 s, and less than a day tells no calls a day: name more"
        in fitted_or_refused(log)
    )


@pytest.mark.parametrize("content", ["", "\n\n", "# nothing\n"])
def test_an_empty_log(log: Path, content: str) -> None:
    log.write_text(content)
    with pytest.raises(InputError):
        read_log(log)
    assert "a.log" in fitted_or_refused(log)


def test_a_log_of_one_second(log: Path) -> None:
    log.write_text(lines(utc(2026, 1, 5, 8), dt.timedelta(0), 500))
    assert read_log(log)["time"].nunique() == 1
    assert "log: covers 1 s, and less than a day tells no calls a day" in fitted_or_refused(log)


def test_a_log_of_less_than_a_day_is_refused_with_what_else_there_is(log: Path) -> None:
    log.write_text(lines(utc(2026, 1, 5, 8), dt.timedelta(minutes=1), 180))
    assert fitted_or_refused(log) == (
        "log: covers 2.98 hours, and less than a day tells no calls a day: name more of it, best "
        "weeks, or simulate its calls as they came, by 'trace:'\n"
    )
    log.write_text(lines(utc(2026, 1, 5, 0, 20), dt.timedelta(minutes=1), 23 * 60))
    assert fitted_or_refused(log) == ""


@pytest.mark.parametrize(("days", "is_told"), [(3, False), (7, True)])
def test_a_fit_to_less_than_a_week_says_that_weekdays_are_not_told(
    log: Path, days: int, is_told: bool
) -> None:
    log.write_text(lines(utc(2026, 1, 5, 0, 10), dt.timedelta(minutes=30), days * 48))
    said = "and less than a week does not tell how weekdays differ"
    done = fit(log)
    words = " ".join(done.output.split())
    file = " ".join((log.parent / "org.yaml").read_text().replace("# ", "").split())
    report = json.loads((log.parent / "org.fit.json").read_text())
    assert (said in words, said in file, said in str(report["remarks"])) == (not is_told,) * 3


def test_a_log_of_more_calls_than_a_scenario_can_have_is_named_with_the_remedy(log: Path) -> None:
    days = [utc(2026, 1, 5) + n * dt.timedelta(days=1) for n in range(60)]
    rows = [f"{day:%Y-%m-%d},{int(900_000 * 1.08**n)}" for n, day in enumerate(days)]
    log.write_text("\n".join(["day,count", *rows]))
    refusal = fitted_or_refused(log)
    assert refusal.startswith("log: gives a scenario that cannot be simulated, since clients.app-1")
    assert "calls on the busiest day" in refusal
    assert "check its counts and times (--field calls=COLUMN, --dates)" in refusal


def every_twenty_minutes(of_local_time: bool) -> tuple[str, list[dt.datetime]]:
    """Return a log of 2026 around both changes of the clock in Berlin, and its times."""
    begins = (utc(2026, 3, 28, 12), utc(2026, 10, 24, 12))
    times = [begin + n * dt.timedelta(minutes=20) for begin in begins for n in range(120)]
    local = [moment.astimezone(BERLIN) for moment in times]
    return "".join(line(each, "" if of_local_time else " %z") for each in local), times


@pytest.mark.parametrize("of_local_time", [True, False])
def test_a_log_over_both_changes_of_daylight_saving(
    log: Path, of_local_time: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.logs.sources._BLOCK", 300)  # parts end within the hour
    content, times = every_twenty_minutes(of_local_time)
    log.write_text(content)
    found = read_log(log, timezone="Europe/Berlin")
    assert found["time"].tolist() == [pd.Timestamp(each) for each in times]
    assert fitted_or_refused(log, "--timezone", "Europe/Berlin") == ""


def test_times_that_the_clock_skips_are_read_and_remarked_on(log: Path) -> None:
    log.write_text(line(utc(2026, 3, 29, 2, 30), ""))
    reading = Reading(BERLIN)
    list(entries_of_logs([log], reading))
    assert any("skipped by daylight saving" in each for each in reading.remarks)


def test_a_third_of_broken_lines_is_refused_with_all_that_helps_unless_allowed(log: Path) -> None:
    rows = lines(utc(2026, 1, 5), dt.timedelta(minutes=3), 700).splitlines(keepends=True)
    broken = ['" "curl/7.54.0"\n', line(utc(2026, 1, 5)).replace("Jan", "Jam")] * 150
    log.write_text("".join(rows + broken))
    refusal = fitted_or_refused(log)
    reasons = "150 lines have fewer fields than other lines, 150 lines have no time where other"
    for part in ("30.0%", reasons, "a.log:701: "):
        assert part in refusal
    assert refusal.endswith("allow_skipped=0.3 in Python, --allow-skipped 30%\n")
    assert fitted_or_refused(log, *refusal.split()[-2:]) == ""
    assert len(read_log(log, allow_skipped=0.4)) == 700


@pytest.mark.parametrize("year", [1970, 2100])
def test_times_of_1970_and_of_2100(log: Path, year: int) -> None:
    log.write_text(lines(utc(year, 2, 27), dt.timedelta(hours=1), 80))
    found = read_log(log)
    assert found["time"].iloc[0] == pd.Timestamp(utc(year, 2, 27))
    assert found["time"].iloc[-1] == pd.Timestamp(utc(year, 2, 27) + dt.timedelta(hours=79))
    refusal = fitted_or_refused(log)
    assert refusal == "" or str(year) in refusal


def test_a_line_of_ten_megabytes_is_left_out_and_counted(log: Path) -> None:
    rows = lines(utc(2026, 1, 5), dt.timedelta(hours=1), 40).splitlines(keepends=True)
    rows[20:20] = [rows[0].replace("users", "users/" + "a" * 10_000_000)]
    log.write_text("".join(rows))
    reading = Reading(ZoneInfo("UTC"))
    assert sum(map(len, entries_of_logs([log], reading))) == 40
    assert reading.skipped.counts == {"more than 1 MB": 1}
    assert fitted_or_refused(log) == ""


def test_a_file_that_grows_while_it_is_read(log: Path) -> None:
    """It is read as it was at the beginning; a line that was half written is counted."""
    log.write_text(
        lines(utc(2026, 1, 5), dt.timedelta(seconds=1), 30_000) + line(utc(2026, 1, 6))[:20]
    )
    is_read = threading.Event()

    def grow() -> None:
        with log.open("a") as file:
            while not is_read.is_set():
                file.write(line(utc(2026, 1, 6))[20:] + line(utc(2026, 1, 7))[:20])
                file.flush()
                time.sleep(0.0001)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        reading = Reading(ZoneInfo("UTC"))
        parts = list(entries_of_logs([log], reading))
    finally:
        is_read.set()
        writer.join()
    assert sum(map(len, parts)) >= 30_000
    assert sum(map(len, parts)) == reading.skipped.read
    assert reading.skipped.counts.total() <= 1
    assert fitted_or_refused(log) == ""


def test_dates_in_quotes_are_read_in_w3c_logs(log: Path) -> None:
    log.write_text(
        "#Fields: date time cs-method cs-uri-stem sc-status cs(User-Agent)\n"
        '"2026-01-05" "08:00:01" "GET" "/crm/v7/users" "200" "sync/2.1 (a b)"\n'
        '"2026-01-05" "08:00:02" "GET" "/crm/v7/users" "429" "sync/2.1 (a b)"\n'
    )
    found = read_log(log)
    assert found["time"].dt.second.tolist() == [1, 2]
    assert found["status"].tolist() == [200, 429]
    assert found["client"].tolist() == ["sync", "sync"]


def test_the_order_of_dates_that_one_part_shows_is_that_of_the_others(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.logs.sources._BLOCK", 2_000)
    rows = [f"{day}/01/2026 08:00:00 GET /a 200\n" for day in (20, *[9] * 400)]
    log.write_text("".join(rows))
    pattern = "%{%d/%m/%Y %H:%M:%S}t %m %U %s"
    for options in ({}, {"log_format": pattern}):
        found = read_log(log, **options)  # type: ignore[arg-type]
        assert found["time"].dt.day.tolist() == [9] * 400 + [20]
        assert found["time"].dt.month.unique().tolist() == [1]
    log.write_text("".join(rows) + "01/20/2026 08:00:00 GET /a 200\n")
    with pytest.raises(InputError, match="only the day first can be, and others that only the mon"):
        read_log(log)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(FORMS)),
    st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=30)), max_size=6),
)
def test_a_log_of_any_form_cut_anywhere_with_anything_in_it_in_many_parts(
    form: str, changes: list[tuple[int, bytes]]
) -> None:
    content = FORMS[form].encode() * 9
    for at, piece in changes:
        content = content[: at % len(content)] + piece + content[(at + 7) % len(content) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation.logs.sources._BLOCK", 400)
        in_parts = read_or_refused(content)
    if form in ("common", "combined", "vhost", "W3C", "Kong") and b"\x00" not in content:
        assert in_parts == read_or_refused(content)


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, np.random.default_rng(3).bytes(9000)]
)
def test_what_is_no_text_is_refused_as_such(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.log").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.log: is no text, such as a picture or a program"):
        read_log(tmp_path / "a.log")
