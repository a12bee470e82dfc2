"""The simulation: every client a SimPy process, every retry a process, one credit pool.

This is the reference. Its order of events is that of rule 3.3: at one instant releases come
first, then attempts by the client's number and the call's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import simpy

from simulation.demand import jitter_key
from simulation.engine.engine import Engine
from simulation.engine.gate import Gate, MeteredPool
from simulation.engine.giving_back import GivingBack
from simulation.engine.journal import Journal
from simulation.engine.metered_client import MeteredClient
from simulation.engine.policies import Process, Retries
from simulation.engine.pool import Alarm, CreditPool, TooManyRequests
from simulation.engine.records import IMPOSSIBLE, LOST, DayRecords
from simulation.engine.rules import Rules
from simulation.scenario import Client

__all__ = ["Model"]

_FIRST_ORDER = 2  # behind SimPy's own events (0 and 1) of the same instant
_ORDERS_PER_CLIENT = 2**44  # more calls than any client makes


class Model(Engine):
    """One replication of a scenario, as a SimPy simulation; its parameters are `Engine`'s.

    Attributes
    ----------
    env : simpy.Environment
        Time is an integer count of µs since the scenario's start.
    pool : CreditPool
        The pool that all clients share.

    A process of one's own joins in like any SimPy process. Here a dashboard takes 50 credits
    every hour beside a poller that takes 5,000 a day, all that the free edition gives:

    >>> from simulation import HOUR, Model, Scenario, TooManyRequests
    >>> scenario = Scenario.model_validate({
    ...     "name": "Poller and dashboard", "org": {"edition": "free"},
    ...     "start": "2026-01-05", "horizon": "1 day", "warmup": 0,
    ...     "clients": [{
    ...         "name": "poller",
    ...         "arrivals": {"schedule": {"at": "00:00", "calls": 5000, "over": "24 hours"}},
    ...         "calls": [{"api": "get_modules"}],
    ...     }],
    ... })
    >>> model = Model(scenario)
    >>> refused = []
    >>> def dashboard(env, pool):
    ...     while True:
    ...         yield env.timeout(HOUR)
    ...         try:
    ...             pool.consume(50)
    ...         except TooManyRequests as refusal:
    ...             refused.append(f"{env.now // HOUR}:00 {refusal.body['code']}")
    >>> _ = model.env.process(dashboard(model.env, model.pool))
    >>> day, = model.run()
    >>> refused[0], len(refused)
    ('20:00 TOO_MANY_REQUESTS', 4)
    >>> int((day.settled.outcome == 1).sum())  # calls that the poller lost to the dashboard
    950
    """

    def _set_up(self) -> None:
        scenario, card = self.scenario, self.scenario.card
        self.env = simpy.Environment(initial_time=0)
        self.journal = Journal(tells_ends=not scenario.is_plain)
        self._metered: _Metered | None = None
        self.pool: CreditPool
        if not scenario.is_plain:
            self._metered = _Metered(self)
            self.pool = self._metered.pool
            return
        self.pool = CreditPool(self.env, self.limit, card.window, card)
        for number, client in enumerate(scenario.clients):
            self.env.process(self._client(number, client, self.pool))

    def _days(self) -> Iterator[DayRecords]:
        clock, start = self.scenario.clock, 0
        for day in range(clock.days):
            end = clock.day_end(day)
            if end > start:  # a date that the zone left out has no length
                self.env.run(until=end)
            # What processes of the user's own consumed; clients' calls are in the journal.
            unbooked, self.pool.unbooked = self.pool.unbooked, []
            last = end == clock.horizon
            if self._metered is None:
                yield self.journal.close_day(day, start, end, unbooked, last)
            else:
                yield self._metered.close_day(day, start, end, unbooked, last)
            start = end

    def _client(self, number: int, client: Client, pool: CreditPool) -> Process:
        """Make a client's calls, each at its time; draw them at the start of each day."""
        # Bound once, for the loop that makes every call of the run.
        env, wake_at, consume = self.env, Alarm(self.env).at, pool.take
        retry: Retries | None = None
        if (law := client.on_throttle.retry) is not None:
            key = jitter_key(self.scenario.seed, self.replication, client.name)
            retry = Retries(env, pool, self.journal, law, key)
        # Numbers that grow by client and call are the order of rule 3.3 within SimPy's own queue.
        order = _FIRST_ORDER + number * _ORDERS_PER_CLIENT
        made = 0
        for day in range(self.demand.days):
            yield env.timeout(max(0, self.scenario.clock.day_start(day) - env.now))
            calls = self.demand.draw_client(self.replication, number, day, made)
            accounts = number * len(self.demand.apis) + calls.api.astype(np.int64)
            ledger = self.journal.open(day, number, calls, accounts)
            made += len(calls)
            for n, (time, credits) in enumerate(
                zip(calls.time.tolist(), calls.credits.tolist(), strict=True)
            ):
                yield wake_at(time, order + n)
                try:
                    consume(credits, True)  # the ledger books it
                except TooManyRequests:
                    if credits > pool.limit_units:
                        ledger.give_up(n, IMPOSSIBLE)
                    elif retry is None:
                        ledger.give_up(n, LOST)
                    else:
                        ledger.throttled(n)
                        env.process(retry.process(ledger, n, order + n))
            order += len(calls)


class _Metered:
    """What stands behind a model of many meters: its gate, and its clients."""

    def __init__(self, model: Model) -> None:
        self._model, demand, env = model, model.demand, model.env
        self._rules = rules = Rules.of(demand, model.replication)
        limits = rules.limits(model.units)
        self.gate = Gate(env, rules, limits)
        self.pool = MeteredPool(env, self.gate, model.limit, model.scenario.card)
        self._giving_back = GivingBack(rules)
        self._clients = [
            MeteredClient(env, self.gate, self.pool, model.journal, rules, limits, number)
            for number in range(len(rules.conduct))
        ]
        clock = model.scenario.clock
        for number, client in enumerate(self._clients):
            order = _FIRST_ORDER + number * _ORDERS_PER_CLIENT
            env.process(client.process(demand, clock, model.replication, order))

    def close_day(
        self, day: int, start: int, end: int, unbooked: list[tuple[int, int]], last: bool
    ) -> DayRecords:
        """Return what the day left behind, as `Journal.close_day` and with what meters tell."""
        if last:
            for client in self._clients:
                client.lose_what_waited()
        left = self._model.journal.close_day(day, start, end, unbooked, last)
        peaks = np.array([meter.peak for meter in self.gate.meters])
        return replace(
            left,
            grants=self._giving_back.of(left.grants),
            before=None if day else self._giving_back.before,
            peaks=self._rules.amounts(peaks),
        )
