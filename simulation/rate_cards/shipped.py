"""The names of the rate cards that ship, so that the command line need not load a card."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

__all__ = ["DEFAULT_RATE_CARD", "REGISTER", "shipped_rate_cards"]

DEFAULT_RATE_CARD = "kaizen-34"
REGISTER = "assumptions.yaml"
"""The register of assumptions, which stands beside the cards."""


def shipped_rate_cards() -> tuple[str, ...]:
    """Return the names of the cards that ship, the default first.

    >>> shipped_rate_cards()[0]
    'kaizen-34'
    """
    files = resources.files("simulation.rate_cards")
    names = (Path(file.name) for file in files.iterdir() if file.name != REGISTER)
    cards = (name.stem for name in names if name.suffix == ".yaml")
    return tuple(sorted(cards, key=lambda card: (card != DEFAULT_RATE_CARD, card)))
