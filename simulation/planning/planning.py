"""Recommended purchases: the smallest size that, with every larger one, meets the objective."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from simulation.demand import Demand, check_workload, workload_of
from simulation.experiment import Steps, Warmup, cores, save, with_warmup
from simulation.formats import PLAN_FILES, OutputFolder, named_path
from simulation.planning.alternatives import judge_alternatives
from simulation.planning.billing import check_billed_days
from simulation.planning.confirmation import confirm_sizes
from simulation.planning.deciding import decide
from simulation.planning.estimates import WithMore, with_more_demand
from simulation.planning.fresh import Between, open_between
from simulation.planning.frontier import Evidence, bill_of, check_sizes, frontier_table
from simulation.planning.judgement import Judgement
from simulation.planning.judging import Judges
from simulation.planning.options import Confirmed, PlanOptions
from simulation.planning.other_cards import OnCardInForce, on_card_in_force
from simulation.planning.other_limits import beside_pool, remedies_by_edition
from simulation.planning.reasons import Rejection, reasons_for, rejections
from simulation.planning.remedies import Pools, Remedy, remedies
from simulation.planning.result import Plan, Recommendation, over_time_of, status_of
from simulation.planning.search import Search
from simulation.scenario import Scenario, as_scenario

__all__ = ["DEFAULT_MAX_REPLICATIONS", "plan", "plan_with"]

DEFAULT_MAX_REPLICATIONS = 480
"""Replications after which a search ends, unless `DEFAULT_MAX_CALLS` ends it before."""

DEFAULT_MAX_CALLS = 200_000_000
"""Calls after which a search ends: as many replications as make this many."""

_AN_ATTEMPT_IN_SIMPY_S = 2.2e-6  # roughly, in both engines: 1.6 million took 3.5 s

Progress = Callable[[int, int], None]


def plan(
    scenario: Scenario | Path | str,
    *,
    replications: int | None = None,
    max_replications: int | None = None,
    seed: int | None = None,
    confirm: Confirmed = 1_000_000,
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
        Replications after which the search ends: 480 unless given, fewer where those make more
        than 200 million calls, never fewer than it begins with. Where a doubt is left, the sizes in
        doubt are judged on as many again, and if this does not decide, the answer stays undecided.
    confirm : int, ``all`` or ``none``
        How many calls to check against the SimPy model, for the recommended size and the next
        smaller one; 0 is ``none``.
    workers : int, optional
        How many replications are judged at once: as many as there are cores unless given. No
        result depends on it.
    out : Path, str or OutputFolder, optional
        A folder for the frontier, the plan, the scenario and what pictures show over time; nothing
        is there before all is.
    force : bool
        Whether files in ``out`` that creditsim did not write may be replaced, and work is begun
        for which there seems to be too little memory or time.
    progress : callable, optional
        Called with the steps done and those known to come; a step judges one replication, compares
        one day of a size with SimPy, or draws one replication over time. If it has a ``phase``,
        that is called with what is done; if it has a ``left``, with about how many seconds are
        left, or None.

    Raises
    ------
    InputError
        If the scenario or an argument is wrong, or ``out`` cannot be written.
    RuntimeError
        If the SimPy model does not confirm every record.
    """
    options = PlanOptions(
        max_replications=max_replications, confirm=confirm, workers=workers, force=force
    )
    scenario = as_scenario(scenario, replications=replications, seed=seed)
    return plan_with(scenario, options, out, progress)


def plan_with(
    scenario: Scenario,
    options: PlanOptions,
    out: Path | str | OutputFolder | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Return a plan by options that were checked before; else as `plan`."""
    options.check(scenario)

    def check(each: Scenario) -> None:
        check_sizes(each)
        if not options.force:
            workers = cores(options.workers)
            check_workload(each, "compiled", workers, sizes=len(each.offer.sizes))

    check(scenario)
    # The warm-up is found first: alternatives take it over, so that all count the same calls.
    scenario, warmup = with_warmup(scenario)
    check_billed_days(scenario)
    changed = [scenario.with_alternative(each) for each in scenario.alternatives]
    # All scenarios are checked before the first is simulated: no mistake comes after long work.
    for number, each in enumerate(changed):
        with scenario.telling_alternative(number):
            check(each)
            check_billed_days(each)
    in_force = on_card_in_force(scenario, check)
    more = with_more_demand(scenario, check)
    # A folder is refused before the work, not after it, and is there whole or not at all. One that
    # the caller has opened stays the caller's to close.
    with ExitStack() as stack:
        output = out
        if isinstance(output, Path | str):
            folder = OutputFolder(named_path(output, "out"), PLAN_FILES, options.force)
            output = stack.enter_context(folder)
        steps = Steps(progress)
        result = _plan(scenario, warmup, changed, in_force, more, options, steps)
        result = replace(result, over_time=over_time_of(result))
        # Without a folder nothing is simulated over time before a picture asks for it.
        if output is not None:
            assert result.over_time is not None
            steps.phase("Drawing over time")
            steps.expect(result.over_time.to_simulate, alike=False)
            result.over_time.simulate(lambda _done, _of: steps.tick())
            save(result, output, "plan.json")
    return result


def _plan(
    scenario: Scenario,
    warmup: Warmup | None,
    changed: list[Scenario],
    in_force: OnCardInForce | None,
    more: WithMore | None,
    options: PlanOptions,
    steps: Steps,
) -> Plan:
    judges = Judges(cores(options.workers), steps)
    demand = Demand(scenario)
    # The scenario and its alternatives are judged together: clients that they share are drawn once.
    compared = bool(changed)
    search = _search(demand, compared)
    others = [_search(Demand(each, demand), compared) for each in changed]
    first = scenario.replications if demand.is_random else 1
    steps.phase("Searching")
    steps.rest = _seconds_to_confirm(search, None, options)
    judges.after = 2 * first * (1 + len(others))  # fresh replications, and further looks
    judges.together(*(each.judging(first) for each in (search, *others)))
    steps.rest = _seconds_to_confirm(search, search.judged, options)
    # How many replications can be afforded is known once some show how many calls one makes.
    most = options.max_replications or _most_replications(search)
    decide([search, *others], judges, most, last_look=False)
    steps.phase("Checking on fresh replications")
    judges.after = 0
    steps.rest = _seconds_to_confirm(search, search.judged, options)
    fresh, *fresh_of = judges.together(*(each.checking() for each in (search, *others)))
    if not search.certain:
        steps.rest = _seconds_to_confirm(search, fresh.judged, options)
    indices, sizes = search.to_show, search.sizes
    between = judges.alone(open_between(search, fresh))
    # Of a size that is called surely enough, all that is said comes from replications that did not
    # choose it, so it has rows and a confirmation of its own.
    again = frontier_table(fresh)
    if between is not None and between.safe is not None:
        again = pd.concat([again, frontier_table(between.safe)], ignore_index=True)
        indices = [*indices, int(np.searchsorted(sizes, between.safe.sizes[0]))]
    recommendation = _recommend(search, fresh, again, between, judges)
    alternatives = judge_alternatives(search, others, fresh, fresh_of)
    other_cards = []
    if in_force is not None:
        there = None
        if in_force.scenario is not None:
            there = _search(Demand(in_force.scenario, demand), False)
            many = scenario.replications if there.demand.is_random else 1
            judges.alone(there.judging(many))
            decide([there], judges, many, last_look=False)
        other_cards.append(in_force.judged(there))
    estimates = None
    if more is not None:
        with_more = more.search(search, demand)
        if with_more is not None:
            judges.alone(with_more.judging(search.count))
            decide([with_more], judges, search.count, search.decision)
        estimates = more.judged(search, demand, with_more)
    confirmation = None
    if options.confirm != "none":
        steps.phase("Checking in SimPy")
        steps.rest = 0.0
        confirmation = confirm_sizes(
            demand, search.count, indices, sizes, search.limits, options.confirm, steps
        )
    return Plan(
        scenario=scenario,
        replications=search.count,
        frontier=frontier_table(search.evidence),
        fresh=again,
        warmup=warmup,
        recommendation=recommendation,
        alternatives=alternatives,
        confirmation=confirmation,
        judgement=search.judged,
        other_cards=other_cards,
        estimates=estimates,
    )


def _seconds_to_confirm(search: Search, judged: Judgement | None, options: PlanOptions) -> float:
    """Return about how long it takes to decide calls again in SimPy, by what was judged."""
    if options.confirm == "none":
        return 0.0
    each = search.demand.calls_a_day * search.demand.days
    calls = each * (search.count or search.scenario.replications)
    if options.confirm != "all":
        calls = min(calls, options.confirm)
    # Calls that are tried again and again take longer.
    attempts = judged.work[0] / (len(judged.limits) * max(1.0, each)) if judged else 1.0
    shown = len(search.to_show) if judged else 2
    return calls * max(1.0, attempts) * shown * _AN_ATTEMPT_IN_SIMPY_S


def _most_replications(search: Search) -> int:
    """Return the replications after which a plan gives up, by how many calls one makes."""
    calls = float(search.judged.calls.mean())
    if search.objective.protect:  # the calls of other clients are not among those, and as much work
        found = workload_of(search.scenario, "compiled")
        calls = max(calls, found.calls / found.replications)
    # What was judged already is never too much, whatever a replication costs.
    affordable = int(DEFAULT_MAX_CALLS // max(1.0, calls))
    return max(search.count, min(DEFAULT_MAX_REPLICATIONS, affordable))


def _search(demand: Demand, compared: bool) -> Search:
    """Return a search among the sizes that can be bought; the current one is kept to compare."""
    offer = demand.scenario.offer
    sizes, limits = np.array(offer.sizes, np.int64), np.array(offer.limits, np.int64)
    return Search(demand, sizes, limits, compared)


def _recommend(
    search: Search,
    fresh: Evidence,
    shown: pd.DataFrame,
    between: Between | None,
    judges: Judges,
) -> Recommendation:
    scenario, sizes, chosen = search.scenario, search.sizes, search.chosen
    enough = int(search.judged.enough.max())
    # Sizes rise with their pools, so the first that is large enough is the smallest.
    zero = np.flatnonzero((search.limits >= enough) & ~(search.judged.throttled > 0).any(axis=0))
    decided, ends, surely, safe = between is None, None, chosen, None
    if between is not None:
        first, surely, safe = between
        # The first size that may be right lies beyond the largest where each surely fails.
        last = None if surely is None else int(sizes[surely])
        ends = (int(sizes[min(first, len(sizes) - 1)]), last)
    size = None if chosen is None else int(sizes[chosen])
    shortfall: int | None = None
    found: list[Remedy] = []
    unfit: list[Rejection] = []
    beside = beside_pool(search, judges, size)
    if size is None:
        pools = Pools(search, judges)
        if beside is None or beside.credits_help:
            needed = pools.needed()
            shortfall = needed - int(search.limits[-1])
            found, unfit = remedies(scenario, pools, needed)
        if beside is not None and len(scenario.card.meters) > 1:
            found += remedies_by_edition(search, pools, judges)
    # The counts of the search, without those of a last look, which judged the sizes in doubt alone.
    searched = replace(search.evidence, judged=search.judged)
    bill, worst = (None, None) if size is None else bill_of(shown, size)
    reasons = reasons_for(searched, fresh, chosen, decided, shortfall, safe, beside)
    if search.last_look_chose and decided:
        reasons.append(
            f"This was decided by {2 * search.count:,} replications, the {search.count:,} of the "
            f"search and a last look at as many; {search.count:,} others are the fresh ones."
        )
    return Recommendation(
        status=status_of(size),
        addon_credits=size,
        price_per_day=None if size is None else scenario.offer.price_per_day(size),
        price_per_month=None if size is None else scenario.offer.price_per_month(size),
        bill_per_month=bill,
        worst_bill_per_month=worst,
        zero_throttle_addon_credits=int(sizes[zero[0]]) if len(zero) else None,
        decided=decided,
        undecided_between=ends,
        shortfall_credits=shortfall,
        credits_help=beside is None or beside.credits_help,
        throttled_beside_pool={} if beside is None else dict(beside.shares),
        remedies=found,
        reasons=reasons,
        rejected=[*rejections(search.evidence, fresh, chosen, surely), *unfit],
    )
