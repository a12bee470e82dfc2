"""From a log to a scenario: read, gather, fit, write down."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from simulation.errors import InputError, Problem
from simulation.fitting.apps import FittedApp, fitted_apps
from simulation.fitting.call_kinds import read_call_kinds
from simulation.fitting.gathering import Gathering, Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.variation import shared_variation
from simulation.fitting.writing import report_of, text_of
from simulation.formats import Document
from simulation.logs import ClientNames, Reading, check_skipped, entries_of_logs
from simulation.rate_cards import RateCard
from simulation.scenario import Scenario

__all__ = ["Fit", "fit"]


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
    """

    scenario: Scenario
    text: str
    report: dict[str, Any]
    apps: list[FittedApp]


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
    reading.log_format = its.log_format
    gathering = Gathering(reading, read_call_kinds(its.calls))
    usage = gathering.take_all(entries_of_logs(logs, reading)).usage()
    check_skipped(reading, its.allow_skipped)
    if not any(each.attempts.total for each in usage.clients):
        raise InputError([Problem("log", "", "has no call, name a log with some")])
    card = RateCard.load(its.rate_card)
    start = _start(usage, its.timezone)
    apps = fitted_apps(usage, its, card, start)
    factors = [app.laws.day_factors for app in apps if app.laws.day_factors is not None]
    shared = shared_variation(factors) if len(factors) > 1 else None
    text = text_of(apps, its, card, start, usage, reading, shared)
    scenario = Document(yaml.safe_load(text), "the fitted scenario").validate(Scenario)
    return Fit(scenario, text, report_of(apps, its, usage, reading, shared), apps)


def _start(usage: Usage, zone: ZoneInfo) -> dt.date:
    """Return the Monday after the log: what is planned is what comes."""
    end = max(each.attempts.covered[-1][1] for each in usage.clients)
    last = dt.datetime.fromtimestamp((end - 1) // 1_000_000, zone).date()
    return last + dt.timedelta(days=7 - last.weekday())
