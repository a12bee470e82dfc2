"""What the loops of both kernels share: heaps of what is due, and the jitter of retries."""

from __future__ import annotations

import numpy as np

from simulation.jit import compiled

__all__ = ["ORDERS_PER_CLIENT", "drop_first", "earlier", "push", "uniform"]

ORDERS_PER_CLIENT = 2**44  # more calls than any client makes

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_U1, _U11, _U27, _U30, _U31 = (np.uint64(n) for n in (1, 11, 27, 30, 31))


@compiled
def _mix(word):  # type: ignore[no-untyped-def]
    """Return 64 bits, scrambled as in `simulation.demand.streams`."""
    word = (word ^ (word >> _U30)) * _MIX_1
    word = (word ^ (word >> _U27)) * _MIX_2
    return word ^ (word >> _U31)


@compiled
def uniform(key, call, attempt):  # type: ignore[no-untyped-def]
    """Return what `simulation.demand.streams.uniform` returns, which a loop cannot call."""
    word = _mix(key ^ _mix(np.uint64(call) * _GOLDEN + _U1))
    word = _mix(word + np.uint64(attempt) * _GOLDEN)
    return float(word >> _U11) * 2.0**-53


@compiled
def earlier(time_a, order_a, time_b, order_b):  # type: ignore[no-untyped-def]
    """Return whether one is due before another; at one instant by their order."""
    return time_a < time_b or (time_a == time_b and order_a < order_b)


@compiled
def _put(retry, due, order, call):  # type: ignore[no-untyped-def]
    retry.due, retry.order, retry.call = due, order, call


@compiled
def push(heap, size, due, order, call):  # type: ignore[no-untyped-def]
    """Put a retry into a heap of ``size`` entries that has room for one more."""
    # The hole rises to where the retry belongs, so that each entry above it moves once.
    here = size
    while here > 0:
        above = (here - 1) >> 1
        if not earlier(due, order, heap[above].due, heap[above].order):
            break
        _put(heap[here], heap[above].due, heap[above].order, heap[above].call)
        here = above
    _put(heap[here], due, order, call)


@compiled
def drop_first(heap, size):  # type: ignore[no-untyped-def]
    """Take the earliest retry out of a heap of ``size`` entries."""
    last = size - 1
    due, order, call = heap[last].due, heap[last].order, heap[last].call
    here = 0
    while True:
        below = 2 * here + 1
        if below >= last:
            break
        right = below + 1
        if right < last and earlier(
            heap[right].due, heap[right].order, heap[below].due, heap[below].order
        ):
            below = right
        if not earlier(heap[below].due, heap[below].order, due, order):
            break
        _put(heap[here], heap[below].due, heap[below].order, heap[below].call)
        here = below
    _put(heap[here], due, order, call)
