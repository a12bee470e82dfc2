"""A fitted scenario as a commented file, and the fit as JSON."""

from __future__ import annotations

import datetime as dt
import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor
from typing import Any

import numpy as np

from simulation.bounds import LEAST_VARIATION, MOST_CALLS_A_DAY, MOST_VARIATION
from simulation.fitting.apps import FittedApp
from simulation.fitting.bursts import COARSEST
from simulation.fitting.fit_report import date_text
from simulation.fitting.gathering import Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.random_part import LEAST_RATE
from simulation.fitting.replay import Replay
from simulation.fitting.result import Component, Estimate
from simulation.fitting.spelling import about_text, number_text, rate_text, share_text, span_text
from simulation.formats import counted
from simulation.logs import Reading, skipped_in_words
from simulation.moments import local_dates, midnight
from simulation.quantities import parse_rate
from simulation.rate_cards import RateCard

__all__ = ["replay_text", "text_of", "with_ranges"]

_WIDTH = 96
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LICENSES = 10
_OBJECTIVE = "objective: {throttled_share: 0.1%, probability: 95%}"
_UNITS = {
    "rate": " a day",
    "calls": " calls",
    "burst": " calls",
    "daily_variation": "",
    "growth": " in 30 days",
    "every": "",
    "missed": "",
}
_SAID = {
    "rate": "arrivals",
    "daily_variation": "daily variation",
    "growth": "growth",
    "burst": "calls of an arrival",
    "every": "between calls of a burst",
    "calls": "calls each time",
    "missed": "runs missed",
}


def text_of(
    apps: Sequence[FittedApp],
    options: FitOptions,
    card: RateCard,
    start: dt.date,
    usage: Usage,
    reading: Reading,
    shared: Estimate | None,
) -> str:
    """Return a scenario file whose comments say what was estimated, from what, and how surely."""
    lines = [*_head(apps, usage, reading, shared)]
    lines += _setting(options, card, "Fitted to a log")
    lines += [
        f"start: {start.isoformat()}   # the Monday after the log",
        f"timezone: {options.timezone.key}",
        "horizon: 30 days",
        "replications: 30",
        "seed: 34",
        "clients:",
    ]
    for app in apps:
        lines += _app(app, _is_throttled(apps))
    lines += [_OBJECTIVE]
    return "\n".join(lines) + "\n"


def replay_text(replay: Replay, files: Sequence[str], options: FitOptions, card: RateCard) -> str:
    """Return a scenario file whose clients call as they did in the log, from traces in files."""
    zone = options.timezone
    first, last = local_dates(replay.begin, replay.end, zone)
    lasts = midnight(last + dt.timedelta(days=1), zone) - midnight(first, zone)
    calls = sum(len(each.time) for each in replay.clients)
    span = f"{date_text(replay.begin)} to {date_text(replay.end)}"
    lines = _comment(f"The {counted(calls, 'call')} of a log as they came, {span}.")
    lines += _setting(options, card, "Replay of a log")
    lines += [
        f"start: {first.isoformat()}",
        f"timezone: {zone.key}",
        f"horizon: {span_text(lasts)}",
        f"warmup: {'1 day' if last > first else 0}   # until a window of calls is in the pool",
        "replications: 1   # nothing is drawn",
        "clients:",
    ]
    for each in replay.written(files):
        lines += [
            f"  - name: {_quoted(each['name'])}",
            f"    arrivals: {{trace: {{file: {_quoted(each['arrivals']['trace']['file'])}}}}}",
            f"    on_throttle: {_flow(each['on_throttle'])}",
        ]
    lines += [_OBJECTIVE]
    return "\n".join(lines) + "\n"


def _setting(options: FitOptions, card: RateCard, name: str) -> list[str]:
    """Return what the org has, as a scenario file says it."""
    edition, licenses = options.edition or _first_paid(card), options.user_licenses
    assumed = [] if options.edition else ["edition"]
    if licenses is None:
        rules = card.offer(edition, 0).rules if edition in card.editions else None
        licenses = _LICENSES if rules is None or rules.per_license else 0
        assumed += ["user_licenses"] * bool(licenses)  # without, they give nothing
    lines = [f"name: {name}", f"rate_card: {_quoted(str(options.rate_card))}"]
    has = f"edition: {_quoted(edition)}, user_licenses: {licenses}"
    has += f", addon_credits: {options.addon_credits}"
    if assumed:
        what = "Assumed: a log does not tell what the org has bought. Write your own, and leave "
        lines += _comment(f"{what}'assumed' out.")
        has += f", assumed: {_flow(assumed)}"
    return [*lines, f"org: {{{has}}}"]


def _first_paid(card: RateCard) -> str:
    """Return the edition that is assumed: professional, or the card's second one."""
    names = list(card.editions)
    return "professional" if "professional" in names else names[min(1, len(names) - 1)]


def _head(
    apps: Sequence[FittedApp], usage: Usage, reading: Reading, shared: Estimate | None
) -> Iterator[str]:
    """Yield what the whole log shows, as comments."""
    skipped = reading.skipped
    total = sum(app.usage.attempts.total for app in apps)
    begin, end = usage.span
    what = counted(total, "call" if usage.bucket else "request")
    yield from _comment(
        f"Fitted to {what} of {about_text(end - begin)}, {date_text(begin)} to {date_text(end)}. "
        "Rates and schedules are estimates, with their 95 % intervals beside them."
    )
    if skipped.total:
        yield from _comment(f"Left out: {skipped_in_words(skipped.counts)}.")
    for remark in reading.remarks:
        yield from _comment(f"{remark[0].upper()}{remark[1:]}.")
    if usage.bucket:
        span = span_text(usage.bucket)
        single = ", such as bursts; calls are taken to be single"
        yield from _comment(
            f"The log has counts over {span}: it cannot tell what happens within {span}"
            f"{single * (usage.bucket > COARSEST)}."
        )
    if usage.bucket and usage.unknown.total() == total:
        yield from _comment("Counts tell no kind of call: all are of the kind 'other'.")
    elif usage.unknown:
        known = total - usage.unknown.total()
        first = ", ".join(
            f"{target.strip() or 'requests without a path'} ({count:,})"
            for target, count in usage.unknown.most_common(3)
        )
        yield from _comment(
            f"{known / total:.1%} of the requests are of a known kind of call; the others count "
            f"as 'other', most often {first}."
        )
    if not _is_throttled(apps):
        yield from _comment(f"Assumed of all clients: {apps[0].conduct.why}.")
    if shared is not None and shared.low > 0:
        apart, together = _variations(apps, shared.value)
        yield from _comment(
            f"The days of all clients vary together by {shared.value:.0%} (95 %: {shared.low:.0%} "
            f"to {shared.high:.0%}), and no law says so yet: the scenario draws each client's days "
            f"apart. So the org's days vary in it by {apart:.1%} beyond chance, where those of the "
            f"log do by {together:.1%}: plans of it see too few busy days."
        )


def _is_throttled(apps: Sequence[FittedApp]) -> bool:
    return any(app.usage.throttled for app in apps)


def _variations(apps: Sequence[FittedApp], shared: float) -> tuple[float, float]:
    """Return by how much days of all clients vary if each does for itself, and as the log's do."""
    total = sum(part.calls for app in apps for part in app.laws.components)
    spreads = np.array(
        [
            part.calls / total * part.estimates["daily_variation"].value
            for app in apps
            for part in app.laws.components
            if "poisson" in part.law
        ]
    )
    spreads = np.nan_to_num(spreads)
    squares = float((spreads**2).sum())
    pairs = float(spreads.sum()) ** 2 - squares
    return float(np.sqrt(squares)), float(np.sqrt(squares + shared * pairs))


def _app(app: FittedApp, is_throttled: bool) -> Iterator[str]:
    """Yield the clients of one app: one for each of its laws."""
    for number, component in enumerate(app.laws.components):
        kind = next(iter(component.law))
        yield f"  - name: {_quoted(app.client_names[number])}"
        calls = f"{component.calls:,} calls, {component.share:.0%} of this app's"
        yield from _comment(f"{calls}. {_estimates(component)}", 4)
        for note in (*component.notes, *(() if number else _notes(app))):
            yield from _comment(f"{note[0].upper()}{note[1:]}.", 4)
        yield from _arrivals(kind, with_ranges(component))
        yield f"    calls: {_flow(app.mix.calls)}"
        if not app.conduct.is_seen and is_throttled:
            yield from _comment(f"Assumed: {app.conduct.why}.", 4)
        elif is_throttled:
            yield from _comment(f"{app.conduct.why[0].upper()}{app.conduct.why[1:]}.", 4)
        yield f"    on_throttle: {_flow(app.conduct.on_throttle)}"


def _arrivals(kind: str, law: dict[str, Any]) -> Iterator[str]:
    """Yield a law on one line; one with weights of the hours of a week has a line for each day."""
    profile = law.get("profile", ())
    if len(profile) != len(_WEEKDAYS) * 24:
        yield f"    arrivals: {{{kind}: {_flow(law)}}}"
        return
    yield "    arrivals:"
    yield f"      {kind}:"
    yield from (f"        {key}: {_flow(each)}" for key, each in law.items() if key != "profile")
    yield "        profile: ["
    for number, day in enumerate(_WEEKDAYS):
        weights = ", ".join(map(_flow, profile[24 * number : 24 * number + 24]))
        yield f"          {weights},  # {day}"
    yield "        ]"


def with_ranges(component: Component) -> dict[str, Any]:
    """Return the keys of a law; those that may be estimates stand there with 95 % intervals."""
    kind, keys = next(iter(component.law.items()))
    law: dict[str, Any] = dict(keys)
    if kind == "poisson":
        found, per_day = component.estimates["rate"], parse_rate(law["rate"])
        most = MOST_CALLS_A_DAY / law.get("each", {}).get("calls", 1)
        low = min(max(found.low, LEAST_RATE), per_day)
        high = max(min(found.high, most), per_day)
        law["rate"] = {"estimate": law["rate"], "low": rate_text(low), "high": rate_text(high)}
        if "daily_variation" in law:
            law["daily_variation"] = _share_with_range(
                law["daily_variation"], component.estimates["daily_variation"]
            )
        return law
    found, calls = component.estimates["calls"], int(law["calls"])
    if found.low < found.high < np.inf:  # not the same each time, and seen more than once
        low, high = min(calls, floor(found.low)), max(calls, ceil(found.high))
        law["calls"] = {"estimate": calls, "low": max(1, low), "high": high}
    return law


def _share_with_range(share: str, found: Estimate) -> Any:
    """Return a share with its interval, where the log bounds it."""
    if not np.isfinite([found.low, found.high]).all():
        return share
    value = float(share.removesuffix("%")) / 100
    low = min(max(found.low, LEAST_VARIATION), value)
    high = max(min(found.high, MOST_VARIATION), value)
    return {"estimate": share, "low": share_text(low), "high": share_text(high)}


def _notes(app: FittedApp) -> Iterator[str]:
    yield from app.laws.notes
    yield from app.mix.notes
    for outlier in app.laws.outliers:
        factor = number_text(outlier.factor, 2)
        yield (
            f"{outlier.date} is not fitted (probably {outlier.likely}): {outlier.calls:,.0f} "
            f"calls, {factor} times what the fit expects; if it comes again, write it under "
            "'events'"
        )


def _estimates(component: Component) -> str:
    """Return the estimates of a law in a sentence."""
    parts = []
    for key, each in component.estimates.items():
        if np.isnan(each.value):
            parts.append(f"{_SAID[key]} cannot be told ({each.note})")
        else:
            parts.append(f"{_SAID[key]} {_interval(key, each)}")
    return f"{'; '.join(parts)}." if parts else ""


def _interval(key: str, each: Estimate) -> str:
    if key in ("daily_variation", "missed"):
        told = [f"{100 * value:.3g}%" for value in (each.value, each.low, each.high)]
    elif key == "growth":
        told = [f"{100 * (value - 1):.3g}%" for value in (each.value, each.low, each.high)]
    elif key == "every":
        told = [about_text(value) for value in (each.value, each.low, each.high)]
    else:
        told = [number_text(value, 4) for value in (each.value, each.low, each.high)]
    return f"{told[0]}{_UNITS[key]} (95 %: {told[1]} to {told[2]}, {each.data:,} {each.unit})"


def _flow(value: Any) -> str:
    """Return a value as YAML writes it on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str):
        return value if value.replace("_", "").isalnum() and value[0].isalpha() else _quoted(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return json.dumps(value)


def _quoted(text: str) -> str:
    """Return a text in quotes as YAML and JSON have them; YAML knows no pairs of surrogates."""
    return json.dumps(text, ensure_ascii=False)


def _comment(text: str, indent: int = 0) -> list[str]:
    """Return a sentence as lines of a comment."""
    prefix = " " * indent + "# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_long_words=False
    )
