"""Names of clients, call kinds and alternatives: distinct for readers, and in keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from simulation.formats import misread

__all__ = ["alike_names", "misread_names"]


def alike_names(names: Sequence[str], what: str) -> Iterator[tuple[int, str]]:
    """Yield the index of names that a reader would take for an earlier one, and what is wrong."""
    seen: dict[str, str] = {}
    for index, name in enumerate(names):
        plain = _plain(name)
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


def _plain(name: str) -> str:
    """Return a name as a reader sees it: without blanks, capitals and forms of a letter."""
    for _ in range(2):  # a form of a letter may bring capitals and blanks, and they other forms
        seen = (s for s in name if not s.isspace() and unicodedata.category(s)[0] != "C")
        name = unicodedata.normalize("NFKC", "".join(seen)).casefold()
    return unicodedata.normalize("NFKC", name)
