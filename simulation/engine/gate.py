"""The gate that every attempt passes: all meters of the card, and the clients that wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import simpy

from simulation.engine.meters import Concurrent, Meter, meters_of
from simulation.engine.pool import Alarm, CreditPool, TooManyRequests
from simulation.engine.rules import Limits, Rules
from simulation.rate_cards import RateCard

__all__ = ["Counting", "Gate", "MeteredPool"]

_END = -1  # at one instant, calls end before everything else
_COUNTING = 0  # and peaks are looked at before the first attempt


class Counting(NamedTuple):
    """The meters that count a call: all of them, and those that count it while it is open."""

    meters: list[Meter]
    open: list[Concurrent]


class Gate:
    """All meters of a card, asked in its order; what a process sees of the vendor.

    Attributes
    ----------
    meters : list of Meter
        The card's.
    quotas : Meter or None
        What clients may take themselves, where some have a quota.
    waiting : list of callables
        What is called, once, when the next call ends.
    """

    def __init__(self, env: simpy.Environment, rules: Rules, limits: Limits) -> None:
        self._env, self._warmup = env, rules.warmup
        every = meters_of(rules, limits)
        self.meters = every[: rules.vendors]
        self.quotas: Meter | None = every[rules.vendors] if len(every) > rules.vendors else None
        self.pool = self.meters[rules.pool]
        self.waiting: list[Callable[[], None]] = []
        self._charge = rules.throttled_attempt_credits
        if rules.warmup < rules.horizon:
            Alarm(env, self._begin_to_count).at(rules.warmup, _COUNTING)

    def _begin_to_count(self, _: simpy.Event) -> None:
        for meter in self.meters:
            meter.note_peak(self._warmup)

    def counting(self, api: int, records: int) -> Counting:
        """Return the card's meters that count a call."""
        its = [meter for meter in self.meters if meter.counts(api, records)]
        return Counting(its, [meter for meter in its if isinstance(meter, Concurrent)])

    def refuser(self, meters: list[Meter], client: int, credits: int, now: int) -> Meter | None:
        """Return the first meter that refuses an attempt, or None."""
        for meter in meters:
            if meter.refuses(client, credits, now):
                return meter
        return None

    def charge(self, now: int) -> list[tuple[int, int]]:
        """Take from the pool what a throttled attempt costs; return when and what, if it does."""
        if self._charge:
            free = (self.pool.sizes[0] - self.pool.used(0, now)) // self.pool.scale
            if (cost := min(self._charge, free)) > 0:
                self.take([self.pool], 0, cost, now)
                return [(now, cost)]
        return []

    def take(self, meters: list[Meter], client: int, credits: int, now: int) -> None:
        """Take an accepted attempt from all meters that count it."""
        for meter in meters:
            used = meter.take(client, credits, now)
            if now >= self._warmup and used > meter.peak:
                meter.peak = used

    def open(
        self, meters: list[Concurrent], client: int, ends_at: int, ended: Callable[[], None]
    ) -> None:
        """Keep a call open until a moment, and call ``ended`` then."""

        def end(_: simpy.Event) -> None:
            for meter in meters:
                meter.end(client)
            ended()
            waiting, self.waiting = self.waiting, []
            for wake in waiting:
                wake()

        Alarm(self._env, end).at(ends_at, _END)


class MeteredPool(CreditPool):
    """The pool for processes of one's own, which ask no other meter of the card."""

    def __init__(self, env: simpy.Environment, gate: Gate, limit: float, card: RateCard) -> None:
        super().__init__(env, limit, card.window, card)
        self._gate = gate

    @property
    def used(self) -> int | float:
        """Credits that are consumed now, begun ones included; calls, where the pool counts them."""
        pool = self._gate.pool
        used = -(-pool.used(0, int(self.env.now)) // pool.scale)
        return self._card.in_credits(used) if pool.counts_credits else used

    @property
    def available(self) -> int | float:
        """Credits that can be consumed now."""
        return self.limit - self.used

    def take(self, units: int, booked: bool = False) -> None:
        """Consume a number of the card's smallest unit now; else as `consume`."""
        now, pool = int(self.env.now), self._gate.pool
        if pool.refuses(0, units, now):
            self.unbooked += self._gate.charge(now)
            raise TooManyRequests(self._answer)
        self._gate.take([pool], 0, units, now)
        if not booked:
            self.unbooked.append((now, units))
