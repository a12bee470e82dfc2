"""Entries from the columns of a log: what each field says, whatever the log's form was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.errors import InputError, Problem
from simulation.logs.clients import ClientNames, Told
from simulation.logs.entries import UNKNOWN, Entries, Skipped
from simulation.logs.line_loops import part_requests, read_decimals, without_port
from simulation.logs.name_loops import hashes_of
from simulation.logs.names import Bytes, Names
from simulation.logs.times import OrderOfDatesError, Texts, read_column

__all__ = ["Columns", "Reading", "Requests", "read_times"]


@dataclass
class Reading:
    """How logs are read, and what is found on the way.

    Attributes
    ----------
    zone : ZoneInfo
        The zone of times that carry no offset.
    day_first : bool or None
        Whether 9/11/2017 is in November; None where the log has to tell.
    fields : mapping of str to str
        What the log calls things, where it is JSON or a table: ``{"time": "request.started"}``.
    clients : ClientNames
    targets : Names
    skipped : Skipped
    bucket : int
        The length of a bucket, µs, where the log has counts; 0 where it has requests.
    remarks : list of str
        What a reader of the log should know.
    """

    zone: ZoneInfo
    day_first: bool | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    clients: ClientNames = field(default_factory=ClientNames)
    targets: Names = field(default_factory=Names)
    skipped: Skipped = field(default_factory=Skipped)
    bucket: int = 0
    remarks: list[str] = field(default_factory=list)

    def remark(self, what: str) -> None:
        """Note what a reader of the log should know, once."""
        if what not in self.remarks:
            self.remarks.append(what)


@dataclass(frozen=True)
class Requests:
    """What was asked for: where methods, paths and queries stand in a text."""

    text: Bytes
    parts: Ints

    @classmethod
    def of(cls, texts: Texts) -> Requests:
        """Return requests such as ``GET /path?query HTTP/1.1``."""
        parts = np.zeros((6, len(texts)), np.int64)
        part_requests(texts.data, texts.starts, texts.ends, parts)
        return cls(Bytes.of(texts.data), parts)

    @classmethod
    def named(cls, methods: Sequence[str], paths: Sequence[str]) -> Requests:
        """Return requests whose methods and paths are known; a path may be the name of an API."""
        plain = [path.partition("?")[0] for path in paths]
        queries = [path.partition("?")[2] for path in paths]
        columns = [Texts.of(texts) for texts in (methods, plain, queries)]
        before = np.cumsum([0, *(len(each.data) for each in columns[:2])])
        data = np.concatenate([each.data for each in columns])
        parts = [
            place + begin
            for each, begin in zip(columns, before, strict=True)
            for place in (each.starts, each.ends)
        ]
        return cls(Bytes.of(data), np.array(parts, np.int64).reshape(6, len(paths)))


@dataclass(frozen=True)
class Columns:
    """The columns of a log, each of n texts.

    Attributes
    ----------
    requests : Requests
    status, identity, records, calls : Texts or None
        None where the log has no such column.
    durations : sequence of (Texts, int)
        The parts of a duration, each with the µs of its unit.
    told : mapping of str to Texts
        What tells clients apart.
    """

    requests: Requests
    status: Texts | None = None
    identity: Texts | None = None
    records: Texts | None = None
    calls: Texts | None = None
    durations: Sequence[tuple[Texts, int]] = ()
    told: Mapping[Told, Texts] = field(default_factory=dict)

    def entries(self, reading: Reading, times: Ints, lines: Ints) -> Entries:
        """Return what the columns say of entries that began at these times."""
        count = len(times)
        found: dict[str, Ints] = {}
        if self.status is not None:
            found["status"] = np.maximum(_numbers(self.status, 1), 0)
        if self.durations:
            parts = np.array([_numbers(texts, unit) for texts, unit in self.durations])
            found["duration"] = np.where((parts < 0).any(axis=0), UNKNOWN, parts.sum(axis=0))
        if self.identity is not None:
            found["identity"] = _hashes(self.identity)
        if self.records is not None:
            found["records"] = _numbers(self.records, 1)
        if self.calls is not None:
            found["calls"] = np.maximum(_numbers(self.calls, 1), 0)
        codes: dict[Told, Ints] = {}
        for told, texts in self.told.items():
            its = texts
            if told == "address":
                its = Texts(texts.data, texts.starts, texts.ends.copy())
                without_port(its.data, its.starts, its.ends)
            codes[told] = reading.clients.table(told).codes_of(its)
        found["client"] = reading.clients.codes_of(codes, count)
        found["target"], found["same"] = reading.targets.targets_of(
            self.requests.text, self.requests.parts
        )
        return Entries.of(times, lines, **found)


def read_times(texts: Texts, reading: Reading, file: str) -> tuple[Ints, Flags]:
    """Return when entries began, µs since 1970 UTC, and which have a time that could be read.

    Raises
    ------
    InputError
        If the dates can be read day first and month first.
    """
    try:
        moments = read_column(texts, reading.day_first)
    except OrderOfDatesError as error:
        what = f"{error}: say which by day_first=True or day_first=False"
        raise InputError([Problem(file, "", what)]) from None
    if (moments.has_no_offset & moments.is_read).any():
        reading.remark(f"times without an offset are read as local times of {reading.zone}")
    times, is_skipped, _ = moments.placed(reading.zone)
    if is_skipped.any():
        reading.remark(
            f"some times are skipped by daylight saving in {reading.zone}: is that the log's zone?"
        )
    return times, moments.is_read


def _numbers(texts: Texts, unit: int) -> Ints:
    found = np.empty(len(texts), np.int64)
    read_decimals(texts.data, texts.starts, texts.ends, unit, found)
    return found


def _hashes(texts: Texts) -> Ints:
    """Return a hash of each text, (n,); 0 of one that is empty or a dash."""
    found = np.empty(len(texts), np.uint64)
    hashes_of(Bytes.of(texts.data), texts.starts, texts.ends, found)
    hashed: Ints = found.view(np.int64)
    hashed[texts.ends - texts.starts < 2] = 0
    return hashed
