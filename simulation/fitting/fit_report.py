"""A fit as JSON: what was read, estimated, assumed and left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulation.fitting.apps import FittedApp
from simulation.fitting.gathering import Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.result import Estimate
from simulation.fitting.spelling import span_text
from simulation.logs import Reading
from simulation.moments import local_dates, local_time
from simulation.quantities import DAY, HOUR

__all__ = ["date_text", "report_of"]


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
) -> dict[str, Any]:
    """Return what was read, estimated, assumed and left out, as JSON."""
    begin, end = usage.span
    first, last = local_dates(begin, end, options.timezone)
    return {
        "begin": date_text(begin),
        "end": date_text(end),
        "days": (end - begin) / DAY,
        "dates": (last - first).days + 1,
        "timezone": options.timezone.key,
        "org_is_assumed": bool(options.assumed),
        "read": reading.skipped.read,
        "skipped": {
            reason: {"lines": count, "first": reading.skipped.first[reason]}
            for reason, count in reading.skipped.counts.items()
        },
        "remarks": list(reading.remarks),
        "bucket": span_text(usage.bucket) if usage.bucket else None,
        "unknown": dict(usage.unknown.most_common(50)),
        "shared_variation": _as_json(shared) if shared else None,
        "clients": [_app_as_json(app) for app in apps],
    }


def _app_as_json(app: FittedApp) -> dict[str, Any]:
    return {
        "name": app.name,
        "attempts": app.usage.attempts.total,
        "throttled_attempts": app.usage.throttled,
        "components": [
            {
                "law": json.loads(json.dumps(each.law, default=str)),
                "share": each.share,
                "calls": each.calls,
                "estimates": {key: _as_json(its) for key, its in each.estimates.items()},
                "notes": list(each.notes),
            }
            for each in app.laws.components
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
        "notes": [*app.laws.notes, *app.mix.notes],
    }


def _as_json(each: Estimate) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    return {
        "value": number(each.value),
        "standard_error": number(each.standard_error),
        "ci95": [number(each.low), number(each.high)],
        "data": each.data,
        "unit": each.unit,
        "note": each.note,
    }
