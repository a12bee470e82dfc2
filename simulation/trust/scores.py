"""How good predictions are: their intervals, and one proper score."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Floats

__all__ = ["crps", "crps_of_point", "interval_of", "is_within"]


def interval_of(sample: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the median of a sample along its first axis, and the ends of what holds 95 %."""
    low, median, high = np.quantile(sample, [0.025, 0.5, 0.975], axis=0)
    return median, low, high


def is_within(value: Floats, sample: Floats) -> Flags:
    """Return whether values lie in the intervals that hold 95 % of samples, ends included."""
    _, low, high = interval_of(sample)
    inside: Flags = (value >= low) & (value <= high)
    return inside


def crps(value: Floats, sample: Floats) -> Floats:
    """Return the continuous ranked probability score of predictions, (d,); less is better.

    It is E|X − y| − E|X − X'| / 2 for X and X' of the prediction and the value y, by the estimator
    that is unbiased in the size of the sample (Ferro 2014, doi:10.1002/qj.2270): the second mean
    is over pairs of different draws. Of a prediction that is one value, it is the absolute error.

    Parameters
    ----------
    value : (d,) float64 array
        What came.
    sample : (r, d) float64 array
        Draws of the prediction; two or more.

    >>> crps(np.array([1.0]), np.array([[0.0], [2.0]])).tolist()
    [0.0]
    """
    count = len(sample)
    ordered = np.sort(sample, axis=0)
    # Σ over pairs of |xᵢ − xⱼ| is Σ (2i − r + 1) xᵢ over the ordered draws.
    weight = 2 * np.arange(count) - count + 1
    spread = (weight[:, None] * ordered).sum(axis=0) / (count * (count - 1))
    found: Floats = np.abs(sample - value).mean(axis=0) - spread
    return found


def crps_of_point(value: Floats, predicted: Floats) -> Floats:
    """Return the score of predictions that are one value each: how far off they are."""
    found: Floats = np.abs(value - predicted)
    return found
