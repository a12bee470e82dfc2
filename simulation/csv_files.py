"""CSV files row by row, with the line of each, and what is wrong with one in words."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from simulation.errors import InputError, Problem
from simulation.input_files import open_text, shown

if TYPE_CHECKING:
    from _csv import Writer

    import pandas as pd

__all__ = ["csv_problem", "csv_rows", "csv_writer", "for_spreadsheets", "write_csv"]

LONGEST_CELL = 131_072
csv.field_size_limit(2**31 - 1)  # files have a bound; one long cell of a row is that row's alone

_RUN_BY_SPREADSHEETS = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[=+\-@\t\r\n＝＋－＠])")  # noqa: RUF001
"""Where a cell begins that is a formula, also where semicolons or tabs part the cells."""


def for_spreadsheets(value: Any) -> Any:
    """Return a cell as it is, but for text that a spreadsheet would run: that stays text.

    >>> for_spreadsheets("=1+1"), for_spreadsheets("a;@SUM(A1)"), for_spreadsheets(-1)
    ("'=1+1", "a;'@SUM(A1)", -1)
    """
    return _RUN_BY_SPREADSHEETS.sub("'", value) if isinstance(value, str) else value


def write_csv(table: pd.DataFrame, file: Path) -> None:
    """Write a table as CSV, safe to open in a spreadsheet."""
    texts = table.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz"]).columns
    safe = table.assign(**{name: table[name].map(for_spreadsheets) for name in texts})
    with file.open("w", encoding="utf-8", newline="") as text:
        safe.to_csv(_RowEnds(text), index=False, lineterminator="\r\n")


class _RowEnds:
    """A text file in which each row ends in a line feed.

    Before Python 3.13, `csv` quotes a carriage return in a cell only if rows end in one.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def write(self, row: str) -> int:
        return self._text.write(row.removesuffix("\r\n") + "\n")


def csv_writer(text: TextIO) -> Writer:
    """Return what writes rows to a text file that was opened with ``newline=""``."""
    return csv.writer(_RowEnds(text), lineterminator="\r\n")


def csv_problem(file: Path, line: int | None, what: str) -> InputError:
    """Return what is wrong with a CSV file, or with one line of it."""
    where = shown(file) if line is None else f"{shown(file)}:{line}"
    return InputError([Problem(where, "", what)])


def csv_rows(
    file: Path, kind: str, megabytes: int | None, longest: int | None = LONGEST_CELL
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file that are not blank, the first of which names the columns.

    Spreadsheets of half of Europe put semicolons between the cells; the first line tells.

    Raises
    ------
    InputError
        If the file cannot be read, is not CSV, is larger than ``megabytes``, or a cell has more
        characters than ``longest``.
    """
    with open_text(file, kind, megabytes) as text:
        first = text.readline()
        text.seek(0)
        delimiter = ";" if first.count(";") > first.count(",") else ","
        reader = csv.reader(text, strict=True, delimiter=delimiter)
        try:
            for row in reader:
                if longest is not None and max(map(len, row), default=0) > longest:
                    what = f"has a cell of more than {longest:,} characters, check the quotes"
                    raise csv_problem(file, reader.line_num, what)
                if any(row):
                    yield reader.line_num, row
        except csv.Error as error:
            what = f"is not CSV ({error}), check the quotes"
            raise csv_problem(file, reader.line_num, what) from None
