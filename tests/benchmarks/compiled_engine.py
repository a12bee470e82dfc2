"""The compiled engine against a loop in C, against `limits`, and at the size of an enterprise."""

from __future__ import annotations

import ctypes
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from simulation import DAY, Scenario, run
from simulation.arrays import Ints
from simulation.demand import Block, Calls, Demand, Portion, concatenate
from simulation.demand import Drawn as DrawnBlock
from simulation.demand.wanted import Wanted
from simulation.engine.compiled.kernel import Day, Tape, decide
from simulation.engine.compiled.lanes import EVENT, lanes_of
from simulation.engine.compiled.model import CompiledModel, laws_of
from simulation.engine.compiled.sweep import sweep
from simulation.report.page import write
from simulation.scenario import Clock
from tests.browser import CHROMIUM, Browser
from tests.helpers import ROOT, moving_window

DAYS, CLIENTS, ROUNDS = 30, 10, 5
CALLS = 10_000_000

C_LOOP = r"""
#include <stdint.h>
/* Two pointers over the calls; the rule of the pool where no client tries again. */
int64_t decide(int64_t n, const int64_t *time, const int64_t *credits, int64_t limit,
               int64_t window, uint8_t *granted) {
  int64_t used = 0, oldest = 0, count = 0;
  for (int64_t i = 0; i < n; i++) {
    while (time[oldest] <= time[i] - window) {
      if (granted[oldest]) used -= credits[oldest];
      oldest++;
    }
    granted[i] = used + credits[i] <= limit;
    if (granted[i]) { used += credits[i]; count++; }
  }
  return count;
}
"""


def scenario(
    calls: int,
    days: int = DAYS,
    mix: bool = False,
    retry: bool = False,
    many: int = CLIENTS,
    **keys: Any,
) -> Scenario:
    """Return Poisson clients that make ``calls`` calls in all.

    With ``mix`` they have a profile, a daily factor, and a mix of calls with records.
    """
    policy = {"retry": {"first": "30 s", "max_delay": "1 hour", "jitter": "full"}}
    calls_of: list[dict[str, Any]] = [{"api": "get_modules"}]
    if mix:
        calls_of = [
            {"api": "upsert_records", "records": {"uniform": [1, 50]}, "weight": 3},
            {"api": "convert_lead"},
        ]
    clients = [
        {
            "name": f"client-{n}",
            "arrivals": {
                "poisson": {
                    "rate": f"{calls / many / days:.4f} per day",
                    "profile": "office_hours" if mix else "flat",
                    "daily_variation": "20%" if mix else 0,
                }
            },
            "calls": calls_of,
            "on_throttle": policy if retry else "drop",
        }
        for n in range(many)
    ]
    data = {
        "name": "Benchmark",
        "org": {"edition": "ultimate", "user_licenses": 100},
        "start": "2026-01-05",
        "horizon": f"{days} days",
        "replications": 1,
        "clients": clients,
    }
    return Scenario.model_validate({**data, **keys})


class Drawn(Demand):
    """Demand that was drawn before the clock started."""

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self.drawn = list(Demand(scenario).draw_days(0))
        self.calls = sum(map(len, self.drawn))
        self.blocks = [Block(range(day, day + 1)) for day in range(self.days)]
        self._portions = [
            _InOrder(scenario.clock, *each) for each in zip(self.blocks, self.drawn, strict=True)
        ]

    def draw_portion(
        self,
        replication: int,  # noqa: ARG002
        block: Block,
        first_calls: Sequence[int] | Ints | None = None,  # noqa: ARG002
        drawn: DrawnBlock | None = None,  # noqa: ARG002
    ) -> Portion:
        return self._portions[block.days[0]]


class _InOrder(Portion):
    """Calls that were put in order before the clock started."""

    def __init__(self, clock: Clock, block: Block, calls: Calls) -> None:
        whose = [calls.take(np.flatnonzero(calls.client == n)) for n in range(CLIENTS)]
        wanted = [Wanted(its.time, its.what, its.credits) for its in whose]
        super().__init__(block, wanted, clock, np.zeros(CLIENTS, np.int64))
        self._in_order = calls

    def between(self, begin: int, end: int) -> Calls:
        first, last = np.searchsorted(self._in_order.time, (begin, end)).tolist()
        return self._in_order.take(slice(first, last))


def c_loop(folder: Path) -> Callable[[Calls, int], float] | None:
    """Compile the loop in C; return a program that measures it, or None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    source, library = folder / "loop.c", folder / "loop.so"
    source.write_text(C_LOOP)
    options = ["-O3", "-march=native", "-shared", "-fPIC", "-o", str(library)]
    subprocess.run([compiler, *options, str(source)], check=True)
    decide = ctypes.CDLL(str(library)).decide
    numbers = ctypes.POINTER(ctypes.c_int64)

    def program(calls: Calls, limit: int) -> float:
        granted = np.empty(len(calls), np.uint8)
        time_, credits = (column.ctypes.data_as(numbers) for column in (calls.time, calls.credits))
        window, count = ctypes.c_int64(DAY), ctypes.c_int64(len(calls))
        begun = time.perf_counter()
        decide(
            count, time_, credits, ctypes.c_int64(limit), window, granted.ctypes.data_as(numbers)
        )
        return (time.perf_counter() - begun) / len(calls) * 1e9

    return program


def ns(program: Callable[[], object], count: int) -> float:
    """Return nanoseconds per item of one run."""
    begun = time.perf_counter()
    program()
    return (time.perf_counter() - begun) / count * 1e9


def recorded(demand: Demand, limit: int) -> None:
    """Decide for one size, records included, and let them go."""
    for _ in CompiledModel(demand.scenario, 0, demand, limit).run():
        pass


def decided(demand: Drawn, limit: int) -> None:
    """Decide for one size, and note what became of every call."""
    laws, lanes, clock = laws_of(demand, 0), lanes_of([limit]), demand.scenario.clock
    for day, calls in enumerate(demand.drawn):
        count = len(calls)
        outcome, attempts = np.zeros(count, np.int8), np.ones(count, np.int32)
        refused, events = np.zeros(count, bool), np.empty(64, EVENT)
        tape = Tape(outcome, attempts, calls.time.copy(), refused, events, np.zeros(1, np.int64))
        today = Day(calls.time, calls.client, calls.call, calls.credits, refused)
        until = clock.day_end(day)
        lanes, _ = decide(lanes, laws, today, np.zeros(1, np.int64), until, tape, 0)


def limit_that_throttles(demand: Drawn, share: float) -> int:
    """Return a pool size at which about this share of the calls is throttled at first."""
    everyone = np.ones(CLIENTS, bool)
    sizes = (np.linspace(0.5, 1.1, 61) * demand.calls / DAYS).astype(np.int64)
    throttled = sweep(demand, 0, sizes, everyone).throttled / demand.calls
    return int(sizes[int(np.abs(throttled - share).argmin())])


def speeds() -> Table:
    """Measure the loops, side by side in each round; the median round counts."""
    everyone = np.ones(CLIENTS, bool)
    plain, retrying = Drawn(scenario(CALLS)), Drawn(scenario(CALLS // 4, retry=True))
    together, limit = concatenate(plain.drawn), int(0.8 * plain.calls / DAYS)
    few = Drawn(scenario(CALLS // 4))
    sizes = np.linspace(0.4, 1.1, 501) * few.calls / DAYS
    five = limit_that_throttles(retrying, 0.05)
    mixed = Demand(scenario(CALLS, mix=True))
    small = Demand(scenario(6_600 * DAYS, mix=True, many=6))
    drops = Demand(scenario(20_000 * DAYS, mix=True))
    # Of the sizes that can be bought some thirty are ever reached.
    peak = sweep(drops, 0, np.empty(0, np.int64), everyone).enough
    sold = (np.linspace(0.9, 2.5, 489) * peak).astype(np.int64)
    tenth, whole = Demand(scenario(CALLS // 10)), Demand(scenario(CALLS))

    def drawn_and_decided(demand: Demand) -> float:
        calls = CALLS // 10 if demand is tenth else CALLS
        return ns(lambda: recorded(demand, int(0.8 * calls / DAYS)), calls)

    with tempfile.TemporaryDirectory() as folder:
        in_c = c_loop(Path(folder))
        programs: dict[str, Callable[[], float]] = {
            "one": lambda: ns(lambda: decided(plain, limit), plain.calls),
            "records": lambda: ns(lambda: recorded(plain, limit), plain.calls),
            "all": lambda: (
                ns(lambda: sweep(few, 0, sizes.astype(np.int64), everyone), few.calls) / 501
            ),
            "retry": lambda: ns(
                lambda: sweep(retrying, 0, np.array([five]), everyone), retrying.calls
            ),
            "draw": lambda: ns(lambda: [len(some) for some in mixed.draw_blocks(0)], CALLS),
            "small": lambda: ns(lambda: [len(some) for some in small.draw_blocks(0)], 6_600 * DAYS),
            "drops": lambda: ns(lambda: sweep(drops, 0, sold, everyone), 20_000 * DAYS),
            "tenth": lambda: drawn_and_decided(tenth),
            "whole": lambda: drawn_and_decided(whole),
        }
        if in_c is not None:
            programs["c"] = lambda: in_c(together, limit)
        for program in programs.values():
            program()  # loads the compiled loops
        rounds = [{name: program() for name, program in programs.items()} for _ in range(ROUNDS)]
    table = Table("what", "ns", "ratio", "wanted", title="Loops, per call, in nanoseconds")

    def add(name: str, against: str, what: str, wanted: str, digits: int = 2) -> None:
        middle = statistics.median(r[name] for r in rounds)
        ratios = sorted(r[name] / r[against] for r in rounds if against in r)
        spread = "no C compiler"
        if ratios:
            parts = (ratios[ROUNDS // 2], ratios[0], ratios[-1])
            spread = "{} ({} to {})".format(*(f"{part:.{digits}f}" for part in parts))
        table.add_row(what, f"{middle:.{digits}f}", spread, wanted)

    if in_c is not None:
        table.add_row("C, one size", f"{statistics.median(r['c'] for r in rounds):.1f}", "", "")
    add("one", "c", "one size, drop", "≤ 1.0 × C")
    add("records", "c", "  with all records of the run", "")
    add("all", "c", "501 sizes, drop: per call and size", "≤ 0.04 × C", 3)
    add("retry", "c", "one size, all retrying, 5 % throttled", "≤ 5 × C")
    add("draw", "c", "demand: profile, mix, day factor", "≤ 1.5 × C")
    add("small", "c", "demand: 6 clients, 6,600 calls a day", "≤ 2.0 × C")
    add("drops", "c", "20,000 calls a day, drawn and decided, 489 sizes", "≤ 3 × C")
    add("whole", "tenth", "drawn and decided, ten times the calls", "≤ 1.05 per call")
    return table


def against_limits() -> Table:
    """Decide the same trace, and compare decision by decision."""
    demand = Drawn(scenario(1_000_000, mix=True))
    calls = concatenate(demand.drawn)
    limit = int(0.8 * calls.credits.sum() / DAYS)
    begun = time.perf_counter()
    granted = moving_window(calls, limit)
    theirs = time.perf_counter() - begun
    ours = min(ns(lambda: decided(demand, limit), 1) for _ in range(ROUNDS))
    outcome = np.concatenate(
        [day.settled.outcome for day in CompiledModel(demand.scenario, 0, demand, limit).run()]
    )
    equal = int(((outcome == 0) == np.array(granted)).sum())
    table = Table("what", "measured", "ratio", "wanted", title="The moving window of `limits`")
    table.add_row("limits", f"{len(calls) / theirs:,.0f} decisions/s", "", "")
    ratio = f"{theirs / ours * 1e9:,.0f}"
    table.add_row("one size, drop", f"{len(calls) / ours * 1e9:,.0f} decisions/s", ratio, "≥ 500")
    table.add_row("equal decisions", f"{equal:,} of {len(calls):,}", "", "all")
    return table


def _memory(root: int) -> int:
    """Return the bytes that a process and its descendants hold, shared pages divided."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    family, total = {root}, 0
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    for pid in family:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += 1024 * int(rollup.split("Pss:")[1].split()[0])
    return total


def measured(arguments: list[str], **env: str) -> tuple[float, float]:
    """Return the seconds and the peak GiB of a command and all its processes."""
    begun, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        arguments, stdout=subprocess.DEVNULL, env={**os.environ, **env}, cwd=ROOT
    )
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.1):
            peak = max(peak, _memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    assert code == 0
    return time.perf_counter() - begun, peak / 2**30


def plans() -> Table:
    """Plan the shipped enterprise scenario from a cold start, and for a longer horizon."""
    table = Table(
        "what", "seconds", "peak GiB", "wanted", title="Plans and runs, processes of their own"
    )
    creditsim = str(Path(sys.executable).parent / "creditsim")
    enterprise = str(ROOT / "scenarios" / "enterprise.yaml")
    month = ["--set", "horizon=30 days", "--set", "replications=100"]
    with tempfile.TemporaryDirectory() as cold:
        for what, wanted in (("cold", "≤ 120 s, ≤ 2 GiB"), ("again", "")):
            seconds, peak = measured([creditsim, "plan", enterprise, *month], NUMBA_CACHE_DIR=cold)
            name = f"plan, 100 × 30 days, 501 sizes, {what}"
            table.add_row(name, f"{seconds:.1f}", f"{peak:.2f}", wanted)
    if not Path("/proc/self/smaps_rollup").exists():
        return table
    for name, code in (
        ("run --engine compiled", "run"),
        ("501 sizes, retrying", "retry"),
        ("501 sizes, dropping", "drop"),
    ):
        peaks = []
        for days in (30, 360):
            task = [sys.executable, "-m", "tests.benchmarks.compiled_engine", code, str(days)]
            peaks.append(measured(task)[1])
        shown = " and ".join(f"{peak:.2f}" for peak in peaks)
        ratio = f"ratio {peaks[1] / peaks[0]:.2f}, wanted ≤ 1.1"
        table.add_row(f"{name}, 30 and 360 days", "", shown, ratio)
    return table


def report_page() -> Table:
    """Open the report of a year of fifty clients in a headless browser, narrow and wide."""
    table = Table("what", "MB", "seconds to open", "wanted", title="Report of 365 days, 50 clients")
    clients = [
        {
            "name": f"client {n}",
            "arrivals": {"poisson": {"rate": "240 per day"}},
            "calls": [{"api": "get_modules"}],
        }
        for n in range(50)
    ]
    org = {"edition": "professional", "user_licenses": 1}
    year = scenario(1, 365, clients=clients, org=org, replications=2)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        write(run(year, engine="compiled", keep_calls=False), page)
        for width in (375, 1280) if CHROMIUM else ():
            with Browser(width) as browser:
                begun = time.perf_counter()
                browser.open(page)
                browser.ask("document.querySelectorAll('svg.main-svg').length")
                seconds = f"{time.perf_counter() - begun:.1f}"
            size = f"{page.stat().st_size / 1e6:.1f}"
            table.add_row(f"{width} px wide", size, seconds, "< 8 MB, < 3 s")
    return table


def memory_task(what: str, days: int) -> None:
    """Do what `plans` measures the memory of: 33,333 calls a day, or 6,667 at 501 sizes."""
    per_day = CALLS // (300 if what == "run" else 1500)
    of = scenario(per_day * days, days, retry=what == "retry")
    if what == "run":
        run(of, engine="compiled", keep_calls=False, workers=1)
        return
    sizes = (np.linspace(0.8, 1.1, 501) * per_day).astype(np.int64)
    sweep(Demand(of), 0, sizes, np.ones(CLIENTS, bool))


if __name__ == "__main__":
    memory_task(sys.argv[1], int(sys.argv[2]))
