"""The files of a result: written whole, calls read when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from simulation.errors import InputError, Problem, in_a_line
from simulation.experiment.warmup import Warmup
from simulation.formats import (
    OutputFolder,
    digest,
    reading,
    sealed,
    shown,
    stamp,
    to_json,
    write_csv,
)
from simulation.scenario import Scenario

__all__ = ["calls_in", "save"]


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


def save(
    result: Saved, output: OutputFolder, summary: str, scenario: str | None = None
) -> dict[str, str]:
    """Return the hashes of the files of a result, by name, after writing them, its summary last.

    Parameters
    ----------
    result : RunResult or Plan
    output : OutputFolder
        It may hold files of the result already, such as the calls.
    summary : str
        The summary's name. It holds a hash of each file, so that none of another result is read
        for one of this.
    scenario : str, optional
        What stands in ``scenario.yaml``; the scenario as it is run from the folder unless given.

    Returns
    -------
    dict of str to str
        Of all files but the summary.
    """
    for name, table in result.tables().items():
        if name.endswith(".csv"):
            write_csv(table, output.part(name))
        else:
            with output.part(name).open("wb") as file:  # pyarrow takes no names but UTF-8
                table.to_parquet(file, index=False)
    for name, text in result.methods().items():
        output.part(name).write_text(text, encoding="utf-8", newline="\n")
    if scenario is None:
        chosen = result.warmup is not None and not result.warmup.given  # will be chosen again
        scenario = result.scenario.to_yaml(output.folder, "warmup" if chosen else "")
    output.part("scenario.yaml").write_text(scenario, encoding="utf-8")
    hashes = output.hashes()
    told = to_json({**result.to_dict(), "files": {**hashes, summary: ""}})
    output.part(summary).write_text(sealed(f"{told}\n"), encoding="utf-8", newline="\n")
    return hashes


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
        import pyarrow.parquet as pq

        with reading(folder) as place:
            if stamp(place(name)) != written:
                raise InputError(f"{folder}: holds another result by now, read it again")
            whole = place(name).is_file() and written_as in (None, digest(place(name)))
            if not whole:
                what = "is not what was written here, write the result again with --out"
                raise InputError([Problem(shown(folder / name), "", what)])
            try:
                with place(name).open("rb") as content:
                    return pq.read_table(content).to_pandas()
            except (OSError, ValueError) as error:
                what = f"cannot be read ({in_a_line(error)[:200]}), write the result again"
                raise InputError([Problem(shown(folder / name), "", what)]) from None

    return read
