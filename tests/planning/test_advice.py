"""Why a size is recommended and the others are not, in sentences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from simulation.formats.words import percent
from simulation.planning.frontier import Evidence, frontier_table
from simulation.planning.judgement import Judgement
from simulation.planning.reasons import reasons_for, rejections
from tests.planning.test_search import case


def known(throttled: list[list[int]], certain: bool = False, **keys: Any) -> Evidence:
    """Return what replications of 100 calls say of the sizes 0, 4, 8 …; -1: not judged."""
    scenario = case(1, **keys)
    counts = np.array(throttled)
    runs, sizes = len(counts), np.arange(0, 4 * counts.shape[1], 4)
    calls = np.full(runs, 100)
    enough = np.arange(30, 30 + runs)
    judged = Judgement(
        limits=np.array([scenario.offer.limit(size) for size in sizes.tolist()], np.int64),
        calls=calls,
        credits=calls,
        throttled=counts,
        lost=counts,
        enough=enough,
        work=calls,
    )
    return Evidence(
        scenario=scenario,
        objective=scenario.objective,
        sizes=sizes,
        judged=judged,
        certain=certain,
    )


RUNS = [
    [0, 5, 9, 9, 1, 0],
    [-1, 2, 9, 3, 2, 0],
    [-1, 9, 9, 9, 0, 0],
    [-1, -1, 0, 9, 0, 9],
]
ENOUGH = "A pool of 33 credits throttles no call in any simulated run of 4 days; the allowance is"


def as_fresh(evidence: Evidence, chosen: int | None) -> Evidence:
    """Return what fresh replications say of what is shown if they show the very same."""
    last = len(evidence.sizes) - 1 if chosen is None else chosen
    places = [last] if chosen in (None, 0) else [last - 1, last]
    judged = evidence.judged
    columns = {name: getattr(judged, name)[:, places] for name in ("throttled", "lost")}
    judged = replace(judged, limits=judged.limits[places], **columns)
    return replace(evidence, sizes=evidence.sizes[places], judged=judged)


def reasons(evidence: Evidence, chosen: int | None, shortfall: int | None) -> list[str]:
    """Say why, as if fresh replications had shown the very same."""
    return reasons_for(evidence, as_fresh(evidence, chosen), chosen, True, shortfall)


def rejected(evidence: Evidence, chosen: int | None, enough: int | None) -> dict[int, str]:
    """Return the reasons for which sizes are rejected, as if fresh ones had shown the same."""
    found = rejections(evidence, as_fresh(evidence, chosen), chosen, enough)
    return {each.addon_credits: each.reason for each in found if each.addon_credits is not None}


def of_four(kept: int, which: str = "fresh simulated") -> str:
    interval = binomtest(kept, 4).proportion_ci(0.95, "exact")
    low, high = (percent(bound) for bound in interval)
    share = f"{kept * 25} % of 4 {which} runs of 4 days"
    return f"keeps to it in {share} (95 % interval {low} to {high})"


def test_each_reason_and_each_rejection_says_what_the_replications_showed() -> None:
    evidence = known(RUNS)
    assert reasons(evidence, 4, None) == [
        "Wanted: at most 5 % of the calls throttled in at least 70 % of runs of 4 days.",
        f"16 add-on credits: this size {of_four(4)}.",
        "On the replications of the search every larger size keeps to it too.",
        f"12 are too few: that size {of_four(1)}.",
        (
            "2 sizes from 0 to 4 were out of the question after 1 or more of the 4 simulated "
            "runs of 4 days, and were judged on those alone."
        ),
        f"{ENOUGH} 10.",
    ]
    three = reasons(known([[0, 0, 0, 9, 0], [-1, -1, -1, 9, 0]]), 4, None)
    assert any(reason.startswith("3 sizes from 0 to 8 were out of the") for reason in three)
    said = rejected(evidence, 4, 4)
    assert said[0] == "meets the objective, but 4, a larger size, does not"
    assert said[4].startswith("keeps to it in 67 % of 3 simulated runs of 4 days (95 % interval")
    assert [said[8], said[12]] == [of_four(1, "simulated"), of_four(1)]
    assert said[20] == "costs $12.00 a month more than needed: a smaller size is enough"
    assert list(said) == [0, 4, 8, 12, 20]


def test_a_size_that_meets_the_objective_is_rejected_for_the_next_larger_that_does_not() -> None:
    evidence = known([[0, 0, 9, 9, 0, 9, 0, 0]])
    said = rejected(evidence, 6, 6)
    for size, worse in ((0, 8), (4, 8), (16, 20)):
        assert said[size] == f"meets the objective, but {worse}, a larger size, does not"
    assert list(said) == [0, 4, 8, 12, 16, 20, 28]


@pytest.mark.parametrize(
    ("enough", "of_the_largest"),
    [
        (None, "costs $48.00 a month more than 8, which may be enough"),
        (3, "costs $36.00 a month more than needed: a smaller size is enough"),
    ],
)
def test_where_a_plan_is_open_no_larger_size_is_said_to_be_more_than_needed(
    enough: int | None, of_the_largest: str
) -> None:
    evidence = known([[9, 9, 0, 0, 0, 0, 0]])
    said = rejected(evidence, 2, enough)
    assert said[12] == "costs $12.00 a month more than 8, which may be enough"
    assert said[24] == of_the_largest


def test_the_reasons_of_the_least_cost_name_it_with_its_interval() -> None:
    goal = {"cost_of_lost_call": 0.5}
    evidence = known(RUNS, objective=goal)
    of_best = evidence.monthly_costs()[:, 4]
    low, high = frontier_table(evidence).loc[4, ["cost_per_month_low", "cost_per_month_high"]]
    assert low < of_best.mean() < high
    wanted, cost, *_ = reasons(evidence, 4, None)
    assert wanted == "Wanted: the least expected cost, at $0.50 per lost call."
    assert cost == (
        f"16 add-on credits cost ${of_best.mean():.2f} a month "
        f"(95 % interval ${low:.2f} to ${high:.2f}) in all."
    )
    for size, reason in rejected(evidence, 4, 4).items():
        costs = evidence.monthly_costs()[:, size // 4]
        more = np.nanmean(costs - of_best)
        sign = "-" if more < 0 else ""
        expected = f"costs {sign}${abs(more):.2f} a month more, lost calls included"
        assert reason == expected
    sure = known(RUNS[:1], certain=True, objective=goal)
    assert reasons(sure, 4, None)[1].endswith(" a month in all.")


def test_what_bounds_a_purchase_is_named_where_no_more_can_be_bought() -> None:
    wanted = {"throttled_share": 0, "probability": "100%", "protect": ["a"]}
    said = reasons(known(RUNS, objective=wanted), None, 7)
    assert said[0] == (
        "Wanted: at most 0 % of the calls of a throttled in at least 100 % of runs of 4 days."
    )
    assert said[1] == f"20 add-on credits: this size {of_four(3)}."
    assert said[-3:] == [
        f"{ENOUGH} 10.",
        "No more than 20 can be bought, because of the purchase cap of 120.",
        "Even the largest purchase falls 7 credits short.",
    ]
    capped = {"edition": "capped", "user_licenses": 40}
    said = reasons(known(RUNS, org=capped), 5, None)
    assert said[1] == f"20 add-on credits: this size {of_four(3)}."
    assert said[-1] == ("No more than 20 can be bought, because of the edition's maximum of 60.")
    sure = reasons(known([[9, 9, 6, 0, 0, 0]], certain=True), 0, None)
    assert sure[1].startswith("0 add-on credits: this size throttles 9 % of the calls (nothing in ")
    assert not any("too few" in reason or "No more" in reason for reason in sure)
