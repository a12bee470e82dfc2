"""The calls of a log as they came, one by one: as traces that a scenario can name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.errors import InputError, Problem
from simulation.fitting.apps import named_clients
from simulation.fitting.call_kinds import read_call_kinds
from simulation.fitting.calls import priced_as
from simulation.fitting.gathering import Gathering, Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.result import OTHERS, OnThrottle
from simulation.fitting.retries import conduct_of
from simulation.logs import Entries, entries_of_logs
from simulation.rate_cards import RateCard

__all__ = ["MOST_CALLS", "Replay", "replay_of"]

MOST_CALLS = 5_000_000
"""The calls that can be replayed: each is held, here and where a trace is read."""


@dataclass(frozen=True)
class RecordedClient:
    """The calls of one client as they came.

    Attributes
    ----------
    name : str
        What the scenario calls it.
    time : (n,) int64 array
        When each call was attempted first, µs since 1970-01-01 UTC, in order.
    what : (n,) int64 array
        What it called: a place in `Replay.kinds`.
    on_throttle : OnThrottle
    """

    name: str
    time: Ints
    what: Ints
    on_throttle: OnThrottle


@dataclass(frozen=True)
class Replay:
    """The calls of a log as they came.

    Attributes
    ----------
    clients : list of RecordedClient
    kinds : list of (str, int)
        Kinds of call, and records in each.
    throttled : (n,) int64 array or None
        When attempts were answered 429, µs since 1970-01-01 UTC, in order; None where the log does
        not tell how attempts were answered.
    begin, end : int
        When the log's first call came and after its last one, µs since 1970-01-01 UTC.
    """

    clients: list[RecordedClient]
    kinds: list[tuple[str, int]]
    throttled: Ints | None
    begin: int
    end: int

    def files(self, stem: str) -> list[str]:
        """Return what the trace of each client is called."""
        names = ["".join(c if c.isalnum() else "-" for c in each.name) for each in self.clients]
        are_alike = len({*names}) < len(names)
        return [
            f"{stem}-{number if are_alike else name}.csv" for number, name in enumerate(names, 1)
        ]

    def texts(self) -> Iterator[str]:
        """Yield the trace of each client as CSV: ``timestamp``, ``api`` and ``records``."""
        import pyarrow as pa
        from pyarrow.csv import write_csv

        apis = pa.array([api for api, _ in self.kinds], pa.string())
        records = np.array([records for _, records in self.kinds], np.int64)
        for each in self.clients:
            columns = {
                "timestamp": pa.array(each.time, pa.timestamp("us", "UTC")),
                "api": apis.take(pa.array(each.what)),
                "records": pa.array(records[each.what]),
            }
            text = BytesIO()
            write_csv(pa.table(columns), text)
            yield text.getvalue().decode()

    def written(self, files: Sequence[str]) -> list[dict[str, Any]]:
        """Return the clients as a scenario file writes them, with the traces in some files."""
        return [
            {
                "name": each.name,
                "arrivals": {"trace": {"file": file}},
                "on_throttle": each.on_throttle,
            }
            for each, file in zip(self.clients, files, strict=True)
        ]


def replay_of(
    logs: Sequence[str | Path], options: FitOptions, usage: Usage, card: RateCard
) -> Replay:
    """Return the calls of logs that were gathered before, in a second reading.

    Retries are part of their call where its client's attempts show them, as in a fit. Calls of a
    count are spread evenly over its bucket (rule 3.10).

    Raises
    ------
    InputError
        If there are more than `MOST_CALLS`.
    """
    total = sum(each.attempts.total for each in usage.clients)
    if total > MOST_CALLS:
        much = f"has {total:,} calls, more than the {MOST_CALLS:,} that are replayed"
        raise InputError([Problem("log", "", f"{much}: name a part of it, or only fit it")])
    named = named_clients(usage, options)
    recorder = _Recorder(options, card, [(name, each.name) for name, each in named])
    conducts = [conduct_of(each) for _, each in named]
    is_retried = np.array([each.retries for each in conducts])
    for part in entries_of_logs(logs, recorder.reading):
        recorder.take(part, is_retried)
    client, time, what = recorder.taken()
    order = np.lexsort((time, client))
    ends = np.searchsorted(client[order], np.arange(len(named) + 1))
    clients = []
    for place, (name, _) in enumerate(named):
        its = order[ends[place] : ends[place + 1]]
        calls = RecordedClient(name, time[its], what[its], conducts[place].on_throttle)
        clients += [calls] if len(its) else []
    return Replay(clients, recorder.kinds, recorder.throttled(), *usage.span)


class _Recorder:
    """Calls as they are read again.

    Parameters
    ----------
    options : FitOptions
    card : RateCard
    named : sequence of (str, str)
        What the scenario calls each client, and what the log does.
    """

    def __init__(
        self, options: FitOptions, card: RateCard, named: Sequence[tuple[str, str]]
    ) -> None:
        self.reading = options.reading()
        self.kinds: list[tuple[str, int]] = []
        self._table, self._card = read_call_kinds(options.calls), card
        self._gathering = Gathering(self.reading, self._table)
        self._places = {logged: place for place, (_, logged) in enumerate(named)}
        self._place = np.zeros(0, np.int64)  # by code of the log's clients
        self._codes: dict[tuple[str, int], int] = {}
        self._known: dict[tuple[int, int], int] = {}
        self._parts: list[tuple[Ints, Ints, Ints]] = []
        self._throttled = [np.zeros(0, np.int64)]
        self._has_answers = False

    def take(self, part: Entries, is_retried: Flags) -> None:
        """Take a part of the log; retries are part of their call where a client's are.

        Raises
        ------
        InputError
            If the log has grown since it was gathered, by calls of a new client.
        """
        entries = part.in_order()
        client, begins_call = self._gathering.calls_of(entries)
        place = self._places_of(client)
        kept = begins_call | ~is_retried[place]
        self._throttled.append(entries.time[entries.status == 429])
        self._has_answers |= bool(entries.status.any())
        entries, place = entries.where(kept), place[kept]
        if (new := entries.client[(place < 0) & (entries.calls > 0)]).size:
            name = self.reading.clients[int(new[0])]
            grew = f"has calls of {name!r} that were not there when it was read before"
            raise InputError([Problem("log", "", f"{grew}: name one that no longer grows")])
        what = self._kinds_of(entries)
        times = _spread(entries, self.reading.bucket)
        place, what = (np.repeat(each, entries.calls) for each in (place, what))
        self._parts.append((place, what, times))

    def _places_of(self, client: Ints) -> Ints:
        """Return the place of each client among those that are named, -1 of none of them.

        Where small ones are one client, all others are part of it.
        """
        names, others = self.reading.clients, self._places.get(OTHERS, -1)
        more = range(len(self._place), int(client.max(initial=-1)) + 1)
        places = [self._places.get(names[code], others) for code in more]
        self._place = np.append(self._place, np.array(places, np.int64))
        return self._place[client]

    def _kinds_of(self, entries: Entries) -> Ints:
        """Return what each entry called, as a place in ``kinds``."""
        told = np.maximum(entries.records, 0)
        pairs, which = np.unique(
            np.stack([entries.target, told], axis=1), axis=0, return_inverse=True
        )
        codes = [self._code(int(target), int(records)) for target, records in pairs]
        return np.array(codes, np.int64)[which.ravel()]

    def _code(self, target: int, told: int) -> int:
        if (target, told) not in self._known:
            kind = self._table.kind_of(self.reading.targets[target])
            fixed = kind.records if isinstance(kind.records, int) else None
            priced = priced_as(kind, told or fixed, self._card)
            code = self._codes.setdefault(priced, len(self._codes))
            if code == len(self.kinds):
                self.kinds.append(priced)
            self._known[target, told] = code
        return self._known[target, told]

    def taken(self) -> tuple[Ints, Ints, Ints]:
        """Return the client of each call, by place, its time, and the place of its kind."""
        place, what, time = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        return place, time, what

    def throttled(self) -> Ints | None:
        """Return when attempts were answered 429; None where the log has no answers."""
        return np.sort(np.concatenate(self._throttled)) if self._has_answers else None


def _spread(entries: Entries, bucket: int) -> Ints:
    """Return when each call of entries comes: those of a count are spread over its bucket."""
    if not bucket:
        return entries.time
    counts = entries.calls
    number = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    share = number * bucket // np.maximum(1, np.repeat(counts, counts))
    return np.repeat(entries.time, counts) + share
