"""What a worker does for an org: plan, name who asks for most credits, draw the page."""

from __future__ import annotations

import errno
import os
import traceback
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from simulation.errors import in_a_line
from simulation.experiment import files_of, with_tables
from simulation.plain_text import encodable
from simulation.planning import PlanOptions
from simulation.scenario import Scenario
from simulation.version import __version__

if TYPE_CHECKING:
    from simulation.planning import Plan

__all__ = ["PLOTLY", "REPORT", "Job", "Outcome", "do_job", "versions"]

PLOTLY = "plotly.min.js"
"""The script that all reports of a batch share."""

REPORT = "report.html"
"""The page of an org, beside its plan."""

_SUMMARY = "plan.json"


class Job(NamedTuple):
    """An org to plan for, with all that a worker on another machine needs."""

    scenario: Scenario
    options: PlanOptions
    report: bool
    yaml: str
    """The text of the scenario that is kept beside its result."""
    versions: str
    planned: dict[str, bytes] | None = None
    """The files of an earlier plan, where only the report is to be drawn."""
    scratch: str | None = None
    """The folder for temporary files; the system's own on another machine."""


class Outcome(NamedTuple):
    """What came of a job: files, and rows of the tables, or what went wrong."""

    files: dict[str, bytes]
    row: dict[str, Any]
    alternatives: list[dict[str, Any]]
    error: str
    seconds: float
    trouble: str = ""
    """What the worker's machine lacked, where the org is not to blame."""
    of_disk: bool = False
    """Whether it lacked room on the disk that it writes to, or that disk is broken."""


def versions() -> str:
    """Return the versions of creditsim and of NumPy, whose random streams decide results too."""
    import numpy as np

    return f"creditsim {__version__}, numpy {np.__version__}"


_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS}
_MEMORY = {errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN}


def _trouble(error: BaseException | None) -> tuple[str, bool]:
    """Return what the machine lacked if that caused an error, and whether it was the disk."""
    while error is not None:
        if isinstance(error, MemoryError):
            return "out of memory", False
        if isinstance(error, OSError) and error.errno in _DISK | _MEMORY:
            return os.strerror(error.errno).lower(), error.errno in _DISK
        if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
            return "no more threads", False
        error = error.__cause__ or error.__context__
    return "", False


def do_job(job: Job) -> Outcome:
    """Return what came of planning for an org; an exception is part of it, and never raised."""
    begun = perf_counter()
    files: dict[str, bytes] = {}
    row: dict[str, Any] = {}
    alternatives: list[dict[str, Any]] = []
    error, trouble, of_disk = "", "", False
    if (here := versions()) != job.versions:
        other = f"this worker has {here}, install {job.versions} on it"
        return Outcome({}, {}, [], other, 0.0, other)
    try:
        if job.planned is None:
            files, row, alternatives = _plan(job)
        else:
            files = _draw_kept(job, job.planned)
        files = dict(sorted(files.items()))
    except Exception as caught:
        error = in_a_line(caught)
        trouble, of_disk = _trouble(caught)
        files = {"error.txt": encodable(traceback.format_exc()).encode()}
    seconds = perf_counter() - begun
    return Outcome(files, row, alternatives, error, seconds, trouble, of_disk)


def _plan(job: Job) -> tuple[dict[str, bytes], dict[str, Any], list[dict[str, Any]]]:
    """Return the files of a plan for an org, with its page if one is wanted, and its rows."""
    from simulation.batch.rows import alternative_rows, row_of
    from simulation.demand import Demand
    from simulation.planning import biggest_cause, plan_with

    result = plan_with(job.scenario, job.options)
    if not job.report:  # which alone shows it
        result = replace(result, over_time=None)
    files = files_of(result, _SUMMARY, job.yaml)
    if job.report:
        files[REPORT] = _page(job, result)
    cause = biggest_cause(Demand(job.scenario), result.replications)
    return files, row_of(result, cause), alternative_rows(result)


def _draw_kept(job: Job, files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files of a plan that was made before, with its page and what that shows."""
    from simulation.planning import load_plan, over_time_of

    with TemporaryDirectory(dir=job.scratch) as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        result = load_plan(Path(folder), job.scenario)
    if result.over_time is None:
        over_time = over_time_of(result)
        result = replace(result, over_time=over_time)
        files = with_tables(files, _SUMMARY, over_time.tables())
    return {**files, REPORT: _page(job, result)}


def _page(job: Job, result: Plan) -> bytes:
    from simulation.report import report

    return report(result, yaml=job.yaml, plotly=f"../../{PLOTLY}").encode()
