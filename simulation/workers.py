"""Using the machine's cores: how many, and work that runs ahead of whoever takes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from simulation.errors import InputError

__all__ = ["ahead", "cores"]

T = TypeVar("T")


def cores(workers: int | None) -> int:
    """Return how many workers are wanted: as many as this process has cores, unless given.

    Raises
    ------
    InputError
        If fewer than one is wanted.
    """
    if workers is None:
        allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
        return len(allowed(0)) if allowed else os.cpu_count() or 1
    if workers < 1:
        raise InputError(f"workers is {workers}, write 1 or more")
    return workers


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items of an iterator, the next one made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item
