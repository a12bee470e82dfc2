"""Loops compiled by Numba: once, and kept for the next process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a loop at its first call, and keep it: beside its file, or in the user's cache.

    A kept loop is dropped when its own file changes, not when another does: so a loop calls
    no loops but those of its file.
    """
    loop = njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # neither place can be written: each process compiles anew
        loop.enable_caching()
    return loop
