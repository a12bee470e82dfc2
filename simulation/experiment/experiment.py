"""Running a scenario: all its replications on one engine, into tables."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path

import pyarrow as pa

from simulation.demand import Demand, check_workload
from simulation.experiment.intervals import Estimate
from simulation.experiment.options import RunOptions
from simulation.experiment.replications import Progress
from simulation.experiment.replications import replications as replications_of
from simulation.experiment.result import RunResult
from simulation.experiment.saving import calls_in, save
from simulation.experiment.tables import CallWriter, RunTables, concatenate
from simulation.experiment.warmup import Warmup, with_warmup
from simulation.formats import RUN_FILES, OutputFolder, named_path
from simulation.quantities import write_duration
from simulation.scenario import Scenario, as_scenario

__all__ = ["run"]


def run(
    scenario: Scenario | Path | str,
    *,
    engine: str = "simpy",
    replications: int | None = None,
    precision: str | float | None = None,
    max_replications: int | None = None,
    seed: int | None = None,
    interval: str = "1 hour",
    out: Path | str | OutputFolder | None = None,
    force: bool = False,
    keep_calls: bool = True,
    workers: int | None = None,
    examine_start: bool = True,
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
    precision : str or float, optional
        Replications are added, beyond those that the scenario asks for, until half the width of
        the throttled share's interval is at most this part of the share, such as ``5%``.
    max_replications : int, optional
        Replications after which that is given up; 1000 unless given.
    interval : str
        Length of the rows of ``result.intervals``, a duration such as ``15 minutes``.
    out : Path, str or OutputFolder, optional
        A folder for calls, tables, summary and scenario; the calls are written as they come.
        Nothing is there before all is; what was begun with an `OutputFolder` ends with it.
    force : bool
        Whether files in ``out`` that creditsim did not write may be replaced, and work is begun
        for which memory or time will hardly do.
    keep_calls : bool
        Whether ``result.calls`` is wanted; without ``out`` it takes memory.
    workers : int, optional
        How many replications run at once: as many as there are cores unless given. No result
        depends on it.
    examine_start : bool
        Whether pilot runs examine how long the start shows: they choose the warm-up where the
        scenario names none (without them it is one window), and say whether it is enough.
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
    scenario = as_scenario(scenario, replications=replications, seed=seed)
    options = RunOptions.of(
        scenario,
        engine=engine,
        interval=interval,
        precision=precision,
        max_replications=max_replications,
        workers=workers,
    )
    if not force:
        check_workload(
            scenario,
            options.engine,
            options.workers,
            options.interval,
            replications=options.max_replications,
        )
    warmup = None
    if examine_start:
        scenario, warmup = with_warmup(scenario)
    elif scenario.warmup is None:  # so that the scenario that is kept says it, too
        scenario = scenario.changed({"warmup": write_duration(scenario.warmup_end)})
    demand = Demand(scenario)
    replicate = partial(_replicate, demand, options, warmup, progress)

    def write(output: OutputFolder) -> tuple[RunResult, dict[str, str]]:
        with CallWriter(output.part("calls.parquet")) as writer:
            result = replicate(writer.write, output.folder)
            writer.close()
        hashes = save(result, output, "summary.json")
        return replace(result, folder=output.folder), hashes

    if isinstance(out, OutputFolder):
        return write(out)[0]
    if out is not None:
        with OutputFolder(named_path(out, "out"), RUN_FILES, force) as output:
            result, hashes = write(output)
        # Read from the folder that is in place by now, not from the one that was written aside.
        calls = calls_in(output.folder, hashes["calls.parquet"])
        return replace(result, _read_calls=calls)
    if keep_calls:
        kept: list[pa.Table] = []
        result = replicate(kept.append)
        return replace(result, _read_calls=lambda: concatenate(kept).to_pandas(use_threads=False))
    return replicate()


def _replicate(
    demand: Demand,
    options: RunOptions,
    warmup: Warmup | None,
    progress: Progress | None,
    keep: Callable[[pa.Table], None] | None = None,
    aside: Path | None = None,
) -> RunResult:
    """Return the result of as many replications as the scenario and the precision ask for."""
    tables, wanted = RunTables(demand, options.interval), demand.scenario.replications
    while tables.count < wanted:
        every = replications_of(
            demand,
            options.engine,
            options.interval,
            options.workers,
            keep,
            aside,
            progress,
            range(tables.count, wanted),
        )
        with closing(every):  # ends the workers at once where something fails
            for replicated in every:
                tables.add(replicated)
        # Looked at after each round, by the interval that the summary will show.
        share = tables.throttled_share()
        more = _enough(share, options.precision, tables.count) if options.precision else 0
        wanted = max(wanted, min(options.max_replications or wanted, more))
    result = tables.result(options.engine)
    return replace(result, warmup=warmup, _precision=options.precision)


def _enough(share: Estimate[float], precision: float, count: int) -> int:
    """Return how many replications are likely to give a share this precision, of ``count`` so far.

    Intervals narrow with the root of the replications; they are looked at again when those are
    made, at the latest when they have doubled (the confidence interval method of Robinson 2004).
    """
    if not (share.has_interval and share.mean > 0):
        return 2 * count
    half = (share.high - share.low) / 2 / share.mean
    if half <= precision:
        return count
    return min(2 * count, max(count + 1, ceil(count * (half / precision) ** 2)))
