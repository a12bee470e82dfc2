"""Lanes whose clients try throttled calls again, each by itself with the calls that wait for it."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Calls, Demand
from simulation.engine.compiled.kernel import Day, Laws, decide, wake
from simulation.engine.compiled.lanes import lanes_of
from simulation.engine.compiled.model import empty_tape, laws_of
from simulation.engine.compiled.past import Past

__all__ = ["Retrying", "smallest_behind"]


def smallest_behind(limits: Ints, awake: int) -> int:
    """Return the smallest limit behind those of the lanes that are awake; endless if all are."""
    return int(limits[awake]) if awake < len(limits) else 2**62


class Retrying:
    """Lanes one after the other, with the calls that their clients try again.

    Only the lanes that ever throttled exist, which are the smallest: the rest have slept till now.
    """

    def __init__(self, limits: Ints, demand: Demand, replication: int) -> None:
        self._limits = limits
        self._demand, self._replication = demand, replication
        self._lanes = lanes_of(limits[:0])
        self._asleep = np.empty(0, bool)
        self._tape = empty_tape(read=False)

    @cached_property
    def _laws(self) -> Laws:
        return laws_of(self._demand, self._replication)  # of replications that reach no size: none

    def skip_to(self, past: Past) -> None:
        """Go on after calls that were left out while all lanes slept."""
        # A lane that wakes takes all that it needs from the past.

    @property
    def asleep(self) -> bool:
        """Whether all lanes sleep."""
        return bool(self._asleep.all())

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:  # noqa: ARG002
        """Decide the attempts from a moment on, one stretch of time after the other."""
        # Where the smallest size is not reached and none is awake, nothing is done at all. Else
        # a stretch at a time, so that lanes sleep again soon.
        if past.highest <= self.floor and self.asleep:
            return
        first = 0
        for until, last in zip(ends, np.searchsorted(calls.time, ends).tolist(), strict=True):
            self._decide_until(calls.take(slice(first, last)), past, slice(first, last), until)
            first = last

    def _decide_until(self, calls: Calls, past: Past, part: slice, until: int) -> None:
        count, window, levels = len(self._asleep), self._laws.window, past.levels[part]
        # Lanes whose limit a pool without one would exceed; limits rise.
        short = int(np.searchsorted(self._limits, levels.max(initial=0)))
        if short > count:
            self._lanes = lanes_of(self._limits[count:short], self._lanes)
            self._asleep = np.append(self._asleep, np.ones(short - count, bool))
        first = np.where(self._asleep, -1, 0)
        if self._asleep[:short].any():
            known = slice(0, past.start + part.stop)
            time, credits = past.time[known], past.credits[known]
            self._lanes = wake(self._lanes, first, time, credits, levels, window)
        if (first < 0).all():
            return
        day = Day(calls.time, calls.client, calls.call, calls.credits, past.counts[part])
        self._lanes, _ = decide(self._lanes, self._laws, day, first, until, self._tape, 0)
        state = self._lanes.state
        waiting = state["soon"] + state["later"]
        # A window after it last strayed, and with no call waiting, a lane is in the state of a pool
        # without a limit again.
        self._asleep = (first < 0) | ((waiting == 0) & (state["strayed"] <= until - window))

    @property
    def floor(self) -> int:
        """The smallest limit of the lanes that sleep."""
        asleep = np.flatnonzero(self._asleep)
        return smallest_behind(self._limits, int(asleep[0]) if len(asleep) else len(self._asleep))

    @property
    def throttled(self) -> Ints:
        """Calls throttled at first, of those that count, (m,)."""
        return self._of_all("throttled")

    @property
    def lost(self) -> Ints:
        """Calls lost, of those that count, (m,)."""
        return self._of_all("lost")

    @property
    def work(self) -> int:
        """Attempts decided."""
        return int(self._lanes.state["attempts"].sum())

    def _of_all(self, field: str) -> Ints:
        counts = np.zeros(len(self._limits), np.int64)
        counts[: len(self._asleep)] = self._lanes.state[field]
        return counts
