"""From a log to a scenario: read, gather, fit, write down."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from simulation.errors import InputError, Problem
from simulation.fitting.apps import FittedApp, fitted_apps
from simulation.fitting.call_kinds import read_call_kinds
from simulation.fitting.drawing import drawn_law
from simulation.fitting.gathering import Gathering, Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.result import Estimate
from simulation.fitting.spelling import span_text
from simulation.fitting.variation import shared_variation
from simulation.fitting.writing import report_of, span_of, text_of
from simulation.formats import Document
from simulation.logs import ClientNames, Reading, check_skipped, entries_of_logs
from simulation.quantities import DAY, SECOND
from simulation.rate_cards import RateCard
from simulation.scenario import Scenario

__all__ = ["Fit", "fit", "fit_usage"]


@dataclass(frozen=True)
class Fit:
    """A scenario that was fitted to a log, and what there is to know of it.

    Attributes
    ----------
    scenario : Scenario
    text : str
        The scenario as a commented file.
    report : dict
        What was read, estimated, assumed and left out, as JSON.
    apps : list of FittedApp
    shared : Estimate or None
        The part of the days' variation that apps share; None of one app.
    """

    scenario: Scenario
    text: str
    report: dict[str, Any]
    apps: list[FittedApp]
    shared: Estimate | None

    def drawn(self, seed: int) -> Scenario:
        """Return the scenario with rates and laws that are drawn as its estimates leave them open.

        The spread of what some twenty of them recommend is how far a recommendation can be trusted,
        for the log's part. What else is assumed, such as the mix of calls, is the same in all.

        Parameters
        ----------
        seed : int
            The same number gives the same scenario.
        """
        generator = np.random.default_rng(seed)
        written = yaml.safe_load(self.text)
        clients = iter(written["clients"])
        begin, end = span_of(self.apps)
        middle = dt.datetime.fromtimestamp((begin + end) // 2 // SECOND, dt.UTC).date()
        for app in self.apps:
            for component in app.laws.components:
                law = drawn_law(component, app.laws, middle, generator)
                next(clients)["arrivals"] = law
        return Document(written, "the fitted scenario").validate(Scenario)


def fit(*logs: str | Path, options: FitOptions | None = None) -> Fit:
    """Return a scenario whose clients call as those of logs do.

    Parameters
    ----------
    *logs : str or Path
        Files, and patterns such as ``logs/*.gz``.
    options : FitOptions, optional

    Raises
    ------
    InputError
        If the logs cannot be read, or hold too little.
    """
    its = options or FitOptions()
    clients = ClientNames(its.clients_by)
    reading = Reading(its.timezone, its.day_first, its.fields, clients, bucket=its.bucket)
    gathering = Gathering(reading, read_call_kinds(its.calls))
    usage = gathering.take_all(entries_of_logs(logs, reading)).usage()
    check_skipped(reading, its.allow_skipped)
    return fit_usage(usage, reading, its)


def fit_usage(usage: Usage, reading: Reading, its: FitOptions) -> Fit:
    """Return a scenario whose clients call as what was gathered of a log shows.

    Raises
    ------
    InputError
        If there is no call, or counts are of longer than a day.
    """
    if usage.bucket > DAY:
        what = f"has counts over {span_text(usage.bucket)}, which show no day: name counts by day"
        raise InputError([Problem("log", "", what)])
    if not any(each.attempts.total for each in usage.clients):
        raise InputError([Problem("log", "", "has no call, name a log with some")])
    card = RateCard.load(its.rate_card)
    start = _start(usage, its.timezone)
    apps = fitted_apps(usage, its, card, start)
    factors = [app.laws.day_factors for app in apps if app.laws.day_factors is not None]
    shared = shared_variation(factors) if len(factors) > 1 else None
    text = text_of(apps, its, card, start, usage, reading, shared)
    scenario = Document(yaml.safe_load(text), "the fitted scenario").validate(Scenario)
    return Fit(scenario, text, report_of(apps, its, usage, reading, shared), apps, shared)


def _start(usage: Usage, zone: ZoneInfo) -> dt.date:
    """Return the Monday after the log: what is planned is what comes."""
    end = max(each.attempts.covered[-1][1] for each in usage.clients)
    last = dt.datetime.fromtimestamp((end - 1) // 1_000_000, zone).date()
    return last + dt.timedelta(days=7 - last.weekday())
