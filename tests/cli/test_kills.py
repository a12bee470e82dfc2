"""Whatever ends a command when: nothing is lost, nothing is half-written, nothing goes on working.

In each round a command is killed that writes to a folder, while another command writes to the same
and a reader reads it. A round is drawn by its number alone, so that one that fails can be tried
again; if the command was done before the signal came, it is begun anew and killed earlier.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from uuid import uuid4

import psutil
import pytest

from simulation import InputError
from simulation.experiment.result import RunResult
from simulation.formats.json_text import to_json
from simulation.planning.saved import load_result
from tests.helpers import ROOT

KILLS = 200
IN_EVERY_RUN = (3, 6, 8, 13)  # each command once, and each signal
TRIES = 8
GONE_WITHIN_S = 5.0
ENDS_WITHIN_S = 300
MARK = "CREDITSIM_KILLED_BY_A_TEST"
COMMANDS = ("run", "plan", "report", "batch")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
ONE_THREAD = {  # in what forks
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
VOLATILE = {"runtime.json", "runtimes.csv", ".lock"}  # how long things took, and who was here

SCENARIO = """\
name: Killed
org: {edition: standard, user_licenses: 3}
start: 2026-01-05
horizon: 2 days
replications: 4
clients:
  - name: forms
    arrivals: {poisson: {rate: 9000 per day}}
    calls: [{api: other}]
    on_throttle: {retry: {first: 10 minutes, jitter: full}}
"""

ORGS = "name,scenario,org.addon_credits,seed\n" + "".join(
    f"Org {n},scenario.yaml,{1000 * n},{n}\n" for n in range(4)
)

Files = dict[str, bytes]


def contents(folder: Path) -> Files:
    """Return the files of a folder; what goes meanwhile is not there."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.name not in VOLATILE and file.is_file():
            found[str(file.relative_to(folder))] = file.read_bytes()
    return found


def put(files: Files, folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def final(files: Files) -> Files:
    """Return the files under names that do not tell that they are unfinished."""
    return {name: content for name, content in files.items() if "/." not in f"/{name}"}


def require(what: str, holds: object, told: object = "") -> None:
    assert holds, f"{what}: {told}"


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    complaints: list[str]


class Running:
    """A command that was begun, in a session of its own, with a mark that its workers inherit."""

    def __init__(self, place: Place, arguments: tuple[str, ...]) -> None:
        self._place, self.mark = place, uuid4().hex
        self.temporary = place.folder / f"tmp-{self.mark}"
        self.temporary.mkdir()
        self._complaints = self.temporary.with_suffix(".err")
        self.process = place.ask(
            folder=str(place.folder),
            arguments=arguments,
            outputs=[os.devnull, str(self._complaints)],
            environment={"TMPDIR": str(self.temporary), "TERM": "dumb", MARK: self.mark},
        )
        self._known = psutil.Process(self.process)

    def is_done(self) -> bool:
        return bool(self._known.status() == psutil.STATUS_ZOMBIE)

    def end(self) -> Ended:
        """Wait for it to end."""
        until = time.monotonic() + ENDS_WITHIN_S
        while not self.is_done():
            require("it ends", time.monotonic() < until)
            time.sleep(0.02)
        code = self._place.ask(**{"await": self.process})
        told = self._complaints.read_text().splitlines()
        # A batch tells how far it is.
        return Ended(code, [line for line in told if " remaining" not in line])

    def is_gone(self) -> bool:
        """Wait for its workers to go; end those that stay, so that they harm no other test."""
        until = time.monotonic() + GONE_WITHIN_S
        while marked(self.mark) and time.monotonic() < until:
            time.sleep(0.1)
        left = marked(self.mark)
        for process in left:
            process.kill()
        return not left

    def forget(self) -> None:
        self._complaints.unlink(missing_ok=True)
        shutil.rmtree(self.temporary, ignore_errors=True)


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


@dataclass
class Place:
    """A folder for commands; what each gives undisturbed, and how long that takes."""

    folder: Path
    starter: subprocess.Popen[str]
    results: dict[tuple[str, ...], Files] = field(default_factory=dict)
    pictures: dict[tuple[str, ...], str] = field(default_factory=dict)
    seconds: dict[tuple[str, int], float] = field(default_factory=dict)
    tally: Counter[str] = field(default_factory=Counter)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def ask(self, **asked: Any) -> int:
        assert self.starter.stdin is not None
        assert self.starter.stdout is not None
        self.starter.stdin.write(json.dumps(asked) + "\n")
        self.starter.stdin.flush()
        return int(self.starter.stdout.readline())

    def begin_with(self, files: Files) -> None:
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        put(files, self.out)

    def finish(self, command: str, seed: str = "", workers: int = 1) -> None:
        begun = time.monotonic()
        running = Running(self, words(command, seed, workers))
        ended = running.end()
        require("a rerun completes", ended.code == 0, ended)
        running.forget()
        self.seconds.setdefault((command, workers), time.monotonic() - begun)

    def result(self, *steps: str) -> Files:
        """Return what the folder holds after commands, such as ``run 1`` for another seed."""
        if steps not in self.results:
            self.begin_with(self.result(*steps[:-1]) if steps[:-1] else {})
            if steps:
                command, _, seed = steps[-1].partition(" ")
                self.finish(command, seed)
                if command in {"run", "plan"}:
                    self.pictures[steps] = picture(self.out)
            self.results[steps] = contents(self.out)
        return self.results[steps]


def words(command: str, seed: str = "", workers: int = 2) -> tuple[str, ...]:
    """Return a command as it is typed."""
    more = ("--seed", seed) if seed else ()
    most = ("--max-replications", "4", "--confirm", "none")
    where = ("--workers", str(workers), "--out", "out", *more)
    return {
        "run": ("run", "scenario.yaml", "--engine", "compiled", *where),
        "plan": ("plan", "scenario.yaml", *most, *where),
        "report": ("report", "out"),
        "batch": ("batch", "orgs.csv", "--report", *most, *where),
    }[command]


def picture(folder: Path) -> str:
    """Return what a result tells, all of its calls included."""
    result = load_result(folder)
    told = to_json(result.to_dict())
    if isinstance(result, RunResult):
        calls = result.calls
        told += f"{len(calls)} {calls['credits'].sum()} {calls['attempts'].sum()}"
    return told


class Reader:
    """Reads a folder over and over while others write to it."""

    def __init__(self, place: Place, command: str) -> None:
        self._place, self._command = place, command
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []
        self._stop = Event()
        self._thread = Thread(target=self._read)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._stop.is_set():
            try:
                if self._command == "batch":
                    self._look_at_items()
                else:
                    self.seen[picture(self._place.out)] += 1
            except InputError as error:
                if "holds another result by now" not in str(error):
                    self.failures.append(str(error))
            except Exception as error:
                self.failures.append(repr(error))
            time.sleep(0.2)

    def _look_at_items(self) -> None:
        after, items = self._place.results["batch",], self._place.out / "items"
        for item in [*items.glob("[!.]*")]:
            found = {f"items/{item.name}/{name}": text for name, text in contents(item).items()}
            if found != part(after, item.name):
                self.failures.append(f"{item.name}: {sorted(found)}")
        table = self._place.out / "portfolio.csv"
        if table.exists() and table.read_text().count("\n") != ORGS.count("\n"):
            self.failures.append(table.read_text())


def part(files: Files, org: str) -> Files:
    return {name: files[name] for name in files if name.startswith(f"items/{org}/")}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("kills")
    (folder / "scenario.yaml").write_text(SCENARIO)
    (folder / "orgs.csv").write_text(ORGS)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.warm"],
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests
    ) as starter:
        made = Place(folder, starter)
        yield made
        assert starter.stdin is not None
        starter.stdin.close()
    shutil.rmtree(folder)
    sys.stdout.write("\nended by a signal, in all tries:\n")
    for what, count in sorted(made.tally.items()):
        sys.stdout.write(f"  {count:5} {what}\n")


class Round(NamedTuple):
    """A command that is killed and one beside it, each with its seed."""

    victim: str
    rival: str
    how: signal.Signals
    workers: int
    before: tuple[str, ...]
    states: list[tuple[str, ...]]

    @classmethod
    def of(cls, number: int) -> Round:
        """Return a round by its number: commands, signals and rivals in turn."""
        victim, how = COMMANDS[number % 4], SIGNALS[number // 4 % 3]
        other, workers = number // 12 % 2 == 1, 1 if number // 24 % 3 else 2
        rival, before = victim, (f"{victim} 1",)
        if victim == "batch":
            return cls(victim, rival, how, workers, (), [("batch",)])
        if victim == "report":
            rival, before = "plan 2" if other else "report", ("plan",)
        elif other:
            rival = "plan" if victim == "run" else "run"
        else:
            rival = f"{victim} 2"
        states = [before, (*before, victim), (*before, rival)]
        if other:  # otherwise the later takes the place of the earlier
            states.append((*before, rival, victim))
        return cls(victim, rival, how, workers, before, states)


REFUSALS = {
    "run": "another run or plan is writing to it",
    "plan": "another run or plan is writing to it",
    "report": "holds another result by now",
    "batch": "another batch is writing to it",
}


def killed(number: int, place: Place) -> None:
    """Kill a command until it really was ended by the signal; each time all has to be well."""
    drawn = random.Random(number)
    this = Round.of(number)
    for steps in this.states:
        place.result(*steps)
    if (this.victim, this.workers) not in place.seconds:
        place.begin_with(place.result(*this.before) if this.before else {})
        place.finish(this.victim, workers=this.workers)
    longest = place.seconds[this.victim, this.workers]
    for _ in range(TRIES):
        delay = drawn.uniform(0, longest)
        rival_after = delay * drawn.uniform(0.1, 1.3)
        if once(this, place, delay, rival_after, drawn.random() < 0.5):
            return
        longest = max(0.5 * delay, 0.01)
    pytest.fail(f"not ended by {this.how.name} in {TRIES} tries")


def once(this: Round, place: Place, delay: float, rival_after: float, to_all: bool) -> bool:
    """Kill a command, with a rival and a reader; return whether the signal ended it."""
    place.begin_with(place.result(*this.before) if this.before else {})
    command, _, seed = this.rival.partition(" ")
    with Reader(place, this.victim) as reader:
        victim = Running(place, words(this.victim, workers=this.workers))
        begun = time.monotonic()
        if rival_after < delay:
            time.sleep(rival_after)
        else:
            time.sleep(delay)
            _strike(victim, this.how, to_all)
            time.sleep(rival_after - delay)
        rival = Running(place, words(command, seed, workers=1))
        if rival_after < delay:
            time.sleep(max(0, begun + delay - time.monotonic()))
            _strike(victim, this.how, to_all)
        ended = victim.end()
        require("no orphan", victim.is_gone(), ended)
        beside = rival.end()
        require("no orphan", rival.is_gone(), beside)
    ours = ended.code in (-this.how, 128 + this.how)
    place.tally[
        f"{this.victim:6} {this.how.name:7} " + ("ended by it" if ours else "too late")
    ] += 1

    _told_in_a_line(this.victim, ended, this.how)
    _told_in_a_line(command, beside)
    _look(this, place, reader, ended, beside)
    if this.how != signal.SIGKILL:
        require("nothing half-written", not [*victim.temporary.iterdir()])
        hidden = [name for name in contents(place.out) if "/." in f"/{name}"]
        require("nothing half-written", not hidden, hidden)
    victim.forget()
    rival.forget()

    before = final(contents(place.out))
    place.finish(this.victim)
    again = contents(place.out)
    states = [place.result(*steps) for steps in this.states if this.victim in steps]
    require("a rerun completes", again in states, sorted(again))
    if "report" not in (this.victim, command):
        lost = [name for name in before if name not in again]
        require("nothing lost", not lost or command != "plan", lost)
    return ours


def _strike(victim: Running, how: signal.Signals, to_all: bool) -> None:
    """Send a signal as a terminal does, or `kill`."""
    if not victim.is_done():
        everyone = how == signal.SIGINT or (how == signal.SIGTERM and to_all)
        (os.killpg if everyone else os.kill)(victim.process, how)


def _told_in_a_line(command: str, ended: Ended, how: int | None = None) -> None:
    """Require a line of a command that did not do its work, unless it was killed in silence."""
    code, told = ended
    refused = len(told) == 1 and REFUSALS[command] in told[0]
    if code == 2:
        require("one line", refused, ended)
    elif how is not None and code == 128 + how:
        require("one line", len(told) == 1 and told[0].startswith("interrupted; "), ended)
    else:
        require("one line", not told if code == 0 else refused or not told, ended)
        require("one line", code in (0, -(how or 0)), ended)


def _look(this: Round, place: Place, reader: Reader, ended: Ended, beside: Ended) -> None:
    """Require whole results in the folder, and whole ones alone that were read."""
    require("nothing half-written", not reader.failures, reader.failures[:3])
    now = final(contents(place.out))
    if this.victim == "batch":
        after = place.result("batch")
        for org in {name.split("/")[1] for name in now if name.startswith("items/")}:
            require("nothing half-written", part(now, org) == part(after, org), org)
        if 0 in (ended.code, beside.code):
            require("nothing lost", now == after, sorted(now))
        return
    whole = [place.result(*steps) for steps in this.states]
    require("nothing half-written", now in whole, sorted(now))
    if 0 in (ended.code, beside.code):
        require("nothing lost", now != place.result(*this.before), (ended, beside))
    if ended.code == 0 and beside.code != 0:
        require("nothing lost", now == place.result(*this.before, this.victim), (ended, beside))
    told = {place.pictures[steps] for steps in place.pictures}
    require("nothing half-written", {*reader.seen} <= told, [*({*reader.seen} - told)][:1])


@pytest.mark.once
@pytest.mark.parametrize("number", IN_EVERY_RUN)
def test_a_kill_loses_nothing_and_leaves_nothing(number: int, place: Place) -> None:
    killed(number, place)


@pytest.mark.long
@pytest.mark.parametrize("number", range(KILLS))
def test_two_hundred_kills_lose_nothing(number: int, place: Place) -> None:
    killed(number, place)
