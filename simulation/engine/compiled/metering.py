"""The rules of all meters and of what clients hold back, as one compiled loop.

`kernel` is for a card whose only meter is the rolling pool, and for clients that drop or retry;
this loop is for all else. It decides one lane, an attempt at a time, and takes back before each
attempt all that comes back by then. Calls that wait are entries of a table, which the heap, the
lines of clients and a free list point to. Of the calls in a line only the first is in the heap.
"""

from __future__ import annotations

import numpy as np

from simulation.engine import records
from simulation.engine.compiled.heap import drop_first, earlier, push, uniform
from simulation.engine.compiled.meter_loops import (
    AT_AN_END,
    AT_ONCE,
    GRANTED,
    NEVER,
    THROTTLED,
    all_room_at,
    charge,
    end_one,
    is_too_dear,
    note,
    refuser,
    reserve_is_free,
    take,
    take_back,
)
from simulation.engine.rules import kinds_of_policies
from simulation.jit import compiled

__all__ = ["decide_metered", "lose_what_waited"]

# A loop is kept on disk until its own folder changes, so what it takes as a constant stands there.
SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED = range(4)
DROP, RETRY, QUEUE_FOR, QUEUE_UNTIL, QUEUE_FOR_ROOM = range(5)
_OUTCOMES = (records.SUCCEEDED, records.LOST, records.IMPOSSIBLE, records.UNFINISHED)
if _OUTCOMES != (SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED) or kinds_of_policies() != (
    DROP,
    RETRY,
    QUEUE_FOR,
    QUEUE_UNTIL,
    QUEUE_FOR_ROOM,
):
    raise ImportError("the loops and `engine` have different codes of outcomes or of policies")

_ORDERS_PER_CLIENT = 2**44  # more calls than any client makes


@compiled
def _wake(state, rules, due, entry):  # type: ignore[no-untyped-def]
    """Have a call looked at again at a moment; from the horizon on none is."""
    if due < rules.horizon:
        lane = state.lane[0]
        push(state.soon, lane.soon, due, state.calls[entry].order, entry)
        lane.soon += 1


@compiled
def _wake_at_end(state, rules, now):  # type: ignore[no-untyped-def]
    """End one call, and wake the clients that wait for an end."""
    end_one(state, rules)
    for client in range(state.waits.shape[0]):
        if state.waits[client]:
            state.waits[client] = False
            _wake(state, rules, now, state.front[client])
    state.lane[0].waiting = 0


@compiled
def _stored(state, entry, order, credits, mask, duration, time, row, counts):  # type: ignore[no-untyped-def]
    """Return an entry for a call that waits: the one that it has, or a new one."""
    if entry >= 0:
        return entry
    lane = state.lane[0]
    entry = lane.free
    if entry >= 0:
        lane.free = state.calls[entry].next
    else:
        entry = lane.ended
        lane.ended += 1
    call = state.calls[entry]
    call.order, call.credits, call.meters, call.duration = order, credits, mask, duration
    call.submitted, call.row, call.counts = time, row, counts
    call.tries, call.attempts, call.held, call.by, call.next = 0, 0, 0, -1, -1
    return entry


@compiled
def _tape_call(state, tape, entry, outcome, when):  # type: ignore[no-untyped-def]
    """Write on the tape how far a stored call is."""
    if tape.length.shape[0] > 0:
        call = state.calls[entry]
        row = call.row
        tape.outcome[row], tape.settled_at[row] = outcome, when
        tape.attempts[row], tape.held[row], tape.by[row] = call.attempts, call.held, call.by


@compiled
def _settle(state, tape, entry, outcome, when):  # type: ignore[no-untyped-def]
    """Note how a stored call ended, and let its entry go."""
    _tape_call(state, tape, entry, outcome, when)
    call, lane = state.calls[entry], state.lane[0]
    if outcome != SUCCEEDED:
        lane.lost += call.counts
    call.next = lane.free
    lane.free = entry


@compiled
def _stand_first(state, client, entry):  # type: ignore[no-untyped-def]
    """Make a call the first of its client's line, which is empty or has it in front."""
    if state.front[client] != entry:
        state.front[client] = state.back[client] = entry
        state.calls[entry].next = -1


@compiled
def _leave_line(state, rules, client, now):  # type: ignore[no-untyped-def]
    """Take the first call out of a line; the next is looked at at this instant."""
    state.front[client] = following = state.calls[state.front[client]].next
    if following >= 0:
        _wake(state, rules, now, following)


@compiled
def _pause_over(state, rules, client, mask, credits, now):  # type: ignore[no-untyped-def]
    """Return when a client that may not go on looks again; `AT_AN_END`: when a call ends.

    It is ``now`` where nothing keeps the client from going on.
    """
    later = max(state.paused[client], state.next_slot[client])
    if later > now:
        return later
    if state.open[client] >= rules.conduct[client].max_open:
        return np.int64(AT_AN_END)
    if state.for_room[client]:
        later = all_room_at(state, rules, client, mask, credits, now)
        state.for_room[client] = later != now
        return later
    return np.int64(now)


@compiled
def _await(state, rules, client, entry, when):  # type: ignore[no-untyped-def]
    """Let the first call of a line wait until a moment, or until a call ends."""
    if when == AT_AN_END:
        state.waits[client] = True
        state.lane[0].waiting += 1
    else:
        _wake(state, rules, when, entry)


@compiled
def _stop(state, rules, client, entry, now):  # type: ignore[no-untyped-def]
    """Stop a queue whose first call was refused."""
    conduct, call = rules.conduct[client], state.calls[entry]
    if conduct.policy == QUEUE_FOR_ROOM:
        state.for_room[client] = True
        when = all_room_at(state, rules, client, call.meters, call.credits, now)
        _await(state, rules, client, entry, when)
        return
    over = now + conduct.wait
    if conduct.policy == QUEUE_UNTIL:
        times = rules.clock_times[conduct.clock_begin : conduct.clock_end]
        which = np.searchsorted(times, now, side="right")
        over = times[which] if which < times.shape[0] else rules.horizon
    state.paused[client] = over
    _wake(state, rules, over, entry)


@compiled
def _begin_to_count(state, rules):  # type: ignore[no-untyped-def]
    """Note what is used when the warm-up is over: the first peaks."""
    take_back(state, rules, rules.warmup)
    for meter in range(rules.meters.shape[0]):
        its = rules.meters[meter]
        for at in range(its.first, its.end):
            used = state.used[at]
            if its.refill > 0:
                used = max(0, used - (rules.warmup - state.since[at]) * its.refill)
            state.peaks[meter] = max(state.peaks[meter], used)
    state.lane[0].counting = True


@compiled
def decide_metered(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    state, rules, day, arrived, until, tape, base
):
    """Decide every attempt before ``until`` in the order of rule 3.3.

    Return -1, or with which of the day's calls to go on when there is more room.
    """
    lane, count, soon = state.lane[0], day.time.shape[0], state.soon
    while True:
        now, order = until, np.int64(-1)
        if arrived < count:
            now = day.time[arrived]
            order = np.int64(day.client[arrived]) * _ORDERS_PER_CLIENT + day.call[arrived]
        is_due = lane.soon > 0 and earlier(soon[0].due, soon[0].order, now, order)
        if is_due:
            now = soon[0].due
        if lane.waiting > 0 and lane.ends > 0 and state.ends[0].due <= min(now, until - 1):
            _wake_at_end(state, rules, state.ends[0].due)
            continue
        if not lane.counting and now >= rules.warmup:
            _begin_to_count(state, rules)
        if not is_due and arrived >= count:
            return -1
        take_back(state, rules, now)
        oldest = lane.made
        for meter in range(rules.meters.shape[0]):
            if rules.meters[meter].window > 0:
                oldest = min(oldest, state.turn[meter])
        if (
            lane.made + 2 - oldest > state.ring.shape[0]
            or lane.ended == state.calls.shape[0]
            or lane.ends == state.ends.shape[0]
            or (tape.length.shape[0] > 0 and tape.length[0] + 2 > tape.events.shape[0])
        ):
            return arrived

        entry, duration = -1, np.int64(0)
        if is_due:
            entry = soon[0].call
            drop_first(soon, lane.soon)
            lane.soon -= 1
            call = state.calls[entry]
            order, credits, mask, duration = call.order, call.credits, call.meters, call.duration
            submitted, row, counts = call.submitted, call.row, call.counts
            client = order // _ORDERS_PER_CLIENT
        else:
            client, credits, submitted = np.int64(day.client[arrived]), day.credits[arrived], now
            api, of_records = day.what[arrived] >> 32, day.what[arrived] & (2**32 - 1)
            mask = np.int64(rules.conduct[client].has_quota) << rules.vendors
            for meter in range(rules.vendors):
                mask |= np.int64(of_records > rules.least[meter, api]) << meter
            if day.duration.shape[0] > 0:
                duration = day.duration[arrived]
            row, counts = base + arrived, day.counts[arrived]
            arrived += 1
        conduct, is_first = rules.conduct[client], False
        number = order - client * _ORDERS_PER_CLIENT

        if conduct.has_line:
            is_first = entry >= 0 and state.front[client] == entry
            if is_first and now - submitted > conduct.max_wait:
                _leave_line(state, rules, client, now)
                _settle(state, tape, entry, LOST, submitted + conduct.max_wait)
                continue
            when = now
            if not is_first and state.front[client] >= 0:
                when = np.int64(AT_AN_END)  # behind those that wait
            else:
                when = _pause_over(state, rules, client, mask, credits, now)
            if when != now:
                is_new = not is_first
                entry = _stored(
                    state, entry, order, credits, mask, duration, submitted, row, counts
                )
                if is_new:
                    state.calls[entry].held += 1
                    _tape_call(state, tape, entry, UNFINISHED, -1)
                if is_new and state.front[client] >= 0:
                    state.calls[state.back[client]].next = entry
                    state.back[client], state.calls[entry].next = entry, -1
                else:
                    _stand_first(state, client, entry)
                    _await(state, rules, client, entry, when)
                continue

        # What the client holds back itself, the vendor never sees.
        by, is_held, gives_up, is_impossible = -1, False, False, False
        if conduct.has_quota:
            is_held = (
                refuser(state, rules, rules.vendors, rules.vendors + 1, client, mask, credits, now)
                >= 0
            )
            gives_up = is_too_dear(
                state, rules, rules.vendors, rules.vendors + 1, client, mask, credits
            )
        if conduct.has_reserve and not reserve_is_free(state, rules, client, credits, now):
            is_held = True
        if not is_held:
            by = refuser(state, rules, 0, rules.vendors, client, mask, credits, now)
            lane.attempts += 1
            if conduct.interval > 0:
                state.next_slot[client] = now + conduct.interval
        if not is_held and by < 0:
            opens = conduct.max_open < NEVER
            take(state, rules, client, mask, credits, duration, opens, now)
            note(tape, now, row, credits, AT_ONCE if entry < 0 else GRANTED, -1)
            if is_first:
                _leave_line(state, rules, client, now)
            if entry >= 0:
                state.calls[entry].attempts += 1
                _settle(state, tape, entry, SUCCEEDED, now)
            continue

        # Refused: from here on the call has an entry.
        entry = _stored(state, entry, order, credits, mask, duration, submitted, row, counts)
        call = state.calls[entry]
        call.tries += 1
        if is_held:
            call.held += 1
            lane.held += counts
        else:
            call.attempts += 1
            lane.refused += 1
            note(tape, now, row, credits, THROTTLED, by)
            charge(state, rules, tape, now)
            if call.by < 0:
                call.by = by
                lane.throttled += counts
                state.refusals[by] += counts
            is_impossible = is_too_dear(state, rules, 0, rules.vendors, client, mask, credits)
        gives_up = (
            gives_up
            or is_impossible
            or conduct.policy == DROP
            or (conduct.policy == RETRY and call.tries >= conduct.max_attempts)
        )
        if gives_up or conduct.policy == RETRY:
            if is_first:
                _leave_line(state, rules, client, now)
            if gives_up:
                _settle(state, tape, entry, IMPOSSIBLE if is_impossible else LOST, now)
                continue
            delay = rules.delays[min(conduct.first_delay + call.tries - 1, conduct.last_delay)]
            if conduct.jittered:
                delay = np.int64(uniform(conduct.key, number, call.tries) * delay)
            _tape_call(state, tape, entry, UNFINISHED, -1)
            if now + delay < rules.horizon:
                _wake(state, rules, now + delay, entry)
            else:
                call.next = lane.free
                lane.free = entry
            continue
        _tape_call(state, tape, entry, UNFINISHED, -1)
        _stand_first(state, client, entry)
        _stop(state, rules, client, entry, now)


@compiled
def lose_what_waited(state, rules, tape):  # type: ignore[no-untyped-def]
    """Note the calls in lines as lost that were too old before the horizon."""
    for client in range(rules.conduct.shape[0]):
        longest = rules.conduct[client].max_wait
        entry = state.front[client]
        while entry >= 0:
            following = state.calls[entry].next
            gone = state.calls[entry].submitted + longest
            if gone < rules.horizon:
                _settle(state, tape, entry, LOST, gone)
            entry = following
