"""What is due for an org: nothing, a plan, or its page alone; or why it cannot be planned."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from simulation.batch.job import Job
from simulation.batch.portfolio_files import Item
from simulation.batch.record import Stored
from simulation.batch.result import Did
from simulation.batch.store import BatchStore
from simulation.errors import InputError, in_a_line
from simulation.plain_text import encodable
from simulation.planning import PlanOptions

__all__ = ["BatchOptions", "Broken", "Due", "Kept", "classify"]


class BatchOptions(NamedTuple):
    """The options of a batch."""

    assignments: tuple[str, ...]
    plan: PlanOptions
    report: bool
    retry_failed: bool
    rate_card: str = ""


class Kept(NamedTuple):
    """A result that stands: nothing that decides it has changed."""

    failed: bool
    """Whether it is a reason in place of a plan."""


class Broken(NamedTuple):
    """An org that cannot be planned, and why."""

    reason: str
    seed: int | None
    refusal: InputError | None
    """The error, where options alone are to blame, so that other orgs may fail for it too."""


class Due(NamedTuple):
    """A job to be done, and how the tables name it once it is done."""

    job: Job
    identity: str
    did: Did
    before: Stored | None
    """The plan that is kept, where only its page is wanted."""


def classify(
    item: Item, store: BatchStore, options: BatchOptions, versions: str
) -> Kept | Broken | Due:
    """Return what is to be done for an org, from its files and its result; nothing is changed."""
    try:
        job = _job(item, store, options, versions)
        identity = _identity(job)
    except InputError as error:
        of_options = all(each.is_of_option for each in error.problems)
        reason = encodable("; ".join(map(str, error.problems)))
        return Broken(reason, item.seed(options.assignments), error if of_options else None)
    except Exception as error:  # a failure is a row, whatever it is
        reason = f"{item.source}: {in_a_line(error)}"
        return Broken(reason, item.seed(options.assignments), None)
    before = store.find(item.folder)
    if before is None or before.identity != identity:
        return Due(job, identity, "changed" if before else "new", None)
    if before.failed and options.retry_failed:
        return Due(job, identity, "retried", None)
    if before.failed or not options.report or store.has_report(item.folder):
        return Kept(before.failed)
    return Due(job, identity, "kept", before)


def _job(item: Item, store: BatchStore, options: BatchOptions, versions: str) -> Job:
    scenario = item.load(options.assignments, options.rate_card)
    options.plan.check(scenario, "--max-replications")
    yaml = scenario.to_yaml(store.path(item.folder))
    return Job(scenario, options.plan, options.report, yaml, versions)


def _identity(job: Job) -> str:
    """Return a hash of all that decides a result, except how it is drawn."""
    options = job.options
    parts = (job.scenario.fingerprint(), options.max_replications, options.confirm, job.versions)
    return hashlib.sha256(repr(parts).encode()).hexdigest()
