"""The console and the tables of all views: at 80 columns, and plain when piped."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich import box
from rich.console import Console as _Console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table

from simulation.cli.terminal import unfiltered
from simulation.plain_text import neutral

__all__ = ["NOT_DECIDED", "Console", "table_of"]

NOT_DECIDED = "?: not decided; fewer may be enough, or this may not be"
"""The caption of a table that marks sizes with ``?``."""


class Console(_Console):
    """A console that takes names as text: as no markup, and with no control character obeyed.

    Parameters
    ----------
    stderr : bool
        Whether it writes to standard error.
    """

    def __init__(self, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        super().__init__(file=unfiltered(stream), markup=False, highlight=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield segments of neutral text; rich adds colours to them later."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=neutral(segment.text))


def table_of(*headings: str, title: str | None = None) -> Table:
    """Return an empty table: text in the first column, numbers in the others."""
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    first, *others = headings
    table.add_column(first, overflow="ellipsis")  # the only one that shrinks on a narrow terminal
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
