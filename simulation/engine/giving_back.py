"""When what the pool grants comes back, for pools of every kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.arrays import Ints
from simulation.engine.records import Entries
from simulation.engine.rules import BUCKET, CALENDAR, NEVER, ROLLING, Rules

__all__ = ["GivingBack"]


class GivingBack:
    """When grants of the pool come back, one day after the other.

    A bucket gives back what was taken first before what was taken later; here a call's credits
    count as back when the last of them is.

    Attributes
    ----------
    before : Entries or None
        What was taken before the start and is still in use then.
    """

    def __init__(self, rules: Rules) -> None:
        self._pool = rules.meters[rules.pool]
        self._kind = int(self._pool["kind"])
        begin, end = int(self._pool["resets_begin"]), int(self._pool["resets_end"])
        self._resets = np.append(rules.resets[begin:end], NEVER)
        self._taken = 0  # of a bucket, in parts
        self._furthest = -NEVER  # the most by which the refill was ahead
        self.before: Entries | None = None
        if len(rules.start):
            time, amounts = rules.start.T
            # A bucket begins with all of it missing, whenever it was taken.
            began = np.zeros_like(time) if self._kind == BUCKET else time
            back_at = self._back_at(began, amounts, None)
            self.before = Entries(time, amounts, np.full(len(time), -1, np.int64), back_at)

    def of(self, grants: Entries) -> Entries:
        """Return grants with the moments at which they come back to the pool.

        Their ``back_at`` says until now when their calls end.
        """
        amounts = grants.credits
        if not self._pool["counts_credits"]:
            amounts = np.ones_like(amounts)
        back_at = self._back_at(grants.time, amounts, grants.back_at)
        return replace(grants, credits=amounts, back_at=back_at)

    def _back_at(self, time: Ints, amounts: Ints, ends_at: Ints | None) -> Ints | None:
        """Return when grants come back; None where that is a window after their time."""
        if self._kind == ROLLING:
            return None
        if self._kind == CALENDAR:
            return self._resets[np.searchsorted(self._resets, time, side="right")]
        return self._of_bucket(time, amounts) if self._kind == BUCKET else ends_at

    def _of_bucket(self, time: Ints, amounts: Ints) -> Ints:
        # Taken and refilled in parts: the k-th grant is back when the refill, begun anew whenever
        # the bucket was full, has made up for all that was taken until then.
        refill, parts = int(self._pool["refill"]), amounts * int(self._pool["scale"])
        before = self._taken + np.cumsum(parts) - parts
        ahead = np.maximum.accumulate(time * refill - before)
        ahead = np.maximum(ahead, self._furthest)
        if len(ahead):
            self._taken, self._furthest = int(before[-1] + parts[-1]), int(ahead[-1])
        return -(-(before + parts + ahead) // refill)
