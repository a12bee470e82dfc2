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
        Credits granted; 0 for a throttled attempt.
    account : (n,) int64 array
        client × number of call kinds + call kind; -1 for a process of the user's own.
    """

    time: Ints
    credits: Ints
    account: Ints

    @classmethod
    def of(cls, time: Sequence[int], credits: Sequence[int], account: Sequence[int]) -> Entries:
        """Make entries of three sequences."""
        return cls(*(np.array(column, np.int64) for column in (time, credits, account)))


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

    def __init__(self, calls: Calls, journal: Journal) -> None:
        self.calls = calls
        self._journal = journal
        self._throttled: dict[int, list[int]] = {}  # place -> attempts, outcome, settled_at
        self.pending = 0

    def throttled(self, place: int, now: int, account: int) -> None:
        """Note a throttled attempt; its call is unfinished until it is settled."""
        record = self._throttled.get(place)
        if record is None:
            self._throttled[place] = [1, UNFINISHED, -1]
            self.pending += 1
        else:
            record[0] += 1
        self._journal.note_throttled(now, account)

    def settle(self, place: int, outcome: int, now: int) -> None:
        """Note how a call that was throttled before ended."""
        record = self._throttled[place]
        record[0] += outcome == SUCCEEDED  # the attempt that was accepted
        record[1:] = outcome, now
        self.pending -= 1

    def records(self) -> CallRecords:
        """Return the calls with their outcomes."""
        count = len(self.calls)
        attempts = np.ones(count, np.int32)
        throttled = np.zeros(count, np.int32)
        outcome = np.full(count, SUCCEEDED, np.int8)
        settled_at = self.calls.time.copy()
        if self._throttled:
            places = np.fromiter(self._throttled, np.int64, len(self._throttled))
            written = np.array(list(self._throttled.values()), np.int64)
            attempts[places], outcome[places], settled_at[places] = written.T
            throttled[places] = attempts[places] - (outcome[places] == SUCCEEDED)
        return CallRecords(self.calls, attempts, throttled, outcome, settled_at)


class Journal:
    """Collects the records of one replication and hands them out day by day.

    It holds the calls of a day until the last of them is settled: one day of calls, and as
    many more as the longest retries reach back.
    """

    def __init__(self) -> None:
        self._open: deque[list[Ledger]] = deque()
        self._first_open = 0
        self._throttle_times: list[int] = []
        self._throttle_accounts: list[int] = []

    def open(self, day: int, calls: Calls) -> Ledger:
        """Start the ledger of one client's calls of one day."""
        while self._first_open + len(self._open) <= day:
            self._open.append([])
        ledger = Ledger(calls, self)
        self._open[day - self._first_open].append(ledger)
        return ledger

    def note_throttled(self, now: int, account: int) -> None:
        """Note a throttled attempt for the statistics by time."""
        self._throttle_times.append(now)
        self._throttle_accounts.append(account)

    def close_day(self, day: int, start: int, end: int, grants: Entries, last: bool) -> DayRecords:
        """Return what the day left behind; the last day also returns what is unfinished."""
        done: list[CallRecords] = []
        while self._open and self._first_open <= day:
            ledgers = self._open[0]
            if not last and any(ledger.pending for ledger in ledgers):
                break
            done.append(merge([ledger.records() for ledger in ledgers]))
            self._open.popleft()
            self._first_open += 1
        times, accounts = self._throttle_times, self._throttle_accounts
        self._throttle_times, self._throttle_accounts = [], []
        throttles = Entries.of(times, [0] * len(times), accounts)
        return DayRecords(day, start, end, concatenate(done), grants, throttles)


def concatenate(parts: Sequence[CallRecords]) -> CallRecords:
    """Join records one after the other."""
    if not parts:
        none = np.empty(0, np.int64)
        narrow = none.astype(np.int32)
        calls = Calls(none, narrow, none, narrow, none, none)
        return CallRecords(calls, narrow, narrow, none.astype(np.int8), none)
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(Calls)]
    calls = Calls(*(np.concatenate([getattr(p.calls, name) for p in parts]) for name in names))
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
