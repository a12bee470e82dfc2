"""The search that gives up sizes early, against judging every size on every replication."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

import simulation.frontier
import simulation.peaks
import simulation.search
from simulation import Plan, plan
from simulation.advice import reasons_for, rejections
from simulation.demand import Demand
from simulation.estimates import binomial_interval
from simulation.findings import percent
from simulation.frontier import (
    Evidence,
    Goal,
    Judgement,
    frontier_table,
    judge,
    limits_of,
    purchasable,
)
from simulation.looks import Looks
from simulation.scenario import Scenario
from simulation.search import Search, Steps
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


@pytest.mark.parametrize("retries", [False, True])
@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_sizes_are_judged_in_any_chunks_alike(
    retries: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = case(1)
    if not retries:
        scenario = scenario.changed({"clients.a.on_throttle": "drop"})
    demand, goal, limits = Demand(scenario), Goal.of(scenario), np.arange(0, 90, 3)
    together = judge(demand, [0, 1], limits, goal)
    assert (together.throttled[:, 8] > 0).all()  # a size of a further chunk throttles
    monkeypatch.setattr(simulation.frontier, "lanes_at_once", lambda _: at_once)
    apart = judge(demand, [0, 1], limits, goal)
    for name in ("calls", "throttled", "lost", "enough"):
        assert np.array_equal(getattr(apart, name), getattr(together, name)), name


def searched(goal: dict[str, Any], replications: int = 8) -> Search:
    scenario = case(4, objective=goal)
    sizes = purchasable(scenario)
    search = Search(Demand(scenario), Goal.of(scenario), sizes, limits_of(scenario, sizes))
    search.judge_up_to(replications)
    return search


def test_a_probability_of_0_is_reached_by_every_size_and_surely() -> None:
    search = searched({"throttled_share": 0, "probability": "100%"})
    search.goal = replace(search.goal, probability=0.0)  # which a scenario cannot ask for
    search.looks = Looks(0.0, 16, 0.05)
    assert not search.judged.meets(search.goal)[:, 0].any()
    assert search.chosen == 0
    assert search.bracket() == (0, 0)
    assert search.decided


def test_a_probability_of_100_is_never_sure_and_refuted_by_one_replication() -> None:
    search = searched({"throttled_share": 0, "probability": "100%"})
    assert search.chosen is not None
    assert search.bracket() == (search.chosen, None)
    kept = search.judged.meets(search.goal).sum(axis=0)
    assert kept[search.chosen - 1] < 8
    assert (kept[search.chosen :] == 8).all()
    assert not search.decided


def test_the_decision_s_error_is_shared_among_the_looks() -> None:
    for most, looks in ((8, 1), (9, 2), (16, 2), (64, 4)):
        search = searched({"throttled_share": 0, "probability": "100%"})
        assert search.confidence == 0.95
        search.decide(most)  # never, of 100 %
        assert search.count == most
        assert search.looks.most == 2 * most
        assert search.confidence == pytest.approx(1 - 0.05 / looks)  # of the least cost


def test_sizes_are_given_up_where_all_looks_together_hardly_ever_do_so_wrongly() -> None:
    search = searched({"throttled_share": "5%", "probability": "70%"}, replications=40)
    kept = search.judged.meets(search.goal).sum(axis=0)
    doubtful = [binomial_interval(int(k), 40, 1 - 0.05 / 9)[1] >= 0.7 for k in kept]
    assert doubtful.index(True) > 1
    assert search._in_doubt().tolist() == [*range(doubtful.index(True) - 1, len(doubtful))]


def test_sizes_whose_cost_may_be_notably_less_than_the_best_are_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    search = searched({"cost_of_lost_call": 1.0}, replications=4)
    far, wavering, best, little, less = 100 + np.array(
        [
            [50.0, 51, 50, 51],  # surely dearer
            [40.0, -38, 41, -39],  # dearer on average, which says nothing
            [0.0, 0, 0, 0],
            [0.1, 0.2, 0.1, 0.2],  # surely dearer, though by little
            [0.9, -0.7, 0.9, -0.7],  # may be cheaper, but by less than one in a hundred
        ]
    )
    costs = np.full((4, len(search.sizes)), 200.0)
    costs[:, :5] = np.column_stack((far, wavering, best, little, less))
    monkeypatch.setattr(Evidence, "monthly_costs", lambda _: costs)
    assert search.chosen == 2
    search.confidence = 0.5
    assert search.bracket() == (1, 2)
    assert not search.decided
    costs[:, 1] = 200.0
    assert search.bracket() == (2, 2)


@pytest.mark.parametrize(
    ("workers", "pace", "busy", "expected"),
    [
        (1, 60.0, 0, (1, False)),
        (2, 1.0, 0, (1, False)),  # two replications of a second each are not worth it
        (2, 1.1, 0, (2, True)),
        (3, 0.0, -1, (1, False)),
        (3, 0.0, 0, (1, False)),
        (3, 0.0, 1, (3, False)),
        (1, 0.0, 1, (1, False)),
    ],
)
def test_workers_are_started_where_there_is_work_enough(
    workers: int,
    pace: float,
    busy: int,
    expected: tuple[int, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = case(4)
    demand, goal, sizes = Demand(scenario), Goal.of(scenario), purchasable(scenario)
    asked: list[tuple[int, bool]] = []

    def noted(*task: Any) -> Judgement:
        asked.append(task[4:6])
        return judge(*task[:4])

    monkeypatch.setattr(simulation.search, "judge", noted)
    monkeypatch.setattr(simulation.search, "BUSY_DAY", demand.busiest_day - busy)
    search = Search(demand, goal, sizes, limits_of(scenario, sizes), workers)
    search._pace = pace
    search.judge_up_to(2)
    assert asked == [expected]


def test_progress_counts_each_step_and_what_is_known_to_come() -> None:
    heard: list[tuple[int, int]] = []
    steps = Steps(lambda done, known: heard.append((done, known)))
    steps.expect(2)
    for _ in range(2):
        steps.tick()
    steps.expect(1, 1)
    for _ in range(3):  # one more than was known
        steps.tick()
    assert heard == [(1, 2), (2, 2), (3, 4), (4, 4), (5, 5)]


def test_what_throttles_no_call_throttles_none_in_any_replication() -> None:
    result = plan(case(3), replications=9, max_replications=9, confirm="none")
    assert result.judgement is not None
    enough = result.judgement.enough
    assert enough.min() < enough.max() - 8  # replications differ by more than a step
    rows = result.frontier.set_index("addon_credits")
    size = result.recommendation.zero_throttle_addon_credits
    assert size is not None
    assert rows.loc[size - 4, "limit"] < enough.max() <= rows.loc[size, "limit"]
    said = f"A pool of {enough.max():,} credits throttles no call in any simulated "
    assert any(reason.startswith(said) for reason in result.recommendation.reasons)


def test_no_interval_of_a_frontier_s_share_ends_above_the_whole() -> None:
    scenario = case(1)
    sizes = np.array([0, 4], np.int64)
    throttled = np.array([[10, 0], [10, 1], [7, 0]], np.int64)
    ten = np.full(3, 10, np.int64)
    judged = Judgement(limits_of(scenario, sizes), ten, ten, throttled, throttled, ten, ten)
    table = frontier_table(Evidence(scenario, Goal.of(scenario), sizes, judged, certain=False))
    assert table["throttled_share_high"].iloc[0] == 1.0
    assert 0.03 < table["throttled_share_high"].iloc[1] < 1.0
    assert table["lost_calls_high"].iloc[0] > 10


def known(throttled: list[list[int]], certain: bool = False, **keys: Any) -> Evidence:
    """Return what replications of 100 calls say of the sizes 0, 4, 8 …; -1: not judged."""
    scenario = case(1, **keys)
    counts = np.array(throttled)
    runs, sizes = len(counts), np.arange(0, 4 * counts.shape[1], 4)
    calls = np.full(runs, 100)
    enough = np.arange(30, 30 + runs)
    judged = Judgement(limits_of(scenario, sizes), calls, calls, counts, counts, enough, calls)
    return Evidence(scenario, Goal.of(scenario), sizes, judged, certain)


RUNS = [
    [0, 5, 9, 9, 1, 0],
    [-1, 2, 9, 3, 2, 0],
    [-1, 9, 9, 9, 0, 0],
    [-1, -1, 0, 9, 0, 9],
]
ENOUGH = "A pool of 33 credits throttles no call in any simulated run of 4 days; the allowance is"


def reasons(evidence: Evidence, chosen: int | None, shortfall: int | None) -> list[str]:
    """Say why, as if fresh replications had shown the very same."""
    last = len(evidence.sizes) - 1 if chosen is None else chosen
    places = [last] if chosen in (None, 0) else [last - 1, last]
    judged = evidence.judged
    columns = {name: getattr(judged, name)[:, places] for name in ("throttled", "lost")}
    judged = replace(judged, limits=judged.limits[places], **columns)
    fresh = replace(evidence, sizes=evidence.sizes[places], judged=judged)
    return reasons_for(evidence, fresh, chosen, True, shortfall)


def of_four(kept: int, which: str = "fresh simulated") -> str:
    interval = binomtest(kept, 4).proportion_ci(0.95, "exact")
    low, high = (percent(bound) for bound in interval)
    share = f"{kept * 25} % of 4 {which} runs of 4 days"
    return f"keeps to it in {share} (95 % interval {low} to {high})"


def test_each_reason_and_each_rejection_says_what_the_replications_showed() -> None:
    evidence = known(RUNS)
    assert reasons(evidence, 4, None) == [
        "Wanted: at most 5 % of the calls throttled in at least 70 % of such runs of 4 days.",
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
    said = {each["addon_credits"]: each["reason"] for each in rejections(evidence, 4)}
    assert said[0] == "meets the objective, but 4, a larger size, does not"
    assert said[4].startswith("keeps to it in 67 % of 3 simulated runs of 4 days (95 % interval")
    assert [said[8], said[12]] == [of_four(1, "simulated")] * 2
    assert said[20] == "costs $12.00 a month more, and fewer do"
    assert list(said) == [0, 4, 8, 12, 20]


def test_a_size_that_meets_the_objective_is_rejected_for_the_next_larger_that_does_not() -> None:
    evidence = known([[0, 0, 9, 9, 0, 9, 0, 0]])
    said = {each["addon_credits"]: each["reason"] for each in rejections(evidence, 6)}
    for size, worse in ((0, 8), (4, 8), (16, 20)):
        assert said[size] == f"meets the objective, but {worse}, a larger size, does not"
    assert list(said) == [0, 4, 8, 12, 16, 20, 28]


def test_the_reasons_of_the_least_cost_name_it_with_its_interval() -> None:
    goal = {"cost_of_lost_call": 0.5}
    evidence = known(RUNS, objective=goal)
    of_best = evidence.monthly_costs()[:, 4]
    low, high = evidence.cost_of(4)[1:3]
    assert low < of_best.mean() < high
    wanted, cost, *_ = reasons(evidence, 4, None)
    assert wanted == "Wanted: the least expected cost, at $0.50 per lost call."
    assert cost == (
        f"16 add-on credits cost ${of_best.mean():.2f} a month "
        f"(95 % interval ${low:.2f} to ${high:.2f}) in all."
    )
    for each in rejections(evidence, 4):
        costs = evidence.monthly_costs()[:, each["addon_credits"] // 4]
        more = np.nanmean(costs - of_best)
        sign = "-" if more < 0 else ""
        expected = f"costs {sign}${abs(more):.2f} a month more, lost calls included"
        assert each["reason"] == expected
    sure = known(RUNS[:1], certain=True, objective=goal)
    assert reasons(sure, 4, None)[1].endswith(" a month in all.")


def test_what_bounds_a_purchase_is_named_where_no_more_can_be_bought() -> None:
    wanted = {"throttled_share": 0, "probability": "100%", "protect": ["a"]}
    said = reasons(known(RUNS, objective=wanted), None, 7)
    assert said[0] == (
        "Wanted: at most 0 % of the calls of a throttled in at least 100 % of such runs of 4 days."
    )
    assert said[1] == f"20 add-on credits: this size {of_four(3)}."
    assert said[-3:] == [
        f"{ENOUGH} 10.",
        "No more than 20 can be bought, because of the purchase cap of 120.",
        "Even the largest purchase falls short by 7 credits.",
    ]
    capped = {"edition": "capped", "user_licenses": 40}
    said = reasons(known(RUNS, org=capped), 5, None)
    assert said[1] == f"20 add-on credits: this size {of_four(3)}."
    assert said[-1] == ("No more than 20 can be bought, because of the edition's maximum of 60.")
    sure = reasons(known([[9, 9, 6, 0, 0, 0]], certain=True), 0, None)
    assert sure[1].startswith("0 add-on credits: this size throttles 9 % of the calls (nothing in ")
    assert not any("too few" in reason or "No more" in reason for reason in sure)


def test_no_interval_of_a_cause_s_share_ends_above_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = iter(np.array([[1.0, 0.0], [0.7, 0.3], [1.0, 0.0]]))
    monkeypatch.setattr(simulation.peaks, "shares_of_peak", lambda *_: next(shares))
    cause = simulation.peaks.biggest_cause(Demand(case(1)), 3)
    assert cause is not None
    assert cause.client == "a"
    assert cause.share.mean == pytest.approx(0.9)
    assert cause.share.high == 1.0
    assert 0 < cause.share.low < 0.9
