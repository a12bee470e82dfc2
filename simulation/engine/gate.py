"""The gate that every attempt passes: all meters of the card, and the clients that wait."""

from __future__ import annotations

from typing import NamedTuple

import simpy

from simulation.demand import unpacked
from simulation.engine.meters import Claim, Concurrent, Meter, OpenCalls, OpenCount, meters_of
from simulation.engine.pool import Alarm, CreditPool, TooManyRequests
from simulation.engine.rules import Limits, Rules
from simulation.rate_cards import RateCard

__all__ = ["Counting", "Gate", "MeteredPool"]

_COUNTING = 0  # peaks are looked at when calls have ended, and before the first attempt


class Counting(NamedTuple):
    """What a call takes from each meter that counts it, and where it counts while it is open."""

    claims: list[Claim]
    quota: list[Claim]  # one, where its client has a quota
    open: list[OpenCount]


class Gate:
    """All meters of a card, asked in its order; what a process sees of the vendor.

    Attributes
    ----------
    meters : list of Meter
        The card's.
    pool : Meter
        One of them.
    calls : OpenCalls
    """

    def __init__(self, env: simpy.Environment, rules: Rules, limits: Limits) -> None:
        self._warmup = rules.warmup
        self.calls = OpenCalls(env)
        every = meters_of(rules, limits, self.calls)
        self.meters = every[: rules.vendors]
        self._quotas = every[rules.vendors :]  # one, if a client has a quota
        self.pool = self.meters[rules.pool]
        self._charge = rules.throttled_attempt_credits
        if rules.warmup < rules.horizon:
            Alarm(env, self._begin_to_count).at(rules.warmup, _COUNTING)

    def _begin_to_count(self, _: simpy.Event) -> None:
        for meter in self.meters:
            meter.note_peak(self._warmup)

    def counting(self, client: int, what: int, credits: int, has_quota: bool) -> Counting:
        """Return what a client's call takes; ``what`` is its kind and records in one."""
        api, records = unpacked(what)
        its = [meter for meter in self.meters if meter.counts(api, records)]
        slots = [meter.count_of(client) for meter in its if isinstance(meter, Concurrent)]
        quotas = self._quotas if has_quota else []
        claims, quota = ([meter.claim(client, credits) for meter in each] for each in (its, quotas))
        return Counting(claims, quota, slots)

    def refuser(self, claims: list[Claim], now: int) -> Meter | None:
        """Return the first meter that refuses an attempt, or None."""
        for meter, whose, _, most in claims:
            if meter.used(whose, now) > most:
                return meter
        return None

    def charge(self, now: int) -> list[tuple[int, int]]:
        """Take what a throttled attempt costs; return when and how much, or nothing."""
        if self._charge:
            free = (self.pool.sizes[0] - self.pool.used(0, now)) // self.pool.scale
            if (cost := min(self._charge, free)) > 0:
                self.take([self.pool.claim(0, cost)], now)
                return [(now, cost)]
        return []

    def take(self, claims: list[Claim], now: int) -> None:
        """Take an accepted attempt from all meters that count it."""
        for meter, whose, cost, _ in claims:
            used = meter.take(whose, cost, now)
            if now >= self._warmup and used > meter.peak:
                meter.peak = used


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
        if isinstance(self._gate.pool, Concurrent):
            raise TypeError(
                "the pool counts calls that are open, and what is consumed here has no end: make "
                "the calls of a client of the scenario"
            )
        now, claims = int(self.env.now), [self._gate.pool.claim(0, units)]
        if self._gate.refuser(claims, now) is not None:
            self.unbooked += self._gate.charge(now)
            raise TooManyRequests(self._answer)
        self._gate.take(claims, now)
        if not booked:
            self.unbooked.append((now, units))
