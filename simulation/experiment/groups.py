"""Groups of calls that statistics are taken over: all, those of a client, those of a category."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Demand

__all__ = ["Group", "groups_of"]


@dataclass(frozen=True)
class Group:
    """Calls that are counted together.

    Attributes
    ----------
    grain : str
        ``overall``, ``client`` or ``category``.
    name : str
        The client's or the category's name; ``""`` overall.
    members : (accounts,) bool array
        Which accounts (client × call kind) belong to it.
    cheapest : int
        The least that one of its calls can cost, in the card's smallest unit.
    draws_calls, draws_credits : bool
        Whether how many calls it makes, and what they cost together, differs between replications.
    """

    grain: str
    name: str
    members: NDArray[np.bool_]
    cheapest: int
    draws_calls: bool
    draws_credits: bool


def groups_of(demand: Demand) -> list[Group]:
    """Return the groups that a scenario is reported by: overall, each client, each category."""
    scenario, kinds = demand.scenario, len(demand.apis)
    account = np.arange(len(scenario.clients) * kinds)
    category = np.array([scenario.category(api) for api in demand.apis])
    counts = [client.arrivals.draws_number for client in scenario.clients]
    drawn = [client.is_drawn for client in scenario.clients]
    costs = {client * kinds + api: cost for (client, api), cost in demand.cheapest.items()}

    def group(grain: str, name: str, members: NDArray[np.bool_]) -> Group:
        its = [key for key in costs if members[key]]
        cheapest = min((costs[key] for key in its), default=0)
        if not scenario.card.pool.counts_credits:
            cheapest = 1
        credits = any(drawn[key // kinds] for key in its)
        # A drawn mix moves calls between categories, even where their number is fixed.
        calls = credits if grain == "category" else any(counts[key // kinds] for key in its)
        return Group(grain, name, members, cheapest, calls, credits)

    groups = [group("overall", "", np.ones(len(account), bool))]
    for number, client in enumerate(scenario.clients):
        groups.append(group("client", client.name, account // kinds == number))
    names = dict.fromkeys(category.tolist())
    return groups + [group("category", name, category[account % kinds] == name) for name in names]
