"""The progress bar of a command, on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulation.cli.console import Console

__all__ = ["Watch", "progress"]

_QUICK_S = 1.0


@dataclass(frozen=True)
class Watch:
    """Progress callbacks: ``advance(done, total)`` and ``say(message)``."""

    advance: Callable[[int, int], None]
    say: Callable[[str], None]


@contextmanager
def progress(what: str, unit: str) -> Iterator[Watch]:
    """Provide a `Watch`, whose bar appears on a terminal's stderr after a second of work."""
    console = Console(stderr=True)
    begun = time.monotonic()
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}s"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what)

    def advance(done: int, of: int) -> None:
        if not bar.live.is_started and time.monotonic() - begun > _QUICK_S:
            bar.start()
        bar.update(task, completed=done, total=of)

    try:
        yield Watch(advance, bar.console.print)
    finally:
        bar.stop()
