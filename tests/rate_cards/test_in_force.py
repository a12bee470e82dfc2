"""Which card of a vendor is in force, and what cards say of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from simulation import InputError, RateCard
from simulation.rate_cards import card_in_force, shipped_rate_cards, superseded_by
from tests.helpers import CHARGING, ROOT

CARDS = ROOT / "simulation" / "rate_cards"


def test_one_card_of_each_vendor_is_in_force_and_it_is_the_newest() -> None:
    by_vendor = dict[str, list[RateCard]]()
    for card in map(RateCard.load, shipped_rate_cards()):
        assert card.vendor is not None, card.name
        if card.in_force_since is not None:  # a vendor whose one card bears no date has no order
            by_vendor.setdefault(card.vendor, []).append(card)
    assert by_vendor
    for vendor, cards in by_vendor.items():
        dates = [card.in_force_since or date.min for card in cards]
        assert len({*dates}) == len(dates), f"two cards of {vendor} are of one date"
        in_force = [card for card in cards if superseded_by(card) is None]
        assert in_force == [card_in_force(vendor)] == [cards[dates.index(max(dates))]]


def test_the_source_s_card_stays_the_default_and_is_superseded() -> None:
    newest = superseded_by(RateCard.load("kaizen-34"))
    assert newest is not None
    assert newest.name == "zoho-crm-2026"
    assert shipped_rate_cards()[0] == "kaizen-34"


def test_a_card_without_a_vendor_is_superseded_by_none() -> None:
    assert superseded_by(RateCard.load(CHARGING)) is None
    assert card_in_force("a vendor of whom no card ships") is card_in_force(None) is None


@pytest.mark.parametrize("written", ["2026", "2026-13-01", "1 May 2026", "20260101", "[2026]"])
def test_what_is_no_date_is_refused_with_its_line(tmp_path: Path, written: str) -> None:
    text = (CARDS / "kaizen-34.yaml").read_text().replace("2021-01-01", written)
    (tmp_path / "own.yaml").write_text(text)
    line = text[: text.index("in_force_since")].count("\n") + 1
    with pytest.raises(InputError) as refusal:
        RateCard.load("own.yaml", tmp_path)
    told = str(refusal.value)
    assert told.startswith(f"{tmp_path / 'own.yaml'}:{line}: in_force_since: ")
    assert told.endswith("is not a date, write it such as 2026-01-05")
