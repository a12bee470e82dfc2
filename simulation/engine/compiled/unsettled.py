"""Calls of days that are not yet handed out, with what became of them so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from simulation.arrays import Records
from simulation.demand import Calls
from simulation.engine.records import SUCCEEDED, UNFINISHED, CallRecords, concatenate

__all__ = ["Unsettled"]

AnyTape = TypeVar("AnyTape", bound=Any)


class Unsettled(ABC, Generic[AnyTape]):
    """The calls on a tape of one lane, a row each, and the days that they were submitted on.

    Attributes
    ----------
    tape : named tuple of arrays
        What the loop writes: ``events`` with their ``length``, and a column for each of `FILLS`,
        beside ``settled_at``.
    accounts : (rows,) int64 array
        Client × number of call kinds + call kind of each call.
    """

    FILLS: ClassVar[dict[str, int]] = {"outcome": SUCCEEDED, "attempts": 1}
    """What stands in each column of a call that is accepted at once."""

    def __init__(self, kinds: int, tape: AnyTape) -> None:
        self.tape = tape
        self.accounts = np.empty(0, np.int64)
        self._kinds = kinds
        self._days: list[Calls] = []

    def add(self, calls: Calls) -> int:
        """Take a day's calls, as if all succeeded at once; return the first's row on the tape."""
        tape, count = self.tape, len(calls)
        base = len(tape.outcome)
        self._days.append(calls)
        accounts = calls.client.astype(np.int64) * self._kinds + calls.api
        self.accounts = np.concatenate((self.accounts, accounts))
        tape.length[0] = 0
        columns = {"settled_at": np.concatenate((tape.settled_at, calls.time))}
        for name, fill in self.FILLS.items():
            column = getattr(tape, name)
            columns[name] = np.concatenate((column, np.full(count, fill, column.dtype)))
        self.tape = tape._replace(**columns)
        return base

    def events(self, kind: int) -> Records:
        """Return the events of one kind on the newest day."""
        events = self.tape.events[: self.tape.length[0]]
        found: Records = events[events["kind"] == kind]
        return found

    @abstractmethod
    def records(self, calls: Calls, here: slice) -> CallRecords:
        """Return the records of a day's calls, which stand in these rows."""

    def close_days(self, last: bool) -> tuple[CallRecords, int]:
        """Return the records of the settled days, and how many calls those are."""
        tape, done, row = self.tape, list[CallRecords](), 0
        while self._days:
            here = slice(row, row + len(self._days[0]))
            # Days are handed out in order: one with calls in flight holds back those behind it.
            if not last and (tape.outcome[here] == UNFINISHED).any():
                break
            done.append(self.records(self._days.pop(0), here))
            row = here.stop
        self.accounts = self.accounts[row:]
        kept = {name: getattr(tape, name)[row:] for name in ("settled_at", *self.FILLS)}
        self.tape = tape._replace(**kept)
        return concatenate(done), row
