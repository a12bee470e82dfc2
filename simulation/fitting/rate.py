"""The rate of arrivals and its growth, with what the days' own variation leaves unsure of both."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from simulation.arrays import Flags, Floats
from simulation.fitting.daily import FEWEST_ARRIVALS, STRUCTURES, DayModel, fit_days, groups_of
from simulation.fitting.hours import Days
from simulation.fitting.result import Estimate
from simulation.quantities import DAYS_PER_MONTH

__all__ = ["Growth", "growth_of", "rate_of"]

_LEVEL = 0.975
_FEWEST_ARRIVALS = 20  # to tell growth


class Growth(NamedTuple):
    """The factor by which a rate changes in 30 days, and the p-value of its being 1."""

    estimate: Estimate
    p_value: float


def growth_of(days: Days, model: DayModel, age: Floats | None) -> Growth:
    """Return the growth of a rate in 30 days, as a factor.

    Parameters
    ----------
    days : Days
    model : DayModel
    age : (d,) float64 array or None
        Days since some date, that the model was fitted with; None if it was fitted without.
    """
    count = int(model.kept.sum())
    arrivals = float(days.calls[model.kept].sum()) / model.spread
    if age is None or model.freedom < 1 or arrivals < _FEWEST_ARRIVALS:
        what = f"{arrivals:.0f} arrivals on {count} days cannot tell growth"
        return Growth(Estimate(np.nan, np.nan, 0.0, np.inf, count, "days", what), 1.0)
    error = float(np.sqrt(model.covariance[-1, -1])) * DAYS_PER_MONTH
    value = model.slope * DAYS_PER_MONTH
    p_value = float(2 * stats.t.sf(abs(value) / max(error, 1e-12), model.freedom))
    reach = float(stats.t.ppf(_LEVEL, model.freedom)) * error
    factor, low, high = np.exp(np.clip([value, value - reach, value + reach], -700, 700)).tolist()
    note = "" if p_value < 0.05 else "no growth can be told from none"
    return Growth(Estimate(factor, factor * error, low, high, count, "days", note), p_value)


def rate_of(
    days: Days,
    model: DayModel,
    structure: str,
    silent: Flags,
    size: int,
    grows: bool,
    start: int,
) -> Estimate:
    """Return the mean arrivals a day over a whole week of the profile.

    Where growth is written it is the rate on the day of the start, otherwise that of the whole log.
    Its error has the daily variation and the bursts in it. The interval is that of a gamma law as
    wide, which for a Poisson count is the exact one (F. Garwood, Fiducial limits for the Poisson
    distribution, 1936).

    Parameters
    ----------
    days : Days
    model : DayModel
        With growth, unless the log is short.
    structure : str
        Of the model's levels, see `simulation.fitting.daily.STRUCTURES`.
    silent : (7,) bool array
        Weekdays without calls.
    size : int
        Calls of an arrival.
    grows : bool
        Whether growth is written.
    start : int
        The day of the start, since 1970-01-01.
    """
    group = groups_of(days, structure)
    since = start - float(days.day.mean())
    if not grows and model.slope:
        without = fit_days(days, model.kept, group, None, model.spread)
        # As uncertain as with growth, which is not there for certain.
        model = without._replace(freedom=model.freedom)
    count = len(model.levels)
    # How many weekdays have which level; those that the log lacks have that of their type.
    weekdays = np.zeros(count)
    kinds = STRUCTURES[structure]
    present = {int(kinds[day]): int(its) for day, its in zip(days.weekday, group, strict=True)}
    for day in np.flatnonzero(~silent).tolist():
        if int(kinds[day]) in present:
            weekdays[present[int(kinds[day])]] += 1
            continue
        alike = [
            its
            for kind, its in present.items()
            if structure == "weekdays" and STRUCTURES["types"][kind] == STRUCTURES["types"][day]
        ] or list(range(count))
        weekdays[alike] += 1 / len(alike)
    each = weekdays * np.exp(model.levels + model.slope * since * grows)
    per_day = float(each.sum()) / 7
    gradient = np.append(each / each.sum(), since if grows else 0.0)
    variance = float(gradient @ model.covariance @ gradient)
    arrivals = float(days.calls[model.kept].sum()) / model.spread
    variance = max(variance, 1 / arrivals)
    value, error = per_day / size, per_day / size * np.sqrt(variance)
    days_seen = int(model.kept.sum())
    note = ""
    wide = 1.0
    if model.freedom >= 3 and arrivals >= FEWEST_ARRIVALS:
        # Also where no variation shows: some may be hidden.
        wide = float(stats.t.ppf(_LEVEL, model.freedom) / stats.norm.ppf(_LEVEL)) ** 2
    if model.freedom < 3:
        note = "days are too few to tell how they vary: the interval is of chance alone"
    shape = 1 / (variance * wide)
    low = value * float(stats.gamma.ppf(1 - _LEVEL, shape)) / shape
    high = value * float(stats.gamma.ppf(_LEVEL, shape + 1)) / shape
    return Estimate(value, float(error), low, high, days_seen, "days", note)
