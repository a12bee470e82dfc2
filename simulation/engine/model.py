"""The simulation: every client a SimPy process, every retry a process, one credit pool.

This is the reference. Its order of events is that of rule 3.3: at one instant releases come
first, then attempts by the client's place in the scenario and the call's number.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
import simpy

from simulation.demand import Demand, jitter_key, uniform
from simulation.engine.engine import Engine
from simulation.engine.pool import Alarm, CreditPool, TooManyRequests
from simulation.engine.records import (
    IMPOSSIBLE,
    LOST,
    SUCCEEDED,
    DayRecords,
    Journal,
    Ledger,
)
from simulation.scenario import Client, Retry, Scenario

__all__ = ["Model"]

Process = Generator[simpy.Event, None, None]

_FIRST_ORDER = 2  # behind SimPy's own events (0 and 1) of the same instant
_ORDERS_PER_CLIENT = 2**44  # more calls than any client makes


class Model(Engine):
    """One replication of a scenario, as a SimPy simulation.

    Parameters
    ----------
    scenario : Scenario
        What to simulate.
    replication : int
        Which one, from 0; each has its own random numbers.
    demand : Demand, optional
        The scenario's demand, where it is at hand already.
    limit : int, optional
        The size of the pool, in place of what the org has bought.

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

    def __init__(
        self,
        scenario: Scenario,
        replication: int = 0,
        demand: Demand | None = None,
        limit: int | None = None,
    ) -> None:
        super().__init__(scenario, replication, demand, limit)
        self.env = simpy.Environment(initial_time=0)
        self.pool = CreditPool(self.env, self.limit, scenario.card.window, scenario.card)
        self.journal = Journal()
        for place, client in enumerate(scenario.clients):
            self.env.process(self._client(place, client))

    def run(self) -> Iterator[DayRecords]:
        """Simulate day by day until the horizon; yield what each local day leaves behind."""
        clock, start = self.scenario.clock, 0
        for day in range(clock.days):
            end = clock.day_end(day)
            if end > start:  # a date that the zone left out has no length
                self.env.run(until=end)
            unbooked, self.pool.unbooked = self.pool.unbooked, []
            yield self.journal.close_day(day, start, end, unbooked, last=end == clock.horizon)
            start = end

    def _client(self, place: int, client: Client) -> Process:
        """Make a client's calls, each at its time; draw them at the start of each day."""
        env, pool, wake_at, consume = self.env, self.pool, Alarm(self.env).at, self.pool.consume
        retry = _RetryPlan(self, client) if client.on_throttle.retry else None
        order = _FIRST_ORDER + place * _ORDERS_PER_CLIENT
        made = 0
        for day in range(self.demand.days):
            yield env.timeout(max(0, self.scenario.clock.day_start(day) - env.now))
            calls = self.demand.draw_client(self.replication, place, day, made)
            accounts = place * len(self.demand.apis) + calls.api.astype(np.int64)
            ledger = self.journal.open(day, place, calls, accounts)
            made += len(calls)
            for n, (time, credits) in enumerate(
                zip(calls.time.tolist(), calls.credits.tolist(), strict=True)
            ):
                yield wake_at(time, order + n)
                try:
                    consume(credits, True)  # the ledger books it
                except TooManyRequests:
                    if credits > pool.limit:
                        ledger.give_up(n, IMPOSSIBLE)
                    elif retry is None:
                        ledger.give_up(n, LOST)
                    else:
                        ledger.throttled(n)
                        env.process(retry.process(ledger, n, order + n))
            order += len(calls)


class _RetryPlan:
    """What a client that retries does with each throttled call."""

    def __init__(self, model: Model, client: Client) -> None:
        assert client.on_throttle.retry is not None
        self.env, self.pool, self.journal = model.env, model.pool, model.journal
        self.law: Retry = client.on_throttle.retry
        self.delays = self.law.delays()
        self.key = jitter_key(model.scenario.seed, model.replication, client.name)

    def delay(self, call: int, retry: int) -> int:
        """Return the delay before a retry (1, 2, …) of a call, µs."""
        longest = self.delays[min(retry, len(self.delays)) - 1]
        if self.law.jitter == "none":
            return longest
        return int(uniform(self.key, call, retry) * longest)

    def process(self, ledger: Ledger, n: int, order: int) -> Process:
        """Try a throttled call again until it is accepted or its attempts are used up."""
        credits, account = int(ledger.calls.credits[n]), int(ledger.accounts[n])
        alarm, call, now = Alarm(self.env), int(ledger.calls.call[n]), int(self.env.now)
        for retry in range(1, self.law.max_attempts):
            now += self.delay(call, retry)
            yield alarm.at(now, order)
            try:
                self.pool.consume(credits, booked=True)
            except TooManyRequests:
                ledger.throttled(n)
                self.journal.retried(False, now, credits, account)
            else:
                self.journal.retried(True, now, credits, account)
                ledger.settle(n, SUCCEEDED, now)
                return
        ledger.settle(n, LOST, now)
