"""A lane of many meters: its state, with room for more, and the loop that decides it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints
from simulation.demand import Calls
from simulation.engine.compiled.lanes import RETRY, record
from simulation.engine.compiled.meter_loops import take_back
from simulation.engine.compiled.metering import decide_metered, lose_what_waited
from simulation.engine.rules import Limits, Rules

__all__ = [
    "EVENT",
    "MeteredDay",
    "Roll",
    "State",
    "copy_of",
    "decide",
    "end",
    "loop_rules",
    "no_roll",
    "start_of",
    "used_of_pool",
    "with_limits",
]

Records = NDArray[np.void]

LANE = record(
    made=np.int64,  # attempts accepted that rolling meters count, and so the number of the next
    soon=np.int64,  # entries of the heap
    free=np.int64,  # first entry of the free list in `State.calls`, -1 for none
    ended=np.int64,  # entries of `State.calls` from here on were never used
    ends=np.int64,  # calls that are open
    waiting=np.int64,  # clients that wait for one of them to end
    counting=np.bool_,  # whether the warm-up is over
    throttled=np.int64,  # calls that count, throttled at their first attempt
    lost=np.int64,  # calls that count, lost
    held=np.int64,  # attempts that quota and reserve held back
    refused=np.int64,  # attempts throttled
    attempts=np.int64,  # attempts made
    granted=np.int64,  # taken by accepted attempts and charges
    highest=np.int64,  # the most used of the pool since the lane was told to look, scaled
)
"""A lane: where its tables end, and what is counted."""

GRANT = record(time=np.int64, credits=np.int64, client=np.int64, meters=np.int64)
"""An accepted attempt, and a bit for each meter that counts it."""

CALL = record(
    order=np.int64,  # client and number of the call in one: who is first of two at one instant
    credits=np.int64,
    meters=np.int64,  # a bit for each meter that counts it
    duration=np.int64,
    submitted=np.int64,
    row=np.int64,  # where it stands on the tape
    tries=np.int64,  # attempts, those that its client held back for quota or reserve included
    attempts=np.int64,
    held=np.int64,
    by=np.int64,  # the meter that throttled it first, -1 for none
    next=np.int64,  # the next of its line, or of the free list; -1 for none
    counts=np.bool_,  # whether `LANE` counts it
)
"""A call that waits."""

EVENT = record(time=np.int64, row=np.int64, credits=np.int64, kind=np.int64, by=np.int64)
"""An attempt, or a charge."""


class State(NamedTuple):
    """All that decides what becomes of the calls that come; `copy_of` makes another like it."""

    lane: Records  # (1,) of LANE
    sizes: Ints  # of each instance of each meter
    keeps: Records  # (clients,) of KEEPS
    used: Ints  # of each instance of each meter, scaled
    since: Ints  # when that was so, µs; of buckets
    turn: Ints  # (m,): the oldest accepted attempt that counts, or the next reset
    peaks: Ints  # (m,): the most used since the warm-up, scaled
    refusals: Ints  # (vendors,): calls that count, by the meter that throttled them first
    ring: Records  # (2**k,) of GRANT
    soon: Records  # (n,) of RETRY, a heap: calls that are looked at again
    ends: Records  # (.,) of RETRY, a heap: open calls, with client and meters
    calls: Records  # (n,) of CALL
    front: Ints  # (clients,): the first call of each line, -1 for none
    back: Ints  # (clients,): the last, where there is one
    paused: Ints  # (clients,): until when the client makes no attempt, µs
    next_slot: Ints  # (clients,): when its pace lets it make the next, µs
    open: Ints  # (clients,): its open calls
    waits: NDArray[np.bool_]  # (clients,): whether it waits for a call to end
    for_room: NDArray[np.bool_]  # (clients,): whether it waits for room


class LoopRules(NamedTuple):
    """The parts of `simulation.engine.rules.Rules` that loops take."""

    pool: int
    meters: Records
    vendors: int
    least: Ints
    instance: Ints
    resets: Ints
    clock_times: Ints
    delays: Ints
    conduct: Records
    throttled_attempt_credits: int
    warmup: int
    horizon: int


class MeteredDay(NamedTuple):
    """The calls submitted in a stretch of time, n in order of time, client and call."""

    time: Ints
    client: NDArray[np.int32]
    call: Ints
    what: Ints
    credits: Ints
    duration: Ints  # (0,) where no call lasts
    counts: NDArray[np.bool_]

    @classmethod
    def of(cls, calls: Calls, counts: NDArray[np.bool_]) -> MeteredDay:
        """Return calls as the loop takes them; ``counts`` says which of them count."""
        duration = np.empty(0, np.int64) if calls.duration is None else calls.duration
        return cls(
            calls.time, calls.client, calls.call, calls.what, calls.credits, duration, counts
        )


class Roll(NamedTuple):
    """What became of calls, a row each, and what happened; empty arrays turn it off."""

    outcome: NDArray[np.int8]
    attempts: NDArray[np.int32]
    held: NDArray[np.int32]
    by: NDArray[np.int8]
    settled_at: Ints
    events: Records  # (.,) of EVENT
    length: Ints  # (1,): of events; (0,) where nothing is written


def loop_rules(rules: Rules) -> LoopRules:
    """Return what loops take of the rules."""
    return LoopRules(*(getattr(rules, name) for name in LoopRules._fields))


def no_roll() -> Roll:
    """Return a roll on which nothing is written."""
    none = np.empty(0, np.int64)
    narrow = none.astype(np.int32)
    tiny = none.astype(np.int8)
    return Roll(tiny, narrow, narrow, tiny, none, np.empty(0, EVENT), none)


def start_of(rules: Rules, limits: Limits) -> State:
    """Return a lane at the scenario's start."""
    clients, meters = len(rules.conduct), len(rules.meters)
    lane = np.zeros(1, LANE)
    lane["free"] = -1
    state = State(
        lane=lane,
        sizes=limits.sizes,
        keeps=limits.keeps,
        used=np.zeros(len(limits.sizes), np.int64),
        since=np.zeros(len(limits.sizes), np.int64),
        turn=rules.meters["resets_begin"].copy(),
        peaks=np.zeros(meters, np.int64),
        refusals=np.zeros(len(rules.names), np.int64),
        ring=np.zeros(max(1024, 2 ** (len(rules.start) + 2).bit_length()), GRANT),
        soon=np.zeros(64, RETRY),
        ends=np.zeros(64, RETRY),
        calls=np.zeros(64, CALL),
        front=np.full(clients, -1, np.int64),
        back=np.full(clients, -1, np.int64),
        paused=np.zeros(clients, np.int64),
        next_slot=np.zeros(clients, np.int64),
        open=np.zeros(clients, np.int64),
        waits=np.zeros(clients, np.bool_),
        for_room=np.zeros(clients, np.bool_),
    )
    pool = rules.meters[rules.pool]
    before = len(rules.start)
    state.ring["time"][:before], state.ring["credits"][:before] = rules.start.T
    state.ring["meters"][:before] = 1 << rules.pool
    state.lane["made"] = before
    state.used[pool["first"]] = int(rules.start[:, 1].sum()) * int(pool["scale"])
    return state


def copy_of(state: State) -> State:
    """Return a lane in the same state."""
    copied: dict[str, Any] = {name: each.copy() for name, each in state._asdict().items()}
    return State(**copied)


def with_limits(state: State, limits: Limits) -> State:
    """Return a lane in the same state with a pool of another size."""
    return copy_of(state)._replace(sizes=limits.sizes, keeps=limits.keeps)


def decide(
    state: State, rules: LoopRules, day: MeteredDay, until: int, roll: Roll, base: int
) -> tuple[State, Roll]:
    """Decide every attempt before ``until``; return lane and roll, whose arrays may have grown.

    ``base`` is the row of the day's first call.
    """
    arrived = 0
    # A loop cannot grow arrays: it stops before an attempt without room, and is called again there.
    while (arrived := decide_metered(state, rules, day, arrived, until, roll, base)) >= 0:
        lane = state.lane[0]
        if len(roll.length) and roll.length[0] + 2 > len(roll.events):
            roll = roll._replace(events=_twice(roll.events))
        elif lane["ended"] == len(state.calls):
            state = state._replace(calls=_twice(state.calls), soon=_twice(state.soon))
        elif lane["ends"] == len(state.ends):
            state = state._replace(ends=_twice(state.ends))
        else:
            # Attempt n moves from n % length to n % (2 * length): to where it is, or further on.
            ring = state.ring.view(f"V{GRANT.itemsize}")
            state = state._replace(ring=np.concatenate((ring, ring)).view(GRANT))
    return state, roll


def used_of_pool(state: State, rules: LoopRules, now: int) -> int:
    """Return what is used of the pool at a moment, in its parts."""
    take_back(state, rules, now)
    pool = rules.meters[rules.pool]
    used, since = int(state.used[pool["first"]]), int(state.since[pool["first"]])
    return max(0, used - (now - since) * int(pool["refill"]))


def end(state: State, rules: LoopRules, roll: Roll) -> None:
    """Note what the horizon makes of calls that wait."""
    lose_what_waited(state, rules, roll)


def _twice(table: Records) -> Records:
    raw = table.view(f"V{table.itemsize}")
    longer: Records = np.concatenate((raw, np.zeros_like(raw))).view(table.dtype)
    return longer
