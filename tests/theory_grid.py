"""The simulation against theory on a grid of pools, loads and costs, as standardised errors.

A cell is a pool of one limit under one stationary load. For each class of its calls theory gives
the throttled share p exactly. In replication r let dᵣ = throttled calls − p · calls: under the
theory its expectation is 0, whatever the number of calls. So t = mean(d) · √R / sd(d) is Student's
t with R − 1 degrees of freedom, whose variance is (R − 1) / (R − 3); it is mapped to the normal
number z of the same probability, and the z of all cells must look like standard normal numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2, norm, t

from simulation.demand.demand import Demand
from simulation.engine.engine import Engine
from simulation.experiment.replications import ENGINES
from simulation.planning.theory import erlang_b, kaufman_roberts
from simulation.quantities import DAY
from simulation.scenario.scenario import Scenario
from tests.helpers import any_limit, poisson
from tests.stationary import Slotted, Slotting, Stationary

Floats = NDArray[np.float64]

__all__ = ["LONG", "SHORT", "Cell", "Effort", "grid", "measure", "standardised", "summary", "wrong"]

LIMITS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
MORE_LIMITS = (1_250, 1_500, 3_000, 4_000, 7_500, 15_000, 25_000, 30_000, 40_000)
"""For mixes with calls of 500 credits, so that there are as many of these as of others."""
LOADS = (0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.2, 1.5)
MIXES = (
    *((1,), (5,), (50,), (500,)),
    *((1, 5), (1, 50), (1, 500), (5, 50), (5, 500), (50, 500)),
    *((1, 1, 1), (1, 5, 50), (1, 5, 50, 500)),
)
"""What the classes of a cell cost; each class asks for as many credits as the others."""

SLOTS = {
    1: (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000),
    2: (5, 10, 20, 50, 100, 150, 200),
    3: (5, 10, 15, 20),
    4: (5, 8, 10),
}
"""Pools of calls that tie: the limits for each number of instants a day."""

KINDS = {1: "one", 5: "five", 50: "fifty", 500: "five_hundred"}

MOST_BY_SIMPY = 50_000  # calls of a cell that the reference decides, of every second cell


@dataclass(frozen=True)
class Effort:
    """How long a grid looks.

    Attributes
    ----------
    every : int
        Every how many-th cell is taken, where the effort sees enough.
    replications, most_days : int
        How many, and at most how long each, its first day left out.
    most_calls : int
        The most calls that a cell makes.
    """

    every: int
    replications: int
    most_days: int
    most_calls: int


SHORT = Effort(every=7, replications=16, most_days=12, most_calls=1_200_000)
LONG = Effort(every=1, replications=20, most_days=60, most_calls=3_000_000)


@dataclass(frozen=True)
class Cell:
    """A pool under a load: one point of the grid.

    Attributes
    ----------
    limit : int
        Credits.
    load : float
        Credits offered in a window, by the limit.
    costs : tuple of int
        What a call of each class costs.
    slots : int
        At how many instants a day the calls come, all at once; 0 where they come at any time.
    """

    limit: int
    load: float
    costs: tuple[int, ...]
    slots: int = 0

    @property
    def loads(self) -> list[float]:
        """The mean number of calls of each class in a window."""
        return [self.load * self.limit / len(self.costs) / cost for cost in self.costs]

    @cached_property
    def chain(self) -> Slotting:
        """What theory says of calls that tie."""
        return Slotting(self.loads[0], self.limit // self.costs[0], self.slots)

    @cached_property
    def shares(self) -> list[float]:
        """The exact throttled share of each class."""
        if self.slots:
            return [self.chain.share]
        if len(self.costs) == 1:
            return [erlang_b(self.loads[0], self.limit // self.costs[0])]
        unit = math.gcd(*self.costs)  # of a pool, what is no multiple of it is of no use
        costs = [cost // unit for cost in self.costs]
        return [float(share) for share in kaufman_roberts(self.loads, costs, self.limit // unit)]

    @cached_property
    def bunching(self) -> float:
        """How many throttled calls come together: the peakedness of what a loss system refuses.

        It is Wilkinson's formula, for calls of the mean cost of a credit (Hayward's way).
        """
        credits = np.array(self.loads) * self.costs
        mean = float(credits @ self.costs / credits.sum())
        load, servers = float(credits.sum()) / mean, int(self.limit / mean)
        refused = load * erlang_b(load, servers)
        return max(1.0, 1 - refused + load / (servers + 1 + refused - load))

    def days(self, effort: Effort) -> int:
        """Return over how many days the effort looks, the first left out; 0 where it sees little.

        A replication is to throttle eight bunches of each class, and to accept as many, so that
        its sums are near to normal.
        """
        rarest = min(a * min(p, 1 - p) for a, p in zip(self.loads, self.shares, strict=True))
        most = int(effort.most_calls / effort.replications / sum(self.loads)) - 1
        most = min(most, effort.most_days)
        wanted = math.ceil(8 * self.bunching / max(rarest, 1e-9))
        return 0 if wanted > most else max(wanted, min(6, most))

    def scenario(self, days: int, seed: int) -> Scenario:
        """Return the cell as a scenario."""
        clients = [
            poisson(f"class {n}, {cost}", f"{calls:.9f} per day", KINDS[cost])
            for n, (cost, calls) in enumerate(zip(self.costs, self.loads, strict=True))
        ]
        return any_limit(self.limit, clients, horizon=f"{days + 1} days", warmup="1 day", seed=seed)

    def demand(self, scenario: Scenario) -> Demand:
        """Return demand that starts in the stationary state."""
        if self.slots:
            at_midnight = self.limit % 2 == 0
            return Slotted(scenario, self.chain, after=0 if at_midnight else DAY // 8)
        return Stationary(scenario)


def _all_cells() -> Iterator[Cell]:
    """Yield the cells of all limits, loads and mixes that can be."""
    for costs in MIXES:
        for limit in LIMITS + MORE_LIMITS * (max(costs) == 500):
            if limit >= max(costs):
                for load in LOADS:
                    yield Cell(limit, load, costs)
    for slots, limits in SLOTS.items():
        for limit in limits:
            for load in LOADS:
                yield Cell(limit, load, (1,), slots)


def grid(effort: Effort) -> dict[int, Cell]:
    """Return the cells in which an effort sees enough, by their number; that is their seed."""
    taken = islice(enumerate(_all_cells()), 0, None, effort.every)
    return {number: cell for number, cell in taken if cell.days(effort)}


def _counts(
    engine: type[Engine], demand: Demand, replication: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return calls and throttled calls of each client of a replication, after the warm-up."""
    scenario = demand.scenario
    calls, throttled = np.zeros((2, len(scenario.clients)), np.int64)
    for day in engine(scenario, replication, demand).run():
        settled = day.settled
        counted = settled.calls.time >= scenario.warmup_end
        client = settled.calls.client[counted]
        refused = client[settled.throttled_attempts[counted] > 0]
        calls += np.bincount(client, minlength=len(calls))
        throttled += np.bincount(refused, minlength=len(calls))
    return calls, throttled


def standardised(differences: Floats) -> tuple[Floats, Floats]:
    """Return how far means over replications lie from 0, as standard normal numbers, and errors.

    ``differences`` has a row for each replication; the results have an entry for each column.
    """
    count = len(differences)
    error = differences.std(axis=0, ddof=1) / math.sqrt(count)
    student = differences.mean(axis=0) / error
    return np.copysign(norm.isf(t.sf(np.abs(student), count - 1)), student), error


def measure(number: int, cell: Cell, effort: Effort) -> list[dict[str, Any]]:
    """Simulate a cell; return a row for each of its classes."""
    days = cell.days(effort)
    scenario = cell.scenario(days, seed=number)
    demand = cell.demand(scenario)
    wanted = sum(cell.loads) * (days + 1) * effort.replications
    engine = "simpy" if number % 2 == 0 and wanted < MOST_BY_SIMPY else "compiled"
    pairs = [_counts(ENGINES[engine], demand, r) for r in range(effort.replications)]
    calls, throttled = (np.array(column) for column in zip(*pairs, strict=True))
    z, errors = standardised(throttled - np.array(cell.shares) * calls)
    rows = []
    for place, (cost, share) in enumerate(zip(cell.costs, cell.shares, strict=True)):
        made, refused = int(calls[:, place].sum()), int(throttled[:, place].sum())
        rows.append(
            {
                "cell": number,
                "limit": cell.limit,
                "load": cell.load,
                "costs": "+".join(map(str, cell.costs)),
                "slots": cell.slots,
                "cost": cost,
                "engine": engine,
                "replications": effort.replications,
                "days": days,
                "calls": made,
                "theory": share,
                "observed": refused / made,
                "error": float(errors[place]) * effort.replications / made,
                "z": float(z[place]),
            }
        )
    return rows


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return number, mean, variance and extremes of z, by class and in all."""
    ties = rows["slots"] > 0
    groups = {f"{cost} credits": rows[~ties & (rows["cost"] == cost)] for cost in KINDS}
    groups |= {"ties": rows[ties], "all": rows}
    return pd.DataFrame(
        {
            name: {
                "rows": len(group),
                "cells": group["cell"].nunique(),
                "mean": group["z"].mean(),
                "variance": group["z"].var(),
                "lowest": group["z"].min(),
                "highest": group["z"].max(),
            }
            for name, group in groups.items()
            if len(group) > 1
        }
    ).T.astype({"rows": int, "cells": int})


def wrong(rows: pd.DataFrame) -> list[str]:
    """Return what does not look like standard normal numbers; nothing where the grid is green.

    The mean lies within 0.2 of 0, the variance between 0.8 and 1.25, and none beyond 4.5. Of few
    numbers chance asks for more room: what one in a thousand groups of right ones exceeds.
    """
    found = []
    for name, z in summary(rows).iterrows():
        count = float(z["rows"])
        mean = max(0.2, norm.isf(0.0005) / math.sqrt(count))
        low = min(0.8, chi2.ppf(0.0005, count - 1) / (count - 1))
        high = max(1.25, chi2.isf(0.0005, count - 1) / (count - 1))
        if abs(z["mean"]) > mean:
            found.append(f"{name}: the mean of {count:.0f} errors is {z['mean']:.2f}")
        if not low <= z["variance"] <= high:
            found.append(f"{name}: the variance of {count:.0f} errors is {z['variance']:.2f}")
        if max(-z["lowest"], z["highest"]) > 4.5:
            found.append(f"{name}: an error of {max(z['lowest'], z['highest'], key=abs):.1f}")
    return found
