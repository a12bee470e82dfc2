"""A forecast, early in a long SimPy run, of its time and of the compiled engine's."""

from __future__ import annotations

import time
from collections.abc import Callable

from simulation.cli.progress import Watch
from simulation.demand import Demand
from simulation.experiment import cores, seconds_for
from simulation.formats import in_words
from simulation.scenario import Scenario

__all__ = ["forecast"]

_LONG_S = 60.0
_LOOK_AFTER_S = 3.0


def forecast(scenario: Scenario, watch: Watch, workers: int | None) -> Callable[[int, int], None]:
    """Return a progress callback that says so, once, if SimPy will take more than a minute."""
    begun, begun_at, looked = 0.0, 0, False

    def advance(done: int, of: int) -> None:
        nonlocal begun, begun_at, looked
        watch.advance(done, of)
        if not begun_at:  # leaves out what comes once, such as pilot runs: the pace is that of days
            begun, begun_at = time.monotonic(), done
        elapsed = time.monotonic() - begun
        if looked or elapsed < _LOOK_AFTER_S:
            return
        looked = True
        share = cores(workers) if scenario.replications > 2 else 1
        left = elapsed / (done - begun_at) * (of - done) / share
        if elapsed + left > _LONG_S:
            demand = Demand(scenario)
            days = min(done, demand.days, 7)
            compiled = seconds_for(demand, "compiled", days) / days * of / share
            watch.say(
                f"This will take {in_words(left)} more. The compiled engine gives the same results "
                f"in {in_words(compiled)}: add --engine compiled."
            )

    return advance
