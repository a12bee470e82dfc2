"""Throttling by meter: how many calls each throttled first, and how much of it was used."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.arrays import Floats
from simulation.engine import DayRecords
from simulation.experiment.estimates import median_of, ratio_of, ratios
from simulation.experiment.intervals import Estimate
from simulation.rate_cards import Meter
from simulation.scenario import Scenario

__all__ = [
    "METER_COLUMNS",
    "METER_STATISTICS",
    "MeterTracker",
    "meter_rows",
    "meter_size",
    "summarise_meters",
]

METER_STATISTICS = ("throttled_calls", "throttled_share", "peak", "peak_share")
"""What is said of each meter: calls that it throttled first, their share of all calls, the most
used at once after the warm-up, and its share of the size."""


METER_COLUMNS = ("meter", "statistic", "mean", "ci95_low", "ci95_high", "replications")


class MeterTracker:
    """What one replication shows of each meter, over calls submitted after the warm-up."""

    def __init__(self, scenario: Scenario) -> None:
        count = len(scenario.card.meters)
        self.throttled_calls = np.zeros(count, np.int64)
        self.peaks: Floats | None = None  # of several meters; of the pool alone its use tells

    def add_calls(self, throttled_by: NDArray[np.int8]) -> None:
        """Count calls that count, by the meter that throttled each first, -1 for none."""
        found = np.bincount(throttled_by + 1, minlength=len(self.throttled_calls) + 1)
        self.throttled_calls += found[1:]

    def add_peaks(self, day: DayRecords) -> None:
        """Take the most used of each meter so far."""
        if day.peaks is not None:
            self.peaks = day.peaks

    def finish(self, peak: float) -> tuple[list[int], list[float]]:
        """Return calls throttled and peaks by meter; ``peak`` is the most used of the pool."""
        peaks = [float(peak)] if self.peaks is None else self.peaks.tolist()
        return self.throttled_calls.tolist(), peaks


def meter_rows(
    scenario: Scenario,
    replication: int,
    calls: float,
    throttled: Sequence[int],
    peaks: Sequence[float],
) -> list[dict[str, object]]:
    """Return a row for each meter of one replication, in which ``calls`` calls count."""
    rows: list[dict[str, object]] = []
    for meter, count, peak in zip(scenario.card.meters, throttled, peaks, strict=True):
        size = meter_size(scenario, meter)
        rows.append(
            {
                "replication": replication,
                "meter": meter.name,
                "throttled_calls": count,
                "throttled_share": count / calls if calls else float("nan"),
                "peak": peak,
                "peak_share": peak / size if size else float("nan"),
            }
        )
    return rows


def meter_size(scenario: Scenario, meter: Meter) -> int:
    """Return the size of a meter for the scenario's org, in credits or calls."""
    edition = scenario.card.edition(scenario.org.edition)
    return scenario.limit if meter.is_pool else meter.size_for(edition)


def summarise_meters(
    scenario: Scenario, meter_runs: pd.DataFrame, calls: Floats, certain: bool, unseen: float
) -> pd.DataFrame:
    """Return a row for each meter and statistic: its estimate with the 95 % interval.

    Parameters
    ----------
    meter_runs : DataFrame
        A row for each replication and meter, as `meter_rows`.
    calls : (n,) array
        Calls that count in each replication.
    certain : bool
        Whether nothing is random, so that the intervals are points.
    unseen : float
        Calls that an event may throttle that no replication shows.
    """
    rows = []
    for meter in scenario.card.meters:
        mine = meter_runs[meter_runs["meter"] == meter.name]
        throttled = mine["throttled_calls"].to_numpy()
        event = max(1.0, min(unseen, float(np.mean(calls))))
        count = ratios(throttled[:, np.newaxis], np.ones((len(calls), 1)), np.array([event]))[0]
        found: dict[str, Estimate[float]] = {
            "throttled_calls": count.at_most(float(np.max(calls, initial=0))),
            "throttled_share": ratio_of(throttled, calls, event).at_most(1.0),
            "peak": median_of(mine["peak"].to_numpy(np.float64)),
            "peak_share": median_of(mine["peak_share"].to_numpy(np.float64)),
        }
        for name, estimate in found.items():
            shown = estimate.exact() if certain and len(calls) > 1 else estimate
            row = {"meter": meter.name, "statistic": name, **shown.columns("mean", "ci95")}
            rows.append({**row, "replications": shown.replications})
    return pd.DataFrame(rows).astype({"replications": np.int64})
