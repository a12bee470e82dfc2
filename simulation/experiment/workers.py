"""Worker counts; ordered maps over threads and processes that work ahead of their caller."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from threading import Thread
from typing import TypeVar

from simulation.bounds import MOST_WORKERS
from simulation.errors import InputError
from simulation.signals import STOPPING, held_back

__all__ = [
    "BUSY_DAY",
    "ahead",
    "cores",
    "in_processes",
    "in_threads",
    "processes_are_kept",
    "serve_only",
    "start_trackers",
]

BUSY_DAY = 20_000
"""Calls a day from which threads help: below, a day is a matter of Python, and they wait."""

_LOOK_FOR_PARENT_S = 0.5
_KEPT_S = 8.0  # loky ends processes that have nothing to do after ten

T = TypeVar("T")
R = TypeVar("R")


def cores(workers: int | None) -> int:
    """Return how many workers are wanted: as many as this process has cores, unless given.

    Raises
    ------
    InputError
        If fewer than one is wanted, or more than `MOST_WORKERS`.
    """
    if workers is None:
        allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
        return len(allowed(0)) if allowed else os.cpu_count() or 1
    if not 1 <= workers <= MOST_WORKERS:
        raise InputError(f"workers is {workers}, write 1 to {MOST_WORKERS:,}")
    return workers


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the items of an iterator, the next one made in a thread while one is in use."""
    # The loops let go of the interpreter, so a day is drawn while the one before it is counted.
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def in_threads(
    function: Callable[[T], R], tasks: Sequence[T], workers: int
) -> Generator[R, None, None]:
    """Yield what a function returns for each task, in their order, computed in threads.

    Closed early, it waits for the tasks that are under way and does no other.
    """
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, tasks)


def in_processes(
    function: Callable[[T], R], tasks: Sequence[T], workers: int
) -> Generator[R, None, None]:
    """Yield what a function returns for each task, in their order, computed in processes.

    Closed early, or left with an exception, it ends them. Otherwise they are kept for a while,
    for the next time. Unlike those of the standard library they do not run the caller's script
    again, so that it needs no guard.

    Raises
    ------
    InputError
        If a process was killed.
    """
    from loky import get_reusable_executor

    start_trackers()
    with held_back():
        pool = get_reusable_executor(
            max_workers=workers, initializer=serve_only, initargs=(os.getpid(),)
        )
    coming: deque[Future[R]] = deque()
    try:
        with held_back():
            coming.extend(pool.submit(function, task) for task in tasks)
        while coming:
            yield coming.popleft().result()
        _kept.until = time.monotonic() + _KEPT_S
    except BrokenExecutor:
        what = "a worker process was killed, most likely for want of memory: use fewer workers"
        _kept.until = -1.0
        raise InputError(what) from None
    except BaseException:
        _kept.until = -1.0
        pool.shutdown(wait=True, kill_workers=True)
        raise


class _Kept:
    """Until when the processes of before are kept."""

    until = -1.0


_kept = _Kept()


def processes_are_kept() -> bool:
    """Return whether processes of before are there, so that `in_processes` need not start any."""
    return time.monotonic() < _kept.until


def serve_only(parent: int) -> None:
    """Make this process leave signals and warnings to its parent, and end when that does.

    Its parent may be gone by now: it was killed while this process began.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    warnings.simplefilter("ignore")

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_FOR_PARENT_S)
        os._exit(1)

    # Watched by its number: a process whose parent died is adopted by another.
    if os.getppid() != parent:
        os._exit(1)
    Thread(target=watch, daemon=True).start()


def start_trackers() -> None:
    """Start the processes that tidy up after others, before signals are held back.

    Their start lets signals through again, which would undo what `held_back` does.
    """
    from multiprocessing import resource_tracker

    from loky.backend import resource_tracker as loky_tracker

    resource_tracker.ensure_running()
    loky_tracker.ensure_running()
