"""Several files are read as one log: side by side, and what two of them tell counts once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from simulation import InputError, read_log
from simulation.cli.commands import app
from simulation.logs import Entries, Reading, entries_of_logs
from simulation.logs.repeats import Repeats

KONG = (
    '{"request_id": "r-%d", "started_at": %d, "request": {"method": "GET", "uri": "/crm/v7/users", '
    '"headers": {"user-agent": "sync/2.1"}}, "response": {"status": 200}}\n'
)
PLAIN = '10.0.0.7 - sync [05/Jan/2026:08:%02d:%02d +0000] "GET /%s HTTP/1.1" 200 5\n'


def kong(*numbers: int) -> str:
    return "".join(KONG % (n, (1_767_600_000 + n) * 1000) for n in numbers)


def plain(server: str, count: int) -> str:
    return "".join(PLAIN % (n // 60, n % 60, server) for n in range(count))


def test_entries_of_one_id_count_once_in_files_that_overlap(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(kong(*range(60)))
    (tmp_path / "b.log").write_text(kong(*range(40, 100), *range(95, 100)))
    assert len(read_log(tmp_path / "*.log")) == 100
    reading = Reading(ZoneInfo("UTC"))
    parts = list(entries_of_logs([tmp_path / "b.log", tmp_path / "a.log"], reading))
    assert sum(map(len, parts)) == reading.skipped.read == 100
    assert reading.skipped.counts == {"an id that a line before has": 25}


def test_what_is_told_again_is_no_fault_of_a_log_and_is_counted_in_the_fit(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(kong(*range(0, 86_400, 1440)) * 5)
    words = ["fit", str(tmp_path / "a.log"), "--out", str(tmp_path / "org.yaml"), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["skipped"]["an id that a line before has"]["lines"] == 240


def test_an_id_that_goes_along_with_a_call_is_of_each_of_its_attempts(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(kong(1) + kong(1).replace("1767600001", "1767600031"))
    assert len(read_log(tmp_path / "a.log")) == 2


def test_lines_without_an_id_are_all_counted(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(plain("a", 3) * 2)
    assert len(read_log(tmp_path / "a.log")) == 6


def test_a_log_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    """As it is before and after it is packed, or copied while it was written."""
    (tmp_path / "a.log").write_text(plain("a", 100))
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(plain("a", 100).encode()))
    (tmp_path / "noon.log").write_text(plain("a", 60)[:-7])
    (tmp_path / "b.log").write_text(plain("b", 50))
    (tmp_path / "link.log").symlink_to(tmp_path / "a.log")
    assert len(read_log(tmp_path / "*", tmp_path / "a.log", tmp_path / "." / "b.log")) == 150
    reading = Reading(ZoneInfo("UTC"))
    list(entries_of_logs([tmp_path / "a.log", tmp_path / "a.log.gz"], reading))
    assert any("a.log holds what" in each or "a.log.gz holds" in each for each in reading.remarks)


def test_long_logs_that_begin_alike_are_both_read(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(plain("a", 3000) + plain("b", 5))
    (tmp_path / "b.log").write_text(plain("a", 3000) + plain("c", 5))
    assert len(read_log(tmp_path / "*.log")) == 6010
    (tmp_path / "c.log").write_text(plain("a", 3000) + plain("c", 5) + plain("d", 5))
    assert len(read_log(tmp_path / "*.log")) == 3005 + 3010


def test_logs_of_several_servers_are_read_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.logs.sources._BLOCK", 2_000)
    for name in "abc":
        (tmp_path / f"{name}.log").write_text(plain(name, 3000))
    parts = list(entries_of_logs([tmp_path / "*.log"], Reading(ZoneInfo("UTC"))))
    assert sum(map(len, parts)) == 9000
    latest = np.maximum.accumulate([part.time[-1] for part in parts])
    back = [int(before - part.time[0]) for before, part in zip(latest, parts[1:], strict=False)]
    assert max(back) < 60_000_000  # the length of a part, and not of a file


def test_one_file_that_is_none_refuses_all(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(plain("a", 3))
    (tmp_path / "b.log").write_text("")
    with pytest.raises(InputError, match=r"b\.log: is empty"):
        read_log(tmp_path / "*.log")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), max_size=9), max_size=12), st.integers(3, 9))
def test_repeats_are_found_among_those_that_are_remembered(
    parts: list[list[int]], most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation.logs.repeats._MOST", 2**most)
        repeats, told = Repeats(), set()
        for ids in parts:
            array = np.array(ids, np.int64)
            entries = Entries.of(array * 7, array, identity=array)
            for one, is_repeated in zip(ids, repeats.of(entries).tolist(), strict=True):
                assert is_repeated == (one in told)
                told |= {one} - {0}
