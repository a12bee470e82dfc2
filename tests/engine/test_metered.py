"""Many meters, and clients that hold themselves back: both engines, call for call."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from simulation.demand.demand import Demand
from simulation.scenario.scenario import Scenario
from tests.engine.test_compiled import compare
from tests.strategies import metered_scenarios

pytestmark = pytest.mark.proof


@settings(max_examples=400, deadline=None)
@given(metered_scenarios())
def test_both_engines_agree_on_all_meters_and_policies_at_once(scenario: Scenario) -> None:
    demand = Demand(scenario)
    for replication in (0, 1):
        compare(demand, replication, scenario.limit)
