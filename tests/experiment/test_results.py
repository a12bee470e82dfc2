"""The files of ``--out``: what they hold, and that nothing is ever half-written."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import simulation.experiment.tables
from simulation import InputError, RunResult, load_scenario, run
from simulation.quantities import DAY
from simulation.scenario.scenario import Scenario
from tests.helpers import any_limit, poisson, scheduled

FILES = {
    "calls.parquet",
    "intervals.parquet",
    "runs.parquet",
    "client_runs.parquet",
    "category_runs.parquet",
    "meter_runs.parquet",
    "meters.parquet",
    "alerts.parquet",
    "summary.parquet",
    "summary.json",
    "run_methods.md",
    "scenario.yaml",
}


@pytest.fixture
def scenario() -> Scenario:
    retry = {"retry": {"first": "2 hours", "factor": 1, "max_attempts": 40}}
    clients = [poisson("a", "200 per day", on_throttle=retry), scheduled("b", "02:00", 30, "two")]
    return any_limit(180, clients, horizon="4 days", warmup="1 day", replications=3)


def test_calls_have_the_contract_s_columns_and_types(scenario: Scenario, tmp_path: Path) -> None:
    run(scenario, out=tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    calls = pd.read_parquet(tmp_path / "out" / "calls.parquet")
    assert list(calls) == [
        "replication",
        "client",
        "call",
        "api",
        "category",
        "records",
        "credits",
        "submitted_at",
        "attempts",
        "throttled_attempts",
        "outcome",
        "settled_at",
        "duration_us",
        "throttled_by",
        "held_back_attempts",
    ]
    assert calls["duration_us"].isna().all()  # nothing asks how long calls last
    assert str(calls["submitted_at"].dtype) == str(calls["settled_at"].dtype)
    assert str(calls["submitted_at"].dtype) == "datetime64[us, UTC]"
    assert set(calls["outcome"]) <= {"succeeded", "lost", "impossible", "unfinished"}
    order = ["replication", "submitted_at", "client", "call"]
    pd.testing.assert_frame_equal(calls, calls.sort_values(order, kind="stable"))
    assert not calls.duplicated(["replication", "client", "call"]).any()
    assert (calls["settled_at"].isna() == (calls["outcome"] == "unfinished")).all()


def test_a_result_in_memory_is_the_result_on_disk(scenario: Scenario, tmp_path: Path) -> None:
    held, written = run(scenario), run(scenario, out=tmp_path)
    assert isinstance(written, RunResult)
    pd.testing.assert_frame_equal(held.calls, written.calls)
    for name, table in held.tables().items():
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / name), table)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {*summary.pop("files")} == FILES
    assert summary == held.to_dict()
    assert len(pd.DataFrame(held.calls.to_dict("records"))) == len(held.calls)


def test_the_scenario_that_is_written_gives_the_same_result(
    scenario: Scenario, tmp_path: Path
) -> None:
    run(scenario, seed=77, out=tmp_path / "one")
    run(load_scenario(tmp_path / "one" / "scenario.yaml"), out=tmp_path / "two")
    for name in ("calls.parquet", "summary.json"):
        one, two = tmp_path / "one" / name, tmp_path / "two" / name
        assert one.read_bytes() == two.read_bytes()


def test_row_groups_have_one_size_whatever_the_days_bring(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation.experiment.tables, "_ROWS_PER_GROUP", 256)
    run(scenario, out=tmp_path)
    file = pq.ParquetFile(tmp_path / "calls.parquet")
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert len(sizes) > 3
    assert set(sizes[:-1]) == {256}


def test_a_run_that_fails_leaves_what_was_there_before_whole(
    scenario: Scenario, tmp_path: Path
) -> None:
    run(scenario, out=tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def stop(done: int, of: int) -> None:
        if done > of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(scenario, seed=5, out=tmp_path, progress=stop)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_full_disk_is_told_in_one_line_and_loses_nothing(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scenario, out=tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(InputError, match=r"cannot be written \(no space left on device\)"):
        run(scenario, seed=5, out=tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_folder_that_cannot_be_made_is_refused_before_anything_runs(
    scenario: Scenario, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")

    def never(done: int, of: int) -> None:
        raise AssertionError("it ran")

    with pytest.raises(InputError, match="cannot be written"):
        run(scenario, out=tmp_path / "file" / "out", progress=never)
    with pytest.raises(InputError, match="cannot be written"):
        run(scenario, out=tmp_path / "file", progress=never)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_run_without_calls_says_so(scenario: Scenario) -> None:
    result = run(scenario, keep_calls=False)
    with pytest.raises(LookupError, match="keep_calls=True"):
        _ = result.calls


def test_an_engine_that_does_not_exist_is_refused(scenario: Scenario) -> None:
    with pytest.raises(InputError, match="engine 'fast' is unknown, use simpy or compiled"):
        run(scenario, engine="fast")
    with pytest.raises(InputError, match="interval 'often' is not a duration"):
        run(scenario, interval="often")
    with pytest.raises(InputError, match="interval '1 us' makes too many rows"):
        run(scenario, interval="1 us")


def test_calls_are_those_of_the_result_that_was_there_or_none(
    scenario: Scenario, tmp_path: Path
) -> None:
    first = run(scenario, out=tmp_path / "out")
    second = run(scenario, seed=7, out=tmp_path / "out")
    with pytest.raises(InputError, match="holds another result by now, read it again"):
        _ = first.calls
    pd.testing.assert_frame_equal(second.calls, run(scenario, seed=7).calls)


def test_a_start_that_is_not_examined_is_left_out_by_a_window(scenario: Scenario) -> None:
    open_start = scenario.changed({"warmup": None})
    result = run(open_start, examine_start=False)
    assert result.warmup is None
    assert (open_start.warmup, result.scenario.warmup) == (None, DAY)
    assert result.runs.equals(run(scenario).runs)  # which leaves out a day as well
