"""Whatever ends a command when: nothing is lost, nothing is half-written, nothing goes on working.

A kill is drawn by its number alone, so that one that fails can be tried again.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import psutil
import pytest

from tests.helpers import ROOT

KILLS = 200
KILLS_IN_EVERY_RUN = 4
GONE_WITHIN_S = 5.0
MARK = "CREDITSIM_KILLED_BY_A_TEST"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
VOLATILE = {"runtime.json", "runtimes.csv", ".lock"}  # how long things took, and who was here

SCENARIO = """\
name: Killed
org: {edition: standard, user_licenses: 3}
start: 2026-01-05
horizon: 4 days
replications: 12
clients:
  - name: forms
    arrivals: {poisson: {rate: 9000 per day}}
    calls: [{api: other}]
    on_throttle: {retry: {first: 10 minutes, jitter: full}}
"""

ORGS = "name,scenario,org.addon_credits,seed\n" + "".join(
    f"Org {n},scenario.yaml,{1000 * n},{n}\n" for n in range(4)
)


class Case(NamedTuple):
    """A command that is killed, and what it gives undisturbed.

    Attributes
    ----------
    arguments : tuple of str
        With ``out`` for what it writes, in the folder of the case.
    before, after : dict of str to bytes
        Files in ``out`` before it begins, and when it is done.
    seconds : float
        How long it takes.
    """

    folder: Path
    arguments: tuple[str, ...]
    before: dict[str, bytes]
    after: dict[str, bytes]
    seconds: float


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name not in VOLATILE
    }


def put(files: dict[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def begin(arguments: tuple[str, ...], folder: Path, mark: str = "") -> subprocess.Popen[str]:
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.eager", *arguments],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(folder / "tmp"),
            "TERM": "dumb",
            MARK: mark,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


def finish(arguments: tuple[str, ...], folder: Path, workers: int = 1) -> None:
    """Run a command to its end; with one worker it is the same, and quicker where all is small."""
    alone = [str(workers) if before == "--workers" else word for before, word in pairs(arguments)]
    process = begin(tuple(alone), folder)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told


def pairs(arguments: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(("", *arguments), arguments, strict=False)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Case]]:
    """Each command, with an older result in its place, and how long it takes undisturbed."""
    made = {}
    quick = ("--workers", "2", "--out", "out")
    plan = ("plan", "scenario.yaml", "--max-replications", "12", "--confirm", "none", *quick)
    batch = ("batch", "orgs.csv", "--max-replications", "12", "--confirm", "none", *quick)
    for name, older, arguments in (
        ("run", True, ("run", "scenario.yaml", "--engine", "compiled", *quick)),
        ("plan", True, plan),
        ("report", False, ("report", "out")),
        ("batch", False, (*batch, "--report")),
    ):
        folder = tmp_path_factory.mktemp(name)
        (folder / "scenario.yaml").write_text(SCENARIO)
        (folder / "orgs.csv").write_text(ORGS)
        (folder / "out").mkdir()
        if older:
            finish((*arguments, "--seed", "1"), folder)
        elif name == "report":
            finish(plan, folder)
        before = contents(folder / "out")
        begun = time.monotonic()
        finish(arguments, folder, workers=2)
        seconds = time.monotonic() - begun
        made[name] = Case(folder, arguments, before, contents(folder / "out"), seconds)
    yield made
    for case in made.values():
        shutil.rmtree(case.folder)


def marked(mark: str) -> list[psutil.Process]:
    """Return the processes that were started, at whatever remove, with a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def gone(mark: str) -> bool:
    """Wait for processes to go; end those that stay, so that they harm no other test."""
    until = time.monotonic() + GONE_WITHIN_S
    while marked(mark) and time.monotonic() < until:
        time.sleep(0.1)
    left = marked(mark)
    for process in left:
        process.kill()
    return not left


def killed(number: int, cases: dict[str, Case]) -> None:
    drawn = random.Random(number)
    command, how = list(cases)[number % 4], SIGNALS[number // 4 % 3]
    case, mark = cases[command], uuid4().hex
    out = case.folder / "out"
    shutil.rmtree(out)
    out.mkdir()
    put(case.before, out)

    process = begin(case.arguments, case.folder, mark)
    time.sleep(drawn.uniform(0, 1.1 * case.seconds))
    to_all = how == signal.SIGINT or (how == signal.SIGTERM and drawn.random() < 0.5)
    if process.poll() is None:  # as a terminal does, or `kill`
        (os.killpg if to_all else os.kill)(process.pid, how)
    _, told = process.communicate(timeout=60)
    assert gone(mark)

    done = process.returncode == 0
    assert done or process.returncode in (-how, 128 + how)
    lines = [line for line in told.splitlines() if " remaining" not in line]  # a batch's progress
    assert len(lines) == (process.returncode == 128 + how), told
    now = contents(out)
    if how != signal.SIGKILL:
        assert not list((case.folder / "tmp").iterdir())
        assert not [name for name in now if "/." in f"/{name}"]
    final = {name: content for name, content in now.items() if "/." not in f"/{name}"}
    if command == "batch":
        for org in {name.split("/")[1] for name in final if name.startswith("items/")}:
            assert part(final, org) == part(case.after, org)
    else:
        assert final in (case.before, case.after)
    if done:
        assert now == case.after

    finish(case.arguments, case.folder)
    again = contents(out)
    assert {name: again.get(name) for name in case.after} == case.after
    shutil.rmtree(case.folder / "tmp")


def part(files: dict[str, bytes], org: str) -> dict[str, bytes]:
    return {name: files[name] for name in files if name.startswith(f"items/{org}/")}


@pytest.mark.once
@pytest.mark.parametrize("number", random.Random(34).sample(range(KILLS), KILLS_IN_EVERY_RUN))
def test_a_kill_loses_nothing_and_leaves_nothing(number: int, cases: dict[str, Case]) -> None:
    killed(number, cases)


@pytest.mark.long
@pytest.mark.parametrize("number", range(KILLS))
def test_two_hundred_kills_lose_nothing(number: int, cases: dict[str, Case]) -> None:
    killed(number, cases)
