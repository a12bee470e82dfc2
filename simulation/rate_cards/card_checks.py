"""Checks of the amounts of a rate card against its smallest unit of credits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from simulation.bounds import MOST_CREDITS, MOST_CREDITS_A_CALL, MOST_PER_LICENSE
from simulation.errors import KeyPath, KeyProblem
from simulation.rate_cards.costs import common_unit
from simulation.rate_cards.terms import CallKind, Edition

__all__ = ["unit_problems"]


def unit_problems(
    smallest_unit: int | float,
    calls: Mapping[str, CallKind],
    editions: Mapping[str, Edition],
    throttled_attempt_credits: int | float,
    purchase_cap_credits: int,
) -> Iterator[KeyProblem]:
    """Yield the amounts that are no whole number of smallest units, or too many of them."""
    unit = Fraction(str(smallest_unit))
    per_credit = round(1 / unit) if unit.numerator == 1 else 0
    costs: dict[KeyPath, int | float] = {
        ("calls", api, *path): amount
        for api, kind in calls.items()
        for path, amount in kind.amounts.items()
    }
    costs[("throttled_attempt_credits",)] = throttled_attempt_credits
    will_do = float(common_unit(costs))
    if unit.numerator != 1:
        what = (
            f"{smallest_unit} is not a whole part of a credit, which has "
            f"{float(1 / unit):.6g} of them: write {will_do:g}, of which all costs are "
            "whole multiples"
        )
        yield KeyProblem(("smallest_unit",), what)
        return
    for path, amount in costs.items():
        if Fraction(str(amount)) % unit:
            what = (
                f"{amount} is not a whole multiple of the card's smallest unit of credits, "
                f"{smallest_unit}: write 'smallest_unit: {will_do:g}' on the card, or a "
                "whole multiple"
            )
            yield KeyProblem(path, what)
    amounts = [(path, amount, MOST_CREDITS_A_CALL) for path, amount in costs.items()]
    amounts.append((("purchase_cap_credits",), purchase_cap_credits, MOST_CREDITS))
    for name, rules in editions.items():
        amounts += [
            (("editions", name, "base"), rules.base, MOST_CREDITS),
            (("editions", name, "per_license"), rules.per_license, MOST_PER_LICENSE),
            (("editions", name, "maximum"), rules.maximum or 0, MOST_CREDITS),
        ]
    for path, amount, most in amounts:
        if amount * per_credit > most:
            what = (
                f"{amount:,} is more than {most:,} times the card's smallest unit: write at "
                f"most {most * unit}, or a larger 'smallest_unit'"
            )
            yield KeyProblem(path, what)
