"""Available credits over time, and when calls are throttled, over the replications of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from simulation.demand import Demand
from simulation.engine import sweep
from simulation.experiment import RunResult, run
from simulation.scenario import Scenario

__all__ = ["sizes_to_compare", "timeline", "timelines", "weekly"]

_MOST_CALLS = 40_000_000  # simulated for the sake of a picture


def timeline(result: RunResult, most: int = 750) -> pd.DataFrame:
    """Return what the pool does over time, a row for each stretch of the run.

    Parameters
    ----------
    result : RunResult
    most : int
        Rows at most; intervals are put together until they are as few.

    Returns
    -------
    DataFrame
        ``start`` in local time; ``low``, ``median`` and ``high``, the credits available at the
        worst moment of the stretch, as 5 %, 50 % and 95 % quantiles over replications;
        ``throttled``, the share of replications in which it throttled an attempt; ``warming``,
        whether it begins within the warm-up.
    """
    intervals = result.intervals
    runs = len(result.runs)
    count = len(intervals) // runs
    together = -(-count // most)
    starts = np.arange(0, count, together)

    def of(column: str) -> np.ndarray:
        values: np.ndarray = intervals[column].to_numpy().reshape(runs, count)
        return values

    available = np.minimum.reduceat(of("credits_available"), starts, axis=1)
    throttled = np.add.reduceat(of("throttled_attempts"), starts, axis=1)
    low, median, high = np.quantile(available, [0.05, 0.5, 0.95], axis=0)
    moments = intervals["start_at"].iloc[starts].dt.tz_convert(result.scenario.timezone)
    return pd.DataFrame(
        {
            "start": moments.dt.tz_localize(None).to_numpy(),
            "low": low,
            "median": median,
            "high": high,
            "throttled": (throttled > 0).mean(axis=0),
            "warming": _elapsed(result).iloc[starts].to_numpy() < result.scenario.warmup_end,
        }
    )


def _elapsed(result: RunResult) -> pd.Series:
    """Return when each interval begins, µs since the scenario's start."""
    return result.intervals["start_at"].astype("int64") - result.scenario.clock.start_epoch


def weekly(result: RunResult) -> pd.DataFrame:
    """Return the throttled attempts of a mean hour, a row for each weekday, a column each hour.

    What begins within the warm-up counts for nothing.
    """
    intervals = result.intervals[_elapsed(result) >= result.scenario.warmup_end]
    local = intervals["start_at"].dt.tz_convert(result.scenario.timezone)
    frame = pd.DataFrame(
        {
            "weekday": local.dt.day_of_week,
            "hour": local.dt.hour,
            "replication": intervals["replication"],
            "date": local.dt.date,
            "throttled": intervals["throttled_attempts"],
        }
    )
    hours = frame.groupby(["replication", "date", "weekday", "hour"])["throttled"].sum()
    means = hours.groupby(["weekday", "hour"]).mean().unstack("hour")
    return means.reindex(index=range(7), columns=range(24))


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
    offer = scenario.offer
    sizes, limits = np.array(offer.sizes, np.int64), np.array(offer.limits, np.int64)
    everyone = np.ones(len(scenario.clients), bool)
    enough = sweep(Demand(scenario), 0, np.empty(0, np.int64), everyone).enough
    shown = sizes[: int((limits < enough).sum()) + 1]
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
