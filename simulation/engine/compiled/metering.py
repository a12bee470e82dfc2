"""The rules of all meters and of what clients hold back, as one compiled loop.

`kernel` is for a card whose only meter is the rolling pool, and for clients that drop or retry;
this loop is for all else. It decides one lane, an attempt at a time, and takes back before each
attempt all that comes back by then. Calls that wait are entries of a table, which the heap, the
lines of clients and a free list point to. Of the calls in a line only the first is in the heap.
"""

from __future__ import annotations

import numpy as np

from simulation.engine import records, rules
from simulation.engine.compiled.heap import ORDERS_PER_CLIENT, drop_first, earlier, push, uniform
from simulation.engine.compiled.meter_loops import (
    AT_AN_END,
    AT_ONCE,
    CHARGED,
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
    used_of,
    wanted_of_pool,
)
from simulation.jit import compiled

__all__ = ["decide_metered", "lose_what_waited"]

# A loop is kept on disk until its own folder changes, so what it takes as a constant stands there.
SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED = range(4)
DROP, RETRY, QUEUE_FOR, QUEUE_UNTIL, QUEUE_FOR_ROOM = range(5)
_OUTCOMES = (records.SUCCEEDED, records.LOST, records.IMPOSSIBLE, records.UNFINISHED)
_POLICIES = (DROP, RETRY, QUEUE_FOR, QUEUE_UNTIL, QUEUE_FOR_ROOM)
if (SUCCEEDED, LOST, IMPOSSIBLE, UNFINISHED) != _OUTCOMES or rules.POLICY_CODES != _POLICIES:
    raise ImportError("the loops and `engine` have different codes of outcomes or of policies")


@compiled
def _wake(state, due, entry):  # type: ignore[no-untyped-def]
    """Have a call looked at again at a moment; from the horizon on none is."""
    lane = state.lane[0]
    if due < lane.horizon:
        push(state.soon, lane.soon, due, state.calls[entry].order, entry)
        lane.soon += 1


@compiled
def _wake_all(state, now):  # type: ignore[no-untyped-def]
    """Wake the clients that wait for a call to end."""
    clients = state.clients
    for client in range(clients.shape[0]):
        if clients[client].waits:
            clients[client].waits = False
            _wake(state, now, clients[client].front)
    state.lane[0].waiting = 0


@compiled
def _stored(state, entry, order, credits, mask, duration, time, row, counts):  # type: ignore[no-untyped-def]
    """Return an entry for a call that waits: the one that it has, or a new one."""
    if entry >= 0:
        return entry
    lane, calls = state.lane[0], state.calls
    entry = lane.free
    if entry >= 0:
        lane.free = calls[entry].next
    else:
        entry = lane.ended
        lane.ended += 1
    call = calls[entry]
    call.order, call.credits, call.meters, call.duration = order, credits, mask, duration
    call.submitted, call.row, call.counts = time, row, counts
    call.tries, call.attempts, call.held, call.by, call.next = 0, 0, 0, -1, -1
    return entry


@compiled
def _tape_call(tape, call, outcome, when):  # type: ignore[no-untyped-def]
    """Write on the tape, unless it is off, how far a stored call is."""
    row = call.row
    if row < tape.outcome.shape[0]:
        tape.outcome[row], tape.settled_at[row] = outcome, when
        tape.attempts[row], tape.held[row], tape.by[row] = call.attempts, call.held, call.by


@compiled
def _let_go(state, entry, lost):  # type: ignore[no-untyped-def]
    """Free the entry of a call that ended; ``lost`` says whether it was lost."""
    lane, calls = state.lane[0], state.calls
    if lost:
        lane.lost += calls[entry].counts
    calls[entry].next = lane.free
    lane.free = entry


@compiled
def _stand_first(client, calls, entry):  # type: ignore[no-untyped-def]
    """Make a call the first of its client's line, which is empty or has it in front."""
    if client.front != entry:
        client.front = client.back = entry
        calls[entry].next = -1


@compiled
def _leave_line(state, client, now):  # type: ignore[no-untyped-def]
    """Take the first call out of a line; the next is looked at at this instant."""
    following = state.calls[client.front].next
    client.front = following
    if following >= 0:
        _wake(state, now, following)


@compiled
def _await(state, client, entry, when):  # type: ignore[no-untyped-def]
    """Let the first call of a line wait until a moment, or until a call ends."""
    if when == AT_AN_END:
        client.waits = True
        state.lane[0].waiting += 1
    else:
        _wake(state, when, entry)


@compiled
def _begin_to_count(state, tables):  # type: ignore[no-untyped-def]
    """Note what is used when the warm-up is over: the first peaks."""
    lane = state.lane[0]
    take_back(state, tables, lane.warmup)
    for number in range(state.meters.shape[0]):
        meter = state.meters[number]
        for at in range(meter.first, meter.end):
            meter.peak = max(meter.peak, used_of(meter, state.counts[at], lane.warmup))
    lane.counting = True


@compiled
def _has_no_room(state, tape):  # type: ignore[no-untyped-def]
    """Return whether an array may be too short for what one more attempt notes."""
    lane, meters = state.lane[0], state.meters
    oldest = lane.made
    for number in range(meters.shape[0]):
        if meters[number].window > 0:
            oldest = min(oldest, meters[number].turn)
    return (
        lane.made + 2 - oldest > state.ring.shape[0]
        or lane.ended == state.calls.shape[0]
        or lane.ends == state.ends.shape[0]
        or (tape.length.shape[0] > 0 and tape.length[0] + 2 > tape.events.shape[0])
    )


@compiled
def decide_metered(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    state, tables, day, arrived, until, tape, base
):
    """Decide every attempt before ``until`` in the order of rule 3.3.

    Return -1 when all are decided, else with which of the day's calls to go on once arrays have
    grown.
    """
    lane, clients, calls = state.lane[0], state.clients, state.calls
    soon, ends = state.soon, state.ends
    count, vendors = day.time.shape[0], lane.vendors
    while True:
        now, order = until, np.int64(-1)
        if arrived < count:
            now = day.time[arrived]
            order = np.int64(day.client[arrived]) * ORDERS_PER_CLIENT + day.call[arrived]
        is_due = lane.soon > 0 and earlier(soon[0].due, soon[0].order, now, order)
        if is_due:
            now = soon[0].due
        ends_first = lane.waiting > 0 and lane.ends > 0 and ends[0].due <= now
        # Calls that end with the warm-up end before the first peaks are noted.
        if not lane.counting and (ends[0].due > lane.warmup if ends_first else now >= lane.warmup):
            _begin_to_count(state, tables)
        if ends_first:
            ended_at = ends[0].due
            end_one(state, tables)
            _wake_all(state, ended_at)
            continue
        if not is_due and arrived >= count:
            return -1
        take_back(state, tables, now)
        if _has_no_room(state, tape):
            return arrived

        entry, duration = np.int64(-1), np.int64(0)
        is_first = is_held = gives_up = is_impossible = False
        if is_due:
            entry = soon[0].call
            drop_first(soon, lane.soon)
            lane.soon -= 1
            call = calls[entry]
            order, credits, mask, duration = call.order, call.credits, call.meters, call.duration
            submitted, row, counts_it = call.submitted, call.row, call.counts
            number = order // ORDERS_PER_CLIENT
            client = clients[number]
        else:
            number, credits, submitted = np.int64(day.client[arrived]), day.credits[arrived], now
            client = clients[number]
            api, of_records = day.what[arrived] >> 32, day.what[arrived] & (2**32 - 1)
            mask = np.int64(client.has_quota) << vendors
            for meter in range(vendors):
                mask |= np.int64(of_records > tables.least[meter, api]) << meter
            if day.duration.shape[0] > 0:
                duration = day.duration[arrived]
            row, counts_it = base + arrived, day.counts[arrived]
            arrived += 1

        if client.has_line:
            is_first = bool(entry >= 0 and client.front == entry)
            if is_first and now - submitted > client.max_wait:
                _leave_line(state, client, now)
                gone = submitted + client.max_wait
                _tape_call(tape, calls[entry], LOST, gone)
                _let_go(state, entry, True)
                continue
            when = max(client.paused, client.next_slot)
            if not is_first and client.front >= 0:
                when = np.int64(AT_AN_END)  # behind those that wait
            elif when <= now:
                when = np.int64(now)
                if client.open >= client.max_open:
                    when = np.int64(AT_AN_END)
                elif client.for_room:
                    when = all_room_at(state, tables, number, mask, credits, now)
                    client.for_room = when != now
            if when != now:
                is_new = not is_first
                entry = _stored(
                    state, entry, order, credits, mask, duration, submitted, row, counts_it
                )
                if is_new:
                    calls[entry].held += 1
                    _tape_call(tape, calls[entry], UNFINISHED, -1)
                if is_new and client.front >= 0:
                    calls[client.back].next = entry
                    client.back, calls[entry].next = entry, -1
                else:
                    _stand_first(client, calls, entry)
                    _await(state, client, entry, when)
                continue

        # What the client holds back itself, the vendor never sees.
        by = np.int64(-1)
        if client.has_quota:
            last = vendors + 1
            is_held = refuser(state, tables, vendors, last, number, mask, credits, now) >= 0
            gives_up = is_too_dear(state, tables, vendors, last, number, mask, credits)
        if client.has_reserve and not is_held:
            is_held = not reserve_is_free(state, tables, number, credits, now)
        if not is_held:
            by = np.int64(refuser(state, tables, 0, vendors, number, mask, credits, now))
            lane.attempts += 1
            if client.interval > 0:
                client.next_slot = now + client.interval
        if not is_held and by < 0:
            opens = client.max_open < NEVER
            take(state, tables, number, mask, credits, duration, opens, now)
            note(tape, now, row, credits, AT_ONCE if entry < 0 else GRANTED)
            if is_first:
                _leave_line(state, client, now)
            if entry >= 0:
                calls[entry].attempts += 1
                _tape_call(tape, calls[entry], SUCCEEDED, now)
                _let_go(state, entry, False)
            continue

        # Refused: from here on the call has an entry.
        entry = _stored(state, entry, order, credits, mask, duration, submitted, row, counts_it)
        call = calls[entry]
        call.tries += 1
        if is_held:
            call.held += 1
        else:
            call.attempts += 1
            would_be = wanted_of_pool(state, tables, number, credits, now)
            lane.reached = max(lane.reached, would_be)
            note(tape, now, row, credits, THROTTLED)
            if lane.throttled_attempt_credits > 0:
                cost = charge(state, tables, now)
                if cost > 0:
                    note(tape, now, -1, cost, CHARGED)
            if call.by < 0:
                call.by = by
                lane.throttled += counts_it
                state.meters[by].refused += counts_it
            is_impossible = is_too_dear(state, tables, 0, vendors, number, mask, credits)
        gives_up = (
            gives_up
            or is_impossible
            or client.policy == DROP
            or (client.policy == RETRY and call.tries >= client.max_attempts)
        )
        if gives_up or client.policy == RETRY:
            if is_first:
                _leave_line(state, client, now)
            if gives_up:
                outcome = IMPOSSIBLE if is_impossible else LOST
                _tape_call(tape, call, outcome, now)
                _let_go(state, entry, True)
                continue
            delay = tables.delays[min(client.first_delay + call.tries - 1, client.last_delay)]
            if client.jittered:
                which = order - number * ORDERS_PER_CLIENT
                delay = np.int64(uniform(client.key, which, call.tries) * delay)
            _tape_call(tape, call, UNFINISHED, -1)
            if now + delay < lane.horizon:
                _wake(state, now + delay, entry)
            else:
                _let_go(state, entry, False)
            continue

        # A queue stops, with this call in front.
        _tape_call(tape, call, UNFINISHED, -1)
        _stand_first(client, calls, entry)
        if client.policy == QUEUE_FOR_ROOM:
            client.for_room = True
            when = all_room_at(state, tables, number, mask, credits, now)
            _await(state, client, entry, when)
            continue
        over = now + client.wait
        if client.policy == QUEUE_UNTIL:
            over = lane.horizon
            for which in range(client.clock_begin, client.clock_end):
                if tables.clock_times[which] > now:
                    over = tables.clock_times[which]
                    break
        client.paused = over
        _wake(state, over, entry)


@compiled
def lose_what_waited(state, tape):  # type: ignore[no-untyped-def]
    """Mark as lost the calls in lines whose longest wait was over before the horizon."""
    lane, clients, calls = state.lane[0], state.clients, state.calls
    for number in range(clients.shape[0]):
        client = clients[number]
        entry = client.front
        while entry >= 0:
            following = calls[entry].next
            gone = calls[entry].submitted + client.max_wait
            if gone < lane.horizon:
                _tape_call(tape, calls[entry], LOST, gone)
                lane.lost += calls[entry].counts
            entry = following
