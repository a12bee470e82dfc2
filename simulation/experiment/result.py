"""The result of a run: tables at four grains, their summary, and the files of ``--out``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from simulation.errors import InputError
from simulation.experiment.intervals import CONFIDENCE, Estimate
from simulation.experiment.methods import run_methods
from simulation.experiment.summary import ESTIMATORS
from simulation.experiment.warmup import Warmup
from simulation.formats import did_you_mean
from simulation.scenario import Scenario

__all__ = ["RunResult"]

JsonInterval = dict[str, Any]


@dataclass(kw_only=True)
class RunResult:
    """What a run of a scenario gives.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    engine : str
        Which engine simulated it.
    runs : DataFrame
        A row for each replication: ``replication`` and the statistics.
    client_runs, category_runs : DataFrame
        A row for each replication and ``client``, or ``category``: the same statistics.
    meter_runs : DataFrame
        A row for each replication and ``meter`` of the card: the calls that it throttled first,
        their share of all calls, the most used at once, and its share of the size.
    meters : DataFrame
        A row for each ``meter`` and statistic of ``meter_runs``: the estimate and its interval.
    intervals : DataFrame
        A row for each replication and interval (an hour unless asked otherwise): ``start_at``,
        calls and credits demanded, credits used, credits available at the end, and throttled
        attempts, in all and by category.
    alerts : DataFrame
        A row for each time that usage rose to 50, 80, 90 or 100 % of the limit, the first of
        a local day: ``replication, level_percent, day, crossed_at``.
    summary : DataFrame
        A row for each grain, name and statistic: ``mean``, the estimate that
        `simulation.experiment.summary.ESTIMATORS` names, and its 95 % interval, ``ci95_low`` to
        ``ci95_high``; inf where it lies beyond the horizon.
    warmup : Warmup or None
        The warm-up, and whether the start still shows after it; None if that was not examined.
    """

    scenario: Scenario
    engine: str
    runs: pd.DataFrame
    client_runs: pd.DataFrame
    category_runs: pd.DataFrame
    meter_runs: pd.DataFrame
    meters: pd.DataFrame
    intervals: pd.DataFrame
    alerts: pd.DataFrame
    summary: pd.DataFrame
    warmup: Warmup | None = None
    folder: Path | None = None
    _read_calls: Callable[[], pd.DataFrame] | None = field(default=None, repr=False)
    _precision: float = field(default=0.0, repr=False)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """A row for each submitted call, warm-up included; read when first asked for.

        Raises
        ------
        LookupError
            If the run was asked not to keep them.
        """
        if self._read_calls is None:
            raise LookupError("this run kept no calls: run with keep_calls=True, or with out=...")
        return self._read_calls()

    def estimate(self, statistic: str, grain: str = "overall", name: str = "") -> Estimate[float]:
        """Return one statistic with its interval.

        Parameters
        ----------
        statistic : str
            One of the statistics, such as ``lost_calls``.
        grain, name : str
            ``overall``, or ``client`` or ``category`` with its name.

        Raises
        ------
        InputError
            If there is no such statistic, grain or name.
        """
        rows = self.summary
        for column, wanted in (("grain", grain), ("name", name), ("statistic", statistic)):
            known = dict.fromkeys(rows[column])
            if wanted not in known:
                right = f"{did_you_mean(wanted, known)}name one of: {', '.join(known)}"
                right = right if any(known) else "leave it out"
                raise InputError(f"{wanted!r} is no {column} of this result, {right}")
            rows = rows[rows[column] == wanted]
        row = rows.iloc[0]
        return Estimate.from_row(row, "mean", "ci95")

    def estimates(self, grain: str) -> pd.DataFrame:
        """Return the estimates of a grain, a row for each name, a column for each statistic."""
        rows = self.summary[self.summary["grain"] == grain]
        names, statistics = (list(dict.fromkeys(rows[key])) for key in ("name", "statistic"))
        table = rows.pivot(index="name", columns="statistic", values="mean")
        return table.loc[names, statistics]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as ``creditsim run --json`` prints it.

        Null stands where there is none, or where it lies beyond what was simulated.
        """
        scenario = self.scenario
        result: dict[str, Any] = {
            "scenario": scenario.name,
            "rate_card": scenario.card.name,
            "engine": self.engine,
            "limit": scenario.limit,
            "replications": scenario.replications,
            "seed": scenario.seed,
            "warmup": None if self.warmup is None else self.warmup.to_dict(),
            "confidence": CONFIDENCE,
            "estimators": ESTIMATORS,
            "overall": {},
            "clients": {},
            "categories": {},
            "limits": {},
        }
        homes = {"client": result["clients"], "category": result["categories"]}
        for row in self.summary.to_dict("records"):
            home = homes.get(row["grain"])
            found = result["overall"] if home is None else home.setdefault(row["name"], {})
            found[row["statistic"]] = Estimate.from_row(row, "mean", "ci95").to_dict()
        for row in self.meters.to_dict("records"):
            found = result["limits"].setdefault(row["meter"], {})
            found[row["statistic"]] = Estimate.from_row(row, "mean", "ci95").to_dict()
        return result

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables that are written beside the calls, by file name."""
        return {
            "intervals.parquet": self.intervals,
            "runs.parquet": self.runs,
            "client_runs.parquet": self.client_runs,
            "category_runs.parquet": self.category_runs,
            "meter_runs.parquet": self.meter_runs,
            "meters.parquet": self.meters,
            "alerts.parquet": self.alerts,
            "summary.parquet": self.summary,
        }

    def methods(self) -> Mapping[str, str]:
        """Return how its figures were made, for a report on them, by file name."""
        text = run_methods(self.scenario, self.warmup, self.engine, self._precision)
        return {"run_methods.md": text}
