"""Laws drawn as the estimates of a fit leave them open: what else may be true, by this log."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import numpy as np

from simulation.arrays import Floats
from simulation.bounds import (
    LEAST_VARIATION,
    MOST_CALLS_A_DAY,
    MOST_VARIATION,
)
from simulation.fitting.result import REACH, Component, Estimate, FittedClient
from simulation.fitting.spelling import growth_text, rate_text, share_text, weight
from simulation.quantities import DAYS_PER_MONTH

__all__ = ["drawn_law"]

_MOST_GROWTH = 100.0  # in 30 days, either way
_WEEK = 168


def drawn_law(
    component: Component, client: FittedClient, middle: dt.date, generator: np.random.Generator
) -> dict[str, Any]:
    """Return a law whose parameters are drawn from the sampling distributions of a fit.

    Each parameter is normal about its estimate, or its logarithm is where it cannot be 0, on either
    side as wide as the end of the 95 % interval on that side says; what a law does not allow is cut
    off. Growth is drawn also where the law has none, for it may hide in the days; the rate goes
    along, for a log tells the rate in its middle best. Weekdays are drawn apart where the law tells
    them apart. What a log cannot tell at all stays as it was written.

    Parameters
    ----------
    component : Component
        Of the client.
    client : FittedClient
    middle : date
        The middle of the log.
    generator : Generator
    """
    law = copy.deepcopy(component.law)
    its = component.estimates
    if "schedule" in law:
        if _is_told(its["calls"]):
            # By how much it differs from its estimate, for runs that are missed may be in the law.
            factor = _drawn(its["calls"], generator) / its["calls"].value
            law["schedule"]["calls"] = max(1, round(law["schedule"]["calls"] * factor))
        return law
    poisson = law["poisson"]
    growth = its["growth"]
    grows = 1.0
    rate = _positive(its["rate"], generator)
    if _is_told(growth):
        chance = generator.standard_normal()
        grows = float(np.clip(_at(growth, chance), 1 / _MOST_GROWTH, _MOST_GROWTH))
        if "growth" in poisson:
            # Of the start: nearly all that is unsure of it comes of the growth since the middle.
            rate = _at(its["rate"], chance)
        else:
            rate *= grows ** ((client.start - middle).days / DAYS_PER_MONTH)
        poisson["growth"] = growth_text(grows)
    size = poisson.get("each", {}).get("calls", 1)
    if "burst" in its and _is_told(its["burst"]):
        # The calls stay those that were counted; how many come at a time is drawn.
        drawn = max(1, round(_drawn(its["burst"], generator)))
        rate *= size / drawn
        size = drawn
        poisson.setdefault("each", {})["calls"] = size
        if size == 1:
            del poisson["each"]
    poisson["rate"] = rate_text(min(max(rate, 1e-9), MOST_CALLS_A_DAY / size))
    if _is_told(its["daily_variation"]):
        variation = min(_drawn(its["daily_variation"], generator), MOST_VARIATION)
        poisson.pop("daily_variation", None)
        if variation >= LEAST_VARIATION:
            poisson["daily_variation"] = share_text(variation)
    if len(poisson.get("profile", ())) == _WEEK and component.weekday_errors is not None:
        poisson["profile"] = _weekdays(poisson["profile"], component.weekday_errors, generator)
    return law


def _is_told(estimate: Estimate) -> bool:
    """Return whether a log bounds a parameter on both sides."""
    return bool(np.isfinite([estimate.value, estimate.low, estimate.high]).all())


def _at(estimate: Estimate, deviation: float) -> float:
    """Return a positive parameter, some standard deviations away from its estimate."""
    end = estimate.high if deviation > 0 else estimate.low
    if estimate.value <= 0 or end <= 0 or not np.isfinite(end):
        return estimate.value
    return float(estimate.value * (end / estimate.value) ** (abs(deviation) / REACH))


def _positive(estimate: Estimate, generator: np.random.Generator) -> float:
    return _at(estimate, generator.standard_normal())


def _drawn(estimate: Estimate, generator: np.random.Generator) -> float:
    """Return a parameter that may be 0."""
    deviation = generator.standard_normal()
    width = estimate.high - estimate.value if deviation > 0 else estimate.value - estimate.low
    return max(0.0, estimate.value + deviation / REACH * width)


def _weekdays(profile: list[float], errors: Floats, generator: np.random.Generator) -> list[float]:
    """Return the weights of a week whose days' levels are drawn, with the same mean."""
    by_day = np.array(profile).reshape(7, 24)
    drawn = by_day * np.exp(errors * generator.standard_normal(7))[:, np.newaxis]
    return [weight(float(each)) for each in (drawn * by_day.mean() / drawn.mean()).ravel()]
