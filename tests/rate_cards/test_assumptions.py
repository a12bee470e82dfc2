"""The register of assumptions: what it names exists, and says what the program does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from simulation import InputError, RateCard
from simulation.quantities import DAYS_PER_MONTH
from simulation.rate_cards.assumptions import Assumption, register_of_assumptions
from simulation.rate_cards.card import ALERT_LEVELS
from simulation.rate_cards.shipped import shipped_rate_cards
from simulation.scenario.starter import scenario_schema


def fields_of(holder: str) -> Iterator[str]:
    """Yield the fields of a scenario or a rate card that change an assumption."""
    for each in register_of_assumptions():
        if each.field.startswith(f"{holder}: "):
            yield from re.findall(r"`(.+?)`", each.field)


def reached(data: Any, path: list[str]) -> bool:
    """Return whether a path leads somewhere; ``*`` is any key."""
    if not path:
        return True
    if not isinstance(data, dict):
        return False
    inside = data.values() if path[0] == "*" else [data[path[0]]] if path[0] in data else []
    return any(reached(each, path[1:]) for each in inside)


def test_the_fields_that_change_an_assumption_are_fields_of_rate_cards_and_scenarios() -> None:
    card = RateCard.load("kaizen-34").model_dump()
    of_cards, of_scenarios = [*fields_of("rate card")], [*fields_of("scenario")]
    assert [each for each in of_cards if not reached(card, each.split("."))] == []
    schema = scenario_schema()
    missing = [
        each for each in of_scenarios if any(f'"{k}"' not in schema for k in each.split("."))
    ]
    assert missing == []
    assert (len(set(of_cards)), len(set(of_scenarios))) == (8, 13)


def test_the_register_says_what_the_program_does() -> None:
    text = " ".join(each.assumption for each in register_of_assumptions())
    assert f"({', '.join(map(str, ALERT_LEVELS))} %)" in text
    assert f"A month has {DAYS_PER_MONTH} days" in text


def test_the_register_lies_beside_the_cards_and_is_none() -> None:
    assert "assumptions" not in shipped_rate_cards()
    with pytest.raises(InputError, match="no rate card 'assumptions' ships"):
        RateCard.load("assumptions")


def test_an_assumption_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        Assumption.model_validate({"assumption": "", "field": "none"})
