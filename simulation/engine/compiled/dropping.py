"""Loops over demand that is never tried again: all pool sizes side by side, in one pass.

What comes back to a pool 24 hours after a call, if anything, does so at the same instant in all
sizes. So one walk over the calls serves them all, and what differs between them fits into vectors.

Most sizes throttle nothing on most days. A lane *sleeps* while it holds what a pool without a limit
holds: nothing is done for it until demand would exceed its limit. Limits rise, so those awake are
the first ones.
"""

from __future__ import annotations

from simulation.jit import compiled

__all__ = ["VECTOR", "decide_dropping"]

VECTOR = 32
"""Lanes are woken by as many: with fewer the last ones are decided one by one."""

_STRETCH = 512  # calls after which is looked which lanes can sleep


@compiled
def _awake(available, limits, awake, in_use, most):  # type: ignore[no-untyped-def]
    """Return how many lanes have to be awake for calls after which at most ``most`` are in use."""
    count = 0
    while count < limits.shape[0] and limits[count] < most:
        count += 1
    # A lane that has throttled a call of the last window has more to spend than without a limit.
    stray = awake
    while stray > count and available[stray - 1] == limits[stray - 1] - in_use:
        stray -= 1
    return max(count, stray)


@compiled
def _in_vectors(lanes, limits):  # type: ignore[no-untyped-def]
    return min((lanes + VECTOR - 1) // VECTOR * VECTOR, limits.shape[0])


@compiled
def decide_dropping(  # type: ignore[no-untyped-def]
    state,
    limits,
    available,
    throttled,
    granted,
    awake,
    time,
    credits,
    levels,
    start,
    counts,
    window,
):
    """Decide new calls for all lanes side by side, where no client tries again.

    Parameters
    ----------
    state : record of `simulation.engine.compiled.lanes.WALK`
    limits : (m,) array
        Of the lanes, rising; m is a multiple of `VECTOR`.
    available, throttled : (m,) int32 or int64 array
        Credits that each lane can spend, if it is awake, and first attempts that it throttled;
        carried on. Fastest where they are narrow.
    granted : (2**k, m) uint8 array
        Ring by the calls' numbers: which lanes granted them, of those that were awake.
    awake : (2**k,) int64 array
        Ring by the calls' numbers: how many lanes were awake.
    time, credits : (n,) int64 arrays
        Calls from the oldest on.
    levels : (n - start,) int64 array
        What is in use in a pool without a limit after each new call.
    start : int
        Where the new ones begin.
    counts : (n - start,) bool array
        Which of the new ones count.
    window : int
        µs.
    """
    turn = granted.shape[0] - 1
    oldest, arrived, lanes = state.oldest, state.arrived, state.awake
    back, decided = 0, 0
    # Of the lanes' own narrow type: one wider number would widen every vector.
    zero, one = available.dtype.type(0), available.dtype.type(1)
    for first in range(start, time.shape[0], _STRETCH):
        last = min(first + _STRETCH, time.shape[0])
        in_use = state.in_use if first == start else levels[first - start - 1]
        most = in_use
        for n in range(first, last):
            most = max(most, levels[n - start])
        before = lanes
        lanes = _in_vectors(_awake(available, limits, before, in_use, most), limits)
        for lane in range(before, lanes):
            available[lane] = limits[lane] - in_use
        decided += lanes * (last - first)
        for n in range(first, last):
            edge = time[n] - window
            while time[back] <= edge:
                row = (oldest + back) & turn
                cost, its = available.dtype.type(credits[back]), min(awake[row], lanes)
                # Chosen by a value, not by a branch, so that the loop becomes vector instructions.
                for lane in range(its):
                    available[lane] += cost if granted[row, lane] else zero
                for lane in range(its, lanes):  # asleep then: granted
                    available[lane] += cost
                back += 1
            row = (arrived + n - start) & turn
            awake[row] = lanes
            cost, weight = available.dtype.type(credits[n]), one if counts[n - start] else zero
            for lane in range(lanes):
                fits = cost <= available[lane]
                available[lane] -= cost if fits else zero
                throttled[lane] += zero if fits else weight
                granted[row, lane] = fits
    if time.shape[0] > start:
        state.in_use = levels[levels.shape[0] - 1]
        lanes = _in_vectors(_awake(available, limits, lanes, state.in_use, 0), limits)
    state.oldest, state.arrived = oldest + back, arrived + time.shape[0] - start
    state.awake, state.decided = lanes, state.decided + decided
