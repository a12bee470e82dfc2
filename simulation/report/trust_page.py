"""The page of a fit or a backtest: how far a scenario may be trusted, for who plans with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from simulation.formats import counted, listed
from simulation.report import trust_figures
from simulation.report.fit_in_words import fit_advice, fit_findings, what_was_read
from simulation.report.fit_tables import (
    CLIENT_COLUMNS,
    ESTIMATE_COLUMNS,
    assumptions,
    estimate_rows,
    fit_rows,
)
from simulation.report.page import environment, figures_as_json
from simulation.report.trust_in_words import (
    backtest_findings,
    backtest_table,
    comparison_findings,
)
from simulation.scenario import Scenario
from simulation.trust import Backtest, Comparison
from simulation.version import __version__

__all__ = ["trust_report"]

_MOST_NAMED = 3


class _Table(NamedTuple):
    """Rows under headings; ``words`` are the columns of words, which stand at the left."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[int] = (0,)


class _Section(NamedTuple):
    """A heading with a sentence, a picture, a list of sentences and a table; any may be missing."""

    id: str
    title: str
    text: str = ""
    has_figure: bool = False
    sentences: Sequence[str] = ()
    table: _Table | None = None
    is_folded: bool = False


def trust_report(
    scenario: Scenario,
    command: str,
    fit: Mapping[str, Any] | None = None,
    comparison: Comparison | None = None,
    backtest: Backtest | None = None,
    logs: Sequence[str] = (),
) -> str:
    """Return the page of a scenario beside logs, as HTML that needs nothing else.

    Parameters
    ----------
    scenario : Scenario
    command : str
        What made it.
    fit : mapping, optional
        The report of a fit.
    comparison : Comparison, optional
        The log beside the scenario that was fitted to it.
    backtest : Backtest, optional
        Days that the scenario had not seen.
    logs : sequence of str
        What the logs are called.
    """
    figures, sections = {}, list[_Section]()
    advice: list[str] = []
    if comparison is not None:
        advice += comparison_findings(comparison)
        has_counts = fit is not None and fit["bucket"] is not None  # within which no gap is known
        for id_, title, text, draw in _OF_COMPARISON:
            if has_counts and id_ == "gaps":
                continue
            sections.append(_Section(id_, title, text, has_figure=True))
            figures[id_] = draw(comparison)
    if fit is not None:
        advice += fit_advice(fit, scenario)
    if backtest is not None:
        found = backtest_findings(backtest)
        said_above = len(found) if fit is None else 1  # beside a fit, its verdict alone is advice
        advice += found[:said_above]
        table = _Table(*backtest_table(backtest))
        sections.append(_Section("peaks", _PEAKS, _ABOUT_PEAKS, True, found[said_above:], table))
        figures["peaks"] = trust_figures.daily_peaks(backtest, scenario.card.pool.unit)
    if fit is not None:
        sections += _of_fit(fit)
    html: str = (
        environment()
        .get_template("trust.html.j2")
        .render(
            title=_title(scenario, logs, fit is not None),
            about=[*_about(fit, backtest), f"The scenario: {scenario.outline()}."],
            advice=advice,
            sections=sections,
            figures=figures_as_json(figures),
            seed=scenario.seed,
            command=command,
            version=__version__,
            plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),
            plotly_file=None,
        )
    )
    return html


def _title(scenario: Scenario, logs: Sequence[str], is_fit: bool) -> str:
    """Return what the page is, with the names of the logs."""
    names = [Path(log).name for log in logs[:_MOST_NAMED]]
    if len(logs) > _MOST_NAMED:
        names.append(f"{len(logs) - _MOST_NAMED} more")
    named = listed(names) if names else "a log"
    return f"Fit of {named}" if is_fit else f"Backtest of {scenario.name} by {named}"


def _about(fit: Mapping[str, Any] | None, backtest: Backtest | None) -> Iterator[str]:
    """Yield what was read, and which days are judged."""
    if fit is not None:
        yield what_was_read(fit)
        left_out = sum(each["lines"] for each in fit["skipped"].values())
        without = f", {counted(left_out, 'line')} left out" if left_out else ""
        what = "rows of counts" if fit["bucket"] else "lines"
        zone = fit["timezone"]
        yield f"{fit['read']:,} {what} read{without}. Hours and days are those of {zone}."
    elif backtest is not None:
        days, first, last = len(backtest.dates), backtest.dates[0], backtest.dates[-1]
        yield f"{counted(days, 'day')} are judged, {first} to {last}."


def _of_fit(fit: Mapping[str, Any]) -> Iterator[_Section]:
    """Yield who calls, what was assumed, and how surely each number is known."""
    clients = _Table(CLIENT_COLUMNS, [*fit_rows(fit)], (0, 5))
    yield _Section("clients", "Who calls", _ABOUT_CLIENTS, table=clients)
    apps = _Table(("in the log", "in the scenario"), [*_apps(fit)], (0, 1))
    yield _Section("apps", "What the apps are called", table=apps)
    said = [*fit_findings(fit), *assumptions(fit)]
    yield _Section("assumed", "What was left out, and what is assumed", sentences=said)
    known = _Table(ESTIMATE_COLUMNS, [*estimate_rows(fit)], (0, 1, 5))
    yield _Section("known", _KNOWN, _ABOUT_KNOWN, table=known, is_folded=True)


def _apps(fit: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each app in the log, and the clients that stand for it."""
    for app in fit["clients"]:
        named = [each["client"] for each in app["components"]]
        is_merged = app["name_in_log"] == app["name"]
        yield (app["name_in_log"], ", ".join(named) or ("the same" if is_merged else app["name"]))


_PEAKS = "Days that were not fitted"
_ABOUT_PEAKS = (
    "The highest use of the pool on each day, if none were throttled: what was predicted, and what "
    "came. 19 of 20 simulated runs lie between the two numbers beside the prediction."
)
_ABOUT_CLIENTS = (
    "The clients of the scenario, below the app that they are of. Some calls come by the clock, at "
    "the same times, others by chance: how many those are a day is an estimate."
)
_KNOWN = "How surely each number is known"
_ABOUT_KNOWN = (
    "In 95 of 100 logs such an interval holds the true number. Where this log cannot tell a "
    "number, the reason stands in its place."
)
_ABOUT_ROLLING = (
    "What the calls of the pool's whole window took together, hour by hour. A pool that is smaller "
    "than the line throttles calls."
)
_ABOUT_SIZES = (
    "Three pools that are too small, with 75, 85 and 95 % of what the busiest time of the log "
    "took. A good model throttles as large a share of its calls as they would of the log's."
)
_ABOUT_GAPS = (
    "The share of gaps between calls that are longer than a time. Where the log lies lower, its "
    "calls come in bursts that the model lacks."
)
_OF_COMPARISON = (
    (
        "rolling",
        "Credits in use, if none were throttled",
        _ABOUT_ROLLING,
        trust_figures.rolling_demand,
    ),
    (
        "sizes",
        "What three pools would throttle",
        _ABOUT_SIZES,
        trust_figures.throttled_by_size,
    ),
    (
        "hours",
        "When calls come",
        "The mean number of calls in each hour of the week.",
        trust_figures.hours_of_week,
    ),
    (
        "gaps",
        "How close calls come together",
        _ABOUT_GAPS,
        trust_figures.gaps,
    ),
)
