"""Locks on folders: one writer at a time, and no reader while a result is put in place.

The lock is on the folder itself, so that no file is left behind and a reader needs no right to
write. The system releases the lock of a process that is killed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["held", "is_still", "open_folder", "try_lock"]

_LONGEST_WAIT_S = 60.0  # a suspended process may hold the lock for ever
_LOOK_EVERY_S = 0.01


def open_folder(folder: Path) -> int:
    """Return a descriptor of a folder."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)


def try_lock(descriptor: int, alone: bool = True) -> bool:
    """Return whether a folder was locked without waiting; closing the descriptor releases it."""
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        # On a file system without locks the last writer wins, as in 0.1.0.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def is_still(descriptor: int, folder: Path) -> bool:
    """Return whether the folder of this name is the one that was opened."""
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


@contextmanager
def held(folder: Path, alone: bool = False) -> Iterator[None]:
    """Hold a lock on a folder: alone to put a result in place, or with others to read it."""
    descriptor = _hold(folder, alone)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _hold(folder: Path, alone: bool) -> int | None:
    until = time.monotonic() + _LONGEST_WAIT_S
    while True:
        try:
            descriptor = open_folder(folder)
        except OSError:  # what the caller opens next will say why
            return None
        locked = try_lock(descriptor, alone)
        if (locked and is_still(descriptor, folder)) or time.monotonic() > until:
            return descriptor
        with suppress(OSError):
            os.close(descriptor)
        if not locked:
            time.sleep(_LOOK_EVERY_S)
