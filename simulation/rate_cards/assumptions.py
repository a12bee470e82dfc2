"""The register of assumptions: what the sources leave open, and how it is read here."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

from pydantic import Field

from simulation.formats import Document, Part
from simulation.rate_cards.shipped import REGISTER

__all__ = ["Assumption", "register_of_assumptions"]


class Assumption(Part):
    """One reading of what the sources leave open, as Markdown."""

    assumption: str = Field(min_length=1)
    field: str = Field(min_length=1, description="where a user who knows better can say so")


class _Register(Part):
    assumptions: tuple[Assumption, ...]


@lru_cache
def register_of_assumptions() -> tuple[Assumption, ...]:
    """Return every assumption, in the order of ``assumptions.yaml``.

    >>> register_of_assumptions()[0].assumption
    'A throttled attempt costs no credits.'
    """
    with resources.as_file(resources.files("simulation.rate_cards") / REGISTER) as path:
        return Document.read(path, "register").validate(_Register).assumptions
