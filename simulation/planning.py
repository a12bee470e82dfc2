"""Recommended purchases: the smallest size that, with every larger one, meets the objective."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simulation.advice import Remedy, licenses_per_month, reasons_for, rejections
from simulation.confirmation import confirm_sizes
from simulation.demand import Demand
from simulation.errors import InputError
from simulation.estimates import CONFIDENCE, binomial_interval, mean_difference
from simulation.frontier import (
    Evidence,
    Goal,
    check_sizes,
    frontier_table,
    limits_of,
    often_enough,
    purchasable,
)
from simulation.output import OutputFolder
from simulation.plan_result import AlternativeResult, Plan, Recommendation, Status
from simulation.remedies import Pools, remedies
from simulation.results import save
from simulation.scenario import Scenario, as_scenario
from simulation.search import Search, Steps, smallest_with_all_larger
from simulation.streams import stream
from simulation.warmup import Warmup, with_warmup
from simulation.workers import cores
from simulation.workload import check_workload, workload_of
from simulation.written import PLAN_FILES

__all__ = ["DEFAULT_MAX_REPLICATIONS", "plan"]

DEFAULT_MAX_REPLICATIONS = 480
"""Replications after which a plan says that it is undecided …"""

DEFAULT_MAX_CALLS = 200_000_000
"""… or as many replications as make this many calls, whichever are fewer."""

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
    workers: int | None = None,
    out: Path | str | OutputFolder | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Plan:
    """Return the cheapest purchase that meets the scenario's objective, and why.

    Parameters
    ----------
    scenario : Scenario, Path or str
        A scenario, or the path of its file.
    replications, seed : int, optional
        In place of the scenario's own; replications are what the search begins with.
    max_replications : int, optional
        Replications after which the search ends; unless given 480, or as many as make 200
        million calls, but never fewer than it begins with. Where a doubt is left, the sizes in
        doubt are judged on as many again, and if this does not decide, the answer stays undecided.
    confirm : int, ``all`` or ``none``
        How many calls are decided again by the SimPy model, for the recommended size and the
        next smaller one.
    workers : int, optional
        How many replications are judged at once; unless given as many as there are cores. No
        result depends on it.
    out : Path, str or OutputFolder, optional
        A folder for the frontier, the plan and the scenario; nothing is there before all is.
    force : bool
        Whether files in ``out`` that creditsim did not write may be replaced, and work is begun
        for which memory or time will hardly do.
    progress : callable, optional
        Called with the steps done and those known to come; a step judges one replication.

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

    def check(each: Scenario) -> None:
        check_sizes(each)
        if not force:
            check_workload(each, "compiled", cores(workers), sizes=len(purchasable(each)))

    check(scenario)
    scenario, warmup = with_warmup(scenario)
    changed = [scenario.with_alternative(each) for each in scenario.alternatives]
    for place, each in enumerate(changed):
        with scenario._telling_alternative(place):
            check(each)
    with ExitStack() as stack:
        output = out
        if isinstance(output, Path | str):
            output = stack.enter_context(OutputFolder(Path(output), PLAN_FILES, force))
        result = _plan(
            scenario, warmup, changed, max_replications, confirm, cores(workers), Steps(progress)
        )
        if output is not None:
            save(result, output, "plan.json")
    return result


def _plan(
    scenario: Scenario,
    warmup: Warmup,
    changed: list[Scenario],
    max_replications: int | None,
    confirm: int | Literal["all", "none"],
    workers: int,
    steps: Steps,
) -> Plan:
    goal, demand = Goal.of(scenario), Demand(scenario)
    sizes = purchasable(scenario)
    compared = bool(scenario.alternatives)
    search = Search(demand, goal, sizes, limits_of(scenario, sizes), workers, steps, compared)
    search.judge_up_to(scenario.replications if demand.is_random else 1)
    search.decide(max_replications or _most_replications(search))
    fresh = search.fresh(search.to_show)
    recommendation = _recommend(search, fresh, workers, steps)
    alternatives = _alternatives(search, changed, workers, steps)
    confirmation = None
    if confirm != "none":
        places = search.to_show
        confirmation = confirm_sizes(demand, search.count, places, sizes, search.limits, confirm)
    return Plan(
        scenario,
        goal,
        search.count,
        frontier_table(search.evidence),
        frontier_table(fresh),
        warmup,
        recommendation,
        alternatives,
        confirmation,
        search.judged,
    )


def _most_replications(search: Search) -> int:
    """Return the replications after which a plan gives up, by how many calls one makes."""
    calls = float(search.judged.calls.mean())
    if search.goal.protect:  # the calls of other clients are not among those, and as much work
        found = workload_of(search.scenario, "compiled")
        calls = max(calls, found.calls / found.replications)
    affordable = int(DEFAULT_MAX_CALLS // max(1.0, calls))
    return max(search.count, min(DEFAULT_MAX_REPLICATIONS, affordable))


def _status(size: int | None) -> Status:
    if size is None:
        return "not_reachable"
    return "buy" if size else "none_needed"


def _holds(search: Search, fresh: Evidence) -> bool:
    """Return whether no fresh interval contradicts what the search decided."""
    if search.certain or search.goal.cost_of_lost_call is not None:
        return True
    kept = fresh.judged.meets(fresh.goal).sum(axis=0)
    ends = [binomial_interval(int(k), search.count) for k in kept]
    wanted, does = search.goal.probability, search.chosen is not None
    below = ends[:-1] if does else ends
    fails = all(low < wanted for low, _ in below)
    return fails and (not does or ends[-1][1] >= wanted)


def _by_fresh(search: Search, fresh: Evidence) -> tuple[int, int | None]:
    """Return the places between which the answer lies where fresh replications disagree."""
    kept = fresh.judged.keep_to(fresh.goal)
    chosen, count = search.chosen, len(search.sizes)
    if chosen is None:  # the largest does after all
        return count - 1, None
    if len(kept) > 1 and kept[0]:  # the next smaller one does, too
        return chosen - 1, chosen
    larger = np.arange(chosen + 1, count)
    if not len(larger):
        return chosen, None
    met = search.fresh(larger.tolist()).judged.meets(search.goal).sum(axis=0)
    wanted = search.goal.probability
    surely = [binomial_interval(int(k), search.count)[0] >= wanted for k in met]
    place = smallest_with_all_larger(np.array(surely))
    return chosen, None if place is None else chosen + 1 + place


def _recommend(search: Search, fresh: Evidence, workers: int, steps: Steps) -> Recommendation:
    scenario, sizes, chosen = search.scenario, search.sizes, search.chosen
    enough = int(search.judged.enough.max())
    zero = np.flatnonzero(search.limits >= enough)
    first, surely = search.bracket()
    decided, between = search.decided and _holds(search, fresh), None
    if not decided:
        if search.decided:
            first, surely = _by_fresh(search, fresh)
        last = None if surely is None else int(sizes[surely])
        between = (int(sizes[min(first, len(sizes) - 1)]), last)
    size = None if chosen is None else int(sizes[chosen])
    shortfall: int | None = None
    found: list[Remedy] = []
    unfit: list[dict[str, Any]] = []
    if size is None:
        pools = Pools(search, workers, steps)
        needed = pools.needed()
        shortfall = needed - int(search.limits[-1])
        found, unfit = remedies(scenario, pools, needed)
    surely = chosen if decided else surely
    searched = replace(search.evidence, judged=search.judged)
    reasons = reasons_for(searched, fresh, chosen, decided, shortfall)
    if search.last_look_chose and decided:
        reasons.append(
            f"This was decided by {2 * search.count:,} replications, the {search.count:,} of the "
            f"search and a last look at as many; {search.count:,} others are the fresh ones."
        )
    return Recommendation(
        _status(size),
        size,
        None if size is None else scenario.card.price_per_day(size),
        None if size is None else scenario.card.price_per_month(size),
        int(sizes[zero[0]]) if len(zero) else None,
        decided,
        between,
        shortfall,
        found,
        reasons,
        [*rejections(search.evidence, chosen, surely), *unfit],
    )


def _alternatives(
    search: Search, changed: list[Scenario], workers: int, steps: Steps
) -> list[AlternativeResult]:
    """Judge the scenarios that the alternatives make, in their order."""
    results = []
    for alternative, scenario in zip(search.scenario.alternatives, changed, strict=True):
        sizes = purchasable(scenario)
        limits = limits_of(scenario, sizes)
        other = Search(Demand(scenario), search.goal, sizes, limits, workers, steps, True, search)
        other.judge_up_to(search.count)
        other.decide(search.count)
        now, then = _at_current(search), _at_current(other)
        chosen = other.chosen
        fresh = other.fresh(other.to_show)
        judged = frontier_table(fresh).iloc[-1]
        size = None if chosen is None else int(other.sizes[chosen])
        price = None if size is None else scenario.card.price_per_month(size)
        licenses = licenses_per_month(scenario)
        dearer, unknown = _licenses_cost_more(search.scenario, scenario)
        results.append(
            AlternativeResult(
                alternative.name,
                _status(size),
                size,
                price,
                _paired(then[0] - now[0], search.certain and other.certain),
                _paired(then[1] - now[1], search.certain and other.certain),
                _saving(search, other, dearer, len(search.scenario.alternatives)),
                None if price is None or licenses is None else price + licenses,
                unknown,
                float(judged["meets_probability"]),
                (float(judged["meets_low"]), float(judged["meets_high"])),
                other.decided and _holds(other, fresh),
            )
        )
    return results


def _at_current(search: Search) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return throttled shares and lost calls at the add-on credits that the org has."""
    place = int(np.flatnonzero(search.sizes == search.scenario.org.addon_credits)[0])
    return search.judged.shares[:, place], search.judged.lost_calls[:, place]


def _paired(differences: NDArray[np.float64], certain: bool) -> tuple[float, float, float]:
    estimate = mean_difference(differences)
    if certain:
        return estimate.mean, estimate.mean, estimate.mean
    return estimate.mean, estimate.low, estimate.high


def _licenses_cost_more(now: Scenario, then: Scenario) -> tuple[Decimal, bool]:
    """Return what licenses cost more in $ a month with a change, and whether that is unknown."""
    costs = licenses_per_month(now), licenses_per_month(then)
    if costs[0] is not None and costs[1] is not None:
        return costs[1] - costs[0], False
    held = [(each.card.edition(each.org.edition), each.user_licenses) for each in (now, then)]
    return Decimal(0), held[0] != held[1] or costs[0] != costs[1]


def _saving(
    search: Search, other: Search, dearer: Decimal, among: int
) -> tuple[Decimal, float, float] | None:
    """Return the saving in $ a month with its bootstrap interval; None where none is enough.

    It is less by ``dearer``, what licenses cost more. The same replications are drawn for both,
    so the saving is paired (Efron 1979). The best ``among`` several alternatives is named, so
    the intervals of all hold together (Bonferroni).
    """
    mine, theirs = search.chosen, other.chosen
    if mine is None or theirs is None:
        return None
    prices = [each.evidence.prices_per_month() for each in (search, other)]
    saving = prices[0][mine] - prices[1][theirs]
    if dearer:
        saving -= dearer
    if search.certain and other.certain:
        return saving, float(saving), float(saving)
    if search.count < 2:
        return saving, math.nan, math.nan
    random = stream(search.scenario.seed, 0, "", 0, "bootstrap")
    n = search.count
    drawn = random.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES) / n
    paid = [
        _resampled_prices(each, p, drawn) for each, p in zip((search, other), prices, strict=True)
    ]
    tail = (1 - CONFIDENCE) / 2 / among
    low, high = np.quantile(paid[0] - paid[1], [tail, 1 - tail]) - float(dearer)
    return saving, float(low), float(high)


def _resampled_prices(
    search: Search, prices: list[Decimal], drawn: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the price of the size that each resample recommends, of the largest if it has none."""
    costs = np.array([float(price) for price in prices])
    if search.goal.cost_of_lost_call is not None:
        rivals = search.judged.replications == search.count
        totals = drawn @ search.evidence.monthly_costs()[:, rivals]
        least: NDArray[np.float64] = costs[rivals][totals.argmin(axis=1)]
        return least
    means = drawn @ search.judged.meets(search.goal).astype(np.float64)
    failing = ~often_enough(means, search.goal)
    count = len(prices)
    last_failing = np.where(failing.any(axis=1), count - 1 - failing[:, ::-1].argmax(axis=1), -1)
    paid: NDArray[np.float64] = costs[np.minimum(last_failing + 1, count - 1)]
    return paid
