"""Estimates from independent replications, each with its confidence interval.

Every interval in a result comes from here, at 95 % confidence unless another is asked.
"""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtr, betaincinv, gammaincinv, stdtrit

from simulation.arrays import Floats
from simulation.experiment.intervals import CONFIDENCE, Estimate, Estimates

__all__ = [
    "binomial_interval",
    "mean_difference",
    "mean_of",
    "median_of",
    "ratio_difference",
    "ratio_of",
    "ratios",
    "share_of_replications",
    "unseen_calls",
]

_RARE = 3  # an event that shows in at most one of three replications is rare
_ROUNDING = 1e-12  # ratios that differ by less are the same


def ratios(
    numerators: NDArray[Any],
    denominators: NDArray[Any],
    unseen: float | Floats = 1.0,
    confidence: float = CONFIDENCE,
) -> Estimates:
    """Return ratios of sums over n replications with their intervals, of m things at once.

    Parameters
    ----------
    numerators : (n, m) array
        What is counted in each replication, not negative.
    denominators : (n,) or (n, m) array
        What it is counted of; ones for a mean.
    unseen : float or (m,) array
        What one event adds to the numerator, for events that no replication shows.
    confidence : float
        Level of the intervals.

    Where more than a third of the replications count anything, the interval is Student's t of
    the linearised ratio after Hall's cubic transformation, which takes the skewness out (P. Hall,
    On the removal of skewness by transformation, 1992). Where fewer do, their counts are the
    jumps of a compound Poisson number, and the interval is the gamma interval of such sums: exact
    for jumps of one size, and wide rather than narrow otherwise (Fay and Feuer 1997). It allows
    for one more event as large as the largest, or as ``unseen``, and so its upper end is above 0.

    Where the ratio is the same in all replications, that does not make it certain: an event may
    add ``unseen`` to one replication of many, or take it away. The interval reaches as far, up and
    down, as the gamma interval of such events that none shows, and where that is wider (two or
    three replications) as Student's t would if one replication showed one. It is a point only if
    ``unseen`` is 0; of what is known not to be random, the caller says so.

    These two together covered best among Student's t, the jackknife, the bootstrap-t, Johnson's and
    Hall's intervals; ``tests/coverage_table.py`` measures how often they hold the truth.
    """
    x = np.asarray(numerators, np.float64)
    c = np.asarray(denominators, np.float64)
    c = np.broadcast_to(c if c.ndim == x.ndim else c[:, np.newaxis], x.shape)
    n, whole, counts = len(x), c.sum(axis=0), (c > 0).sum(axis=0)
    whole = np.where(whole > 0, whole, nan)
    ratio: Floats = x.sum(axis=0) / whole
    if n < 2:
        none = np.full(x.shape[1], nan)
        return Estimates(ratio, none, none, counts, confidence)
    # The delta method: a ratio varies as the mean of its residuals over that of its denominator.
    low, high = _transformed(x - ratio * c, whole / n, confidence)
    low, high = ratio + low, ratio + high
    event = np.broadcast_to(np.asarray(unseen, np.float64), ratio.shape)
    # No variation among few replications is not certainty: allow for one event that none shows.
    alike = (np.abs(x - ratio * c) <= _ROUNDING * x).all(axis=0)
    reach = event[alike] * _of_none(n, confidence) / whole[alike]
    low[alike], high[alike] = ratio[alike] - reach, ratio[alike]
    rare = (_RARE * (x > 0).sum(axis=0) <= n) & ~np.isnan(whole)
    if rare.any():
        ends = _of_rare(x[:, rare], event[rare], confidence)
        low[rare], high[rare] = (end / whole[rare] for end in ends)
    # Again at last, for ratios that are both alike and rare, such as 0 in all replications.
    high[alike] = np.maximum(high[alike], ratio[alike] + reach)
    return Estimates(ratio, np.maximum(low, 0.0), high, counts, confidence)


def _transformed(
    residuals: Floats, scale: float | Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Return how far the interval of a mean of residuals reaches, below and above."""
    n = len(residuals)
    r = residuals / scale
    spread = np.sqrt((r**2).sum(axis=0) / (n - 1))
    skew = np.zeros(r.shape[1])
    varies = spread > 0
    if n > 2:
        third = (r[:, varies] ** 3).sum(axis=0) / spread[varies] ** 3
        skew[varies] = n / ((n - 1) * (n - 2)) * third
    t = float(stdtrit(n - 1, (1 + confidence) / 2))
    root = np.sqrt(n)
    # The transformation divides by the skewness; without any it is the identity.
    slight = np.abs(skew) < 1e-6
    g = np.where(slight, 1.0, skew)

    # The inverse of Hall's cubic x + g x²/3 + g² x³/27 + g/(6n), times the root of n.
    def untransformed(z: float) -> Floats:
        bent = 3 * root / g * (np.cbrt(1 + g * (z / root - g / (6 * n))) - 1)
        return np.where(slight, z, bent)

    # Of a studentised mean: its upper quantile bounds the mean from below, so ends change sides.
    error = spread / root
    return -error * untransformed(t), -error * untransformed(-t)


def _of_none(n: int, confidence: float) -> float:
    """Return how many events there may be in n replications of which none shows one."""
    tail = (1 + confidence) / 2
    return max(float(gammaincinv(1, tail)), float(stdtrit(n - 1, tail)))


def _of_rare(x: Floats, unseen: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the gamma interval of sums of events that few replications show."""
    # A gamma law with the mean and variance of such a sum (Fay and Feuer 1997); for its upper end
    # one more event is added to both.
    total, squares = x.sum(axis=0), (x**2).sum(axis=0)
    one_more = np.maximum(x.max(axis=0), unseen)
    tail = (1 - confidence) / 2
    seen = total > 0
    low = np.zeros(len(total))
    shape = total[seen] ** 2 / squares[seen]
    low[seen] = gammaincinv(shape, tail) * squares[seen] / total[seen]
    more, wider = total + one_more, squares + one_more**2
    high: Floats = gammaincinv(more**2 / wider, 1 - tail) * wider / more
    return low, high


def ratio_of(
    numerators: ArrayLike,
    denominators: ArrayLike,
    unseen: float = 1.0,
    confidence: float = CONFIDENCE,
) -> Estimate[float]:
    """Return the ratio of two sums over replications, such as the share of calls throttled.

    >>> ratio_of([2, 0, 1, 3], [10, 10, 10, 10]).mean
    0.15
    """
    c = np.asarray(denominators, np.float64)
    columns = np.asarray(numerators, np.float64)[:, np.newaxis]
    return ratios(columns, c, unseen, confidence)[0]


def mean_of(
    values: ArrayLike, unseen: float = 1.0, confidence: float = CONFIDENCE
) -> Estimate[float]:
    """Return the mean of counts or amounts that are not negative; nan are left out.

    >>> mean_of([1.0, 2.0, 3.0]).mean
    2.0
    """
    given = np.asarray(values, np.float64)
    given = given[~np.isnan(given)]
    return ratio_of(given, np.ones(len(given)), unseen, confidence)


def mean_difference(values: ArrayLike, confidence: float = CONFIDENCE) -> Estimate[float]:
    """Return the mean of values of either sign, such as paired differences; nan are left out.

    Where all are equal the interval is a point: a difference on the same demand often is the same
    in all replications because nothing in it is random, such as that of two prices.
    """
    given = np.asarray(values, np.float64)
    given = given[~np.isnan(given)]
    n = len(given)
    mean = float(given.mean()) if n else nan
    if n < 2:
        return Estimate(mean, nan, nan, n, confidence)
    low, high = _transformed((given - mean)[:, np.newaxis], 1.0, confidence)
    return Estimate(mean, mean + float(low[0]), mean + float(high[0]), n, confidence)


def ratio_difference(
    now: tuple[ArrayLike, ArrayLike],
    then: tuple[ArrayLike, ArrayLike],
    confidence: float = CONFIDENCE,
) -> Estimate[float]:
    """Return a ratio of sums less another of the same replications, such as two throttled shares.

    Parameters
    ----------
    now, then : two (n,) arrays each
        What is counted in each replication, and what it is counted of; ``now`` is taken away.
    confidence : float
        Level of the interval, which is that of the mean of the linearised differences.

    >>> round(ratio_difference(([1, 3], [10, 10]), ([2, 6], [10, 30])).mean, 9)
    0.0
    """
    found, residuals = [], []
    for counts, per in (now, then):
        x, c = np.asarray(counts, np.float64), np.asarray(per, np.float64)
        ratio = x.sum() / c.sum() if c.any() else nan
        found.append(ratio)
        residuals.append((x - ratio * c) / c.mean() if c.any() else np.full(len(c), nan))
    apart = mean_difference(residuals[1] - residuals[0], confidence)
    difference = float(found[1] - found[0])
    ends = (difference + apart.low - apart.mean, difference + apart.high - apart.mean)
    return Estimate(difference, *ends, apart.replications, confidence)


def median_of(values: ArrayLike, confidence: float = CONFIDENCE) -> Estimate[float]:
    """Return the median over replications, with the interval between two of their values.

    The median is the least value that half of them do not exceed. What did not happen until
    the horizon is inf; where all are followed equally long, this is the Kaplan–Meier median.
    The interval holds whatever the distribution is; fewer than six values have none.

    >>> median_of([3.0, 1.0, inf]).mean
    3.0
    """
    given = np.sort(np.asarray(values, np.float64))
    n = len(given)
    median = float(given[(n - 1) // 2]) if n else nan
    # How many values lie below the median is binomial with 1/2, whatever their law.
    ranks = np.arange(1, n + 1)
    below = ranks[bdtr(ranks - 1, n, 0.5) <= (1 - confidence) / 2]
    finite = int(np.isfinite(given).sum())
    if not len(below):
        return Estimate(median, nan, nan, finite, confidence)
    rank = int(below[-1])
    low, high = float(given[rank - 1]), float(given[n - rank])
    return Estimate(median, low, high, finite, confidence)


def share_of_replications(shown: ArrayLike, confidence: float = CONFIDENCE) -> Estimate[float]:
    """Return the share of replications that show something, with its exact interval.

    Of one replication there is none, and of none no share.
    """
    flags = np.asarray(shown, bool)
    n, k = len(flags), int(flags.sum())
    if n < 2:
        return Estimate(k / n if n else nan, nan, nan, n, confidence)
    return Estimate(k / n, *binomial_interval(k, n, confidence), n, confidence)


def binomial_interval(
    successes: int, trials: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the Clopper–Pearson interval of a probability.

    >>> [round(p, 3) for p in binomial_interval(0, 30)]
    [0.0, 0.116]
    """
    # The tails of the binomial law are those of beta laws, so the ends are quantiles of these.
    k, n, tail = successes, trials, (1 - confidence) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return low, high


def unseen_calls(
    peaks: ArrayLike, credits_per_call: float, limits: ArrayLike = inf, unit: float = 1.0
) -> Floats:
    """Return how many calls an event may throttle that no replication shows, of each limit's shape.

    Throttling comes when a peak of demand exceeds the limit. So an event is taken to be as large as
    the difference between the highest peak and the peak that a fifth of the replications exceed;
    it is one call at least.

    Parameters
    ----------
    peaks : (n,) array
        The most credits in any window of each replication.
    credits_per_call : float
        The mean over all calls.
    limits : array
        The most credits that a window may hold; endless where peaks are cut off already.
    unit : float
        The smallest unit of credits: a call is not taken to cost less on average.
    """
    ordered = np.sort(np.asarray(peaks, np.float64))
    busy = ordered[max(0, len(ordered) - 1 - max(1, len(ordered) // 5))]
    apart = np.minimum(ordered[-1], limits) - np.minimum(busy, limits)
    found: Floats = np.maximum(1.0, apart / max(unit, credits_per_call))
    return found
