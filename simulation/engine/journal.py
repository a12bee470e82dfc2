"""What the clients of the SimPy model note of their calls, and the records made of it."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints
from simulation.demand import Calls
from simulation.engine.records import (
    MOST_ATTEMPTS,
    SUCCEEDED,
    UNFINISHED,
    CallRecords,
    DayRecords,
    Entries,
    TooManyAttemptsError,
    concatenate,
    in_order,
    merge,
)

__all__ = ["Journal", "Ledger"]

AnyLedger = TypeVar("AnyLedger", bound="Ledger")


class Ledger:
    """The calls of one client on one day, and what became of each.

    Most calls succeed at once, so a ledger begins with that, and only the others are noted.
    A call is named by its position in ``calls``.
    """

    def __init__(self, calls: Calls, accounts: Ints) -> None:
        self.calls = calls
        self.accounts = accounts
        self._outcome = bytearray(len(calls))  # zeros: SUCCEEDED
        self._throttled: dict[int, int] = {}  # attempts, of calls that are tried again
        self._settled_at: dict[int, int] = {}
        self.pending = 0

    def give_up(self, position: int, outcome: int) -> None:
        """Note that a call ended at its first attempt, throttled."""
        self._outcome[position] = outcome

    def throttled(self, position: int) -> None:
        """Note a throttled attempt of a call that is tried again; it is unfinished until then."""
        attempts = self._throttled.get(position, 0)
        if not attempts:
            self._outcome[position] = UNFINISHED
            self.pending += 1
        self._throttled[position] = attempts + 1

    def settle(self, position: int, outcome: int, now: int) -> None:
        """Note how a call that was tried again ended."""
        self._outcome[position] = outcome
        self._settled_at[position] = now
        self.pending -= 1

    def first_attempts(self) -> tuple[Entries, Entries]:
        """Return the first attempts that were accepted, and those that were throttled."""
        # A call that was tried again may have succeeded by now; its first attempt was throttled.
        throttled = np.frombuffer(self._outcome, np.int8) != SUCCEEDED
        throttled[_keys(self._throttled)] = True
        return self.entries(~throttled), self.entries(throttled)

    def entries(self, which: NDArray[np.bool_]) -> Entries:
        """Return some of the calls as first attempts."""
        return Entries(self.calls.time[which], self.calls.credits[which], self.accounts[which])

    def records(self) -> CallRecords:
        """Return the calls with their outcomes."""
        # A copy: what is handed out does not change with the ledger.
        outcome = np.frombuffer(bytes(self._outcome), np.int8)
        throttled = (outcome != SUCCEEDED).astype(np.int32)
        throttled[_keys(self._throttled)] = _values(self._throttled)
        settled_at = self.calls.time.copy()
        settled_at[outcome == UNFINISHED] = -1
        settled_at[_keys(self._settled_at)] = _values(self._settled_at)
        attempts = throttled + (outcome == SUCCEEDED)
        attempts = attempts.astype(np.int32)
        return CallRecords.of_pool(self.calls, attempts, throttled, outcome, settled_at)


def _keys(noted: dict[int, int]) -> Ints:
    return np.fromiter(noted, np.int64, len(noted))


def _values(noted: dict[int, int]) -> Ints:
    return np.fromiter(noted.values(), np.int64, len(noted))


class Journal:
    """Collects the records of one replication and hands them out day by day.

    It holds the calls of a day until the last of them is settled: one day of calls, and as
    many more as the longest retries reach back.
    """

    def __init__(self, tells_ends: bool = False) -> None:
        self._tells_ends = tells_ends
        self._open: deque[dict[int, Ledger]] = deque()
        self._first_open = 0
        self._retries: dict[bool, tuple[array[int], ...]] = {
            accepted: tuple(array("q") for _ in range(4)) for accepted in (True, False)
        }

    def open(self, day: int, client: int, calls: Calls, accounts: Ints) -> Ledger:
        """Start the ledger of one client's calls of one day."""
        return self.open_with(day, client, Ledger(calls, accounts))

    def open_with(self, day: int, client: int, ledger: AnyLedger) -> AnyLedger:
        """Start a ledger of one client's calls of one day that is made already."""
        while self._first_open + len(self._open) <= day:
            self._open.append({})
        self._open[day - self._first_open][client] = ledger
        return ledger

    def retried(
        self, accepted: bool, now: int, credits: int, account: int, ends_at: int = -1
    ) -> None:
        """Note an attempt after the first; the ledgers know of first attempts."""
        columns, values = self._retries[accepted], (now, credits, account, ends_at)
        if len(self._retries[True][0]) + len(self._retries[False][0]) == MOST_ATTEMPTS:
            raise TooManyAttemptsError
        for column, value in zip(columns, values, strict=True):
            column.append(value)

    def close_day(
        self, day: int, start: int, end: int, unbooked: list[tuple[int, int]], last: bool
    ) -> DayRecords:
        """Return what the day left behind; the last day also returns what is unfinished.

        ``unbooked`` is what was consumed on this day by others than the ledgers' clients.
        """
        grants, throttles = self._attempts(day, unbooked)
        done: list[CallRecords] = []
        while self._open and self._first_open <= day:
            ledgers = _by_client(self._open[0])
            # Days are handed out in order, so one with calls in flight holds back those behind it.
            if not last and any(ledger.pending for ledger in ledgers):
                break
            done.append(merge([ledger.records() for ledger in ledgers]))
            self._open.popleft()
            self._first_open += 1
        return DayRecords(day, start, end, concatenate(done), grants, throttles)

    def _attempts(self, day: int, unbooked: list[tuple[int, int]]) -> tuple[Entries, Entries]:
        """Return what a day's attempts were granted, and those that were throttled."""
        today = day - self._first_open
        ledgers = _by_client(self._open[today]) if today < len(self._open) else []
        firsts = [ledger.first_attempts() for ledger in ledgers]
        others = Entries.of(
            [now for now, _ in unbooked], [credits for _, credits in unbooked], [-1] * len(unbooked)
        )
        # By client: `in_order` keeps this order among what happened at one instant.
        granted = [first[0] for first in firsts] + [self._retried(True), others]
        throttled = [first[1] for first in firsts] + [self._retried(False)]
        for columns in self._retries.values():
            for column in columns:
                del column[:]
        return in_order(granted), in_order(throttled)

    def _retried(self, accepted: bool) -> Entries:
        *columns, ends_at = self._retries[accepted]
        entries = Entries.of(*columns)
        if accepted and self._tells_ends:
            return replace(entries, back_at=np.array(ends_at, np.int64))
        return entries


def _by_client(ledgers: dict[int, Ledger]) -> list[Ledger]:
    return [ledgers[client] for client in sorted(ledgers)]
