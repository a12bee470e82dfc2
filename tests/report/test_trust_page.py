"""What people see of a fit and a backtest: sentences, tables, and the page in a real browser."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulation import backtest
from simulation.fitting import Fit, FitOptions, fit, replay_of
from simulation.fitting.fit_report import throttling_of
from simulation.formats import number
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from simulation.report import (
    backtest_findings,
    backtest_table,
    fit_advice,
    fit_findings,
    fit_rows,
    what_was_read,
)
from simulation.report.fit_tables import assumptions, estimate_rows
from simulation.report.trust_page import trust_report
from simulation.trust import Backtest, Comparison, compare_fit
from tests.browser import CHROMIUM, Browser
from tests.trust.logs import access_log, log_of

OFFICE = {"poisson": {"rate": "400 per day", "profile": "office_hours"}}
NIGHTLY = {"schedule": {"at": "02:00", "calls": 60, "over": "1 minute"}}
MONDAY = 1_767_571_200 * SECOND
RETRIES = [0, 10, 30]
"""Seconds after which a call is tried: the last time with success."""

_IS_BROKEN = (
    "/^[0-9.,–%-]+$/.test(e.textContent) && "
    "(r => (r.selectNodeContents(e), r.getClientRects().length > 1))(new Range())"
)
"""Whether the number in a cell stands on two lines."""
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of three weeks in which one app calls by chance and by the clock; another retries."""
    _, log = log_of(tmp_path_factory.mktemp("log") / "access.log", OFFICE, NIGHTLY, days=21)
    for day in range(2, 21, 3):
        for call in range(20):
            begin = MONDAY + day * DAY + 10 * HOUR + call * 7 * MINUTE
            tries = [begin + after * SECOND for after in RETRIES]
            access_log(log, tries[:2], "campaign", 429)
            access_log(log, tries[2:], "campaign")
    return log


@pytest.fixture(scope="module")
def found(log: Path) -> Fit:
    return fit(log)


@pytest.fixture(scope="module")
def compared(log: Path, found: Fit) -> Comparison:
    return compare_fit(found, replay_of([log], FitOptions(), found.usage, found.scenario.card))


@pytest.fixture(scope="module")
def predicted(log: Path, found: Fit) -> Backtest:
    return backtest(found.scenario, log)


def test_requests_of_a_log_are_told_beside_the_calls_that_they_are(log: Path, found: Fit) -> None:
    requests, tried = len(log.read_text().splitlines()), 7 * 20
    assert what_was_read(found.report) == (
        f"The log has {requests:,} requests of 2 apps in 21 days, 2026-01-05 to 2026-01-25. They "
        f"are {requests - 2 * tried:,} calls: a call and its retries after a 429 are one."
    )


def test_a_log_without_429s_has_as_many_calls_as_requests(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE, days=14)
    found = fit(log, options=FitOptions(edition="enterprise", user_licenses=3))
    assert what_was_read(found.report).endswith("and each is a call.")
    assert fit_advice(found.report, found.scenario) == [
        "The log has no request that was throttled, so what the apps do then is assumed."
    ]


def test_clients_stand_below_their_app_by_the_names_that_they_have_in_the_scenario(
    found: Fit,
) -> None:
    rows = [*fit_rows(found.report)]
    several = [app["name"] for app in found.report["clients"] if len(app["components"]) > 1]
    assert several == ["app-1"]
    names = [name.strip() for name, *_ in rows if name not in several]
    assert names == [each.name for each in found.scenario.clients]
    place = [name for name, *_ in rows].index("app-1")
    a_day = [float(row[1]) for row in rows[place : place + 3]]
    assert a_day[0] == pytest.approx(sum(a_day[1:]), rel=0.01)
    assert [row[0].startswith("  app-1-") for row in rows[place + 1 : place + 3]] == [True, True]


def test_what_is_of_no_known_kind_is_counted_in_all(tmp_path: Path) -> None:
    """However many addresses it has: the list of them is cut off, the count is not."""
    _, log = log_of(tmp_path / "a.log", OFFICE, days=14)
    lines = log.read_text().splitlines(keepends=True)
    words = [f"{a}{b}" for a in "bcdfghklmn" for b in "aeiouyäöüå"]
    unknown = [
        line.replace("/crm/v8/Leads/1", f"/shop/{words[n % 100]}") for n, line in enumerate(lines)
    ]
    log.write_text("".join(unknown), encoding="utf-8")
    report = fit(log).report
    assert len(report["unknown"]) == 50
    assert any(each.startswith("100 % of the requests are of no") for each in fit_findings(report))


def test_429s_are_told_with_their_days_and_with_how_full_the_pool_was(
    log: Path, found: Fit
) -> None:
    recorded = replay_of([log], FitOptions(), found.usage, found.scenario.card)
    throttled = throttling_of(recorded, found.options.timezone, found.scenario.card)
    assert throttled is not None
    dates = [f"2026-01-{day + 5:02}" for day in range(2, 21, 3)]
    assert (throttled["attempts"], throttled["dates"]) == (7 * 20 * 2, dates)
    seconds = np.sort([_seconds(line) for line in log.read_text().splitlines() if '" 200 ' in line])
    firsts = [MONDAY // SECOND + day * 86_400 + 36_000 for day in range(2, 21, 3)]
    taken = [((seconds > at - 86_400) & (seconds < at)).sum() for at in firsts]
    assert throttled["in_use"] == taken  # each call takes a credit
    said = fit_advice({**found.report, "throttled": throttled}, found.scenario)[0]
    assert said == "280 requests were answered 429 (too many requests), on 7 days, all of app-2."


def _seconds(line: str) -> float:
    when = line[line.index("[") + 1 : line.index("]")]
    return dt.datetime.strptime(when, "%d/%b/%Y:%H:%M:%S %z").timestamp()


@pytest.mark.parametrize(
    ("in_use", "told"),
    [
        ([], "They go on from the log's first 24 hours, so it does not show how full"),
        ([4000.0, 4100.0], "So the org's pool is smaller, about 4,100; or it has calls that the"),
        ([15_000.0], "taken 15,000 credits: the scenario's pool of 15,000 was used up."),
        ([30_000.0], "So the org's pool is larger, about 30,000: set what it has."),
        (
            [900.0, 8000.0],
            "2 times they began anew, and each time the calls of the 24 hours before",
        ),
        (
            [900.0, 8000.0],
            "calls open at once, throttled them, and more credits would hardly help.",
        ),
    ],
)
def test_what_the_pool_held_at_the_first_429s_tells_which_limit_throttled(
    found: Fit, in_use: list[float], told: str
) -> None:
    assert found.scenario.limit == 15_000
    throttled = {"attempts": 280, "dates": ["2026-01-07"], "in_use": in_use}
    said = fit_advice({**found.report, "throttled": throttled}, found.scenario)
    assert told in said[1]
    assert "on 1 day (2026-01-07), all of app-2." in said[0]


def test_without_the_calls_as_they_came_advice_says_how_to_see_which_limit_it_was(
    found: Fit,
) -> None:
    said = fit_advice(found.report, found.scenario)
    assert "write the calls as they came with --replay calls.yaml" in said[1]
    assert said[2].startswith("No log tells what the org has bought: professional with 10 licenses")


def test_what_cannot_be_told_says_so_and_no_number_is_missing(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE, days=9)
    access_log(log, [MONDAY + hours * HOUR for hours in (30, 31, 99)], "rare")
    report = json.loads(json.dumps(fit(log).report, allow_nan=False))
    estimates = [
        each
        for app in report["clients"]
        for part in app["components"]
        for each in part["estimates"].values()
    ]
    untold = [each for each in estimates if not each["is_told"]]
    assert untold
    assert all(each["value"] is None and each["note"] for each in untold)
    assert all(each["value"] is not None for each in estimates if each["is_told"])
    rows = [*estimate_rows(report)]
    assert sum(row[2] == "not told" for row in rows) == len(untold)
    assert not {"nan", "inf", "None"} & {
        word for row in rows for cell in row for word in cell.split()
    }


def test_what_is_assumed_is_said_once_with_all_that_it_is_of(found: Fit) -> None:
    said = assumptions(found.report)
    apps = found.report["clients"]
    alike = [*apps, {**apps[1], "name": "app-3"}]
    assert len(assumptions({**found.report, "clients": alike})) == len(said)
    same = [{**apps[1], "name": name} for name in ("app-2", "app-3")]
    shared = [*assumptions({**found.report, "clients": same})]
    assert any(each.startswith("all apps: ") and "retries after 280" in each for each in shared)
    assert any(each.startswith("app-2: ") and "retries after 280" in each for each in said)


def test_a_table_of_days_has_no_empty_column(predicted: Backtest) -> None:
    headings, rows = backtest_table(predicted)
    assert headings[-3:] == ("week before", "429s", "429s predicted")
    assert len(rows) == len(predicted.dates)
    blank = replace(predicted, last_week=predicted.last_week * np.nan, answered_429=None)
    headings, rows = backtest_table(blank)
    assert headings == ("day", "highest use", "predicted", "19 of 20 runs", "429s predicted")
    assert {len(row) for row in rows} == {5}


def test_predictions_are_scored_beside_two_simple_rivals(predicted: Backtest) -> None:
    (said,) = (each for each in backtest_findings(predicted) if "score" in each)
    scores = [number(each.mean) for each in predicted.scores.values()]
    assert said == (
        f"The predictions score {scores[0]} credits, a constant rate of calls {scores[1]} and the "
        f"same weekday of the week before {scores[2]} (by how far they were off, CRPS, on the 13 "
        "days that have a week before them; less is better)."
    )


@pytest.mark.parametrize(
    ("days", "outside", "verdict"),
    [
        (7, 2, "trusted"),
        (7, 3, "too sure"),
        (8, 3, "too sure"),
        (27, 4, "trusted"),
        (27, 5, "too sure"),
    ],
)
def test_so_many_peaks_outside_their_intervals_make_predictions_too_sure(
    predicted: Backtest, days: int, outside: int, verdict: str
) -> None:
    """Of half as many days, for neighbours share their calls: P(X ≥ 2 of 4) is 1.4 %."""
    peaks = np.where(np.arange(days) < outside, 1e9, 50.0)
    drawn = np.linspace(0, 100, 40)[:, np.newaxis] * np.ones(days)
    its = replace(
        predicted,
        dates=predicted.dates[:1] * days,
        peaks=peaks,
        predicted=drawn,
        flat=drawn - 1e9,
        last_week=np.full(days, np.nan),
        answered_429=None,
    )
    assert its.covered == days - outside
    assert its.verdict == verdict


def test_a_fit_and_a_backtest_are_a_line_each_in_a_notebook(
    found: Fit, predicted: Backtest
) -> None:
    assert repr(found).startswith("<Fit 'Fitted to a log': ")
    assert repr(found).endswith(
        " calls of 2 apps in 21 days, 2026-01-05 to 2026-01-25, as 3 clients>"
    )
    judged = replace(found, report={**found.report, "comparison": {"verdict": "fits"}})
    assert repr(judged).endswith("as 3 clients, comparison: fits>")
    covered = f"{predicted.covered} peaks in their intervals"
    assert repr(predicted) == (
        f"<Backtest of 20 days, 2026-01-06 to 2026-01-25: {predicted.verdict}, {covered}>"
    )


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
    found: Fit,
    compared: Comparison,
    predicted: Backtest,
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    logs = ["logs/access.log"]
    texts = {
        "fit": trust_report(found.scenario, "fit", found.report, compared, predicted, logs),
        "backtest": trust_report(found.scenario, "backtest", backtest=predicted, logs=[*logs * 5]),
    }
    for name, text in texts.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in texts}


def test_a_page_says_what_it_is_and_what_each_app_is_called(
    pages: dict[str, Path], found: Fit
) -> None:
    page, other = (pages[name].read_text() for name in ("fit", "backtest"))
    assert "<title>Fit of access.log · API credits</title>" in page
    several = "access.log, access.log, access.log and 2 more"
    assert f"<h1>Backtest of Fitted to a log by {several}</h1>" in other
    assert f"{found.report['read']:,} lines read." in page
    for heading in ("What the apps are called", "What was left out, and what is assumed"):
        assert f"<h2>{heading}</h2>" in page
        assert f"<h2>{heading}</h2>" not in other
    advice = page.partition('<div class="advice">')[2].partition("<section>")[0]
    assert "280 requests were answered 429" in advice
    assert "No log tells what the org has bought" in advice
    assert "campaign</td>" in page
    assert "app-1-job-" in page


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [375, 1100])
@pytest.mark.parametrize("name", ["fit", "backtest"])
def test_a_page_is_readable_on_a_phone_and_on_a_screen(
    pages: dict[str, Path], name: str, width: int, dark: bool
) -> None:
    with Browser(width, dark=dark) as browser:
        browser.open(pages[name])
        assert browser.errors == []
        assert browser.ask("document.scrollingElement.scrollWidth") <= width
        browser.ask("document.querySelectorAll('details').forEach(e => e.open = true)")
        for wrong in ("e.scrollWidth > e.clientWidth + 1", _IS_BROKEN):
            found = f"[...document.querySelectorAll('td')].filter(e => {wrong})"
            assert browser.ask(f"{found}.map(e => e.textContent)") == []
        assert browser.ask("document.querySelectorAll('.figure svg.main-svg').length > 0")
