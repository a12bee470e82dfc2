"""Loops that gather a log: sums by cell and kind; attempts of one call told from other calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled

__all__ = [
    "BINS",
    "CLIENT_BITS",
    "MOST_COUNTED",
    "PER_OCTAVE",
    "RECORD_BITS",
    "TARGET_BITS",
    "count_by_cell",
    "count_by_kind",
    "follow",
    "gap_of",
    "steps_back",
]

PER_OCTAVE = 8
BINS = 27 * PER_OCTAVE
"""Of gaps, from 1 ms to 37 hours: eight to each doubling."""
MOST_COUNTED = 8
"""The attempts of a call whose gaps are counted apart; later ones count with the last."""

CLIENT_BITS, TARGET_BITS, RECORD_BITS = 12, 16, 20
"""Of the numbers that stand for a cell and a client, and for what a client asked for."""

_THROTTLED = 429
_LEAST = 1000
_MIX = np.uint64(0x9E3779B97F4A7C15)


@compiled
def count_by_cell(
    time: Any,
    client: Any,
    calls: Any,
    is_call: Any,
    grain: int,
    last: Any,
    keys: Any,
    attempts: Any,
    begun: Any,
) -> int:
    """Count attempts and calls by cell and client; return how many such pairs there are.

    Parameters
    ----------
    time, client, calls : (n,) int64 arrays
        In the order of time: µs, whose an attempt is, how many it stands for.
    is_call : (n,) bool array
        Whether it begins a call.
    grain : int
        The length of a cell, µs.
    last : (2^`CLIENT_BITS`,) int64 array
        Of -1: space to work in.
    keys, attempts, begun : (n,) int64 arrays
        Become each cell and client as one number, in the order of cells, and the attempts and calls
        of each.
    """
    found, cell, end = 0, 0, 0
    for n in range(len(time)):
        if time[n] >= end or n == 0:
            cell = time[n] // grain
            end = (cell + 1) * grain
        key, place = cell << CLIENT_BITS | client[n], last[client[n]]
        if place < 0 or keys[place] != key:
            place = last[client[n]] = found
            keys[found], attempts[found], begun[found] = key, 0, 0
            found += 1
        attempts[place] += calls[n]
        begun[place] += calls[n] * is_call[n]
    return found


@compiled
def steps_back(keys: Any) -> int:
    """Return how many numbers of a cell and a client are of an earlier cell than the one before."""
    found = 0
    for n in range(1, len(keys)):
        found += keys[n] >> CLIENT_BITS < keys[n - 1] >> CLIENT_BITS
    return found


@compiled
def count_by_kind(
    client: Any,
    target: Any,
    records: Any,
    calls: Any,
    slots: Any,
    found: Any,
    sums: Any,
) -> int:
    """Add up calls by client, target and records; return how many different ones there are.

    Parameters
    ----------
    client, target, records, calls : (n,) int64 arrays
    slots : (2^k,) int64 array
        Of -1, at least 2 n of them: space to work in, which is left as it was.
    found, sums : (n,) int64 arrays
        Become the three as one number, in the order in which they come first, and the sums.
    """
    mask, count = np.uint64(len(slots) - 1), 0
    for n in range(len(client)):
        of_records = min(max(records[n], 0), 2**RECORD_BITS - 1)
        key = (client[n] << TARGET_BITS | target[n]) << RECORD_BITS | of_records
        slot = np.int64((np.uint64(key) * _MIX) >> np.uint64(32) & mask)
        while slots[slot] >= 0 and found[slots[slot]] != key:
            slot = (slot + 1) & np.int64(mask)
        if slots[slot] < 0:
            slots[slot], found[count], sums[count] = count, key, 0
            count += 1
        sums[slots[slot]] += calls[n]
    for n in range(count):
        slot = np.int64((np.uint64(found[n]) * _MIX) >> np.uint64(32) & mask)
        while slots[slot] >= 0:
            slots[slot] = -1
            slot = (slot + 1) & np.int64(mask)
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
    slots: Any,
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
    slots : (2^k,) record array
        ``key``, ``time`` and ``gap`` of the last throttled attempt, ``attempts`` so far;
        ``seen_key`` and ``seen`` of the last attempt that was answered otherwise.
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
    mask = np.uint64(len(slots) - 1)
    for n in range(len(time)):
        key = (np.uint64(same[n]) ^ (np.uint64(client[n]) * _MIX)) | np.uint64(1)
        slot = np.int64((key * _MIX) >> np.uint64(32) & mask)
        one = slots[slot]
        is_throttled = status[n] == _THROTTLED
        gap = time[n] - one.time
        follows = one.attempts > 0 and one.key == key
        follows = follows and gap <= longest and 2 * gap >= one.gap
        is_call[n] = not follows
        if follows:
            place = min(one.attempts, MOST_COUNTED) - 1
            after[client[n], place, _bin_of(gap)] += 1
        elif one.attempts > 0 and one.key == key:
            chains[client[n], min(one.attempts, MOST_COUNTED), 1] += 1
            one.attempts = 0
        elif one.seen_key == key:
            usual[client[n], _bin_of(time[n] - one.seen)] += 1
        if is_throttled:
            one.gap = gap if follows else 0
            one.attempts = one.attempts + 1 if follows else 1
            one.key, one.time = key, time[n]
        else:
            if follows:
                chains[client[n], min(one.attempts + 1, MOST_COUNTED), 0] += 1
                one.attempts = 0
            one.seen_key, one.seen = key, time[n]
