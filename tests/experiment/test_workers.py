"""Workers and engines change how long a result takes, and not one byte of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import simulation.experiment.replications
import simulation.experiment.workers
import simulation.planning.judging
from simulation import InputError, load_scenario, plan, run
from simulation.cli.forecast import forecast
from simulation.cli.progress import Watch
from simulation.engine.records import DayRecords
from simulation.experiment.workers import (
    ahead,
    cores,
    in_processes,
    in_threads,
    processes_are_kept,
    serve_only,
)
from simulation.formats.words import in_words
from simulation.scenario.scenario import Scenario
from simulation.signals import STOPPING
from tests.helpers import ROOT, any_limit, creditsim, poisson, scheduled

RETRY = {"retry": {"first": "10 minutes", "jitter": "full"}}


@pytest.fixture
def scenario() -> Scenario:
    clients = [poisson("a", "300 per day", on_throttle=RETRY), scheduled("b", "02:00", 40, "two")]
    return any_limit(300, clients, horizon="4 days", warmup="1 day", replications=6)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use processes for any work at all."""
    monkeypatch.setattr(simulation.experiment.replications, "_WORTH_PROCESSES_S", 0)
    monkeypatch.setattr(simulation.planning.judging, "_WORTH_PROCESSES_S", 0)
    monkeypatch.setattr(simulation.planning.judging, "_BUSY_BLOCK", 10**9)


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.usefixtures("eager")
def test_a_run_s_files_are_the_same_whatever_the_engine_and_the_workers(
    scenario: Scenario, tmp_path: Path
) -> None:
    results = {}
    for engine in ("simpy", "compiled"):
        for workers in (1, 2):
            folder = tmp_path / f"{engine}-{workers}"
            run(scenario, engine=engine, workers=workers, out=folder)
            results[engine, workers] = files(folder)
    assert results["simpy", 1] == results["simpy", 2]
    assert results["compiled", 1] == results["compiled", 2]
    compiled, simpy = (
        json.loads(results[engine, 1].pop("summary.json")) for engine in ("compiled", "simpy")
    )
    differing = {"run_methods.md", "summary.json"}  # which name the engine
    hashes = [{*told.pop("files").items()} for told in (compiled, simpy)]
    assert {name for name, _ in hashes[0] ^ hashes[1]} == differing
    assert compiled == {**simpy, "engine": "compiled"}
    methods = results["compiled", 1].pop("run_methods.md")
    assert methods.replace(b"`compiled`", b"`simpy`") == results["simpy", 1].pop("run_methods.md")
    assert results["compiled", 1] == results["simpy", 1]


@pytest.mark.usefixtures("eager")
def test_calls_kept_in_memory_are_the_same_too(scenario: Scenario) -> None:
    one, two = (run(scenario, engine="compiled", workers=workers) for workers in (1, 2))
    assert one.calls.equals(two.calls)
    assert one.calls["replication"].nunique() == 6


@pytest.mark.usefixtures("eager")
def test_the_same_plan_with_one_and_two_workers_is_the_same_to_the_byte(tmp_path: Path) -> None:
    scenario = load_scenario(ROOT / "scenarios" / "mid-market.yaml", ["horizon=8 days"])
    for workers in (1, 2):
        plan(
            scenario,
            replications=8,
            max_replications=16,
            confirm=20_000,
            workers=workers,
            out=tmp_path / str(workers),
        )
    assert files(tmp_path / "1") == files(tmp_path / "2")


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_the_command_line_takes_workers(engine: str, tmp_path: Path) -> None:
    arguments = ("run", ROOT / "scenarios" / "free-startup.yaml", "--engine", engine, "--json")
    quick = ("--replications", "3", "--set", "horizon=3 days")
    one = creditsim(*arguments, *quick, "--workers", "1", "--out", tmp_path / "1")
    two = creditsim(*arguments, *quick, "--workers", "2", "--out", tmp_path / "2")
    assert (one.returncode, two.returncode) == (0, 0), one.stderr + two.stderr
    assert one.stdout == two.stdout
    assert files(tmp_path / "1") == files(tmp_path / "2")


def _square(number: int) -> int:
    time.sleep(0.05 if number % 2 else 0)  # later ones are done earlier
    return number * number


@pytest.mark.parametrize("spread", [in_threads, in_processes])
def test_results_come_in_the_order_of_the_tasks(spread: object) -> None:
    assert list(spread(_square, range(7), 2)) == [n * n for n in range(7)]  # type: ignore[operator]


def _die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_worker_that_is_killed_ends_in_one_line_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match=r"a worker process was killed.*: use fewer workers"):
        list(in_processes(_die, [1, 2], 2))
    assert not processes_are_kept()
    assert list(in_processes(_square, [3], 2)) == [9]  # the next time there are new ones
    assert processes_are_kept()


@pytest.mark.parametrize("kept", [True, False])
def test_processes_of_before_are_used_for_work_that_is_not_worth_their_start(
    kept: bool, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []

    def noted(*given: Any) -> Any:
        used.append(given)
        return in_processes(*given)

    monkeypatch.setattr(simulation.experiment.replications, "in_processes", noted)
    monkeypatch.setattr(simulation.experiment.replications, "_WORTH_KEPT_ONES_S", 0)
    monkeypatch.setattr(simulation.experiment.replications, "processes_are_kept", lambda: kept)
    result = run(scenario, engine="compiled", workers=2)
    assert bool(used) is kept
    assert result.runs.equals(run(scenario, engine="compiled", workers=1).runs)


def test_ctrl_c_while_processes_work_says_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    command = Path(sys.executable).parent / "creditsim"
    options = ["--workers", "2", "--replications", "200", "--engine", "compiled"]
    scenario = str(ROOT / "scenarios" / "mid-market.yaml")
    process = subprocess.Popen(
        [str(command), "run", scenario, *options, "--out", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    while not list(tmp_path.glob("out/.calls-*/*.arrow")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert (process.returncode, told) == (130, "interrupted; nothing was written\n")
    assert not (tmp_path / "out").exists()


def test_what_runs_ahead_yields_the_same_and_raises_the_same() -> None:
    def broken() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("three")

    assert list(ahead(iter(range(1, 5)))) == [1, 2, 3, 4]
    items = ahead(broken())
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(ValueError, match="three"):
        next(items)


def test_a_busy_day_is_simulated_ahead_of_its_statistics_and_changes_nothing(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(scenario, engine="compiled", workers=1)
    looked: list[int] = []

    def noted(days: Iterator[DayRecords]) -> Iterator[DayRecords]:
        looked.append(1)
        return ahead(days)

    monkeypatch.setattr(simulation.experiment.replications, "ahead", noted)
    run(scenario, engine="compiled", workers=2)
    assert not looked  # its days are short
    monkeypatch.setattr(simulation.experiment.replications, "BUSY_DAY", 100)
    run(scenario, engine="compiled", workers=1)
    assert not looked
    result = run(scenario, engine="compiled", workers=2)
    assert len(looked) == scenario.replications
    assert result.runs.equals(expected.runs)
    assert result.calls.equals(expected.calls)


class _EndedError(Exception):
    """Stands in for the end of a process."""


@pytest.mark.parametrize("gone", ["before it began", "while it works"])
def test_a_worker_ends_with_its_parent_and_leaves_it_signals_and_warnings(
    gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents, ended = [7 if gone == "while it works" else 1], Event()
    handled: dict[int, Any] = {}

    def end(code: int) -> None:
        ended.set()
        raise _EndedError(code)

    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(os, "getppid", lambda: parents[0])
    monkeypatch.setattr(signal, "signal", handled.__setitem__)
    monkeypatch.setattr(simulation.experiment.workers, "_LOOK_FOR_PARENT_S", 0.01)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if gone == "before it began":
            with pytest.raises(_EndedError, match="1"):
                serve_only(7)
        else:
            serve_only(7)
            assert not ended.wait(0.1)
            parents[0] = 1  # it was adopted by another
            assert ended.wait(60)
        warnings.warn("not to be seen", stacklevel=1)
    assert handled == dict.fromkeys(STOPPING, signal.SIG_IGN)


def test_a_number_of_workers_below_one_is_refused(scenario: Scenario) -> None:
    assert cores(None) >= 1
    with pytest.raises(InputError, match="workers is 0, write 1 to 1,024"):
        run(scenario, workers=0)
    with pytest.raises(InputError, match="workers is -1, write 1 to 1,024"):
        plan(scenario, workers=-1)
    assert creditsim("run", "x.yaml", "--workers", "0").returncode == 2


def test_a_long_simpy_run_says_what_the_compiled_engine_would_take() -> None:
    command = Path(sys.executable).parent / "creditsim"
    large = ["--set", "horizon=300 days", "--set", "replications=40", "--workers", "1"]
    process = subprocess.Popen(
        [command, "run", ROOT / "scenarios" / "enterprise.yaml", *large],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
    assert process.stderr is not None
    told = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert told.startswith("This will take about ")
    assert "The compiled engine gives the same results in about" in told
    assert "add --engine compiled." in told
    assert in_words(3600 * 3) == "about 3.0 hours"


@pytest.mark.parametrize(("seconds_a_day", "told"), [(5, "2.5 hours"), (0.01, "")])
def test_a_forecast_leaves_out_what_comes_before_the_first_day(
    seconds_a_day: float, told: str, scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, said = [0.0], list[str]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("simulation.cli.forecast.seconds_for", lambda *_: 1.0)
    advance = forecast(scenario, Watch("", said.append), workers=1)
    now[0] = 500.0  # pilot runs, compilation
    for day in range(1, 1000):
        now[0] += seconds_a_day
        advance(day, 1800)
    assert [told in line for line in said] == ([True] if told else [])
