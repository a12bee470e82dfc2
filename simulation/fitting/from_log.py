"""From a log to a scenario: read, gather, fit, write down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from simulation.bounds import FIRST_YEAR, LAST_YEAR
from simulation.demand import stream
from simulation.errors import InputError, Problem
from simulation.fitting.apps import FittedApp, fitted_apps
from simulation.fitting.call_kinds import read_call_kinds
from simulation.fitting.drawing import drawn_law
from simulation.fitting.fit_report import report_of
from simulation.fitting.gathering import Gathering, Usage
from simulation.fitting.options import FitOptions
from simulation.fitting.result import Estimate
from simulation.fitting.spelling import about_text, span_text
from simulation.fitting.variation import shared_variation
from simulation.fitting.writing import text_of
from simulation.formats import Document, counted
from simulation.logs import Reading, check_skipped, entries_of_logs
from simulation.moments import local_dates, local_time
from simulation.quantities import DAY, HOUR, MINUTE
from simulation.rate_cards import RateCard
from simulation.scenario import Scenario

__all__ = ["Fit", "fit", "fit_part", "fit_usage", "usage_of"]

_SHORTEST = DAY - 2 * HOUR
"""A day's log may begin in its first hour and end in its last."""
_WEEK = 7 * DAY


_ZONES = {
    "America/Los_Angeles": (-8, -7),
    "America/New_York": (-5, -4),
    "Europe/Berlin": (1, 2),
    "Asia/Kolkata": (5.5,),
    "Asia/Singapore": (8,),
    "Asia/Tokyo": (9,),
    "Australia/Sydney": (10, 11),
}
"""Examples of zones, and by how many hours their clocks are ahead of UTC, in winter or summer."""


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
    usage : Usage
        What the log says.
    options : FitOptions
    shared : Estimate or None
        The part of the days' variation that apps share; None of one app.
    """

    scenario: Scenario
    text: str
    report: dict[str, Any]
    apps: list[FittedApp]
    usage: Usage
    options: FitOptions
    shared: Estimate | None
    _reading: Reading

    def __repr__(self) -> str:
        """Return in a line what was fitted, and what judgements it has been put to."""
        said, clients = self.report, counted(len(self.scenario.clients), "client")
        apps, dates = counted(len(self.apps), "app"), f"{said['first']} to {said['last']}"
        judged = [
            f", {name}: {said[name]['verdict']}"
            for name in ("comparison", "backtest")
            if name in said
        ]
        what = f"{counted(said['calls'], 'call')} of {apps} in {said['span']}, {dates}"
        return f"<Fit {self.scenario.name!r}: {what}, as {clients}{''.join(judged)}>"

    def starting(self, start: dt.date) -> Fit:
        """Return the fit to the same log of a scenario that starts on another local date."""
        return fit_usage(self.usage, self._reading, self.options, start)

    def drawn(self, seed: int) -> Scenario:
        """Return the scenario with rates and laws that are drawn as its estimates leave them open.

        The spread of what some twenty of them recommend is how far a recommendation can be trusted,
        for the log's part. What else is assumed, such as the mix of calls, is the same in all.

        Parameters
        ----------
        seed : int
            The same number gives the same scenario.
        """
        written = yaml.safe_load(self.text)
        clients = iter(written["clients"])
        middle = local_time(sum(self.usage.span) // 2, ZoneInfo("UTC")).date()
        for app in self.apps:
            for component in app.laws.components:
                client = next(clients)
                generator = stream(written["seed"], seed, client["name"], 0, "estimates")
                client["arrivals"] = drawn_law(component, app.laws, middle, generator)
        return _checked(written)


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
    return fit_part(logs, options or FitOptions())


def fit_part(
    logs: Sequence[str | Path],
    options: FitOptions,
    until: int | None = None,
    start: dt.date | None = None,
) -> Fit:
    """Return what `fit` does, of the calls before a moment, with a scenario from a date on.

    Parameters
    ----------
    logs, options
        As `fit` takes them.
    until : int, optional
        What comes from then on is left out, µs since 1970-01-01 UTC.
    start : date, optional
        The local date on which the scenario starts; the Monday after the log unless given.
    """
    usage, reading = usage_of(logs, options, until)
    return fit_usage(usage, reading, options, start)


def fit_usage(
    usage: Usage, reading: Reading, options: FitOptions, start: dt.date | None = None
) -> Fit:
    """Return a scenario whose clients call as what was gathered of a log shows.

    Raises
    ------
    InputError
        If there is no call, or the log covers less than a day or years out of range, or holds more
        calls than a scenario can.
    """
    if not any(each.attempts.total for each in usage.clients):
        raise InputError([Problem("log", "", "has no call, name a log with some")])
    start = start or _start(usage, options.timezone)
    _check_span(usage, start)
    begin, end = usage.span
    if end - begin < _WEEK - 2 * HOUR:
        what = f"the log covers {about_text(end - begin)}, and less than a week does not tell how "
        reading.remark(f"{what}weekdays differ: those that it lacks are taken from the others")
    card = RateCard.load(options.rate_card)
    apps = fitted_apps(usage, options, card, start)
    factors = [app.laws.day_factors for app in apps if app.laws.day_factors is not None]
    shared = shared_variation(factors) if len(factors) > 1 else None
    text = text_of(apps, options, card, start, usage, reading, shared)
    scenario = _checked(yaml.safe_load(text))
    report = report_of(apps, options, usage, reading, shared, scenario)
    return Fit(scenario, text, report, apps, usage, options, shared, reading)


def _checked(written: dict[str, Any]) -> Scenario:
    """Return the scenario of a fitted file; a client that is out of bounds in it is the log's."""
    try:
        return Document(written, "the fitted scenario").validate(Scenario)
    except InputError as error:
        first = error.problems[0]
        if not first.path.startswith("clients"):
            raise  # what the user said of the org is wrong
        wrong = f"{first.path} {first.what}".partition(", write ")[0]
        what = f"gives a scenario that cannot be simulated, since {wrong}: check its counts and "
        what += "times (--field calls=COLUMN, --dates), or name another part of it"
        raise InputError([Problem("log", "", what)]) from None


def _check_span(usage: Usage, start: dt.date) -> None:
    """Refuse a log that is too short for a rate, or of a time that no scenario is of."""
    begin, end = usage.span
    what = ""
    if end - begin < _SHORTEST:
        what = f"covers {about_text(end - begin)}, and less than a day tells no calls a day: "
        what += "name more of it, best weeks, or simulate its calls as they came, by 'trace:'"
    elif not FIRST_YEAR <= start.year <= LAST_YEAR:
        years = f"scenarios are of {FIRST_YEAR} to {LAST_YEAR}"
        what = f"ends before {start}, and {years}: correct the times, or name another log"
    if what:
        raise InputError([Problem("log", "", what)])


def usage_of(
    logs: Sequence[str | Path], options: FitOptions, until: int | None = None
) -> tuple[Usage, Reading]:
    """Return what logs say, and how they were read.

    Parameters
    ----------
    logs : sequence of str or Path
    options : FitOptions
    until : int, optional
        What comes from then on is left out, µs since 1970-01-01 UTC.
    """
    reading = options.reading()
    gathering = Gathering(reading, read_call_kinds(options.calls))
    parts = entries_of_logs(logs, reading)
    if until is not None:
        parts = (part.where(part.time < until) for part in parts)
    gathering.take_all(parts)
    if reading.bucket > DAY:
        what = f"has counts over {span_text(reading.bucket)}, which show no day: name counts by day"
        raise InputError([Problem("log", "", what)])
    if reading.offset and options.timezone.key == "UTC":
        ahead = reading.offset / HOUR
        zone = next((zone for zone, hours in _ZONES.items() if ahead in hours), "")
        reading.remark(
            f"its times have the offset {_offset_text(reading.offset)}, and the days and hours of "
            "the scenario are those of UTC: for those of local clocks name the zone by --timezone"
            f"{f', such as {zone}' if zone else ''}"
        )
    usage = gathering.usage()
    check_skipped(reading, options.allow_skipped)
    return usage, reading


def _offset_text(offset: int) -> str:
    """Return an offset from UTC, µs, as logs write it.

    >>> _offset_text(HOUR), _offset_text(-5 * HOUR)
    ('+01:00', '-05:00')
    """
    hours, minutes = divmod(abs(offset) // MINUTE, 60)
    return f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"


def _start(usage: Usage, zone: ZoneInfo) -> dt.date:
    """Return the Monday after the log: what is planned is what comes."""
    _, last = local_dates(*usage.span, zone)
    return last + dt.timedelta(days=7 - last.weekday())
