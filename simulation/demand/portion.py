"""The demand of a block: drawn client by client, and put in order only on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import Calls, concatenate
from simulation.demand.order import lined_up
from simulation.demand.wanted import Wanted
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
        self.begin, self.end = block.part or (max(0, self._start), clock.day_end(block.days[-1]))

    def calls(self) -> Calls:
        """Return the calls, ordered by time, client and call."""
        return lined_up(self.wanted, self._first_calls, self._start)

    def between(self, begin: int, end: int) -> Calls:
        """Return the calls from a moment to another one, µs, ordered by time, client and call."""
        skipped, wanted = zip(*(each.between(begin, end) for each in self.wanted), strict=True)
        return lined_up(wanted, self._first_calls + np.array(skipped), self._start)


def calls_between(portions: Sequence[Portion], begin: int, end: int) -> Calls:
    """Return the calls from a moment to another one, µs, of portions that follow each other."""
    # The last is asked at least, so that there is something to join.
    its = [*(each for each in portions[:-1] if each.end > begin and each.begin < end), portions[-1]]
    return concatenate([each.between(begin, end) for each in its])


def asked_between(portions: Sequence[Portion], begin: int, end: int) -> tuple[Ints, Ints]:
    """Return times, in order, and credits of the calls that `calls_between` returns."""
    its = [
        wanted.between(begin, end)[1]
        for each in portions
        if each.end > begin and each.begin < end
        for wanted in each.wanted
    ]
    if not its:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    time = np.concatenate([each.time for each in its])
    credits = np.concatenate([each.credits for each in its])
    order = np.argsort(time)  # calls of one moment may stand in any order
    return time[order], credits[order]
