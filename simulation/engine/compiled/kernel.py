"""The rules of the pool as a compiled loop: what `engine.model` does, as fast as plans need.

`decide` takes a day's demand through any number of lanes (see `lanes`), which carry
their window and their pending retries from day to day. What makes it fast:

- *Lazy release.* Nothing happens when credits expire. They are released when a call would not fit
  otherwise, or the ring is full, so that a pool with room to spare looks at no grant again.
- *A ring of grants.* Grants expire in the order in which they were made, so the oldest is known
  without a heap. Its length is a power of two: ``number & ring`` finds a grant, and memory grows
  with the busiest window and not with the horizon.
- *Slots.* Only retries that are due soon are kept in order, in a heap. Those further ahead are
  linked lists, one for each slot of time, which are sorted when their slot is reached. So the heap
  stays small where many calls wait: with a heap alone, 41 pools of `scenarios/enterprise.yaml` took
  1.4 times as long (3.4 s in place of 2.4 s for four days). Empty slots are walked over, so slots
  are no shorter than calls are apart (`lanes.slot_bits`).
- *A free list.* An entry of a call that has ended is used again, so memory grows with the calls
  that wait at once. Heap and slots point to entries by their indices, which stay as they are.
- *Sleeping lanes* (`sweep`). A pool that has throttled nothing for a whole window is in the state
  of an unlimited pool, so it is skipped until `wake` finds a call that does not fit.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints, Records
from simulation.engine import records
from simulation.engine.compiled.heap import ORDERS_PER_CLIENT, drop_first, earlier, push, uniform
from simulation.engine.compiled.lanes import (
    Lanes,
    with_more_calls,
    with_more_events,
    with_more_grants,
)
from simulation.jit import compiled

__all__ = ["Day", "Laws", "Tape", "decide", "wake"]

# A loop is kept on disk until its own folder changes, so what it takes as a constant stands there.
SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED = range(4)
_OUTCOMES = (records.SUCCEEDED, records.LOST, records.IMPOSSIBLE, records.UNFINISHED)
if _OUTCOMES != (SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED):
    raise ImportError("the loops and `engine.records` have different outcome codes")

RETRY_GRANTED, RETRY_THROTTLED, CHARGED = range(3)
"""Kinds of event: retries, and credits that a throttled attempt cost."""


class Day(NamedTuple):
    """The first attempts of one day, n calls in order of time, client and call."""

    time: Ints
    client: NDArray[np.int32]
    call: Ints
    credits: Ints
    counts: NDArray[np.bool_]  # whether it is among the calls that `Lanes.state` counts


class Laws(NamedTuple):
    """What each client does when throttled, and the rules that all lanes share."""

    window: int  # µs
    horizon: int  # µs; attempts due at or after it are not made
    throttled_attempt_credits: int
    slot_bits: int  # a slot of `Lanes.later` is 2**slot_bits µs long
    policies: Records  # (clients,) of POLICY
    delays: Ints  # µs, the clients' tables one after the other


class Tape(NamedTuple):
    """Log of one lane: outcomes and events. Empty arrays turn it off, or all but ``refused``."""

    outcome: NDArray[np.int8]  # of the calls that are not yet handed out
    attempts: NDArray[np.int32]
    settled_at: Ints
    refused: NDArray[np.bool_]  # (n,) which first attempts of the day were throttled
    events: Records  # (.,) of EVENT
    length: Ints  # (1,): of events; (0,) where the tape is not read


@compiled
def _note(events, noted, time, row, credits, kind):  # type: ignore[no-untyped-def]
    """Write an event to a tape that has room for one more."""
    event = events[noted]
    event.time, event.row, event.credits, event.kind = time, row, credits, kind


def decide(
    lanes: Lanes, laws: Laws, day: Day, first: Ints, until: int, tape: Tape, base: int
) -> tuple[Lanes, Tape]:
    """Decide every attempt before ``until`` in the order of rule 3.3, lane by lane.

    Parameters
    ----------
    lanes, laws, day
        Pools, rules, and the first attempts of the day.
    first : (m,) int64 array
        With which of the day's calls each lane begins; -1: it has nothing to decide.
    until : int
        The end of the day, µs.
    tape : Tape
        Where the outcomes and events of the only lane are written.
    base : int
        The row on the tape of the day's first call.

    Returns
    -------
    lanes, tape
        As they are now; their arrays may have grown.
    """
    begin = first.copy()
    # A loop cannot grow arrays: it stops before an attempt without room, and is called again there.
    while (full := _decide(lanes, laws, day, begin, until, tape, base)) >= 0:
        if lanes.state[full].ended == lanes.calls.shape[1]:
            lanes = with_more_calls(lanes)
        elif len(tape.length) and tape.length[0] + 2 > len(tape.events):
            tape = tape._replace(events=with_more_events(tape.events))
        else:
            lanes = with_more_grants(lanes)
    return lanes, tape


@compiled
def _decide(lanes, laws, day, begin, until, tape, base):  # type: ignore[no-untyped-def]
    """Return the first lane that has no room to go on from where it now begins, or -1."""
    for n in range(begin.shape[0]):
        if begin[n] >= 0:
            begin[n] = _decide_lane(lanes, n, laws, day, begin[n], until, tape, base)
            if begin[n] >= 0:
                return n
    return -1


@compiled
def _decide_lane(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    lanes, n, laws, day, arrived, until, tape, base
):
    """Decide for one lane; return -1, or where to go on when there is more room."""
    # Reading a field of a tuple counts a reference each time; reading a local does not.
    lane, grants, calls = lanes.state[n], lanes.grants[n], lanes.calls[n]
    heap, slots = lanes.soon[n], lanes.later[n]
    times, credits, clients, numbers = day.time, day.credits, day.client, day.call
    counted, window, horizon, bits = day.counts, laws.window, laws.horizon, laws.slot_bits
    penalty, policies, delays = laws.throttled_attempt_credits, laws.policies, laws.delays
    outcomes, attempts, settled_at = tape.outcome, tape.attempts, tape.settled_at
    refused, events, length = tape.refused, tape.events, tape.length
    # Fields of the lane stay in locals too: read and written in memory at each attempt, they made
    # retrying calls about 6 % slower, since one attempt waits for what the last wrote.
    limit, used, oldest, made = lane.limit, lane.used, lane.oldest, lane.made
    soon, later, slot = lane.soon, lane.later, lane.slot
    free, ended, past = lane.free, lane.ended, lane.past
    ring, turn = grants.shape[0] - 1, slots.shape[0] - 1
    taped, count, noted, decided = length.shape[0] > 0, times.shape[0], 0, 0
    if taped:
        noted = length[0]
    while True:
        now = times[arrived] if arrived < count else until
        # Ring full: release what has expired by the last attempt, since `now` may yet be a retry's
        # and earlier. Room is looked for before an attempt, so that none is broken off half-way.
        if made - oldest > ring:
            while oldest < made and grants[oldest & ring].time <= past - window:
                used -= grants[oldest & ring].credits
                oldest += 1
        if (
            made - oldest > ring
            or ended == calls.shape[0]
            or (taped and noted + 2 > events.shape[0])
        ):
            break

        entry = -1
        if soon + later > 0:
            # All retries of a slot enter the heap together, at the first attempt at or after it.
            reached = now >> bits
            while later > 0 and slot < reached:
                slot += 1
                call = slots[slot & turn]
                slots[slot & turn] = -1
                while call >= 0:
                    push(heap, soon, calls[call].due, calls[call].order, call)
                    soon += 1
                    later -= 1
                    call = calls[call].next
            if soon > 0:
                order = np.int64(-1)
                if arrived < count:
                    order = np.int64(clients[arrived]) * ORDERS_PER_CLIENT + numbers[arrived]
                if earlier(heap[0].due, heap[0].order, now, order):
                    now, entry = heap[0].due, heap[0].call
                    drop_first(heap, soon)
                    soon -= 1
        if entry >= 0:
            cost, attempt = calls[entry].credits, calls[entry].attempt
        elif arrived < count:
            cost, attempt = credits[arrived], 1
            arrived += 1
        else:
            arrived = -1
            break
        past = now
        decided += 1

        # Release lazily: an expired credit matters only to a call that would not fit.
        if used + cost > limit:
            edge = now - window
            while oldest < made and grants[oldest & ring].time <= edge:
                used -= grants[oldest & ring].credits
                oldest += 1
        if used + cost <= limit:
            used += cost
            grants[made & ring].time, grants[made & ring].credits = now, cost
            made += 1
            if attempt > 1:
                lane.strayed = now
                if taped:
                    row = calls[entry].row
                    _note(events, noted, now, row, cost, RETRY_GRANTED)
                    noted += 1
                    outcomes[row], attempts[row], settled_at[row] = SUCCEEDED, attempt, now
                calls[entry].next = free
                free = entry
            continue

        # Here and at a retry the lane departs from a pool without a limit, so it cannot sleep yet.
        lane.strayed, lane.refused = now, lane.refused + 1
        charge = min(penalty, limit - used)
        if charge > 0:
            used += charge
            grants[made & ring].time, grants[made & ring].credits = now, charge
            made += 1
            if taped:
                _note(events, noted, now, -1, charge, CHARGED)
                noted += 1
        if attempt == 1:
            here = arrived - 1
            client, number, counts = np.int64(clients[here]), numbers[here], counted[here]
            row = base + here
            lane.throttled += counts
            if refused.shape[0] > 0:
                refused[here] = True
        else:
            client = calls[entry].order // ORDERS_PER_CLIENT
            number = calls[entry].order - client * ORDERS_PER_CLIENT
            counts, row = calls[entry].counts, calls[entry].row
            if taped:
                _note(events, noted, now, row, cost, RETRY_THROTTLED)
                noted += 1
        policy = policies[client]
        gives_up, due = cost > limit or attempt >= policy.max_attempts, horizon
        if gives_up:
            lane.lost += counts
        else:
            delay = delays[min(policy.first_delay + attempt - 1, policy.last_delay)]
            if policy.jittered:
                delay = np.int64(uniform(policy.key, number, attempt) * delay)
            due = now + delay
        if taped:
            attempts[row] = attempt
            settled_at[row] = now if gives_up else -1
            outcomes[row] = LOST if gives_up else UNFINISHED
            if cost > limit:
                outcomes[row] = IMPOSSIBLE
        if due >= horizon:
            if attempt > 1:
                calls[entry].next = free
                free = entry
            continue
        if attempt == 1:
            if free >= 0:
                entry = free
                free = calls[entry].next
            else:
                entry = ended
                ended += 1
            calls[entry].order = client * ORDERS_PER_CLIENT + number
            calls[entry].credits, calls[entry].counts, calls[entry].row = cost, counts, row
        calls[entry].due, calls[entry].attempt = due, attempt + 1
        # Without calls ahead, slots between here and now hold nothing: skip the walk over them.
        if later == 0:
            slot = max(slot, now >> bits)
        if due >> bits <= slot:
            push(heap, soon, due, calls[entry].order, entry)
            soon += 1
        else:
            calls[entry].next = slots[(due >> bits) & turn]
            slots[(due >> bits) & turn] = entry
            later += 1
    lane.used, lane.oldest, lane.made = used, oldest, made
    lane.soon, lane.later, lane.slot = soon, later, slot
    lane.free, lane.ended, lane.past = free, ended, past
    lane.attempts += decided
    if taped:
        length[0] = noted
    return arrived


def wake(lanes: Lanes, first: Ints, time: Ints, credits: Ints, levels: Ints, window: int) -> Lanes:
    """Wake each sleeping lane at the first call that does not fit.

    A lane sleeps (-1 in ``first``) while it holds what a pool without a limit does. ``levels``
    are those of the last calls in ``time`` and ``credits``, which go back a window before them.
    """
    while not _wake(lanes, first, time, credits, levels, window):
        lanes = with_more_grants(lanes)
    return lanes


@compiled
def _wake(lanes, first, time, credits, levels, window):  # type: ignore[no-untyped-def]
    """Wake lanes; return whether their rings had room for all."""
    start = time.shape[0] - levels.shape[0]
    for n in range(first.shape[0]):
        if first[n] >= 0:
            continue
        lane, grants = lanes.state[n], lanes.grants[n]
        arrived = 0
        while arrived < levels.shape[0] and levels[arrived] <= lane.limit:
            arrived += 1
        if arrived == levels.shape[0]:
            continue
        # Until now it granted everything, so its ring is the calls of the window before this one.
        oldest = start + arrived
        while oldest > 0 and time[oldest - 1] > time[start + arrived] - window:
            oldest -= 1
        if grants.shape[0] < start + arrived - oldest:
            return False
        first[n] = arrived
        lane.used = lane.oldest = lane.made = 0
        for call in range(oldest, start + arrived):
            grants[lane.made].time, grants[lane.made].credits = time[call], credits[call]
            lane.used += credits[call]
            lane.made += 1
    return True
