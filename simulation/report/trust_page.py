"""The page of a fit or a backtest: how far a scenario may be trusted, for who plans with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from simulation.report import trust_figures
from simulation.report.fit_in_words import fit_findings, fit_rows
from simulation.report.page import environment, figures_as_json
from simulation.report.trust_in_words import (
    backtest_findings,
    backtest_rows,
    comparison_findings,
)
from simulation.scenario import Scenario
from simulation.trust import Backtest, Comparison
from simulation.version import __version__

__all__ = ["trust_report"]


def trust_report(
    scenario: Scenario,
    command: str,
    fit: Mapping[str, Any] | None = None,
    comparison: Comparison | None = None,
    backtest: Backtest | None = None,
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
    """
    sections: list[tuple[str, str, str]] = []
    figures = {}
    advice: list[str] = []
    if comparison is not None:
        advice += comparison_findings(comparison)
        has_counts = fit is not None and fit["bucket"] is not None  # within which no gap is known
        for id_, title, text, draw in _OF_COMPARISON:
            if has_counts and id_ == "gaps":
                continue
            sections.append((id_, title, text))
            figures[id_] = draw(comparison)
    if backtest is not None:
        advice += backtest_findings(backtest)
        sections.append(("peaks", "Days that were not fitted", _ABOUT_PEAKS))
        figures["peaks"] = trust_figures.daily_peaks(backtest, scenario.card.pool.unit)
    html: str = (
        environment()
        .get_template("trust.html.j2")
        .render(
            scenario=scenario,
            org=scenario.outline(),
            advice=advice,
            fitted=[] if fit is None else fit_findings(fit),
            clients=[] if fit is None else list(fit_rows(fit)),
            days=[] if backtest is None else backtest_rows(backtest),
            sections=sections,
            figures=figures_as_json(figures),
            command=command,
            version=__version__,
            plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")),
            plotly_file=None,
        )
    )
    return html


_ABOUT_PEAKS = (
    "The highest use of the pool on each day, if none were refused: what was predicted, and what "
    "came."
)
_OF_COMPARISON = (
    (
        "rolling",
        "Credits in use, if none were refused",
        "What the calls of one window took together, at each hour. A pool of less throttles.",
        trust_figures.rolling_demand,
    ),
    (
        "sizes",
        "What three pools would throttle",
        "Pools of 75, 85 and 95 % of the log's highest demand, for log and model.",
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
        "The share of gaps that are longer than a time. Where the log lies lower, it has bursts.",
        trust_figures.gaps,
    ),
)
