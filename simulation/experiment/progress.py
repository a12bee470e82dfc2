"""Progress of work whose length is not known yet."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Steps"]


class Steps:
    """A count of the steps done and of those expected, which it reports."""

    def __init__(self, progress: Callable[[int, int], None] | None = None) -> None:
        self._progress = progress
        self._done = self._known = 0

    def expect(self, more: int, later: int = 0) -> None:
        """Set how many steps come now, and about how many after them."""
        self._known = self._done + more + later

    def phase(self, name: str) -> None:
        """Name what the steps that follow do, to a progress that has a ``phase`` of its own."""
        tell = getattr(self._progress, "phase", None)
        if tell is not None:
            tell(name)

    def tick(self) -> None:
        """Note a step done."""
        self._done += 1
        self._known = max(self._known, self._done)
        if self._progress is not None:
            self._progress(self._done, self._known)
