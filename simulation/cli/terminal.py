"""Standard output and error, made safe: everything that is printed passes here.

Text of scenarios, logs and names of files may hold characters that a terminal obeys; they are shown
as escapes. Output that cannot be written, as on a full disk, ends the program with one line.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterable
from typing import TextIO, cast

from simulation.plain_text import neutral

__all__ = ["PrintError", "guard", "stop_printing", "unfiltered"]

_FLUSH_AFTER = 4096


class PrintError(Exception):
    """Raised when standard output takes no more; ``seen`` says whether it took any."""

    def __init__(self, reason: OSError, seen: bool) -> None:
        super().__init__((reason.strerror or str(reason)).lower())
        self.has_seen_enough = seen and reason.errno == errno.EPIPE


class _Guarded(io.TextIOBase):
    """A stream that raises `PrintError`; errors of standard error are dropped."""

    def __init__(self, stream: TextIO, quiet: bool) -> None:
        self._stream, self._quiet = stream, quiet
        self._waiting, self._seen = 0, False

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError as error:
            self._fail(error)
        self._waiting += len(text)
        if self._waiting > _FLUSH_AFTER:
            self.flush()
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)
        self._seen = self._seen or self._waiting > 0
        self._waiting = 0

    def _fail(self, error: OSError) -> None:
        if not self._quiet:
            raise PrintError(error, self._seen) from None

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self._stream.errors


class _Neutral(_Guarded):
    """A stream that escapes control characters; ``unfiltered`` takes those of our own colours."""

    def __init__(self, stream: TextIO, quiet: bool) -> None:
        self.unfiltered = cast("TextIO", _Guarded(stream, quiet))
        super().__init__(self.unfiltered, False)

    def write(self, text: str) -> int:
        super().write(neutral(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)


def unfiltered(stream: TextIO) -> TextIO:
    """Return a stream without the filter, for a writer that escapes control characters itself."""
    return stream.unfiltered if isinstance(stream, _Neutral) else stream


def guard() -> None:
    """Make standard output and standard error safe for text of any origin.

    Raises
    ------
    PrintError
        If standard output is closed.
    """
    if sys.stderr is None:  # closed; a file opened next would get its number
        os.open(os.devnull, os.O_WRONLY)
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open until the end
    closed = sys.stdout is None
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows "?" for it
        if stream is not None:
            setattr(sys, name, _Neutral(stream, quiet=name == "stderr"))
    if closed:
        raise PrintError(OSError(errno.EBADF, "it is closed"), False)


def stop_printing() -> None:
    """Discard what is not printed yet, so that exit raises no second error."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
