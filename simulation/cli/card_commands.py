"""The commands about rate cards: the size and price of a pool, the cards with their sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulation.bounds import MOST_CREDITS, MOST_LICENSES
from simulation.cli.app import print_json
from simulation.cli.options import AsJson, whole_option
from simulation.rate_cards import DEFAULT_RATE_CARD

if TYPE_CHECKING:
    from simulation.rate_cards import RateCard

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
        besides = card.besides_in_words(result.edition)
        print_json({**result.model_dump(), "besides": besides})
        return
    from simulation.cli.card_view import quote_view
    from simulation.cli.console import Console

    Console().print(quote_view(result, card, rate_card))


def rate_cards(
    name: Annotated[str | None, typer.Argument(help="Show this card, by name or path.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rate cards and say which are in force, or show one with its sources.

    Example: creditsim rate-cards kaizen-34
    """
    from simulation.rate_cards import RateCard, shipped_rate_cards, superseded_by
    from simulation.report import in_force_in_words, limits_in_words

    if name is not None:
        card = RateCard.load(name)
        if as_json:
            print_json({**card.model_dump(mode="json"), "limits_in_words": limits_in_words(card)})
            return
        from simulation.cli.card_view import rate_card_view
        from simulation.cli.console import Console

        Console().print(rate_card_view(card))
        return
    cards = [RateCard.load(shipped) for shipped in shipped_rate_cards()]
    if as_json:
        print_json([_listed(card, superseded_by(card)) for card in cards])
        return
    said = [in_force_in_words(card) for card in cards]
    width = max(map(len, said)) + 2
    longest = max(len(card.name) for card in cards) + 2
    for card, status in zip(cards, said, strict=True):
        print(f"{card.name:<{longest}}{status:<{width}}{card.title}")


def _listed(card: RateCard, newest: RateCard | None) -> dict[str, Any]:
    """Return what the list says of a card; ``in_force`` is null where it bears no date."""
    since = card.in_force_since
    return {
        "name": card.name,
        "title": card.title,
        "vendor": card.vendor,
        "in_force_since": None if since is None else since.isoformat(),
        "in_force": None if since is None else newest is None,
        "superseded_by": None if newest is None else newest.name,
    }
