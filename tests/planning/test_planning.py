"""Recommended purchases: against brute force, where size misleads, and where none will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulation.planning.confirmation
from simulation import InputError, Plan, load_scenario, plan
from simulation.demand.demand import Demand
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.model import Model
from simulation.engine.records import DayRecords, Entries
from simulation.planning.confirmation import differences
from simulation.quantities import DAY
from simulation.report.plan_in_words import plan_findings
from simulation.scenario.scenario import Scenario
from tests.helpers import CARDS, ROOT, any_limit, build, judge, poisson, scheduled
from tests.strategies import scenarios

SMALL_STEPS = CARDS / "small-steps.yaml"
QUICK: dict[str, Any] = {"confirm": "none"}


def small(
    licenses: int, clients: list[dict[str, Any]], edition: str = "any", **keys: Any
) -> Scenario:
    org = {"edition": edition, "user_licenses": licenses}
    return build(clients, **{"rate_card": str(SMALL_STEPS), "org": org, **keys})


def brute_force(scenario: Scenario, replications: int) -> tuple[int | None, list[list[int]]]:
    """Simulate every size of every replication on its own, in plain Python, drop clients only.

    Returns the recommended size, and the throttled calls of each replication and size.
    """
    demand, goal = Demand(scenario), scenario.objective
    allowance = scenario.user_licenses
    sizes = range(0, 121, 4)
    throttled: list[list[int]] = []
    kept = dict.fromkeys(sizes, 0)
    for replication in range(replications):
        calls = demand.draw_replication(replication)
        row = []
        for size in sizes:
            accepted: list[tuple[int, int]] = []
            refused = counted = 0
            for now, cost in zip(calls.time.tolist(), calls.credits.tolist(), strict=True):
                used = sum(credits for since, credits in accepted if since > now - DAY)
                fits = used + cost <= allowance + size
                if fits:
                    accepted.append((now, cost))
                if now >= scenario.warmup_end:
                    counted += 1
                    refused += not fits
            row.append(refused)
            kept[size] += refused <= goal.throttled_share * counted
        throttled.append(row)
    good = [kept[size] / replications >= goal.probability for size in sizes]
    chosen = [size for place, size in enumerate(sizes) if all(good[place:])]
    return (chosen[0] if chosen else None), throttled


_APIS = ("one", "two", "five", "fifty", "five_hundred")


@st.composite
def drop_cases(draw: st.DrawFn) -> Scenario:
    clients: list[dict[str, Any]] = []
    for place in range(draw(st.integers(1, 3))):
        api = draw(st.sampled_from(_APIS))
        if draw(st.booleans()):
            client = poisson(f"p{place}", f"{draw(st.integers(1, 25))} per day", api)
        else:
            at = draw(st.sampled_from(["00:00", "06:00", "23:00"]))
            client = scheduled(f"s{place}", at, draw(st.integers(1, 12)), api)
        clients.append(client)
    return small(
        draw(st.integers(0, 60)),
        clients,
        horizon="3 days",
        warmup=draw(st.sampled_from([0, "1 day"])),
        seed=draw(st.integers(0, 1000)),
        replications=draw(st.integers(1, 4)),
        objective={
            "throttled_share": draw(st.sampled_from([0, "1%", "10%", "40%"])),
            "probability": draw(st.sampled_from(["50%", "75%", "100%"])),
        },
    )


@settings(max_examples=200, deadline=None)
@given(drop_cases())
def test_the_recommendation_is_that_of_simulating_every_size_independently(
    scenario: Scenario,
) -> None:
    result = plan(scenario, max_replications=scenario.replications, **QUICK)
    expected, throttled = brute_force(scenario, result.replications)
    if result.recommendation.addon_credits != expected:  # a last look at as many ruled it out
        expected, _ = brute_force(scenario, 2 * result.replications)
    assert result.recommendation.addon_credits == expected
    assert result.judgement is not None
    assert result.judgement.throttled.tolist() == throttled
    if expected is None:
        assert result.recommendation.status == "not_reachable"


@settings(max_examples=40, deadline=None)
@given(scenarios(most_clients=3))
def test_every_size_is_judged_as_the_simpy_model_does_retries_included(scenario: Scenario) -> None:
    demand = Demand(scenario)
    limits = np.array([0, 1, 7, 40, 120, 500, 2000, 20_000])
    judged = judge(demand, [0], limits)
    for place, limit in enumerate(limits):
        days = list(Model(scenario, 0, demand, int(limit)).run())
        throttled = sum(int((day.settled.throttled_attempts > 0).sum()) for day in days)
        lost = sum(int(np.isin(day.settled.outcome, (1, 2)).sum()) for day in days)
        assert (judged.throttled[0, place], judged.lost[0, place]) == (throttled, lost)


def paradox() -> Scenario:
    """A pool of 48 refuses one call of 50; a pool of 52 grants it and refuses 38 small ones."""
    clients = [scheduled("bulk", "08:00", 1, "fifty"), scheduled("small", "09:00", 40, "one")]
    return small(0, clients, objective={"throttled_share": "5%", "probability": "100%"})


def test_more_credits_may_throttle_more_calls_and_the_recommendation_is_still_right() -> None:
    result = plan(paradox(), **QUICK)
    shares = result.frontier.set_index("addon_credits")["throttled_share"]
    assert shares[48] < 0.05 < shares[52]
    assert result.recommendation.addon_credits == 88  # the first from which on all larger do
    assert brute_force(paradox(), 1)[0] == 88
    rejected = {r.addon_credits: r.reason for r in result.recommendation.rejected}
    assert rejected[48] == "meets the objective, but 52, a larger size, does not"
    assert "a month more" in rejected[92]
    assert set(rejected) == set(range(0, 121, 4)) - {88}
    bounds = {r.addon_credits: r.bound for r in result.recommendation.rejected}
    assert (bounds[48], bounds[84], bounds[92]) == ("objective", "objective", "price")


def test_where_nothing_is_throttled_nothing_is_bought() -> None:
    result = plan(small(50, [scheduled("a", "09:00", 50)]), **QUICK)
    advice = result.recommendation
    assert (advice.status, advice.addon_credits) == ("none_needed", 0)
    assert advice.price_per_month == Decimal("0.00")
    assert advice.zero_throttle_addon_credits == 0
    assert result.replications == 1  # nothing is random
    assert plan_findings(result) == [
        "Nothing needs to be bought: 0 % of the calls are throttled then.",
        "With 0 add-on credits not one call is throttled; nothing in this day is random.",
    ]
    assert advice.decided


def test_the_free_edition_never_buys_and_hears_what_would_do() -> None:
    result = plan(build([scheduled("a", "09:00", 5_600)]), **QUICK)
    advice = result.recommendation
    assert (advice.status, advice.addon_credits, advice.price_per_month) == (
        "not_reachable",
        None,
        None,
    )
    assert result.frontier["addon_credits"].tolist() == [0]
    assert advice.shortfall_credits == 595
    assert [(r.edition, r.addon_credits, r.limit) for r in advice.remedies] == [
        ("standard", 1000, 6_000),
        ("professional", 0, 10_000),
        ("enterprise", 0, 15_000),
        ("ultimate", 0, 15_000),
    ]
    unfit = [r.to_dict() for r in advice.rejected if r.change]
    assert unfit == [{"change": "more user licenses on free", "reason": "they add no credits"}]
    assert [r.bound for r in advice.rejected if r.change] == ["edition"]


def test_ultimate_may_buy_up_to_500000() -> None:
    org = {"edition": "ultimate", "user_licenses": 10}
    clients = [scheduled("a", "09:00", 1002, "bulk_write")]
    result = plan(build(clients, org=org, objective={"throttled_share": 0}), **QUICK)
    assert len(result.frontier) == 501
    assert result.recommendation.addon_credits == 466_000
    assert result.recommendation.zero_throttle_addon_credits == 466_000
    assert result.recommendation.price_per_month == Decimal("627.00")


def test_licenses_and_their_prices_are_compared_where_the_scenario_states_them() -> None:
    scenario = small(40, [scheduled("a", "09:00", 250)], "capped").changed(
        {"org.license_prices": {"capped": 2, "higher": "3.50"}}
    )
    advice = plan(scenario, **QUICK).recommendation
    assert advice.status == "not_reachable"
    (remedy,) = advice.remedies
    # 250 calls need a pool of 252 in steps of 4: 140 with the licenses, 112 to be bought.
    assert (remedy.edition, remedy.user_licenses, remedy.addon_credits) == ("higher", 40, 112)
    # 40 x 3.50 for licenses; 40 x 0.1 + 72 x 0.05 a day for credits, 30 days.
    assert remedy.total_per_month == Decimal("140") + 30 * (Decimal("4.00") + Decimal("3.60"))
    unfit = [r.change for r in advice.rejected if r.change]
    assert unfit[0] == "more user licenses on capped"
    assert next(r.bound for r in advice.rejected if r.change) == "maximum"
    unpriced = plan(scenario.changed({"org.license_prices": {}}), **QUICK).recommendation
    assert unpriced.remedies[0].total_per_month is None


def test_more_licenses_are_named_where_they_would_do() -> None:
    advice = plan(small(40, [scheduled("a", "09:00", 200)]), **QUICK).recommendation
    assert advice.shortfall_credits == 40
    licenses = advice.remedies[0]
    assert (licenses.edition, licenses.user_licenses, licenses.addon_credits) == ("any", 80, 120)
    assert licenses.limit == 200


def test_the_shortfall_is_the_least_that_would_do() -> None:
    clients = [poisson("a", "300 per day", "two")]
    scenario = small(100, clients, horizon="3 days", replications=20, seed=3)
    advice = plan(scenario, max_replications=20, **QUICK).recommendation
    assert advice.shortfall_credits is not None
    needed = 100 + 120 + advice.shortfall_credits
    assert plan(_given(scenario, needed), max_replications=20, **QUICK).recommendation.status != (
        "not_reachable"
    )
    judged = judge(Demand(scenario), range(20), np.array([needed - 1, needed]))
    assert (judged.meets(scenario.objective).mean(axis=0) >= 0.95).tolist() == [False, True]


def _given(scenario: Scenario, licenses: int) -> Scenario:
    return scenario.changed({"org.user_licenses": licenses})


def test_the_least_expected_cost_weighs_credits_against_lost_calls() -> None:
    clients = [poisson("a", "60 per day", "one")]
    base = small(20, clients, horizon="13 days", warmup="1 day", replications=40, seed=8)
    chosen = []
    for cost in (0, 0.001, 0.1, 100):
        scenario = base.changed({"objective": {"cost_of_lost_call": cost}})
        result = plan(scenario, max_replications=40, **QUICK)
        table = result.frontier
        price = table["price_per_month"].astype(float)
        expected = price + cost * table["lost_calls"] * 30 / 12  # twelve days count
        assert np.allclose(table["cost_per_month"], expected)
        best = int(table["addon_credits"].iloc[int(expected.argmin())])
        assert result.recommendation.addon_credits == best
        chosen.append(best)
    assert chosen[0] == 0
    assert chosen == sorted(chosen)
    assert chosen[-1] > chosen[1]


def test_only_protected_clients_count_where_some_are_named() -> None:
    clients = [scheduled("noise", "08:00", 60), scheduled("checkout", "09:00", 10)]
    everyone = small(40, clients, objective={"throttled_share": 0, "probability": "90%"})
    first = small(40, clients[::-1], objective=everyone.objective.model_dump(exclude_none=True))
    protected = first.changed({"objective.protect": ["checkout"]})
    assert plan(everyone, **QUICK).recommendation.addon_credits == 32
    assert plan(protected, **QUICK).recommendation.addon_credits == 32
    early = protected.changed({"clients.checkout.arrivals.schedule.at": ["07:00"]})
    assert plan(early, **QUICK).recommendation.addon_credits == 0
    with pytest.raises(InputError, match=r"objective.protect.#1: 'till' is no client"):
        protected.changed({"objective.protect": ["till"]})


def random_case(**keys: Any) -> Scenario:
    clients = [poisson("a", "40 per day", "one"), poisson("b", "4 per day", "five")]
    defaults = {"horizon": "6 days", "warmup": "1 day", "replications": 10, "seed": 1}
    return small(40, clients, **{**defaults, **keys})


def test_replications_are_added_until_the_decision_is_clear_of_the_threshold() -> None:
    goal = {"throttled_share": "10%", "probability": "50%"}
    result = plan(random_case(objective=goal), **QUICK)
    advice = result.recommendation
    assert advice.decided
    assert result.replications > 10
    rows = result.frontier.set_index("addon_credits")
    assert advice.addon_credits is not None
    assert (rows.loc[advice.addon_credits :, "meets_low"] >= 0.5).all()
    assert rows.loc[advice.addon_credits - 4, "meets_high"] < 0.5


def test_at_the_most_replications_it_says_that_it_is_undecided_and_between_which_sizes() -> None:
    result = plan(random_case(), max_replications=12, **QUICK)
    advice = result.recommendation
    assert not advice.decided
    assert result.replications == 12
    assert advice.undecided_between is not None
    low, high = advice.undecided_between
    assert advice.addon_credits is not None
    assert low <= advice.addon_credits
    assert high is None or high > low
    with pytest.raises(InputError, match=r"write at least 10$"):
        plan(random_case(), max_replications=5, **QUICK)


def test_an_open_plan_shows_the_size_that_surely_is_enough_on_fresh_replications_too() -> None:
    result = plan(random_case(seed=11), max_replications=40, confirm=20_000)
    advice = result.recommendation
    assert advice.undecided_between is not None
    low, high = advice.undecided_between
    assert (low, advice.addon_credits, high) == (56, 56, 72)
    assert result.fresh["addon_credits"].tolist() == [52, 56, 72]
    assert result.fresh["replications"].tolist() == [40, 40, 40]
    assert result.confirmation is not None
    assert result.confirmation.addon_credits == [52, 56, 72]
    row = result.fresh.iloc[-1]
    assert row["meets_low"] > result.fresh["meets_low"].iloc[1]
    said = plan_findings(result)[0]
    assert said == (
        "Buy 72 add-on credits for $168.00 a month. They are surely enough (at most 0.1 % of the "
        "calls throttled in at least 95 % of runs of 5 days). Whether 56 are enough too is not "
        "decided after 80 replications; more may tell: with 56, 88 % of runs of 5 days (95 % "
        "interval 73 % to 96 %) do."
    )
    assert any(
        said.startswith("72 are surely enough, by all replications") for said in advice.reasons
    )


def test_replications_that_are_added_do_not_change_those_before() -> None:
    few = plan(random_case(), max_replications=10, **QUICK)
    more = plan(random_case(), replications=20, max_replications=20, **QUICK)
    assert few.judgement is not None
    assert more.judgement is not None
    assert np.array_equal(few.judgement.throttled, more.judgement.throttled[:10])
    doubled = plan(random_case(), max_replications=20, **QUICK)
    # Sizes that they give up are judged on as many as the looks have that tell.
    last = [
        [row for row in each.to_dict()["frontier"] if row["replications"] == 20]
        for each in (doubled, more)
    ]
    assert last[0] == last[1] != []


def test_the_same_plan_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    for name in ("one", "two"):
        plan(random_case(), max_replications=20, out=tmp_path / name, **QUICK)
    names = {file.name for file in (tmp_path / "one").iterdir()}
    assert names == {
        "frontier.parquet",
        "frontier.csv",
        "fresh.parquet",
        "plan.json",
        "timelines.parquet",
        "now_runs.parquet",
        "now_summary.parquet",
        "now_meters.parquet",
        "now_hours.parquet",
        "plan_methods.md",
        "scenario.yaml",
    }
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    csv = (tmp_path / "one" / "frontier.csv").read_text().splitlines()
    assert csv[1].startswith("0,40,0.00,0.00,")
    assert csv[2].startswith("4,44,0.40,12.00,")


def test_alternatives_are_judged_on_the_same_demand_with_paired_differences() -> None:
    alternatives = [
        {"name": "nothing changes", "set": {"clients.a.calls.0.weight": 2}},
        {"name": "half of b", "set": {"clients.b.calls.0.api": "two"}},
        {"name": "a larger org", "set": {"org.user_licenses": 60}},
    ]
    goal = {"throttled_share": "2%", "probability": "80%"}
    result = plan(random_case(alternatives=alternatives, objective=goal), **QUICK)
    same, cheaper, larger = result.alternatives
    assert same.addon_credits == result.recommendation.addon_credits
    assert same.saves_per_month is not None
    for nothing in (same.saves_per_month, same.throttled_share_difference):
        assert nothing[:3] == (0, 0.0, 0.0)
    for better in (cheaper, larger):
        assert better.saves_per_month is not None
        amount, low, high = better.saves_per_month[:3]
        assert 0 < low <= amount <= high
        assert better.lost_calls_difference.high < 0
        assert result.recommendation.price_per_month == better.price_per_month + amount  # type: ignore[operator]
    own = plan(random_case(objective=goal).changed({"org.user_licenses": 60}), **QUICK)
    assert larger.addon_credits == own.recommendation.addon_credits


@pytest.mark.parametrize(
    ("alternatives", "complaint"),
    [
        (
            [{"name": "x", "set": {"clients.c.calls": []}}],
            "alternatives.x.set: clients.c.calls: there is no 'c' here",
        ),
        ([{"name": "x", "set": {"horizn": 1}}], "alternatives.x.set: horizn: is an unknown key"),
        ([{"name": "x", "set": {}}], "alternatives.x.set: has 0 items, write at least 1"),
        ([{"name": "x", "set": {"org.user_licenses": 60}}] * 2, "'x' names two alternatives"),
    ],
)
def test_a_broken_alternative_is_refused(
    alternatives: list[dict[str, Any]], complaint: str
) -> None:
    with pytest.raises(InputError) as refusal:
        random_case(alternatives=alternatives)
    assert complaint in str(refusal.value)


def test_the_model_confirms_the_recommended_size_and_the_next_smaller_one() -> None:
    result = plan(random_case(), max_replications=10)
    advice, done = result.recommendation, result.confirmation
    assert done is not None
    assert advice.addon_credits is not None
    assert done.addon_credits == [advice.addon_credits - 4, advice.addon_credits]
    assert (done.replications, done.days, done.identical) == (10, 60, True)
    assert done.calls == sum(
        len(Demand(random_case()).draw_replication(r)) for r in range(result.replications)
    )
    some = plan(random_case(), max_replications=10, confirm=500).confirmation
    assert some is not None
    assert (some.replications, some.calls <= 500) == (1, True)
    first_days = plan(random_case(), max_replications=10, confirm=60).confirmation
    assert first_days is not None
    assert (first_days.replications, first_days.days) == (1, 2)


def test_a_record_that_differs_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(CompiledModel):
        def run(self) -> Iterator[DayRecords]:
            for day in super().run():
                settled_at = day.settled.settled_at.copy()
                settled_at[3] += 1
                yield replace(day, settled=replace(day.settled, settled_at=settled_at))

    monkeypatch.setattr(simulation.planning.confirmation, "CompiledModel", Wrong)
    with pytest.raises(RuntimeError, match=r"the engines disagree on settled\.settled_at, row 3"):
        plan(random_case(), max_replications=10)


def test_records_differ_in_their_number_and_their_type_too() -> None:
    (day,) = Model(small(40, [scheduled("a", "09:00", 4)]), 0).run()
    grants = day.grants
    wide = replace(day, grants=replace(grants, credits=grants.credits.astype(np.float64)))
    assert [*differences(day, wide)] == [
        ("the type of grants.credits, row", 0, np.dtype(np.int64), np.dtype(np.float64))
    ]
    fewer = Entries(grants.time[1:], grants.credits[1:], grants.account[1:])
    assert [*differences(day, replace(day, grants=fewer))] == [
        (f"the number of grants, column {column}, row", 0, 4, 3)
        for column in ("time", "credits", "account")
    ]


def test_the_mid_market_org_is_told_of_a_change_that_saves_money() -> None:
    scenario = load_scenario(ROOT / "scenarios" / "mid-market.yaml")
    result = plan(scenario, max_replications=scenario.replications, confirm=100_000)
    assert isinstance(result, Plan)
    assert result.recommendation.status == "buy"
    savers = [a for a in result.alternatives if a.saves_per_month and a.saves_per_month.low > 0]
    assert savers


def test_the_default_objective_is_a_tenth_of_a_per_cent_with_95_per_cent() -> None:
    for written in ({}, {"throttled_share": None, "probability": None, "cost_of_lost_call": 1}):
        scenario = any_limit(10, [scheduled("a", "09:00", 1)], objective=written)
        objective = scenario.objective
        assert (objective.throttled_share, objective.probability) == (0.001, 0.95)
        assert objective.cost_of_lost_call == written.get("cost_of_lost_call")
        assert objective.model_dump()["probability"] is None  # a fingerprint is of what is written
