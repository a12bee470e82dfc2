"""Checking a plan: the SimPy model decides the very demand again, call for call."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulation.compiled import Decider
from simulation.demand import Demand
from simulation.model import Model
from simulation.records import CallRecords, concatenate

__all__ = ["Confirmation", "confirm_sizes"]


@dataclass(frozen=True)
class Confirmation:
    """What was compared, record for record, and found identical.

    Attributes
    ----------
    addon_credits : list of int
        The sizes compared: the recommended one and the next smaller one.
    replications, days, calls : int
        How many of each, for every size; of a large replication its first days.
    identical : bool
        Always True: if not, planning fails.
    """

    addon_credits: list[int]
    replications: int
    days: int
    calls: int
    identical: bool


def confirm_sizes(
    demand: Demand,
    replications: int,
    places: list[int],
    sizes: NDArray[np.int64],
    limits: NDArray[np.int64],
    most_calls: int | Literal["all", "none"],
) -> Confirmation:
    """Decide whole replications again with the SimPy model, up to a number of calls.

    Raises
    ------
    RuntimeError
        If a record differs.
    """
    budget = 2**62 if most_calls == "all" else int(most_calls)
    compared = days = calls = 0
    for replication in range(replications):
        decider = Decider(demand, replication)
        if calls and calls + len(decider.calls) > budget:
            break
        for place in places:
            limit = int(limits[place])
            reached, count = _compare(demand, decider, replication, limit, budget)
        compared, calls, days = compared + 1, calls + count, days + reached
    return Confirmation([int(sizes[place]) for place in places], compared, days, calls, True)


def _compare(
    demand: Demand, decider: Decider, replication: int, limit: int, budget: int
) -> tuple[int, int]:
    """Compare one replication, or its first days; return how many days and calls."""
    parts: list[CallRecords] = []
    days = count = 0
    for day in Model(demand.scenario, replication, demand, limit).run():
        parts.append(day.settled)
        count += len(day.settled)
        days += 1
        if count >= budget:
            break
    modelled, compiled = concatenate(parts), decider.decide(limit)
    for column in [field.name for field in fields(CallRecords)][1:]:
        mine, theirs = getattr(modelled, column), getattr(compiled, column)[:count]
        if not np.array_equal(mine, theirs):
            row = int(np.flatnonzero(mine != theirs)[0])
            raise RuntimeError(
                f"the engines disagree on {column} of call {row} of replication {replication} "
                f"at a limit of {limit}: SimPy says {mine[row]}, the compiled loop {theirs[row]}; "
                "please report this scenario"
            )
    return days, count
