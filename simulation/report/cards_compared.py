"""What the card in force would give an org that is planned on a superseded one, in words."""

from __future__ import annotations

from simulation.formats import dollars
from simulation.planning import OtherCard, Plan
from simulation.rate_cards import RateCard

__all__ = ["other_cards_in_words"]


def other_cards_in_words(plan: Plan) -> list[str]:
    """Return a sentence for each other card that an org was judged on: what it would give."""
    return [_in_words(plan, each) for each in plan.other_cards]


def _in_words(plan: Plan, other: OtherCard) -> str:
    since = f", the card in force since {other.in_force_since},"
    if other.status == "does_not_fit":
        return f"This org could not be judged on {other.rate_card}{since} as it is: {other.reason}."
    has = " with its add-on credits" if plan.scenario.org.addon_credits else ""
    reason = f" ({other.reason})" if other.reason else ""
    return (
        f"On {other.rate_card}{since} this org would have a limit of {other.limit:,}{has} and "
        f"{_needs(plan, other)}{reason}."
    )


def _needs(plan: Plan, other: OtherCard) -> str:
    """Return what the org would need to buy there, in words."""
    perhaps = "" if other.decided else "perhaps "
    if other.addon_credits is None:
        return f"{perhaps}no purchase would be enough"
    by_cost = plan.objective.cost_of_lost_call is not None
    need = f"would {perhaps}" + ("cost least with" if by_cost else "need")
    if not other.addon_credits:
        return f"{need} no add-on credits"
    assert other.price_per_month is not None
    price = dollars(other.price_per_month)
    card = RateCard.load(other.rate_card)
    most = " at most" if card.addon_billing == "consumed" else ""
    return f"{need} {other.addon_credits:,} add-on credits for {price} a month{most}"
