"""Fresh replications check a decision: those of the search flatter the size that they chose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulation.experiment import binomial_interval, mean_difference
from simulation.planning.frontier import Evidence
from simulation.planning.judgement import smallest_with_all_larger
from simulation.planning.judging import Asking
from simulation.planning.search import Search

__all__ = ["Between", "holds", "open_between"]


def holds(search: Search, fresh: Evidence) -> bool:
    """Return whether no fresh interval contradicts what the search decided.

    Intervals are those of Clopper and Pearson (1934).
    """
    if search.certain:
        return True
    if search.objective.cost_of_lost_call is not None:
        return not _cheaper(search, fresh)
    kept = fresh.judged.meets(fresh.objective).sum(axis=0)
    ends = [binomial_interval(int(k), search.count) for k in kept]
    wanted, reachable = search.objective.probability, search.chosen is not None
    # The chosen size comes last: it must not surely fail, and those before it (all where none is
    # enough) must not surely meet the objective. A mean on the wrong side contradicts nothing, as
    # fresh replications are no surer than those of the search.
    below = ends[:-1] if reachable else ends
    fails = all(low < wanted for low, _ in below)
    return fails and (not reachable or ends[-1][1] >= wanted)


def _cheaper(search: Search, fresh: Evidence) -> list[int]:
    """Return the indices of sizes that surely cost less than the chosen one on fresh replications.

    Costs of two sizes are compared in pairs, replication by replication.
    """
    costs, chosen = fresh.monthly_costs(), search.chosen
    indices = np.searchsorted(search.sizes, fresh.sizes).tolist()
    best = costs[:, indices.index(chosen)]
    return [
        index
        for index, each in zip(indices, costs.T, strict=True)
        if mean_difference(each - best).high < 0
    ]


class Between(NamedTuple):
    """Where an open answer lies."""

    first: int
    """The index of the first size that may be right."""
    surely: int | None
    """The index of the first size that surely is enough, if any."""
    safe: Evidence | None
    """What fresh replications say of that, where it is larger than the recommended size."""


def open_between(search: Search, fresh: Evidence) -> Asking[Between | None]:
    """Return the sizes between which the answer lies, None where it is decided."""
    if search.decided and holds(search, fresh):
        return None
    first, surely = search.bracket()
    if search.objective.cost_of_lost_call is not None:
        # Some size always costs least, so the bracket has two ends. Fresh ones may widen it.
        assert surely is not None
        ends = [first, surely, *_cheaper(search, fresh)]
        return Between(min(ends), max(ends), None)
    if search.decided:
        first, surely = yield from _by_fresh(search, fresh)
    if surely is None:
        return Between(first, None, None)
    # What is called surely enough is paid for, so it is checked on replications that did not choose
    # it: those at hand, or others where the fresh ones chose it.
    chose = search.decided and surely != search.chosen
    safe = fresh
    if surely != search.chosen:
        safe = yield from search.fresh([surely], skip=int(chose))
    kept = int(safe.judged.meets(search.objective)[:, -1].sum())
    if binomial_interval(kept, search.count)[1] < search.objective.probability:
        # The size looked good by chance on those that chose it, so a larger one is looked for.
        surely, safe = (yield from _surely_above(search, surely)), fresh
        if surely is not None:
            safe = yield from search.fresh([surely], skip=1)
    return Between(first, surely, None if safe is fresh else safe)


def _by_fresh(search: Search, fresh: Evidence) -> Asking[tuple[int, int | None]]:
    """Return the indices between which the answer lies where fresh replications disagree."""
    kept = fresh.judged.keep_to(fresh.objective)
    chosen = search.chosen
    if chosen is None:  # the largest is enough after all
        return len(search.sizes) - 1, None
    if len(kept) > 1 and kept[0]:  # the next smaller one is enough, too
        return chosen - 1, chosen
    return chosen, (yield from _surely_above(search, chosen))


def _surely_above(search: Search, index: int) -> Asking[int | None]:
    """Return the index of the first larger size that surely is enough by fresh replications.

    None where there is none.
    """
    larger = np.arange(index + 1, len(search.sizes))
    if not len(larger):
        return None
    fresh = yield from search.fresh(larger.tolist())
    met = fresh.judged.meets(search.objective).sum(axis=0)
    wanted = search.objective.probability
    # Surely: the lower end of the interval reaches the probability, not only the mean.
    surely = [binomial_interval(int(k), search.count)[0] >= wanted for k in met]
    found = smallest_with_all_larger(np.array(surely))
    return None if found is None else index + 1 + found
