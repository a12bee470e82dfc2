"""What the terminal shows: findings first, then tables, at 80 columns and plain when piped."""

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
"""What a table says of the sizes that it marks so."""


class Console(_Console):
    """A console that reads no name as markup and obeys no character in it.

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
        """Yield what is printed; colours are added to it later."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=neutral(segment.text))


def table_of(*headings: str, title: str | None = None) -> Table:
    """Return an empty table: text in the first column, numbers in the others."""
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    first, *others = headings
    table.add_column(first, overflow="ellipsis")  # alone gives way where the terminal is narrow
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
