"""Days that differ so much from all others that they are named and not fitted."""

from __future__ import annotations

import numpy as np
from scipy import stats

from simulation.arrays import Flags, Floats, Ints
from simulation.fitting.daily import DayModel, fit_days
from simulation.fitting.hours import Days

__all__ = ["usual_days"]

_LEVEL = 0.01  # of naming any outlier where there is none
_FEWEST = 8  # arrivals a day; fewer have no cube root that is about normal
_LEAST_MEAN = 1e-12  # steep growth makes that of far days 0
_MOST, _MOST_SHARE = 20, 6  # at most 20 days are left out, and one in six


def _scores(days: Days, model: DayModel) -> Floats:
    """Return residuals of days that are about standard normal.

    The cube root of a gamma variable of squared coefficient of variation c is about normal with
    mean 1 − c/9 and variance c/9 (E. B. Wilson and M. M. Hilferty, The distribution of chi-square,
    1931).
    """
    mean = np.maximum(model.mean, _LEAST_MEAN)
    squared = model.spread / mean + model.variation
    root = np.cbrt(days.calls / mean)
    scores: Floats = (root - (1 - squared / 9)) / np.sqrt(squared / 9)
    return scores


def usual_days(days: Days, group: Ints, age: Floats | None, spread: float) -> Flags:
    """Return the days that are not outliers, (d,).

    The most extreme day is taken out, again and again; the last one that was too extreme among
    those left, and all taken out before it, are outliers. So two outages do not hide each other
    (B. Rosner, Percentage points for a generalized ESD many-outlier procedure, 1983). Where there
    is no outlier, one is named in 1 % of the logs.
    """
    count = len(days.day)
    usual = np.ones(count, np.bool_)
    coefficients = int(group.max()) + 1 + (age is not None)
    if days.calls.sum() / spread < _FEWEST * count:
        return usual
    taken, found = list[int](), 0
    for number in range(min(_MOST, count // _MOST_SHARE)):
        kept = usual.copy()
        kept[taken] = False
        left = int(kept.sum())
        if left - coefficients < 4:
            break
        if (np.bincount(group[kept], days.calls[kept], group.max() + 1) <= 0).any():
            break
        model = fit_days(days, kept, group, age, spread)
        scores = np.where(kept, _scores(days, model), 0.0)
        scores *= np.sqrt((left - 1) / (left - coefficients))
        worst = int(np.argmax(np.abs(scores)))
        t = stats.t.ppf(1 - _LEVEL / (2 * left), left - coefficients - 1)
        bound = (left - 1) * t / np.sqrt((left - 2 + t * t) * left)
        taken.append(worst)
        if abs(scores[worst]) > bound:
            found = number + 1
    usual[taken[:found]] = False
    return usual
