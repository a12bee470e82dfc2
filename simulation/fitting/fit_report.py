"""A fit as JSON: what was read, estimated, assumed and left out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.fitting.apps import FittedApp
from simulation.fitting.gathering import Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.replay import Replay
from simulation.fitting.result import Estimate
from simulation.fitting.spelling import about_text, span_text
from simulation.logs import Reading
from simulation.moments import local_dates, local_time, midnight
from simulation.quantities import DAY, HOUR
from simulation.rate_cards import RateCard
from simulation.scenario import Scenario

__all__ = ["date_text", "report_of", "throttling_of"]


def date_text(moment: int) -> str:
    """Return a moment as people write it: the date, and the time unless it is midnight."""
    when = local_time(moment, ZoneInfo("UTC"))
    return f"{when:%Y-%m-%d}" if moment % DAY < HOUR else f"{when:%Y-%m-%d %H:%M} UTC"


def report_of(
    apps: Sequence[FittedApp],
    options: FitOptions,
    usage: Usage,
    reading: Reading,
    shared: Estimate | None,
    scenario: Scenario,
) -> dict[str, Any]:
    """Return what was read, estimated, assumed and left out, as JSON."""
    begin, end = usage.span
    first, last = local_dates(begin, end, options.timezone)
    return {
        "begin": date_text(begin),
        "end": date_text(end),
        "days": usage.clients[0].attempts.length / DAY,
        "span": about_text(end - begin),
        "first": first.isoformat(),
        "last": last.isoformat(),
        "dates": (last - first).days + 1,
        "timezone": options.timezone.key,
        "org_is_assumed": bool(scenario.org.assumed),
        "read": reading.skipped.read,
        "skipped": {
            reason: {"lines": count, "first": reading.skipped.first[reason]}
            for reason, count in reading.skipped.counts.items()
        },
        "remarks": list(reading.remarks),
        "bucket": span_text(usage.bucket) if usage.bucket else None,
        "attempts": sum(app.usage.attempts.total for app in apps),
        "calls": sum(app.conduct.calls_of(app.usage).total for app in apps),
        "unknown_attempts": usage.unknown.total(),
        "unknown": dict(usage.unknown.most_common(50)),
        "shared_variation": _as_json(shared) if shared else None,
        "clients": [_app_as_json(app) for app in apps],
    }


def _app_as_json(app: FittedApp) -> dict[str, Any]:
    return {
        "name": app.name,
        "name_in_log": app.usage.name,
        "attempts": app.usage.attempts.total,
        "throttled_attempts": app.usage.throttled,
        "components": [
            {
                "client": app.client_names[number],
                "law": json.loads(json.dumps(each.law, default=str)),
                "share": each.share,
                "calls": each.calls,
                "estimates": {key: _as_json(its) for key, its in each.estimates.items()},
                "notes": list(each.notes),
            }
            for number, each in enumerate(app.laws.components)
        ],
        "outliers": [
            {
                "date": each.date.isoformat(),
                "calls": each.calls,
                "expected": each.expected,
                "likely": each.likely,
            }
            for each in app.laws.outliers
        ],
        "calls": app.mix.calls,
        "on_throttle": app.conduct.on_throttle,
        "on_throttle_is_seen": app.conduct.is_seen,
        "on_throttle_why": app.conduct.why,
        "notes": [*app.laws.notes, *app.mix.notes],
    }


def _as_json(each: Estimate) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    return {
        "is_told": bool(np.isfinite(each.value)),
        "value": number(each.value),
        "standard_error": number(each.standard_error),
        "ci95": [number(each.low), number(each.high)],
        "data": each.data,
        "unit": each.unit,
        "note": each.note,
    }


def throttling_of(replay: Replay, zone: ZoneInfo, card: RateCard) -> dict[str, Any] | None:
    """Return when a log's attempts were answered 429, and how full the pool was then, as JSON.

    ``in_use`` has what the calls of the window before had taken, for each 429 that no other came
    before in a window: whatever was refused later, these calls were accepted. None where the log
    does not tell how attempts were answered.
    """
    times = replay.throttled
    if times is None:
        return None
    first, last = local_dates(replay.begin, replay.end, zone)
    dates = [first + dt.timedelta(days=day) for day in range((last - first).days + 1)]
    begins = np.array([midnight(date, zone) for date in dates], np.int64)
    days = np.unique(np.searchsorted(begins, times, side="right") - 1)
    # Of the window before its begin the log shows nothing, so that counts as another 429.
    is_first = np.diff(times, prepend=replay.begin) >= card.window
    return {
        "attempts": len(times),
        "dates": [dates[day].isoformat() for day in days],
        "in_use": _in_use(replay, times[is_first], card).tolist(),
    }


def _in_use(replay: Replay, moments: Ints, card: RateCard) -> Floats:
    """Return what the calls of the window before each moment took of the pool."""
    each_takes = [
        float(card.credits(api, records)) if card.pool.counts_credits else 1.0
        for api, records in replay.kinds
    ]
    time = np.concatenate([each.time for each in replay.clients])
    taken = np.array(each_takes)[np.concatenate([each.what for each in replay.clients])]
    order = np.argsort(time, kind="stable")
    sums, time = np.concatenate([[0.0], np.cumsum(taken[order])]), time[order]
    # What comes at the same moment may come after it, and the log does not tell.
    before = np.searchsorted(time, moments)
    back = np.searchsorted(time, moments - card.window, side="right")  # what is back by then
    found: Floats = sums[before] - sums[back]
    return found
