"""Which card of a vendor is in force: the newest that ships; the vendor's others are superseded."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from simulation.rate_cards.card import RateCard
from simulation.rate_cards.shipped import shipped_rate_cards

__all__ = ["card_in_force", "superseded_by"]


def card_in_force(vendor: str | None) -> RateCard | None:
    """Return the newest shipped card of a vendor; None where none of theirs ships with a date.

    >>> card = card_in_force("Zoho CRM")
    >>> card.name if card else None
    'zoho-crm-2026'
    """
    return None if vendor is None else _newest().get(vendor.casefold())


def superseded_by(card: RateCard) -> RateCard | None:
    """Return the card in force that has replaced a card; None where the card is in force itself.

    A card that names no vendor, or one of whom no card ships, is replaced by none. One of a user's
    own is replaced unless it is as new as the newest that ships.
    """
    newest = card_in_force(card.vendor)
    if newest is None or newest.name == card.name:
        return None
    assert newest.in_force_since is not None
    since = card.in_force_since or date.min
    return newest if since < newest.in_force_since else None


@lru_cache
def _newest() -> dict[str, RateCard]:
    """Return the newest shipped card of each vendor."""
    dated = [
        (card.in_force_since, card.vendor.casefold(), card)
        for card in map(RateCard.load, shipped_rate_cards())
        if card.vendor is not None and card.in_force_since is not None
    ]
    return {vendor: card for _, vendor, card in sorted(dated, key=lambda each: each[0])}
