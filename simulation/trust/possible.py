"""Scenarios that may be the true one, where rates are estimates."""

from __future__ import annotations

from math import exp, log
from typing import Any

from simulation.bounds import LEAST_VARIATION, MOST_VARIATION
from simulation.demand import stream
from simulation.fitting import REACH
from simulation.scenario import Scenario, written_rate

__all__ = ["DRAWS", "possible_scenarios"]

DRAWS = 20


def possible_scenarios(scenario: Scenario) -> list[Scenario]:
    """Return scenarios whose numbers are drawn as their estimates leave them open, 20 of them.

    A number is log-normal around its estimate, as wide as its interval; a whole number of calls is
    rounded. Of a scenario without estimates, it is the scenario alone.
    """
    estimates = [
        (place, client, key, number)
        for place, client in enumerate(scenario.clients, 1)
        for key, number in client.arrivals.estimates.items()
    ]
    if not estimates:
        return [scenario]
    found = []
    for draw in range(DRAWS):
        values: dict[str, Any] = {"alternatives": []}
        for place, client, key, number in estimates:
            value, low, high = number.parts
            name = f"{client.arrivals.kind}.{key}"
            random = stream(scenario.seed, draw, client.name, 0, f"estimate of {name}")
            drawn = value * exp(random.standard_normal() * _spread(value, low, high))
            values[f"clients.#{place}.arrivals.{name}"] = _written(key, drawn)
        found.append(scenario.changed(values))
    return found


def _written(key: str, drawn: float) -> Any:
    """Return a number as the scenario file writes what stands at a key."""
    if key == "rate":
        return written_rate(drawn)
    if key == "calls":
        return max(1, round(drawn))
    return f"{100 * min(max(drawn, LEAST_VARIATION), MOST_VARIATION):.12f}%"


def _spread(value: float, low: float, high: float) -> float:
    """Return the standard deviation of a logarithm whose 95 % interval is given."""
    if low <= 0:  # where nothing bounds it below, the upper half tells
        return log(high / value) / REACH
    return log(high / low) / (2 * REACH)
