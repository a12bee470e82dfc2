"""What a fit says: laws as a scenario file writes them, how sure each is, and what is left out."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from simulation.arrays import Floats, Ints

__all__ = [
    "NONE_SEEN",
    "OTHERS",
    "REACH",
    "Component",
    "DayFactors",
    "Estimate",
    "FittedClient",
    "OnThrottle",
    "Outlier",
]

REACH = 1.96
"""Standard deviations from an estimate to an end of its 95 % interval."""
NONE_SEEN = 3.7
"""The mean number that may be expected where none came, by the end of a 95 % interval."""
OTHERS = "small-apps"
"""What clients are called that are too small, or too many, to stand for themselves."""

OnThrottle = str | dict[str, Any]
"""What a client does when it is throttled, as a scenario file writes it."""


@dataclass(frozen=True)
class Estimate:
    """A parameter of a law as a log shows it.

    Attributes
    ----------
    value : float
        The estimate; nan where the log cannot tell it.
    standard_error : float
        nan where the log cannot tell it.
    low, high : float
        The 95 % interval; from 0 or to inf where the log does not bound it.
    data : int
        How many data it rests on; `unit` says of what.
    unit : str
        What ``data`` counts, such as ``days``, ``calls`` or ``bursts``.
    note : str
        What this log cannot tell of it; empty where there is nothing to say.
    """

    value: float
    standard_error: float
    low: float
    high: float
    data: int
    unit: str
    note: str = ""

    def holds(self, value: float) -> bool:
        """Return whether the interval holds a value."""
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Component:
    """One law of a client's calls.

    Attributes
    ----------
    law : dict
        The law as a scenario file writes it under ``arrivals``: its kind, and its keys.
    estimates : dict of Estimate
        By the law's keys: ``rate`` (arrivals a day), ``daily_variation`` (coefficient of
        variation), ``growth`` (factor in 30 days), ``burst`` (calls of an arrival), ``every`` (µs
        between them); of a schedule ``calls`` and ``missed`` (share of the runs).
    share : float
        Its part of the client's calls.
    calls : int
        Its calls in the log.
    profile : (168, 3) float64 array or None
        Weights of the hours from Monday 00:00 with mean 1: the estimate and the ends of its 95 %
        interval, whatever simpler profile the law has; None of a schedule, and where the log
        cannot tell hours.
    notes : tuple of str
        What else this log shows of the law or cannot tell, in sentences.
    weekday_errors : (7,) float64 array or None
        Standard errors of the logarithms of weekdays' levels, Monday first; None of a schedule.
    """

    law: dict[str, Any]
    estimates: dict[str, Estimate]
    share: float
    calls: int
    profile: Floats | None = None
    notes: tuple[str, ...] = ()
    weekday_errors: Floats | None = None


@dataclass(frozen=True)
class Outlier:
    """A date that differs so much from all others that the fit leaves it out.

    Attributes
    ----------
    date : date
        The local date.
    calls : float
        The calls on it.
    expected : float
        The calls that the fit expects on it.
    """

    date: dt.date
    calls: float
    expected: float

    @property
    def factor(self) -> float:
        """By how much the date's calls differ from what is expected, as a factor."""
        return self.calls / self.expected

    @property
    def likely(self) -> str:
        """What such a date most often is, in words."""
        return "a holiday or an outage" if self.factor < 1 else "a campaign or a load"


@dataclass(frozen=True)
class DayFactors:
    """How much busier each day was than its mean, beside what chance alone would do.

    Attributes
    ----------
    day : (d,) int64 array
        Local dates, in days since 1970-01-01, in order; outliers are left out.
    factor : (d,) float64 array
        Calls of the day as a multiple of its mean by the fit.
    noise : (d,) float64 array
        Variance of that factor which comes of counting calls, or bursts, alone.
    variation : float
        The daily variation, of which what clients share is a part.
    """

    day: Ints
    factor: Floats
    noise: Floats
    variation: float


@dataclass(frozen=True)
class FittedClient:
    """What the log of one client shows.

    Attributes
    ----------
    name : str
    start : date
        The local date on which a scenario with these laws has to start: growth and the beat of
        schedules are counted from it.
    components : tuple of Component
        Its laws: schedules first, then what comes at random; none where there is no call.
    outliers : tuple of Outlier
        Dates that are left out of all estimates, in order.
    day_factors : DayFactors or None
        For `shared_variation`; None where nothing comes at random.
    notes : tuple of str
        What this log cannot tell, in sentences.
    """

    name: str
    start: dt.date
    components: tuple[Component, ...]
    outliers: tuple[Outlier, ...]
    day_factors: DayFactors | None
    notes: tuple[str, ...] = ()
