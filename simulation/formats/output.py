"""Writing of results: whole or not at all, and never over the user's own files.

A result is written into a folder of its own inside the folder that the user named, and takes
effect by one rename. Where nothing else lies in the user's folder, the two change places. Where
something does, or where the folder cannot be replaced (it is the current one, or the root of a
file system), the rename gives the new folder the name `.creditsim.new`: from then on its files are
the result, for `reading` and for the next writer, and they are moved to their places one by one.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Literal

from simulation.errors import OutputError, Problem
from simulation.formats.folder_lock import held, is_still, open_folder, try_lock
from simulation.formats.input_files import real_path
from simulation.formats.written import (
    PLAN_FILES,
    RUN_FILES,
    digest,
    mark_folder,
    marked,
    ours,
)

__all__ = [
    "OutputFolder",
    "reading",
    "reason_of",
    "refuse_foreign",
    "refused",
    "short",
    "stamp",
    "writable",
]

_PART, _NEW, _GONE = ".creditsim.part", ".creditsim.new", ".gone"
_EXCHANGE = 2
_HERE = -100

Stamp = tuple[int, int] | None


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one line that names the folder of results.

    Raises
    ------
    OutputError
        In place of an OSError.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, OutputError):
            raise
        raise _not_written(path, error) from None


def _not_written(folder: Path, error: Exception) -> OutputError:
    what = f"cannot be written ({reason_of(error)}), name another folder or make room"
    return refused(folder, what)


def reason_of(error: Exception) -> str:
    """Return the system's words for what is wrong with a file."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def refused(path: Path, what: str) -> OutputError:
    """Return an error about a file or folder for results."""
    return OutputError([Problem(str(path), "", what)])


class OutputFolder:
    """Writes the files of a result aside, and puts them in place together when all is done.

    Until then, and after any failure, what the folder held before is still there, whole.

    Parameters
    ----------
    folder : Path
    names : collection of str
        The files that will be written.
    force : bool
        Whether files of these names that this tool did not write are replaced.

    Attributes
    ----------
    placed : bool
        Whether the result has taken effect.

    Raises
    ------
    OutputError
        If the folder cannot be written, now or later, as on a full disk; if
        another run writes to it; or if it holds files of these names of the user's own.
    """

    def __init__(
        self,
        folder: Path,
        names: Collection[str],
        force: bool = False,
    ) -> None:
        self.folder = folder
        self.placed = False
        self._names, self._force = {*names}, force
        self._hashes: dict[str, str] = {}
        self._home = self._part = folder
        self._lock, self._is_new = -1, False

    def __enter__(self) -> OutputFolder:
        with writable(self.folder):
            self._is_new = not self.folder.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            self._home = real_path(self.folder)
            self._part = self._home / _PART
            self._begin()
        return self

    def _begin(self) -> None:
        while self._lock < 0:
            with held(self._home):  # so that no run renames its part meanwhile
                self._part.mkdir(exist_ok=True)
                lock = open_folder(self._part)
                if not try_lock(lock):
                    os.close(lock)
                    what = "another run or plan is writing to it, wait for it"
                    raise refused(self.folder, f"{what} or name another folder")
                if is_still(lock, self._part):
                    self._lock = lock
                else:
                    os.close(lock)
        try:
            with held(self._home, alone=True):
                _tidy_up(self._home)
            refuse_foreign(self.folder, self._names, self._force)
        except BaseException:
            self._end()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> Literal[False]:
        try:
            if kind is None:
                with writable(self.folder):
                    self._put_in_place()
        finally:
            self._end()
        if isinstance(error, OSError):
            raise _not_written(self.folder, error) from error
        return False

    def _end(self) -> None:
        if is_still(self._lock, self._part):  # unless it was renamed to be the result
            shutil.rmtree(self._part, ignore_errors=True)
        os.close(self._lock)
        if self._is_new and not self.placed:
            with suppress(OSError):  # another run may have begun to write to it
                self._home.rmdir()

    def part(self, name: str) -> Path:
        """Return the path at which to write a file until it is put in place."""
        return self._part / name

    def hashes(self) -> dict[str, str]:
        """Return a hash by name of each file written so far; each must be finished."""
        for file in sorted(self._part.iterdir()):
            if file.name not in self._hashes:
                self._hashes[file.name] = digest(file)
        return {**self._hashes}

    def _put_in_place(self) -> None:
        hashes = self.hashes()
        with held(self._home, alone=True):
            if not self._force and (foreign := _foreign(self._home, hashes)):
                raise self._set_aside(foreign[0])
            before = ours(self._home)
            gone = self._outdated(hashes, before)
            stay = before - gone - {*hashes}
            hashes |= {name: digest(self._home / name) for name in stay}
            mark_folder(self._part, hashes)
            if not self._exchanged(before, stay):
                _write_names(self._part / _GONE, gone)
                self._part.rename(self._home / _NEW)
                self.placed = True
                _settle(self._home)

    def _outdated(self, hashes: dict[str, str], before: set[str]) -> set[str]:
        """Return the files of an earlier result that are none of this one.

        A run and a plan of the same scenario are one result; a page shows what was there.
        """
        scenario = "scenario.yaml"
        if scenario not in hashes:
            return set()
        same = scenario in before and digest(self._home / scenario) == hashes[scenario]
        others = set() if same else {*RUN_FILES, *PLAN_FILES}
        pages = {name for name in before if name.endswith(".html") and name != "portfolio.html"}
        return before & (others | pages | self._names) - {*hashes}

    def _set_aside(self, name: str) -> OutputError:
        """Keep a result beside a file of the user's own that took its place; return the error."""
        count = 1
        while os.path.lexists(self._home / f"result-{count}"):
            count += 1
        self._part.rename(self._home / f"result-{count}")
        what = f"{name} was written by another meanwhile, the result is in its folder"
        return refused(self.folder, f"{what} result-{count}")

    def _exchanged(self, before: set[str], stay: set[str]) -> bool:
        """Return whether the folders of the new and the old result changed places in one step."""
        home = self._home
        there = {path.name for path in home.iterdir()} - {_PART}
        if there - before or home.samefile(Path.cwd()) or home.is_mount():
            return False
        beside = _beside(home)
        try:
            for name in stay:
                (self._part / name).hardlink_to(home / name)
            shutil.copymode(home, self._part)
            self._part.rename(beside)
            try:
                _exchange(beside, home)
            except OSError:
                beside.rename(self._part)
                raise
        except OSError:
            for name in stay:
                (self._part / name).unlink(missing_ok=True)
            return False
        self.placed = True
        _empty(beside, home, before)
        return True


def refuse_foreign(folder: Path, names: Collection[str], force: bool = False) -> None:
    """Refuse to write files of these names where one of them is the user's own.

    Raises
    ------
    OutputError
        If it has, and ``force`` is not set; in any case if one of them is a folder.
    """
    foreign = _foreign(folder, names)
    for name in foreign:
        if (folder / name).is_dir():
            what = f"holds a folder of the name {name}, name another folder for results"
            raise refused(folder, what)
    if foreign and not force:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        what = f"holds {foreign[0]}{more} that creditsim did not write or that was changed since"
        raise refused(folder, f"{what}, name another folder or add --force")


def _foreign(folder: Path, names: Collection[str]) -> list[str]:
    """Return which files of these names in a folder are the user's own."""
    there = {name for name in names if os.path.lexists(folder / name)}
    return sorted(there - ours(folder, there))


def _beside(home: Path) -> Path:
    """Return the path of a folder in the moment before, or after, it is the result."""
    return home.with_name(f".creditsim-{short(home)}.part")


def short(path: Path) -> str:
    """Return 12 digits in place of a name, which may be too long to add to."""
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]


def _exchange(one: Path, other: Path) -> None:
    """Exchange the names of two folders in one step, which Linux alone can."""
    change = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if change is None:
        raise OSError("not to be had here")
    if change(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _empty(folder: Path, home: Path, names: Collection[str]) -> None:
    """Remove the folder of an old result; files that came into it meanwhile move to the new one."""
    for path in folder.iterdir():
        if path.name in names:
            path.unlink()
        elif not os.path.lexists(home / path.name):
            path.rename(home / path.name)
    with suppress(OSError):  # it stays if it is not empty
        folder.rmdir()


def _write_names(file: Path, names: Collection[str]) -> None:
    file.write_bytes(b"\0".join(map(os.fsencode, sorted(names))))


def _read_names(file: Path) -> list[str]:
    try:
        return [os.fsdecode(name) for name in file.read_bytes().split(b"\0") if name]
    except FileNotFoundError:
        return []


def _settle(home: Path) -> None:
    """Move the files of a result that has taken effect to its folder, or the rest of them."""
    new = home / _NEW
    for name in _read_names(new / _GONE):
        (home / name).unlink(missing_ok=True)
    for file in new.iterdir():
        if file.name != _GONE:
            file.replace(home / file.name)
    if (hashes := marked(new)) is not None:
        mark_folder(home, hashes)
    (new / _GONE).unlink(missing_ok=True)
    new.rmdir()


def _tidy_up(home: Path) -> None:
    """Put right what a killed run left behind; the caller has the writer's lock."""
    if (home / _NEW).is_dir():
        _settle(home)
    beside = _beside(home)
    if beside.is_dir():
        _empty(beside, home, {path.name for path in beside.iterdir() if _is_result(path)})
    for left in (home / _PART).iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    for left in home.glob(".calls-*/"):
        if all(path.suffix == ".arrow" for path in left.iterdir()):
            shutil.rmtree(left)
    for name in {*RUN_FILES, *PLAN_FILES, "report.html"}:  # as 0.1.0 named them
        (home / f".{name}.part").unlink(missing_ok=True)


def _is_result(path: Path) -> bool:
    """Return whether a file that a killed run left is one of its own."""
    return path.name in {*RUN_FILES, *PLAN_FILES, _GONE} or path.name in ours(path.parent)


@contextmanager
def reading(folder: Path) -> Iterator[Callable[[str], Path]]:
    """Yield a function from a file's name to its path; all files are of one result.

    Meanwhile no other result is put in place. Where the placing of one was cut short, it is
    finished first; if that is impossible, its files still count.
    """
    new = folder / _NEW
    if new.is_dir():
        with held(folder, alone=True), suppress(OSError):
            _settle(folder)
    with held(folder):
        gone = {*_read_names(new / _GONE)}

        def file(name: str) -> Path:
            return new / name if name in gone or (new / name).exists() else folder / name

        yield file


def stamp(file: Path) -> Stamp:
    """Return what tells a file from one that replaces it."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
