"""Runs of a schedule: the calls of each, told from what else comes at the time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from simulation.arrays import Flags, Floats, Ints
from simulation.fitting.cells import Cells
from simulation.quantities import MINUTE, SECOND

__all__ = ["Runs", "grown", "runs_of"]

_AROUND = 15 * MINUTE  # on either side of a run, where all else is counted
_REACH = 30 * MINUTE  # how far windows grow on either side
_CHANCE = 1e-5  # that a slot beside a window joins it for nothing
_OFTEN = 0.2  # of the runs have calls in it, or they may be those of another schedule
_ROUNDS = 5  # until slots that stand out raise no mean
_WINDOWS = 5  # lengths of a run on either side, if that is shorter
_QUIET = 0.2  # of a run's calls come besides, at most, if its first and last call can be seen
_LEAST = 0.5  # calls of a run, on average
_CLOSE = 2 * SECOND  # beyond a window
_SAME = 0.7  # of the runs have the same calls, if all are taken to
_ROUND = (MINUTE, 10 * SECOND, SECOND, SECOND // 10, 1000, 1)  # spans that people write


class Runs(NamedTuple):
    """What the runs of a schedule have in common.

    Attributes
    ----------
    calls : int
        Calls of a run.
    over : int
        The time over which they are spread, µs.
    onset : int
        From the beginning of a window to the first call, µs.
    jitter : int
        How much that differs between runs: nine in ten lie within so many µs.
    each : (r,) float64 array
        Calls of each run that took place, less what else comes at the time.
    taken : (n,) int64 array
        The calls of each cell that are the schedule's.
    took_place : (r,) bool array
        Which runs did, in the order given.
    besides, error : float
        Calls that come besides in the time of a run, on average, and its standard error.
    is_same : bool
        Whether nearly all runs have the same calls.
    """

    calls: int
    over: int
    onset: int
    jitter: int
    each: Floats
    taken: Ints
    took_place: Flags
    besides: float
    error: float
    is_same: bool


def grown(cells: Cells, starts: Ints, width: int, slot: int, gap: int) -> tuple[int, int]:
    """Return by how much the windows of runs begin earlier, and how long they then are, µs.

    Runs that differ in their length, or lie among others of their own calls, stand out in a part
    of their time alone. Windows grow by slots in which more runs have calls than the other slots of
    that side let chance explain.

    Parameters
    ----------
    cells : Cells
    starts : (r,) int64 array
        When the window of each run begins, µs since 1970, rising.
    width, slot : int
        How long windows and slots are, µs.
    gap : int
        How many slots without calls a run may have.
    """
    reach = _REACH
    if len(starts) > 1:
        reach = min(reach, (int(np.diff(starts).min()) - width) // 2)
    count = reach // slot
    if count < 2:
        return 0, width
    reach = count * slot
    begins = cells.begins
    first = np.searchsorted(begins, starts - reach)
    run, its = _cells_of(first, np.searchsorted(begins, starts + width + reach))
    place = (begins[its] - starts[run] + reach) // slot
    new = np.ones(len(run), np.bool_)
    new[1:] = (np.diff(run) != 0) | (np.diff(place) != 0)
    size = 2 * count + -(-width // slot)
    hits = np.bincount(place[new], minlength=size)[:size]
    begin, last = count, size - count - 1
    begin -= _steps(hits[:begin][::-1], len(starts), gap)
    last += _steps(hits[last + 1 :], len(starts), gap)
    return (count - begin) * slot, (last - begin + 1) * slot


def _steps(hits: Ints, runs: int, gap: int) -> int:
    """Return by how many slots a window grows into those beside it, the closest first."""
    usual = float(np.median(hits))
    for _ in range(_ROUNDS):
        chance = min(1.0, max(usual, 0.5 / len(hits)) / runs)
        more = (hits >= max(2, _OFTEN * runs)) & (stats.binom.sf(hits - 1, runs, chance) < _CHANCE)
        usual = float(hits[~more].mean()) if not more.all() else usual
    reached = -1
    for place in np.flatnonzero(more).tolist():
        if place - reached > gap:
            break
        reached = place
    return reached + 1


def runs_of(cells: Cells, starts: Ints, width: int, pad: int) -> Runs | None:
    """Return what runs have in common, and take their calls; None if none took place.

    Parameters
    ----------
    cells : Cells
    starts : (r,) int64 array
        When the window of each run begins, µs since 1970, rising.
    width, pad : int
        How long windows are, µs, and how far beyond calls may be.
    """
    begins = cells.begins
    sums = np.concatenate([[0], np.cumsum(cells.calls)])

    def counted(low: Ints, high: Ints) -> Ints:
        within: Ints = sums[np.searchsorted(begins, high)] - sums[np.searchsorted(begins, low)]
        return within

    low, high = starts - pad, starts + width + pad
    high[:-1] = np.minimum(high[:-1], low[1:])
    total = counted(low, high)
    length = width + 2 * pad
    reach = min(_WINDOWS * length, _AROUND)
    around = counted(low - reach, low) + counted(high, high + reach)
    if len(starts) > 1 and int(np.diff(starts).min()) < length + 2 * reach:
        # Runs follow so closely that others lie around: what comes between them counts.
        between = np.concatenate([low[1:] - high[:-1], [0]])
        calls_between = np.append(counted(high[:-1], low[1:]), 0)
        near = (between > 0) & (between <= 4 * int(np.median(between)) + 1)
        others = float(calls_between[near].sum())
        besides = others / max(float(between[near].sum()), 1.0) * length
    else:
        others = float(around.sum())
        besides = others / len(around) * length / (2 * reach)
    error = besides / float(max(others, 1.0)) ** 0.5
    if not (total > 0).any():
        return None
    usual = float(np.median(total[total > besides])) if (total > besides).any() else 1.0
    took_place = total >= max(1.0, (usual + besides) / 2 if besides >= 0.5 else usual / 2)
    if not took_place.any():
        return None
    if besides >= _QUIET and pad:
        # Among so many others the calls are looked for where they are for certain.
        narrow = runs_of(cells, starts, width, _CLOSE if pad > _CLOSE else 0)
        if narrow is not None:
            return narrow
    quiet = besides < _QUIET * max(usual - besides, 1e-9)
    # Where much else comes it cannot be seen which of them took place.
    each = (total[took_place] if quiet else total).astype(np.float64) - besides
    if each.mean() < _LEAST:
        return None
    values, counts = np.unique(total[took_place], return_counts=True)
    is_same = quiet and bool(counts.max() >= _SAME * counts.sum())
    calls = int(values[np.argmax(counts)]) if is_same else max(1, round(float(each.mean())))
    # Where it cannot be seen which took place, all may have: their calls are none at random.
    used = took_place if quiet else total > 0
    first = np.searchsorted(begins, low[used])
    behind = np.searchsorted(begins, high[used])
    onset, jitter, span = 0, 0, width if width > 2 * pad else 0
    if quiet:
        onsets = begins[first] - starts[took_place]
        onset = int(np.median(onsets))
        jitter = int(np.quantile(onsets, 0.95) - np.quantile(onsets, 0.05))
        span = int(np.median(begins[behind - 1] - begins[first]))
        span = 0 if span <= max(cells.grain, jitter) else span * calls // max(calls - 1, 1)
    over = 0 if calls == 1 else _readable(span, max(2 * cells.grain, span // 50))
    most = np.minimum(total[used], calls if is_same or not quiet else total.max())
    taken = _taken(cells, first, behind, total[used], most)
    return Runs(calls, over, onset, jitter, each, taken, took_place, besides, error, is_same)


def _readable(span: int, tolerance: int) -> int:
    """Return a span near this one, in the longest unit within a tolerance, µs."""
    rounded = (round(span / unit) * unit for unit in _ROUND)
    return next(near for near in rounded if abs(near - span) <= tolerance)


def _cells_of(first: Ints, behind: Ints) -> tuple[Ints, Ints]:
    """Return the run and the number of each cell of runs, from the first to the one behind."""
    counts = behind - first
    run = np.repeat(np.arange(len(first)), counts)
    return run, np.arange(len(run)) - np.repeat(np.cumsum(counts) - counts - first, counts)


def _taken(cells: Cells, first: Ints, behind: Ints, total: Ints, most: Ints) -> Ints:
    """Return how many calls of each cell are of a run, (n,), evenly if not all are."""
    run, its = _cells_of(first, behind)
    counts = behind - first
    sums = np.cumsum(cells.calls[its])
    before = np.repeat(np.concatenate([[0], np.cumsum(total)[:-1]]), counts)
    part = (most / total)[run]
    upto = np.rint((sums - before) * part)
    since = np.rint((sums - before - cells.calls[its]) * part)
    taken = np.zeros(len(cells.at), np.int64)
    taken[its] = (upto - since).astype(np.int64)
    return taken
