"""CSV files row by row, with the line of each, and what is wrong with one in words."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from simulation.errors import InputError, Problem
from simulation.input_files import open_text, shown

__all__ = ["csv_problem", "csv_rows"]


def csv_problem(file: Path, line: int | None, what: str) -> InputError:
    """Return what is wrong with a CSV file, or with one line of it."""
    where = shown(file) if line is None else f"{shown(file)}:{line}"
    return InputError([Problem(where, "", what)])


def csv_rows(file: Path, kind: str, megabytes: int | None) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a file that are not blank, the first of which names the columns.

    Spreadsheets of half of Europe put semicolons between the cells; the first line tells.

    Raises
    ------
    InputError
        If the file cannot be read, is not CSV, or is larger than so many megabytes.
    """
    with open_text(file, kind, megabytes) as text:
        first = text.readline()
        text.seek(0)
        delimiter = ";" if first.count(";") > first.count(",") else ","
        reader = csv.reader(text, strict=True, delimiter=delimiter)
        try:
            for row in reader:
                if any(row):
                    yield reader.line_num, row
        except csv.Error as error:
            what = f"is not CSV ({error}), check the quotes"
            raise csv_problem(file, reader.line_num, what) from None
