"""The search that gives up sizes early, against judging every size on every replication."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import simulation.search
from simulation import Plan, plan
from simulation.scenario import Scenario
from tests.helpers import build, poisson
from tests.test_planning import SMALL_STEPS


def case(seed: int, **keys: Any) -> Scenario:
    retry = {"retry": {"first": "1 hour", "max_attempts": 3}}
    clients = [
        poisson("a", "40 per day", "one", poisson={"daily_variation": "20%"}, on_throttle=retry),
        poisson("b", "3 per day", "five"),
    ]
    org = {"edition": "any", "user_licenses": 10}
    goal = {"throttled_share": "5%", "probability": "70%"}
    defaults = {"horizon": "5 days", "warmup": "1 day", "objective": goal, "seed": seed}
    return build(clients, **{"rate_card": str(SMALL_STEPS), "org": org, **defaults, **keys})


def both(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, replications: int = 40
) -> tuple[Plan, Plan]:
    """Plan with every size on all replications, and with as few as the search may."""
    plans = []
    for attempts in (10**12, 0):
        monkeypatch.setattr(simulation.search, "_ALL_SIZES_ATTEMPTS", attempts)
        settings: dict[str, Any] = {"max_replications": replications, "confirm": "none"}
        plans.append(plan(scenario, replications=replications, **settings))
    return plans[0], plans[1]


@pytest.mark.parametrize("seed", range(12))
def test_giving_up_sizes_early_leaves_the_recommendation_as_it_is(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, quick = both(case(seed), monkeypatch)
    mine, theirs = quick.recommendation, full.recommendation
    assert (mine.status, mine.addon_credits) == (theirs.status, theirs.addon_credits)
    assert mine.zero_throttle_addon_credits == theirs.zero_throttle_addon_credits
    counts = quick.frontier["replications"].to_numpy()
    assert (full.frontier["replications"] == 40).all()
    assert counts.min() < 40  # something was given up …
    assert counts.min() >= 2  # … and still has an interval
    assert mine.addon_credits is not None
    first = quick.frontier["addon_credits"] >= mine.addon_credits - 4
    assert (counts[first] == 40).all()  # the next smaller size, the recommended and all larger
    assert quick.judgement is not None
    assert full.judgement is not None
    for place, count in enumerate(counts):  # on the first replications, the same ones
        judged = quick.judgement.throttled[:, place]
        assert (judged[:count] == full.judgement.throttled[:count, place]).all()
        assert (judged[count:] == -1).all()
    whole = quick.frontier["replications"] == 40
    assert quick.frontier[whole].equals(full.frontier[whole])


@pytest.mark.parametrize("seed", range(6))
def test_the_least_cost_is_found_among_the_sizes_in_doubt(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, quick = both(case(seed, objective={"cost_of_lost_call": 0.2}), monkeypatch)
    assert quick.recommendation.addon_credits == full.recommendation.addon_credits
    assert quick.recommendation.undecided_between == full.recommendation.undecided_between
    assert quick.frontier["replications"].min() < 40
    assert not quick.frontier["cost_per_month"].isna().any()
    reasons = [r["reason"] for r in quick.recommendation.rejected if "addon_credits" in r]
    assert reasons
    assert not any("nan" in reason for reason in reasons)


def test_alternatives_are_compared_on_all_replications_at_the_size_that_the_org_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = {"name": "half of b", "set": {"clients.b.calls.0.api": "two"}}
    full, quick = both(case(3, alternatives=[half]), monkeypatch)
    assert quick.alternatives == full.alternatives
    assert quick.frontier["replications"].iloc[0] == 40
    assert np.isfinite(quick.alternatives[0].lost_calls_difference).all()


def test_where_no_size_will_do_the_shortfall_is_that_of_judging_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = case(1).changed({"clients.a.arrivals.poisson.rate": "300 per day"})
    full, quick = both(scenario, monkeypatch)
    assert quick.recommendation.status == "not_reachable"
    assert quick.recommendation.shortfall_credits == full.recommendation.shortfall_credits


def test_what_was_given_up_wrongly_is_judged_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = case(2)
    full, _ = both(scenario, monkeypatch)

    def only_the_largest(search: simulation.search.Search) -> np.ndarray:
        return np.array([len(search.sizes) - 1])

    monkeypatch.setattr(simulation.search.Search, "_in_doubt", only_the_largest)
    result = plan(scenario, replications=40, max_replications=40, confirm="none")
    chosen = full.recommendation.addon_credits
    assert result.recommendation.addon_credits == chosen
    assert chosen is not None
    rows = result.frontier["addon_credits"] >= chosen - 4
    assert (result.frontier.loc[rows, "replications"] == 40).all()


def test_all_sizes_are_judged_on_as_many_replications_as_the_first_two_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = plan(case(5), replications=2, max_replications=2, confirm="none").judgement
    assert first is not None
    monkeypatch.setattr(simulation.search, "_ALL_SIZES_ATTEMPTS", int(6.5 * first.work.mean()))
    result = plan(case(5), replications=40, max_replications=40, confirm="none")
    assert result.frontier["replications"].min() == 6  # cheap rounds later do not raise it
