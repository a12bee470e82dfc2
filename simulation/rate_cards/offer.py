"""What an org gets on a rate card, and what it pays."""

from __future__ import annotations

from decimal import Decimal

from pydantic import BaseModel

__all__ = ["Quote"]


class Quote(BaseModel):
    """What an org gets and pays: credits per window, $ as exact decimals."""

    rate_card: str
    edition: str
    user_licenses: int
    allowance: int
    maximum: int | None
    purchase_cap: int
    addon_credits: int
    limit: int
    price_per_day: Decimal
    price_per_month: Decimal
