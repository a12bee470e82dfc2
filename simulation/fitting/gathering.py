"""What a log says of each client, gathered part by part, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from simulation.arrays import Flags, Ints, record
from simulation.fitting.attempt_loops import BINS, MOST_COUNTED, follow, sum_by_key
from simulation.fitting.call_kinds import CallKindTable, Kind
from simulation.fitting.cells import Cells
from simulation.logs import UNKNOWN, Entries, Reading
from simulation.quantities import SECOND

__all__ = ["ClientUsage", "Gathering", "Usage"]

_FINE = SECOND // 10
"""The length of a cell where times are finer than seconds; a second where they are not."""
_MOST_CELLS = 12_000_000
"""The cells of all clients that are kept; with more of them, each becomes ten times as long."""
_TOGETHER = 4_000_000  # parts are joined when they have so many
_CLIENT = 44  # bits of a cell's index, before that of its client
_SLOTS = 2**17
_LONGEST_WAIT = 2 * 3600 * SECOND
_MOST_CLIENTS = 4096

_OPEN = record(key=np.uint64, time=np.int64, gap=np.int64, attempts=np.int64)
_SEEN = record(key=np.uint64, time=np.int64)


@dataclass(frozen=True)
class ClientUsage:
    """What the log says of one client.

    Attributes
    ----------
    name : str
        As the log names it.
    calls, attempts : Cells
        When its calls began, with retries taken as part of their call, and when its attempts were.
    throttled : int
        Attempts that were answered 429.
    kinds : Counter
        Attempts by what was asked for: the kind of call, and the records in it where the log tells
        them, or None.
    after, usual, chains : int64 arrays
        Of `attempt_loops.follow`, of this client.
    """

    name: str
    calls: Cells
    attempts: Cells
    throttled: int
    kinds: Counter[tuple[Kind, int | None]]
    after: Ints
    usual: Ints
    chains: Ints


@dataclass(frozen=True)
class Usage:
    """What a log says.

    Attributes
    ----------
    clients : list of ClientUsage
        Those with the most calls first.
    unknown : Counter
        Requests whose kind of call is not known, by target.
    bucket : int
        The length of a bucket, µs, where the log has counts; 0 where it has requests.
    """

    clients: list[ClientUsage]
    unknown: Counter[str]
    bucket: int


@dataclass
class _Sums:
    """Numbers of calls by cell and client, joined now and then."""

    keys: list[Ints] = field(default_factory=list)
    calls: list[Ints] = field(default_factory=list)
    waiting: int = 0

    def add(self, keys: Ints, calls: Ints) -> None:
        unique, sums = _summed(keys, calls)
        self.keys.append(unique)
        self.calls.append(sums)
        self.waiting += len(unique)
        if self.waiting > _TOGETHER:
            self.join()

    def join(self) -> None:
        """Make one array of all parts, in the order of clients and time."""
        if self.waiting:
            keys, calls = np.concatenate(self.keys), np.concatenate(self.calls)
            self.keys, self.calls = [], []
            unique, which = np.unique(keys, return_inverse=True)
            self.keys = [unique]
            self.calls = [np.bincount(which, calls, len(unique)).astype(np.int64)]
        self.waiting = 0

    def coarser(self, times: int) -> None:
        """Make each cell some times as long."""
        self.join()
        if self.keys:
            keys, calls = self.keys.pop(), self.calls.pop()
            client, at = keys >> _CLIENT, keys & ((1 << _CLIENT) - 1)
            self.add(client << _CLIENT | at // times, calls)
            self.join()

    @property
    def size(self) -> int:
        return sum(map(len, self.keys))

    def of(self, client: int) -> tuple[Ints, Ints]:
        """Return the cells of one client, and the calls in each."""
        self.join()
        if not self.keys:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        keys, calls = self.keys[0], self.calls[0]
        first, last = np.searchsorted(keys, [client << _CLIENT, (client + 1) << _CLIENT])
        mine = slice(int(first), int(last))
        some = calls[mine] > 0
        return (keys[mine] & ((1 << _CLIENT) - 1))[some], calls[mine][some]


def _summed(keys: Ints, calls: Ints) -> tuple[Ints, Ints]:
    """Return each key once, and the calls of each."""
    slots = np.full(1 << int(2 * len(keys) + 1).bit_length(), -1, np.int64)
    found, sums = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    count = sum_by_key(keys, calls, slots, found, sums)
    return found[:count].copy(), sums[:count].copy()


class Gathering:
    """What parts of a log say together.

    Parameters
    ----------
    reading : Reading
        With which the log is read.
    table : CallKindTable
        Which kind of call a request is.
    """

    def __init__(self, reading: Reading, table: CallKindTable) -> None:
        self._reading, self._table = reading, table
        self._grain = 0
        self._calls, self._attempts = _Sums(), _Sums()
        self._kinds: Counter[tuple[int, int, int]] = Counter()  # client, target, records
        self._throttled: Counter[int] = Counter()
        self._open, self._seen = np.zeros(_SLOTS, _OPEN), np.zeros(_SLOTS, _SEEN)
        self._after = np.zeros((0, MOST_COUNTED, BINS), np.int64)
        self._usual = np.zeros((0, BINS), np.int64)
        self._chains = np.zeros((0, MOST_COUNTED + 1, 2), np.int64)
        self._begin = self._end = 0

    def take_all(self, parts: Iterable[Entries]) -> Gathering:
        """Gather all parts of a log; return this."""
        for each in parts:
            self.take(each)
        return self

    def take(self, entries: Entries) -> None:
        """Gather a part of a log."""
        if not len(entries):
            return
        entries = entries.in_order()
        if not self._grain:
            fine = _FINE if (entries.time % SECOND).any() else SECOND
            self._grain = self._reading.bucket or fine
            self._begin = int(entries.time[0])
        self._begin = min(self._begin, int(entries.time[0]))
        self._end = max(self._end, int(entries.time[-1]))
        client, is_call = self.calls_of(entries)
        keys = client << _CLIENT | entries.time // self._grain
        self._attempts.add(keys, entries.calls)
        self._calls.add(keys[is_call], entries.calls[is_call])
        while max(self._calls.size, self._attempts.size) > _MOST_CELLS:
            self._grain *= 10
            for sums in (self._calls, self._attempts):
                sums.coarser(10)
        self._count(entries, client)

    def calls_of(self, entries: Entries) -> tuple[Ints, Flags]:
        """Return whose each attempt is, and which attempts begin a call; they come in order."""
        client = np.minimum(entries.client, _MOST_CLIENTS - 1)
        is_call = np.ones(len(entries), bool)
        count = min(len(self._reading.clients), _MOST_CLIENTS)
        if count > len(self._usual):
            more = ((0, count - len(self._usual)),)
            self._after = np.pad(self._after, (*more, (0, 0), (0, 0)))
            self._usual = np.pad(self._usual, (*more, (0, 0)))
            self._chains = np.pad(self._chains, (*more, (0, 0), (0, 0)))
        if not self._reading.bucket:
            follow(
                *(client, entries.same, entries.time, entries.status, self._open, self._seen),
                *(_LONGEST_WAIT, is_call, self._after, self._usual, self._chains),
            )
        return client, is_call

    def _count(self, entries: Entries, client: Ints) -> None:
        """Count what was asked for, and what was throttled."""
        records = np.where(entries.records == UNKNOWN, 0, np.minimum(entries.records, 2**20 - 1))
        keys = (client << 36) | (entries.target << 20) | records
        unique, sums = _summed(keys, entries.calls)
        for key, calls in zip(unique.tolist(), sums.tolist(), strict=True):
            self._kinds[key >> 36, key >> 20 & 0xFFFF, key & 0xFFFFF] += calls
        throttled = np.bincount(client[entries.status == 429])
        for number in np.flatnonzero(throttled).tolist():
            self._throttled[number] += int(throttled[number])

    def usage(self) -> Usage:
        """Return what was gathered."""
        reading = self._reading
        grain = self._grain or SECOND
        last = reading.bucket or grain
        covered = ((self._begin // grain * grain, (self._end + last) // grain * grain + grain),)
        kinds: dict[int, Counter[tuple[Kind, int | None]]] = {}
        unknown: Counter[str] = Counter()
        for (client, target, records), calls in self._kinds.items():
            kind = self._table.kind_of(reading.targets[target])
            if not kind.known:
                unknown[reading.targets[target]] += calls
            told = records or (kind.records if isinstance(kind.records, int) else None)
            kinds.setdefault(client, Counter())[kind, told] += calls
        found = [
            ClientUsage(
                name=reading.clients[client],
                calls=Cells(grain, *self._calls.of(client), covered),
                attempts=Cells(grain, *self._attempts.of(client), covered),
                throttled=self._throttled[client],
                kinds=kinds[client],
                after=self._after[client],
                usual=self._usual[client],
                chains=self._chains[client],
            )
            for client in sorted(kinds)
        ]
        found.sort(key=lambda each: -each.attempts.total)
        return Usage(found, unknown, reading.bucket)
