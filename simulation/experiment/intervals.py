"""An estimate with its confidence interval, and many of them as arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isfinite, isnan, nan
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Floats, Ints

__all__ = ["CONFIDENCE", "Estimate", "Estimates", "interval_columns"]

CONFIDENCE = 0.95

Mean = TypeVar("Mean", bound=float | Decimal)


class Estimate(NamedTuple, Generic[Mean]):
    """An estimate with its confidence interval; nan where there is none.

    Attributes
    ----------
    mean : float or Decimal
        The estimate: a mean, a ratio, a median or a quantile, by the function that returned it;
        a Decimal where it is an exact amount of money.
    low, high : float
        The ends of the interval; inf where it has no end.
    replications : int
        How many had a value.
    confidence : float
        The level of the interval.
    """

    mean: Mean
    low: float
    high: float
    replications: int
    confidence: float = CONFIDENCE

    @classmethod
    def from_row(cls, row: Mapping[str, Any], name: str, ends: str = "") -> Estimate[float]:
        """Return the estimate that a table's row holds, in `interval_columns`."""
        mean, low, high = (float(row[column]) for column in interval_columns(name, ends))
        return Estimate(mean, low, high, int(row["replications"]))

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], replications: int) -> Estimate[float]:
        """Return the estimate that `to_dict` gave, of 95 % confidence."""
        mean, low, high = (
            nan if end is None else float(end) for end in (given["mean"], *given["ci95"])
        )
        return Estimate(mean, low, high, replications)

    @property
    def has_interval(self) -> bool:
        """Whether there were enough replications for an interval."""
        return not isnan(self.low)

    @property
    def is_exact(self) -> bool:
        """Whether its interval is a point."""
        return self.low == self.high

    def at_most(self, most: float) -> Estimate[Mean]:
        """Return the estimate with its interval cut off at the most that is possible."""
        return self._replace(high=min(most, self.high)) if self.has_interval else self

    def exact(self) -> Estimate[Mean]:
        """Return the estimate with a point as its interval, for what is not random."""
        return self._replace(low=float(self.mean), high=float(self.mean))

    def columns(self, name: str, ends: str = "") -> dict[str, Mean | float]:
        """Return mean and ends as a table holds them, by `interval_columns`."""
        values = (self.mean, self.low, self.high)
        return dict(zip(interval_columns(name, ends), values, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Return mean and interval as JSON has them: null where there is none, or no end."""
        mean, low, high = (x if isfinite(x) else None for x in (self.mean, self.low, self.high))
        return {"mean": mean, f"ci{100 * self.confidence:.0f}": [low, high]}


def interval_columns(name: str, ends: str = "") -> tuple[str, str, str]:
    """Return the names of the columns of an estimate: its mean, low and high end.

    >>> interval_columns("lost_calls"), interval_columns("mean", "ci95")
    (('lost_calls', 'lost_calls_low', 'lost_calls_high'), ('mean', 'ci95_low', 'ci95_high'))
    """
    ends = ends or name
    return name, f"{ends}_low", f"{ends}_high"


@dataclass(frozen=True)
class Estimates:
    """Estimates of m things at the same confidence, with the columns of `Estimate`, (m,) each."""

    mean: Floats
    low: Floats
    high: Floats
    replications: Ints
    confidence: float = CONFIDENCE

    @classmethod
    def of(cls, each: Sequence[Estimate[float]]) -> Estimates:
        """Return estimates that were made one by one."""
        mean, low, high = (
            np.array([getattr(one, name) for one in each]) for name in ("mean", "low", "high")
        )
        return cls(mean, low, high, np.array([one.replications for one in each]))

    def __getitem__(self, index: int) -> Estimate[float]:
        """Return one of them."""
        mean, low, high = (float(x[index]) for x in (self.mean, self.low, self.high))
        return Estimate(mean, low, high, int(self.replications[index]), self.confidence)

    def at_most(self, most: float | Floats) -> Estimates:
        """Return the estimates with intervals cut off at the most that is possible."""
        return replace(self, high=np.minimum(self.high, most))

    def exact(self, where: bool | NDArray[np.bool_] = True) -> Estimates:
        """Return the estimates with points as intervals ``where`` they are not random."""
        low, high = (np.where(where, self.mean, end) for end in (self.low, self.high))
        return replace(self, low=low, high=high)

    def mapped(self, function: Callable[[Floats], Floats]) -> Estimates:
        """Return the estimates of a rising function of what is estimated."""
        mean, low, high = map(function, (self.mean, self.low, self.high))
        return replace(self, mean=mean, low=low, high=high)

    def columns(self, name: str, ends: str = "") -> dict[str, Floats]:
        """Return means and ends as columns of a table, by `interval_columns`."""
        values = (self.mean, self.low, self.high)
        return dict(zip(interval_columns(name, ends), values, strict=True))
