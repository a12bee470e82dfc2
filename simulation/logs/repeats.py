"""Entries that a log tells again: in overlapping files, or in one that was put together twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.jit import compiled
from simulation.logs.entries import Entries

__all__ = ["Repeats"]

_MOST = 2**22
"""Entries of one generation; the last one and the one before it are remembered, in 128 MB."""
_MIX, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@compiled
def _mark_repeats(identity: Any, time: Any, begin: int, young: Any, old: Any, state: Any) -> int:
    """Remember entries from row ``begin`` on; return the row at which ``young`` is full, or n.

    Parameters
    ----------
    identity, time : (n,) int64 arrays
    begin : int
    young, old : (2^k,) uint64 arrays
        Hashes that are remembered by their slots; 0 where a slot is free.
    state : (n + 1,) int64 array
        Becomes 1 for each row that is remembered already; the last is how many ``young`` holds.
    """
    mask, last = np.uint64(len(young) - 1), len(identity)
    for n in range(begin, last):
        if identity[n] == 0:
            continue
        if 2 * state[last] >= len(young):
            return n
        key = np.uint64(identity[n]) * _MIX
        key = (key ^ (key >> _FOLD) ^ np.uint64(time[n])) * _MIX
        key = (key ^ (key >> _FOLD)) | np.uint64(1)
        first = key >> _FOLD & mask
        slot = first
        while old[slot] != 0 and old[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        is_told = old[slot] == key
        slot = first
        while young[slot] != 0 and young[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if young[slot] == 0:
            young[slot] = key
            state[last] += 1
        else:
            is_told = True
        state[n] = is_told
    return last


class Repeats:
    """The entries that were told, as far as they have an identity: the last four million at least.

    Two are one where their identity and their time are the same: an identity that goes along with
    a call through retries and services is of each of their entries.
    """

    def __init__(self) -> None:
        self._young = self._old = np.zeros(1, np.uint64)
        self._count = 0

    def of(self, entries: Entries) -> Flags:
        """Return which entries were told before, and remember all of them."""
        if not entries.identity.any():
            return np.zeros(len(entries), np.bool_)
        if len(self._young) == 1:
            self._young, self._old = np.zeros((2, 2 * _MOST), np.uint64)
        state: Ints = np.zeros(len(entries) + 1, np.int64)
        state[-1], row = self._count, 0
        while True:
            arguments = (entries.identity, entries.time, row, self._young, self._old, state)
            row = _mark_repeats(*arguments)
            self._count = int(state[-1])
            if row == len(entries):
                is_repeated: Flags = state[:-1] == 1
                return is_repeated
            self._young, self._old = np.zeros_like(self._young), self._young
            self._count = state[-1] = 0
