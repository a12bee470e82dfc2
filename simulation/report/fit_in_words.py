"""What a fit says, in sentences and rows: read from its report, as everything here is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulation.formats import number, percent

__all__ = ["fit_findings", "fit_rows"]

_LAWS = {"poisson": "chance", "schedule": "clock"}


def fit_findings(report: Mapping[str, Any]) -> list[str]:
    """Return what a fit means: what was read, how surely it is known, what was left out."""
    clients = report["clients"]
    apps = len(clients)
    attempts = sum(each["attempts"] for each in clients)
    who = f"{apps} app{'s' * (apps != 1)}"
    said = [f"{number(attempts)} calls of {who}, {report['begin']} to {report['end']}."]
    throttled = sum(each["throttled_attempts"] for each in clients)
    if throttled:
        said.append(f"{number(throttled)} attempts were answered 429.")
    else:
        said.append("None was answered 429, so what apps do then is assumed.")
    for reason, each in report["skipped"].items():
        first = f"; first {each['first'][0]}" if each["first"] else ""
        said.append(f"Left out: {number(each['lines'])} lines, {reason}{first}")
    unknown = report["unknown"]
    if unknown:
        share = sum(unknown.values()) / max(1, attempts)
        most = ", ".join(list(unknown)[:3])
        said.append(f"{percent(share)} of the calls are of no known kind, most often {most}.")
    return [*said, *(f"{remark[0].upper()}{remark[1:]}." for remark in report["remarks"])]


def fit_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each law: client, calls a day with its interval, share of the app, kind."""
    for client in report["clients"]:
        for component in client["components"]:
            kind = next(iter(component["law"]))
            rate = component["estimates"].get("rate")
            burst = component["estimates"].get("burst", {}).get("value") or 1
            told: tuple[str, ...] = ("", "", "")
            if rate and rate["value"] is not None:
                ends = (rate["value"], *rate["ci95"])
                told = tuple("" if each is None else number(each * burst) for each in ends)
            share = percent(component["share"])
            yield (client["name"], *told, share, _LAWS.get(kind, kind))
