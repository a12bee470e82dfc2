"""What is asked of a sweep over pool sizes, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simulation.arrays import Flags, Ints
from simulation.demand import Demand, Portion
from simulation.engine.compiled.daily_use import DailyUse
from simulation.rate_cards import BilledUse

__all__ = ["Pools", "Swept", "counted_in"]


@dataclass(frozen=True)
class Swept:
    """Throttled and lost calls of m pool sizes in one replication.

    Attributes
    ----------
    calls : int
        Calls that count.
    credits : int
        What they cost together, in the card's smallest unit.
    throttled, lost : (m,) int64 array
        How many of them each pool throttled at first, and how many were lost.
    enough : int
        The pool size that throttles no call: the most asked for in any window (rule 5), in the
        card's smallest unit.
    work : int
        Attempts decided one by one, over all pools; where pools are decided side by side, as
        many as take that long.
    daily_use : DailyUse or None
        What each pool uses on each day, where `Pools` ask for it.
    throttled_by : (m, meters) int64 array or None
        Of the calls throttled at first, how many by each meter of the card; None where the pool is
        the only one.
    """

    calls: int
    credits: int
    throttled: Ints
    lost: Ints
    enough: int
    work: int
    daily_use: DailyUse | None = None
    throttled_by: Ints | None = None


class Pools(NamedTuple):
    """Pool sizes that are to be swept on the same demand.

    Attributes
    ----------
    demand : Demand
    limits : (m,) int64 array
        The pool sizes, rising, in the card's smallest unit.
    counted : (clients,) bool array
        Whose calls count, once the warm-up is over.
    billed : BilledUse or None
        What of each day's use is asked for, if anything is; it takes time.
    """

    demand: Demand
    limits: Ints
    counted: Flags
    billed: BilledUse | None = None


def counted_in(portion: Portion, counted: Flags, warmup: int) -> tuple[int, int]:
    """Return how many calls of a block count, and what they cost together.

    ``counted`` says whose calls count, (clients,), and ``warmup`` from when on, µs.
    """
    calls = credits = 0
    for wanted, counts in zip(portion.wanted, counted.tolist(), strict=True):
        if counts and portion.end > warmup:
            its = wanted
            if portion.begin < warmup:
                _, its = wanted.between(warmup, portion.end)
            calls += len(its)
            credits += its.total
    return calls, credits
