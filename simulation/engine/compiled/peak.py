"""The window in which most credits are asked for."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Calls, Demand
from simulation.engine.compiled.past import Past
from simulation.engine.compiled.sweep import Sweep, sweep
from simulation.engine.compiled.swept import Pools

__all__ = ["calls_at_peak"]


def calls_at_peak(demand: Demand, replication: int) -> Calls:
    """Return the calls of the window in which most credits are asked for, in order.

    A window ends with a call and is open at its start (rule 3.2); of several that hold as much it
    is the first. Where nothing costs a credit there are no calls.
    """
    # How many calls a size throttles is not asked for, so no client's calls have to count.
    counted = np.zeros(len(demand.scenario.clients), bool)
    most = max(1, sweep(demand, replication, np.empty(0, np.int64), counted).enough)
    # Only days on which demand may exceed a pool of one credit less are put in order; the first
    # call that exceeds it ends the window.
    peak = _Peak(most)
    second_pass = Sweep(Pools(demand, np.array([most - 1]), counted), replication, peak)
    for portion in demand.draw_portions(replication):
        second_pass.take(portion)
        if peak.moment is not None:
            return second_pass.calls(peak.moment + 1 - demand.scenario.card.window, peak.moment + 1)
    return second_pass.calls(0, 0)


class _Peak:
    """Looks for the first call after which the most credits are in use; decides nothing."""

    asleep, work = True, 0

    def __init__(self, most: int) -> None:
        self._most, self.floor = most, most - 1
        self.moment: int | None = None
        self.throttled: Ints = np.zeros(1, np.int64)  # what a sweep counts is not asked for
        self.lost = self.throttled

    def skip_to(self, past: Past) -> None:
        """Go on after calls that were left out."""

    def decide(self, calls: Calls, past: Past, begin: int, ends: list[int]) -> None:  # noqa: ARG002
        """Look at the calls from a moment on."""
        found = np.flatnonzero(past.levels >= self._most)
        if self.moment is None and len(found):
            self.moment = int(calls.time[found[0]])
