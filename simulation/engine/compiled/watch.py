"""Pools of several sizes over time, on one replication's demand; no call is recorded."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Calls, Demand, Portion
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.compiled.past import Past
from simulation.engine.compiled.retrying import Retrying
from simulation.engine.compiled.sweep import Sweep
from simulation.engine.compiled.swept import Pools
from simulation.jit import compiled

__all__ = ["Watched", "watch"]


class Watched(NamedTuple):
    """What m pools do in each of k intervals.

    Attributes
    ----------
    available : (m, k) int64 array
        What is available just before the interval ends, in the card's smallest unit.
    throttled_attempts : (m, k) int64 array
    """

    available: Ints
    throttled_attempts: Ints


def watch(demand: Demand, replication: int, limits: Ints, length: int) -> Watched:
    """Return what pools of several sizes do over time, in intervals of some µs.

    ``limits`` rise, (m,), in the card's smallest unit. It is what a run of each would say, at the
    price of a sweep.
    """
    if not demand.scenario.is_plain:
        return _watched_metered(demand, replication, limits, length)
    horizon, window = demand.scenario.clock.horizon, demand.scenario.card.window
    ends = np.minimum(np.arange(length, horizon + length, length), horizon)
    lanes = _Watching(limits, demand, replication, ends)
    # What the sweep counts of whole runs is not asked for, so no client's calls have to count.
    counted = np.zeros(len(demand.scenario.clients), bool)
    sweep = Sweep(Pools(demand, limits, counted), replication, lanes)
    asked, returned = np.zeros(len(ends), np.int64), np.zeros(len(ends), np.int64)
    for portion in demand.draw_portions(replication):
        sweep.take(portion)
        _add_until(asked, ends, portion)
        _add_until(returned, ends - window, portion)
    # A lane that sleeps holds what a pool without a limit does.
    in_use = np.where(lanes.in_use < 0, asked - returned, lanes.in_use)
    return Watched(limits[:, np.newaxis] - in_use, lanes.throttled_attempts)


def _watched_metered(demand: Demand, replication: int, limits: Ints, length: int) -> Watched:
    """Return what pools do over time by whole runs, one after the other."""
    scenario = demand.scenario
    count = -(-scenario.clock.horizon // length)
    ends = np.minimum(np.arange(1, count + 1) * length, scenario.clock.horizon)
    in_use, throttled = (np.zeros((len(limits), count), np.int64) for _ in range(2))
    per_credit = scenario.card.pool_parts(1)
    for n, limit in enumerate(limits.tolist()):
        credits = limit // per_credit if limit % per_credit == 0 else limit / per_credit
        for day in CompiledModel(scenario, replication, demand, credits).run():
            throttled[n] += np.bincount(day.throttles.time // length, minlength=count)
            for granted in (day.grants, day.before):
                if granted is not None:
                    back = granted.back_at
                    back = granted.time + scenario.card.window if back is None else back
                    in_use[n] += _sums_until(ends, granted.time, granted.credits)
                    order = np.argsort(back, kind="stable")
                    in_use[n] -= _sums_until(ends, back[order], granted.credits[order])
    return Watched(limits[:, np.newaxis] - in_use, throttled)


def _sums_until(moments: Ints, time: Ints, credits: Ints) -> Ints:
    """Return the credits before each of some moments; times rise."""
    totals = np.concatenate(([0], credits.cumsum()))
    sums: Ints = totals[np.searchsorted(time, moments)]
    return sums


def _add_until(sums: Ints, moments: Ints, portion: Portion) -> None:
    """Add to each sum what is asked for before its moment; moments rise."""
    for wanted in portion.wanted:
        if len(wanted):
            first, last = np.searchsorted(moments, wanted.time[[0, -1]], side="right").tolist()
            total = np.concatenate(([0], wanted.credits.cumsum()))
            sums[first:last] += total[np.searchsorted(wanted.time, moments[first:last])]
            sums[last:] += total[-1]


class _Watching(Retrying):
    """Lanes that are looked at when an interval ends.

    Attributes
    ----------
    in_use : (m, k) int64 array
        Credits in use in each lane just before each interval ends; -1 where it sleeps.
    throttled_attempts : (m, k) int64 array
    """

    def __init__(self, limits: Ints, demand: Demand, replication: int, ends: Ints) -> None:
        super().__init__(limits, demand, replication)
        self._ends = ends
        self.in_use = np.full((len(limits), len(ends)), -1, np.int64)
        self.throttled_attempts = np.zeros((len(limits), len(ends)), np.int64)

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:
        first, last = np.searchsorted(self._ends, (begin, ends[-1]), side="right").tolist()
        super().decide(calls, past, begin, sorted({*self._ends[first:last].tolist(), *ends}))

    def _decide_until(self, calls: Calls, past: Past, part: slice, until: int) -> None:
        before = self._lanes.state["refused"].copy()
        super()._decide_until(calls, past, part, until)
        interval = int(np.searchsorted(self._ends, until))
        refused = self._lanes.state["refused"].copy()
        refused[: len(before)] -= before
        self.throttled_attempts[: len(refused), interval] += refused
        if until == self._ends[interval]:
            awake = np.flatnonzero(~self._asleep)
            held = np.empty(len(awake), np.int64)
            _in_use(self._lanes.state, self._lanes.grants, awake, until - self._laws.window, held)
            self.in_use[awake, interval] = held


@compiled
def _in_use(state, grants, which, edge, held):  # type: ignore[no-untyped-def]
    """Put into ``held`` what some lanes have granted from a moment on."""
    ring = grants.shape[1] - 1
    for n in range(which.shape[0]):
        lane, its = state[which[n]], grants[which[n]]
        held[n] = 0
        for grant in range(lane.oldest, lane.made):
            if its[grant & ring].time >= edge:
                held[n] += its[grant & ring].credits
