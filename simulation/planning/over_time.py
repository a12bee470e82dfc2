"""What pictures of a plan show over time: several sizes, and the org as it is, simulated once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import pandas as pd

from simulation.demand import Demand
from simulation.engine import sweep, watch
from simulation.experiment import RunResult, run, timeline_of, weekly
from simulation.quantities import HOUR
from simulation.scenario import Scenario

__all__ = ["OverTime", "sizes_to_compare"]

# Pictures are read by eye: with 30 replications a median and a band of nine of ten stand still
# enough, and a page has a dozen sizes to simulate. No figure of the advice comes from them.
_MOST_REPLICATIONS = 30
_MOST_CALLS = 40_000_000  # a fifth of the calls after which a search ends


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
    # A sweep of no pools simulates none, and still tells how large a pool would throttle no call.
    everyone = np.ones(len(scenario.clients), bool)
    enough = sweep(Demand(scenario), 0, np.empty(0, np.int64), everyone).enough
    short = limits * scenario.card.pool_parts(1) < enough
    shown = sizes[: int(short.sum()) + 1]
    indices = np.linspace(0, len(shown) - 1, min(most, len(shown))).round().astype(int)
    return sorted({*shown[indices].tolist(), *named, scenario.org.addon_credits})


class OverTime:
    """The pool over time with several add-on sizes, and the org as it is now.

    All sizes are simulated at once, on the same demand, when one is first asked for; what is read
    back from files is never simulated. At most 30 replications are simulated, and as many as make
    40 million calls; never fewer than two of a scenario that has two.

    Parameters
    ----------
    scenario : Scenario
    named : sequence of int
        Add-on sizes to be among those compared.
    """

    def __init__(self, scenario: Scenario, named: Sequence[int] = ()) -> None:
        self._scenario, self._named = scenario, named
        self._timelines: dict[int, pd.DataFrame] = {}
        self._of_now: tuple[RunResult, pd.DataFrame] | None = None

    @classmethod
    def of_tables(cls, scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> OverTime:
        """Return what `tables` gave, with nothing left to simulate."""
        # Values that are set take the place of cached properties, which are never computed then.
        kept, timelines = cls(scenario), tables["timelines.parquet"]
        kept._timelines = {
            int(size): rows.drop(columns=["addon_credits", "replications"]).reset_index(drop=True)
            for size, rows in timelines.groupby("addon_credits")
        }
        kept.sizes = sorted(kept._timelines)
        kept.replications = int(timelines["replications"].iloc[0])
        hours = tables["now_hours.parquet"].pivot(index="weekday", columns="hour")
        its_hours = hours["mean_throttled_attempts"].rename_axis(index=None, columns=None)
        runs = tables["now_runs.parquet"]
        overall, clients, categories = (
            runs[runs["grain"] == grain]
            .rename(columns={"name": grain})
            .drop(columns="grain")
            .reset_index(drop=True)
            for grain in ("overall", "client", "category")
        )
        now = RunResult(
            scenario=_with(scenario, scenario.org.addon_credits, len(overall)),
            engine="compiled",
            runs=overall.drop(columns="overall"),
            client_runs=clients,
            category_runs=categories,
            meter_runs=_NOTHING[0],
            meters=tables["now_meters.parquet"],
            intervals=_NOTHING[0],
            alerts=_NOTHING[1],
            summary=tables["now_summary.parquet"],
        )
        kept._of_now = now, its_hours
        return kept

    @cached_property
    def sizes(self) -> list[int]:
        """The sizes compared, rising: from none to one that throttles no call."""
        return sizes_to_compare(self._scenario, self._named)

    @cached_property
    def replications(self) -> int:
        """How many replications each timeline is of."""
        return self._affordable(len(self.sizes))

    @property
    def to_simulate(self) -> int:
        """How many replications `simulate` simulates."""
        return self.replications + self._affordable(1)

    @property
    def now(self) -> RunResult:
        """The org with the add-on credits that it has; without intervals and alerts.

        The words on it need more replications than a picture of one size of many: as many as can
        be afforded for one size.
        """
        return self._simulate_now()[0]

    @property
    def hours(self) -> pd.DataFrame:
        """Its throttled attempts by weekday and hour: `simulation.experiment.weekly`."""
        return self._simulate_now()[1]

    def timeline(self, size: int) -> pd.DataFrame:
        """Return a size's `simulation.experiment.timeline`, in whole credits."""
        self._watch()
        return self._timelines[size]

    def simulate(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Simulate what is not simulated yet.

        Parameters
        ----------
        progress : callable, optional
            Called with the replications that are done and all of them: those of all sizes, then
            those of the org as it is.
        """
        self._watch(progress)
        self._simulate_now(progress)

    def _watch(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Look at the pool over time with each of the sizes."""
        if self._timelines:
            return
        card = self._scenario.card
        limits = np.array([self._scenario.offer.limit(size) for size in self.sizes], np.int64)
        limits *= card.pool_parts(1)
        watched = []
        for replication in range(self.replications):
            watched.append(watch(self._demand, replication, limits, HOUR))
            if progress is not None:
                progress(replication + 1, self.to_simulate)
        available, throttled = (np.stack(columns, axis=1) for columns in zip(*watched, strict=True))
        available = card.of_pool(available)
        self._timelines = {
            size: _whole(timeline_of(self._scenario, HOUR, *columns))
            for size, *columns in zip(self.sizes, available, throttled, strict=True)
        }

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables that are written beside a plan, by file name."""
        compared = [
            self.timeline(size).assign(addon_credits=size, replications=self.replications)
            for size in self.sizes
        ]
        first = ["addon_credits", "replications"]
        timelines = pd.concat(compared, ignore_index=True)
        runs = pd.concat(
            [
                self.now.runs.assign(grain="overall", name=""),
                self.now.client_runs.assign(grain="client").rename(columns={"client": "name"}),
                self.now.category_runs.assign(grain="category").rename(
                    columns={"category": "name"}
                ),
            ],
            ignore_index=True,
        )
        groups = ["replication", "grain", "name"]
        hours = self.hours.rename_axis(index="weekday", columns="hour").stack(future_stack=True)
        return {
            "timelines.parquet": timelines[[*first, *timelines.columns.drop(first)]],
            "now_runs.parquet": runs[[*groups, *runs.columns.drop(groups)]],
            "now_summary.parquet": self.now.summary,
            "now_meters.parquet": self.now.meters,
            "now_hours.parquet": hours.rename("mean_throttled_attempts").reset_index(),
        }

    def _simulate_now(
        self, progress: Callable[[int, int], None] | None = None
    ) -> tuple[RunResult, pd.DataFrame]:
        """Return the org as it is, and its week."""
        if self._of_now is None:
            # Words and figures on the org need more replications than a picture.
            count, days = self._affordable(1), self._demand.days

            def advance(done: int, _: int) -> None:
                if progress is not None and done % days == 0:
                    progress(self.replications + done // days, self.to_simulate)

            result = run(
                _with(self._scenario, self._scenario.org.addon_credits, count),
                engine="compiled",
                keep_calls=False,
                examine_start=False,
                progress=advance,
            )
            intervals, alerts = _NOTHING
            kept = replace(result, intervals=intervals, alerts=alerts, meter_runs=intervals)
            self._of_now = kept, weekly(result)
        return self._of_now

    @cached_property
    def _demand(self) -> Demand:
        return Demand(self._scenario)

    def _affordable(self, sizes: int) -> int:
        """Return how many replications are simulated of each size, for a number of sizes."""
        demand = self._demand
        # The busiest day on all days is too many rather than too few. One replication would have no
        # band, so two are made whatever they cost.
        calls = max(1, demand.busiest_day * demand.days * sizes)
        most = max(2, min(_MOST_REPLICATIONS, _MOST_CALLS // calls))
        return min(self._scenario.replications, most)


_NOTHING = (pd.DataFrame(), pd.DataFrame())
"""The intervals and alerts of a run of which a plan keeps none."""


def _with(scenario: Scenario, size: int, replications: int) -> Scenario:
    """Return a scenario with a number of add-on credits and of replications."""
    return scenario.changed(
        {"org.addon_credits": size, "alternatives": [], "replications": replications}
    )


def _whole(line: pd.DataFrame) -> pd.DataFrame:
    """Return a timeline in whole credits: no picture shows parts of them."""
    return line.assign(
        **{name: line[name].round().astype(np.int64) for name in ("low", "median", "high")}
    )
