"""Loops over the cells of a log: equal neighbours become one."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.arrays import Ints
from simulation.jit import compiled

__all__ = ["in_steps"]


def in_steps(values: Ints, calls: Ints, step: int) -> tuple[Ints, Ints]:
    """Return values by a step, rounded down, where neighbours differ, and the calls of each.

    Parameters
    ----------
    values, calls : (n,) int64 arrays
        Values in order, or nearly: those that are equal and apart are not put together.
    step : int
    """
    found, sums = np.empty(len(values), np.int64), np.empty(len(values), np.int64)
    count = _merge(values, calls, step, found, sums)
    return found[:count].copy(), sums[:count].copy()


@compiled
def _merge(values: Any, calls: Any, step: int, found: Any, sums: Any) -> int:
    """Fill in values by a step and their calls; return how many there are."""
    count = -1
    for n in range(len(values)):
        value = values[n] // step
        if count < 0 or found[count] != value:
            count += 1
            found[count], sums[count] = value, 0
        sums[count] += calls[n]
    return count + 1
