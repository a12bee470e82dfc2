"""An arrival law is whole: it is drawn, documented, and met by the tests of all laws."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, get_args

from hypothesis import find
from pydantic import BaseModel

from simulation.demand.arrivals import _PROCESSES
from simulation.formats.parts import Part
from simulation.scenario.arrival_laws import Arrivals, kinds
from simulation.scenario.laws import Law
from simulation.scenario.scenario import Scenario
from tests.artefacts import _SECTIONS
from tests.strategies import scenarios


def models_in(annotation: Any) -> Iterator[type[Part]]:
    """Yield the models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def parts_of(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return the models of all keys below a model's."""
    found = set[type[BaseModel]]()
    for field in model.model_fields.values():
        for part in {*models_in(field.annotation)} - found:
            found |= {part} | parts_of(part)
    return found


def laws() -> set[type[BaseModel]]:
    """Return the laws that a client's ``arrivals`` may name."""
    fields = Arrivals.model_fields.values()
    return {model for field in fields for model in models_in(field.annotation)}


def test_every_law_has_what_draws_its_calls() -> None:
    assert {*_PROCESSES} == {law for law in laws() if issubclass(law, Law)}


def test_every_part_of_a_scenario_has_a_table_of_its_keys() -> None:
    # What is written as one key of the part around it has its description there.
    whole: set[type[BaseModel]] = {Scenario, *parts_of(Scenario)}
    without = {model.__name__ for model in whole} - {model.__name__ for _, model in _SECTIONS}
    assert without == {"Arrivals", "OnThrottle", "PartOfPool", "Wait"}


def test_the_tests_of_all_laws_meet_every_kind() -> None:
    everything = scenarios(everything=True)
    for kind in kinds():
        find(everything, partial(_has, kind))  # raises where none is found


def _has(kind: str, scenario: Scenario) -> bool:
    return kind in {client.arrivals.kind for client in scenario.clients}
