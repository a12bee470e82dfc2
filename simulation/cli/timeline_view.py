"""The timeline of available credits as a terminal shows it."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from simulation.experiment import RunResult
from simulation.formats import number, period, plural
from simulation.planning import timeline

__all__ = ["Timeline"]

_ROWS = 3
_BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " ..::||##"
_OFTEN = 0.05


class Timeline:
    """Available credits over time as blocks, with a mark wherever calls are throttled.

    Plain ASCII where the terminal, or the file behind a pipe, takes nothing else.
    """

    def __init__(self, result: RunResult, title: str) -> None:
        self._result = result
        self._title = title

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield its lines, as wide as the terminal, up to 100 columns."""
        scenario, count = self._result.scenario, len(self._result.runs)
        label = number(scenario.limit)
        width = max(10, min(options.max_width, 100) - len(label) - 1)
        line = timeline(self._result, most=width)
        blocks = _PLAIN if options.ascii_only else _BLOCKS
        levels = (line["median"] / max(1, scenario.limit) * _ROWS * 8).round().astype(int)
        throttled = line["throttled"].to_numpy()
        unit = period(scenario.counted)
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
