"""The hours of the week: how much busier each is than the mean, smoothed by how much data it has.

Calls of an hour, given those of its day, tell the shape of a day whatever the day's volume is. The
shape of a weekday has its own calls as data, and as its prior what the other days of its type show,
then days of the other type, then a flat day: each step adds the variance by which those differ. So
an hour with many calls has its own weight, and one with few has that of hours like it. Priors and
posteriors are gamma laws, the conjugate ones of Poisson counts (D. G. Clayton and J. Kaldor,
Empirical Bayes estimates of age-standardized relative risks, 1987).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from simulation.arrays import Floats
from simulation.fitting.daily import STRUCTURES
from simulation.fitting.hours import Hours, weekday_of
from simulation.fitting.weekdays import Levels

__all__ = ["Shapes", "shapes_of", "weekly"]

_LEVEL = 0.01  # of a test between structures
_ROUNDS = 3
_LEAST = 1e-8  # of a variance, where it stands below a line


class Shapes(NamedTuple):
    """How busy the hours of a day are, with mean 1 on each day.

    Attributes
    ----------
    mean : (7, 24) float64 array
    variance : (7, 24) float64 array
        Relative: of the weight as a multiple of its mean.
    pooled : (3, 7, 24) float64 array
        The same for all hours, for all days, for all days of a type: what simpler profiles say.
    structure : int
        The simplest that is not rejected: 0 flat, 1 hours, 2 hours by type of day, 3 by weekday.
    spread : float
        Calls that come at a time, as hours show it: Pearson's statistic by its freedom, at least 1.
    """

    mean: Floats
    variance: Floats
    pooled: Floats
    structure: int
    spread: float


class _Belief(NamedTuple):
    """A gamma law of weights, by its mean and its relative variance."""

    mean: Floats
    variance: Floats

    def seen(self, calls: Floats, exposure: Floats) -> _Belief:
        shape = 1 / np.maximum(self.variance, _LEAST)
        after = shape + calls
        return _Belief(after / (shape / self.mean + exposure), 1 / after)

    def alike(self, total: float, common: float) -> _Belief:
        """Return what is believed of a value like this one.

        Logarithms of both have the variance ``total`` about 0, of which ``common`` is shared; by
        the regression of one normal variable on another.
        """
        pull = common / max(total, _LEAST)
        variance = pull**2 * self.variance + (1 - pull**2) * total
        return _Belief(self.mean**pull, variance)


def shapes_of(hours: Hours, kept: Floats) -> Shapes:
    """Return the shapes of days.

    Parameters
    ----------
    hours : Hours
    kept : (h,) float64 array
        By how much each hour's calls are divided to count arrivals; 0 for an hour left out.
    """
    use = kept > 0
    weekday, hour = weekday_of(hours.day[use]), hours.hour[use]
    calls, length = hours.calls[use] / kept[use], hours.length[use]
    day, place = np.unique(hours.day[use], return_inverse=True)
    of_week = weekday * 24 + hour
    by_day = np.bincount(place, calls, len(day))
    table = np.bincount(of_week, calls, 168).reshape(7, 24)
    shape, spread = np.ones(168), 1.0
    for _ in range(_ROUNDS):
        # The level of each day, as if it had been covered whole.
        covered = np.bincount(place, length * shape[of_week], len(day))
        level = by_day / np.maximum(covered, _LEAST)
        exposure = np.bincount(of_week, level[place] * length, 168).reshape(7, 24)
        raw = _means(table, exposure)
        mean, variance = _smoothed(table / spread, exposure / spread)
        shape = mean.ravel()
        expected = level[place] * length * shape[of_week]
        spread = _spread(calls, expected, len(day) + float((table * variance).sum() / spread))
    per_day = mean.mean(axis=1, keepdims=True)
    pooled = raw / np.maximum(raw.mean(axis=2, keepdims=True), _LEAST)
    structure = _structure(table / spread, exposure / spread)
    return Shapes(mean / per_day, variance, pooled, structure, spread)


def _spread(calls: Floats, expected: Floats, used: float) -> float:
    """Return Pearson's statistic by its freedom, where it is surely above 1; else 1.

    ``used`` is how many coefficients the fit has: days, and what each hour's own calls weigh.
    """
    some = expected > 1e-3
    freedom = float(some.sum()) - used
    if freedom < 20:
        return 1.0
    squares = (calls[some] - expected[some]) ** 2 / expected[some]
    ratio = float(squares.sum() / freedom)
    error = float(np.sqrt(2 * len(squares) + (1 / expected[some]).sum())) / freedom
    return ratio if ratio > 1 + 3 * error else 1.0


def _types(table: Floats) -> Floats:
    """Return sums over the weekdays of each type, (2, 24)."""
    return np.array([table[STRUCTURES["types"] == kind].sum(axis=0) for kind in (0, 1)])


def _ratio(calls: Floats, exposure: Floats) -> Floats:
    """Return calls by exposure, 1 where there is none."""
    return np.where(exposure > 0, calls / np.maximum(exposure, _LEAST), 1.0)


def _means(calls: Floats, exposure: Floats) -> Floats:
    """Return the shapes by which all hours, all days, and all days of a type are alike."""
    flat, kind = np.ones((7, 24)), STRUCTURES["types"]
    hours = np.broadcast_to(_ratio(calls.sum(axis=0), exposure.sum(axis=0)), (7, 24))
    types = _ratio(_types(calls), _types(exposure))[kind]
    types = np.where(_types(exposure)[kind] > 0, types, hours)
    return np.array([flat, hours, types])


def _beyond(calls: Floats, expected: Floats, part: Floats) -> tuple[float, float]:
    """Return the relative variance of rates beyond Poisson, and a p-value of there being none.

    ``part`` is how much of its own mean each count makes up. Pearson's statistic has variance 2
    for each freedom and 1/expected besides, which matters where few calls are expected.
    """
    some = (expected > 1e-6) & (part < 1 - 1e-9)
    free = float((1 - part[some]).sum())
    if free < 1:
        return 0.0, 1.0
    squares = (calls[some] - expected[some]) ** 2 / expected[some]
    excess = float(squares.sum()) - free
    error = np.sqrt(2 * free + float((1 / expected[some]).sum()))
    weight = float((expected[some] * (1 - part[some])).sum())
    return max(0.0, excess / weight), float(stats.norm.sf(excess / error))


def _differences(calls: Floats, exposure: Floats) -> list[tuple[float, float]]:
    """Return by how much hours differ from flat, types from all days, weekdays from types."""
    kind = STRUCTURES["types"]
    _, hours, types = _means(calls, exposure)
    return [
        _beyond(calls.sum(axis=0), exposure.sum(axis=0), np.full(24, 1 / 24)),
        _beyond(
            _types(calls),
            _types(exposure) * hours[0],
            _types(exposure) / np.maximum(exposure.sum(axis=0), _LEAST),
        ),
        _beyond(calls, exposure * types, exposure / np.maximum(_types(exposure)[kind], _LEAST)),
    ]


def _structure(calls: Floats, exposure: Floats) -> int:
    """Return the number of the simplest structure that is not rejected."""
    rejected = [
        number + 1 for number, (_, p) in enumerate(_differences(calls, exposure)) if p < _LEVEL
    ]
    return max(rejected, default=0)


def _smoothed(calls: Floats, exposure: Floats) -> tuple[Floats, Floats]:
    """Return the weights of the hours of a week, (7, 24), and their relative variances."""
    (hourly, _), (by_type, _), (by_weekday, _) = _differences(calls, exposure)
    mean, variance = np.ones((7, 24)), np.ones((7, 24))
    kind = STRUCTURES["types"]
    flat = _Belief(np.ones(24), np.full(24, hourly + by_type))
    types_calls, types_exposure = _types(calls), _types(exposure)
    for day in range(7):
        own, other = kind[day], 1 - kind[day]
        # What the other type shows of a day like this one: only what both have in common.
        known = flat.seen(types_calls[other], types_exposure[other])
        prior = known.alike(hourly + by_type, hourly)
        others = (kind == own) & (np.arange(7) != day) & (exposure.sum(axis=1) > 0)
        if others.any():
            about = by_weekday / int(others.sum())
            wide = _Belief(prior.mean, prior.variance + about)
            after = wide.seen(calls[others].sum(axis=0), exposure[others].sum(axis=0))
            pull = prior.variance / np.maximum(prior.variance + about, _LEAST)
            prior = _Belief(
                prior.mean * (after.mean / prior.mean) ** pull,
                (1 - pull) * prior.variance + pull**2 * after.variance,
            )
        prior = _Belief(prior.mean, prior.variance + by_weekday)
        mean[day], variance[day] = prior.seen(calls[day], exposure[day])
    return mean, variance


def weekly(shapes: Shapes, levels: Levels) -> Floats:
    """Return weights of the 168 hours from Monday 00:00, (168, 3): estimates, ends of intervals."""
    mean = shapes.mean * np.exp(levels.mean)[:, np.newaxis]
    mean = mean / mean.mean()
    variance = shapes.variance + levels.variance[:, np.newaxis]
    shape = 1 / np.maximum(variance, _LEAST)
    low, high = (mean * stats.gamma.ppf(part, shape) / shape for part in (0.025, 0.975))
    return np.stack([mean.ravel(), low.ravel(), high.ravel()], axis=1)
