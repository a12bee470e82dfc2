"""The tables of a portfolio: a row for each org, and a row for each change to one."""

from __future__ import annotations

from math import isnan
from typing import Any

from simulation.experiment import Estimate, interval_columns
from simulation.formats import LARGEST, TableRow
from simulation.plain_text import encodable
from simulation.planning import Cause, Plan, advised, surely_enough
from simulation.report import advice_in_brief, best_alternative
from simulation.scenario import Scenario

__all__ = ["ALTERNATIVES", "PORTFOLIO", "alternative_rows", "fitting", "row_of", "scenario_row"]

PORTFOLIO = {
    "item": "text",
    "source": "text",
    "scenario": "text",
    "rate_card": "text",
    "edition": "text",
    "user_licenses": "count",
    "status": "text",
    "at_risk": "yes",
    "decided": "yes",
    "addon_credits": "count",
    "price_per_month": "money",
    "bill_per_month": "share",
    "bill_per_month_low": "share",
    "bill_per_month_high": "share",
    "worst_bill_per_month": "share",
    "safe_addon_credits": "count",
    "safe_price_per_month": "money",
    "safe_bill_per_month": "share",
    "meets_probability": "share",
    "meets_low": "share",
    "meets_high": "share",
    "replications": "count",
    "zero_throttle_addon_credits": "count",
    "shortfall_credits": "count",
    "current_addon_credits": "count",
    "current_price_per_month": "money",
    "current_bill_per_month": "share",
    "current_meets_probability": "share",
    "current_throttled_share": "share",
    "current_throttled_share_low": "share",
    "current_throttled_share_high": "share",
    "current_lost_calls": "share",
    "current_lost_calls_low": "share",
    "current_lost_calls_high": "share",
    "caused_by": "text",
    "caused_share": "share",
    "caused_share_low": "share",
    "caused_share_high": "share",
    "best_alternative": "text",
    "best_alternative_saves_per_month": "money",
    "best_alternative_saves_per_month_low": "share",
    "best_alternative_saves_per_month_high": "share",
    "advice": "text",
    "remedy": "text",
    "seed": "count",
    "error": "text",
    "folder": "text",
}
"""The columns of ``portfolio.parquet`` and ``.csv``, an org in each row, and what they hold.

``status`` is that of the recommendation, or ``failed``, or ``pending`` where a batch was
interrupted. ``at_risk``: the org does not reach its objective with the add-on credits that it
has. ``safe_*`` are of the smallest size that is surely enough: the recommended one where that is
decided, null where none is known. ``meets_*`` are of the safe size, or else of the recommended one,
or of the largest where none is enough, on fresh replications where they judged it. ``caused_by``
asks for most of the credits, ``caused_share``, in the window in which most are asked for.
``*bill_per_month`` is what is paid on average: the price, or less where the card bills what is
used; ``worst_bill_per_month`` is what 1 month in 20 is billed more than, null where too few were
simulated.
``remedy``: licenses or an edition that would be enough where no purchase is.
"""

ALTERNATIVES = {
    "item": "text",
    "alternative": "text",
    "status": "text",
    "addon_credits": "count",
    "price_per_month": "money",
    "bill_per_month": "share",
    "worst_bill_per_month": "share",
    "saves_per_month": "money",
    "saves_per_month_low": "share",
    "saves_per_month_high": "share",
    "total_per_month": "money",
    "addon_credits_alone": "yes",
    "throttled_share_difference": "share",
    "throttled_share_difference_low": "share",
    "throttled_share_difference_high": "share",
    "lost_calls_difference": "share",
    "lost_calls_difference_low": "share",
    "lost_calls_difference_high": "share",
    "decided": "yes",
    "meets_probability": "share",
    "meets_low": "share",
    "meets_high": "share",
}
"""The columns of ``alternatives.parquet`` and ``.csv``, a named change to an org in each row.

``decided`` and ``meets_*`` are of the size that the org would need with the change.
"""


def _spread(name: str, estimate: Estimate[Any] | None) -> TableRow:
    """Return mean and ends of an estimate as columns; null where there are none."""
    if estimate is None:
        return dict.fromkeys(interval_columns(name))
    columns = estimate.columns(name).items()
    return {column: None if isnan(value) else value for column, value in columns}


def scenario_row(scenario: Scenario) -> TableRow:
    """Return the columns that describe a scenario."""
    return {
        "scenario": scenario.name,
        "rate_card": scenario.card.name,
        "edition": scenario.org.edition,
        "user_licenses": scenario.org.user_licenses,
        "current_addon_credits": scenario.org.addon_credits,
        "current_price_per_month": scenario.offer.price_per_month(scenario.org.addon_credits),
        "seed": scenario.seed,
    }


def row_of(plan: Plan, cause: Cause | None) -> TableRow:
    """Return the columns of ``portfolio.parquet`` that follow from a plan."""
    advice, scenario = plan.recommendation, plan.scenario
    frontier = plan.frontier.set_index("addon_credits")
    size, now = advice.addon_credits, scenario.org.addon_credits
    safe = surely_enough(plan)
    shown, current = advised(plan), frontier.loc[now]
    judged = plan.row(int(frontier.index[-1]) if shown is None else shown)
    row: TableRow = {
        **scenario_row(scenario),
        "status": advice.status,
        "at_risk": size is None or size > now,
        "decided": advice.decided,
        "addon_credits": size,
        "price_per_month": advice.price_per_month,
        **_spread("bill_per_month", advice.bill_per_month),
        "worst_bill_per_month": advice.worst_bill_per_month,
        "safe_addon_credits": safe,
        "safe_price_per_month": None if safe is None else scenario.offer.price_per_month(safe),
        "safe_bill_per_month": None if safe is None else float(plan.row(safe)["bill_per_month"]),
        "current_bill_per_month": float(current["bill_per_month"]),
        **{name: float(judged[name]) for name in interval_columns("meets_probability", "meets")},
        "replications": plan.replications,
        "zero_throttle_addon_credits": advice.zero_throttle_addon_credits,
        "shortfall_credits": advice.shortfall_credits,
        "current_meets_probability": float(current["meets_probability"]),
        "advice": advice_in_brief(plan),
        "remedy": advice.remedies[0].change if advice.remedies else None,
    }
    for name in ("throttled_share", "lost_calls"):
        row |= _spread(f"current_{name}", Estimate.from_row(current, name))
    if cause is not None:
        row["caused_by"] = cause.client
        row |= _spread("caused_share", cause.share)
    if (best := best_alternative(plan)) is not None:
        row["best_alternative"] = best.name
        row |= _spread("best_alternative_saves_per_month", best.saves_per_month)
    elif size is None:
        row["best_alternative"] = _rescue(plan)
    return row


def _rescue(plan: Plan) -> str | None:
    """Return the name of the cheapest change that makes a purchase enough.

    Changes whose whole cost is not known, since licenses have no price, come last.
    """
    enough = [
        (each.addon_credits_alone, each.total_per_month or each.price_per_month, each.name)
        for each in plan.alternatives
        if each.price_per_month is not None
    ]
    return min(enough)[-1] if enough else None


def alternative_rows(plan: Plan) -> list[TableRow]:
    """Return a row for each named change."""
    return [
        {
            "alternative": each.name,
            "status": each.status,
            "addon_credits": each.addon_credits,
            "price_per_month": each.price_per_month,
            "bill_per_month": None if each.bill_per_month is None else each.bill_per_month.mean,
            "worst_bill_per_month": each.worst_bill_per_month,
            **_spread("saves_per_month", each.saves_per_month),
            "total_per_month": each.total_per_month,
            "addon_credits_alone": each.addon_credits_alone,
            **_spread("throttled_share_difference", each.throttled_share_difference),
            **_spread("lost_calls_difference", each.lost_calls_difference),
            "decided": each.decided,
            **each.meets_probability.columns("meets_probability", "meets"),
        }
        for each in plan.alternatives
    ]


def fitting(row: TableRow) -> TableRow:
    """Return a row that the table can hold: the given one, or a failure that names its number.

    >>> row = dict.fromkeys(PORTFOLIO) | {"item": "a", "status": "buy", "addon_credits": 2**63}
    >>> fitting(row)["status"], fitting(row)["error"]
    ('failed', 'addon_credits: 9223372036854775808 is too large for the table')
    """
    for name, kind in PORTFOLIO.items():
        value, most = row.get(name), LARGEST.get(kind)
        if value is not None and most is not None and not abs(value) < most:
            what = f"{name}: {value} is too large for the table"
            failed = {"status": "failed", "error": what}
            named = {"item": row["item"], "source": row["source"]}
            return {**dict.fromkeys(PORTFOLIO), **named, **failed}
    return {
        name: encodable(value) if isinstance(value, str) else value for name, value in row.items()
    }
