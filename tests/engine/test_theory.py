"""The simulation against theory: Erlang's B formula and the Kaufman–Roberts recursion."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulation import run
from simulation.planning.theory import erlang_b, kaufman_roberts
from tests.helpers import any_limit, poisson

pytestmark = pytest.mark.proof


def test_erlang_b_equals_its_definition() -> None:
    load, limit = 7.3, 11
    terms = [load**n / math.factorial(n) for n in range(limit + 1)]
    assert erlang_b(load, limit) == pytest.approx(terms[-1] / sum(terms), rel=1e-12)
    assert erlang_b(load, 0) == 1.0


def test_kaufman_roberts_equals_the_product_form_summed_over_every_state() -> None:
    loads, costs, limit = [2.0, 0.7, 0.3], [1, 3, 5], 9
    weights: dict[tuple[int, int, int], float] = {}
    for i in range(limit + 1):
        for j in range(limit + 1):
            for k in range(limit + 1):
                if i * costs[0] + j * costs[1] + k * costs[2] <= limit:
                    factors = zip(loads, (i, j, k), strict=True)
                    weights[i, j, k] = math.prod(a**n / math.factorial(n) for a, n in factors)
    total = sum(weights.values())
    expected = [
        sum(w for state, w in weights.items() if np.dot(state, costs) + cost > limit) / total
        for cost in costs
    ]
    assert kaufman_roberts(loads, costs, limit) == pytest.approx(expected, rel=1e-12)
    assert kaufman_roberts([5000.0], [1], 5000) == pytest.approx(erlang_b(5000.0, 5000), rel=1e-9)


def _shares(limit: int, clients: list[dict[str, object]]) -> tuple[list[float], list[float]]:
    """Simulate 40 stationary runs of 20 days; return each client's mean share and its error."""
    scenario = any_limit(
        limit, clients, horizon="25 days", warmup="5 days", replications=40, seed=20
    )
    runs = run(scenario, keep_calls=False).client_runs
    shares = [group["throttled_share"] for _, group in runs.groupby("client", sort=False)]
    errors = [float(share.std(ddof=1) / math.sqrt(len(share))) for share in shares]
    return [float(share.mean()) for share in shares], errors


def test_single_credit_calls_are_throttled_as_erlang_b_says() -> None:
    (share,), (error,) = _shares(60, [poisson("a", "55 per day", "one")])
    expected = erlang_b(55, 60)
    assert error < 0.05 * expected  # sharp enough to tell a pool that is one credit off
    assert abs(erlang_b(55, 59) - expected) > 2 * error
    assert abs(share - expected) < 4 * error


def test_calls_of_several_costs_are_throttled_as_kaufman_roberts_says() -> None:
    clients = [
        poisson("ones", "60 per day", "one"),
        poisson("fives", "8 per day", "five"),
        poisson("fifties", "0.6 per day", "fifty"),
    ]
    shares, errors = _shares(160, clients)
    expected = kaufman_roberts([60, 8, 0.6], [1, 5, 50], 160)
    for share, error, exact in zip(shares, errors, expected, strict=True):
        assert abs(share - exact) < 4 * error
    assert errors[1] < 0.1 * expected[1]


def test_erlang_b_is_insensitive_to_who_calls() -> None:
    many = [poisson(f"c{n}", "11 per day", "one") for n in range(5)]
    shares, errors = _shares(60, many)
    for share, error in zip(shares, errors, strict=True):
        assert abs(share - erlang_b(55, 60)) < 4 * error
