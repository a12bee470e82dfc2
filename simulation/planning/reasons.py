"""Why a size is recommended, and why every other one is rejected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from simulation.experiment import Estimate, binomial_interval
from simulation.formats import dollars, percent, period, plural
from simulation.planning.beside import BesidePool, reasons_beside
from simulation.planning.frontier import Evidence, frontier_table
from simulation.planning.status import calls_of
from simulation.scenario import Scenario

__all__ = ["Bound", "Rejection", "reasons_for", "rejections", "wanted"]


Bound = Literal["objective", "price", "cap", "maximum", "edition", "sizes"]
"""What an option fails by: it misses the objective; a cheaper one meets it; the purchase cap or the
edition's maximum is too low for it; licenses add no credits in the edition; it has too many sizes.
"""


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """An option that is not recommended, and why.

    Attributes
    ----------
    addon_credits : int or None
        The size; None where the option is a change.
    change : str or None
        A change to what the org has; None where the option is a size.
    bound : str or None
        What it fails by, one of `Bound`; None where the plan was read from its files.
    reason : str
        The same with its figures, in words.
    """

    addon_credits: int | None = None
    change: str | None = None
    bound: Bound | None = field(compare=False)  # what plan.json does not hold is no difference
    reason: str

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Rejection:
        """Return a rejection that `to_dict` gave."""
        size, change = given.get("addon_credits"), given.get("change")
        return cls(addon_credits=size, change=change, bound=None, reason=given["reason"])

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``creditsim plan --json`` prints it."""
        if self.change is None:
            return {"addon_credits": self.addon_credits, "reason": self.reason}
        return {"change": self.change, "reason": self.reason}


def _kept(evidence: Evidence, index: int, which: str = "simulated") -> str:
    """Return in how many simulated periods a size keeps to the objective, in words."""
    judged = evidence.judged
    kept, n = int(judged.meets(evidence.objective)[:, index].sum()), int(judged.replications[index])
    unit = period(evidence.scenario.counted)
    if evidence.certain:
        share = judged.shares[0, index]
        whose = calls_of(evidence.objective)
        return f"throttles {percent(share)} of the {whose} (nothing in this {unit} is random)"
    low, high = binomial_interval(kept, n)
    return (
        f"keeps to it in {percent(kept / n)} of {n:,} {which} {plural(unit)} "
        f"(95 % interval {percent(low)} to {percent(high)})"
    )


def wanted(scenario: Scenario) -> str:
    """Return what the objective wants, in words."""
    objective = scenario.objective
    if (cost := objective.cost_of_lost_call) is not None:
        whose = f" of {', '.join(objective.protect)}" if objective.protect else ""
        return f"the least expected cost, at {dollars(cost)} per lost call{whose}"
    return (
        f"at most {percent(objective.throttled_share)} of the {calls_of(objective)} throttled in "
        f"at least {percent(objective.probability)} of {plural(period(scenario.counted))}"
    )


def reasons_for(
    evidence: Evidence,
    fresh: Evidence,
    chosen: int | None,
    decided: bool,
    shortfall: int | None,
    safe: Evidence | None = None,
    beside: BesidePool | None = None,
) -> list[str]:
    """Return why this size is recommended, a sentence each.

    ``fresh`` holds fresh replications of the next smaller size and this one, and ``safe`` those of
    a larger one that surely is enough, where this one may not be. ``beside`` is what throttles
    besides the pool.
    """
    scenario, objective, sizes, judged = (
        evidence.scenario,
        evidence.objective,
        evidence.sizes,
        evidence.judged,
    )
    reasons = [f"Wanted: {wanted(scenario)}."]
    index = len(sizes) - 1 if chosen is None else chosen
    size = int(sizes[index])
    if objective.cost_of_lost_call is not None:
        row = frontier_table(fresh).set_index("addon_credits").loc[size]
        cost = Estimate.from_row(row, "cost_per_month")
        interval = ""
        if cost.has_interval and not evidence.certain:
            interval = f" (95 % interval {dollars(cost.low)} to {dollars(cost.high)})"
        reasons.append(
            f"{size:,} add-on credits cost {dollars(cost.mean)} a month{interval} in all."
        )
    else:
        # Fresh evidence ends with this size and begins with the next smaller one.
        verb = _kept(fresh, len(fresh.sizes) - 1, "fresh simulated")
        what = f"{size:,} add-on credits: this size" if scenario.card.sells else "The limit"
        reasons.append(f"{what} {verb}.")
        if chosen is not None and decided and size != sizes[-1]:
            reasons.append("On the replications of the search every larger size keeps to it too.")
        if chosen:
            few = "are too few" if decided else "may be too few"
            below = _kept(fresh, 0, "fresh simulated")
            reasons.append(f"{int(sizes[chosen - 1]):,} {few}: that size {below}.")
        if safe is not None:
            kept = _kept(safe, 0, "fresh simulated")
            size = int(safe.sizes[0])
            reasons.append(
                f"{size:,} are surely enough, by all replications together; by the fresh ones "
                f"alone, that size {kept}."
            )
    least, n = int(judged.replications.min()), len(judged.calls)
    if least < n:
        given_up = sizes[judged.replications < n]
        reasons.append(
            f"{len(given_up):,} sizes from {int(given_up[0]):,} to {int(given_up[-1]):,} were out "
            f"of the question after {least:,} or more of the {n:,} simulated "
            f"{plural(period(scenario.counted))}, and were judged on those alone."
        )
    enough = int(judged.enough.max())
    pool = f"A pool of {enough:,} {scenario.card.pool.unit}"
    if judged.throttled_by is not None:
        pool += " itself"
    reasons.append(
        f"{pool} throttles no call in any simulated "
        f"{period(scenario.counted)}; the allowance is {int(judged.limits[0]):,}."
    )
    reasons += reasons_beside(scenario, beside)
    if chosen is None or size == sizes[-1]:
        reasons.append(_no_more(scenario, int(sizes[-1])))
    if shortfall is not None:
        largest = "Even the largest purchase" if scenario.card.sells else "The limit"
        reasons.append(f"{largest} falls {shortfall:,} {scenario.card.pool.unit} short.")
    return reasons


def _no_more(scenario: Scenario, most: int) -> str:
    """Return why no more can be bought, as a sentence."""
    offer = scenario.offer
    if not scenario.card.sells:
        return f"Rate card {scenario.card.name} sells no add-on credits."
    bound = f"the purchase cap of {offer.card_cap:,}"
    if offer.ends_at_maximum:
        bound = f"the edition's maximum of {offer.maximum:,}"
    return f"No more than {most:,} can be bought, because of {bound}."


def rejections(
    evidence: Evidence,
    fresh: Evidence,
    chosen: int | None,
    enough: int | None,
) -> list[Rejection]:
    """Return every size that is not recommended, with the reason.

    ``fresh`` holds fresh replications of some of the sizes. ``chosen`` is the index of the
    recommended size, and ``enough`` that of the smallest size that is surely enough: the same where
    the plan is decided, None where no size is.
    """
    offer, sizes, judged = evidence.scenario.offer, evidence.sizes, evidence.judged
    objective = evidence.objective
    met = judged.keep_to(objective)
    costs = None if objective.cost_of_lost_call is None else evidence.monthly_costs()
    rejected = []
    for index, size in enumerate(sizes):
        if index == chosen:
            continue
        bound: Bound = "objective"
        if costs is not None:
            assert chosen is not None
            bound = "price"
            # nan where a size was given up: both are compared on the replications that it has.
            more = np.nanmean(costs[:, index] - costs[:, chosen])
            reason = f"costs {dollars(float(more))} a month more, lost calls included"
        elif chosen is not None and index > chosen:
            bound = "price"
            # Compared with the smallest size that surely is enough, where that is smaller than this
            # one: whether the chosen one is enough may be open.
            less = chosen if enough is None or index <= enough else enough
            price = offer.price_per_month(int(size)) - offer.price_per_month(int(sizes[less]))
            costs_more = f"costs {dollars(price)} a month more"
            if judged.bills is not None:
                costs_more = f"costs up to {dollars(price)} a month more"
            reason = f"{costs_more} than needed: a smaller size is enough"
            if less != enough:
                reason = f"{costs_more} than {int(sizes[chosen]):,}, which may be enough"
        elif met[index]:
            # It meets the objective and yet was not chosen, so some larger one fails.
            worse = int(sizes[index + 1 + int(np.flatnonzero(~met[index + 1 :])[0])])
            reason = f"meets the objective, but {worse:,}, a larger size, does not"
        # The search's figures flatter what it chose, so fresh ones are shown where there are any.
        elif size in fresh.sizes:
            reason = _kept(fresh, int(np.searchsorted(fresh.sizes, size)), "fresh simulated")
        else:
            reason = _kept(evidence, index)
        rejected.append(Rejection(addon_credits=int(size), bound=bound, reason=reason))
    return rejected
