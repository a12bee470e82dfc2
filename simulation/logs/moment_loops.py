"""Loops that read moments from bytes, in each of the forms that logs and tables have.

One grammar serves all forms, since a moment shows its own: it begins with a year, with a day, with
the name of a month or of a weekday, or it is a long number.
"""

from __future__ import annotations

from typing import Any

from simulation.arrays import Ints
from simulation.jit import compiled
from simulation.logs.moment_parts import (
    DAY,
    NO_OFFSET,
    NONE,
    SECOND,
    UNREAD,
    blanks,
    days_since_1970,
    digits,
    letters,
    month_of,
    number,
    read_epoch,
    read_offset,
    read_time,
    weekday_of,
)

__all__ = ["DAY_FIRST", "DAY_OR_MONTH", "MONTH_FIRST", "SCRATCH", "read_moments"]

DAY_FIRST, MONTH_FIRST, DAY_OR_MONTH = 1, 2, 4
"""Orders of a date of numbers such as 9/11/2017; what a column's dates allow is their sum."""
SCRATCH = 7
"""Numbers that a moment is read into: days or µs, offset, time of the day, orders, three more."""


@compiled
def _parts_of_numbers(data: Any, at: int, end: int, out: Any) -> int:
    """Read three numbers with one mark between them, of which dates have -, / and a full stop."""
    first: int = digits(data, at, end)
    if first == end or data[first] not in (45, 47, 46):
        return NONE
    second: int = digits(data, first + 1, end)
    if second == end or data[second] != data[first]:
        return NONE
    third: int = digits(data, second + 1, end)
    if not (1 <= second - first - 1 <= 2 and 1 <= third - second - 1 <= 4):
        return NONE
    out[4] = number(data, at, first)
    out[5] = number(data, first + 1, second)
    out[6] = number(data, second + 1, third)
    return third


@compiled
def _date_of_numbers(data: Any, at: int, end: int, order: int, out: Any) -> int:
    """Read a date such as 2017-11-09, 9/11/2017 or 09.11.2017."""
    first = digits(data, at, end) - at
    stop: int = _parts_of_numbers(data, at, end, out)
    if stop == NONE:
        return NONE
    last = stop
    while 48 <= data[last - 1] <= 57:
        last -= 1
    last = stop - last
    if first == 4 and last <= 2:
        out[0] = days_since_1970(out[4], out[5], out[6])
        return stop
    if first > 2 or last != 4:
        return NONE
    day_first = days_since_1970(out[6], out[5], out[4])
    month_first = days_since_1970(out[6], out[4], out[5])
    out[3] = DAY_FIRST if day_first != UNREAD else 0
    out[3] += MONTH_FIRST if month_first != UNREAD else 0
    out[3] += DAY_OR_MONTH if day_first == month_first and day_first != UNREAD else 0
    out[0] = month_first if order == MONTH_FIRST else day_first
    return stop


@compiled
def _date_with_name(data: Any, at: int, end: int, out: Any) -> int:
    """Read a date such as 09/Nov/2017, 9 November 2017 or 9-Nov-2017."""
    stop: int = digits(data, at, end)
    day = number(data, at, stop)
    word = letters(data, stop + 1, end)
    month = month_of(data, stop + 1, word)
    at = word + 1 if word < end and data[word] in (45, 47, 32, 46, 44) else word
    at = blanks(data, at, end)
    stop = digits(data, at, end)
    if month == 0 or stop - at != 4:
        return NONE
    out[0] = days_since_1970(number(data, at, stop), month, day)
    return stop


@compiled
def _date_after_name(data: Any, at: int, end: int, out: Any) -> int:
    """Read a date such as Nov 09, 2017; or all of Nov  9 19:34:11 2017, as C writes it."""
    word = letters(data, at, end)
    month = month_of(data, at, word)
    at = word + 1 if word < end and data[word] in (44, 45, 46) else word
    at = blanks(data, at, end)
    stop: int = digits(data, at, end)
    if month == 0 or not 1 <= stop - at <= 2:
        return NONE
    day = number(data, at, stop)
    at = stop + 1 if stop < end and data[stop] in (44, 45) else stop
    at = blanks(data, at, end)
    stop = digits(data, at, end)
    if stop - at == 4 and not (stop < end and data[stop] == 58):
        out[0] = days_since_1970(number(data, at, stop), month, day)
        return stop
    clock = read_time(data, at, end, out)
    if clock == NONE or end - clock < 5 or data[end - 5] != 32:
        return NONE
    if digits(data, end - 4, end) != end:
        return NONE
    out[0] = days_since_1970(number(data, end - 4, end), month, day)
    return end


@compiled
def _read_date(data: Any, at: int, end: int, order: int, out: Any) -> int:
    """Read a date into ``out[0]``, days; ``out[3]`` becomes the orders that it allows."""
    word: int = letters(data, at, end)
    if word > at and month_of(data, at, word) == 0 and weekday_of(data, at, word) != NONE:
        at = blanks(data, word + 1 if word < end and data[word] == 44 else word, end)
        word = letters(data, at, end)
    stop: int = digits(data, at, end)
    size = stop - at
    if word > at:
        stop = _date_after_name(data, at, end, out)
    elif size in (8, 14):
        year, month = number(data, at, at + 4), number(data, at + 4, at + 6)
        out[0] = days_since_1970(year, month, number(data, at + 6, at + 8))
        stop = at + 8
    elif 1 <= size <= 2 and letters(data, stop + 1, end) > stop + 1:
        stop = _date_with_name(data, at, end, out)
    else:
        stop = _date_of_numbers(data, at, end, order, out)
    return stop


@compiled
def _read_moment(data: Any, at: int, end: int, order: int, out: Any) -> bool:
    """Read one moment into ``out``, all of its text; return whether it is one."""
    out[1], out[2], out[3] = NO_OFFSET, 0, 0
    at = blanks(data, at, end)
    while end > at and data[end - 1] in (32, 9, 13):
        end -= 1
    if end - at >= 2 and data[at] in (91, 34, 39) and data[end - 1] in (93, 34, 39):
        at, end = at + 1, end - 1
    stop = digits(data, at, end)
    if stop - at >= 9 and not (stop - at == 14 and data[at] in (49, 50)):
        is_read: bool = read_epoch(data, at, stop, end, out)
        return is_read
    at = _read_date(data, at, end, order, out)
    if at == NONE or out[0] == UNREAD:
        return False
    if at < end:
        if at + 2 < end and data[at] == data[at + 2] == 34:  # a date and a time in quotes each
            at += 3
        elif data[at] in (84, 116, 58):  # T, t, and : as access logs have it
            at += 1
        elif not 48 <= data[at] <= 57:
            at = blanks(data, at + 1 if data[at] == 44 else at, end)
        at = read_time(data, at, end, out)
        if at != NONE:
            at = read_offset(data, blanks(data, at, end), end, out)
    out[0] = out[0] * DAY + out[2]
    return at == end


@compiled
def _seconds(data: Any, at: int) -> int:
    """Return the seconds of a day that 19:34:11 at this place is, or `NONE`."""
    for place in (0, 1, 3, 4, 6, 7):
        if not 48 <= data[at + place] <= 57:
            return NONE
    if data[at + 2] != 58 or data[at + 5] != 58:
        return NONE
    hour, minute = number(data, at, at + 2), number(data, at + 3, at + 5)
    second = number(data, at + 6, at + 8)
    if hour > 23 or minute > 59 or second > 59:
        return NONE
    seconds: int = (hour * 60 + minute) * 60 + second
    return seconds


@compiled
def _place_of_clock(data: Any, at: int, end: int) -> int:
    """Return at which place of a moment a time such as 19:34:11 stands, or `NONE`.

    It is the last of the moment but for an offset: what AM, PM or a year behind it would change, or
    a fraction, is no matter of the time alone.
    """
    for n in range(at + 1, end - 7):
        if data[n + 2] == 58 and not 48 <= data[n - 1] <= 57 and _seconds(data, n) != NONE:
            stop = n + 8
            if stop == end or data[stop] in (43, 45, 90):
                return n - at
            if stop + 1 < end and data[stop] == 32 and data[stop + 1] in (43, 45):
                return n - at
            break
    return NONE


@compiled
def _same_but_clock(data: Any, at: int, end: int, other: int, clock: int) -> int:
    """Return the µs of a day of a moment that is another one but for its time; or `NONE`."""
    for n in range(at + clock - 1, at - 1, -1):
        if data[n] != data[other + n - at]:
            return NONE
    for n in range(at + clock + 8, end):
        if data[n] != data[other + n - at]:
            return NONE
    seconds: int = _seconds(data, at + clock)
    return NONE if seconds == NONE else seconds * SECOND


@compiled
def read_moments(
    data: Any, starts: Any, ends: Any, order: int, times: Ints, offsets: Ints, scratch: Ints
) -> int:
    """Read the moments of a column; return the orders that all its dates of numbers allow.

    Parameters
    ----------
    data : (bytes,) uint8 array
        The texts, wherever in it they stand.
    starts, ends : (n,) int array
        Where each text begins and ends.
    order : int
        `DAY_FIRST` or `MONTH_FIRST`: how dates such as 9/11/2017 are read.
    times : (n,) int64 array
        Becomes the moments by their own clock, µs since 1970; `UNREAD` where a text is none.
    offsets : (n,) int64 array
        Becomes what their clock is ahead of UTC, µs; `NO_OFFSET` where they do not say.
    scratch : (`SCRATCH`,) int64 array
        Space to work in.

    Returns
    -------
    int
        The sum of `DAY_FIRST` and `MONTH_FIRST` as far as all dates of numbers can be read so, and
        `DAY_OR_MONTH` where the two readings differ in one. 0 where neither reads all.
    """
    allowed, differs = DAY_FIRST + MONTH_FIRST, False
    before, clock, base, offset = 0, NONE, 0, 0
    for n in range(len(starts)):
        at, end = starts[n], ends[n]
        if clock != NONE and end - at == ends[before] - starts[before]:
            passed = _same_but_clock(data, at, end, starts[before], clock)
            if passed != NONE:
                times[n], offsets[n] = base + passed, offset
                continue
        clock = NONE
        if _read_moment(data, at, end, order, scratch):
            times[n], offsets[n] = scratch[0], scratch[1]
            clock = _place_of_clock(data, at, end)
            if clock != NONE:
                before, offset = n, scratch[1]
                base = scratch[0] - _seconds(data, at + clock) * SECOND
        else:
            times[n], offsets[n] = UNREAD, NO_OFFSET
        if scratch[3]:
            allowed &= scratch[3]
            differs |= scratch[3] < DAY_OR_MONTH
    return allowed + (DAY_OR_MONTH if differs else 0)
