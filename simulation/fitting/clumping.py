"""How much calls clump: the variance of their counts against that of calls at random."""

from __future__ import annotations

from collections.abc import Callable
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
_FORM = 0.01  # the same in windows that are long enough to see whole bursts
_STEPS = np.concatenate([[0.0], np.geomspace(1e4, 30 * 60 * SECOND, 160)])  # between calls
_SIZES = np.unique(np.geomspace(2, 20_000, 180).astype(np.int64)).astype(np.float64)


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
    by_chance : (k,) float64 array
        The standard error of the factor of a Poisson process with the calls of each hour.
    calls : int
    """

    scales: Ints
    factor: Floats
    error: Floats
    by_chance: Floats
    calls: int

    @property
    def is_possible(self) -> bool:
        """Whether calls clump more than those of a Poisson process, be it in a few hours alone.

        A rate that changes within the hour does so too, which `is_significant` tells apart.
        """
        return bool((self.factor - 1 > _STANDARD_ERRORS * self.by_chance).any())

    @property
    def is_significant(self) -> bool:
        """Whether calls clump more than chance lets them."""
        return bool((self.factor - 1 > _STANDARD_ERRORS * self.error).any())

    def fitted(self) -> tuple[float, float, float]:
        """Return calls of a burst, their standard error, and the time between them, µs.

        Of bursts of so many calls evenly apart, and of bursts with calls anywhere in their length,
        those are taken that come closest to the factor. Sizes that vary count by their squares: the
        size is the mean square by the mean.
        """
        excess = self.factor - 1
        weight = 1 / np.hypot(self.error, _MODEL * np.maximum(np.abs(excess), 0.1)) ** 2
        # Of a model's excess, (models, k), by calls less one.
        steps, sizes = (each.ravel()[:, np.newaxis] for each in np.meshgrid(_STEPS, _SIZES))
        even = _differences(_evenly, self.scales, steps, sizes)
        spread = _differences(_anywhere, self.scales, _STEPS[:, np.newaxis], np.inf)
        models = np.concatenate([even / (sizes - 1), spread])
        less_one = (models * weight * excess).sum(axis=1) / np.maximum(
            (models**2 * weight).sum(axis=1), 1e-12
        )
        misfit = ((excess - less_one[:, np.newaxis] * models) ** 2 * weight).sum(axis=1)
        # An even model says what its size is, too.
        far = np.log(np.maximum(less_one[: len(even)], 1e-6) / (sizes[:, 0] - 1))
        misfit[: len(even)] += (far / _MODEL) ** 2
        best = int(np.argmin(misfit))
        seen = np.maximum(models[best], 1e-3)
        # Windows of all lengths see the same bursts: the best alone is as good as all.
        error = float(np.min(np.hypot(self.error, _FORM * np.abs(excess)) / seen))
        size = 1 + max(float(less_one[best]), 0.0)
        if best < len(even):
            return size, error, float(steps[best, 0])
        return size, error, float(_STEPS[best - len(even)]) / max(size - 1, 1.0)


def _differences(
    excess: Callable[[Floats, Floats, Floats | float], Floats],
    scales: Ints,
    steps: Floats,
    sizes: Floats | float,
) -> Floats:
    """Return the Allan factor less 1: twice the excess of Var(τ)/mean, less that of 2 τ."""
    tau = scales.astype(np.float64)
    return 2 * excess(tau, steps, sizes) - excess(2 * tau, steps, sizes)


def _evenly(tau: Floats, step: Floats, size: Floats | float) -> Floats:
    """Return the variance of counts in windows by their mean, less 1, of bursts evenly apart.

    It is Σ 2 (n − k)/n · (1 − k e/τ) over the pairs of calls k steps e apart, as long as they fit
    into a window (D. R. Cox and V. Isham, Point Processes, 1980, on cluster processes).
    """
    most = np.minimum(size - 1, np.floor(tau / np.maximum(step, 1e-3)))
    pairs = size * most - most * (most + 1) / 2
    lags = size * most * (most + 1) / 2 - most * (most + 1) * (2 * most + 1) / 6
    excess: Floats = 2 / size * (pairs - step / tau * lags)
    return excess


def _anywhere(tau: Floats, length: Floats, size: Floats | float) -> Floats:  # noqa: ARG001
    """Return the same by calls of a burst less one, of calls anywhere in its length L.

    It is (1/x) ∫ (x − u) 2 (1 − u) du from 0 to the lesser of x and 1, with x = τ/L.
    """
    x = tau / np.maximum(length, 1e-3)
    top = np.minimum(x, 1)
    excess: Floats = 2 * (x * top - (1 + x) * top**2 / 2 + top**3 / 3) / x
    return excess


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
    found: list[tuple[float, float, float]] = []
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
        # By hours, which are independent (W. G. Cochran, Sampling Techniques, 1977, section 2.11).
        residual = squares - factor * mean
        error = np.sqrt((residual**2).sum()) / max(mean.sum(), 1e-12)
        found.append((factor, error, _error_by_chance(mean, HOUR // scale)))
    factors, errors, by_chance = np.array(found, np.float64).reshape(-1, 3).T
    return Clumping(scales, factors, errors, by_chance, cells.total)


def _error_by_chance(calls: Floats, windows: int) -> float:
    """Return the standard error of the factor of Poisson counts, by the calls of each hour, (h,).

    Half the squared difference of two counts with mean m has the variance m/2 + 2 m². Neighbouring
    ones share a count, which adds their covariance, m/4 + m²/2, twice; that the factor is by the
    mean of the same counts takes m off. 3 m² are left for each window.
    """
    mean = calls / windows
    variance = 3 * windows * mean**2
    return float(np.sqrt(variance.sum())) / max(float(calls.sum()), 1e-12)
