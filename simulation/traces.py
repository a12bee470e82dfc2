"""Recorded usage: CSV files of calls, or of counts per bucket, as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulation.csv_files import csv_problem, csv_rows
from simulation.errors import InputError, Problem
from simulation.input_files import TRACE_MEGABYTES, shown
from simulation.quantities import parse_count

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
        Records in each call, where the trace says.
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
        self.header = [name.strip() for name in next(lines, (0, []))[1]]
        for line, row in lines:
            if len(row) != len(self.header):
                what = f"has {len(row)} fields where line 1 names {len(self.header)}"
                raise self.error(line, f"{what}, quote commas inside a field")
            rows.append(row)
            self.lines.append(line)
        if not rows:
            raise self.error(None, "has no rows, line 1 names the columns and rows follow")
        self.columns = dict(zip(self.header, zip(*rows, strict=True), strict=True))

    def error(self, line: int | None, what: str) -> InputError:
        return csv_problem(self.file, line, what)

    def has(self, name: str) -> bool:
        return self.names[name] in self.columns

    def column(self, name: str) -> tuple[str, ...]:
        if not self.has(name):
            found = ", ".join(self.header)
            what = f"has no column {self.names[name]!r}, found {found}; map it under 'columns'"
            raise self.error(1, what)
        return self.columns[self.names[name]]

    def whole_numbers(self, name: str, least: int) -> NDArray[np.int64]:
        numbers = np.empty(len(self.lines), np.int64)
        for row, text in enumerate(self.column(name)):
            try:
                numbers[row] = parse_count(text)
            except ValueError as error:
                raise self.error(self.lines[row], f"{self.names[name]}: {error}") from None
            if numbers[row] < least:
                what = f"{self.names[name]}: {text!r} is too few, write {least} or more"
                raise self.error(self.lines[row], what)
        return numbers

    def times(self, zone: ZoneInfo) -> NDArray[np.int64]:
        """Read the timestamps; those without an offset are local times of ``zone``."""
        times = np.empty(len(self.lines), np.int64)
        before = None
        for row, text in enumerate(self.column("timestamp")):
            try:
                stamp = datetime.fromisoformat(text.strip())
            except ValueError:
                what = f"{text!r} is not a timestamp, write it such as 2026-01-05 08:30:00"
                raise self.error(self.lines[row], what) from None
            now = _microseconds(stamp.replace(tzinfo=zone) if stamp.tzinfo is None else stamp)
            if stamp.tzinfo is None:
                if _skipped(stamp, zone):
                    what = (
                        f"{text!r} does not exist in {zone}: daylight saving skips it; set timezone"
                    )
                    raise self.error(self.lines[row], what)
                if before is not None and now < before:  # the hour that comes twice: its second
                    now = _microseconds(stamp.replace(tzinfo=zone, fold=1))
            if before is not None and now < before:
                what = f"{text!r} is earlier than the row before, sort the rows by time"
                raise self.error(self.lines[row], what)
            times[row] = before = now
        return times


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


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
    records = table.whole_numbers("records", least=1) if table.has("records") else None
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
    counts = table.whole_numbers("count", least=0)
    return Trace(shown(file), table.times(zone), counts, bucket, None, None, np.array(table.lines))
