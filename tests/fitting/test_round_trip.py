"""The proof of the way from logs to scenarios: what logs were made of comes back.

Ten known orgs are simulated, their attempts are written as a log, and the log is fitted. What is
stated as a 95 % interval holds the truth about as often; the table of how often, from 200 logs of
each org, is printed by ``python -m tests.fitting.test_round_trip``.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np

from simulation.demand.demand import Demand
from simulation.fitting.from_log import Fit
from simulation.fitting.result import Component, Estimate
from simulation.quantities import DAYS_PER_MONTH
from simulation.scenario.arrival_laws import Arrivals
from tests.fitting.known_logs import attempts_of, fit_attempts, fit_options
from tests.fitting.known_orgs import KNOWN, Known, Law
from tests.fitting.simulated import law_of

QUICK, LONG = 6, 200
LEAST, MOST = 0.90, 0.98  # of the intervals hold the truth
DAYS = 28

Shares = dict[str, list[float]]


def logged(name: str, replication: int) -> Fit:
    """Return the fit of one log of an org."""
    known = KNOWN[name]
    demand = demand_of(name)
    attempts = attempts_of(demand, known.apps, replication, known.whole_seconds)
    return fit_attempts(attempts, fit_options(known.scenario()))


@cache
def demand_of(name: str) -> Demand:
    """Return the demand of an org in the time of its log."""
    return Demand(KNOWN[name].logged(seed=sum(name.encode())))


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
        shares["shared_variation"].append(_holds(_shared(found), known.shared))
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


def _shared(found: Fit) -> Estimate | None:
    return found.shared


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


if __name__ == "__main__":
    logs = int(sys.argv[1]) if len(sys.argv) > 1 else LONG
    for org in sys.argv[2:] or KNOWN:
        for parameter, its in shares_of(org, logs).items():
            print(f"{org:10} {parameter:16} {np.mean(its):.3f}", flush=True)
