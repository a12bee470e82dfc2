"""Tables are read by their content: encodings, packings, delimiters, headers, sheets."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation import InputError
from simulation.formats import Row
from simulation.logs import open_table
from simulation.logs.tables import delimiter_of, time_column

PLAIN = "timestamp,api\n2026-01-05 08:00,get_users\n2026-01-05 09:00,get_roles\n"


def table_of(file: Path, content: str | bytes) -> tuple[list[str], list[list[str]]]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    with open_table(file, "trace", 50) as table:
        return table.header, [row.cells for row in table.rows]


EXPECTED = (
    ["timestamp", "api"],
    [["2026-01-05 08:00", "get_users"], ["2026-01-05 09:00", "get_roles"]],
)


def zstandard(data: bytes) -> bytes:
    with pa.BufferOutputStream() as sink:
        with pa.CompressedOutputStream(sink, "zstd") as packed:
            packed.write(data)
        return bytes(sink.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        *(PLAIN, PLAIN.encode("utf-8-sig"), PLAIN.encode("utf-16"), PLAIN.encode("utf-16-le")),
        *(
            PLAIN.encode("utf-16-be"),
            gzip.compress(PLAIN.encode(), mtime=0),
            zstandard(PLAIN.encode()),
        ),
        gzip.compress(PLAIN[:20].encode(), mtime=0) + gzip.compress(PLAIN[20:].encode(), mtime=0),
        *(PLAIN.replace(",", ";"), PLAIN.replace(",", "\t"), PLAIN.replace(",", "|")),
        *(PLAIN.replace("\n", "\r\n"), PLAIN.replace("\n", "\r"), "\n\n" + PLAIN + "\n,\n"),
        *(f"# exported, by hand\n{PLAIN}", f"sep=,\n{PLAIN}", f"SEP=;\n{PLAIN.replace(',', ';')}"),
    ],
)
def test_one_table_in_many_wrappings(tmp_path: Path, content: str | bytes) -> None:
    assert table_of(tmp_path / "t", content) == EXPECTED


def test_text_that_is_no_utf_8_is_latin_1(tmp_path: Path) -> None:
    rows = "timestamp,note\n2026-01-05,Müller\n"
    assert table_of(tmp_path / "t", rows.encode("latin-1"))[1] == [["2026-01-05", "Müller"]]


def test_a_first_row_with_a_moment_in_it_is_no_header(tmp_path: Path) -> None:
    rows = PLAIN.split("\n", 1)[1]
    assert table_of(tmp_path / "t", rows) == (["column 1", "column 2"], EXPECTED[1])
    header, cells = table_of(tmp_path / "t", f"#time,what\n{rows}")
    assert (header, cells) == (["#time", "what"], EXPECTED[1])
    assert time_column(dict(zip(header, zip(*cells, strict=True), strict=True))) == "#time"


def test_a_sheet_and_a_parquet_file_are_tables_too(tmp_path: Path) -> None:
    times = pd.to_datetime(["2026-01-05 08:00", "2026-01-05 09:00"])
    frame = pd.DataFrame({"timestamp": times, "count": [94.0, 3.0], "app": ["a", None]})
    frame.to_excel(tmp_path / "book.xlsx", index=False, engine="xlsxwriter")
    frame.to_parquet(tmp_path / "log.bin")
    for file in ("book.xlsx", "log.bin"):
        with open_table(tmp_path / file, "trace", 50) as table:
            assert table.header == ["timestamp", "count", "app"]
            rows = [row.cells for row in table.rows]
        assert [[cell[:16], *others] for cell, *others in rows] == [
            ["2026-01-05 08:00", "94", "a"],
            ["2026-01-05 09:00", "3", ""],
        ]
    frame["timestamp"] = frame["timestamp"].dt.tz_localize("Europe/Berlin")
    frame.to_parquet(tmp_path / "log.bin")
    with open_table(tmp_path / "log.bin", "trace", 50) as table:
        assert next(table.rows).cells[0] == "2026-01-05 07:00:00.000000Z"


def test_sheets_of_which_several_hold_rows_are_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"timestamp": ["2026-01-05"], "count": [1]})
    with pd.ExcelWriter(tmp_path / "book.xlsx", engine="xlsxwriter") as book:
        frame.to_excel(book, sheet_name="May", index=False)
        pd.DataFrame().to_excel(book, sheet_name="Empty")
        frame.to_excel(book, sheet_name="June", index=False)
    with (
        pytest.raises(InputError, match=r"rows in several sheets .*May and June.*, leave the one"),
        open_table(tmp_path / "book.xlsx", "trace", 50),
    ):
        pass


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"BZh91AY", "is packed by bzip2, unpack it, or pack it by gzip or zstandard"),
        (gzip.compress(PLAIN.encode() * 99, mtime=0)[:60], "is damaged or ends early .gzip"),
        (b"PAR1 and nothing else", "is no Parquet file that can be read"),
        (b"PK\x03\x04 and nothing else", "is no file of Excel that can be read"),
        (
            gzip.compress(bytes(60_000_000), mtime=0),
            "unpacks to more than 50 MB.*--trace-megabytes",
        ),
    ],
)
def test_what_cannot_be_unpacked_is_refused_in_one_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "t").write_bytes(content)
    with (
        pytest.raises(InputError, match=complaint) as refusal,
        open_table(tmp_path / "t", "trace", 50) as table,
    ):
        list(table.rows)
    assert len(str(refusal.value).splitlines()) == 1


@given(st.lists(st.sampled_from(["timestamp", "api", "a b", "n.1"]), min_size=2, max_size=5))
def test_what_parts_the_names_of_columns_is_told_from_them(names: list[str]) -> None:
    for mark in "\t|;,":
        assert delimiter_of(mark.join(names)) == mark


def test_times_are_found_by_their_name_or_as_the_only_moments() -> None:
    moments, others = ["2026-01-05 08:00"], ["x"]
    assert time_column({"id": others, "Date Time": moments, "until": moments}) == "Date Time"
    assert time_column({"id": others, "wann": moments}) == "wann"
    assert time_column({"from": moments, "until": moments}) is None
    assert time_column({"date": moments, "time": moments}) is None
    assert time_column({"date": moments, "start_time": moments}) == "start_time"
    assert time_column({"id": others, "wann": ["", *moments]}) == "wann"


def test_parquet_is_read_row_group_by_row_group(tmp_path: Path) -> None:
    """What is damaged far behind its beginning is met after what stands before it was read."""
    random = np.random.default_rng(34)
    frame = pd.DataFrame(
        {"timestamp": pd.date_range("2026-01-05", periods=60_000), "n": random.random(60_000)}
    )
    frame.to_parquet(tmp_path / "log", row_group_size=5_000, compression="zstd")
    content = bytearray((tmp_path / "log").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 50_000] = bytes(50_000)
    (tmp_path / "log").write_bytes(content)
    rows: list[Row] = []
    with (
        pytest.raises(InputError, match="is no Parquet file that can be read"),
        open_table(tmp_path / "log", "trace", 50) as table,
    ):
        rows.extend(table.rows)
    assert 5_000 <= len(rows) <= 40_000
