"""Checking a plan: the demand is replayed through the SimPy model, and every record compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand
from simulation.engine import CallRecords, CompiledModel, DayRecords, Model
from simulation.experiment import Steps

__all__ = ["Confirmation", "confirm_sizes", "differences"]


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What was compared, record for record, and found identical.

    Attributes
    ----------
    addon_credits : list of int
        The sizes compared: those that fresh replications judged.
    replications, days, calls : int
        How much was compared for each size; of a replication over the budget its first days.
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
    indices: list[int],
    sizes: NDArray[np.int64],
    limits: NDArray[np.int64],
    most_calls: int | Literal["all"],
    steps: Steps | None = None,
) -> Confirmation:
    """Return how much both engines agree on: whole replications, up to a number of calls.

    Each day of each size is one of the ``steps``.

    Raises
    ------
    RuntimeError
        If a record differs.
    """
    # Larger than any number of calls, and still an integer of NumPy.
    budget = 2**62 if most_calls == "all" else most_calls
    steps = steps or Steps()
    whole = min(replications, int(budget / max(1.0, demand.calls_a_day * demand.days)))
    first = min(demand.days, ceil(budget / max(1.0, demand.calls_a_day)))
    steps.expect(max(first, whole * demand.days) * len(indices), alike=False)
    compared = days = calls = 0
    for replication in range(replications):
        counts = _counts(demand, replication, budget - calls)
        if calls and calls + counts[-1] > budget:
            break
        # A replication is compared whole, since differences may show late; only where the first one
        # exceeds the budget it is cut, after the day on which the budget is reached: a confirmation
        # of nothing would confirm nothing.
        reached = min(len(counts), 1 + int(np.searchsorted(counts, budget)))
        for index in indices:
            _compare(demand, replication, int(limits[index]), reached, steps)
        compared, days, calls = compared + 1, days + reached, calls + int(counts[reached - 1])
    return Confirmation(
        addon_credits=[int(sizes[index]) for index in indices],
        replications=compared,
        days=days,
        calls=calls,
        identical=True,
    )


def _counts(demand: Demand, replication: int, most: int) -> NDArray[np.int64]:
    """Return how many calls come by the end of each day, until there are more than ``most``."""
    counts = list[int]()
    for day in demand.draw_days(replication):
        counts.append(len(day) + (counts[-1] if counts else 0))
        if counts[-1] > most:
            break
    return np.array(counts, np.int64)


def _compare(demand: Demand, replication: int, limit: int, days: int, steps: Steps) -> None:
    """Compare the first days of one replication."""
    # Both engines run in step, a day at a time: the records of a run are never in memory together.
    models = (
        engine(demand.scenario, replication, demand, limit).run()
        for engine in (Model, CompiledModel)
    )
    for one, other in islice(zip(*models, strict=True), days):
        # A plan that is not confirmed must not be used, so the first difference ends it.
        for what, row, mine, theirs in differences(one, other):
            raise RuntimeError(
                f"the engines disagree on {what} {row} of day {one.day} of replication "
                f"{replication} at a limit of {limit}: SimPy says {mine}, the compiled loop "
                f"{theirs}; please report this scenario"
            )
        steps.tick()


def differences(one: DayRecords, other: DayRecords) -> Iterator[tuple[str, int, object, object]]:
    """Yield where the records of a day differ: the column, the first such row, both values."""
    parts = [
        (name, getattr(one, name), getattr(other, name))
        for name in ("settled", "grants", "throttles")
    ]
    # The first field of call records, the calls as submitted, is a table of its own; True is 1.
    parts.insert(0, ("calls", one.settled.calls, other.settled.calls))
    for name, mine, theirs in parts:
        columns = [field.name for field in fields(mine)]
        for column in columns[isinstance(mine, CallRecords) :]:
            a, b = getattr(mine, column), getattr(theirs, column)
            if a is None and b is None:  # durations, where no call lasts
                continue
            if a is None or b is None:
                yield f"whether {name} have a column {column}, row", 0, a is None, b is None
            elif len(a) != len(b):
                yield f"the number of {name}, column {column}, row", 0, len(a), len(b)
            # Equal values of another type would be other bytes in calls.parquet.
            elif a.dtype != b.dtype:
                yield f"the type of {name}.{column}, row", 0, a.dtype, b.dtype
            elif not np.array_equal(a, b):
                row = int(np.flatnonzero(a != b)[0])
                yield f"{name}.{column}, row", row, a[row], b[row]
    peaks = [[] if day.peaks is None else day.peaks.tolist() for day in (one, other)]
    if peaks[0] != peaks[1]:
        yield "the peaks of meters, row", 0, one.peaks, other.peaks
