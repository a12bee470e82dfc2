"""The start of a run: how long it shows, the warm-up that follows from it, and what is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.stats import binom

import simulation.experiment.warmup
from simulation import load_scenario, plan, run
from simulation.demand.demand import Demand
from simulation.engine.compiled.starts import throttled_from
from simulation.experiment.methods import run_methods
from simulation.experiment.warmup import (
    Warmup,
    _candidates,
    _throttled_by_hour,
    warmup_from,
    with_warmup,
)
from simulation.formats.written import RUN_FILES
from simulation.planning.saved import load_result
from simulation.planning.theory import erlang_b
from simulation.quantities import DAY, HOUR
from simulation.report.run_in_words import start_finding
from simulation.scenario.scenario import Scenario
from tests.helpers import ANY_LIMIT, any_limit, build, poisson, scheduled


def free(rate: str, **keys: Any) -> Scenario:
    """Return an org on the free edition, 5,000 credits, with one client and no warm-up named."""
    law = {"rate": rate, "profile": keys.pop("profile", "flat")}
    client = {"name": "a", "arrivals": {"poisson": law}, "calls": [{"api": "get_modules"}]}
    return build([client], **{"horizon": "30 days", "warmup": None, "replications": 4, **keys})


def examined(scenario: Scenario) -> tuple[Scenario, Warmup]:
    """Return the scenario with its warm-up, which pilot runs looked at."""
    scenario, warmup = with_warmup(scenario)
    assert warmup is not None
    return scenario, warmup


def test_a_pool_that_a_quiet_night_empties_forgets_its_start_within_a_week() -> None:
    scenario, warmup = examined(free("5500 per day", profile="office_hours"))
    assert (warmup.length, warmup.given, warmup.is_enough) == (7 * DAY, False, True)
    assert scenario.warmup == 7 * DAY
    assert start_finding(warmup).startswith("The first 7 days of each run are a warm-up")


def test_a_pool_that_is_never_full_forgets_its_start_within_a_window() -> None:
    _, warmup = examined(free("3000 per day"))
    assert warmup == Warmup(DAY, False, 0.0)


def test_a_pool_that_is_always_full_never_forgets_when_it_began_and_the_run_says_so() -> None:
    result = run(free("7500 per day"), engine="compiled")
    assert result.warmup is not None
    assert result.warmup.length == DAY  # a longer one would not help
    assert result.warmup.still_shows > 0.3
    said = start_finding(result.warmup)
    assert said.startswith("The start still shows after the warm-up of 1 day")
    assert said.endswith("or be missing, and a longer warm-up changes little.")
    told = result.to_dict()["warmup"]
    assert (told["chosen_by"], told["is_enough"]) == ("pilot runs", False)


def test_no_warm_up_leaves_out_all_that_is_throttled(tmp_path: Path) -> None:
    for horizon in ("4 days", "30 days"):
        rows = "".join(f"2026-01-0{5 + day},{n}\n" for day, n in enumerate((9000, 9000, 4000, 0)))
        (tmp_path / "t.csv").write_text(f"timestamp,count\n{rows}")
        law = {"trace": {"counts": {"file": "t.csv", "bucket": "1 day"}}}
        client = {"name": "a", "arrivals": law, "calls": [{"api": "other"}]}
        scenario = build([client], tmp_path, horizon=horizon, warmup=None)
        _, warmup = examined(scenario)
        assert warmup.length == DAY


def test_a_warm_up_that_leaves_out_all_that_is_throttled_is_told_to_be_shorter() -> None:
    once = {"schedule": {"at": ["09:00"], "calls": 60, "days": "2026-01-08"}}
    client = {"name": "a", "arrivals": once, "calls": [{"api": "other"}]}
    given: dict[str, Any] = {"horizon": "15 days", "warmup": "7 days"}
    scenario, warmup = examined(any_limit(50, [client], **given))
    assert (warmup.leaves_out, warmup.is_enough, warmup.still_shows) == (True, False, 0.0)
    assert start_finding(warmup) == (
        "All calls that are throttled come during the warm-up of 7 days, so that none of them is "
        "counted: write a shorter warmup."
    )
    assert "after it not a single call is throttled" in run_methods(scenario, warmup, "simpy")
    told = warmup.to_dict()
    assert warmup_from(told) == warmup
    assert warmup_from({k: v for k, v in told.items() if k != "leaves_out_all_throttled_calls"})
    _, warmup = examined(scenario.changed({"warmup": "1 day"}))
    assert not warmup.leaves_out
    # unless given, weeks are tried, of which the first is too long: then a window is looked at
    weekly = scheduled("b", "12:00", 1, schedule={"days": "weekdays"})
    several = any_limit(50, [client, weekly], horizon="15 days", warmup=None)
    scenario, warmup = examined(several)
    assert (warmup.length, warmup.given, warmup.leaves_out) == (DAY, False, False)
    assert warmup.still_shows == examined(scenario)[1].still_shows


def test_a_run_too_short_for_two_warm_ups_may_be_longer() -> None:
    _, warmup = examined(free("7500 per day", horizon="3 days"))
    assert (warmup.length, warmup.is_enough, warmup.fades) == (DAY, False, True)
    assert start_finding(warmup).endswith("or be missing; write a longer horizon.")


def test_a_run_of_very_many_windows_chooses_at_once_among_a_few_warm_ups() -> None:
    scenario = any_limit(9, [poisson("a", "300 per day")], horizon="60 days", warmup=None)
    assert len(_candidates(scenario)) == 30
    year = any_limit(9, [poisson("a", "300 per day")], horizon="720 days", warmup=None)
    assert len(_candidates(year)) <= 64


@pytest.mark.parametrize("start", ["2026-01-08T12:00", "2026-01-05", "2026-01-10T18:00"])
def test_the_hour_of_the_start_does_not_decide_the_share(start: str) -> None:
    flat = run(free("7500 per day", start=start), engine="compiled")
    low, high = flat.estimate("throttled_share")[1:3]
    assert low < 1 - 5000 / 7500 < high
    office = free("5500 per day", profile="office_hours", start=start, horizon="14 days")
    share = run(office, engine="compiled", replications=30).estimate("throttled_share")
    later = office.changed({"horizon": "56 days", "warmup": "42 days"})
    truth = run(later, engine="compiled", replications=30).estimate("throttled_share")
    assert share.low <= truth.high
    assert truth.low <= share.high
    assert truth.high - truth.low < 0.01


@pytest.mark.long
@pytest.mark.proof
def test_shares_from_any_hour_of_the_start_hold_the_truth_as_often_as_they_say() -> None:
    office: dict[str, Any] = {"profile": "office_hours", "replications": 30}
    weeks = free("5500 per day", horizon="70 days", warmup="42 days", **office)
    truth = run(weeks, engine="compiled").estimate("throttled_share").mean
    held = {"flat": 0, "office": 0}
    for hour in range(24):
        keys: dict[str, Any] = {"start": f"2026-01-08T{hour:02}:00", "seed": 1 + hour}
        flat = run(free("7500 per day", replications=30, **keys), engine="compiled")
        week = run(free("5500 per day", horizon="14 days", **office, **keys), engine="compiled")
        for name, found, true in (("flat", flat, erlang_b(7500, 5000)), ("office", week, truth)):
            low, high = found.estimate("throttled_share")[1:3]
            held[name] += low <= true <= high
    assert min(held.values()) >= binom.ppf(1e-4, 24, 0.95)


def test_weeks_are_left_out_where_weekdays_differ_and_two_fit_into_the_run() -> None:
    nightly = scheduled("a", "02:00", 50, schedule={"days": "weekdays"})
    keys: dict[str, Any] = {"warmup": None}
    _, weekly = examined(any_limit(100, [nightly], horizon="14 days", **keys))
    _, short = examined(any_limit(100, [nightly], horizon="13 days", **keys))
    _, daily = examined(any_limit(100, [scheduled("a", "02:00", 50)], horizon="14 days", **keys))
    assert [each.length for each in (weekly, short, daily)] == [7 * DAY, DAY, DAY]


def test_a_warm_up_that_is_given_stays_with_a_warning_where_it_is_too_short(
    tmp_path: Path,
) -> None:
    scenario = free("7500 per day", warmup="1 day", horizon="10 days")
    same, warmup = examined(scenario)
    assert same is scenario
    assert warmup.given
    assert not warmup.is_enough
    assert start_finding(warmup).endswith("or a longer warmup.")
    enough = free("3000 per day", warmup="1 day", horizon="10 days")
    assert start_finding(with_warmup(enough)[1]) == ""
    nothing = with_warmup(free("7500 per day", warmup=0))[1]
    assert start_finding(nothing) == ""
    for name, scenario in (("given", enough), ("chosen", free("3000 per day", horizon="3 days"))):
        done = run(scenario, out=tmp_path / name, engine="compiled")
        again = load_result(tmp_path / name)
        assert again.warmup == done.warmup
        assert again.scenario.warmup == done.scenario.warmup == DAY
    run(enough, out=tmp_path / "out", engine="compiled")
    assert load_result(tmp_path / "out").warmup == with_warmup(enough)[1]


def test_what_is_chosen_is_the_same_for_every_engine_and_every_rerun(tmp_path: Path) -> None:
    scenario = free("5200 per day", profile="office_hours", horizon="14 days", replications=2)
    chosen = {run(scenario, engine=engine).warmup for engine in ("simpy", "compiled")}
    assert len(chosen) == 1
    run(scenario, engine="compiled", out=tmp_path / "one")
    again = load_scenario(tmp_path / "one" / "scenario.yaml")
    run(again, engine="compiled", out=tmp_path / "two")
    for name in RUN_FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_plan_judges_every_size_and_alternative_after_the_same_warm_up() -> None:
    fewer = {"name": "fewer", "set": {"clients.a.arrivals.poisson.rate": "20 per day"}}
    clients = [poisson("a", "90 per day")]
    scenario = any_limit(100, clients, horizon="6 days", warmup=None, alternatives=[fewer])
    result = plan(scenario, replications=2, max_replications=4, confirm="none")
    assert result.warmup is not None
    assert result.scenario.warmup == result.warmup.length
    assert result.to_dict()["warmup"]["chosen_by"] == "pilot runs"


def test_a_spent_pool_gets_its_credits_back_evenly_over_the_first_window() -> None:
    bursts = {"at": ["00:00", "06:00", "12:00", "23:59"], "calls": 2400}
    client = {"name": "a", "arrivals": {"schedule": bursts}, "calls": [{"api": "other"}]}
    (throttled,) = throttled_from(Demand(any_limit(2400, [client])), 0, [2400], HOUR)
    accepted = 2400 - throttled[[0, 6, 12, 23]]
    # A 1,023rd of the credits is back at each of 1,023 moments.
    assert accepted.tolist() == pytest.approx([0, 600, 600, 1200], abs=5)


# --- what the pilot runs show, counted by hand --------------------------------------------

Throttled = dict[tuple[int, int], int]


def chosen(
    full: Throttled, spent: Throttled, monkeypatch: pytest.MonkeyPatch, **keys: Any
) -> Warmup:
    """Return the warm-up where a full and a spent pool throttle these calls.

    They are counted by window and hour, from 0.
    """

    def counts(demand: Demand, replication: int) -> np.ndarray:
        by_hour = np.zeros((2, demand.scenario.horizon // DAY + 1, 24), np.int64)
        for pool, throttled in zip(by_hour, (full, spent), strict=True):
            for place, calls in throttled.items():
                pool[place] = calls
        return by_hour

    monkeypatch.setattr(simulation.experiment.warmup, "_throttled_by_hour", counts)
    scenario, warmup = examined(
        any_limit(9, [scheduled("a", "02:00", 50)], **{"warmup": None, **keys})
    )
    assert scenario.warmup_end == warmup.length
    return warmup


@pytest.mark.parametrize(
    ("keys", "full", "spent", "shows"),
    [
        # 20 fewer at one hour, 30 more at another, of 90
        ({}, {(1, 5): 30, (2, 5): 10}, {(1, 6): 30, (2, 5): 20}, 50 / 90),
        ({}, {(0, 1): 99, (1, 5): 10}, {(1, 5): 10}, 0.0),  # what the warm-up itself leaves out
        ({}, {(0, 5): 10}, {(0, 5): 10}, 0.0),  # the first window is never told
        ({}, {}, {(2, 5): 10}, 1.0),
        ({}, {}, {}, 0.0),
        # a last part of a window counts only where no whole one is left
        ({"horizon": "60 hours"}, {(1, 3): 10, (2, 3): 5}, {(1, 3): 10}, 0.0),
        ({"horizon": "36 hours", "warmup": "30 hours"}, {(1, 3): 10}, {(0, 9): 9, (1, 3): 6}, 0.25),
        ({"horizon": "20 hours", "warmup": "5 hours"}, {(0, 7): 8}, {(0, 7): 12}, 0.2),
        # of a warm-up of a window and a half, the window in which it ends is left out
        ({"warmup": "36 hours"}, {(1, 5): 10, (2, 5): 3}, {(2, 5): 1}, 0.5),
    ],
)
def test_what_still_shows_is_all_that_the_start_adds_takes_or_moves(
    keys: dict[str, Any],
    full: Throttled,
    spent: Throttled,
    shows: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warmup = chosen(full, spent, monkeypatch, **{"horizon": "3 days", **keys})
    assert warmup.still_shows == pytest.approx(shows)
    assert warmup.given == ("warmup" in keys)


@pytest.mark.parametrize(
    ("days", "full", "spent", "expected"),
    [
        # two in a hundred are few enough; a longer warm-up, after which none are, is not needed
        (5, {(1, 3): 2, (2, 3): 49}, {(2, 3): 49}, Warmup(DAY, False, 0.02, True)),
        (5, {(1, 3): 3, (2, 3): 49}, {(2, 3): 49}, Warmup(2 * DAY, False, 0.0, True)),
        # the shortest after which any longer one would do as well
        (
            9,
            {(2, 3): 1000, (3, 3): 10, (8, 3): 100},
            {(2, 3): 1000, (3, 4): 10, (8, 3): 100},
            Warmup(4 * DAY, False, 0.0, True),
        ),
        # none will do: the longest, since it more than halves what shows …
        (
            5,
            {(1, 3): 20, (2, 3): 95},
            {(1, 4): 20, (2, 3): 105},
            Warmup(2 * DAY, False, 0.05, True),
        ),
        # … and the shortest where half of it is left
        (5, {(2, 3): 18}, {(1, 3): 5, (2, 3): 22}, Warmup(DAY, False, 0.2, False)),
        # a longer one would leave out all that a full pool throttles
        (5, {(1, 3): 10}, {(1, 4): 10}, Warmup(DAY, False, 1.0, False)),
        (5, {(1, 3): 10, (2, 3): 1}, {(1, 4): 10, (2, 3): 1}, Warmup(2 * DAY, False, 0.0, True)),
    ],
)
def test_the_shortest_warm_up_that_will_do_is_chosen(
    days: int,
    full: Throttled,
    spent: Throttled,
    expected: Warmup,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = chosen(full, spent, monkeypatch, horizon=f"{days} days")
    assert found.still_shows == pytest.approx(expected.still_shows)
    assert found == replace(expected, still_shows=found.still_shows)


def test_throttled_calls_are_counted_by_window_and_part_of_it(tmp_path: Path) -> None:
    retry = {"retry": {"first": "3 hours", "max_attempts": 2, "jitter": "none"}}
    clients = [
        scheduled("a", "01:30", 15, on_throttle=retry),
        scheduled("b", "23:30", 20),
    ]
    demand = Demand(any_limit(10, clients, horizon="30 hours"))
    full, spent = _throttled_by_hour(demand, 0)
    assert full.shape == (2, 24)
    assert {tuple(map(int, at)): int(full[*at]) for at in np.argwhere(full)} == {
        (0, 1): 5,
        (0, 23): 20,
        (1, 1): 5,
    }
    assert spent[0, 1] == 15
    assert spent[1, 1] > 5  # retries were granted after 04:30, and are not back
    card = {**yaml.safe_load(ANY_LIMIT.read_text()), "window": "6 hours"}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    twice = {"at": ["01:30", "07:45"], "calls": 2}
    client = {"name": "c", "arrivals": {"schedule": twice}, "calls": [{"api": "other"}]}
    quarters = any_limit(1, [client], rate_card=str(tmp_path / "card.yaml"), horizon="13 hours")
    found, _ = _throttled_by_hour(Demand(quarters), 0)
    assert found.shape == (3, 24)
    assert np.argwhere(found).tolist() == [[0, 6], [1, 7]]


@pytest.mark.parametrize(("most_calls", "pilots"), [(0, 2), (2.9, 2), (3, 3), (4.5, 4), (99, 5)])
def test_pilot_runs_are_fewer_where_they_are_long_but_never_one(
    most_calls: float, pilots: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated: list[int] = []

    def noted(demand: Demand, replication: int) -> np.ndarray:
        simulated.append(replication)
        return _throttled_by_hour(demand, replication)

    demand = Demand(any_limit(9, [poisson("a", "30 per day")], horizon="3 days", warmup=None))
    calls = demand.busiest_day * demand.days
    monkeypatch.setattr(simulation.experiment.warmup, "_throttled_by_hour", noted)
    monkeypatch.setattr(simulation.experiment.warmup, "_PILOT_CALLS", int(most_calls * calls))
    with_warmup(demand.scenario)
    assert simulated == [*range(pilots)]
    simulated.clear()
    with_warmup(any_limit(9, [scheduled("a", "02:00", 50)], horizon="3 days", warmup=None))
    assert simulated == [0]  # nothing is random


def test_candidates_are_all_windows_of_half_the_run_thinned_where_they_are_too_many(
    tmp_path: Path,
) -> None:
    def days(horizon: str, **schedule: Any) -> list[int]:
        client = scheduled("a", "02:00", 1, schedule=schedule)
        lengths = _candidates(any_limit(9, [client], horizon=horizon, warmup=None))
        assert all(length % DAY == 0 for length in lengths)
        return [length // DAY for length in lengths]

    for horizon, expected in (
        ("30 hours", [1]),  # half of it is not a window, but there is no shorter one
        ("2 days", [1]),
        ("71 hours", [1]),
        ("5 days", [1, 2]),
        ("128 days", [*range(1, 65)]),
        ("130 days", [*range(2, 65, 2)]),
        ("256 days", [*range(2, 129, 2)]),
        ("258 days", [*range(3, 130, 3)]),
    ):
        assert days(horizon) == expected, horizon
    for horizon, expected in (
        ("13 days", [1, 2, 3, 4, 5, 6]),
        ("14 days", [7]),
        ("28 days", [7, 14]),
        ("41 days", [7, 14]),
        ("1000 days", [*range(14, 501, 14)]),
    ):
        assert days(horizon, days="weekdays") == expected, horizon
    card = {**yaml.safe_load(ANY_LIMIT.read_text()), "window": "5 days"}  # not a part of a week
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    weekly = scheduled("a", "02:00", 1, schedule={"days": "weekdays"})
    keys: dict[str, Any] = {"rate_card": str(tmp_path / "card.yaml"), "warmup": None}
    lengths = _candidates(any_limit(9, [weekly], horizon="30 days", **keys))
    assert lengths == [5 * DAY, 10 * DAY, 15 * DAY]


def test_a_start_that_is_wanted_or_hardly_a_part_is_not_examined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert with_warmup(free("7500 per day", warmup=0))[1] is None
    monkeypatch.setattr(simulation.experiment.warmup, "_MOST_WINDOWS", 5)
    keys: dict[str, Any] = {"warmup": None}
    for days in (5, 6):
        scenario = any_limit(9, [scheduled("a", "02:00", 50)], horizon=f"{days} days", **keys)
        same, warmup = with_warmup(scenario)
        assert (warmup is None) == (same is scenario) == (days == 6)
