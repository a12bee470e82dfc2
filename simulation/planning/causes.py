"""The window in which most credits are asked for, and whose calls fill it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand
from simulation.experiment import Estimate, mean_of

__all__ = ["Cause", "biggest_cause", "shares_of_peak"]

# Demand is not kept, so it is drawn again for the sake of a name and a share. A few replications
# name a client, and the interval says how well its share is known.
_REPLICATIONS = 5


class Cause(NamedTuple):
    """The client that asks for most of the credits when most are asked for."""

    client: str
    share: Estimate[float]


def biggest_cause(demand: Demand, replications: int) -> Cause | None:
    """Return the client that fills the window of the largest demand, which a pool has to be up to.

    Parameters
    ----------
    demand : Demand
    replications : int
        At most 5 of them are drawn.

    Returns
    -------
    Cause or None
        The client with the largest mean share, with its interval over replications; None where
        no call asks for any credits.
    """
    count = min(replications, _REPLICATIONS) if demand.is_random else 1
    shares = np.array([shares_of_peak(demand, replication) for replication in range(count)])
    if not shares.any():
        return None
    number = int(shares.mean(axis=0).argmax())
    share = mean_of(shares[:, number], unseen=0.0)
    share = share.at_most(1.0) if demand.is_random else share.exact()
    return Cause(demand.scenario.clients[number].name, share)


def shares_of_peak(demand: Demand, replication: int) -> NDArray[np.float64]:
    """Return each client's share of the credits asked for in the window that asks for most.

    A window ends with a call and holds what came after the moment a window before it; of equal
    ones it is the first. Shares are 0 where nothing is asked for.
    """
    calls = demand.draw_replication(replication)
    names = len(demand.scenario.clients)
    if not len(calls):
        return np.zeros(names)
    # What was taken at s is free again at s + 24 h (rule 3.2), so a window is open at its start:
    # hence side="right". Sums of windows are differences of one running sum.
    total = np.cumsum(calls.credits)
    first = np.searchsorted(calls.time, calls.time - demand.scenario.card.window, side="right")
    in_window = total - total[first] + calls.credits[first]
    last = int(in_window.argmax())
    window = slice(int(first[last]), last + 1)
    asked = np.bincount(calls.client[window], calls.credits[window], minlength=names)
    shares: NDArray[np.float64] = asked / max(1.0, asked.sum())
    return shares
