"""Available credits over time, and when calls are throttled, over the replications of a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulation.arrays import Ints
from simulation.experiment.result import RunResult
from simulation.scenario import Scenario

__all__ = ["coarser", "timeline", "timeline_of", "weekly"]


def timeline(result: RunResult, most: int = 750) -> pd.DataFrame:
    """Return what the pool does over time in a run; see `timeline_of`."""
    intervals, runs = result.intervals, len(result.runs)
    columns = ("credits_available", "throttled_attempts")
    available, throttled = (intervals[name].to_numpy().reshape(runs, -1) for name in columns)
    elapsed = _elapsed(result)
    length = int(elapsed.iloc[1]) if available.shape[1] > 1 else result.scenario.horizon
    return timeline_of(result.scenario, length, available, throttled, most)


def timeline_of(
    scenario: Scenario, length: int, available: Ints, throttled: Ints, most: int = 750
) -> pd.DataFrame:
    """Return what the pool does over time, a row for each stretch of the run.

    Parameters
    ----------
    scenario : Scenario
    length : int
        Of the intervals, µs.
    available, throttled : (n, k) int64 array
        Credits available when each interval of a replication ends, and attempts throttled in it.
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
    count = available.shape[1]
    starts = np.arange(0, count, -(-count // most))
    available = np.minimum.reduceat(available, starts, axis=1)
    throttled = np.add.reduceat(throttled, starts, axis=1)
    low, median, high = np.quantile(available, [0.05, 0.5, 0.95], axis=0)
    moments = pd.to_datetime(scenario.clock.start_epoch + starts * length, unit="us", utc=True)
    return pd.DataFrame(
        {
            "start": moments.tz_convert(scenario.timezone).tz_localize(None).to_numpy(),
            "low": low,
            "median": median,
            "high": high,
            "throttled": (throttled > 0).mean(axis=0),
            "warming": starts * length < scenario.warmup_end,
        }
    )


def coarser(line: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return a timeline of fewer rows, each the worst of those that it stands for."""
    together = np.arange(len(line)) // -(-len(line) // most)
    worst = {
        "start": "first",
        **dict.fromkeys(("low", "median", "high"), "min"),
        "throttled": "max",
        "warming": "first",
    }
    return line.groupby(together).agg(worst)


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
