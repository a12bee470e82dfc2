"""What the terminal shows of a fit: who calls, how much, and how surely that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from simulation.cli.console import table_of
from simulation.report import (
    CLIENT_COLUMNS,
    backtest_findings,
    backtest_table,
    comparison_findings,
    fit_advice,
    fit_findings,
    fit_rows,
    what_was_read,
)

if TYPE_CHECKING:
    from simulation.fitting import Fit
    from simulation.trust import Backtest, Comparison

__all__ = ["backtest_view", "fit_view"]

_MOST_NAMED = 8
_NAME = 16  # characters of a client's name that are shown at least
_DAYS = (
    "Highest use: of the pool on that day, if no call were throttled. 19 of 20 runs: the range in "
    "which 19 of 20 simulated runs lie."
)


def fit_view(
    found: Fit, comparison: Comparison | None, predicted: Backtest | None
) -> RenderableType:
    """Return what a fit means, a table of its clients, and how far it may be trusted."""
    *headings, when = CLIENT_COLUMNS
    table = table_of(*map(_folded, headings), title="Who calls")
    table.columns[0].min_width = _NAME
    # When calls come is text, which goes on in a second line where the terminal is narrow.
    table.add_column(when, overflow="fold")
    for row in fit_rows(found.report):
        table.add_row(*row)
    first = what_was_read(found.report)
    others = [*fit_advice(found.report, found.scenario), *fit_findings(found.report)]
    parts: list[RenderableType] = [Text(first, style="bold"), *map(Text, others), Text(""), table]
    if logged := _logged(found):
        parts.append(Text(logged))
    if comparison is not None:
        first, *others = comparison_findings(comparison)
        parts += [Text(""), Text(first, style="bold"), *map(Text, others)]
    if predicted is not None:
        parts += [Text(""), backtest_view(predicted)]
    return Group(*parts)


def _logged(found: Fit) -> str:
    """Return what the log calls the apps, where the scenario names them otherwise."""
    named = [f"{app.name} is {app.usage.name}" for app in found.apps if app.name != app.usage.name]
    shown = "; ".join(named[:_MOST_NAMED])
    more = f"; {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f"In the log {shown}{more}. Add --keep-names to write these names." if named else ""


def backtest_view(found: Backtest) -> RenderableType:
    """Return what predictions were worth, and a table of the days."""
    headings, rows = backtest_table(found)
    table = table_of(*map(_folded, headings), title="Days that were not fitted")
    for row in rows:
        table.add_row(*row)
    first, *others = backtest_findings(found)
    return Group(Text(first, style="bold"), *map(Text, others), Text(""), table, Text(_DAYS))


def _folded(heading: str) -> str:
    """Return a heading on two lines, so that all columns fit a terminal."""
    words = heading.split()
    half = (len(words) + 1) // 2
    return f"{' '.join(words[:half])}\n{' '.join(words[half:])}" if len(words) > 1 else heading
