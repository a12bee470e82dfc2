"""Loops of meters: what is used of each, what comes back, whether there is room, and when.

Accepted attempts stand in one ring; a rolling meter is a number into it, of the oldest attempt that
it still counts.
"""

from __future__ import annotations

import numpy as np

from simulation.engine.compiled.heap import drop_first, push
from simulation.engine.rules import kinds_of_meters
from simulation.jit import compiled

__all__ = [
    "AT_AN_END",
    "AT_ONCE",
    "CHARGED",
    "GRANTED",
    "NEVER",
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
]

# A loop is kept on disk until its own folder changes, so what it takes as a constant stands there.
ROLLING, CALENDAR, BUCKET, CONCURRENT = range(4)
if kinds_of_meters() != (ROLLING, CALENDAR, BUCKET, CONCURRENT):
    raise ImportError("the loops and `engine.rules` have different codes of meters")

AT_ONCE, GRANTED, THROTTLED, CHARGED = range(4)
"""Kinds of event: calls accepted when submitted, and later ones; throttled attempts; charges."""

NEVER = np.int64(2**62)
AT_AN_END = np.int64(-1)  # there may be room when a call ends


@compiled
def used_of(state, rules, meter, at, now):  # type: ignore[no-untyped-def]
    """Return what is used of a meter now, in its own unit; ``at`` is which of its kind."""
    used = state.used[at]
    if rules.meters[meter].kind == BUCKET:
        # What is missing from a full bucket; divided, so that no product leaves 64 bits.
        back, elapsed = rules.meters[meter].refill, now - state.since[at]
        used = 0 if elapsed > used // back else used - elapsed * back
        state.used[at], state.since[at] = used, now
    return used


@compiled
def _amount(rules, meter, credits):  # type: ignore[no-untyped-def]
    its = rules.meters[meter]
    return (credits if its.counts_credits else 1) * its.scale


@compiled
def end_one(state, rules):  # type: ignore[no-untyped-def]
    """End the call that ends first."""
    lane, first = state.lane[0], state.ends[0]
    for meter in range(rules.meters.shape[0]):
        if first.call >> meter & 1:
            state.used[rules.instance[meter, first.order]] -= 1
    state.open[first.order] -= 1
    drop_first(state.ends, lane.ends)
    lane.ends -= 1


@compiled
def take_back(state, rules, now):  # type: ignore[no-untyped-def]
    """Take back all that comes back until a moment, that moment included."""
    lane, ring = state.lane[0], state.ring
    for meter in range(rules.meters.shape[0]):
        its, turn = rules.meters[meter], state.turn[meter]
        if its.kind == ROLLING:
            while turn < lane.made and ring[turn & (ring.shape[0] - 1)].time <= now - its.window:
                grant = ring[turn & (ring.shape[0] - 1)]
                if grant.meters >> meter & 1:
                    at = rules.instance[meter, grant.client]
                    state.used[at] -= _amount(rules, meter, grant.credits)
                turn += 1
        elif its.kind == CALENDAR and turn < its.resets_end and rules.resets[turn] <= now:
            while turn < its.resets_end and rules.resets[turn] <= now:
                turn += 1
            state.used[its.first : its.end] = 0
        state.turn[meter] = turn
    while lane.ends > 0 and state.ends[0].due <= now:
        end_one(state, rules)


@compiled
def _room_at(state, rules, meter, client, most, now):  # type: ignore[no-untyped-def]
    """Return when at most ``most`` is used of a meter, if nothing more is taken until then."""
    its, ring, at = rules.meters[meter], state.ring, rules.instance[meter, client]
    used = used_of(state, rules, meter, at, now)
    if used <= most:
        return now
    if its.kind == BUCKET:
        return now + (used - most + its.refill - 1) // its.refill
    if its.kind == CONCURRENT:
        return AT_AN_END
    turn = state.turn[meter]
    if its.kind == CALENDAR:
        return rules.resets[turn] if turn < its.resets_end else NEVER
    while turn < state.lane[0].made:
        grant = ring[turn & (ring.shape[0] - 1)]
        if grant.meters >> meter & 1 and rules.instance[meter, grant.client] == at:
            used -= _amount(rules, meter, grant.credits)
            if used <= most:
                return grant.time + its.window
        turn += 1
    return NEVER


@compiled
def _most_beside_reserve(state, rules, client, credits):  # type: ignore[no-untyped-def]
    """Return the most that may be used of the pool for an attempt that leaves a reserve free."""
    scale, keeps = rules.meters[rules.pool].scale, state.keeps[client]
    kept = state.sizes[rules.instance[rules.pool, client]] - (keeps.reserve + credits) * scale
    # Below this usage the vendor tells nothing, so that the client makes the attempt.
    return max(keeps.told_from * scale - 1, kept)


@compiled
def reserve_is_free(state, rules, client, credits, now):  # type: ignore[no-untyped-def]
    """Return whether an attempt would leave the client's reserve free, as far as it knows."""
    used = used_of(state, rules, rules.pool, rules.instance[rules.pool, client], now)
    return used <= _most_beside_reserve(state, rules, client, credits)


@compiled
def refuser(state, rules, first, end, client, mask, credits, now):  # type: ignore[no-untyped-def]
    """Return the first of some meters that refuses an attempt, -1 for none."""
    for meter in range(first, end):
        if mask >> meter & 1:
            at, cost = rules.instance[meter, client], _amount(rules, meter, credits)
            if used_of(state, rules, meter, at, now) + cost > state.sizes[at]:
                return meter
    return -1


@compiled
def is_too_dear(state, rules, first, end, client, mask, credits):  # type: ignore[no-untyped-def]
    """Return whether a call costs more than the whole of one of some meters that count it."""
    for meter in range(first, end):
        too_dear = _amount(rules, meter, credits) > state.sizes[rules.instance[meter, client]]
        if mask >> meter & 1 and too_dear:
            return True
    return False


@compiled
def all_room_at(state, rules, client, mask, credits, now):  # type: ignore[no-untyped-def]
    """Return when every meter has room for a call, if nothing more is taken until then."""
    latest, at_an_end = now, False
    if rules.conduct[client].has_reserve:
        most = _most_beside_reserve(state, rules, client, credits)
        latest = _room_at(state, rules, rules.pool, client, most, now)
    for meter in range(rules.meters.shape[0]):
        if mask >> meter & 1:
            size = state.sizes[rules.instance[meter, client]]
            most = size - _amount(rules, meter, credits)
            moment = _room_at(state, rules, meter, client, most, now)
            at_an_end = at_an_end or moment == AT_AN_END
            latest = max(latest, moment)
    return AT_AN_END if latest == now and at_an_end else latest


@compiled
def take(state, rules, client, mask, credits, duration, opens, now):  # type: ignore[no-untyped-def]
    """Take an accepted attempt from all meters that count it; ``opens``: its client counts it."""
    lane, later, open_to = state.lane[0], False, np.int64(0)
    for meter in range(rules.meters.shape[0]):
        if mask >> meter & 1:
            at, its = rules.instance[meter, client], rules.meters[meter]
            used = used_of(state, rules, meter, at, now) + _amount(rules, meter, credits)
            state.used[at] = used
            later = later or its.kind == ROLLING
            if its.kind == CONCURRENT:
                open_to |= np.int64(1) << meter
            if now >= rules.warmup:
                state.peaks[meter] = max(state.peaks[meter], used)
            if meter == rules.pool:
                lane.highest = max(lane.highest, used)
    if later:
        grant = state.ring[lane.made & (state.ring.shape[0] - 1)]
        grant.time, grant.credits, grant.client, grant.meters = now, credits, client, mask
        lane.made += 1
    if open_to > 0 or opens:
        push(state.ends, lane.ends, now + duration, client, open_to)
        lane.ends += 1
        state.open[client] += 1
    lane.granted += credits


@compiled
def charge(state, rules, tape, now):  # type: ignore[no-untyped-def]
    """Take from the pool what a throttled attempt costs."""
    at, scale = rules.instance[rules.pool, 0], rules.meters[rules.pool].scale
    free = (state.sizes[at] - used_of(state, rules, rules.pool, at, now)) // scale
    cost = min(rules.throttled_attempt_credits, free)
    if cost > 0:
        take(state, rules, 0, np.int64(1) << rules.pool, cost, 0, False, now)
        note(tape, now, -1, cost, CHARGED, -1)


@compiled
def note(tape, time, row, credits, kind, by):  # type: ignore[no-untyped-def]
    """Write an event to a tape that has room for one more."""
    if tape.length.shape[0] > 0:
        event = tape.events[tape.length[0]]
        event.time, event.row, event.credits, event.kind, event.by = time, row, credits, kind, by
        tape.length[0] += 1
