"""The rules of the pool as a compiled loop: what `simulation.model` does, at the speed of planning.

One loop decides a whole replication for one pool size. It takes the same demand as the SimPy
model and gives the same records, call for call, ties and retries included.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulation.demand import Calls, Demand
from simulation.records import IMPOSSIBLE, LOST, SUCCEEDED, UNFINISHED, CallRecords
from simulation.streams import jitter_key

__all__ = ["Decider", "window_demand"]

Ints = NDArray[np.int64]

_CALLS_PER_CLIENT = 2**44
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_U1, _U11, _U27, _U30, _U31 = (np.uint64(n) for n in (1, 11, 27, 30, 31))

compiled = njit(cache=True, nogil=True)


@compiled
def _mix(word):  # type: ignore[no-untyped-def]
    """Scramble 64 bits, as `simulation.streams` does."""
    word = (word ^ (word >> _U30)) * _MIX_1
    word = (word ^ (word >> _U27)) * _MIX_2
    return word ^ (word >> _U31)


@compiled
def _uniform(key, call, attempt):  # type: ignore[no-untyped-def]
    """Return `simulation.streams.uniform`."""
    word = _mix(key ^ _mix(np.uint64(call) * _GOLDEN + _U1))
    word = _mix(word + np.uint64(attempt) * _GOLDEN)
    return float(word >> _U11) * 2.0**-53


@compiled
def _earlier(time_a, order_a, time_b, order_b):  # type: ignore[no-untyped-def]
    return time_a < time_b or (time_a == time_b and order_a < order_b)


@compiled
def _put(heap, here, time, order, place, attempt):  # type: ignore[no-untyped-def]
    heap[here, 0] = time
    heap[here, 1] = order
    heap[here, 2] = place
    heap[here, 3] = attempt


@compiled
def _push(heap, size, time, order, place, attempt):  # type: ignore[no-untyped-def]
    """Put an attempt into the heap (columns: time, order, place, attempt); it may grow."""
    if size == heap.shape[0]:
        larger = np.empty((2 * size, 4), np.int64)
        larger[:size] = heap
        heap = larger
    here = size
    while here > 0:
        above = (here - 1) >> 1
        if not _earlier(time, order, heap[above, 0], heap[above, 1]):
            break
        heap[here] = heap[above]
        here = above
    _put(heap, here, time, order, place, attempt)
    return heap


@compiled
def _drop_first(heap, size):  # type: ignore[no-untyped-def]
    """Take the earliest attempt out of a heap of ``size`` entries."""
    last = size - 1
    time, order, place, attempt = heap[last]
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
    _put(heap, here, time, order, place, attempt)


@compiled
def _doubled(column):  # type: ignore[no-untyped-def]
    larger = np.empty(2 * column.shape[0], np.int64)
    larger[: column.shape[0]] = column
    return larger


@compiled
def _decide(  # type: ignore[no-untyped-def]  # noqa: C901, PLR0912, PLR0915 - one loop, for speed
    time,
    client,
    call,
    credits,
    limit,
    window,
    horizon,
    penalty,
    max_attempts,
    delays,
    first_delay,
    last_delay,
    jittered,
    keys,
    attempts,
    outcome,
    settled_at,
):
    """Decide every attempt of a replication in the order of rule 3.3; fill the last three."""
    heap = np.empty((64, 4), np.int64)
    grant_times = np.empty(1024, np.int64)
    grant_credits = np.empty(1024, np.int64)
    pending = arrived = held = made = used = 0
    while True:
        retry = pending > 0
        if retry and arrived < time.shape[0]:
            order = client[arrived] * _CALLS_PER_CLIENT + call[arrived]
            retry = _earlier(heap[0, 0], heap[0, 1], time[arrived], order)
        if retry:
            now, order, place, attempt = heap[0]
            _drop_first(heap, pending)
            pending -= 1
        elif arrived < time.shape[0]:
            now, place, attempt = time[arrived], arrived, 1
            arrived += 1
        else:
            break

        while held < made and grant_times[held] <= now - window:
            used -= grant_credits[held]
            held += 1
        cost, who = credits[place], client[place]
        attempts[place] = attempt
        if used + cost <= limit:
            used += cost
            if made == grant_times.shape[0]:
                grant_times, grant_credits = _doubled(grant_times), _doubled(grant_credits)
            grant_times[made], grant_credits[made] = now, cost
            made += 1
            outcome[place] = SUCCEEDED
            settled_at[place] = now
            continue
        charge = min(penalty, limit - used)
        if charge > 0:
            used += charge
            if made == grant_times.shape[0]:
                grant_times, grant_credits = _doubled(grant_times), _doubled(grant_credits)
            grant_times[made], grant_credits[made] = now, charge
            made += 1
        if cost > limit:
            outcome[place] = IMPOSSIBLE
            settled_at[place] = now
        elif attempt >= max_attempts[who]:
            outcome[place] = LOST
            settled_at[place] = now
        else:
            outcome[place] = UNFINISHED
            settled_at[place] = -1
            delay = delays[min(first_delay[who] + attempt - 1, last_delay[who])]
            if jittered[who]:
                delay = np.int64(_uniform(keys[who], call[place], attempt) * delay)
            due = now + delay
            if due < horizon:
                order = who * _CALLS_PER_CLIENT + call[place]
                heap = _push(heap, pending, due, order, place, attempt + 1)
                pending += 1


@compiled
def _window_demand(time, credits, window):  # type: ignore[no-untyped-def]
    most = held = first = 0
    for n in range(time.shape[0]):
        while time[first] <= time[n] - window:
            held -= credits[first]
            first += 1
        held += credits[n]
        most = max(most, held)
    return most


def window_demand(calls: Calls, window: int) -> int:
    """Return the most credits that are asked for in any window.

    A pool of this size throttles nobody, and no smaller one does (rule 5).
    """
    return int(_window_demand(calls.time, calls.credits, window))


class Decider:
    """Decides the calls of one replication, for any pool size.

    Parameters
    ----------
    demand : Demand
        What the clients want.
    replication : int
        Which one, from 0.
    days : int, optional
        Only the first so many days; attempts after them are not made.

    Attributes
    ----------
    calls : Calls
        All calls of the replication, in order of time, client and call.
    """

    def __init__(self, demand: Demand, replication: int, days: int | None = None) -> None:
        scenario = demand.scenario
        self.calls = demand.draw_replication(replication, days)
        self._window = scenario.card.window
        self._penalty = scenario.card.throttled_attempt_credits
        clock = scenario.clock
        last = demand.days if days is None else min(days, demand.days)
        self._horizon = min(clock.day_start(last), clock.horizon)
        laws = [client.on_throttle.retry for client in scenario.clients]
        tables = [law.delays() if law else () for law in laws]
        ends = np.cumsum([len(table) for table in tables])
        self._max_attempts = np.array([law.max_attempts if law else 1 for law in laws], np.int64)
        self._delays = np.array([delay for table in tables for delay in table] or [0], np.int64)
        self._first_delay = np.array([0, *ends[:-1]], np.int64)
        self._last_delay = np.array(ends - 1, np.int64)
        self._jittered = np.array([law is not None and law.jitter == "full" for law in laws])
        keys = [jitter_key(scenario.seed, replication, client.name) for client in scenario.clients]
        self._keys = np.array(keys, np.uint64)

    def decide(self, limit: int) -> CallRecords:
        """Return what becomes of every call with a pool of this size."""
        calls, count = self.calls, len(self.calls)
        attempts = np.empty(count, np.int32)
        outcome = np.empty(count, np.int8)
        settled_at = np.empty(count, np.int64)
        _decide(
            calls.time,
            calls.client,
            calls.call,
            calls.credits,
            limit,
            self._window,
            self._horizon,
            self._penalty,
            self._max_attempts,
            self._delays,
            self._first_delay,
            self._last_delay,
            self._jittered,
            self._keys,
            attempts,
            outcome,
            settled_at,
        )
        throttled = attempts - (outcome == SUCCEEDED).astype(np.int32)
        return CallRecords(calls, attempts, throttled, outcome, settled_at)
