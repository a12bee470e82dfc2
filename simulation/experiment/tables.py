"""The tables of a run, filled replication by replication: calls, intervals, statistics, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simulation.demand import Calls, Demand
from simulation.engine import OUTCOMES, CallRecords
from simulation.experiment.by_meter import meter_rows, summarise_meters
from simulation.experiment.groups import groups_of
from simulation.experiment.intervals import Estimate
from simulation.experiment.result import RunResult
from simulation.experiment.statistics import Late
from simulation.experiment.summary import summarise, throttled_share, unseen_of
from simulation.experiment.usage import Crossing

__all__ = ["CallWriter", "Replicated", "RunTables", "call_table"]


class Replicated(NamedTuple):
    """What the tables of a result need of one replication."""

    values: list[dict[str, float]]
    """The statistics of each group, in the order of `simulation.experiment.groups.groups_of`."""
    intervals: dict[str, NDArray[np.int64]]
    """Those of `simulation.experiment.usage.Intervals`."""
    crossings: list[Crossing]
    late: Late
    meters: tuple[list[int], list[float]]
    """Calls that each meter throttled first, and the most used of each."""


_ROWS_PER_GROUP = 2**17


class CallWriter:
    """The file ``calls.parquet``, written as the calls come, in row groups of one size."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("wb")
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def write(self, calls: pa.Table) -> None:
        """Take more calls; write whole row groups."""
        # Groups of one size, however the calls come, so that the file is the same to the byte.
        self._waiting.append(calls)
        if sum(map(len, self._waiting)) >= _ROWS_PER_GROUP:
            calls = self._joined()
            whole = len(calls) // _ROWS_PER_GROUP * _ROWS_PER_GROUP
            self._write(calls.slice(0, whole))
            self._waiting = [calls.slice(whole)]

    def close(self) -> None:
        """Write what is left, and end the file."""
        self._write(self._joined())
        assert self._writer is not None
        self._writer.close()
        self._file.close()

    def __enter__(self) -> CallWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # after a failure, let go of a file that is about to go
            if self._writer is not None:
                self._writer.close()
        with suppress(OSError):
            self._file.close()

    def _joined(self) -> pa.Table:
        return concatenate(self._waiting)

    def _write(self, calls: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, calls.schema, compression="zstd")
        self._writer.write_table(calls, row_group_size=_ROWS_PER_GROUP)


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables of one schema joined, one after the other."""
    return pa.concat_tables(tables).combine_chunks()


class RunTables:
    """The tables of a result, filled replication by replication."""

    def __init__(self, demand: Demand, length: int) -> None:
        self._demand, self._scenario, self._length = demand, demand.scenario, length
        self._groups = groups_of(demand)
        self._rows: dict[str, list[dict[str, object]]] = {
            "overall": [],
            "client": [],
            "category": [],
        }
        self._intervals: list[pd.DataFrame] = []
        self._alerts: list[dict[str, int]] = []
        self._late: list[Late] = []
        self._meters: list[dict[str, object]] = []

    def add(self, replicated: Replicated) -> None:
        """Take in the next replication."""
        replication = len(self._intervals)
        for group, values in zip(self._groups, replicated.values, strict=True):
            name = {} if group.grain == "overall" else {group.grain: group.name}
            self._rows[group.grain].append({"replication": replication, **name, **values})
        # A frame for each replication, joined at the end: appending to one copies it each time.
        count = len(replicated.intervals["calls"])
        starts = np.arange(count, dtype=np.int64) * self._length
        frame = {"replication": replication, "start_at": self._instants(starts)}
        card = self._scenario.card
        sums = {
            name: card.in_credits(column) if name.startswith("credits_") else column
            for name, column in replicated.intervals.items()
        }
        self._intervals.append(pd.DataFrame({**frame, **sums}))
        self._late.append(replicated.late)
        calls = replicated.values[0]["calls"]
        self._meters += meter_rows(self._scenario, replication, calls, *replicated.meters)
        for crossing in replicated.crossings:
            self._alerts.append({"replication": replication, **vars(crossing)})

    @property
    def count(self) -> int:
        """How many replications are in it."""
        return len(self._late)

    def throttled_share(self) -> Estimate[float]:
        """Return the throttled share by the replications so far, as the summary will have it."""
        unit = self._scenario.card.smallest_unit
        return throttled_share(pd.DataFrame(self._rows["overall"]), unit)

    def result(self, engine: str) -> RunResult:
        """Return the result of the replications taken in so far."""
        tables = {grain: pd.DataFrame(rows) for grain, rows in self._rows.items()}
        certain = not self._demand.is_random
        summary = summarise(self._scenario, self._groups, tables, self._late, certain)
        columns = ["replication", "level_percent", "day", "moment"]
        alerts = pd.DataFrame(self._alerts, columns=columns).astype("int64")
        alerts["crossed_at"] = self._instants(alerts.pop("moment").to_numpy())
        meter_runs = pd.DataFrame(self._meters)
        overall = tables["overall"]
        meters = summarise_meters(
            self._scenario,
            meter_runs,
            overall["calls"].to_numpy(),
            certain,
            unseen_of(overall, self._scenario.card.smallest_unit),
        )
        intervals = pd.concat(self._intervals, ignore_index=True)
        # A run to a precision may have added some: the scenario that is kept repeats it without.
        scenario = self._scenario
        if self.count != scenario.replications:
            scenario = scenario.changed({"replications": self.count})
        return RunResult(
            scenario=scenario,
            engine=engine,
            runs=tables["overall"],
            client_runs=tables["client"],
            category_runs=tables["category"],
            meter_runs=meter_runs,
            meters=meters,
            intervals=intervals,
            alerts=alerts,
            summary=summary,
        )

    def _instants(self, moments: np.ndarray) -> pd.DatetimeIndex:
        epoch = (moments + self._scenario.clock.start_epoch).astype("datetime64[us]")
        return pd.DatetimeIndex(epoch, tz="UTC")


def call_table(records: CallRecords, demand: Demand, replication: int) -> pa.Table:
    """Return calls and outcomes as an Arrow table: the columns of ``calls.parquet``.

    Times are µs in UTC; ``settled_at`` is null where a call is unfinished, ``duration_us``
    where no call lasts.
    """
    calls, scenario = records.calls, demand.scenario
    epoch = scenario.clock.start_epoch
    instant = pa.timestamp("us", tz="UTC")
    categories = list(dict.fromkeys(map(scenario.category, demand.apis)))
    category = np.array([categories.index(scenario.category(a)) for a in demand.apis], np.int32)

    def named(codes: NDArray[np.int32], names: Sequence[str]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))

    return pa.table(
        {
            "replication": pa.array(np.full(len(records), replication, np.int32)),
            "client": named(calls.client, [client.name for client in scenario.clients]),
            "call": pa.array(calls.call),
            "api": named(calls.api, demand.apis),
            "category": named(category[calls.api], categories),
            "records": pa.array(calls.records),
            "credits": pa.array(scenario.card.in_credits(calls.credits)),
            "submitted_at": pa.array(calls.time + epoch).cast(instant),
            "attempts": pa.array(records.attempts),
            "throttled_attempts": pa.array(records.throttled_attempts),
            "outcome": named(records.outcome.astype(np.int32), OUTCOMES),
            "settled_at": pa.array(records.settled_at + epoch, mask=records.settled_at < 0).cast(
                instant
            ),
            "duration_us": _durations(calls),
            # "" where no attempt was throttled: the code -1 of the records is the first name.
            "throttled_by": named(
                records.throttled_by.astype(np.int32) + np.int32(1),
                ["", *(meter.name for meter in scenario.card.meters)],
            ),
            "held_back_attempts": pa.array(records.held_back),
        }
    )


def _durations(calls: Calls) -> pa.Array:
    """Return durations as a column; null where no call lasts."""
    if calls.duration is None:
        return pa.nulls(len(calls), pa.int64())
    return pa.array(calls.duration)
