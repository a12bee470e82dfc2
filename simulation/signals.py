"""Signals that ask a command to end: it undoes what it has begun, and its exit code names them.

While a command works such a signal raises `Stopped`, so that whatever is open is closed, temporary
files go, and workers end. Before and after, the system ends the process, at once and in silence.
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
"""Ctrl-C, the request to end that `kill` and service managers send, and a terminal that closes."""

_INTERRUPTED = 128 + signal.SIGINT


class Stopped(KeyboardInterrupt):
    """A signal asked to end; SimPy makes it anew from its arguments where a client was at work."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number

    def __str__(self) -> str:
        """Return nothing to say, as that of Ctrl-C."""
        return ""


def exit_code(interrupt: BaseException) -> int:
    """Return what a command that was stopped exits with: 128 and the signal's number."""
    error: BaseException | None = interrupt
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return _INTERRUPTED if error is None else error.code


def interrupt_behind(error: SystemError) -> KeyboardInterrupt | None:
    """Return the interrupt that came up while a compiled function made its result, if one did.

    Python then says that there is a result and an exception: both cannot be.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__
    return cause


def _stop(number: int, _: FrameType | None) -> None:
    """Raise `Stopped`, unless that is on its way: what is being undone is undone in peace."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, Stopped):
            return
        error = error.__context__
    raise Stopped(number)


@contextmanager
def stoppable() -> Iterator[None]:
    """Have the signals raise `Stopped`, but for those that this process was told to ignore."""
    if threading.current_thread() is not threading.main_thread():  # Python hands it all signals
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
    """Let the signals wait; processes that are started meanwhile never see them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
