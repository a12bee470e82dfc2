"""What pools consume on each local day, beside what a sweep counts: the base of a bill.

A pool that sleeps has consumed what demand asks for. So only what those awake consume less, or by
retries more, is noted for each pool; the grants since a moment stand in their rings.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints
from simulation.demand import Calls, Demand, Portion
from simulation.engine.compiled.lanes import GRANT, LANE
from simulation.engine.compiled.past import Past
from simulation.engine.compiled.retrying import Retrying
from simulation.jit import compiled
from simulation.scenario import Clock

__all__ = ["Consumed", "DailyUse", "Highest", "Missed"]

_LINEAR = 2**62 - 1  # a mask that changes no number: of an array that is no ring


class DailyUse(NamedTuple):
    """What m pools use on each local day of a run, in the parts that the pool counts.

    It is what the day consumes, or the most that is in use at a moment of the day.

    Attributes
    ----------
    pools : (m, days) int64 array
    unlimited : (days,) int64 array
        The same of a pool without a limit.
    """

    pools: Ints
    unlimited: Ints


class Missed:
    """What m pools consume less on each day than demand asks for; negative where it is more.

    Parameters
    ----------
    clock : Clock
        Of the scenario.
    pools : int
        How many there are.
    """

    def __init__(self, clock: Clock, pools: int) -> None:
        self.edges: Ints = np.array([clock.day_start(day) for day in range(clock.days + 1)])
        self.credits = np.zeros((clock.days, pools), np.int64)
        self._asked = np.zeros(clock.days, np.int64)

    def ask(self, portion: Portion) -> None:
        """Take in what is asked for in a block, whether it is decided or not."""
        days = portion.block.days
        edges = self.edges[days.start : days.stop + 1]
        for wanted in portion.wanted:
            if len(wanted):
                totals = np.concatenate(([0], wanted.credits.cumsum()))
                at_edges = totals[np.searchsorted(wanted.time, edges)]
                self._asked[days.start : days.stop] += np.diff(at_edges)

    def refuse(self, past: Past, granted: NDArray[np.uint8], awake: Ints, arrived: int) -> None:
        """Take in the new calls that lanes side by side have refused.

        Parameters
        ----------
        past : Past
        granted, awake : arrays
            The rings of `decide_dropping`.
        arrived : int
            The number of the first new call.
        """
        new = slice(past.start, None)
        _refused(
            past.time[new], past.credits[new], granted, awake, arrived, self.edges, self.credits
        )

    def use(self) -> DailyUse:
        """Return what the pools consume."""
        return DailyUse((self._asked[:, np.newaxis] - self.credits).T, self._asked)


@compiled
def _refused(time, credits, granted, awake, arrived, edges, missed):  # type: ignore[no-untyped-def]
    """Add what lanes refused to the day on which they did."""
    turn, pools, day = granted.shape[0] - 1, missed.shape[1], 0
    for n in range(time.shape[0]):
        while edges[day + 1] <= time[n]:
            day += 1
        row = (arrived + n) & turn
        for lane in range(min(awake[row], pools)):
            missed[day, lane] += np.int64(0) if granted[row, lane] else credits[n]


class _InStretches(Retrying):
    """Lanes that are looked at after stretches in which nothing that they grant comes back."""

    def __init__(self, limits: Ints, demand: Demand, replication: int) -> None:
        super().__init__(limits, demand, replication)
        self._clock, self._window = demand.scenario.clock, demand.scenario.card.window
        self._begin = 0  # of the stretch

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:
        self._begin = begin
        most, cuts = max(1, self._window // 2), set(ends)
        for first, last in pairwise([begin, *ends]):
            cuts.update(range(first + most, last, most))
        super().decide(calls, past, begin, sorted(cuts))


class Consumed(_InStretches):
    """Lanes of which is noted what they consume on each day."""

    def __init__(self, limits: Ints, demand: Demand, replication: int, missed: Missed) -> None:
        super().__init__(limits, demand, replication)
        self._missed = missed

    def _decide_until(self, calls: Calls, past: Past, part: slice, until: int) -> None:
        super()._decide_until(calls, past, part, until)
        # One that sleeps by now granted all of the stretch, or strayed in it and would not sleep.
        awake = np.flatnonzero(~self._asleep)
        granted = np.empty(len(awake), np.int64)
        _granted(self._lanes.state, self._lanes.grants, awake, self._begin, granted)
        day = self._clock.day_of(self._begin)
        self._missed.credits[day, awake] += int(calls.credits.sum()) - granted
        self._begin = until


@compiled
def _granted(state, grants, which, begin, granted):  # type: ignore[no-untyped-def]
    """Put into ``granted`` what some lanes granted from a moment on."""
    ring = grants.shape[1] - 1
    for n in range(which.shape[0]):
        its, made = grants[which[n]], state[which[n]].made
        granted[n] = 0
        for number in range(made - 1, max(-1, made - 2 - ring), -1):
            if its[number & ring].time < begin:
                break
            granted[n] += its[number & ring].credits


class Highest(_InStretches):
    """Lanes of which is noted the most that is in use at a moment of each day.

    Days are looked at whole, those of lanes that sleep too: `floor` asks for exact levels.
    """

    floor = -1

    def __init__(self, limits: Ints, demand: Demand, replication: int) -> None:
        super().__init__(limits, demand, replication)
        self._pools = np.zeros((self._clock.days, len(limits)), np.int64)
        self._unlimited = np.zeros(self._clock.days, np.int64)

    def use(self) -> DailyUse:
        """Return the most that was in use."""
        return DailyUse(self._pools.T, self._unlimited)

    def _decide_until(self, calls: Calls, past: Past, part: slice, until: int) -> None:
        begin = self._begin
        # Of the lanes awake: those that were before, then those that a call of this stretch wakes,
        # which hold till then what a pool without a limit holds.
        were = np.flatnonzero(~self._asleep)
        held = self._lanes.state[were].copy(), self._lanes.grants[were].copy()
        since = int(np.searchsorted(past.time, begin - self._window, side="right"))
        known = slice(since, past.start + part.start)
        without = np.zeros(1, LANE), np.zeros((1, known.stop - since), GRANT)
        without[1]["time"], without[1]["credits"] = past.time[known], past.credits[known]
        in_use = int(past.credits[known].sum())
        without[0]["made"], without[0]["used"] = known.stop - since, in_use
        super()._decide_until(calls, past, part, until)
        most = max(in_use, int(past.levels[part].max(initial=0)))
        highest, now = np.full(self._pools.shape[1], most), self._lanes
        woken = np.setdiff1d(np.flatnonzero(~self._asleep), were)
        for which, (state, grants) in ((were, held), (woken, without)):
            mask = _LINEAR if which is woken else grants.shape[1] - 1
            found = np.zeros(len(which), np.int64)
            _highest(state, grants, mask, now.state, now.grants, which, begin, self._window, found)
            highest[which] = found
        day = self._clock.day_of(begin)
        np.maximum(self._pools[day], highest, out=self._pools[day])
        self._unlimited[day] = max(int(self._unlimited[day]), most)
        self._begin = until


@compiled
def _highest(  # type: ignore[no-untyped-def]
    before, old, mask, state, grants, which, begin, window, found
):
    """Put into ``found`` the most in use in some lanes since a moment, given what was before."""
    ring = grants.shape[1] - 1
    for n in range(which.shape[0]):
        # All woken lanes have one past, that of a pool without a limit.
        held, its_old = before[min(n, before.shape[0] - 1)], old[min(n, old.shape[0] - 1)]
        its, made = grants[which[n]], state[which[n]].made
        used, oldest = held.used, held.oldest
        while oldest < held.made and its_old[oldest & mask].time <= begin - window:
            used -= its_old[oldest & mask].credits
            oldest += 1
        first = made
        while first > max(0, made - 1 - ring) and its[(first - 1) & ring].time >= begin:
            first -= 1
        most = used
        for number in range(first, made):
            grant = its[number & ring]
            while oldest < held.made and its_old[oldest & mask].time <= grant.time - window:
                used -= its_old[oldest & mask].credits
                oldest += 1
            used += grant.credits
            most = max(most, used)
        found[n] = most
