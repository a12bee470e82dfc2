"""Names of clients, call kinds and alternatives: distinct for readers, and in keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulation.formats import misread
from simulation.plain_names import plain_name

__all__ = ["alike_names", "misread_names"]


def alike_names(names: Sequence[str], what: str) -> Iterator[tuple[int, str]]:
    """Yield the index of names that a reader would take for an earlier one, and what is wrong."""
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        plain = plain_name(name)
        if not plain:
            yield index, f"{name!r} has no sign that can be seen, write a name"
        elif seen.get(plain) == name:
            yield index, f"{name!r} names two {what}, give each a name of its own"
        elif plain in seen:
            how = "differ only in blanks, capitals or Unicode form"
            yield index, f"{name!r} and {seen[plain]!r} {how}, give each a name of its own"
        seen.setdefault(plain, name)
    yield from misread_names(names)


def misread_names(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the index of names that keys take for an item's position, and what is wrong."""
    for index, other in misread(names):
        what = f"{names[index]!r} reads as item #{other + 1} in keys that --set takes"
        yield index, f"{what}, write another name"
