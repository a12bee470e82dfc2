"""Faces of rooms that import what they offer at its first use.

A face lists the names that other rooms may take, once, as imports for type checkers. The same list
serves at run time, so that `creditsim --help` need not wait for NumPy, pandas and Numba: this is
what ``lazy from … import …`` will do from Python 3.15 on (PEP 810).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["lazily", "offered"]


def lazily(room: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of the face of the package ``room``."""
    homes: dict[str, str] = {}

    def of_room(name: str) -> Any:
        if not homes:
            homes.update(offered(room))
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return of_room


def offered(room: str) -> Iterator[tuple[str, str]]:
    """Yield each name that a room's face lists, and the module that it comes from."""
    spec = find_spec(room)
    assert spec is not None
    source = spec.loader.get_source(room)  # type: ignore[union-attr]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith(f"{room}."):
            for name in node.names:
                yield name.name, str(node.module)
