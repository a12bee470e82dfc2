"""Judgements of scenarios by logs: read, replay, and put side by side."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from simulation.errors import InputError, Problem
from simulation.fitting import Fit, FitOptions, Replay, fit_part, replay_of, usage_of
from simulation.formats import counted
from simulation.moments import midnight
from simulation.quantities import DAY, write_duration
from simulation.scenario import Scenario, as_scenario
from simulation.trust.comparison import Comparison, Progress, compare_with_log
from simulation.trust.judged_days import JudgedDays, WholeDays, lead
from simulation.trust.possible import DRAWS, possible_scenarios
from simulation.trust.predictions import Backtest, backtest_days

__all__ = ["backtest", "compare_fit", "hold_out"]


def compare_fit(found: Fit, replay: Replay, progress: Progress | None = None) -> Comparison:
    """Return a fitted scenario beside the log that it was fitted to.

    Raises
    ------
    InputError
        If the log has no whole day that can be judged.
    """
    first, count, _ = _whole_days(replay, found.scenario)
    its = found.starting(first - lead(found.scenario))
    models = [JudgedDays.of(its.drawn(number), first, count) for number in range(DRAWS)]
    with _traced(replay) as clients:
        log = models[0].replayed(clients)
        return compare_with_log(models, log, progress)


def hold_out(
    logs: Sequence[str | Path],
    found: Fit,
    replay: Replay,
    length: int,
    progress: Progress | None = None,
) -> Backtest:
    """Return the last days of logs as a fit to the days before them predicts them.

    Parameters
    ----------
    logs : sequence of str or Path
    found : Fit
        Of the whole logs; they are read again up to the days that are withheld.
    replay : Replay
        Of the whole logs.
    length : int
        How much is withheld, µs: whole days.
    progress : callable, optional
        Called with how many parts are done, and how many there are.

    Raises
    ------
    InputError
        If that leaves no whole day to fit to.
    """
    first, count, left_out = _whole_days(replay, found.scenario)
    withheld, rest = divmod(length, DAY)
    if rest or not withheld:
        what = f"{write_duration(length)} are no whole days, write some such as '1 week'"
        raise InputError([Problem("--hold-out", "", what)])
    if withheld >= count:
        have = f"it has {counted(count, 'whole day')} behind the first one"
        what = f"{write_duration(length)} of the log leave nothing to fit to, {have}"
        raise InputError([Problem("--hold-out", "", f"{what}: withhold less")])
    split = first + dt.timedelta(days=count - withheld)
    until, start = midnight(split, found.scenario.timezone), split - lead(found.scenario)
    its = fit_part(logs, found.options, until, start)
    models = [JudgedDays.of(its.drawn(number), split, withheld) for number in range(DRAWS)]
    with _traced(replay) as clients:
        log = replace(models[0], first=first, count=count).replayed(clients)
        judged = backtest_days(models, log, replay.throttled, progress)
    # What lies before the split was fitted.
    return replace(judged, left_out=tuple(each for each in left_out if each.date >= split))


def backtest(
    scenario: Scenario | Path | str,
    *logs: str | Path,
    options: FitOptions | None = None,
    progress: Progress | None = None,
) -> Backtest:
    """Return how well a scenario predicts the days of logs that it was not fitted to.

    Parameters
    ----------
    scenario : Scenario, Path or str
        A scenario, or the path of its file.
    *logs : str or Path
        Files, and patterns such as ``logs/*.gz``.
    options : FitOptions, optional
        How the logs are read. Times without an offset are those of the scenario's time zone, and
        its rate card holds, whatever the options say.
    progress : callable, optional
        Called with how many parts are done, and how many there are.

    Raises
    ------
    InputError
        If the scenario or the logs cannot be read, or there is no whole day to judge by.
    """
    scenario = as_scenario(scenario)
    its = replace(options or FitOptions(), timezone=scenario.timezone)
    usage, _ = usage_of(logs, its)
    replay = replay_of(logs, its, usage, scenario.card)
    first, count, left_out = _whole_days(replay, scenario)
    _check_traces(scenario, midnight(first, scenario.timezone), replay.end)
    models = [JudgedDays.of(each, first, count) for each in possible_scenarios(scenario)]
    with _traced(replay) as clients:
        log = models[0].replayed(clients)
        found = backtest_days(models, log, replay.throttled, progress)
    is_before = replay.begin < scenario.clock.start_epoch
    return replace(found, is_before_start=is_before, left_out=left_out)


def _check_traces(scenario: Scenario, begin: int, end: int) -> None:
    """Refuse a scenario whose recorded calls are of other days than a log."""
    for client in scenario.clients:
        if client.arrivals.file is None:
            continue
        times = scenario.trace_of(client).times
        if times[-1] < begin or times[0] >= end:
            what = "its trace has no call on the days of the log, so it predicts none: name a "
            what += "scenario with laws, as creditsim fit writes it"
            raise InputError([Problem(f"clients.{client.name}", "", what)])


def _whole_days(replay: Replay, scenario: Scenario) -> WholeDays:
    """Return the whole local days of a log; ends where none can be judged."""
    found = WholeDays.of(replay.begin, replay.end, scenario)
    if found.days < 1:
        what = "has no whole day behind the first, which fills the pool: nothing can be judged"
        raise InputError([Problem("log", "", f"{what}, name more of it")])
    return found


@contextmanager
def _traced(replay: Replay) -> Iterator[list[dict[str, Any]]]:
    """Write a replay's traces to a folder that is there for a while; yield clients with them."""
    with TemporaryDirectory(prefix="creditsim-") as folder:
        files = [str(Path(folder, name)) for name in replay.files("replay")]
        for file, text in zip(files, replay.texts(), strict=True):
            Path(file).write_text(text, encoding="utf-8")
        yield replay.written(files)
