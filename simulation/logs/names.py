"""Names that a log uses again and again, each as a code: targets, agents, users, addresses."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.logs.name_loops import LONGEST_NAME, OTHERS, intern, intern_targets
from simulation.logs.times import Texts, decoded

__all__ = ["Bytes", "Names"]

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
        return int(self.codes_of(Texts.of([name]))[0])

    def codes_of(self, texts: Texts) -> Ints:
        """Return the code of each text, (n,)."""
        codes = np.empty(len(texts), np.int64)
        intern(Bytes.of(texts.data), texts.starts, texts.ends, self._table, codes)
        return codes

    def targets_of(self, text: Bytes, parts: Ints) -> tuple[Ints, Ints]:
        """Return the code of each request's target, and a hash of the request, (n,) each."""
        number = parts.shape[1]
        codes, same = np.empty(number, np.int64), np.empty(number, np.uint64)
        intern_targets(text, parts, self._plain, self._table, codes, same)
        return codes, same.view(np.int64)
