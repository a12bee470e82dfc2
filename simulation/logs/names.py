"""Names that a log uses again and again, each as a code: targets, agents, users, addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.logs.name_loops import (
    LONGEST_NAME,
    OTHERS,
    hash_targets,
    hashes_of,
    intern,
    intern_targets,
    look_up,
    put,
)
from simulation.logs.times import Texts, decoded

__all__ = ["Bytes", "Codes", "HashedRequests", "HashedTexts", "Names"]

_MOST = 2**16


class Bytes(NamedTuple):
    """Bytes as the loops see them: each, and each with the seven behind it as one word.

    ``size`` of them are the text; what follows is padding.
    """

    data: Any
    words: Any
    size: int

    @classmethod
    def of(cls, data: Any) -> Bytes:
        """Return what a buffer holds; it is copied only where it is shorter than a word."""
        size = len(data)
        array = np.frombuffer(bytes(data) + bytes(8) if size < 8 else data, np.uint8)
        words = np.lib.stride_tricks.as_strided(array[:8].view(np.uint64), (len(array) - 7,), (1,))
        return cls(array, words, size)


class Table(NamedTuple):
    """A table of names as the loops see it: slots by hash, and the names in order."""

    slots: Any
    hashes: Any
    texts: Any
    lengths: Any
    count: Any


class Names:
    """A table of at most 65,536 names; those that come later are one, ``others``.

    So the memory does not grow with the log, whatever stands in it.
    """

    def __init__(self) -> None:
        self._table = Table(
            slots=np.full(4 * _MOST, -1, np.int64),
            hashes=np.zeros(_MOST, np.uint64),
            texts=np.zeros((_MOST, LONGEST_NAME), np.uint8),
            lengths=np.zeros(_MOST, np.int64),
            count=np.array([OTHERS + 1]),
        )
        self._plain = Bytes.of(np.zeros(2 * LONGEST_NAME, np.uint8))

    def __len__(self) -> int:
        """How many names there are, with `OTHERS`."""
        return int(self._table.count[0])

    def __getitem__(self, code: int) -> str:
        """Return the name of a code; bytes that are no UTF-8 are read as Latin-1."""
        if code == OTHERS:
            return "others"
        return decoded(self._table.texts[code, : self._table.lengths[code]].tobytes())

    def code_of(self, name: str) -> int:
        """Return the code of a name."""
        return int(self.codes_of(HashedTexts.of(Texts.of([name])))[0])

    def codes_of(self, texts: HashedTexts) -> Ints:
        """Return the code of each text, (n,)."""
        codes = np.empty(len(texts.hashes), np.int64)
        its = texts.texts
        intern(Bytes.of(its.data), its.starts, its.ends, texts.hashes, self._table, codes)
        return codes

    def targets_of(self, requests: HashedRequests) -> Ints:
        """Return the code of each request's target, (n,)."""
        codes = np.empty(len(requests.hashes), np.int64)
        arguments = (requests.text, requests.parts, self._plain, requests.hashes)
        intern_targets(*arguments, self._table, codes)
        return codes


class HashedTexts(NamedTuple):
    """Texts and the hash of each, (n,) uint64."""

    texts: Texts
    hashes: Any

    @classmethod
    def of(cls, texts: Texts) -> HashedTexts:
        """Hash texts."""
        hashes = np.empty(len(texts), np.uint64)
        hashes_of(Bytes.of(texts.data), texts.starts, texts.ends, hashes)
        return cls(texts, hashes)


class HashedRequests(NamedTuple):
    """Requests, by where their parts stand in a text.

    Attributes
    ----------
    text : Bytes
    parts : (6, n) int64 array
        Where methods begin and end, then paths, then queries.
    hashes : (n,) uint64 array
        Of the targets.
    same : (n,) int64 array
        Of the whole requests.
    """

    text: Bytes
    parts: Ints
    hashes: Any
    same: Ints

    @classmethod
    def of(cls, text: Bytes, parts: Ints) -> HashedRequests:
        """Hash requests."""
        hashes, same = np.empty((2, parts.shape[1]), np.uint64)
        hash_targets(text, parts, hashes, same)
        return cls(text, parts, hashes, same.view(np.int64))


class Codes:
    """What at most 262,144 numbers stand for; those that come later stand for 0."""

    _MOST = 2**18

    def __init__(self) -> None:
        self._known, self._values = np.zeros((2, 8), np.int64)
        self._slots = np.full(4 * len(self._known), -1, np.int64)
        self._count = 0

    def of(self, keys: Ints, code_of: Callable[[int], int]) -> Ints:
        """Return what numbers stand for, (n,); ``code_of`` tells it of the row of a new one."""
        found = np.empty(len(keys), np.int64)
        row = 0
        while True:
            row = look_up(keys, row, self._slots, self._known, self._values, found)
            if row == len(keys):
                return found
            if self._count == self._MOST:
                found[row] = 0
                row += 1
            else:
                self._add(int(keys[row]), code_of(row))

    def _add(self, key: int, value: int) -> None:
        first = self._count
        if first == len(self._known):
            self._known, self._values = (
                np.pad(each, (0, first)) for each in (self._known, self._values)
            )
            self._slots, first = np.full(4 * len(self._known), -1, np.int64), 0
        self._known[self._count], self._values[self._count] = key, value
        self._count += 1
        put(self._known[: self._count], first, self._slots)
