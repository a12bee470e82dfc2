"""Planning for many orgs: resumable, on this machine or a cluster, the same to the byte.

Workers plan, this process alone keeps. Tables are made last, in the order of the orgs.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Literal, NamedTuple

from simulation.batch.executors import Workforce, cluster, processes
from simulation.batch.job import Job, Outcome, do_job, versions
from simulation.batch.portfolio import Portfolio, read_portfolio
from simulation.batch.portfolio_files import Item
from simulation.batch.record import Stored
from simulation.batch.result import BatchProgress, BatchResult, Interrupted
from simulation.batch.rows import PORTFOLIO, fitting, scenario_row
from simulation.batch.store import REPORT, BatchStore
from simulation.batch.tables import write_tables
from simulation.errors import InputError, Problem, in_a_line
from simulation.experiment import cores
from simulation.formats import TRACE_MEGABYTES, Access, Document, named_path, refused
from simulation.plain_text import encodable
from simulation.planning import Confirmed, calls_to_confirm

__all__ = ["BatchProgress", "BatchResult", "Interrupted", "plan_portfolio"]

_ATTEMPTS = 3
"""How often an org is tried whose worker is killed each time."""

_AHEAD = 2
"""Orgs handed out for each worker: one at work, and one that it finds when that is done."""

Did = Literal["kept", "new", "changed", "retried", "broken", "pending"]


class _Options(NamedTuple):
    """What is asked of every plan."""

    assignments: tuple[str, ...]
    max_replications: int | None
    confirm: Confirmed
    report: bool
    retry_failed: bool


def plan_portfolio(
    paths: Path | str | Iterable[Path | str],
    *,
    out: Path | str,
    set: Sequence[str] = (),  # noqa: A002 - as --set
    replications: int | None = None,
    max_replications: int | None = None,
    seed: int | None = None,
    confirm: Confirmed = 1_000_000,
    workers: int | None = None,
    scheduler: str | None = None,
    retry_failed: bool = False,
    report: bool = False,
    confined: bool = True,
    trace_megabytes: int | None = TRACE_MEGABYTES,
    force: bool = False,
    progress: Callable[[BatchProgress], None] | None = None,
) -> BatchResult:
    """Plan for every org of a portfolio, as `simulation.plan` does for one.

    What an earlier call finished in the same folder is kept where nothing that decides it has
    changed: its scenario, rate card, traces, these options, or the program's version.

    Parameters
    ----------
    paths : Path, str, or several
        Scenario files, folders, globs, portfolio files.
    out : Path or str
        The folder of results: ``items/NAME`` for each org, and the tables of all.
    set : sequence of str
        Overrides such as ``"org.addon_credits=20000"``, made to every org.
    replications, max_replications, seed, confirm
        As for `simulation.plan`.
    workers : int, optional
        Processes of this machine: as many as it has cores unless given.
    scheduler : str, optional
        The address of a Dask scheduler whose workers are used instead.
    retry_failed : bool
        Whether orgs that failed before are tried again though nothing has changed.
    report : bool
        Whether to draw a page for the portfolio and one for each org.
    confined, trace_megabytes
        As for `simulation.load_scenario`, but confined unless told otherwise.
    force : bool
        Whether tables in ``out`` that no batch wrote may be replaced.
    progress : callable, optional
        Called with a `BatchProgress` whenever an org is done.

    Returns
    -------
    BatchResult
        Orgs that failed are rows with their error.

    Raises
    ------
    InputError
        If nothing is named, an argument is wrong, ``out`` cannot be written, or the cluster is
        not there. What is wrong with one org is a row; so is, in this batch alone, that a worker
        was killed or lacked memory.
    Interrupted
        On Ctrl-C; what is finished is kept, and the tables name the rest ``pending``.
    """
    folder = named_path(out, "out")
    named = [paths] if isinstance(paths, Path | str) else paths
    portfolio = read_portfolio(named, Access(confined, trace_megabytes))
    given = {"seed": seed, "replications": replications}
    assignments = (*set, *(f"{key}={value}" for key, value in given.items() if value is not None))
    options = _Options(
        assignments, max_replications, calls_to_confirm(confirm), report, retry_failed
    )
    for assignment in options.assignments:
        Document({}).overridden([assignment])  # refuses what is none, before anything is begun
    workforce = processes(cores(workers)) if scheduler is None else cluster(scheduler)
    with BatchStore(folder, force) as store:
        store.refuse_foreign(item.folder for item in portfolio.items)
        scratch = str(store.scratch) if scheduler is None else None
        batch = _Batch(portfolio, store, options, scratch, progress)
        try:
            batch.run(workforce)
            totals = batch.write()
        except KeyboardInterrupt:
            totals = batch.write()
            finished = totals["planned"] + totals["failed"]
            raise Interrupted(
                f"interrupted; {finished:,} of {totals['items']:,} orgs are finished and kept in "
                f"{folder}, the same command goes on from there"
            ) from None
        not_named = store.others({item.folder for item in portfolio.items})
        return BatchResult(folder, totals, batch.names_by_deed(), portfolio.left_out, not_named)


class _Pending(NamedTuple):
    """A job that a worker has."""

    place: int
    identity: str
    job: Job
    deed: Did
    attempt: int
    before: Stored | None


class _Batch:
    """A batch under way.

    Holds a name for each org, a reason for each that cannot be planned, and what is at work.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        store: BatchStore,
        options: _Options,
        scratch: str | None,
        progress: Callable[[BatchProgress], None] | None,
    ) -> None:
        self._items, self._store, self._options = portfolio.items, store, options
        self._scratch = scratch
        self._progress = progress
        self._versions = versions()
        self._deeds: list[Did] = ["pending"] * len(self._items)
        self._fits = False
        self._broken: dict[int, dict[str, Any]] = {}
        self._counts = Counter[str]()
        self._worked = 0
        self._begun = 0.0

    def run(self, workforce: AbstractContextManager[Workforce]) -> None:
        """Plan for every org that is not kept."""
        for place, item in enumerate(self._items):
            if self._store.path(item.folder).is_dir():
                self._begin(place)  # notes what is kept; what is not is begun below
        coming = deque(place for place, deed in enumerate(self._deeds) if deed == "pending")
        if not coming:
            return
        pending: dict[Future[Outcome], _Pending] = {}
        self._begun = monotonic()
        with workforce as force:
            while coming or pending:
                work: _Pending | None
                while coming and len(pending) < _AHEAD * force.size():
                    if (work := self._begin(coming.popleft())) is not None:
                        pending[self._hand_out(work, force)] = work
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    if (work := self._end(pending.pop(future), future)) is not None:
                        pending[self._hand_out(work, force)] = work

    def _hand_out(self, work: _Pending, force: Workforce) -> Future[Outcome]:
        """Give a job to a worker, with the plan where one is kept that is only to be drawn."""
        job = work.job
        if work.before is not None:
            folder = self._items[work.place].folder
            planned = self._store.read(folder, tuple({*work.before.files} - {REPORT}))
            job = job._replace(planned=planned)
        return force.executor.submit(do_job, job)

    def _begin(self, place: int) -> _Pending | None:
        """Return what is to be done for an org; nothing where it is kept, or cannot be planned."""
        item = self._items[place]
        try:
            job = self._job(item)
            identity = _identity(job)
        except InputError as error:
            if not self._fits and all(each.is_of_option for each in error.problems):
                raise  # an option that fits nothing is told at once, not once for each org
            self._broke(place, encodable("; ".join(map(str, error.problems))))
            return None
        except Exception as error:  # a failure is a row, whatever it is
            self._broke(place, f"{item.source}: {in_a_line(error)}")
            return None
        before = self._store.find(item.folder)
        if before is None or before.identity != identity:
            return _Pending(place, identity, job, "changed" if before else "new", 1, None)
        if before.failed and self._options.retry_failed:
            return _Pending(place, identity, job, "retried", 1, None)
        if before.failed or not job.report or self._store.has_report(item.folder):
            self._did(place, "kept", failed=before.failed)
            return None
        return _Pending(place, identity, job, "kept", 1, before)

    def _job(self, item: Item) -> Job:
        scenario = item.load(self._options.assignments)
        most, begun = self._options.max_replications, scenario.replications
        if most is not None and most < begun:
            option, what = f"--max-replications {most}", f"plans begin with {begun} replications"
            raise InputError([Problem(option, "", f"{what}, write at least {begun}")])
        self._fits = True
        return Job(
            scenario,
            self._options.max_replications,
            self._options.confirm,
            self._options.report,
            scenario.to_yaml(self._store.path(item.folder)),
            self._versions,
            scratch=self._scratch,
        )

    def _broke(self, place: int, error: str) -> None:
        """Note why an org cannot be planned."""
        seed = self._items[place].seed(self._options.assignments)
        self._broken[place] = {"status": "failed", "seed": seed, "error": error}
        self._did(place, "broken", failure=error)

    def _end(self, work: _Pending, future: Future[Outcome]) -> _Pending | None:
        """Keep what came of a job; return the job if it is to be done again."""
        error = future.exception()  # raises where it was cancelled, by a cluster that is gone
        if error is None:
            outcome = future.result()
            if outcome.of_disk and self._scratch is not None:  # as all that follow would find it
                what = f"cannot be written ({outcome.trouble}), name another folder or make room"
                kept = "what is finished is kept, and the same command goes on from there"
                raise refused(self._store.folder, f"{what}; {kept}")
            if outcome.trouble:
                self._lost(work, f"its worker could not go on ({outcome.trouble})")
            else:
                self._keep(work, outcome)
        elif isinstance(error, BrokenExecutor) and work.attempt < _ATTEMPTS:
            return work._replace(attempt=work.attempt + 1)
        else:
            self._lost(work, _why(error, work.attempt))
        return None

    def _lost(self, work: _Pending, error: str) -> None:
        """Note why there is no answer; none is kept, for it is no property of the org."""
        told = f"{self._items[work.place].source}: {error}; the same command plans it again"
        row = scenario_row(work.job.scenario)
        self._broken[work.place] = {**row, "status": "failed", "error": told}
        self._did(work.place, "broken", failure=told)

    def _keep(self, work: _Pending, outcome: Outcome) -> None:
        item = self._items[work.place]
        row, alternatives, files = outcome.row, outcome.alternatives, outcome.files
        runtime: dict[str, Any] = {"seconds": outcome.seconds, "attempts": work.attempt}
        if outcome.error:
            told = {"status": "failed", "error": outcome.error}
            row, alternatives = {**scenario_row(work.job.scenario), **told}, []
            files = {**files, "scenario.yaml": work.job.yaml.encode()}
        elif work.before is not None:
            row, alternatives = work.before.row, work.before.alternatives
            runtime["seconds"] += self._store.runtime(item.folder).get("seconds", 0.0)
        runtime["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        self._store.put(item.folder, work.identity, row, alternatives, files, runtime)
        self._worked += 1
        failure = outcome.error and f"{item.source}: {outcome.error}"
        self._did(work.place, work.deed, bool(failure), failure)

    def _did(self, place: int, deed: Did, failed: bool = False, failure: str = "") -> None:
        """Note what was done about an org, and say how far the batch is."""
        self._deeds[place] = deed
        failed = failed or deed == "broken"
        self._counts["failed" if failed else "done"] += 1
        if self._progress is not None:
            done, failures = self._counts["done"], self._counts["failed"]
            left = len(self._items) - done - failures
            pace = (monotonic() - self._begun) / self._worked if self._worked else None
            seconds = None if pace is None else pace * left
            source = self._items[place].source
            self._progress(BatchProgress(done, failures, left, seconds, failure, source))

    def names_by_deed(self) -> dict[str, list[str]]:
        """Return the names of the orgs, by what was done about them."""
        names: dict[str, list[str]] = {}
        for item, deed in zip(self._items, self._deeds, strict=True):
            names.setdefault(deed, []).append(item.name)
        return names

    def write(self) -> dict[str, Any]:
        """Write the tables of all orgs, and the page; return the totals."""
        return write_tables(self._store, self._rows, self._options.report)

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield all that is known of each org, in their order."""
        for place, (item, deed) in enumerate(zip(self._items, self._deeds, strict=True)):
            named = {"item": item.name, "source": item.source}
            kept: Stored | None = None
            if deed == "broken":
                row = self._broken[place]
            elif (
                deed != "pending"
                and (kept := self._store.find(item.folder, thoroughly=False)) is not None
            ):
                row = {**kept.row, "folder": f"items/{item.folder}"}
                if kept.failed:  # the line may be another one by now
                    row["error"] = f"{item.source}: {row['error']}"
            else:
                row = {"status": "pending"}
            yield {
                "row": fitting({**dict.fromkeys(PORTFOLIO), **row, **named}),
                "alternatives": [] if kept is None else kept.alternatives,
                "runtime": {} if kept is None else self._store.runtime(item.folder),
                "did": deed,
                "report": kept is not None and self._store.has_report(item.folder),
            }


def _identity(job: Job) -> str:
    """Return a hash of all that decides a result, except how it is drawn."""
    parts = (job.scenario.fingerprint(), job.max_replications, job.confirm, job.versions)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _why(error: BaseException, attempt: int) -> str:
    """Say why there is no outcome."""
    if isinstance(error, BrokenExecutor):
        times = "once" if attempt == 1 else f"{attempt} times"
        return f"its worker was killed {times}, most likely for want of memory: use fewer workers"
    reason = " ".join(str(error).split())
    return f"its worker was lost ({type(error).__name__}: {reason})"
