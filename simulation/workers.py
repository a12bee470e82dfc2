"""Using the machine's cores: how many, and work that runs ahead of whoever takes it."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from threading import Thread
from typing import TypeVar

from simulation.errors import InputError

__all__ = ["BUSY_DAY", "ahead", "cores", "in_processes", "in_threads", "serve_only"]

BUSY_DAY = 20_000
"""Calls a day from which threads help: below, a day is a matter of Python, and they wait."""

_LOOK_FOR_PARENT_S = 1.0

T = TypeVar("T")
R = TypeVar("R")


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


def in_threads(function: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    """Yield what a function returns for each task, in their order, computed in threads."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, tasks)


def in_processes(function: Callable[[T], R], tasks: Sequence[T], workers: int) -> Iterator[R]:
    """Yield what a function returns for each task, in their order, computed in processes.

    They are kept for a while, for the next time. Unlike those of the standard library they do
    not run the caller's script again, so that it needs no guard.

    Raises
    ------
    InputError
        If a process was killed.
    """
    from loky import get_reusable_executor

    pool = get_reusable_executor(
        max_workers=workers, initializer=serve_only, initargs=(os.getpid(),)
    )
    coming = deque(pool.submit(function, task) for task in tasks)
    try:
        while coming:
            yield coming.popleft().result()
    except BrokenExecutor:
        what = "a worker process was killed, most likely for want of memory: use fewer workers"
        raise InputError(what) from None
    except BaseException:
        pool.shutdown(wait=True, kill_workers=True)
        raise


def serve_only(parent: int) -> None:
    """Make this process leave interrupts and warnings to its parent, and end when that does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_FOR_PARENT_S)
        os._exit(1)

    if os.getppid() == parent:  # not so where processes are started by another one
        Thread(target=watch, daemon=True).start()
