"""Which branches of what decides results the tests take: a share for each room, and a floor.

``python -m tests.branches`` runs the tests of those rooms under coverage, and the tests of the
compiled loops once more as plain Python, since a compiled loop does not tell which way it went. It
prints the share of each room and the branches that were not taken; the exit code is 1 where a share
lies below the floor. ``python -m tests.branches FILE…`` runs other tests in place of these.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.helpers import ROOT

__all__ = ["FLOOR", "LOOPS", "ROOMS", "TESTS", "Share", "file_of", "room_of", "shares", "take"]

FLOOR = 0.95
ROOMS = ("scenario", "demand", "engine", "experiment", "planning")

TESTS = tuple(str(ROOT / where / room) for room in ROOMS for where in ("tests", "simulation"))
"""Tests of these rooms, and the examples in their docstrings."""

LOOPS = (
    *("engine/compiled", "engine/metered", "engine/metered_sweep"),
    *("demand/arrivals", "experiment/statistics"),
)
_LARGE = (
    *("shipped", "501", "many_more", "moving_window"),
    *("what_single_runs_count", "itself_throttles_no", "what_simpy_runs_say", "that_much_in_use"),
)
_PLAIN = (  # as plain Python the large ones take hours
    *("-k", " and ".join(f"not {name}" for name in _LARGE)),
    *("-W", "ignore::simulation.errors.LoopWarning"),
)


class Share(NamedTuple):
    """Of the branches of some code, how many were taken, and which were not."""

    taken: int
    branches: int
    missing: list[str]

    @property
    def share(self) -> float:
        """The share that was taken; all, where there are none."""
        return self.taken / self.branches if self.branches else 1.0


def room_of(file: str) -> str:
    """Return the room of a file, or nothing for those outside all rooms."""
    inside = _inside(file).parts
    return inside[0] if len(inside) > 1 else ""


def _inside(file: str) -> Path:
    """Return the path of a file from the package on."""
    parts = Path(file).parts
    return Path(*parts[parts.index("simulation") + 1 :])


def file_of(test: str) -> Path:
    """Return the path of a file of tests that is named by its room, as ``engine/compiled``."""
    room, _, name = test.rpartition("/")
    return ROOT / "tests" / room / f"test_{name}.py"


def shares(measured: dict[str, Any]) -> dict[str, Share]:
    """Return the share of each room and of each of its files, from coverage's JSON."""
    found: dict[str, Share] = {}
    for file, counts in sorted(measured["files"].items()):
        room = room_of(file)
        if room not in ROOMS:
            continue
        summary = counts["summary"]
        missing = [
            f"{file}:{line} to {other if other > 0 else 'the end'}"
            for line, other in counts["missing_branches"]
        ]
        one = Share(summary["covered_branches"], summary["num_branches"], missing)
        for name in (room, str(_inside(file))):
            so_far = found.get(name, Share(0, 0, []))
            taken, branches = so_far.taken + one.taken, so_far.branches + one.branches
            found[name] = Share(taken, branches, [*so_far.missing, *missing])
    return found


def take(folder: Path, tests: Sequence[str]) -> dict[str, Any]:
    """Run tests, and those of the loops as plain Python; return what coverage says, as its JSON.

    Raises
    ------
    SystemExit
        If a test fails.
    """
    loops = [str(file_of(name)) for name in LOOPS]
    runs = [
        _start(folder, "compiled", [*tests, "-n", "2", "--dist", "worksteal"], {}),
        _start(folder, "plain", [*loops, *_PLAIN], {"NUMBA_DISABLE_JIT": "1"}),
    ]
    codes = [run.wait() for run in runs]
    if any(codes):
        raise SystemExit("tests failed")
    _coverage(folder, "combine", "--quiet", str(folder))
    _coverage(folder, "json", "--quiet", "-o", str(folder / "branches.json"))
    measured: dict[str, Any] = json.loads((folder / "branches.json").read_text())
    return measured


def _start(
    folder: Path, name: str, tests: Sequence[str], more: dict[str, str]
) -> subprocess.Popen[bytes]:
    pytest = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not long", *tests]
    data = f"--data-file={folder / f'.coverage.{name}'}"
    return subprocess.Popen(
        [sys.executable, "-m", "coverage", "run", data, *pytest],
        cwd=ROOT,
        env={**os.environ, **more},
    )


def _coverage(folder: Path, command: str, *arguments: str) -> None:
    data = f"--data-file={folder / '.coverage'}"
    coverage = [sys.executable, "-m", "coverage", command, data, *arguments]
    subprocess.run(coverage, cwd=ROOT, check=True)


def main(tests: Sequence[str]) -> int:
    """Print the shares, and the branches that were not taken; return the exit code."""
    with TemporaryDirectory() as folder:
        found = shares(take(Path(folder), tests or TESTS))
    for name, share in found.items():
        print(f"{name:34} {share.share:7.1%} of {share.branches}")
        if name not in ROOMS:
            print(
                *(f"    not taken: {branch}" for branch in share.missing),
                sep="\n",
                end="\n" * bool(share.missing),
            )
    low = [name for name in ROOMS if found[name].share < FLOOR]
    for name in low:
        print(f"{name}: fewer than {FLOOR:.0%} of the branches are taken by tests")
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
