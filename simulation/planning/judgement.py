"""Throttled and lost calls of pool sizes, in replications of the same demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Floats, Ints
from simulation.experiment import mean_difference, mean_of, unseen_calls
from simulation.scenario import Objective

__all__ = ["Judgement", "at_least", "most_saved", "smallest_with_all_larger"]


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
        The pool sizes, rising, credits.
    calls : (n,) int64 array
        Calls that count, submitted after the warm-up.
    credits : (n,) array
        What they cost together; whole numbers where a credit is the card's smallest unit.
    throttled, lost : (n, m) int64 array
        How many of them were throttled at first, and how many were lost; -1 where a size was
        not judged. Each size is judged on the first replications, on all where it matters.
    enough : (n,) int64 array
        The pool size that throttles no call in the replication, in whole credits.
    work : (n,) int64 array
        How many attempts were decided for it, over all sizes.
    unit : float
        The card's smallest unit of credits.
    bills : (n, m) array or None
        What is paid for the add-on credits used, in $ per month of 30 days; nan where a size was
        not judged, None where the whole size is paid.
    parts : (n, m, parts) array or None
        Of the bills, the parts of which months are made, by `simulation.planning.billing`.
    throttled_by : (n, m, meters) int64 array or None
        Of the throttled calls, how many each meter of the card throttled first; -1 where a size
        was not judged, None where the pool is the only meter.
    """

    limits: Ints
    calls: Ints
    credits: Ints | Floats
    throttled: Ints
    lost: Ints
    enough: Ints
    work: Ints
    unit: float = 1.0
    bills: Floats | None = None
    parts: Floats | None = None
    throttled_by: Ints | None = None

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
        found = unseen_calls(self.enough, self.credits_per_call, self.limits, self.unit)
        return np.minimum(most, found)

    @property
    def credits_per_call(self) -> float:
        """What a call costs on average; 0 where there is none."""
        return float(self.credits.sum()) / max(1.0, float(self.calls.sum()))

    @property
    def enough_for_unseen(self) -> float:
        """The pool size that throttles no call even in an event that no replication shows."""
        event = float(unseen_calls(self.enough, self.credits_per_call, unit=self.unit))
        return float(self.enough.max()) + event * max(self.unit, self.credits_per_call)

    def meets(self, objective: Objective) -> NDArray[np.bool_]:
        """Return whether each size keeps to the objective's share in each replication, (n, m)."""
        # A share of nan, where a size was not judged, reaches nothing and so counts as not kept.
        return at_least(objective.throttled_share, self.shares)

    def keep_to(self, objective: Objective) -> NDArray[np.bool_]:
        """Return whether each size keeps to the objective in enough replications, (m,)."""
        often = self.meets(objective).sum(axis=0) / self.replications
        return at_least(often, objective.probability)

    @property
    def _by_size(self) -> list[str]:
        """The names of what it holds of each size."""
        names = ["throttled", "lost", "bills", "parts", "throttled_by"]
        return [name for name in names if getattr(self, name) is not None]

    def of(self, indices: Sequence[int] | Ints) -> Judgement:
        """Return what it says of some of its sizes."""
        kept = {name: getattr(self, name)[:, indices] for name in self._by_size}
        return replace(self, limits=self.limits[indices], **kept)

    def and_then(self, more: Judgement, indices: Ints) -> Judgement:
        """Return this judgement with further replications of some of the sizes merged in.

        ``more`` begins with the first replication on which those sizes are not yet judged.
        """
        first = int(self.replications[indices[0]])
        count = max(len(self.calls), first + len(more.calls))
        columns = {}
        for name in self._by_size:
            mine = getattr(self, name)
            missing = -1 if mine.dtype == np.int64 else np.nan
            columns[name] = np.full((count, *mine.shape[1:]), missing, mine.dtype)
            columns[name][: len(self.calls)] = getattr(self, name)
            columns[name][first : first + len(more.calls), indices] = getattr(more, name)
        # What a replication asks for is the same whatever the sizes, so newer rows may replace it.
        rows = {
            name: np.concatenate((getattr(self, name)[:first], getattr(more, name)))
            for name in ("calls", "credits", "enough", "work")
        }
        return Judgement(limits=self.limits, unit=self.unit, **columns, **rows)


def smallest_with_all_larger(meets: NDArray[np.bool_]) -> int | None:
    """Return the index from which on all are True, or None.

    >>> smallest_with_all_larger(np.array([True, False, True, True]))
    2
    """
    failing = np.flatnonzero(~meets)
    first = int(failing[-1]) + 1 if len(failing) else 0
    return first if first < len(meets) else None


def most_saved(
    best: Floats, other: Floats, larger: bool, unseen: float, confidence: float
) -> float:
    """Return how many calls fewer than the best another size may lose, on average.

    A larger size may save calls that no replication shows lost: where it never loses more than the
    best, what it saves is a count, whose interval allows for ``unseen`` calls.
    """
    # All sizes saw the same demand, so differences are paired: what they have in common, busy
    # days above all, drops out (common random numbers; Glasserman and Yao 1992).
    saved = best - other if larger else other - best
    if (saved < 0).any():
        return mean_difference(best - other, confidence).high
    count = mean_of(saved, unseen, confidence)
    return count.high if larger else -count.low
