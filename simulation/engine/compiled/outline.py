"""An outline of demand: how much of a pool without a limit may be in use, slot by slot of time.

It is drawn from what clients ask for in each slot, without the order of their calls. So calls need
no order where the outline says that no size is reached.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Portion, asked_between
from simulation.quantities import HOUR

__all__ = ["Outline"]

_SLOTS = 480  # in a window at most: of 3 minutes, where that is 24 hours
_ANYTHING = 2**63 - 1  # more than any size, and than the 2**62 of `smallest_behind`


class Outline:
    """What is asked for in each slot of a replication, as far as it is drawn.

    Parameters
    ----------
    window, horizon : int
        µs.

    Attributes
    ----------
    most : int
        The most in use so far: the pool size that throttles no call (rule 5).
    """

    def __init__(self, window: int, horizon: int) -> None:
        # A window is a whole number of slots. One of less than an hour has too many of them in a
        # block, and is over before leaving it out would pay.
        self._slots = gcd(window, _SLOTS) if window >= HOUR else 0
        self._window, self._length = window, window // max(1, self._slots)
        # Slots in front, in which nothing is asked for, stand for the time before the run.
        count = self._slots + horizon // self._length + 1 if self._slots else 0
        self._asked = np.zeros(count, np.int64)
        self._first = 0
        self._bounds: Ints = np.empty(0, np.int64)
        self._levels: Ints = np.empty(0, np.int64)
        self.most = 0

    def needed(self, portions: Sequence[Portion], moment: int) -> list[Portion]:
        """Return those of some portions that `add` needs with one that begins at a moment, µs."""
        # A portion may begin within a slot, which is followed from its own beginning on.
        back = moment - self._window - self._length
        return [each for each in portions if each.end > back]

    def add(self, portions: Sequence[Portion]) -> None:
        """Take in the last of some portions; before it stand those that are `needed`."""
        if not self._slots:
            return
        asked = [each.in_slots(self._length) for each in portions[-1].wanted if len(each)]
        self._first = first = min((slot for slot, _ in asked), default=0)
        count = max((slot + len(credits) for slot, credits in asked), default=0) - first
        for slot, credits in asked:
            here = self._slots + slot
            self._asked[here : here + len(credits)] += credits
        # Before each slot and after the last: what was asked for in the window until then.
        totals = np.zeros(self._slots + count + 1, np.int64)
        np.cumsum(self._asked[first : first + self._slots + count], out=totals[1:])
        self._levels = totals[self._slots :] - totals[: count + 1]
        # All of it was in use at the last call until then.
        self.most = max(self.most, int(self._levels.max()))
        # Within a slot no more can be in use than if nothing came back in it.
        here = self._slots + first
        self._bounds = self._levels[:-1] + self._asked[here : here + count]
        while len(open_slots := np.flatnonzero(self._bounds > self.most)):
            busiest = open_slots[self._bounds[open_slots].argmax()]
            # Those a little before and after it are followed with it, since each stretch costs more
            # than the calls in it.
            near = open_slots[np.abs(open_slots - busiest) <= self._slots // 2]
            self._follow(int(near[0]), int(near[-1]) + 1, portions)

    def _follow(self, first: int, last: int, portions: Sequence[Portion]) -> None:
        """Find what is in use at most in slots of the block, the last one left out."""
        begin, end = ((self._first + edge) * self._length for edge in (first, last))
        time, credits = asked_between(portions, begin, end)
        back_at, back = asked_between(portions, begin - self._window, end - self._window)
        # What came a window before a call is back by then (rule 3.2).
        returned = np.concatenate(([0], back.cumsum()))
        returned = returned[np.searchsorted(back_at, time - self._window, side="right")]
        most = int((self._levels[first] + credits.cumsum() - returned).max(initial=0))
        self._bounds[first:last] = most
        self.most = max(self.most, most)

    @property
    def highest(self) -> int:
        """What is in use at most at a call of the block."""
        return int(self._bounds.max(initial=0)) if self._slots else _ANYTHING

    def bound(self, begin: int, end: int) -> int:
        """Return what is in use at most at a call of the block from a moment to another one, µs."""
        if not self._slots:
            return _ANYTHING
        first, last = begin // self._length - self._first, (end - 1) // self._length - self._first
        return int(self._bounds[max(0, first) : max(0, last + 1)].max(initial=0))
