"""What replications say of pool sizes: throttled and lost calls on the same demand."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Floats, Ints
from simulation.demand import Demand, demand_of
from simulation.engine import Swept, lanes_at_once, sweep
from simulation.experiment import in_processes, in_threads, unseen_calls
from simulation.scenario import Objective

__all__ = ["Judgement", "judge", "often_enough"]


def often_enough(shares: Floats, objective: Objective) -> NDArray[np.bool_]:
    """Return which shares of replications reach the objective's probability, rounding forgiven."""
    return shares >= objective.probability - 1e-12


@dataclass(frozen=True)
class Judgement:
    """Throttled and lost calls of m pool sizes in n replications of the same demand.

    Attributes
    ----------
    limits : (m,) int64 array
        The pool sizes, rising.
    calls : (n,) int64 array
        Calls that count, submitted after the warm-up.
    credits : (n,) int64 array
        What they cost together.
    throttled, lost : (n, m) int64 array
        How many of them were throttled at first, and how many were lost; -1 where a size was
        not judged. Each size is judged on the first replications, on all where it matters.
    enough : (n,) int64 array
        The pool size that throttles no call in the replication.
    work : (n,) int64 array
        How many attempts were decided for it, over all sizes.
    """

    limits: Ints
    calls: Ints
    credits: Ints
    throttled: Ints
    lost: Ints
    enough: Ints
    work: Ints

    @property
    def replications(self) -> Ints:
        """On how many replications each size was judged, (m,)."""
        counts: Ints = (self.throttled >= 0).sum(axis=0)
        return counts

    @property
    def shares(self) -> Floats:
        """Throttled shares, (n, m); 0 in a replication without calls, nan where not judged."""
        shares = self.throttled / np.maximum(self.calls, 1)[:, np.newaxis]
        return np.where(self.throttled < 0, np.nan, shares)

    @property
    def lost_calls(self) -> Floats:
        """Lost calls, (n, m); nan where not judged."""
        return np.where(self.lost < 0, np.nan, self.lost)

    @property
    def unseen(self) -> Floats:
        """How many calls an event may throttle that no replication shows, at each size, (m,)."""
        most = max(1.0, float(self.calls.mean()))
        return np.minimum(most, unseen_calls(self.enough, self.credits_per_call, self.limits))

    @property
    def credits_per_call(self) -> float:
        """What a call costs on average; 0 where there is none."""
        return float(self.credits.sum()) / max(1.0, float(self.calls.sum()))

    @property
    def enough_for_unseen(self) -> float:
        """The pool size that throttles no call even in an event that no replication shows."""
        event = float(unseen_calls(self.enough, self.credits_per_call))
        return float(self.enough.max()) + event * max(1.0, self.credits_per_call)

    def meets(self, objective: Objective) -> NDArray[np.bool_]:
        """Return in which replications which sizes keep to the objective's share, (n, m)."""
        allowed = (
            objective.throttled_share * self.calls * (1 + 1e-12)
        )  # 0.1 % of 1,000 is 1, not 0.99…
        return (self.throttled >= 0) & (self.throttled <= allowed[:, np.newaxis])

    def keep_to(self, objective: Objective) -> NDArray[np.bool_]:
        """Return which sizes keep to the objective in enough replications, (m,)."""
        kept: NDArray[np.bool_] = often_enough(
            self.meets(objective).sum(axis=0) / self.replications, objective
        )
        return kept

    def and_then(self, more: Judgement, places: Ints) -> Judgement:
        """Return this judgement with further replications of some of the sizes merged in.

        ``more`` begins with the first replication on which those sizes are not yet judged.
        """
        first = int(self.replications[places[0]])
        count = max(len(self.calls), first + len(more.calls))
        columns = {}
        for name in ("throttled", "lost"):
            columns[name] = np.full((count, len(self.limits)), -1, np.int64)
            columns[name][: len(self.calls)] = getattr(self, name)
            columns[name][first : first + len(more.calls), places] = getattr(more, name)
        rows = {
            name: np.concatenate((getattr(self, name)[:first], getattr(more, name)))
            for name in ("calls", "credits", "enough", "work")
        }
        return Judgement(self.limits, **columns, **rows)


class _Task(NamedTuple):
    """Pool sizes to be swept on one replication."""

    replication: int
    limits: Ints
    counted: NDArray[np.bool_]


def _sweep(demand: Demand, task: _Task) -> Swept:
    return sweep(demand, task.replication, task.limits, task.counted)


def _sweep_elsewhere(scenario: bytes, task: _Task) -> Swept:
    return _sweep(demand_of(scenario), task)


def judge(
    demand: Demand,
    replications: Sequence[int],
    limits: Ints,
    workers: int = 1,
    processes: bool = False,
    done: Callable[[], None] | None = None,
) -> Judgement:
    """Judge pool sizes on the same demand, replication by replication.

    A size that is enough for all that is asked in any window throttles no call, retries or
    not, so only smaller ones are simulated. Results do not depend on the number of workers,
    nor on whether they are threads or processes.
    """
    protect = demand.scenario.objective.protect
    names = [client.name for client in demand.scenario.clients]
    counted = np.array([not protect or name in protect for name in names])
    at_once = lanes_at_once(demand)
    run, function = in_threads, partial(_sweep, demand)
    if processes:
        run, function = in_processes, partial(_sweep_elsewhere, pickle.dumps(demand.scenario))
    shape = (len(replications), len(limits))
    throttled, lost = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    work = np.zeros(len(replications), np.int64)

    def swept(places: list[tuple[int, int]]) -> list[Swept]:
        tasks = [
            _Task(replications[row], limits[first : first + at_once], counted)
            for row, first in places
        ]
        found = []
        with closing(run(function, tasks, workers)) as results:
            for (row, first), each in zip(places, results, strict=True):
                throttled[row, first : first + at_once] = each.throttled
                lost[row, first : first + at_once] = each.lost
                work[row] += each.work
                found.append(each)
                if done is not None:
                    done()
        return found

    begun = swept([(row, 0) for row in range(len(replications))])
    swept(
        [
            (row, first)
            for row, each in enumerate(begun)
            for first in range(at_once, len(limits), at_once)
            if limits[first] < each.enough
        ]
    )
    calls, credits, enough = (
        np.array([getattr(each, name) for each in begun], np.int64)
        for name in ("calls", "credits", "enough")
    )
    return Judgement(limits, calls, credits, throttled, lost, enough, work)
