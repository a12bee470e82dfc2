"""Rates that are estimates, in words: how far they are known, and what more demand would need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulation.experiment import RunResult
from simulation.formats import dollars, listed, number, percent
from simulation.planning import RECORDED, Estimates, Plan, RateEstimate, rate_estimates

__all__ = ["estimates_in_words", "run_on_estimates"]

_MOST = 0.8
"""Of the credits: the fewest clients that take as much are those that matter."""


def estimates_in_words(plan: Plan) -> list[str]:
    """Return how far rates are known, and what more demand would need; nothing where all are."""
    if (found := plan.estimates) is None:
        return []
    return [_known(found.rates, plan.scenario.card.pool.unit), _more(plan, found)]


def run_on_estimates(result: RunResult) -> list[str]:
    """Return that rates of a run are estimates, as a sentence; nothing where none is."""
    pool = result.scenario.card.pool
    what = "credits_demanded" if pool.counts_credits else "calls"
    asked = result.client_runs.groupby("client")[what].sum()
    rates = rate_estimates(result.scenario, (asked / max(1, asked.sum())).to_dict())
    return [_known(rates, pool.unit)] if rates else []


def _known(rates: Sequence[RateEstimate], unit: str) -> str:
    """Return that rates are estimates, and which of those that matter is known least."""
    enough = _MOST * sum(each.share for each in rates)
    matter, taken = list[RateEstimate](), 0.0
    for each in sorted(rates, key=lambda each: -each.share):
        if not matter or taken < enough:
            matter.append(each)
            taken += each.share
    least = max(matter, key=lambda each: (each.high - each.low) / each.estimate)
    who = f"`{least.client}`, which takes {percent(least.share)} of the {unit}"
    known = (
        f"{number(least.estimate)} {least.of}, 95 % interval {number(least.low)} to "
        f"{number(least.high)}"
    )
    if len(rates) == 1:
        return f"How much is called is an estimate for {who}: {known}."
    which = "above all" if len(matter) == 1 else "the least sure of those that matter"
    return f"Rates are estimates, {which} that of {who}: {known}."


def _more(plan: Plan, found: Estimates) -> str:
    """Return what a tenth more demand would need, and which clients have no part in it."""
    more = found.more_demand
    percents = percent(more.factor - 1)
    if more.status == "not_judged":
        return f"What {percents} more demand would need was not judged: {more.reason}."
    return f"With {percents} more demand{_unchanged(more.unchanged)} {_needs(plan, found)}."


def _unchanged(clients: Mapping[str, str]) -> str:
    """Return which clients call as before, in brackets; many that make the same by their number."""
    by_calls: dict[str, list[str]] = {}
    for name, calls in clients.items():
        by_calls.setdefault(calls, []).append(name)
    said = [
        f"{f'`{names[0]}`' if len(names) == 1 else f'{len(names)} clients'} of {calls}"
        for calls, names in by_calls.items()
    ]
    stay = "stays as it is" if len(clients) == 1 else "stay as they are"
    why = ", for a tenth more is no whole number" if by_calls.keys() - {RECORDED} else ""
    return f" ({listed(said)} {stay}{why})" if said else ""


def _needs(plan: Plan, found: Estimates) -> str:
    """Return what would be needed, and how much more that is."""
    more, size = found.more_demand, plan.recommendation.addon_credits
    perhaps = "" if more.decided else "perhaps "
    needed = more.addon_credits
    if needed is None:
        either = " either" if size is None else ""
        if not plan.scenario.card.sells:
            return f"the limit would {perhaps}not be enough{either}"
        return f"{perhaps}no purchase would be enough{either}"
    by_cost = plan.objective.cost_of_lost_call is not None
    do = "cost least" if by_cost else "be enough"
    if needed == size:
        if not size:
            return f"{perhaps}no add-on credits would be needed either"
        return f"the same {size:,} add-on credits would {perhaps}{do}"
    assert more.price_per_month is not None
    most = " at most" if plan.scenario.billed_use_of_a_day is not None else ""
    said = f"{needed:,} add-on credits would {perhaps}{do}, for {dollars(more.price_per_month)}"
    said += f" a month{most}"
    if not size:
        return said
    price = plan.scenario.offer.price_per_month(size)
    way, apart = "more", more.price_per_month - price
    if needed < size:
        way, apart = "fewer", -apart
    less = "more" if needed > size else "less"
    return f"{said}: {abs(needed - size):,} {way} than {size:,}, {dollars(apart)} {less}"
