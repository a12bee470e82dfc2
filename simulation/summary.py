"""The summary of a run: each statistic estimated from its replications, at every grain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, nan

import numpy as np
import pandas as pd

from simulation.estimates import (
    Estimate,
    mean_of,
    median_of,
    quantile_of,
    ratio_of,
    share_of_replications,
    unseen_calls,
)
from simulation.quantities import HOUR, SECOND
from simulation.scenario import Scenario
from simulation.statistics import QUANTILES, STATISTICS, Late
from simulation.usage import Group

__all__ = ["ESTIMATORS", "SUMMARY_COLUMNS", "summarise"]

ESTIMATORS = {
    **dict.fromkeys(STATISTICS, "mean of the replications"),
    "throttled_share": "ratio of the sums over the replications",
    "peak_window_credits": "median of the replications",
    "any_throttled": "share of the replications",
    "hours_to_first_throttle": "median of the replications, none before the horizon included",
    **{
        name: f"percentile of {'all' if of_all else 'the succeeded'} calls of all replications"
        for name, (_, of_all) in QUANTILES.items()
    },
}
"""What stands as ``mean`` of each statistic."""

SUMMARY_COLUMNS = ("grain", "name", "statistic", "mean", "ci95_low", "ci95_high", "replications")


def summarise(
    scenario: Scenario,
    groups: Sequence[Group],
    tables: Mapping[str, pd.DataFrame],
    late: Sequence[Late],
    certain: bool,
) -> pd.DataFrame:
    """Return the estimate of every statistic with its 95 % interval.

    Parameters
    ----------
    scenario : Scenario
    groups : sequence of Group
        What is reported.
    tables : mapping of str to DataFrame
        By grain, a row for each replication (and group), a column for each statistic.
    late : sequence of Late
        The delays of each replication.
    certain : bool
        Whether nothing is random, so that the intervals are points.

    Returns
    -------
    DataFrame
        `SUMMARY_COLUMNS`; ``replications`` are those that had a value. nan stands where there
        is no value, and inf where it lies beyond the horizon.
    """
    overall = tables["overall"]
    demanded, calls = overall["credits_demanded"].sum(), overall["calls"].sum()
    unseen = unseen_calls(overall["peak_window_credits"], demanded / max(1, calls))
    rows = []
    for group in groups:
        table = tables[group.grain]
        if group.grain != "overall":
            table = table[table[group.grain] == group.name]
        delays = [each.of(group) for each in late]
        for statistic in STATISTICS:
            estimate = _estimate(statistic, table, delays, unseen, scenario)
            if certain and len(table) > 1:
                estimate = estimate.exact()
            rows.append((group.grain, group.name, statistic, *estimate))
    return pd.DataFrame(rows, columns=list(SUMMARY_COLUMNS))


def _estimate(
    statistic: str,
    runs: pd.DataFrame,
    delays: Sequence[np.ndarray],
    unseen: float,
    scenario: Scenario,
) -> Estimate:
    """Return one statistic of one group from its replications."""
    if statistic in QUANTILES:
        return _delay(runs, delays, *QUANTILES[statistic])
    values, calls = runs[statistic], float(runs["calls"].mean())
    event = max(1.0, min(unseen, calls))
    match statistic:
        case "throttled_share":
            estimate = ratio_of(runs["throttled_calls"], runs["calls"], event).at_most(1.0)
        case "hours_to_first_throttle":
            estimate = median_of(values.fillna(inf)) if values.notna().any() else _NONE
        case "peak_window_credits":
            estimate = median_of(values)
        case "any_throttled":
            estimate = share_of_replications(values)
        case "exhausted_hours":
            counted = scenario.counted / HOUR
            estimate = mean_of(values, event * counted / max(1.0, calls)).at_most(counted)
        case "credits_demanded" | "credits_used":
            each = float(runs["credits_demanded"].mean()) / max(1.0, calls)
            estimate = mean_of(values, event * max(1.0, each))
        case _:
            estimate = mean_of(values, event)
    return estimate


def _delay(runs: pd.DataFrame, delays: Sequence[np.ndarray], q: float, of_all: bool) -> Estimate:
    """Return a quantile of the delays in seconds."""
    calls, succeeded = runs["calls"].to_numpy(), runs["succeeded_calls"].to_numpy()
    found = quantile_of(
        delays, calls if of_all else succeeded, q, calls - succeeded if of_all else None
    )
    mean, low, high = (end / SECOND for end in found[:3])
    return Estimate(mean, low, high, found.replications)


_NONE = Estimate(nan, nan, nan, 0)
