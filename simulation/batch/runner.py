"""Planning for many orgs: resumable, on this machine or a cluster, the same to the byte.

Workers plan; this process alone writes. Tables are made last, in the order of the orgs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from simulation.batch.due import BatchOptions, Broken, Due, Kept, classify
from simulation.batch.executors import Workforce, cluster, processes
from simulation.batch.job import REPORT, Outcome, do_job, versions
from simulation.batch.portfolio import Portfolio, read_portfolio
from simulation.batch.portfolio_files import Item
from simulation.batch.result import BatchProgress, BatchResult, Did, Interrupted
from simulation.batch.rows import PORTFOLIO, fitting, scenario_row
from simulation.batch.store import BatchStore
from simulation.batch.tables import write_tables
from simulation.experiment import cores
from simulation.formats import TRACE_MEGABYTES, Access, Document, named_path, refused
from simulation.planning import Confirmed, PlanOptions
from simulation.scenario import chosen_card

__all__ = ["plan_portfolio"]

_ATTEMPTS = 3
"""Attempts before an org whose worker keeps dying has failed."""

_AHEAD = 2
"""Jobs for each worker: the one it does, and the next, so that it never waits for one."""

_REMEMBERED = 1000
"""Jobs found at the first look that are kept for their turn; others are found again, for memory."""


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
    rate_card: Path | str | None = None,
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
        As for `simulation.load_scenario`, but confined by default.
    rate_card : Path or str, optional
        A card in place of each org's own; a relative path starts at the current folder.
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
        not there. A mistake in one org is a row instead, as is, in this batch alone, a worker
        that was killed or lacked memory.
    Interrupted
        On Ctrl-C; what is finished is kept, and the tables name the rest ``pending``.
    """
    folder = named_path(out, "out")
    card = chosen_card(rate_card, set)
    named = [paths] if isinstance(paths, Path | str) else paths
    portfolio = read_portfolio(named, Access(confined, trace_megabytes))
    given = {"seed": seed, "replications": replications}
    assignments = (*set, *(f"{key}={value}" for key, value in given.items() if value is not None))
    # Each plan is made by one worker, so it is not asked to share its work among several.
    planned = PlanOptions(max_replications=max_replications, confirm=confirm, workers=1)
    options = BatchOptions(assignments, planned, report, retry_failed, card)
    for assignment in options.assignments:
        Document({}).overridden([assignment])  # refuses what is no assignment, before any work
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
        return BatchResult(folder, totals, batch.names_by_did(), portfolio.left_out, not_named)


@dataclass(slots=True)
class _Org:
    """An org of the batch: what was done about it, and its row if no result is kept."""

    item: Item
    did: Did = "pending"
    row: dict[str, Any] | None = None


class _InFlight(NamedTuple):
    """A job that a worker has."""

    org: _Org
    due: Due
    attempt: int = 1


class _Meter:
    """The progress of a batch: counts orgs, takes the time, and reports it."""

    def __init__(self, orgs: int, report: Callable[[BatchProgress], None] | None) -> None:
        self._left, self._report = orgs, report
        self._done = self._failed = self._planned = 0
        self._begun = 0.0

    def start(self) -> None:
        """Take the time from now on, when the first org is about to be planned."""
        self._begun = monotonic()

    def count(self, source: str, failed: bool, failure: str, planned: bool) -> None:
        """Count an org that is done."""
        self._left -= 1
        self._done += not failed
        self._failed += failed
        self._planned += planned
        if self._report is not None:
            pace = (monotonic() - self._begun) / self._planned if self._planned else None
            seconds = None if pace is None else pace * self._left
            self._report(
                BatchProgress(self._done, self._failed, self._left, seconds, failure, source)
            )


class _Batch:
    """A batch under way; of jobs it holds those in flight and a bounded number of next ones."""

    def __init__(
        self,
        portfolio: Portfolio,
        store: BatchStore,
        options: BatchOptions,
        scratch: str | None,
        progress: Callable[[BatchProgress], None] | None,
    ) -> None:
        self._orgs = [_Org(item) for item in portfolio.items]
        self._store, self._options, self._scratch = store, options, scratch
        self._meter = _Meter(len(self._orgs), progress)
        self._versions = versions()
        self._fits = False

    def run(self, workforce: AbstractContextManager[Workforce]) -> None:
        """Plan for every org that is not kept."""
        found = self._look_at_results()
        coming = deque(org for org in self._orgs if org.did == "pending")
        if not coming:
            return
        at_work: dict[Future[Outcome], _InFlight] = {}
        self._meter.start()
        with workforce as force:
            while coming or at_work:
                while coming and len(at_work) < _AHEAD * force.size():
                    org = coming.popleft()
                    due = found.pop(org.item.folder, None) or self._look_at(org)
                    if due is not None:
                        work = _InFlight(org, due)
                        at_work[self._hand_out(work, force)] = work
                for future in wait(at_work, return_when=FIRST_COMPLETED).done:
                    if (again := self._end(at_work.pop(future), future)) is not None:
                        at_work[self._hand_out(again, force)] = again

    def _look_at_results(self) -> dict[str, Due]:
        """Return by folder what is due of orgs with a result, and note those that are kept.

        This comes before any work, so that an early Ctrl-C leaves no finished org ``pending``.
        """
        found: dict[str, Due] = {}
        for org in self._orgs:
            if self._store.path(org.item.folder).is_dir():
                due = self._look_at(org)
                if due is not None and len(found) < _REMEMBERED:
                    found[org.item.folder] = due
        return found

    def _look_at(self, org: _Org) -> Due | None:
        """Return what is due for an org; None, and a note, if it is kept or cannot be planned."""
        verdict = classify(org.item, self._store, self._options, self._versions)
        if isinstance(verdict, Broken):
            if not self._fits and verdict.refusal is not None:
                raise verdict.refusal  # an option that fits no org is one error, not a row of each
            self._broke(org, {"seed": verdict.seed}, verdict.reason)
            return None
        self._fits = True
        if isinstance(verdict, Kept):
            self._did(org, "kept", failed=verdict.failed)
            return None
        return verdict

    def _hand_out(self, work: _InFlight, force: Workforce) -> Future[Outcome]:
        """Return the future of a job; it carries the kept plan if only the page is to be drawn."""
        job = work.due.job._replace(scratch=self._scratch)
        if work.due.before is not None:
            names = tuple({*work.due.before.files} - {REPORT})
            job = job._replace(planned=self._store.read(work.org.item.folder, names))
        return force.executor.submit(do_job, job)

    def _end(self, work: _InFlight, future: Future[Outcome]) -> _InFlight | None:
        """Keep what came of a job; return the job if its worker was killed and it is retried."""
        error = future.exception()  # raises where it was cancelled, by a cluster that is gone
        if error is None:
            outcome = future.result()
            if outcome.of_disk and self._scratch is not None:  # as all that follow would find it
                what = f"cannot be written ({outcome.trouble}), name another folder or make room"
                kept = "what is finished is kept, and the same command goes on from there"
                raise refused(self._store.folder, f"{what}; {kept}")
            if outcome.trouble:
                self._lose(work, f"its worker could not go on ({outcome.trouble})")
            else:
                self._keep(work, outcome)
        elif isinstance(error, BrokenExecutor) and work.attempt < _ATTEMPTS:
            return work._replace(attempt=work.attempt + 1)
        else:
            self._lose(work, _why(error, work.attempt))
        return None

    def _lose(self, work: _InFlight, error: str) -> None:
        """Note why an org has no answer; nothing is kept, since it was the machine that failed."""
        reason = f"{work.org.item.source}: {error}; the same command plans it again"
        self._broke(work.org, scenario_row(work.due.job.scenario), reason)

    def _keep(self, work: _InFlight, outcome: Outcome) -> None:
        """Keep the result of an org: its plan, or the reason why it failed."""
        item, due = work.org.item, work.due
        row, alternatives, files = outcome.row, outcome.alternatives, outcome.files
        runtime: dict[str, Any] = {"seconds": outcome.seconds, "attempts": work.attempt}
        if outcome.error:
            failed = {"status": "failed", "error": outcome.error}
            row, alternatives = {**scenario_row(due.job.scenario), **failed}, []
            files = {**files, "scenario.yaml": due.job.yaml.encode()}
        elif due.before is not None:
            row, alternatives = due.before.row, due.before.alternatives
            runtime["seconds"] += self._store.runtime(item.folder).get("seconds", 0.0)
        runtime["finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
        self._store.put(item.folder, due.identity, row, alternatives, files, runtime)
        failure = outcome.error and f"{item.source}: {outcome.error}"
        self._did(work.org, due.did, bool(failure), failure, planned=True)

    def _broke(self, org: _Org, row: dict[str, Any], error: str) -> None:
        """Note why an org has neither a plan nor a kept result."""
        org.row = {**row, "status": "failed", "error": error}
        self._did(org, "broken", failed=True, failure=error)

    def _did(
        self, org: _Org, did: Did, failed: bool, failure: str = "", planned: bool = False
    ) -> None:
        """Note what was done about an org, and report progress."""
        org.did = did
        self._meter.count(org.item.source, failed, failure, planned)

    def names_by_did(self) -> dict[str, list[str]]:
        """Return the names of the orgs, by what was done about them."""
        names: dict[str, list[str]] = {}
        for org in self._orgs:
            names.setdefault(org.did, []).append(org.item.name)
        return names

    def write(self) -> dict[str, Any]:
        """Write the tables of all orgs, and the page; return the totals."""
        return write_tables(self._store, self._rows, self._options.report)

    def _rows(self) -> Iterator[dict[str, Any]]:
        """Yield for each org, in order, what the tables and the page say of it."""
        for org in self._orgs:
            item, kept = org.item, None
            if org.row is not None:
                row = org.row
            elif (
                org.did != "pending"
                and (kept := self._store.find(item.folder, thoroughly=False)) is not None
            ):
                row = {**kept.row, "folder": f"items/{item.folder}"}
                if kept.failed:  # the org may stand on another line by now
                    row["error"] = f"{item.source}: {row['error']}"
            else:
                row = {"status": "pending"}
            named = {"item": item.name, "source": item.source}
            yield {
                "row": fitting({**dict.fromkeys(PORTFOLIO), **row, **named}),
                "alternatives": [] if kept is None else kept.alternatives,
                "runtime": {} if kept is None else self._store.runtime(item.folder),
                "did": org.did,
                "report": kept is not None and self._store.has_report(item.folder),
            }


def _why(error: BaseException, attempt: int) -> str:
    """Return why a job has no outcome."""
    if isinstance(error, BrokenExecutor):
        times = "once" if attempt == 1 else f"{attempt} times"
        return f"its worker was killed {times}, most likely for want of memory: use fewer workers"
    reason = " ".join(str(error).split())
    return f"its worker was lost ({type(error).__name__}: {reason})"
