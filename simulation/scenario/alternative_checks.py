"""Checks of alternatives: changes that do not fit, or cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from simulation.errors import InputError, KeyPath, KeyProblem
from simulation.formats import Document
from simulation.scenario.clients import Client
from simulation.scenario.objective import Alternative
from simulation.scenario.partial_reading import Unread

__all__ = ["alternative_problems"]

_IN_FILE = "change it in the scenario, or write a scenario of its own"
_SAME_TIME = (
    f"is the same for the scenario and each alternative, which are compared run by run: {_IN_FILE}"
)
_SAME_LUCK = (
    f"is the same for the scenario and each alternative, which share their demand: {_IN_FILE}"
)
_NAMES_LUCK = f"names the random numbers of a client; another name draws other calls: {_IN_FILE}"
_OF_THE_SCENARIO = {
    "name": "has no effect here, reports call an alternative by the 'name' beside its 'set'",
    "alternatives": "has no effect here, write each alternative beside the others",
    "objective": f"is what the scenario and each alternative are judged by: {_IN_FILE}",
    **dict.fromkeys(("start", "timezone", "horizon", "warmup"), _SAME_TIME),
    **dict.fromkeys(("seed", "replications"), _SAME_LUCK),
}
"""Keys that no alternative may set: it could not follow, or be compared with the scenario."""


def alternative_problems(
    alternatives: Sequence[Alternative],
    clients: Sequence[Client],
    changed: Callable[[dict[str, Any]], Sequence[Client]],
    document: Document,
    unread: Unread,
    elsewhere: Sequence[KeyProblem],
) -> Iterator[KeyProblem]:
    """Yield changes that do not fit; what is wrong without them is not theirs.

    Parameters
    ----------
    changed : callable
        Returns the clients of the scenario with values put at dotted keys; raises InputError
        where it would be wrong.
    document : Document
        What the scenario is read from.
    elsewhere : sequence of KeyProblem
        What is wrong without the alternatives.
    """
    if not alternatives:
        return
    labels = dict[int, list[str]]()
    elsewhere = [*elsewhere, *(KeyProblem(path, what) for path, what in document.unread.items())]
    found_elsewhere = {
        (key or document.readable(path, labels), what) for path, what, _, key in elsewhere
    }
    wrong = {path for path, _ in found_elsewhere}
    for index, alternative in enumerate(alternatives):
        if unread.touches(("alternatives", index, "set")):
            continue
        here: KeyPath = ("alternatives", index, "set")
        values = dict[str, Any]()
        for key, value in alternative.set.items():
            if what := _not_for_alternatives(key):
                yield KeyProblem((*here, key), what)
            else:
                values[key] = value
        try:
            others = changed(values)
            if "clients" not in values:  # which may be other ones, added or left out
                yield from (KeyProblem(here, what) for what in _renamed(clients, others, values))
        except InputError as error:
            for problem in error.problems:
                parts = problem.path.split(".")
                around = {".".join(parts[:length]) for length in range(1, len(parts))}
                if (problem.path, problem.what) not in found_elsewhere and wrong.isdisjoint(around):
                    key = problem.path or problem.where.removeprefix("--set ")
                    what = f"{key}: {problem.what}"
                    yield KeyProblem(here, what)


def _not_for_alternatives(key: str) -> str:
    """Return why an alternative may not set a key; nothing where it may."""
    root, *inner = key.split(".")
    if root == "clients" and len(inner) > 1 and inner[-1] == "name":
        return _NAMES_LUCK
    return _OF_THE_SCENARIO.get(root, "")


def _renamed(
    clients: Sequence[Client], others: Sequence[Client], values: dict[str, Any]
) -> Iterator[str]:
    """Yield clients to which an alternative gives another name inside of a whole value."""
    for client, other in zip(clients, others, strict=True):
        if client.name != other.name:
            inside = (
                k for k, v in values.items() if isinstance(v, dict) and other.name in v.values()
            )
            key = next(inside, f"clients.{client.name}")
            yield f"{key}.name: {other.name!r} {_NAMES_LUCK}"
