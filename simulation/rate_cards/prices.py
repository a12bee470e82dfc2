"""What add-on credits cost by a slab table, in exact decimals."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from simulation.errors import InputError
from simulation.quantities import DAYS_PER_MONTH
from simulation.rate_cards.terms import Slab

__all__ = ["price_per_day", "price_per_month"]


def price_per_day(slabs: Iterable[Slab], addon_credits: int) -> Decimal:
    """Return what add-on credits cost in $ per day, each slab at its own price; exact.

    Raises
    ------
    InputError
        If the slabs do not reach so far.
    """
    price, left = Decimal("0.00"), addon_credits
    for slab in slabs:
        here = min(left, slab.credits)
        price += here * slab.price_per_1000 / 1000
        left -= here
    if left > 0:
        raise InputError(f"the slabs price {addon_credits - left:,} credits, not {addon_credits:,}")
    return _cents(price)


def price_per_month(slabs: Iterable[Slab], addon_credits: int) -> Decimal:
    """Return what add-on credits cost in $ per month of 30 days; exact."""
    return _cents(price_per_day(slabs, addon_credits) * DAYS_PER_MONTH)


def _cents(price: Decimal) -> Decimal:
    """Return a price without zeros behind its second decimal; other digits stay."""
    plain = price.normalize()
    exponent = plain.as_tuple().exponent
    return plain if isinstance(exponent, int) and exponent < -2 else price.quantize(Decimal("0.01"))
