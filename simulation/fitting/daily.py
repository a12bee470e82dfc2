"""The model of whole days: levels of weekdays, growth, and variation beyond chance.

Calls of day d have mean μ_d = length_d · exp(level of its weekday + slope · age_d) and variance
φ μ_d + v μ_d²: φ calls come at a time (1, or the size of bursts), and the day's factor, gamma
distributed with mean 1, has variance v. Without bursts that is the negative binomial law (J. F.
Lawless, Negative binomial and mixed Poisson regression, 1987), and with them a quasi-likelihood
(P. McCullagh and J. A. Nelder, Generalized Linear Models, 1989, chapter 9).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from simulation.arrays import Flags, Floats, Ints
from simulation.fitting.hours import Days

__all__ = ["FEWEST_ARRIVALS", "STRUCTURES", "DayModel", "deviance", "fit_days", "groups_of", "wald"]

STRUCTURES = {
    "one": np.zeros(7, np.int64),
    "types": np.array([0, 0, 0, 0, 0, 1, 1]),
    "weekdays": np.arange(7),
}
"""Which weekdays share a level, Monday first."""

FEWEST_ARRIVALS = 10
"""With fewer, days differ by chance alone, as far as a log can tell."""

_LEAST = 1e-12  # of v; below, the law is Poisson's
_FEW = 5.0  # arrivals of a day, of which gamma variables are no likeness
_MOST_COUNTED = 400
_ROUNDS = 60
_MOST_VARIATION = 100.0  # of v: a coefficient of variation of 1,000 %, as a scenario may have


class DayModel(NamedTuple):
    """What days are expected to have, by a fit.

    Attributes
    ----------
    kept : (d,) bool array
        The days that it rests on.
    levels : (g,) float64 array
        Logarithms of calls a day, by group of weekdays.
    slope : float
        Growth of the logarithm in a day; 0 where it is not fitted.
    covariance : (g + 1, g + 1) float64 array
        Of the levels and the slope; a row of zeros where no slope is fitted.
    mean : (d,) float64 array
        The mean calls of each day, also of days that are left out.
    spread : float
        φ.
    variation : float
        v: the deviance is then what it should be on average; not below 0.
    freedom : int
        Days less coefficients.
    """

    kept: Flags
    levels: Floats
    slope: float
    covariance: Floats
    mean: Floats
    spread: float
    variation: float
    freedom: int


def groups_of(days: Days, structure: str) -> Ints:
    """Return the group of each day's weekday, (d,), numbered through those that occur."""
    return np.unique(STRUCTURES[structure][days.weekday], return_inverse=True)[1]


def deviance(calls: Floats, mean: Floats, spread: float, variation: float) -> tuple[float, float]:
    """Return the deviance of days by its mean, about 1 a day, and its degrees of freedom a day.

    The deviance of the negative binomial law (Lawless, 1987). Its spread stays that of a χ² for
    days that vary by 100 %, where that of Pearson's statistic does not: the deviance of a gamma
    variable of shape a has the mean 2 a (ln a − ψ(a)) and the variance 4 a² (ψ'(a) − 1/a), by the
    cumulants of its logarithm. Days are taken to be as gamma variables as wide. That is right for
    Poisson counts too up to terms of 1/a²: both deviances have the mean 1 + 1/(6 a). Where few
    arrivals are expected, mean and variance are summed over the counts that there can be.

    Parameters
    ----------
    calls, mean : (d,) float64 arrays
    spread, variation : float
        φ and v.
    """
    y, m = calls / spread, np.maximum(mean / spread, 1e-12)
    variation = variation if variation > _LEAST else 0.0
    each = special.xlogy(y, y / m)
    if variation > 0:
        size = 1 / variation
        each = each - (y + size) * np.log((y + size) / (m + size))
    else:
        each = each - (y - m)
    # Narrower ones are normal; doubles do not tell their digamma from its leading terms.
    shape = np.clip(1 / (variation + 1 / m), 1e-3, 1e6)
    expected = 2 * shape * (np.log(shape) - special.digamma(shape))
    variance = 4 * shape**2 * (special.polygamma(1, shape) - 1 / shape)
    if (few := m < _FEW).any():
        expected[few], variance[few] = _counted(m[few], variation)
    return float(2 * each.sum() / expected.mean()), float(
        2 * expected.mean() ** 2 / variance.mean()
    )


def _counted(m: Floats, variation: float) -> tuple[Floats, Floats]:
    """Return the mean and variance of the deviance of days that expect few arrivals, (d,) each."""
    # Days of about the same mean have about the same deviance.
    means, place = np.unique(np.exp(np.round(np.log(np.maximum(m, 1e-6)), 1)), return_inverse=True)
    y = np.arange(_MOST_COUNTED)[:, np.newaxis]
    if variation > 0:
        size = 1 / variation
        chance = stats.nbinom.pmf(y, size, size / (size + means))
        each = special.xlogy(y, y / means) - (y + size) * np.log((y + size) / (means + size))
    else:
        chance = stats.poisson.pmf(y, means)
        each = special.xlogy(y, y / means) - (y - means)
    mean = 2 * (chance * each).sum(axis=0)
    variance = 4 * (chance * each**2).sum(axis=0) - mean**2
    return mean[place], np.maximum(variance, 1e-9)[place]


def fit_days(days: Days, kept: Flags, group: Ints, age: Floats | None, spread: float) -> DayModel:
    """Return the model of days, fitted by quasi-likelihood.

    Parameters
    ----------
    days : Days
        At least one; every group of the kept ones has a call.
    kept : (d,) bool array
    group : (d,) int64 array
        Which days share a level, numbered from 0.
    age : (d,) float64 array or None
        Days since some date, if growth is to be fitted.
    spread : float
        φ, at least 1.
    """
    count = int(group.max()) + 1
    design = np.zeros((len(group), count + (age is not None)))
    design[np.arange(len(group)), group] = 1
    if age is not None:
        design[:, count] = age
    calls, length = days.calls[kept], days.length[kept]
    rows = design[kept]
    sums = rows[:, :count].T @ calls, rows[:, :count].T @ length
    beta = np.zeros(design.shape[1])
    beta[:count] = np.log(sums[0] / sums[1])
    freedom = len(calls) - len(beta)
    variation, before = 0.0, -1.0
    for _ in range(_ROUNDS):
        beta, information = _regress(calls, length, rows, beta, spread, variation)
        mean = length * np.exp(rows @ beta)
        before, variation = variation, _variation(calls, mean, spread, freedom)
        if abs(variation - before) <= 1e-7 * (1e-3 + variation):
            break
    covariance = np.zeros((count + 1, count + 1))
    size = len(beta)
    covariance[:size, :size] = np.linalg.pinv(information)
    all_means = days.length * np.exp(design @ beta)
    slope = float(beta[count]) if age is not None else 0.0
    return DayModel(kept, beta[:count], slope, covariance, all_means, spread, variation, freedom)


def _regress(
    calls: Floats, length: Floats, rows: Floats, beta: Floats, spread: float, variation: float
) -> tuple[Floats, Floats]:
    """Return coefficients by Fisher scoring from ``beta`` on, and their information."""
    for _ in range(_ROUNDS):
        mean = length * np.exp(np.clip(rows @ beta, -50, 50))
        per_mean = 1 / (spread + variation * mean)
        information = rows.T @ (rows * (mean * per_mean)[:, np.newaxis])
        step = np.linalg.pinv(information) @ (rows.T @ ((calls - mean) * per_mean))
        beta = beta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    return beta, information


def _variation(calls: Floats, mean: Floats, spread: float, freedom: int) -> float:
    """Return the variation at which the deviance is what it should be on average."""

    def excess(variation: float) -> float:
        return deviance(calls, mean, spread, variation)[0] - freedom

    # A few arrivals tell nothing of how days vary.
    if freedom < 1 or calls.sum() < FEWEST_ARRIVALS * spread or excess(0.0) <= 0:
        return 0.0
    if excess(_MOST_VARIATION) >= 0:
        return _MOST_VARIATION
    return float(optimize.brentq(excess, 0.0, _MOST_VARIATION, xtol=1e-10))


def wald(model: DayModel, contrasts: Floats) -> float:
    """Return the p-value of contrasts between levels, (c, g), all being 0, by an F test."""
    values = contrasts @ model.levels
    size = len(model.levels)
    spread = contrasts @ model.covariance[:size, :size] @ contrasts.T
    statistic = values @ np.linalg.pinv(spread) @ values / len(values)
    return float(stats.f.sf(statistic, len(values), max(model.freedom, 1)))
