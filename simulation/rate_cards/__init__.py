"""The vendor's rules as data: limits, credits per call, prices, what can be bought.

Knows editions and credits, never a client or the time of a call. The cards themselves are YAML
files of this folder, and so is the register of assumptions; README.md has the cards' sources.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulation.rate_cards.assumptions import register_of_assumptions
    from simulation.rate_cards.card import ALERT_LEVELS, RateCard
    from simulation.rate_cards.durations import CallDuration
    from simulation.rate_cards.in_force import card_in_force, superseded_by
    from simulation.rate_cards.meters import Meter
    from simulation.rate_cards.offer import Offer, Quote
    from simulation.rate_cards.resets import reset_moments
    from simulation.rate_cards.shipped import DEFAULT_RATE_CARD, shipped_rate_cards
    from simulation.rate_cards.terms import (
        AddonBilling, BilledUse, CallKind, Category, ThrottledResponse,
    )
else:
    from simulation.lazy import lazily

    __getattr__ = lazily(__name__)
