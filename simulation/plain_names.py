"""Names as a reader sees them, so that two that look alike are not taken for different things."""

from __future__ import annotations

import unicodedata

__all__ = ["plain_name"]


def plain_name(name: str) -> str:
    """Return a name as a reader sees it: without blanks, capitals and forms of a letter."""
    for _ in range(2):  # a form of a letter may bring capitals and blanks, and they other forms
        seen = (s for s in name if not s.isspace() and unicodedata.category(s)[0] != "C")
        name = unicodedata.normalize("NFKC", "".join(seen)).casefold()
    return unicodedata.normalize("NFKC", name)
