"""What a rate card says of every org, in words; quick to import, for commands that only quote."""

from __future__ import annotations

from simulation.rate_cards import RateCard, superseded_by

__all__ = ["card_facts", "in_force_in_words", "superseded_in_words"]


def card_facts(card: RateCard) -> list[str]:
    """Return what holds for every org on a rate card, a sentence each."""
    refused = f"A throttled attempt is answered HTTP {card.throttled_response.status}"
    billed = "What is used of add-on credits is paid, day by day: their size is a limit."
    said = [
        f"At most {card.purchase_cap_credits:,} add-on credits, in steps of {card.addon_step:,}.",
        *([billed] if card.addon_billing == "consumed" else []),
        f"A credit comes back {card.window_in_words} after it was taken.",
        f"{refused} and costs {card.throttled_attempt_credits} credits.",
    ]
    if card.units_per_credit > 1:
        said.append(f"Its smallest amount is {card.smallest_unit} of a credit.")
    return said


def in_force_in_words(card: RateCard) -> str:
    """Return in a few words whether a card is in force; empty where it does not say."""
    newest = superseded_by(card)
    if newest is not None:
        return f"superseded by {newest.name}"
    return "" if card.in_force_since is None else f"in force since {card.in_force_since}"


def superseded_in_words(card: RateCard) -> list[str]:
    """Return a sentence about a superseded card, which nothing was simulated for; else none."""
    newest = superseded_by(card)
    if newest is None:
        return []
    said = f"superseded by {newest.name}, in force since {newest.in_force_since}"
    return [f"Rate card {card.name} is {said}: to see what changes, add --rate-card {newest.name}."]
