"""When what the pool grants comes back, for pools of every kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.arrays import Ints
from simulation.engine.records import Entries
from simulation.engine.rules import BUCKET, CALENDAR, NEVER, ROLLING, Rules

__all__ = ["GivingBack", "before_start"]


def before_start(rules: Rules) -> Entries | None:
    """Return what was granted before the start, if anything was."""
    if not len(rules.start):
        return None
    nobody = np.full(len(rules.start), -1, np.int64)
    return GivingBack(rules).of(Entries(rules.start[:, 0], rules.start[:, 1], nobody))


class GivingBack:
    """When grants of the pool come back, one day after the other.

    A bucket gives back what was taken first before what was taken later; here a call's credits
    count as back when the last of them is.
    """

    def __init__(self, rules: Rules) -> None:
        self._pool = rules.meters[rules.pool]
        self._kind = int(self._pool["kind"])
        begin, end = int(self._pool["resets_begin"]), int(self._pool["resets_end"])
        self._resets = np.append(rules.resets[begin:end], NEVER)
        self._taken = 0  # of a bucket, in parts
        self._furthest = -NEVER  # the most by which the refill was ahead
        if self._kind == BUCKET and len(rules.start):
            # A bucket is filled up first by what is missing from it at the start.
            self.of(Entries(rules.start[:, 0] * 0, rules.start[:, 1], rules.start[:, 0]))

    def of(self, grants: Entries) -> Entries:
        """Return grants with the moments at which they come back to the pool.

        Until now they say when their calls end.
        """
        if self._kind == ROLLING:
            return replace(grants, back_at=None)
        if self._kind == CALENDAR:
            back = self._resets[np.searchsorted(self._resets, grants.time, side="right")]
        elif self._kind == BUCKET:
            back = self._of_bucket(grants)
        else:
            return replace(grants, credits=np.ones_like(grants.credits))
        if not self._pool["counts_credits"]:
            grants = replace(grants, credits=np.ones_like(grants.credits))
        return replace(grants, back_at=back)

    def _of_bucket(self, grants: Entries) -> Ints:
        # Taken and refilled in parts: the k-th grant is back when the refill, begun anew whenever
        # the bucket was full, has made up for all that was taken until then.
        refill, parts = int(self._pool["refill"]), grants.credits * int(self._pool["scale"])
        if not self._pool["counts_credits"]:
            parts = np.full_like(parts, int(self._pool["scale"]))
        before = self._taken + np.cumsum(parts) - parts
        ahead = np.maximum.accumulate(grants.time * refill - before)
        ahead = np.maximum(ahead, self._furthest)
        if len(ahead):
            self._taken, self._furthest = int(before[-1] + parts[-1]), int(ahead[-1])
        return -(-(before + parts + ahead) // refill)
