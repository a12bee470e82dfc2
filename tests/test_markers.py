"""The markers: what takes minutes runs where it is asked for, and nowhere else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import ROOT

FILE = Path("tests/engine/test_independent.py")


@pytest.mark.once
@pytest.mark.parametrize(
    ("options", "short", "long"),
    [
        ([], True, False),
        (["-m", "proof"], True, False),
        (["-m", "not long and not once"], True, False),
        (["-m", "long"], False, True),
        (["-m", "proof", "--long"], True, True),
        (["--long"], True, True),
    ],
)
def test_what_takes_minutes_runs_where_it_is_asked_for(
    options: list[str], short: bool, long: bool
) -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", str(FILE), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    ciw = "test_decisions_are_those_of_a_loss_queue_of_ciw"
    assert (f"{ciw}[20-one-1-1.3-60]" in done.stdout) is short
    assert (f"{ciw}[1000-one-1-1.1-50]" in done.stdout) is long
