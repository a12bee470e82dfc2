"""Rate cards: one published version of the vendor's rules, as data.

A card says how large the pool is, what each call costs, and what more credits cost. The
cards that ship lie in ``simulation/rate_cards``, with their sources and what they assume.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property, lru_cache
from importlib import resources
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import Field, model_validator

from simulation.bounds import MOST_CREDITS
from simulation.errors import InputError, KeyProblem, KeyProblems
from simulation.formats import Credits, Document, Part, did_you_mean
from simulation.quantities import DAY, WHOLE, Duration, write_duration
from simulation.rate_cards import prices
from simulation.rate_cards.offer import Offer
from simulation.rate_cards.shipped import shipped_rate_cards
from simulation.rate_cards.terms import (
    AddonBilling,
    BilledUse,
    CallCredits,
    CallKind,
    Category,
    Edition,
    Slab,
    Source,
    ThrottledResponse,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ALERT_LEVELS", "RateCard"]

ALERT_LEVELS = (50, 80, 90, 100)
"""Per cent of the limit: from 50 on the vendor sends a header, at the others an e-mail."""

Numbers = TypeVar("Numbers", int, "NDArray[np.int64]")


class RateCard(Part):
    """One published version of the vendor's rules (README of the cards).

    >>> card = RateCard.load("kaizen-34")
    >>> card.offer("professional", user_licenses=40).limit(75_000)
    105000
    >>> card.limit("professional", user_licenses=1000)
    500000
    >>> card.price_per_day(75_000), card.price_per_month(75_000)
    (Decimal('6.50'), Decimal('195.00'))
    """

    name: str
    title: str
    sources: tuple[Source, ...]
    window: Duration = DAY
    addon_step: Annotated[int, Field(ge=1, le=MOST_CREDITS), WHOLE] = 1000
    purchase_cap_credits: Credits
    throttled_attempt_credits: CallCredits = 0
    throttled_response: ThrottledResponse
    editions: dict[str, Edition]
    calls: dict[str, CallKind]
    addon_slabs: tuple[Slab, ...]
    addon_billing: AddonBilling = "purchased"
    billed_use: BilledUse = "calendar_day"
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> RateCard:
        problems: list[KeyProblem] = []
        if self.window <= 0:
            problems.append(
                KeyProblem(("window",), "is empty, write a duration such as '24 hours'")
            )
        if sum(slab.credits for slab in self.addon_slabs) < self.purchase_cap_credits:
            what = "do not reach the purchase cap, price every credit that can be bought"
            problems.append(KeyProblem(("addon_slabs",), what))
        seen: dict[str, str] = {}
        for edition, rules in self.editions.items():
            for name in (edition, *rules.aliases):
                if name in seen:
                    what = f"{name!r} also names {seen[name]!r}, let it name one edition"
                    problems.append(KeyProblem(("editions", edition), what))
                seen[name] = edition
        if "other" not in self.calls:
            problems.append(KeyProblem(("calls",), "has no 'other', say what any other call costs"))
        if problems:
            raise KeyProblems(problems)
        return self

    @classmethod
    def load(cls, name: str | Path, folder: Path | str = ".") -> RateCard:
        """Return a shipped card by its name, or the user's own card by its path.

        Parameters
        ----------
        name : str or Path
            ``kaizen-34``, or a YAML file; a relative path starts at ``folder``.

        Raises
        ------
        InputError
            If no such card ships, or the file is not a valid card.
        """
        text = str(name)
        if text in shipped_rate_cards():
            return _shipped(text)
        if Path(text).suffix not in {".yaml", ".yml"}:
            meant = did_you_mean(text, shipped_rate_cards())
            shipped = ", ".join(shipped_rate_cards())
            raise InputError(
                f"no rate card {text!r} ships, {meant}name one of {shipped}, or a .yaml file"
            )
        return Document.read(Path(folder) / text, "rate card").validate(cls)

    @cached_property
    def _edition_of(self) -> dict[str, str]:
        return {
            name: edition
            for edition, rules in self.editions.items()
            for name in (edition, *rules.aliases)
        }

    @property
    def window_in_words(self) -> str:
        """The window as people call it: ``24 hours``, not ``1 day``."""
        return write_duration(self.window).replace("1 day", "24 hours")

    def edition(self, name: str) -> str:
        """Return the edition that a name or an alias means.

        Raises
        ------
        InputError
            If the card has no such edition.
        """
        try:
            return self._edition_of[name]
        except KeyError:
            meant = did_you_mean(name, self._edition_of)
            names = ", ".join(self._edition_of)
            raise InputError(
                f"{name!r} is no edition of rate card {self.name}, {meant}name one of: {names}"
            ) from None

    def offer(self, edition: str, user_licenses: int | None = None) -> Offer:
        """Return what an org gets and can buy; without licenses where its edition needs none.

        Raises
        ------
        InputError
            If the card has no such edition, or licenses are missing.
        """
        name = self.edition(edition)
        rules = self.editions[name]
        if user_licenses is None and rules.per_license:
            raise InputError(
                f"user licenses are missing, {edition} gives credits per license: write how many, "
                "such as --licenses 40"
            )
        return Offer(
            rate_card=self.name,
            edition=name,
            user_licenses=user_licenses or 0,
            rules=rules,
            card_cap=self.purchase_cap_credits,
            step=self.addon_step,
            slabs=self.addon_slabs,
            billing=self.addon_billing,
        )

    def limit(self, edition: str, user_licenses: int, addon_credits: int = 0) -> int:
        """Return the limit of an org; `offer` has all that it gets and can buy.

        Raises
        ------
        InputError
            If the card has no such edition, or the add-on credits cannot be bought.
        """
        return self.offer(edition, user_licenses).limit(addon_credits)

    def credits(self, api: str, records: Numbers) -> Numbers:
        """Return what a call costs, in credits; for an array of record counts, an array.

        Parameters
        ----------
        api : str
            A call kind of this card; any other id costs what ``other`` costs.
        records : int or (n,) int64 array
            Records in the call.
        """
        kind = self.calls.get(api) or self.calls["other"]
        if kind.per_records is None:
            if isinstance(records, int):
                return kind.credits
            import numpy as np

            return np.full_like(records, kind.credits)
        return -(-records // kind.per_records) * kind.credits  # rounded up, in whole numbers

    def category(self, api: str) -> Category:
        """Return the category of a call kind; ids that the card does not list are ``other``."""
        return self.calls[api].category if api in self.calls else "other"

    def slab_edges(self) -> list[int]:
        """Return where each slab ends, in add-on credits counted from the first slab on."""
        return list(accumulate(slab.credits for slab in self.addon_slabs))

    def price_per_day(self, addon_credits: int) -> Decimal:
        """Return what add-on credits cost in $ per day, by the slab table; exact.

        Raises
        ------
        InputError
            If the slabs do not reach so far.
        """
        return prices.price_per_day(self.addon_slabs, addon_credits)

    def price_per_month(self, addon_credits: int) -> Decimal:
        """Return what add-on credits cost in $ per month of 30 days; exact."""
        return prices.price_per_month(self.addon_slabs, addon_credits)


@lru_cache
def _shipped(name: str) -> RateCard:
    with resources.as_file(resources.files("simulation.rate_cards") / f"{name}.yaml") as path:
        return Document.read(path, "rate card").validate(RateCard)
