"""What the clients of the SimPy model note of calls that many meters may throttle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints
from simulation.demand import Calls
from simulation.engine.gate import Counting
from simulation.engine.journal import Ledger
from simulation.engine.records import SUCCEEDED, UNFINISHED, CallRecords, Entries

__all__ = ["MeteredLedger", "Waiting"]


class Waiting:
    """A call that was not accepted at once, and how far it is."""

    __slots__ = (
        *("attempts", "by", "credits", "duration", "held", "ledger", "counting", "number", "order"),
        *("outcome", "position", "settled_at", "submitted", "tries"),
    )

    def __init__(
        self, ledger: MeteredLedger, position: int, order: int, counting: Counting
    ) -> None:
        calls = ledger.calls
        self.ledger, self.position, self.order = ledger, position, order
        self.counting = counting
        self.number, self.submitted = int(calls.call[position]), int(calls.time[position])
        self.credits = int(calls.credits[position])
        self.duration = 0 if calls.duration is None else int(calls.duration[position])
        self.tries = self.attempts = self.held = 0
        self.by = -1  # the meter that throttled it first
        self.outcome = self.settled_at = -1
        ledger.wait(position, self)

    def settle(self, outcome: int, when: int) -> None:
        """Note how it ended."""
        self.outcome, self.settled_at = outcome, when
        self.ledger.pending -= 1


class MeteredLedger(Ledger):
    """The calls of one client on one day, of which those that waited know what became of them."""

    def __init__(self, calls: Calls, accounts: Ints) -> None:
        super().__init__(calls, accounts)
        self._waiting: dict[int, Waiting] = {}

    def wait(self, position: int, call: Waiting) -> None:
        """Note that a call is not accepted at once; it is pending until it is settled."""
        self._waiting[position] = call
        self.pending += 1

    def at_once(self, position: int) -> None:
        """Take back that a call waits: it was accepted at once after all."""
        del self._waiting[position]
        self.pending -= 1

    def first_attempts(self) -> tuple[Entries, Entries]:
        """Return the attempts accepted at once; all others are noted when they are made."""
        at_once = np.ones(len(self.calls), bool)
        at_once[list(self._waiting)] = False
        none = Entries.of([], [], [])
        return replace(self.entries(at_once), back_at=self.ends_at(at_once)), none

    def ends_at(self, which: NDArray[np.bool_]) -> Ints:
        """Return when some calls would end that are accepted at once."""
        return self.calls.time[which] + self.calls.lasting[which]

    def records(self) -> CallRecords:
        """Return the calls with their outcomes."""
        count = len(self.calls)
        outcome, settled_at = np.zeros(count, np.int8), self.calls.time.copy()
        attempts, held = np.ones(count, np.int32), np.zeros(count, np.int32)
        by = np.full(count, -1, np.int8)
        for position, call in self._waiting.items():
            outcome[position] = UNFINISHED if call.outcome < 0 else call.outcome
            settled_at[position], by[position] = call.settled_at, call.by
            attempts[position], held[position] = call.attempts, call.held
        throttled = attempts - (outcome == SUCCEEDED)
        return CallRecords(
            self.calls, attempts, throttled.astype(np.int32), outcome, settled_at, held, by
        )
