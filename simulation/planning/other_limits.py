"""What throttles besides the pool: whether credits help at all, and what another edition does."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Floats
from simulation.demand import Demand
from simulation.planning.beside import BesidePool
from simulation.planning.judging import Judges
from simulation.planning.remedies import Pools, Remedy, remedy_of
from simulation.planning.search import Search
from simulation.scenario import Scenario

__all__ = ["beside_pool", "remedies_by_edition"]

_NEVER_USED_UP = 2**40
"""Credits of a pool that no run uses up."""


def beside_pool(search: Search, judges: Judges, size: int | None) -> BesidePool | None:
    """Return what throttles besides the pool; None where the pool is all that can.

    It is told of a size, or where none is recommended of a pool that is never used up.
    """
    scenario, judged = search.scenario, search.judged
    if judged.throttled_by is None:
        return None
    if size is not None:
        index = int(np.searchsorted(search.sizes, size))
        return BesidePool(size=size, shares=_shares(search, index), credits_help=True)
    endless = np.array([_NEVER_USED_UP // scenario.card.pool_parts(1)])
    probe = Search(search.demand, endless, endless)
    judges.alone(probe.judging(search.count))
    helps = bool(probe.judged.keep_to(search.objective)[0])
    return BesidePool(size=None, shares=_shares(probe, 0), credits_help=helps)


def _shares(search: Search, index: int) -> dict[str, float]:
    judged, card = search.judged, search.scenario.card
    assert judged.throttled_by is not None
    counts: Floats = judged.throttled_by[:, index].clip(0).sum(axis=0)
    calls = max(1.0, float(judged.calls[judged.throttled[:, index] >= 0].sum()))
    return {
        meter.name: float(count) / calls
        for meter, count in zip(card.meters, counts, strict=True)
        if count and not meter.is_pool
    }


def remedies_by_edition(search: Search, pools: Pools, judges: Judges) -> list[Remedy]:
    """Return what each higher edition needs to meet the objective, simulated on that edition.

    An edition may change other meters than the pool, so its sizes are judged as its own.
    """
    scenario = search.scenario
    editions = list(scenario.card.editions)
    found = []
    for edition in editions[editions.index(scenario.offer.edition) + 1 :]:
        changed = _on_edition(scenario, edition)
        offer = changed.offer
        sizes, limits = np.array(offer.sizes, np.int64), np.array(offer.limits, np.int64)
        there = Search(Demand(changed, search.demand), sizes, limits)
        judges.alone(there.judging(search.count))
        meets = there.judged.keep_to(search.objective)
        failing = np.flatnonzero(~meets)
        first = int(failing[-1]) + 1 if len(failing) else 0
        if first < len(sizes):
            found.append(remedy_of(scenario, pools, offer, int(sizes[first])))
    return found


def _on_edition(scenario: Scenario, edition: str) -> Scenario:
    # Licenses may be missing where the edition needs none; and what is in use at the start must fit
    # into the pool, all of whose sizes are judged.
    licenses = scenario.user_licenses
    most = scenario.card.offer(edition, licenses).sizes[-1]
    values = {
        "org.edition": edition,
        "org.user_licenses": licenses,
        "org.addon_credits": 0 if scenario.initial_usage is None else most,
        "alternatives": [],
    }
    return scenario.changed(values)
