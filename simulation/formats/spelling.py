"""Misspelt words: which known word is probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = ["did_you_mean", "nearest"]

_ALIKE = 0.7
_SHORTEST_PART = 3


def nearest(written: Any, known: Iterable[str]) -> str | None:
    """Return the known word that is most like a written one, or None.

    Capitals and signs do not matter; a part of a word stands for the whole.

    >>> nearest("CRM Plus", ["free", "crm_plus"]), nearest("upsert", ["add_tags", "upsert_records"])
    ('crm_plus', 'upsert_records')
    >>> nearest("profesional", ["free", "professional"]), nearest("to", ["at", "every"])
    ('professional', None)
    """
    if not isinstance(written, str) or not (plain := _plain(written)):
        return None
    words = {_plain(word): word for word in reversed([*known])}
    if plain in words:
        return words[plain]
    if len(plain) >= _SHORTEST_PART:
        holding = [word for word in words if plain in word]
        if holding:
            return words[min(holding, key=lambda word: (not word.startswith(plain), len(word)))]
    near = difflib.get_close_matches(plain, words, n=1, cutoff=_ALIKE)
    return words[near[0]] if near else None


def did_you_mean(written: Any, known: Iterable[str]) -> str:
    """Return a question about the nearest known word, with a space after it; or nothing.

    >>> did_you_mean("Free", ["free"])
    "did you mean 'free'? "
    """
    near = nearest(written, known)
    return "" if near is None else f"did you mean {near!r}? "


def _plain(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalnum())
