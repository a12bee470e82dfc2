"""What is paid for the add-on credits that are used, where the card bills those."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.engine import DailyUse
from simulation.errors import InputError
from simulation.quantities import DAYS_PER_MONTH, write_duration
from simulation.scenario import Scenario

__all__ = ["LEAST_MONTHS", "Billing", "check_billed_days", "days_billed", "worst_of"]

LEAST_MONTHS = 20
"""Simulated months from which it is said what 1 in 20 exceeds."""


def days_billed(scenario: Scenario) -> Ints:
    """Return the local days whose bills count, by number.

    They are whole: a day that begins in the warm-up or ends after the run is left out.
    """
    clock = scenario.clock
    whole = [
        day
        for day in range(clock.days)
        if clock.has_hours(day)
        and clock.day_start(day) >= scenario.warmup_end
        and clock.day_start(day + 1) <= scenario.horizon
    ]
    return np.array(whole, np.int64)


def check_billed_days(scenario: Scenario) -> None:
    """Raise InputError where use is billed, and no whole day is left to tell how much."""
    if scenario.billed_use_of_a_day is None or len(days_billed(scenario)):
        return
    what = (
        f"leaves no whole local day after the warm-up of {write_duration(scenario.warmup_end)}, "
        "and what is used of add-on credits is billed by day: write 2 days more, or a shorter "
        "warmup"
    )
    raise InputError([scenario.problem(("horizon",), what)])


class Billing:
    """What an org pays for the credits that its pools use.

    Parameters
    ----------
    scenario : Scenario
        One that bills use.
    """

    def __init__(self, scenario: Scenario) -> None:
        offer = scenario.offer
        self._allowance, self._days = offer.allowance, days_billed(scenario)
        sizes = [slab.credits for slab in offer.slabs]
        self._ends = np.cumsum([0, *sizes])
        self._prices = [float(slab.price_per_1000) / 1000 for slab in offer.slabs]

    @property
    def parts(self) -> int:
        """How many parts of a run `months` returns."""
        return _parts(len(self._days))

    def of(self, use: DailyUse, limits: Ints) -> tuple[Floats, Floats]:
        """Return the bills of pools in a replication: by month, and by part; see `months`."""
        return self._bills(use.pools, limits)

    def of_enough(self, use: DailyUse, limits: Ints) -> tuple[Floats, Floats]:
        """Return the same of pools that throttle no call, and so use what is asked for."""
        return self._bills(
            np.broadcast_to(use.unlimited, (len(limits), len(use.unlimited))), limits
        )

    def _bills(self, used: Ints, limits: Ints) -> tuple[Floats, Floats]:
        # No more is used of a size than it has; a calendar day may see more than one window.
        sizes = np.maximum(0, limits - self._allowance)[:, np.newaxis]
        days = self.per_day(np.clip(used[:, self._days] - self._allowance, 0, sizes))
        month = days.sum(axis=1) * DAYS_PER_MONTH / len(self._days)
        month = np.round(month, 9)  # $24 and not $24.000000000000007
        return month, _in_parts(days)

    def per_day(self, used: Ints) -> Floats:
        """Return what a day with these add-on credits costs in $, by the slabs."""
        bills = np.zeros(used.shape)
        for begin, end, price in zip(self._ends, self._ends[1:], self._prices, strict=False):
            bills += np.clip(used - begin, 0, end - begin) * price
        return bills

    def of_an_event(self, credits: Floats, limits: Ints) -> Floats:
        """Return what one day's use of these credits adds to a month's bill, (m,) $."""
        used = np.minimum(credits, np.maximum(0, limits - self._allowance))
        return self.per_day(used) * DAYS_PER_MONTH / len(self._days)


def _parts(days: int) -> int:
    return days // DAYS_PER_MONTH if days >= DAYS_PER_MONTH else 2


def _in_parts(days: Floats) -> Floats:
    """Return the parts of a run that make months, (m, parts), of the bills of its days, (m, k).

    They are its months of 30 days, one after the other, the rest left out. A shorter run is the
    whole or the beginning of a part of a month: both are returned.
    """
    count = days.shape[1]
    if count >= DAYS_PER_MONTH:
        months = count // DAYS_PER_MONTH
        whole = days[:, : months * DAYS_PER_MONTH]
        its: Floats = whole.reshape(len(days), months, DAYS_PER_MONTH).sum(axis=2)
        return its
    rest = DAYS_PER_MONTH % count
    return np.stack([days.sum(axis=1), days[:, :rest].sum(axis=1)], axis=1)


def worst_of(parts: Floats, days: int, certain: bool) -> Floats:
    """Return the bill that 1 month in 20 exceeds, of each size; nan where too few months tell.

    Parameters
    ----------
    parts : (n, m, parts) array
        What `Billing.of` gave in each of n replications. Where a run is shorter than a month,
        months are put together of replications that follow each other.
    days : int
        How many days of a run are billed.
    certain : bool
        Whether nothing is random, so that a replication tells all.
    """
    n, m = parts.shape[:2]
    if days >= DAYS_PER_MONTH:
        months = parts.transpose(0, 2, 1).reshape(-1, m)
    else:
        whole, rest = divmod(DAYS_PER_MONTH, days)
        if certain:  # all runs are alike
            months = whole * parts[:, :, 0] + parts[:, :, 1]
        else:
            each = whole + (rest > 0)
            runs = parts[: n // each * each].reshape(-1, each, m, 2)
            months = runs[:, :whole, :, 0].sum(axis=1)
            if rest:
                months = months + runs[:, whole, :, 1]
    if certain:
        highest: Floats = months.max(axis=0)
        return highest
    if len(months) < LEAST_MONTHS:
        return np.full(m, np.nan)
    # The least bill that no more than a twentieth of the months exceed: one that was simulated.
    worst: Floats = np.quantile(months, 1 - 1 / LEAST_MONTHS, axis=0, method="inverted_cdf")
    return worst
