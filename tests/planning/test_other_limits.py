"""Plans where more than the pool throttles: whether credits help, what would, and who says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simulation import Plan, Scenario, load_result, load_scenario, plan, plan_portfolio, run
from simulation.report import plan_findings, report
from simulation.report.plan_in_words import advice_in_brief
from tests.cards_of_tests import EVERY_MIDNIGHT, pool, write_card
from tests.helpers import ROOT, any_limit, build, creditsim, printed_json, scheduled

OTHER_POOLS = ROOT / "scenarios" / "other-pools"
QUICK: dict[str, Any] = {"confirm": "none", "max_replications": 8}

BOUND_BY_SLOTS = """\
name: Nightly sync
rate_card: zoho-crm-2026
org: {edition: professional, user_licenses: 10}
start: 2026-01-05
horizon: 2 days
warmup: 0
replications: 8
clients:
  - name: sync
    arrivals: {schedule: {at: "02:00", calls: 2000, over: 1 minute}}
    calls: [{api: upsert_records, records: 100}]
  - name: web
    arrivals: {poisson: {rate: 300 per day}}
    calls: [{api: other}]
"""


def lasting(client: dict[str, Any], duration: str, api: str = "one") -> dict[str, Any]:
    """Return a client whose calls stay open for so long."""
    return {**client, "calls": [{"api": api, "duration": duration}]}


def at_once(calls: int, edition: str, **keys: Any) -> Scenario:
    """Return an org whose sync makes this many calls at once, each hour, on a card with slots."""
    sync = lasting(scheduled("sync", "", calls), "10 s", "other")
    sync["arrivals"]["schedule"] = {"every": "1 hour", "calls": calls}
    org = {"edition": edition, "user_licenses": 10}
    return build([sync], **{"rate_card": "kaizen-93", "org": org, **keys})


@pytest.fixture(scope="module")
def bound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of an org whose calls are throttled by slots alone."""
    file = tmp_path_factory.mktemp("bound") / "sync.yaml"
    file.write_text(BOUND_BY_SLOTS)
    return file


def test_the_first_sentence_says_that_credits_will_not_help_and_what_would(bound: Path) -> None:
    done = creditsim("plan", bound, "--confirm", "none")
    assert done.returncode == 0, done.stderr
    advice = " ".join(done.stdout.split("\n\n")[1].split())
    first, what_would, *_ = advice.split(". ")
    assert first.startswith("More credits will not help: even with a pool that is never used up")
    assert (
        "throttled by sub-concurrency (10 calls at once for the org, in 8 kinds of call)" in first
    )
    assert what_would == (
        "What would help: fewer calls at once (`max_concurrent` on a client that makes many), "
        "a slower pace (`pace`), shorter calls, or other hours"
    )


def test_the_same_is_there_for_programs(bound: Path) -> None:
    advice = printed_json("plan", bound, "--confirm", "none", "--json")["recommendation"]
    assert (advice["status"], advice["addon_credits"]) == ("not_reachable", None)
    assert advice["credits_help"] is False
    assert [*advice["throttled_beside_pool"]] == ["sub-concurrency"]
    assert advice["shortfall_credits"] is None  # no number of credits is missing
    assert advice["zero_throttle_addon_credits"] is None
    # The share is that of a run: the pool has no part in it.
    shares = run(bound, engine="compiled").meter_runs.groupby("meter")["throttled_share"].mean()
    found = advice["throttled_beside_pool"]["sub-concurrency"]
    assert found == pytest.approx(shares["sub-concurrency"], rel=0.02)
    assert shares.drop("sub-concurrency").eq(0).all()


def test_an_alternative_that_is_enough_is_named_where_no_purchase_is(
    bound: Path,
) -> None:
    few = {"name": "ten at once", "set": {"clients.sync.max_concurrent": 10}}
    many = {"name": "all at once", "set": {"clients.sync.arrivals.schedule.over": "10 s"}}
    scenario = load_scenario(bound).changed({"alternatives": [few, many]})
    result = plan(scenario, **QUICK)
    _, second = plan_findings(result)
    assert "What would be enough: `ten at once` " in second
    shown = report(result)
    assert "<li>`ten at once` " in shown
    assert "is not enough, whatever is bought" in shown


def test_credits_that_do_not_meet_the_objective_but_save_calls_are_told_so(tmp_path: Path) -> None:
    slots = {"name": "slots", "kind": "concurrent", "size": 1, "applies_to": [{"api": "two"}]}
    card = write_card(tmp_path, slots)
    # One of two calls at once finds no slot, whatever is bought; 15 of 20 others find no credits.
    sync = lasting(scheduled("sync", "02:00", 2), "10 s", "two")
    clients = [sync, scheduled("web", "09:00", 20, "one")]
    scenario = any_limit(7, clients, rate_card=card, horizon="1 day", warmup="0 s")
    first, _ = plan_findings(plan(scenario, **QUICK))
    assert first.startswith("More credits alone will not help: even with a pool that is never used")
    assert "add-on credits 1 call is lost in a day, in place of 16." in first


def test_calls_that_clients_hold_back_until_they_are_lost_are_told_beside_the_advice(
    tmp_path: Path,
) -> None:
    keeps = {**scheduled("keeps", "08:00", 8, "one"), "quota": 5}
    scenario = any_limit(50, [keeps], horizon="1 day", warmup="0 s")
    first, _ = plan_findings(plan(scenario, **QUICK))
    assert first.startswith("Nothing needs to be bought")
    assert "But 3 calls are lost in a day all the same, since clients hold calls back" in first
    free = any_limit(50, [scheduled("free", "08:00", 8, "one")], horizon="1 day", warmup="0 s")
    assert "all the same" not in plan_findings(plan(free, **QUICK))[0]


def test_what_is_advised_in_its_place_is_enough(bound: Path) -> None:
    spread = load_scenario(bound, ["clients.sync.max_concurrent=10"])
    advice = plan(spread, **QUICK).recommendation
    assert (advice.status, advice.credits_help) == ("none_needed", True)
    assert advice.throttled_beside_pool == {}


@pytest.mark.parametrize(
    ("calls", "enough"),
    [
        (14, ["professional", "enterprise", "ultimate"]),  # 15, 20 and 25 at once
        (21, ["ultimate"]),
        (26, []),
    ],
)
def test_an_edition_with_more_slots_is_found_where_it_is_enough(
    calls: int, enough: list[str]
) -> None:
    scenario = at_once(calls, "standard")
    result = plan(scenario, **QUICK)
    advice = result.recommendation
    assert advice.credits_help is False
    assert [remedy.edition for remedy in advice.remedies] == enough
    for remedy in advice.remedies:
        changed = plan(scenario.changed({"org.edition": remedy.edition}), **QUICK)
        assert changed.recommendation.addon_credits == remedy.addon_credits == 0
    second = plan_findings(result)[1]
    if enough:
        assert second.startswith(f"What would be enough: edition {enough[0]} ")
    else:
        assert second == "No higher edition is enough as things are."


def pool_and_slots(folder: Path, calls_at_once: int, **keys: Any) -> Scenario:
    """Return 1,500 calls in a pool of 1,000, and each hour some calls at once in 3 slots."""
    clients = [
        scheduled("load", "12:30", 1404, schedule={"over": "20 minutes"}),
        lasting(scheduled("sync", "", 1), "1 minute"),
    ]
    clients[1]["arrivals"]["schedule"] = {"every": "1 hour", "calls": calls_at_once}
    slots = {"name": "slots", "kind": "concurrent", "scope": "client", "size": 3}
    card = write_card(folder, pool(), slots)
    horizon = {"horizon": "1 day", "rate_card": card}
    return any_limit(1000, clients, **{**horizon, **keys})


def test_credits_are_bought_for_what_they_help_and_the_rest_is_said(tmp_path: Path) -> None:
    goal = {"throttled_share": "5%", "probability": "95%"}
    result = plan(pool_and_slots(tmp_path, 4, objective=goal), **QUICK)
    advice = result.recommendation
    # 4 calls an hour on 3 slots: 24 are refused, which no pool changes; 1,404 + 72 want 1,000.
    assert (advice.status, advice.addon_credits) == ("buy", 1000)
    assert advice.throttled_beside_pool == {"slots": pytest.approx(24 / 1500)}
    assert advice.credits_help is True
    # No size prevents every throttled call, however large.
    assert advice.zero_throttle_addon_credits is None
    assert plan_findings(result)[1] == (
        "Then 1.6 % of the calls are throttled by slots (3 calls at once for each client); "
        "more credits would not change that."
    )
    assert any(reason.endswith("more credits will not change that.") for reason in advice.reasons)


def test_what_the_pool_itself_throttles_is_not_said_of_other_limits(tmp_path: Path) -> None:
    goal = {"throttled_share": "40%", "probability": "95%"}
    advice = plan(pool_and_slots(tmp_path, 4, objective=goal), **QUICK).recommendation
    # From 12:50 on the pool, which is asked first, refuses a third of all calls.
    assert (advice.status, advice.zero_throttle_addon_credits) == ("none_needed", None)
    assert advice.throttled_beside_pool == {"slots": pytest.approx(13 / 1500)}


def test_a_size_without_any_throttling_is_named_where_only_the_pool_throttles(
    tmp_path: Path,
) -> None:
    advice = plan(pool_and_slots(tmp_path, 3), **QUICK).recommendation
    assert advice.zero_throttle_addon_credits == advice.addon_credits == 1000
    assert advice.throttled_beside_pool == {}


def test_no_credits_are_bought_where_the_other_limit_alone_throttles_too_many(
    tmp_path: Path,
) -> None:
    result = plan(pool_and_slots(tmp_path, 9), **QUICK)
    advice = result.recommendation
    # 6 of 9 calls an hour are refused by slots, as if there were no pool.
    assert (advice.status, advice.credits_help) == ("not_reachable", False)
    assert advice.throttled_beside_pool == {"slots": pytest.approx(6 * 24 / (1404 + 9 * 24))}
    assert advice.remedies == []
    assert advice_in_brief(result) == "more credits will not help: another limit throttles"


def test_the_calls_that_count_are_the_protected_ones(tmp_path: Path) -> None:
    goal = {"throttled_share": 0, "probability": "100%", "protect": ["sync"]}
    result = plan(pool_and_slots(tmp_path, 4, objective=goal), **QUICK)
    assert result.recommendation.throttled_beside_pool == {"slots": 0.25}
    assert "25 % of the calls of sync are throttled by slots" in plan_findings(result)[0]


def test_alternatives_and_the_least_cost_count_what_other_limits_lose(tmp_path: Path) -> None:
    one_by_one = {"name": "one by one", "set": {"clients.sync.max_concurrent": 3}}
    scenario = pool_and_slots(
        tmp_path, 4, objective={"cost_of_lost_call": 1}, alternatives=[one_by_one]
    )
    result = plan(scenario, **QUICK)
    (waits,) = result.alternatives
    # A month is 30 days. 24 calls a day are lost to slots whatever is bought, at $1 each; 1,000
    # add-on credits for $3 a month save hundreds that the pool would lose.
    costs = result.frontier.set_index("addon_credits")["cost_per_month"]
    assert result.recommendation.addon_credits == waits.addon_credits == 1000
    assert costs[1000] == pytest.approx(30 * 24 + 3)
    changed = plan(scenario.with_alternative(scenario.alternatives[0]), **QUICK)
    costs = changed.frontier.set_index("addon_credits")["cost_per_month"]
    assert costs[1000] == pytest.approx(3)
    # As long as none are bought, the pool loses the 24 that the slots let through.
    assert waits.lost_calls_difference.mean == 0


def test_a_plan_that_is_read_back_says_the_same(tmp_path: Path) -> None:
    for name, calls in (("helps", 4), ("does not", 9)):
        goal = {"throttled_share": "5%", "probability": "95%"}
        made = plan(pool_and_slots(tmp_path, calls, objective=goal), out=tmp_path / name, **QUICK)
        read = load_result(tmp_path / name)
        assert isinstance(read, Plan)
        assert read.recommendation == made.recommendation
        assert read.recommendation.throttled_beside_pool
        assert plan_findings(read) == plan_findings(made)
        assert plan_findings(made)[0] in report(read).replace("<code>", "`").replace("</code>", "`")


def test_a_pool_of_calls_is_spoken_of_in_calls_and_nothing_is_sold() -> None:
    books = plan(OTHER_POOLS / "books.yaml", **QUICK)
    advice = books.recommendation
    assert (advice.status, advice.credits_help) == ("not_reachable", True)
    first, second = plan_findings(books)
    assert f"it falls {advice.shortfall_credits:,} calls short" in first
    assert (
        second
        == "What would be enough: edition professional (5,000 calls before those of licenses)."
    )
    assert "credits short" not in " ".join([first, second, *advice.reasons])


def test_where_no_credits_are_sold_a_larger_pool_is_what_does_not_help() -> None:
    hubspot = plan(OTHER_POOLS / "hubspot.yaml", **QUICK)
    first, _ = plan_findings(hubspot)
    assert first.startswith("A larger pool will not help: even with a pool that is never used up")
    assert "by ten-seconds (100 calls in any 10 seconds for each client)" in first
    assert advice_in_brief(hubspot) == "a larger pool will not help: another limit throttles"


def test_what_would_be_enough_is_named_once() -> None:
    # What the general engine decides may still have the pool as its only limit.
    found = plan(OTHER_POOLS / "netsuite.yaml", **QUICK).recommendation.remedies
    changes = [remedy.change for remedy in found]
    assert len(changes) == len({*changes}) > 1


@pytest.mark.parametrize(("used", "needs"), [(0, 0), (5000, 0), (10_000, 5000)])
def test_what_is_in_use_at_the_start_is_planned_for(used: int, needs: int) -> None:
    # At 01:00 an hour's part of it is back: of 10,000 then 9,583 are in use, and as many as were at
    # first are wanted, in a pool of 15,000.
    scenario = build(
        [scheduled("sync", "01:00", 10_000)],
        org={"edition": "professional", "user_licenses": 10},
        initial_usage={"credits": used},
        horizon="2 days",
    )
    advice = plan(scenario, **QUICK).recommendation
    assert advice.addon_credits == needs
    assert advice.price_per_month == scenario.offer.price_per_month(needs)
    for size, throttled in ((needs, False), (needs - 1000, True)):
        if size >= 0:
            sized = run(scenario.changed({"org.addon_credits": size}), engine="simpy")
            assert bool(sized.runs["throttled_calls"].sum() > 0) is throttled


def test_a_calendar_pool_is_planned_by_its_own_periods(tmp_path: Path) -> None:
    # 1,400 late in the evening and 1,400 early in the morning: in each day 2,800, in 24 hours too.
    clients = [scheduled("late", "23:00", 1400), scheduled("early", "01:00", 1400)]
    clients[1]["arrivals"]["schedule"]["days"] = ["tue", "thu"]
    clients[0]["arrivals"]["schedule"]["days"] = ["mon", "wed"]
    needs = {}
    for kind, keys in (("calendar", {"resets": EVERY_MIDNIGHT}), ("rolling", {})):
        card = write_card(tmp_path, pool(kind, **keys))
        scenario = any_limit(1000, clients, rate_card=card, horizon="4 days")
        needs[kind] = plan(scenario, **QUICK).recommendation.addon_credits
    assert needs == {"calendar": 1000, "rolling": 2000}


def test_a_batch_says_of_which_orgs_credits_do_not_help(bound: Path, tmp_path: Path) -> None:
    (tmp_path / "slots.yaml").write_text(BOUND_BY_SLOTS)
    (tmp_path / "orgs.csv").write_text(
        "name,scenario,clients.sync.max_concurrent\n"
        "As it is,slots.yaml,\nTen at once,slots.yaml,10\n"
    )
    # This many replications decide that ten at once are few enough in 95 % of runs.
    options: dict[str, Any] = {"confirm": "none", "max_replications": 160}
    plan_portfolio(tmp_path / "orgs.csv", out=tmp_path / "out", **options)
    table = pd.read_csv(tmp_path / "out" / "portfolio.csv").set_index("scenario")
    assert table["advice"].to_dict() == {
        "As it is": "more credits will not help: another limit throttles",
        "Ten at once": "nothing to buy",
    }
    assert table["status"].to_dict() == {"As it is": "not_reachable", "Ten at once": "none_needed"}
