"""From a log to a scenario: read, gather, fit, write down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import yaml

from simulation.errors import InputError, Problem
from simulation.fitting.call_kinds import read_call_kinds
from simulation.fitting.calls import Mix, mix_of
from simulation.fitting.cells import Cells
from simulation.fitting.client import fit_client
from simulation.fitting.gathering import ClientUsage, Gathering, Usage
from simulation.fitting.result import FittedClient
from simulation.fitting.retries import Conduct, conduct_of
from simulation.fitting.variation import shared_variation
from simulation.formats import Document
from simulation.logs import ClientNames, Reading, check_skipped, entries_of_logs
from simulation.quantities import DAY, HOUR
from simulation.rate_cards import DEFAULT_RATE_CARD, RateCard
from simulation.scenario import Scenario

__all__ = ["Fit", "FitOptions", "FittedApp", "fit"]

_LEAST_SHARE = 0.01
"""The share of all calls below which a client is one of the small ones, which are merged."""
_MOST_APPS = 20
_OTHERS = "small-apps"


@dataclass(frozen=True)
class FitOptions:
    """How a log is fitted.

    Attributes
    ----------
    timezone : ZoneInfo
        Of times without an offset, and by whose clocks clients call.
    rate_card : str or Path
    edition, user_licenses : str, int or None
        Of the org; the card's first paid edition and 10 licenses unless given, both assumed.
    names : mapping of str to str
        What clients are called in the scenario, by what the log calls them; others are ``app-1``
        and so on.
    keep_names : bool
        Whether clients are called in the scenario what the log calls them.
    day_first, clients_by, fields, allow_skipped
        As in `simulation.logs.read_log`.
    bucket : int
        The length of a bucket, µs, where a log of counts does not show it; otherwise 0.
    calls : Path or None
        A table of kinds of call of one's own.
    """

    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    rate_card: str | Path = DEFAULT_RATE_CARD
    edition: str | None = None
    user_licenses: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    keep_names: bool = False
    day_first: bool | None = None
    clients_by: Sequence[Any] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    allow_skipped: float = 0.05
    bucket: int = 0
    calls: Path | None = None


@dataclass(frozen=True)
class FittedApp:
    """What the log shows of one app.

    Attributes
    ----------
    name : str
        What the scenario calls it.
    usage : ClientUsage
    laws : FittedClient
    mix : Mix
    conduct : Conduct
    """

    name: str
    usage: ClientUsage
    laws: FittedClient
    mix: Mix
    conduct: Conduct


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
    from simulation.fitting.writing import report_of, text_of

    its = options or FitOptions()
    clients = ClientNames(its.clients_by)
    reading = Reading(its.timezone, its.day_first, its.fields, clients, bucket=its.bucket)
    gathering = Gathering(reading, read_call_kinds(its.calls))
    usage = gathering.take_all(entries_of_logs(logs, reading)).usage()
    check_skipped(reading, its.allow_skipped)
    if not any(each.attempts.total for each in usage.clients):
        raise InputError([Problem("log", "", "has no call, name a log with some")])
    card = RateCard.load(its.rate_card)
    start = _start(usage, its.timezone)
    apps = [
        _fitted(each, name, card, its.timezone, start, usage.bucket)
        for name, each in _named(_largest(usage), its)
    ]
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


def _largest(usage: Usage) -> list[ClientUsage]:
    """Return the clients that stand for themselves, and the small ones as one."""
    total = sum(each.attempts.total for each in usage.clients)
    large = [
        each for each in usage.clients[:_MOST_APPS] if each.attempts.total >= _LEAST_SHARE * total
    ]
    small = usage.clients[len(large) :]
    if len(small) < 2:
        return [each for each in usage.clients if each.attempts.total]
    kinds = sum((each.kinds for each in small), start=type(small[0].kinds)())
    merged = ClientUsage(
        name=_OTHERS,
        calls=_together([each.calls for each in small]),
        attempts=_together([each.attempts for each in small]),
        throttled=sum(each.throttled for each in small),
        kinds=kinds,
        after=sum((each.after for each in small[1:]), small[0].after),
        usual=sum((each.usual for each in small[1:]), small[0].usual),
        chains=sum((each.chains for each in small[1:]), small[0].chains),
    )
    return [*large, merged]


def _together(cells: list[Cells]) -> Cells:
    """Return the calls of several clients as those of one."""
    at = np.concatenate([each.at for each in cells])
    unique, which = np.unique(at, return_inverse=True)
    calls = np.bincount(which, np.concatenate([each.calls for each in cells]), len(unique))
    return Cells(cells[0].grain, unique, calls.astype(np.int64), cells[0].covered)


def _named(clients: list[ClientUsage], options: FitOptions) -> list[tuple[str, ClientUsage]]:
    """Return clients with the names that the scenario has for them."""
    named: list[tuple[str, ClientUsage]] = []
    for each in clients:
        name = options.names.get(each.name)
        if each.name == _OTHERS:
            name = _OTHERS
        elif name is None and options.keep_names:
            name = each.name
        named.append((name or f"app-{len(named) + 1}", each))
    return named


def _fitted(
    usage: ClientUsage, name: str, card: RateCard, zone: ZoneInfo, start: dt.date, bucket: int
) -> FittedApp:
    conduct = conduct_of(usage)
    cells = usage.calls if conduct.retries else usage.attempts
    if bucket >= HOUR:  # hours and days of a table are those of the local clock
        cells, zone = _by_the_clock(cells, zone, bucket), ZoneInfo("UTC")
    laws = fit_client(name, cells, zone, start)
    return FittedApp(name, usage, laws, mix_of(usage, card), conduct)


def _by_the_clock(cells: Cells, zone: ZoneInfo, bucket: int) -> Cells:
    """Return the cells of counts by hour or day as the local clock names them."""
    grain = HOUR if bucket < DAY else DAY
    moments = [dt.datetime.fromtimestamp(begin // 1_000_000, zone) for begin in cells.begins]
    ahead = np.array([each.utcoffset() // dt.timedelta(microseconds=1) for each in moments])  # type: ignore[operator]
    at = (cells.begins + ahead) // grain
    unique, which = np.unique(at, return_inverse=True)
    calls = np.bincount(which, cells.calls, len(unique)).astype(np.int64)
    covered = ((int(unique[0]) * grain, (int(unique[-1]) + 1) * grain),)
    return Cells(grain, unique, calls, covered)
