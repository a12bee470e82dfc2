"""Loops that read the parts of a moment from bytes: numbers, names, a time of the day, an offset.

Each returns where its part ends, or `NONE` where there is no such part, and puts what it has read
into ``out``. Each byte is looked at once, so no text makes them slow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled

__all__ = [
    "DAY",
    "NONE",
    "NO_OFFSET",
    "SECOND",
    "UNREAD",
    "blanks",
    "days_since_1970",
    "digits",
    "letters",
    "month_of",
    "number",
    "read_epoch",
    "read_offset",
    "read_time",
    "weekday_of",
]

UNREAD = -(2**62)
"""The time of a text that is no moment."""
NO_OFFSET = 2**62
"""The offset from UTC of a moment that names none."""
NONE = -1
SECOND = 1_000_000
DAY = 86_400_000_000

_MONTHS = np.frombuffer(b"janfebmaraprmayjunjulaugsepoctnovdec", np.uint8).copy()
_WEEKDAYS = np.frombuffer(b"montuewedthufrisatsun", np.uint8).copy()
_LAST_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@compiled
def digits(data: Any, at: int, end: int) -> int:
    """Return where the digits that begin at ``at`` end."""
    while at < end and 48 <= data[at] <= 57:
        at += 1
    return at


@compiled
def number(data: Any, at: int, end: int) -> int:
    """Return the number of at most 18 digits that stand between ``at`` and ``end``."""
    found = 0
    for n in range(at, end):
        found = found * 10 + (int(data[n]) - 48)
    return found


@compiled
def letters(data: Any, at: int, end: int) -> int:
    """Return where the letters that begin at ``at`` end."""
    while at < end and 97 <= (data[at] | 32) <= 122:
        at += 1
    return at


@compiled
def blanks(data: Any, at: int, end: int) -> int:
    """Return where the blanks that begin at ``at`` end; a blank that does not break is one, too."""
    while at < end:
        if data[at] == 32 or data[at] == 9:
            at += 1
        elif at + 1 < end and data[at] == 0xC2 and data[at + 1] == 0xA0:
            at += 2
        elif at + 2 < end and data[at] == 0xE2 and data[at + 1] == 0x80 and data[at + 2] == 0xAF:
            at += 3  # the narrow one, which newer programs put before AM and PM
        else:
            break
    return at


@compiled
def _named(data: Any, at: int, end: int, names: Any) -> int:
    """Return which of the names, of three letters each, a word begins with; or `NONE`."""
    if end - at < 3:
        return NONE
    for n in range(len(names) // 3):
        if (
            (data[at] | 32) == names[3 * n]
            and (data[at + 1] | 32) == names[3 * n + 1]
            and (data[at + 2] | 32) == names[3 * n + 2]
        ):
            return n
    return NONE


@compiled
def month_of(data: Any, at: int, end: int) -> int:
    """Return the month that a word names in English, 1 to 12; 0 if it names none."""
    month: int = _named(data, at, end, _MONTHS) + 1
    return month


@compiled
def weekday_of(data: Any, at: int, end: int) -> int:
    """Return the weekday that a word names in English, 0 for Monday; or `NONE`."""
    weekday: int = _named(data, at, end, _WEEKDAYS)
    return weekday


@compiled
def days_since_1970(year: int, month: int, day: int) -> int:
    """Return a date as days since 1970-01-01; `UNREAD` if there is no such date.

    Source: H. Hinnant, chrono-compatible low-level date algorithms, days_from_civil.
    """
    if not (1 <= month <= 12 and 1 <= day <= _LAST_DAYS[month]) or year < 1:
        return UNREAD
    if month == 2 and day == 29 and (year % 4 or (year % 100 == 0 and year % 400)):
        return UNREAD
    shifted = year - (1 if month <= 2 else 0)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled
def _part_of_second(data: Any, at: int, end: int) -> int:
    """Return the µs that the digits behind a decimal sign are; finer ones are dropped."""
    part, unit = 0, 100_000
    for n in range(at, min(end, at + 6)):
        part += (int(data[n]) - 48) * unit
        unit //= 10
    return part


@compiled
def read_epoch(data: Any, at: int, stop: int, end: int, out: Any) -> bool:
    """Read a number of s, ms, µs or ns since 1970, told by its size; only s have a fraction.

    Numbers of 9 or 10 digits are seconds (1973 to 2286), with three digits more each finer unit.
    """
    size, whole = stop - at, number(data, at, min(stop, at + 18))
    out[1], out[0] = 0, UNREAD
    if stop < end:
        is_decimal = data[stop] in (46, 44) and stop + 1 < end and size <= 10
        if is_decimal and digits(data, stop + 1, end) == end:
            out[0] = whole * SECOND + _part_of_second(data, stop + 1, end)
    elif size <= 10:
        out[0] = whole * SECOND
    elif 12 <= size <= 13:
        out[0] = whole * 1000
    elif 15 <= size <= 16:
        out[0] = whole
    elif 18 <= size <= 19:
        out[0] = whole // (1000 if size == 18 else 100)  # of the first 18 digits
    is_read: bool = out[0] != UNREAD
    return is_read


@compiled
def _zone_word(data: Any, at: int, end: int) -> int:
    """Return where a word for UTC ends: Z, UTC or GMT; or `NONE`."""
    word: int = letters(data, at, end)
    if word - at == 1 and (data[at] | 32) == 122:
        return word
    if word - at == 3 and (data[at + 2] | 32) in (99, 116):
        if (data[at] | 32) == 117 and (data[at + 1] | 32) == 116:
            return word
        if (data[at] | 32) == 103 and (data[at + 1] | 32) == 109:
            return word
    return NONE


@compiled
def read_offset(data: Any, at: int, end: int, out: Any) -> int:
    """Read an offset from UTC into ``out[1]``, µs, if one follows: Z, +0200, GMT+02:00."""
    if at < end and data[at] not in (43, 45):
        at = _zone_word(data, at, end)
        if at == NONE:
            return NONE
        out[1] = 0
    if at == end:
        return at
    first = at + 1
    stop: int = digits(data, first, end)
    last = stop
    if stop - first == 2 and stop < end and data[stop] == 58:
        last = digits(data, stop + 1, end)
    size = (stop - first) + max(0, last - stop - 1)
    if data[at] not in (43, 45) or size not in (2, 4) or (size == 4 and last - stop == 1):
        return NONE
    hours, minutes = number(data, first, first + 2), 0
    if size == 4:
        minutes = number(data, last - 2, last)
    if hours > 23 or minutes > 59:
        return NONE
    out[1] = (hours * 60 + minutes) * 60 * SECOND * (1 if data[at] == 43 else -1)
    return last


@compiled
def _read_clock(data: Any, at: int, end: int, out: Any) -> int:
    """Read hours, minutes and seconds into ``out[4:7]``, with marks or without; seconds may lack.

    ``out[6]`` becomes `NONE` where there are none.
    """
    stop: int = digits(data, at, end)
    size = stop - at
    out[6] = NONE
    if 1 <= size <= 2 and stop < end and data[stop] == 58:
        out[4] = number(data, at, stop)
        at, stop = stop + 1, digits(data, stop + 1, end)
        if stop - at != 2:
            return NONE
        out[5] = number(data, at, stop)
        if stop + 1 < end and data[stop] == 58:
            at, stop = stop + 1, digits(data, stop + 1, end)
            if stop - at != 2:
                return NONE
            out[6] = number(data, at, stop)
        return stop
    if size not in (4, 6):
        return NONE
    out[4], out[5] = number(data, at, at + 2), number(data, at + 2, at + 4)
    if size == 6:
        out[6] = number(data, at + 4, stop)
    return stop


@compiled
def read_time(data: Any, at: int, end: int, out: Any) -> int:
    """Read a time of the day into ``out[2]``, µs: 19:34, 193411.744, 07:34:11 PM."""
    stop: int = _read_clock(data, at, end, out)
    if stop == NONE:
        return NONE
    hour, minute, second, part = out[4], out[5], max(0, out[6]), 0
    if out[6] != NONE and stop + 1 < end and data[stop] in (46, 44):
        last: int = digits(data, stop + 1, end)
        if last > stop + 1:
            part, stop = _part_of_second(data, stop + 1, last), last
    half: int = blanks(data, stop, end)
    if half + 1 < end and (data[half] | 32) in (97, 112) and (data[half + 1] | 32) == 109:
        if not 1 <= hour <= 12:
            return NONE
        hour = hour % 12 + (12 if (data[half] | 32) == 112 else 0)
        stop = half + 2
    # 24:00 is the end of a day, and logs have a 60th second where clocks have a leap second.
    if minute > 59 or second > 60 or hour > 24 or (hour == 24 and minute + second + part > 0):
        return NONE
    out[2] = ((hour * 60 + minute) * 60 + second) * SECOND + part
    return stop
