"""Work on the parts of a log that come next, while this one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["worked_ahead"]

_THREADS = 2

Item = TypeVar("Item")
Done = TypeVar("Done")


def worked_ahead(work: Callable[[Item], Done], items: Iterator[Item], most: int) -> Iterator[Done]:
    """Yield what ``work`` makes of each item, in their order; two threads work on those to come.

    At most ``most`` are worked on or wait to be used, which bounds the memory.
    The first item is worked on in this thread, so that a short log needs no other.
    """
    for first in items:
        yield work(first)
        break
    pool, waiting = None, deque[Future[Done]]()
    try:
        for item in items:
            pool = pool or ThreadPoolExecutor(_THREADS)
            waiting.append(pool.submit(work, item))
            if len(waiting) == most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
