"""Loops that part the lines of a log into fields, and read numbers from them.

Each looks at each byte once and keeps nothing of a line but where its fields stand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled

__all__ = [
    "FIELDS",
    "LONG",
    "MISSING",
    "ONE",
    "WORD",
    "find",
    "part_requests",
    "read_decimals",
    "split",
    "without_port",
]

FIELDS, COMMENT, MISSING, LONG = 0, 1, 2, 3
"""What a line is: fields, nothing or a comment after #, fewer fields than it needs, too long."""

_END, _SPACE, _QUOTE, _ESCAPE, _OPEN, _CLOSE, _ASKS = 10, 32, 34, 92, 91, 93, 63
ONE, WORD = np.uint64(1), np.uint64(8)
_TWO, _THREE, _FOUR = np.uint64(16), np.uint64(24), np.uint64(32)
_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


@compiled
def find(text: Any, at: Any, end: Any, byte: int) -> Any:
    """Return where a byte stands first from ``at`` on, or ``end``; 32 bytes are looked at once.

    A word has a byte of 0 if taking 1 from each byte borrows into a byte that had no high bit.
    Source: H. S. Warren, Hacker's Delight, 2nd edition, section 6-1.
    """
    data, words = text.data, text.words
    pattern = np.uint64(byte) * _ONES
    while at + _FOUR <= end:
        one, two = words[at] ^ pattern, words[at + WORD] ^ pattern
        three, four = words[at + _TWO] ^ pattern, words[at + _THREE] ^ pattern
        borrows = ((one - _ONES) & ~one) | ((two - _ONES) & ~two)
        borrows |= ((three - _ONES) & ~three) | ((four - _ONES) & ~four)
        if borrows & _HIGHS != 0:
            break
        at += _FOUR
    while at + WORD <= end:
        word = words[at] ^ pattern
        if ((word - _ONES) & ~word & _HIGHS) != 0:
            break
        at += WORD
    while at < end and data[at] != byte:
        at += ONE
    return at


@compiled
def _token(text: Any, at: Any, end: Any, delimiter: int) -> Any:
    """Return where the token that begins at ``at`` ends; quotes and brackets hold delimiters."""
    data = text.data
    if data[at] == _QUOTE:
        stop = find(text, at + ONE, end, _QUOTE)
        while stop < end and data[stop - ONE] == _ESCAPE:
            stop = find(text, stop + ONE, end, _QUOTE)
        if stop < end:
            at = stop + ONE
    elif data[at] == _OPEN and delimiter == _SPACE:
        stop = find(text, at, end, _CLOSE)
        if stop < end:
            at = stop + ONE
    while at < end and data[at] != delimiter:
        at += ONE
    return at


@compiled
def _part_by_delimiter(
    text: Any, at: Any, end: Any, delimiter: int, slots: Any, row: int, starts: Any, ends: Any
) -> int:
    """Note where the fields of a line begin and end; return how many tokens it has, as far as read.

    Quotes and brackets around a field are no part of it.
    """
    data, token = text.data, 0
    while at < end and token < len(slots):
        if delimiter == _SPACE:
            while at < end and data[at] == _SPACE:
                at += ONE
        last = _token(text, at, end, delimiter)
        slot = slots[token]
        if slot >= 0:
            starts[slot, row], ends[slot, row] = at, last
            if last > at + ONE:
                opens, closes = data[at], data[last - ONE]
                is_quoted = opens == _QUOTE and closes == _QUOTE
                if is_quoted or (opens == _OPEN and closes == _CLOSE):
                    starts[slot, row], ends[slot, row] = at + ONE, last - ONE
        token += 1
        at = last + ONE
    return token


@compiled
def _find_mark(text: Any, at: Any, end: Any, mark: Any, inner: int) -> Any:
    """Return where a mark stands from ``at`` on, or ``end``; the first ``inner`` are passed by.

    A quote behind an odd number of backslashes is none.
    """
    data, size = text.data, np.uint64(len(mark))
    while True:
        at = find(text, at, end, mark[0])
        if at + size > end:
            return end
        is_mark = True
        for n in range(1, len(mark)):
            is_mark = is_mark and data[at + np.uint64(n)] == mark[n]
        if is_mark and mark[0] == _QUOTE:
            back = at
            while back > np.uint64(0) and data[back - ONE] == _ESCAPE:
                back -= ONE
            is_mark = (at - back) & ONE == 0
        if is_mark and inner == 0:
            return at
        inner -= 1 if is_mark else 0
        at += ONE


@compiled
def _part_by_marks(
    text: Any, at: Any, end: Any, marks: Any, slots: Any, row: int, starts: Any, ends: Any
) -> int:
    """Note where fields stand between marks; return how many a line has, as far as read."""
    for token in range(-1, len(slots)):
        mark = marks.data[marks.bounds[token + 1] : marks.bounds[token + 2]]
        stop = end
        if len(mark):
            stop = _find_mark(text, at, end, mark, marks.inner[token + 1])
            if stop == end:
                return max(token, 0)
        if token < 0:
            if stop != at and len(mark):
                return 0
            stop = at
        elif slots[token] >= 0:
            starts[slots[token], row], ends[slots[token], row] = at, stop
        at = stop + np.uint64(len(mark))
    return len(slots)


@compiled
def _part(
    text: Any,
    at: Any,
    end: Any,
    delimiter: int,
    marks: Any,
    slots: Any,
    row: int,
    starts: Any,
    ends: Any,
) -> Any:
    """Note where the fields of a line begin and end; return how many it has, as far as read."""
    if len(marks.bounds):
        return _part_by_marks(text, at, end, marks, slots, row, starts, ends)
    return _part_by_delimiter(text, at, end, delimiter, slots, row, starts, ends)


@compiled
def split(
    text: Any,
    delimiter: int,
    marks: Any,
    slots: Any,
    needed: int,
    longest: int,
    starts: Any,
    ends: Any,
    lines: Any,
    others: Any,
) -> tuple[int, int, int]:
    """Part lines into fields.

    Parameters
    ----------
    text : Bytes
        Lines, each with a line feed behind it but perhaps the last.
    delimiter : int
        A blank, of which several count as one, or a tab.
    marks : Marks
        What stands between the fields where no delimiter does: ``data``, (bytes,) uint8, the marks
        one after the other; ``bounds``, int64, where each begins and the last one ends, the first
        of them before the first field; ``inner``, int64, how often each stands in the field before
        it. Without bounds the delimiter parts lines.
    slots : (tokens,) int64 array
        Which field the token at each place is; -1 for none of those wanted.
    needed : int
        Tokens that a line has at least; with fewer it is `MISSING`.
    longest : int
        Bytes of a line beyond which it is `LONG`.
    starts, ends : (fields, lines) int64 arrays
        Become where each field begins and ends, without its quotes or brackets; one that a line
        lacks is empty. The lines that have all that they need come first, one after the other.
    lines : (2, lines) int64 array
        Becomes the number of each of these, from 0, and where it begins.
    others : (3, lines) int64 array
        Becomes the same of the lines that are left out, but for those that are empty or a comment,
        and what each is.

    Returns
    -------
    int, int, int
        How many lines have all that they need, how many are left out, and how many there are; -1
        for the last where the arrays have no room for them.
    """
    data, at, number = text.data, np.uint64(0), 0
    size, row, out = np.uint64(text.size), 0, 0
    while at < size:
        if max(row, out) == lines.shape[1]:
            return row, out, -1
        stop = find(text, at, size, _END)
        end = stop
        while end > at and (data[end - ONE] == 13 or data[end - ONE] == _SPACE):
            end -= ONE
        kind = FIELDS
        if end == at or data[at] == 35:
            kind = COMMENT
        elif end - at > np.uint64(longest):
            kind = LONG
        else:
            for slot in range(len(starts)):
                starts[slot, row] = ends[slot, row] = end
            tokens = _part(text, at, end, delimiter, marks, slots, row, starts, ends)
            kind = MISSING if tokens < needed else FIELDS
        if kind == FIELDS:
            lines[0, row], lines[1, row] = number, at
            row += 1
        elif kind != COMMENT:
            others[0, out], others[1, out], others[2, out] = number, at, kind
            out += 1
        number += 1
        at = stop + ONE
    return row, out, number


@compiled
def without_port(data: Any, starts: Any, ends: Any) -> None:
    """Cut the port off addresses such as 10.0.0.1:443; one of IPv6 has more than one colon."""
    for n in range(len(starts)):
        colon, colons = ends[n], 0
        for at in range(starts[n], ends[n]):
            if data[at] == 58:
                colon, colons = at, colons + 1
        if colons == 1:
            ends[n] = colon


@compiled
def part_requests(text: Any, starts: Any, ends: Any, parts: Any) -> None:
    """Part requests such as ``GET /path?query HTTP/1.1``.

    ``parts``, (6, n) int64, becomes where methods begin and end, then paths, then queries. A
    request without a method is all path.
    """
    data = text.data
    for n in range(len(starts)):
        at, end = np.uint64(starts[n]), np.uint64(ends[n])
        stop = at
        while stop < end and 65 <= data[stop] <= 90:
            stop += ONE
        parts[0, n] = parts[1, n] = at
        if at < stop < end and data[stop] == _SPACE:
            parts[1, n] = stop
            at = stop + ONE
        while at < end and data[at] == _SPACE:
            at += ONE
        stop = find(text, at, end, _SPACE)
        query = find(text, at, stop, _ASKS)
        parts[2, n], parts[3, n] = at, query
        parts[4, n], parts[5, n] = min(query + ONE, stop), stop


@compiled
def read_decimals(data: Any, starts: Any, ends: Any, unit: int, found: Any) -> None:
    """Read numbers, as whole parts of which ``unit`` are one; -1 where there is no number."""
    for n in range(len(starts)):
        at, end = starts[n], ends[n]
        value, scale, count = 0, 0, 0
        while at < end:
            byte = data[at]
            if 48 <= byte <= 57 and count < 17:
                value, count = value * 10 + (int(byte) - 48), count + 1
                scale *= 10
            elif byte == 46 and scale == 0:
                scale = 1
            elif byte != _SPACE:
                break
            at += 1
        if count == 0 or at < end:
            found[n] = -1
        elif scale <= 1:
            found[n] = value * unit
        else:
            found[n] = value * unit // scale if value < 2**62 // max(1, unit) else -1
