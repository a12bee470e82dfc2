"""Laws that hold for every scenario, generated and shipped."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from simulation.demand.demand import Demand
from simulation.experiment.experiment import run
from simulation.scenario.loading import load_scenario
from simulation.scenario.scenario import Scenario
from tests.helpers import SCENARIOS, as_ended, calls_of, most_held, recount
from tests.strategies import scenarios

every_scenario = pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
generated = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@generated
@given(scenarios())
def test_every_call_ends_as_the_rules_say_by_an_independent_recount(scenario: Scenario) -> None:
    assert as_ended(calls_of(scenario), scenario) == recount(scenario)


@generated
@given(scenarios())
def test_the_pool_never_holds_more_than_its_limit_in_any_window(scenario: Scenario) -> None:
    calls = calls_of(scenario)
    held = most_held(calls)
    assert held <= scenario.limit
    assert run(scenario).runs["peak_window_credits"].tolist() == [held]


@generated
@given(scenarios())
def test_submitted_calls_are_succeeded_lost_or_unfinished_at_every_grain(
    scenario: Scenario,
) -> None:
    result = run(scenario)
    for runs in (result.runs, result.client_runs, result.category_runs):
        ended = runs["succeeded_calls"] + runs["lost_calls"] + runs["unfinished_calls"]
        assert (runs["calls"] == ended).all()
        assert (runs["attempts"] == runs["throttled_attempts"] + runs["succeeded_calls"]).all()
        assert (runs["impossible_calls"] <= runs["lost_calls"]).all()
    for grain in (result.client_runs, result.category_runs):
        for column in ("calls", "attempts", "lost_calls", "credits_demanded", "credits_used"):
            assert grain[column].sum() == result.runs[column].sum()
    intervals = result.intervals
    assert intervals["calls"].sum() == len(result.calls)
    assert intervals["credits_used"].sum() == result.runs["credits_used"].sum()
    assert intervals["throttled_attempts"].sum() == result.runs["throttled_attempts"].sum()
    by_category = intervals.filter(like="throttled_attempts_").sum(axis=1)
    assert (by_category == intervals["throttled_attempts"]).all()


@every_scenario
def test_shipped_scenarios_never_hold_more_than_their_limit(path: Path) -> None:
    scenario = load_scenario(path, ["replications=1", "horizon=4 days"])
    calls = calls_of(scenario)
    good = calls[calls["outcome"] == "succeeded"]
    # The same recount as `most_held`, by sums instead of pairs: these have too many calls.
    taken = pd.Series(good["credits"].to_numpy(), index=pd.to_datetime(good["end"], unit="us"))
    held = taken.sort_index(kind="stable").rolling("24h", closed="right").sum().max()
    assert held <= scenario.limit
    assert run(scenario, keep_calls=False).runs["peak_window_credits"][0] <= held


@every_scenario
def test_adding_a_client_or_cutting_the_horizon_changes_no_earlier_demand(path: Path) -> None:
    scenario = load_scenario(path, ["horizon=3 days", "warmup=0"])
    clients = [*scenario._document.data["clients"]]
    more = {
        "name": "added",
        "arrivals": {"poisson": {"rate": "500 per day"}},
        "calls": [{"api": "convert_lead"}],
    }
    grown = scenario.changed({"clients": [*clients, more]})
    moved = scenario.changed({"clients": clients[::-1]})
    cut = scenario.changed({"horizon": "30 hours"})
    whole = _demand(scenario)
    assert len(whole) > 100
    pd.testing.assert_frame_equal(
        _demand(grown).query("client != 'added'").reset_index(drop=True), whole
    )
    pd.testing.assert_frame_equal(_demand(moved), whole)
    before_the_cut = whole[whole["time"] < cut.horizon].reset_index(drop=True)
    assert 0 < len(before_the_cut) < len(whole)
    pd.testing.assert_frame_equal(_demand(cut), before_the_cut)


def _demand(scenario: Scenario) -> pd.DataFrame:
    """Return two replications of demand, by name, in an order that no client's place changes."""
    demand = Demand(scenario)
    frames = []
    for replication in range(2):
        firsts = [0] * len(scenario.clients)
        for day in range(demand.days):
            calls = demand.draw_day(replication, day, firsts)
            for place in range(len(firsts)):
                firsts[place] += int((calls.client == place).sum())
            frame = pd.DataFrame(vars(calls))
            frame["client"] = [scenario.clients[place].name for place in calls.client]
            frame["api"] = [demand.apis[code] for code in calls.api]
            frames.append(frame.assign(replication=replication))
    order = ["client", "replication", "call"]
    return (
        pd.concat(frames)
        .astype({"client": str, "api": str})
        .sort_values(order)
        .set_index(order)
        .reset_index()
    )


@every_scenario
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    path: Path, tmp_path: Path
) -> None:
    short = ["horizon=3 days", "warmup=0", "replications=2"]
    for name, sets in (("one", short), ("two", short), ("other", [*short, "seed=35"])):
        run(load_scenario(path, sets), out=tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes(), file.name
    same = (tmp_path / "one" / "calls.parquet").read_bytes()
    other = (tmp_path / "other" / "calls.parquet").read_bytes()
    assert (same == other) == (path.stem == "rolling-window")  # nothing is random there
