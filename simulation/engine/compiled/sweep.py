"""Many pool sizes on one replication's demand: how many calls each throttles and loses.

All sizes see the same calls. A pool that has throttled nothing for a whole window is in the state
of an unlimited pool; skip it until a call arrives that does not fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Calls, Demand
from simulation.engine.compiled.dropping import decide_dropping, follow
from simulation.engine.compiled.kernel import Day, decide, wake
from simulation.engine.compiled.lanes import lanes_of
from simulation.engine.compiled.model import empty_tape, laws_of
from simulation.scenario import Scenario

__all__ = ["Swept", "lanes_at_once", "sweep"]

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_SIDE_BY_SIDE = 100  # decisions side by side that take as long as one by itself

_MEMORY = 256 * 2**20  # bytes that the lanes of one sweep may take


@dataclass(frozen=True)
class Swept:
    """Throttled and lost calls of m pool sizes in one replication.

    Attributes
    ----------
    calls : int
        Calls that count.
    credits : int
        What they cost together.
    throttled, lost : (m,) int64 array
        How many of them each pool throttled at first, and how many were lost.
    enough : int
        The pool size that throttles no call: the most credits asked for in any window (rule 5).
    work : int
        Attempts decided one by one, over all pools; where pools are decided side by side, as
        many as take that long.
    """

    calls: int
    credits: int
    throttled: Ints
    lost: Ints
    enough: int
    work: int


def sweep(demand: Demand, replication: int, limits: Ints, counted: Flags) -> Swept:
    """Return what many pool sizes throttle and lose in one replication, decided day by day.

    Parameters
    ----------
    demand : Demand
    replication : int
    limits : (m,) int64 array
        The pool sizes, rising.
    counted : (clients,) bool array
        Whose calls count, once the warm-up is over.
    """
    scenario = demand.scenario
    clock, window = scenario.clock, scenario.card.window
    lanes: _Lanes = _Dropping(limits, window)
    if not _drops_all(scenario):
        lanes = _Retrying(limits, demand, replication)
    past = _Past(window)
    calls = credits = 0
    for day, today in enumerate(demand.draw_days(replication)):
        counts = counted[today.client] & (today.time >= scenario.warmup_end)
        calls += int(counts.sum())
        credits += int(today.credits[counts].sum())
        past.add(today)
        lanes.decide(today, counts, past, clock.day_end(day))
    return Swept(calls, credits, lanes.throttled, lanes.lost, past.most, lanes.work)


def lanes_at_once(demand: Demand) -> int:
    """Return how many lanes one sweep takes, for its memory's sake; no result depends on it."""
    window = 2 ** (max(demand.busiest_day, 1024) - 1).bit_length()
    # Bytes of a lane's ring: flags of two days' calls, or grants of one window, 16 bytes each.
    each = 2 * window if _drops_all(demand.scenario) else 16 * window
    return max(8, int(_MEMORY // each))


def _drops_all(scenario: Scenario) -> bool:
    """Whether a throttled attempt leaves no trace in the pool."""
    return scenario.card.throttled_attempt_credits == 0 and all(
        client.on_throttle.retry is None for client in scenario.clients
    )


class _Past:
    """The calls of the last window, and the use of a pool without a limit after each new one."""

    def __init__(self, window: int) -> None:
        self._window = window
        self.time = self.credits = self.levels = np.empty(0, np.int64)
        self.oldest = self.start = self.in_use = self.most = 0

    def add(self, calls: Calls) -> None:
        """Forget what is older than a window, and take new calls."""
        self.time = np.concatenate((self.time[self.oldest :], calls.time))
        self.credits = np.concatenate((self.credits[self.oldest :], calls.credits))
        self.start = len(self.time) - len(calls)
        self.levels = np.empty(len(calls), np.int64)
        self.in_use, self.oldest = follow(
            self.time, self.credits, self.start, 0, self.in_use, self._window, self.levels
        )
        self.most = max(self.most, int(self.levels.max(initial=0)))


class _Lanes(Protocol):
    """Pools of several sizes on one replication."""

    def decide(self, calls: Calls, counts: Flags, past: _Past, until: int) -> None:
        """Decide a day's attempts."""

    @property
    def throttled(self) -> Ints:
        """Calls throttled at first, of those that count, (m,)."""

    @property
    def lost(self) -> Ints:
        """Calls lost, of those that count, (m,)."""

    @property
    def work(self) -> int:
        """How much was decided, see `Swept`."""


class _Retrying:
    """Lanes one after the other, with the calls that their clients try again.

    Only the lanes that ever throttled exist, which are the smallest: the rest have slept till now.
    """

    def __init__(self, limits: Ints, demand: Demand, replication: int) -> None:
        self._limits = limits
        self._laws = laws_of(demand, replication)
        self._lanes = lanes_of(limits[:0])
        self._asleep = np.empty(0, bool)
        self._tape = empty_tape(read=False)

    def decide(self, calls: Calls, counts: Flags, past: _Past, until: int) -> None:
        count, window = len(self._asleep), self._laws.window
        # Lanes whose limit a pool without one would exceed today; limits rise.
        short = int(np.searchsorted(self._limits, past.levels.max(initial=0)))
        if short > count:
            self._lanes = lanes_of(self._limits[count:short], self._lanes)
            self._asleep = np.append(self._asleep, np.ones(short - count, bool))
        first = np.where(self._asleep, -1, 0)
        if self._asleep[:short].any():
            self._lanes = wake(self._lanes, first, past.time, past.credits, past.levels, window)
        if (first < 0).all():
            return
        day = Day(calls.time, calls.client, calls.call, calls.credits, counts)
        self._lanes, _ = decide(self._lanes, self._laws, day, first, until, self._tape, 0)
        state = self._lanes.state
        waiting = state["soon"] + state["later"]
        # A window after it last strayed, and with no call waiting, a lane is in the state of a pool
        # without a limit again.
        self._asleep = (first < 0) | ((waiting == 0) & (state["strayed"] <= until - window))

    @property
    def throttled(self) -> Ints:
        return self._of_all("throttled")

    @property
    def lost(self) -> Ints:
        return self._of_all("lost")

    @property
    def work(self) -> int:
        return int(self._lanes.state["attempts"].sum())

    def _of_all(self, field: str) -> Ints:
        counts = np.zeros(len(self._limits), np.int64)
        counts[: len(self._asleep)] = self._lanes.state[field]
        return counts


class _Dropping:
    """Lanes side by side, where every client drops what is throttled."""

    def __init__(self, limits: Ints, window: int) -> None:
        self._window, self._count = window, len(limits)
        self._available = np.zeros(-(-len(limits) // 64) * 64, np.int64)  # whole vectors
        self._available[: len(limits)] = limits
        self._throttled = np.zeros(len(self._available), np.int64)
        self._granted = np.empty((1024, len(self._available)), np.uint8)
        self._oldest = self._arrived = 0

    def decide(self, calls: Calls, counts: Flags, past: _Past, until: int) -> None:  # noqa: ARG002
        self._make_room(self._arrived + len(calls) - self._oldest)
        # 32 bits where sums stay below 2**31: twice as many lanes in each vector instruction.
        narrow = self._available.max(initial=0) < 2**30 and past.credits.max(initial=0) < 2**30
        dtype: type[np.signedinteger[Any]] = np.int32 if narrow else np.int64
        available = self._available.astype(dtype)
        throttled = np.zeros_like(available)
        self._oldest = decide_dropping(
            available,
            throttled,
            self._granted,
            self._oldest,
            self._arrived,
            past.time,
            past.credits.astype(dtype),
            past.start,
            counts,
            self._window,
        )
        self._arrived += len(calls)
        self._available = available.astype(np.int64)
        self._throttled = self._throttled + throttled.astype(np.int64)

    def _make_room(self, calls: int) -> None:
        length = len(self._granted)
        if calls > length:
            longer = np.empty((2 ** (calls - 1).bit_length(), self._granted.shape[1]), np.uint8)
            # A call's row is its number modulo the ring's length, so rows move when that grows.
            numbers = np.arange(self._oldest, self._arrived)
            longer[numbers % len(longer)] = self._granted[numbers % length]
            self._granted = longer

    @property
    def throttled(self) -> Ints:
        return self._throttled[: self._count]

    lost = throttled  # no client tries again, so a call that is throttled is lost

    @property
    def work(self) -> int:
        return self._arrived * self._count // _SIDE_BY_SIDE
