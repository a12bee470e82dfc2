"""What a rate card says of every org, in words; quick to import, for commands that only quote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from simulation.paces import pace_in_words
from simulation.rate_cards import Meter, RateCard, superseded_by

__all__ = [
    "besides_in_words",
    "card_facts",
    "in_force_in_words",
    "limits_in_words",
    "superseded_in_words",
]

T = TypeVar("T")


def card_facts(card: RateCard) -> list[str]:
    """Return what holds for every org on a rate card, a sentence each."""
    refused = f"A throttled attempt is answered HTTP {card.throttled_response.status}"
    billed = "What is used of add-on credits is paid, day by day: their size is a limit."
    costs = f"costs {card.throttled_attempt_credits} credits"
    if not card.pool.counts_credits:
        costs = "is not counted"  # which the card checks
    sold = f"At most {card.purchase_cap_credits:,} add-on credits, in steps of {card.addon_step:,}."
    said = [
        sold if card.sells else "It sells no add-on credits.",
        *([billed] if card.addon_billing == "consumed" and card.sells else []),
        _comes_back(card),
        f"{refused} and {costs}.",
    ]
    if card.units_per_credit > 1:
        said.append(f"Its smallest amount is {card.smallest_unit} of a credit.")
    if len(card.meters) > 1:
        said.append(
            "A call is accepted only where all limits that count it have room; the first that "
            "refuses throttles it."
        )
    return said


def _comes_back(card: RateCard) -> str:
    """Return when the pool gives back what was taken, as a sentence."""
    pool, one = card.pool, "A credit" if card.pool.counts_credits else "A call"
    if pool.kind == "rolling" and pool.counts_credits:
        return f"A credit comes back {card.window_in_words} after it was taken."
    if pool.kind == "rolling":
        return f"A call counts for {card.window_in_words}."
    if pool.resets is not None:
        return f"The pool is full again {pool.resets.in_words()}."
    if pool.kind == "concurrent":
        return "A call counts while it is open."
    refill = _by_edition({each: pool.refill_for(each) for each in card.editions}, pace_in_words)
    return f"{one} comes back as the bucket refills, {refill}."


def limits_in_words(card: RateCard) -> list[str]:
    """Return a line for each limit of a card, in the order in which they are asked.

    Each says what it counts, of whom, for which calls, its size by edition, and when it gives back.
    """
    return [f"{meter.name} ({meter.kind}): {_limit(card, meter)}" for meter in card.meters]


def _limit(card: RateCard, meter: Meter) -> str:
    at_once = " at once" if meter.kind == "concurrent" else ""
    calls, back = meter.calls_in_words(), meter.gives_back_in_words(card.window)
    if meter.kind == "bucket":
        refills = {each: meter.refill_for(each) for each in card.editions}
        back = f"{_by_edition(refills, pace_in_words)}, up to its size"
    if meter.is_pool:
        return f"the limit of the org, in {meter.unit}{at_once}; back {back}"
    whose = "the org" if meter.scope == "org" else f"each {meter.scope}"
    sizes = {each: meter.size_for(each) for each in card.editions}
    size = _by_edition(sizes, lambda size: f"{size:,}")
    return f"{meter.unit}{at_once} of {whose}{calls}: {size}; back {back}"


def _by_edition(of: Mapping[str, T], in_words: Callable[[T], str]) -> str:
    """Return what holds for each edition, once where it is the same for all."""
    if len(set(of.values())) == 1:
        return in_words(next(iter(of.values())))
    return ", ".join(f"{in_words(each)} on {edition}" for edition, each in of.items())


def besides_in_words(card: RateCard, edition: str) -> str:
    """Return in a line what else can throttle an edition beside its pool; empty if nothing."""
    others = card.besides_in_words(edition)
    return f"Besides: {'; '.join(others)}." if others else ""


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
