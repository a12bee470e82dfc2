"""The proof of the way from logs to scenarios: what logs were made of comes back.

Ten known orgs are simulated, their attempts are written as a log, and the log is fitted. What is
stated as a 95 % interval holds the truth about as often; the table of how often, from 200 logs of
each org, is printed by ``python -m tests.fitting.test_round_trip``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from simulation.fitting.from_log import Fit, fit
from simulation.fitting.result import Component, Estimate
from simulation.quantities import DAYS_PER_MONTH
from simulation.scenario.arrival_laws import Arrivals
from tests.fitting.known_logs import attempts_of, fit_attempts, fit_options, text_of
from tests.fitting.known_orgs import KNOWN, Known, Law, logged, wanted_in_log
from tests.fitting.simulated import law_of

QUICK, LONG = 3, 200
LEAST, MOST = 0.90, 0.98  # of the intervals hold the truth
DAYS = 28

Shares = dict[str, list[float]]


def held(known: Known, found: Fit) -> dict[str, float]:
    """Return by parameter whether its interval holds the truth, or which part of many do.

    What a fit misses, or finds where there is nothing, counts as not held.
    """
    shares: Shares = defaultdict(list)
    apps = {app.usage.name: app for app in found.apps}
    shares["apps"].append(apps.keys() == known.truth.keys())
    for name, laws in known.truth.items():
        components = list(apps[name].laws.components)
        shares["laws"].append(len(components) == len(laws))
        for law in laws:
            kind = next(iter(law))
            mine = [each for each in components if kind in each.law]
            if not mine:
                shares["laws"].append(False)
                continue
            for parameter, its in (_schedule if kind == "schedule" else _random)(law, mine[0]):
                shares[parameter].append(its)
    if known.shared is not None:
        shares["shared_variation"].append(_holds(found.shared, known.shared))
    if known.on_throttle != "drop":
        shares["retry"] = [_retries_alike(each.conduct.on_throttle) for each in found.apps]
    return {parameter: float(np.mean(its)) for parameter, its in shares.items()}


def _random(law: Law, part: Component) -> list[tuple[str, float]]:
    true, written = Arrivals.model_validate(law).poisson, law_of(part)
    assert true is not None
    rate = true.rate * true.calls_each / written.calls_each
    if true.growth != 1:
        # Written growth counts from the Monday after the log; without, the rate is its mean.
        ages = np.arange(DAYS) if written.growth == 1 else np.array([DAYS])
        rate *= float(np.mean(true.growth ** (ages / DAYS_PER_MONTH)))
    truth = {"rate": rate, "daily_variation": true.daily_variation, "growth": true.growth}
    if true.each is not None:
        truth |= {"burst": true.each.calls, "every": true.each.every}
    held = [(each, _holds(part.estimates.get(each), value)) for each, value in truth.items()]
    weights = true.weekly_weights()
    assert part.profile is not None
    within = (part.profile[:, 1] <= weights) & (weights <= part.profile[:, 2])
    return [*held, ("profile", float(within.mean()))]


def _schedule(law: Law, part: Component) -> list[tuple[str, float]]:
    alike = Arrivals.model_validate(part.law) == Arrivals.model_validate(law)
    calls = law["schedule"]["calls"]
    return [
        ("schedule", alike),
        ("calls", _holds(part.estimates["calls"], calls)),
        ("missed", _holds(part.estimates["missed"], 0.0)),
    ]


def _holds(estimate: Estimate | None, value: float) -> bool:
    return estimate is not None and estimate.holds(value)


def _retries_alike(policy: Any) -> bool:
    """Return whether a policy is that of the logs; a wait is known to a ninth of it."""
    if policy == "drop":
        return False
    its = policy["retry"]
    value, unit = its["first"].split()
    seconds = float(value) * {"s": 1, "minutes": 60}[unit]
    return (
        abs(seconds / 300 - 1) < 0.08
        and its.get("factor") == 2
        and its["max_attempts"] == 4
        and "jitter" not in its
    )


def shares_of(name: str, logs: int) -> Shares:
    """Return what is held in each of some logs of an org, by parameter."""
    shares: Shares = defaultdict(list)
    for replication in range(logs):
        for parameter, its in held(KNOWN[name], logged(name, replication)).items():
            shares[parameter].append(its)
    return shares


BOUNDARY = {
    *(("flat", each) for each in ("daily_variation", "profile")),
    *((name, "missed") for name in ("beat", "several")),
}
"""Truths that lie where estimates end, or to which they are shrunk: days that do not vary, hours
that do not differ, runs of which none is missed. They are held more often than 98 %."""

EXACT = {"apps", "laws", "schedule", "calls", "burst", "every", "retry"}
"""What is counted, or read off the clock, and is right in nearly all logs."""


@pytest.mark.proof
@pytest.mark.parametrize("name", KNOWN)
def test_what_logs_were_made_of_comes_back(name: str) -> None:
    """In a few logs of each org, as often as if 90 % of the intervals held it, but for chance."""
    shares = shares_of(name, QUICK)
    pooled = [its for parameter, each in shares.items() if parameter not in EXACT for its in each]
    assert sum(pooled) >= stats.binom.ppf(0.001, len(pooled), LEAST)
    for parameter in EXACT & shares.keys():
        assert np.mean(shares[parameter]) == 1, parameter


@pytest.mark.long
@pytest.mark.proof
@pytest.mark.parametrize("name", KNOWN)
def test_intervals_of_whole_fits_hold_the_truth_as_often_as_they_say(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    """Of each org in 200 logs: each parameter, and all together."""
    pooled = []
    for parameter, its in shares_of(name, LONG).items():
        share = float(np.mean(its))
        record_property(parameter, share)
        assert share >= LEAST, parameter
        if parameter not in EXACT and (name, parameter) not in BOUNDARY:
            # By chance alone 196 of 200 are reached where 95 % is true; 3 in 100 are beyond.
            assert share <= MOST + 0.01, parameter
            pooled.append(share)
    record_property("pooled", float(np.mean(pooled)))
    assert LEAST <= np.mean(pooled) <= MOST


@pytest.mark.parametrize("name", ["bursts", "shared", "throttled"])
def test_a_log_as_text_is_fitted_as_its_entries_are(name: str, tmp_path: Path) -> None:
    """What other tests do with entries is what happens to a file.

    Attempts are told apart by hashes, some of which are alike: other ones than in the other log.
    """
    known = KNOWN[name]
    attempts = attempts_of(wanted_in_log(name), known.apps, 1, known.whole_seconds)
    log = tmp_path / "access.log"
    log.write_text(text_of(attempts))
    options = fit_options(known.scenario())
    read, taken = fit(log, options=options), fit_attempts(attempts, options)
    if not known.is_throttled:
        assert read.text == taken.text
    for one, other in zip(read.apps, taken.apps, strict=True):
        assert (one.name, one.conduct.on_throttle) == (other.name, other.conduct.on_throttle)
        assert one.usage.attempts.total == other.usage.attempts.total
        assert one.usage.calls.total == pytest.approx(other.usage.calls.total, rel=0.001)


if __name__ == "__main__":
    logs = int(sys.argv[1]) if len(sys.argv) > 1 else LONG
    for org in sys.argv[2:] or KNOWN:
        for parameter, its in shares_of(org, logs).items():
            sys.stdout.write(f"{org:10} {parameter:16} {np.mean(its):.3f}\n")
            sys.stdout.flush()
