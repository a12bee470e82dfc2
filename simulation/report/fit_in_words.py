"""What a fit says, in sentences and rows: read from its report, as everything here is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulation.formats import counted, number, percent

__all__ = ["fit_findings", "fit_rows"]

_MOST_DATES = 5
_LAWS = {"poisson": "chance", "schedule": "clock"}


def fit_findings(report: Mapping[str, Any]) -> list[str]:
    """Return what a fit means: what was read, how surely it is known, what was left out."""
    clients = report["clients"]
    apps = len(clients)
    attempts = sum(each["attempts"] for each in clients)
    who = counted(apps, "app")
    said = [f"{counted(attempts, 'request')} by {who}, {report['begin']} to {report['end']}."]
    throttled = sum(each["throttled_attempts"] for each in clients)
    if throttled:
        said.append(f"{number(throttled)} attempts were answered 429.")
    else:
        said.append("None was answered 429, so what apps do then is assumed.")
    if report["org_is_assumed"]:
        said.append("What the org has bought no log tells: edition and licenses are assumed.")
    for reason, each in report["skipped"].items():
        first = f"; first {each['first'][0]}" if each["first"] else ""
        said.append(f"Left out: {number(each['lines'])} lines, {reason}{first}")
    unknown = report["unknown"]
    if unknown:
        share = sum(unknown.values()) / max(1, attempts)
        most = ", ".join(filter(None, map(str.strip, list(unknown)[:3])))
        often = f", most often {most}" if most else ""
        said.append(f"{percent(share)} of the requests are of no known kind{often}.")
    said += _unusual_dates(clients)
    return [*said, *(f"{remark[0].upper()}{remark[1:]}." for remark in report["remarks"])]


def _unusual_dates(clients: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which dates are not fitted, and how many apps they are unusual for."""
    found: dict[tuple[str, str], list[float]] = {}
    for client in clients:
        for each in client["outliers"]:
            factor = each["calls"] / each["expected"]
            found.setdefault((each["date"], each["likely"]), []).append(factor)
    shown = [
        f"{date}, {_range(factors)} times the usual calls of {counted(len(factors), 'app')}, "
        f"as {likely}"
        for (date, likely), factors in sorted(found.items())
    ]
    more = f"; {len(shown) - _MOST_DATES} more" if len(shown) > _MOST_DATES else ""
    return [f"Not fitted: {'; '.join(shown[:_MOST_DATES])}{more}."] if shown else []


def _range(factors: Sequence[float]) -> str:
    low, high = f"{min(factors):.2g}", f"{max(factors):.2g}"
    return low if low == high else f"{low} to {high}"


def fit_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each law: client, calls a day with its interval, share of the app, kind."""
    for client in report["clients"]:
        for component in client["components"]:
            kind = next(iter(component["law"]))
            rate = component["estimates"].get("rate")
            burst = component["estimates"].get("burst", {}).get("value") or 1
            ends = [component["calls"] / report["dates"], None, None]
            if rate and rate["value"] is not None:
                ends = [
                    None if end is None else end * burst for end in (rate["value"], *rate["ci95"])
                ]
            told = ["" if each is None else number(each) for each in ends]
            share = percent(component["share"])
            yield (client["name"], *told, share, _LAWS.get(kind, kind))
