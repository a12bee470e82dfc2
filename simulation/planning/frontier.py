"""Every purchasable size judged on the same demand: what it leaves throttled, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import isnan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.arrays import Floats, Ints
from simulation.errors import InputError, Problem
from simulation.experiment import Estimate, Estimates, binomial_interval, ratios
from simulation.planning.billing import Billing, days_billed, worst_of
from simulation.planning.judgement import Judgement
from simulation.quantities import DAY, DAYS_PER_MONTH
from simulation.scenario import Objective, Scenario

__all__ = ["MOST_SIZES", "Evidence", "bill_of", "check_sizes", "frontier_table"]

MOST_SIZES = 10_000
"""Sizes that a plan judges at most: the counts of each are in memory for each replication."""

_LEAST_EVENT = 1e-9  # $, so that an interval is never that of events of nothing


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What replications say of a scenario's purchasable sizes.

    Attributes
    ----------
    scenario : Scenario
    objective : Objective
    sizes : (m,) int64 array
        Every purchasable size, add-on credits.
    judged : Judgement
        What the replications say of the pool that each gives.
    certain : bool
        Whether nothing is random, so that one replication tells all.
    """

    scenario: Scenario
    objective: Objective
    sizes: Ints
    judged: Judgement
    certain: bool

    def monthly_costs(self) -> Floats:
        """Return what is paid and what lost calls cost, in $ per month, (n, m); nan if not judged.

        The price is paid, or where use is billed the bill.
        """
        if self.judged.bills is not None:
            return self.judged.bills + self.monthly_cost_of_a_call * self.judged.lost_calls
        return self.monthly_costs_of(self.judged.lost_calls)

    @property
    def monthly_cost_of_a_call(self) -> float:
        """What a call that is lost in each run costs in $ per month."""
        assert self.objective.cost_of_lost_call is not None
        # A run counts as its part of a month, so that a price and the calls lost in a run add up.
        return self.objective.cost_of_lost_call / self._months

    def monthly_costs_of(self, lost_calls: Floats) -> Floats:
        """Return the price and the cost of lost calls in $ per month, (…, m).

        ``lost_calls`` are those of one replication, at each size.
        """
        assert self.objective.cost_of_lost_call is not None
        costs: Floats = (
            self._prices() + self.objective.cost_of_lost_call * lost_calls / self._months
        )
        return costs

    @property
    def _months(self) -> float:
        return self.scenario.counted / (DAYS_PER_MONTH * DAY)

    def bills(self) -> Estimates:
        """Return what is paid in $ per month on average; the price where the whole size is."""
        prices, bills = self._prices(), self.judged.bills
        if bills is None:
            return Estimates(prices, prices, prices, self.judged.replications)
        one = np.ones(len(bills), np.int64)
        found = _estimates(self, bills, one, self.unseen_bills()).at_most(prices)
        return found.exact(prices == 0)  # of no size nothing is ever billed

    def unseen_bills(self) -> Floats:
        """Return what an event that no replication shows adds to the bill of a month, (m,)."""
        credits = self.judged.unseen * max(self.judged.unit, self.judged.credits_per_call)
        billed = Billing(self.scenario).of_an_event(credits, self.judged.limits)
        return np.maximum(billed, _LEAST_EVENT)

    def worst_bills(self) -> Floats:
        """Return what 1 month in 20 is billed more than, (m,); nan where too few months tell."""
        parts, replications = self.judged.parts, self.judged.replications
        if parts is None:
            return self._prices()
        days, worst = len(days_billed(self.scenario)), np.full(len(self.sizes), np.nan)
        for n in np.unique(replications):
            alike = replications == n
            worst[alike] = worst_of(parts[:n, alike], days, self.certain)
        return worst

    def _prices(self) -> Floats:
        return np.array([float(price) for price in self.prices_per_month()])

    def prices_per_month(self) -> list[Decimal]:
        """Return what each size costs in $ per month of 30 days, exact."""
        offer = self.scenario.offer
        return [offer.price_per_month(int(size)) for size in self.sizes]


def check_sizes(scenario: Scenario) -> None:
    """Raise InputError where more sizes can be bought than a plan judges."""
    offer = scenario.offer
    sizes = offer.sizes
    if len(sizes) > MOST_SIZES:
        # cap // step + 1 sizes are at most MOST_SIZES exactly if step exceeds cap / MOST_SIZES.
        step = offer.purchase_cap // MOST_SIZES + 1
        what = (
            f"gives {len(sizes):,} sizes from 0 to {sizes[-1]:,}, and a plan judges at most "
            f"{MOST_SIZES:,}: write {step:,} or more, or lower purchase_cap_credits"
        )
        raise InputError([Problem(scenario.rate_card, "addon_step", what)])


def _estimates(
    evidence: Evidence, counts: NDArray[Any], per: Ints, unseen: Floats | None = None
) -> Estimates:
    """Return the ratio of counts (n, m) to a number for each replication, (n,), for each size.

    Intervals are those of `simulation.experiment.ratios`; an event that no replication shows adds
    ``unseen``, (m,): as many as calls that it throttles, unless given.
    """
    replications = evidence.judged.replications
    unseen = evidence.judged.unseen if unseen is None else unseen
    mean, low, high = (np.full(len(evidence.sizes), np.nan) for _ in range(3))
    # The interval of a ratio is over the replications that judged the size, and some sizes missed
    # the later ones. There are few such groups, so each is one step for all of its sizes.
    for n in np.unique(replications):
        alike = replications == n
        found = ratios(counts[:n, alike], per[:n], unseen[alike])
        mean[alike], low[alike], high[alike] = found.mean, found.low, found.high
    estimates = Estimates(mean, low, high, replications)
    return estimates.exact() if evidence.certain else estimates


def _probabilities(evidence: Evidence) -> Estimates:
    """Return the probability with which each size meets the objective.

    A replication meets it or not, so its interval is that of Clopper and Pearson (1934).
    """
    judged = evidence.judged
    kept, counts = judged.meets(evidence.objective).sum(axis=0), judged.replications
    ends = [binomial_interval(int(k), int(n)) for k, n in zip(kept, counts, strict=True)]
    low, high = np.array(ends).T
    estimates = Estimates(kept / counts, low, high, counts)
    return estimates.exact() if evidence.certain else estimates


def frontier_table(evidence: Evidence) -> pd.DataFrame:
    """Return a row for each size: price, bill, throttled share, lost calls, probability, intervals.

    Where nothing is random, a replication tells all and intervals are points.
    """
    offer, judged = evidence.scenario.offer, evidence.judged
    # A mean is a ratio to 1 in each replication. The interval of a ratio knows no upper bound, so
    # that of a share is cut at the whole.
    one = np.ones(len(judged.calls), np.int64)
    lost = _estimates(evidence, judged.lost, one)
    shares = _estimates(evidence, judged.throttled, judged.calls)
    columns: dict[str, object] = {
        "addon_credits": evidence.sizes,
        "limit": judged.limits,
        "price_per_day": [offer.price_per_day(int(size)) for size in evidence.sizes],
        "price_per_month": evidence.prices_per_month(),
        **evidence.bills().columns("bill_per_month"),
        "worst_bill_per_month": evidence.worst_bills(),
        **shares.at_most(1.0).columns("throttled_share"),
        **lost.columns("lost_calls"),
        **_probabilities(evidence).columns("meets_probability", "meets"),
        "replications": judged.replications,
    }
    if evidence.objective.cost_of_lost_call is not None:
        columns |= _costs(evidence, lost, one).columns("cost_per_month")
    return pd.DataFrame(columns)


def bill_of(table: pd.DataFrame, size: int) -> tuple[Estimate[float], float | None]:
    """Return what a size is billed per month in a table of sizes, and in the worst month in 20.

    The latter is None where too few months were simulated to tell.
    """
    row = table[table["addon_credits"] == size].iloc[0]
    worst = float(row["worst_bill_per_month"])
    return Estimate.from_row(row, "bill_per_month"), None if isnan(worst) else worst


def _costs(evidence: Evidence, lost: Estimates, one: Ints) -> Estimates:
    """Return what each size costs in all, by the estimates of its lost calls."""
    if evidence.judged.bills is None:
        return lost.mapped(evidence.monthly_costs_of)
    # Bills rise where fewer calls are lost, so the interval is that of their sum.
    unseen = evidence.unseen_bills() + evidence.monthly_cost_of_a_call * evidence.judged.unseen
    return _estimates(evidence, evidence.monthly_costs(), one, unseen)
