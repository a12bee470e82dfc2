"""What a client wants: when it calls, what each call is, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.jit import compiled
from simulation.rate_cards import RateCard

__all__ = ["Prices", "Wanted"]

_WHOLE_CALL = 2**40
"""More records than any call has, so that the price of a group of as many is that of the call."""


class Prices(NamedTuple):
    """What each kind of call costs: ``costs`` for each group of records, begun ones included.

    A kind with tiers costs nothing for its groups, and what ``steps`` say.

    Attributes
    ----------
    groups, costs : (apis,) int64 array
        Records in a group, and what it costs in the card's smallest unit.
    begins : (apis + 1,) int64 array
        Where the tiers of each kind begin in ``bounds``; empty where no kind has any.
    bounds, steps : (tiers,) int64 array
        The most records of each tier, and what a call of it costs.
    """

    groups: Ints
    costs: Ints
    begins: Ints
    bounds: Ints
    steps: Ints

    @classmethod
    def of(cls, card: RateCard, apis: Sequence[str]) -> Prices:
        """Return the prices of some kinds of call."""
        kinds = [card.kind(api) for api in apis]
        groups = [kind.per_records or _WHOLE_CALL for kind in kinds]
        # One record is of the first group.
        costs = [0 if card.kind(api).tiers else card.units(api, 1) for api in apis]
        begins, bounds, steps = [0], list[int](), list[int]()
        for tiers in (kind.tiers for kind in kinds):
            if tiers is not None:
                bounds += tiers.bounds
                steps += map(card.in_units, tiers.costs)
            begins.append(len(bounds))
        columns = (groups, costs, begins if bounds else [], bounds, steps)
        return cls(*(np.array(column, np.int64) for column in columns))

    def credits(self, what: Ints) -> Ints:
        """Return what calls cost, given as `simulation.demand.calls.packed`."""
        credits = np.empty(len(what), np.int64)
        _price(what, self.groups, self.costs, credits)
        # In a loop of its own, so that cards without tiers do not pay for them.
        if len(self.bounds):
            _price_tiers(what, self.begins, self.bounds, self.steps, credits)
        return credits


@compiled
def _price(what, groups, costs, credits):  # type: ignore[no-untyped-def]
    for n in range(what.shape[0]):
        api, records = what[n] >> 32, what[n] & (2**32 - 1)
        # Without a branch, which kinds that are drawn would make unpredictable, and by floats,
        # whose division takes a third of the time. Below 2**53 it is as exact.
        credits[n] = costs[api] * np.int64((records + groups[api] - 1) / groups[api])


@compiled
def _price_tiers(what, begins, bounds, steps, credits):  # type: ignore[no-untyped-def]
    for n in range(what.shape[0]):
        api, records = what[n] >> 32, what[n] & (2**32 - 1)
        for tier in range(begins[api], begins[api + 1]):
            if records <= bounds[tier]:
                credits[n] = steps[tier]
                break


@compiled
def _add_up(time, credits, slots, first, length):  # type: ignore[no-untyped-def]
    """Add credits up in slots of time; times are in order."""
    slot, end = 0, (first + 1) * length
    for n in range(time.shape[0]):
        while time[n] >= end:
            slot += 1
            end += length
        slots[slot] += credits[n]


class Wanted:
    """What a client wants in a block, n calls in order of time.

    Attributes
    ----------
    time : (n,) int64 array
        µs since the scenario's start.
    what : (n,) int64 array
        Kind and records of each call, as `simulation.demand.calls.packed`.
    credits : (n,) int64 array
        What each call costs, in the card's smallest unit.
    duration : (n,) int64 array or None
        How long each call stays open once it is accepted, µs; None where no call lasts.
    """

    def __init__(self, time: Ints, what: Ints, credits: Ints, duration: Ints | None = None) -> None:
        self.time, self.what, self.credits, self.duration = time, what, credits, duration
        self._added_up: tuple[int, Ints] | None = None

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def total(self) -> int:
        """What all calls cost together."""
        return int(self.credits.sum())

    def between(self, begin: int, end: int) -> tuple[int, Wanted]:
        """Return how many calls come before a moment, and those from it to another one, µs."""
        first, last = np.searchsorted(self.time, (begin, end)).tolist()
        here = slice(first, last)
        duration = None if self.duration is None else self.duration[here]
        return first, Wanted(self.time[here], self.what[here], self.credits[here], duration)

    def in_slots(self, length: int) -> tuple[int, Ints]:
        """Return the first slot of some µs with a call, and the credits in each from it on.

        Slots begin with the scenario. ``length`` is always the same, so this is added up once,
        however many demands share the client.
        """
        if self._added_up is None:
            first, last = (int(self.time[n]) // length for n in (0, -1)) if len(self) else (0, -1)
            slots = np.zeros(last + 1 - first, np.int64)
            _add_up(self.time, self.credits, slots, first, length)
            self._added_up = first, slots
        return self._added_up
