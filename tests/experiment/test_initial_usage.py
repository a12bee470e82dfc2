"""What is in use at the start comes back by the kind of its pool."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulation.experiment.experiment import run
from tests.cards_of_tests import write_card
from tests.helpers import any_limit, scheduled

_LATE = scheduled("late", "00:00:50", 1, "one")


def available(folder: Path, engine: str, pool: dict[str, Any], held: int, limit: int) -> list[int]:
    """Return what is available every five seconds of the first half minute."""
    card = write_card(folder, {"name": "p", "size": "pool", **pool})
    scenario = any_limit(
        limit, [_LATE], rate_card=card, horizon="1 minute", initial_usage={"credits": held}
    )
    found = run(scenario, engine=engine, interval="5 s").intervals["credits_available"]
    return [int(each) for each in found[:6]]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("counts", ["credits", "calls"])
def test_a_bucket_is_refilled_from_the_start_on(tmp_path: Path, engine: str, counts: str) -> None:
    pool = {"kind": "bucket", "refill": "2 per second", "counts": counts}
    # Just before 5, 10 … s; what comes back at that moment is not counted yet.
    assert available(tmp_path, engine, pool, 20, 40) == [29, 39, 40, 40, 40, 40]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_calls_in_use_at_the_start_are_as_many_as_they_are_said_to_be(
    tmp_path: Path, engine: str
) -> None:
    pool = {"kind": "calendar", "resets": {"timezone": "UTC"}, "counts": "calls"}
    # More than the parts of which the start is made.
    assert available(tmp_path, engine, pool, 5_000, 6_000) == [1_000] * 6


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize("counts", ["credits", "calls"])
def test_more_than_the_parts_of_a_start_come_back_evenly_and_whole(
    tmp_path: Path, engine: Any, counts: str
) -> None:
    rolling = {"name": "p", "size": "pool", "kind": "rolling"}
    slots = {"name": "slots", "kind": "concurrent", "size": 10_000}
    card = write_card(tmp_path, {**rolling, "counts": counts}, slots)
    clients = [scheduled("a", "20:00", 5_200, "one")]
    scenario = any_limit(
        6_000, clients, rate_card=card, horizon="24 hours", initial_usage={"credits": 5_000}
    )
    # After 20 of 24 hours five of six are back: 5,000 - 4,166 are in use, and 5,166 calls pass.
    (throttled,) = run(scenario, engine=engine).runs["throttled_calls"]
    assert abs(throttled - (5_200 - 5_166)) <= 5_000 / 1_023
