"""Loops over demand that is never tried again: all pool sizes side by side, in one pass.

What comes back to a pool 24 hours after a call, if anything, does so at the same instant in all
sizes. So one walk over the calls serves them all, and what differs between them fits into vectors.
"""

from __future__ import annotations

from simulation.jit import compiled

__all__ = ["decide_dropping", "follow"]


@compiled
def follow(time, credits, start, oldest, in_use, window, levels):  # type: ignore[no-untyped-def]
    """Return the credits in use at last in a pool without a limit, and its oldest call.

    ``time`` and ``credits`` go back to the window's oldest call; from ``start`` on they are new,
    and ``levels`` takes what is in use after each of them.
    """
    for n in range(start, time.shape[0]):
        edge = time[n] - window
        while time[oldest] <= edge:
            in_use -= credits[oldest]
            oldest += 1
        in_use += credits[n]
        levels[n - start] = in_use
    return in_use, oldest


@compiled
def decide_dropping(  # type: ignore[no-untyped-def]
    available, throttled, granted, oldest, arrived, time, credits, start, counts, window
):
    """Decide new calls for all lanes side by side, where no client tries again.

    Parameters
    ----------
    available, throttled : (m,) int32 or int64 array
        Credits that each lane can spend, and first attempts that it throttled; carried on.
        Fastest where m is a multiple of 64, and narrow.
    granted : (2**k, m) uint8 array
        Ring by the calls' numbers: which lanes granted them.
    oldest, arrived : int
        Numbers of the oldest call whose credits may be out, and of the first new call.
    time, credits : (n,) arrays
        Calls from ``oldest`` on; credits of the dtype of ``available``.
    start : int
        Where the new ones begin.
    counts : (n - start,) bool array
        Which of the new ones count.

    Returns
    -------
    oldest : int
        The number of the oldest call whose credits may be out now.
    """
    back, turn, lanes = 0, granted.shape[0] - 1, available.shape[0]
    # Of the lanes' own narrow type: one wider number would widen every vector.
    zero, one = available.dtype.type(0), available.dtype.type(1)
    for n in range(start, time.shape[0]):
        edge = time[n] - window
        while time[back] <= edge:
            cost, row = credits[back], granted[(oldest + back) & turn]
            # Chosen by a value, not by a branch, so that the loop becomes vector instructions.
            for lane in range(lanes):
                available[lane] += cost if row[lane] else zero
            back += 1
        cost, row = credits[n], granted[(arrived + n - start) & turn]
        weight = one if counts[n - start] else zero
        for lane in range(lanes):
            fits = cost <= available[lane]
            available[lane] -= cost if fits else zero
            throttled[lane] += zero if fits else weight
            row[lane] = fits
    return oldest + back
