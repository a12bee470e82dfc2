"""The progress bar of a command, on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from simulation.cli.console import Console

__all__ = ["Watch", "progress"]

_QUICK_S = 1.0


@dataclass(frozen=True)
class Watch:
    """Progress callbacks: ``advance(done, total)``, ``phase(name)`` and ``say(message)``.

    It is called as ``advance`` is.
    """

    advance: Callable[[int, int], None]
    phase: Callable[[str], None]
    say: Callable[[str], None]

    def __call__(self, done: int, of: int) -> None:
        """Note how much is done."""
        self.advance(done, of)


@contextmanager
def progress(what: str, unit: str) -> Iterator[Watch]:
    """Provide a `Watch`, whose bar appears on a terminal's stderr after a second of work."""
    console = Console(stderr=True)
    begun = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.fields[done]:,}} {unit}s done"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=1.0, done=0)
    furthest = 0.0

    def advance(done: int, of: int) -> None:
        nonlocal furthest
        # More work may turn out to be needed; then the bar waits, and never runs backwards.
        furthest = max(furthest, done / max(1, of))
        if not bar.live.is_started and time.monotonic() - begun > _QUICK_S:
            bar.start()
        bar.update(task, completed=furthest, done=done)

    def phase(name: str) -> None:
        bar.update(task, description=name)

    try:
        yield Watch(advance, phase, bar.console.print)
    finally:
        bar.stop()
