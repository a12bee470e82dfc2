"""What reaches a terminal or a spreadsheet is read there, and never obeyed."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from simulation.cli.app import print_json
from simulation.cli.console import Console
from simulation.cli.terminal import PrintError, guard
from simulation.errors import Problem
from simulation.formats.csv_files import csv_text, for_spreadsheets
from simulation.formats.tables import TableWriter
from tests.helpers import ROOT, creditsim

MID_MARKET = ROOT / "scenarios" / "mid-market.yaml"
COMMAND = Path(sys.executable).parent / "creditsim"
UNSEEN = "\u2028\u2029\ufeff\u200b\u200e\u200f\u2060\u202a\u202e\u2066\u2069\u061c\ufff9"
OBEYED = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069{UNSEEN}]")

hostile = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("\x00\x07\x08\r\x1b\x7f\x80\x9b\x9d\n\t[]31m0;" + UNSEEN),
    )
)


def printed(what: str, text: str) -> str:
    """Print a text by one of the ways there are, through the real streams; return what arrives."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    with patch.object(sys, "stdout", out), patch.object(sys, "stderr", err):
        guard()
        if what == "print":
            print(text)  # noqa: T201
        elif what == "error":
            print(Problem(text, text, text), file=sys.stderr)  # noqa: T201
        elif what == "json":
            print_json({text: text})
        else:
            table = Table(text)
            table.add_row(Text(text))
            Console(stderr=what == "progress").print(table, Text(text))
        sys.stdout.flush()
        sys.stderr.flush()
    streams = (out.buffer, err.buffer)
    return "".join(each.getvalue().decode() for each in streams if isinstance(each, io.BytesIO))


@settings(max_examples=60, deadline=None)
@given(text=hostile)
@example(text=UNSEEN)
@pytest.mark.parametrize("what", ["print", "error", "json", "table", "progress"])
def test_no_text_is_obeyed_by_a_terminal_whatever_prints_it(what: str, text: str) -> None:
    shown = printed(what, text)
    assert not OBEYED.search(shown)
    if what == "error":
        assert shown.count("\n") == 1
    if what == "json":
        assert json.loads(shown) == {text: text}
    if what == "print" and not OBEYED.search(text):
        assert shown == text + "\n"


def test_colours_are_our_own_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    with patch.object(sys, "stdout", out), patch.object(sys, "stderr", out):
        guard()
        Console().print(Text("a\x1b[32mb", style="red"))
        sys.stdout.flush()
        assert isinstance(out.buffer, io.BytesIO)
        assert out.buffer.getvalue() == b"\x1b[31ma\\x1b[32mb\x1b[0m\n"


def test_every_command_shows_hostile_text_as_it_is(tmp_path: Path) -> None:
    evil = '"\\e]0;boo\\a\\e[31m\\x9b31m\\u202e"'
    text = MID_MARKET.read_text().replace("name: dashboard", f"name: {evil}")
    (tmp_path / "evil.yaml").write_text(
        re.sub(r"^name: .*", lambda _: f"name: {evil}", text, flags=re.M)
    )
    (tmp_path / "wrong.yaml").write_text(f"{evil}: 1\nname: {evil}\n")
    quick = ("--replications", "2", "--set", "horizon=2 days", "--set", "warmup=0")
    planned = ("--max-replications", "2", "--confirm", "none")
    for arguments in (
        ("validate", "evil.yaml", "wrong.yaml"),
        ("validate", "evil.yaml", "--json"),
        ("run", "evil.yaml", *quick),
        ("run", "evil.yaml", "--set", "\x1b[31m=1"),
        ("plan", "evil.yaml", *quick, *planned),
        ("batch", "evil.yaml", "wrong.yaml", "--out", "out", *quick, *planned),
        ("run", "\x1b]0;boo"),
        ("run", "--\x1b[31m"),
    ):
        done = creditsim(*arguments, cwd=tmp_path)
        assert "Traceback" not in done.stderr
        assert not OBEYED.search(done.stdout + done.stderr), arguments
        assert done.stdout + done.stderr


@pytest.mark.parametrize(
    ("redirect", "reason"),
    [
        ("> /dev/full", "no space left on device"),
        (">&-", "it is closed"),
        ("| true", "broken pipe"),
    ],
)
@pytest.mark.parametrize(
    "arguments", ["--help", "rate-cards kaizen-34", "schema", f"validate {MID_MARKET}"]
)
def test_output_that_cannot_be_printed_is_one_line(
    arguments: str, redirect: str, reason: str
) -> None:
    wait = "sleep 0.5; " if "|" in redirect else ""  # until the reader is gone
    script = f"({wait}{COMMAND} {arguments}; echo $? >&2) {redirect}"
    if ">" in redirect:
        script = f"{COMMAND} {arguments} {redirect}; echo $? >&2"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    told = f"standard output cannot be written ({reason}), send it elsewhere\n"
    assert done.stderr == f"{told}1\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    script = f"({COMMAND} schema; echo $? >&2) | head -c 1"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("{", "0\n")


def test_errors_that_cannot_be_printed_keep_their_exit_code() -> None:
    for redirect in ("2>&-", "2>/dev/full", "2>&- >&-"):
        script = f"{COMMAND} validate nothing {redirect}; echo $?"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == ("1\n" if ">&- >" in redirect else "2\n")
        assert done.stderr == ""


def test_a_full_disk_is_told_apart_from_a_reader_that_left() -> None:
    assert not PrintError(OSError(28, "full"), True).has_seen_enough
    assert PrintError(BrokenPipeError(32, "pipe"), True).has_seen_enough
    assert not PrintError(BrokenPipeError(32, "pipe"), False).has_seen_enough


cells = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("=+-@\t\r\n;,\"'|1"))
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(cells, min_size=1, max_size=4))
@example(texts=["\r"])
def test_no_cell_is_run_by_a_spreadsheet_and_parquet_keeps_the_text(
    texts: list[str], tmp_path: Path
) -> None:
    columns = {"item": "text", "n": "count"}
    with TableWriter(columns, tmp_path / "t.csv", tmp_path / "t.parquet") as table:
        for text in texts:
            table.write({"item": text, "n": -1})
    written = (tmp_path / "t.csv").read_bytes().decode()
    read = list(csv.reader(io.StringIO(written, newline="")))[1:]
    assert [row[1] for row in read] == ["-1"] * len(texts)  # a number stays one
    assert [row[0] for row in read] == [for_spreadsheets(text) for text in texts]
    assert pq.read_table(tmp_path / "t.parquet")["item"].to_pylist() == texts
    again = csv_text(pd.DataFrame({"item": texts, "n": -1}))
    assert list(csv.reader(io.StringIO(again, newline="")))[1:] == read
    for text in texts:
        safe = for_spreadsheets(text)
        assert not re.search(r"(^|[;\t\r\n])[=+\-@]", safe)
        assert len(safe) == len(text) or re.search(r"(^|[;\t\r\n])[=+\-@\t\r\n＝＋－＠]", text)  # noqa: RUF001


def test_the_tables_of_a_batch_are_safe_to_open(tmp_path: Path) -> None:
    (tmp_path / "org.yaml").write_text(
        "name: '@SUM(A1)'\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 1 day\nwarmup: 0\n"
        "replications: 2\nclients:\n- name: '=cmd|x'\n  arrivals: {schedule: {every: 1 s}}\n"
        "  calls: [{api: get_modules}]\nalternatives:\n- {name: '+1+1', set: {other_apis: [x]}}\n"
    )
    (tmp_path / "orgs.csv").write_text("scenario,name\norg.yaml,=1+1\norg.yaml,-2\n")
    quick = ("--max-replications", "2", "--confirm", "none")
    done = creditsim("batch", "orgs.csv", "--out", "out", *quick, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("portfolio.csv", "alternatives.csv", "runtimes.csv"):
        with (tmp_path / "out" / name).open(newline="") as file:
            wrong = [
                cell
                for row in csv.reader(file)
                for cell in row
                if cell[:1] in "=+@-" and cell and not re.fullmatch(r"-?[\d.e+-]+", cell)
            ]
        assert wrong == [], name
    row = pd.read_csv(tmp_path / "out" / "portfolio.csv").iloc[0]
    assert (row["item"], row["caused_by"]) == ("'=1+1", "'=cmd|x")
    assert pd.read_parquet(tmp_path / "out" / "portfolio.parquet")["item"].tolist() == [
        "=1+1",
        "-2",
    ]
