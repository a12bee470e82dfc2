"""Many pool sizes on one replication's demand, where many meters decide or clients hold back.

One lane, the *reference*, has a pool without an end. A lane whose pool the reference has not
reached has done the same all along, and sleeps: nothing is decided for it. It wakes in the state
that the reference had when the day began, and sleeps again when its state is the reference's.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.demand import Portion
from simulation.engine.compiled import metered
from simulation.engine.compiled.alike import is_alike
from simulation.engine.compiled.daily_use import DailyUse
from simulation.engine.compiled.swept import Pools, Swept, counted_in
from simulation.engine.rules import Rules
from simulation.rate_cards import BilledUse

__all__ = ["MeteredSweep"]

_ENDLESS = 2**44
"""The size of the reference's pool: more than is used in a window of any run."""


_MOST = 2**61  # of its parts


class MeteredLanes:
    """Pools of several sizes, as far as they are decided.

    Parameters
    ----------
    rules : Rules
        Of the scenario, in one replication.
    limits : (m,) int64 array
        The sizes, rising, in the parts that the pool counts.
    counted : (clients,) bool array
        Whose calls count, once the warm-up is over.
    billed : BilledUse or None
        What of each day's use is asked for, if anything is.
    """

    def __init__(
        self, rules: Rules, limits: Ints, counted: Flags, billed: BilledUse | None = None
    ) -> None:
        self._clock, self._warmup, self._counted = rules.scenario.clock, rules.warmup, counted
        self._rules, self._tables, self._billed = rules, metered.tables_of(rules), billed
        self._limits = limits
        scale = int(rules.meters["scale"][rules.pool])
        self._reference = metered.start_of(rules, rules.limits(min(_ENDLESS, _MOST // scale)))
        self._lanes: list[metered.State | None] = [None] * len(limits)  # None: it sleeps
        # What each lane counted more than the reference by the time that it fell asleep.
        self._ahead = np.zeros((len(limits), 2 + len(rules.names)), np.int64)
        self._thresholds = _thresholds(rules, limits)
        self._use = np.zeros((self._clock.days, len(limits) + 1), np.int64)
        self.enough = self._work = 0

    def take(self, portion: Portion) -> None:
        """Decide the calls of a block."""
        begin = portion.begin
        ends = [portion.end]
        if portion.block.part is None:
            ends = [self._clock.day_end(day) for day in portion.block.days]
        for end in ends:
            if end > begin:  # a date that the zone left out has no length
                self._take(portion, begin, end)
            begin = end

    def _take(self, portion: Portion, begin: int, end: int) -> None:
        """Decide the calls of a day, or of a part of one."""
        calls, day = portion.between(begin, end), self._clock.day_of(begin)
        counts = self._counted[calls.client] & (calls.time >= self._warmup)
        stretch = metered.MeteredDay.of(calls, counts)
        before = metered.copy_of(self._reference)
        self._reference, use = self._decided(self._reference, stretch, begin, end)
        # What other meters refused counts too: a pool that is asked first would have refused it.
        reached = self._most(self._reference)
        self.enough = max(self.enough, reached)
        self._note(day, slice(len(self._lanes), None), use)
        asleep = np.array([lane is None for lane in self._lanes], bool)
        wakes = asleep & (self._thresholds < reached)
        self._note(day, asleep & ~wakes, use)
        for n in np.flatnonzero(wakes | ~asleep).tolist():
            lane = self._lanes[n]
            if lane is None:
                lane = metered.with_limits(before, self._rules.limits(int(self._limits[n])))
            lane, use = self._decided(lane, stretch, begin, end)
            self._note(day, slice(n, n + 1), use)
            self._lanes[n] = lane
            if is_alike(lane, self._reference, self._tables, end):
                self._ahead[n] += _counts(lane) - _counts(self._reference)
                self._lanes[n] = None

    def _decided(
        self, lane: metered.State, stretch: metered.MeteredDay, begin: int, end: int
    ) -> tuple[metered.State, int]:
        """Return a lane after a stretch, and what it used of its pool in it, as it is billed."""
        granted, attempts = int(lane.lane["granted"][0]), int(lane.lane["attempts"][0])
        in_use = metered.used_of_pool(lane, self._tables, begin)
        lane.lane["highest"] = lane.lane["reached"] = in_use
        lane, _ = metered.decide(lane, self._tables, stretch, end, metered.no_tape(), 0)
        self._work += int(lane.lane["attempts"][0]) - attempts
        if self._billed == "any_24_hours":
            return lane, self._whole(int(lane.lane["highest"][0]))
        return lane, int(lane.lane["granted"][0]) - granted

    def _most(self, lane: metered.State) -> int:
        """Return how large a pool has to be to refuse nothing of a lane's last stretch."""
        return self._whole(max(int(lane.lane[name][0]) for name in ("highest", "reached")))

    def _whole(self, parts: int) -> int:
        return -(-parts // int(self._rules.meters["scale"][self._rules.pool]))

    def _note(self, day: int, lanes: slice | Flags, use: int) -> None:
        """Note what lanes used in a part of a day."""
        which = (
            self._use[day, : len(self._lanes)]
            if isinstance(lanes, np.ndarray)
            else (self._use[day])
        )
        if self._billed == "any_24_hours":
            which[lanes] = np.maximum(which[lanes], use)
        else:
            which[lanes] += use

    def finish(self) -> None:
        """Note what the horizon makes of calls that wait."""
        tape = metered.no_tape()
        for lane in (self._reference, *self._lanes):
            if lane is not None:
                metered.end(lane, tape)

    @property
    def counts(self) -> Ints:
        """Calls throttled first and calls lost, then those throttled by each meter, (m, 2 + k)."""
        found = np.array([_counts(lane or self._reference) for lane in self._lanes])
        return found.reshape(self._ahead.shape) + self._ahead

    @property
    def daily_use(self) -> DailyUse:
        """What the pools use on each day."""
        return DailyUse(self._use[:, :-1].T.copy(), self._use[:, -1].copy())

    @property
    def work(self) -> int:
        """Attempts decided."""
        return self._work


class MeteredSweep:
    """Pools of one demand in one replication, as far as they are decided."""

    def __init__(self, pools: Pools, replication: int) -> None:
        rules = Rules.of(pools.demand, replication)
        self._pools, self._warmup = pools, rules.warmup
        self._lanes = MeteredLanes(rules, pools.limits, pools.counted, pools.billed)
        self._calls = self._credits = 0

    def take(self, portion: Portion) -> None:
        """Decide the calls of a block."""
        calls, credits = counted_in(portion, self._pools.counted, self._warmup)
        self._calls, self._credits = self._calls + calls, self._credits + credits
        self._lanes.take(portion)

    def swept(self) -> Swept:
        """Return what came of it."""
        self._lanes.finish()
        counts = self._lanes.counts
        return Swept(
            calls=self._calls,
            credits=self._credits,
            throttled=counts[:, 0],
            lost=counts[:, 1],
            enough=self._lanes.enough,
            work=self._lanes.work,
            daily_use=self._lanes.daily_use if self._pools.billed else None,
            throttled_by=counts[:, 2:],
        )


def _counts(lane: metered.State) -> Ints:
    ends = [int(lane.lane[name][0]) for name in ("throttled", "lost")]
    counts: Ints = np.concatenate((ends, lane.meters["refused"][: int(lane.lane["vendors"][0])]))
    return counts


def _thresholds(rules: Rules, limits: Ints) -> Ints:
    """Return what the reference may use at once without a difference to each lane, (m,)."""
    clients = rules.scenario.clients
    if any(client.quota is not None and client.quota.share is not None for client in clients):
        return np.full(len(limits), -1)  # a part of each pool, and none of an endless one
    if not any(client.reserve is not None for client in clients):
        return limits
    kept = [int(rules.limits(int(limit)).keeps["reserve"].max(initial=0)) for limit in limits]
    return limits - np.array(kept, np.int64)
