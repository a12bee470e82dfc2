"""The page of a portfolio: what to do for each org, to sort and to search, with links."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulation.report.page import environment
from simulation.report.portfolio_in_words import portfolio_findings
from simulation.version import __version__

__all__ = ["write_portfolio_page"]

_STATES = {
    "none_needed": "no add-on credits needed",
    "buy": "add-on credits needed",
    "not_reachable": "no purchase is enough",
    "failed": "failed",
    "pending": "not planned yet",
}


def write_portfolio_page(
    file: Path, totals: dict[str, Any], orgs: Iterator[dict[str, Any]]
) -> None:
    """Write the page while the orgs come, in little memory.

    Parameters
    ----------
    file : Path
    totals : dict
        As in ``totals.json``.
    orgs : iterator of dict
        Of each org its ``row`` of the portfolio table, and whether it has a ``report``.
    """
    page = environment().get_template("portfolio.html.j2")
    parts = page.stream(
        totals=totals,
        findings=portfolio_findings(totals),
        states=_STATES,
        orgs=orgs,
        version=__version__,
    )
    # Thousands of orgs make a long page: it is never in memory as one text.
    parts.enable_buffering(200)
    with file.open("w", encoding="utf-8") as text:
        text.writelines(parts)
