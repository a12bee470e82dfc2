"""Every purchasable size judged on the same demand: what it leaves throttled, and what it costs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.compiled import Decider, window_demand
from simulation.demand import Demand
from simulation.quantities import DAY
from simulation.rate_card import DAYS_PER_MONTH
from simulation.records import IMPOSSIBLE, LOST
from simulation.scenario import Scenario
from simulation.statistics import binomial_interval, mean_with_interval

__all__ = [
    "Evidence",
    "Goal",
    "Judgement",
    "frontier_table",
    "judge",
    "often_enough",
    "purchasable",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Goal:
    """What a purchase has to achieve, with the defaults filled in.

    Attributes
    ----------
    throttled_share, probability : float
        In at least this share of periods at most this share of the calls is throttled.
    cost_of_lost_call : float or None
        Where given, the least expected cost is looked for instead.
    protect : tuple of str
        The clients whose calls count; all where it is empty.
    """

    throttled_share: float
    probability: float
    cost_of_lost_call: float | None
    protect: tuple[str, ...]

    @classmethod
    def of(cls, scenario: Scenario) -> Goal:
        """Return the goal of a scenario; 0.1 % and 95 % where it names none."""
        objective = scenario.objective
        share, probability = objective.throttled_share, objective.probability
        return cls(
            0.001 if share is None else share,
            0.95 if probability is None else probability,
            objective.cost_of_lost_call,
            objective.protect,
        )


def often_enough(shares: Floats, goal: Goal) -> NDArray[np.bool_]:
    """Return which shares of replications reach the goal's probability, rounding forgiven."""
    return shares >= goal.probability - 1e-12


@dataclass(frozen=True)
class Judgement:
    """What n replications say of m pool sizes, each on the same demand.

    Attributes
    ----------
    limits : (m,) int64 array
        The pool sizes, rising.
    calls : (n,) int64 array
        Calls that count, submitted after the warm-up.
    throttled, lost : (n, m) int64 array
        How many of them were throttled at first, and how many were lost.
    enough : (n,) int64 array
        The pool size that throttles nobody in the replication.
    """

    limits: Ints
    calls: Ints
    throttled: Ints
    lost: Ints
    enough: Ints

    @property
    def shares(self) -> Floats:
        """Throttled shares, (n, m); 0 in a replication without calls."""
        return self.throttled / np.maximum(self.calls, 1)[:, np.newaxis]

    def meets(self, goal: Goal) -> NDArray[np.bool_]:
        """Return in which replications which sizes keep to the goal's share, (n, m)."""
        allowed = goal.throttled_share * self.calls * (1 + 1e-12)  # 0.1 % of 1,000 is 1, not 0.99…
        return self.throttled <= allowed[:, np.newaxis]

    def keep_to(self, goal: Goal) -> NDArray[np.bool_]:
        """Return which sizes keep to the goal in a large enough share of replications, (m,)."""
        kept: NDArray[np.bool_] = often_enough(self.meets(goal).mean(axis=0), goal)
        return kept

    def and_then(self, more: Judgement) -> Judgement:
        """Return this judgement with more replications."""
        joined = (
            np.concatenate([getattr(self, name), getattr(more, name)])
            for name in ("calls", "throttled", "lost", "enough")
        )
        return Judgement(self.limits, *joined)


@dataclass(frozen=True)
class Evidence:
    """What is known of a scenario's purchasable sizes.

    Attributes
    ----------
    scenario : Scenario
    goal : Goal
    sizes : (m,) int64 array
        Every purchasable size, add-on credits.
    judged : Judgement
        What the replications say of the pool that each gives.
    certain : bool
        Whether nothing is random, so that one replication tells all.
    """

    scenario: Scenario
    goal: Goal
    sizes: Ints
    judged: Judgement
    certain: bool

    def monthly_costs(self) -> Floats:
        """Return price and cost of lost calls in $ per month, for each replication and size."""
        assert self.goal.cost_of_lost_call is not None
        counted = self.scenario.horizon - self.scenario.warmup_end
        months = counted / (DAYS_PER_MONTH * DAY)
        prices = np.array([float(price) for price in self.prices_per_month()])
        costs: Floats = prices + self.goal.cost_of_lost_call * self.judged.lost / months
        return costs

    def prices_per_month(self) -> list[Decimal]:
        """Return what each size costs in $ per month of 30 days, exact."""
        return [self.scenario.card.price_per_month(int(size)) for size in self.sizes]


def purchasable(scenario: Scenario) -> Ints:
    """Return every purchasable size from 0 to the purchase cap, in the card's steps."""
    sizes = scenario.card.addon_sizes(scenario.org.edition, scenario.user_licenses)
    return np.array(sizes, np.int64)


def limits_of(scenario: Scenario, sizes: Ints) -> Ints:
    """Return the pool size that each purchase gives."""
    edition, licenses = scenario.org.edition, scenario.user_licenses
    limits = [scenario.card.limit(edition, licenses, int(size)) for size in sizes]
    return np.array(limits, np.int64)


def judge(
    demand: Demand,
    replications: Sequence[int],
    limits: Ints,
    goal: Goal,
    done: Callable[[], None] | None = None,
) -> Judgement:
    """Judge pool sizes on the same demand, replication by replication.

    A size that is enough for all that is asked in any window throttles nobody, retries or
    not, so only smaller ones are simulated. Results do not depend on the number of threads.
    """
    names = [client.name for client in demand.scenario.clients]
    counts = np.array([not goal.protect or name in goal.protect for name in names])

    def one(replication: int) -> tuple[int, Ints, Ints, int]:
        decider = Decider(demand, replication)
        calls = decider.calls
        counted = (calls.time >= demand.scenario.warmup_end) & counts[calls.client]
        enough = window_demand(calls, demand.scenario.card.window)
        throttled, lost = np.zeros((2, len(limits)), np.int64)
        for place, limit in enumerate(limits):
            if limit < enough:
                records = decider.decide(int(limit))
                given_up = (records.outcome == LOST) | (records.outcome == IMPOSSIBLE)
                throttled[place] = np.count_nonzero((records.throttled_attempts > 0) & counted)
                lost[place] = np.count_nonzero(given_up & counted)
        if done is not None:
            done()
        return int(counted.sum()), throttled, lost, enough

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        calls, throttled, lost, enough = zip(*pool.map(one, replications), strict=True)
    return Judgement(
        limits,
        np.array(calls, np.int64),
        np.array(throttled, np.int64),
        np.array(lost, np.int64),
        np.array(enough, np.int64),
    )


def frontier_table(known: Evidence) -> pd.DataFrame:
    """Return a row for each size: price, throttled share, lost calls, probability, intervals.

    Where nothing is random, a replication tells all and intervals are points.
    """
    scenario, goal, judged, certain = known.scenario, known.goal, known.judged, known.certain
    shares, meets, n = judged.shares, judged.meets(goal), len(judged.calls)
    costs = None
    if goal.cost_of_lost_call is not None:
        costs = known.monthly_costs()
    rows = []
    for place, size in enumerate(known.sizes):
        share = mean_with_interval(shares[:, place])
        lost = mean_with_interval(judged.lost[:, place])
        kept = int(meets[:, place].sum())
        low, high = (float(kept), float(kept)) if certain else binomial_interval(kept, n)
        if certain:
            share = share._replace(ci95_low=share.mean, ci95_high=share.mean)
            lost = lost._replace(ci95_low=lost.mean, ci95_high=lost.mean)
        row: dict[str, object] = {
            "addon_credits": int(size),
            "limit": int(judged.limits[place]),
            "price_per_day": scenario.card.price_per_day(int(size)),
            "price_per_month": scenario.card.price_per_month(int(size)),
            "throttled_share": share.mean,
            "throttled_share_low": share.ci95_low,
            "throttled_share_high": min(1.0, share.ci95_high) if share.has_interval else np.nan,
            "lost_calls": lost.mean,
            "lost_calls_low": lost.ci95_low,
            "lost_calls_high": lost.ci95_high,
            "meets_probability": kept / n,
            "meets_low": low,
            "meets_high": high,
        }
        if costs is not None:
            cost = mean_with_interval(costs[:, place])
            row |= {
                "cost_per_month": cost.mean,
                "cost_per_month_low": cost.mean if certain else cost.ci95_low,
                "cost_per_month_high": cost.mean if certain else cost.ci95_high,
            }
        rows.append(row)
    return pd.DataFrame(rows)
