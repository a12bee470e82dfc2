"""Loops over a day's demand: from random numbers to calls in order, at the pace of planning."""

from __future__ import annotations

import numpy as np

from simulation.jit import compiled

__all__ = ["arrival_times", "choose", "deal", "line_up"]


@compiled
def arrival_times(gaps, total, reached, edges):  # type: ignore[no-untyped-def]
    """Return times of n calls, given n + 1 standard exponential gaps.

    The sums of the gaps, scaled to the whole, are n uniform order statistics: sorted in O(n)
    (L. Devroye, Non-Uniform Random Variate Generation, 1986, chapter V).
    Each is a mean number of calls, and mapped to the time at which it is reached.

    Parameters
    ----------
    gaps : (n + 1,) float64 array
    total : float
        Mean number of calls.
    reached : (h + 1,) float64 array
        Mean number of calls before each of the edges, rising from 0.
    edges : (h + 1,) int64 array
        µs since the scenario's start.
    """
    count = gaps.shape[0] - 1
    whole = 0.0
    for n in range(count + 1):
        whole += gaps[n]
    scale = total / whole
    times = np.empty(count, np.int64)
    gone, hour, last = 0.0, 0, edges.shape[0] - 2
    # Nothing comes in hours at the end whose mean is 0, though rounding may reach their edge.
    while last > 0 and reached[last + 1] == reached[last]:
        last -= 1
    # Infinite where the first hour is empty; the loop then leaves that hour before it is used.
    slope = (edges[1] - edges[0]) / (reached[1] - reached[0])
    for n in range(count):
        gone += gaps[n]
        calls = gone * scale
        if calls >= reached[hour + 1] and hour < last:
            while hour < last and calls >= reached[hour + 1]:
                hour += 1
            slope = (edges[hour + 1] - edges[hour]) / (reached[hour + 1] - reached[hour])
        time = np.int64(slope * (calls - reached[hour]) + edges[hour])
        times[n] = min(time, edges[-1] - 1)  # the last float may round up to midnight
    return times


@compiled
def choose(uniforms, thresholds):  # type: ignore[no-untyped-def]
    """Return which of k things each uniform number chooses, and how often each is chosen."""
    chosen = np.empty(uniforms.shape[0], np.int32)
    counts = np.zeros(thresholds.shape[0] + 1, np.int64)
    for n in range(uniforms.shape[0]):
        # The sum of comparisons needs no branch, which random numbers would make unpredictable.
        entry = 0
        for k in range(thresholds.shape[0]):
            entry += uniforms[n] >= thresholds[k]
        chosen[n] = entry
        counts[entry] += 1
    return chosen, counts


@compiled
def deal(chosen, counts, codes, records, credits):  # type: ignore[no-untyped-def]
    """Deal the calls of k kinds, kind after kind in ``records`` and ``credits``, as chosen."""
    starts = np.cumsum(counts) - counts
    api = np.empty(chosen.shape[0], np.int32)
    dealt_records = np.empty(chosen.shape[0], np.int64)
    dealt_credits = np.empty(chosen.shape[0], np.int64)
    for n in range(chosen.shape[0]):
        entry = chosen[n]
        position = starts[entry]  # the next call of this kind that is not dealt yet
        starts[entry] = position + 1
        api[n] = codes[entry]
        dealt_records[n], dealt_credits[n] = records[position], credits[position]
    return api, dealt_records, dealt_credits


@compiled
def line_up(keys, bits, ends, first_calls, api, records, credits):  # type: ignore[no-untyped-def]
    """Return the columns of `Calls` in the order of ``keys``.

    Parameters
    ----------
    keys : (n,) int64 array
        time × 2**bits + client, sorted.
    ends : (clients,) int64 array
        Where each client's calls end in the columns; within a client they are in order of time.
    first_calls : (clients,) int64 array
        The number of each client's first call.
    api, records, credits : (n,) arrays
        The clients' calls, one client's after the other's.
    """
    count, clients = keys.shape[0], ends.shape[0]
    here = np.zeros(clients, np.int64)
    here[1:] = ends[:-1]
    number = first_calls - here  # of a call, less its position
    lined_up = (
        np.empty(count, np.int64),
        np.empty(count, np.int32),
        np.empty(count, np.int64),
        np.empty(count, np.int32),
        np.empty(count, np.int64),
        np.empty(count, np.int64),
    )
    times, whose, calls, apis, all_records, all_credits = lined_up
    for n in range(count):
        client = keys[n] & ((1 << bits) - 1)
        # Keys say whose call is next; that client's calls are in order, so a cursor finds which.
        position = here[client]
        here[client] = position + 1
        times[n], whose[n], calls[n] = keys[n] >> bits, client, number[client] + position
        apis[n] = api[position]
        all_records[n], all_credits[n] = records[position], credits[position]
    return lined_up
