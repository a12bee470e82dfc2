"""Throttled and lost calls of pool sizes, in replications of the same demand."""

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

__all__ = ["Judgement", "at_least", "judge"]


_ROUNDING = 1e-12  # shares that differ by less are the same


def at_least(share: float | Floats, wanted: float | Floats) -> NDArray[np.bool_]:
    """Return whether a share reaches the one that is wanted; nan does not, nor is it reached.

    A share that is a sum, such as that of weighted replications, may come out a little too small.

    >>> at_least(np.array([1 - 0.9, 0.1, 0.09]), 0.1).tolist()
    [True, True, False]
    """
    reached: NDArray[np.bool_] = np.asarray(share) >= np.asarray(wanted) - _ROUNDING
    return reached


@dataclass(frozen=True, kw_only=True)
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
        # No event throttles more calls than a replication has.
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
        """Return whether each size keeps to the objective's share in each replication, (n, m)."""
        # A share of nan, where a size was not judged, reaches nothing and so counts as not kept.
        return at_least(objective.throttled_share, self.shares)

    def keep_to(self, objective: Objective) -> NDArray[np.bool_]:
        """Return whether each size keeps to the objective in enough replications, (m,)."""
        often = self.meets(objective).sum(axis=0) / self.replications
        return at_least(often, objective.probability)

    def and_then(self, more: Judgement, indices: Ints) -> Judgement:
        """Return this judgement with further replications of some of the sizes merged in.

        ``more`` begins with the first replication on which those sizes are not yet judged.
        """
        first = int(self.replications[indices[0]])
        count = max(len(self.calls), first + len(more.calls))
        columns = {}
        for name in ("throttled", "lost"):
            columns[name] = np.full((count, len(self.limits)), -1, np.int64)
            columns[name][: len(self.calls)] = getattr(self, name)
            columns[name][first : first + len(more.calls), indices] = getattr(more, name)
        # What a replication asks for is the same whatever the sizes, so newer rows may replace it.
        rows = {
            name: np.concatenate((getattr(self, name)[:first], getattr(more, name)))
            for name in ("calls", "credits", "enough", "work")
        }
        return Judgement(limits=self.limits, **columns, **rows)


class _Task(NamedTuple):
    """Pool sizes to be swept on one replication."""

    replication: int
    limits: Ints
    counted: NDArray[np.bool_]


def _sweep(demand: Demand, task: _Task) -> Swept:
    return sweep(demand, task.replication, task.limits, task.counted)


def _sweep_elsewhere(scenario: bytes, task: _Task) -> Swept:
    return _sweep(demand_of(scenario), task)


class _Tally:
    """Counts of pool sizes in replications, taken in as sweeps end, a block of sizes each."""

    def __init__(self, replications: int, limits: Ints) -> None:
        self._limits = limits
        self._sizes = {
            name: np.zeros((replications, len(limits)), np.int64) for name in ("throttled", "lost")
        }
        self._demand = {
            name: np.zeros(replications, np.int64) for name in ("calls", "credits", "enough")
        }
        self._work = np.zeros(replications, np.int64)

    def take(self, row: int, columns: slice, swept: Swept) -> None:
        """Take in what a sweep says of a replication's sizes ``columns``."""
        for name, counts in self._sizes.items():
            counts[row, columns] = getattr(swept, name)
        for name, values in self._demand.items():  # the same whatever the sizes are
            values[row] = getattr(swept, name)
        self._work[row] += swept.work

    def not_enough(self, row: int, first: int) -> bool:
        """Return whether a size throttles a call of a replication that has been swept."""
        return bool(self._limits[first] < self._demand["enough"][row])

    def judgement(self) -> Judgement:
        """Return the counts of all sizes that were taken in."""
        return Judgement(limits=self._limits, work=self._work, **self._sizes, **self._demand)


def judge(
    demand: Demand,
    replications: Sequence[int],
    limits: Ints,
    workers: int = 1,
    processes: bool = False,
    done: Callable[[], None] | None = None,
) -> Judgement:
    """Return throttled and lost calls of pool sizes on the same demand, by replication.

    A size that is enough for all that is asked in any window throttles no call, retries or
    not, so only smaller ones are simulated. Results do not depend on the number of workers,
    nor on whether they are threads or processes.
    """
    protect = demand.scenario.objective.protect
    names = [client.name for client in demand.scenario.clients]
    # Calls of other clients take credits as ever; only whether they are throttled does not count.
    counted = np.array([not protect or name in protect for name in names])
    at_once = lanes_at_once(demand)
    run, function = in_threads, partial(_sweep, demand)
    if processes:
        # Bytes of the scenario are small beside a drawn demand, and a key by which each process
        # keeps the demand that it has made for the tasks that follow.
        run, function = in_processes, partial(_sweep_elsewhere, pickle.dumps(demand.scenario))
    tally = _Tally(len(replications), limits)

    def take(blocks: list[tuple[int, int]]) -> None:
        columns = [slice(first, first + at_once) for _, first in blocks]
        tasks = [
            _Task(replications[row], limits[block], counted)
            for (row, _), block in zip(blocks, columns, strict=True)
        ]
        # Closed if a sweep or ``done`` raises, so that no worker goes on in vain.
        with closing(run(function, tasks, workers)) as results:
            for (row, _), block, swept in zip(blocks, columns, results, strict=True):
                tally.take(row, block, swept)
                if done is not None:
                    done()

    # The smallest sizes come first: their sweep tells which pool is enough, and so which of the
    # other sizes have to be simulated at all.
    rows = range(len(replications))
    take([(row, 0) for row in rows])
    others = range(at_once, len(limits), at_once)
    take([(row, first) for row in rows for first in others if tally.not_enough(row, first)])
    return tally.judgement()
