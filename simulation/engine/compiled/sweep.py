"""Many pool sizes on one replication's demand: how many calls each throttles and loses.

All sizes see the same calls. A pool that has throttled nothing for a whole window is in the state
of an unlimited pool; skip it until a call arrives that does not fit. Where all sizes are skipped,
calls are not even put in order: an `Outline` says when that is so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.demand import Calls, Demand, Drawn, Portion, calls_between
from simulation.engine.compiled.daily_use import Consumed, Highest, Missed
from simulation.engine.compiled.dropping import VECTOR, decide_dropping
from simulation.engine.compiled.lanes import WALK
from simulation.engine.compiled.metered_sweep import MeteredSweep
from simulation.engine.compiled.outline import Outline
from simulation.engine.compiled.past import Past
from simulation.engine.compiled.retrying import Retrying, smallest_behind
from simulation.engine.compiled.swept import Pools, Swept, counted_in
from simulation.rate_cards import BilledUse
from simulation.scenario import Scenario

__all__ = ["Sweep", "lanes_at_once", "sweep", "sweep_together"]

_SIDE_BY_SIDE = 100  # decisions side by side that take as long as one by itself

_MEMORY = 256 * 2**20  # bytes that the lanes of one sweep may take


def sweep(
    demand: Demand,
    replication: int,
    limits: Ints,
    counted: Flags,
    portions: Iterable[Portion] | None = None,
) -> Swept:
    """Return what many pool sizes throttle and lose in one replication; see `Pools`.

    Its portions need not be drawn again where they are at hand.
    """
    if portions is None:
        portions = demand.draw_portions(replication)
    found = _sweep_of(Pools(demand, limits, counted), replication)
    for each in portions:
        found.take(each)
    return found.swept()


def _sweep_of(pools: Pools, replication: int) -> Sweep | MeteredSweep:
    return (Sweep if pools.demand.scenario.is_plain else MeteredSweep)(pools, replication)


def sweep_together(pools: Sequence[Pools], replication: int) -> list[Swept]:
    """Return what the pools of several demands throttle and lose in one replication.

    It is decided a block at a time. Clients that the demands share are drawn once.
    """
    sweeps = [_sweep_of(each, replication) for each in pools]
    blocks = pools[0].demand.blocks
    if any(each.demand.blocks is not blocks for each in pools):
        return [sweep_together([each], replication)[0] for each in pools]
    drawn = Drawn()
    portions_of = [each.demand.draw_portions(replication, drawn) for each in pools]
    for portions in zip(*portions_of, strict=True):
        for each, portion in zip(sweeps, portions, strict=True):
            each.take(portion)
    return [each.swept() for each in sweeps]


class Sweep:
    """Pools of one demand, as far as they are decided.

    Parameters
    ----------
    pools : Pools
    replication : int
    lanes : optional
        What decides them, in place of the fastest.
    """

    def __init__(self, pools: Pools, replication: int, lanes: _Lanes | None = None) -> None:
        demand, scenario = pools.demand, pools.demand.scenario
        self._window, self._clock = scenario.card.window, scenario.clock
        self._warmup, self._counted = scenario.warmup_end, pools.counted
        self._smallest = smallest_behind(pools.limits, 0)
        self._missed: Missed | None = None
        self._highest: Highest | None = None
        if pools.billed == "calendar_day":
            self._missed = Missed(self._clock, len(pools.limits))
        elif pools.billed == "any_24_hours":
            lanes = self._highest = Highest(pools.limits, demand, replication)
            self._smallest = -1  # no day is skipped: what is in use matters below any limit too
        if lanes is None and _drops_all(scenario):
            lanes = _Dropping(pools.limits, self._window, self._missed)
        if lanes is None and self._missed is not None:
            lanes = Consumed(pools.limits, demand, replication, self._missed)
        self._lanes = lanes or Retrying(pools.limits, demand, replication)
        self._past = Past(self._window, pools.counted, self._warmup)
        self._outline = Outline(self._window, scenario.clock.horizon)
        self._portions: list[Portion] = []  # that hold a window before the last
        self._decided = 0  # until when calls were put in order
        self._calls = self._credits = 0

    def take(self, portion: Portion) -> None:
        """Decide the calls of a block."""
        self._portions = [*self._outline.needed(self._portions, portion.begin), portion]
        calls, credits = counted_in(portion, self._counted, self._warmup)
        self._calls, self._credits = self._calls + calls, self._credits + credits
        if self._missed is not None:
            self._missed.ask(portion)
        self._outline.add(self._portions)
        if self._lanes.asleep and self._outline.highest <= self._smallest:
            return
        begins, ends = [portion.begin], [portion.end]
        if portion.block.part is None:
            ends = [self._clock.day_end(day) for day in portion.block.days]
            begins += ends[:-1]
        bounds = list(map(self._outline.bound, begins, ends))
        day = 0
        while day < len(ends):
            last = day
            # Days that follow each other and may reach the smallest size are decided at once.
            while last < len(ends) and bounds[last] > self._smallest:
                last += 1
            if last == day and not self._lanes.asleep:
                last = day + 1
            if last > day:
                self._decide(begins[day], ends[day:last])
            day = max(last, day + 1)

    def _decide(self, begin: int, ends: list[int]) -> None:
        """Put the calls from a moment on in order, and decide them."""
        if begin != self._decided:
            # What was skipped left all pools in the state of one without a limit, which the calls
            # of the last window tell.
            back = begin - self._window + 1
            self._past.begin_with(calls_between(self._portions, back, begin))
            self._lanes.skip_to(self._past)
        calls = self._portions[-1].between(begin, ends[-1])
        self._past.add(calls, self._lanes.floor, self._outline.most)
        self._lanes.decide(calls, self._past, begin, ends)
        self._decided = ends[-1]

    def calls(self, begin: int, end: int) -> Calls:
        """Return the calls from a moment of the last window to another one, µs, in order."""
        return calls_between(self._portions, begin, end)

    def swept(self) -> Swept:
        """Return what came of it."""
        noted = self._missed or self._highest
        return Swept(
            calls=self._calls,
            credits=self._credits,
            throttled=self._lanes.throttled,
            lost=self._lanes.lost,
            enough=max(self._outline.most, self._past.most),
            work=self._lanes.work,
            daily_use=None if noted is None else noted.use(),
        )


def lanes_at_once(
    demand: Demand, sizes: int = 1, ways: int = 1, billed: BilledUse | None = None
) -> int:
    """Return how many lanes one sweep takes; no result depends on it.

    As many as its memory holds, and where several sweeps may go on at once, no more than each has
    of the ``sizes``.
    """
    window = 2 ** (max(demand.busiest_day, 1024) - 1).bit_length()
    # Lanes side by side hold a flag for each call of two windows, others the grants of one window,
    # 16 bytes each; twice where what was held before a stretch is kept beside them.
    copies = 2 if billed == "any_24_hours" else 1
    if not demand.scenario.is_plain:
        copies = 4  # of 32 bytes, and room for calls that wait and that are open
    elif _drops_all(demand.scenario) and copies == 1:
        return max(8, int(_MEMORY // (2 * window)))
    most = max(8, int(_MEMORY // (16 * copies * window)))
    return min(most, -(-max(1, sizes) // ways)) if ways > 1 else most


def _drops_all(scenario: Scenario) -> bool:
    """Whether a throttled attempt leaves no trace in the pool."""
    return scenario.card.throttled_attempt_credits == 0 and all(
        client.on_throttle.retry is None for client in scenario.clients
    )


class _Lanes(Protocol):
    """Pools of several sizes on one replication."""

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:
        """Decide the attempts from a moment on, one stretch of time after the other."""

    def skip_to(self, past: Past) -> None:
        """Go on after calls that were left out while all lanes slept."""

    @property
    def asleep(self) -> bool:
        """Whether all lanes sleep."""

    @property
    def floor(self) -> int:
        """The smallest limit of the lanes that sleep."""

    @property
    def throttled(self) -> Ints:
        """Calls throttled at first, of those that count, (m,)."""

    @property
    def lost(self) -> Ints:
        """Calls lost, of those that count, (m,)."""

    @property
    def work(self) -> int:
        """How much was decided, see `Swept`."""


def _whole_vectors(lanes: int) -> int:
    """Return how many lanes fill the vectors that hold these."""
    return -(-lanes // VECTOR) * VECTOR


class _Dropping:
    """Lanes side by side, where every client drops what is throttled."""

    def __init__(self, limits: Ints, window: int, missed: Missed | None = None) -> None:
        self._window, self._count, self._missed = window, len(limits), missed
        width = _whole_vectors(len(limits))
        self._limits = np.full(width, limits.max(initial=0), np.int64)
        self._limits[: len(limits)] = limits
        self._available = np.zeros(width, np.int64)
        self._throttled = np.zeros(width, np.int64)
        self._state = np.zeros(1, WALK)
        # Rings, as wide as lanes were ever awake.
        self._granted, self._awake = np.empty((1024, 0), np.uint8), np.empty(1024, np.int64)

    def skip_to(self, past: Past) -> None:
        # No lane was awake at any call of the last window.
        state, width = self._state[0], self._width(past)
        state["oldest"] = state["arrived"] = 0
        self._make_room(past.start, width)
        self._awake[: past.start] = 0
        state["arrived"], state["in_use"] = past.start, past.in_use

    @property
    def asleep(self) -> bool:
        return int(self._state["awake"][0]) == 0

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:  # noqa: ARG002
        state, width = self._state[0], self._width(past)
        arrived = int(state["arrived"])
        self._make_room(arrived + len(calls) - int(state["oldest"]), width)
        # 32 bits where sums stay below 2**31: twice as many lanes in each vector instruction.
        narrow = self._limits.max(initial=0) < 2**30 and past.dearest < 2**30
        dtype: type[np.signedinteger[Any]] = np.int32 if narrow else np.int64
        available = self._available[:width].astype(dtype)
        throttled = np.zeros_like(available)
        decide_dropping(
            state,
            self._limits[:width],
            available,
            throttled,
            self._granted,
            self._awake,
            past.time,
            past.credits,
            past.levels,
            past.start,
            past.counts,
            self._window,
        )
        self._available[:width] = available
        self._throttled[:width] += throttled
        if self._missed is not None:
            self._missed.refuse(past, self._granted, self._awake, arrived)

    def _width(self, past: Past) -> int:
        """Return how many lanes are awake at most while new calls are decided."""
        short = int(np.searchsorted(self._limits, past.highest))
        return max(self._granted.shape[1], _whole_vectors(short))

    def _make_room(self, calls: int, width: int) -> None:
        length, before = self._granted.shape
        if calls > length or width > before:
            longer = max(length, 2 ** (calls - 1).bit_length())
            granted, awake = np.empty((longer, width), np.uint8), np.empty(longer, np.int64)
            # A call's row is its number modulo the ring's length, so rows move when that grows.
            state = self._state[0]
            numbers = np.arange(int(state["oldest"]), int(state["arrived"]))
            granted[numbers % longer, :before] = self._granted[numbers % length]
            awake[numbers % longer] = self._awake[numbers % length]
            self._granted, self._awake = granted, awake

    @property
    def floor(self) -> int:
        return smallest_behind(self._limits[: self._count], int(self._state["awake"][0]))

    @property
    def throttled(self) -> Ints:
        return self._throttled[: self._count]

    lost = throttled  # no client tries again, so a call that is throttled is lost

    @property
    def work(self) -> int:
        return int(self._state["decided"][0]) // _SIDE_BY_SIDE
