"""Recorded usage: CSV files of calls, or of counts per bucket, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation.bounds import FIRST_YEAR, LAST_YEAR
from simulation.csv_files import Row, csv_problem, csv_rows, decimal_comma
from simulation.errors import InputError, Problem
from simulation.input_files import TRACE_MEGABYTES, shown
from simulation.quantities import parse_count, write_duration

__all__ = ["Trace", "read_call_trace", "read_count_trace"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        Length of a bucket, µs; 0 where a row is a call.
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
    apis: tuple[str, ...] | None
    records: NDArray[np.int64] | None
    lines: NDArray[np.int64]

    def digest(self) -> bytes:
        """Return a hash of what was recorded, wherever it was read from."""
        found = hashlib.sha256(f"{self.bucket} {self.apis}".encode())
        for column in (self.times, self.counts, self.records):
            found.update(b"none" if column is None else column.tobytes())
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
        """Find columns of one name, and names under ``columns`` that no column bears.

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

    def times(self, zone: ZoneInfo, bucket: int = 0) -> NDArray[np.int64]:
        """Read the timestamps; those without an offset are local times of ``zone``.

        Where they start buckets of a length in µs, a stamp of the hour that comes twice may stand
        twice, once for each; else the rows are in order of time. A bucket in which the clock is
        put back by a time that is no multiple of its length, such as the hour of Lord Howe Island
        with half an hour twice, has two lengths, and is refused without an offset. Where the time
        is less than a quarter of it, as for a day of 25 hours, its own length is meant.
        """
        times = np.empty(len(self.lines), np.int64)
        first, again = times.copy(), times.copy()  # of the times at which the clock shows a stamp
        before = None
        for row, text in enumerate(self.column("timestamp")):
            try:
                stamp = datetime.fromisoformat(text.strip())
            except ValueError:
                what = f"{text!r} is not a timestamp, write it such as 2026-01-05 08:30:00"
                raise self.error(self.lines[row], what) from None
            if not FIRST_YEAR <= stamp.year <= LAST_YEAR:
                what = f"{text!r} is out of range, use the years {FIRST_YEAR} to {LAST_YEAR}"
                raise self.error(self.lines[row], what)
            now = _microseconds(stamp.replace(tzinfo=zone) if stamp.tzinfo is None else stamp)
            first[row] = again[row] = now
            if stamp.tzinfo is None:
                if (
                    bucket
                    and (back := _put_back(stamp, zone, bucket)) % bucket
                    and 4 * back >= bucket
                ):
                    what = (
                        f"{text!r}: {zone} puts its clock back by {write_duration(back)} in this "
                    )
                    what += f"bucket, whose calls may be those of {write_duration(bucket)} or of "
                    what += f"{write_duration(bucket + back)}: write timestamps with their offset, "
                    what += f"this one as {stamp.replace(tzinfo=zone).isoformat()}"
                    raise self.error(self.lines[row], what)
                if _skipped(stamp, zone):
                    what = (
                        f"{text!r} does not exist in {zone}: daylight saving skips it; set timezone"
                    )
                    raise self.error(self.lines[row], what)
                again[row] = _microseconds(stamp.replace(tzinfo=zone, fold=1))
                if before is not None and now < before:  # the hour that comes twice: its second
                    now = again[row]
            if before is not None and now < before:
                what = f"{text!r} is earlier than the row before, sort the rows by time"
                raise self.error(self.lines[row], what)
            times[row] = before = now
        if bucket:
            _share_the_hour_that_comes_twice(times, first, again)
        return times


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _put_back(stamp: datetime, zone: ZoneInfo, bucket: int) -> int:
    """Return by how much the clock is put back while it shows a bucket, µs; 0 if it is not."""
    last = stamp + timedelta(microseconds=bucket - 1)
    before, after = stamp.replace(tzinfo=zone), last.replace(tzinfo=zone, fold=1)
    moved = (before.utcoffset() or timedelta()) - (after.utcoffset() or timedelta())
    return max(0, moved // timedelta(microseconds=1))


def _share_the_hour_that_comes_twice(
    times: NDArray[np.int64], first: NDArray[np.int64], again: NDArray[np.int64]
) -> None:
    """Move the later half of equal stamps to the second hour, unless rows stand there already."""
    doubled = first < again
    for twice, rows in groupby(range(len(times)), key=lambda row: bool(doubled[row])):
        run = list(rows)
        if not twice or (times[run] == again[run]).any():
            continue
        for _, equal in groupby(run, key=lambda row: int(first[row])):
            same = list(equal)
            later = same[len(same) - len(same) // 2 :]
            times[later] = again[later]


def _skipped(wall: datetime, zone: ZoneInfo) -> bool:
    there = wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there.replace(tzinfo=None) != wall


def read_call_trace(
    file: Path,
    zone: ZoneInfo,
    columns: Mapping[Any, str] | None = None,
    megabytes: int | None = TRACE_MEGABYTES,
) -> Trace:
    """Read a trace whose rows are calls: ``timestamp``, optionally ``api`` and ``records``.

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
    return Trace(shown(file), times, None, 0, apis, records, np.array(table.lines))


def read_count_trace(
    file: Path,
    zone: ZoneInfo,
    bucket: int,
    columns: Mapping[Any, str] | None = None,
    megabytes: int | None = TRACE_MEGABYTES,
) -> Trace:
    """Read a trace whose rows are counts of calls per bucket: ``timestamp`` and ``count``.

    Parameters and errors are those of `read_call_trace`; ``bucket`` is the length in µs.
    """
    table = _Table(file, columns or {}, megabytes)
    counts, times = table.whole_numbers("count", least=0), table.times(zone, bucket)
    order, lines = np.argsort(times, kind="stable"), np.array(table.lines)
    return Trace(shown(file), times[order], counts[order], bucket, None, None, lines[order])
