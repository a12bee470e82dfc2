"""Loops that gather a log: sums by key, and attempts of one call told from calls of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled

__all__ = ["BINS", "MOST_COUNTED", "PER_OCTAVE", "follow", "gap_of", "sum_by_key"]

PER_OCTAVE = 8
BINS = 27 * PER_OCTAVE
"""Of gaps, from 1 ms to 37 hours: eight to each doubling."""
MOST_COUNTED = 8
"""The attempts of a call whose gaps are counted apart; later ones count with the last."""

_THROTTLED = 429
_LEAST = 1000
_MIX = np.uint64(0x9E3779B97F4A7C15)


@compiled
def sum_by_key(keys: Any, calls: Any, slots: Any, found: Any, sums: Any) -> int:
    """Add up calls by key; return how many keys there are.

    Parameters
    ----------
    keys, calls : (n,) int64 arrays
    slots : (2^k,) int64 array
        Of -1, at least 2 n of them: space to work in.
    found, sums : (n,) int64 arrays
        Become the keys, in the order in which they come first, and their sums.
    """
    mask, count = np.uint64(len(slots) - 1), 0
    for n in range(len(keys)):
        slot = np.int64((np.uint64(keys[n]) * _MIX) >> np.uint64(32) & mask)
        while slots[slot] >= 0 and found[slots[slot]] != keys[n]:
            slot = (slot + 1) & np.int64(mask)
        if slots[slot] < 0:
            slots[slot], found[count], sums[count] = count, keys[n], 0
            count += 1
        sums[slots[slot]] += calls[n]
    return count


@compiled
def _bin_of(gap: int) -> int:
    """Return the bin of a gap, µs."""
    if gap < _LEAST:
        return 0
    return min(BINS - 1, int(np.log2(gap / _LEAST) * PER_OCTAVE))


def gap_of(number: Any) -> Any:
    """Return the gap, µs, that stands for a bin: the middle of it, by ratio."""
    return _LEAST * 2.0 ** ((number + 0.5) / PER_OCTAVE)


@compiled
def follow(
    client: Any,
    same: Any,
    time: Any,
    status: Any,
    open_calls: Any,
    last_seen: Any,
    longest: int,
    is_call: Any,
    after: Any,
    usual: Any,
    chains: Any,
) -> None:
    """Tell which attempts begin a call: those that follow no throttled attempt of the same request.

    An attempt follows one if it comes at most ``longest`` after it, and no sooner than half the gap
    before: waits of retries are steady or grow. Requests share a slot by their hash; the later one
    takes it, so that the memory is bounded, and a call that loses its slot counts as two.

    Parameters
    ----------
    client, same, time, status : (n,) int64 arrays
        In the order of time: whose an attempt is, the hash of its request, µs, status.
    open_calls : (slots,) record array
        ``key``, ``time`` and ``gap`` of the last throttled attempt, ``attempts`` so far.
    last_seen : (slots,) record array
        ``key`` and ``time`` of the last attempt of any status.
    longest : int
        µs.
    is_call : (n,) bool array
        Becomes whether each attempt begins a call.
    after : (clients, `MOST_COUNTED`, `BINS`) int64 array
        Counts of the gaps before the second attempt, the third, and so on.
    usual : (clients, `BINS`) int64 array
        Counts of the gaps between equal requests of which the first was not throttled.
    chains : (clients, `MOST_COUNTED` + 1, 2) int64 array
        Calls by the number of attempts that they took: answered at last, and not.
    """
    mask = np.uint64(len(open_calls) - 1)
    for n in range(len(time)):
        key = (np.uint64(same[n]) ^ (np.uint64(client[n]) * _MIX)) | np.uint64(1)
        slot = np.int64((key * _MIX) >> np.uint64(32) & mask)
        open_one, seen = open_calls[slot], last_seen[slot]
        is_throttled = status[n] == _THROTTLED
        gap = time[n] - open_one.time
        follows = open_one.attempts > 0 and open_one.key == key
        follows = follows and gap <= longest and 2 * gap >= open_one.gap
        is_call[n] = not follows
        if follows:
            place = min(open_one.attempts, MOST_COUNTED) - 1
            after[client[n], place, _bin_of(gap)] += 1
        elif open_one.attempts > 0 and open_one.key == key:
            chains[client[n], min(open_one.attempts, MOST_COUNTED), 1] += 1
            open_one.attempts = 0
        elif seen.key == key:
            usual[client[n], _bin_of(time[n] - seen.time)] += 1
        if is_throttled:
            open_one.gap = gap if follows else 0
            open_one.attempts = open_one.attempts + 1 if follows else 1
            open_one.key, open_one.time = key, time[n]
        else:
            if follows:
                chains[client[n], min(open_one.attempts + 1, MOST_COUNTED), 0] += 1
                open_one.attempts = 0
            seen.key, seen.time = key, time[n]
