"""The summary of a run: each statistic estimated from its replications, at every grain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.arrays import Floats
from simulation.experiment.delays import Delays
from simulation.experiment.estimates import (
    median_of,
    ratio_of,
    ratios,
    share_of_replications,
    unseen_calls,
)
from simulation.experiment.groups import Group
from simulation.experiment.intervals import Estimate, Estimates
from simulation.experiment.statistics import QUANTILES, STATISTICS, Late
from simulation.quantities import HOUR, SECOND
from simulation.scenario import Scenario

__all__ = ["ESTIMATORS", "SUMMARY_COLUMNS", "summarise", "throttled_share", "unseen_of"]

ESTIMATORS = {name: statistic.estimator for name, statistic in STATISTICS.items()}
"""Which estimate stands as ``mean`` of each statistic."""

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
        The groups of calls that the tables have rows of.
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
    unit = scenario.card.smallest_unit
    n, unseen = len(tables["overall"]), unseen_of(tables["overall"], unit)
    counted = scenario.counted / HOUR
    parts = []
    for grain, table in tables.items():
        alike = [group for group in groups if group.grain == grain]
        columns = {name: table[name].to_numpy().reshape(n, len(alike)) for name in STATISTICS}
        delays = [[each.of(group) for each in late] for group in alike]
        drawn = {
            "calls": np.array([group.draws_calls for group in alike]),
            "credits_demanded": np.array([group.draws_credits for group in alike]),
        }
        for statistic, found in _estimates(columns, delays, drawn, unseen, counted, unit).items():
            shown = found.exact() if certain and n > 1 else found
            parts.append(
                pd.DataFrame(
                    {
                        "grain": grain,
                        "name": [group.name for group in alike],
                        "statistic": statistic,
                        **shown.columns("mean", "ci95"),
                        "replications": shown.replications,
                    }
                ).assign(group=np.arange(len(alike)), order=[*STATISTICS].index(statistic))
            )
    return (
        pd.concat(
            part.sort_values(["group", "order"], kind="stable")
            for _, part in pd.concat(parts).groupby("grain", sort=False)
        )[list(SUMMARY_COLUMNS)]
        .reset_index(drop=True)
        .astype({"replications": np.int64})
    )


def throttled_share(runs: pd.DataFrame, unit: float = 1.0) -> Estimate[float]:
    """Return the share of calls throttled, with the interval that the summary has.

    Parameters
    ----------
    runs : DataFrame
        A row for each replication, a column for each statistic.
    unit : float
        The smallest unit of credits.
    """
    calls = runs["calls"].to_numpy()
    event = _event(calls.mean(), unseen_of(runs, unit))
    return ratio_of(runs["throttled_calls"], calls, float(event)).at_most(1.0)


def unseen_of(runs: pd.DataFrame, unit: float) -> float:
    """Return how many calls an event may throttle that none of these replications shows."""
    demanded, calls = runs["credits_demanded"].sum(), runs["calls"].sum()
    peaks = runs["peak_window_credits"]
    return float(unseen_calls(peaks, demanded / max(1, calls), unit=unit))


def _event(calls: float | Floats, unseen: float) -> Floats:
    """Return the unseen calls of groups that make this many: no more than those, at least one."""
    event: Floats = np.maximum(1.0, np.minimum(unseen, calls))
    return event


def _estimates(
    columns: Mapping[str, NDArray[Any]],
    delays: Sequence[Sequence[NDArray[np.int64]]],
    drawn: Mapping[str, NDArray[np.bool_]],
    unseen: float,
    counted: float,
    unit: float,
) -> dict[str, Estimates]:
    """Return every statistic of the groups of one grain; columns are (replications, groups).

    The interval of a statistic in ``drawn`` is a point for the groups in which it is not random.
    ``counted`` is the time after the warm-up, in hours, and ``unit`` the smallest of credits.
    """
    calls = columns["calls"].astype(np.float64)
    mean = calls.mean(axis=0)
    event = _event(mean, unseen)
    # What one unseen event adds to a statistic: calls, their credits, or hours in proportion.
    each = columns["credits_demanded"].mean(axis=0) / np.maximum(1.0, mean)
    events = {
        "exhausted_hours": event * counted / np.maximum(1.0, mean),
        **dict.fromkeys(
            (name for name, statistic in STATISTICS.items() if statistic.in_credits),
            event * np.maximum(unit, each),
        ),
    }
    found: dict[str, Estimates] = {}
    for name in STATISTICS:
        values = columns[name]
        if name in QUANTILES:
            continue
        if name == "throttled_share":
            found[name] = ratios(columns["throttled_calls"], calls, event)
        elif name in _ESTIMATED_ALONE:
            found[name] = Estimates.of([_ESTIMATED_ALONE[name](each) for each in values.T])
        else:
            found[name] = ratios(values, np.ones_like(calls), events.get(name, event))
    # Intervals end where a figure cannot go: at the calls made, and at the hours that count.
    if len(calls) > 1:
        for name, differs in drawn.items():
            found[name] = found[name].exact(~differs)
    at_most: dict[str, float | Floats] = {"throttled_share": 1.0, "exhausted_hours": counted}
    for name, statistic in STATISTICS.items():
        if statistic.at_most:
            at_most[name] = found[statistic.at_most].high
        if name in at_most:
            found[name] = found[name].at_most(at_most[name])
    found |= _delays(columns, delays, event)
    return {name: found[name] for name in STATISTICS}


def _delays(
    columns: Mapping[str, NDArray[Any]],
    delays: Sequence[Sequence[NDArray[np.int64]]],
    events: Floats,
) -> dict[str, Estimates]:
    """Return the quantiles of the delays of each group, in seconds.

    ``events`` is how many calls of each group an event may throttle that no replication shows.
    """
    rows: dict[str, list[Estimate[float]]] = {name: [] for name in QUANTILES}
    for group, late in enumerate(delays):
        calls, succeeded = (
            columns[name][:, group].astype(np.int64) for name in ("calls", "succeeded_calls")
        )
        never, unseen = calls - succeeded, float(events[group])
        by_whose = {
            False: Delays(late, succeeded, unseen=unseen),
            True: Delays(late, calls, never, unseen),
        }
        for name, (q, of_all) in QUANTILES.items():
            rows[name].append(by_whose[of_all].quantile(q))
    return {
        name: Estimates.of(each).mapped(lambda delay: delay / SECOND) for name, each in rows.items()
    }


def _first_throttle(hours: NDArray[np.float64]) -> Estimate[float]:
    """Return the median; nan, not inf, where no replication throttled a call."""
    if np.isnan(hours).all():
        return Estimate(nan, nan, nan, 0)
    return median_of(np.where(np.isnan(hours), inf, hours))


_ESTIMATED_ALONE: dict[str, Callable[[NDArray[Any]], Estimate[float]]] = {
    "hours_to_first_throttle": _first_throttle,
    "peak_window_credits": median_of,
    "any_throttled": share_of_replications,
}
