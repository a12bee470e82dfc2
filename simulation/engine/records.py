"""What a run leaves behind: every call with its outcome, and every grant and throttled attempt.

Both engines write the same `DayRecords`; statistics and files are made from these alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Floats, Ints
from simulation.demand import Calls
from simulation.demand import concatenate as concatenate_calls

__all__ = [
    "IMPOSSIBLE",
    "LOST",
    "MOST_ATTEMPTS",
    "OUTCOMES",
    "SUCCEEDED",
    "UNFINISHED",
    "CallRecords",
    "DayRecords",
    "Entries",
    "TooManyAttemptsError",
]

MOST_ATTEMPTS = 125_000_000
"""The most attempts of one day that are held in memory, with copies some 10 GB. SimPy counts those
after a call's first, and so does the compiled loop of the pool alone; that of many meters counts
all, of which there are fewer than `MOST_CALLS_A_DAY` first ones."""


OUTCOMES = ("succeeded", "lost", "impossible", "unfinished")
SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED = range(4)


@dataclass(frozen=True)
class CallRecords:
    """Calls and what became of them, a column each; in order of time, client and call.

    Attributes
    ----------
    calls : Calls
        What was wanted, n calls.
    attempts, throttled_attempts : (n,) int32 array
        Attempts made, and how many of them were throttled.
    outcome : (n,) int8 array
        Index in `OUTCOMES`.
    settled_at : (n,) int64 array
        When the call succeeded or its client gave up, µs; -1 if unfinished.
    held_back : (n,) int32 array
        Attempts that were due and that the client itself did not make.
    throttled_by : (n,) int8 array
        The meter of the card that refused the first throttled attempt; -1 where none was.
    """

    calls: Calls
    attempts: NDArray[np.int32]
    throttled_attempts: NDArray[np.int32]
    outcome: NDArray[np.int8]
    settled_at: Ints
    held_back: NDArray[np.int32]
    throttled_by: NDArray[np.int8]

    @classmethod
    def of_pool(
        cls,
        calls: Calls,
        attempts: NDArray[np.int32],
        throttled_attempts: NDArray[np.int32],
        outcome: NDArray[np.int8],
        settled_at: Ints,
    ) -> CallRecords:
        """Return records of calls that only the pool throttled, and no client held back."""
        by = (throttled_attempts > 0).astype(np.int8) - np.int8(1)
        nothing = np.zeros(len(calls), np.int32)
        return cls(calls, attempts, throttled_attempts, outcome, settled_at, nothing, by)

    def __len__(self) -> int:
        return len(self.calls)


@dataclass(frozen=True)
class Entries:
    """Things that happened in the pool, a column each; in order of time.

    Attributes
    ----------
    time : (n,) int64 array
        When, µs since the scenario's start.
    credits : (n,) int64 array
        What the attempt costs, in the card's smallest unit.
    account : (n,) int64 array
        client × number of call kinds + call kind; -1 for a process of the user's own.
    back_at : (n,) int64 array or None
        When what was granted comes back; None where that is a window after ``time``.
    """

    time: Ints
    credits: Ints
    account: Ints
    back_at: Ints | None = None

    @classmethod
    def of(cls, time: Sequence[int], credits: Sequence[int], account: Sequence[int]) -> Entries:
        """Return entries, made of three sequences."""
        return cls(_column(time), _column(credits), _column(account))


class TooManyAttemptsError(Exception):
    """On some day more than `MOST_ATTEMPTS` attempts are made."""


@dataclass(frozen=True)
class DayRecords:
    """What one local day leaves behind.

    Attributes
    ----------
    day : int
        The day, from 0.
    start, end : int
        The stretch of the run that it covers, µs.
    settled : CallRecords
        The calls of this and earlier days that are now all settled, or unfinished at the
        horizon; every call appears in one day's records, in order of submission.
    grants, throttles : Entries
        What happened in the pool on this day.
    before : Entries or None
        On the first day, what was granted before the start and is in use.
    peaks : (m,) float64 array or None
        The most used of each of the card's meters since the warm-up; None where the pool is the
        only one, whose use the grants tell.
    """

    day: int
    start: int
    end: int
    settled: CallRecords
    grants: Entries
    throttles: Entries
    before: Entries | None = None
    peaks: Floats | None = None


def in_order(parts: Sequence[Entries]) -> Entries:
    """Return entries joined, in order of time; those of one instant as they are given.

    ``back_at`` is kept where all parts have it; otherwise it is None.
    """
    time, credits, account = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("time", "credits", "account")
    )
    order = np.argsort(time, kind="stable")
    backs = [part.back_at for part in parts if len(part.time)]
    back_at = None
    if backs and all(back is not None for back in backs):
        back_at = np.concatenate([back for back in backs if back is not None])[order]
    return Entries(time[order], credits[order], account[order], back_at)


def _column(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)


def concatenate(parts: Sequence[CallRecords]) -> CallRecords:
    """Return records joined, one after the other."""
    if not parts:
        none = np.empty(0, np.int64)
        narrow = none.astype(np.int32)
        calls = Calls(none, narrow, none, none, none)
        tiny = none.astype(np.int8)
        return CallRecords(calls, narrow, narrow, tiny, none, narrow, tiny)
    if len(parts) == 1:
        return parts[0]
    calls = concatenate_calls([part.calls for part in parts])
    own = [field.name for field in fields(CallRecords)][1:]
    return CallRecords(calls, *(np.concatenate([getattr(p, name) for p in parts]) for name in own))


def merge(parts: Sequence[CallRecords]) -> CallRecords:
    """Return records joined in order of time, client and call; the clients' come in their order."""
    # A stable order by time alone: the clients' records follow each other, each in its own order.
    joined = concatenate(parts)
    order = np.argsort(joined.calls.time, kind="stable")
    own = [field.name for field in fields(CallRecords)][1:]
    return CallRecords(joined.calls.take(order), *(getattr(joined, name)[order] for name in own))
