"""Whatever stands in a log, it is read or refused in one line, and never slowly."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import InputError, read_log
from simulation.logs.sources import blocks
from tests.logs.test_forms import FORMS

_FORMS = sorted(FORMS)


def read_or_refused(content: bytes) -> int:
    """Return how many requests were read, or -1 where the log is refused in one line."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.log"
        file.write_bytes(content)
        try:
            return len(read_log(file, allow_skipped=1.0))
        except InputError as error:
            refusal = str(error)
    assert len(refusal.splitlines()) == 1
    return -1


pieces = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [b'"', b"\\", b"[", b"]", b"\t", b" ", b"\n", b"\r", b"\0", b"\xff\xfe", b"{", b"}"]
    ),
    st.sampled_from(
        [b"#Fields: date time", b"429", b"-", b"%2C", b"ids=1,2,", b"\xe2\x80\xaf", b"sep=,"]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_FORMS), st.lists(st.tuples(st.integers(0, 5000), pieces), max_size=6))
def test_a_log_of_any_form_with_anything_put_into_it(
    form: str, changes: list[tuple[int, bytes]]
) -> None:
    content = FORMS[form].encode() * 3
    for at, piece in changes:
        place = at % (len(content) + 1)
        content = content[:place] + piece + content[place + len(piece) // 2 :]
    assert read_or_refused(content) <= 6 + sum(piece.count(b"\n") for _, piece in changes) + 6


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, max_size=12))
def test_bytes_of_any_kind_are_read_or_refused(parts: list[bytes]) -> None:
    read_or_refused(b"".join(parts))


@pytest.mark.parametrize(
    "byte", [b'"', b"\\", b"[", b"/", b"&", b"=", b"1", b"{", b" ", b",", b"%"]
)
def test_a_line_of_ten_megabytes_is_left_out_and_the_others_are_read(byte: bytes) -> None:
    lines = FORMS["combined"].encode().splitlines(keepends=True)
    long = lines[0].replace(b"Notes", b"Notes" + byte * 10_000_000)
    # What looks back at each byte would take days.
    assert read_or_refused(lines[0] + long + lines[1] * 3) == 4


@pytest.mark.parametrize(
    "byte", [b'"', b"\\", b"[", b"/", b"&", b"=", b"1", b"a", b"%2C", b"ids=,"]
)
def test_a_long_path_is_cut_and_its_request_counts(byte: bytes) -> None:
    lines = FORMS["combined"].encode().splitlines(keepends=True)
    long = lines[0].replace(b"Notes?", b"Notes?" + byte * (900_000 // len(byte)))
    assert read_or_refused(lines[0] + long + lines[1] * 3) in (4, 5)


def test_more_names_than_a_table_holds_are_one(tmp_path: Path) -> None:
    line = '10.0.0.7 - u{n} [05/Jan/2026:09:00:00 +0100] "GET /a{n}x HTTP/1.1" 200 5 "-" "s/{n}"\n'
    file = tmp_path / "a.log"
    file.write_text("".join(line.replace("{n}", str(n)) for n in range(70_000)))
    found = read_log(file)
    assert len(found) == 70_000
    assert (found["target"] == "others").sum() == 70_000 - (2**16 - 1)


def test_a_file_that_grows_while_it_is_read_is_read_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text(FORMS["combined"])
    reader = blocks(file)
    first = bytes(next(reader).data)
    with file.open("a") as more:
        more.write(FORMS["combined"] * 100_000)
    assert first.decode() == FORMS["combined"]
    assert [bytes(each.data) for each in reader] == []
