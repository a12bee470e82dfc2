"""Pool sizes judged on replications of the same demand, in threads or processes."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from simulation.arrays import Flags, Floats, Ints
from simulation.demand import Demand, demands_of
from simulation.engine import DailyUse, Pools, Swept, lanes_at_once, sweep_together
from simulation.experiment import Steps, in_processes, in_threads
from simulation.planning.billing import Billing
from simulation.planning.judgement import Judgement

__all__ = ["Asked", "Asking", "Judges", "judge"]

T = TypeVar("T")

_WORTH_PROCESSES_S = 2.0  # of work: processes take a second to start
_MOST_SENT = 2**20  # bytes of scenarios that go with each task: recorded usage may be far more
_Part = tuple[int, int]  # a demand's number, and the first of its sizes
_BUSY_BLOCK = 4_000  # calls from which threads help: below, a block is a matter of Python
_PARTS = 4  # for each worker, of the sizes on one replication that takes long: each tells how long


class Asked(NamedTuple):
    """Pool sizes that are to be judged on some replications of a demand."""

    demand: Demand
    replications: range
    limits: Ints
    later: int | None = 0
    """About how many more replications will be asked for; None where one takes long, and those that
    follow take far less."""


Asking = Generator[Asked, Judgement, T]
"""Work that asks for judgements as it goes, one after the other."""


class _Task(NamedTuple):
    """Pool sizes of some demands to be swept on one replication."""

    replication: int
    parts: list[tuple[int, Ints, Flags]]
    """Of each the demand's number, the sizes, and whose calls count."""


def _counted(demand: Demand) -> Flags:
    """Return whose calls count, (clients,)."""
    protect = demand.scenario.objective.protect
    # Calls of other clients take credits as ever; only whether they are throttled does not count.
    return np.array([not protect or client.name in protect for client in demand.scenario.clients])


def _sweep(demands: Sequence[Demand], task: _Task) -> list[Swept]:
    # Pools are bought in credits and decided in the parts that they count.
    pools = [
        Pools(
            demands[n],
            limits * demands[n].scenario.card.pool_parts(1),
            counted,
            demands[n].scenario.billed_use_of_a_day,
        )
        for n, limits, counted in task.parts
    ]
    return sweep_together(pools, task.replication)


def _sweep_elsewhere(scenarios: bytes, task: _Task) -> list[Swept]:
    return _sweep(demands_of(scenarios), task)


def _sweeps(
    demands: Sequence[Demand], workers: int, processes: bool
) -> Callable[[Sequence[_Task]], Generator[list[Swept], None, None]]:
    """Return a function that sweeps tasks, in processes where that is wanted and pays."""
    if processes:
        # Bytes of the scenarios are small beside drawn demands, and a key by which each process
        # keeps the demands that it has made for the tasks that follow.
        scenarios = pickle.dumps(tuple(demand.scenario for demand in demands))
        if len(scenarios) <= _MOST_SENT:
            elsewhere = partial(_sweep_elsewhere, scenarios)
            return lambda tasks: in_processes(elsewhere, tasks, workers)
    return lambda tasks: in_threads(partial(_sweep, demands), tasks, workers)


class _Tally:
    """Counts of pool sizes in replications, taken in as sweeps end, a block of sizes each."""

    def __init__(self, asked: Asked) -> None:
        self.asked, count, limits = asked, len(asked.replications), asked.limits
        self._card = asked.demand.scenario.card
        self._sizes = {
            name: np.zeros((count, len(limits)), np.int64) for name in ("throttled", "lost")
        }
        self._demand = {name: np.zeros(count, np.int64) for name in ("calls", "credits", "enough")}
        self._work = np.zeros(count, np.int64)
        self._throttled_by: Ints | None = None
        if not asked.demand.scenario.is_plain:
            meters = len(self._card.meters)
            self._throttled_by = np.zeros((count, len(limits), meters), np.int64)
        self._billing: Billing | None = None
        self._billed = np.zeros(count, bool)
        self._bills: dict[str, Floats] = {}
        if asked.demand.scenario.billed_use_of_a_day is not None:
            self._billing = Billing(asked.demand.scenario)
            self._bills["bills"] = np.zeros((count, len(limits)))
            self._bills["parts"] = np.zeros((count, len(limits), self._billing.parts))

    def take(self, replication: int, columns: slice, swept: Swept) -> None:
        """Take in what a sweep says of a replication's sizes ``columns``."""
        row = self.asked.replications.index(replication)
        for name, counts in self._sizes.items():
            counts[row, columns] = getattr(swept, name)
        for name, values in self._demand.items():  # the same whatever the sizes are
            values[row] = getattr(swept, name)
        # A pool of this many whole credits, rounded up, is the smallest that throttles no call.
        self._demand["enough"][row] = -(-swept.enough // self._card.pool_parts(1))
        self._work[row] += swept.work
        if self._throttled_by is not None:
            assert swept.throttled_by is not None
            self._throttled_by[row, columns] = swept.throttled_by
        if self._billing is not None:
            self._bill(self._billing, row, columns, swept)

    def _bill(self, billing: Billing, row: int, columns: slice, swept: Swept) -> None:
        assert swept.daily_use is not None
        use = DailyUse(*map(self._card.of_pool, swept.daily_use))  # in credits, as it is paid
        limits = self.asked.limits
        if not self._billed[row]:  # what is not swept is enough for all that is asked
            bills = billing.of_enough(use, limits)
            self._bills["bills"][row], self._bills["parts"][row] = bills
            self._billed[row] = True
        bills = billing.of(use, limits[columns])
        self._bills["bills"][row, columns], self._bills["parts"][row, columns] = bills

    def not_enough(self, replication: int, first: int) -> bool:
        """Return whether a size may throttle a call of a replication that has been swept."""
        if self._throttled_by is not None:  # other meters may, whatever the size is
            return True
        row = self.asked.replications.index(replication)
        return bool(self.asked.limits[first] < self._demand["enough"][row])

    def judgement(self) -> Judgement:
        """Return the counts of all sizes that were taken in."""
        credits = self._card.in_credits(self._demand["credits"])
        return Judgement(
            limits=self.asked.limits,
            work=self._work,
            bills=self._bills.get("bills"),
            parts=self._bills.get("parts"),
            throttled_by=self._throttled_by,
            unit=self._card.smallest_unit,
            **self._sizes,
            **{**self._demand, "credits": credits},
        )


def judge(
    asked: Sequence[Asked],
    workers: int = 1,
    processes: bool = False,
    done: Callable[[float], None] | None = None,
) -> list[Judgement]:
    """Return throttled and lost calls of pool sizes, by replication, of each that is asked.

    A size that is enough for all that is asked in any window throttles no call, retries or not, so
    only smaller ones are simulated, unless other meters may throttle too. A replication that
    several ask for is swept at once, so that clients that their demands share are drawn once.
    ``done`` is called with the part of a replication of a demand that a task has done; the parts of
    one add up to 1. Results do not depend on the number of workers, nor on whether they are threads
    or processes.
    """
    demands = [each.demand for each in asked]
    every = sorted({number for each in asked for number in each.replications})
    # Workers that would have no replication share the sizes of those that there are.
    ways = max(1, workers // max(1, len(every)))
    if any(each.later is None for each in asked):
        ways *= _PARTS
    at_once = [
        lanes_at_once(each.demand, len(each.limits), ways, each.demand.scenario.billed_use_of_a_day)
        for each in asked
    ]
    counted = [_counted(demand) for demand in demands]
    run = _sweeps(demands, workers, processes)
    tallies = [_Tally(each) for each in asked]

    def take(work: list[tuple[int, list[_Part]]]) -> None:
        tasks = []
        for replication, parts in work:
            sizes = [
                (n, asked[n].limits[first : first + at_once[n]], counted[n]) for n, first in parts
            ]
            tasks.append(_Task(replication, sizes))
        # Closed if a sweep or ``done`` raises, so that no worker goes on in vain.
        with closing(run(tasks)) as results:
            for (replication, parts), swept in zip(work, results, strict=True):
                for (n, first), each in zip(parts, swept, strict=True):
                    tallies[n].take(replication, slice(first, first + at_once[n]), each)
                    if done is not None and first < ways * at_once[n]:
                        # The sizes may be cut into fewer parts than there are ways.
                        done(1 / max(1, min(ways, -(-len(asked[n].limits) // at_once[n]))))

    # The smallest sizes come first: their sweep tells which pool is enough, and so which of the
    # other sizes have to be simulated at all.
    first = list[tuple[int, list[_Part]]]()
    for number in every:
        wanted = [n for n, each in enumerate(asked) if number in each.replications]
        for way in range(ways):
            begins = [(n, way * at_once[n]) for n in wanted]
            its = [(n, begin) for n, begin in begins if not begin or begin < len(asked[n].limits)]
            first += [(number, its)] if its else []
    take(first)
    more = list[tuple[int, list[_Part]]]()
    for number in every:
        its = [
            (n, begin)
            for n, each in enumerate(asked)
            if number in each.replications
            for begin in range(ways * at_once[n], len(each.limits), at_once[n])
            if tallies[n].not_enough(number, begin)
        ]
        more += [(number, its[way::ways]) for way in range(ways) if its[way::ways]]
    take(more)
    return [tally.judgement() for tally in tallies]


class Judges:
    """Judge what searches ask for, in threads or processes, and note the progress.

    Parameters
    ----------
    workers : int
        Threads or processes that judge.
    steps : Steps, optional
        Where progress is noted.

    Attributes
    ----------
    after : int
        About how many steps come after what is asked for now, for the progress.
    """

    def __init__(self, workers: int = 1, steps: Steps | None = None) -> None:
        self._workers, self.steps = workers, steps or Steps()
        self._sizes = 0  # the most of a demand that were judged last
        self._in_processes = False
        self.after = 0

    def together(self, *asking: Asking[Any]) -> list[Any]:
        """Return what pieces of work come to; what they ask for at a time is judged together."""
        ends: list[Any] = [None] * len(asking)
        answers: dict[int, Judgement | None] = dict.fromkeys(range(len(asking)))
        while answers:
            asked: dict[int, Asked] = {}
            for number, answer in answers.items():
                try:
                    work = asking[number]
                    asked[number] = next(work) if answer is None else work.send(answer)
                except StopIteration as stop:
                    ends[number] = stop.value
            judged = self.answer([*asked.values()]) if asked else []
            answers = dict(zip(asked, judged, strict=True))
        return ends

    def alone(self, asking: Asking[T]) -> T:
        """Return what a piece of work comes to."""
        found: T = self.together(asking)[0]
        return found

    def answer(self, asked: list[Asked]) -> list[Judgement]:
        """Return what is judged of each that is asked."""
        # How the work is spread is a matter of time alone, so the clock may decide it.
        count = sum(len(each.replications) for each in asked)
        later = self.after + sum(each.later or 0 for each in asked)
        if any(each.later is None for each in asked):
            later = 0
        sizes = max(len(each.limits) for each in asked)
        # What a sweep of many sizes takes says little of one of few, and the other way round.
        alike = self._sizes // 2 < sizes <= 2 * self._sizes
        self.steps.expect(count, later, alike)
        self._sizes = sizes
        # Threads take turns at all that is not compiled, which is so much of a sweep of few lanes
        # that two of them sweep mid-market no faster than one. Processes that run are kept.
        if self._workers > 1 and (count + later) * (self.steps.pace or 0.0) > _WORTH_PROCESSES_S:
            self._in_processes = True
        busy = any(each.demand.calls_a_block > _BUSY_BLOCK for each in asked)
        workers = self._workers if busy or self._in_processes else 1
        return judge(asked, workers, self._in_processes, self.steps.tick)
