"""Meters beside the pool against theory: Erlang's B for calls at once, M/D/1/K for a bucket."""

from __future__ import annotations

from math import exp, factorial, log, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulation import run
from simulation.planning.theory import erlang_b
from tests.cards_of_tests import pool, write_card
from tests.helpers import any_limit, poisson

pytestmark = pytest.mark.proof

_Z95 = 1.6448536269514722  # the standard normal's 95 % point


def share_and_error(card: str, limit: int, client: dict[str, Any]) -> tuple[float, float]:
    """Return the throttled share of 20 days of their own, and its standard error."""
    scenario = any_limit(
        limit, [client], rate_card=card, horizon="25 hours", warmup="1 hour", replications=20
    )
    shares = run(scenario, engine="compiled", keep_calls=False).runs["throttled_share"]
    return float(shares.mean()), float(shares.std(ddof=1) / sqrt(len(shares)))


@pytest.mark.parametrize(
    ("law", "mean"),
    [
        ("30 s", 30),
        ({"uniform": ["1 s", "59 s"]}, 30),
        (
            {"lognormal": {"median": "20 s", "p95": "80 s"}},
            20 * exp((log(4) / _Z95) ** 2 / 2),
        ),
    ],
    ids=["fixed", "uniform", "lognormal"],
)
def test_calls_at_once_are_refused_as_erlang_b_says_whatever_the_law_of_durations(
    law: Any, mean: float, tmp_path: Path
) -> None:
    a_second, slots = 0.2, 8
    client = poisson("a", f"{86_400 * a_second:g} per day")
    client["calls"] = [{"api": "other", "duration": law}]
    card = write_card(tmp_path, pool(), {"name": "slots", "kind": "concurrent", "size": slots})
    share, error = share_and_error(card, 400_000, client)
    load = a_second * mean
    expected = erlang_b(load, slots)
    assert error < 0.02 * expected  # sharp enough to tell one slot more or less
    assert min(abs(erlang_b(load, slots + n) - expected) for n in (-1, 1)) > 8 * error
    assert abs(share - expected) < 4 * error


def loss_of_m_d_1(load: float, places: int) -> float:
    """Return the share of calls that find a queue with fixed service times full.

    By the chain of what departures leave behind; the places are those of the queue and the server.
    """
    arrivals = [exp(-load) * load**n / factorial(n) for n in range(places)]
    moves = np.zeros((places, places))
    for left in range(places):
        first = max(0, left - 1)
        for count in range(places - 1 - first):
            moves[left, first + count] = arrivals[count]
        moves[left, places - 1] = 1 - moves[left].sum()
    stays = np.vstack([moves.T - np.eye(places), np.ones(places)])
    left_behind = np.linalg.lstsq(stays, np.array([*[0.0] * places, 1.0]), rcond=None)[0]
    return 1 - 1 / (float(left_behind[0]) + load)


def test_a_bucket_refuses_what_a_queue_of_fixed_service_times_loses(tmp_path: Path) -> None:
    # What is missing from the bucket is the work of a queue that serves a call in 5 s: a call
    # fits while at most size - 1 are missing, so while fewer than size calls are there.
    assert loss_of_m_d_1(0.7, 1) == pytest.approx(0.7 / 1.7)  # Erlang's B with one server
    size, load = 4, 0.9
    bucket = {"name": "bucket", "kind": "bucket", "counts": "calls", "size": size}
    card = write_card(tmp_path, pool(), {**bucket, "refill": "1 per 5 s"})
    share, error = share_and_error(card, 400_000, poisson("a", f"{86_400 * load / 5:g} per day"))
    expected = loss_of_m_d_1(load, size)
    assert error < 0.02 * expected
    assert min(abs(loss_of_m_d_1(load, size + n) - expected) for n in (-1, 1)) > 8 * error
    assert abs(share - expected) < 4 * error
