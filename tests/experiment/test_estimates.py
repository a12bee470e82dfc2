"""Intervals, by the formulas of the papers that they come from."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from scipy import stats

from simulation.experiment.delays import Delays, quantile_with_zeros
from simulation.experiment.estimates import (
    binomial_interval,
    mean_difference,
    mean_of,
    ratio_difference,
    ratio_of,
    ratios,
    share_of_replications,
    unseen_calls,
)
from simulation.experiment.intervals import Estimate, Estimates
from tests.helpers import share_tolerance


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
@pytest.mark.parametrize(("seed", "n"), [(0, 3), (1, 4), (2, 12), (3, 40)])
def test_the_interval_of_what_is_skewed_is_student_s_of_the_transformed(
    seed: int, n: int, confidence: float
) -> None:
    random = np.random.default_rng(seed)
    values = random.lognormal(1, 0.3 + seed / 4, n) * [1, -1][seed % 2]
    mean, spread = values.mean(), values.std(ddof=1)
    skew = stats.skew(values, bias=False)

    def transformed(end: float) -> float:
        """Hall's transformation of the studentised mean, if this were the truth."""
        t = (mean - end) / spread
        return float(n**0.5 * (t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / (6 * n)))

    t = stats.t.ppf((1 + confidence) / 2, n - 1)
    found = mean_difference(values, confidence)
    assert found.mean == pytest.approx(mean)
    assert [transformed(end) for end in found[1:3]] == pytest.approx([t, -t])
    assert mean_difference(-values, confidence)[:3] == pytest.approx(
        (-found.mean, -found.high, -found.low)
    )
    if seed % 2 == 0:
        low = max(0.0, found.low)
        assert mean_of(values, confidence=confidence)[:3] == pytest.approx((mean, low, found.high))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_two_values_have_an_interval_and_one_has_none(confidence: float) -> None:
    interval = stats.t.interval(confidence, 1, loc=5.0, scale=2.0)
    assert mean_difference([3.0, 7.0], confidence) == pytest.approx((5.0, *interval, 2, confidence))
    assert share_of_replications([True, False], confidence)[:3] == pytest.approx(
        (0.5, *binomial_interval(1, 2, confidence))
    )
    for estimate in (mean_difference([3.0]), mean_of([3.0]), share_of_replications([True])):
        assert math.isnan(estimate.low)
        assert estimate.mean in {3.0, 1.0}


def test_an_estimate_is_the_same_in_a_table_in_json_and_among_others() -> None:
    found = Estimate(2.0, 1.0, math.inf, 9)
    assert found.to_dict() == {"mean": 2.0, "ci95": [1.0, None]}
    assert found._replace(confidence=0.9).to_dict() == {"mean": 2.0, "ci90": [1.0, None]}
    assert Estimate.from_row({**found.columns("lost"), "replications": 9}, "lost") == found
    others = Estimates.of([found, Estimate(5.0, 3.0, 7.0, 8)])
    assert others[0] == found
    assert others.at_most(6.0)[1] == (5.0, 3.0, 6.0, 8, 0.95)
    assert others.exact(np.array([False, True]))[1] == (5.0, 5.0, 5.0, 8, 0.95)
    assert others.mapped(lambda each: 2 * each)[1] == (10.0, 6.0, 14.0, 8, 0.95)
    table = others.columns("share", "meets")
    assert {name: float(column[1]) for name, column in table.items()} == {
        "share": 5.0,
        "meets_low": 3.0,
        "meets_high": 7.0,
    }
    money = Estimate(Decimal("25.20"), math.nan, math.nan, 1)
    assert str(money.to_dict()["mean"]) == "25.20"
    assert money.exact().low == 25.2


def test_an_estimate_ends_at_what_cannot_be_more() -> None:
    share = ratio_of([10, 10, 7], [10, 10, 10])
    assert share.high > 1
    assert share.at_most(1.0) == (share.mean, share.low, 1.0, 3, 0.95)
    assert share.at_most(2.0) == share
    assert math.isnan(ratio_of([9], [10]).at_most(1.0).high)


def test_an_event_that_no_replication_shows_is_told_from_one_or_two_peaks_too() -> None:
    assert unseen_calls([400.0], 2.0) == 1.0
    assert unseen_calls([400.0, 100.0], 2.0) == (400 - 100) / 2
    assert unseen_calls([*[100.0] * 8, 300.0, 400.0], 2.0) == (400 - 100) / 2


def test_a_ratio_s_interval_is_that_of_its_linearised_residuals() -> None:
    random = np.random.default_rng(6)
    calls = random.integers(50, 150, (12, 3))
    throttled = random.binomial(calls, [0.1, 0.5, 0.9])
    found = ratios(throttled, calls, confidence=0.9)
    for place in range(3):
        x, c = throttled[:, place], calls[:, place]
        share = x.sum() / c.sum()
        error = mean_difference((x - share * c) / c.mean(), 0.9)
        expected = (share, share + error.low, share + error.high)
        assert found[place][:3] == pytest.approx(expected)


def _by_fay_and_feuer(
    jumps: list[float], replications: int, one_more: float, confidence: float
) -> tuple[float, float]:
    """Return the ends of their interval of a rate of weighted counts, from chi-square."""
    rate, variance = sum(jumps) / replications, sum(x**2 for x in jumps) / replications**2
    tail, more = (1 - confidence) / 2, one_more / replications
    low = 0.0
    if jumps:
        low = variance / (2 * rate) * stats.chi2.ppf(tail, 2 * rate**2 / variance)
    wider, above = variance + more**2, rate + more
    return low, wider / (2 * above) * stats.chi2.ppf(1 - tail, 2 * above**2 / wider)


@pytest.mark.parametrize(
    ("jumps", "replications", "unseen", "one_more"),
    [
        ([], 9, 4.0, 4.0),
        ([3.0], 3, 1.0, 3.0),  # a third of the replications, and no more, is rare
        ([3.0, 9.0, 1.0], 9, 2.0, 9.0),
        ([3.0, 9.0, 1.0], 20, 12.0, 12.0),
    ],
)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_few_events_have_the_interval_of_fay_and_feuer(
    jumps: list[float], replications: int, unseen: float, one_more: float, confidence: float
) -> None:
    counts = [*jumps, *[0.0] * (replications - len(jumps))]
    found = mean_of(counts, unseen, confidence)
    low, high = _by_fay_and_feuer(jumps, replications, one_more, confidence)
    assert found[:3] == pytest.approx((sum(jumps) / replications, low, high))
    often = mean_of([*counts[:-1], 2.0], unseen, confidence)
    if 3 * (len(jumps) + 1) > replications:  # one more, and they are not rare
        low, high = mean_difference([*counts[:-1], 2.0], confidence)[1:3]
        assert often[1:3] == pytest.approx((max(0.0, low), high))


@pytest.mark.parametrize("seed", range(12))
def test_the_interval_of_a_percentile_ends_where_that_of_longer_waits_crosses_the_rest(
    seed: int,
) -> None:
    random = np.random.default_rng(seed)
    counts = random.integers(0, 60, int(random.integers(2, 20)))
    waiting = random.binomial(counts, 0.5)
    never = random.binomial(counts - waiting, [0.0, 0.1][seed % 2])
    late = [np.sort(random.integers(1, 40, n)) for n in waiting]
    unseen = float(random.integers(1, 4))
    at_once = int(counts.sum() - waiting.sum() - never.sum())
    together = [0] * at_once + sorted(np.concatenate(late).tolist()) + [math.inf] * never.sum()
    waits = sorted({0, *np.concatenate(late).tolist()})
    longer = [
        ratio_of(
            [(each > wait).sum() + n for each, n in zip(late, never, strict=True)], counts, unseen
        )
        for wait in waits
    ]
    for q in (0.05, 0.5, 0.8, 0.95, 0.99):
        place = (len(together) - 1) * q
        value, above = together[math.floor(place)], together[math.ceil(place)]
        if value < above:
            value += (above - value) * (place - math.floor(place))
        low, high = (
            {
                wait  # the first that no more than 1 - q exceed; by few replications, several
                for before, wait, now in zip(
                    [math.inf, *(each[end] for each in longer)],
                    [*waits, math.inf],
                    [*(each[end] for each in longer), 0.0],
                    strict=True,
                )
                if now <= 1 - q < before
            }
            for end in (1, 2)
        )
        found = Delays(late, counts, never, unseen).quantile(q)
        assert found.mean == pytest.approx(value)
        assert found.low in {min(wait, found.mean) for wait in low}
        assert found.high in {max(wait, found.mean) for wait in high}
        assert found.replications == (counts > 0).sum()


def test_a_quantile_on_a_call_is_that_call_though_the_next_waits_for_ever() -> None:
    late = np.array([7, 9])
    found = [quantile_with_zeros(late, 5, q, endless=2) for q in (0, 0.25, 0.5, 0.75, 0.9)]
    assert found == [0, 7, 9, math.inf, math.inf]  # one at once, two later, two never
    assert quantile_with_zeros(late, 5, 0.6, endless=2) == math.inf
    assert quantile_with_zeros(late, 5, 0.3, endless=2) == pytest.approx(7.4)


def test_a_difference_of_ratios_is_that_of_sums_and_its_interval_covers_it() -> None:
    held, repetitions, truth = 0, 600, 0.3 - 0.2
    for seed in range(repetitions):
        random = np.random.default_rng(seed)
        calls = random.integers(50, 800, 30)  # of very unlike replications a mean of shares is off
        now, then = random.binomial(calls, 0.2), random.binomial(2 * calls, 0.3)
        found = ratio_difference((now, calls), (then, 2 * calls))
        assert found.mean == then.sum() / (2 * calls).sum() - now.sum() / calls.sum()
        held += found.low <= truth <= found.high
    assert held / repetitions == pytest.approx(0.95, abs=share_tolerance(0.95, repetitions))


def test_a_difference_of_ratios_that_is_always_the_same_is_a_point() -> None:
    same = ratio_difference(([1, 2, 3], [10, 20, 30]), ([2, 4, 6], [10, 20, 30]))
    assert same[:3] == pytest.approx((0.1, 0.1, 0.1))
    assert math.isnan(ratio_difference(([0, 0], [0, 0]), ([1, 1], [2, 2])).mean)
    alone = ratio_difference(([1], [4]), ([1], [2]))
    assert (alone.mean, alone.has_interval) == (0.25, False)
