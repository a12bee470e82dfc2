"""The times of a log or a table: read in the form that they have, and placed in time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.logs.moment_loops import (
    DAY_FIRST,
    DAY_OR_MONTH,
    MONTH_FIRST,
    SCRATCH,
    read_moments,
)
from simulation.logs.moment_parts import NO_OFFSET, UNREAD
from simulation.moments import read_moment

__all__ = ["Moments", "OrderOfDatesError", "Texts", "decoded", "read_column", "unread"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SLOT = 15 * 60 * 1_000_000  # offsets from UTC change at quarters of an hour
"""A moment of a log's own clock: its offset is asked once for each such stretch."""
_OF_NUMBERS = re.compile(r"\W*0?([0-9]{1,2})[-/.]0?([0-9]{1,2})[-/.]([0-9]{4})").match


class OrderOfDatesError(ValueError):
    """Dates of numbers that can be read day first or month first."""


def decoded(written: bytes) -> str:
    """Return bytes as text: UTF-8, or Latin-1 where they are none."""
    try:
        return written.decode()
    except UnicodeDecodeError:
        return written.decode("latin-1")


@dataclass(frozen=True)
class Texts:
    """Texts that stand anywhere in some bytes.

    Attributes
    ----------
    data : (bytes,) uint8 array
    starts, ends : (n,) int64 arrays
        Where each begins and ends.
    """

    data: Ints
    starts: Ints
    ends: Ints

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, n: int) -> str:
        """Return one of them; bytes that are no UTF-8 are read as Latin-1."""
        return decoded(self.data[self.starts[n] : self.ends[n]].tobytes())

    def where(self, kept: Flags) -> Texts:
        """Return some of the texts."""
        return Texts(self.data, self.starts[kept], self.ends[kept])

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Return texts laid out one after the other."""
        written = [text.encode("utf-8", "replace") for text in texts]
        ends = np.cumsum([len(text) for text in written], dtype=np.int64)
        starts = np.concatenate([[0], ends[:-1]]) if written else ends
        return cls(np.frombuffer(b"".join(written), np.uint8), starts.astype(np.int64), ends)


@dataclass(frozen=True)
class Moments:
    """Moments by the clock of whatever wrote them.

    Attributes
    ----------
    local : (n,) int64 array
        µs since 1970-01-01 by that clock; `UNREAD` where a text is no moment.
    offsets : (n,) int64 array
        What that clock is ahead of UTC, µs; `NO_OFFSET` where the text does not say.
    day_first : bool or None
        Whether 9/11/2017 is in November, where some of the texts show it.
    """

    local: Ints
    offsets: Ints
    day_first: bool | None = None

    @property
    def is_read(self) -> Flags:
        """Which texts are moments."""
        read: Flags = self.local != UNREAD
        return read

    @property
    def has_no_offset(self) -> Flags:
        """Which texts do not say what their clock is ahead of UTC."""
        lacks: Flags = self.offsets == NO_OFFSET
        return lacks

    def where(self, kept: Flags) -> Moments:
        """Return some of the moments."""
        return Moments(self.local[kept], self.offsets[kept], self.day_first)

    def in_utc(self, zone: ZoneInfo) -> tuple[Ints, Ints]:
        """Return the moments as µs since 1970 UTC, twice: as the first and as the second.

        The two differ for an hour that comes twice by the clock of ``zone``, which decides where a
        text has no offset. Where the clock skips a time, the second is before the first. Texts that
        are no moments stay `UNREAD`.
        """
        first = second = self.local - self.offsets
        is_read = self.is_read
        open_ones = np.flatnonzero(self.has_no_offset & is_read)
        if len(open_ones):
            second = first.copy()
            slots = self.local[open_ones] // _SLOT
            # Neighbours mostly share a slot, and each slot is asked for once.
            begins = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))
            unique, which = np.unique(slots[begins], return_inverse=True)
            both = np.array([_offsets(int(slot), zone) for slot in unique], np.int64)
            which = np.repeat(which, np.diff(begins, append=len(slots)))
            first[open_ones] = self.local[open_ones] - both[which, 0]
            second[open_ones] = self.local[open_ones] - both[which, 1]
        if not is_read.all():
            first[~is_read] = second[~is_read] = UNREAD
        return first, second

    def placed(self, zone: ZoneInfo, latest: int = UNREAD) -> tuple[Ints, Flags, Flags]:
        """Return when the moments are, told by their order where an hour comes twice.

        Parameters
        ----------
        zone : ZoneInfo
            The zone of moments that have no offset.
        latest : int
            The latest of the moments that stand before these.

        Returns
        -------
        times : (n,) int64 array
            µs since 1970 UTC; `UNREAD` where a text is no moment.
        is_skipped, comes_twice : (n,) bool arrays
            Which the clock of ``zone`` never shows, and which it shows twice: of these one that is
            earlier than what stands before it is the second.
        """
        first, second = self.in_utc(zone)
        is_skipped, comes_twice = second < first, second > first
        times = np.where(is_skipped, second, first) if is_skipped.any() else first
        so_far = 0
        for n in np.flatnonzero(comes_twice).tolist():
            latest = max(latest, int(times[so_far:n].max(initial=UNREAD)))
            if times[n] < latest:
                times[n] = second[n]
            latest, so_far = max(latest, int(times[n])), n + 1
        return times, is_skipped, comes_twice


def _offsets(slot: int, zone: ZoneInfo) -> tuple[int, int]:
    """Return what a zone is ahead of UTC, µs, at a local time: before a change of clock, after."""
    local = (_EPOCH + slot * _SLOT * _MICROSECOND).replace(tzinfo=zone)
    both = (local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    first, second = (offset // _MICROSECOND for offset in both)
    return first, second


def read_column(texts: Texts, day_first: bool | None) -> Moments:
    """Return the moments of a column, in whichever form each is written.

    Read are dates of ISO 8601 and those with slashes or dots in place of dashes, the times of
    access logs and of e-mails, names of months in English, AM and PM, and seconds, ms, µs or ns
    since 1970.

    Parameters
    ----------
    texts : Texts
        The column.
    day_first : bool, optional
        Whether 9/11/2017 is in November. Without it the column's own dates have to tell.

    Raises
    ------
    OrderOfDatesError
        If ``day_first`` is missing and every date can be read both ways, or if no order reads all.
    """
    local, offsets = np.empty(len(texts), np.int64), np.empty(len(texts), np.int64)
    scratch = np.zeros(SCRATCH, np.int64)
    order = MONTH_FIRST if day_first is False else DAY_FIRST
    arguments = (texts.data, texts.starts, texts.ends)
    found = read_moments(*arguments, order, local, offsets, scratch)
    shows: bool | None = None
    if found >= DAY_OR_MONTH and not _has_dots(texts):
        allowed = found - DAY_OR_MONTH
        if allowed in (DAY_FIRST, MONTH_FIRST):
            shows = allowed == DAY_FIRST
        elif day_first is None:
            raise OrderOfDatesError(_both_readings(texts, allowed))
        if day_first is None and allowed == MONTH_FIRST:
            read_moments(*arguments, allowed, local, offsets, scratch)
    for n in np.flatnonzero(local == UNREAD):  # week dates, and others that are rare
        try:
            moment = read_moment(texts[int(n)].strip())
        except ValueError:
            continue
        offset = moment.utcoffset()
        local[n] = (moment.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
        offsets[n] = NO_OFFSET if offset is None else offset // _MICROSECOND
    return Moments(local, offsets, shows)


def _has_dots(texts: Texts) -> bool:
    """Return whether dates of numbers have dots, as only those have that begin with the day."""
    return any("." in text[:3] for text in (texts[n].strip() for n in range(min(9, len(texts)))))


def _both_readings(texts: Texts, allowed: int) -> str:
    """Return what is wrong with the order of a column's dates."""
    if not allowed:
        return "has dates that only the day first can be, and others that only the month first"
    for n in range(len(texts)):
        if (found := _OF_NUMBERS(texts[n])) and found[1] != found[2]:
            first, second, year = map(int, found.groups())
            both = (date(year, second, first), date(year, first, second))
            readings = " or as ".join(f"{day.day} {day:%B} {day.year}" for day in both)
            return f"{texts[n].strip()!r} can be read as {readings}"
    raise AssertionError("some date differs, or it would have been read")


def unread(text: str) -> str:
    """Return what is wrong with a text that is no moment."""
    try:
        read_moment(text, "a timestamp", "2026-01-05 08:30:00")
    except ValueError as error:
        return str(error)
    return f"{text!r} is not a timestamp, write it such as 2026-01-05 08:30:00"
