"""The search among pool sizes: those that may yet be right are judged on, the others are not.

Every size is judged on the first replications. Where that is dear, with retries and millions
of calls, only the sizes that these leave in doubt are judged on the rest: the smallest that may
still meet the objective, the next smaller one, and all larger ones, since a larger pool does
not always throttle fewer calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand
from simulation.estimates import binomial_interval, mean_difference
from simulation.frontier import Evidence, Goal, Judgement, judge
from simulation.workers import BUSY_DAY

__all__ = ["DECISION_ERROR", "Search", "Steps", "smallest_with_all_larger"]

DECISION_ERROR = 0.05
"""How often a decision may be wrong; shared among the looks at a growing sample (Bonferroni)."""

NOTABLE_SAVING = 0.01
"""Part of the cost: sizes that cannot save more than this are as good as the best."""

_ALL_SIZES_ATTEMPTS = 500_000_000
"""Attempts, roughly, that are decided for all sizes alike before some are given up."""

_WORTH_PROCESSES_S = 2.0  # of work: processes take a second to start

_LOOKS = 9
"""Looks at 2, 4, 8 … 512 replications."""

Ints = NDArray[np.int64]


class Steps:
    """Counts the steps done, and those known to come, and reports them."""

    def __init__(self, progress: Callable[[int, int], None] | None = None) -> None:
        self._progress = progress
        self._done = self._known = 0

    def expect(self, more: int, later: int = 0) -> None:
        """Say how many steps come now, and about how many after them."""
        self._known = self._done + more + later

    def tick(self) -> None:
        """Note a step done."""
        self._done += 1
        self._known = max(self._known, self._done)
        if self._progress is not None:
            self._progress(self._done, self._known)


class Search:
    """Judges pool sizes on more and more replications, and knows when that is enough.

    Parameters
    ----------
    demand, goal
        What is wanted of the pool, and of the purchase.
    sizes, limits : (m,) int64 array
        Add-on credits, rising, and the pool that each gives.
    workers : int
        Threads or processes that judge.
    steps : Steps, optional
        Told of progress.
    keep_current : bool
        Whether the size that the org has is judged on all replications, whatever it is.

    Attributes
    ----------
    certain : bool
        Whether nothing is random, so that one replication tells all.
    confidence : float
        Of the intervals by which the search is decided.
    """

    def __init__(
        self,
        demand: Demand,
        goal: Goal,
        sizes: Ints,
        limits: Ints,
        workers: int = 1,
        steps: Steps | None = None,
        keep_current: bool = False,
    ) -> None:
        self.scenario = demand.scenario
        self.demand, self.goal, self.sizes, self.limits = demand, goal, sizes, limits
        self.certain = not demand.is_random
        self.confidence = 1 - DECISION_ERROR
        self._workers, self._keep_current = workers, keep_current
        self._steps = steps or Steps()
        self._judged: Judgement | None = None
        self._pilot = 2  # replications on which all sizes are judged
        self._pace = 0.0  # seconds a replication, of late

    @property
    def judged(self) -> Judgement:
        """What is known so far."""
        assert self._judged is not None
        return self._judged

    @property
    def count(self) -> int:
        """Replications so far."""
        return 0 if self._judged is None else len(self._judged.calls)

    def judge_up_to(self, count: int) -> None:
        """Judge on ``count`` replications all that matters; all sizes on the first of them."""
        everything = np.arange(len(self.sizes))
        while self.count < count:
            if self.count < 2:
                self._judge(everything, min(2, count), count)
                work = max(1, int(self.judged.work.mean()))
                self._pilot = max(2, _ALL_SIZES_ATTEMPTS // work)
            elif self.count < self._pilot:
                self._judge(everything, min(count, self._pilot), count)
            else:
                self._judge(self._in_doubt(), min(2 * self.count, count), count)
        while len(behind := self._behind()):  # a size was given up too early
            self._judge(behind, count, count)

    def _behind(self) -> Ints:
        """Return the places that the recommendation stands on and that missed replications."""
        chosen = self.chosen
        first = len(self.sizes) - 1 if chosen is None else max(0, chosen - 1)
        last = first + 3 if self.goal.cost_of_lost_call is not None else len(self.sizes)
        missed = self.judged.replications[first:last] < self.count
        return first + np.flatnonzero(missed)

    def _in_doubt(self) -> Ints:
        """Return the places of the sizes that may be right, the next smaller and all larger.

        What was given up stays so.
        """
        first, last = self.bracket(1 - DECISION_ERROR / _LOOKS)
        end = len(self.sizes)
        if self.goal.cost_of_lost_call is not None and last is not None:
            end = min(end, last + 2)
        wanted: Ints = np.arange(max(0, min(first, end) - 1), end)
        if self._keep_current:
            now = np.flatnonzero(self.sizes == self.scenario.org.addon_credits)
            wanted = np.union1d(wanted, now)
        kept: Ints = wanted[self.judged.replications[wanted] == self.count]
        return kept

    def _judge(self, places: Ints, upto: int, count: int) -> None:
        behind = self._judged.replications[places] if self._judged else np.zeros(len(places), int)
        for first in np.unique(behind[behind < upto]):
            these, more = places[behind == first], upto - int(first)
            self._steps.expect(more, count - upto)
            begun = perf_counter()
            judged = self._sweep(range(int(first), upto), self.limits[these])
            self._pace = (perf_counter() - begun) / more
            self._judged = judged if self._judged is None else self._judged.and_then(judged, these)

    def fresh(self, places: Ints) -> Evidence:
        """Judge some sizes on as many replications that the search did not see.

        What the search chose it chose for looking well, so its own replications flatter it.
        Where nothing is random, what is known is all there is.
        """
        judged = self.judged
        if self.certain:
            kept = {name: getattr(judged, name)[:, places] for name in ("throttled", "lost")}
            judged = replace(judged, limits=self.limits[places], **kept)
        else:
            self._steps.expect(self.count)
            judged = self._sweep(range(self.count, 2 * self.count), self.limits[places])
        return replace(self.evidence, sizes=self.sizes[places], judged=judged)

    def _sweep(self, replications: range, limits: Ints) -> Judgement:
        more = len(replications)
        processes = self._workers > 1 and more * self._pace > _WORTH_PROCESSES_S
        spread = processes or self.demand.busiest_day > BUSY_DAY
        return judge(
            self.demand,
            replications,
            limits,
            self.goal,
            self._workers if spread else 1,
            processes,
            self._steps.tick,
        )

    @property
    def chosen(self) -> int | None:
        """The place of the recommended size, by the replications so far."""
        if self.goal.cost_of_lost_call is not None:
            means = self.evidence.monthly_costs().mean(axis=0)  # nan where not in doubt any more
            return int(np.nanargmin(means))
        return smallest_with_all_larger(self.judged.keep_to(self.goal))

    @property
    def evidence(self) -> Evidence:
        """What is known of the sizes."""
        return Evidence(self.scenario, self.goal, self.sizes, self.judged, self.certain)

    def bracket(self, confidence: float | None = None) -> tuple[int, int | None]:
        """Return the first place that may be right, and the first that surely is, if any."""
        confidence = confidence or self.confidence
        if self.certain:
            surely = self.chosen
            return (len(self.sizes) if surely is None else surely), surely
        if self.goal.cost_of_lost_call is not None:
            return self._cost_bracket(confidence)
        kept, counts = self.judged.meets(self.goal).sum(axis=0), self.judged.replications
        known = {
            (k, n): binomial_interval(k, n, confidence)
            for k, n in set(zip(kept.tolist(), counts.tolist(), strict=True))
        }
        bounds = [known[each] for each in zip(kept.tolist(), counts.tolist(), strict=True)]
        wanted = self.goal.probability
        surely = smallest_with_all_larger(np.array([low >= wanted for low, _ in bounds]))
        failing = [place for place, (_, high) in enumerate(bounds) if high < wanted]
        return (failing[-1] + 1 if failing else 0), surely

    def _cost_bracket(self, confidence: float) -> tuple[int, int | None]:
        """Return the range of sizes that may yet cost a notable part less than the best."""
        costs, best = self.evidence.monthly_costs(), self.chosen
        assert best is not None
        rivals = [
            place
            for place in np.flatnonzero(self.judged.replications == self.count)
            if place == best
            or not mean_difference(costs[:, place] - costs[:, best], confidence).low
            >= -NOTABLE_SAVING * costs[:, best].mean()
        ]
        return int(rivals[0]), int(rivals[-1])

    @property
    def decided(self) -> bool:
        """Whether the first size that may be right is the first that surely is."""
        first, surely = self.bracket()
        return first == (len(self.sizes) if surely is None else surely)

    def will_grow_to(self, most: int) -> None:
        """Share the decision's error among the looks at a sample that doubles up to ``most``."""
        looks = 1 + math.ceil(math.log2(most / self.count))
        self.confidence = 1 - DECISION_ERROR / looks


def smallest_with_all_larger(meets: NDArray[np.bool_]) -> int | None:
    """Return the first place from which on every place is True, or None.

    >>> smallest_with_all_larger(np.array([True, False, True, True]))
    2
    """
    failing = np.flatnonzero(~meets)
    first = int(failing[-1]) + 1 if len(failing) else 0
    return first if first < len(meets) else None
