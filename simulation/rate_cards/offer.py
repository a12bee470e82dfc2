"""What one org gets on a rate card, what it can buy, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from pydantic import BaseModel

from simulation.errors import InputError
from simulation.formats import counted
from simulation.rate_cards import prices
from simulation.rate_cards.terms import AddonBilling, Edition, Slab

__all__ = ["Offer", "Quote"]


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
    addon_billing: AddonBilling


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a rate card offers an org of one edition and one number of user licenses.

    `RateCard.offer` makes it. Sizes are add-on credits, limits are sizes of the pool.

    >>> from simulation import RateCard
    >>> offer = RateCard.load("kaizen-34").offer("professional", 40)
    >>> offer.allowance, offer.maximum, offer.purchase_cap
    (30000, 500000, 470000)
    >>> offer.limit(75_000), offer.price_per_month(75_000)
    (105000, Decimal('195.00'))

    Attributes
    ----------
    rate_card, edition : str
        The names of the card and, aliases resolved, of the edition.
    user_licenses : int
    rules : Edition
        What the edition allows.
    card_cap : int
        The most add-on credits that the card sells to any org.
    step : int
        The difference between one purchasable size and the next.
    slabs : tuple of Slab
        The prices of add-on credits.
    billing : str
        ``purchased``: the whole size is paid; ``consumed``: what is used of it.
    """

    rate_card: str
    edition: str
    user_licenses: int
    rules: Edition
    card_cap: int
    step: int
    slabs: tuple[Slab, ...]
    billing: AddonBilling = "purchased"

    @property
    def allowance(self) -> int:
        """Base + licenses × credits per license, before add-on credits and the maximum."""
        return self.rules.base + self.user_licenses * self.rules.per_license

    @property
    def maximum(self) -> int | None:
        """The edition's maximum in credits, or None where there is none."""
        return self.rules.maximum

    @property
    def purchase_cap(self) -> int:
        """The most add-on credits that this org may buy."""
        if self.maximum is None:
            return self.card_cap
        return max(0, min(self.card_cap, self.maximum - self.allowance))

    @property
    def ends_at_maximum(self) -> bool:
        """Whether the edition's maximum lets this org buy less than the card sells to others."""
        return self.purchase_cap < self.card_cap

    @property
    def sizes(self) -> range:
        """Every purchasable size, from 0 to the purchase cap in the card's steps."""
        return range(0, self.purchase_cap + 1, self.step)

    @property
    def limits(self) -> list[int]:
        """The limit that each of the purchasable sizes gives."""
        return [self.limit(size) for size in self.sizes]

    @property
    def largest_limit(self) -> int:
        """The limit that the largest purchasable size gives."""
        return self.limit(self.sizes[-1])

    def limit(self, addon_credits: int = 0) -> int:
        """Return the size of the pool in credits: min(allowance + add-on, maximum).

        Raises
        ------
        InputError
            If the add-on credits cannot be bought.
        """
        self.check_addon(addon_credits)
        total = self.allowance + addon_credits
        return total if self.maximum is None else min(total, self.maximum)

    def check_addon(self, addon_credits: int) -> None:
        """Raise InputError where this many add-on credits cannot be bought."""
        sizes = self.sizes
        if addon_credits in sizes:
            return
        if addon_credits > sizes[-1] or addon_credits < 0:
            remedy = f"write 0 to {sizes[-1]:,}" if sizes[-1] else "write 0"
            why = ""
            if self.ends_at_maximum:
                why = f" (allowance {self.allowance:,} of at most {self.maximum:,})"
            org = self.edition
            if self.user_licenses:
                org += f" with {counted(self.user_licenses, 'license')}"
            raise InputError(
                f"{addon_credits:,} add-on credits are outside what {org} can buy, 0 to "
                f"{self.purchase_cap:,}{why}: {remedy}"
            )
        below = addon_credits // self.step * self.step
        above = min(below + self.step, sizes[-1])
        raise InputError(
            f"{addon_credits:,} add-on credits are not sold, sizes come in steps of "
            f"{self.step:,}: write {below:,} or {above:,}"
        )

    def price_per_day(self, addon_credits: int) -> Decimal:
        """Return what add-on credits cost in $ per day, by the slab table; exact."""
        return prices.price_per_day(self.slabs, addon_credits)

    def price_per_month(self, addon_credits: int) -> Decimal:
        """Return what add-on credits cost in $ per month of 30 days; exact."""
        return prices.price_per_month(self.slabs, addon_credits)

    def billed(self, used: int, addon_credits: int) -> int:
        """Return how many of some add-on credits a day's use is billed for, where use is billed.

        Parameters
        ----------
        used : int
            Credits used on the day, those of the allowance among them.
        addon_credits : int
            Where the org has set its limit: no more is billed.
        """
        return min(addon_credits, max(0, used - self.allowance))

    def quote(self, addon_credits: int = 0) -> Quote:
        """Return what this org gets and pays with add-on credits.

        Raises
        ------
        InputError
            If the add-on credits cannot be bought.
        """
        return Quote(
            rate_card=self.rate_card,
            edition=self.edition,
            user_licenses=self.user_licenses,
            allowance=self.allowance,
            maximum=self.maximum,
            purchase_cap=self.purchase_cap,
            addon_credits=addon_credits,
            limit=self.limit(addon_credits),
            price_per_day=self.price_per_day(addon_credits),
            price_per_month=self.price_per_month(addon_credits),
            addon_billing=self.billing,
        )
