"""Speed and memory of the simulation, as ratios measured side by side.

    python -m tests.benchmarks

Machines are noisy, so nothing here is a test: each round measures every program once, one
after the other, and the ratio of a round is what counts. The table shows the median round.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import simpy
from rich.console import Console
from rich.table import Table

from simulation import DAY, Model, Scenario, run
from tests.benchmarks.compiled_engine import (
    against_limits,
    plans,
    report_page,
    scenario,
    speeds,
)
from tests.benchmarks.logs import logs_read
from tests.benchmarks.metered import limits_compared

CALLS = 1_000_000
CLIENTS = 10
ROUNDS = 5


def too_many(days: int = 30, calls: int = CALLS) -> Scenario:
    """Return ten Poisson clients that make calls of one credit, 20 % more than fit."""
    licenses = max(0, round((0.8 * calls / days - 15_000) / 1000))
    org = {"edition": "enterprise", "user_licenses": licenses}
    return scenario(calls, days, org=org)


Process = Generator[simpy.Event, None, None]


def bare_simpy() -> int:
    """Yield as many timeouts from ten processes, and do nothing else."""
    env = simpy.Environment()

    def process(count: int) -> Process:
        for _ in range(count):
            yield env.timeout(7)

    for _ in range(CLIENTS):
        env.process(process(CALLS // CLIENTS))
    env.run()
    return CALLS


def textbook_simpy(limit: int, days: int = 30) -> int:
    """Model the pool as a container, with a process for each release."""
    env = simpy.Environment()
    pool = simpy.Container(env, capacity=limit, init=limit)

    def release() -> Process:
        yield env.timeout(DAY)
        yield pool.put(1)

    def client(times: list[int]) -> Process:
        for moment in times:
            yield env.timeout(moment - env.now)
            if pool.level >= 1:
                yield pool.get(1)
                env.process(release())

    random = np.random.default_rng(34)
    for _ in range(CLIENTS):
        env.process(client(np.sort(random.integers(0, days * DAY, CALLS // CLIENTS)).tolist()))
    env.run(until=days * DAY)
    return CALLS


def model(benchmark: Scenario) -> int:
    """Simulate the demand, draws and records included."""
    return sum(len(day.settled) for day in Model(benchmark).run())


def speed(program: Callable[[], int]) -> float:
    """Return calls per second of one run."""
    begun = time.perf_counter()
    return program() / (time.perf_counter() - begun)


def peak_mb(days: int, out: bool) -> float:
    """Return the peak memory of a run of some days at the same calls per day, in a process."""
    code = (
        "import json, resource, sys\n"
        "from tests.benchmarks.__main__ import memory_run\n"
        "memory_run(*json.loads(sys.argv[1]))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    arguments = [sys.executable, "-c", code, json.dumps([days, out])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def memory_run(days: int, out: bool) -> None:
    """Run days of 33,333 calls each, with and without files."""
    benchmark = too_many(days, CALLS * days // 30)
    if out:
        with tempfile.TemporaryDirectory() as folder:
            run(benchmark, out=Path(folder))
    else:
        run(benchmark, keep_calls=False)


def main() -> None:
    """Measure everything and print the table."""
    benchmark = too_many()
    programs: dict[str, Callable[[], int]] = {
        "bare": bare_simpy,
        "model": lambda: model(benchmark),
        "textbook": lambda: textbook_simpy(benchmark.limit),
    }
    rounds = [{name: speed(program) for name, program in programs.items()} for _ in range(ROUNDS)]
    median = {name: statistics.median(r[name] for r in rounds) for name in programs}
    ratios = {
        other: sorted(r["model"] / r[other] for r in rounds) for other in ("bare", "textbook")
    }
    memory = {out: [peak_mb(days, out) for days in (30, 360)] for out in (False, True)}

    table = Table("what", "measured", "ratio", "wanted", title="One million calls, ten clients")
    table.add_row("bare SimPy, timeouts only", f"{median['bare']:,.0f} calls/s", "", "")
    for other, wanted in (("bare", "≥ 0.5"), ("textbook", "≥ 4")):
        middle = ratios[other][ROUNDS // 2]
        spread = f"{middle:.2f} ({ratios[other][0]:.2f} to {ratios[other][-1]:.2f})"
        table.add_row(f"model against {other}", f"{median['model']:,.0f} calls/s", spread, wanted)
    table.add_row("textbook SimPy", f"{median['textbook']:,.0f} calls/s", "", "")
    for out, (month, year) in memory.items():
        name = f"peak of 360 days against 30{', with --out' if out else ''}"
        table.add_row(name, f"{month:.0f} and {year:.0f} MB", f"{year / month:.2f}", "≤ 1.2")
    console = Console(width=100)
    console.print(table)
    for measure in (speeds, against_limits, limits_compared, plans, report_page, logs_read):
        console.print(measure())


if __name__ == "__main__":
    main()
