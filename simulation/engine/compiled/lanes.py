"""What the compiled engine holds of its pools: records with named fields, and room for more.

A *lane* is a pool of one size with all that waits for it. Its arrays begin small and are doubled
when the loops in `kernel` say that they are full.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints, Records, record
from simulation.engine.records import MOST_ATTEMPTS, TooManyAttemptsError
from simulation.engine.rules import START_PARTS, taken_evenly
from simulation.quantities import DAY

__all__ = [
    "CALL",
    "EVENT",
    "GRANT",
    "LANE",
    "POLICY",
    "RETRY",
    "WALK",
    "Lanes",
    "as_bytes",
    "hold",
    "lanes_of",
    "slot_bits",
    "with_more_calls",
    "with_more_events",
    "with_more_grants",
]


_SLOTS = 2**13  # a power of two, so that a mask finds a slot
_NEVER = -(2**62)  # µs: before any run, and far from overflow


LANE = record(
    limit=np.int64,  # credits
    used=np.int64,  # credits of the grants from `oldest` on
    oldest=np.int64,  # number of the oldest grant that is not yet released
    made=np.int64,  # grants made, and so the number of the next
    soon=np.int64,  # retries that wait in `Lanes.soon`
    later=np.int64,  # retries that wait in `Lanes.later`
    slot=np.int64,  # the slot of `Lanes.later` that was reached
    free=np.int64,  # first entry of the free list in `Lanes.calls`, -1 for none
    ended=np.int64,  # entries of `Lanes.calls` from here on were never used
    past=np.int64,  # when the last attempt was, µs
    strayed=np.int64,  # when the last was that a pool without a limit would not have seen, µs
    throttled=np.int64,  # calls throttled at first, of those that count
    lost=np.int64,  # calls lost, of those that count
    refused=np.int64,  # attempts throttled
    attempts=np.int64,  # attempts decided
)
"""A lane: the pool, what waits for it, and what is counted."""

GRANT = record(time=np.int64, credits=np.int64)
"""Credits taken from the pool, which come back a window after ``time``."""

CALL = record(
    due=np.int64,  # when it is tried again, µs
    order=np.int64,  # client and number of the call in one: who is first of two at one instant
    credits=np.int64,
    row=np.int64,  # where it stands on the tape
    attempt=np.int64,  # number of the attempt that it waits for
    next=np.int64,  # the next entry of the same slot, or of the free list; -1 for none
    counts=np.bool_,  # whether `LANE` counts it
)
"""A call that waits for a retry."""

RETRY = record(due=np.int64, order=np.int64, call=np.int64)
"""An entry of a heap: what it is sorted by, beside each other in memory, and the call."""

EVENT = record(time=np.int64, row=np.int64, credits=np.int64, kind=np.int64)
"""What happened in the pool besides first attempts."""

POLICY = record(
    max_attempts=np.int64,
    first_delay=np.int64,  # where the client's delays begin in `Laws.delays`,
    last_delay=np.int64,  # and the last of them, which repeats
    jittered=np.bool_,
    key=np.uint64,  # what the jitter is drawn from
)
"""What a client does when throttled."""


WALK = record(
    oldest=np.int64,  # number of the oldest call whose credits may be out
    arrived=np.int64,  # number of the next call
    in_use=np.int64,  # credits in use in a pool without a limit
    awake=np.int64,  # lanes awake
    decided=np.int64,  # attempts, over all lanes
)
"""How far a walk over calls that no client tries again has come, for lanes side by side."""


class Lanes(NamedTuple):
    """The state of m lanes."""

    state: Records  # (m,) of LANE
    grants: Records  # (m, 2**k) of GRANT, rings: what was granted and is not yet released
    calls: Records  # (m, .) of CALL, in any order
    soon: Records  # (m, .) of RETRY, heaps: retries of the slots that were reached
    later: NDArray[np.int32]  # (m, 2**k), rings: the first call of each slot ahead, -1 for none


def lanes_of(limits: Sequence[int] | Ints, before: Lanes | None = None) -> Lanes:
    """Return empty pools of these sizes, behind those that are there ``before``."""
    count = len(limits)
    state = np.zeros(count, LANE)
    state["limit"], state["free"], state["strayed"] = limits, -1, _NEVER
    grants, calls = (
        (START_PARTS + 1, 64) if before is None else (before.grants.shape[1], before.calls.shape[1])
    )
    new = Lanes(
        state=state,
        grants=np.empty((count, grants), GRANT),
        calls=np.empty((count, calls), CALL),
        soon=np.empty((count, calls), RETRY),
        later=np.full((count, _SLOTS), -1, np.int32),
    )
    if before is None:
        return new
    pairs: Any = zip(before, new, strict=True)
    return Lanes(*(np.concatenate(pair) for pair in pairs))


def slot_bits(longest: int, calls_a_day: float) -> int:
    """Return how long a slot of `Lanes.later` is, 2**bits µs, by what calls there are.

    Parameters
    ----------
    longest : int
        The longest delay before a retry, µs.
    calls_a_day : float
        About how many calls are submitted on a day.
    """
    # Two slots to spare, so that the furthest retry never meets the slot that is reached now.
    least = (longest // (_SLOTS - 2)).bit_length()
    # Slots are walked over one by one. Where calls are further apart than that, longer slots are
    # walked ten times as fast: 5,400 calls a day with delays of 2 minutes took 0.08 s for 41 lanes
    # in place of 0.87 s. Nothing but the time that it takes depends on it.
    return max(least, int(DAY / max(1.0, calls_a_day)).bit_length())


def with_more_grants(lanes: Lanes) -> Lanes:
    """Return the lanes with rings twice as long."""
    # Grant n moves from n % length to n % (2 * length): to where it is, or a length further.
    raw = as_bytes(lanes.grants)
    return lanes._replace(grants=np.concatenate((raw, raw), axis=1).view(GRANT))


def with_more_calls(lanes: Lanes) -> Lanes:
    """Return the lanes with room for twice as many calls that wait."""
    count, length = lanes.calls.shape
    calls, soon = np.empty((count, 2 * length), CALL), np.empty((count, 2 * length), RETRY)
    for longer, shorter in ((calls, lanes.calls), (soon, lanes.soon)):
        as_bytes(longer)[:, :length] = as_bytes(shorter)
    # Indices stay as they are: heaps, slots and free lists point to entries by them.
    return lanes._replace(calls=calls, soon=soon)


def with_more_events(events: Records) -> Records:
    """Return the events with twice the room, at most `MOST_ATTEMPTS`.

    Raises
    ------
    TooManyAttemptsError
        If they have that much room already.
    """
    if len(events) >= MOST_ATTEMPTS:
        raise TooManyAttemptsError
    longer = np.empty(min(2 * len(events), MOST_ATTEMPTS), EVENT)
    as_bytes(longer)[: len(events)] = as_bytes(events)
    return longer


def as_bytes(records: Records) -> Records:
    """Return a view of records as mere bytes, since NumPy copies records field by field."""
    return records.view(f"V{records.itemsize}")


def hold(lanes: Lanes, credits: int, window: int) -> None:
    """Start unused pools with ``credits`` in use, which come back evenly over a window (µs)."""
    before = taken_evenly(credits, window)
    lanes.grants["time"][:, : len(before)] = before[:, 0]
    lanes.grants["credits"][:, : len(before)] = before[:, 1]
    lanes.state["made"], lanes.state["used"] = len(before), credits
