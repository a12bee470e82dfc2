"""Recommended purchases: the smallest size that, with every larger one, meets the objective."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulation.advice import Remedy, reasons_for, rejections, remedies
from simulation.confirmation import confirm_sizes
from simulation.demand import Demand
from simulation.errors import InputError
from simulation.frontier import (
    Evidence,
    Goal,
    Judgement,
    frontier_table,
    judge,
    limits_of,
    often_enough,
    purchasable,
)
from simulation.plan_result import AlternativeResult, Plan, Recommendation, Status
from simulation.results import OutputFolder
from simulation.scenario import Scenario, as_scenario
from simulation.statistics import binomial_interval, mean_with_interval
from simulation.streams import stream

__all__ = ["DEFAULT_MAX_REPLICATIONS", "plan"]

DEFAULT_MAX_REPLICATIONS = 480
"""Replications after which a plan says that it is undecided …"""

DEFAULT_MAX_CALLS = 200_000_000
"""… or the replications that make so many calls, whichever are fewer."""

DECISION_ERROR = 0.05
"""How often a decision may be wrong; shared among the looks at a growing sample (Bonferroni)."""

NOTABLE_SAVING = 0.01
"""Part of the cost: sizes that cannot save more than this are as good as the best."""

_RESAMPLES = 2000

Ints = NDArray[np.int64]
Progress = Callable[[int, int], None]


def plan(
    scenario: Scenario | Path | str,
    *,
    replications: int | None = None,
    max_replications: int | None = None,
    seed: int | None = None,
    confirm: int | Literal["all", "none"] = 1_000_000,
    out: Path | str | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Find the cheapest purchase that meets the scenario's objective, and say why.

    Parameters
    ----------
    scenario : Scenario, Path or str
        A scenario, or the path of its file.
    replications, seed : int, optional
        In place of the scenario's own; replications are what the search begins with.
    max_replications : int, optional
        Replications after which the answer stays undecided; unless given 480, or as many as
        make 200 million calls, but never fewer than it begins with.
    confirm : int, ``all`` or ``none``
        How many calls are decided again by the SimPy model, for the recommended size and the
        next smaller one.
    out : Path or str, optional
        A folder for the frontier, the plan and the scenario.
    progress : callable, optional
        Called with the replications judged and those known to come.

    Raises
    ------
    InputError
        If the scenario or an argument is wrong, or ``out`` cannot be written.
    RuntimeError
        If the SimPy model does not confirm every record.
    """
    scenario = as_scenario(scenario, replications=replications, seed=seed)
    if max_replications is not None and max_replications < scenario.replications:
        raise InputError(
            f"max_replications is {max_replications}, write at least the "
            f"{scenario.replications} replications that the plan begins with"
        )
    with ExitStack() as stack:
        output = None if out is None else stack.enter_context(OutputFolder(Path(out)))
        result = _plan(scenario, max_replications, confirm, _Counter(progress))
        if output is not None:
            output.save(result, "plan.json")
    return result


def _plan(
    scenario: Scenario,
    max_replications: int | None,
    confirm: int | Literal["all", "none"],
    counter: _Counter,
) -> Plan:
    goal, demand = Goal.of(scenario), Demand(scenario)
    sizes = purchasable(scenario)
    search = _Search(scenario, demand, goal, sizes, counter)
    search.add(scenario.replications if demand.is_random else 1)
    most = max_replications or _most_replications(search)
    looks = 1 + math.ceil(math.log2(most / search.count))
    search.confidence = 1 - DECISION_ERROR / looks
    while demand.is_random and not search.decided and search.count < most:
        search.add(min(search.count, most - search.count))
    recommendation = _recommend(search)
    alternatives = _alternatives(search, counter)
    confirmation = None
    if confirm != "none":
        places = _to_confirm(search)
        confirmation = confirm_sizes(demand, search.count, places, sizes, search.limits, confirm)
    return Plan(
        scenario,
        goal,
        search.count,
        frontier_table(search.evidence),
        recommendation,
        alternatives,
        confirmation,
        search.judged,
    )


def _most_replications(search: _Search) -> int:
    """Return the replications after which a plan gives up, by how many calls one makes."""
    affordable = int(DEFAULT_MAX_CALLS // max(1.0, float(search.judged.calls.mean())))
    return max(search.count, min(DEFAULT_MAX_REPLICATIONS, affordable))


class _Counter:
    """Counts judged replications for whoever watches."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self.done = self.known = 0

    def expect(self, more: int) -> None:
        self.known += more

    def tick(self) -> None:
        self.done += 1
        if self._progress is not None:
            self._progress(self.done, self.known)


class _Search:
    """Judges sizes on more and more replications, and knows when that is enough."""

    def __init__(
        self, scenario: Scenario, demand: Demand, goal: Goal, sizes: Ints, counter: _Counter
    ) -> None:
        self.scenario, self.demand, self.goal, self.sizes = scenario, demand, goal, sizes
        self.limits = limits_of(scenario, sizes)
        self.certain = not demand.is_random
        self.confidence = 1 - DECISION_ERROR
        self._counter = counter
        self._judged: Judgement | None = None

    @property
    def judged(self) -> Judgement:
        assert self._judged is not None
        return self._judged

    @property
    def count(self) -> int:
        return 0 if self._judged is None else len(self._judged.calls)

    def add(self, more: int) -> None:
        """Judge more replications."""
        self._counter.expect(more)
        which = range(self.count, self.count + more)
        judged = judge(self.demand, which, self.limits, self.goal, self._counter.tick)
        self._judged = judged if self._judged is None else self._judged.and_then(judged)

    @property
    def chosen(self) -> int | None:
        """The place of the recommended size, by the replications so far."""
        if self.goal.cost_of_lost_call is not None:
            return int(self.evidence.monthly_costs().mean(axis=0).argmin())
        return smallest_with_all_larger(self.judged.keep_to(self.goal))

    @property
    def evidence(self) -> Evidence:
        return Evidence(self.scenario, self.goal, self.sizes, self.judged, self.certain)

    def bracket(self) -> tuple[int, int | None]:
        """Return the first place that may be right, and the first that surely does."""
        if self.certain:
            surely = self.chosen
            return (len(self.sizes) if surely is None else surely), surely
        if self.goal.cost_of_lost_call is not None:
            return self._cost_bracket()
        kept = self.judged.meets(self.goal).sum(axis=0)
        bounds = [binomial_interval(int(k), self.count, self.confidence) for k in kept]
        wanted = self.goal.probability
        surely = smallest_with_all_larger(np.array([low >= wanted for low, _ in bounds]))
        failing = [place for place, (_, high) in enumerate(bounds) if high < wanted]
        return (failing[-1] + 1 if failing else 0), surely

    def _cost_bracket(self) -> tuple[int, int | None]:
        """Return the range of sizes that may yet cost a notable part less than the best."""
        costs, best = self.evidence.monthly_costs(), self.chosen
        assert best is not None
        rivals = [
            place
            for place in range(len(self.sizes))
            if place == best
            or not mean_with_interval(
                costs[:, place] - costs[:, best], self.confidence, signed=True
            ).ci95_low
            >= -NOTABLE_SAVING * costs[:, best].mean()
        ]
        return rivals[0], rivals[-1]

    @property
    def decided(self) -> bool:
        """Whether the first size that may be right is the first that surely is."""
        first, surely = self.bracket()
        return first == (len(self.sizes) if surely is None else surely)


def smallest_with_all_larger(meets: NDArray[np.bool_]) -> int | None:
    """Return the first place from which on every place is True, or None.

    >>> smallest_with_all_larger(np.array([True, False, True, True]))
    2
    """
    failing = np.flatnonzero(~meets)
    first = int(failing[-1]) + 1 if len(failing) else 0
    return first if first < len(meets) else None


def _status(size: int | None) -> Status:
    if size is None:
        return "not_reachable"
    return "buy" if size else "none_needed"


def _recommend(search: _Search) -> Recommendation:
    scenario, sizes, chosen = search.scenario, search.sizes, search.chosen
    enough = int(search.judged.enough.max())
    zero = np.flatnonzero(search.limits >= enough)
    first, surely = search.bracket()
    between = None
    if not search.decided:
        last = None if surely is None else int(sizes[surely])
        between = (int(sizes[min(first, len(sizes) - 1)]), last)
    size = None if chosen is None else int(sizes[chosen])
    shortfall: int | None = None
    found: list[Remedy] = []
    unfit: list[dict[str, Any]] = []
    if size is None:
        needed = _needed_limit(search)
        shortfall = needed - int(search.limits[-1])
        found, unfit = remedies(scenario, needed)
    return Recommendation(
        _status(size),
        size,
        None if size is None else scenario.card.price_per_day(size),
        None if size is None else scenario.card.price_per_month(size),
        int(sizes[zero[0]]) if len(zero) else None,
        search.decided,
        between,
        shortfall,
        found,
        reasons_for(search.evidence, chosen, shortfall),
        [*rejections(search.evidence, chosen), *unfit],
    )


def _needed_limit(search: _Search) -> int:
    """Return the smallest pool, in the card's steps above the largest, that would do.

    A pool that throttles nobody in enough of the replications does, and so does every larger
    one; below it, pools are judged like purchasable sizes.
    """
    step, top = search.scenario.card.addon_step, int(search.limits[-1])
    enough = np.sort(search.judged.enough)
    place = max(0, int(np.ceil(search.goal.probability * len(enough) - 1e-9)) - 1)
    steps = max(1, -(-(int(enough[place]) - top) // step))
    stride = -(-steps // 200)  # at most 200 pools are judged; the shortfall is rounded up to them
    limits = top + step * np.append(np.arange(stride, steps, stride), steps)
    judged = judge(search.demand, range(search.count), limits.astype(np.int64), search.goal)
    place_of_first = smallest_with_all_larger(judged.keep_to(search.goal))
    return int(limits[-1 if place_of_first is None else place_of_first])


def _to_confirm(search: _Search) -> list[int]:
    """Return the places of the recommended size and the next smaller one."""
    chosen = len(search.sizes) - 1 if search.chosen is None else search.chosen
    return [chosen] if chosen == 0 else [chosen - 1, chosen]


def _alternatives(search: _Search, counter: _Counter) -> list[AlternativeResult]:
    results = []
    for alternative in search.scenario.alternatives:
        scenario = search.scenario.with_alternative(alternative)
        other = _Search(scenario, Demand(scenario), search.goal, purchasable(scenario), counter)
        other.add(search.count)
        now, then = _at_current(search), _at_current(other)
        chosen = other.chosen
        size = None if chosen is None else int(other.sizes[chosen])
        results.append(
            AlternativeResult(
                alternative.name,
                _status(size),
                size,
                None if size is None else scenario.card.price_per_month(size),
                _paired(then[0] - now[0], search.certain and other.certain),
                _paired(then[1] - now[1], search.certain and other.certain),
                _saving(search, other),
            )
        )
    return results


def _at_current(search: _Search) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return throttled shares and lost calls at the add-on credits that the org has."""
    place = int(np.flatnonzero(search.sizes == search.scenario.org.addon_credits)[0])
    return search.judged.shares[:, place], search.judged.lost[:, place].astype(np.float64)


def _paired(differences: NDArray[np.float64], certain: bool) -> tuple[float, float, float]:
    estimate = mean_with_interval(differences, signed=True)
    if certain:
        return estimate.mean, estimate.mean, estimate.mean
    return estimate.mean, estimate.ci95_low, estimate.ci95_high


def _saving(search: _Search, other: _Search) -> tuple[Decimal, float, float] | None:
    """Return the saving in $ a month, with its bootstrap interval; None if one is not reachable.

    The same replications are drawn for both, so the saving is paired (Efron 1979).
    """
    mine, theirs = search.chosen, other.chosen
    if mine is None or theirs is None:
        return None
    prices = [each.evidence.prices_per_month() for each in (search, other)]
    saving = prices[0][mine] - prices[1][theirs]
    if search.certain and other.certain:
        return saving, float(saving), float(saving)
    random = stream(search.scenario.seed, 0, "", 0, "bootstrap")
    n = search.count
    drawn = random.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES) / n
    paid = [
        _resampled_prices(each, p, drawn) for each, p in zip((search, other), prices, strict=True)
    ]
    low, high = np.quantile(paid[0] - paid[1], [0.025, 0.975])
    return saving, float(low), float(high)


def _resampled_prices(
    search: _Search, prices: list[Decimal], drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the price of the recommended size in each resample; the largest where none does."""
    costs = np.array([float(price) for price in prices])
    if search.goal.cost_of_lost_call is not None:
        least: NDArray[np.float64] = costs[(drawn @ search.evidence.monthly_costs()).argmin(axis=1)]
        return least
    means = drawn @ search.judged.meets(search.goal).astype(np.float64)
    failing = ~often_enough(means, search.goal)
    count = len(prices)
    last_failing = np.where(failing.any(axis=1), count - 1 - failing[:, ::-1].argmax(axis=1), -1)
    paid: NDArray[np.float64] = costs[np.minimum(last_failing + 1, count - 1)]
    return paid
