"""The result of a run: tables at four grains, their summary, and the files of ``--out``."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from simulation.errors import InputError, Problem, in_a_line
from simulation.experiment.estimates import CONFIDENCE, Estimate
from simulation.experiment.methods import run_methods
from simulation.experiment.summary import ESTIMATORS
from simulation.experiment.warmup import Warmup
from simulation.formats import (
    OutputFolder,
    did_you_mean,
    digest,
    reading,
    sealed,
    shown,
    stamp,
    write_csv,
)
from simulation.scenario import Scenario

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["CallWriter", "RunResult", "calls_in", "save", "to_json"]

_ROWS_PER_GROUP = 2**17

JsonInterval = dict[str, Any]


@dataclass
class RunResult:
    """What a run of a scenario gives.

    Attributes
    ----------
    scenario : Scenario
        What was simulated.
    engine : str
        Which engine simulated it.
    runs : DataFrame
        A row for each replication: ``replication`` and the statistics.
    client_runs, category_runs : DataFrame
        A row for each replication and ``client``, or ``category``: the same statistics.
    intervals : DataFrame
        A row for each replication and interval (an hour unless asked otherwise): ``start_at``,
        calls and credits demanded, credits used, credits available at the end, and throttled
        attempts, in all and by category.
    alerts : DataFrame
        A row for each time that usage rose to 50, 80, 90 or 100 % of the limit, the first of
        a local day: ``replication, level_percent, day, crossed_at``.
    summary : DataFrame
        A row for each grain, name and statistic: ``mean``, the estimate that
        `simulation.experiment.summary.ESTIMATORS` names, and its 95 % interval, ``ci95_low`` to
        ``ci95_high``; inf where it lies beyond the horizon.
    warmup : Warmup or None
        The warm-up, and whether the start still shows after it; None if that was not examined.
    """

    scenario: Scenario
    engine: str
    runs: pd.DataFrame
    client_runs: pd.DataFrame
    category_runs: pd.DataFrame
    intervals: pd.DataFrame
    alerts: pd.DataFrame
    summary: pd.DataFrame
    warmup: Warmup | None = None
    folder: Path | None = None
    _read_calls: Callable[[], pd.DataFrame] | None = field(default=None, repr=False)
    _precision: float = field(default=0.0, repr=False)

    @cached_property
    def calls(self) -> pd.DataFrame:
        """A row for each submitted call, warm-up included; read when first asked for.

        Raises
        ------
        LookupError
            If the run was asked not to keep them.
        """
        if self._read_calls is None:
            raise LookupError("this run kept no calls: run with keep_calls=True, or with out=...")
        return self._read_calls()

    def estimate(self, statistic: str, grain: str = "overall", name: str = "") -> Estimate:
        """Return one statistic with its interval.

        Parameters
        ----------
        statistic : str
            One of the statistics, such as ``lost_calls``.
        grain, name : str
            ``overall``, or ``client`` or ``category`` with its name.

        Raises
        ------
        InputError
            If there is no such statistic, grain or name.
        """
        rows = self.summary
        for column, wanted in (("grain", grain), ("name", name), ("statistic", statistic)):
            known = dict.fromkeys(rows[column])
            if wanted not in known:
                right = f"{did_you_mean(wanted, known)}name one of: {', '.join(known)}"
                right = right if any(known) else "leave it out"
                raise InputError(f"{wanted!r} is no {column} of this result, {right}")
            rows = rows[rows[column] == wanted]
        row = rows.iloc[0]
        return Estimate(*row[["mean", "ci95_low", "ci95_high", "replications"]])

    def estimates(self, grain: str) -> pd.DataFrame:
        """Return the estimates of a grain, a row for each name, a column for each statistic."""
        rows = self.summary[self.summary["grain"] == grain]
        names, statistics = (list(dict.fromkeys(rows[key])) for key in ("name", "statistic"))
        table = rows.pivot(index="name", columns="statistic", values="mean")
        return table.loc[names, statistics]

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as ``creditsim run --json`` prints it.

        Null stands where there is none, or where it lies beyond what was simulated.
        """
        scenario = self.scenario
        result: dict[str, Any] = {
            "scenario": scenario.name,
            "rate_card": scenario.card.name,
            "engine": self.engine,
            "limit": scenario.limit,
            "replications": scenario.replications,
            "seed": scenario.seed,
            "warmup": None if self.warmup is None else self.warmup.to_dict(),
            "confidence": CONFIDENCE,
            "estimators": ESTIMATORS,
            "overall": {},
            "clients": {},
            "categories": {},
        }
        homes = {"client": result["clients"], "category": result["categories"]}
        for row in self.summary.to_dict("records"):
            home = homes.get(row["grain"])
            place = result["overall"] if home is None else home.setdefault(row["name"], {})
            low, high = _or_none(row["ci95_low"]), _or_none(row["ci95_high"])
            place[row["statistic"]] = {"mean": _or_none(row["mean"]), "ci95": [low, high]}
        return result

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the tables that are written beside the calls, by file name."""
        return {
            "intervals.parquet": self.intervals,
            "runs.parquet": self.runs,
            "client_runs.parquet": self.client_runs,
            "category_runs.parquet": self.category_runs,
            "alerts.parquet": self.alerts,
            "summary.parquet": self.summary,
        }

    def methods(self) -> Mapping[str, str]:
        """Return how its figures were made, for a report on them, by file name."""
        text = run_methods(self.scenario, self.warmup, self.engine, self._precision)
        return {"run_methods.md": text}


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


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


def to_json(data: Any) -> str:
    """Write data as JSON; prices, which are decimals, with exactly their digits.

    >>> print(to_json([Decimal("25.20"), Decimal("195.00")]))
    [
      25.2,
      195
    ]
    """

    def exact(value: object) -> int | float:
        # The shortest digits of a float this small are those of the decimal.
        if not isinstance(value, Decimal):
            raise TypeError(f"cannot write {type(value).__name__} as JSON")
        return int(value) if value == int(value) else float(value)

    return json.dumps(data, indent=2, ensure_ascii=False, default=exact, allow_nan=False)


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


class CallWriter:
    """Writes ``calls.parquet`` as the calls come, in row groups of one size."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("wb")
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []

    def write(self, calls: pa.Table) -> None:
        """Take more calls; write whole row groups."""
        self._waiting.append(calls)
        if sum(map(len, self._waiting)) >= _ROWS_PER_GROUP:
            calls = self._joined()
            whole = len(calls) // _ROWS_PER_GROUP * _ROWS_PER_GROUP
            self._write(calls.slice(0, whole))
            self._waiting = [calls.slice(whole)]

    def close(self) -> None:
        """Write what is left, and end the file."""
        self._write(self._joined())
        assert self._writer is not None
        self._writer.close()
        self._file.close()

    def __enter__(self) -> CallWriter:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # after a failure, let go of a file that is about to go
            if self._writer is not None:
                self._writer.close()
        with suppress(OSError):
            self._file.close()

    def _joined(self) -> pa.Table:
        return concatenate(self._waiting)

    def _write(self, calls: pa.Table) -> None:
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, calls.schema, compression="zstd")
        self._writer.write_table(calls, row_group_size=_ROWS_PER_GROUP)


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


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Join tables of one schema, one after the other."""
    import pyarrow as pa

    return pa.concat_tables(tables).combine_chunks()
