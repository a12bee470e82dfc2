"""What a recommended size means in a word."""

from __future__ import annotations

from typing import Literal

__all__ = ["Status", "status_of"]

Status = Literal["none_needed", "buy", "not_reachable"]


def status_of(size: int | None) -> Status:
    """Return what a recommended size means; ``size`` is None where none meets the objective."""
    if size is None:
        return "not_reachable"
    return "buy" if size else "none_needed"
