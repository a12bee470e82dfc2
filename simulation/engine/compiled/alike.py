"""Whether two lanes of many meters go on alike, so that one of them need not be decided."""

from __future__ import annotations

from simulation.engine.compiled.heap import earlier
from simulation.engine.compiled.meter_loops import ROLLING, take_back, used_of
from simulation.jit import compiled

__all__ = ["is_alike"]


@compiled
def is_alike(one, other, tables, now):  # type: ignore[no-untyped-def]
    """Return whether two lanes without calls that wait go on alike from a moment on.

    All that came back by then is taken back. Where calls wait it is False, and it may be False
    where several calls end at one instant.
    """
    a, b = one.lane[0], other.lane[0]
    if a.soon > 0 or b.soon > 0 or a.waiting > 0 or b.waiting > 0:
        return False
    take_back(one, tables, now)
    take_back(other, tables, now)
    return (
        a.ends == b.ends
        and _clients_are_alike(one.clients, other.clients, now)
        and _counts_are_alike(one.meters, one.counts, other.counts, now)
        and _grants_are_alike(a, b, one.meters, other.meters, one.ring, other.ring)
        and _ends_are_alike(one.ends, other.ends, a.ends)
    )


@compiled
def _clients_are_alike(one, other, now):  # type: ignore[no-untyped-def]
    for client in range(one.shape[0]):
        a, b = one[client], other[client]
        if (
            a.front >= 0
            or b.front >= 0
            or max(a.paused, now) != max(b.paused, now)
            or max(a.next_slot, now) != max(b.next_slot, now)
            or a.open != b.open
            or a.for_room != b.for_room
        ):
            return False
    return True


@compiled
def _counts_are_alike(meters, one, other, now):  # type: ignore[no-untyped-def]
    for number in range(meters.shape[0]):
        meter = meters[number]
        for at in range(meter.first, meter.end):
            if used_of(meter, one[at], now) != used_of(meter, other[at], now):
                return False
    return True


@compiled
def _grants_are_alike(one, other, meters, their_meters, ring, their_ring):  # type: ignore[no-untyped-def]
    oldest, their_oldest = one.made, other.made
    for number in range(meters.shape[0]):
        if meters[number].kind == ROLLING:
            oldest = min(oldest, meters[number].turn)
            their_oldest = min(their_oldest, their_meters[number].turn)
    if one.made - oldest != other.made - their_oldest:
        return False
    # What was granted last is the likeliest to differ.
    for n in range(1, one.made - oldest + 1):
        a = ring[(one.made - n) & (ring.shape[0] - 1)]
        b = their_ring[(other.made - n) & (their_ring.shape[0] - 1)]
        if (
            a.time != b.time
            or a.credits != b.credits
            or a.client != b.client
            or a.meters != b.meters
        ):
            return False
    return True


@compiled
def _ends_are_alike(one, other, count):  # type: ignore[no-untyped-def]
    """Return whether as many open calls end alike; they are sorted, which leaves them heaps."""
    for ends in (one, other):
        for n in range(1, count):
            due, order, call, here = ends[n].due, ends[n].order, ends[n].call, n
            while here > 0 and not earlier(ends[here - 1].due, ends[here - 1].order, due, order):
                before = ends[here - 1]
                ends[here].due, ends[here].order, ends[here].call = (
                    before.due,
                    before.order,
                    before.call,
                )
                here -= 1
            ends[here].due, ends[here].order, ends[here].call = due, order, call
    for n in range(count):
        mine, theirs = one[n], other[n]
        if mine.due != theirs.due or mine.order != theirs.order or mine.call != theirs.call:
            return False
    return True
