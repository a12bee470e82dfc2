"""What a client does when it is throttled, as a SimPy process."""

from __future__ import annotations

from collections.abc import Generator

import simpy

from simulation.demand import uniform
from simulation.engine.journal import Journal, Ledger
from simulation.engine.pool import Alarm, CreditPool, TooManyRequests
from simulation.engine.records import LOST, SUCCEEDED
from simulation.scenario import Retry

__all__ = ["Process", "Retries"]

Process = Generator[simpy.Event, None, None]


class Retries:
    """What a client that retries does with each throttled call.

    Parameters
    ----------
    env : simpy.Environment
    pool : CreditPool
    journal : Journal
        Where its attempts are noted.
    law : Retry
    key : int
        What its jitter depends on, by `simulation.demand.jitter_key`.
    """

    def __init__(
        self, env: simpy.Environment, pool: CreditPool, journal: Journal, law: Retry, key: int
    ) -> None:
        self.env, self.pool, self.journal = env, pool, journal
        self.law, self.key = law, key
        self.delays = law.delays()  # rising to the longest, which repeats

    def delay(self, call: int, retry: int) -> int:
        """Return the delay before a retry (1, 2, …) of a call, µs."""
        longest = self.delays[min(retry, len(self.delays)) - 1]
        if self.law.jitter == "none":
            return longest
        # By call and attempt, not from a stream: the same whichever calls are throttled before it.
        return int(uniform(self.key, call, retry) * longest)

    def process(self, ledger: Ledger, n: int, order: int) -> Process:
        """Try a throttled call again until it is accepted or its attempts are used up."""
        credits, account = int(ledger.calls.credits[n]), int(ledger.accounts[n])
        # One alarm for all retries of the call, at instants counted here: the same as `env.now`,
        # without asking for it. A retry keeps the order of the call's first attempt.
        alarm, call, now = Alarm(self.env), int(ledger.calls.call[n]), int(self.env.now)
        for retry in range(1, self.law.max_attempts):
            now += self.delay(call, retry)
            yield alarm.at(now, order)
            try:
                self.pool.take(credits, booked=True)
            except TooManyRequests:
                ledger.throttled(n)
                self.journal.retried(False, now, credits, account)
            else:
                self.journal.retried(True, now, credits, account)
                ledger.settle(n, SUCCEEDED, now)
                return
        ledger.settle(n, LOST, now)
