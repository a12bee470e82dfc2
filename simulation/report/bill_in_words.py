"""What is paid for add-on credits of which the use is billed, in words."""

from __future__ import annotations

from math import isnan

from simulation.experiment import interval_columns
from simulation.formats import dollars
from simulation.planning import Plan

__all__ = ["bill_in_words", "set_the_limit"]


def set_the_limit(plan: Plan, size: int) -> str:
    """Return what to do to have a size, and what that costs; without a full stop."""
    price = dollars(plan.scenario.offer.price_per_month(size))
    return (
        f"Set the limit of add-on credits to {size:,}: {price} a month at most; you would pay "
        f"{bill_in_words(plan, size)}"
    )


def bill_in_words(plan: Plan, size: int) -> str:
    """Return what is paid per month for what is used of a size, and in the worst month in 20."""
    row = plan.row(size)
    bill, low, high = (float(row[name]) for name in interval_columns("bill_per_month"))
    worst = float(row["worst_bill_per_month"])
    said = dollars(bill)
    if low != high:
        said = f"about {said}"
    if low < high:
        said += f" (95 % interval {dollars(low)} to {dollars(high)})"
    return said if isnan(worst) else f"{said}, {dollars(worst)} in the worst month in 20"
