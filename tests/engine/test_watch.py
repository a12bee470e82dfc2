"""Pools watched over time say what runs of each say."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import run
from simulation.demand import Demand
from simulation.engine import watch
from simulation.quantities import parse_duration
from simulation.scenario import Scenario
from tests.helpers import build, poisson, scheduled


def assert_watched_as_run(scenario: Scenario, addons: list[int], length: str = "1 hour") -> None:
    limits = np.array([scenario.offer.limit(size) for size in addons])
    demand = Demand(scenario)
    for replication in range(scenario.replications):
        watched = watch(demand, replication, limits, parse_duration(length))
        for row, size in enumerate(addons):
            sized = scenario.changed({"org.addon_credits": size})
            intervals = run(sized, engine="compiled", interval=length).intervals
            its = intervals[intervals["replication"] == replication]
            assert watched.available[row].tolist() == its["credits_available"].tolist()
            assert watched.throttled_attempts[row].tolist() == its["throttled_attempts"].tolist()


@settings(max_examples=15)
@given(
    rate=st.integers(10, 4000),
    retries=st.booleans(),
    hours=st.integers(30, 120),
    burst=st.integers(1, 6000),
    seed=st.integers(0, 2**20),
)
def test_pools_watched_over_time_say_what_runs_of_each_say(
    rate: int, retries: bool, hours: int, burst: int, seed: int
) -> None:
    client: dict[str, Any] = poisson("p", f"{rate} per day")
    if retries:
        client["on_throttle"] = {
            "retry": {"first": "10 minutes", "max_attempts": 5, "jitter": "full"}
        }
    scenario = build(
        [client, scheduled("b", "10:00", burst)],
        org={"edition": "professional", "user_licenses": 1},
        horizon=f"{hours} hours",
        seed=seed,
        replications=2,
    )
    assert_watched_as_run(scenario, [0, 1000, 3000])
    assert_watched_as_run(scenario, [0, 3000], "35 minutes")
