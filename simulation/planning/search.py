"""Sequential search: sizes that may still be the answer are judged further, the rest is dropped.

Every size is judged on the first eight replications, and on more where that takes little. Where a
replication takes long, with retries and millions of calls, sizes that are far too small are judged
on the first alone. Only the sizes that these leave in doubt are judged on the rest: the smallest
that may still meet the objective, the next smaller one, and all larger ones, since a larger pool
does not always throttle fewer calls.

The search looks at the replications whenever their number has doubled. Where they leave a doubt
at the largest number, the sizes in doubt are judged on as many again, for a last look at all of
them together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulation.arrays import Ints
from simulation.demand import Demand
from simulation.experiment import binomial_interval, mean_difference
from simulation.planning.frontier import Evidence
from simulation.planning.judgement import Judgement, most_saved, smallest_with_all_larger
from simulation.planning.judging import Asked, Asking
from simulation.planning.looks import DECISION_ERROR, Decision

__all__ = ["NOTABLE_SAVING", "Search"]

NOTABLE_SAVING = 0.01
"""Part of the cost: sizes that cannot save more than this are as good as the best."""

_PILOT = 8
"""Replications on which every size is judged, except hopeless ones.

They rule out most of the sizes that fail, and give each an interval: of the same spread, one from
eight is 1.8 times as wide as one from 20, one from four 3.4 times, and one from two 19 times.
"""

_ALL_SIZES_ATTEMPTS = 1_500_000
"""Attempts, roughly, to spend on all sizes before the search starts to give some up.

For the least cost 300 times as many: calls lost on rare occasions, which a few replications do not
show, may make a size the dearer one.
"""

_LONG = 500_000_000
"""Calls of a replication times sizes from which one replication of all sizes may take long."""

_HOPELESS = 0.1
"""Share of calls beyond what is wanted with which one long replication gives a size up."""

_BEST_AND_BESIDE = 3
"""Sizes that a least cost stands on: the best and its neighbours, at the smallest size one more."""

_LOOKS = 7
"""Looks at 8, 16 … 512 replications, at each of which sizes may be given up.

That spends nothing of the decision's error: what is decided stands on the recommended size, the
next smaller one and all larger ones, and those are judged after all where they were given up.
"""


class Search:
    """A search among pool sizes, on more and more replications until a look at them decides.

    Parameters
    ----------
    demand : Demand
    sizes, limits : (m,) int64 array
        Add-on credits, rising, and the pool that each gives.
    keep_current : bool
        Whether the size that the org has is judged on all replications, whatever it is.

    Attributes
    ----------
    certain : bool
        Whether nothing is random, so that one replication tells all.
    decision : Decision
        What decides whether a size is the right one: one look, until `decide` sets several that
        share the error.
    """

    def __init__(
        self,
        demand: Demand,
        sizes: Ints,
        limits: Ints,
        keep_current: bool = False,
    ) -> None:
        self.scenario = demand.scenario
        self.objective = self.scenario.objective
        self.demand, self.sizes, self.limits = demand, sizes, limits
        self.certain = not demand.is_random
        self.decision = Decision.at_one_look(self.objective.probability)
        self._keep_current = keep_current
        # Sizes are not decided side by side where clients try again, or where many meters decide.
        self._one_by_one = not self.scenario.is_plain or any(
            each.on_throttle.retry is not None for each in self.scenario.clients
        )
        self._judged: Judgement | None = None
        self._last: Judgement | None = None  # all replications, those of the last look included
        self._unused: Judgement | None = None  # what it saw of sizes that it did not choose

    @property
    def judged(self) -> Judgement:
        """The judgement of all sizes so far, that of a last look left out."""
        assert self._judged is not None
        return self._judged

    @property
    def count(self) -> int:
        """Replications so far."""
        return 0 if self._judged is None else len(self._judged.calls)

    def judging(self, count: int) -> Asking[None]:
        """Judge up to ``count`` replications: all sizes on the first, then only those in doubt."""
        everything = np.arange(len(self.sizes))
        while self.count < count:
            if not self.count and self._may_take_long:
                # What follows takes far less: hopeless sizes take the most.
                yield from self._judge(everything, 1, None)
            elif self.count < _PILOT:
                # The first two tell what the others take, and so whether processes are started.
                upto = _PILOT if self.count else 2
                yield from self._judge(self._hopeful(), min(upto, count), count)
            elif self.count < self._affordable:
                yield from self._judge(everything, min(self._affordable, count), count)
            else:
                yield from self._judge(self._in_doubt(), min(2 * self.count, count), count)
        # A size that was given up too early is judged after all. That may change which size is
        # recommended, and so which ones it depends on: hence a loop.
        while len(behind := self._behind()):
            yield from self._judge(behind, count, count)

    @property
    def _may_take_long(self) -> bool:
        """Whether one replication of all sizes may take long, and tells which are hopeless."""
        if not self._one_by_one or self.objective.cost_of_lost_call is not None:
            return False
        return self.demand.calls_a_day * self.demand.days * len(self.sizes) > _LONG

    @property
    def _affordable(self) -> int:
        """Replications on which all sizes may be judged, by what the first ones took."""
        if self.judged.replications.min() < min(_PILOT, self.count):
            return 0  # some were given up
        attempts = _ALL_SIZES_ATTEMPTS
        if self.objective.cost_of_lost_call is not None:
            attempts *= 300
        return attempts // max(1, int(self.judged.work[:_PILOT].mean()))

    def _hopeful(self) -> Ints:
        """Return the indices of the sizes that one replication leaves any hope, and all larger."""
        if not self._may_take_long:
            return np.arange(len(self.sizes))
        hopeless = self.judged.shares[0] > self.objective.throttled_share + _HOPELESS
        first = int(np.flatnonzero([True, *hopeless])[-1])
        # The last that fails is judged further: it is what a recommendation would stand on.
        hopeful: Ints = np.arange(max(0, first - 1), len(self.sizes))
        if self._keep_current:
            hopeful = np.union1d(hopeful, self._current())
        return hopeful

    def _current(self) -> Ints:
        """Return the index of the size that the org has."""
        return np.flatnonzero(self.sizes == self.scenario.org.addon_credits)

    @property
    def needs_last_look(self) -> bool:
        """Whether a last look can decide what is still open; the least cost has none."""
        return self.objective.cost_of_lost_call is None and not self.decided

    def looking_again(self) -> Asking[None]:
        """Judge the sizes in doubt on as many replications again, for a last look at all of them.

        Where this decides, or rules out the size that was recommended, these replications chose
        a size, and `fresh` takes others: they would flatter it, by 0.3 to 1.4 points at 480
        replications and true probabilities of 95.5 % to 97 %, where 95 % is wanted.

        Where it does not, they are the fresh ones. Those that would have decided are not among
        them, so an undecided size is shown a little too near to what is wanted: by 0.1 points at
        95.5 %, by 0.5 at 96.5 %. Over all plans, decided or not, the intervals hold.
        """
        first, end = self._undecided()
        # A size that was given up counts as failing though no look said so. Where the lower end of
        # the doubt stands on one, it is judged like the others, which may move the end.
        while first and self.judged.replications[first - 1] < self.count:
            yield from self._judge(np.array([first - 1]), self.count, self.count)
            first, end = self._undecided()
        indices = np.union1d(np.arange(first, end), self.to_show)
        again = range(self.count, 2 * self.count)
        seen = yield Asked(self.demand, again, self.limits[indices])
        doubtful = np.arange(first, end)
        before = self.to_show
        self._last = self.judged.and_then(seen.of(np.searchsorted(indices, doubtful)), doubtful)
        if not self.decided and self.to_show == before:
            self._unused = seen.of(np.searchsorted(indices, before))

    def checking(self) -> Asking[Evidence]:
        """Take a last look where one is needed, and return what fresh replications say then.

        Searches that check together draw the replications once that are a last look of one and
        fresh for another.
        """
        if self.needs_last_look:
            yield from self.looking_again()
        fresh: Evidence = yield from self.fresh(self.to_show)
        return fresh

    def _behind(self) -> Ints:
        """Return the indices of sizes that the recommendation depends on, but not fully judged."""
        chosen = self.chosen
        first = len(self.sizes) - 1 if chosen is None else max(0, chosen - 1)
        missed = self.judged.replications < self.count
        if self.objective.cost_of_lost_call is None:
            missed[:first] = False
        else:
            # A size that was given up, and yet cost less on its replications than the best on all.
            means = np.nanmean(self.evidence.monthly_costs(), axis=0)
            beside = np.arange(len(missed)) - first
            missed &= (means < means[chosen]) | ((beside >= 0) & (beside < _BEST_AND_BESIDE))
        return np.flatnonzero(missed)

    def _in_doubt(self) -> Ints:
        """Return the indices of the sizes that may be right, the next smaller one and all larger.

        What was given up stays so.
        """
        first, last = self._may_be_right()
        end = len(self.sizes) if last is None else min(len(self.sizes), last + 2)
        # The next smaller size is the reason for the recommended one: it fails.
        wanted: Ints = np.arange(max(0, min(first, end) - 1), end)
        if self._keep_current:
            wanted = np.union1d(wanted, self._current())
        not_given_up: Ints = wanted[self.judged.replications[wanted] == self.count]
        return not_given_up

    def _may_be_right(self) -> tuple[int, int | None]:
        """Return the index of the first size that may be right, and for the least cost of the last.

        The looks share the confidence, so that hardly any of them gives up a size wrongly.
        """
        sure = 1 - DECISION_ERROR / _LOOKS
        if self.objective.cost_of_lost_call is not None:
            return self._cost_bracket(sure)
        kept, counts = self.judged.meets(self.objective).sum(axis=0), self.judged.replications
        # Thousands of sizes share a few pairs of counts, and each interval inverts a beta law.
        fails_at = {
            (k, n): binomial_interval(k, n, sure)[1] < self.objective.probability
            for k, n in set(zip(kept.tolist(), counts.tolist(), strict=True))
        }
        fails = [fails_at[each] for each in zip(kept.tolist(), counts.tolist(), strict=True)]
        # A True in front shifts all by one: the last True is at the index after the last failing
        # size, and at 0 where none fails. The last, since a larger pool may throttle more (rule 5).
        return int(np.flatnonzero([True, *fails])[-1]), None

    def _judge(self, indices: Ints, upto: int, count: int | None) -> Asking[None]:
        behind = self._judged.replications[indices] if self._judged else np.zeros(len(indices), int)
        # A judgement has no gaps: sizes that were given up at different times lack different
        # replications, so those that lack the same ones are swept together.
        for first in np.unique(behind[behind < upto]):
            these = indices[behind == first]
            later = None if count is None else count - upto
            judged = yield Asked(self.demand, range(int(first), upto), self.limits[these], later)
            self._judged = judged if self._judged is None else self._judged.and_then(judged, these)

    @property
    def last_look_chose(self) -> bool:
        """Whether a last look chose the recommended size."""
        return self._last is not None and self._unused is None

    @property
    def to_show(self) -> list[int]:
        """The indices of the next smaller size and the recommended one, or of the two largest.

        Where the least cost is wanted the next larger one follows, since it may cost less.
        """
        chosen = len(self.sizes) - 1 if self.chosen is None else self.chosen
        after = chosen + 1 + (self.objective.cost_of_lost_call is not None)
        return list(range(max(0, chosen - 1), min(after, len(self.sizes))))

    def fresh(self, indices: Sequence[int], skip: int = 0) -> Asking[Evidence]:
        """Return what as many replications, none of which chose a size, say of some sizes.

        The search chose a size because it looked good, so its own replications flatter it.
        Where nothing is random, there is nothing else to see. Where fresh ones choose a size after
        all, those that follow them, with ``skip`` 1, are fresh for it.
        """
        if self.certain:
            judged = self.judged.of(indices)
        elif not skip and self._unused is not None and list(indices) == self.to_show:
            judged = self._unused
        else:
            # The search took as many replications as it counts, a last look as many again.
            first = ((1 if self._last is None else 2) + skip) * self.count
            others = range(first, first + self.count)
            judged = yield Asked(self.demand, others, self.limits[indices])
        return replace(self.evidence, sizes=self.sizes[indices], judged=judged)

    @property
    def chosen(self) -> int | None:
        """The index of the recommended size, by the replications so far; None if none is enough."""
        if self.objective.cost_of_lost_call is not None:
            means = self.evidence.monthly_costs().mean(axis=0)  # nan where not in doubt any more
            return int(np.nanargmin(means))
        chosen = smallest_with_all_larger(self.judged.keep_to(self.objective))
        if self._last is not None:
            # A last look chooses only where it decides or rules out the search's choice: else its
            # replications have chosen nothing and can serve as fresh ones.
            first, end = self._undecided()
            if not first <= (len(self.sizes) if chosen is None else chosen) <= end or first == end:
                return smallest_with_all_larger(self._last.keep_to(self.objective))
        return chosen

    @property
    def evidence(self) -> Evidence:
        """The evidence on all sizes; a last look is part of it where that chose the size."""
        judged = self._last if self.last_look_chose else self.judged
        assert judged is not None
        return Evidence(
            scenario=self.scenario,
            objective=self.objective,
            sizes=self.sizes,
            judged=judged,
            certain=self.certain,
        )

    def bracket(self) -> tuple[int, int | None]:
        """Return the index of the first size that may be right, and of the first that surely is."""
        if self.certain:
            surely = self.chosen
            return (len(self.sizes) if surely is None else surely), surely
        if self.objective.cost_of_lost_call is not None:
            return self._cost_bracket(self.decision.confidence)
        judged = self._last or self.judged
        kept, counts = judged.meets(self.objective).sum(axis=0), judged.replications
        fails = counts < self.count  # given up
        meets = np.zeros(len(fails), np.bool_)
        # A last look saw only the sizes in doubt, and each number of replications has its bounds.
        for count in np.unique(counts[~fails]):
            bounds, seen = self.decision.looks.at(int(count)), counts == count
            fails |= seen & (kept <= bounds.fails)
            meets |= seen & (kept >= bounds.meets)
        return int(np.flatnonzero([True, *fails])[-1]), smallest_with_all_larger(meets)

    def _undecided(self) -> tuple[int, int]:
        """Return the index of the first size that may be right, and the first after the doubt."""
        first, surely = self.bracket()
        return first, len(self.sizes) if surely is None else surely

    def _cost_bracket(self, confidence: float) -> tuple[int, int]:
        """Return the indices of the first and the last size that may cost notably less.

        They are compared with the best, by intervals of paired differences.

        A size that is larger than one that surely throttles no call costs more than that one.
        """
        best, judged = self.chosen, self.judged
        assert best is not None
        # Costs are linear in lost calls: two values give the price of each size and of a call.
        prices, with_a_call = (
            self.evidence.monthly_costs_of(np.full(len(self.sizes), n)) for n in (0, 1)
        )
        a_call = (with_a_call - prices)[best]
        if (bills := judged.bills) is not None:
            prices = bills.mean(axis=0)
            confidence = (1 + confidence) / 2  # bills and lost calls share the error
        lost, unseen = judged.lost_calls, float(judged.unseen[best])
        notable = NOTABLE_SAVING * (prices[best] + a_call * lost[:, best].mean())
        rivals, largest = [], int(np.searchsorted(self.limits, judged.enough_for_unseen))
        for index in np.flatnonzero(judged.replications[: max(best, largest) + 1] == self.count):
            saved = most_saved(
                lost[:, best], lost[:, index], bool(index > best), unseen, confidence
            )
            less = prices[best] - prices[index] + saved * a_call
            if bills is not None:
                less = mean_difference(bills[:, best] - bills[:, index], confidence).high
                less += saved * a_call
            # One replication has no interval, so nan: it says nothing, and the size stays in.
            if index == best or less > notable or math.isnan(less):
                rivals.append(int(index))
        return rivals[0], rivals[-1]

    @property
    def decided(self) -> bool:
        """Whether the first size that may be right is the first that surely is."""
        first, end = self._undecided()
        return first == end
