"""Tables that people export: rows of text with their lines, whatever parts the cells."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TextIO

from simulation.formats import Row, has_semicolons, rows_of
from simulation.logs.field_names import NAMES, column_name
from simulation.logs.sources import first_bytes, open_log, text_of
from simulation.logs.times import Texts, read_column
from simulation.logs.typed_tables import EXCEL, PARQUET, rows_of_parquet, rows_of_sheet

__all__ = ["TIME_NAMES", "TableRows", "are_moments", "is_moment", "open_table", "time_column"]

TIME_NAMES = NAMES["time"]
"""What programs call the column of times, as `column_name` writes it."""

_LAST_SURE = TIME_NAMES.index("timestamp")
_LOOKED_AT, _FEWEST_LOOKED_AT = 200, 20


@dataclass(frozen=True)
class TableRows:
    """A table: the names of its columns, and its rows one after the other.

    Attributes
    ----------
    header_line : int
        The line that names the columns; 0 where none does.
    header : list of str
        Their names; ``column 1`` and so on where no line names them.
    has_semicolons : bool
        Whether semicolons part the cells, so that a comma may be a decimal sign.
    rows : iterator of Row
        The rows behind the header.
    """

    header_line: int
    header: list[str]
    has_semicolons: bool
    rows: Iterator[Row]


def is_moment(text: str) -> bool:
    """Return whether a cell is a moment in one of the forms that are read."""
    one = Texts.of([text])
    return bool(text.strip()) and any(read_column(one, first).is_read[0] for first in (True, False))


@contextmanager
def open_table(file: Path, kind: str, megabytes: int | None) -> Iterator[TableRows]:
    """Open a table: CSV, a sheet of Excel, or Parquet; the content tells which, not the name.

    The cells of CSV are parted by commas, semicolons, tabs or bars. A first line ``sep=;`` is
    followed, lines that begin with # before the columns are named are left out, and a first row
    with a moment in it is no header.

    Raises
    ------
    InputError
        If the file cannot be read as a table.
    """
    with open_log(file, kind, megabytes) as data:
        head = first_bytes(data)
        if head.startswith((*EXCEL, PARQUET)):
            typed = rows_of_parquet if head.startswith(PARQUET) else rows_of_sheet
            is_read_in_parts = head.startswith(PARQUET) and data.seekable()
            source = data if is_read_in_parts else BytesIO(data.read())
            yield _with_header(typed(file, source), None, ",")
            return
        with text_of(data) as text:
            yield _of_text(file, text)


def _of_text(file: Path, text: TextIO) -> TableRows:
    """Return the table of CSV."""
    before: list[str] = []
    for first in text:
        if first.strip() and not _is_remark(first, bool(before)):
            break
        before.append(first)
    else:
        first = ""
    said = before[0].strip() if before else ""
    delimiter = said[4:5] if said.lower().startswith("sep=") else delimiter_of(first)
    lines, has_header = chain([first], text), None
    is_row = any(map(is_moment, _cells(first, delimiter)))
    if is_row and before and _fits(before[-1], first, delimiter):
        lines, has_header = chain([before.pop(), first], text), True
    return _with_header(rows_of(lines, file, delimiter, len(before)), has_header, delimiter)


def _with_header(rows: Iterator[Row], has_header: bool | None, delimiter: str) -> TableRows:
    """Return rows as a table; without being told, a first row that has a moment is no header."""
    line, cells, _ = next(rows, Row(1, []))
    if has_header is None:
        has_header = not any(map(is_moment, cells))
    header = [name.strip() for name in cells]
    if not has_header:
        header = [f"column {n}" for n in range(1, len(header) + 1)]
        rows = chain([Row(line, cells, delimiter == ";")], rows)
    return TableRows(line if has_header else 0, header, delimiter == ";", rows)


def _is_remark(line: str, is_second: bool) -> bool:
    """Return whether a line before the columns are named tells a program or a reader something."""
    return line.startswith("#") or (not is_second and line.lower().startswith("sep="))


def _fits(remark: str, first: str, delimiter: str) -> bool:
    """Return whether a line that begins with # names the columns of the row that follows."""
    names, cells = _cells(remark, delimiter), _cells(first, delimiter)
    return remark.startswith("#") and len(names) == len(cells)


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def delimiter_of(line: str) -> str:
    """Return what parts the cells of a line: a tab, a bar, a semicolon or a comma.

    >>> delimiter_of("timestamp|api"), delimiter_of("a;b"), delimiter_of("Nov 09, 2017")
    ('|', ';', ',')
    """
    counts = {mark: len(_cells(line, mark)) for mark in "\t|"}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best] > max(1, line.count(","), line.count(";")):
        return best
    return ";" if has_semicolons(line) else ","


def time_column(columns: Mapping[str, Sequence[str]]) -> str | None:
    """Return which column has the times: by its name, or as the only one whose cells are moments.

    Of several names one that says that it is a timestamp, or when a request began, goes before.
    None where no column has times, or where several could have them.
    """
    named = [name for known in TIME_NAMES for name in columns if column_name(name) == known]
    if named:
        is_sure = TIME_NAMES.index(column_name(named[0])) <= _LAST_SURE
        return named[0] if is_sure or len(named) == 1 else None
    fitting = [name for name, cells in columns.items() if are_moments(cells)]
    return fitting[0] if len(fitting) == 1 else None


def are_moments(cells: Sequence[str]) -> bool:
    """Return whether a column has cells, and those with which it begins are moments."""
    filled = [cell for cell in cells[:_LOOKED_AT] if cell.strip()][:_FEWEST_LOOKED_AT]
    return bool(filled) and all(map(is_moment, filled))
