"""What a fit says row by row: its clients, its apps, how surely each number is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from simulation.formats import listed, number, percent, say_duration
from simulation.quantities import SECOND

__all__ = ["CLIENT_COLUMNS", "ESTIMATE_COLUMNS", "assumptions", "estimate_rows", "fit_rows"]

CLIENT_COLUMNS = ("client", "calls a day", "95 % from", "to", "of all", "come by")
"""What the columns of `fit_rows` are called."""
ESTIMATE_COLUMNS = ("client", "what", "estimate", "95 % from", "to", "known from")
"""What the columns of `estimate_rows` are called."""

_FEW_TIMES = 2  # of the day, and days of the week, which are named
_NOT_TOLD = "not told"
_SAID = {
    "rate": "arrivals a day",
    "daily_variation": "how much days vary beyond chance",
    "growth": "growth in 30 days",
    "burst": "calls of an arrival",
    "every": "time between these calls",
    "calls": "calls each time",
    "missed": "times that are left out",
}


def fit_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each client of the scenario: see `CLIENT_COLUMNS`.

    Where an app has several clients, one row of the app stands above theirs, which are indented.
    """
    for app in report["clients"]:
        components = app["components"]
        if len(components) > 1:
            a_day = sum(_calls_a_day(each, report["days"])[0] for each in components)
            calls = sum(each["calls"] for each in components)
            yield (app["name"], number(a_day), "", "", _share(calls, report), "")
        for each in components:
            a_day, *ends = _calls_a_day(each, report["days"])
            name = f"{'  ' * (len(components) > 1)}{each['client']}"
            share = _share(each["calls"], report)
            yield (name, number(a_day), *ends, share, _when(each["law"]))


def _when(law: Mapping[str, Any]) -> str:
    """Return when the calls of a law come.

    >>> _when({"schedule": {"at": ["02:00"], "days": "weekdays", "calls": 420}})
    '420 at 02:00, weekdays'
    >>> _when({"poisson": {"rate": "3 per day", "each": {"calls": 20}}})
    'chance, 20 at a time'
    """
    if "poisson" in law:
        calls = law["poisson"].get("each", {}).get("calls", 1)
        return f"chance, {number(calls)} at a time" if calls > 1 else "chance"
    its = law["schedule"]
    times = its.get("at", ())
    when = f"every {its['every']}" if not times else f"at {listed(times)}"
    if len(times) > _FEW_TIMES:
        when = f"at {len(times)} times a day"
    days = its.get("days", "all")
    if not isinstance(days, str):
        days = listed(days) if len(days) <= _FEW_TIMES else f"{len(days)} days a week"
    return f"{number(its['calls'])} {when}" + (f", {days}" if days != "all" else "")


def _share(calls: int, report: Mapping[str, Any]) -> str:
    return percent(calls / max(1, report["calls"]))


def _calls_a_day(component: Mapping[str, Any], days: float) -> tuple[float, str, str]:
    """Return the calls a day of a law, and the ends of their 95 % interval as text."""
    mean, rate = component["calls"] / days, component["estimates"].get("rate")
    if not rate:  # a job by the clock: how many calls it makes is counted
        return mean, "", ""
    calls = component["law"]["poisson"].get("each", {}).get("calls", 1)
    low, high = (_NOT_TOLD if end is None else number(end * calls) for end in rate["ci95"])
    return (rate["value"] * calls if rate["is_told"] else mean), low, high


def estimate_rows(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each number that was estimated: see `ESTIMATE_COLUMNS`."""
    for app in report["clients"]:
        for component in app["components"]:
            for key, each in component["estimates"].items():
                what = _SAID.get(key, key)
                if not each["is_told"]:
                    why = each["note"] or _data(each)
                    yield (component["client"], what, _NOT_TOLD, "", "", why)
                    continue
                told = [_told(key, value) for value in (each["value"], *each["ci95"])]
                yield (component["client"], what, *told, _data(each))


def _data(each: Mapping[str, Any]) -> str:
    return f"{number(each['data'])} {each['unit']}"


def _told(key: str, value: float | None) -> str:
    """Return a value of an estimate as people read it."""
    if value is None:
        return _NOT_TOLD
    if key == "growth":
        return f"{'+' if value > 1 else '-' if value < 1 else ''}{percent(abs(value - 1))}"
    if key in ("daily_variation", "missed"):
        return percent(value)
    return say_duration(value / SECOND) if key == "every" else number(value)


def assumptions(report: Mapping[str, Any]) -> list[str]:
    """Return what was assumed of clients and what their logs cannot tell, each thing once."""
    found: dict[str, list[str]] = {}
    for app in report["clients"]:
        for note in (*app["notes"], app["on_throttle_why"]):
            found.setdefault(note, []).append(app["name"])
        for component in app["components"]:
            for note in component["notes"]:
                found.setdefault(note, []).append(component["client"])
    every = [app["name"] for app in report["clients"]]
    said = [
        f"{'all apps' if names == every and len(every) > 1 else listed(names)}: {note}."
        for note, names in found.items()
    ]
    shared = report["shared_variation"]
    if shared and shared["is_told"] and (shared["ci95"][0] or 0) > 0:
        said.append(
            f"The days of all apps vary together by {percent(shared['value'])}, and no law says "
            "so: each client's days are drawn apart, so plans see too few busy days."
        )
    return said
