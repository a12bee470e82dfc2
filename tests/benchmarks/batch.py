"""Many small orgs: how many a minute, what is not simulation, what a second worker gives.

    python -m tests.benchmarks.batch               # 24 orgs, some minutes
    python -m tests.benchmarks.batch --orgs 1000 --pace   # about half an hour

Each round measures, one after the other, a batch with one worker, one with two, and two plain
processes that plan half of the orgs each and share nothing.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from rich.console import Console
from rich.table import Table

__all__ = ["memory", "portfolio", "throughput"]

CALLS_A_DAY = 20_000

PLAIN = """
import sys
from simulation.planning.planning import plan
from simulation.batch.portfolio import read_portfolio
from simulation.planning.options import PlanOptions
file, part, confirm = sys.argv[1:]
for item in read_portfolio([file]).items[int(part)::2]:
    plan(item.load(), max_replications=30, confirm=int(confirm), workers=1)
"""

BATCH = """
import json, resource, sys, time
from simulation import plan_portfolio
file, out, workers, confirm = sys.argv[1:]
begun = time.perf_counter()
plan_portfolio(file, out=out, max_replications=30, confirm=int(confirm), workers=int(workers))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - begun, peak]))
"""

SIMULATING = """
import sys, time
import simulation.planning.confirmation, simulation.planning.frontier, simulation.planning.causes
import simulation.planning.planning as planning, simulation.planning.judging as judging
from simulation.batch import job as batch_job
from simulation.batch.portfolio import read_portfolio
from simulation.planning.options import PlanOptions
file, confirm = sys.argv[1:]
spent = []
def timed(function):
    def wrapper(*args, **kwargs):
        begun = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent.append(time.perf_counter() - begun)
    return wrapper
judging.judge = timed(judging.judge)
planning.with_warmup = timed(planning.with_warmup)
planning.confirm_sizes = timed(planning.confirm_sizes)
simulation.planning.causes.biggest_cause = timed(simulation.planning.causes.biggest_cause)
options = PlanOptions(max_replications=30, confirm=int(confirm), workers=1)
shares = []
for item in read_portfolio([file]).items[:4]:
    spent.clear()
    job = batch_job.Job(item.load(), options, False, "", batch_job.versions())
    seconds = batch_job.do_job(job).seconds
    shares.append(sum(spent) / seconds)
print(sum(shares[1:]) / len(shares[1:]))
"""


def portfolio(folder: Path, orgs: int, calls: int = CALLS_A_DAY, days: int = 30) -> Path:
    """Write a portfolio of orgs of one size that differ in what they bought and in who calls.

    One in ten tries throttled calls again, which takes several times as long to simulate.
    """
    scenario: dict[str, Any] = {
        "name": "Small org",
        "org": {"edition": "professional", "user_licenses": 20},
        "start": "2026-01-05",
        "horizon": f"{days} days",
        "replications": 30,
        "clients": [
            {
                "name": "website",
                "arrivals": {
                    "poisson": {
                        "rate": f"{0.6 * calls:.4f} per day",
                        "profile": "office_hours",
                        "daily_variation": "20%",
                    }
                },
                "calls": [{"api": "get_modules"}],
            },
            {
                "name": "sync",
                "arrivals": {"schedule": {"every": "30 minutes", "calls": max(1, calls // 120)}},
                "calls": [{"api": "upsert_records", "records": 20}],
            },
            {
                "name": "leads",
                "arrivals": {"poisson": {"rate": f"{calls / 60:.4f} per day"}},
                "calls": [{"api": "convert_lead"}],
            },
        ],
    }
    (folder / "template.yaml").write_text(yaml.safe_dump(scenario, sort_keys=False))
    file = folder / "orgs.csv"
    with file.open("w", newline="") as text:
        writer = csv.writer(text)
        rate = "clients.website.arrivals.poisson.rate"
        policy = "clients.leads.on_throttle"
        writer.writerow(
            ["name", "scenario", "org.edition", "org.user_licenses", rate, policy, "seed"]
        )
        for n in range(orgs):
            edition = ("standard", "professional", "enterprise", "ultimate")[n % 4]
            given = f"{calls * (0.55 + 0.1 * (n % 7) / 6):.0f} per day"
            retry = "" if n // 4 % 10 else "{retry: {first: 1 minute, jitter: full}}"
            writer.writerow([f"Org {n}", "template.yaml", edition, n % 40, given, retry, n])
    return file


def _seconds(*arguments: str | Path) -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", *map(str, arguments)], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - begun, done.stdout


def _plain(file: Path, confirm: int) -> float:
    begun = time.perf_counter()
    both = [
        subprocess.Popen([sys.executable, "-c", PLAIN, str(file), part, str(confirm)])
        for part in ("0", "1")
    ]
    for process in both:
        if process.wait():
            raise RuntimeError("a plain process failed")
    return time.perf_counter() - begun


def pace(orgs: int, confirm: int) -> Table:
    """Measure one batch of many orgs with two workers."""
    with tempfile.TemporaryDirectory() as place:
        file, out = portfolio(Path(place), orgs), Path(place) / "out"
        simulating = float(_seconds(SIMULATING, file, str(confirm))[1])
        wall, printed = _seconds(BATCH, file, out, "2", str(confirm))
        busy = pd.read_csv(out / "runtimes.csv")["seconds"].sum()
    table = Table("what", "measured", "wanted", title=f"{orgs:,} orgs of 20,000 calls a day")
    table.add_row("minutes, two workers", f"{wall / 60:.1f}", "")
    table.add_row("orgs a minute", f"{60 * orgs / wall:.1f}", "")
    other = 1 - simulating * busy / (2 * wall)
    table.add_row("part of the two cores' time that is not simulation", f"{other:.1%}", "≤ 10 %")
    table.add_row("peak MB of the parent", f"{json.loads(printed)[1]:.0f}", "")
    return table


def throughput(orgs: int, rounds: int, confirm: int) -> Table:
    """Measure whole programs, their start included."""
    table = Table("what", "measured", "wanted", title=f"{orgs} orgs of 20,000 calls a day")
    gains, plain_gains, shares, paces = [], [], [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = portfolio(folder, orgs)
        simulating = float(_seconds(SIMULATING, file, str(confirm))[1])
        for number in range(rounds):
            wall = {}
            for workers in (1, 2):
                out = folder / f"out-{number}-{workers}"
                wall[workers], _ = _seconds(BATCH, file, out, str(workers), str(confirm))
            plain = _plain(file, confirm)
            busy = pd.read_csv(folder / f"out-{number}-2" / "runtimes.csv")["seconds"].sum()
            gains.append(wall[1] / wall[2])
            plain_gains.append(plain / wall[2])
            shares.append(1 - simulating * busy / (2 * wall[2]))
            paces.append(60 * orgs / wall[2])

    def told(values: list[float], form: str) -> str:
        middle, least, most = statistics.median(values), min(values), max(values)
        return f"{middle:{form}} ({least:{form}} to {most:{form}})"

    decided = f"{confirm:,} calls of each decided again"
    table.add_row(f"orgs a minute, two workers, {decided}", told(paces, ".1f"), "")
    table.add_row("two workers against one", told(gains, ".2f"), "≥ 1.8")
    table.add_row("against two plain processes", told(plain_gains, ".2f"), "")
    table.add_row(
        "part of the two cores' time that is not simulation", told(shares, ".1%"), "≤ 10 %"
    )
    return table


def memory(counts: tuple[int, int] = (100, 10_000)) -> Table:
    """Measure the peak of the process that hands out the work, for few and many tiny orgs."""
    table = Table("orgs", "seconds", "peak MB of the parent", title="Tiny orgs")
    for orgs in counts:
        with tempfile.TemporaryDirectory() as place:
            file = portfolio(Path(place), orgs, calls=20, days=2)
            out = _seconds(BATCH, file, Path(place) / "out", "2", "0")[1]
            seconds, peak = json.loads(out)
            table.add_row(f"{orgs:,}", f"{seconds:.0f}", f"{peak:.0f}")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orgs", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--confirm", type=int, default=20_000, help="calls decided again in SimPy")
    parser.add_argument("--memory", action="store_true", help="measure memory alone")
    parser.add_argument("--pace", action="store_true", help="measure two workers alone")
    given = parser.parse_args()
    console = Console(width=100)
    if given.pace:
        console.print(pace(given.orgs, given.confirm))
        return
    if not given.memory:
        console.print(throughput(given.orgs, given.rounds, given.confirm))
    console.print(memory())


if __name__ == "__main__":
    main()
