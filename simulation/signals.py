"""Signals that ask a command to end: it cleans up, and its exit code names the signal.

While a command works these signals raise `Stopped`, so that open files are closed, temporary files
are removed, and workers end. Before and after, the system ends the process, at once and silently.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = [
    "STOPPING",
    "Stopped",
    "exit_code",
    "held_back",
    "interrupt_behind",
    "leave_to_the_system",
    "stoppable",
]

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, the request of `kill` and service managers to end, and the closing of a terminal."""

_INTERRUPTED = 128 + signal.SIGINT


class Stopped(KeyboardInterrupt):
    """A signal asked to end. SimPy raises a copy made of its arguments, so it takes the number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number

    def __str__(self) -> str:
        """Return an empty text, as a KeyboardInterrupt has."""
        return ""


def exit_code(interrupt: BaseException) -> int:
    """Return the exit code of a command that was stopped: 128 plus the signal's number."""
    error: BaseException | None = interrupt
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return _INTERRUPTED if error is None else error.code


def interrupt_behind(error: SystemError) -> KeyboardInterrupt | None:
    """Return the interrupt that came while a compiled function made its result, if one did.

    Python then reports a SystemError, since the function has a result and an exception.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__
    return cause


def _stop(number: int, _: FrameType | None) -> None:
    """Raise `Stopped`, unless one is being handled: cleaning up must not be cut short."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, Stopped):
            return
        error = error.__context__
    raise Stopped(number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let the signals raise `Stopped`, except those that this process was started to ignore."""
    if threading.current_thread() is not threading.main_thread():  # which alone can set handlers
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    mine = [number for number, action in before.items() if action not in (signal.SIG_IGN, None)]
    for number in mine:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])


def leave_to_the_system() -> None:
    """Let Ctrl-C end this process as the system does, in place of a traceback of imports."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[None]:
    """Block the signals; processes that are started meanwhile inherit the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
