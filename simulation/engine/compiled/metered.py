"""A lane of many meters: its state, with room for more, and the loop that decides it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints, Records, record
from simulation.demand import Calls
from simulation.engine import rules
from simulation.engine.compiled.lanes import EVENT, RETRY, as_bytes, with_more_events
from simulation.engine.compiled.meter_loops import BEFORE, take_back, used_of
from simulation.engine.compiled.metering import decide_metered, lose_what_waited
from simulation.engine.rules import Limits, Rules
from simulation.jit import compiled

__all__ = [
    "MeteredDay",
    "State",
    "Tape",
    "copy_of",
    "decide",
    "end",
    "no_tape",
    "start_of",
    "tables_of",
    "used_of_pool",
    "with_limits",
]

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
    attempts=np.int64,  # attempts made
    granted=np.int64,  # taken by accepted attempts and charges
    highest=np.int64,  # the most used of the pool since the lane was told to look, scaled
    reached=np.int64,  # the most that it would be with what other meters refused
    pool=np.int64,  # which of the meters is the pool
    vendors=np.int64,  # how many of the meters are the card's
    throttled_attempt_credits=np.int64,
    warmup=np.int64,  # µs
    horizon=np.int64,
)
"""A lane: where its tables end, what is counted, and the rules that are single numbers."""

METER = record(
    rules.METER,
    turn=np.int64,  # the oldest accepted attempt that counts, or the next reset
    peak=np.int64,  # the most used since the warm-up, scaled
    refused=np.int64,  # calls that count, and that it throttled first
)
"""A meter: its rules, and how far it is."""

COUNT = record(used=np.int64, limit=np.int64, since=np.int64)
"""What is used of one count of a meter, scaled; of a bucket, when that was so."""

CLIENT = record(
    rules.CONDUCT,
    rules.KEEPS,
    front=np.int64,  # the first call of its line, -1 for none
    back=np.int64,  # the last, where there is one
    paused=np.int64,  # until when it makes no attempt, µs
    next_slot=np.int64,  # when its pace lets it make the next, µs
    open=np.int64,  # its open calls
    waits=np.bool_,  # whether it waits for a call to end
    for_room=np.bool_,  # whether it waits for room
)
"""A client: its rules, and how far it is."""

GRANT = record(time=np.int64, credits=np.int64, client=np.int64, meters=np.int64)
"""An accepted attempt, and a bit for each meter that counts it; or a part of what was before."""

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


class State(NamedTuple):
    """All that decides what becomes of the calls that come; `copy_of` makes another like it."""

    lane: Records  # (1,) of LANE
    meters: Records  # (m,) of METER
    counts: Records  # of COUNT, those of one meter after the other's
    clients: Records  # (clients,) of CLIENT
    ring: Records  # (2**k,) of GRANT
    soon: Records  # (n,) of RETRY, a heap: calls that are looked at again
    ends: Records  # (.,) of RETRY, a heap: open calls, with client and meters
    calls: Records  # (n,) of CALL


class Tables(NamedTuple):
    """What lanes look up, by `simulation.engine.rules.Rules`."""

    least: Ints
    whose: Ints
    resets: Ints
    clock_times: Ints
    delays: Ints


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


class Tape(NamedTuple):
    """What became of calls, a row each, and what happened; empty arrays turn it off."""

    outcome: NDArray[np.int8]
    attempts: NDArray[np.int32]
    held: NDArray[np.int32]
    by: NDArray[np.int8]
    settled_at: Ints
    events: Records  # (.,) of EVENT
    length: Ints  # (1,): of events; (0,) where nothing is written


def tables_of(of: Rules) -> Tables:
    """Return what lanes look up."""
    return Tables(of.least, of.whose, of.resets, of.clock_times, of.delays)


def no_tape() -> Tape:
    """Return a tape on which nothing is written."""
    none = np.empty(0, np.int64)
    narrow = none.astype(np.int32)
    tiny = none.astype(np.int8)
    return Tape(tiny, narrow, narrow, tiny, none, np.empty(0, EVENT), none)


def start_of(of: Rules, limits: Limits) -> State:
    """Return a lane at the scenario's start."""
    lane, before, pool = np.zeros(1, LANE), len(of.start), of.meters[of.pool]
    lane["free"], lane["made"] = -1, before
    for name in ("pool", "vendors", "throttled_attempt_credits", "warmup", "horizon"):
        lane[name] = getattr(of, name)
    meters, clients = _with_fields(of.meters, METER), _with_fields(of.conduct, CLIENT)
    meters["turn"] = of.meters["resets_begin"]
    clients["front"] = clients["back"] = -1
    state = State(
        lane=lane,
        meters=meters,
        counts=np.zeros(len(limits.sizes), COUNT),
        clients=clients,
        ring=np.zeros(max(1024, 2 ** (before + 2).bit_length()), GRANT),
        soon=np.zeros(64, RETRY),
        ends=np.zeros(64, RETRY),
        calls=np.zeros(64, CALL),
    )
    state.ring["time"][:before], state.ring["credits"][:before] = of.start.T
    state.ring["meters"][:before] = 1 << of.pool | BEFORE
    state.counts["used"][pool["first"]] = int(of.start[:, 1].sum()) * int(pool["scale"])
    _resize(state, limits)
    return state


def _with_fields(records: Records, kind: np.dtype[np.void]) -> Records:
    """Return records of a type that has more fields, which are 0."""
    wider = np.zeros(len(records), kind)
    for name in records.dtype.names or ():
        wider[name] = records[name]
    return wider


def _resize(state: State, limits: Limits) -> None:
    state.counts["limit"] = limits.sizes
    for name in ("reserve", "told_from"):
        state.clients[name] = limits.keeps[name]


def copy_of(state: State) -> State:
    """Return a lane in the same state."""
    return State(*(each.copy() for each in state))


def with_limits(state: State, limits: Limits) -> State:
    """Return a lane in the same state with a pool of another size."""
    copied = copy_of(state)
    _resize(copied, limits)
    return copied


def decide(
    state: State, tables: Tables, day: MeteredDay, until: int, tape: Tape, base: int
) -> tuple[State, Tape]:
    """Decide every attempt before ``until``; return lane and tape, whose arrays may have grown.

    ``base`` is the row of the day's first call.
    """
    arrived = 0
    # A loop cannot grow arrays: it stops before an attempt without room, and is called again there.
    while (arrived := decide_metered(state, tables, day, arrived, until, tape, base)) >= 0:
        lane = state.lane[0]
        if len(tape.length) and tape.length[0] + 2 > len(tape.events):
            tape = tape._replace(events=with_more_events(tape.events))
        elif lane["ended"] == len(state.calls):
            state = state._replace(calls=_twice(state.calls), soon=_twice(state.soon))
        elif lane["ends"] == len(state.ends):
            state = state._replace(ends=_twice(state.ends))
        else:
            # Attempt n moves from n % length to n % (2 * length): to where it is, or further on.
            ring = as_bytes(state.ring)
            state = state._replace(ring=np.concatenate((ring, ring)).view(GRANT))
    return state, tape


def used_of_pool(state: State, tables: Tables, now: int) -> int:
    """Return what is used of the pool at a moment, in its parts."""
    used: int = _used_of_pool(state, tables, now)
    return used


@compiled
def _used_of_pool(state, tables, now):  # type: ignore[no-untyped-def]
    take_back(state, tables, now)
    pool = state.meters[state.lane[0].pool]
    return used_of(pool, state.counts[pool.first], now)


def end(state: State, tape: Tape) -> None:
    """Note what the horizon makes of calls that wait."""
    lose_what_waited(state, tape)


def _twice(table: Records) -> Records:
    raw = as_bytes(table)
    longer: Records = np.concatenate((raw, np.zeros_like(raw))).view(table.dtype)
    return longer
