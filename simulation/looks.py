"""The looks at a growing sample, at which it is decided whether a probability is reached.

A sample that is looked at again and again until it seems clear misleads more often than one
that is looked at once. So the decision's error is spent bit by bit (Lan and DeMets 1983), and
whether a replication keeps to the objective is a Bernoulli trial, whatever the demand: what each
look spends is computed exactly, by following the distribution of the number that do. What an
early look cannot use, since so few replications decide nothing, is left to the later ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

__all__ = ["Bounds", "Looks"]

_RISE = 0.8
"""Of the part that is spent by a look with the part of the sample it sees. Half of the largest
sample may spend 57 %, an eighth 19 %: enough to decide what is easy as early as equal shares do,
where all of the first 60 replications keep to a probability of 90 %, or 120 to one of 95 %."""

Floats = NDArray[np.float64]


class Bounds(NamedTuple):
    """From how many successes on, and up to how many, a look decides."""

    fails: int
    """With at most so many the probability is not reached."""
    meets: int
    """With at least so many it is."""


class Looks:
    """Tells for each look at a sample how many successes decide.

    The probability that any look decides for ``meets`` though the true probability is less than
    ``wanted`` is at most half of ``error``; so is that of deciding for ``fails`` though it is
    not. Both are largest where the true probability is just ``wanted``, and are computed there.

    Parameters
    ----------
    wanted : float
        The probability that is to be reached.
    most : int
        The largest sample that will be looked at; may be changed before the first look.
    error : float
        How often the looks may decide wrongly, all together.

    Examples
    --------
    >>> looks = Looks(0.95, 960, 0.05)
    >>> looks.at(60), looks.at(120), looks.at(480)
    (Bounds(fails=50, meets=61), Bounds(fails=106, meets=120), Bounds(fails=444, meets=467))
    """

    def __init__(self, wanted: float, most: int, error: float) -> None:
        self.wanted, self.most, self.error = wanted, most, error
        self._seen = 0
        self._bounds: dict[int, Bounds] = {}
        # Of each number of successes, the probability that it comes and nothing was decided yet.
        self._not_met, self._not_failed = np.ones(1), np.ones(1)
        self._spent = [0.0, 0.0]

    def at(self, count: int) -> Bounds:
        """Return what decides when ``count`` replications are seen; looks come in rising order.

        A look that was left out decides nothing.
        """
        if count > self._seen:
            self._bounds[count] = self._look(count)
        return self._bounds.get(count, Bounds(-1, count + 1))

    def _look(self, count: int) -> Bounds:
        if self.wanted <= 0:
            return Bounds(-1, 0)
        more = _binomial(count - self._seen, self.wanted)
        self._not_met = np.convolve(self._not_met, more)
        self._not_failed = np.convolve(self._not_failed, more)
        self._seen = count
        may_spend = self.error / 2 * min(1.0, count / self.most) ** _RISE
        # Successes and failures are alike: the most that fail, as the fewest failures that do not.
        met, self._spent[0] = _cut(self._not_met[::-1], may_spend - self._spent[0], self._spent[0])
        failed, self._spent[1] = _cut(self._not_failed, may_spend - self._spent[1], self._spent[1])
        return Bounds(failed - 1, count + 1 - met)


def _binomial(n: int, p: float) -> Floats:
    """Return the probabilities of 0 to n successes."""
    chances: Floats = np.diff(bdtr(np.arange(n + 1), n, p), prepend=0.0)
    return chances


def _cut(chances: Floats, left: float, spent: float) -> tuple[int, float]:
    """Set as many of the first chances to 0 as may be spent; return how many, and what is spent."""
    together = chances.cumsum()
    count = int(np.searchsorted(together, left, side="right"))
    if count:
        spent += float(together[count - 1])
        chances[:count] = 0.0
    return count, spent
