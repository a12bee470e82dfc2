"""Checks of a rate card that its parts alone cannot make: of amounts, and against its pool."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

from simulation.bounds import MOST_CREDITS, MOST_CREDITS_A_CALL, MOST_PER_LICENSE
from simulation.errors import KeyPath, KeyProblem
from simulation.rate_cards.costs import common_unit

if TYPE_CHECKING:
    from simulation.rate_cards.card import RateCard

__all__ = ["throttled_attempt_problems", "unit_problems"]


def unit_problems(card: RateCard) -> Iterator[KeyProblem]:
    """Yield the amounts that are no whole number of smallest units, or too many of them."""
    unit = Fraction(str(card.smallest_unit))
    costs: dict[KeyPath, int | float] = {
        ("calls", api, *path): amount
        for api, kind in card.calls.items()
        for path, amount in kind.amounts.items()
    }
    costs[("throttled_attempt_credits",)] = card.throttled_attempt_credits
    will_do = float(common_unit(costs))
    if unit.numerator != 1:
        what = (
            f"{card.smallest_unit} is not a whole part of a credit, which has "
            f"{float(1 / unit):.6g} of them: write {will_do:g}, of which all costs are "
            "whole multiples"
        )
        yield KeyProblem(("smallest_unit",), what)
        return
    for path, amount in costs.items():
        if Fraction(str(amount)) % unit:
            what = (
                f"{amount} is not a whole multiple of the card's smallest unit of credits, "
                f"{card.smallest_unit}: write 'smallest_unit: {will_do:g}' on the card, or a "
                "whole multiple"
            )
            yield KeyProblem(path, what)
    amounts = [(path, amount, MOST_CREDITS_A_CALL) for path, amount in costs.items()]
    amounts.append((("purchase_cap_credits",), card.purchase_cap_credits, MOST_CREDITS))
    for name, rules in card.editions.items():
        amounts += [
            (("editions", name, "base"), rules.base, MOST_CREDITS),
            (("editions", name, "per_license"), rules.per_license, MOST_PER_LICENSE),
            (("editions", name, "maximum"), rules.maximum or 0, MOST_CREDITS),
        ]
    for path, amount, most in amounts:
        if amount * card.units_per_credit > most:
            what = (
                f"{amount:,} is more than {most:,} times the card's smallest unit: write at "
                f"most {most * unit}, or a larger 'smallest_unit'"
            )
            yield KeyProblem(path, what)


def throttled_attempt_problems(card: RateCard) -> Iterator[KeyProblem]:
    """Yield a cost of throttled attempts that the pool cannot take, since it counts calls."""
    pool = card.pool
    if card.throttled_attempt_credits and not pool.counts_credits:
        counted = "calls at once" if pool.kind == "concurrent" else "calls"
        what = (
            f"{card.throttled_attempt_credits} is in credits, and the pool, meter {pool.name!r}, "
            f"counts {counted}: write 0, or let the pool count credits"
        )
        yield KeyProblem(("throttled_attempt_credits",), what)
