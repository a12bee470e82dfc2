"""The order of calls: those of several clients lined up by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import Calls
from simulation.demand.wanted import Wanted
from simulation.jit import compiled, compiled_with_memory

__all__ = ["lined_up"]


def lined_up(wanted: Sequence[Wanted], first_calls: Ints, start: int) -> Calls:
    """Return what clients want within 64 days, ordered by time, client and call.

    Parameters
    ----------
    wanted : sequence of Wanted
        Of each client, in the order of their numbers.
    first_calls : (clients,) int64 array
        How many calls each client made before.
    start : int
        A moment before all of them, by at most 64 days, µs.
    """
    begins = np.zeros(len(wanted) + 1, np.int64)
    begins[1:] = [len(each) for each in wanted]
    begins = begins.cumsum()
    # Times since the start have less than 43 bits, which leaves 20 for the client.
    bits = (len(wanted) - 1).bit_length()
    keys = np.concatenate([each.time for each in wanted])
    _keys(keys, begins, bits, start)
    keys.sort()
    what = np.concatenate([each.what for each in wanted])
    credits = np.concatenate([each.credits for each in wanted])
    here, numbers = begins[:-1].copy(), first_calls - begins[:-1]
    calls = Calls(*_line_up(keys, bits, start, here, numbers, what, credits))
    lasting = [each.duration for each in wanted if each.duration is not None]
    if not lasting:
        return calls
    duration = np.concatenate(lasting)
    _reorder(keys, bits, begins[:-1].copy(), duration, ordered := np.empty_like(duration))
    return replace(calls, duration=ordered)


@compiled
def _keys(times, begins, bits, start):  # type: ignore[no-untyped-def]
    """Replace the times of clients, one client's after the other's, by keys that sort them.

    A key that holds the client sorts by time and then by client, on any sorting method, and in
    place: the calls' other columns need no index, since `_line_up` finds them by client.
    ``begins`` (clients + 1,) is where each client's times begin.
    """
    for client in range(begins.shape[0] - 1):
        for n in range(begins[client], begins[client + 1]):
            times[n] = (times[n] - start) << bits | client


@compiled_with_memory
def _line_up(keys, bits, start, here, number, what, credits):  # type: ignore[no-untyped-def]
    """Return the columns of `Calls` in the order of ``keys``.

    Parameters
    ----------
    keys : (n,) int64 array
        Of `_keys`, sorted.
    here : (clients,) int64 array
        Where each client's calls begin in ``what``, in order of time; moved to where they end.
    number : (clients,) int64 array
        The number of each client's first call, less where it is in ``what``.
    what, credits : (n,) int64 array
        api × 2**32 + records of the clients' calls, one client's after the other's, and costs.
    """
    count, mask = keys.shape[0], (1 << bits) - 1
    times, whose = np.empty(count, np.int64), np.empty(count, np.int32)
    calls, lined_up = np.empty(count, np.int64), np.empty(count, np.int64)
    costs = np.empty(count, np.int64)
    for n in range(count):
        client = keys[n] & mask
        # Keys say whose call is next; that client's calls are in order, so a cursor finds which.
        position = here[client]
        here[client] = position + 1
        times[n] = (keys[n] >> bits) + start
        whose[n], calls[n], lined_up[n] = client, number[client] + position, what[position]
        costs[n] = credits[position]
    return times, whose, calls, lined_up, costs


@compiled
def _reorder(keys, bits, here, column, ordered):  # type: ignore[no-untyped-def]
    """Put a column into the order of keys, as `_line_up` does, whose parameters these are."""
    mask = (1 << bits) - 1
    for n in range(keys.shape[0]):
        client = keys[n] & mask
        ordered[n] = column[here[client]]
        here[client] += 1
