"""Calls by the clock are told from others, and no schedule is seen where there is none."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simulation.fitting.cells import Cells
from simulation.fitting.client import fit_client
from simulation.fitting.hours import LocalClock
from simulation.fitting.phases import FALSE_ALARMS
from simulation.fitting.result import FittedClient
from simulation.fitting.schedules import schedules_of
from simulation.quantities import DAY, MINUTE, SECOND, parse_duration
from simulation.scenario.arrival_laws import Arrivals
from tests.fitting.simulated import UTC, cells_of, demand_of, law_of, random_of, times_of

FORMS = {"poisson": {"rate": "1200 per day", "profile": "office_hours", "daily_variation": "15%"}}


def schedules(fitted: FittedClient) -> list[dict[str, Any]]:
    return [each.law["schedule"] for each in fitted.components if "schedule" in each.law]


@pytest.mark.parametrize(
    "law",
    [
        {"every": "15 minutes", "calls": 3},
        {"every": "10 s", "calls": 1},
        {"every": "7 minutes", "calls": 5, "over": "20 s"},
        {"every": "5 minutes", "days": "weekdays", "calls": 2},
        {"at": ["02:00"], "days": "weekdays", "calls": 400, "over": "10 minutes"},
        {"at": ["08:00", "12:30", "18:45"], "calls": 7},
        {"at": ["03:00"], "days": ["sun"], "calls": 250, "over": "5 minutes"},
        {"at": ["23:59:58"], "days": "weekends", "calls": 40},
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_a_schedule_comes_back_as_it_was_written(law: dict[str, Any], alone: bool) -> None:
    laws = [{"schedule": law}] if alone else [{"schedule": law}, FORMS]
    fitted = fit_client("app", cells_of(demand_of(*laws)), UTC)
    (found,) = schedules(fitted)
    assert Arrivals.model_validate({"schedule": found}) == Arrivals.model_validate(
        {"schedule": law}
    )
    if alone:
        assert len(fitted.components) == 1
    else:
        rate = random_of(fitted).estimates["rate"]
        assert rate.holds(1200)


def test_schedules_follow_the_local_clock_over_both_changes() -> None:
    law = {"schedule": {"at": ["05:30"], "calls": 30}}
    for start in ("2026-03-16", "2026-10-12"):
        demand = demand_of(law, start=start, timezone="Europe/Berlin")
        fitted = fit_client("app", cells_of(demand), demand.scenario.clock.timezone)
        assert schedules(fitted) == [{"at": ["05:30"], "calls": 30}]


def test_jitter_and_missed_runs_are_tolerated_and_said() -> None:
    generator = np.random.default_rng(3)
    midnight = np.arange(20_458, 20_486) * DAY
    starts = midnight + 4 * 60 * MINUTE + generator.integers(0, 6 * SECOND, 28)
    starts = np.delete(starts, [5, 11, 20, 25])
    times = (starts[:, np.newaxis] + np.arange(50) * SECOND // 2).ravel()
    random = generator.integers(midnight[0], midnight[-1] + DAY, 6000)
    covered = ((int(midnight[0]), int(midnight[-1]) + DAY),)
    fitted = fit_client("app", Cells.of_times(np.append(times, random), SECOND, covered), UTC)
    found = fitted.components[0]
    assert found.law["schedule"]["at"] == ["04:00"]
    assert found.law["schedule"]["calls"] == 50
    assert found.estimates["missed"].value == pytest.approx(4 / 28)
    assert found.estimates["missed"].holds(4 / 28)
    assert any("begin within" in note for note in found.notes)


@pytest.mark.parametrize("jitter", [0.5, 2, 4, 8])
@pytest.mark.parametrize("every", [5, 7, 15, 60])
def test_a_poll_with_jitter_is_one_schedule(every: int, jitter: float) -> None:
    """Not several jobs that share its calls: its own period is the simplest that tells them."""
    generator = np.random.default_rng(12)
    begin = 20_458 * DAY
    beat = np.arange(begin, begin + 28 * DAY, every * MINUTE)
    times = beat + generator.integers(0, int(jitter * SECOND), len(beat))
    fitted = fit_client("app", Cells.of_times(times, SECOND, ((begin, begin + 28 * DAY),)), UTC)
    (found,) = fitted.components
    written = "1 hour" if every == 60 else f"{every} minutes"
    assert found.law["schedule"] == {"every": written, "calls": 1}
    assert found.estimates["missed"].value == 0


def test_two_polls_of_odd_periods_are_told_apart() -> None:
    """Gaps between calls of the busier one hide those of the other, until its calls are taken."""
    begin = 20_458 * DAY
    polls = [np.arange(begin, begin + 14 * DAY, seconds * SECOND) for seconds in (40, 130)]
    times = np.concatenate([polls[0], polls[1] + 17 * SECOND])
    fitted = fit_client("app", Cells.of_times(times, SECOND, ((begin, begin + 14 * DAY),)), UTC)
    assert [law["every"] for law in schedules(fitted)] == ["40 s", "130 s"]
    assert len(fitted.components) == 2


def test_a_schedule_of_which_many_runs_are_missed_calls_as_often_as_its_log() -> None:
    generator = np.random.default_rng(4)
    begin = 20_458 * DAY
    times = begin + 60 * MINUTE * np.flatnonzero(generator.random(28 * 24) > 0.35)
    fitted = fit_client("app", Cells.of_times(times, SECOND, ((begin, begin + 28 * DAY),)), UTC)
    (found,) = [each for each in fitted.components if "schedule" in each.law]
    law = found.law["schedule"]
    a_day = DAY / parse_duration(law["every"]) if "every" in law else len(law["at"])
    assert abs(law["calls"] * a_day - found.calls / 28) <= 0.5  # times of the day are whole
    assert any("of its runs are missed" in note for note in found.notes)


def test_a_single_call_is_seen_in_busy_traffic() -> None:
    demand = demand_of(
        {"schedule": {"every": "15 minutes", "calls": 1}}, {"poisson": {"rate": "20000 per day"}}
    )
    fitted = fit_client("app", cells_of(demand), UTC)
    assert schedules(fitted) == [{"every": "15 minutes", "calls": 1}]
    assert fitted.components[0].estimates["calls"].holds(1)


def test_a_beat_beside_midnight_is_written_as_times() -> None:
    times = np.arange(20_458 * DAY + 7 * MINUTE, 20_472 * DAY, 30 * MINUTE)
    fitted = fit_client("app", Cells.of_times(times, SECOND, ((20_458 * DAY, 20_472 * DAY),)), UTC)
    (found,) = schedules(fitted)
    assert found["at"][:3] == ["00:07", "00:37", "01:07"]
    assert len(found["at"]) == 48


def test_job_sizes_that_vary_are_said() -> None:
    generator = np.random.default_rng(8)
    sizes = generator.integers(300, 501, 28)
    times = np.concatenate(
        [day * DAY + 120 * MINUTE + np.arange(size) * SECOND // 4
         for day, size in zip(range(20_458, 20_486), sizes.tolist(), strict=True)]
    )  # fmt: skip
    fitted = fit_client("app", Cells.of_times(times, SECOND, ((20_458 * DAY, 20_486 * DAY),)), UTC)
    (found,) = fitted.components
    assert found.law["schedule"]["at"] == ["02:00"]
    assert found.estimates["calls"].value == pytest.approx(sizes.mean())
    assert any("runs make" in note for note in found.notes)


LAWS = {
    "busy": {"rate": "20000 per day"},
    "office": {"rate": "1200 per day", "profile": "office_hours", "daily_variation": "15%"},
    "quiet": {"rate": "30 per day"},
    "bursts": {"rate": "300 per day", "each": {"calls": 20, "every": "1 s"}},
    "steps": {"rate": "4000 per day", "profile": [1, 20] * 12},
}


@pytest.mark.proof
@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("days", [3, 14, 28])
def test_random_traffic_has_no_schedule(name: str, days: int, long: bool) -> None:
    """At most one log in a thousand may show one, by design; so none of these does."""
    logs = 200 if long else 8
    demand, false = demand_of({"poisson": LAWS[name]}, days=days, seed=days), 0
    for replication in range(logs):
        cells = cells_of(demand, replication)
        clock = LocalClock(UTC, *cells.covered[0])
        false += bool(schedules_of(cells, clock, dt.date(2026, 1, 5))[0])
    # As many as the stated rate lets there be in one such test of a thousand.
    assert false <= stats.binom.ppf(0.999, logs, FALSE_ALARMS)


def test_times_that_a_log_does_not_cover_are_no_missed_runs() -> None:
    demand = demand_of({"schedule": {"at": ["02:00"], "calls": 9}})
    times = times_of(demand, 0)
    first = demand.scenario.clock.start_epoch
    gap = (first + 8 * DAY + 60 * MINUTE, first + 15 * DAY + 60 * MINUTE)
    kept = times[(times < gap[0]) | (times >= gap[1])]
    covered = ((first, gap[0]), (gap[1], first + 28 * DAY))
    fitted = fit_client("app", Cells.of_times(kept, SECOND, covered), UTC)
    (found,) = fitted.components
    assert found.law["schedule"] == {"at": ["02:00"], "calls": 9}
    assert found.estimates["missed"].value < 0.06


def test_laws_of_the_random_rest_can_be_read() -> None:
    fitted = fit_client("app", cells_of(demand_of(FORMS)), UTC)
    assert law_of(random_of(fitted)).rate == pytest.approx(
        random_of(fitted).estimates["rate"].value, rel=1e-4
    )


def test_runs_in_busy_office_hours_leave_nothing_that_looks_like_more_schedules() -> None:
    """Where nobody sees which runs took place, the calls of all are taken."""
    law = {"rate": "200000 per day", "profile": "office_hours", "daily_variation": "15%"}
    demand = demand_of({"schedule": {"every": "15 minutes", "calls": 3}}, {"poisson": law})
    fitted = fit_client("app", cells_of(demand), UTC)
    assert schedules(fitted) == [{"every": "15 minutes", "calls": 3}]
    assert fitted.components[0].calls == 28 * 96 * 3


@pytest.mark.parametrize("law", [{"every": "15 minutes"}, {"at": ["02:00"]}])
def test_runs_on_days_that_the_log_covers_in_part_are_of_the_schedule(law: dict[str, Any]) -> None:
    """A log from 01:50 to 02:05: the first and the last run are as all others."""
    demand = demand_of({"schedule": {**law, "calls": 9}}, days=15)
    times = times_of(demand, 0)
    first = demand.scenario.clock.start_epoch
    span = (first + 110 * MINUTE, first + 14 * DAY + 125 * MINUTE)
    kept = times[(times >= span[0]) & (times < span[1])]
    fitted = fit_client("app", Cells.of_times(kept, SECOND, (span,)), UTC)
    (found,) = fitted.components
    assert found.law["schedule"] == {**law, "calls": 9}
    assert found.calls == len(kept)


@pytest.mark.parametrize("days", [1, 2, 3, 5, 6])
def test_weekdays_that_a_log_lacks_are_as_its_others(days: int) -> None:
    """A log from Monday on, with a poll and a job of all its days."""
    demand = demand_of(
        {"schedule": {"every": "15 minutes", "calls": 1}},
        {"schedule": {"at": ["02:00"], "calls": 40}},
        days=days,
    )
    found = schedules(fit_client("app", cells_of(demand), UTC))
    assert found[0] == {"every": "15 minutes", "calls": 1}
    if days >= 4:
        assert found[1] == {"at": ["02:00"], "calls": 40}


def test_a_job_of_weekdays_is_found_in_a_log_that_begins_after_its_first_run() -> None:
    demand = demand_of({"schedule": {"at": ["02:00"], "calls": 60, "days": "weekdays"}}, days=15)
    late = [time for time in times_of(demand, 0) if time > demand.scenario.clock.start_epoch + DAY]
    begin = demand.scenario.clock.start_epoch + 10 * 60 * MINUTE
    cells = Cells.of_times(np.array(late), SECOND, ((begin, begin + 14 * DAY),))
    (law,) = schedules(fit_client("app", cells, UTC))
    assert law == {"at": ["02:00"], "calls": 60, "days": "weekdays"}


@pytest.mark.parametrize("days", [7, 14])
def test_a_long_job_is_found_in_a_week_or_two(days: int) -> None:
    """Its own calls lie around each minute of it, as if chance brought many there."""
    law = {"at": ["02:00"], "calls": 600, "days": "weekdays", "over": "20 minutes"}
    fitted = fit_client("app", cells_of(demand_of({"schedule": law}, days=days)), UTC)
    assert schedules(fitted) == [law]
