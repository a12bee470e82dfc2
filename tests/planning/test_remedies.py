"""What would do where no purchase does: planned anew with each remedy, and with one less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import simulation.planning.remedies
from simulation import Plan, plan
from simulation.planning.search import Search
from simulation.scenario.scenario import Scenario
from tests.cards_of_tests import write_card
from tests.helpers import CARDS, build, poisson, scheduled

STEPS_OF_SEVEN = CARDS / "steps-of-seven.yaml"
_EDITIONS = ("low", "middle", "high")


def org(edition: str, licenses: int, clients: list[dict[str, Any]], **keys: Any) -> Scenario:
    what = {"edition": edition, "user_licenses": licenses}
    return build(clients, **{"rate_card": str(STEPS_OF_SEVEN), "org": what, **keys})


def planned(scenario: Scenario, **org: Any) -> Plan:
    changed = scenario.changed({f"org.{key}": value for key, value in org.items()})
    return plan(changed, max_replications=scenario.replications, confirm="none")


@st.composite
def short_of_credits(draw: st.DrawFn) -> Scenario:
    """Draw an org that asks for more than its edition sells, small calls and large ones."""
    retry: dict[str, Any] = {}
    if draw(st.booleans()):
        retry = {"on_throttle": {"retry": {"first": "3 hours", "max_attempts": 4}}}
    clients = [
        poisson("p", f"{draw(st.integers(20, 260))} per day", "two", **retry),
        scheduled("s", "09:00", draw(st.integers(1, 200)), "one", **retry),
        scheduled("b", "08:00", draw(st.integers(1, 3)), "fifty"),
    ]
    share = draw(st.sampled_from([0, "1%", "5%", "20%"]))
    return org(
        draw(st.sampled_from(_EDITIONS)),
        draw(st.integers(1, 9)),
        clients,
        horizon="3 days",
        seed=draw(st.integers(0, 99)),
        replications=draw(st.integers(1, 5)),
        objective={"throttled_share": share, "probability": draw(st.sampled_from(["50%", "100%"]))},
    )


@settings(max_examples=30, deadline=None)
@given(short_of_credits(), st.sampled_from([3, 200]))
def test_each_remedy_is_what_a_plan_of_it_recommends_and_one_license_less_does_not_do(
    scenario: Scenario, probes: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulation.planning.remedies, "_PROBES", probes)
        patch.setattr(
            Search, "looking_again", lambda _: iter(())
        )  # at more than a remedy is judged by
        advice = planned(scenario).recommendation
        assume(advice.status == "not_reachable")
        for remedy in advice.remedies:
            what: dict[str, Any] = {"edition": remedy.edition}
            what["user_licenses"] = remedy.user_licenses
            then = planned(scenario, **what).recommendation
            assert then.addon_credits == remedy.addon_credits
            if remedy.user_licenses != scenario.user_licenses:
                what["user_licenses"] -= 1
                assert planned(scenario, **what).recommendation.status == "not_reachable"


@pytest.mark.parametrize("probes", [3, 200])
@pytest.mark.parametrize(
    ("edition", "licenses", "needed", "found"),
    [
        # 10 + 3 x 53 = 169 and 70 bought in steps of 7; 200 + 5 x 4 = 220 and 21 bought
        ("low", 4, 239, [("low", 53, 70, 239), ("high", 4, 21, 241)]),
        # the edition's maximum is exactly enough: 10 + 3 x 56 = 178, and 62 are left to buy
        ("low", 4, 240, [("low", 58, 56, 240), ("high", 4, 21, 241)]),
        ("low", 4, 241, [("high", 4, 21, 241)]),
        # the largest purchase on a higher edition is exactly enough, or just not
        ("low", 4, 290, [("high", 4, 70, 290)]),
        ("low", 4, 291, []),
        # near the maximum one license more may leave less to buy: 336 + 63, and 340 + 56
        ("middle", 4, 399, [("middle", 59, 63, 399)]),
        ("high", 3, 2000, [("high", 346, 70, 2000)]),
    ],
)
def test_a_remedy_is_exact_to_the_license_and_to_the_step(
    edition: str,
    licenses: int,
    needed: int,
    found: list[tuple[str, int, int, int]],
    probes: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(simulation.planning.remedies, "_PROBES", probes)
    clients = [scheduled("a", "09:00", needed, "one")]
    scenario = org(edition, licenses, clients, objective={"throttled_share": 0})
    advice = planned(scenario).recommendation
    assert advice.shortfall_credits == needed - int(planned(scenario).frontier["limit"].iloc[-1])
    given = [(r.edition, r.user_licenses, r.addon_credits, r.limit) for r in advice.remedies]
    assert given == found
    unfit = [each.change for each in advice.rejected if each.change]
    assert len(unfit) + len(found) == {"low": 3, "middle": 2, "high": 1}[edition]


@pytest.mark.parametrize("probes", [3, 10, 200])
def test_the_shortfall_is_exact_to_the_credit_where_some_may_be_throttled(
    probes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation.planning.remedies, "_PROBES", probes)
    clients = [scheduled("a", "09:00", 2000, "one")]
    scenario = org("high", 3, clients, objective={"throttled_share": "1%"})
    advice = planned(scenario).recommendation
    assert advice.shortfall_credits == 1980 - (215 + 70)  # 20 of 2,000 may be throttled


def test_the_fewest_licenses_are_found_though_a_pool_above_theirs_fails() -> None:
    clients = [
        scheduled("first", "07:00", 6, "fifty"),
        scheduled("odd", "07:30", 1, "one"),
        scheduled("bulk", "08:00", 1, "fifty"),
        scheduled("small", "09:00", 2, "one"),
    ]
    # Of ten calls one may be throttled. From 303 to 350 credits only the bulk call is; 351 grant it
    # and leave nothing for the small ones, so 352 are needed to be sure. Pools grow by five.
    scenario = org("high", 3, clients, objective={"throttled_share": "10%"})
    advice = planned(scenario).recommendation
    assert advice.shortfall_credits == 352 - (215 + 70)
    (remedy,) = advice.remedies
    assert (remedy.user_licenses, remedy.addon_credits, remedy.limit) == (7, 70, 305)
    assert planned(scenario, user_licenses=7).recommendation.addon_credits == 70
    assert planned(scenario, user_licenses=6).recommendation.status == "not_reachable"


@pytest.mark.parametrize("used", [None, 45])
def test_editions_that_give_by_license_are_judged_for_an_org_without_any(
    used: int | None, tmp_path: Path
) -> None:
    editions = {
        "free": {"base": 50, "maximum": 50},
        "paid": {"base": 40, "per_license": 3, "maximum": None},
    }
    at_once = {"name": "at once", "kind": "concurrent", "size": {"free": 50, "paid": 200}}
    scenario = build(
        [scheduled("a", "09:00", 100)],
        rate_card=write_card(tmp_path, at_once, editions=editions),
        org={"edition": "free"},
        initial_usage=used and {"credits": used},
        horizon="2 days",
        objective={"throttled_share": 0, "probability": "50%"},
    )
    found = planned(scenario).recommendation.remedies
    assert [(remedy.edition, remedy.addon_credits) for remedy in found] == [("paid", 1000)]
