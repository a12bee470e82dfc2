"""How much calls clump: the variance of their counts against that of calls at random."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.fitting.cells import Cells
from simulation.fitting.hours import LocalClock
from simulation.quantities import HOUR, SECOND

__all__ = ["Clumping", "clumping_of"]

_SCALES = np.array(
    [
        *(1000 * n for n in (1, 10, 100)),
        *(SECOND * n for n in (1, 2, 5, 10, 30, 60, 120, 300, 600, 900)),
    ]
)  # lengths of windows; each divides an hour
_STANDARD_ERRORS = 4.0  # from 1 to a clumping that is none by chance, for any of the scales
_MODEL = 0.03  # by how much the form of bursts may be another one, as a part of their excess
_LENGTHS = np.concatenate([[0.0], np.geomspace(1e3, 2 * HOUR, 120)])


class Clumping(NamedTuple):
    """The Allan factor of counts in windows of several lengths: 1 of a Poisson process.

    Half the mean squared difference of counts in neighbouring windows, by their mean (D. W. Allan,
    Statistics of atomic frequency standards, 1966; S. B. Lowen and M. C. Teich, Fractal-Based Point
    Processes, 2005). Both windows lie in one hour of the local clock, so that a rate
    that changes by the hour, or by the day, adds nothing.

    Attributes
    ----------
    scales : (k,) int64 array
        Lengths of windows, µs.
    factor, error : (k,) float64 array
        The factor, and its standard error, as hours of a log differ.
    calls : int
    """

    scales: Ints
    factor: Floats
    error: Floats
    calls: int

    @property
    def is_significant(self) -> bool:
        """Whether calls clump more than chance lets them."""
        return bool((self.factor - 1 > _STANDARD_ERRORS * self.error).any())

    def fitted(self) -> tuple[float, float, float]:
        """Return calls of a burst, their standard error, and the length of a burst, µs.

        Bursts of n calls spread over a length L that come at random have a variance of counts in
        windows of τ of mean · (1 + (n − 1) h(τ/L)); h is 0 for short windows and 1 for long ones
        (D. R. Cox and V. Isham, Point Processes, 1980). Sizes that vary count by
        their squares: n is the mean square by the mean.
        """
        excess = self.factor - 1
        # Calls evenly apart look more regular than chance in windows as short as their distance.
        above = excess > 0
        error_of = np.hypot(self.error, _MODEL * excess)
        weight = np.where(above, 1 / np.maximum(error_of, 1e-9) ** 2, 0.0)
        seen = np.array(
            [
                _seen(self.scales / length if length else np.full(len(excess), np.inf))
                for length in _LENGTHS
            ]
        )
        sizes = (seen * weight * excess).sum(axis=1) / np.maximum(
            (seen**2 * weight).sum(axis=1), 1e-12
        )
        misfit = ((excess - sizes[:, np.newaxis] * seen) ** 2 * weight).sum(axis=1)
        best = int(np.argmin(misfit))
        # Windows of all lengths see the same bursts: the best alone is as good as all.
        error = float(np.min(np.where(above, error_of / np.maximum(seen[best], 1e-3), np.inf)))
        return 1 + float(sizes[best]), error, float(_LENGTHS[best])


def _seen(ratio: Floats) -> Floats:
    """Return the part of its variance that a burst shows in windows of τ = ratio · L."""

    def part(x: Floats) -> Floats:
        # (1/x) ∫₀^min(x,1) (x − u) 2 (1 − u) du: pairs of calls of a burst are u·L apart.
        top = np.minimum(x, 1)
        whole = np.where(np.isinf(x), 1.0, 0.0)
        finite = np.where(np.isinf(x), 1.0, x)
        integral = 2 * (finite * top - (1 + finite) * top**2 / 2 + top**3 / 3) / finite
        return np.where(whole > 0, 1.0, integral)

    # Of differences: 2 Var(τ) − Var(2τ)/2, by the mean.
    return 2 * part(ratio) - part(2 * ratio)


def clumping_of(cells: Cells, clock: LocalClock) -> Clumping:
    """Return how much calls clump, in windows that hold a cell or more.

    Parameters
    ----------
    cells : Cells
        With a call, and of a grain that is a part of the longest window.
    clock : LocalClock
    """
    local = clock.local(cells.begins)
    hours = np.concatenate([[0], np.cumsum(np.diff(local // HOUR) != 0)])
    count = int(hours[-1]) + 1
    scales = _SCALES[cells.grain <= _SCALES]
    factors, errors = [], []
    # Windows of each length, and their calls; longer ones are made of shorter ones.
    made = {cells.grain: (local // cells.grain, cells.calls.astype(np.float64), hours)}
    for scale in scales.tolist():
        shorter = max((each for each in made if scale % each == 0), default=cells.grain)
        window, calls, of_hour = made[shorter]
        window = window // (scale // shorter) if scale % shorter == 0 else local // scale
        # The local clock goes back once a year: windows are those that follow each other.
        begins = np.concatenate([[0], np.flatnonzero(np.diff(window)) + 1])
        total, its, of_hour = np.add.reduceat(calls, begins), window[begins], of_hour[begins]
        made[scale] = its, total, of_hour
        place, last = its % (HOUR // scale), HOUR // scale - 1
        part = np.where((place == 0) | (place == last), 0.5, 1.0)
        next_one = (np.diff(its) == 1) & (np.diff(of_hour) == 0)
        squares = np.bincount(of_hour, part * total**2, count)
        squares -= np.bincount(of_hour[:-1], next_one * total[:-1] * total[1:], count)
        mean = np.bincount(of_hour, part * total, count)
        factor = squares.sum() / max(mean.sum(), 1e-12)
        factors.append(factor)
        # By hours, which are independent (W. G. Cochran, Sampling Techniques, 1977, section 2.11).
        residual = squares - factor * mean
        errors.append(np.sqrt((residual**2).sum()) / max(mean.sum(), 1e-12))
    return Clumping(scales, np.array(factors), np.array(errors), cells.total)
