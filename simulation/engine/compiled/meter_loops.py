"""Loops of meters: what is used of each, what comes back, whether there is room, and when.

Accepted attempts stand in one ring; a rolling meter is a number into it, of the oldest attempt that
it still counts. ``state`` is a lane and ``tables`` what lanes look up, as `metered` has them.
"""

from __future__ import annotations

import numpy as np

from simulation.engine import rules
from simulation.engine.compiled.heap import drop_first, push
from simulation.jit import compiled

__all__ = [
    "AT_AN_END",
    "AT_ONCE",
    "BEFORE",
    "CHARGED",
    "GRANTED",
    "NEVER",
    "ROLLING",
    "THROTTLED",
    "all_room_at",
    "charge",
    "end_one",
    "is_too_dear",
    "note",
    "refuser",
    "reserve_is_free",
    "take",
    "take_back",
    "used_of",
    "wanted_of_pool",
]

# A loop is kept on disk until its own folder changes, so what it takes as a constant stands there.
ROLLING, CALENDAR, BUCKET, CONCURRENT = range(4)
if rules.METER_CODES != (ROLLING, CALENDAR, BUCKET, CONCURRENT):
    raise ImportError("the loops and `engine.rules` have different codes of meters")

AT_ONCE, GRANTED, THROTTLED, CHARGED = range(4)
"""Kinds of event: calls accepted when submitted, and later ones; throttled attempts; charges."""

NEVER = np.int64(2**62)
if rules.NEVER != NEVER:
    raise ImportError("the loops and `engine.rules` have different moments that never come")

BEFORE = np.int64(2**61)  # a bit of `GRANT.meters`, which no meter has
AT_AN_END = np.int64(-1)  # there may be room when a call ends


@compiled
def used_of(meter, count, now):  # type: ignore[no-untyped-def]
    """Return what is used of one count of a meter now, in its parts."""
    if meter.kind == BUCKET:
        # What is missing from a full bucket; divided, so that no product leaves 64 bits.
        elapsed = now - count.since
        back = elapsed > count.used // meter.refill
        count.used = 0 if back else count.used - elapsed * meter.refill
        count.since = now
    return count.used


@compiled
def _cost(meter, credits):  # type: ignore[no-untyped-def]
    """Return what an attempt takes from a meter, in its parts."""
    return (credits if meter.counts_credits else 1) * meter.scale


@compiled
def _given_back(meter, grant):  # type: ignore[no-untyped-def]
    """Return what comes back to a meter of an accepted attempt, in its parts."""
    if grant.meters & BEFORE:  # many attempts before the start, as one
        return grant.credits * meter.scale
    return _cost(meter, grant.credits)


@compiled
def end_one(state, tables):  # type: ignore[no-untyped-def]
    """End the call that ends first."""
    lane, meters, ends = state.lane[0], state.meters, state.ends
    client, of_meters = ends[0].order, ends[0].call
    for meter in range(meters.shape[0]):
        if of_meters >> meter & 1:
            state.counts[tables.whose[meter, client]].used -= 1
    state.clients[client].open -= 1
    drop_first(ends, lane.ends)
    lane.ends -= 1


@compiled
def take_back(state, tables, now):  # type: ignore[no-untyped-def]
    """Take back all that comes back until a moment, that moment included."""
    lane, meters, counts, ring = state.lane[0], state.meters, state.counts, state.ring
    whose, resets = tables.whose, tables.resets
    turn = ring.shape[0] - 1
    for number in range(meters.shape[0]):
        meter = meters[number]
        if meter.kind == ROLLING:
            edge, oldest = now - meter.window, meter.turn
            while oldest < lane.made and ring[oldest & turn].time <= edge:
                grant = ring[oldest & turn]
                if grant.meters >> number & 1:
                    counts[whose[number, grant.client]].used -= _given_back(meter, grant)
                oldest += 1
            meter.turn = oldest
        elif meter.kind == CALENDAR:
            while meter.turn < meter.resets_end and resets[meter.turn] <= now:
                meter.turn += 1
                for at in range(meter.first, meter.end):
                    counts[at].used = 0
    while lane.ends > 0 and state.ends[0].due <= now:
        end_one(state, tables)


@compiled
def _room_at(state, tables, number, at, most, now):  # type: ignore[no-untyped-def]  # noqa: PLR0911 - one for each kind of meter
    """Return when at most ``most`` is used of a count, if nothing more is taken until then."""
    lane, meter, ring = state.lane[0], state.meters[number], state.ring
    used = used_of(meter, state.counts[at], now)
    if used <= most:
        return np.int64(now)
    if most < 0:  # never is so little used
        return NEVER
    if meter.kind == BUCKET:
        return now + (used - most + meter.refill - 1) // meter.refill
    if meter.kind == CONCURRENT:
        return AT_AN_END
    oldest, turn = meter.turn, ring.shape[0] - 1
    if meter.kind == CALENDAR:
        return tables.resets[oldest] if oldest < meter.resets_end else NEVER
    while oldest < lane.made:
        grant = ring[oldest & turn]
        if grant.meters >> number & 1 and tables.whose[number, grant.client] == at:
            used -= _given_back(meter, grant)
            if used <= most:
                return grant.time + meter.window
        oldest += 1
    return NEVER


@compiled
def _most_beside_reserve(pool, count, client, credits):  # type: ignore[no-untyped-def]
    """Return the most that may be used of the pool for an attempt that leaves a reserve free."""
    kept = count.limit - client.reserve * pool.scale - _cost(pool, credits)
    # Below this usage the vendor tells nothing, so that the client makes the attempt.
    return max(client.told_from * pool.scale - 1, kept)


@compiled
def reserve_is_free(state, tables, client, credits, now):  # type: ignore[no-untyped-def]
    """Return whether an attempt would leave the client's reserve free, as far as it knows."""
    number = state.lane[0].pool
    pool, count = state.meters[number], state.counts[tables.whose[number, client]]
    most = _most_beside_reserve(pool, count, state.clients[client], credits)
    return used_of(pool, count, now) <= most


@compiled
def refuser(state, tables, first, end, client, mask, credits, now):  # type: ignore[no-untyped-def]
    """Return the first of some meters that refuses an attempt, -1 for none."""
    meters, counts, whose = state.meters, state.counts, tables.whose
    for number in range(first, end):
        if mask >> number & 1:
            meter, count = meters[number], counts[whose[number, client]]
            if used_of(meter, count, now) + _cost(meter, credits) > count.limit:
                return number
    return -1


@compiled
def is_too_dear(state, tables, first, end, client, mask, credits):  # type: ignore[no-untyped-def]
    """Return whether a call costs more than the whole of one of some meters that count it."""
    for number in range(first, end):
        limit = state.counts[tables.whose[number, client]].limit
        too_dear = _cost(state.meters[number], credits) > limit
        if mask >> number & 1 and too_dear:
            return True
    return False


@compiled
def all_room_at(state, tables, client, mask, credits, now):  # type: ignore[no-untyped-def]
    """Return when every meter has room for a call, if nothing more is taken until then."""
    lane, meters, counts, clients = state.lane[0], state.meters, state.counts, state.clients
    whose = tables.whose
    latest, at_an_end = np.int64(now), False
    if clients[client].has_reserve:
        at = whose[lane.pool, client]
        most = _most_beside_reserve(meters[lane.pool], counts[at], clients[client], credits)
        latest = _room_at(state, tables, lane.pool, at, most, now)
    for number in range(meters.shape[0]):
        if mask >> number & 1:
            meter, at = meters[number], whose[number, client]
            most = counts[at].limit - _cost(meter, credits)
            moment = _room_at(state, tables, number, at, most, now)
            at_an_end = at_an_end or moment == AT_AN_END
            latest = max(latest, moment)
    return AT_AN_END if latest == now and at_an_end else latest


@compiled
def take(state, tables, client, mask, credits, duration, opens, now):  # type: ignore[no-untyped-def]
    """Take an accepted attempt from all meters that count it; ``opens``: its client counts it."""
    lane, meters, counts, ring = state.lane[0], state.meters, state.counts, state.ring
    whose = tables.whose
    later, open_to = False, np.int64(0)
    for number in range(meters.shape[0]):
        if mask >> number & 1:
            meter, count = meters[number], counts[whose[number, client]]
            used = used_of(meter, count, now) + _cost(meter, credits)
            count.used = used
            later = later or meter.kind == ROLLING
            if meter.kind == CONCURRENT:
                open_to |= np.int64(1) << number
            if now >= lane.warmup:
                meter.peak = max(meter.peak, used)
            if number == lane.pool:
                lane.highest = max(lane.highest, used)
    if later:
        grant = ring[lane.made & (ring.shape[0] - 1)]
        grant.time, grant.credits, grant.client, grant.meters = now, credits, client, mask
        lane.made += 1
    if open_to > 0 or opens:
        push(state.ends, lane.ends, now + duration, client, open_to)
        lane.ends += 1
        state.clients[client].open += 1
    lane.granted += credits


@compiled
def wanted_of_pool(state, tables, client, credits, now):  # type: ignore[no-untyped-def]
    """Return what would be used of the pool if an attempt were accepted."""
    number = state.lane[0].pool
    pool, count = state.meters[number], state.counts[tables.whose[number, client]]
    return used_of(pool, count, now) + _cost(pool, credits)


@compiled
def charge(state, tables, now):  # type: ignore[no-untyped-def]
    """Take from the pool what a throttled attempt costs; return what."""
    lane = state.lane[0]
    pool, count = state.meters[lane.pool], state.counts[tables.whose[lane.pool, 0]]
    cost = min(
        lane.throttled_attempt_credits, (count.limit - used_of(pool, count, now)) // pool.scale
    )
    if cost > 0:
        of_pool = np.int64(1) << lane.pool
        take(state, tables, 0, of_pool, cost, 0, False, now)
    return cost


@compiled
def note(tape, time, row, credits, kind):  # type: ignore[no-untyped-def]
    """Write an event to a tape that has room for one more, unless the tape is off."""
    if tape.length.shape[0] > 0:
        event = tape.events[tape.length[0]]
        event.time, event.row, event.credits, event.kind = time, row, credits, kind
        tape.length[0] += 1
