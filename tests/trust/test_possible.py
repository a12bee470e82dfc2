"""Where rates are estimates, scenarios that may be true are drawn as the intervals leave open."""

from __future__ import annotations

from math import sqrt

import numpy as np

from simulation.scenario.scenario import Scenario
from simulation.trust import possible
from simulation.trust.possible import possible_scenarios
from tests.fitting.simulated import demand_of

RATE = {"estimate": "500 per day", "low": "400 per day", "high": "625 per day"}


def _rate(scenario: Scenario) -> float:
    law = scenario.clients[0].arrivals.poisson
    assert law is not None
    return float(law.rate)


def test_drawn_rates_lie_in_the_interval_as_often_as_it_says(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(possible, "DRAWS", 400)
    scenario = demand_of({"poisson": {"rate": RATE}}).scenario
    rates = np.array([_rate(each) for each in possible_scenarios(scenario)])
    inside = ((rates >= 400) & (rates <= 625)).mean()
    assert abs(inside - 0.95) < 4 * sqrt(0.95 * 0.05 / 400)
    assert abs(np.median(rates) / 500 - 1) < 0.05


def test_calls_of_a_schedule_are_drawn_as_whole_numbers() -> None:
    calls = {"estimate": 60, "low": 40, "high": 90}
    scenario = demand_of({"schedule": {"at": "02:00", "calls": calls}}).scenario
    drawn = {each.clients[0].arrivals.schedule.calls for each in possible_scenarios(scenario)}  # type: ignore[union-attr]
    assert len(drawn) > 5
    assert all(isinstance(each, int) and 20 < each < 180 for each in drawn)


def test_what_is_known_is_drawn_alike() -> None:
    scenario = demand_of({"poisson": {"rate": "500 per day"}}).scenario
    assert possible_scenarios(scenario) == [scenario]


def test_how_much_days_vary_is_drawn_too() -> None:
    variation = {"estimate": "12%", "low": "8%", "high": "18%"}
    law = {"poisson": {"rate": "500 per day", "daily_variation": variation}}
    drawn = [
        each.clients[0].arrivals.poisson.daily_variation  # type: ignore[union-attr]
        for each in possible_scenarios(demand_of(law).scenario)
    ]
    assert len({*drawn}) == 20
    assert 0.09 < np.median(drawn) < 0.15
