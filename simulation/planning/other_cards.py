"""What the card in force would give an org that is planned on a superseded card.

The org's demand is judged on that card as an alternative of the plan is: on as many replications of
the same random numbers, which the plan itself takes no notice of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from simulation.demand import Demand, workload_of
from simulation.engine import sweep
from simulation.errors import InputError
from simulation.planning.search import Search
from simulation.planning.status import Status, status_of
from simulation.rate_cards import RateCard, superseded_by
from simulation.scenario import Scenario, by_pool_alone

__all__ = ["OnCardInForce", "OtherCard", "on_card_in_force"]


@dataclass(frozen=True, kw_only=True)
class OtherCard:
    """What another card of the same vendor would give the org.

    Attributes
    ----------
    rate_card : str
    in_force_since : date
    limit : int or None
        The limit there with the add-on credits that the org has, or with the most that are for
        sale there if those are fewer; None where the scenario does not fit the card.
    status : str
        As that of the recommendation, or ``does_not_fit``.
    addon_credits : int or None
        The size that would be recommended; None where there is none.
    price_per_month : Decimal or None
        What that costs there, in $.
    decided : bool
        As that of the recommendation.
    reason : str
        Why the scenario does not fit the card; empty where it does.
    """

    rate_card: str
    in_force_since: date
    limit: int | None
    status: Status | Literal["does_not_fit"]
    addon_credits: int | None
    price_per_month: Decimal | None
    decided: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``creditsim plan --json`` prints it."""
        return {**asdict(self), "in_force_since": self.in_force_since.isoformat()}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> OtherCard:
        """Return what was kept as JSON; raises ValidationError where it is not of these types."""
        kept: OtherCard = TypeAdapter(cls).validate_python(given)
        return kept


_MOST_DECISIONS = 60_000_000
"""Calls times sizes up to which limits beside the pool are simulated on another card."""


def _decisions(scenario: Scenario) -> float:
    """Return about how many calls are decided one by one, over all sizes and replications."""
    limits = np.array(scenario.offer.limits) * scenario.card.pool_parts(1)
    everyone = np.ones(len(scenario.clients), bool)
    alone = Demand(by_pool_alone(scenario))
    enough = sweep(alone, 0, np.empty(0, np.int64), everyone).enough
    # Sizes that the demand does not reach sleep: one lane stands for all of them.
    return workload_of(scenario, "compiled").calls * (1 + int((limits < enough).sum()))


class OnCardInForce:
    """A scenario put on the card in force, to be judged there, or why it does not fit.

    Parameters
    ----------
    card : RateCard
        The card in force.
    scenario : Scenario
        The scenario as it is, its warm-up known.
    check : callable
        Raises InputError where a scenario cannot be planned.
    """

    def __init__(
        self, card: RateCard, scenario: Scenario, check: Callable[[Scenario], None]
    ) -> None:
        self._card = card
        self.scenario: Scenario | None = None
        self._reason = ""
        try:
            org = scenario.org
            # An org that has bought more than is for sale there would have the most that is.
            for_sale = card.offer(org.edition, org.user_licenses or 0).sizes
            has = min(org.addon_credits, for_sale[-1])
            changed = scenario.on_card(card.name, has)
            check(changed)
            # Limits beside the pool are decided call by call, for a line that has to cost little.
            if len(card.meters) > 1 and _decisions(changed) > _MOST_DECISIONS:
                changed = by_pool_alone(changed)
                self._reason = "judged by its credits alone, without its other limits"
            self.scenario = changed
        except InputError as error:
            first = error.problems[0]
            self._reason = f"{first.path}: {first.what}" if first.path else first.what

    def judged(self, other: Search | None) -> OtherCard:
        """Return what it gives by a search there, on as many replications as the scenario has."""
        size: int | None = None
        decided = False
        if other is not None:
            size = None if other.chosen is None else int(other.sizes[other.chosen])
            decided = other.decided
            limits_beside = len(other.scenario.card.meters) > 1
            if size is None and limits_beside and other.judged.enough.max() <= other.limits[-1]:
                self._reason = "its other limits throttle, whatever the pool"
        fits = self.scenario is not None
        assert self._card.in_force_since is not None
        return OtherCard(
            rate_card=self._card.name,
            in_force_since=self._card.in_force_since,
            limit=None if self.scenario is None else self.scenario.limit,
            status=status_of(size) if fits else "does_not_fit",
            addon_credits=size,
            price_per_month=None if size is None else self._card.price_per_month(size),
            decided=decided,
            reason=self._reason,
        )


def on_card_in_force(scenario: Scenario, check: Callable[[Scenario], None]) -> OnCardInForce | None:
    """Return a scenario put on the card in force; None where it is on no superseded card."""
    card = superseded_by(scenario.card)
    return None if card is None else OnCardInForce(card, scenario, check)
