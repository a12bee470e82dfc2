"""The folder of a batch: a result for each org, whole or not there, whatever is killed when.

``items/NAME`` appears under its name when all of its files are written, in place of what stood
there before. Files of a folder that is not finished have names that begin with a dot.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulation.batch_job import PLOTLY
from simulation.errors import OutputError, Problem
from simulation.output import refuse_foreign, writable
from simulation.portfolio_tables import ALTERNATIVES, PORTFOLIO
from simulation.results import to_json

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["REPORT", "TABLES", "BatchStore", "Stored"]

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


class Stored:
    """What is kept of an org: its row in the tables, and who it was planned for.

    Attributes
    ----------
    identity : str
        Hash of all that decides the result.
    row : dict
        Its row of the portfolio table.
    alternatives : list of dict
        Its rows of the table of alternatives.
    files : dict
        The other files and their sizes.
    failed : bool
        Whether there is no plan, but a reason.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.identity: str = told["identity"]
        self.row = _with_money(told["row"], PORTFOLIO)
        self.alternatives = [_with_money(row, ALTERNATIVES) for row in told["alternatives"]]
        self.files: dict[str, int] = told["files"]
        self.failed: bool = self.row["status"] == "failed"


def _with_money(row: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    return {
        name: Decimal(value) if value is not None and columns[name] == "money" else value
        for name, value in row.items()
    }


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

    def find(self, item: str) -> Stored | None:
        """Return what is kept of an org, if it is whole."""
        place = self.path(item)
        try:
            stored = Stored(json.loads((place / _RECORD).read_text("utf-8")))
            whole = all(
                (place / name).stat().st_size == size
                for name, size in stored.files.items()
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
            told: dict[str, Any] = json.loads((self.path(item) / _RUNTIME).read_text("utf-8"))
            return told if told["seconds"] >= 0 else {}
        except (OSError, ValueError, LookupError, TypeError):
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
            "files": {name: len(content) for name, content in files.items()},
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
