"""Calls that clients want to make, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints

__all__ = ["Calls", "concatenate", "packed", "unpacked"]


Packed = TypeVar("Packed", int, Ints)

_BITS = 32  # of the number of records, which is at most 10**9


def packed(api: Ints, records: Ints) -> Ints:
    """Return indices of call kinds and numbers of records as one number each."""
    return api << _BITS | records


def unpacked(what: Packed) -> tuple[Packed, Packed]:
    """Return the indices of call kinds and the numbers of records that are `packed` in numbers.

    >>> unpacked(5 << 32 | 200)
    (5, 200)
    """
    return what >> _BITS, what & (2**_BITS - 1)


@dataclass(frozen=True)
class Calls:
    """Calls that clients want to make, a column each; all of one length.

    Attributes
    ----------
    time : (n,) int64 array
        When the call is submitted, µs since the scenario's start.
    client : (n,) int32 array
        The client's number.
    call : (n,) int64 array
        The call's number within its client and replication, from 0, in order of time.
    what : (n,) int64 array
        The call kind's index in `Demand.apis`, and how many records it carries, as `packed`.
    credits : (n,) int64 array
        What the call costs, in the card's smallest unit.
    duration : (n,) int64 array or None
        How long the call stays open once it is accepted, µs; None where no call lasts.
    """

    time: Ints
    client: NDArray[np.int32]
    call: Ints
    what: Ints
    credits: Ints
    duration: Ints | None = None

    def __len__(self) -> int:
        return len(self.time)

    @property
    def api(self) -> NDArray[np.int32]:
        """The call kind's index in `Demand.apis`, (n,)."""
        return unpacked(self.what)[0].astype(np.int32)

    @property
    def records(self) -> Ints:
        """Records in each call, (n,)."""
        return unpacked(self.what)[1]

    @property
    def lasting(self) -> Ints:
        """How long each call stays open once it is accepted, µs, (n,); 0 where no call lasts."""
        return np.zeros(len(self), np.int64) if self.duration is None else self.duration

    def take(self, index: Ints | slice) -> Calls:
        """Return some of the calls, by index."""
        columns: Iterator[Any] = (getattr(self, field.name) for field in fields(self))
        taken: Iterator[Any] = (None if each is None else each[index] for each in columns)
        return Calls(*taken)


def concatenate(parts: Sequence[Calls]) -> Calls:
    """Return calls joined, one after the other."""
    if len(parts) == 1:
        return parts[0]
    # No calls at all have no durations, among others that have.
    parts = [part for part in parts if len(part)] or parts[:1]
    columns: Iterator[Any] = ([getattr(p, field.name) for p in parts] for field in fields(Calls))
    joined: Iterator[Any] = (None if each[0] is None else np.concatenate(each) for each in columns)
    return Calls(*joined)
