"""Demand as the pool sees it: what the calls of one window took together, at any time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.demand import Calls, Demand
from simulation.quantities import DAY
from simulation.trust.judged_days import JudgedDays

__all__ = ["GAP_EDGES", "Rolled", "rolled", "rolled_replications", "window_peaks"]

GAP_EDGES = np.concatenate([[0.0], np.geomspace(1e3, DAY, 49)])
"""Edges of the classes of gaps between calls, µs: 0, and 1 ms to a day, evenly by their logs."""


@dataclass(frozen=True)
class Rolled:
    """Demand of one replication on d judged days: what an endless pool would have to give.

    Attributes
    ----------
    peaks : (d,) float64 array
        The most credits that calls of one window took together, of windows that end on each day.
    hourly : (h,) float64 array
        Credits of the window before each full hour.
    calls : (d,) int64 array
        Calls on each day.
    credits : (d,) float64 array
        Credits of the calls on each day.
    hours : (168,) int64 array
        Calls by local hour of the week, from Monday 00:00.
    gaps : (49,) int64 array
        Gaps between a call and the next, of all clients together, by class of `GAP_EDGES`.
    """

    peaks: Floats
    hourly: Floats
    calls: Ints
    credits: Floats
    hours: Ints
    gaps: Ints


def rolled_replications(
    demands: Sequence[Demand], days: JudgedDays, replications: int
) -> Iterator[Rolled]:
    """Yield the demand of each replication on the judged days; several demands take turns."""
    for replication in range(replications):
        demand = demands[replication % len(demands)]
        yield rolled(demand.draw_replication(replication), days)


def rolled(calls: Calls, days: JudgedDays) -> Rolled:
    """Return the demand of calls that were drawn, in order, on the judged days."""
    card = days.scenario.card
    time, edges, window = calls.time, days.edges, card.window
    taken = calls.credits if card.pool.counts_credits else np.ones_like(time)
    unit = card.pool_parts(1)
    first, last = np.searchsorted(time, [edges[0], edges[-1]])
    mine = time[first:last]
    day = np.searchsorted(edges, mine, side="right") - 1
    hours = np.searchsorted(days.hours, mine, side="right") - 1
    return Rolled(
        peaks=window_peaks(time, taken, edges, window) / unit,
        hourly=_in_use(time, _sums(taken), days.hours, window) / unit,
        calls=np.bincount(day, minlength=len(days)),
        credits=np.bincount(day, taken[first:last], len(days)) / unit,
        hours=np.bincount(days.hour_of_week[hours], minlength=168),
        gaps=np.histogram(np.diff(mine), GAP_EDGES)[0],
    )


def window_peaks(time: Ints, taken: Ints, edges: Ints, window: int) -> Ints:
    """Return the most that calls of one window took together, by the day on which it ends, (d,).

    Parameters
    ----------
    time : (n,) int64 array
        When each call came, µs, in order.
    taken : (n,) int64 array
        What each took.
    edges : (d + 1,) int64 array
        Where each day begins, and the last one ends, µs.
    window : int
        For how long it is taken, µs.
    """
    sums = _sums(taken)
    peaks = _in_use(time, sums, edges[:-1], window)
    first, last = np.searchsorted(time, [edges[0], edges[-1]])
    mine = time[first:last]
    day = np.searchsorted(edges, mine, side="right") - 1
    np.maximum.at(peaks, day, _in_use(time, sums, mine, window))
    return peaks


def _sums(taken: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(taken)])


def _in_use(time: Ints, sums: Ints, moments: Ints, window: int) -> Ints:
    """Return what the calls of the window that ends at each moment took, one at it included."""
    last, first = (
        np.searchsorted(time, each, side="right") for each in (moments, moments - window)
    )
    found: Ints = sums[last] - sums[first]
    return found
