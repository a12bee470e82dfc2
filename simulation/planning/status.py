"""What plans say in a word: what a recommended size means, and which calls count."""

from __future__ import annotations

from typing import Literal

from simulation.scenario import Objective

__all__ = ["Status", "calls_of", "status_of"]

Status = Literal["none_needed", "buy", "not_reachable"]


def status_of(size: int | None) -> Status:
    """Return what a recommended size means; ``size`` is None where none meets the objective."""
    if size is None:
        return "not_reachable"
    return "buy" if size else "none_needed"


def calls_of(objective: Objective) -> str:
    """Return the calls that count, in words."""
    return f"calls of {', '.join(objective.protect)}" if objective.protect else "calls"
