"""Looks at a growing sample: each may decide whether a probability is reached.

A sample that is looked at again and again until it seems clear misleads more often than one
that is looked at once. So the looks share the error of the decision (Lan and DeMets 1983), by a
power of the part that is seen (Kim and DeMets 1987).
Whether a replication keeps to the objective is a Bernoulli trial, whatever the demand, so what
each look spends is computed exactly, from the distribution of the number of replications that
keep to it. What an early look cannot spend, since a few replications decide nothing, is left to
the later ones.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr

from simulation.arrays import Floats

__all__ = ["DECISION_ERROR", "Bounds", "Decision", "Looks"]

DECISION_ERROR = 0.05
"""How often a decision may be wrong; spent by the looks at a growing sample."""

_RISE = 0.8
"""Exponent: a look that sees a part of the largest sample may have spent this power of the part.

Half of it may have spent 57 % of the error, an eighth 19 %. That decides what is easy as early as
equal shares would: a probability of 90 % where all of the first 60 replications keep to the
objective, one of 95 % where all of the first 120 do.
"""


class Bounds(NamedTuple):
    """The numbers of successes at which a look decides."""

    fails: int
    """With this number or fewer the probability is not reached."""
    meets: int
    """With this number or more it is."""


class Decision(NamedTuple):
    """How sure a search has to be: its looks share `DECISION_ERROR`."""

    looks: Looks
    """What decides whether a size meets the objective."""
    confidence: float
    """Of the intervals by which the least cost is decided."""

    @classmethod
    def at_one_look(cls, probability: float) -> Decision:
        """Return how sure one look at a sample has to be."""
        return cls(Looks(probability, 1, DECISION_ERROR), 1 - DECISION_ERROR)

    @classmethod
    def at_doubling(cls, probability: float, first: int, most: int) -> Decision:
        """Return how sure looks have to be at ``first`` replications, twice as many, … ``most``.

        A last look at twice ``most`` may follow; the least cost has none.
        """
        looks = 1 + math.ceil(math.log2(most / first))
        # The least cost is judged by intervals, which have no exact law to spend an error by. Equal
        # shares of it for all looks are always enough (Bonferroni).
        return cls(Looks(probability, 2 * most, DECISION_ERROR), 1 - DECISION_ERROR / looks)


class Looks:
    """The numbers of successes that decide, for each look at a growing sample.

    The probability that any look decides for ``meets`` though the true probability is less than
    ``wanted`` is at most half of ``error``; so is that of deciding for ``fails`` though the
    probability is reached. Both are largest where the true probability is just ``wanted``, and are
    computed there.

    Parameters
    ----------
    wanted : float
        The probability that is to be reached.
    most : int
        The largest sample that will be looked at.
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
        # Each takes no notice of the other decision, so both errors hold even if a search goes on
        # after the other one.
        self._not_met, self._not_failed = np.ones(1), np.ones(1)
        self._spent = [0.0, 0.0]

    def at(self, count: int) -> Bounds:
        """Return the bounds when ``count`` replications are seen; counts have to rise.

        A look at fewer than an earlier one decides nothing, unless it was made before.
        """
        if count > self._seen:
            self._bounds[count] = self._look(count)
        return self._bounds.get(count, Bounds(-1, count + 1))

    def _look(self, count: int) -> Bounds:
        if self.wanted <= 0:
            return Bounds(-1, 0)
        # The law of a sum of independent counts is the convolution of theirs. What earlier looks
        # have decided is cut from the law, and is not there to be decided again (the recursion of
        # Armitage, McPherson and Rowe 1969, exact here since counts are discrete).
        more = _binomial(count - self._seen, self.wanted)
        self._not_met = np.convolve(self._not_met, more)
        self._not_failed = np.convolve(self._not_failed, more)
        self._seen = count
        may_spend = self.error / 2 * min(1.0, count / self.most) ** _RISE
        # _cut takes from the front, so the distribution is turned round for the most successes.
        met, self._spent[0] = _cut(self._not_met[::-1], may_spend - self._spent[0], self._spent[0])
        failed, self._spent[1] = _cut(self._not_failed, may_spend - self._spent[1], self._spent[1])
        return Bounds(failed - 1, count + 1 - met)


def _binomial(n: int, p: float) -> Floats:
    """Return the probabilities of 0 to n successes."""
    # Differences of the distribution function are exact to about 1e-16, which is enough: they are
    # only added up and compared with parts of the error, which are far larger.
    chances: Floats = np.diff(bdtr(np.arange(n + 1), n, p), prepend=0.0)
    return chances


def _cut(chances: Floats, left: float, spent: float) -> tuple[int, float]:
    """Return how many of the first chances may be spent, and what is spent; set those to 0."""
    together = chances.cumsum()
    count = int(np.searchsorted(together, left, side="right"))
    if count:
        spent += float(together[count - 1])
        chances[:count] = 0.0
    return count, spent
