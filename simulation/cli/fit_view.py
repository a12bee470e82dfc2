"""What the terminal shows of a fit: who calls, how much, and how surely that is known."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from simulation.cli.console import table_of
from simulation.fitting import Fit
from simulation.report import fit_findings, fit_rows

__all__ = ["fit_view"]


def fit_view(found: Fit) -> RenderableType:
    """Return what a fit means, and a table of its clients."""
    table = table_of("client", "calls a day", "95 % from", "to", "share", "by", title="Who calls")
    for row in fit_rows(found.report):
        table.add_row(*row)
    said = fit_findings(found.report)
    return Group(Text(" ".join(said[:2]), style="bold"), *map(Text, said[2:]), Text(""), table)
