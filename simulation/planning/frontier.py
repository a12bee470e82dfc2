"""Every purchasable size judged on the same demand: what it leaves throttled, and what it costs."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.demand import Demand, demand_of
from simulation.engine import Swept, lanes_at_once, sweep
from simulation.errors import InputError, Problem
from simulation.experiment import binomial_interval, in_processes, in_threads, ratios, unseen_calls
from simulation.quantities import DAY, DAYS_PER_MONTH
from simulation.scenario import Scenario

__all__ = [
    "MOST_SIZES",
    "Evidence",
    "Goal",
    "Judgement",
    "check_sizes",
    "frontier_table",
    "judge",
    "often_enough",
]

MOST_SIZES = 10_000
"""Sizes that a plan judges at most: what is known of each of them is held for each replication."""

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
    """Throttled and lost calls of m pool sizes in n replications of the same demand.

    Attributes
    ----------
    limits : (m,) int64 array
        The pool sizes, rising.
    calls : (n,) int64 array
        Calls that count, submitted after the warm-up.
    credits : (n,) int64 array
        What they cost together.
    throttled, lost : (n, m) int64 array
        How many of them were throttled at first, and how many were lost; -1 where a size was
        not judged. Each size is judged on the first replications, on all where it matters.
    enough : (n,) int64 array
        The pool size that throttles no call in the replication.
    work : (n,) int64 array
        How many attempts were decided for it, over all sizes.
    """

    limits: Ints
    calls: Ints
    credits: Ints
    throttled: Ints
    lost: Ints
    enough: Ints
    work: Ints

    @property
    def replications(self) -> Ints:
        """On how many replications each size was judged, (m,)."""
        counts: Ints = (self.throttled >= 0).sum(axis=0)
        return counts

    @property
    def shares(self) -> Floats:
        """Throttled shares, (n, m); 0 in a replication without calls, nan where not judged."""
        shares = self.throttled / np.maximum(self.calls, 1)[:, np.newaxis]
        return np.where(self.throttled < 0, np.nan, shares)

    @property
    def lost_calls(self) -> Floats:
        """Lost calls, (n, m); nan where not judged."""
        return np.where(self.lost < 0, np.nan, self.lost)

    @property
    def unseen(self) -> Floats:
        """How many calls an event may throttle that no replication shows, at each size, (m,)."""
        most = max(1.0, float(self.calls.mean()))
        return np.minimum(most, unseen_calls(self.enough, self.credits_per_call, self.limits))

    @property
    def credits_per_call(self) -> float:
        """What a call costs on average; 0 where there is none."""
        return float(self.credits.sum()) / max(1.0, float(self.calls.sum()))

    @property
    def enough_for_unseen(self) -> float:
        """The pool size that throttles no call even in an event that no replication shows."""
        event = float(unseen_calls(self.enough, self.credits_per_call))
        return float(self.enough.max()) + event * max(1.0, self.credits_per_call)

    def meets(self, goal: Goal) -> NDArray[np.bool_]:
        """Return in which replications which sizes keep to the goal's share, (n, m)."""
        allowed = goal.throttled_share * self.calls * (1 + 1e-12)  # 0.1 % of 1,000 is 1, not 0.99…
        return (self.throttled >= 0) & (self.throttled <= allowed[:, np.newaxis])

    def keep_to(self, goal: Goal) -> NDArray[np.bool_]:
        """Return which sizes keep to the goal in a large enough share of replications, (m,)."""
        kept: NDArray[np.bool_] = often_enough(
            self.meets(goal).sum(axis=0) / self.replications, goal
        )
        return kept

    def and_then(self, more: Judgement, places: Ints) -> Judgement:
        """Return this judgement with further replications of some of the sizes merged in.

        ``more`` begins with the first replication on which those sizes are not yet judged.
        """
        first = int(self.replications[places[0]])
        count = max(len(self.calls), first + len(more.calls))
        columns = {}
        for name in ("throttled", "lost"):
            columns[name] = np.full((count, len(self.limits)), -1, np.int64)
            columns[name][: len(self.calls)] = getattr(self, name)
            columns[name][first : first + len(more.calls), places] = getattr(more, name)
        rows = {
            name: np.concatenate((getattr(self, name)[:first], getattr(more, name)))
            for name in ("calls", "credits", "enough", "work")
        }
        return Judgement(self.limits, **columns, **rows)


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
        """Return price and cost of lost calls in $ per month, (n, m); nan where not judged."""
        return self.monthly_costs_of(self.judged.lost_calls)

    def monthly_costs_of(self, lost_calls: Floats) -> Floats:
        """Return the price and the cost of lost calls in $ per month, (…, m).

        ``lost_calls`` are those of one replication, at each size.
        """
        assert self.goal.cost_of_lost_call is not None
        months = self.scenario.counted / (DAYS_PER_MONTH * DAY)
        prices = np.array([float(price) for price in self.prices_per_month()])
        costs: Floats = prices + self.goal.cost_of_lost_call * lost_calls / months
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
        step = offer.purchase_cap // MOST_SIZES + 1
        what = (
            f"gives {len(sizes):,} sizes from 0 to {sizes[-1]:,}, and a plan judges at most "
            f"{MOST_SIZES:,}: write {step:,} or more, or lower purchase_cap_credits"
        )
        raise InputError([Problem(scenario.rate_card, "addon_step", what)])


class _Task(NamedTuple):
    """Pool sizes to be swept on one replication."""

    replication: int
    limits: Ints
    counted: NDArray[np.bool_]


def _sweep(demand: Demand, task: _Task) -> Swept:
    return sweep(demand, task.replication, task.limits, task.counted)


def _sweep_elsewhere(scenario: bytes, task: _Task) -> Swept:
    return _sweep(demand_of(scenario), task)


def judge(
    demand: Demand,
    replications: Sequence[int],
    limits: Ints,
    goal: Goal,
    workers: int = 1,
    processes: bool = False,
    done: Callable[[], None] | None = None,
) -> Judgement:
    """Judge pool sizes on the same demand, replication by replication.

    A size that is enough for all that is asked in any window throttles no call, retries or
    not, so only smaller ones are simulated. Results do not depend on the number of workers,
    nor on whether they are threads or processes.
    """
    names = [client.name for client in demand.scenario.clients]
    counted = np.array([not goal.protect or name in goal.protect for name in names])
    at_once = lanes_at_once(demand)
    run, function = in_threads, partial(_sweep, demand)
    if processes:
        run, function = in_processes, partial(_sweep_elsewhere, pickle.dumps(demand.scenario))
    shape = (len(replications), len(limits))
    throttled, lost = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    work = np.zeros(len(replications), np.int64)

    def swept(places: list[tuple[int, int]]) -> list[Swept]:
        tasks = [
            _Task(replications[row], limits[first : first + at_once], counted)
            for row, first in places
        ]
        found = []
        with closing(run(function, tasks, workers)) as results:
            for (row, first), each in zip(places, results, strict=True):
                throttled[row, first : first + at_once] = each.throttled
                lost[row, first : first + at_once] = each.lost
                work[row] += each.work
                found.append(each)
                if done is not None:
                    done()
        return found

    begun = swept([(row, 0) for row in range(len(replications))])
    swept(
        [
            (row, first)
            for row, each in enumerate(begun)
            for first in range(at_once, len(limits), at_once)
            if limits[first] < each.enough
        ]
    )
    calls, credits, enough = (
        np.array([getattr(each, name) for each in begun], np.int64)
        for name in ("calls", "credits", "enough")
    )
    return Judgement(limits, calls, credits, throttled, lost, enough, work)


def _estimates(known: Evidence, counts: Ints, per: Ints) -> dict[str, Floats]:
    """Return ratios of counts (n, m) to what stands for each replication, by end, (m,)."""
    found = {end: np.full(len(known.sizes), np.nan) for end in ("", "_low", "_high")}
    replications, unseen = known.judged.replications, known.judged.unseen
    for n in np.unique(replications):
        alike = replications == n
        ends = ratios(counts[:n, alike], per[:n], unseen[alike])
        for name, end in zip(found, ends, strict=True):
            found[name][alike] = ends[0] if known.certain else end
    return found


def frontier_table(known: Evidence) -> pd.DataFrame:
    """Return a row for each size: price, throttled share, lost calls, probability, intervals.

    Where nothing is random, a replication tells all and intervals are points.
    """
    offer, goal, judged = known.scenario.offer, known.goal, known.judged
    one = np.ones(len(judged.calls), np.int64)
    columns: dict[str, object] = {
        "addon_credits": known.sizes,
        "limit": judged.limits,
        "price_per_day": [offer.price_per_day(int(size)) for size in known.sizes],
        "price_per_month": known.prices_per_month(),
    }
    lost = _estimates(known, judged.lost, one)
    shares = _estimates(known, judged.throttled, judged.calls)
    shares["_high"] = np.minimum(shares["_high"], 1.0)
    for name, found in (("throttled_share", shares), ("lost_calls", lost)):
        columns |= {f"{name}{end}": values for end, values in found.items()}
    kept, counts = judged.meets(goal).sum(axis=0), judged.replications
    columns["meets_probability"] = kept / counts
    ends = [
        (float(k), float(k)) if known.certain else binomial_interval(int(k), int(n))
        for k, n in zip(kept, counts, strict=True)
    ]
    columns["meets_low"], columns["meets_high"] = zip(*ends, strict=True)
    columns["replications"] = counts
    if goal.cost_of_lost_call is not None:
        for end, values in lost.items():
            columns[f"cost_per_month{end}"] = known.monthly_costs_of(values)
    return pd.DataFrame(columns)
