"""What more limits cost: the same demand on a card of one meter and on a card of three.

    python -m tests.benchmarks.metered

Three meters should take at most twice as long as one, in both engines. Programs are measured in
turns, each time the one and then the other first, and the ratio of a round is what counts; the
table shows the median round.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from simulation import Scenario, plan, run
from tests.cards_of_tests import pool, write_card
from tests.helpers import any_limit, poisson

DAYS = 10
ROUNDS = 7
MOST = 2.0
"""Times as long as one meter that three may take."""

LIMITS: dict[str, list[dict[str, Any]]] = {
    "one": [pool()],
    "three": [
        pool(),
        {"name": "minute", "kind": "rolling", "counts": "calls", "window": "1 minute"},
        {"name": "slots", "kind": "concurrent", "scope": "client"},
    ],
}


def busy(folder: Path, meters: str, calls_a_day: int, **keys: Any) -> Scenario:
    """Return ten clients, of which half drop and half try again, on a card of this many meters.

    The pool holds what a busy weekday wants, so that some days throttle; other meters hold five
    times the mean calls of a minute, and twenty times the mean of a client's open calls.
    """
    limits = [dict(each) for each in LIMITS[meters]]
    for each in limits:
        if each["name"] == "minute":
            each["size"] = max(5, 5 * calls_a_day // (24 * 60))
        elif each["name"] == "slots":
            each["size"] = max(3, 20 * calls_a_day // (10 * 24 * 3600))
    retry = {"retry": {"first": "30 s", "max_delay": "1 hour", "jitter": "full"}}
    clients = [
        poisson(
            f"client-{n}",
            f"{calls_a_day // 10} per day",
            on_throttle=retry if n % 2 else "drop",
            poisson={"profile": "office_hours", "daily_variation": "20%"},
        )
        for n in range(10)
    ]
    for client in clients:
        client["calls"] = [{"api": "one", "duration": "1 s"}, {"api": "two", "duration": "1 s"}]
    card = write_card(folder, *limits)
    defaults = {"horizon": f"{DAYS} days", "rate_card": card}
    return any_limit(int(2.0 * calls_a_day), clients, **{**defaults, **keys})


def seconds(program: Callable[[], object]) -> float:
    """Return what one run of a program takes."""
    begun = time.perf_counter()
    program()
    return time.perf_counter() - begun


def programs(folder: Path, calls_a_day: int) -> dict[str, dict[str, Callable[[], object]]]:
    """Return what is measured, by name and by the card's number of meters."""
    found: dict[str, dict[str, Callable[[], object]]] = {}
    for meters in LIMITS:
        place = folder / meters
        place.mkdir()
        scenario = busy(place, meters, calls_a_day)
        small = scenario.changed({"replications": 8, "horizon": "3 days"})

        def simulated(engine: Any, scenario: Scenario = scenario) -> object:
            return run(scenario, engine=engine, workers=1, keep_calls=False)

        def planned(small: Scenario = small) -> object:
            return plan(small, confirm="none", max_replications=8, workers=1)

        of_meters: dict[str, Callable[[], object]] = {
            "run, SimPy": lambda simulated=simulated: simulated("simpy"),  # type: ignore[misc]
            "run, compiled": lambda simulated=simulated: simulated("compiled"),  # type: ignore[misc]
            "plan": planned,
        }
        for name, program in of_meters.items():
            found.setdefault(name, {})[meters] = program
    return found


def limits_compared(calls_a_day: int = 20_000, rounds: int = ROUNDS) -> Table:
    """Measure one meter and three, side by side in each round; the median round counts."""
    table = Table(
        *("what", "one meter", "three meters", "ratio", "wanted"),
        title=f"Limits of a card, {calls_a_day:,} calls a day, in seconds",
    )
    with TemporaryDirectory() as place:
        for name, both in programs(Path(place), calls_a_day).items():
            for program in both.values():
                program()  # loads the compiled loops
            measured = []
            for number in range(rounds):
                # A machine that slows down or warms up favours neither.
                order = [*both] if number % 2 else [*reversed(both)]
                taken = {meters: seconds(both[meters]) for meters in order}
                measured.append((taken["one"], taken["three"]))
            ratios = sorted(three / one for one, three in measured)
            table.add_row(
                name,
                *(f"{statistics.median(column):.2f}" for column in zip(*measured, strict=True)),
                f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
                f"≤ {MOST:g}" if name.startswith("run") else "",
            )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="of a day")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    Console(width=100).print(limits_compared(given.calls, given.rounds))


if __name__ == "__main__":
    main()
