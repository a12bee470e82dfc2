"""Recorded usage: tables of calls, or of counts per bucket, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation.bounds import FIRST_YEAR, LAST_YEAR
from simulation.errors import InputError, Problem
from simulation.formats import TRACE_MEGABYTES, csv_problem, decimal_comma, shown
from simulation.logs import (
    NO_OFFSET,
    Moments,
    OrderOfDatesError,
    Texts,
    open_table,
    read_column,
    time_column,
    unread,
)
from simulation.quantities import parse_count
from simulation.scenario.arrival_laws import Arrivals
from simulation.scenario.buckets import LocalBuckets, microseconds

__all__ = ["Trace", "read_call_trace", "read_count_trace", "read_trace"]

_ORIGIN = datetime(1970, 1, 1)
_FIRST, _END = (
    microseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (FIRST_YEAR, LAST_YEAR + 1)
)


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

    def spelled_as(self, names: Set[str]) -> Trace:
        """Return the trace with its call kinds as ``names`` has them: Get_Users is get_users."""
        others = {api for api in self.apis or () if api not in names}
        meant = {api: "_".join(api.lower().replace("-", " ").split()) for api in others}
        known = {api: name for api, name in meant.items() if name in names}
        if not known or self.apis is None:
            return self
        return replace(self, apis=tuple(known.get(api, api) for api in self.apis))

    def problem(self, row: int, path: str, what: str) -> Problem:
        """Return a problem with one row."""
        return Problem(f"{self.file}:{self.lines[row]}", path, what)


class _Table:
    """The rows of a recorded file as text, with the line of each."""

    def __init__(
        self,
        file: Path,
        columns: Mapping[Any, str],
        megabytes: int | None,
        day_first: bool | None,
    ) -> None:
        self.file = file
        self.day_first = day_first
        self.lines: list[int] = []
        rows: list[list[str]] = []
        with open_table(file, "trace", megabytes) as table:
            self.header_line, self.header = table.header_line, table.header
            self.has_semicolons = table.has_semicolons
            if wrong := list(self._header_problems(columns)):
                raise InputError(wrong)
            for line, row, _ in table.rows:
                if len(row) != len(self.header):
                    first = self.header_line or self.lines[0]
                    what = f"has {len(row)} fields where line {first} names {len(self.header)}"
                    raise self.error(line, f"{what}, quote commas inside a field")
                rows.append(row)
                self.lines.append(line)
        if not rows:
            raise self.error(None, "has no rows, line 1 names the columns and rows follow")
        self.columns = dict(zip(self.header, zip(*rows, strict=True), strict=True))
        self.names = {name: self._found(name) for name in ("timestamp", "api", "records", "count")}
        self.names.update(columns)

    def _header_problems(self, columns: Mapping[Any, str]) -> Iterator[Problem]:
        """Yield columns of one name, and names under ``columns`` that no column has.

        A column that has no name, or one that begins with #, is none of ours unless ``columns``
        names it, and may stand twice.
        """
        where = f"{self.file}:{self.header_line or 1}"
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

    def _found(self, name: str) -> str:
        """Return what the file calls a column: the name itself, in any case, or one of times."""
        if name in self.columns:
            return name
        alike = [each for each in self.columns if each.lower() == name]
        if len(alike) == 1:
            return alike[0]
        if name == "timestamp" and not alike:
            return time_column(self.columns) or name
        return name

    def error(self, line: int | None, what: str) -> InputError:
        return csv_problem(self.file, line, what)

    def has(self, name: str) -> bool:
        return self.names[name] in self.columns

    def column(self, name: str) -> tuple[str, ...]:
        if not self.has(name):
            found = ", ".join(self.header)
            what = f"has no column {self.names[name]!r}, found {found}; map it under 'columns'"
            raise self.error(self.header_line or 1, what)
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

    def _moments(self) -> Moments:
        """Return the times of the rows by their own clock, none of them unread or out of range."""
        texts = Texts.of(self.column("timestamp"))
        try:
            moments = read_column(texts, self.day_first)
        except OrderOfDatesError as error:
            what = "say which by 'dates: day_first' or 'dates: month_first' beside 'file'"
            raise self.error(self.lines[0], f"{self.names['timestamp']}: {error}, {what}") from None
        for row in np.flatnonzero(~moments.is_read).tolist():
            raise self.error(self.lines[row], unread(texts[row].strip()))
        out_of_range = (moments.local < _FIRST) | (moments.local >= _END)
        for row in np.flatnonzero(out_of_range).tolist():
            what = f"{texts[row]!r} is out of range, use the years {FIRST_YEAR} to {LAST_YEAR}"
            raise self.error(self.lines[row], what)
        return moments

    def times(self, zone: ZoneInfo) -> NDArray[np.int64]:
        """Return the times of calls; timestamps without an offset are local times of ``zone``.

        In an hour that comes twice, rows that go back in time are of its second.
        """
        times, is_skipped, comes_twice = self._moments().placed(zone)
        for row in np.flatnonzero(is_skipped).tolist():
            raise self._skipped(row, zone)
        if comes_twice.any() and (times[1:] < times[:-1]).any():
            raise self._unordered(int(comes_twice.argmax()), zone)
        return times

    def _skipped(self, row: int, zone: ZoneInfo) -> InputError:
        text = self.column("timestamp")[row]
        what = f"{text!r} does not exist in {zone}: daylight saving skips it; set timezone"
        return self.error(self.lines[row], what)

    def _unordered(self, row: int, zone: ZoneInfo) -> InputError:
        text = self.column("timestamp")[row]
        what = f"{text!r} comes twice in {zone}, and the rows are not in order, which would tell"
        return self.error(self.lines[row], f"{what} which is meant: sort them, or write offsets")

    def buckets(self, zone: ZoneInfo, length: int, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows' indices, starts, lengths and counts, one below the other (rule 3.10).

        Timestamps are starts of buckets, and counts are shared over what each lasts. A bucket in
        the hour that comes twice, or that reaches into it, may stand twice, once for each; if it
        stands once, it is for both.
        """
        local, found = LocalBuckets(zone, length), []
        for row, spans in local.spans(*self._starts(zone, local)):
            count, lasts = int(counts[row]), sum(end - start for start, end in spans)
            before = taken = 0
            for start, end in spans:
                before += end - start
                until = -(-count * before // lasts)  # calls before its end, as ⌊k·B/n⌋ spreads them
                found.append((row, start, end - start, until - taken))
                taken = until
        return np.array(found, np.int64).T

    def _starts(
        self, zone: ZoneInfo, buckets: LocalBuckets
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the start of each row's bucket, and when it begins for the first and last time."""
        moments = self._moments()
        first, second = moments.in_utc(zone)
        times, again = first.copy(), first.copy()
        is_ordered, latest, twice = True, None, None
        for row in range(len(times)):
            now = int(first[row])
            if moments.offsets[row] == NO_OFFSET:
                stamp = _ORIGIN + timedelta(microseconds=int(moments.local[row]))
                begins = buckets.begins(row, stamp, now)
                if begins is None:
                    raise self._skipped(row, zone)
                now = first[row] = begins[0]
                again[row] = max(begins[1], int(second[row]))
                if latest is not None and now < latest:  # the hour that comes twice: its second
                    now = int(again[row])
                if twice is None and second[row] > first[row]:
                    twice = row
            is_ordered &= latest is None or now >= latest
            times[row], latest = now, now if latest is None else max(now, latest)
        if twice is not None and not is_ordered:
            raise self._unordered(twice, zone)
        return times, first, again


def read_call_trace(
    file: Path,
    zone: ZoneInfo,
    columns: Mapping[Any, str] | None = None,
    megabytes: int | None = TRACE_MEGABYTES,
    day_first: bool | None = None,
) -> Trace:
    """Return a trace whose rows are calls: ``timestamp``, optionally ``api`` and ``records``.

    Parameters
    ----------
    file : Path
        A table, as `simulation.logs` reads it.
    zone : ZoneInfo
        The zone of timestamps that carry no offset.
    columns : mapping, optional
        What the file calls the columns, where it does not use these names.
    megabytes : int, optional
        The largest file that is read, in millions of bytes.
    day_first : bool, optional
        Whether 9/11/2017 is in November; without it the file has to tell.

    Raises
    ------
    InputError
        If the file or a row cannot be read.
    """
    table = _Table(file, columns or {}, megabytes, day_first)
    times = table.times(zone)
    apis = tuple(text.strip() for text in table.column("api")) if table.has("api") else None
    records = None
    if table.has("records"):
        records = table.whole_numbers("records", least=1, where_empty=0)
    order = np.argsort(times, kind="stable")
    if apis:
        apis = tuple(apis[row] for row in order)
    if records is not None:
        records = records[order]
    lengths, lines = np.zeros_like(times), np.array(table.lines)[order]
    return Trace(shown(file), times[order], None, 0, lengths, apis, records, lines)


def read_count_trace(
    file: Path,
    zone: ZoneInfo,
    bucket: int,
    columns: Mapping[Any, str] | None = None,
    megabytes: int | None = TRACE_MEGABYTES,
    day_first: bool | None = None,
) -> Trace:
    """Return a trace whose rows are counts of calls per bucket: ``timestamp`` and ``count``.

    Parameters and errors are those of `read_call_trace`; ``bucket`` is the length in µs.
    """
    table = _Table(file, columns or {}, megabytes, day_first)
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
        day_first = _is_day_first(counts.dates)
        return read_count_trace(path, zone, counts.bucket, counts.columns, megabytes, day_first)
    assert law.trace is not None
    return read_call_trace(path, zone, law.trace.columns, megabytes, _is_day_first(law.trace.dates))


def _is_day_first(dates: str | None) -> bool | None:
    return None if dates is None else dates == "day_first"
