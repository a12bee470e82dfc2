"""The score of predictions, against its definition and against theory."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulation.trust.scores import crps, is_within


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12), st.floats(-1e3, 1e3))
def test_the_score_is_that_of_its_definition(sample: list[float], value: float) -> None:
    count = len(sample)
    off = sum(abs(each - value) for each in sample) / count
    apart = sum(abs(one - other) for one in sample for other in sample) / (count * (count - 1))
    found = crps(np.array([value]), np.array(sample)[:, None])
    assert np.isclose(found[0], off - apart / 2, atol=1e-9)


def test_the_score_of_a_normal_law_is_the_known_one() -> None:
    """Of a standard normal prediction and its mean it is (√2 − 1) / √π: Gneiting & Raftery 2007."""
    draws = np.random.default_rng(7).standard_normal((4000, 50))
    found = crps(np.zeros(50), draws)
    error = found.std(ddof=1) / sqrt(50)
    assert abs(found.mean() - (sqrt(2) - 1) / sqrt(pi)) < 4 * error


def test_ninety_five_of_a_hundred_draws_lie_within() -> None:
    random = np.random.default_rng(8)
    inside = is_within(random.standard_normal(4000), random.standard_normal((2000, 4000)))
    assert abs(inside.mean() - 0.95) < 4 * sqrt(0.95 * 0.05 / 4000)
