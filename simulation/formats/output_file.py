"""One file, written whole or not at all, and never over a file of the user's own."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from simulation.errors import OutputError
from simulation.formats.folder_lock import held
from simulation.formats.input_files import real_path
from simulation.formats.output import reason_of, refused, short
from simulation.formats.written import is_ours, mark_file

__all__ = ["OutputFile"]


def _remove_parts(folder: Path, begin: str) -> None:
    """Remove the parts of processes that have ended."""
    for left in folder.glob(f"{begin}*.part"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(left.stem.removeprefix(begin)), 0)
            continue
        left.unlink(missing_ok=True)


class OutputFile:
    """A page that is put in place by one rename; its path is checked before the work.

    Raises
    ------
    OutputError
        If something stands there that this tool did not write and ``force`` is not set, or that
        is no file, or that must not be written; or if it cannot be written.
    """

    def __init__(self, file: Path, force: bool = False) -> None:
        self.file = file
        with self._writable():
            self._target = real_path(file) if file.is_symlink() else file
            self._check(force)
            begin = f".creditsim-{short(self._target)}-"
            _remove_parts(self._target.parent, begin)
            self._part = self._target.with_name(f"{begin}{os.getpid()}.part")
            self._part.touch()
            self._part.unlink()

    def _check(self, force: bool) -> None:
        another = "name another file"
        try:
            found = self._target.stat()
        except FileNotFoundError:
            if self.file.is_symlink():
                what = f"is a link to {self._target}, which is not there, {another}"
                raise refused(self.file, what) from None
            return
        if stat.S_ISDIR(found.st_mode):
            what = f"is a folder, name a file in it, such as {self.file / 'report.html'}"
            raise refused(self.file, what)
        if not stat.S_ISREG(found.st_mode):
            raise refused(self.file, f"is a device or a pipe and no file, {another}")
        if not found.st_mode & 0o222:  # root could write it, but must not
            raise refused(self.file, f"is read-only, {another} or make it writable")
        if not force and not is_ours(self._target):
            what = "is not a page that creditsim wrote, or was changed since"
            raise refused(self.file, f"{what}, {another} or add --force")

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError where the name holds a NUL
            if isinstance(error, OutputError):
                raise
            what = f"cannot be written ({reason_of(error)}), name another file"
            raise refused(self.file, what) from None

    def write(self, text: str) -> None:
        """Write the file, whole or not at all."""
        with self._writable():
            try:
                self._part.write_text(text, encoding="utf-8", errors="backslashreplace")
                with suppress(OSError):
                    shutil.copymode(self._target, self._part)
                mark_file(self._part)
                self._part.replace(self._target)
            finally:
                with suppress(OSError):
                    self._part.unlink(missing_ok=True)

    def write_beside(self, folder: Path, is_there: Callable[[], bool], text: str) -> None:
        """Write the file beside the result that it shows, if that is still there."""
        with held(folder, alone=True):
            if not is_there():
                raise refused(folder, "holds another result by now, draw it again")
            self.write(text)
