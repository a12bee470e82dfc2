"""Calls at random: a Poisson law of rate, profile, daily variation, growth and bursts."""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Flags, Floats
from simulation.bounds import (
    LEAST_VARIATION,
    MOST_CALLS_A_DAY,
    MOST_VARIATION,
)
from simulation.fitting import bursts as burst
from simulation.fitting.bursts import Bursts, bursts_of
from simulation.fitting.cells import Cells
from simulation.fitting.daily import DayModel, groups_of
from simulation.fitting.hours import Days, Hours, LocalClock, days_of, hours_of
from simulation.fitting.outliers import usual_days
from simulation.fitting.profile import Shapes, shapes_of, weekly
from simulation.fitting.rate import growth_of, rate_of
from simulation.fitting.result import NONE_SEEN, Component, DayFactors, Estimate, Outlier
from simulation.fitting.spelling import growth_text, rate_text, share_text, span_text, weight
from simulation.fitting.variation import daily_variation, day_factors
from simulation.fitting.weekdays import Levels, chosen_structure, levels_of
from simulation.quantities import DAY, HOUR

__all__ = ["LEAST_RATE", "RandomPart", "random_parts"]

_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_FEWEST_DAYS = 10  # to fit growth, so that it does not hide in the levels of weekdays
_FEWEST_TO_GROW = 14  # to write it
_MOST_GROWTH = 100.0  # in 30 days; what is more has begun, or ended, in the log
LEAST_RATE = 1e-9
"""Arrivals a day that are written at least."""
_WRITTEN = 0.01  # the level at which growth is written
_SILENT = 8.0  # arrivals are expected on a weekday, and none comes, if it is without calls
_RARE = 3.5  # arrivals, fewer of which may be an accident
_LEAST_DAY = 0.02  # of a day is covered, if it counts as one


class RandomPart(NamedTuple):
    """What comes at random: its law, and the days that it does not hold for."""

    component: Component
    outliers: tuple[Outlier, ...]
    day_factors: DayFactors | None


class _Fit(NamedTuple):
    bursts: Bursts
    shapes: Shapes | None
    days: Days
    usual: Flags
    silent: Flags  # (7,), by weekday
    structure: str
    model: DayModel
    fullest: DayModel
    levels: Levels
    growth: Estimate
    grows: bool


def random_parts(cells: Cells, clock: LocalClock, start: dt.date, total: int) -> list[RandomPart]:
    """Return the laws of calls at random: one, or one for each kind of burst, the smallest first.

    Parameters
    ----------
    cells : Cells
        With a call.
    clock : LocalClock
    start : date
        From which growth is counted.
    total : int
        All calls of the client, of which these are a part.
    """
    bursts = bursts_of(cells, clock)
    parts = bursts.parts or ((cells, bursts),)
    return [_random_part(*each, clock, start, total) for each in parts]


def _random_part(
    cells: Cells, bursts: Bursts, clock: LocalClock, start: dt.date, total: int
) -> RandomPart:
    fit = _fitted(cells, bursts, clock)
    size = fit.bursts.calls
    rate = rate_of(
        fit.days, fit.model, fit.structure, fit.silent, size, fit.grows, start_day(start)
    )
    variation = daily_variation(fit.days, fit.model, fit.fullest)
    estimates = {"rate": rate, "daily_variation": variation, "growth": fit.growth}
    if fit.bursts.size is not None:
        estimates["burst"] = fit.bursts.size
    if fit.bursts.step is not None:
        estimates["every"] = fit.bursts.step
    profile = None if fit.shapes is None else weekly(fit.shapes, fit.levels)
    if profile is not None and fit.silent.any():
        profile = profile.reshape(7, 24, 3)
        expected = rate.value * max(1.0, float(fit.usual.sum()) / 7)
        profile[fit.silent] = [0.0, 0.0, NONE_SEEN / max(expected, NONE_SEEN)]
        profile[..., 0] /= profile[..., 0].mean()
        profile = profile.reshape(168, 3)
    law = _law(fit, rate, variation)
    notes = (*fit.bursts.notes, *_notes(cells, fit, rate))
    component = Component(
        {"poisson": law},
        estimates,
        cells.total / total,
        cells.total,
        profile,
        notes,
        np.sqrt(fit.levels.variance),
    )
    out = np.flatnonzero(~fit.usual)
    outliers = tuple(
        Outlier(_date(int(fit.days.day[n])), float(fit.days.calls[n]), float(fit.model.mean[n]))
        for n in out
    )
    factors = day_factors(fit.days, fit.model)
    return RandomPart(component, outliers, factors)


def start_day(start: dt.date) -> int:
    """Return a date in days since 1970-01-01."""
    return start.toordinal() - _EPOCH_DAY


def _date(day: int) -> dt.date:
    return dt.date.fromordinal(day + _EPOCH_DAY)


def _fitted(cells: Cells, bursts: Bursts, clock: LocalClock) -> _Fit:
    spread = max(bursts.spread, 1.0)
    hours = hours_of(cells, clock)
    tells_hours = cells.grain < DAY // 2 and cells.length >= DAY
    shapes = shapes_of(hours, np.full(len(hours.day), spread)) if tells_hours else None
    single = spread
    if shapes is not None and cells.grain > burst.COARSEST:
        # Bursts that such counts do not show make hours differ, and add as much to days.
        spread = max(spread, shapes.spread)
    days = _days(hours, shapes)
    silent = _silent(days, spread)
    days = days.of(~silent[days.weekday])
    age = _age(days)
    group = groups_of(days, "weekdays" if len(days.day) >= 28 else "types")
    if np.bincount(group, days.calls).min() <= 0:
        group = groups_of(days, "one")
    usual = usual_days(days, group, age, spread)
    if shapes is not None and not usual.all():
        out = np.isin(hours.day, days.day[~usual])
        shapes = shapes_of(hours, np.where(out, 0.0, single))
        anew = days_of(hours, shapes.mean)
        days = anew.of(np.isin(anew.day, days.day))
    structure, model, fullest = chosen_structure(days, usual, age, spread)
    growth = growth_of(days, model, age)
    grows = (
        age is not None
        and growth.p_value < _WRITTEN
        and _length(days) >= _FEWEST_TO_GROW
        and 1 / _MOST_GROWTH < growth.estimate.value < _MOST_GROWTH
    )
    levels = levels_of(days, usual, age, spread, model.variation)
    return _Fit(
        bursts=bursts,
        shapes=shapes,
        days=days,
        usual=usual,
        silent=silent,
        structure=structure,
        model=model,
        fullest=fullest,
        levels=levels,
        growth=growth.estimate,
        grows=grows,
    )


def _length(days: Days) -> int:
    return int(days.day[-1] - days.day[0]) + 1


def _age(days: Days) -> Floats | None:
    """Return days since the middle of the log, where there are enough to fit growth."""
    if len(days.day) < _FEWEST_DAYS:
        return None
    age: Floats = days.day - days.day.mean()
    return age


def _days(hours: Hours, shapes: Shapes | None) -> Days:
    days = days_of(hours, np.ones((7, 24)) if shapes is None else shapes.mean)
    # A few minutes of a day say nothing of it, unless there is no more.
    some = days.length >= _LEAST_DAY
    return days.of(some) if days.calls[some].sum() > 0 else days


def _silent(days: Days, spread: float) -> Flags:
    """Return the weekdays without any call, where some would have come by chance, (7,)."""
    calls = np.bincount(days.weekday, days.calls, 7)
    length = np.bincount(days.weekday, days.length, 7)
    level = days.calls.sum() / length[calls > 0].sum()
    silent: Flags = (calls <= 0) & (level * length / spread >= _SILENT)
    return silent


def _law(fit: _Fit, rate: Estimate, variation: Estimate) -> dict[str, Any]:
    most = MOST_CALLS_A_DAY / fit.bursts.calls
    law: dict[str, Any] = {"rate": rate_text(min(max(rate.value, LEAST_RATE), most))}
    if (profile := _profile(fit)) is not None:
        law["profile"] = profile
    if variation.value >= LEAST_VARIATION:
        law["daily_variation"] = share_text(min(variation.value, MOST_VARIATION))
    if fit.grows:
        law["growth"] = growth_text(fit.growth.value)
    if fit.bursts.calls > 1:
        law["each"] = {"calls": fit.bursts.calls}
        if fit.bursts.every:
            law["each"]["every"] = span_text(fit.bursts.every)
    return law


def _profile(fit: _Fit) -> list[float] | None:
    """Return the simplest profile that is not rejected: none, of 24 hours, or of 168."""
    by_hour = np.ones((7, 24)) if fit.shapes is None else fit.shapes.mean
    structure = 0 if fit.shapes is None else fit.shapes.structure
    if structure == 0:
        by_hour = np.ones((7, 24))
    elif structure == 1:
        by_hour = np.broadcast_to(by_hour.mean(axis=0), (7, 24))
    elif structure == 2:
        by_hour = _by_type(by_hour)
    level = np.exp(fit.levels.mean)
    if fit.structure == "one":
        level = np.ones(7)
    elif fit.structure == "types":
        level = _by_type(level)
    level = np.where(fit.silent, 0.0, level)
    if structure == 0 and np.ptp(level) == 0:
        return None
    weights = by_hour * level[:, np.newaxis]
    weights /= weights.mean()
    if structure <= 1 and np.ptp(level) == 0:
        weights = weights[:1]
    return [weight(float(each)) for each in weights.ravel()]


def _by_type(values: Floats) -> Floats:
    """Return values of weekdays, (7, …), as the mean of their type of day."""
    means = [values[:5].mean(axis=0)] * 5 + [values[5:].mean(axis=0)] * 2
    return np.array(means)


def _notes(cells: Cells, fit: _Fit, rate: Estimate) -> list[str]:
    """Return what this log cannot tell."""
    notes = []
    covered = cells.length / DAY
    arrivals = cells.total / fit.bursts.spread
    if fit.bursts.calls > 1 and arrivals < _RARE:
        often = "once" if round(arrivals) == 1 else f"{arrivals:.0f} times"
        notes.append(
            f"so large a burst came {often} in {covered:.3g} days: if you know what it was, and "
            "that it does not come again, delete this client"
        )
    if cells.grain > burst.COARSEST:
        most = 1.0 if fit.shapes is None else fit.shapes.spread
        what = f"counts over {span_text(cells.grain)} do not show bursts within that time"
        if fit.shapes is not None:
            what += (
                f"; bursts of {most:.3g} calls would explain how counts vary"
                if most > 1
                else "; they vary as those of single calls do"
            )
        else:
            what += ", nor which hours are busy; bursts would count as daily variation here"
        notes.append(what)
    if HOUR < cells.grain < DAY // 2:
        notes.append(f"hours within {span_text(cells.grain)} are taken to be alike")
    if covered < 1:
        notes.append("less than a day is covered: hours and weekdays are taken to be alike")
    elif covered < 7:
        notes.append("less than a week is covered: weekdays that it lacks are taken from others")
    elif covered < 14:
        notes.append("each weekday is covered once: they are told apart by their type alone")
    if covered < _FEWEST_TO_GROW:
        notes.append(f"{covered:.3g} days are too few to tell growth")
    if rate.value * fit.bursts.calls > MOST_CALLS_A_DAY:
        notes.append(f"the rate is cut to {MOST_CALLS_A_DAY:,} calls a day")
    return notes
