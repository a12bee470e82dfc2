"""The start of a run: how long it shows, the warm-up that follows from it, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulation import load_scenario, plan, run
from simulation.compiled_model import CompiledModel
from simulation.findings import start_finding
from simulation.quantities import DAY, HOUR
from simulation.saved import load_result
from simulation.scenario import Scenario
from simulation.warmup import Warmup, _candidates, with_warmup
from simulation.written import RUN_FILES
from tests.helpers import any_limit, build, poisson, scheduled


def free(rate: str, **keys: Any) -> Scenario:
    """Return an org on the free edition, 5,000 credits, with one client and no warm-up named."""
    law = {"rate": rate, "profile": keys.pop("profile", "flat")}
    client = {"name": "a", "arrivals": {"poisson": law}, "calls": [{"api": "get_modules"}]}
    return build([client], **{"horizon": "30 days", "warmup": None, "replications": 4, **keys})


def test_a_pool_that_a_quiet_night_empties_forgets_its_start_within_a_week() -> None:
    scenario, warmup = with_warmup(free("5500 per day", profile="office_hours"))
    assert (warmup.length, warmup.given, warmup.is_enough) == (7 * DAY, False, True)
    assert scenario.warmup == 7 * DAY
    assert start_finding(warmup).startswith("The first 7 days of each run are a warm-up")


def test_a_pool_that_is_never_full_forgets_its_start_within_a_window() -> None:
    _, warmup = with_warmup(free("3000 per day"))
    assert warmup == Warmup(DAY, False, 0.0)


def test_a_pool_that_is_always_full_never_forgets_when_it_began_and_the_run_says_so() -> None:
    result = run(free("7500 per day"), engine="compiled")
    assert result.warmup is not None
    assert result.warmup.length == DAY  # a longer one would not help
    assert result.warmup.still_shows > 0.3
    said = start_finding(result.warmup)
    assert said.startswith("The start still shows after the warm-up of 1 day")
    assert said.endswith("however long the run is.")
    told = result.to_dict()["warmup"]
    assert (told["chosen_by"], told["is_enough"]) == ("pilot runs", False)


def test_no_warm_up_leaves_out_all_that_is_throttled(tmp_path: Path) -> None:
    for horizon in ("4 days", "30 days"):
        rows = "".join(f"2026-01-0{5 + day},{n}\n" for day, n in enumerate((9000, 9000, 4000, 0)))
        (tmp_path / "t.csv").write_text(f"timestamp,count\n{rows}")
        law = {"trace": {"counts": {"file": "t.csv", "bucket": "1 day"}}}
        client = {"name": "a", "arrivals": law, "calls": [{"api": "other"}]}
        scenario = build([client], tmp_path, horizon=horizon, warmup=None)
        _, warmup = with_warmup(scenario)
        assert warmup.length == DAY


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


def test_weeks_are_left_out_where_weekdays_differ_and_two_fit_into_the_run() -> None:
    nightly = scheduled("a", "02:00", 50, schedule={"days": "weekdays"})
    keys: dict[str, Any] = {"warmup": None}
    _, weekly = with_warmup(any_limit(100, [nightly], horizon="14 days", **keys))
    _, short = with_warmup(any_limit(100, [nightly], horizon="13 days", **keys))
    _, daily = with_warmup(any_limit(100, [scheduled("a", "02:00", 50)], horizon="14 days", **keys))
    assert [each.length for each in (weekly, short, daily)] == [7 * DAY, DAY, DAY]


def test_a_warm_up_that_is_given_stays_with_a_warning_where_it_is_too_short(
    tmp_path: Path,
) -> None:
    scenario = free("7500 per day", warmup="1 day", horizon="10 days")
    same, warmup = with_warmup(scenario)
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
    (day,) = CompiledModel(any_limit(2400, [client]), held=2400).run()
    hours, accepted = np.unique(day.grants.time // HOUR, return_counts=True)
    assert hours.tolist() == [6, 12, 23]
    # A 1,023rd of the credits is back at each of 1,023 moments.
    assert accepted.tolist() == pytest.approx([600, 600, 1200], abs=5)
