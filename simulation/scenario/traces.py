"""Recorded usage: CSV files of calls, or of counts per bucket, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation.bounds import FIRST_YEAR, LAST_YEAR
from simulation.errors import InputError, Problem
from simulation.formats import TRACE_MEGABYTES, Row, csv_problem, csv_rows, decimal_comma, shown
from simulation.moments import read_moment
from simulation.quantities import parse_count
from simulation.scenario.arrival_laws import Arrivals
from simulation.scenario.buckets import LocalBuckets, microseconds

__all__ = ["Trace", "read_call_trace", "read_count_trace", "read_trace"]


@dataclass(frozen=True)
class Trace:
    """A recorded stretch of usage, in time order.

    Attributes
    ----------
    file : str
        The file it was read from, for messages.
    times : (n,) int64 array
        Starts of the calls or of the buckets, µs since 1970-01-01 UTC, never falling.
    counts : (n,) int64 array or None
        Calls in each bucket; None where a row is a call.
    bucket : int
        Length of a bucket by the clock, µs; 0 where a row is a call.
    lengths : (n,) int64 array
        How long each bucket lasts, µs: another time if the clock is changed within it. One that
        lasts two spans with a time between them is two buckets here, of one line.
    apis : tuple of str or None
        The call kind of each row, where the trace names it.
    records : (n,) int64 array or None
        Records in each call, where the trace says; 0 in rows that leave it open.
    lines : (n,) int64 array
        The line of the file that each row stands on.
    """

    file: str
    times: NDArray[np.int64]
    counts: NDArray[np.int64] | None
    bucket: int
    lengths: NDArray[np.int64]
    apis: tuple[str, ...] | None
    records: NDArray[np.int64] | None
    lines: NDArray[np.int64]

    def digest(self) -> bytes:
        """Return a hash of what was recorded, wherever it was read from."""
        found = hashlib.sha256(f"{self.bucket} {self.apis}".encode())
        for column in (self.times, self.counts, self.records):
            found.update(b"none" if column is None else column.tobytes())
        if (self.lengths != self.bucket).any():
            found.update(self.lengths.tobytes())
        return found.digest()

    def problem(self, row: int, path: str, what: str) -> Problem:
        """Return a problem with one row."""
        return Problem(f"{self.file}:{self.lines[row]}", path, what)


class _Table:
    """The rows of a CSV file as text, with the line of each."""

    def __init__(self, file: Path, columns: Mapping[Any, str], megabytes: int | None) -> None:
        self.file = file
        self.names = {
            **{name: name for name in ("timestamp", "api", "records", "count")},
            **columns,
        }
        self.lines: list[int] = []
        rows: list[list[str]] = []
        lines = csv_rows(file, "trace", megabytes)
        self.header_line, header, self.has_semicolons = next(lines, Row(1, []))
        self.header = [name.strip() for name in header]
        if wrong := list(self._header_problems(columns)):
            raise InputError(wrong)
        for line, row, _ in lines:
            if len(row) != len(self.header):
                what = f"has {len(row)} fields where line {self.header_line} names"
                what = f"{what} {len(self.header)}, quote commas inside a field"
                raise self.error(line, what)
            rows.append(row)
            self.lines.append(line)
        if not rows:
            raise self.error(None, "has no rows, line 1 names the columns and rows follow")
        self.columns = dict(zip(self.header, zip(*rows, strict=True), strict=True))

    def _header_problems(self, columns: Mapping[Any, str]) -> Iterator[Problem]:
        """Yield columns of one name, and names under ``columns`` that no column has.

        A column that has no name, or one that begins with #, is none of ours unless ``columns``
        names it, and may stand twice.
        """
        where = f"{self.file}:{self.header_line}"
        for name in dict.fromkeys(self.header):
            times = self.header.count(name)
            is_own = not name or name.startswith("#")
            if times > 1 and (not is_own or name in columns.values()):
                what = f"has {times} columns called {name!r}, give each a name of its own"
                yield Problem(where, "", what)
        for meaning, name in columns.items():
            if self.header and name not in self.header:
                found = ", ".join(self.header)
                what = f"has no column {name!r}, which 'columns' names for {meaning!r}"
                yield Problem(where, "", f"{what}: write one of those found, {found}")

    def error(self, line: int | None, what: str) -> InputError:
        return csv_problem(self.file, line, what)

    def has(self, name: str) -> bool:
        return self.names[name] in self.columns

    def column(self, name: str) -> tuple[str, ...]:
        if not self.has(name):
            found = ", ".join(self.header)
            what = f"has no column {self.names[name]!r}, found {found}; map it under 'columns'"
            raise self.error(self.header_line, what)
        return self.columns[self.names[name]]

    def whole_numbers(
        self, name: str, least: int, where_empty: int | None = None
    ) -> NDArray[np.int64]:
        numbers = np.empty(len(self.lines), np.int64)
        for row, text in enumerate(self.column(name)):
            if where_empty is not None and not text.strip():
                numbers[row] = where_empty
                continue
            try:
                if self.has_semicolons and (what := decimal_comma(text)):
                    raise ValueError(what)
                numbers[row] = parse_count(text)
            except ValueError as error:
                raise self.error(self.lines[row], f"{self.names[name]}: {error}") from None
            if numbers[row] < least:
                what = f"{self.names[name]}: {text!r} is too few, write {least} or more"
                raise self.error(self.lines[row], what)
        return numbers

    def times(self, zone: ZoneInfo) -> NDArray[np.int64]:
        """Return the times of calls; timestamps without an offset are local times of ``zone``."""
        return self._moments(zone, None)[0]

    def buckets(self, zone: ZoneInfo, length: int, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows' indices, starts, lengths and counts, one below the other (rule 3.10).

        Timestamps are starts of buckets, and counts are shared over what each lasts. A bucket in
        the hour that comes twice, or that reaches into it, may stand twice, once for each; if it
        stands once, it is for both.
        """
        local, found = LocalBuckets(zone, length), []
        for row, spans in local.spans(*self._moments(zone, local)):
            count, lasts = int(counts[row]), sum(end - start for start, end in spans)
            before = taken = 0
            for start, end in spans:
                before += end - start
                until = -(-count * before // lasts)  # calls before its end, as ⌊k·B/n⌋ spreads them
                found.append((row, start, end - start, until - taken))
                taken = until
        return np.array(found, np.int64).T

    def _moments(
        self, zone: ZoneInfo, buckets: LocalBuckets | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the time of each row, and when it begins for the first and for the last time."""
        times = np.empty(len(self.lines), np.int64)
        first, again = times.copy(), times.copy()
        before = None
        for row, text in enumerate(self.column("timestamp")):
            try:
                stamp = read_moment(text.strip(), "a timestamp", "2026-01-05 08:30:00")
            except ValueError as error:
                raise self.error(self.lines[row], str(error)) from None
            if not FIRST_YEAR <= stamp.year <= LAST_YEAR:
                what = f"{text!r} is out of range, use the years {FIRST_YEAR} to {LAST_YEAR}"
                raise self.error(self.lines[row], what)
            moment = stamp.replace(tzinfo=zone) if stamp.tzinfo is None else stamp
            first[row] = again[row] = last = now = microseconds(moment)
            if stamp.tzinfo is None:
                later = moment.replace(fold=1)
                if later.utcoffset() != moment.utcoffset():
                    last = microseconds(later)  # earlier than now if the clock skips the time
                begins = (now, last) if last >= now else None
                if buckets:
                    begins = buckets.begins(row, stamp, now)
                if begins is None:
                    what = (
                        f"{text!r} does not exist in {zone}: daylight saving skips it; set timezone"
                    )
                    raise self.error(self.lines[row], what)
                now = first[row] = begins[0]
                again[row] = max(begins[1], last)
                if before is not None and now < before:  # the hour that comes twice: its second
                    now = int(again[row])
            if before is not None and now < before:
                what = f"{text!r} is earlier than the row before, sort the rows by time"
                raise self.error(self.lines[row], what)
            times[row] = before = now
        return times, first, again


def read_call_trace(
    file: Path,
    zone: ZoneInfo,
    columns: Mapping[Any, str] | None = None,
    megabytes: int | None = TRACE_MEGABYTES,
) -> Trace:
    """Return a trace whose rows are calls: ``timestamp``, optionally ``api`` and ``records``.

    Parameters
    ----------
    file : Path
        A CSV file; its first line names the columns.
    zone : ZoneInfo
        The zone of timestamps that carry no offset.
    columns : mapping, optional
        What the file calls the columns, where it does not use these names.
    megabytes : int, optional
        The largest file that is read, in millions of bytes.

    Raises
    ------
    InputError
        If the file or a row cannot be read, or the rows are not in time order.
    """
    table = _Table(file, columns or {}, megabytes)
    times = table.times(zone)
    apis = tuple(text.strip() for text in table.column("api")) if table.has("api") else None
    records = None
    if table.has("records"):
        records = table.whole_numbers("records", least=1, where_empty=0)
    lengths, lines = np.zeros_like(times), np.array(table.lines)
    return Trace(shown(file), times, None, 0, lengths, apis, records, lines)


def read_count_trace(
    file: Path,
    zone: ZoneInfo,
    bucket: int,
    columns: Mapping[Any, str] | None = None,
    megabytes: int | None = TRACE_MEGABYTES,
) -> Trace:
    """Return a trace whose rows are counts of calls per bucket: ``timestamp`` and ``count``.

    Parameters and errors are those of `read_call_trace`; ``bucket`` is the length in µs.
    """
    table = _Table(file, columns or {}, megabytes)
    found = table.buckets(zone, bucket, table.whole_numbers("count", least=0))
    rows, times, lengths, counts = found[:, np.argsort(found[1], kind="stable")]
    lines = np.array(table.lines)[rows]
    return Trace(shown(file), times, counts, bucket, lengths, None, None, lines)


def read_trace(law: Arrivals, folder: Path, zone: ZoneInfo, megabytes: int | None) -> Trace:
    """Return the trace that a law names by its path from ``folder``.

    Parameters and errors are those of `read_call_trace`.
    """
    assert law.file is not None
    path = folder / law.file
    if counts := law.count_trace:
        return read_count_trace(path, zone, counts.bucket, counts.columns, megabytes)
    assert law.trace is not None
    return read_call_trace(path, zone, law.trace.columns, megabytes)
