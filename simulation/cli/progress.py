"""The progress bar of a command, on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from math import ceil

from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from simulation.cli.console import Console

__all__ = ["Watch", "progress"]

_QUICK_S = 1.0


class Watch:
    """What a command tells of its work: steps, phases, the time left, and messages.

    It is called as `advance` is.

    Parameters
    ----------
    name : str
        What is done at first.
    say : callable
        Prints a message.
    show : callable, optional
        Called whenever something is noted.

    Attributes
    ----------
    name : str
        What is done now.
    done : int
        The steps done.
    part : float
        The share of the whole time that is over, as far as it is known; it never falls.
    """

    def __init__(
        self, name: str, say: Callable[[str], None], show: Callable[[], None] | None = None
    ) -> None:
        self.name, self.say, self._show = name, say, show
        self.done, self.part = 0, 0.0
        self._begun = time.monotonic()
        self._first: tuple[float, int] | None = None
        self._due: float | None = None
        self._is_told = False

    def __call__(self, done: int, of: int) -> None:
        """Note how much is done."""
        self.advance(done, of)

    def advance(self, done: int, of: int) -> None:
        """Note how much is done; that tells the time left where nothing else does."""
        self.done, now = done, time.monotonic()
        if self._first is None:
            self._first = now, done  # what comes before it, such as pilot runs, comes once
        begun, before = self._first
        if not self._is_told and done > before:
            self._due = now + (now - begun) / (done - before) * (of - done)
        self._note()

    def phase(self, name: str) -> None:
        """Name what is done now."""
        self.name = name
        self._note()

    def left(self, seconds: float | None) -> None:
        """Note about how many seconds are left, None where that is unknown."""
        self._is_told = True
        self._due = None if seconds is None else time.monotonic() + seconds
        self._note()

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begun

    @property
    def seconds_left(self) -> int | None:
        """About how many are left; None where that is unknown."""
        return None if self._due is None else max(0, ceil(self._due - time.monotonic()))

    def _note(self) -> None:
        # More work may turn out to be needed; then the bar waits, and never runs backwards.
        if self._due is not None and self._due > self._begun:
            part = self.seconds / (self._due - self._begun)
            self.part = max(self.part, min(1.0, part))
        if self._show is not None:
            self._show()


class _Left(ProgressColumn):
    """The time left, which runs down between steps."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Return it as hours, minutes and seconds."""
        left = self._watch.seconds_left
        return Text("-:--:--" if left is None else str(timedelta(seconds=left)))


@contextmanager
def progress(what: str, unit: str) -> Iterator[Watch]:
    """Provide a `Watch`, whose bar appears on a terminal's stderr after a second of work."""
    console = Console(stderr=True)

    def show() -> None:
        if not bar.live.is_started and watch.seconds > _QUICK_S:
            bar.start()
        bar.update(task, description=watch.name, completed=watch.part, done=watch.done)

    watch = Watch(what, console.print, show)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(f"{{task.fields[done]:,}} {unit}s done"),
        _Left(watch),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what, total=1.0, done=0)
    try:
        yield watch
    finally:
        bar.stop()
