"""Scenarios judged by logs: what is like its log is told from what is not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from simulation import InputError, backtest
from simulation.fitting import FitOptions, fit, replay_of
from simulation.quantities import DAY, HOUR, SECOND
from simulation.report import backtest_findings
from simulation.trust import Backtest, Comparison, compare_fit, hold_out
from tests.fitting.simulated import demand_of, times_of
from tests.trust.logs import access_log, log_of

OFFICE = {"poisson": {"rate": "800 per day", "profile": "office_hours", "daily_variation": "10%"}}


def _compared(log: Path) -> Comparison:
    found = fit(log)
    return compare_fit(found, replay_of([log], FitOptions(), found.usage, found.scenario.card))


def _held_out(log: Path, length: int) -> Backtest:
    found = fit(log)
    recorded = replay_of([log], FitOptions(), found.usage, found.scenario.card)
    return hold_out([log], found, recorded, length)


def test_a_log_of_the_laws_that_are_fitted_fits(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE)
    found = _compared(log)
    assert found.verdict == "fits"
    assert 0.8 < found.factor < 1.25
    assert found.log.calls.sum() == sum(found.log.hours) > 10_000


def test_a_log_with_one_huge_day_is_understated(tmp_path: Path) -> None:
    """A law has no such day, and says so; the calls as they came have it."""
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    begin = demand.scenario.clock.start_epoch + 17 * DAY + 12 * HOUR
    access_log(log, [begin + number * 4 * SECOND for number in range(6000)])
    found = _compared(log)
    assert found.verdict == "understates"
    assert found.factor > 2


def test_three_days_are_too_short_to_judge(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE, days=4)
    assert _compared(log).verdict == "too short"


def test_a_log_of_one_day_is_refused(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE, days=1)
    with pytest.raises(InputError, match="no whole day behind the first"):
        _compared(log)


def test_predictions_of_what_goes_on_as_before_hold(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE)
    found = _held_out(log, 7 * DAY)
    assert (len(found.dates), found.before) == (7, 20)
    assert found.verdict == "trusted"
    assert found.scores["scenario"].mean < found.scores["flat Poisson"].mean
    assert not np.isnan(found.last_week).any()
    assert found.answered_429 is not None
    assert not found.answered_429.any()


def test_predictions_of_demand_that_doubles_are_too_sure(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE, days=21)
    log_of(tmp_path / "b.log", OFFICE, days=28)
    last = (tmp_path / "b.log").read_text().splitlines()
    half = [line for line in last if line > "" and _date(line) >= 26]
    with log.open("a") as file:
        file.writelines(f"{line}\n" for line in half * 2)
    found = _held_out(log, 7 * DAY)
    assert found.verdict == "too sure"


def _date(line: str) -> int:
    return int(line[line.index("[") + 1 :][:2])


def test_what_is_withheld_is_not_fitted(tmp_path: Path) -> None:
    """The last week calls ten times as often, and the prediction knows nothing of it."""
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    begin = demand.scenario.clock.start_epoch + 22 * DAY
    quiet = _held_out(log, 7 * DAY)
    access_log(log, [begin + number * SECOND for number in range(0, 5 * 86_400, 20)])
    busy = _held_out(log, 7 * DAY)
    assert np.array_equal(quiet.predicted, busy.predicted)
    assert busy.peaks.max() > 4 * quiet.peaks.max()


def test_as_much_as_the_log_has_cannot_be_withheld(tmp_path: Path) -> None:
    _, log = log_of(tmp_path / "a.log", OFFICE, days=8)
    with pytest.raises(InputError, match="--hold-out: 7 days of the log leave nothing to fit to"):
        _held_out(log, 7 * DAY)


def test_a_scenario_is_judged_by_a_log_that_it_does_not_know(tmp_path: Path) -> None:
    """The log's 429s are those that its own pool gave: they lie where the scenario expects them."""
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    found = backtest(demand.scenario.changed({"seed": 5}), log)
    assert (len(found.dates), found.before) == (27, 0)
    assert found.verdict == "trusted"
    assert found.throttled_covered == 27
    assert found.to_dict()["predicted_throttled"] == {"median": 0, "low": 0, "high": 0}


def test_the_429s_of_a_log_stand_beside_those_that_are_predicted(tmp_path: Path) -> None:
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    noon = demand.scenario.clock.start_epoch + 9 * DAY + 12 * HOUR
    access_log(log, [noon + number * SECOND for number in range(30)], status=429)
    found = backtest(demand.scenario, log)
    assert found.answered_429 is not None
    assert found.answered_429.tolist() == [30 * (day == 8) for day in range(27)]
    assert found.throttled_covered == 26


def _answered(log: Path, status: int, each: int) -> None:
    """Rewrite a log so that every ``each``-th request has another status."""
    lines = log.read_text().splitlines(keepends=True)
    lines[::each] = [line.replace('" 200 ', f'" {status} ') for line in lines[::each]]
    log.write_text("".join(lines))


def test_peaks_alone_do_not_make_trust_where_the_log_has_429s_that_the_scenario_does_not_expect(
    tmp_path: Path,
) -> None:
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    _answered(log, 429, each=10)
    found = backtest(demand.scenario.changed({"seed": 5}), log)
    assert found.covered >= 25
    assert (found.throttling, found.verdict) == ("too few", "too few throttled")
    first, *_, last = backtest_findings(found)
    assert first.startswith("The predicted peaks held, but more was throttled than predicted: ")
    assert last.endswith(
        "So the org's pool is smaller, or another limit throttled them: set what it has."
    )
    assert found.to_dict()["throttling"] == "too few"


def test_a_scenario_that_throttles_what_the_log_did_not_is_not_trusted(tmp_path: Path) -> None:
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    small = {"clients.app-0.calls": [{"api": "bulk_read"}], "seed": 5}
    bulk = log.read_text().replace("GET /crm/v8/Leads/1 ", "POST /crm/bulk/v8/read ")
    log.write_text(bulk)
    found = backtest(demand.scenario.changed({**small, "org.edition": "free"}), log)
    assert found.covered >= 25
    assert (found.throttling, found.verdict) == ("too many", "too many throttled")
    first, *_, last = backtest_findings(found)
    assert first.startswith("The predicted peaks held, but less was throttled than predicted: ")
    assert last.endswith("set edition, licenses and add-on credits.")


def test_a_few_429s_more_than_expected_are_no_difference_to_who_plans(tmp_path: Path) -> None:
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    _answered(log, 429, each=2000)
    found = backtest(demand.scenario.changed({"seed": 5}), log)
    assert found.answered_429 is not None
    assert found.answered_429.any()
    assert (found.throttling, found.verdict) == ("as predicted", "trusted")


def test_of_counts_the_peaks_alone_are_judged_and_that_is_said(tmp_path: Path) -> None:
    demand = demand_of(OFFICE)
    hours = np.bincount((times_of(demand, 0) - demand.scenario.clock.start_epoch) // HOUR)
    begin = dt.datetime(2026, 1, 5)
    rows = [f"{begin + n * dt.timedelta(hours=1)},{calls}" for n, calls in enumerate(hours)]
    log = tmp_path / "counts.csv"
    log.write_text("\n".join(["hour,count", *rows]))
    found = backtest(demand.scenario.changed({"seed": 5}), log)
    assert (found.throttling, found.verdict) == ("not told", "trusted")
    assert backtest_findings(found)[-1].startswith("The log does not tell what was throttled; ")


def test_days_that_are_not_judged_are_named_with_the_reason(tmp_path: Path) -> None:
    demand, log = log_of(tmp_path / "a.log", OFFICE)
    lines = log.read_text().splitlines(keepends=True)
    late = next(n for n, line in enumerate(lines) if "/Jan/2026:1" in line)
    noon = max(n for n, line in enumerate(lines) if "01/Feb/2026:12" in line)
    log.write_text("".join(lines[late:noon]))
    found = backtest(demand.scenario.changed({"seed": 5}), log)
    assert found.to_dict()["left_out"] == [
        {"date": "2026-01-05", "why": "in part"},
        {"date": "2026-01-06", "why": "fills the pool"},
        {"date": "2026-02-01", "why": "in part"},
    ]
    assert backtest_findings(found)[1] == (
        "Not judged: 2 days (2026-01-05 and 2026-02-01) of which the log has a part, and 1 day "
        "(2026-01-06) whose pool still held calls that the log does not have."
    )
    assert (found.dates[0], len(found.dates)) == (dt.date(2026, 1, 7), 25)
