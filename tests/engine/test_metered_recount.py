"""Both engines against an independent recount of all meters and policies, call for call."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, assume, given, settings

from simulation.demand.demand import Demand
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.model import Model
from simulation.engine.records import concatenate
from simulation.scenario.scenario import Scenario
from tests.metered_recount import MeteredEnd, MeteredRecount, metered_ends
from tests.strategies import metered_scenarios

pytestmark = pytest.mark.proof

MOST_CALLS = 1500  # the recount's time grows as the square


def ends_by(engine: type[Model | CompiledModel], scenario: Scenario) -> list[MeteredEnd]:
    return metered_ends(concatenate([day.settled for day in engine(scenario).run()]))


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(metered_scenarios())
def test_every_call_ends_as_the_rules_of_all_meters_say_by_an_independent_recount(
    scenario: Scenario,
) -> None:
    assume(len(Demand(scenario).draw_replication(0)) <= MOST_CALLS)
    expected = MeteredRecount(scenario).run()
    assert ends_by(Model, scenario) == expected
    assert ends_by(CompiledModel, scenario) == expected
