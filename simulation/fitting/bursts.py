"""Bursts: arrivals that make several calls each, told from single calls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulation.arrays import Flags, Floats, Ints
from simulation.fitting.cells import Cells
from simulation.fitting.clumping import Clumping, clumping_of
from simulation.fitting.hours import LocalClock
from simulation.fitting.result import REACH, Estimate
from simulation.fitting.spelling import about_text
from simulation.quantities import HOUR, MINUTE, SECOND

__all__ = ["COARSEST", "Bursts", "bursts_of"]

COARSEST = 5 * MINUTE
"""The longest cells in which bursts can be told from a rate that changes by the hour."""

_LONGEST_GAP = 30 * MINUTE  # between calls of one burst
_MOST_MERGED = 0.25  # of the bursts that follow so closely that they look like one
_MUCH_MERGED = 0.6  # at a gap that may yet be too short: a longer one merges more
_MOST_COVERED = 0.3  # of the time that a log covers, by bursts that stand apart
_STEP_ERROR = 0.05  # of the time between calls of bursts that overlap, about the steps tried
_SAME = 0.6  # of the bursts have one size, if all are taken to
_SOME = 1.1  # calls of an arrival, by their squares; less is a few calls at one moment
_MOST_SIZES = 3  # that bursts are parted into
_SPREAD = 3.0  # mean square of sizes by their squared mean, from which one size tells none of them
_MULTIPLE = 0.85  # of the bursts have that size or a multiple, which several at once make


class Bursts(NamedTuple):
    """How many calls an arrival makes.

    Attributes
    ----------
    calls : int
        The calls of each; 1 where calls are single, or cannot be told from single ones.
    every : int
        From each of its calls to the next, µs.
    size, step : Estimate or None
        Of ``calls`` and of ``every``; None where calls are single.
    spread : float
        The variance of a count of calls by its mean, over times longer than a burst.
    notes : tuple of str
    parts : tuple of (Cells, Bursts)
        The calls by how large their bursts are, the smallest first, where these differ so much that
        one size would be that of none, such as single calls beside a rare load; else empty.
    """

    calls: int
    every: int
    size: Estimate | None
    step: Estimate | None
    spread: float
    notes: tuple[str, ...] = ()
    parts: tuple[tuple[Cells, Bursts], ...] = ()


_SINGLE = Bursts(1, 0, None, None, 1.0)


def bursts_of(cells: Cells, clock: LocalClock) -> Bursts:
    """Return how many calls each arrival makes.

    Calls are single unless their counts clump more than chance lets them in one log of some
    thousand (see `clumping`). Bursts that stand apart are counted one by one; where they overlap,
    the clumping alone gives the size that keeps the variance of counts right.
    """
    if cells.grain > COARSEST:
        return _SINGLE
    if cells.total < 3:
        return _SINGLE
    clumping = clumping_of(cells, clock)
    if not clumping.is_possible:
        return _SINGLE
    apart = _apart(cells, clock)
    parts = () if apart is None else _parted(cells, apart)
    if not clumping.is_significant and not parts:
        return _SINGLE
    if apart is None:
        return _overlapping(clumping, cells.grain)
    return _counted(cells, apart)._replace(parts=parts)


class _Apart(NamedTuple):
    """Bursts that stand apart: calls, first and last cell of each, and the share that are merged.

    The cells between which a new one begins are ``first`` and ``last`` as indices.
    """

    calls: Ints
    first: Ints
    last: Ints
    merged: float


def _apart(cells: Cells, clock: LocalClock) -> _Apart | None:
    """Return bursts, each a run of cells with short gaps; None where they cannot be kept apart.

    The shortest gap is taken behind which gaps are as rare as between arrivals at random, at the
    rate of arrivals of the same hour, and by which bursts themselves do not clump.
    """
    begins = cells.begins
    gaps = np.diff(begins)
    hours = np.concatenate([[0], np.cumsum(np.diff(clock.local(begins) // HOUR) != 0)])
    sums = np.concatenate([[0], np.cumsum(cells.calls)])
    steps = np.unique(
        [
            *cells.grain * np.array([1, 2, 3, 5, 10, 20, 50]),
            *np.geomspace(cells.grain, _LONGEST_GAP, 30).astype(np.int64),
        ]
    )
    for gap in steps[steps <= _LONGEST_GAP].tolist():
        first = np.concatenate([[0], np.flatnonzero(gaps > gap) + 1])
        last = np.concatenate([first[1:] - 1, [len(begins) - 1]])
        others = (np.bincount(hours[first]) - 1)[hours[first]]  # in the hour of each
        length = begins[last] - begins[first] + gap
        merged = float(-np.expm1(-length * others / HOUR).mean())
        if merged > _MUCH_MERGED or length.sum() > _MOST_COVERED * cells.length:
            return None
        between = begins[first[1:]] - begins[last[:-1]]
        seen = int((between <= 3 * gap).sum())
        expected = float(-np.expm1(-2 * gap * others / HOUR).sum())
        if seen > expected + 3 * np.sqrt(expected + 1) + 0.01 * len(first):
            continue
        ones = Cells(cells.grain, cells.at[first], np.ones_like(first), cells.covered)
        if clumping_of(ones, clock).is_significant:
            continue  # calls further apart belong together too
        if merged > _MOST_MERGED:
            return None
        calls = np.diff(sums[np.append(first, len(begins))])
        return _Apart(calls, first, last, merged)
    return None


def _counted(cells: Cells, apart: _Apart) -> Bursts:
    """Return bursts that were counted one by one."""
    sizes, counts = np.unique(apart.calls, return_counts=True)
    usual = int(sizes[np.argmax(counts)])
    share = counts.max() / counts.sum()
    multiples = counts[sizes % usual == 0].sum() / counts.sum()
    count = int(counts.sum())
    if usual > 1 and share >= _SAME * (1 - apart.merged) and multiples >= _MULTIPLE:
        size = Estimate(usual, 0.0, usual, usual, count, "bursts")
        same = apart.calls == usual
        step = _step(cells, apart, same, usual)
        return Bursts(usual, _readable(step), size, step, float(usual))
    calls = apart.calls.astype(np.float64)
    spread = float((calls**2).sum() / calls.sum())
    if spread < _SOME:
        return Bursts(1, 0, None, None, spread)
    error = float(np.sqrt(((calls**2 - spread * calls) ** 2).sum()) / calls.sum())
    low, high = np.quantile(calls, [0.05, 0.95]).tolist()
    what = (
        f"bursts vary from {low:.0f} to {high:.0f} calls (nine in ten), {calls.mean():.3g} on "
        f"average; one size of {spread:.3g} keeps both the calls and their variance"
    )
    chosen = max(1, round(spread))
    size = Estimate(
        spread,
        error,
        max(1.0, spread - REACH * error),
        spread + REACH * error,
        count,
        "bursts",
        what,
    )
    if chosen == 1:
        return Bursts(1, 0, size, None, max(1.0, spread), (what,))
    step = _step(cells, apart, apart.calls > 1, None)
    return Bursts(chosen, _readable(step), size, step, max(1.0, spread), (what,))


def _parted(cells: Cells, apart: _Apart) -> tuple[tuple[Cells, Bursts], ...]:
    """Return the cells of bursts by size, the smallest first; none where one size tells them."""
    limits = _limits(np.sort(apart.calls), _MOST_SIZES)
    if not limits:
        return ()
    of_burst = np.searchsorted(np.array(limits), apart.calls, side="right")
    lengths = apart.last - apart.first + 1
    of_cell = np.repeat(of_burst, lengths)
    parts = []
    for number in range(len(limits) + 1):
        its = cells.with_calls(np.where(of_cell == number, cells.calls, 0))
        behind = np.cumsum(lengths[of_burst == number])
        first = np.concatenate([[0], behind[:-1]])
        calls = apart.calls[of_burst == number]
        parts.append((its, _counted(its, _Apart(calls, first, behind - 1, apart.merged))))
    return tuple(parts)


def _limits(sizes: Ints, most: int) -> list[int]:
    """Return the sizes at which one kind of burst ends and the next begins, rising.

    Parameters
    ----------
    sizes : (b,) int64 array
        Of all bursts, rising.
    most : int
        How many kinds there may be.
    """
    spread = _spread(np.array([0]), sizes)[0]
    if most < 2 or spread < _SPREAD:
        return []
    first = np.flatnonzero(np.diff(sizes)) + 1  # each size that is larger than the one before
    below, above = _spread(first, sizes, below=True), _spread(first, sizes)
    calls = np.cumsum(sizes)[first - 1] / sizes.sum()
    # By calls, for each of them is as likely to find the pool empty.
    best = int(np.argmin(calls * np.log(below) + (1 - calls) * np.log(above)))
    limit = int(sizes[first[best]])
    small, large = sizes[: first[best]], sizes[first[best] :]
    wider = small if below[best] > above[best] else large
    return sorted([limit, *_limits(wider, most - 1)])


def _spread(first: Ints, sizes: Ints, below: bool = False) -> Floats:
    """Return the mean square by the squared mean of sizes from each place on, or below it."""
    squares, sums = (
        np.concatenate([[0.0], np.cumsum(sizes.astype(np.float64) ** power)]) for power in (2, 1)
    )
    if below:
        count, square, total = first, squares[first], sums[first]
    else:
        count, square, total = (
            len(sizes) - first,
            squares[-1] - squares[first],
            sums[-1] - sums[first],
        )
    spread: Floats = square * count / total**2
    return spread


def _step(cells: Cells, apart: _Apart, used: Flags, calls: int | None) -> Estimate:
    """Return the time between calls of a burst; cells tell each of their spans to a cell's length.

    A span between cells is off by less than a cell, and right on average.
    """
    span = (cells.at[apart.last[used]] - cells.at[apart.first[used]]) * cells.grain
    steps = span / (np.maximum(apart.calls[used], 2) - 1)
    count = len(steps)
    value = float(steps.mean())
    error = float(steps.std(ddof=1) / np.sqrt(count)) if count > 1 else cells.grain / 2
    reach = max(REACH * error, 0.5 * cells.grain / max((calls or 2) - 1, 1) / np.sqrt(count))
    return Estimate(value, error, max(0.0, value - reach), value + reach, count, "bursts")


def _readable(step: Estimate) -> int:
    """Return a step in the longest unit that its interval cannot tell from it, µs."""
    if step.low <= 0:
        return 0
    for unit in (
        MINUTE,
        10 * SECOND,
        SECOND,
        SECOND // 2,
        SECOND // 10,
        SECOND // 20,
        10_000,
        1000,
    ):
        rounded = round(step.value / unit) * unit
        if rounded and step.low <= rounded <= step.high:
            return rounded
    return round(step.value)


def _overlapping(clumping: Clumping, grain: int) -> Bursts:
    """Return bursts of which only the clumping is seen, in cells of some length, µs."""
    value, error, every = clumping.fitted()
    what = "bursts overlap: their size is the one that keeps the variance of counts right"
    low, high = max(1.0, value - REACH * error), value + REACH * error
    chosen = max(1, round(value))
    reach = _STEP_ERROR * every
    if every * chosen < 2 * grain:
        # Shorter than two cells: nothing shows how fast its calls follow each other.
        reach = max(every, 2 * grain / chosen - every)
        what += f", and counts over {about_text(grain)} do not tell how fast their calls follow"
    size = Estimate(value, error, low, high, clumping.calls, "calls", what)
    if chosen == 1:
        return Bursts(1, 0, size, None, max(1.0, value), (what,))
    step = Estimate(
        every, reach / REACH, max(0.0, every - reach), every + reach, clumping.calls, "calls", what
    )
    # What cannot be told is written as calls that come evenly over a cell.
    written = _readable(step) or round(grain / chosen)
    return Bursts(chosen, written, size, step, value, (what,))
