"""What a rate card says of every org, in words; quick to import, for commands that only quote."""

from __future__ import annotations

from simulation.rate_cards import RateCard

__all__ = ["card_facts"]


def card_facts(card: RateCard) -> list[str]:
    """Return what holds for every org on a rate card, a sentence each."""
    refused = f"A throttled attempt is answered HTTP {card.throttled_response.status}"
    billed = "What is used of add-on credits is paid, day by day: their size is a limit."
    return [
        f"At most {card.purchase_cap_credits:,} add-on credits, in steps of {card.addon_step:,}.",
        *([billed] if card.addon_billing == "consumed" else []),
        f"A credit comes back {card.window_in_words} after it was taken.",
        f"{refused} and costs {card.throttled_attempt_credits} credits.",
    ]
