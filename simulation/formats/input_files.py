"""Reading of files: regular ones, of a bounded size, from where they may lie.

Scenarios come by mail. So only regular files are opened, each is no larger than a file of its kind
may be, and a confined scenario names files of its own folder alone.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from simulation.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ANYWHERE",
    "MOST_MEGABYTES",
    "TRACE_MEGABYTES",
    "Access",
    "named_path",
    "open_bytes",
    "open_text",
    "read_text",
    "real_path",
    "shorten_it",
    "shown",
]

TRACE_MEGABYTES = 50
MOST_MEGABYTES = {
    "scenario": 10,
    "rate card": 1,
    "register": 1,
    "table of calls": 1,
    "portfolio": 50,
    "trace": TRACE_MEGABYTES,
}
"""The largest file of each kind, in millions of bytes."""


class Access(NamedTuple):
    """Which files a scenario may name.

    Attributes
    ----------
    confined : bool
        Whether rate card and traces have to lie in the scenario's folder, links followed.
    trace_megabytes : int or None
        The largest trace, in millions of bytes; None for no bound.
    chosen : str
        A file that the user has named beside the scenario, which may lie anywhere.
    """

    confined: bool = False
    trace_megabytes: int | None = TRACE_MEGABYTES
    chosen: str = ""

    def check(self, folder: Path, file: str) -> None:
        """Raise InputError where a scenario in this folder may not name this file."""
        if not self.confined or file == self.chosen:
            return
        try:
            inside = real_path(folder / file).is_relative_to(real_path(folder))
        except (OSError, ValueError):
            inside = False
        if not inside:
            what = f"{file!r} lies outside the scenario's folder, move it there"
            raise InputError(f"{what}, or allow it with --no-confined")


ANYWHERE = Access()
"""Lets a scenario name files wherever they lie."""


def real_path(path: Path) -> Path:
    """Return a path without links, also where links go in a circle.

    `Path.resolve` raises RuntimeError for those before Python 3.13.
    """
    return Path(os.path.realpath(path))


def shown(path: Path | str) -> str:
    r"""Return a path as text that can be printed and stored; bytes that are no UTF-8 are escaped.

    >>> shown("caf\udce9/a.yaml")
    'caf\\udce9/a.yaml'
    """
    return str(path).encode("utf-8", "backslashreplace").decode()


def named_path(path: Path | str, name: str) -> Path:
    """Return the path that an argument gives.

    Raises
    ------
    InputError
        If it is empty, as a variable of the shell is that is not set: `Path` would take it for the
        current folder.
    """
    if not str(path):
        what = "is empty, write a path; the variable that should hold it may not be set"
        raise InputError([Problem(name, "", what)])
    return Path(path)


@contextmanager
def open_bytes(path: Path, kind: str, megabytes: int | None) -> Iterator[BufferedReader]:
    """Open a regular file of at most ``megabytes`` millions of bytes.

    Raises
    ------
    InputError
        If there is no such file, it is another thing than a file, or too large.
    """
    try:
        what = _refusal_of_name(path, kind) or _refusal(path.stat(), kind, megabytes)
        if not what:
            with open(path, "rb", opener=_at_once) as file:
                what = _refusal(os.fstat(file.fileno()), kind, megabytes)
                if not what:
                    yield file
                    return
    except FileNotFoundError:
        what = f"there is no such file, name a {kind} file"
    except OSError as error:
        what = f"cannot be read ({(error.strerror or 'unreadable').lower()}), name a {kind} file"
    raise InputError([Problem(shown(path), "", what)])


@contextmanager
def open_text(
    path: Path, kind: str, megabytes: int | None, newline: str | None = "", errors: str = "strict"
) -> Iterator[TextIO]:
    """Open a regular file as `open_bytes` does, as UTF-8 text.

    Raises
    ------
    InputError
        As `open_bytes`, and if the file is no UTF-8 text.
    """
    try:
        with (
            open_bytes(path, kind, megabytes) as file,
            TextIOWrapper(file, encoding="utf-8-sig", errors=errors, newline=newline) as text,
        ):
            yield text
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text (byte {error.start}), save it as UTF-8"
        raise InputError([Problem(shown(path), "", what)]) from None


def read_text(path: Path, kind: str, errors: str = "strict") -> str:
    """Return the text of a file; see `open_text` for what is refused."""
    megabytes = MOST_MEGABYTES[kind]
    with open_text(path, kind, megabytes, newline=None, errors=errors) as text:
        return text.read(megabytes * 1_000_000)


def _refusal_of_name(path: Path, kind: str) -> str:
    """Return why no file can have this name, or nothing."""
    try:
        possible = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        possible = False
    return "" if possible else f"is no name that a file can have, name a {kind} file"


def _at_once(path: str, flags: int) -> int:
    """Return a descriptor, without waiting if a pipe has replaced the file since it was checked."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def shorten_it(kind: str) -> str:
    """Return what to do with a file that is too large for its kind."""
    return "shorten it" + ", or allow more with --trace-megabytes" * (kind == "trace")


def _refusal(found: os.stat_result, kind: str, megabytes: int | None) -> str:
    """Return why a file is not read, or nothing."""
    if stat.S_ISDIR(found.st_mode):
        return f"cannot be read (it is a folder), name a {kind} file"
    if not stat.S_ISREG(found.st_mode):
        return f"cannot be read (it is a device or a pipe), name a {kind} file"
    if megabytes is not None and found.st_size > megabytes * 1_000_000:
        size = found.st_size / 1_000_000
        return f"has {size:,.1f} MB, a {kind} file has at most {megabytes}: {shorten_it(kind)}"
    return ""
