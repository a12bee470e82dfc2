"""Scenarios read from files."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from shlex import quote
from typing import Any

from simulation.errors import InputError, Problem
from simulation.formats import TRACE_MEGABYTES, Access, Document, names_orgs, shown
from simulation.scenario.card_choice import chosen_card, on_chosen_card
from simulation.scenario.scenario import Scenario

__all__ = ["as_scenario", "load_scenario"]


def as_scenario(source: Scenario | Path | str, **changes: Any) -> Scenario:
    """Return a scenario, or read the file of one, with the changes that are not None."""
    scenario = source if isinstance(source, Scenario) else load_scenario(source)
    given = {key: value for key, value in changes.items() if value is not None}
    return scenario.changed(given) if given else scenario


def load_scenario(
    path: Path | str,
    set: str | Iterable[str] = (),  # noqa: A002 - as --set
    *,
    confined: bool = False,
    trace_megabytes: int | None = TRACE_MEGABYTES,
    rate_card: Path | str | None = None,
) -> Scenario:
    """Return the scenario of a file, checked.

    Parameters
    ----------
    path : Path or str
        A YAML file; see ``scenarios/README.md`` for its keys.
    set : str or iterable of str
        An override such as ``"org.addon_credits=20000"``, or several, applied in order.
    confined : bool
        Whether its rate card and traces have to lie in its folder, links followed.
    trace_megabytes : int or None
        The largest trace that is read, in millions of bytes; None for no bound.
    rate_card : Path or str, optional
        A card in place of the file's own; a relative path starts at the current folder.

    Raises
    ------
    InputError
        With one line for each thing that is wrong: file, line, key and remedy.
    """
    assignments = [set] if isinstance(set, str) else [*set]
    card = chosen_card(rate_card, assignments)
    try:
        document = Document.read(path, access=Access(confined, trace_megabytes))
    except InputError:
        _refuse_portfolio(Path(path), ())
        raise
    _refuse_portfolio(Path(path), document.data)
    return on_chosen_card(document, card).overridden(assignments).validate(Scenario)


def _refuse_portfolio(path: Path, data: Collection[Any]) -> None:
    """Refuse a file that names orgs and is no scenario."""
    if names_orgs(path) or ("orgs" in data and "clients" not in data):
        what = "is a portfolio and no scenario, plan for its orgs with: creditsim batch"
        raise InputError([Problem(shown(path), "", f"{what} {quote(shown(path))}")])
