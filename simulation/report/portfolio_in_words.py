"""What a portfolio's totals mean, in the words of the person who plans for many orgs."""

from __future__ import annotations

from typing import Any

from simulation.formats import counted, dollars

__all__ = ["portfolio_findings"]

_CHANGES = {"price": "change_per_month", "bill": "bill_change_per_month"}
_A_CENT = 0.005  # what is less is rounded away


def portfolio_findings(totals: dict[str, Any]) -> list[str]:
    """Return what the totals say, a sentence or two each: risk, spend, savings, what is missing."""
    said = [_risk(totals), _spend(totals), _savings(totals), _missing(totals)]
    return [part for part in said if part]


def _risk(totals: dict[str, Any]) -> str:
    planned, risk = totals["planned"], totals["at_risk"]
    if not planned:
        return "No org could be planned for."
    if not risk:
        if planned == 1:
            return "The org keeps to its objective with the add-on credits that it has."
        return (
            f"All {planned:,} orgs keep to their objective with the add-on credits that they have."
        )
    verb = "does" if risk == 1 else "do"
    cannot = totals["not_reachable"]
    never = f"; for {cannot:,} of them no purchase is enough" if cannot else ""
    return (
        f"{risk:,} of {counted(planned, 'org')} {verb} not keep to the objective with the add-on "
        f"credits that they have{never}."
    )


def _spend(totals: dict[str, Any]) -> str:
    if totals["planned"] == totals["not_reachable"]:
        return ""
    whose = "the other orgs" if totals["not_reachable"] else "all orgs"
    price, bill = totals["safe_price_per_month"], totals["safe_bill_per_month"]
    # Where some pay for what they use, the bill is less than the price.
    kind = "bill" if float(price) - bill >= _A_CENT else "price"
    change, least = totals[f"safe_{_CHANGES[kind]}"], totals[f"{kind}_per_month"]
    than = "as much as is paid now"
    if change:
        than = f"{dollars(abs(change))} {'more' if change > 0 else 'less'} than is paid now"
    said = [f"What is advised for {whose} costs {dollars(price)} a month, {than}."]
    if kind == "bill":
        said = [f"What is advised for {whose} costs {dollars(price)} a month at most."]
        said.append(f"About {dollars(bill)} would be paid, {than}.")
        price = bill
    if least < price:
        said.append(f"It may be that {dollars(least)} is enough; more replications would tell.")
    if none := totals["without_safe_size"]:
        said.append(f"For {counted(none, 'org')} no size is surely enough yet.")
    elif totals["undecided"] and not least < price:
        said.append(f"For {totals['undecided']:,} of them more replications are needed to be sure.")
    return " ".join(said)


def _savings(totals: dict[str, Any]) -> str:
    best = totals["best_alternatives"]
    said = []
    if best["items"]:
        amount, (low, high) = best["saves_per_month"]["mean"], best["saves_per_month"]["ci95"]
        interval = f"{dollars(low)} to {dollars(high)}"
        said.append(
            f"The alternatives that the scenarios list would save {dollars(amount)} of that "
            f"(95 % interval {interval}), in {counted(best['items'], 'org')}."
        )
    if best["make_reachable"]:
        said.append(
            f"In {counted(best['make_reachable'], 'org')} an alternative makes a purchase "
            "enough where none is now."
        )
    return " ".join(said)


def _missing(totals: dict[str, Any]) -> str:
    said = []
    if failed := totals["failed"]:
        said.append(f"{counted(failed, 'org')} failed; the column `error` says why.")
    if pending := totals["pending"]:
        verb = "is" if pending == 1 else "are"
        said.append(f"{counted(pending, 'org')} {verb} not planned yet.")
    return " ".join(said)
