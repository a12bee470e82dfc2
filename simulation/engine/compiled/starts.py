"""A pool started in several states on one replication's demand: how many calls each throttles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Calls, Demand
from simulation.engine.compiled.lanes import hold, lanes_of
from simulation.engine.compiled.metered_model import run_metered
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.compiled.past import Past
from simulation.engine.compiled.retrying import Retrying
from simulation.engine.compiled.sweep import Sweep
from simulation.engine.compiled.swept import Pools

__all__ = ["throttled_from"]


def throttled_from(demand: Demand, replication: int, held: Sequence[int], length: int) -> Ints:
    """Return how many calls the scenario's pool throttles from each start, (starts, k) int64.

    They are counted in k intervals by when they were submitted, those of the warm-up among them.

    Parameters
    ----------
    demand : Demand
    replication : int
    held : sequence of int
        In use at each start, in the card's smallest unit; it comes back evenly over the first
        window.
    length : int
        Of the intervals, µs.
    """
    if not demand.scenario.is_plain:
        return np.array([_throttled_metered(demand, replication, each, length) for each in held])
    starts = _Starts(demand, replication, held, length)
    # What a sweep counts of whole runs is not asked for, so no client's calls have to count.
    counted = np.zeros(len(demand.scenario.clients), bool)
    limit = np.array([demand.scenario.card.in_units(demand.scenario.limit)])
    sweep = Sweep(Pools(demand, limit, counted), replication, starts)
    for portion in demand.draw_portions(replication):
        sweep.take(portion)
    return np.array([each.counts for each in starts.pools])


def _throttled_metered(demand: Demand, replication: int, held: int, length: int) -> Ints:
    """Return how many calls are throttled in each interval by a whole run from one start."""
    counts = np.zeros(-(-demand.scenario.clock.horizon // length), np.int64)
    engine = CompiledModel(demand.scenario, replication, demand)
    for day in engine.bounded(run_metered(engine, held)):
        settled = day.settled
        throttled_at = settled.calls.time[settled.throttled_by >= 0]
        counts += np.bincount(throttled_at // length, minlength=len(counts))
    return counts


class _Start(Retrying):
    """The pool from one start.

    Attributes
    ----------
    counts : (k,) int64 array
        Calls throttled in each interval.
    """

    def __init__(self, demand: Demand, replication: int, held: int, length: int) -> None:
        scenario = demand.scenario
        limit = np.array([scenario.card.pool_parts(scenario.limit)])
        super().__init__(limit, demand, replication)
        self._length = length
        self.counts: Ints = np.zeros(-(-scenario.clock.horizon // length), np.int64)
        if held:
            self._lanes, self._asleep = lanes_of(limit), np.zeros(1, bool)
            hold(self._lanes, held, scenario.card.window)
            self._lanes.state["strayed"] = 0  # so that it does not sleep before they are back

    def _decide_until(self, calls: Calls, past: Past, part: slice, until: int) -> None:
        refused = np.zeros(len(calls), np.bool_)
        self._tape = self._tape._replace(refused=refused)
        super()._decide_until(calls, past, part, until)
        self.counts += np.bincount(calls.time[refused] // self._length, minlength=len(self.counts))


class _Starts:
    """The pool from all starts, on the same calls."""

    work = 0

    def __init__(self, demand: Demand, replication: int, held: Sequence[int], length: int) -> None:
        self.pools = [_Start(demand, replication, each, length) for each in held]
        self.throttled = self.lost = np.zeros(1, np.int64)  # what a sweep counts is not asked for

    def skip_to(self, past: Past) -> None:
        """Go on after calls that were left out while each was in the state of an endless pool."""

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:
        """Decide the attempts from a moment on."""
        for each in self.pools:
            each.decide(calls, past, begin, ends)

    @property
    def asleep(self) -> bool:
        """Whether all are in the state of a pool without a limit."""
        return all(each.asleep for each in self.pools)

    @property
    def floor(self) -> int:
        """The limit, where a pool sleeps."""
        return min(each.floor for each in self.pools)
