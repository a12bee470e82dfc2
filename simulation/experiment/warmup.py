"""The warm-up where a scenario names none: how long the start of a run still shows.

The pool starts full, and with a fixed holding time the start repeats every window and fades
slowly. Pilot runs show how slowly: each replication is simulated from a full pool and from a
spent one, whose credits come back evenly over the first window, on the same demand. Where both
throttle the same number of calls in each hour, the start is forgotten. Successive stretches of one
run, which MSER-5 and tests for drift compare, cannot see a pattern that repeats every window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Demand
from simulation.engine import throttled_from
from simulation.quantities import DAY, parse_duration, write_duration
from simulation.scenario import Scenario

__all__ = ["Warmup", "warmup_from", "with_warmup"]

MOST_SHOWN = 0.02
"""Share of the throttled calls: the start is forgotten where it adds, takes or moves no more."""

_WEEK = 7 * DAY
_MOST_CANDIDATES = 64
_MOST_WINDOWS = 10_000  # the start of a run of more windows is not worth the pilot runs
_PILOTS = 5
_PILOT_CALLS = 10_000_000
_HOURS = 24


@dataclass(frozen=True)
class Warmup:
    """The warm-up of a run, and whether the start still shows after it.

    Attributes
    ----------
    length : int
        µs.
    given : bool
        Whether the scenario names it.
    still_shows : float
        The throttled calls that the start adds, takes away or moves to another hour of the
        window, as a share of those that a full or a spent pool throttles after the warm-up.
    fades : bool
        Whether it does not show at all, or after the longest warm-up less than half as much as
        after the shortest; True where only one length is tried, such as one that is given.
    leaves_out : bool
        Whether a pool that starts full throttles calls during the warm-up, but none after it.
    """

    length: int
    given: bool
    still_shows: float
    fades: bool = True
    leaves_out: bool = False

    @property
    def is_enough(self) -> bool:
        """Whether the start is forgotten, and what matters is not left out with it."""
        return self.still_shows <= MOST_SHOWN and not self.leaves_out

    def to_dict(self) -> dict[str, Any]:
        """Return the warm-up as JSON holds it; `warmup_from` reads it back."""
        return {
            "duration": write_duration(self.length),
            "chosen_by": "scenario" if self.given else "pilot runs",
            "start_still_shows": self.still_shows,
            "start_fades": self.fades,
            "leaves_out_all_throttled_calls": self.leaves_out,
            "is_enough": self.is_enough,
        }


def warmup_from(data: dict[str, Any] | None) -> Warmup | None:
    """Return the warm-up that `Warmup.to_dict` wrote; None where none was examined."""
    if data is None:
        return None
    length = parse_duration(data["duration"])
    given = data["chosen_by"] == "scenario"
    left_out = data.get("leaves_out_all_throttled_calls", False)  # results of before lack it
    return Warmup(length, given, float(data["start_still_shows"]), data["start_fades"], left_out)


def with_warmup(scenario: Scenario) -> tuple[Scenario, Warmup | None]:
    """Return the scenario with its warm-up, and how far the start still shows after it.

    None where that is not examined: after a warm-up of 0, with which the start is wanted, and in
    a run of more than 10,000 windows, where one window is left out unless the scenario says else;
    nor where the scenario says what is in use at the start.

    A warm-up that the scenario names stays as it is. Otherwise it is the shortest of whole windows,
    or of whole weeks where the demand differs by weekday and the run covers two, after which, and
    after any longer one, the start is forgotten. It is at most half of the run, but a window at
    least, and never leaves out all that is throttled. Where no such warm-up is enough, it is the
    longest if that helps, and the shortest if not.
    """
    window, given = scenario.card.window, scenario.warmup is not None
    if not given and scenario.initial_usage is not None:  # which stands in place of a warm-up
        return scenario.changed({"warmup": 0}), None
    if scenario.warmup == 0 or scenario.horizon // window > _MOST_WINDOWS:
        return scenario, None
    candidates = [scenario.warmup_end] if given else _candidates(scenario)
    pilots = _Pilots(Demand(scenario))
    shown, left_out = np.array([pilots.after(length) for length in candidates]).T
    if given:
        return scenario, Warmup(candidates[0], True, float(shown[0]), leaves_out=bool(left_out[0]))
    too_much = np.flatnonzero((shown > MOST_SHOWN) | (left_out > 0))
    # Behind the last that is not enough, not the first that is: what fades may show again.
    index = int(too_much[-1]) + 1 if len(too_much) else 0
    helps = len(shown) == 1 or shown[0] == 0 or (not left_out[-1] and shown[-1] < shown[0] / 2)
    if index == len(candidates):
        index = len(candidates) - 1 if helps else 0
    length, shows = candidates[index], shown[index]
    if left_out[index]:
        length, shows = window, pilots.after(window)[0]
    chosen = Warmup(length, False, float(shows), bool(helps))
    return scenario.changed({"warmup": write_duration(length)}), chosen


def _candidates(scenario: Scenario) -> list[int]:
    """Return the lengths in µs that may be chosen as the warm-up, rising."""
    window, horizon = scenario.card.window, scenario.horizon
    weekly = any(client.arrivals.differs_by_weekday for client in scenario.clients)
    step = _WEEK if weekly and horizon >= 2 * _WEEK and _WEEK % window == 0 else window
    # Long runs are tried at coarser steps, so that there are never more than 64.
    step *= max(1, -(-horizon // 2 // step // _MOST_CANDIDATES))
    return list(range(step, horizon // 2 + 1, step)) or [window]


class _Pilots:
    """What pilot runs throttled, from a full pool and from a spent one."""

    def __init__(self, demand: Demand) -> None:
        scenario = demand.scenario
        calls = max(1, demand.busiest_day * demand.days)
        # Two at least, so that one odd replication does not decide; one where all are the same.
        pilots = max(2, min(_PILOTS, _PILOT_CALLS // calls)) if demand.is_random else 1
        self._window, self._horizon = scenario.card.window, scenario.horizon
        counts = np.sum([_throttled_by_hour(demand, pilot) for pilot in range(pilots)], axis=0)
        # Summed from the end: what comes after any warm-up is then one difference of two rows.
        later = np.zeros((2, counts.shape[1] + 1, _HOURS), np.int64)
        later[:, :-1] = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
        self._from = later  # what a full and a spent pool throttle from each window on, by hour

    def after(self, length: int) -> tuple[float, bool]:
        """Return the share that the start still adds, takes or moves after a warm-up of ``length``.

        It is measured over whole windows where one is left, since a part of one has its own hours.
        Beside it stands whether a pool that starts full throttles calls after the first window but
        none after the warm-up, which would leave out what matters.
        """
        first, last = -(-length // self._window), self._horizon // self._window
        if first >= last:
            first, last = length // self._window, len(self._from[0]) - 1
        full, spent = (later[first] - later[last] for later in self._from)
        both, moved = int(full.sum() + spent.sum()), int(np.abs(full - spent).sum())
        left_out = not full.any() and bool(self._from[0][min(1, first)].any())
        return moved / both if both else 0.0, left_out


def _throttled_by_hour(demand: Demand, replication: int) -> Ints:
    """Return the calls throttled in each 24th of each window, (2, windows, 24).

    The first pool is full at the start, the second one spent: what is in use then comes back evenly
    over the first window.
    """
    scenario = demand.scenario
    window = scenario.card.window
    part = max(1, window // _HOURS)
    spent = scenario.card.pool_parts(scenario.limit)
    throttled = throttled_from(demand, replication, (0, spent), part)
    whole = (scenario.horizon // window + 1) * _HOURS
    counts = np.zeros((2, whole), np.int64)
    counts[:, : throttled.shape[1]] = throttled[:, :whole]
    # Where a window is no whole number of parts, what is too much counts in the last one.
    counts[:, -1] += throttled[:, whole:].sum(axis=1)
    return counts.reshape(2, -1, _HOURS)
