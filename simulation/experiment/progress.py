"""Progress of work whose length is not known yet."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

__all__ = ["Steps"]

_NEARLY = 1e-9  # parts of a step add up to a little less than one


class Steps:
    """A count of steps done and expected, and an estimate of the time left; it reports both.

    Parameters
    ----------
    progress : callable, optional
        Called with the steps done and those expected. If it has a ``phase``, that is called with
        what is done; if it has a ``left``, with about how many seconds are left, None where nothing
        tells it yet.

    Attributes
    ----------
    rest : float
        About how many seconds the work takes that follows all the steps expected.
    """

    def __init__(self, progress: Callable[[int, int], None] | None = None) -> None:
        self._progress = progress
        self._done = self._known = self._first = 0.0
        self._before: float | None = None  # seconds a step, before the last call of `expect`
        self._begun = monotonic()
        self.rest = 0.0

    @property
    def pace(self) -> float | None:
        """Seconds a step, of late; None before the first that tells."""
        done = self._done - self._first
        return (monotonic() - self._begun) / done if done > 0 else self._before

    def expect(self, more: int, later: int = 0, alike: bool = True) -> None:
        """Set how many steps come now, and about how many after them.

        Unless they are ``alike``, those before do not tell how long one takes.
        """
        self._before = self.pace if alike else None
        self._first, self._begun = self._done, monotonic()
        self._known = self._done + more + later
        self._tell("left", self._left())

    def phase(self, name: str) -> None:
        """Name what the steps that follow do."""
        self._tell("phase", name)

    def tick(self, part: float = 1.0) -> None:
        """Note a step done, or a part of one."""
        self._done += part
        self._known = max(self._known, self._done)
        self._tell("left", self._left())
        if self._progress is not None:
            self._progress(int(self._done + _NEARLY), round(self._known))

    def _left(self) -> float | None:
        pace = self.pace
        return None if pace is None else (self._known - self._done) * pace + self.rest

    def _tell(self, name: str, what: object) -> None:
        tell = getattr(self._progress, name, None)
        if tell is not None:
            tell(what)
