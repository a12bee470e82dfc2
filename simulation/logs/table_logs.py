"""Logs that are tables: a row for each request, or counts of requests by hour or day."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from simulation.errors import InputError, Problem
from simulation.formats import Row, listed, shown
from simulation.logs.columns import Clock, Reading
from simulation.logs.counts import count_in, is_count, wrong_count
from simulation.logs.entries import Entries
from simulation.logs.field_names import roles_of
from simulation.logs.records import Record, bucket_of, entries_of
from simulation.logs.tables import TableRows, are_moments, open_table, time_column

__all__ = ["read_table_log"]

_AT_ONCE = 20_000
_LOOKED_AT = 200
_NAME_IT = "name it with --field time=COLUMN, fields= in Python"
_ANOTHER = "write 0 or more, or name the column with --field calls=COLUMN, fields= in Python"
_IS_NUMBER = re.compile(r"-?\d[\d ,']*(?:[.,]\d+)?").fullmatch
_CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[AaPp][Mm])?").fullmatch


def read_table_log(path: Path, reading: Reading) -> Iterator[Entries]:
    """Yield what a table says: CSV, a sheet of Excel, or Parquet.

    A table with a column of counts has a row for each hour or day, and perhaps for each app or
    API (long); one whose other columns are all counts has a column for each (wide). In any other a
    row is a request.

    Raises
    ------
    InputError
        If the file cannot be read as a table, or has no column of times.
    """
    with open_table(path, "log", None) as table:
        sample = list(islice(table.rows, _LOOKED_AT))
        if not (table.header and sample):
            what = "has no rows, its first line names the columns and rows follow"
            raise InputError([Problem(shown(path), "", what)])
        rows = chain(sample, table.rows)
        time = _time_of(table, sample, reading, path)
        counts = _columns_of_counts(path, table, sample, time, reading)
        if counts:
            yield _counted(path, table, rows, time, counts, reading)
            return
        records = (_record(table, row, time) for row in rows if _fits(path, table, row, reading))
        roles = reading.roles_in(table.header)
        are_requests = "path" in roles or "method" in roles
        clock = Clock(reading, shown(path))
        while part := list(islice(records, _AT_ONCE)):
            yield entries_of(part, reading, clock, are_requests)


def _fits(path: Path, table: TableRows, row: Row, reading: Reading) -> bool:
    """Return whether a row has as many cells as there are columns; others are noted."""
    if len(row.cells) == len(table.header):
        return True
    text = ",".join(row.cells)
    reading.skipped.note(
        "another number of columns than the header", 1, [(shown(path), row.line, text)]
    )
    return False


def _time_of(table: TableRows, sample: list[Row], reading: Reading, path: Path) -> list[str]:
    """Return the column of times, or those of a date and of a time of the day."""
    chosen = reading.fields.get("time")
    if chosen in table.header:
        return [str(chosen)]
    cells: dict[str, list[str]] = {name: [] for name in table.header}
    for row in sample:
        for name, cell in zip(table.header, row.cells, strict=False):
            if cell.strip():
                cells[name].append(cell)
    moments = {name: its for name, its in cells.items() if are_moments(its)}
    clocks = [name for name, its in cells.items() if its and all(map(_CLOCK, map(str.strip, its)))]
    dates = [name for name, its in moments.items() if all(":" not in cell for cell in its[:20])]
    if len(dates) == 1 and len(clocks) == 1:
        return [dates[0], clocks[0]]
    if (named := time_column(moments)) is not None:
        return [named]
    found = listed(table.header)
    what = f"has no column of times, found {found}: {_NAME_IT}"
    if len(moments) > 1:
        what = f"has several columns of times, {listed(moments)}: {_NAME_IT}"
    raise InputError([Problem(shown(path), "", what)])


def _columns_of_counts(
    path: Path, table: TableRows, sample: list[Row], time: list[str], reading: Reading
) -> list[str]:
    """Return the columns that hold counts: one (long) or all but the times (wide); or none."""
    others = [name for name in table.header if name not in time and name]
    places = {name: table.header.index(name) for name in others}

    def given(name: str) -> list[str]:
        its = [row.cells[places[name]] for row in sample if places[name] < len(row.cells)]
        return [cell.strip() for cell in its if cell.strip()]

    roles = roles_of(others, {})
    reading.roles_in(table.header)
    chosen = reading.fields.get("calls")
    for name in [name for name in others if name in (chosen, roles.get("calls"))]:
        wrong = [cell for cell in given(name) if not is_count(cell) and _IS_NUMBER(cell)]
        if wrong:
            what = f"column {name!r} holds {wrong[0]!r}, and calls are counted in whole numbers"
            raise InputError([Problem(shown(path), "", f"{what}: {_ANOTHER}")])
    if chosen in table.header:
        return [str(chosen)]
    numeric = [name for name in others if given(name) and all(map(is_count, given(name)))]
    if roles.get("calls") in numeric and len(numeric) == 1:
        return numeric
    if numeric and numeric == others and not {"status", "id", "path"} & {*roles}:
        return _without_sum(numeric, [row.cells for row in sample], places, reading)
    return numeric if len(numeric) == 1 and "calls" in roles else []


def _without_sum(
    names: list[str], sample: list[list[str]], places: dict[str, int], reading: Reading
) -> list[str]:
    """Return columns without the one that is the sum of the others, if there is one."""
    if len(names) < 3:
        return names
    rows = np.array([[count_in(cells[places[name]]) for name in names] for cells in sample])
    for n, name in enumerate(names):
        if (2 * rows[:, n] == rows.sum(axis=1)).all() and rows[:, n].any():
            reading.remark(f"column {name!r} is the sum of the others, and is left out")
            return [each for each in names if each != name]
    return names


def _record(table: TableRows, row: Row, time: list[str]) -> tuple[int, Record]:
    record = dict(zip(table.header, row.cells, strict=True))
    if len(time) == 2:
        record["timestamp"] = f"{record[time[0]].strip()} {record[time[1]].strip()}"
    return row.line, record


def _counted(
    path: Path,
    table: TableRows,
    rows: Iterator[Row],
    time: list[str],
    counts: list[str],
    reading: Reading,
) -> Entries:
    """Return counts of requests as entries, and note the length of their buckets."""
    found: list[tuple[int, Record]] = []
    is_wide = len(counts) > 1
    of = "path" if reading.is_api is None or any(map(reading.is_api, counts)) else "user"
    if is_wide and of == "user":
        reading.remark("its columns are taken to be apps, for none has the name of a kind of call")
    for row in rows:
        if not _fits(path, table, row, reading):
            continue
        line, record = _record(table, row, time)
        when = record["timestamp"] if len(time) == 2 else record[time[0]]
        if not when.strip():
            reading.skipped.note(
                "no time that can be read", 1, [(shown(path), line, ",".join(row.cells))]
            )
            continue
        for name in counts:
            cell = record[name].strip()
            if not cell:
                continue
            if what := wrong_count(cell):
                reading.skipped.note(what, 1, [(shown(path), line, f"{name}: {cell}")])
                continue
            its = {"timestamp": when, "count": str(count_in(cell))}
            if is_wide:
                its[of] = name
            else:
                its |= {k: v for k, v in record.items() if k not in (*time, *counts)}
            found.append((line, its))
    clock = Clock(reading, shown(path))
    entries = entries_of(found, reading, clock, are_requests=False, are_counts=True)
    reading.bucket = bucket_of(entries, path, reading)
    return entries
