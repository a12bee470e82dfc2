"""How often 95 % intervals hold the truth: a table over kinds of demand.

``python -m tests.coverage_table [REPETITIONS]`` prints it as Markdown. A repetition is a run of 30
replications with a seed of its own; those without an interval are left out. The truth is Erlang's
where theory knows it, and otherwise comes from all repetitions together, so that its own error is
a thirtieth of an interval's at 1,000: the ratio of all throttled calls to all calls, the median of
medians, the mean of means and percentiles.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from simulation import run
from simulation.experiment.workers import cores, in_processes
from simulation.planning.theory import erlang_b
from simulation.scenario.scenario import Scenario
from tests.helpers import any_limit, build, poisson

__all__ = ["KINDS", "STATISTICS", "Covered", "coverage", "coverage_of_all", "table"]

STATISTICS = (
    "throttled_share",
    "lost_calls",
    "hours_to_first_throttle",
    "peak_window_credits",
    "delay_p95_s",
)
_REPLICATIONS = 30
_RETRY = {"first": "30 s", "factor": 2, "max_delay": "1 hour", "max_attempts": 6, "jitter": "full"}


def _free(rate: str, more: dict[str, Any], horizon: str, warmup: str, **client: Any) -> Scenario:
    """Return an org on the free edition, 5,000 credits, with one client."""
    return build(
        [poisson("a", rate, "other", poisson=more, **client)], horizon=horizon, warmup=warmup
    )


KINDS: dict[str, Callable[[], Scenario]] = {
    "steady": lambda: any_limit(
        60, [poisson("a", "55 per day", "one")], horizon="25 days", warmup="5 days"
    ),
    "office hours": lambda: _free("5500 per day", {"profile": "office_hours"}, "14 days", "7 days"),
    "daily variation 40 %": lambda: _free(
        "4200 per day", {"profile": "office_hours", "daily_variation": "40%"}, "14 days", "7 days"
    ),
    "retry storm": lambda: _free(
        "6000 per day",
        {"profile": "office_hours"},
        "10 days",
        "3 days",
        on_throttle={"retry": _RETRY},
    ),
    "rare, 1e-4": lambda: build(
        [poisson("a", "69 per day", "bulk_read")], horizon="11 days", warmup="1 day"
    ),
    "rare and bursty, 1e-3": lambda: _free(
        "2650 per day", {"daily_variation": "30%"}, "11 days", "1 day"
    ),
    "one rare large call": lambda: any_limit(
        400,
        [poisson("a", "318 per day", "one"), poisson("big", "0.02 per day", "fifty")],
        horizon="11 days",
        warmup="1 day",
    ),
}
"""Kinds of demand, from steady to events that most runs never see."""

_EXACT = {"steady": erlang_b(55, 60), "rare, 1e-4": erlang_b(69, 100)}


class Covered(NamedTuple):
    """How often the intervals of a statistic held the truth."""

    kind: str
    statistic: str
    truth: float
    repetitions: int
    held: int
    width: float
    """Median width of the intervals, as a part of the truth."""

    @property
    def share(self) -> float:
        """The coverage."""
        return self.held / self.repetitions

    def is_within(self, low: float, high: float) -> bool:
        """Return whether the coverage may lie in this range, by a test at 1e-4."""
        most = stats.binom.sf(self.held - 1, self.repetitions, high)
        least = stats.binom.cdf(self.held, self.repetitions, low)
        return bool(min(most, least) > 1e-4)


def coverage(kind: str, repetitions: int, first_seed: int = 0) -> Iterator[Covered]:
    """Run a kind again and again; yield how often each statistic's interval held the truth."""
    scenario = KINDS[kind]()
    found: list[pd.DataFrame] = []
    for seed in range(first_seed, first_seed + repetitions):
        result = run(
            scenario,
            engine="compiled",
            replications=_REPLICATIONS,
            seed=seed,
            keep_calls=False,
            examine_start=False,
            workers=1,
        )
        summary = result.summary[result.summary["grain"] == "overall"]
        found.append(summary.set_index("statistic"))
    throttled, calls = (
        sum(float(each.loc[name, "mean"]) for each in found)
        for name in ("throttled_calls", "calls")
    )
    for statistic in STATISTICS:
        rows = pd.DataFrame([each.loc[statistic] for each in found])
        rows = rows.dropna(subset=["ci95_low"])
        finite = rows["mean"][np.isfinite(rows["mean"])]
        if not len(finite) or not finite.any():
            continue
        truth = float(finite.mean())
        if statistic in ("hours_to_first_throttle", "peak_window_credits"):
            truth = float(rows["mean"].median())
        if statistic == "throttled_share":
            truth = _EXACT.get(kind, throttled / calls)
        low, high = rows["ci95_low"], rows["ci95_high"].fillna(math.inf)
        held = (low <= truth * (1 + 1e-9)) & (truth * (1 - 1e-9) <= high)
        width = float((high - low).replace(math.inf, math.nan).median()) / truth
        yield Covered(kind, statistic, truth, len(rows), int(held.sum()), width)


def coverage_of_all(repetitions: int) -> Iterator[Covered]:
    """Run all kinds, on as many cores as there are; yield as `coverage` does, kind after kind."""
    for found in in_processes(partial(_coverage, repetitions), list(KINDS), cores(None)):
        yield from found


def _coverage(repetitions: int, kind: str) -> list[Covered]:
    return list(coverage(kind, repetitions))


def table(repetitions: int) -> Iterator[str]:
    """Yield the lines of the table, as they are found."""
    yield "| demand | statistic | truth | repetitions | coverage | median width / truth |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for each in coverage_of_all(repetitions):
        yield (
            f"| {each.kind} | `{each.statistic}` | {each.truth:.4g} | {each.repetitions:,} | "
            f"{each.share:.1%} | {each.width:.2f} |"
        )


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):
        print(line, flush=True)
