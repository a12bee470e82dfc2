"""Ten orgs that are known: what their clients do, and what a fit of their logs should find."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from simulation.demand.demand import Demand
from simulation.fitting.from_log import Fit
from simulation.formats import Document
from simulation.scenario.scenario import Scenario
from tests.fitting.known_logs import attempts_of, fit_attempts, fit_options

__all__ = ["KNOWN", "Known", "Law", "logged", "wanted_in_log"]

_DAY = np.exp(1.2 * np.sin((np.arange(24) - 9) / 24 * 2 * np.pi))
HOURS = [round(float(weight), 2) for weight in _DAY]
"""A day that rises and falls, as no ready profile does."""

_WEEKDAYS = np.array([1.2, 1.1, 1.0, 1.05, 0.9, 0.4, 0.5])
_OWN = np.random.default_rng(5).lognormal(0, 0.25, 168)
WEEK = [round(float(weight), 2) for weight in _OWN * np.outer(_WEEKDAYS, _DAY).ravel()]
"""A week of which every hour is its own."""

RETRY = {"first": "5 minutes", "factor": 2, "max_attempts": 4}

Law = dict[str, dict[str, Any]]


class Known(NamedTuple):
    """An org.

    Attributes
    ----------
    laws : tuple of law, app and kind of call
        One client each. The app is its user agent; ``*``: the kind of call names the app.
    licenses : int
        Of the edition ``standard``: 5,000 credits and 250 for each.
    is_throttled : bool
        Whether its log is of a time with these licenses; else nothing was throttled.
    whole_seconds : bool
        Whether its log has no parts of seconds.
    found : dict or None
        By app the laws that a fit should find; those of its clients unless given.
    shared : float or None
        What part of the variance of days two apps share.
    """

    laws: tuple[tuple[Law, str, str], ...]
    licenses: int = 4
    is_throttled: bool = False
    whole_seconds: bool = True
    found: dict[str, list[Law]] | None = None
    shared: float | None = None
    on_throttle: Any = "drop"

    @property
    def apps(self) -> tuple[str, ...]:
        """What each client calls itself."""
        return tuple(app for _, app, _ in self.laws)

    @property
    def truth(self) -> dict[str, list[Law]]:
        """The laws that a fit should find, by app."""
        if self.found is not None:
            return self.found
        found: dict[str, list[Law]] = {}
        for law, app, _ in self.laws:
            found.setdefault(app, []).append(law)
        return found

    def logged(self, **keys: Any) -> Scenario:
        """Return the scenario of the four weeks of its log."""
        org = {"edition": "standard", "user_licenses": self.licenses if self.is_throttled else 380}
        return self.scenario(**{"org": org, **keys})

    def scenario(self, **keys: Any) -> Scenario:
        """Return the org's scenario, of the same time unless keys say otherwise."""
        clients = [
            {
                "name": f"client {number}",
                "arrivals": law,
                "calls": [{"api": each} for each in kinds.split()],
                "on_throttle": self.on_throttle,
            }
            for number, (law, _, kinds) in enumerate(self.laws)
        ]
        org = {"edition": "standard", "user_licenses": self.licenses}
        written = {"name": "known", "org": org, "clients": clients, "start": "2026-01-05"}
        more = {"horizon": "28 days", "warmup": "0", "replications": 30}
        return Document({**written, **more, **keys}, "known").validate(Scenario)


def _poisson(rate: float, **keys: Any) -> Law:
    return {"poisson": {"rate": f"{rate} per day", **keys}}


_SYNC = {"schedule": {"every": "15 minutes", "calls": 3}}
_NIGHT = {
    "schedule": {"at": ["02:00", "13:30"], "days": "weekdays", "calls": 200, "over": "10 minutes"}
}
_FORMS = _poisson(500, profile="office_hours", daily_variation="15%")
_HALF = _poisson(1000, daily_variation="30%")
_QUARTER = _poisson(500, daily_variation="30%")
# Half of an app's calls are of the common cause: its days vary by 30 % · √(1/4 + 1/4).
_EITHER = _poisson(1000, daily_variation=float(0.3 * np.sqrt(0.5)))

KNOWN = {
    "flat": Known(((_poisson(2400), "forms", "convert_lead"),)),
    "office": Known(
        ((_poisson(1800, profile="office_hours", daily_variation="15%"), "forms", "convert_lead"),)
    ),
    "week": Known(((_poisson(1800, profile=WEEK, daily_variation="25%"), "site", "convert_lead"),)),
    "growth": Known(
        (
            (
                _poisson(1500, profile=HOURS, daily_variation="10%", growth="30% per month"),
                "site",
                "convert_lead",
            ),
        )
    ),
    "varying": Known(
        ((_poisson(1200, profile="office_hours", daily_variation="50%"), "forms", "convert_lead"),)
    ),
    "bursts": Known(
        (
            (
                _poisson(
                    200,
                    profile="office_hours",
                    daily_variation="20%",
                    each={"calls": 8, "every": "500 ms"},
                ),
                "loader",
                "convert_lead",
            ),
        ),
        whole_seconds=False,
    ),
    "beat": Known(((_SYNC, "sync", "convert_lead"), (_FORMS, "sync", "convert_lead")), licenses=1),
    "several": Known(
        (
            (_NIGHT, "nightly", "convert_lead"),
            (_FORMS, "forms", "convert_lead"),
            (_poisson(900, profile=HOURS, daily_variation="25%"), "site", "convert_lead"),
            (_SYNC, "sync", "get_users"),
        )
    ),
    "shared": Known(
        (
            (_HALF, "*", "convert_lead get_users"),
            (_QUARTER, "convert_lead", "convert_lead"),
            (_QUARTER, "get_users", "get_users"),
        ),
        licenses=1,
        found={"convert_lead": [_EITHER], "get_users": [_EITHER]},
        shared=0.5,
    ),
    "throttled": Known(
        ((_poisson(850, profile="office_hours", daily_variation="15%"), "forms", "convert_lead"),),
        licenses=1,
        is_throttled=True,
        on_throttle={"retry": RETRY},
    ),
}


def logged(name: str, replication: int) -> Fit:
    """Return the fit of one log of an org."""
    known = KNOWN[name]
    demand = wanted_in_log(name)
    attempts = attempts_of(demand, known.apps, replication, known.whole_seconds)
    return fit_attempts(attempts, fit_options(known.scenario()))


@cache
def wanted_in_log(name: str) -> Demand:
    """Return the demand of an org in the time of its log."""
    return Demand(KNOWN[name].logged(seed=sum(name.encode())))
