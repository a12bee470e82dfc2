"""Loops that give names their codes, and make targets of requests.

A name is known by its hash of 64 bits: among 65,536 names two share one with a chance of one in
8,000 million.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled
from simulation.logs.line_loops import ONE, WORD

__all__ = ["LONGEST_NAME", "OTHERS", "hashes_of", "intern", "intern_targets"]

LONGEST_NAME = 240
"""Bytes of a name that are kept; two names that differ behind them are still two."""
OTHERS = 0
"""The code of all names that came when the table was full."""

_SPACE = 32
_PRIME, _BASIS = np.uint64(0x9E3779B97F4A7C15), np.uint64(14_695_981_039_346_656_037)
_HALF = np.uint64(32)


@compiled
def _slot_of(table: Any, hashed: Any) -> Any:
    """Return the slot of a name of this hash, or a free one."""
    mask = len(table.slots) - 1
    slot = np.int64(hashed & np.uint64(mask))
    while table.slots[slot] >= 0 and table.hashes[table.slots[slot]] != hashed:
        slot = (slot + 1) & mask
    return slot


@compiled
def _code_of(table: Any, hashed: Any, data: Any, start: int, end: int) -> int:
    """Return the code of a name, which is put into the table if it is new and has room."""
    slot = _slot_of(table, hashed)
    code: int = table.slots[slot]
    if code < 0:
        code = table.count[0]
        if code == len(table.hashes):
            return OTHERS
        table.slots[slot], table.hashes[code] = code, hashed
        length = min(end - start, LONGEST_NAME)
        for n in range(length):
            table.texts[code, n] = data[start + n]
        table.lengths[code] = length
        table.count[0] = code + 1
    return code


@compiled
def _hash_of(text: Any, start: int, end: int) -> Any:
    """Return a hash of some bytes, eight at once: multiplied and folded, as wyhash does."""
    hashed = _BASIS ^ np.uint64(end - start)
    at, last = np.uint64(start), np.uint64(end)
    while at + WORD <= last:
        hashed = (hashed ^ text.words[at]) * _PRIME
        hashed ^= hashed >> _HALF
        at += WORD
    tail, shift = np.uint64(0), np.uint64(0)
    while at < last:
        tail |= np.uint64(text.data[at]) << shift
        shift += WORD
        at += ONE
    hashed = (hashed ^ tail) * _PRIME
    hashed ^= hashed >> _HALF
    hashed *= _PRIME
    return hashed ^ (hashed >> _HALF)


@compiled
def hashes_of(text: Any, starts: Any, ends: Any, found: Any) -> None:
    """Hash texts; ``found``, (n,) uint64, becomes their hashes."""
    for n in range(len(starts)):
        found[n] = _hash_of(text, starts[n], ends[n])


@compiled
def intern(text: Any, starts: Any, ends: Any, table: Any, codes: Any) -> None:
    """Give texts their codes in a table of names; ``codes``, (n,) int64, becomes those."""
    for n in range(len(starts)):
        hashed = _hash_of(text, starts[n], ends[n])
        codes[n] = _code_of(table, hashed, text.data, starts[n], ends[n])


@compiled
def _is_of_hex(byte: int) -> bool:
    return 48 <= byte <= 57 or 97 <= (byte | 32) <= 102 or byte == 45


@compiled
def _plain_path(data: Any, at: int, end: int, text: Any, length: int) -> int:
    """Put a path into ``text``, its identifiers as ``{id}``; return its length.

    An identifier is a part of digits alone, or one of 16 or more hexadecimal digits and dashes.
    """
    while at < end and length < LONGEST_NAME:
        stop, is_hex, has_others = at, True, False
        while stop < end and data[stop] != 47:
            is_hex = is_hex and _is_of_hex(data[stop])
            has_others = has_others or not 48 <= data[stop] <= 57
            stop += 1
        if stop > at and (not has_others or (is_hex and stop - at >= 16)):
            for letter in (123, 105, 100, 125):
                text[length] = letter
                length += 1
        else:
            for n in range(at, min(stop, at + LONGEST_NAME - length)):
                text[length] = data[n]
                length += 1
        if stop == end or length >= LONGEST_NAME:
            break
        text[length] = 47
        length += 1
        at = stop + 1
    return length


@compiled
def _query_names(data: Any, at: int, end: int, text: Any, length: int) -> int:
    """Put the names of a query's parameters into ``text``; return its length.

    Of whole numbers of up to 4 digits the value stays too, and of lists of identifiers how many
    there are: these say how many records are asked for.
    """
    mark = 63
    while at < end and length < LONGEST_NAME:
        stop = at
        while stop < end and data[stop] not in (38, 61):
            stop += 1
        last = stop
        while last < end and data[last] != 38:
            last += 1
        text[length] = mark
        length += 1
        for n in range(at, min(stop, at + LONGEST_NAME - length)):
            text[length] = data[n]
            length += 1
        length = _query_value(data, at, stop, last, text, length)
        mark, at = 38, last + 1
    return length


@compiled
def _ends_in(data: Any, at: int, end: int, word: Any) -> bool:
    if end - at < len(word):
        return False
    same = True
    for n in range(len(word)):
        same = same and (data[end - len(word) + n] | 32) == word[n]
    return same


_PAGE = np.frombuffer(b"per_page", np.uint8) | 32
_LIMIT = np.frombuffer(b"limit", np.uint8) | 32
_SIZE = np.frombuffer(b"page_size", np.uint8) | 32
_IDS = np.frombuffer(b"ids", np.uint8) | 32


@compiled
def _query_value(data: Any, at: int, stop: int, last: int, text: Any, length: int) -> int:
    """Put a parameter's value that counts records into ``text``; return its length."""
    value = -1
    if _ends_in(data, at, stop, _IDS) and stop < last:
        value = 1
        for n in range(stop + 1, last):
            is_comma = data[n] == 44
            if n + 2 < last and data[n] == 37 and data[n + 1] == 50 and (data[n + 2] | 32) == 99:
                is_comma = True  # %2C
            value += 1 if is_comma else 0
    elif (
        _ends_in(data, at, stop, _PAGE)
        or _ends_in(data, at, stop, _LIMIT)
        or _ends_in(data, at, stop, _SIZE)
    ) and 1 < last - stop <= 5:
        value = 0
        for n in range(stop + 1, last):
            if not 48 <= data[n] <= 57:
                return length
            value = value * 10 + (int(data[n]) - 48)
    if value < 0 or length + 7 > LONGEST_NAME:
        return length
    text[length] = 61
    length += 1
    unit = 1
    while value // unit >= 10:
        unit *= 10
    while unit > 0:
        text[length] = 48 + value // unit % 10
        length += 1
        unit //= 10
    return length


@compiled
def _after_host(data: Any, at: int, end: int) -> int:
    """Return where the path of an address such as https://host:443/path begins."""
    n = at
    while n < end and 97 <= (data[n] | 32) <= 122:
        n += 1
    if n == at or n + 2 >= end or not (data[n] == 58 and data[n + 1] == 47 == data[n + 2]):
        return at
    n += 3
    while n < end and data[n] not in (47, 63):
        n += 1
    return n


@compiled
def intern_targets(text: Any, parts: Any, plain: Any, table: Any, codes: Any, same: Any) -> None:
    """Give requests their codes in a table of targets.

    A target is a method and a path whose identifiers are ``{id}``, with the names of the query's
    parameters: ``GET /crm/v7/Leads/{id}/Notes?fields&per_page=200``.

    Parameters
    ----------
    text : Bytes
        Where the requests stand.
    parts : (6, n) int64 array
        Of `part_requests`.
    plain : Bytes
        Space to work in, of 2 * `LONGEST_NAME`.
    table : Table
        Of the names.
    codes : (n,) int64 array
        Becomes the code of each target.
    same : (n,) uint64 array
        Becomes a hash of the whole request: of two attempts of one call it is the same.
    """
    data, into = text.data, plain.data
    for n in range(parts.shape[1]):
        begin, end = parts[2, n], parts[3, n]
        whole = _hash_of(text, parts[0, n], parts[1, n])
        whole = (whole ^ _hash_of(text, begin, end)) * _PRIME
        same[n] = (whole ^ _hash_of(text, parts[4, n], parts[5, n])) * _PRIME
        length = 0
        for at in range(parts[0, n], min(parts[1, n], parts[0, n] + 20)):
            into[length] = data[at]
            length += 1
        if length:
            into[length] = _SPACE
            length += 1
        at = _after_host(data, begin, end)
        length = _plain_path(data, at, end, into, length)
        if parts[5, n] > parts[4, n]:
            length = _query_names(data, parts[4, n], parts[5, n], into, length)
        codes[n] = _code_of(table, _hash_of(plain, 0, length), into, 0, length)
