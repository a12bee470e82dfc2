"""Tables, written row by row as CSV and as Parquet, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from simulation.formats.csv_files import csv_writer, for_spreadsheets

__all__ = ["TableWriter", "read_table"]


_ROWS_PER_GROUP = 1000


DECIMAL_PLACES = 6


TableRow = dict[str, Any]


def read_table(file: Path) -> pd.DataFrame:
    """Return a table that `TableWriter` wrote; counts with gaps stay whole, as do yes and no."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    with file.open("rb") as content:
        frame: pd.DataFrame = pq.read_table(content).to_pandas(types_mapper=kinds.get)
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
            "money": pa.decimal128(38, DECIMAL_PLACES),
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
                whole[name] = round(whole[name], DECIMAL_PLACES)
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
