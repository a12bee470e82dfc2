"""The folder of a batch: the result of each org is whole or not there, even after a kill.

``items/NAME`` appears under its name when all of its files are written, and replaces what stood
there before. A folder that is not finished has a name that begins with a dot.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.batch.job import PLOTLY, REPORT
from simulation.batch.record import File, Runtime, Stored
from simulation.formats import digest, refuse_foreign, refused, to_json, writable

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["TABLES", "BatchStore"]

TABLES = (
    "portfolio.csv",
    "portfolio.parquet",
    "alternatives.csv",
    "alternatives.parquet",
    "runtimes.csv",
    "totals.json",
    "portfolio.html",
    PLOTLY,
)
"""The files of a batch beside the results of its orgs."""

_RECORD, _RUNTIME = "item.json", "runtime.json"
_PART, _OLD = ".part", ".old"


class BatchStore:
    """The results of a batch in a folder, which one process at a time may use.

    Parameters
    ----------
    folder : Path
    force : bool
        Whether tables in it that no batch wrote may be replaced.

    Raises
    ------
    OutputError
        If the folder cannot be written, at first or later, or another batch is writing to it.
    """

    def __init__(self, folder: Path, force: bool = False) -> None:
        self.folder, self.force = folder, force
        self._items = folder / "items"
        self.scratch = folder.absolute() / ".scratch"
        """The folder for temporary files of local workers; a batch that is killed leaves it."""
        self._lock: BaseFileLock | None = None

    def __enter__(self) -> BatchStore:
        from filelock import FileLock, Timeout

        with writable(self.folder):
            self._refuse_strays()
            self._items.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / ".lock", blocking=False)
            try:
                self._lock.acquire()
            except Timeout:
                what = "another batch is writing to it, wait for it or name another folder"
                raise refused(self.folder, what) from None
            self._tidy_up()
            self.scratch.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._lock is not None
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._lock.release()

    def _refuse_strays(self) -> None:
        """Raise OutputError where a batch has a folder and a file stands, or the reverse."""
        folders = [self.scratch]
        if self._items.is_dir():
            folders += [each for end in (_PART, _OLD) for each in self._items.glob(f".*{end}")]
        wrong = [each for each in folders if os.path.lexists(each) and not _is_folder(each)]
        wrong += [self._items] if self._items.exists() and not self._items.is_dir() else []
        lock = self.folder / ".lock"
        wrong += [lock] if os.path.lexists(lock) and not lock.is_file() else []
        if wrong:
            what = "was not written by a batch and is in its way, move it or name another folder"
            raise refused(wrong[0], f"{what} for results")

    def _tidy_up(self) -> None:
        """Remove what a killed batch left; a result that it was replacing gets its name back."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        for left in [*self._items.glob(f".*{_PART}"), *self._items.glob(f".*{_OLD}")]:
            home = self._items / left.name[1:].removesuffix(_OLD)
            if left.suffix == _OLD and not home.exists():
                left.rename(home)
            else:
                shutil.rmtree(left)

    def refuse_foreign(self, items: Iterable[str]) -> None:
        """Raise OutputError where tables or folders of the user's own would be replaced.

        Raises
        ------
        OutputError
            If an org's folder was not written by a batch, or, without force, the tables.
        """
        refuse_foreign(self.folder, TABLES, self.force)
        for item in items:
            folder = self.path(item)
            if folder.exists() and not (folder / _RECORD).exists():
                what = "was not written by a batch, move it or name another folder for results"
                raise refused(folder, what)

    def path(self, item: str) -> Path:
        """Return the path of an org's folder."""
        return self._items / item

    def others(self, named: set[str]) -> list[str]:
        """Return the folders of orgs that are not named."""
        return sorted({folder.name for folder in self._items.iterdir()} - named)

    def find(self, item: str, thoroughly: bool = True) -> Stored | None:
        """Return what is kept of an org; None if it is not whole, by hashes or by sizes alone."""
        folder = self.path(item)
        try:
            stored = Stored(_read(folder / _RECORD))
            whole = all(
                _is_as_written(folder / name, each, thoroughly)
                for name, each in stored.files.items()
                if name != REPORT  # `creditsim report` may have drawn it anew
            )
        except Exception:  # damage may raise anything: it is not whole
            return None
        return stored if whole else None

    def has_report(self, item: str) -> bool:
        """Return whether there is a page to link to."""
        return (self.path(item) / REPORT).exists()

    def runtime(self, item: str) -> dict[str, Any]:
        """Return how long an org took, when it was done, at which attempt; empty if not known."""
        try:
            return dict(Runtime.model_validate(_read(self.path(item) / _RUNTIME)))
        except Exception:  # damage may raise anything
            return {}

    def read(self, item: str, names: tuple[str, ...]) -> dict[str, bytes]:
        """Return the bytes of a result's files, by name."""
        return {name: (self.path(item) / name).read_bytes() for name in names}

    def put(
        self,
        item: str,
        identity: str,
        row: dict[str, Any],
        alternatives: list[dict[str, Any]],
        files: Mapping[str, bytes],
        runtime: dict[str, Any],
    ) -> None:
        """Keep a result in place of an earlier one of the org; a kill leaves one of them whole."""
        folder = self.path(item)
        part, old = (folder.with_name(f".{item}{end}") for end in (_PART, _OLD))
        record = {
            "identity": identity,
            "row": row,
            "alternatives": alternatives,
            "files": {
                name: {"bytes": len(content), "sha256": digest(content)}
                for name, content in files.items()
            },
        }
        with writable(self.folder):
            try:
                part.mkdir()
                for name, content in files.items():
                    (part / name).write_bytes(content)
                (part / _RUNTIME).write_text(to_json(runtime) + "\n", encoding="utf-8")
                text = json.dumps(record, indent=2, ensure_ascii=False, default=str)
                # Half of a surrogate pair becomes the escape that JSON has for it.
                (part / _RECORD).write_bytes(f"{text}\n".encode("utf-8", "backslashreplace"))
                if folder.exists():
                    folder.rename(old)
                part.rename(folder)
            except BaseException:  # a signal too
                shutil.rmtree(part, ignore_errors=True)
                if old.exists() and not folder.exists():
                    old.rename(folder)
                raise
            shutil.rmtree(old, ignore_errors=True)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _read(file: Path) -> Any:
    if not file.is_file():  # reading a pipe would wait for ever
        raise FileNotFoundError(file)
    return json.loads(file.read_text("utf-8"))


def _is_as_written(file: Path, written: File, thoroughly: bool) -> bool:
    if not file.is_file() or file.stat().st_size != written.bytes:
        return False
    return not thoroughly or digest(file) == written.sha256
