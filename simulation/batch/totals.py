"""The totals of a portfolio, and what its alternatives save."""

from __future__ import annotations

from decimal import Decimal

from simulation.formats import TableRow

__all__ = ["Totals"]


class Totals:
    """Adds up a portfolio, row by row."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(
            ("items", "none_needed", "buy", "not_reachable", "failed", "pending"), 0
        )
        self.at_risk = self.undecided = self.unsafe = 0
        self.now = self.now_of_enough = self.recommended = self.safe = Decimal(0)
        self.bill_now = self.bill_of_enough = self.bill = self.bill_safe = 0.0
        self.saved = Saving()
        self.by_alternative: dict[str, Saving] = {}

    def add(self, row: TableRow, alternatives: list[TableRow]) -> None:
        """Add an org's row, and its rows of alternatives."""
        self.counts["items"] += 1
        self.counts[row["status"]] += 1
        if row["status"] in ("failed", "pending"):
            return
        self.at_risk += row["at_risk"]
        self.undecided += not row["decided"]
        self.now += row["current_price_per_month"]
        self.bill_now += row["current_bill_per_month"]
        if row["price_per_month"] is not None:
            bill, safe_bill = row["bill_per_month"], row.get("safe_bill_per_month")
            self.bill_of_enough += row["current_bill_per_month"]
            self.bill += bill
            self.bill_safe += bill if safe_bill is None else safe_bill
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

    def to_dict(self) -> TableRow:
        """Return the totals as in ``totals.json``; money in $ a month.

        The ends of a sum's interval are the sums of the ends: it holds the true sum at least as
        often as the orgs' intervals hold theirs, whatever random numbers the orgs share.
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
            "current_bill_per_month": round(self.bill_now, 6),
            "bill_per_month": round(self.bill, 6),
            "bill_change_per_month": round(self.bill - self.bill_of_enough, 6),
            "safe_bill_per_month": round(self.bill_safe, 6),
            "safe_bill_change_per_month": round(self.bill_safe - self.bill_of_enough, 6),
            "without_safe_size": self.unsafe,
            "best_alternatives": self.saved.to_dict(),
            "alternatives": {name: each.to_dict() for name, each in self.by_alternative.items()},
        }


class Saving:
    """What an alternative saves, added up over orgs."""

    def __init__(self) -> None:
        self.items = self.make_reachable = self.addon_credits_alone = 0
        self.amount = Decimal(0)
        self.low = self.high = 0.0

    def add(self, row: TableRow, column: str, reachable: bool) -> None:
        """Add what an alternative saves an org, or that only with it a purchase is enough."""
        amount = row[column]
        if amount is None:
            self.make_reachable += reachable
            return
        self.items += 1
        self.addon_credits_alone += row.get("addon_credits_alone", False)
        self.amount += amount
        self.low += row[f"{column}_low"]
        self.high += row[f"{column}_high"]

    def to_dict(self) -> TableRow:
        """Return how many orgs save, the sum with its interval, and how many it makes plannable.

        ``addon_credits_alone`` counts those whose licenses have no price, so that only add-on
        credits are compared.
        """
        return {
            "items": self.items,
            "saves_per_month": {"mean": self.amount, "ci95": [self.low, self.high]},
            "make_reachable": self.make_reachable,
            "addon_credits_alone": self.addon_credits_alone,
        }
