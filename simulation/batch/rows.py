"""The tables of a portfolio: a row for each org, a row for each change to one, and totals."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd

from simulation.formats import csv_writer, for_spreadsheets
from simulation.plain_text import encodable
from simulation.planning import Cause, Plan
from simulation.report import advice_in_brief, advised, best_alternative, surely_enough
from simulation.scenario import Scenario

__all__ = [
    "ALTERNATIVES",
    "PORTFOLIO",
    "TableWriter",
    "Totals",
    "alternative_rows",
    "fitting",
    "read_table",
    "row_of",
    "scenario_row",
]

_INTERVAL = ("", "_low", "_high")
_ROWS_PER_GROUP = 1000
_PLACES = 6
_LARGEST = {"count": 2**63, "money": Decimal(10) ** (38 - _PLACES)}  # that Parquet can hold

Row = dict[str, Any]

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
    "safe_addon_credits": "count",
    "safe_price_per_month": "money",
    "meets_probability": "share",
    "meets_low": "share",
    "meets_high": "share",
    "replications": "count",
    "zero_throttle_addon_credits": "count",
    "shortfall_credits": "count",
    "current_addon_credits": "count",
    "current_price_per_month": "money",
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
``remedy``: licenses or an edition that would do where no purchase is enough.
"""

ALTERNATIVES = {
    "item": "text",
    "alternative": "text",
    "status": "text",
    "addon_credits": "count",
    "price_per_month": "money",
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


def _spread(name: str, values: tuple[Any, Any, Any] | None) -> Row:
    """Name the ends of an interval as columns; without one they are null."""
    given = (None, None, None) if values is None else values
    known = (None if each is None or isnan(each) else each for each in given)
    return dict(zip((name + end for end in _INTERVAL), known, strict=True))


def scenario_row(scenario: Scenario) -> Row:
    """Return the columns that tell what was planned for."""
    return {
        "scenario": scenario.name,
        "rate_card": scenario.card.name,
        "edition": scenario.org.edition,
        "user_licenses": scenario.org.user_licenses,
        "current_addon_credits": scenario.org.addon_credits,
        "current_price_per_month": scenario.offer.price_per_month(scenario.org.addon_credits),
        "seed": scenario.seed,
    }


def row_of(plan: Plan, cause: Cause | None) -> Row:
    """Return the columns of ``portfolio.parquet`` that a plan tells."""
    advice, scenario = plan.recommendation, plan.scenario
    frontier = plan.frontier.set_index("addon_credits")
    size, now = advice.addon_credits, scenario.org.addon_credits
    safe = surely_enough(plan)
    shown, current = advised(plan), frontier.loc[now]
    held = plan.row(int(frontier.index[-1]) if shown is None else shown)
    row: Row = {
        **scenario_row(scenario),
        "status": advice.status,
        "at_risk": size is None or size > now,
        "decided": advice.decided,
        "addon_credits": size,
        "price_per_month": advice.price_per_month,
        "safe_addon_credits": safe,
        "safe_price_per_month": None if safe is None else scenario.offer.price_per_month(safe),
        **{name: float(held[name]) for name in ("meets_probability", "meets_low", "meets_high")},
        "replications": plan.replications,
        "zero_throttle_addon_credits": advice.zero_throttle_addon_credits,
        "shortfall_credits": advice.shortfall_credits,
        "current_meets_probability": float(current["meets_probability"]),
        "advice": advice_in_brief(plan),
        "remedy": advice.remedies[0].change if advice.remedies else None,
    }
    for name in ("throttled_share", "lost_calls"):
        low, mean, high = (float(current[f"{name}{end}"]) for end in ("_low", "", "_high"))
        row |= _spread(f"current_{name}", (mean, low, high))
    if cause is not None:
        share = cause.share
        row["caused_by"] = cause.client
        row |= _spread("caused_share", (share.mean, share.low, share.high))
    if (best := best_alternative(plan)) is not None:
        row["best_alternative"] = best.name
        row |= _spread("best_alternative_saves_per_month", best.saves_per_month)
    elif size is None:
        row["best_alternative"] = _rescue(plan)
    return row


def _rescue(plan: Plan) -> str | None:
    """Return the cheapest change with which a purchase is enough where none is without.

    Changes of which not all that they cost is known come last.
    """
    enough = [
        (each.addon_credits_alone, each.total_per_month or each.price_per_month, each.name)
        for each in plan.alternatives
        if each.price_per_month is not None
    ]
    return min(enough)[-1] if enough else None


def alternative_rows(plan: Plan) -> list[Row]:
    """Return a row for each named change."""
    return [
        {
            "alternative": each.name,
            "status": each.status,
            "addon_credits": each.addon_credits,
            "price_per_month": each.price_per_month,
            **_spread("saves_per_month", each.saves_per_month),
            "total_per_month": each.total_per_month,
            "addon_credits_alone": each.addon_credits_alone,
            **_spread("throttled_share_difference", each.throttled_share_difference),
            **_spread("lost_calls_difference", each.lost_calls_difference),
            "decided": each.decided,
            "meets_probability": each.meets_probability,
            **dict(zip(("meets_low", "meets_high"), each.meets_ci95, strict=True)),
        }
        for each in plan.alternatives
    ]


def fitting(row: Row) -> Row:
    """Return a row, or in place of one that the table cannot hold one that says so.

    >>> row = dict.fromkeys(PORTFOLIO) | {"item": "a", "status": "buy", "addon_credits": 2**63}
    >>> fitting(row)["status"], fitting(row)["error"]
    ('failed', 'addon_credits: 9223372036854775808 is too large for the table')
    """
    for name, kind in PORTFOLIO.items():
        value, most = row.get(name), _LARGEST.get(kind)
        if value is not None and most is not None and not abs(value) < most:
            what = f"{name}: {value} is too large for the table"
            told = {"item": row["item"], "source": row["source"], "status": "failed", "error": what}
            return {**dict.fromkeys(PORTFOLIO), **told}
    return {
        name: encodable(value) if isinstance(value, str) else value for name, value in row.items()
    }


def read_table(file: Path) -> pd.DataFrame:
    """Read such a table; whole numbers and yes or no stay so where some are missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    with file.open("rb") as content:
        frame: pd.DataFrame = pq.read_table(content).to_pandas(types_mapper=kinds.get)
    return frame


class TableWriter:
    """Writes a table as CSV and as Parquet while its rows come, in little memory.

    Parameters
    ----------
    columns : mapping of str to str
        What each column holds: text, count, share, money or yes.
    text, parquet : Path
        The files.
    """

    def __init__(self, columns: Mapping[str, str], text: Path, parquet: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        kinds = {
            "text": pa.string(),
            "count": pa.int64(),
            "share": pa.float64(),
            "money": pa.decimal128(38, _PLACES),
            "yes": pa.bool_(),
        }
        self._columns = columns
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._waiting: list[Row] = []
        self._text = text.open("w", encoding="utf-8", newline="")
        self._file = parquet.open("wb")
        self._parquet = pq.ParquetWriter(self._file, self._schema, compression="zstd")
        self._csv = csv_writer(self._text)
        self._csv.writerow(columns)

    def write(self, row: Mapping[str, Any]) -> None:
        """Take a row; columns that it lacks are null."""
        whole: Row = {name: row.get(name) for name in self._columns}
        self._csv.writerow(for_spreadsheets(_blank(value)) for value in whole.values())
        for name, kind in self._columns.items():
            if kind == "money" and whole[name] is not None:
                whole[name] = round(whole[name], _PLACES)
        self._waiting.append(whole)
        if len(self._waiting) == _ROWS_PER_GROUP:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self._parquet.write_table(pa.Table.from_pylist(self._waiting, self._schema))
        self._waiting = []

    def __enter__(self) -> TableWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None and self._waiting:
                self._flush()
        finally:
            self._text.close()
            self._parquet.close()
            self._file.close()


def _blank(value: Any) -> Any:
    return "" if value is None else value


class Totals:
    """Adds up a portfolio, row by row."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(
            ("items", "none_needed", "buy", "not_reachable", "failed", "pending"), 0
        )
        self.at_risk = self.undecided = self.unsafe = 0
        self.now = self.now_of_enough = self.recommended = self.safe = Decimal(0)
        self.saved = Saving()
        self.by_alternative: dict[str, Saving] = {}

    def add(self, row: Row, alternatives: list[Row]) -> None:
        """Take in an org."""
        self.counts["items"] += 1
        self.counts[row["status"]] += 1
        if row["status"] in ("failed", "pending"):
            return
        self.at_risk += row["at_risk"]
        self.undecided += not row["decided"]
        self.now += row["current_price_per_month"]
        if row["price_per_month"] is not None:
            self.now_of_enough += row["current_price_per_month"]
            self.recommended += row["price_per_month"]
            safe = row.get("safe_price_per_month")
            self.unsafe += safe is None
            self.safe += row["price_per_month"] if safe is None else safe
        if row["best_alternative"] is not None:
            self.saved.add(row, "best_alternative_saves_per_month", True)
        for each in alternatives:
            saving = self.by_alternative.setdefault(each["alternative"], Saving())
            saving.add(each, "saves_per_month", each["price_per_month"] is not None)

    def to_dict(self) -> Row:
        """Return them as ``totals.json`` has them; money in $ a month.

        The ends of a sum's interval are the sums of the ends: whatever random numbers the orgs
        have in common, it holds the true sum at least as often as theirs do theirs.
        """
        counts = self.counts
        return {
            **counts,
            "planned": counts["items"] - counts["failed"] - counts["pending"],
            "undecided": self.undecided,
            "at_risk": self.at_risk,
            "current_price_per_month": self.now,
            "price_per_month": self.recommended,
            "change_per_month": self.recommended - self.now_of_enough,
            "safe_price_per_month": self.safe,
            "safe_change_per_month": self.safe - self.now_of_enough,
            "without_safe_size": self.unsafe,
            "best_alternatives": self.saved.to_dict(),
            "alternatives": {name: each.to_dict() for name, each in self.by_alternative.items()},
        }


class Saving:
    """What changes save, added up over orgs."""

    def __init__(self) -> None:
        self.items = self.make_reachable = self.addon_credits_alone = 0
        self.amount = Decimal(0)
        self.low = self.high = 0.0

    def add(self, row: Row, column: str, reachable: bool) -> None:
        """Take in what a change does for an org; nothing where it saves nothing."""
        amount = row[column]
        if amount is None:
            self.make_reachable += reachable
            return
        self.items += 1
        self.addon_credits_alone += row.get("addon_credits_alone", False)
        self.amount += amount
        self.low += row[f"{column}_low"]
        self.high += row[f"{column}_high"]

    def to_dict(self) -> Row:
        """Return the orgs, the sum with its interval, and the orgs that no purchase helps else.

        In those counted as ``addon_credits_alone`` the change is to licenses of unknown price.
        """
        return {
            "items": self.items,
            "saves_per_month": {"mean": self.amount, "ci95": [self.low, self.high]},
            "make_reachable": self.make_reachable,
            "addon_credits_alone": self.addon_credits_alone,
        }
