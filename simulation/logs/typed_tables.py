"""Tables whose cells have types: sheets of Excel and Parquet files, as rows of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from simulation.errors import InputError, Problem
from simulation.formats import Row, listed, shown

__all__ = ["EXCEL", "PARQUET", "rows_of_parquet", "rows_of_sheet"]

EXCEL = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of Excel begin, those of 1997 too."""
PARQUET = b"PAR1"

_ROWS_AT_ONCE = 10_000
_BUFFER = 1_000_000
"""Bytes of a column of Parquet that are read at once."""


def _refusal(path: Path, what: str) -> InputError:
    return InputError([Problem(shown(path), "", what)])


def _text(cell: Any) -> str:
    """Return a cell as it would stand in CSV: a date in ISO 8601, a whole number without a point.

    >>> _text(dt.datetime(2026, 1, 5, 8, 30)), _text(94.0), _text(None)
    ('2026-01-05 08:30:00', '94', '')
    """
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def rows_of_sheet(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Yield the rows of the one sheet of an Excel file that holds any, as text.

    Raises
    ------
    InputError
        If python-calamine is not installed, the file is damaged, or several sheets hold rows.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        what = "is a file of Excel: save it as CSV, or install what reads it, creditsim[excel]"
        raise _refusal(path, what) from None
    try:
        book = CalamineWorkbook.from_filelike(file)
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except CalamineError as error:
        raise _refusal(path, f"is no file of Excel that can be read ({error})") from None
    filled = {name: rows for name, rows in sheets.items() if len(rows) > 1}
    if len(filled) > 1:
        what = f"has rows in several sheets ({listed(filled)}), leave the one that is meant"
        raise _refusal(path, what)
    for rows in filled.values():
        for number, cells in enumerate(rows, 1):
            texts = [_text(cell) for cell in cells]
            if any(texts):
                yield Row(number, texts)


def rows_of_parquet(path: Path, file: BinaryIO) -> Iterator[Row]:
    """Yield the names of the columns of a Parquet file, then its rows, as text.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file, buffer_size=_BUFFER)
        names = [str(name) for name in table.schema_arrow.names]
        yield Row(0, names)
        row = 0
        for batch in table.iter_batches(_ROWS_AT_ONCE):
            columns = [_texts(column) for column in batch.columns]
            for cells in zip(*columns, strict=True):
                row += 1
                yield Row(row, list(cells))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise _refusal(path, f"is no Parquet file that can be read ({reason})") from None


def _texts(column: Any) -> list[str]:
    """Return a column as text; times in UTC say so."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        ends = "" if column.type.tz is None else "Z"
        plain = column.cast(pa.timestamp("us"), safe=False).cast(pa.string())
        return ["" if text is None else text + ends for text in plain.to_pylist()]
    return [_text(cell) for cell in column.to_pylist()]
