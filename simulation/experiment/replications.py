"""All replications of a run, one after the other or in several processes; the same either way."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import pyarrow as pa

from simulation.demand import Demand, demands_of
from simulation.engine import CompiledModel, DayRecords, Engine, Model
from simulation.experiment.statistics import ReplicationStatistics
from simulation.experiment.tables import Replicated, call_table
from simulation.experiment.usage import Intervals
from simulation.experiment.workers import (
    BUSY_DAY,
    ahead,
    in_processes,
    processes_are_kept,
)

__all__ = ["ENGINES", "replicate", "replications", "seconds_for"]

ENGINES: dict[str, type[Engine]] = {"simpy": Model, "compiled": CompiledModel}
"""The reference, and the same simulation, call for call, at the speed of planning."""

_WORTH_PROCESSES_S = 4.0  # of work: processes take a second to start …
_WORTH_KEPT_ONES_S = 0.3  # … where none are there from work before

Keep = Callable[[pa.Table], None]
Progress = Callable[[int, int], None]


def replicate(
    demand: Demand,
    engine: str,
    length: int,
    replication: int,
    keep: Keep | None = None,
    advance: Callable[[int], None] | None = None,
    workers: int = 1,
) -> Replicated:
    """Return one replication, run here; the calls that each day settles go to ``keep``.

    Parameters
    ----------
    engine : str
        One of `ENGINES`.
    length : int
        Length of an interval, µs.
    advance : callable, optional
        Called with each day simulated.
    workers : int
        With more than one the compiled engine runs a day ahead of the statistics.
    """
    statistics = ReplicationStatistics(demand, Intervals(demand, length))
    days = ENGINES[engine](demand.scenario, replication, demand).run()
    if engine == "compiled" and workers > 1 and demand.busiest_day > BUSY_DAY:
        days = ahead(days)
    for day in days:
        statistics.add(day)
        if keep is not None:
            keep(call_table(day.settled, demand, replication))
        if advance is not None:
            advance(day.day)
    return Replicated(
        statistics.finish(),
        statistics.intervals.columns,
        statistics.usage.crossings,
        statistics.late(),
        statistics.by_meter(),
    )


class _Task(NamedTuple):
    """A replication to be run elsewhere, and where its calls go."""

    scenario: bytes
    engine: str
    length: int
    replication: int
    file: str | None


def _replicate_elsewhere(task: _Task) -> Replicated:
    run = partial(
        replicate, demands_of(task.scenario)[0], task.engine, task.length, task.replication
    )
    path = task.file
    if path is None:
        return run()
    with ExitStack() as stack:
        writer: pa.RecordBatchStreamWriter | None = None

        def keep(calls: pa.Table) -> None:
            nonlocal writer
            if writer is None:
                file = stack.enter_context(Path(path).open("wb"))
                writer = stack.enter_context(pa.ipc.new_stream(file, calls.schema))
            writer.write_table(calls)

        return run(keep)


def replications(
    demand: Demand,
    engine: str,
    length: int,
    workers: int,
    keep: Keep | None,
    folder: Path | None,
    progress: Progress | None,
    numbers: range | None = None,
) -> Generator[Replicated, None, None]:
    """Yield replications of a scenario in order as they are run, all that it asks for unless given.

    The first runs here. Where it took long, the others run in processes, and what they would
    hand to ``keep`` waits in files in ``folder``, or where temporary files go.
    """
    scenario = demand.scenario
    numbers = range(scenario.replications) if numbers is None else numbers
    count, days = len(numbers), demand.days

    def advance(replication: int, day: int) -> None:
        if progress is not None:
            progress(replication * days + day + 1, numbers.stop * days)

    def here(replication: int) -> Replicated:
        noted = partial(advance, replication)
        return replicate(demand, engine, length, replication, keep, noted, workers)

    # The first is measured, since only that says whether processes are worth their start.
    begun = perf_counter()
    yield here(numbers[0])
    left = (perf_counter() - begun) * (count - 1)
    worth = _WORTH_KEPT_ONES_S if processes_are_kept() else _WORTH_PROCESSES_S
    if workers == 1 or count <= 2 or left <= worth:
        yield from map(here, numbers[1:])
        return
    with TemporaryDirectory(dir=folder, prefix=".calls-") as aside:
        # Pickled once: these bytes are the key by which a worker finds a demand that it has made.
        pickled = pickle.dumps((scenario,))
        elsewhere = numbers[1:]
        files = [None if keep is None else f"{aside}/{n}.arrow" for n in elsewhere]
        tasks = [
            _Task(pickled, engine, length, n, file)
            for n, file in zip(elsewhere, files, strict=True)
        ]
        with closing(in_processes(_replicate_elsewhere, tasks, workers)) as done:
            for task, replicated in zip(tasks, done, strict=True):
                if keep is not None and task.file is not None:
                    with Path(task.file).open("rb") as file, pa.ipc.open_stream(file) as batches:
                        for batch in batches:
                            keep(pa.Table.from_batches([batch]))
                    Path(task.file).unlink()  # at once: all of them may not fit on the disk
                advance(task.replication, days - 1)
                yield replicated


def seconds_for(demand: Demand, engine: str, days: int) -> float:
    """Return how long an engine takes for the first days of a run, statistics included."""

    def simulate(some: int) -> Iterator[DayRecords]:
        return islice(ENGINES[engine](demand.scenario, 0, demand).run(), some)

    list(simulate(1))  # loads or compiles what is needed
    statistics = ReplicationStatistics(demand, Intervals(demand))
    begun = perf_counter()
    for day in simulate(days):
        statistics.add(day)
    return perf_counter() - begun
