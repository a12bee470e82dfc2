"""A plan on a superseded card says what the card in force would give the org."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulation import Plan, Scenario, load_result, load_scenario, plan
from simulation.demand.demand import Demand
from simulation.planning.other_cards import OtherCard
from simulation.report import other_cards_in_words, report
from simulation.scenario.card_choice import by_pool_alone
from tests.helpers import ROOT, build, poisson, scheduled

CARDS = ROOT / "simulation" / "rate_cards"
PROFESSIONAL = {"edition": "professional", "user_licenses": 6}
QUICK: dict[str, Any] = {"confirm": "none", "max_replications": 8}


def busy(calls: int, folder: Path | None = None, **keys: Any) -> Scenario:
    """Return an org with this many calls a day, on the source's card unless given."""
    return build(
        [poisson("web", f"{calls} per day")],
        folder,
        **{"org": PROFESSIONAL, "horizon": "3 days", "replications": 8, **keys},
    )


def own_card(folder: Path, **changes: str) -> str:
    """Write a copy of the source's card with lines of it changed, and return its name."""
    text = (CARDS / "kaizen-34.yaml").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (folder / "own.yaml").write_text(text)
    return "own.yaml"


@pytest.mark.parametrize(
    ("org", "calls", "limit", "status"),
    [
        (PROFESSIONAL, 20_000, 53_000, "none_needed"),
        (PROFESSIONAL, 54_000, 53_000, "buy"),
        ({"edition": "free"}, 6_000, 5_000, "not_reachable"),
    ],
)
def test_it_is_what_a_plan_on_that_card_says(
    org: dict[str, Any], calls: int, limit: int, status: str
) -> None:
    scenario = busy(calls, org=org)
    (told,) = plan(scenario, **QUICK).other_cards
    there = plan(scenario.changed({"rate_card": "zoho-crm-2026"}), **QUICK)
    advice = there.recommendation
    assert told == OtherCard(
        rate_card="zoho-crm-2026",
        in_force_since=told.in_force_since,
        limit=limit,
        status=advice.status,
        addon_credits=advice.addon_credits,
        price_per_month=advice.price_per_month,
        decided=advice.decided,
        reason="",
    )
    assert told.status == status
    assert there.other_cards == []


def test_the_plan_itself_takes_no_notice(tmp_path: Path) -> None:
    alone = busy(14_000, tmp_path, rate_card=own_card(tmp_path, **{"vendor: Zoho CRM\n": ""}))
    compared = busy(14_000)
    plans = [plan(each, **QUICK).to_dict() for each in (alone, compared)]
    assert plans[0].pop("other_cards") == []
    assert len(plans[1].pop("other_cards")) == 1
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("vendor", "since", "cards"),
    [
        ("Zoho CRM", "2021-01-01", ["zoho-crm-2026"]),
        ("zoho crm", "2025-12-31", ["zoho-crm-2026"]),
        ("Zoho CRM", "2126-01-01", []),
        ("Acme", "2021-01-01", []),
    ],
)
def test_a_card_of_ones_own_is_compared_by_its_vendor_and_date(
    tmp_path: Path, vendor: str, since: str, cards: list[str]
) -> None:
    lines = {"vendor: Zoho CRM": f"vendor: {vendor}", "2021-01-01": since}
    scenario = busy(100, tmp_path, rate_card=own_card(tmp_path, **lines))
    assert [each.rate_card for each in plan(scenario, **QUICK).other_cards] == cards


def test_an_org_that_the_card_in_force_does_not_know_is_told_why(tmp_path: Path) -> None:
    card = own_card(tmp_path, **{"  professional: {": "  gold: {"})
    org = {**PROFESSIONAL, "edition": "gold"}
    result = plan(busy(100, tmp_path, rate_card=card, org=org), **QUICK)
    (told,) = result.other_cards
    assert (told.status, told.limit, told.addon_credits) == ("does_not_fit", None, None)
    assert told.reason.startswith("'gold' is no edition of rate card zoho-crm-2026, ")
    (said,) = other_cards_in_words(result)
    assert said.startswith("This org could not be judged on zoho-crm-2026, the card in force since")


def test_add_on_credits_that_are_not_for_sale_there_count_as_the_most_that_are() -> None:
    org = {"edition": "standard", "user_licenses": 10, "addon_credits": 60_000}
    (told,) = plan(busy(100, org=org), **QUICK).other_cards
    assert (told.limit, told.status) == (99_500, "none_needed")


def test_it_is_written_read_back_and_on_the_page(tmp_path: Path) -> None:
    made = plan(busy(54_000), out=tmp_path / "out", **QUICK)
    read = load_result(tmp_path / "out")
    assert isinstance(read, Plan)
    assert read.other_cards == made.other_cards
    (told,), (said,) = made.other_cards, other_cards_in_words(made)
    assert f"{told.addon_credits:,} add-on credits for ${told.price_per_month:.2f} a month" in said
    for result in (made, read):
        assert said in report(result)


@pytest.mark.parametrize(
    ("changes", "needs"),
    [
        ({}, "would need 4,000 add-on credits for $16.80 a month at most."),
        ({"addon_credits": 0}, "would need no add-on credits."),
        ({"decided": False}, "would perhaps need 4,000 add-on credits for $16.80 a month at most."),
        ({"addon_credits": None, "decided": False}, "perhaps no purchase would be enough."),
    ],
)
def test_the_sentence_says_how_sure_it_is(changes: dict[str, Any], needs: str) -> None:
    result = plan(busy(100), **QUICK)
    told = {**result.other_cards[0].to_dict(), "addon_credits": 4000, "decided": True}
    told |= {"price_per_month": Decimal("16.80"), "limit": 53_000}
    result.other_cards[:] = [OtherCard.from_dict({**told, **changes})]
    (said,) = other_cards_in_words(result)
    assert said.endswith(f"this org would have a limit of 53,000 and {needs}")


def test_recorded_usage_is_not_read_again_for_it(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("timestamp\n2026-01-05 10:00\n")
    (tmp_path / "s.yaml").write_text(
        "name: n\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 2 days\nwarmup: 0\n"
        "clients:\n- name: a\n  arrivals: {trace: {file: usage.csv}}\n  calls: [{api: other}]\n"
    )
    scenario = load_scenario(tmp_path / "s.yaml")
    (tmp_path / "usage.csv").unlink()  # as on another machine, which is sent the scenario alone
    (told,) = plan(scenario, confirm="none").other_cards
    assert (told.status, told.reason) == ("none_needed", "")


def test_clients_whose_calls_cost_the_same_there_are_drawn_once() -> None:
    scenario = build([scheduled("a", "09:00", 5), scheduled("b", "09:00", 5, "get_modules")])
    demand, there = Demand(scenario), by_pool_alone(scenario.on_card("kaizen-93", 0))
    shared = Demand(there, demand)._clients
    assert all(one is other for one, other in zip(demand._clients, shared, strict=True))


def test_clients_whose_calls_cost_more_there_are_drawn_for_themselves(tmp_path: Path) -> None:
    dear = {
        "get_modules: {category: meta, credits: 1}": "get_modules: {category: meta, credits: 9}"
    }
    there = build(
        [scheduled("a", "09:00", 5, "get_modules")], tmp_path, rate_card=own_card(tmp_path, **dear)
    )
    here = Demand(build([scheduled("a", "09:00", 5, "get_modules")]))
    other = Demand(there, here)
    assert other.draw_replication(0).credits.tolist() == [9] * 5
    assert here.draw_replication(0).credits.tolist() == [1] * 5
