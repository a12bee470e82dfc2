"""Names of clients, call kinds and alternatives: what tells them apart, for readers and in keys."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from simulation.formats import misread

__all__ = ["alike_names", "misread_names"]


def alike_names(names: Sequence[str], what: str) -> Iterator[tuple[int, str]]:
    """Find names that a reader would take for one that stands before: place, and what is wrong."""
    seen: dict[str, str] = {}
    for place, name in enumerate(names):
        plain = _plain(name)
        if not plain:
            yield place, f"{name!r} has no sign that can be seen, write a name"
        elif seen.get(plain) == name:
            yield place, f"{name!r} names two {what}, give each a name of its own"
        elif plain in seen:
            how = "differ only in blanks, capitals or Unicode form"
            yield place, f"{name!r} and {seen[plain]!r} {how}, give each a name of its own"
        seen.setdefault(plain, name)
    yield from misread_names(names)


def misread_names(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Find names that keys would take for the place of an item: place, and what is wrong."""
    for place, other in misread(names):
        what = f"{names[place]!r} reads as item #{other + 1} in keys that --set takes"
        yield place, f"{what}, write another name"


def _plain(name: str) -> str:
    """Return a name as a reader sees it: without blanks, capitals and forms of a letter."""
    for _ in range(2):  # a form of a letter may bring capitals and blanks, and they other forms
        seen = (s for s in name if not s.isspace() and unicodedata.category(s)[0] != "C")
        name = unicodedata.normalize("NFKC", "".join(seen)).casefold()
    return unicodedata.normalize("NFKC", name)
