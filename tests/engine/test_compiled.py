"""The compiled engine against the SimPy model, record for record, and against others' code."""

from __future__ import annotations

import importlib.util
import sys
from itertools import product
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulation.engine.compiled.kernel
import simulation.engine.compiled.model
import simulation.engine.records
from simulation.demand.demand import Demand
from simulation.demand.streams import uniform
from simulation.engine.compiled.heap import uniform as compiled_uniform
from simulation.engine.compiled.kernel import decide
from simulation.engine.compiled.lanes import Lanes, lanes_of, slot_bits
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.compiled.sweep import sweep
from simulation.engine.model import Model
from simulation.engine.records import IMPOSSIBLE, LOST, CallRecords, concatenate
from simulation.planning.confirmation import differences
from simulation.scenario.loading import load_scenario
from simulation.scenario.scenario import Scenario
from tests.helpers import (
    ANY_LIMIT,
    CHARGING,
    SCENARIOS,
    any_limit,
    moving_window,
    poisson,
    scheduled,
)
from tests.kept_figures import keep
from tests.strategies import scenarios

pytestmark = pytest.mark.proof


def compare(demand: Demand, replication: int, limit: int) -> int:
    """Assert that both engines leave the same behind each day; return how many decisions."""
    decisions = 0
    engines = [
        engine(demand.scenario, replication, demand, limit).run()
        for engine in (Model, CompiledModel)
    ]
    for one, other in zip(*engines, strict=True):
        assert (one.day, one.start, one.end) == (other.day, other.start, other.end)
        assert list(differences(one, other)) == []
        decisions += int(one.settled.attempts.sum())
    return decisions


def compiled(demand: Demand, limit: int, replication: int = 0) -> CallRecords:
    days = CompiledModel(demand.scenario, replication, demand, limit).run()
    return concatenate([day.settled for day in days])


@settings(max_examples=400, deadline=None)
@given(scenarios(everything=True))
def test_both_engines_leave_the_same_records_behind_each_day(scenario: Scenario) -> None:
    demand = Demand(scenario)
    for replication in (0, 1):
        compare(demand, replication, scenario.limit)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_both_engines_agree_on_the_shipped_scenarios(path: Path) -> None:
    scenario = load_scenario(path, ["horizon=6 days", "warmup=0"])
    assert compare(Demand(scenario), 0, scenario.limit) > 5_000


@pytest.mark.long
def test_ten_million_decisions_are_the_same_in_both_engines(long: bool) -> None:
    decisions = dict[str, int]()
    for path in SCENARIOS:
        scenario = load_scenario(path)
        demand = Demand(scenario)
        enough = sweep(demand, 0, np.array([0]), np.ones(len(scenario.clients), bool)).enough
        decisions[path.stem] = sum(
            compare(demand, replication, int(share * enough))
            for share, replication in product((0.2, 0.6, 0.9, 0.99), (0, 1))
        )
    compared = sum(decisions.values())
    sys.stdout.write(f"{compared:,} decisions compared, none differed\n")
    assert compared > 10_000_000
    if long:
        keep("engines", pd.DataFrame(decisions.items(), columns=["scenario", "decisions"]))


def test_a_day_without_calls_of_its_own_still_decides_what_waits() -> None:
    retry = {"first": "20 hours", "factor": 1, "max_delay": "1 day", "max_attempts": 9}
    client = {
        "name": "a",
        "arrivals": {"schedule": {"at": "23:00", "calls": 5, "days": ["2026-01-05"]}},
        "calls": [{"api": "one"}],
        "on_throttle": {"retry": retry},
    }
    scenario = any_limit(1, [client], horizon="6 days")
    demand = Demand(scenario)
    compare(demand, 0, 1)
    assert sorted(compiled(demand, 1).attempts.tolist()) == [1, 3, 5, 7, 7]


def crowd(**keys: Any) -> Scenario:
    """Return a scenario whose calls outgrow every array that the loops begin with."""

    def retry(first: str, **more: Any) -> dict[str, Any]:
        return {"retry": {"first": first, "max_delay": "1 day", "max_attempts": 5, **more}}

    clients = [
        scheduled("burst", "06:00", 150, on_throttle=retry("10 minutes", jitter="full")),
        poisson("steady", "1300 per day", on_throttle=retry("1 ms", factor=9)),
        poisson("late", "60 per day", "five", on_throttle=retry("20 hours", factor=1)),
        scheduled("big", "12:00", 3, "five_hundred", on_throttle=retry("30 s")),
        poisson("drops", "60 per day", "two"),
    ]
    return any_limit(0, clients, **{"horizon": "3 days", "seed": 3, **keys})


@pytest.mark.parametrize(
    ("limit", "card"), [(40, ANY_LIMIT), (700, CHARGING), (1500, ANY_LIMIT), (2500, ANY_LIMIT)]
)
def test_a_crowd_that_outgrows_every_array_is_decided_alike(limit: int, card: Path) -> None:
    assert compare(Demand(crowd(rate_card=str(card))), 0, limit) > 4_000


@pytest.mark.parametrize("card", [ANY_LIMIT, CHARGING], ids=lambda path: path.stem)
def test_a_sweep_of_a_crowd_counts_what_single_runs_count(card: Path) -> None:
    demand = Demand(crowd(rate_card=str(card), warmup="6 hours"))
    counted, limits = np.array([True, False, True, True, False]), np.array([0, 700, 1500, 2500])
    attempts = assert_counts_as_by_single_runs(demand, limits, counted)
    assert 0 < sweep(demand, 0, limits, counted).work <= attempts  # what sleeps decides nothing
    assert sweep(demand, 0, limits[:1], counted).work == compiled(demand, 0).attempts.sum()


def assert_counts_as_by_single_runs(demand: Demand, limits: np.ndarray, counted: np.ndarray) -> int:
    """Return how many attempts the single runs of all sizes decide."""
    swept, attempts = sweep(demand, 0, limits, counted), 0
    for place, limit in enumerate(limits):
        records = compiled(demand, int(limit))
        counts = counted[records.calls.client] & (records.calls.time >= demand.scenario.warmup_end)
        assert swept.calls == counts.sum()
        assert swept.throttled[place] == (counts & (records.throttled_attempts > 0)).sum()
        lost = np.isin(records.outcome, (LOST, IMPOSSIBLE))
        assert swept.lost[place] == (counts & lost).sum()
        attempts += int(records.attempts.sum())
    return attempts


def test_a_crowd_of_one_day_leaves_the_days_after_it_asleep() -> None:
    retry = {"retry": {"first": "1 hour", "factor": 1, "max_attempts": 3}}
    once = {"days": ["2026-01-05", "2026-01-09"]}
    clients = [
        scheduled("burst", "09:00", 200, schedule=once, on_throttle=retry),
        poisson("steady", "50 per day", on_throttle=retry),
    ]
    demand = Demand(any_limit(0, clients, horizon="7 days"))
    limits = np.array([100, 150, 240])
    attempts = assert_counts_as_by_single_runs(demand, limits, np.ones(2, bool))
    assert sweep(demand, 0, limits, np.ones(2, bool)).work < attempts - 300


def test_a_smaller_crowd_wakes_only_the_pools_that_it_exceeds() -> None:
    retry = {"retry": {"first": "1 hour", "factor": 1, "max_attempts": 3}}
    clients = [
        scheduled("all", "09:00", 300, schedule={"days": ["2026-01-05"]}, on_throttle=retry),
        scheduled("some", "09:00", 120, schedule={"days": ["2026-01-09"]}, on_throttle=retry),
    ]
    demand = Demand(any_limit(0, clients, horizon="7 days"))
    limits, everyone = np.array([100, 150, 240]), np.ones(2, bool)
    attempts = assert_counts_as_by_single_runs(demand, limits, everyone)
    # Unseen are the calls that each pool grants before it is full, and on the second day all 120 of
    # the larger pools.
    unseen = limits.sum() + limits[0] + 2 * 120
    assert sweep(demand, 0, limits, everyone).work == attempts - unseen


def test_a_pool_wakes_with_a_window_of_more_calls_than_it_has_room_for() -> None:
    retry = {"retry": {"first": "1 hour", "factor": 1, "max_attempts": 3}}
    even = {"at": "00:00", "over": "1 day"}
    clients = [scheduled("even", "", 1_500, schedule=even, on_throttle=retry)]
    demand = Demand(any_limit(0, clients, horizon="2 days"))
    room = lanes_of([1_300]).grants.shape[1]
    assert room < 1_300
    assert assert_counts_as_by_single_runs(demand, np.array([1_300]), np.ones(1, bool)) > 3_000


def test_a_pool_that_is_never_full_needs_room_for_one_window_of_calls_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def grown(_: Lanes) -> Lanes:
        raise AssertionError("room for more calls")

    monkeypatch.setattr(simulation.engine.compiled.kernel, "with_more_grants", grown)
    even = {"at": "00:00", "over": "1 day"}
    for calls, fits in ((900, True), (1_100, False)):
        demand = Demand(any_limit(0, [scheduled("a", "", calls, schedule=even)], horizon="4 days"))
        if fits:
            assert compare(demand, 0, 10_000) == 4 * calls
        else:
            with pytest.raises(AssertionError, match="room for more"):
                compiled(demand, 10_000)


def test_loops_that_write_other_outcomes_than_the_records_have_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = simulation.engine.compiled.kernel.__file__
    spec = importlib.util.spec_from_file_location("a_copy_of_the_loops", file)
    assert spec is not None
    assert spec.loader is not None
    monkeypatch.setattr(simulation.engine.records, "LOST", 7)
    with pytest.raises(ImportError, match="have different outcome codes"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_what_has_ended_makes_room_for_others_in_a_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    room = set[tuple[int, int]]()

    def noted(*task: Any) -> Any:
        lanes, tape = decide(*task)
        room.add((lanes.grants.shape[1], lanes.calls.shape[1]))
        return lanes, tape

    monkeypatch.setattr(simulation.engine.compiled.model, "decide", noted)
    retry = {"retry": {"first": "10 minutes", "factor": 1, "max_attempts": 3}}
    client = {
        "name": "a",
        "arrivals": {"schedule": {"every": "3 minutes"}},
        "calls": [{"api": "other"}],
        "on_throttle": retry,
    }
    records = compiled(Demand(any_limit(100, [client], horizon="20 days")), 100)
    assert (records.outcome == 0).sum() > 1024
    assert (records.attempts > 1).sum() > 64
    assert room == {(1024, 64)}  # as much as there is at first


@given(scenarios(), st.integers(0, 40))
@settings(max_examples=25)
def test_nothing_that_is_decided_depends_on_how_long_slots_are(
    scenario: Scenario, more: int
) -> None:
    def longer(longest: int, _: float) -> int:
        return slot_bits(longest, inf) + more

    with pytest.MonkeyPatch.context() as patch:
        expected = compiled(Demand(scenario), 40)
        patch.setattr(simulation.engine.compiled.model, "slot_bits", longer)
        found = compiled(Demand(scenario), 40)
    for column in ("attempts", "throttled_attempts", "outcome", "settled_at"):
        assert np.array_equal(getattr(found, column), getattr(expected, column)), column


@pytest.mark.parametrize("first", ["a", "b"])
def test_at_one_instant_a_retry_and_a_first_attempt_go_by_client(first: str) -> None:
    retry = {"first": "6 hours", "max_delay": "1 day", "jitter": "none"}
    clients = [
        scheduled(
            "a",
            "00:00",
            1,
            schedule={"days": ["2026-01-06"]},
            on_throttle={"retry": retry},  # when the only credit is back
        ),
        scheduled("b", "06:00", 1),
    ]
    demand = Demand(any_limit(1, clients[:: 1 if first == "a" else -1], horizon="2 days"))
    compare(demand, 0, 1)
    granted = compiled(demand, 1)
    names = [demand.scenario.clients[n].name for n in granted.calls.client[granted.outcome == 0]]
    assert sorted(names) == sorted(["b", first])


def test_jitter_is_the_same_number_in_both() -> None:
    for key in (0, 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF):
        for call, attempt in ((0, 1), (12_345, 2), (2**40, 99)):
            assert compiled_uniform(np.uint64(key), call, attempt) == uniform(key, call, attempt)


@settings(max_examples=150, deadline=None)
@given(scenarios(everything=True), st.lists(st.integers(0, 4000), min_size=1, max_size=12))
def test_a_sweep_counts_what_single_runs_count(scenario: Scenario, sizes: list[int]) -> None:
    demand = Demand(scenario)
    counted = np.arange(len(scenario.clients)) % 3 != 1
    limits = np.unique(sizes)
    swept = sweep(demand, 0, limits, counted)
    for place, limit in enumerate(limits):
        records = compiled(demand, int(limit))
        counts = counted[records.calls.client] & (records.calls.time >= scenario.warmup_end)
        lost = np.isin(records.outcome, (LOST, IMPOSSIBLE))
        assert swept.calls == counts.sum()
        assert swept.throttled[place] == (counts & (records.throttled_attempts > 0)).sum()
        assert swept.lost[place] == (counts & lost).sum()


@pytest.mark.parametrize("retries", [False, True])
def test_a_sweep_of_501_sizes_counts_what_501_single_runs_count(retries: bool) -> None:
    policy = {"on_throttle": {"retry": {"first": "10 minutes", "jitter": "full"}}}
    clients = [
        poisson("a", "900 per day", "two", **(policy if retries else {})),
        poisson("b", "80 per day", "fifty", poisson={"profile": "office_hours"}),
    ]
    scenario = any_limit(0, clients, horizon="6 days", warmup="1 day")
    demand, limits = Demand(scenario), np.arange(501) * 18
    swept = sweep(demand, 0, limits, np.ones(2, bool))
    assert limits[0] < swept.enough < limits[-1]
    for place, limit in enumerate(limits):
        records = compiled(demand, int(limit))
        counts = records.calls.time >= scenario.warmup_end
        assert swept.throttled[place] == (counts & (records.throttled_attempts > 0)).sum()
        assert swept.lost[place] == (counts & np.isin(records.outcome, (LOST, IMPOSSIBLE))).sum()


def test_a_window_of_many_more_calls_than_sizes_is_counted_as_by_single_runs() -> None:
    scenario = any_limit(0, [poisson("a", "400 per day", "two")], horizon="3 days", warmup=0)
    demand, limits = Demand(scenario), np.array([0, 100, 500, 780])
    swept = sweep(demand, 0, limits, np.ones(1, bool))
    for place, limit in enumerate(limits):
        throttled = compiled(demand, int(limit)).throttled_attempts
        assert swept.throttled[place] == (throttled > 0).sum()


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_what_is_enough_is_exactly_the_smallest_pool_that_throttles_no_call(
    scenario: Scenario,
) -> None:
    demand = Demand(scenario)
    enough = sweep(demand, 0, np.array([0]), np.ones(len(scenario.clients), bool)).enough
    assert not compiled(demand, enough).throttled_attempts.any()
    if enough:
        assert compiled(demand, enough - 1).throttled_attempts.any()


@pytest.mark.parametrize("apis", [["one"], ["one", "two", "five"]])
@pytest.mark.parametrize("limit", [40, 400, 1100])
def test_decisions_are_those_of_the_moving_window_of_limits(apis: list[str], limit: int) -> None:
    clients = [poisson(api, "400 per day", api) for api in apis]
    clients.append(
        {
            "name": "ties",
            "arrivals": {"schedule": {"every": "1 hour", "calls": 7}},
            "calls": [{"api": apis[-1]}],
        }
    )
    demand = Demand(any_limit(limit, clients, horizon="5 days"))
    theirs = moving_window(demand.draw_replication(0), limit)
    ours = compiled(demand, limit)
    assert (ours.outcome == 0).tolist() == theirs
    assert sum(theirs) > 0
