"""The files of a result: written whole, calls read when they are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from simulation.errors import InputError, Problem, in_a_line
from simulation.experiment.warmup import Warmup
from simulation.formats import (
    OutputFolder,
    csv_text,
    digest,
    read_parquet,
    reading,
    sealed,
    shown,
    stamp,
    to_json,
)
from simulation.scenario import Scenario

__all__ = ["calls_in", "files_of", "save", "with_tables"]


class Saved(Protocol):
    """A result that can be written to a folder."""

    @property
    def scenario(self) -> Scenario:
        """What it is the result of."""
        ...

    @property
    def warmup(self) -> Warmup | None:
        """How it begins."""
        ...

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return its tables by file name."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return its summary."""
        ...

    def methods(self) -> Mapping[str, str]:
        """Return how its figures were made, by file name."""
        ...


def files_of(
    result: Saved, summary: str, scenario: str, others: Mapping[str, str] | None = None
) -> dict[str, bytes]:
    """Return the files of a result by name, its summary last.

    Parameters
    ----------
    result : RunResult or Plan
    summary : str
        The summary's name. It holds a hash of each file, so that none of another result is read
        for one of this.
    scenario : str
        What stands in ``scenario.yaml``.
    others : mapping of str to str, optional
        Hashes of files that are written already, such as the calls.
    """
    files = {name: _table(name, table) for name, table in result.tables().items()}
    texts = {**result.methods(), "scenario.yaml": scenario}
    files |= {name: text.encode() for name, text in texts.items()}
    files[summary] = _summary(result.to_dict(), summary, {**(others or {}), **_hashes(files)})
    return files


def with_tables(
    files: Mapping[str, bytes], summary: str, tables: Mapping[str, pd.DataFrame]
) -> dict[str, bytes]:
    """Return the files of a result with more tables, as `files_of` gives them with these."""
    more = {name: _table(name, table) for name, table in tables.items()}
    told = json.loads(files[summary])
    known = told.pop("files", None) or _hashes(files)  # a summary of before has none
    hashes = {name: each for name, each in known.items() if name != summary}
    return {**files, **more, summary: _summary(told, summary, {**hashes, **_hashes(more)})}


def _table(name: str, table: pd.DataFrame) -> bytes:
    if name.endswith(".csv"):
        return csv_text(table).encode()
    content = BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: digest(content) for name, content in files.items()}


def _summary(told: Mapping[str, Any], name: str, hashes: Mapping[str, str]) -> bytes:
    """Return a summary with the hashes of its result's files, and its own as the last of them."""
    text = to_json({**told, "files": {**dict(sorted(hashes.items())), name: ""}})
    return sealed(f"{text}\n").encode()


def save(result: Saved, output: OutputFolder, summary: str) -> dict[str, str]:
    """Return the hashes of the files of a result, by name, after writing them, its summary last.

    Parameters
    ----------
    result : RunResult or Plan
    output : OutputFolder
        It may hold files of the result already, such as the calls.
    summary : str
        The summary's name.

    Returns
    -------
    dict of str to str
        Of all files.
    """
    chosen = result.warmup is not None and not result.warmup.given  # will be chosen again
    scenario = result.scenario.to_yaml(output.folder, "warmup" if chosen else "")
    files = files_of(result, summary, scenario, output.hashes())
    for name, content in files.items():
        output.part(name).write_bytes(content)
    return output.hashes()


def calls_in(
    folder: Path, written_as: str | None, file: Path | None = None
) -> Callable[[], pd.DataFrame]:
    """Return what reads the calls of the result that a folder holds now, and of no later one.

    Parameters
    ----------
    folder : Path
    written_as : str or None
        The hash of the calls when they were written, where that is known.
    file : Path, optional
        Where they are now.
    """
    name = "calls.parquet"
    written = stamp(file or folder / name)

    def read() -> pd.DataFrame:
        with reading(folder) as place:
            if stamp(place(name)) != written:
                raise InputError(f"{folder}: holds another result by now, read it again")
            whole = place(name).is_file() and written_as in (None, digest(place(name)))
            if not whole:
                what = "is not what was written here, write the result again with --out"
                raise InputError([Problem(shown(folder / name), "", what)])
            try:
                return read_parquet(place(name)).to_pandas(use_threads=False)
            except (OSError, ValueError) as error:
                what = f"cannot be read ({in_a_line(error)[:200]}), write the result again"
                raise InputError([Problem(shown(folder / name), "", what)]) from None

    return read
