"""What a log says, entry by entry, as arrays; and what of it was left out, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from simulation.arrays import Flags, Ints

__all__ = ["COUNTS_AGAINST_NOTHING", "TOLD_BEFORE", "UNKNOWN", "Entries", "Skipped"]

COUNTS_AGAINST_NOTHING = "calls that count against no limit"
TOLD_BEFORE = "an id that a line before has"
"""Reasons to leave an entry out that are no fault of a log: what its line has."""
UNKNOWN = -1
"""A duration or a number of records that a log does not tell."""


@dataclass(frozen=True)
class Entries:
    """Requests, or counts of requests, in the order of the log.

    Attributes
    ----------
    time : (n,) int64 array
        When each began, µs since 1970-01-01 UTC.
    client : (n,) int64 array
        Whose it is: a code of `ClientNames`.
    target : (n,) int64 array
        What was asked for: a code of a table of `Names`.
    status : (n,) int64 array
        The status of HTTP that it was answered with; 0 where the log does not tell.
    duration : (n,) int64 array
        How long it took, µs, or `UNKNOWN`.
    records : (n,) int64 array
        Records in it, or `UNKNOWN`.
    calls : (n,) int64 array
        How many requests it stands for: 1, or the count of a bucket.
    same : (n,) int64 array
        A hash of the request: of two attempts of one call it is the same.
    identity : (n,) int64 array
        A hash of what names this entry alone; 0 where nothing does.
    line : (n,) int64 array
        Where in its file it stands.
    """

    time: Ints
    client: Ints
    target: Ints
    status: Ints
    duration: Ints
    records: Ints
    calls: Ints
    same: Ints
    identity: Ints
    line: Ints

    def __len__(self) -> int:
        return len(self.time)

    def where(self, kept: Flags | Ints) -> Entries:
        """Return some of the entries, or all in another order."""
        return Entries(*(getattr(self, each.name)[kept] for each in fields(self)))

    def in_order(self) -> Entries:
        """Return the entries in order of time."""
        if (self.time[1:] >= self.time[:-1]).all():
            return self
        return self.where(np.argsort(self.time, kind="stable"))

    @classmethod
    def of(cls, time: Ints, line: Ints, **others: Any) -> Entries:
        """Return entries; what is not given is unknown, and each is of one request."""
        blank = np.zeros(len(time), np.int64)
        start: dict[str, Any] = dict.fromkeys((each.name for each in fields(cls)), blank)
        start |= {"duration": blank + UNKNOWN, "records": blank + UNKNOWN, "calls": blank + 1}
        return cls(**{**start, **others, "time": time, "line": line})

    @classmethod
    def together(cls, parts: list[Entries]) -> Entries:
        """Return entries one after the other."""
        if not parts:
            nothing = np.zeros(0, np.int64)
            return cls.of(nothing, nothing)
        columns = ([getattr(part, each.name) for part in parts] for each in fields(cls))
        return cls(*map(np.concatenate, columns))


class Skipped:
    """The lines that were left out, by reason, and the first of each.

    A reason is what such lines have, so that it stands in a sentence: 3 lines have no time.

    Attributes
    ----------
    counts : Counter of str
        How many lines each reason left out.
    first : dict of str to list of str
        For each reason the first three, as ``file:line: text``.
    read : int
        How many entries were read.
    """

    _SHOWN, _LONGEST = 3, 80

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.first: dict[str, list[str]] = {}
        self.read = 0

    def note(self, reason: str, count: int, examples: list[tuple[str, int, str]]) -> None:
        """Note lines that were left out for one reason; examples are file, line and text."""
        if count:
            self.counts[reason] += count
            shown = self.first.setdefault(reason, [])
            for file, line, text in examples[: self._SHOWN - len(shown)]:
                cut = text if len(text) <= self._LONGEST else text[: self._LONGEST] + "…"
                shown.append(f"{file}:{line}: {cut}")

    @property
    def total(self) -> int:
        """How many lines were left out."""
        return self.counts.total()
