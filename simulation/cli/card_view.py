"""What the terminal shows of a rate card, and of the pool that it gives an org."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from simulation.cli.console import table_of
from simulation.formats import counted, money
from simulation.quantities import DAYS_PER_MONTH
from simulation.rate_cards import Quote, RateCard
from simulation.report import (
    besides_in_words,
    card_facts,
    in_force_in_words,
    limits_in_words,
    superseded_in_words,
)

__all__ = ["quote_view", "rate_card_view"]


_BILLED = {"purchased": "the whole size", "consumed": "what is used"}


def quote_view(quote: Quote, card: RateCard, called: str) -> RenderableType:
    """Return a table of what an org gets and pays; ``called`` is the card's name or path."""
    licenses = f", {counted(quote.user_licenses, 'license')}" if quote.user_licenses else ""
    table = table_of(f"{quote.edition}{licenses}", quote.rate_card)
    maximum = "none" if quote.maximum is None else f"{quote.maximum:,}"
    allows = card.meter_in_words(card.pool, quote.edition, quote.limit)
    allows = allows.removeprefix(f"{quote.limit:,} ")  # which stands in the other column
    most = ", at most" if quote.addon_billing == "consumed" else ""
    rows = [
        ("allowance", f"{quote.allowance:,}"),
        ("add-on credits", f"{quote.addon_credits:,}"),
        ("edition's maximum", maximum),
        (f"limit: {allows}", f"{quote.limit:,}"),
        ("purchase cap: add-on credits at most", f"{quote.purchase_cap:,}"),
        (f"price per day{most}", money(quote.price_per_day)),
        (f"price per month of {DAYS_PER_MONTH} days{most}", money(quote.price_per_month)),
        ("billed", _BILLED[quote.addon_billing]),
    ]
    if not card.sells:
        hidden = ("add-on", "purchase", "price", "billed")
        rows = [row for row in rows if not row[0].startswith(hidden)]
    for name, value in rows:
        table.add_row(Text(name), value)
    besides = besides_in_words(card, quote.edition)
    sources = f"creditsim rate-cards {called}"
    hint = f"Sources, and where they contradict themselves: {sources}"
    if not card.sells:
        hint = f"No more can be bought on this card. Its sources: {sources}"
    lines = [*([besides] if besides else []), *superseded_in_words(card)]
    return Group(table, *map(Text, lines), Text(hint, style="dim"))


def rate_card_view(card: RateCard) -> RenderableType:
    """Return the tables of a rate card, with its sources and notes."""
    editions = table_of("edition", "allowance", "maximum", title="Editions")
    for name, edition in card.editions.items():
        names = name + (f" ({', '.join(edition.aliases)})" if edition.aliases else "")
        per = f" + {edition.per_license:,} × licenses" if edition.per_license else ""
        maximum = "none" if edition.maximum is None else f"{edition.maximum:,}"
        editions.add_row(Text(names), f"{edition.base:,}{per}", maximum)
    calls = table_of("call", "category", "credits", "records at most", title="Calls")
    for api, kind in card.calls.items():
        most = f"{kind.most_records or ''}"
        calls.add_row(Text(api), kind.category, kind.cost_in_words(), most)
    slabs = table_of(
        "add-on credits", "$ per 1,000 and day", "month if full", title="Add-on credits"
    )
    for slab, edge in zip(card.addon_slabs, card.slab_edges(), strict=True):
        full = money(card.price_per_month(edge))
        if edge > card.purchase_cap_credits:
            full = "above the cap"
        slabs.add_row(f"up to {edge:,}", f"{slab.price_per_1000}", full)
    tables = [editions, calls, *([slabs] if card.sells else [])]
    limits = [Text(f"• {each}") for each in limits_in_words(card)] if card.limits else []
    sources = [Text(f"• {s.title} ({s.date})\n  {s.url}") for s in card.sources]
    notes = [Text(f"• {note}") for note in card.notes]
    status = " · ".join(filter(None, (card.vendor, in_force_in_words(card))))
    return Group(
        Text(f"{card.name}: {card.title}", style="bold"),
        *([Text(status[0].upper() + status[1:])] if status else []),
        *tables,
        *([Text("Limits, in the order in which they are asked", style="bold")] if limits else []),
        *limits,
        *([Text("")] if limits else []),
        Text(" ".join(card_facts(card))),
        Text("\nSources", style="bold"),
        *sources,
        Text("\nNotes", style="bold"),
        *notes,
    )
