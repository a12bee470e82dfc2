"""How the days of a week differ in their calls: levels of weekdays, as sure as the days allow."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulation.arrays import Flags, Floats
from simulation.fitting.daily import STRUCTURES, DayModel, fit_days, groups_of, wald
from simulation.fitting.hours import Days

__all__ = ["Levels", "chosen_structure", "levels_of"]

_LEVEL = 0.01  # of a test between structures
_FEWEST = 4  # degrees of freedom to test with
_SPREADS = np.linspace(0, 1.5, 151)  # of the logarithms of levels of one type of day


class Levels(NamedTuple):
    """The logarithms of calls a day, by weekday, less their mean level.

    Attributes
    ----------
    mean : (7,) float64 array
    variance : (7,) float64 array
    """

    mean: Floats
    variance: Floats


def chosen_structure(
    days: Days, kept: Flags, age: Floats | None, spread: float
) -> tuple[str, DayModel, DayModel]:
    """Return the simplest structure of weekdays that is not rejected, its model, and the fullest.

    Weekdays differ where an F test of more than two types of days says so at 1 %, and types of
    days where one of their difference does.
    """
    fits: dict[str, DayModel] = {}
    for structure in STRUCTURES:
        group = groups_of(days, structure)
        counts = np.bincount(group[kept], minlength=int(group.max()) + 1)
        sums = np.bincount(group[kept], days.calls[kept], int(group.max()) + 1)
        enough = int(kept.sum()) - len(counts) - (age is not None) >= _FEWEST and sums.min() > 0
        if structure == "one" or (len(counts) > 1 and enough):
            fits[structure] = fit_days(days, kept, group, age, spread)
    fullest = [*fits.values()][-1]
    if "weekdays" in fits:
        present = np.unique(days.weekday)
        types = STRUCTURES["types"][present]
        contrasts = []
        for kind in (0, 1):
            members = np.flatnonzero(types == kind)
            for other in members[1:]:
                contrast = np.zeros(len(present))
                contrast[members[0]], contrast[other] = 1, -1
                contrasts.append(contrast)
        if contrasts and wald(fits["weekdays"], np.array(contrasts)) < _LEVEL:
            return "weekdays", fits["weekdays"], fullest
    if "types" in fits and wald(fits["types"], np.array([[1.0, -1.0]])) < _LEVEL:
        return "types", fits["types"], fullest
    return "one", fits["one"], fullest


def levels_of(
    days: Days, kept: Flags, age: Floats | None, spread: float, variation: float
) -> Levels:
    """Return levels of weekdays that share what they have in common with days of their type.

    Weekdays of a type are normal around its level, with a spread that is as likely to be any
    (A. Gelman, Prior distributions for variance parameters in hierarchical models, 2006); their
    posterior is summed over the spread. A weekday that the log does not cover has the level of its
    type, or of all days, and the spread of the others.
    """
    sums = np.bincount(days.weekday[kept], days.calls[kept], 7)
    length = np.bincount(days.weekday[kept], days.length[kept], 7)
    counts = np.bincount(days.weekday[kept], minlength=7)
    seen = (sums > 0) & (length > 0)
    used = kept & seen[days.weekday]
    group = np.cumsum(seen)[days.weekday] - 1
    group[~seen[days.weekday]] = 0
    value, variance = np.zeros(7), np.full(7, np.inf)
    if age is not None and int(used.sum()) > int(seen.sum()) + 1:
        model = fit_days(days, used, group, age, spread)
        value[seen] = model.levels
    else:
        value[seen] = np.log(sums[seen] / length[seen])
    # As uncertain as the chosen model says that days are, not as few days of a weekday show.
    variance[seen] = (spread / (sums / np.maximum(counts, 1))[seen] + variation) / counts[seen]
    mean, spread_of = np.zeros(7), np.zeros((7, 7))
    overall = float(np.average(value[seen], weights=1 / variance[seen]))
    types = [STRUCTURES["types"] == kind for kind in (0, 1)]
    known = [members for members in types if (members & seen).any()]
    likelihood = sum(_likelihood(value[its & seen], variance[its & seen]) for its in known)
    weight = np.exp(likelihood - np.max(likelihood))
    weight /= weight.sum()
    for members in types:
        if (members & seen).any():
            its = _shared(value[members], variance[members], weight)
            mean[members], spread_of[np.ix_(members, members)] = its
        else:
            # Another type of day, never seen: half as much, or twice, is nothing unusual.
            mean[members], spread_of[np.ix_(members, members)] = overall, np.log(2) ** 2
    center = np.log(np.exp(mean).mean())
    # The mean of the week is taken off, and with it what all levels are unsure of together.
    off = np.eye(7) - np.exp(mean - center) / 7
    return Levels(mean - center, np.einsum("ij,jk,ik->i", off, spread_of, off))


def _common(value: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the common level, (s,), its variance, and each weekday's precision, by spread."""
    precision = 1 / (variance + _SPREADS[:, np.newaxis] ** 2)
    common = (precision * value).sum(axis=1) / precision.sum(axis=1)
    return common, 1 / precision.sum(axis=1), precision


def _likelihood(value: Floats, variance: Floats) -> Floats:
    """Return the logarithm of the likelihood of spreads, (s,), the common level integrated out."""
    common, common_variance, precision = _common(value, variance)
    squares = (precision * (value - common[:, np.newaxis]) ** 2).sum(axis=1)
    likelihood: Floats = 0.5 * (np.log(precision).sum(axis=1) - squares + np.log(common_variance))
    return likelihood


def _shared(value: Floats, variance: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return posterior means and covariances of levels of one type of day; inf: not seen."""
    seen = np.isfinite(variance)
    common, common_variance, _ = _common(value[seen], variance[seen])
    squared = _SPREADS[:, np.newaxis] ** 2
    own = np.where(seen, variance, 1e12)
    pull = squared / (squared + own)
    means = common[:, np.newaxis] + pull * (np.where(seen, value, 0) - common[:, np.newaxis])
    mean = weight @ means
    apart, rest = means - mean, 1 - pull
    covariance = np.einsum("s,si,sj->ij", weight, apart, apart)
    covariance += np.einsum("s,s,si,sj->ij", weight, common_variance, rest, rest)
    return mean, covariance + np.diag(weight @ (pull * own))
