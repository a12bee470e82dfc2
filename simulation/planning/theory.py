"""Theory of the pool: exact throttled shares of stationary Poisson demand.

Each accepted call holds its credits for one window, so the pool is a loss system; by
insensitivity only the mean of the holding time matters, and it is fixed here (rule 5).

No plan uses these: demand has profiles, bursts and retries. They are the yardstick that the tests
hold both engines to, and a first estimate in a notebook.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["erlang_b", "kaufman_roberts"]


def erlang_b(load: float, limit: int) -> float:
    """Return the throttled share of single-credit calls: Erlang's B formula.

    Parameters
    ----------
    load : float
        Offered load: the mean number of calls in a window.
    limit : int
        Credits in the pool.

    The recursion B(0) = 1, B(n) = a·B(n−1) / (n + a·B(n−1)) is that of the formula's inverse
    and loses no digits (A. K. Erlang 1917; Jagerman 1974 for the recursion).

    >>> round(erlang_b(10.0, 10), 4)
    0.2146
    """
    # A pool of no credits throttles every call.
    share = 1.0
    for servers in range(1, limit + 1):
        share = load * share / (servers + load * share)
    return share


def kaufman_roberts(
    loads: Sequence[float], credits: Sequence[int], limit: int
) -> NDArray[np.float64]:
    """Return the throttled share of each kind of call when several costs share the pool.

    Parameters
    ----------
    loads : sequence of k floats
        Offered load of each kind: its mean number of calls in a window.
    credits : sequence of k ints
        What a call of each kind costs, 1 or more.
    limit : int
        Credits in the pool; as the costs in smallest units, where these are parts of a credit.

    Returns
    -------
    (k,) float64 array
        The occupancy is n·q(n) = Σ aᵢ·bᵢ·q(n − bᵢ) (Kaufman 1981; Roberts 1981), and a call
        of kind i is throttled where fewer than bᵢ credits are free.

    >>> kaufman_roberts([10.0], [1], 10).round(4)
    array([0.2146])
    """
    occupancy = np.zeros(limit + 1)
    occupancy[0] = 1.0
    for used in range(1, limit + 1):
        flow = sum(
            load * cost * occupancy[used - cost]
            for load, cost in zip(loads, credits, strict=True)
            if cost <= used
        )
        occupancy[used] = flow / used
        # Only ratios count, so what would overflow is made smaller on the way.
        if occupancy[used] > 1e250:
            occupancy[: used + 1] /= occupancy[used]
    tail = np.cumsum(occupancy[::-1]) / occupancy.sum()
    return np.array([tail[min(cost, limit + 1) - 1] for cost in credits])
