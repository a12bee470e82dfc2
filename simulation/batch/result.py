"""The progress of a batch, its result, and what an interrupted one says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from simulation.formats import read_parquet, read_table

__all__ = ["BatchProgress", "BatchResult", "Did", "Interrupted"]

Did = Literal["kept", "new", "changed", "retried", "broken", "pending"]
"""What a batch did about an org, as the tables and ``BatchResult.did`` name it."""


class Interrupted(KeyboardInterrupt):
    """Raised on Ctrl-C; the message says what was kept."""


class BatchProgress(NamedTuple):
    """The progress of a batch.

    Attributes
    ----------
    done, failed, remaining : int
        Orgs with a plan, orgs that failed, and the others.
    seconds_left : float or None
        An estimate from the pace so far; None before the first org is planned.
    failure : str
        Why the org failed that is done just now; empty if it did not.
    source : str
        Where that org is named.
    """

    done: int
    failed: int
    remaining: int
    seconds_left: float | None
    failure: str = ""
    source: str = ""


@dataclass(frozen=True)
class BatchResult:
    """The result of a batch; its tables are read when first asked for.

    Attributes
    ----------
    folder : Path
        The folder of results.
    totals : dict
        Spend, orgs at risk, and what changes would save, as in ``totals.json``.
    did : dict of str to list of str
        The orgs that were ``kept`` from before, planned because they are ``new``, ``changed`` or
        to be ``retried``, or that have no plan (``broken``) for a mistake in them, or
        because a worker was killed or lacked memory, which is not kept.
    left_out : list of Path
        YAML files in the folders that are no scenarios, or were written with a result.
    not_named : list of str
        Folders in ``items`` of orgs that are no longer named; they are left as they are.
    """

    folder: Path
    totals: dict[str, Any]
    did: dict[str, list[str]]
    left_out: list[Path]
    not_named: list[str]

    @cached_property
    def portfolio(self) -> pd.DataFrame:
        """A row for each org, in the order in which they were named."""
        return read_table(self.folder / "portfolio.parquet")

    @cached_property
    def alternatives(self) -> pd.DataFrame:
        """A row for each named change to an org."""
        return read_table(self.folder / "alternatives.parquet")

    @cached_property
    def runtimes(self) -> pd.DataFrame:
        """A row for each org: how long it took, and what this batch did about it."""
        return pd.read_csv(self.folder / "runtimes.csv")

    def to_dict(self) -> dict[str, Any]:
        """Return totals and rows as ``creditsim batch --json`` prints them."""
        rows = read_parquet(self.folder / "portfolio.parquet").to_pylist()
        return {
            "totals": self.totals,
            "orgs": rows,
            "did": self.did,
            "left_out": [str(file) for file in self.left_out],
            "not_named": self.not_named,
        }
