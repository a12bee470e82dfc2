"""How much days vary beyond chance: the coefficient of variation, and the part clients share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from simulation.arrays import Floats
from simulation.fitting.daily import FEWEST_ARRIVALS, DayModel, deviance
from simulation.fitting.hours import Days
from simulation.fitting.result import DayFactors, Estimate

__all__ = ["daily_variation", "day_factors", "is_significant", "shared_variation"]

_FEWEST = 3  # degrees of freedom; with fewer, days tell nothing of how they vary
_TRIED = np.concatenate([[0.0], np.geomspace(1e-3, 10, 150)])  # coefficients of variation
_LEVEL = 0.05  # of the test of any variation
_HIGH, _LOW = 0.975, 0.025  # at the ends of an interval


def _tail(days: Days, model: DayModel, variation: float) -> float:
    """Return the probability of a smaller deviance, if this were the variation."""
    kept = model.kept
    scaled, each = deviance(days.calls[kept], model.mean[kept], model.spread, variation)
    return float(stats.chi2.cdf(scaled * each, model.freedom * each))


def _dispersion(days: Days, model: DayModel) -> float:
    """Return the deviance of days by what chance, and bursts, would make it."""
    kept = model.kept
    return deviance(days.calls[kept], model.mean[kept], model.spread, 0.0)[0] / model.freedom


def is_significant(days: Days, model: DayModel) -> bool:
    """Return whether days vary more than chance alone explains, at a level of 5 %."""
    return model.freedom >= _FEWEST and _tail(days, model, 0.0) > 1 - _LEVEL


_ALIKE = 1e-9
"""The dispersion below which days differ by rounding alone."""


def daily_variation(days: Days, model: DayModel, fullest: DayModel) -> Estimate:
    """Return the coefficient of variation of a day's volume beyond Poisson.

    The interval holds each variation under which the deviance is neither too small nor too large,
    at 2.5 % each, so it holds 0 exactly where chance alone explains the days. Its low end is that
    of the fullest model if that is lower: weekdays may differ, though no test says so, and then
    less of what days differ by is variation.
    """
    kept, count = model.kept, int(model.kept.sum())
    arrivals = float(days.calls[kept].sum()) / model.spread
    if model.freedom < _FEWEST or arrivals < FEWEST_ARRIVALS:
        what = f"{arrivals:.0f} arrivals on {count} days cannot tell how much days vary"
        return Estimate(np.nan, np.nan, 0.0, np.inf, count, "days", what)
    note = ""
    if _tail(days, model, 0.0) < 1 - _HIGH:
        # Bursts of a few sizes have a variance that days do not show: theirs is what days do.
        note = "days vary less than bursts of this size make them"
        dispersion = _dispersion(days, model)
        if dispersion < _ALIKE:
            return Estimate(0.0, 0.0, 0.0, 0.0, count, "days", "days of a kind are all alike")
        model = model._replace(spread=model.spread * dispersion)
    tails = np.array([_tail(days, model, tried**2) for tried in _TRIED])
    low, high = _crossing(tails, _HIGH), _crossing(tails, _LOW)
    if fullest.freedom >= _FEWEST and fullest.freedom < model.freedom:
        tails = np.array([_tail(days, fullest, tried**2) for tried in _TRIED])
        low = min(low, _crossing(tails, _HIGH))
    value = float(np.sqrt(model.variation))
    if not is_significant(days, model):
        value, note = (
            0.0,
            note or f"chance alone explains the days; up to {high:.1%} may be hidden in it",
        )
    mean = model.mean[kept]
    relative = float(np.mean(model.spread / mean)) + model.variation
    # Of v by moments, and of its root by the first derivative; at 0 the root of v's own error.
    error = relative * np.sqrt(2 / model.freedom)
    error = error / (2 * value) if value > 0 else np.sqrt(error) / 2
    low, high = min(low, value), max(high, value)
    return Estimate(value, float(error), low, high, count, "days", note)


def _crossing(tails: Floats, level: float) -> float:
    """Return where the tail falls below a level, between the coefficients tried; inf: nowhere."""
    below = np.flatnonzero(tails < level)
    if not len(below):
        return np.inf
    if below[0] == 0:
        return 0.0
    last = below[0] - 1
    part = (tails[last] - level) / max(tails[last] - tails[last + 1], 1e-300)
    return float(_TRIED[last] + part * (_TRIED[last + 1] - _TRIED[last]))


def day_factors(days: Days, model: DayModel) -> DayFactors:
    """Return by how much each kept day differs from its mean."""
    kept = model.kept & (model.mean > 0)
    mean = model.mean[kept]
    factor = days.calls[kept] / mean
    return DayFactors(days.day[kept], factor, model.spread / mean, float(np.sqrt(model.variation)))


def shared_variation(clients: Sequence[DayFactors]) -> Estimate:
    """Return the part of the variance of day factors that clients share.

    It is the mean covariance of pairs of clients, on the days that both have, by the mean product
    of their daily variations. The standard error leaves out one day at a time (B. Efron and
    C. Stein, The jackknife estimate of variance, 1981).

    Parameters
    ----------
    clients : sequence of DayFactors
        Of clients whose days vary; those with a variation of 0 share nothing and are left out.
    """
    varying = [each for each in clients if each.variation > 0]
    days = np.unique(np.concatenate([each.day for each in varying])) if varying else np.empty(0)
    if len(varying) < 2 or len(days) < 4:
        what = "it takes two clients whose days vary, and some days that both have"
        return Estimate(np.nan, np.nan, 0.0, 1.0, len(days), "days", what)
    # As wide as residuals are, which have lost the coefficients of the fit in products too.
    width = [_width(each) for each in varying]
    products, pairs = np.zeros(len(days)), np.zeros(len(days))
    residuals = np.full((len(varying), len(days)), np.nan)
    for row, each in enumerate(varying):
        residuals[row, np.searchsorted(days, each.day)] = each.factor - 1
    for one, other in combinations(range(len(varying)), 2):
        product = residuals[one] * residuals[other]
        both = np.isfinite(product)
        products[both] += product[both]
        pairs[both] += width[one] * width[other]
    used = pairs > 0
    products, pairs, count = products[used], pairs[used], int(used.sum())
    if count < 4:
        what = "clients have too few days in common"
        return Estimate(np.nan, np.nan, 0.0, 1.0, count, "days", what)
    value = float(products.sum() / pairs.sum())
    without = (products.sum() - products) / (pairs.sum() - pairs)
    error = float(np.sqrt((count - 1) / count * np.sum((without - without.mean()) ** 2)))
    reach = float(stats.t.ppf(0.975, count - 1)) * error
    low, high = np.clip([value - reach, value + reach], 0, 1).tolist()
    return Estimate(float(np.clip(value, 0, 1)), error, low, high, count, "days")


def _width(client: DayFactors) -> float:
    """Return the coefficient of variation of a client's factors, less what chance makes."""
    squared = float(np.mean((client.factor - 1) ** 2 - client.noise))
    return float(np.sqrt(max(squared, client.variation**2 / 4)))
