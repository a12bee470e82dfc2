"""The result of planning: the frontier, the recommendation, alternatives, confirmation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from math import isnan
from typing import Any

import pandas as pd

from simulation.experiment import CONFIDENCE, Estimate, Warmup
from simulation.planning.confirmation import Confirmation
from simulation.planning.estimates import Estimates
from simulation.planning.judgement import Judgement
from simulation.planning.methods import plan_methods
from simulation.planning.other_cards import OtherCard
from simulation.planning.over_time import OverTime
from simulation.planning.reasons import Rejection
from simulation.planning.remedies import Remedy
from simulation.planning.status import Status, status_of
from simulation.scenario import Objective, Scenario

__all__ = [
    "AlternativeResult",
    "Plan",
    "Recommendation",
    "Status",
    "advised",
    "over_time_of",
    "status_of",
    "surely_enough",
]


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What to buy, and why.

    Attributes
    ----------
    status : str
        ``none_needed``, ``buy`` or ``not_reachable``.
    addon_credits : int or None
        The recommended size; None where no size meets the objective.
    price_per_day, price_per_month : Decimal or None
        What it costs in $, exact: where use is billed, at most.
    bill_per_month : Estimate or None
        What is paid in $ per month on average, on fresh replications; the price where the whole
        size is paid.
    worst_bill_per_month : float or None
        What 1 month in 20 is billed more than; None also where too few months were simulated.
    zero_throttle_addon_credits : int or None
        The smallest size with which no replication throttled a call; None above the cap.
    decided : bool
        Whether a look at the replications decided, and no fresh interval contradicts it.
    undecided_between : (int, int) or None
        If not decided, the sizes between which the answer lies; None as the upper one where
        even the largest may not be enough.
    shortfall_credits : int or None
        If not reachable, the credits by which even the largest purchase falls short.
    credits_help : bool
        Whether some pool, however large, meets the objective; False where other meters of the card
        throttle too many calls.
    throttled_beside_pool : dict of str to float
        By meter, the calls that others than the pool throttle first, as a share of all calls: with
        the recommended size, or where none is, with a pool that is never used up.
    remedies : list of Remedy
        If not reachable, what would be enough: licenses, editions.
    reasons : list of str
        Why this size.
    rejected : list of Rejection
        Every other size, and each change that is not enough, with its reason.
    """

    status: Status
    addon_credits: int | None
    price_per_day: Decimal | None
    price_per_month: Decimal | None
    bill_per_month: Estimate[float] | None
    worst_bill_per_month: float | None
    zero_throttle_addon_credits: int | None
    decided: bool
    undecided_between: tuple[int, int | None] | None
    shortfall_credits: int | None
    credits_help: bool
    throttled_beside_pool: dict[str, float]
    remedies: list[Remedy]
    reasons: list[str]
    rejected: list[Rejection]

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``creditsim plan --json`` prints it."""
        bill = self.bill_per_month
        return {
            **asdict(self),
            "bill_per_month": None if bill is None else bill.to_dict(),
            "rejected": [each.to_dict() for each in self.rejected],
        }


@dataclass(frozen=True, kw_only=True)
class AlternativeResult:
    """The effect of a named change to the scenario, on the same demand.

    Differences are of the change less the scenario as it is, at the add-on credits that the
    org has now; ``saves_per_month`` is what the recommended size costs as it is less what it
    costs with the change, with a bootstrap interval over replications. Both include licenses
    where the scenario states their prices; ``total_per_month`` does with the change. Where the
    change is to licenses or the edition and the prices are not stated, the saving is in
    ``addon_credits_alone``, and says nothing of the whole. All in $ and credits.

    Where use is billed, ``bill_per_month`` and ``worst_bill_per_month`` are what is paid with the
    change; prices are what is paid at most, and ``saves_per_month`` is the difference of the bills.
    They are those of fresh replications.

    ``meets_probability`` is of the recommended size, or of the largest where none is enough, on
    replications that chose nothing; ``decided`` is as that of the recommendation. The intervals of
    what several alternatives save hold together.
    """

    name: str
    status: Status
    addon_credits: int | None
    price_per_month: Decimal | None
    bill_per_month: Estimate[float] | None
    worst_bill_per_month: float | None
    throttled_share_difference: Estimate[float]
    lost_calls_difference: Estimate[float]
    saves_per_month: Estimate[Decimal] | None
    total_per_month: Decimal | None
    addon_credits_alone: bool
    meets_probability: Estimate[float]
    decided: bool

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``creditsim plan --json`` prints it."""
        saves, meets = self.saves_per_month, self.meets_probability.to_dict()
        bill = self.bill_per_month
        return {
            "name": self.name,
            "status": self.status,
            "addon_credits": self.addon_credits,
            "price_per_month": self.price_per_month,
            "bill_per_month": None if bill is None else bill.to_dict(),
            "worst_bill_per_month": self.worst_bill_per_month,
            "throttled_share_difference": self.throttled_share_difference.to_dict(),
            "lost_calls_difference": self.lost_calls_difference.to_dict(),
            "saves_per_month": None if saves is None else saves.to_dict(),
            "total_per_month": self.total_per_month,
            "addon_credits_alone": self.addon_credits_alone,
            "meets_probability": meets["mean"],
            "meets_ci95": meets["ci95"],
            "decided": self.decided,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The result of planning.

    Attributes
    ----------
    frontier : DataFrame
        A row for every purchasable size. Where a last look decided, or ruled out the size that the
        search had chosen, the sizes that were in doubt have twice as many replications.
    fresh : DataFrame
        The same of the next smaller size and the recommended one, or of the two largest where none
        is enough, on as many replications that chose neither. Where the plan is not decided and a
        larger size surely is enough, that one follows; where the least cost is wanted, the next
        larger one.
    warmup : Warmup or None
        The warm-up, and whether the start still shows after it.
    recommendation : Recommendation
    alternatives : list of AlternativeResult
    other_cards : list of OtherCard
        On a superseded card, what the card in force of the same vendor would give the org.
    estimates : Estimates or None
        Where rates are estimates, how far they are known, and what more demand would need.
    confirmation : Confirmation or None
        What the SimPy model decided again, call for call.
    replications : int
        Those of the search. Where they leave a doubt, a last look sees as many more.
    judgement : Judgement or None
        What each replication said of each size; None where the plan was read from its files.
    over_time : OverTime or None
        What pictures show over time, simulated when it is first asked for; None where the plan was
        read from files that hold nothing of it.
    """

    scenario: Scenario
    replications: int
    frontier: pd.DataFrame
    fresh: pd.DataFrame
    warmup: Warmup | None
    recommendation: Recommendation
    alternatives: list[AlternativeResult]
    confirmation: Confirmation | None
    judgement: Judgement | None = field(repr=False)
    over_time: OverTime | None = field(default=None, repr=False)
    other_cards: list[OtherCard] = field(default_factory=list)
    estimates: Estimates | None = None

    @property
    def objective(self) -> Objective:
        """What the purchase has to achieve."""
        return self.scenario.objective

    @property
    def current(self) -> dict[str, Any]:
        """The frontier's row of the add-on credits that the org has now."""
        now = self.frontier["addon_credits"] == self.scenario.org.addon_credits
        return _row(self.frontier[now].iloc[0].to_dict())

    def row(self, size: int) -> pd.Series:
        """Return the row of a size, by fresh replications where they judged it."""
        fresh = self.fresh[self.fresh["addon_credits"] == size]
        rows = fresh if len(fresh) else self.frontier[self.frontier["addon_credits"] == size]
        return rows.iloc[0]

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as ``creditsim plan --json`` prints it; prices are exact decimals."""
        # Only what the plan was made for: with a cost per lost call no share is aimed at.
        objective: dict[str, Any] = {
            "throttled_share": self.objective.throttled_share,
            "probability": self.objective.probability,
        }
        if self.objective.cost_of_lost_call is not None:
            objective = {"cost_of_lost_call": self.objective.cost_of_lost_call}
        return {
            "scenario": self.scenario.name,
            "rate_card": self.scenario.card.name,
            "objective": {**objective, "protect": list(self.objective.protect)},
            "current": self.current,
            "replications": self.replications,
            "seed": self.scenario.seed,
            "confidence": CONFIDENCE,
            "warmup": None if self.warmup is None else self.warmup.to_dict(),
            "frontier": [_row(row) for row in self.frontier.to_dict("records")],
            "fresh": [_row(row) for row in self.fresh.to_dict("records")],
            "recommendation": self.recommendation.to_dict(),
            "alternatives": [each.to_dict() for each in self.alternatives],
            "other_cards": [each.to_dict() for each in self.other_cards],
            **({} if self.estimates is None else {"estimates": self.estimates.to_dict()}),
            "confirmation": None if self.confirmation is None else asdict(self.confirmation),
        }

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables that are written, by file name."""
        return {
            "frontier.parquet": self.frontier,
            "frontier.csv": self.frontier,
            "fresh.parquet": self.fresh,
            **({} if self.over_time is None else self.over_time.tables()),
        }

    def methods(self) -> Mapping[str, str]:
        """Return how its figures were made, for a report on them, by file name."""
        text = plan_methods(
            self.scenario,
            self.warmup,
            self.frontier["addon_credits"].tolist(),
            self.replications,
            self.fresh["addon_credits"].tolist(),
            self.confirmation,
            last_look=bool((self.frontier["replications"] > self.replications).any()),
            decided=self.recommendation.decided,
        )
        return {"plan_methods.md": text}


def over_time_of(plan: Plan) -> OverTime:
    """Return what pictures of a plan show over time; the size that it advises is among them."""
    named = (advised(plan), plan.recommendation.zero_throttle_addon_credits)
    return OverTime(plan.scenario, [size for size in named if size is not None])


def surely_enough(plan: Plan) -> int | None:
    """Return the smallest size that surely is enough, if there is one.

    It is the recommended one, or where that is not decided the upper end of what it lies between.
    """
    advice = plan.recommendation
    if advice.decided or plan.objective.cost_of_lost_call is not None:
        return advice.addon_credits
    return None if advice.undecided_between is None else advice.undecided_between[1]


def advised(plan: Plan) -> int | None:
    """Return the size that the advice begins with: what surely is enough, else what may be."""
    safe = surely_enough(plan)
    return plan.recommendation.addon_credits if safe is None else safe


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a frontier row with its intervals nested, as ``creditsim plan --json`` prints them."""
    nested: dict[str, Any] = {}
    for name, value in row.items():
        # The ends of an interval stand beside its mean in a table, and within it in JSON.
        if name == "meets_low":
            nested["meets_ci95"] = [value, row["meets_high"]]
        elif f"{name}_low" in row:
            nested[name] = Estimate.from_row(row, name).to_dict()
        elif not name.endswith(("_low", "_high")):
            nested[name] = None if name == "worst_bill_per_month" and isnan(value) else value
    return nested
