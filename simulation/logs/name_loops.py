"""Loops that give names their codes, and make targets of requests.

A name is known by its hash of 64 bits: among 65,536 names two share one with a chance of one in
8,000 million.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.jit import compiled
from simulation.logs.line_loops import ONE, WORD, find

__all__ = [
    "LONGEST_NAME",
    "OTHERS",
    "hash_targets",
    "hashes_of",
    "intern",
    "intern_targets",
    "look_up",
    "put",
]

LONGEST_NAME = 240
"""Bytes of a name that are kept; two names that differ behind them are still two."""
OTHERS = 0
"""The code of all names that came when the table was full."""

_SPACE, _SLASH, _AND = 32, 47, 38
_IDENTIFIER = np.uint64(0x6469)
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
def _stirred(text: Any, start: int, end: int, hashed: Any) -> Any:
    """Return a hash with some bytes stirred in, eight at once, as in wyhash."""
    at, last = np.uint64(start), np.uint64(end)
    hashed ^= last - at
    while at + WORD <= last:
        hashed = (hashed ^ text.words[at]) * _PRIME
        hashed ^= hashed >> _HALF
        at += WORD
    if at < last:
        tail = np.uint64(0)
        if last >= WORD:  # the last eight bytes of all, without those before ``at``
            tail = text.words[last - WORD] >> ((WORD - (last - at)) * WORD)
        else:
            while at < last:
                last -= ONE
                tail = (tail << WORD) | np.uint64(text.data[last])
        hashed = (hashed ^ tail) * _PRIME
        hashed ^= hashed >> _HALF
    return hashed


@compiled
def _hash_of(text: Any, start: int, end: int) -> Any:
    """Return a hash of some bytes."""
    hashed = _stirred(text, start, end, _BASIS) * _PRIME
    return hashed ^ (hashed >> _HALF)


@compiled
def hashes_of(text: Any, starts: Any, ends: Any, found: Any) -> None:
    """Hash texts; ``found``, (n,) uint64, becomes their hashes."""
    for n in range(len(starts)):
        found[n] = _hash_of(text, starts[n], ends[n])


@compiled
def intern(text: Any, starts: Any, ends: Any, hashes: Any, table: Any, codes: Any) -> None:
    """Give texts of these hashes their codes in a table of names; ``codes``, (n,) int64."""
    for n in range(len(starts)):
        codes[n] = _code_of(table, hashes[n], text.data, starts[n], ends[n])


@compiled
def look_up(keys: Any, begin: int, slots: Any, known: Any, values: Any, found: Any) -> int:
    """Look up numbers from row ``begin`` on; return the first row whose number is not known, or n.

    Parameters
    ----------
    keys : (n,) int64 array
    begin : int
    slots : (2^k,) int64 array
        Places in ``known``, or -1.
    known, values : (m,) int64 arrays
        Numbers, and what each stands for.
    found : (n,) int64 array
        Becomes what each number stands for.
    """
    mask = np.uint64(len(slots) - 1)
    for n in range(begin, len(keys)):
        slot = np.int64((np.uint64(keys[n]) * _PRIME) >> _HALF & mask)
        while slots[slot] >= 0 and known[slots[slot]] != keys[n]:
            slot = (slot + 1) & np.int64(mask)
        if slots[slot] < 0:
            return n
        found[n] = values[slots[slot]]
    return len(keys)


@compiled
def put(keys: Any, first: int, slots: Any) -> None:
    """Put the places of numbers, from place ``first`` on, into slots; -1 is one that is free."""
    mask = np.uint64(len(slots) - 1)
    for n in range(first, len(keys)):
        slot = np.int64((np.uint64(keys[n]) * _PRIME) >> _HALF & mask)
        while slots[slot] >= 0:
            slot = (slot + 1) & np.int64(mask)
        slots[slot] = n


@compiled
def _is_of_hex(byte: int) -> bool:
    return 48 <= byte <= 57 or 97 <= (byte | 32) <= 102 or byte == 45


@compiled
def _end_of_identifier(data: Any, at: int, end: int) -> int:
    """Return where the part of a path that begins at ``at`` ends if it is an identifier, or -1.

    An identifier is a part of digits alone, or one of 16 or more hexadecimal digits and dashes.
    """
    stop, has_others = at, False
    while stop < end and _is_of_hex(data[stop]):
        has_others = has_others or not 48 <= data[stop] <= 57
        stop += 1
    if stop == at or (stop < end and data[stop] != _SLASH):
        return -1
    return stop if not has_others or stop - at >= 16 else -1


@compiled
def _plain_path(data: Any, at: int, end: int, text: Any, length: int) -> int:
    """Put a path into ``text``, its identifiers as ``{id}``; return its length."""
    while at < end and length < LONGEST_NAME:
        stop = _end_of_identifier(data, at, end)
        if stop >= 0:
            for letter in (123, 105, 100, 125):
                text[length] = letter
                length += 1
            at = stop
        while at < end and length < LONGEST_NAME:
            text[length] = data[at]
            length += 1
            at += 1
            if data[at - 1] == _SLASH:
                break
    return length


@compiled
def _end_of_parameter(data: Any, at: int, end: int) -> tuple[int, int]:
    """Return where the name of a parameter ends, and where its value does."""
    stop = at
    while stop < end and data[stop] != _AND and data[stop] != 61:
        stop += 1
    last = stop
    while last < end and data[last] != _AND:
        last += 1
    return stop, last


@compiled
def _query_names(data: Any, at: int, end: int, text: Any, length: int) -> int:
    """Put the names of a query's parameters into ``text``; return its length.

    Of whole numbers of up to 4 digits the value stays too, and of lists of identifiers how many
    there are: these say how many records are asked for.
    """
    mark = 63
    while at < end and length < LONGEST_NAME:
        stop, last = _end_of_parameter(data, at, end)
        text[length] = mark
        length += 1
        for n in range(at, min(stop, at + LONGEST_NAME - length)):
            text[length] = data[n]
            length += 1
        length = _put_number(_records_told(data, at, stop, last), text, length)
        mark, at = _AND, last + 1
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
def _records_told(data: Any, at: int, stop: int, last: int) -> int:
    """Return how many records a parameter asks for, or -1; its name is before ``stop``."""
    value = -1
    if _ends_in(data, at, stop, _IDS) and stop < last:
        value = 1
        for n in range(stop + 1, last):
            is_comma = data[n] == 44
            if n + 2 < last and data[n] == 37 and data[n + 1] == 50 and (data[n + 2] | 32) == 99:
                is_comma = True  # %2C
            value += 1 if is_comma else 0
    elif 1 < last - stop <= 5 and (
        _ends_in(data, at, stop, _PAGE)
        or _ends_in(data, at, stop, _LIMIT)
        or _ends_in(data, at, stop, _SIZE)
    ):
        value = 0
        for n in range(stop + 1, last):
            if not 48 <= data[n] <= 57:
                return -1
            value = value * 10 + (int(data[n]) - 48)
    return value


@compiled
def _put_number(value: int, text: Any, length: int) -> int:
    """Put ``=`` and a number into ``text``; return its length."""
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
def _plain_target(data: Any, parts: Any, n: int, into: Any) -> Any:
    """Put the target of a request into ``into``; return its length."""
    length = 0
    for at in range(parts[0, n], min(parts[1, n], parts[0, n] + 20)):
        into[length] = data[at]
        length += 1
    if length:
        into[length] = _SPACE
        length += 1
    at = _after_host(data, parts[2, n], parts[3, n])
    length = _plain_path(data, at, parts[3, n], into, length)
    if parts[5, n] > parts[4, n]:
        length = _query_names(data, parts[4, n], parts[5, n], into, length)
    return length


@compiled
def _hash_of_target(text: Any, parts: Any, n: int) -> Any:
    """Return a hash of the target of a request, the same for all whose `_plain_target` is."""
    data = text.data
    hashed = _stirred(text, parts[0, n], min(parts[1, n], parts[0, n] + 20), _BASIS)
    end = parts[3, n]
    at = _after_host(data, parts[2, n], end)
    begin = at
    while at < end:
        stop = _end_of_identifier(data, at, end)
        if stop >= 0:
            hashed = _stirred(text, begin, at, hashed) ^ _IDENTIFIER
            begin = at = stop
        at = np.int64(find(text, np.uint64(at), np.uint64(end), _SLASH)) + 1
    hashed = _stirred(text, begin, end, hashed)
    at, end = parts[4, n], parts[5, n]
    while at < end:
        stop, last = _end_of_parameter(data, at, end)
        told = np.uint64(1 + _records_told(data, at, stop, last))
        hashed = _stirred(text, at, stop, hashed) ^ told
        at = last + 1
    hashed *= _PRIME
    return hashed ^ (hashed >> _HALF)


@compiled
def hash_targets(text: Any, parts: Any, hashes: Any, same: Any) -> None:
    """Hash requests, and their targets.

    A target is a method and a path whose identifiers are ``{id}``, with the names of the query's
    parameters: ``GET /crm/v7/Leads/{id}/Notes?fields&per_page=200``.

    Parameters
    ----------
    text : Bytes
        Where the requests stand.
    parts : (6, n) int64 array
        Of `part_requests`.
    hashes : (n,) uint64 array
        Becomes the hash of each target.
    same : (n,) uint64 array
        Becomes a hash of the whole request: of two attempts of one call it is the same.
    """
    for n in range(parts.shape[1]):
        whole = _stirred(text, parts[0, n], parts[1, n], _BASIS)
        whole = _stirred(text, parts[2, n], parts[3, n], whole)
        whole = _stirred(text, parts[4, n], parts[5, n], whole) * _PRIME
        same[n] = whole ^ (whole >> _HALF)
        hashes[n] = _hash_of_target(text, parts, n)


@compiled
def intern_targets(text: Any, parts: Any, plain: Any, hashes: Any, table: Any, codes: Any) -> None:
    """Give requests whose targets have these hashes their codes; ``codes``, (n,) int64."""
    for n in range(parts.shape[1]):
        slot = _slot_of(table, hashes[n])
        code = table.slots[slot]
        if code < 0:
            length = _plain_target(text.data, parts, n, plain.data)
            code = _code_of(table, hashes[n], plain.data, 0, length)
        codes[n] = code
