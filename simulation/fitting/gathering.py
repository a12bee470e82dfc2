"""What a log says of each client, gathered part by part, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Flags, Ints, record
from simulation.fitting.attempt_loops import (
    BINS,
    CLIENT_BITS,
    MOST_COUNTED,
    RECORD_BITS,
    TARGET_BITS,
    count_by_cell,
    count_by_kind,
    follow,
    steps_back,
)
from simulation.fitting.call_durations import SeenDurations, sums_by_kind
from simulation.fitting.call_kinds import CallKindTable, Kind
from simulation.fitting.cells import Cells
from simulation.fitting.result import OTHERS
from simulation.logs import Entries, Reading
from simulation.moments import local_time
from simulation.quantities import DAY, HOUR, SECOND

__all__ = ["ClientUsage", "Gathering", "Usage"]

_FINE = SECOND // 10
"""The length of a cell where times are finer than seconds; a second where they are not."""
_MOST_CELLS = 7_000_000
"""The cells of all clients that are kept; with more of them, each becomes ten times as long."""
_TOGETHER = 4_000_000  # cells from which on parts are joined
_SLOTS = 2**17
_GAP = 3 * DAY  # without any request, which may be missing in the log
_WOULD_HAVE = 50  # cells with calls are expected in it
_LONGEST_WAIT = 2 * 3600 * SECOND
_MOST_CLIENTS = 2**CLIENT_BITS
_CLIENTS = _MOST_CLIENTS - 1
_NO_CLIENT = np.uint16(_MOST_CLIENTS)

_LAST = record(
    key=np.uint64,
    time=np.int64,
    gap=np.int64,
    attempts=np.int64,
    before=np.int64,
    made=np.int64,
    begun=np.int64,
    seen_key=np.uint64,
    seen=np.int64,
)


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
    after, crowded, usual, chains : int64 arrays
        Of `attempt_loops.follow`, of this client.
    durations : dict of str to (200,) int64 array
        How long its calls stayed open, by kind of call and class: see `SeenDurations`.
    """

    name: str
    calls: Cells
    attempts: Cells
    throttled: int
    kinds: Counter[tuple[Kind, int | None]]
    after: Ints
    crowded: Ints
    usual: Ints
    chains: Ints
    durations: dict[str, Ints]


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

    @property
    def span(self) -> tuple[int, int]:
        """When the log begins and ends, µs since 1970-01-01 UTC."""
        covered = [each.attempts.covered for each in self.clients]
        return min(each[0][0] for each in covered), max(each[-1][1] for each in covered)


def _date(moment: int) -> str:
    return f"{local_time(moment, ZoneInfo('UTC')):%Y-%m-%d}"


class _Counts:
    """Attempts and calls by cell and client: one number for both, ``cell << CLIENT_BITS | client``.

    Attributes
    ----------
    columns : list of lists of int64 arrays
        The numbers, in the order of cells but for those that came since the last `join`; attempts;
        calls. A cell and client may stand there more than once.
    """

    def __init__(self) -> None:
        self.columns: list[list[Ints]] = [[], [], []]
        self._waiting = 0

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return sum(map(len, self.columns[0]))

    def add(self, *arrays: Ints) -> None:
        """Add a part, in the order of cells."""
        for column, array in zip(self.columns, arrays, strict=True):
            column.append(array.copy())
        self._waiting += len(arrays[0])
        if self._waiting > _TOGETHER:
            self.join()

    def join(self) -> None:
        """Put all parts together, in the order of cells."""
        self._waiting = 0
        if not self.columns[0]:
            return
        for column in self.columns:  # one after the other, for the sake of memory
            column[:] = [np.concatenate(column)]
        if steps_back(self.columns[0][0]):
            self._sort(np.argsort(self.columns[0][0], kind="stable"))

    def _sort(self, order: Ints) -> None:
        """Take all in an order in which equal numbers are neighbours, and add these up."""
        for column in self.columns:
            column[0] = column[0][order]
        del order
        (keys,), *sums = self.columns
        first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        if len(first) < len(keys):
            self.columns[0][0] = keys[first]
            for column in sums:
                column[0] = np.add.reduceat(column[0], first)

    def coarser(self, times: int) -> None:
        """Make each cell some times as long."""
        self.join()
        (keys,), *_ = self.columns
        its = (keys >> CLIENT_BITS) // times << CLIENT_BITS | keys & _CLIENTS
        self.columns[0][0] = its
        self._sort(np.argsort(its, kind="stable"))

    def by_client(self) -> dict[int, tuple[Ints, Ints, Ints]]:
        """Return the cells of each client, its attempts and its calls in each; none stays here."""
        self.join()
        if not self.size:
            return {}
        clients = (self.columns[0][0] & _CLIENTS).astype(np.uint16)
        self._sort(np.argsort(clients, kind="stable"))
        (keys,), (attempts,), (calls,) = self.columns
        if np.array_equal(attempts, calls):  # where none is a retry: one of both is enough
            calls = attempts
        self.columns = [[], [], []]
        clients = (keys & _CLIENTS).astype(np.uint16)
        begins = np.flatnonzero(np.diff(clients, prepend=_NO_CLIENT))
        keys >>= CLIENT_BITS
        ends = [*begins[1:].tolist(), len(keys)]
        return {
            int(clients[first]): (keys[first:last], attempts[first:last], calls[first:last])
            for first, last in zip(begins.tolist(), ends, strict=True)
        }


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
        self._counts = _Counts()
        self._kinds: Counter[int] = Counter()  # by the numbers of `count_by_kind`
        self._slots = np.zeros(0, np.int64)
        self._throttled: Counter[int] = Counter()
        self._durations = SeenDurations()
        self._last = np.zeros(_SLOTS, _LAST)
        self._after = np.zeros((0, MOST_COUNTED, BINS), np.int64)
        self._crowded = np.zeros((0, 2, BINS), np.int64)
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
        if self._reading.bucket:
            entries = entries.where(
                entries.calls > 0
            )  # times without calls are covered all the same
        client, is_call = self.calls_of(entries)
        last = np.full(_MOST_CLIENTS, -1, np.int64)
        counts = np.empty((3, len(entries)), np.int64)
        arguments = (entries.time, client, entries.calls, is_call, self._grain, last)
        found = count_by_cell(*arguments, *counts)
        self._counts.add(*counts[:, :found])
        while self._counts.size > _MOST_CELLS:
            self._grain *= 10
            self._counts.coarser(10)
        self._count_kinds(entries, client)
        self._durations.take(entries, client)

    def calls_of(self, entries: Entries) -> tuple[Ints, Flags]:
        """Return whose each attempt is, and which attempts begin a call; they come in order."""
        client = entries.client
        if len(self._reading.clients) > _MOST_CLIENTS:
            client = np.minimum(client, _MOST_CLIENTS - 1)
        is_call = np.ones(len(entries), bool)
        count = min(len(self._reading.clients), _MOST_CLIENTS)
        if count > len(self._usual):
            more = ((0, count - len(self._usual)),)
            self._after = np.pad(self._after, (*more, (0, 0), (0, 0)))
            self._crowded = np.pad(self._crowded, (*more, (0, 0), (0, 0)))
            self._usual = np.pad(self._usual, (*more, (0, 0)))
            self._chains = np.pad(self._chains, (*more, (0, 0), (0, 0)))
        if not self._reading.bucket:
            follow(
                *(client, entries.same, entries.time, entries.status, self._last),
                *(_LONGEST_WAIT, is_call),
                *(self._after, self._crowded, self._usual, self._chains),
            )
        return client, is_call

    def _count_kinds(self, entries: Entries, client: Ints) -> None:
        """Count what was asked for, and what was throttled."""
        room = 1 << int(2 * len(entries)).bit_length()
        if len(self._slots) < room:
            self._slots = np.full(room, -1, np.int64)
        found, sums = np.empty((2, len(entries)), np.int64)
        arguments = (entries.target, entries.records, entries.calls, self._slots, found, sums)
        count = count_by_kind(client, *arguments)
        for key, calls in zip(found[:count].tolist(), sums[:count].tolist(), strict=True):
            self._kinds[key] += calls
        throttled = np.bincount(client[entries.status == 429])
        for number in np.flatnonzero(throttled).tolist():
            self._throttled[number] += int(throttled[number])

    def usage(self) -> Usage:
        """Return what was gathered, and end the gathering."""
        reading = self._reading
        grain = self._grain or SECOND
        end = self._end + max(1, reading.bucket)
        covered: tuple[tuple[int, int], ...]
        covered = ((self._begin // grain * grain, -(-end // grain) * grain),)
        by_client = self._counts.by_client()
        if by_client and not reading.bucket:
            covered = self._without_gaps(covered[0], [its for its, *_ in by_client.values()])
        kinds, unknown = self._kinds_by_client()
        durations = self._durations_by_client()
        found = []
        for client, (cells, attempts, calls) in sorted(by_client.items()):
            some = calls > 0
            begun = (cells, calls) if some.all() else (cells[some], calls[some])
            is_others = client == _MOST_CLIENTS - 1 < len(reading.clients) - 1
            found.append(
                ClientUsage(
                    name=OTHERS if is_others else reading.clients[client],
                    calls=Cells(grain, *begun, covered),
                    attempts=Cells(grain, cells, attempts, covered),
                    throttled=self._throttled[client],
                    kinds=kinds[client],
                    after=self._after[client],
                    crowded=self._crowded[client],
                    usual=self._usual[client],
                    chains=self._chains[client],
                    durations=durations.get(client, {}),
                )
            )
        found.sort(key=lambda each: -each.attempts.total)
        return Usage(found, unknown, reading.bucket)

    def _without_gaps(
        self, whole: tuple[int, int], cells: list[Ints]
    ) -> tuple[tuple[int, int], ...]:
        """Return the stretches that the log covers: not days on which it has no request at all.

        These are taken to be missing if there are three or more together, and at the rate of the
        others they would have many.
        """
        steps = [each * self._grain // HOUR for each in cells]
        hours = np.unique(np.concatenate([each[np.diff(each, prepend=-1) != 0] for each in steps]))
        missing = np.diff(hours) - 1
        days = hours[-1] - hours[0] + 1 - missing[missing > _GAP // HOUR].sum()
        often = sum(map(len, cells)) / max(1, days)  # cells with calls, by hour
        gaps = np.flatnonzero((missing > _GAP // HOUR) & (missing * often >= _WOULD_HAVE))
        edges, grain = [whole[0]], self._grain
        for gap in gaps.tolist():
            first, last = int(hours[gap] + 1) * HOUR, int(hours[gap + 1]) * HOUR
            edges += [-(-first // grain) * grain, last // grain * grain]
            self._reading.remark(
                f"no request from {_date(first)} to {_date(last)}: these days are taken to be "
                "missing in the log; if nothing was called on them, the scenario calls too much"
            )
        edges.append(whole[1])
        return tuple(zip(edges[::2], edges[1::2], strict=True))

    def _durations_by_client(self) -> dict[int, dict[str, Ints]]:
        """Return the durations of each client's calls, by kind of call and class."""
        found: dict[int, list[tuple[str, Ints]]] = {}
        for (client, target), counts in self._durations.counts.items():
            api = self._table.kind_of(self._reading.targets[target]).api
            found.setdefault(client, []).append((api, counts))
        return {client: sums_by_kind(its) for client, its in found.items()}

    def _kinds_by_client(self) -> tuple[dict[int, Counter[tuple[Kind, int | None]]], Counter[str]]:
        """Return what each client asked for, and what of it is of no known kind, by target."""
        kinds: dict[int, Counter[tuple[Kind, int | None]]] = {}
        unknown: Counter[str] = Counter()
        for key, calls in self._kinds.items():
            client, records = key >> TARGET_BITS + RECORD_BITS, key & 2**RECORD_BITS - 1
            target = self._reading.targets[key >> RECORD_BITS & 2**TARGET_BITS - 1]
            kind = self._table.kind_of(target)
            if not kind.known:
                unknown[target] += calls
            told = records or (kind.records if isinstance(kind.records, int) else None)
            kinds.setdefault(client, Counter())[kind, told] += calls
        return kinds, unknown
