"""The window in which most credits are asked for, and whose calls fill it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand
from simulation.engine import calls_at_peak
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

    Shares are 0 where nothing is asked for.
    """
    calls = calls_at_peak(demand, replication)
    asked = np.bincount(calls.client, calls.credits, minlength=len(demand.scenario.clients))
    shares: NDArray[np.float64] = asked / max(1.0, asked.sum())
    return shares
