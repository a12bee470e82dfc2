"""Work on the parts of a log that come next, while this one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["worked_ahead"]

_THREADS = 2
_WAITING = 3
"""Parts that are worked on, or wait to be used: what bounds the memory."""

Item = TypeVar("Item")
Done = TypeVar("Done")


def worked_ahead(work: Callable[[Item], Done], items: Iterator[Item]) -> Iterator[Done]:
    """Yield what ``work`` makes of each item, in their order; two threads work on those to come.

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
            if len(waiting) == _WAITING:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
