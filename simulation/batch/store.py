"""The folder of a batch: a result for each org, whole or not there, whatever is killed when.

``items/NAME`` appears under its name when all of its files are written, in place of what stood
there before. Files of a folder that is not finished have names that begin with a dot.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.batch.job import PLOTLY
from simulation.batch.record import File, Runtime, Stored
from simulation.errors import OutputError, Problem
from simulation.formats import digest, refuse_foreign, to_json, writable

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["REPORT", "TABLES", "BatchStore"]

REPORT = "report.html"
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
    """Keeps the results of a batch; one process at a time.

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
        """Where workers of this machine write for a moment; a batch that is killed leaves it."""
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
                raise OutputError([Problem(str(self.folder), "", what)]) from None
            self._tidy_up()
            self.scratch.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._lock is not None
        shutil.rmtree(self.scratch, ignore_errors=True)
        self._lock.release()

    def _refuse_strays(self) -> None:
        """Refuse what is no folder, or no file, where a batch has one."""
        folders = [self.scratch]
        if self._items.is_dir():
            folders += [each for end in (_PART, _OLD) for each in self._items.glob(f".*{end}")]
        wrong = [each for each in folders if os.path.lexists(each) and not _is_folder(each)]
        wrong += [self._items] if self._items.exists() and not self._items.is_dir() else []
        lock = self.folder / ".lock"
        wrong += [lock] if os.path.lexists(lock) and not lock.is_file() else []
        if wrong:
            what = "was not written by a batch and is in its way, move it or name another folder"
            raise OutputError([Problem(str(wrong[0]), "", f"{what} for results")])

    def _tidy_up(self) -> None:
        """Put right what a batch that was killed left behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        for left in [*self._items.glob(f".*{_PART}"), *self._items.glob(f".*{_OLD}")]:
            home = self._items / left.name[1:].removesuffix(_OLD)
            if left.suffix == _OLD and not home.exists():
                left.rename(home)
            else:
                shutil.rmtree(left)

    def refuse_foreign(self, items: Iterable[str]) -> None:
        """Refuse to write over tables or folders of the user's own.

        Raises
        ------
        OutputError
            If there are tables that no batch wrote and it is not forced, or a folder of an org.
        """
        refuse_foreign(self.folder, TABLES, self.force)
        for item in items:
            place = self.path(item)
            if place.exists() and not (place / _RECORD).exists():
                what = "was not written by a batch, move it or name another folder for results"
                raise OutputError([Problem(str(place), "", what)])

    def path(self, item: str) -> Path:
        """Return the folder of an org's result."""
        return self._items / item

    def others(self, named: set[str]) -> list[str]:
        """Return what is kept of orgs that are none of these."""
        return sorted({place.name for place in self._items.iterdir()} - named)

    def find(self, item: str, thoroughly: bool = True) -> Stored | None:
        """Return what is kept of an org, if it is whole: by hashes, or else by sizes alone."""
        place = self.path(item)
        try:
            stored = Stored(_told(place / _RECORD))
            whole = all(
                _is_as_written(place / name, each, thoroughly)
                for name, each in stored.files.items()
                if name != REPORT  # which may have been drawn anew since, as a page to send
            )
        except Exception:  # there is no end to what damage may do: it is not whole
            return None
        return stored if whole else None

    def has_report(self, item: str) -> bool:
        """Return whether there is a page to link to."""
        return (self.path(item) / REPORT).exists()

    def runtime(self, item: str) -> dict[str, Any]:
        """Return how long an org took, when, and at which attempt."""
        try:
            return dict(Runtime.model_validate(_told(self.path(item) / _RUNTIME)))
        except Exception:  # there is no end to what damage may do
            return {}

    def read(self, item: str, names: tuple[str, ...]) -> dict[str, bytes]:
        """Return files of a result."""
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
        """Keep a result in place of what was kept of the org before, in one step."""
        place = self.path(item)
        part, old = (place.with_name(f".{item}{end}") for end in (_PART, _OLD))
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
                if place.exists():
                    place.rename(old)
                part.rename(place)
            except BaseException:  # a signal too
                shutil.rmtree(part, ignore_errors=True)
                if old.exists() and not place.exists():
                    old.rename(place)
                raise
            shutil.rmtree(old, ignore_errors=True)


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _told(file: Path) -> Any:
    if not file.is_file():  # a pipe would be waited for
        raise FileNotFoundError(file)
    return json.loads(file.read_text("utf-8"))


def _is_as_written(file: Path, written: File, thoroughly: bool) -> bool:
    if not file.is_file() or file.stat().st_size != written.bytes:
        return False
    return not thoroughly or digest(file) == written.sha256
