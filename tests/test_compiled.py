"""The compiled loop against the SimPy model, call for call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from simulation.compiled import Decider, _uniform, window_demand
from simulation.demand import Demand
from simulation.model import Model
from simulation.records import CallRecords, concatenate
from simulation.scenario import Scenario, load_scenario
from simulation.streams import uniform
from tests.helpers import SCENARIOS
from tests.strategies import scenarios


def assert_same(one: CallRecords, other: CallRecords) -> None:
    for column in ("time", "client", "call", "api", "records", "credits"):
        mine, theirs = getattr(one.calls, column), getattr(other.calls, column)
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs), column
    for column in ("attempts", "throttled_attempts", "outcome", "settled_at"):
        mine, theirs = getattr(one, column), getattr(other, column)
        assert mine.dtype == theirs.dtype
        assert np.array_equal(mine, theirs), column


def modelled(demand: Demand, replication: int) -> CallRecords:
    return concatenate([day.settled for day in Model(demand.scenario, replication, demand).run()])


@settings(max_examples=250, deadline=None)
@given(scenarios())
def test_both_engines_write_the_same_records(scenario: Scenario) -> None:
    demand = Demand(scenario)
    for replication in (0, 1):
        compiled = Decider(demand, replication).decide(scenario.limit)
        assert_same(compiled, modelled(demand, replication))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_both_engines_agree_on_the_shipped_scenarios(path: Path) -> None:
    scenario = load_scenario(path, ["horizon=6 days", "warmup=0"])
    demand = Demand(scenario)
    compiled = Decider(demand, 0).decide(scenario.limit)
    assert len(compiled) > 5_000
    assert_same(compiled, modelled(demand, 0))


def test_jitter_is_the_same_number_in_both() -> None:
    for key in (0, 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF):
        for call, attempt in ((0, 1), (12_345, 2), (2**40, 99)):
            assert _uniform(np.uint64(key), call, attempt) == uniform(key, call, attempt)


@settings(max_examples=100, deadline=None)
@given(scenarios())
def test_the_window_demand_is_exactly_the_smallest_pool_that_throttles_nobody(
    scenario: Scenario,
) -> None:
    decider = Decider(Demand(scenario), 0)
    enough = window_demand(decider.calls, scenario.card.window)
    assert not decider.decide(enough).throttled_attempts.any()
    if enough:
        assert decider.decide(enough - 1).throttled_attempts.any()
