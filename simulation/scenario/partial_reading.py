"""A scenario with mistakes, read so that everything independent of them can be checked.

Values that cannot be read are replaced by others that can, so that the checks between keys run all
the same; what they find is reported unless a replaced value had a part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails

from simulation.errors import KeyPath, KeyProblem, KeyProblems
from simulation.formats import Document, details_of

__all__ = ["Rest", "Unread", "read_rest", "with_further"]

M = TypeVar("M", bound=BaseModel)

_ROUNDS = 10
"""A value is given up with what it stands in, level by level; no scenario is deeper."""

_ANY = -1
_DAILY = {"schedule": {"every": "1 day"}}


def _client(name: str) -> dict[str, Any]:
    return {"name": name, "arrivals": dict(_DAILY), "calls": [{"api": "other"}]}


_STAND_INS: dict[KeyPath, Callable[[str], Any]] = {
    ("name",): lambda name: name,
    ("org",): lambda _: {"edition": "free"},
    ("org", "edition"): lambda _: "free",
    ("start",): lambda _: "2026-01-05",
    ("horizon",): lambda _: "30 days",
    ("clients",): lambda name: [_client(name)],
    ("clients", _ANY): _client,
    ("clients", _ANY, "name"): lambda name: name,
    ("clients", _ANY, "arrivals"): lambda _: dict(_DAILY),
    ("clients", _ANY, "arrivals", "poisson", "rate"): lambda _: "1 per day",
    ("clients", _ANY, "calls", _ANY): lambda _: {"api": "other"},
    ("clients", _ANY, "calls", _ANY, "api"): lambda _: "other",
    ("clients", _ANY, "on_throttle", "retry"): lambda _: {},
    ("alternatives", _ANY): lambda name: {"name": name, "set": {"other_apis": []}},
    ("alternatives", _ANY, "name"): lambda name: name,
    ("alternatives", _ANY, "set"): lambda _: {"other_apis": []},
}
"""What replaces a value that has to be there; any other is left out. A name is given to each."""


class Unread:
    """The keys whose values could not be read."""

    def __init__(self) -> None:
        self._paths: set[KeyPath] = set()
        self._around: set[KeyPath] = set()

    def __contains__(self, path: KeyPath) -> bool:
        return path in self._paths

    def add(self, path: KeyPath) -> None:
        """Note a key."""
        self._paths.add(path)
        self._around.update(path[:length] for length in range(len(path)))

    def touches(self, *paths: KeyPath) -> bool:
        """Return whether one of these keys, or one in or around it, could not be read."""
        return any(
            path in self._around
            or any(path[:length] in self._paths for length in range(len(path) + 1))
            for path in paths
        )


class Rest(NamedTuple):
    """A model of what can be read, what more was refused on the way, and what is replaced."""

    model: Any
    further: list[KeyProblem]
    unread: Unread


def read_rest(
    model: type[M], build: Callable[[Any], M], document: Document, error: ValidationError
) -> Rest | None:
    """Return what can be read of data that a model refused with an error, or None if nothing."""
    data, unread = deepcopy(document.data), Unread()
    further: list[KeyProblem] = []
    for _ in range(_ROUNDS):
        wrong = [*document.wrong(model, error)]
        further += [problem for problem in wrong if not unread.touches(problem.path)]
        if not all(_replace(data, problem.path, unread) for problem in wrong):
            return None
        try:
            return Rest(build(data), further, unread)
        except ValidationError as again:
            error = again
    return None


def _replace(data: Any, path: KeyPath, unread: Unread) -> bool:
    """Return whether what cannot be read, or what it stands in, was replaced or left out."""
    for length in range(len(path), 0, -1):
        key_path = path[:length]
        if key_path in unread or (around := _at(data, key_path[:-1])) is None:
            continue
        key, stand_in = key_path[-1], _stand_in(key_path)
        if stand_in is not None and (isinstance(around, dict) or key in range(len(around))):
            around[key] = stand_in
        elif isinstance(around, dict) and key in around:
            del around[key]
        else:
            continue
        unread.add(key_path)
        return True
    return False


def _stand_in(key_path: KeyPath) -> Any:
    """Return what may stand at a key that has to be there, or None."""
    make = _STAND_INS.get(tuple(_ANY if isinstance(part, int) else part for part in key_path))
    return None if make is None else make(f"unread {key_path}")


def _at(data: Any, path: KeyPath) -> Any:
    """Return the list or mapping at a path, or None where there is none."""
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data if isinstance(data, dict | list) else None


def with_further(error: ValidationError, further: Iterable[KeyProblem]) -> ValidationError:
    """Return an error with further problems beside its own."""
    context = {"error": KeyProblems(further)}
    own = InitErrorDetails(type="value_error", loc=(), input=None, ctx=context)
    return ValidationError.from_exception_data(error.title, [*details_of(error), own])
