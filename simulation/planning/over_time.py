"""The same scenario with several add-on sizes, over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from simulation.demand import Demand
from simulation.engine import sweep
from simulation.experiment import RunResult, run
from simulation.planning.frontier import limits_of, purchasable
from simulation.scenario import Scenario

__all__ = ["sizes_to_compare", "timelines"]

_MOST_CALLS = 40_000_000  # simulated for the sake of a picture


def sizes_to_compare(scenario: Scenario, named: Sequence[int] = (), most: int = 12) -> list[int]:
    """Return sizes to show beside each other: from none to one that throttles no call.

    Parameters
    ----------
    scenario : Scenario
    named : sequence of int
        Sizes to be among them, add-on credits.
    most : int
        How many, besides those named.
    """
    sizes = purchasable(scenario)
    everyone = np.ones(len(scenario.clients), bool)
    enough = sweep(Demand(scenario), 0, np.empty(0, np.int64), everyone).enough
    shown = sizes[: int((limits_of(scenario, sizes) < enough).sum()) + 1]
    places = np.linspace(0, len(shown) - 1, min(most, len(shown))).round().astype(int)
    return sorted({*shown[places].tolist(), *named, scenario.org.addon_credits})


def timelines(
    scenario: Scenario,
    sizes: Sequence[int],
    progress: Callable[[int, int], None] | None = None,
) -> dict[int, RunResult]:
    """Simulate a scenario with each of these add-on credits, on the compiled engine.

    As many replications, at most 30, as make 40 million calls over all sizes; never fewer
    than two of a scenario that has two.
    """
    demand = Demand(scenario)
    calls = max(1, demand.busiest_day * demand.days * len(sizes))
    count = min(scenario.replications, max(2, min(30, _MOST_CALLS // calls)))
    results = {}
    for place, size in enumerate(sizes):
        at_size = scenario.changed({"org.addon_credits": size, "alternatives": []})
        results[size] = run(
            at_size, engine="compiled", replications=count, keep_calls=False, examine_start=False
        )
        if progress is not None:
            progress(place + 1, len(sizes))
    return results
