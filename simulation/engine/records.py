"""What a run leaves behind: every call with its outcome, and every grant and throttled attempt.

Both engines write the same `DayRecords`; statistics and files are made from these alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Calls
from simulation.demand import concatenate as concatenate_calls

if TYPE_CHECKING:
    import pyarrow as pa

    from simulation.demand import Demand

__all__ = [
    "IMPOSSIBLE",
    "LOST",
    "OUTCOMES",
    "SUCCEEDED",
    "UNFINISHED",
    "CallRecords",
    "DayRecords",
    "Entries",
    "Journal",
    "Ledger",
    "call_table",
]

Ints = NDArray[np.int64]

OUTCOMES = ("succeeded", "lost", "impossible", "unfinished")
SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED = range(4)


@dataclass(frozen=True)
class CallRecords:
    """Calls and what became of them, a column each; in order of time, client and call.

    Attributes
    ----------
    calls : Calls
        What was wanted, n calls.
    attempts, throttled_attempts : (n,) int32 array
        Attempts made, and how many of them were throttled.
    outcome : (n,) int8 array
        Place in `OUTCOMES`.
    settled_at : (n,) int64 array
        When the call succeeded or its client gave up, µs; -1 if unfinished.
    """

    calls: Calls
    attempts: NDArray[np.int32]
    throttled_attempts: NDArray[np.int32]
    outcome: NDArray[np.int8]
    settled_at: Ints

    def __len__(self) -> int:
        return len(self.calls)


@dataclass(frozen=True)
class Entries:
    """Things that happened in the pool, a column each; in order of time.

    Attributes
    ----------
    time : (n,) int64 array
        When, µs since the scenario's start.
    credits : (n,) int64 array
        What the attempt costs.
    account : (n,) int64 array
        client × number of call kinds + call kind; -1 for a process of the user's own.
    """

    time: Ints
    credits: Ints
    account: Ints

    @classmethod
    def of(cls, time: Sequence[int], credits: Sequence[int], account: Sequence[int]) -> Entries:
        """Make entries of three sequences."""
        return cls(_column(time), _column(credits), _column(account))


@dataclass(frozen=True)
class DayRecords:
    """What one local day leaves behind.

    Attributes
    ----------
    day : int
        The day, from 0.
    start, end : int
        The stretch of the run that it covers, µs.
    settled : CallRecords
        The calls of this and earlier days that are now all settled, or unfinished at the
        horizon; every call appears in one day's records, in order of submission.
    grants, throttles : Entries
        What happened in the pool on this day.
    """

    day: int
    start: int
    end: int
    settled: CallRecords
    grants: Entries
    throttles: Entries


class Ledger:
    """The calls of one client on one day, and what became of each.

    Most calls succeed at once, so a ledger starts out with that, and only what went
    otherwise is written down.
    """

    def __init__(self, calls: Calls, accounts: Ints) -> None:
        self.calls = calls
        self.accounts = accounts
        self._outcome = bytearray(len(calls))  # zeros: SUCCEEDED
        self._throttled: dict[int, int] = {}  # attempts, of calls that are tried again
        self._settled_at: dict[int, int] = {}
        self.pending = 0

    def give_up(self, place: int, outcome: int) -> None:
        """Note that a call ended at its first attempt, throttled."""
        self._outcome[place] = outcome

    def throttled(self, place: int) -> None:
        """Note a throttled attempt of a call that is tried again; it is unfinished until then."""
        attempts = self._throttled.get(place, 0)
        if not attempts:
            self._outcome[place] = UNFINISHED
            self.pending += 1
        self._throttled[place] = attempts + 1

    def settle(self, place: int, outcome: int, now: int) -> None:
        """Note how a call that was tried again ended."""
        self._outcome[place] = outcome
        self._settled_at[place] = now
        self.pending -= 1

    def first_attempts(self) -> tuple[Entries, Entries]:
        """Return the first attempts that were accepted, and those that were throttled."""
        throttled = np.frombuffer(self._outcome, np.int8) != SUCCEEDED
        throttled[_keys(self._throttled)] = True
        return self._entries(~throttled), self._entries(throttled)

    def _entries(self, which: NDArray[np.bool_]) -> Entries:
        return Entries(self.calls.time[which], self.calls.credits[which], self.accounts[which])

    def records(self) -> CallRecords:
        """Return the calls with their outcomes."""
        outcome = np.frombuffer(bytes(self._outcome), np.int8)
        throttled = (outcome != SUCCEEDED).astype(np.int32)
        throttled[_keys(self._throttled)] = _values(self._throttled)
        settled_at = self.calls.time.copy()
        settled_at[outcome == UNFINISHED] = -1
        settled_at[_keys(self._settled_at)] = _values(self._settled_at)
        attempts = throttled + (outcome == SUCCEEDED)
        return CallRecords(self.calls, attempts.astype(np.int32), throttled, outcome, settled_at)


def _keys(noted: dict[int, int]) -> Ints:
    return np.fromiter(noted, np.int64, len(noted))


def _values(noted: dict[int, int]) -> Ints:
    return np.fromiter(noted.values(), np.int64, len(noted))


class Journal:
    """Collects the records of one replication and hands them out day by day.

    It holds the calls of a day until the last of them is settled: one day of calls, and as
    many more as the longest retries reach back.
    """

    def __init__(self) -> None:
        self._open: deque[dict[int, Ledger]] = deque()
        self._first_open = 0
        self._retries: dict[bool, tuple[list[int], list[int], list[int]]] = {
            accepted: ([], [], []) for accepted in (True, False)
        }

    def open(self, day: int, client: int, calls: Calls, accounts: Ints) -> Ledger:
        """Start the ledger of one client's calls of one day."""
        while self._first_open + len(self._open) <= day:
            self._open.append({})
        ledger = Ledger(calls, accounts)
        self._open[day - self._first_open][client] = ledger
        return ledger

    def retried(self, accepted: bool, now: int, credits: int, account: int) -> None:
        """Note an attempt after the first; the ledgers know of first attempts."""
        for column, value in zip(self._retries[accepted], (now, credits, account), strict=True):
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
        granted = [first[0] for first in firsts] + [Entries.of(*self._retries[True]), others]
        throttled = [first[1] for first in firsts] + [Entries.of(*self._retries[False])]
        for columns in self._retries.values():
            for column in columns:
                column.clear()
        return in_order(granted), in_order(throttled)


def _by_client(ledgers: dict[int, Ledger]) -> list[Ledger]:
    return [ledgers[client] for client in sorted(ledgers)]


def in_order(parts: Sequence[Entries]) -> Entries:
    time, credits, account = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("time", "credits", "account")
    )
    order = np.argsort(time, kind="stable")
    return Entries(time[order], credits[order], account[order])


def _column(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)


def concatenate(parts: Sequence[CallRecords]) -> CallRecords:
    """Join records one after the other."""
    if not parts:
        none = np.empty(0, np.int64)
        narrow = none.astype(np.int32)
        calls = Calls(none, narrow, none, narrow, none, none)
        return CallRecords(calls, narrow, narrow, none.astype(np.int8), none)
    if len(parts) == 1:
        return parts[0]
    calls = concatenate_calls([part.calls for part in parts])
    own = [field.name for field in fields(CallRecords)][1:]
    return CallRecords(calls, *(np.concatenate([getattr(p, name) for p in parts]) for name in own))


def merge(parts: Sequence[CallRecords]) -> CallRecords:
    """Join the records of clients, given in their order, into order of time, client and call."""
    joined = concatenate(parts)
    order = np.argsort(joined.calls.time, kind="stable")
    own = [field.name for field in fields(CallRecords)][1:]
    return CallRecords(joined.calls.take(order), *(getattr(joined, name)[order] for name in own))


def call_table(records: CallRecords, demand: Demand, replication: int) -> pa.Table:
    """Return calls and outcomes as an Arrow table: the columns of ``calls.parquet``.

    Times are µs in UTC; ``settled_at`` is null where a call is unfinished.
    """
    import pyarrow as pa

    calls, scenario = records.calls, demand.scenario
    epoch = scenario.clock.start_epoch
    instant = pa.timestamp("us", tz="UTC")
    categories = list(dict.fromkeys(map(scenario.category, demand.apis)))
    category = np.array([categories.index(scenario.category(a)) for a in demand.apis], np.int32)

    def named(codes: NDArray[np.int32], names: Sequence[str]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))

    return pa.table(
        {
            "replication": pa.array(np.full(len(records), replication, np.int32)),
            "client": named(calls.client, [client.name for client in scenario.clients]),
            "call": pa.array(calls.call),
            "api": named(calls.api, demand.apis),
            "category": named(category[calls.api], categories),
            "records": pa.array(calls.records),
            "credits": pa.array(calls.credits),
            "submitted_at": pa.array(calls.time + epoch).cast(instant),
            "attempts": pa.array(records.attempts),
            "throttled_attempts": pa.array(records.throttled_attempts),
            "outcome": named(records.outcome.astype(np.int32), OUTCOMES),
            "settled_at": pa.array(records.settled_at + epoch, mask=records.settled_at < 0).cast(
                instant
            ),
        }
    )
