"""Cards of other vendors: sizes as their pages have them, sources, and what is not sure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulation import RateCard, load_scenario
from simulation.rate_cards.shipped import DEFAULT_RATE_CARD, shipped_rate_cards
from tests.helpers import OTHER_POOLS, ROOT

ZOHO_CRM = {"kaizen-34", "kaizen-93", "zoho-crm-2026"}
OTHERS = [name for name in shipped_rate_cards() if name not in ZOHO_CRM]
every_other_card = pytest.mark.parametrize("name", OTHERS)


def test_the_default_card_is_none_of_them() -> None:
    assert DEFAULT_RATE_CARD == shipped_rate_cards()[0] == "kaizen-34"
    assert len(OTHERS) == 9


@pytest.mark.parametrize(
    ("card", "edition", "licenses", "limit"),
    [
        ("bigin-2026", "free", 3, 5_000),
        ("bigin-2026", "express", 10, 52_500),  # the page's own example
        ("bigin-2026", "zoho_one", 1_000, 100_000),
        ("recruit-2026", "standard", 10, 7_500),  # the page's own example
        ("recruit-2026", "enterprise", 100, 115_000),  # and its other one
        ("recruit-2026", "professional", 1_000, 500_000),
        ("creator-2026", "free", 9, 250),
        ("creator-2026", "enterprise", 10, 10_000),
        ("books-2026", "free", None, 1_000),
        ("books-2026", "elite", None, 10_000),
        ("salesforce-2026", "enterprise", 50, 150_000),
        ("salesforce-2026", "performance", 50, 350_000),
        ("salesforce-2026", "developer", None, 15_000),
        ("hubspot-2026", "starter", None, 250_000),
        ("hubspot-2026", "enterprise", None, 1_000_000),
        ("xero-2026", "starter", None, 1_000),
        ("xero-2026", "plus", None, 5_000),
        ("shopify-rest-2026", "basic", None, 40),
        ("shopify-rest-2026", "plus", None, 400),
        ("netsuite-2026", "standard", 0, 5),
        ("netsuite-2026", "standard", 1, 15),  # the vendor's own example
        ("netsuite-2026", "standard", 2, 15),
        ("netsuite-2026", "premium", 0, 15),
    ],
)
def test_limits_are_those_of_the_vendors_pages(
    card: str, edition: str, licenses: int | None, limit: int
) -> None:
    assert RateCard.load(card).offer(edition, licenses).limit() == limit


@pytest.mark.parametrize(
    ("card", "kinds"),
    [
        ("bigin-2026", ["rolling"]),
        ("recruit-2026", ["rolling"]),
        ("creator-2026", ["calendar", "rolling", "concurrent"]),
        ("books-2026", ["calendar", "rolling", "concurrent"]),
        ("salesforce-2026", ["rolling", "concurrent"]),
        ("hubspot-2026", ["calendar", "rolling", "rolling"]),
        ("xero-2026", ["rolling", "rolling", "concurrent"]),
        ("shopify-rest-2026", ["bucket"]),
        ("netsuite-2026", ["concurrent"]),
    ],
)
def test_the_pool_is_asked_first_and_is_of_the_vendors_kind(card: str, kinds: list[str]) -> None:
    meters = RateCard.load(card).meters
    assert [meter.kind for meter in meters] == kinds
    assert [meter.is_pool for meter in meters] == [True, *[False] * (len(kinds) - 1)]


@every_other_card
def test_each_names_its_vendor_its_sources_and_what_is_not_sure(name: str) -> None:
    card = RateCard.load(name)
    assert card.vendor
    assert card.vendor not in {None, RateCard.load("zoho-crm-2026").vendor}
    assert len(card.sources) >= 2
    for source in card.sources:
        assert source.url.startswith("https://")
        assert re.search(r"\b20\d\d-\d\d-\d\d\b", source.date)
    assert any(note.startswith("Unsure: ") for note in card.notes)
    # What a reader of the file meets as unsure is among the notes of who reads the card alone.
    marked = (ROOT / "simulation" / "rate_cards" / f"{name}.yaml").read_text()
    assert "nsure" in marked.split("notes:")[0]


@every_other_card
def test_none_sells_what_has_no_published_price(name: str) -> None:
    card = RateCard.load(name)
    assert (card.purchase_cap_credits, card.addon_slabs) == (0, ())


@every_other_card
def test_every_call_costs_one_but_where_the_vendor_counts_credits(name: str) -> None:
    card = RateCard.load(name)
    if card.pool.counts_credits:
        assert name in {"bigin-2026", "recruit-2026"}
        assert card.credits("get_records_by_cvid", 200) == 3
        assert card.credits("insert_records", 11) == 2
    else:
        assert {card.credits(api, 100) for api in card.calls} == {1}


def test_each_has_a_scenario_of_its_own() -> None:
    assert sorted(load_scenario(file).card.name for file in OTHER_POOLS) == sorted(OTHERS)


@pytest.mark.parametrize("file", OTHER_POOLS, ids=lambda file: file.stem)
def test_their_scenarios_tell_a_story_and_have_no_remarks(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert all(line.startswith("# ") for line in lines[:3])
    assert load_scenario(file).remarks() == []
