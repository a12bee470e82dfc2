"""The demand of a block: drawn client by client, and lined up where somebody asks for the order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import Calls
from simulation.demand.order import lined_up
from simulation.demand.wanted import Wanted

__all__ = ["Block", "Portion"]


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
    wanted : sequence of Wanted
        Of each client, in the order of their numbers.

    Parameters
    ----------
    first_calls : (clients,) int64 array
        How many calls each client made before.
    start : int
        When the first day starts, µs.
    """

    def __init__(
        self, block: Block, wanted: Sequence[Wanted], first_calls: Ints, start: int
    ) -> None:
        self.block, self.wanted = block, wanted
        self._first_calls, self._start = first_calls, start

    def __len__(self) -> int:
        return sum(map(len, self.wanted))

    def calls(self) -> Calls:
        """Return the calls, ordered by time, client and call."""
        return lined_up(self.wanted, self._first_calls, self._start)

    def between(self, begin: int, end: int) -> Calls:
        """Return the calls from a moment to another one, µs, ordered by time, client and call."""
        skipped, wanted = zip(*(each.between(begin, end) for each in self.wanted), strict=True)
        return lined_up(wanted, self._first_calls + np.array(skipped), self._start)
