"""Scenarios as commands read them: changed by their options, with remarks on stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.formats import Access

if TYPE_CHECKING:
    from simulation.errors import Problem
    from simulation.scenario import Scenario

__all__ = ["load", "print_remark"]


def load(
    path: Path,
    assignments: list[str] | None,
    access: Access,
    rate_card: str | None = None,
    **options: int | None,
) -> Scenario:
    """Return a scenario with the changes of ``--set``, and of options named like its keys."""
    from simulation.scenario import load_scenario

    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    scenario = load_scenario(
        path,
        [*(assignments or []), *given],
        confined=access.confined,
        trace_megabytes=access.trace_megabytes,
        rate_card=rate_card,
    )
    for remark in scenario.remarks():
        print_remark(remark)
    return scenario


def print_remark(remark: Problem) -> None:
    """Print what may not be meant in a valid scenario."""
    print(f"{remark} (a remark, the scenario is valid)", file=sys.stderr)
