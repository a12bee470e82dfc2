"""What a fit says, in sentences: read from its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulation.formats import counted, listed, number, percent
from simulation.logs import skipped_in_words
from simulation.scenario import Scenario

__all__ = ["fit_advice", "fit_findings", "what_was_read"]

_MOST_DATES = 5
_MOST_APPS = 3
_FEW_DATES = 2
_RARE = 3  # bursts, or fewer, may be an accident
_ALIKE = 1.1
"""The largest use of the pool at which calls were throttled, as a multiple of the least."""
_ANOTHER = "another limit, such as calls open at once"


def fit_advice(report: Mapping[str, Any], scenario: Scenario) -> list[str]:
    """Return what was throttled, what to do with that, and what is assumed."""
    said = _throttled(report, scenario)
    if report["org_is_assumed"]:
        org, pool = _org(scenario), _pool(scenario)
        said.append(
            f"No log tells what the org has bought: {org}, a pool of {pool}, is assumed. Name "
            "yours with --edition and --licenses."
        )
    return [*said, *_to_decide(report)]


def _to_decide(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of the log may go on or may not, which the reader may know better than the log."""
    for app in report["clients"]:
        for each in app["components"]:
            client, law = each["client"], each["law"].get("poisson", {})
            if "growth" in law:
                value, (low, high) = (
                    each["estimates"]["growth"]["value"],
                    each["estimates"]["growth"]["ci95"],
                )
                yield (
                    f"The calls of {client} changed by {_change(value)} in 30 days (95 %: "
                    f"{_change(low)} to {_change(high)}), and the scenario goes on so. If they "
                    "changed at once, or will change no more, delete its 'growth' before you plan."
                )
            seen = each["estimates"].get("burst", {}).get("data", 0)
            if law.get("each", {}).get("calls", 1) > 1 and 0 < seen <= _RARE:
                often = "once" if seen == 1 else f"{seen} times"
                yield (
                    f"{client} is a load of {number(law['each']['calls'])} calls that came {often} "
                    f"in {report['span']}. If it will not come again, delete it before you plan."
                )


def _change(factor: float) -> str:
    """Return a factor as a change in percent, with its sign."""
    return f"{'-' if factor < 1 else '+'}{percent(abs(factor - 1))}"


def what_was_read(report: Mapping[str, Any]) -> str:
    """Return how many requests the log has, and how many calls they are."""
    apps, days = counted(len(report["clients"]), "app"), report["first"]
    if report["last"] != days:
        days += f" to {report['last']}"
    attempts, calls = report["attempts"], report["calls"]
    whose = f"of {apps} in {report['span']}, {days}"
    if report["bucket"]:
        return f"The log counts {counted(calls, 'call')} {whose}, in steps of {report['bucket']}."
    said = f"The log has {counted(attempts, 'request')} {whose}"
    if attempts == calls:
        return f"{said}, and each is a call."
    return f"{said}. They are {counted(calls, 'call')}: a call and its retries after a 429 are one."


def _throttled(report: Mapping[str, Any], scenario: Scenario) -> list[str]:
    """Return what was throttled, and what that tells of the pool."""
    by_app = [(each["throttled_attempts"], each["name"]) for each in report["clients"]]
    found = sorted(((count, name) for count, name in by_app if count), key=lambda each: -each[0])
    if not found:
        how = "Counts do not tell what" if report["bucket"] else "The log has no request that"
        return [f"{how} was throttled, so what the apps do then is assumed."]
    total = counted(sum(count for count, _ in found), "request")
    whose = listed(f"{number(count)} of {name}" for count, name in found[:_MOST_APPS])
    if len(found) == 1:
        whose = f"all of {found[0][1]}"
    elif len(found) > _MOST_APPS:
        whose = f"most of them {listed(name for _, name in found[:_MOST_APPS])}'s"
    seen = report.get("throttled")
    days = f", on {_dates(seen['dates'])}" if seen else ""
    said = [f"{total} {_were(total)} answered 429 (too many requests){days}, {whose}."]
    return [*said, _refused_by(seen["in_use"], scenario) if seen else _EITHER]


def _dates(dates: Sequence[str]) -> str:
    """Return how many dates they are, and which if they are few."""
    named = f" ({listed(dates)})" if len(dates) <= _FEW_DATES else ""
    return f"{counted(len(dates), 'day')}{named}"


def _were(counted_ones: str) -> str:
    return "was" if counted_ones.startswith("1 ") else "were"


_EITHER = (
    f"The pool was used up, or {_ANOTHER}, throttled them. To see which, write the calls as they "
    "came with --replay calls.yaml: creditsim run calls.yaml says what the scenario's pool "
    "throttles of them."
)


def _refused_by(in_use: Sequence[float], scenario: Scenario) -> str:
    """Return which limit throttled calls, as the use of the pool tells where that began."""
    window, has = scenario.card.window_in_words, scenario.limit
    if not in_use:
        return (
            f"They go on from the log's first {window}, so it does not show how full the pool was "
            f"when they began: it was used up, or {_ANOTHER}, throttled them."
        )
    unit, low, high = scenario.card.pool.unit, min(in_use), max(in_use)
    began = (
        f"{len(in_use)} times they began anew, and each time"
        if len(in_use) > 1
        else "When they began,"
    )
    took = f"{began} the calls of the {window} before had taken {_range(low, high)} {unit}"
    about = number(float(f"{high:.2g}"))
    if high > _ALIKE * max(1.0, low):
        return (
            f"{took}. A full pool would be equally full each time: if the log has all calls of the "
            f"org, {_ANOTHER}, throttled them, and more credits would hardly help."
        )
    if has / _ALIKE <= high <= has * _ALIKE:
        return f"{took}: the scenario's pool of {number(has)} was used up."
    if high > has:
        return (
            f"{took}, more than the scenario's pool of {number(has)} holds. So the org's pool is "
            f"larger, about {about}: set what it has."
        )
    return (
        f"{took}, and the scenario's pool holds {number(has)}. So the org's pool is smaller, about "
        f"{about}; or it has calls that the log lacks; or {_ANOTHER}, throttled them."
    )


def _range(low: float, high: float) -> str:
    first, last = number(low), number(high)
    return first if first == last else f"{first} to {last}"


def _org(scenario: Scenario) -> str:
    licenses = scenario.org.user_licenses
    return scenario.org.edition + (f" with {counted(licenses, 'license')}" if licenses else "")


def _pool(scenario: Scenario) -> str:
    return f"{number(scenario.limit)} {scenario.card.pool.unit} in {scenario.card.window_in_words}"


def fit_findings(report: Mapping[str, Any]) -> list[str]:
    """Return what was left out, what is not known, and what else to know of the log."""
    said = [_left_out(reason, **each) for reason, each in report["skipped"].items()]
    unknown, attempts = report["unknown_attempts"], max(1, report["attempts"])
    most = ", ".join(filter(None, map(str.strip, list(report["unknown"])[:3])))
    if unknown == attempts and not most:
        said.append("The log tells no kind of call: all count as 'other'.")
    elif unknown:
        often = f", most often {most}" if most else ""
        share = percent(unknown / attempts)
        said.append(f"{share} of the requests are of no known kind and count as 'other'{often}.")
    said += _unusual_dates(report["clients"])
    return [*said, *(f"{remark[0].upper()}{remark[1:]}." for remark in report["remarks"])]


def _left_out(reason: str, lines: int, first: Sequence[str]) -> str:
    where = f", the first is {first[0]}" if first else ""
    return f"Left out: {skipped_in_words({reason: lines})}{where}"


def _unusual_dates(clients: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return which dates are not fitted, and how many apps they are unusual for."""
    found: dict[tuple[str, str], list[float]] = {}
    for client in clients:
        for each in client["outliers"]:
            factor = each["calls"] / each["expected"]
            found.setdefault((each["date"], each["likely"]), []).append(factor)
    shown = [
        f"{date}, {_factors(factors)} times the usual calls of {counted(len(factors), 'app')}, "
        f"as {likely}"
        for (date, likely), factors in sorted(found.items())
    ]
    more = f"; {len(shown) - _MOST_DATES} more" if len(shown) > _MOST_DATES else ""
    return [f"Not fitted: {'; '.join(shown[:_MOST_DATES])}{more}."] if shown else []


def _factors(factors: Sequence[float]) -> str:
    low, high = f"{min(factors):.2g}", f"{max(factors):.2g}"
    return low if low == high else f"{low} to {high}"
