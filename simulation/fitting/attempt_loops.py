"""Loops that gather a log: sums by cell and kind; attempts of one call told from other calls."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled

__all__ = [
    "ASSUMED_ATTEMPTS",
    "BINS",
    "CLIENT_BITS",
    "MOST_COUNTED",
    "PER_OCTAVE",
    "RECORD_BITS",
    "TARGET_BITS",
    "bin_of",
    "count_by_cell",
    "count_by_kind",
    "follow",
    "gap_of",
    "steps_back",
]

PER_OCTAVE = 8
BINS = 27 * PER_OCTAVE
"""Of gaps, from 1 ms to 37 hours: eight to each doubling."""
ASSUMED_ATTEMPTS = 6
"""After which a call is given up, where no log tells."""
MOST_COUNTED = 8
"""The attempts of a call whose gaps are counted apart; later ones count with the last."""

CLIENT_BITS, TARGET_BITS, RECORD_BITS = 12, 16, 20
"""Of the numbers that stand for a cell and a client, and for what a client asked for."""

_THROTTLED = 429
_LEAST = 1000
_MOST_ATTEMPTS = 16  # of a call
_MOST_GROWTH = 20  # of a gap from that before it: what comes later is another call
_LONG = 2**62  # more than lies between any two attempts, µs
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
def bin_of(gap: int) -> int:
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
    crowded: Any,
    usual: Any,
    chains: Any,
) -> None:
    """Tell which attempts begin a call: those that follow no throttled attempt of the same request.

    An attempt follows one if it comes at most ``longest`` after it, no sooner than half the gap
    before and no later than 20 times of it: waits of retries are steady or grow. Requests share a
    slot by their hash; the later one takes it, so that the memory is bounded, and a call that loses
    its slot counts as two.

    Where a client asks for the same so often that its next call may come before a retry does, the
    two cannot be told apart: if an attempt follows after no less than half the time since the
    request came before. Then every attempt within that time follows, until one is answered; but no
    more than `ASSUMED_ATTEMPTS` for each call that began. So as many calls are counted as are
    answered or may have been given up, however their attempts lie among each other.

    Parameters
    ----------
    client, same, time, status : (n,) int64 arrays
        In the order of time: whose an attempt is, the hash of its request, µs, status.
    slots : (2^k,) record array
        ``key``, ``time`` and ``gap`` of the last throttled attempt, ``attempts`` so far, and
        ``before``, the time since the request came before the first of them, -1 where it is so
        short that retries cannot be told; ``made`` and ``begun``, attempts and calls since the
        request last went well for long; ``seen_key`` and ``seen`` of the last attempt that was
        answered otherwise.
    longest : int
        µs.
    is_call : (n,) bool array
        Becomes whether each attempt begins a call.
    after : (clients, `MOST_COUNTED`, `BINS`) int64 array
        Counts of the gaps before the second attempt, the third, and so on.
    crowded : (clients, 2, `BINS`) int64 array
        The same where retries cannot be told: before the second attempt, and before all others,
        also of what comes too soon or too late to follow.
    usual : (clients, `BINS`) int64 array
        Counts of the gaps between equal requests of which the first was not throttled.
    chains : (clients, `MOST_COUNTED` + 1, 2) int64 array
        Calls by the number of attempts that they took: answered at last, and not.
    """
    mask = np.uint64(len(slots) - 1)
    for n in range(len(time)):
        who, key = client[n], (np.uint64(same[n]) ^ (np.uint64(client[n]) * _MIX)) | np.uint64(1)
        one = slots[np.int64((key * _MIX) >> np.uint64(32) & mask)]
        is_waiting = one.attempts > 0 and one.key == key
        gap = time[n] - one.time
        if one.key != key or gap > longest:
            one.made = one.begun = 0
        is_call[n] = not (is_waiting and gap <= longest and _goes_on(one, gap))
        one.made += 1
        one.begun += is_call[n]
        if not is_call[n]:
            _count_gap(one, gap, after[who], crowded[who])
        elif is_waiting:
            if gap <= longest:
                crowded[who, 1, bin_of(gap)] += 1
            _end(one, one.attempts, chains[who, :, 1])
        elif one.seen_key == key:
            usual[who, bin_of(time[n] - one.seen)] += 1
        if status[n] == _THROTTLED:
            _wait(one, key, time[n], is_call[n])
        else:
            if not is_call[n]:
                _end(one, one.attempts + 1, chains[who, :, 0])
            one.seen_key, one.seen = key, time[n]


@compiled
def _goes_on(one: Any, gap: int) -> bool:
    """Return whether an attempt may be the next one of a call that is throttled."""
    if one.attempts > _MOST_ATTEMPTS:  # no policy tries so often: they are those of several calls
        one.before = -1
    if one.before < 0:
        return bool(one.made < ASSUMED_ATTEMPTS * one.begun)
    if one.gap == 0:
        return True
    return bool(2 * gap >= one.gap and gap <= _MOST_GROWTH * one.gap)


@compiled
def _count_gap(one: Any, gap: int, after: Any, crowded: Any) -> None:
    """Count the gap before a retry, where it is one for certain or where it is not."""
    if one.before <= 2 * gap:
        one.before = -1
    if one.before < 0:
        crowded[min(one.attempts, 2) - 1, bin_of(gap)] += 1
    else:
        after[min(one.attempts, MOST_COUNTED) - 1, bin_of(gap)] += 1


@compiled
def _end(one: Any, attempts: int, chains: Any) -> None:
    """Count an ended call by how many attempts it took, unless they may be those of other calls."""
    if one.before >= 0:
        chains[min(attempts, MOST_COUNTED)] += 1
    one.attempts = 0


@compiled
def _wait(one: Any, key: Any, time: int, is_first: bool) -> None:
    """Take notice of a throttled attempt, which may be tried again."""
    if is_first:
        one.before = _LONG
        if one.seen_key == key:
            one.before = time - one.seen
        if one.key == key:
            one.before = min(one.before, time - one.time)
        one.gap, one.attempts = 0, 1
    else:
        one.gap = time - one.time
        one.attempts += 1
    one.key, one.time = key, time
