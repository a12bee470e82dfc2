"""Running a scenario: all its replications on one engine, into tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simulation.compiled_model import CompiledModel
from simulation.demand import Demand
from simulation.errors import InputError
from simulation.model import Model
from simulation.quantities import parse_duration
from simulation.records import DayRecords, call_table
from simulation.results import CallWriter, OutputFolder, RunResult, concatenate
from simulation.scenario import Scenario, as_scenario
from simulation.statistics import ReplicationStatistics
from simulation.usage import Intervals
from simulation.workers import ahead, cores

__all__ = ["ENGINES", "run"]

ENGINES: dict[str, type[Model] | type[CompiledModel]] = {"simpy": Model, "compiled": CompiledModel}
"""The reference, and the same simulation, call for call, at the speed of planning."""

_MOST_INTERVALS = 2_000_000

Progress = Callable[[int, int], None]


def run(
    scenario: Scenario | Path | str,
    *,
    engine: str = "simpy",
    replications: int | None = None,
    seed: int | None = None,
    interval: str = "1 hour",
    out: Path | str | None = None,
    keep_calls: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> RunResult:
    """Simulate a scenario and return its throttling statistics.

    Parameters
    ----------
    scenario : Scenario, Path or str
        A scenario, or the path of its file.
    engine : str
        ``simpy``, the reference, or ``compiled``; the results are the same.
    replications, seed : int, optional
        In place of the scenario's own.
    interval : str
        Length of the rows of ``result.intervals``, a duration such as ``15 minutes``.
    out : Path or str, optional
        A folder for calls, tables, summary and scenario; the calls are written as they come.
    keep_calls : bool
        Whether ``result.calls`` is wanted; without ``out`` it takes memory.
    workers : int, optional
        Threads that the compiled engine uses, at most two; unless given as many as there are
        cores. No result depends on it.
    progress : callable, optional
        Called with the days simulated and the days in all.

    Raises
    ------
    InputError
        If the scenario or an argument is wrong, or ``out`` cannot be written.

    Examples
    --------
    >>> result = run(Scenario.model_validate({
    ...     "name": "Burst", "org": {"edition": "free"}, "start": "2026-01-05",
    ...     "horizon": "2 days", "warmup": 0, "replications": 1,
    ...     "clients": [{
    ...         "name": "loader", "calls": [{"api": "bulk_write"}],
    ...         "arrivals": {"schedule": {"at": "09:00", "calls": 12}},
    ...     }],
    ... }))
    >>> result.calls["outcome"].tolist().count("lost")
    4
    >>> result.to_dict()["overall"]["throttled_share"]["mean"]
    0.16666666666666666
    """
    if engine not in ENGINES:
        known = " or ".join(ENGINES)
        raise InputError(f"engine {engine!r} is unknown, use {known}")
    scenario = as_scenario(scenario, replications=replications, seed=seed)
    length = _interval(interval, scenario)
    demand = Demand(scenario)
    simulate = partial(_simulate, demand, engine, cores(workers))

    if out is not None:
        folder = Path(out)
        with OutputFolder(folder) as output, CallWriter(output.part("calls.parquet")) as writer:
            result = _replicate(demand, engine, simulate, length, writer.write, progress)
            writer.close()
            output.save(result, "summary.json")
        read = partial(_read, folder / "calls.parquet")
        return replace(result, folder=folder, _read_calls=read)
    if keep_calls:
        kept: list[pa.Table] = []
        result = _replicate(demand, engine, simulate, length, kept.append, progress)
        return replace(result, _read_calls=lambda: concatenate(kept).to_pandas())
    return _replicate(demand, engine, simulate, length, None, progress)


def _replicate(
    demand: Demand,
    engine: str,
    simulate: Callable[[int], Iterator[DayRecords]],
    length: int,
    keep: Callable[[pa.Table], None] | None,
    progress: Progress | None,
) -> RunResult:
    """Run every replication; hand each day's settled calls to ``keep``."""
    scenario, tables = demand.scenario, _Tables(demand)
    days = scenario.replications * demand.days
    for replication in range(scenario.replications):
        statistics = ReplicationStatistics(demand, Intervals(demand, length))
        for day in simulate(replication):
            statistics.add(day)
            if keep is not None:
                keep(call_table(day.settled, demand, replication))
            if progress is not None:
                progress(replication * demand.days + day.day + 1, days)
        tables.add(replication, statistics)
    return tables.result(scenario, engine)


def _read(file: Path) -> pd.DataFrame:
    return pq.read_table(file).to_pandas()


def _simulate(demand: Demand, engine: str, workers: int, replication: int) -> Iterator[DayRecords]:
    """Run one replication; yield what each local day leaves behind."""
    days = ENGINES[engine](demand.scenario, replication, demand).run()
    return ahead(days) if engine == "compiled" and workers > 1 else days


def _interval(text: str, scenario: Scenario) -> int:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise InputError(f"interval {error}") from None
    if length <= 0 or scenario.horizon // length > _MOST_INTERVALS:
        raise InputError(f"interval {text!r} makes too many rows, write a longer one")
    return length


class _Tables:
    """The tables of a result, filled replication by replication."""

    def __init__(self, demand: Demand) -> None:
        self._demand = demand
        self._epoch = demand.scenario.clock.start_epoch
        self._rows: dict[str, list[dict[str, object]]] = {
            "overall": [],
            "client": [],
            "category": [],
        }
        self._intervals: list[pd.DataFrame] = []
        self._alerts: list[dict[str, int]] = []

    def add(self, replication: int, statistics: ReplicationStatistics) -> None:
        for group, values in zip(statistics.groups, statistics.finish(), strict=True):
            name = {} if group.grain == "overall" else {group.grain: group.name}
            self._rows[group.grain].append({"replication": replication, **name, **values})
        intervals = statistics.intervals
        starts = np.arange(intervals.count, dtype=np.int64) * intervals.length
        frame = {"replication": replication, "start_at": self._instants(starts)}
        self._intervals.append(pd.DataFrame({**frame, **intervals.columns}))
        for crossing in statistics.usage.crossings:
            self._alerts.append({"replication": replication, **vars(crossing)})

    def result(self, scenario: Scenario, engine: str) -> RunResult:
        runs, clients, categories = (pd.DataFrame(rows) for rows in self._rows.values())
        columns = ["replication", "level_percent", "day", "moment"]
        alerts = pd.DataFrame(self._alerts, columns=columns).astype("int64")
        alerts["crossed_at"] = self._instants(alerts.pop("moment").to_numpy())
        return RunResult(
            scenario,
            engine,
            runs,
            clients,
            categories,
            pd.concat(self._intervals, ignore_index=True),
            alerts,
        )

    def _instants(self, moments: np.ndarray) -> pd.DatetimeIndex:
        epoch = (moments + self._epoch).astype("datetime64[us]")
        return pd.DatetimeIndex(epoch, tz="UTC")
