"""Whether two lanes of many meters go on alike, so that one of them need not be decided."""

from __future__ import annotations

from simulation.engine.compiled.heap import earlier
from simulation.engine.compiled.meter_loops import take_back, used_of
from simulation.engine.rules import kinds_of_meters
from simulation.jit import compiled

__all__ = ["is_alike"]

ROLLING = 0
if kinds_of_meters()[0] != ROLLING:
    raise ImportError("the loops and `engine.rules` have different codes of meters")


@compiled
def is_alike(one, other, rules, now):  # type: ignore[no-untyped-def]
    """Return whether two lanes without calls that wait go on alike from a moment on.

    All that came back by then is taken back. Where calls wait it is False, and it may be False
    where several calls end at one instant.
    """
    a, b = one.lane[0], other.lane[0]
    if a.soon > 0 or b.soon > 0 or a.waiting > 0 or b.waiting > 0:
        return False
    take_back(one, rules, now)
    take_back(other, rules, now)
    return (
        a.ends == b.ends
        and _clients_are_alike(one, other, now)
        and _meters_are_alike(one, other, rules, now)
        and _ends_are_alike(one.ends, other.ends, a.ends)
    )


@compiled
def _clients_are_alike(one, other, now):  # type: ignore[no-untyped-def]
    for client in range(one.front.shape[0]):
        if (
            one.front[client] >= 0
            or other.front[client] >= 0
            or max(one.paused[client], now) != max(other.paused[client], now)
            or max(one.next_slot[client], now) != max(other.next_slot[client], now)
            or one.open[client] != other.open[client]
            or one.for_room[client] != other.for_room[client]
        ):
            return False
    return True


@compiled
def _meters_are_alike(one, other, rules, now):  # type: ignore[no-untyped-def]
    mine, theirs = one.lane[0].made, other.lane[0].made
    oldest, their_oldest = mine, theirs
    for meter in range(rules.meters.shape[0]):
        its = rules.meters[meter]
        for at in range(its.first, its.end):
            if used_of(one, rules, meter, at, now) != used_of(other, rules, meter, at, now):
                return False
        if its.kind == ROLLING:
            oldest = min(oldest, one.turn[meter])
            their_oldest = min(their_oldest, other.turn[meter])
    if mine - oldest != theirs - their_oldest:
        return False
    # What was granted last is the likeliest to differ.
    for n in range(mine - oldest):
        a = one.ring[(mine - 1 - n) & (one.ring.shape[0] - 1)]
        b = other.ring[(theirs - 1 - n) & (other.ring.shape[0] - 1)]
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
