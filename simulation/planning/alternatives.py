"""The alternatives of a plan: what named changes do and save, on the same demand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import nan

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.demand import stream
from simulation.experiment import CONFIDENCE, Estimate, mean_difference, ratio_difference
from simulation.planning.fresh import holds
from simulation.planning.frontier import Evidence, bill_of, frontier_table
from simulation.planning.judgement import at_least
from simulation.planning.remedies import licenses_per_month
from simulation.planning.result import AlternativeResult, status_of
from simulation.planning.search import Search
from simulation.scenario import Scenario

__all__ = ["judge_alternatives"]

_RESAMPLES = 2000
"""Enough for the tails of an interval: Efron and Tibshirani (1993) advise 1,000 or more."""


def judge_alternatives(
    search: Search, others: Sequence[Search], mine: Evidence, fresh_of: Sequence[Evidence]
) -> list[AlternativeResult]:
    """Return what each alternative does and saves.

    Parameters
    ----------
    search : Search
        That of the scenario.
    others : sequence of Search
        Those of the alternatives, in order, on as many replications.
    mine : Evidence
        What fresh replications say of the sizes that the scenario's own search shows.
    fresh_of : sequence of Evidence
        What fresh replications say of the sizes that each shows.
    """
    results = []
    for alternative, other, fresh in zip(
        search.scenario.alternatives, others, fresh_of, strict=True
    ):
        scenario, offer = other.scenario, other.scenario.offer
        certain = search.certain and other.certain
        now, then = _at_current(search), _at_current(other)
        shares = ratio_difference((now[0], search.judged.calls), (then[0], other.judged.calls))
        lost = mean_difference(then[1] - now[1])
        if certain:
            shares, lost = shares.exact(), lost.exact()
        chosen = other.chosen
        shown = len(other.sizes) - 1 if chosen is None else chosen
        judged = frontier_table(fresh).set_index("addon_credits").loc[other.sizes[shown]]
        # What it needs is bought by its own card and edition, which the change may have set.
        size = None if chosen is None else int(other.sizes[chosen])
        price = None if size is None else offer.price_per_month(size)
        bill, worst = (None, None) if size is None else bill_of(frontier_table(fresh), size)
        licenses = licenses_per_month(scenario)
        dearer, unknown = _licenses_cost_more(search.scenario, scenario)
        results.append(
            AlternativeResult(
                name=alternative.name,
                status=status_of(size),
                addon_credits=size,
                price_per_month=price,
                bill_per_month=bill,
                worst_bill_per_month=worst,
                throttled_share_difference=shares,
                lost_calls_difference=lost,
                saves_per_month=_saving(
                    search, other, (mine, fresh), dearer, len(search.scenario.alternatives)
                ),
                total_per_month=None if price is None or licenses is None else price + licenses,
                addon_credits_alone=unknown,
                meets_probability=Estimate.from_row(judged, "meets_probability", "meets"),
                decided=other.decided and holds(other, fresh),
            )
        )
    return results


def _at_current(search: Search) -> tuple[Floats, Floats]:
    """Return throttled and lost calls, (n,) each, at the add-on credits that the org has."""
    index = int(np.flatnonzero(search.sizes == search.scenario.org.addon_credits)[0])
    judged = search.judged
    return judged.throttled[:, index].astype(np.float64), judged.lost_calls[:, index]


def _licenses_cost_more(now: Scenario, then: Scenario) -> tuple[Decimal, bool]:
    """Return how much more licenses cost in $ a month with a change, and whether it is unknown."""
    costs = licenses_per_month(now), licenses_per_month(then)
    if costs[0] is not None and costs[1] is not None:
        return costs[1] - costs[0], False
    # Where a price is not stated, the difference still is known to be none if neither edition nor
    # licenses change.
    bought = [(each.offer.edition, each.user_licenses) for each in (now, then)]
    return Decimal(0), bought[0] != bought[1] or costs[0] != costs[1]


def _saving(
    search: Search,
    other: Search,
    fresh: tuple[Evidence, Evidence],
    dearer: Decimal,
    among: int,
) -> Estimate[Decimal] | None:
    """Return the saving in $ a month with its bootstrap interval; None where no size is enough.

    It is less by ``dearer``, what licenses cost more. The same replications are drawn for both,
    so the saving is paired (Efron 1979). The best ``among`` several alternatives is named, so
    the intervals of all hold together (Bonferroni). A bill is that of ``fresh`` replications, as
    many as the search has, so the interval lies around it as resamples do around the search's.
    """
    mine, theirs = search.chosen, other.chosen
    if mine is None or theirs is None:
        return None
    prices = [each.evidence.prices_per_month() for each in (search, other)]
    seen = search.evidence, other.evidence
    by_search = _paid(seen[0], search.sizes[mine]) - _paid(seen[1], other.sizes[theirs])
    saving = _paid(fresh[0], search.sizes[mine]) - _paid(fresh[1], other.sizes[theirs])
    apart = float(saving - by_search)
    if dearer:
        saving -= dearer
    if search.certain and other.certain:
        return Estimate(saving, nan, nan, search.count).exact()
    if search.count < 2:
        return Estimate(saving, nan, nan, search.count)
    # A price is a step function of the counts, so no interval of a mean fits its difference: the
    # whole choice of a size is made again on each resample (percentile bootstrap, Efron 1979).
    random = stream(search.scenario.seed, 0, "", 0, "bootstrap")
    # Multinomial counts over n are a resample with replacement, as weights: one product of matrices
    # then gives the mean of each size in each resample. The second half is for a last look.
    n = search.count
    halves = [random.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES) / n for _ in range(2)]
    paid = [
        _resampled_prices(each, p, halves) for each, p in zip((search, other), prices, strict=True)
    ]
    tail = (1 - CONFIDENCE) / 2 / among
    low, high = np.quantile(paid[0] - paid[1], [tail, 1 - tail]) - float(dearer) + apart
    return Estimate(saving, float(low), float(high), n)


def _paid(evidence: Evidence, size: int) -> Decimal:
    """Return what a size costs in $ a month: its price, or where use is billed the mean bill."""
    index, bills = int(np.searchsorted(evidence.sizes, size)), evidence.judged.bills
    if bills is None:
        return evidence.scenario.offer.price_per_month(int(size))
    return Decimal(f"{np.nanmean(bills[:, index]):.2f}")  # cents: an estimate has no more


def _resampled_prices(search: Search, prices: list[Decimal], halves: list[Floats]) -> Floats:
    """Return the price of the size that each resample recommends, of the largest if it has none.

    Where use is billed, it is the bill in the resample. The halves are weights of the search's
    replications, and of those of a last look.
    """
    costs = np.broadcast_to([float(price) for price in prices], (len(halves[0]), len(prices)))
    if (bills := search.judged.bills) is not None:
        # The mean over the replications that judged the size, as far as the resample has them. One
        # of which it has none is not chosen, whatever it costs.
        weights = halves[0] @ ~np.isnan(bills)
        costs = halves[0] @ np.nan_to_num(bills) / np.maximum(weights, 1e-300)
    if search.objective.cost_of_lost_call is not None:
        # Sizes that were given up have no cost on the later replications, and are no rivals.
        rivals = search.judged.replications == search.count
        totals = halves[0] @ search.evidence.monthly_costs()[:, rivals]
        return _of_each(costs[:, rivals], totals.argmin(axis=1))
    means = halves[0] @ search.judged.meets(search.objective).astype(np.float64)
    if search.last_look_chose:
        # The last look is as many replications again, of the sizes in doubt alone: the size was
        # chosen by the mean of both halves there, and by the first half elsewhere.
        judged = search.evidence.judged
        again = judged.replications > search.count
        seen = judged.meets(search.objective)[search.count :, again]
        means[:, again] = (means[:, again] + halves[1] @ seen.astype(np.float64)) / 2
    failing = ~at_least(means, search.objective.probability)
    # The size after the last that fails is the answer (see `smallest_with_all_larger`); argmax on
    # the reversed row finds the last True, for all resamples at once.
    count = len(prices)
    last_failing = np.where(failing.any(axis=1), count - 1 - failing[:, ::-1].argmax(axis=1), -1)
    return _of_each(costs, np.minimum(last_failing + 1, count - 1))


def _of_each(costs: Floats, sizes: Ints) -> Floats:
    """Return from each row the cost of its own size."""
    its: Floats = costs[np.arange(len(costs)), sizes]
    return its
