"""The demand of a block: drawn client by client, and put in order only on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import Calls, concatenate
from simulation.demand.order import lined_up
from simulation.demand.wanted import Wanted
from simulation.jit import compiled
from simulation.scenario import Clock

__all__ = ["Block", "Portion", "asked_between", "calls_between"]


class Block(NamedTuple):
    """What is drawn at once: some local days, one after the other, or a part of one.

    Attributes
    ----------
    days : range
        At most 64.
    part : (int, int) or None
        Of the only day, where the part begins and ends, µs; None where the days are whole.
    """

    days: range
    part: tuple[int, int] | None = None


class Portion:
    """What all clients want in a block of one replication.

    Attributes
    ----------
    block : Block
    begin, end : int
        From when until when it is, µs.
    wanted : sequence of Wanted
        Of each client, in the order of their numbers.

    Parameters
    ----------
    clock : Clock
        Of the scenario.
    first_calls : (clients,) int64 array
        How many calls each client made before.
    """

    def __init__(
        self, block: Block, wanted: Sequence[Wanted], clock: Clock, first_calls: Ints
    ) -> None:
        self.block, self.wanted = block, wanted
        self._first_calls, self._start = first_calls, clock.day_start(block.days[0])
        self._joined: tuple[Ints, Ints, Ints] | None = None
        self.begin, self.end = block.part or (max(0, self._start), clock.day_end(block.days[-1]))

    def calls(self) -> Calls:
        """Return the calls, ordered by time, client and call."""
        return lined_up(self.wanted, self._first_calls, self._start)

    def between(self, begin: int, end: int) -> Calls:
        """Return the calls from a moment to another one, µs, ordered by time, client and call."""
        skipped, wanted = zip(*(each.between(begin, end) for each in self.wanted), strict=True)
        return lined_up(wanted, self._first_calls + np.array(skipped), self._start)

    def asked(self, begin: int, end: int) -> tuple[Ints, Ints]:
        """Return times and credits of the calls from a moment to another one, in no order."""
        if self._joined is None:
            sizes = [len(each) for each in self.wanted]
            time, credits = (
                np.concatenate([getattr(each, name) for each in self.wanted])
                for name in ("time", "credits")
            )
            self._joined = time, credits, np.concatenate(([0], np.cumsum(sizes)))
        found: tuple[Ints, Ints] = _cut(*self._joined, begin, end)
        return found


@compiled
def _cut(time, credits, begins, begin, end):  # type: ignore[no-untyped-def]
    """Return times and credits from a moment to another one of several rising stretches."""
    edges = np.empty((2, begins.shape[0] - 1), np.int64)
    count = 0
    for client in range(edges.shape[1]):
        for edge in range(2):
            low, high = begins[client], begins[client + 1]
            moment = end if edge else begin
            while low < high:
                middle = (low + high) >> 1
                if time[middle] < moment:
                    low = middle + 1
                else:
                    high = middle
            edges[edge, client] = low
        count += edges[1, client] - edges[0, client]
    times, costs = np.empty(count, np.int64), np.empty(count, np.int64)
    made = 0
    for client in range(edges.shape[1]):
        for n in range(edges[0, client], edges[1, client]):
            times[made], costs[made] = time[n], credits[n]
            made += 1
    return times, costs


def calls_between(portions: Sequence[Portion], begin: int, end: int) -> Calls:
    """Return the calls from a moment to another one, µs, of portions that follow each other."""
    # The last is asked at least, so that there is something to join.
    its = [*(each for each in portions[:-1] if each.end > begin and each.begin < end), portions[-1]]
    return concatenate([each.between(begin, end) for each in its])


def asked_between(portions: Sequence[Portion], begin: int, end: int) -> tuple[Ints, Ints]:
    """Return times, in order, and credits of the calls that `calls_between` returns."""
    its = [each.asked(begin, end) for each in portions if each.end > begin and each.begin < end]
    if not its:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    time, credits = (np.concatenate(column) for column in zip(*its, strict=True))
    order = np.argsort(time)  # calls of one moment may stand in any order
    return time[order], credits[order]
