"""The search that gives up sizes early, against judging every size on every replication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import simulation.planning.causes
import simulation.planning.judgement
import simulation.planning.search
from simulation import Plan, plan
from simulation.demand.demand import Demand
from simulation.experiment.estimates import binomial_interval
from simulation.experiment.progress import Steps
from simulation.planning.deciding import decide
from simulation.planning.frontier import Evidence, frontier_table
from simulation.planning.judgement import Judgement
from simulation.planning.judging import Asked, Judges
from simulation.planning.looks import Decision, Looks
from simulation.planning.search import Search
from simulation.quantities import DAY, DAYS_PER_MONTH
from simulation.scenario.scenario import Scenario
from tests.helpers import build, judge, poisson
from tests.planning.test_planning import SMALL_STEPS


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
    for attempts, long in ((10**12, 10**12), (0, 0)):
        monkeypatch.setattr(simulation.planning.search, "_ALL_SIZES_ATTEMPTS", attempts)
        monkeypatch.setattr(simulation.planning.search, "_LONG", long)
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
    # … and still has an interval, but where one replication left no hope.
    hopeless = counts == 1
    assert (counts >= 1).all()
    assert (quick.frontier["throttled_share"][hopeless] > 0.1).all()
    assert (np.flatnonzero(hopeless) < np.flatnonzero(~hopeless).min()).all()
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
    reasons = [r.reason for r in quick.recommendation.rejected if r.change is None]
    assert reasons
    assert not any("nan" in reason for reason in reasons)


def test_alternatives_are_compared_on_all_replications_at_the_size_that_the_org_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = {"name": "half of b", "set": {"clients.b.calls.0.api": "two"}}
    full, quick = both(case(3, alternatives=[half]), monkeypatch)
    assert quick.alternatives == full.alternatives
    assert quick.frontier["replications"].iloc[0] == 40
    assert np.isfinite(quick.alternatives[0].lost_calls_difference[:3]).all()


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

    def only_the_largest(search: simulation.planning.search.Search) -> np.ndarray:
        return np.array([len(search.sizes) - 1])

    monkeypatch.setattr(simulation.planning.search.Search, "_in_doubt", only_the_largest)
    result = plan(scenario, replications=40, max_replications=40, confirm="none")
    chosen = full.recommendation.addon_credits
    assert result.recommendation.addon_credits == chosen
    assert chosen is not None
    rows = result.frontier["addon_credits"] >= chosen - 4
    assert (result.frontier.loc[rows, "replications"] == 40).all()


@pytest.mark.parametrize("first", [1, 3, 8, 40])
def test_all_sizes_are_judged_on_the_first_eight_replications(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation.planning.search, "_ALL_SIZES_ATTEMPTS", 0)
    goal = {"throttled_share": "5%", "probability": "95%"}
    scenario = case(5, objective=goal)
    result = plan(scenario, replications=first, max_replications=40, confirm="none")
    counts = result.frontier["replications"]
    assert counts.min() == 8  # what they leave no doubt of is judged no further …
    assert counts.max() == 40  # … and the rest to the end


def test_all_sizes_are_judged_on_more_replications_where_the_first_ones_took_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = plan(case(5), replications=8, max_replications=8, confirm="none").judgement
    assert first is not None
    work = int(first.work.mean())
    monkeypatch.setattr(simulation.planning.search, "_ALL_SIZES_ATTEMPTS", 13 * work + work // 2)
    result = plan(case(5), replications=40, max_replications=40, confirm="none")
    assert result.frontier["replications"].min() == 13  # cheap rounds later do not raise it


@pytest.mark.parametrize("retries", [False, True])
@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_sizes_are_judged_in_any_chunks_alike(
    retries: bool, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = case(1)
    if not retries:
        scenario = scenario.changed({"clients.a.on_throttle": "drop"})
    demand, limits = Demand(scenario), np.arange(0, 90, 3)
    together = judge(demand, [0, 1], limits)
    assert (together.throttled[:, 8] > 0).all()  # a size of a further chunk throttles
    monkeypatch.setattr(simulation.planning.judging, "lanes_at_once", lambda *_: at_once)
    apart = judge(demand, [0, 1], limits)
    for name in ("calls", "throttled", "lost", "enough"):
        assert np.array_equal(getattr(apart, name), getattr(together, name)), name


def searched(goal: dict[str, Any], replications: int = 8) -> Search:
    scenario = case(4, objective=goal)
    sizes, limits = np.array(scenario.offer.sizes), np.array(scenario.offer.limits)
    search = Search(Demand(scenario), sizes, limits)
    Judges().alone(search.judging(replications))
    return search


def test_a_probability_of_0_is_reached_by_every_size_and_surely() -> None:
    search = searched({"throttled_share": 0, "probability": "100%"})
    search.objective = search.objective.model_copy(update={"probability": 0.0})  # unlike a file
    search.decision = Decision(Looks(0.0, 16, 0.05), 0.95)
    assert not search.judged.meets(search.objective)[:, 0].any()
    assert search.chosen == 0
    assert search.bracket() == (0, 0)
    assert search.decided


def test_a_probability_of_100_is_never_sure_and_refuted_by_one_replication() -> None:
    search = searched({"throttled_share": 0, "probability": "100%"})
    assert search.chosen is not None
    assert search.bracket() == (search.chosen, None)
    kept = search.judged.meets(search.objective).sum(axis=0)
    assert kept[search.chosen - 1] < 8
    assert (kept[search.chosen :] == 8).all()
    assert not search.decided


def test_the_decision_s_error_is_shared_among_the_looks() -> None:
    for most, looks in ((8, 1), (9, 2), (16, 2), (64, 4)):
        search = searched({"throttled_share": 0, "probability": "100%"})
        assert search.decision.confidence == 0.95
        decide([search], Judges(), most)  # never, of 100 %
        assert search.count == most
        assert search.decision.looks.most == 2 * most
        assert search.decision.confidence == pytest.approx(1 - 0.05 / looks)  # of the least cost


def test_sizes_are_given_up_where_all_looks_together_hardly_ever_do_so_wrongly() -> None:
    search = searched({"throttled_share": "5%", "probability": "70%"}, replications=40)
    kept = search.judged.meets(search.objective).sum(axis=0)
    doubtful = [binomial_interval(int(k), 40, 1 - 0.05 / 9)[1] >= 0.7 for k in kept]
    assert doubtful.index(True) > 1
    assert search._in_doubt().tolist() == [*range(doubtful.index(True) - 1, len(doubtful))]


def costing(
    monkeypatch: pytest.MonkeyPatch, lost: NDArray[np.float64], prices: Sequence[int] = ()
) -> Search:
    """Return a search in which sizes lose these calls, (4, sizes), at a dollar each."""
    search = searched({"cost_of_lost_call": 1.0}, replications=4)
    months = search.scenario.counted / (DAYS_PER_MONTH * DAY)
    search.objective = search.objective.model_copy(update={"cost_of_lost_call": months})
    every = np.full((4, len(search.sizes)), 200.0)
    every[:, : lost.shape[1]] = lost
    search._judged = replace(search.judged, lost=every)
    asked = [Decimal(price) for price in (*prices, *[0] * (len(search.sizes) - len(prices)))]
    monkeypatch.setattr(Evidence, "prices_per_month", lambda _: asked)
    return search


def test_sizes_whose_cost_may_be_notably_less_than_the_best_are_in_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far, wavering, best, little, less = 100 + np.array(
        [
            [50.0, 51, 50, 51],  # surely dearer
            [40.0, -38, 41, -39],  # dearer on average, which says nothing
            [0.0, 0, 0, 0],
            [0.1, 0.2, 0.1, 0.2],  # surely dearer, though by little
            [0.9, -0.7, 0.9, -0.7],  # may be cheaper, but by less than one in a hundred
        ]
    )
    search = costing(monkeypatch, np.column_stack((far, wavering, best, little, less)))
    assert search.chosen == 2
    search.decision = search.decision._replace(confidence=0.5)
    assert search.bracket() == (1, 2)
    assert not search.decided
    search.judged.lost[:, 1] = 200.0
    assert search.bracket() == (2, 2)


@pytest.mark.parametrize(("price", "last"), [(1, 3), (40, 2)])
def test_calls_that_no_replication_shows_lost_may_be_worth_a_larger_size(
    price: int, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = np.zeros((4, 4))
    lost[:, :2] = [900, 700]
    search = costing(monkeypatch, lost, [0, 0, 1, 1 + price])
    unseen = np.full(len(search.sizes), 5.0)
    monkeypatch.setattr(Judgement, "unseen", property(lambda _: unseen))
    assert search.chosen == 2
    assert search.bracket() == (2, last)  # up to 5 calls in a replication of four: 5 t / 4
    unseen[:] = 0.1
    assert search.bracket() == (2, 2)


@pytest.mark.parametrize(
    ("workers", "pace", "later", "busy", "expected"),
    [
        (1, 60.0, 0, False, (1, False)),
        (2, 1.0, 0, False, (1, False)),  # two replications of a second each are not worth it
        (2, 1.1, 0, False, (2, True)),
        (2, 0.6, 1, False, (1, False)),
        (2, 0.6, 2, False, (2, True)),  # four are, those that come later among them
        (3, 0.0, 9, False, (1, False)),
        (3, 0.0, 9, True, (3, False)),
        (3, 1.1, 0, True, (3, True)),
        (1, 0.0, 9, True, (1, False)),
    ],
)
def test_workers_are_started_where_there_is_work_enough(
    workers: int,
    pace: float,
    later: int,
    busy: bool,
    expected: tuple[int, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    demand = Demand(case(4))
    limits = np.array(demand.scenario.offer.limits)
    asked: list[tuple[int, bool]] = []

    def noted(of: list[Asked], *how: Any) -> list[Judgement]:
        asked.append(how[:2])
        return real(of)

    real = simulation.planning.judging.judge  # not the one that is put in its place
    monkeypatch.setattr(simulation.planning.judging, "judge", noted)
    few = int(demand.calls_a_block) + 1
    monkeypatch.setattr(simulation.planning.judging, "_BUSY_BLOCK", 0 if busy else few)
    judges = Judges(workers)
    monkeypatch.setattr(Steps, "pace", pace)
    judges.answer([Asked(demand, range(2), limits, later)])
    monkeypatch.setattr(Steps, "pace", 0.0)
    judges.answer([Asked(demand, range(2), limits)])  # processes that run are kept
    assert asked == [expected] * 2


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
    limits = np.array([scenario.offer.limit(size) for size in (0, 4)], np.int64)
    throttled = np.array([[10, 0], [10, 1], [7, 0]], np.int64)
    ten = np.full(3, 10, np.int64)
    judged = Judgement(
        limits=limits,
        calls=ten,
        credits=ten,
        throttled=throttled,
        lost=throttled,
        enough=ten,
        work=ten,
    )
    known = Evidence(
        scenario=scenario,
        objective=scenario.objective,
        sizes=sizes,
        judged=judged,
        certain=False,
    )
    table = frontier_table(known)
    assert table["throttled_share_high"].iloc[0] == 1.0
    assert 0.03 < table["throttled_share_high"].iloc[1] < 1.0
    assert table["lost_calls_high"].iloc[0] > 10


def test_no_interval_of_a_cause_s_share_ends_above_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shares = iter(np.array([[1.0, 0.0], [0.7, 0.3], [1.0, 0.0]]))
    monkeypatch.setattr(simulation.planning.causes, "shares_of_peak", lambda *_: next(shares))
    cause = simulation.planning.causes.biggest_cause(Demand(case(1)), 3)
    assert cause is not None
    assert cause.client == "a"
    assert cause.share.mean == pytest.approx(0.9)
    assert cause.share.high == 1.0
    assert 0 < cause.share.low < 0.9


def test_where_no_credits_are_asked_for_no_client_is_the_cause() -> None:
    demand = Demand(build([poisson("a", "0.000001 per day"), poisson("b", "0.000001 per day")]))
    assert not len(demand.draw_replication(0))
    assert simulation.planning.causes.shares_of_peak(demand, 0).tolist() == [0.0, 0.0]
    assert simulation.planning.causes.biggest_cause(demand, 5) is None


def test_scenarios_too_large_to_send_with_each_task_are_judged_in_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: Any) -> None:
        raise AssertionError("began processes")

    demand, limits = Demand(case(4)), np.arange(0, 90, 3)
    monkeypatch.setattr(simulation.planning.judging, "in_processes", refused)
    asked = [Asked(demand, range(2), limits)]
    with pytest.raises(AssertionError, match="began processes"):
        simulation.planning.judging.judge(asked, 2, processes=True)
    monkeypatch.setattr(simulation.planning.judging, "_MOST_SENT", 10)
    (found,) = simulation.planning.judging.judge(asked, 2, processes=True)
    assert np.array_equal(found.throttled, judge(demand, [0, 1], limits).throttled)


@pytest.mark.parametrize("cost", [0.02, 0.2, 2.0])
def test_a_size_whose_losses_are_rare_is_not_given_up_for_the_first_replications(
    cost: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No call may be lost in the first eight replications, so that each larger size seems to cost
    # its price more and nothing else.
    for seed in range(12):
        clients = [poisson("a", "25 per day", "one"), poisson("b", "2 per day", "five")]
        scenario = case(seed, objective={"cost_of_lost_call": cost}, horizon="3 days")
        full, quick = both(scenario.changed({"clients": clients}), monkeypatch, 60)
        mine, theirs = quick.recommendation, full.recommendation
        assert (mine.status, mine.addon_credits) == (theirs.status, theirs.addon_credits), seed
