"""A rate card that the user chooses in place of the scenario's own, as ``--rate-card`` does."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulation.errors import InputError, Problem
from simulation.formats import Document
from simulation.rate_cards import RateCard, shipped_rate_cards

if TYPE_CHECKING:
    from simulation.scenario.scenario import Scenario

__all__ = ["by_pool_alone", "card_option", "chosen_card", "on_chosen_card"]

_OPTION = "--rate-card"


def card_option(what: str) -> InputError:
    """Return an error of the option that chooses the card."""
    return InputError([Problem(_OPTION, "", what)])


def chosen_card(rate_card: Path | str | None, assignments: Iterable[str] = ()) -> str:
    """Return what a scenario's ``rate_card`` has to say for a card that the user names.

    It is the name of a card that ships, or an absolute path: a relative one starts at the current
    folder, and not at the scenario's. Nothing where no card is chosen.

    Raises
    ------
    InputError
        If there is no such card, it is wrong, or an assignment of ``--set`` names one as well.
    """
    if rate_card is None:
        return ""
    text = str(rate_card)
    for assignment in assignments:
        key = assignment.partition("=")[0].strip()
        if key == "rate_card":
            raise card_option(f"names a rate card, as --set {key} does, keep one of them")
    try:
        RateCard.load(text)
    except InputError as error:
        raise InputError(
            each if each.where else replace(each, where=_OPTION) for each in error.problems
        ) from None
    return text if text in shipped_rate_cards() else os.path.abspath(text)  # noqa: PTH100


def on_chosen_card(document: Document, card: str) -> Document:
    """Return a scenario's document with the card that `chosen_card` returned, if there is one."""
    if not card:
        return document
    document = document.changed({"rate_card": card}, f"{_OPTION} {card}")
    document.access = document.access._replace(chosen=card)
    return document


def by_pool_alone(scenario: Scenario) -> Scenario:
    """Return the scenario with no limit of its card but the pool."""
    card = scenario.card
    alone = card.model_copy(update={"limits": tuple(m for m in card.limits if m.is_pool)})
    for kept in ("meters", "pool"):  # which a copy takes over
        alone.__dict__.pop(kept, None)
    copied = scenario.model_copy()
    copied._card = alone
    return copied
