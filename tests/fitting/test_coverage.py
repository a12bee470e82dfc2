"""The proof of the fit: what is stated as a 95 % interval holds the truth about as often.

Logs of known scenarios are drawn and fitted. The long version looks at 200 logs of each law, for
four weeks and for two; `--junit-xml` keeps what it measures.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

from simulation.fitting.client import fit_client
from simulation.fitting.result import Estimate
from simulation.quantities import DAY, HOUR, SECOND
from simulation.scenario.poisson import Poisson
from tests.fitting.known_orgs import HOURS, WEEK
from tests.fitting.simulated import UTC, cells_of, demand_of, law_of, random_of

LAWS: dict[str, dict[str, Any]] = {
    "flat": {"rate": "50 per day"},
    "office": {"rate": "1200 per day", "profile": "office_hours", "daily_variation": "15%"},
    "week": {"rate": "300 per day", "profile": WEEK, "daily_variation": "25%"},
    "growth": {
        "rate": "600 per day",
        "profile": HOURS,
        "daily_variation": "10%",
        "growth": "30% per month",
    },
    "each": {
        "rate": "150 per day",
        "profile": "office_hours",
        "daily_variation": "20%",
        "each": {"calls": 8, "every": "500 ms"},
    },
    "overlap": {
        "rate": "1000 per day",
        "daily_variation": "10%",
        "each": {"calls": 10, "every": "8 s"},
    },
    "dv50": {"rate": "200 per day", "profile": "office_hours", "daily_variation": "50%"},
}

SHORT, LONG = 12, 200
LEAST, MOST = 0.90, 0.98  # of the intervals hold the truth
# Estimates that are shrunk to what is true here are held more often; so is a size that is counted.
SURE = {
    *((name, "profile") for name in ("flat", "growth", "overlap")),
    *((name, "burst") for name in ("each", "overlap")),
    *(("flat", parameter) for parameter in ("rate", "daily_variation")),
}
COUNTED = ("office", "week", "growth", "each", "dv50")
"""Laws that are fitted to counts by hour and by day, too."""


class Held(NamedTuple):
    """How often an interval held the truth, or which part of many intervals of a log did."""

    shares: list[float]

    @property
    def share(self) -> float:
        return float(np.mean(self.shares))


def held(name: str, days: int, logs: int, grain: int = SECOND) -> dict[str, Held]:
    """Return by parameter how often its interval holds what a log was drawn from.

    Counts over an hour or more do not tell bursts, and those of days no hours; there bursts make
    days vary more, as a fit of them says.
    """
    law = Poisson.model_validate(LAWS[name])
    demand = demand_of({"poisson": LAWS[name]}, days=days, seed=100 * sum(name.encode()) + days)
    found: dict[str, list[float]] = defaultdict(list)
    for replication in range(logs):
        part = random_of(fit_client("app", cells_of(demand, replication, grain), UTC))
        estimates, written = part.estimates, law_of(part)
        rate = law.rate * law.calls_each / written.calls_each
        if written.growth == 1:
            # Without growth the rate is that of the whole log.
            rate *= float(np.mean(law.growth ** (np.arange(days) / 30)))
        truth = {"rate": rate, "daily_variation": law.daily_variation, "growth": law.growth}
        if law.each is not None and grain < HOUR:
            truth["burst"] = law.each.calls
        if law.each is not None and grain == DAY:
            del truth["daily_variation"]
        for parameter, value in truth.items():
            found[parameter].append(float(_holds(estimates.get(parameter), value)))
        if part.profile is None:
            assert grain == DAY
            continue
        true = law.weekly_weights()
        within = (part.profile[:, 1] <= true) & (true <= part.profile[:, 2])
        found["profile"].append(float(within.mean()))
    return {parameter: Held(shares) for parameter, shares in found.items()}


def _holds(estimate: Estimate | None, value: float) -> bool:
    return estimate is not None and estimate.holds(value)


@pytest.mark.proof
def test_intervals_hold_what_logs_were_drawn_from() -> None:
    """In a dozen logs of each law, as often as if 90 % of them held it, but for chance.

    The hours of a log go together, so that its share of them is one number.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for name in LAWS.keys() - {"overlap"}:
        for parameter, found in held(name, 28, SHORT).items():
            shares[parameter] += found.shares
    assert {*shares} == {"rate", "daily_variation", "growth", "profile", "burst"}
    for parameter, its in shares.items():
        if parameter == "profile":
            assert np.mean(its) >= LEAST, parameter
        else:
            assert sum(its) >= stats.binom.ppf(0.001, len(its), LEAST), parameter


@pytest.mark.proof
@pytest.mark.parametrize("grain", [HOUR, DAY])
def test_intervals_hold_it_where_a_log_has_counts(grain: int) -> None:
    """As a vendor's dashboard shows them, by hour or by day."""
    shares: dict[str, list[float]] = defaultdict(list)
    for name in COUNTED:
        for parameter, found in held(name, 28, SHORT // 2, grain).items():
            shares[parameter] += found.shares
    assert ("profile" in shares) == (grain == HOUR)
    for parameter in ("rate", "daily_variation", "growth"):
        its = shares[parameter]
        assert sum(its) >= stats.binom.ppf(0.001, len(its), LEAST), parameter


@pytest.mark.long
@pytest.mark.proof
@pytest.mark.parametrize("days", [28, 14])
@pytest.mark.parametrize("name", LAWS)
def test_intervals_hold_it_as_often_as_they_say(
    name: str, days: int, record_property: Callable[[str, object], None]
) -> None:
    """Of each law in 200 logs of each length, every parameter."""
    for parameter, its in held(name, days, LONG).items():
        record_property(parameter, its.share)
        assert its.share >= LEAST, parameter
        if (name, parameter) not in SURE:
            assert its.share <= MOST, parameter


@pytest.mark.long
@pytest.mark.proof
@pytest.mark.parametrize("grain", [HOUR, DAY])
@pytest.mark.parametrize("name", COUNTED)
def test_intervals_of_counts_hold_it_as_often_as_they_say(
    name: str, grain: int, record_property: Callable[[str, object], None]
) -> None:
    for parameter, its in held(name, 28, LONG, grain).items():
        record_property(parameter, its.share)
        assert its.share >= LEAST, parameter
