"""What the long proofs found: small files in `tests/proof`, reviewed and committed.

`python -m pytest -m proof --long` writes them anew, and `notebooks/7-validation.ipynb` draws them.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd

__all__ = ["FOLDER", "keep"]

FOLDER = Path(__file__).parent / "proof"

_PACKAGES = ("creditsim", "simpy", "numpy", "numba", "scipy")


def keep(name: str, rows: pd.DataFrame, command: str = "", **more: str | float) -> None:
    """Write the figures of a proof to ``name.csv``, and where they come from to ``name.json``."""
    FOLDER.mkdir(exist_ok=True)
    rows.to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")
    origin = {
        "command": command or shlex.join(["python", "-m", "pytest", *sys.argv[1:]]),
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in _PACKAGES},
        },
        **more,
    }
    text = json.dumps(origin, indent=2) + "\n"
    (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
