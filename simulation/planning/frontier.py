"""Every purchasable size judged on the same demand: what it leaves throttled, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd

from simulation.arrays import Floats, Ints
from simulation.errors import InputError, Problem
from simulation.experiment import Estimates, binomial_interval, ratios
from simulation.planning.judgement import Judgement
from simulation.quantities import DAY, DAYS_PER_MONTH
from simulation.scenario import Objective, Scenario

__all__ = ["MOST_SIZES", "Evidence", "check_sizes", "frontier_table"]

MOST_SIZES = 10_000
"""Sizes that a plan judges at most: the counts of each are in memory for each replication."""


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
        """Return price and cost of lost calls in $ per month, (n, m); nan where not judged."""
        return self.monthly_costs_of(self.judged.lost_calls)

    def monthly_costs_of(self, lost_calls: Floats) -> Floats:
        """Return the price and the cost of lost calls in $ per month, (…, m).

        ``lost_calls`` are those of one replication, at each size.
        """
        assert self.objective.cost_of_lost_call is not None
        # A run counts as its part of a month, so that a price and the calls lost in a run add up.
        months = self.scenario.counted / (DAYS_PER_MONTH * DAY)
        prices = np.array([float(price) for price in self.prices_per_month()])
        costs: Floats = prices + self.objective.cost_of_lost_call * lost_calls / months
        return costs

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


def _estimates(evidence: Evidence, counts: Ints, per: Ints) -> Estimates:
    """Return the ratio of counts (n, m) to a number for each replication, (n,), for each size.

    Intervals are those of `simulation.experiment.ratios`.
    """
    replications, unseen = evidence.judged.replications, evidence.judged.unseen
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
    """Return a row for each size: price, throttled share, lost calls, probability, intervals.

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
        **shares.at_most(1.0).columns("throttled_share"),
        **lost.columns("lost_calls"),
        **_probabilities(evidence).columns("meets_probability", "meets"),
        "replications": judged.replications,
    }
    if evidence.objective.cost_of_lost_call is not None:
        columns |= lost.mapped(evidence.monthly_costs_of).columns("cost_per_month")
    return pd.DataFrame(columns)
