"""The rules of the pool as a compiled loop: what `engine.model` does, as fast as plans need.

A *lane* is a pool of one size with all that waits for it. `decide` takes a day's demand through
any number of lanes; they carry their window and their pending retries from day to day.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.engine.records import IMPOSSIBLE, LOST, SUCCEEDED, UNFINISHED
from simulation.jit import compiled, returning

__all__ = ["Day", "Lanes", "Laws", "Tape", "decide", "wake"]

Ints = NDArray[np.int64]


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
    max_attempts: Ints  # by client
    delays: Ints  # µs, the clients' tables one after the other
    first_delay: Ints  # by client: where its table begins,
    last_delay: Ints  # and its last entry, which repeats
    jittered: NDArray[np.bool_]  # by client
    keys: NDArray[np.uint64]  # by client: what its jitter is drawn from


class Lanes(NamedTuple):
    """The state of m pools."""

    limits: Ints  # (m,)
    state: Ints  # (m, 13): the columns USED … ATTEMPTS
    grant_time: Ints  # (m, 2**k) rings: what was granted and is not yet back
    grant_credits: Ints
    calls: Ints  # (m, ., 7): calls that wait for a retry, in any order; columns TIME … NEXT
    soon: Ints  # (m, ., 3) heaps of time, order, place in `calls`: retries of slots reached
    later: NDArray[np.int32]  # (m, 2**k) rings: the first call of each slot ahead, -1 for none


USED, HELD, MADE, SOON, LATER, SLOT, UNUSED, ENDED, PAST, STRAYED = range(10)
THROTTLED, LOST_CALLS, ATTEMPTS = range(10, 13)
"""Credits held; grants that came back, and made; retries in ``soon`` and ``later``; the slot
reached; the first unused place in ``calls``, and where its unbroken rest begins; when the last
attempt was, and the last by which the lane strayed from a pool that throttles no call; calls
throttled at first and calls lost, of those that count; attempts decided."""

TIME, ORDER, CREDITS, PLACE, COUNTS, ATTEMPT, NEXT = range(7)


class Tape(NamedTuple):
    """Where a single lane's doings are written, or not."""

    outcome: NDArray[np.int8]  # of the calls that are not yet handed out
    attempts: NDArray[np.int32]
    settled_at: Ints
    refused: NDArray[np.bool_]  # (n,) which first attempts of the day were throttled
    events: Ints  # (., 4): time, place, credits, kind
    length: Ints  # (1,): of events; (0,) where the tape is not read


RETRY_GRANTED, RETRY_THROTTLED, CHARGED = range(3)
"""Kinds of event: retries, and credits that a throttled attempt cost."""

_ORDERS_PER_CLIENT = 2**44
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U1, _U11, _U27, _U30, _U31 = (np.uint64(n) for n in (1, 11, 27, 30, 31))


@compiled
def _mix(word):  # type: ignore[no-untyped-def]
    """Scramble 64 bits, as `simulation.demand.streams` does."""
    word = (word ^ (word >> _U30)) * _MIX_1
    word = (word ^ (word >> _U27)) * _MIX_2
    return word ^ (word >> _U31)


@compiled
def uniform(key, call, attempt):  # type: ignore[no-untyped-def]
    """Return `simulation.demand.streams.uniform`."""
    word = _mix(key ^ _mix(np.uint64(call) * _GOLDEN + _U1))
    word = _mix(word + np.uint64(attempt) * _GOLDEN)
    return float(word >> _U11) * 2.0**-53


@compiled
def _earlier(time_a, order_a, time_b, order_b):  # type: ignore[no-untyped-def]
    return time_a < time_b or (time_a == time_b and order_a < order_b)


@compiled
def _push(heap, size, time, order, place):  # type: ignore[no-untyped-def]
    """Put a retry into a heap of ``size`` entries that has room for one more."""
    here = size
    while here > 0:
        above = (here - 1) >> 1
        if not _earlier(time, order, heap[above, 0], heap[above, 1]):
            break
        heap[here] = heap[above]
        here = above
    heap[here, 0], heap[here, 1], heap[here, 2] = time, order, place


@compiled
def _drop_first(heap, size):  # type: ignore[no-untyped-def]
    """Take the earliest retry out of a heap of ``size`` entries."""
    last = size - 1
    time, order, place = heap[last, 0], heap[last, 1], heap[last, 2]
    here = 0
    while True:
        below = 2 * here + 1
        if below >= last:
            break
        right = below + 1
        if right < last and _earlier(
            heap[right, 0], heap[right, 1], heap[below, 0], heap[below, 1]
        ):
            below = right
        if not _earlier(heap[below, 0], heap[below, 1], time, order):
            break
        heap[here] = heap[below]
        here = below
    heap[here, 0], heap[here, 1], heap[here, 2] = time, order, place


@compiled
def _with_more_grants(lanes):  # type: ignore[no-untyped-def]
    """Return the lanes with rings twice as long."""
    count, length = lanes.grant_time.shape
    time, credits = np.empty((count, 2 * length), np.int64), np.empty((count, 2 * length), np.int64)
    for lane in range(count):
        for n in range(lanes.state[lane, HELD], lanes.state[lane, MADE]):
            time[lane, n & (2 * length - 1)] = lanes.grant_time[lane, n & (length - 1)]
            credits[lane, n & (2 * length - 1)] = lanes.grant_credits[lane, n & (length - 1)]
    return Lanes(lanes.limits, lanes.state, time, credits, lanes.calls, lanes.soon, lanes.later)


@compiled
def _with_more_calls(lanes):  # type: ignore[no-untyped-def]
    """Return the lanes with room for twice as many calls that wait."""
    count, length, columns = lanes.calls.shape
    calls = np.empty((count, 2 * length, columns), np.int64)
    soon = np.empty((count, 2 * length, 3), np.int64)
    calls[:, :length], soon[:, :length] = lanes.calls, lanes.soon
    grants = lanes.grant_time, lanes.grant_credits
    return Lanes(lanes.limits, lanes.state, grants[0], grants[1], calls, soon, lanes.later)


@compiled
def _with_more_events(tape):  # type: ignore[no-untyped-def]
    """Return the tape with room for twice as many events."""
    events = np.empty((2 * tape.events.shape[0], 4), np.int64)
    events[: tape.events.shape[0]] = tape.events
    return Tape(tape.outcome, tape.attempts, tape.settled_at, tape.refused, events, tape.length)


@returning(Lanes, Tape)
@compiled
def decide(lanes, laws, day, first, until, tape, base):  # type: ignore[no-untyped-def]
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
        Where the doings of the only lane are written.
    base : int
        The place on the tape of the day's first call.

    Returns
    -------
    lanes, tape
        As they are now; their arrays may have grown.
    """
    for lane in range(lanes.limits.shape[0]):
        arrived = first[lane]
        while arrived >= 0:
            arrived = _decide(lanes, lane, laws, day, arrived, until, tape, base)
            if arrived >= 0:
                if lanes.state[lane, ENDED] == lanes.calls.shape[1]:
                    lanes = _with_more_calls(lanes)
                elif tape.length.shape[0] > 0 and tape.length[0] + 2 > tape.events.shape[0]:
                    tape = _with_more_events(tape)
                else:
                    lanes = _with_more_grants(lanes)
    return lanes[:], tape[:]


@compiled
def _decide(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    lanes, lane, laws, day, arrived, until, tape, base
):
    """Decide for one lane; return -1, or where to go on when there is more room."""
    # Reading a field of a tuple counts a reference each time; reading a local does not.
    limit, state = lanes.limits[lane], lanes.state[lane]
    grant_time, grant_credits = lanes.grant_time[lane], lanes.grant_credits[lane]
    calls, heap, slots = lanes.calls[lane], lanes.soon[lane], lanes.later[lane]
    times, credits, clients, numbers = day.time, day.credits, day.client, day.call
    counted, window, horizon, bits = day.counts, laws.window, laws.horizon, laws.slot_bits
    penalty, max_attempts, delays = laws.throttled_attempt_credits, laws.max_attempts, laws.delays
    first_delay, last_delay = laws.first_delay, laws.last_delay
    jittered, keys = laws.jittered, laws.keys
    outcomes, attempts, settled_at = tape.outcome, tape.attempts, tape.settled_at
    refused, events, length = tape.refused, tape.events, tape.length
    used, held, made = state[USED], state[HELD], state[MADE]
    soon, later, slot = state[SOON], state[LATER], state[SLOT]
    unused, ended, past = state[UNUSED], state[ENDED], state[PAST]
    ring, turn = grant_time.shape[0] - 1, slots.shape[0] - 1
    taped, count, noted, decided = length.shape[0] > 0, times.shape[0], 0, 0
    if taped:
        noted = length[0]
    while True:
        now = times[arrived] if arrived < count else until
        if made - held > ring:  # what came back has long not been asked for
            while held < made and grant_time[held & ring] <= past - window:
                used -= grant_credits[held & ring]
                held += 1
        if made - held > ring or ended == calls.shape[0] or (taped and noted + 2 > events.shape[0]):
            break
        place = -1
        if soon + later > 0:
            reached = now >> bits
            while later > 0 and slot < reached:
                slot += 1
                call = slots[slot & turn]
                slots[slot & turn] = -1
                while call >= 0:
                    _push(heap, soon, calls[call, TIME], calls[call, ORDER], call)
                    soon += 1
                    later -= 1
                    call = calls[call, NEXT]
            if soon > 0:
                order = np.int64(-1)
                if arrived < count:
                    order = np.int64(clients[arrived]) * _ORDERS_PER_CLIENT + numbers[arrived]
                if _earlier(heap[0, 0], heap[0, 1], now, order):
                    now, place = heap[0, 0], heap[0, 2]
                    _drop_first(heap, soon)
                    soon -= 1
        if place >= 0:
            cost, attempt = calls[place, CREDITS], calls[place, ATTEMPT]
        elif arrived < count:
            cost, attempt = credits[arrived], 1
            arrived += 1
        else:
            arrived = -1
            break
        past = now
        decided += 1

        # What comes back can come back at the next attempt: until then nothing depends on it.
        if used + cost > limit:
            edge = now - window
            while held < made and grant_time[held & ring] <= edge:
                used -= grant_credits[held & ring]
                held += 1
        if used + cost <= limit:
            used += cost
            grant_time[made & ring], grant_credits[made & ring] = now, cost
            made += 1
            if attempt > 1:
                state[STRAYED] = now
                if taped:
                    on_tape = calls[place, PLACE]
                    events[noted, 0], events[noted, 1] = now, on_tape
                    events[noted, 2], events[noted, 3] = cost, RETRY_GRANTED
                    noted += 1
                    outcomes[on_tape], attempts[on_tape] = SUCCEEDED, attempt
                    settled_at[on_tape] = now
                calls[place, NEXT] = unused
                unused = place
            continue

        state[STRAYED] = now
        charge = min(penalty, limit - used)
        if charge > 0:
            used += charge
            grant_time[made & ring], grant_credits[made & ring] = now, charge
            made += 1
            if taped:
                events[noted, 0], events[noted, 1] = now, -1
                events[noted, 2], events[noted, 3] = charge, CHARGED
                noted += 1
        if attempt == 1:
            here, counts = arrived - 1, np.int64(counted[arrived - 1])
            who, number, on_tape = np.int64(clients[here]), numbers[here], base + here
            state[THROTTLED] += counts
            if taped:
                refused[here] = True
        else:
            who = calls[place, ORDER] // _ORDERS_PER_CLIENT
            number = calls[place, ORDER] - who * _ORDERS_PER_CLIENT
            counts, on_tape = calls[place, COUNTS], calls[place, PLACE]
            if taped:
                events[noted, 0], events[noted, 1] = now, on_tape
                events[noted, 2], events[noted, 3] = cost, RETRY_THROTTLED
                noted += 1
        gives_up, due = cost > limit or attempt >= max_attempts[who], horizon
        if gives_up:
            state[LOST_CALLS] += counts
        else:
            delay = delays[min(first_delay[who] + attempt - 1, last_delay[who])]
            if jittered[who]:
                delay = np.int64(uniform(keys[who], number, attempt) * delay)
            due = now + delay
        if taped:
            attempts[on_tape] = attempt
            settled_at[on_tape] = now if gives_up else -1
            outcomes[on_tape] = LOST if gives_up else UNFINISHED
            if cost > limit:
                outcomes[on_tape] = IMPOSSIBLE
        if due >= horizon:
            if attempt > 1:
                calls[place, NEXT] = unused
                unused = place
            continue
        if attempt == 1:
            if unused >= 0:
                place = unused
                unused = calls[place, NEXT]
            else:
                place = ended
                ended += 1
            calls[place, ORDER] = who * _ORDERS_PER_CLIENT + number
            calls[place, CREDITS], calls[place, COUNTS] = cost, counts
            calls[place, PLACE] = on_tape
        calls[place, TIME], calls[place, ATTEMPT] = due, attempt + 1
        if later == 0:
            slot = max(slot, now >> bits)
        if due >> bits <= slot:
            _push(heap, soon, due, calls[place, ORDER], place)
            soon += 1
        else:
            calls[place, NEXT] = slots[(due >> bits) & turn]
            slots[(due >> bits) & turn] = place
            later += 1
    state[USED], state[HELD], state[MADE] = used, held, made
    state[SOON], state[LATER], state[SLOT] = soon, later, slot
    state[UNUSED], state[ENDED], state[PAST] = unused, ended, past
    state[ATTEMPTS] += decided
    if taped:
        length[0] = noted
    return arrived


@returning(Lanes)
@compiled
def wake(lanes, first, time, credits, levels, window):  # type: ignore[no-untyped-def]
    """Let lanes that sleep begin with the first call that they cannot grant.

    A lane sleeps (-1 in ``first``) while it holds what a pool without a limit does. ``levels``
    are those of the last calls in ``time`` and ``credits``, which go back a window before them.
    """
    start = time.shape[0] - levels.shape[0]
    for lane in range(first.shape[0]):
        if first[lane] >= 0:
            continue
        limit, arrived = lanes.limits[lane], 0
        while arrived < levels.shape[0] and levels[arrived] <= limit:
            arrived += 1
        if arrived == levels.shape[0]:
            continue
        first[lane] = arrived
        used = made = 0
        edge = time[start + arrived] - window
        oldest = np.searchsorted(time, edge, side="right")
        while lanes.grant_time.shape[1] < start + arrived - oldest:
            lanes = _with_more_grants(lanes)
        for n in range(oldest, start + arrived):
            lanes.grant_time[lane, made], lanes.grant_credits[lane, made] = time[n], credits[n]
            used += credits[n]
            made += 1
        lanes.state[lane, USED], lanes.state[lane, MADE] = used, made
        lanes.state[lane, HELD] = 0
    return lanes[:]
