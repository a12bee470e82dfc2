"""Searches that follow one of them, on more and more replications until a look decides that one."""

from __future__ import annotations

from collections.abc import Sequence

from simulation.planning.judging import Judges
from simulation.planning.looks import Decision
from simulation.planning.search import Search

__all__ = ["decide"]


def decide(
    searches: Sequence[Search],
    judges: Judges,
    most: int,
    decision: Decision | None = None,
    last_look: bool = True,
) -> None:
    """Judge on more and more replications, up to ``most``, until a look at them decides.

    The first search is the one that is to be decided; the others follow it, on as many replications
    and by the same looks: else one could look better only because it was looked at less, and no
    difference would be paired. Where a search is left open, a last look at twice as many follows.
    All these looks share the error, unless a ``decision`` is given: `Search.decided` and
    `Search.bracket` are by them from here on. Without ``last_look`` that is left to
    `Search.checking`.
    """
    lead = searches[0]
    decision = decision or Decision.at_doubling(lead.objective.probability, lead.count, most)
    for each in searches:
        each.decision = decision
    while not lead.decided and lead.count < most:
        count = min(2 * lead.count, most)
        # As many fresh ones follow, and half of what a look that does not decide would add.
        judges.after = count * len(searches) * (2 if count < most else 1)
        judges.together(*(each.judging(count) for each in searches))
    if last_look:
        judges.together(*(each.looking_again() for each in searches if each.needs_last_look))
