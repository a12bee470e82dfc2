"""The timeline of available credits as a terminal shows it."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from simulation.formats import number, plural

__all__ = ["Timeline"]

_ROWS = 3
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " ..::||##"
_OFTEN = 0.05


class Timeline:
    """Available credits over time as blocks, with a mark wherever calls are throttled.

    Plain ASCII where the terminal, or the file behind a pipe, takes nothing else.

    Parameters
    ----------
    title : str
    limit : int
        The size of the pool that is shown, credits.
    unit : str
        What one run is called: `simulation.formats.period`.
    replications : int
        How many the timeline is of.
    line : callable
        Given how many columns there are, returns a timeline of as many rows at most.
    """

    def __init__(
        self,
        title: str,
        limit: int,
        unit: str,
        replications: int,
        line: Callable[[int], pd.DataFrame],
    ) -> None:
        self._title, self._limit, self._unit = title, limit, unit
        self._replications, self._line = replications, line

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as the terminal is, up to 100 columns."""
        unit, count = self._unit, self._replications
        label = number(self._limit)
        width = max(10, min(options.max_width, 100) - len(label) - 1)
        line = self._line(width)
        blocks = _PLAIN if options.ascii_only else _BLOCKS
        levels = (line["median"] / max(1, self._limit) * _ROWS * 8).round().astype(int)
        throttled = line["throttled"].to_numpy()
        runs = f"median of {count:,} simulated {plural(unit)}" if count > 1 else f"one {unit}"
        yield Text(f"{self._title}, {runs}", style="bold")
        for row in range(_ROWS - 1, -1, -1):
            side = label if row == _ROWS - 1 else "0" if row == 0 else ""
            text = Text(f"{side:>{len(label)}} ", style="dim")
            for level, share, pale in zip(levels, throttled, line["warming"], strict=True):
                block = blocks[min(8, max(0, level - 8 * row))]
                colour = "red" if share >= _OFTEN else "blue"
                text.append(block, style=f"dim {colour}" if pale else colour)
            yield text
        first, last = line["start"].iloc[0], line["start"].iloc[-1]
        begins, ends = f"{first.day} {first:%b}", f"{last.day} {last:%b}"
        often = throttled >= _OFTEN
        indent = " " * (len(label) + 1)
        if often.any():
            marks = "".join("!" if share else " " for share in often)
            yield Text(indent + marks.rstrip(), style="red")
        note = "! calls are throttled" if often.any() else ""
        middle = max(len(note) + 2, len(line) - len(begins) - len(ends))
        yield Text(f"{indent}{begins}{note:^{middle}}{ends}\n", style="dim")
