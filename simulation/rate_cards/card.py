"""Rate cards: one published version of the vendor's rules, as data.

A card says how large the pool is, what each call costs, and what more credits cost. The
cards that ship lie in ``simulation/rate_cards``, with their sources and what they assume.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache
from importlib import resources
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, overload

from pydantic import Field, model_validator

from simulation.bounds import MOST_CREDITS
from simulation.errors import InputError, KeyProblem, KeyProblems
from simulation.formats import Credits, Document, Part, did_you_mean
from simulation.quantities import DAY, WHOLE, Duration, Share
from simulation.rate_cards import prices
from simulation.rate_cards.card_checks import unit_problems
from simulation.rate_cards.costs import CallCredits, SmallestUnit, Tiers
from simulation.rate_cards.durations import DEFAULT_DURATION, CallDuration
from simulation.rate_cards.meters import THE_POOL, Meter, meter_problems, window_in_words
from simulation.rate_cards.offer import Offer
from simulation.rate_cards.shipped import shipped_rate_cards
from simulation.rate_cards.terms import (
    AddonBilling,
    BilledUse,
    CallKind,
    Category,
    Day,
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
    vendor: Annotated[str, Field(min_length=1)] | None = None
    in_force_since: Day | None = None
    window: Duration = DAY
    addon_step: Annotated[int, Field(ge=1, le=MOST_CREDITS), WHOLE] = 1000
    purchase_cap_credits: Credits
    smallest_unit: SmallestUnit = 1
    throttled_attempt_credits: CallCredits = 0
    reports_usage_from: Share = 0.5
    throttled_response: ThrottledResponse
    editions: dict[str, Edition]
    calls: dict[str, CallKind]
    addon_slabs: tuple[Slab, ...]
    limits: tuple[Meter, ...] = ()
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
        wrong_amounts = list(
            unit_problems(
                self.smallest_unit,
                self.calls,
                self.editions,
                self.throttled_attempt_credits,
                self.purchase_cap_credits,
            )
        )
        problems += wrong_amounts
        if not wrong_amounts and "other" in self.calls:
            least = {api: self.credits(api, 1) for api in self.calls}
            most = {api: kind.most_records for api, kind in self.calls.items()}
            units = self.units_per_credit
            problems += meter_problems(self.limits, self.editions, least, most, units)
        if self.throttled_attempt_credits and not self.pool.counts_credits:
            what = f"are credits, but the pool, limit {self.pool.name!r}, counts calls: write 0"
            problems.append(KeyProblem(("throttled_attempt_credits",), what))
        if problems:
            raise KeyProblems(problems)
        return self

    @cached_property
    def meters(self) -> tuple[Meter, ...]:
        """All that can throttle, in the order in which it is asked; the pool is among them.

        Where no meter of ``limits`` is the pool, it is a rolling one that is asked first.
        """
        if any(meter.is_pool for meter in self.limits):
            return self.limits
        return (THE_POOL, *self.limits)

    @cached_property
    def pool(self) -> Meter:
        """The meter whose size is the limit."""
        return next(meter for meter in self.meters if meter.is_pool)

    def pool_parts(self, limit: float) -> int:
        """Return the size of a pool as it is counted: in smallest units, or in calls."""
        return self.in_units(limit) if self.pool.counts_credits else int(limit)

    def of_pool(self, parts: Any) -> Any:
        """Return an amount of the pool in credits, or in calls where it counts those."""
        return self.in_credits(parts) if self.pool.counts_credits else parts

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

    @cached_property
    def units_per_credit(self) -> int:
        """How many of the card's smallest units are a credit; 1 where credits are whole."""
        return round(1 / Fraction(str(self.smallest_unit)))

    def in_units(self, credits: float) -> int:
        """Return credits as a number of the card's smallest unit, in which engines count.

        Raises
        ------
        ValueError
            If they are no whole number of units.
        """
        units = round(credits * self.units_per_credit)
        if units / self.units_per_credit != credits:
            raise ValueError(
                f"{credits} credits are not a whole multiple of {self.smallest_unit}, the smallest "
                f"unit of rate card {self.name}"
            )
        return units

    @overload
    def in_credits(self, units: int) -> int | float: ...

    @overload
    def in_credits(self, units: NDArray[np.int64]) -> NDArray[Any]: ...

    def in_credits(self, units: Any) -> Any:
        """Return a number of the card's smallest unit in credits; for an array, an array.

        They are whole numbers where a credit is the smallest unit, and else exact to the last
        digit of a float.
        """
        return units if self.units_per_credit == 1 else units / self.units_per_credit

    @property
    def window_in_words(self) -> str:
        """The window as people call it: ``24 hours``, not ``1 day``."""
        return window_in_words(self.window)

    @property
    def sells(self) -> bool:
        """Whether any org can buy add-on credits."""
        return self.purchase_cap_credits > 0

    def meter_in_words(self, meter: Meter, edition: str, limit: int | None = None) -> str:
        """Return what a meter allows an edition, as a phrase; ``limit`` is the pool's size."""
        return meter.in_words(self.edition(edition), limit, self.window)

    def pool_in_words(self, limit: int, edition: str) -> str:
        """Return the pool of an org in a few words, such as ``5,000 credits per 24 hours``."""
        return self.pool.size_in_words(limit, self.edition(edition), self.window)

    def besides_in_words(self, edition: str) -> list[str]:
        """Return what else can throttle an edition beside the pool, a phrase each."""
        others = (meter for meter in self.meters if not meter.is_pool)
        return [self.meter_in_words(meter, edition) for meter in others]

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

    @overload
    def credits(self, api: str, records: int) -> int | float: ...

    @overload
    def credits(self, api: str, records: NDArray[np.int64]) -> NDArray[Any]: ...

    def credits(self, api: str, records: Any) -> Any:
        """Return what a call costs, in credits; for an array of record counts, an array.

        Parameters
        ----------
        api : str
            A call kind of this card; any other id costs what ``other`` costs.
        records : int or (n,) int64 array
            Records in the call.

        Raises
        ------
        InputError
            If the call has more records than the last tier of its kind.
        """
        return self.in_credits(self.units(api, records))

    @overload
    def units(self, api: str, records: int) -> int: ...

    @overload
    def units(self, api: str, records: NDArray[np.int64]) -> NDArray[np.int64]: ...

    def units(self, api: str, records: Any) -> Any:
        """Return what a call costs in the card's smallest unit; else as `credits`."""
        kind = self.kind(api)
        if isinstance(kind.credits, Tiers):
            return self._of_tiers(api, kind.credits, records)
        cost = self.in_units(kind.credits)
        if kind.per_records is None:
            if isinstance(records, int):
                return cost
            import numpy as np

            return np.full_like(records, cost)
        return -(-records // kind.per_records) * cost  # rounded up, in whole numbers

    def _of_tiers(self, api: str, tiers: Tiers, records: Any) -> Any:
        most = records if isinstance(records, int) else int(records.max(initial=0))
        if most > tiers.bounds[-1]:
            raise InputError(f"{most} is more than {api} takes, write at most {tiers.bounds[-1]}")
        costs = [self.in_units(cost) for cost in tiers.costs]
        if isinstance(records, int):
            return costs[bisect_left(tiers.bounds, records)]  # the first that reaches them
        import numpy as np

        return np.array(costs, np.int64)[np.searchsorted(tiers.bounds, records)]

    def least_units(self, api: str, least: int, most: int) -> int:
        """Return the least, in smallest units, that a call of some numbers of records costs."""
        tiers = self.kind(api).tiers
        if tiers is None:  # more records never cost less
            return self.units(api, least)
        return min(map(self.in_units, tiers.within(least, most)))

    def kind(self, api: str) -> CallKind:
        """Return the rules of a call kind; ids that the card does not list cost as ``other``."""
        return self.calls.get(api) or self.calls["other"]

    def most_records(self, api: str) -> int | None:
        """Return the most records of a call; None where there is no bound."""
        kind = self.kind(api)
        # An id that the card does not list takes the costs of `other`, so also the last of them.
        return kind.most_records if api in self.calls or kind.tiers else None

    def category(self, api: str) -> Category:
        """Return the category of a call kind; ids that the card does not list are ``other``."""
        return self.calls[api].category if api in self.calls else "other"

    def duration(self, api: str) -> CallDuration:
        """Return how long a call stays open where its scenario does not say.

        Ids that the card does not list last as long as ``other``.
        """
        kind = self.calls.get(api) or self.calls["other"]
        return kind.duration or DEFAULT_DURATION

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
