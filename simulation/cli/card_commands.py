"""The commands about rate cards: the size and price of a pool, the cards with their sources."""

from __future__ import annotations

from typing import Annotated

import typer

from simulation.bounds import MOST_CREDITS, MOST_LICENSES
from simulation.cli.app import print_json
from simulation.cli.options import AsJson, whole_option
from simulation.rate_cards import DEFAULT_RATE_CARD

__all__ = ["quote", "rate_cards"]


def quote(
    edition: Annotated[str, typer.Option(help="Edition of the rate card, or an alias.")],
    licenses: Annotated[
        int | None, whole_option("--licenses", 0, MOST_LICENSES, "User licenses.")
    ] = None,
    addon: Annotated[
        int, whole_option("--addon", 0, MOST_CREDITS, "Add-on credits per 24 hours.")
    ] = 0,
    rate_card: Annotated[str, typer.Option(help="Name, or path of a file.")] = DEFAULT_RATE_CARD,
    as_json: AsJson = False,
) -> None:
    """Say how large a pool is, and what add-on credits cost.

    Example: creditsim quote --edition professional --licenses 40 --addon 75000
    """
    from simulation.rate_cards import RateCard

    card = RateCard.load(rate_card)
    result = card.offer(edition, licenses).quote(addon)
    if as_json:
        print_json(result.model_dump())
        return
    from simulation.cli.card_view import quote_view
    from simulation.cli.console import Console

    Console().print(quote_view(result, card))


def rate_cards(
    name: Annotated[str | None, typer.Argument(help="Show this card, by name or path.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rate cards, or show one with its sources.

    Example: creditsim rate-cards kaizen-34
    """
    from simulation.rate_cards import RateCard, shipped_rate_cards

    if name is not None:
        card = RateCard.load(name)
        if as_json:
            print_json(card.model_dump(mode="json"))
            return
        from simulation.cli.card_view import rate_card_view
        from simulation.cli.console import Console

        Console().print(rate_card_view(card))
        return
    cards = [RateCard.load(shipped) for shipped in shipped_rate_cards()]
    if as_json:
        print_json([{"name": card.name, "title": card.title} for card in cards])
    else:
        for card in cards:
            print(f"{card.name:<16}{card.title}")
