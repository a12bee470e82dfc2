"""Tables, written row by row as CSV and as Parquet, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from simulation.formats.csv_files import csv_writer, for_spreadsheets

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LARGEST", "TableRow", "TableWriter", "read_parquet", "read_table"]


_ROWS_PER_GROUP = 1000


_DECIMAL_PLACES = 6


LARGEST = {"count": 2**63, "money": Decimal(10) ** (38 - _DECIMAL_PLACES)}
"""What the values of a kind stay below, so that Parquet can hold them."""


TableRow = dict[str, Any]


def read_parquet(file: Path) -> pa.Table:
    """Return a table, read from its file.

    Raises
    ------
    OSError, ValueError
        If the file cannot be read, or is not a whole Parquet file.
    """
    import pyarrow.parquet as pq

    # Without Arrow's threads: a program that ends while one is alive may be aborted, or hang
    # (apache/arrow, issues 34314 and 50482). Opened here, since Arrow takes some
    # paths for addresses.
    with file.open("rb") as content:
        return pq.ParquetFile(content, pre_buffer=False).read(use_threads=False)


def read_table(file: Path) -> pd.DataFrame:
    """Return a table that `TableWriter` wrote; counts with gaps stay whole, as do yes and no."""
    import pyarrow as pa

    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = read_parquet(file).to_pandas(types_mapper=kinds.get, use_threads=False)
    return frame


class TableWriter:
    """Writer of a table as CSV and as Parquet, row by row, in little memory.

    Parameters
    ----------
    columns : mapping of str to str
        What each column holds: text, count, share, money or yes.
    text, parquet : Path
        The files.
    """

    def __init__(self, columns: Mapping[str, str], text: Path, parquet: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {
            "text": pa.string(),
            "count": pa.int64(),
            "share": pa.float64(),
            "money": pa.decimal128(38, _DECIMAL_PLACES),
            "yes": pa.bool_(),
        }
        self._columns = columns
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._waiting: list[TableRow] = []
        self._text = text.open("w", encoding="utf-8", newline="")
        self._file = parquet.open("wb")
        self._parquet = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._csv = csv_writer(self._text)
        self._csv.writerow(columns)

    def write(self, row: Mapping[str, Any]) -> None:
        """Write a row; columns that it lacks are null."""
        whole: TableRow = {name: row.get(name) for name in self._columns}
        self._csv.writerow(for_spreadsheets(_blank(value)) for value in whole.values())
        for name, kind in self._columns.items():
            if kind == "money" and whole[name] is not None:
                whole[name] = round(whole[name], _DECIMAL_PLACES)
        self._waiting.append(whole)
        if len(self._waiting) == _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._parquet.write_table(pa.Table.from_pylist(self._waiting, self._schema))
        self._waiting = []

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None and self._waiting:
                self._flush()
        finally:
            self._text.close()
            self._parquet.close()
            self._file.close()


def _blank(value: Any) -> Any:
    return "" if value is None else value
