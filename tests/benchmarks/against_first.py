"""Whole commands against version 0.1.0, which is run in turn with this one.

    git worktree add ../first 51c3c62
    python -m venv ../first/.venv
    ../first/.venv/bin/pip install ../first "numpy<2.3"
    python -m tests.benchmarks.against_first ../first/.venv/bin/python

0.1.0 does not work with the newest NumPy. Both are warmed up by one plan each, and plan the same
files, those of this version. The median round counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import yaml
from rich.console import Console

from simulation.scenario import write_starter
from tests.benchmarks.batch import BATCH, portfolio
from tests.helpers import ROOT

__all__ = ["main"]

SCENARIOS = ROOT / "scenarios"


def seconds(arguments: list[str], folder: Path, **env: str) -> float:
    """Return how long a program takes, in a folder of its own."""
    begun = time.perf_counter()
    subprocess.run(
        arguments, check=True, stdout=subprocess.DEVNULL, cwd=folder, env={**os.environ, **env}
    )
    return time.perf_counter() - begun


def files(folder: Path, orgs: int) -> dict[str, Path]:
    """Write what is planned: scenarios with alternatives that both versions know."""
    made = {"mid-market": SCENARIOS / "mid-market.yaml", "starter": folder / "starter.yaml"}
    write_starter(made["starter"], today=date(2026, 1, 5))  # the same in every measurement
    large = yaml.safe_load((SCENARIOS / "enterprise.yaml").read_text())
    large["org"]["edition"] = "professional"
    made["far too small"] = folder / "far-too-small.yaml"
    made["far too small"].write_text(yaml.safe_dump(large, sort_keys=False))
    made["orgs"] = portfolio(folder, orgs)
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("first", type=Path, help="the Python of an environment with 0.1.0")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orgs", type=int, default=24)
    parser.add_argument("--only", default="", help="part of the name of what is measured")
    given = parser.parse_args()
    # Not resolved: behind a link the interpreter would not find its environment.
    pythons = {"0.1.0": given.first.absolute(), "now": Path(sys.executable)}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        its = files(folder, given.orgs)

        def plan(python: Path, name: str, *options: str, **env: str) -> float:
            creditsim = str(python.parent / "creditsim")
            return seconds([creditsim, "plan", str(its[name]), *options], folder, **env)

        def batch(python: Path) -> float:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                task = [str(python), "-c", BATCH, str(its["orgs"]), f"{out}/out", "2", "20000"]
                orgs: int = given.orgs
                return 60 * orgs / seconds(task, folder)

        def cold(python: Path) -> float:
            with tempfile.TemporaryDirectory(dir=folder) as cache:
                return plan(python, "starter", NUMBA_CACHE_DIR=cache)

        def page(python: Path) -> float:
            with tempfile.TemporaryDirectory(dir=folder) as out:
                shown = plan(python, "mid-market", "--report", f"{out}/page.html")
            return shown - plan(python, "mid-market")

        rows: dict[str, tuple[Callable[[Path], float], str]] = {
            "plan mid-market.yaml --confirm none, s": (
                lambda python: plan(python, "mid-market", "--confirm", "none"),
                "wanted ≥ 5 × faster",
            ),
            "enterprise.yaml at professional size, s": (
                lambda python: plan(python, "far too small", "--confirm", "none"),
                "wanted ≥ 3 × faster",
            ),
            "small orgs a minute": (batch, "wanted ≥ 6 × as many"),
            "the starter's plan, warm, s": (lambda python: plan(python, "starter"), "for the next"),
            "the starter's plan, nothing compiled yet, s": (cold, "wanted ≤ 2.5 × warm, or ≤ 5 s"),
            "a page after the plan of mid-market.yaml, s": (page, "wanted ≤ 1 s"),
        }
        for python in pythons.values():
            plan(python, "mid-market", "--max-replications", "30")
        console = Console(width=100)
        for what, (measure, wanted) in rows.items():
            if given.only not in what:
                continue
            rounds = [[measure(python) for python in pythons.values()] for _ in range(given.rounds)]
            # Seconds are better where they are fewer, orgs where they are more.
            ratios = sorted(b / a if measure is batch else a / b for a, b in rounds)
            first, now = (statistics.median(each) for each in zip(*rounds, strict=True))
            spread = f"{ratios[len(ratios) // 2]:.1f} × ({ratios[0]:.1f} to {ratios[-1]:.1f})"
            # Each as soon as it is measured: all of them take half an hour.
            console.print(f"{what}: 0.1.0 {first:.1f}, now {now:.1f}, {spread}; {wanted}")


if __name__ == "__main__":
    main()
