"""The times that the buckets of a trace last: as long as the local clock shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

__all__ = ["LocalBuckets", "microseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return a moment as µs since 1970-01-01 UTC."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


@dataclass(frozen=True)
class _Changed:
    """The spans of a bucket within which the clock is changed, at ``change``."""

    change: int
    spans: tuple[tuple[int, int], ...]


class LocalBuckets:
    """The buckets of one trace, of which some are named by their local start.

    A bucket that is named by its local start lasts as long as the clock shows the times from this
    start to that of the next bucket. So a bucket of a day lasts 23 or 25 hours where the clock is
    changed, and 30 minutes that the clock shows twice are two spans.

    Parameters
    ----------
    zone : ZoneInfo
        The zone of the local starts.
    length : int
        The length of a bucket by the clock, µs.
    """

    def __init__(self, zone: ZoneInfo, length: int) -> None:
        self._zone = zone
        self._length = length
        self._changed: dict[int, _Changed] = {}

    def begins(self, row: int, stamp: datetime, start: int) -> tuple[int, int] | None:
        """Return when a row's bucket begins, for the first and for the last time, µs since 1970.

        None if the clock skips all of it. ``start`` is the time that ``stamp`` means, by the
        offset before the change if the clock skips it or shows it twice.
        """
        if (changed := self._change_within(stamp, start)) is None:
            return start, start
        if not changed.spans:
            return None
        self._changed[row] = changed
        return changed.spans[0][0], changed.spans[-1][0]

    def _change_within(self, stamp: datetime, start: int) -> _Changed | None:
        """Return the change of clock within a bucket, if it changes when the bucket lasts."""
        # Of a time that the clock skips or shows twice, fold 0 has the offset before the change.
        end = stamp + self._length * _MICROSECOND
        offsets = (
            stamp.replace(tzinfo=self._zone).utcoffset(),
            end.replace(tzinfo=self._zone, fold=1).utcoffset(),
        )
        before, after = ((offset or timedelta()) // _MICROSECOND for offset in offsets)
        if before == after:
            return None
        later = start + before - after  # the start by the clock as it is after the change
        change = self._moment_of_change(min(start, later), max(start, later) + self._length, after)
        spans = []
        first = (start, min(start + self._length, change))
        second = (max(later, change), later + self._length)
        if first[1] == second[0] and first[0] < first[1] and second[0] < second[1]:
            spans = [(first[0], second[1])]
        else:
            spans = [span for span in (first, second) if span[0] < span[1]]
        if spans == [(start, start + self._length)]:
            return None
        return _Changed(change, tuple(spans))

    def _moment_of_change(self, low: int, high: int, after: int) -> int:
        """Return when the clock changes to the offset ``after``, which it has at ``high``."""
        # By halves, since `zoneinfo` says which offset a moment has, not when it changes.
        while high - low > 1:
            middle = (low + high) // 2
            moment = (_EPOCH + middle * _MICROSECOND).astimezone(self._zone)
            if (moment.utcoffset() or timedelta()) // _MICROSECOND == after:
                high = middle
            else:
                low = middle
        return high

    def spans(
        self, times: NDArray[np.int64], first: NDArray[np.int64], again: NDArray[np.int64]
    ) -> Iterator[tuple[int, list[tuple[int, int]]]]:
        """Yield each row's index and the spans of time, in order, that its bucket lasts.

        Parameters
        ----------
        times : (n,) int64 array
            Starts of the buckets in the order of the rows, µs since 1970.
        first, again : (n,) int64 array
            When the bucket begins for the first and for the last time.
        """
        times, ends, apart_at = self._tell_apart(times, first, again)
        doubled = first < again
        for row, (start, end) in enumerate(zip(times.tolist(), ends.tolist(), strict=True)):
            changed = self._changed.get(row)
            if changed is None or (
                changed.change in apart_at and (doubled[row] or len(changed.spans) > 1)
            ):
                yield row, [(start, end)]
            else:
                yield row, list(changed.spans)

    def _tell_apart(
        self, times: NDArray[np.int64], first: NDArray[np.int64], again: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], set[int]]:
        """Return the starts and ends of rows, and at which changes they tell the hours apart.

        Rows tell the two hours of one name apart if they go back to the first start, or if a start
        stands twice: the later half of equal starts is then moved to the second hour. They are by
        the clock if a bucket that reaches into this hour stands twice: then the change cuts it.
        """
        times, apart_at, cut = times.copy(), set(), set()
        twice = [row for row in self._changed if first[row] < again[row]]
        for change, rows in groupby(twice, key=lambda row: self._changed[row].change):
            run = list(rows)
            apart = bool((times[run] == again[run]).any())
            if not apart:
                for _, equal in groupby(run, key=lambda row: int(first[row])):
                    same = list(equal)
                    later = same[len(same) - len(same) // 2 :]
                    times[later] = again[later]
                    apart |= len(same) > 1
            if apart:
                apart_at.add(change)
            if any(self._is_second_part(row, int(times[row])) for row in run):
                cut.add(change)
        ends = times + self._length
        for row in twice:
            changed = self._changed[row]
            if changed.change in cut and len(changed.spans) > 1:
                ends[row] = changed.spans[int(times[row] == again[row])][1]
            elif times[row] < again[row]:  # lasts until the next bucket of its name
                ends[row] = min(ends[row], again[row])
        return times, ends, apart_at

    def _is_second_part(self, row: int, begin: int) -> bool:
        """Return whether a row begins in the second hour, and its bucket before the first."""
        spans = self._changed[row].spans
        start, end = spans[-1]
        return len(spans) > 1 and begin == start and end - start < self._length
