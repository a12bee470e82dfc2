"""The order of calls: those of several clients lined up by time, with what each costs."""

from __future__ import annotations

import numpy as np

from simulation.jit import compiled

__all__ = ["line_up"]


@compiled
def line_up(keys, bits, start, here, number, what, groups, costs):  # type: ignore[no-untyped-def]
    """Return the columns of `Calls` in the order of ``keys``.

    Parameters
    ----------
    keys : (n,) int64 array
        time × 2**bits + client, sorted; times since ``start``.
    here : (clients,) int64 array
        Where each client's calls begin in ``what``, in order of time; moved to where they end.
    number : (clients,) int64 array
        The number of each client's first call, less where it is in ``what``.
    what : (n,) int64 array
        api × 2**32 + records of the clients' calls, one client's after the other's.
    groups, costs : (apis,) int64 array
        What each kind costs: ``costs`` for each group of that many records, begun ones included;
        with 0 for the call.
    """
    count = keys.shape[0]
    times, whose = np.empty(count, np.int64), np.empty(count, np.int32)
    calls, lined_up = np.empty(count, np.int64), np.empty(count, np.int64)
    credits = np.empty(count, np.int64)
    mask = (1 << bits) - 1
    for n in range(count):
        client = keys[n] & mask
        # Keys say whose call is next; that client's calls are in order, so a cursor finds which.
        position = here[client]
        here[client] = position + 1
        times[n] = (keys[n] >> bits) + start
        whose[n], calls[n], lined_up[n] = client, number[client] + position, what[position]
    for n in range(count):
        api = lined_up[n] >> 32
        credits[n] = costs[api]
        if groups[api] > 0:
            records = lined_up[n] & (2**32 - 1)
            # By floats, whose division takes a third of the time; below 2**53 it is as exact.
            credits[n] *= np.int64((records + groups[api] - 1) / groups[api])
    return times, whose, calls, lined_up, credits
