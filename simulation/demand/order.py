"""The order of calls: those of several clients lined up by time, with what each costs."""

from __future__ import annotations

import numpy as np

from simulation.jit import compiled

__all__ = ["WHOLE_CALL", "keys_of", "line_up"]

WHOLE_CALL = 2**40
"""More records than any call has, so that the price of a group of as many is that of the call."""


@compiled
def keys_of(times, begins, bits, start):  # type: ignore[no-untyped-def]
    """Replace the times of clients, one client's after the other's, by keys that sort them.

    A key that holds the client sorts by time and then by client, on any sorting method, and in
    place: the calls' other columns need no index, since `line_up` finds them by client.
    ``begins`` (clients + 1,) is where each client's times begin.
    """
    for client in range(begins.shape[0] - 1):
        for n in range(begins[client], begins[client + 1]):
            times[n] = (times[n] - start) << bits | client


@compiled
def line_up(keys, bits, start, here, number, what, groups, costs):  # type: ignore[no-untyped-def]
    """Return the columns of `Calls` in the order of ``keys``.

    Parameters
    ----------
    keys : (n,) int64 array
        Of `keys_of`, sorted.
    here : (clients,) int64 array
        Where each client's calls begin in ``what``, in order of time; moved to where they end.
    number : (clients,) int64 array
        The number of each client's first call, less where it is in ``what``.
    what : (n,) int64 array
        api × 2**32 + records of the clients' calls, one client's after the other's.
    groups, costs : (apis,) int64 array
        What each kind costs: ``costs`` for each group of that many records, begun ones included.
    """
    count, mask = keys.shape[0], (1 << bits) - 1
    times, whose = np.empty(count, np.int64), np.empty(count, np.int32)
    calls, lined_up = np.empty(count, np.int64), np.empty(count, np.int64)
    credits = np.empty(count, np.int64)
    for n in range(count):
        client = keys[n] & mask
        # Keys say whose call is next; that client's calls are in order, so a cursor finds which.
        position = here[client]
        here[client] = position + 1
        times[n] = (keys[n] >> bits) + start
        whose[n], calls[n], lined_up[n] = client, number[client] + position, what[position]
    for n in range(count):
        api, records = lined_up[n] >> 32, lined_up[n] & (2**32 - 1)
        # Without a branch, which kinds that are drawn would make unpredictable, and by floats,
        # whose division takes a third of the time. Below 2**53 it is as exact.
        credits[n] = costs[api] * np.int64((records + groups[api] - 1) / groups[api])
    return times, whose, calls, lined_up, credits
