"""CSV files: rows with their lines, text made safe for spreadsheets, and mistakes in words."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from simulation.errors import InputError, Problem
from simulation.formats.input_files import MOST_MEGABYTES, open_text, shown
from simulation.quantities import parse_duration, parse_number, parse_rate

if TYPE_CHECKING:
    from _csv import Writer

    import pandas as pd

__all__ = [
    "Row",
    "csv_problem",
    "csv_rows",
    "csv_text",
    "csv_writer",
    "decimal_comma",
    "for_spreadsheets",
    "has_semicolons",
    "names_orgs",
    "rows_of",
]

LONGEST_CELL = 131_072
csv.field_size_limit(2**31 - 1)  # so that `csv_rows` refuses a long cell, with its line

_RUN_BY_SPREADSHEETS = re.compile(r"(?:^|(?<=[;\t\r\n]))(?=[=+\-@\t\r\n＝＋－＠])")  # noqa: RUF001
"""The beginning of a cell that is a formula, also where semicolons or tabs part the cells."""


def for_spreadsheets(value: Any) -> Any:
    """Return a cell, quoted where it is text that a spreadsheet would run as a formula.

    >>> for_spreadsheets("=1+1"), for_spreadsheets("a;@SUM(A1)"), for_spreadsheets(-1)
    ("'=1+1", "a;'@SUM(A1)", -1)
    """
    return _RUN_BY_SPREADSHEETS.sub("'", value) if isinstance(value, str) else value


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV, safe to open in a spreadsheet."""
    texts = table.select_dtypes(exclude=["number", "bool", "datetime", "datetimetz"]).columns
    safe = table.assign(**{name: table[name].map(for_spreadsheets) for name in texts})
    text = StringIO(newline="")
    safe.to_csv(_RowEnds(text), index=False, lineterminator="\r\n")
    return text.getvalue()


class _RowEnds:
    """A text file in which each row ends in a line feed.

    Before Python 3.13, `csv` quotes a carriage return in a cell only if rows end in one.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text

    def write(self, row: str) -> int:
        return self._text.write(row.removesuffix("\r\n") + "\n")


def csv_writer(text: TextIO) -> Writer:
    """Return a CSV writer to a text file that was opened with ``newline=""``."""
    return csv.writer(_RowEnds(text), lineterminator="\r\n")


def csv_problem(file: Path, line: int | None, what: str) -> InputError:
    """Return an error about a CSV file, or about one line of it."""
    where = shown(file) if line is None else f"{shown(file)}:{line}"
    return InputError([Problem(where, "", what)])


class Row(NamedTuple):
    """A row with the line on which it ends."""

    line: int
    cells: list[str]
    has_semicolons: bool = False
    """Whether semicolons part the cells, so that a comma may be a decimal sign."""


_COMMA = re.compile(r"(?<![0-9.,])([0-9]{1,3}),([0-9]{3})(?![0-9]|[.,][0-9])")


def decimal_comma(text: str) -> str:
    """Return what is wrong with a quantity whose comma may be a decimal sign, or nothing.

    Between commas a cell is written by the rules of `simulation.quantities`, where commas group
    thousands. Where semicolons part the cells, decimal commas are as usual.

    >>> decimal_comma("1,250 per day")
    "'1,250 per day' can be read as 1.25 or as 1250, write 1.25 or 1250"
    >>> decimal_comma("1,250,000"), decimal_comma("Acme 1,250")
    ('', '')
    """
    found = _COMMA.search(text)
    if found is None or not any(_reads(parse, text) for parse in _PARSERS):
        return ""
    whole, part = found.groups()
    first = f"{whole}.{part}".rstrip("0").rstrip(".")
    plain = f"{first}0" if first.endswith(part) else first  # 1.125 may be thousands as well
    joined = whole + part
    return f"{text.strip()!r} can be read as {first} or as {joined}, write {plain} or {joined}"


_PARSERS: tuple[Callable[[str], Any], ...] = (parse_number, parse_rate, parse_duration)


def _reads(parse: Callable[[str], Any], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


def has_semicolons(line: str) -> bool:
    """Return whether semicolons part the names of columns; names that begin with # may hold any."""
    fitting = []
    for delimiter, other in (",;", ";,"):
        names = next(csv.reader([line], delimiter=delimiter), [])
        own = [name for name in names if not name.strip().startswith("#")]
        if len(names) > 1 and not any(other in name for name in own):
            fitting.append(delimiter)
    if len(fitting) == 1:
        return fitting == [";"]
    return line.count(";") > line.count(",")


def csv_rows(
    file: Path, kind: str, megabytes: int | None, longest: int | None = LONGEST_CELL
) -> Iterator[Row]:
    """Yield the rows of a file that are not blank, the first of which names the columns.

    Spreadsheets of half of Europe put semicolons between the cells; the first line shows it.

    Raises
    ------
    InputError
        If the file cannot be read, is not CSV, is larger than ``megabytes``, or a cell has more
        characters than ``longest``.
    """
    with open_text(file, kind, megabytes) as text:
        first = text.readline()
        text.seek(0)
        yield from rows_of(text, file, ";" if has_semicolons(first) else ",", longest=longest)


def rows_of(
    lines: Iterable[str],
    file: Path,
    delimiter: str,
    before: int = 0,
    longest: int | None = LONGEST_CELL,
) -> Iterator[Row]:
    """Yield the rows that are not blank of the lines of a file, ``before`` of which were read.

    Raises
    ------
    InputError
        If they are not CSV, or a cell has more characters than ``longest``.
    """
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    try:
        for row in reader:
            if longest is not None and max(map(len, row), default=0) > longest:
                what = f"has a cell of more than {longest:,} characters, check the quotes"
                raise csv_problem(file, before + reader.line_num, what)
            if any(map(str.strip, row)):
                yield Row(before + reader.line_num, row, delimiter == ";")
    except csv.Error as error:
        what = f"is not CSV ({error}), check the quotes"
        raise csv_problem(file, before + reader.line_num, what) from None


def names_orgs(file: Path) -> bool:
    """Return whether a file is a portfolio in CSV: a column is called ``scenario``."""
    if file.suffix.lower() != ".csv":
        return False
    try:
        header = next(csv_rows(file, "portfolio", MOST_MEGABYTES["portfolio"]), Row(0, []))
    except InputError:
        return False
    return "scenario" in map(str.strip, header.cells)
