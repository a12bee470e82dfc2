"""Entries from records: requests whose fields have names, as JSON and tables have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.errors import InputError, Problem
from simulation.formats import shown
from simulation.logs.clients import Told
from simulation.logs.columns import Clock, Columns, Reading, named
from simulation.logs.counts import count_in, wrong_count
from simulation.logs.entries import COUNTS_AGAINST_NOTHING, Entries
from simulation.logs.field_names import DURATIONS, NOT_COUNTED, FieldRole, column_name
from simulation.logs.times import Texts

__all__ = ["Record", "Records", "bucket_of", "entries_of", "hold_counts"]

Record = dict[str, str]
"""The fields of a request, by name."""

_LOOKED_AT = 2000


@dataclass(frozen=True)
class Records:
    """Some records of a log.

    Attributes
    ----------
    file : str
        For messages.
    lines : list of int
        Where each stands.
    records : list of Record
    roles : dict of str to str
        Which field says what.
    """

    file: str
    lines: list[int]
    records: list[Record]
    roles: dict[FieldRole, str]

    def texts(self, role: FieldRole) -> list[str]:
        """Return what a field says in each record; nothing where it lacks."""
        name = self.roles.get(role, "")
        return [record.get(name, "") for record in self.records]

    def where(self, kept: Flags) -> Records:
        """Return some of the records."""
        rows = np.flatnonzero(kept).tolist()
        lines, records = [self.lines[n] for n in rows], [self.records[n] for n in rows]
        return Records(self.file, lines, records, self.roles)

    def left_out(self, wrong: Flags, reading: Reading, reason: str) -> None:
        """Note records that are left out."""
        rows = np.flatnonzero(wrong).tolist()
        examples = [(self.file, self.lines[n], _shown(self.records[n])) for n in rows[:3]]
        reading.skipped.note(reason, len(rows), examples)


def entries_of(
    found: Sequence[tuple[int, Record]],
    reading: Reading,
    clock: Clock,
    are_requests: bool = True,
    are_counts: bool = False,
) -> Entries:
    """Return what records say.

    Parameters
    ----------
    found : sequence of (int, Record)
        Each with its line.
    reading : Reading
    clock : Clock
        Of the log.
    are_requests : bool
        Whether a record without a path or method is left out, as one that is no request.
    are_counts : bool
        Whether a record stands for several requests. Otherwise it is one, whatever fields such as
        ``value`` say.
    """
    roles = _roles_in(found, reading)
    if not are_counts and (unused := roles.pop("calls", None)):
        what = f"field {unused!r} is not taken to count calls, since each record is a request: "
        reading.remark(f"{what}if it does, write --field calls={unused}, fields= in Python")
    records = Records(clock.file, [line for line, _ in found], [each for _, each in found], roles)
    is_free = _flags(map(_counts_against_nothing, records.records))
    records.left_out(is_free, reading, COUNTS_AGAINST_NOTHING)
    records = records.where(~is_free)
    if are_requests:
        pairs = zip(records.texts("path"), records.texts("method"), strict=True)
        is_asked = _flags(bool(path or method) for path, method in pairs)
        records.left_out(~is_asked, reading, "no request that can be read")
        records = records.where(is_asked)
    if are_counts:
        reasons = [wrong_count(each) for each in records.texts("calls")]
        for reason in sorted({*reasons} - {""}):
            records.left_out(_flags(each == reason for each in reasons), reading, reason)
        records = records.where(_flags(not each for each in reasons))
    times, is_read = clock.times(Texts.of(records.texts("time")))
    records.left_out(~is_read, reading, "no time that can be read")
    records = records.where(is_read)
    reading.skipped.read += len(records.records)
    lines: Ints = np.array(records.lines, np.int64)
    return _columns(records).entries(reading, times[is_read], lines)


def hold_counts(found: Sequence[tuple[int, Record]], reading: Reading) -> bool:
    """Return whether records stand for several requests each, and not for one.

    They do where the user names the field that counts them; and where one is called so, and no
    record has what a request has: a path, a method or a status.
    """
    roles = _roles_in(found, reading)
    if "calls" in reading.fields:
        return "calls" in roles
    return "calls" in roles and not {"path", "method", "status"} & {*roles}


def _roles_in(found: Sequence[tuple[int, Record]], reading: Reading) -> dict[FieldRole, str]:
    names = list(dict.fromkeys(name for _, record in found[:_LOOKED_AT] for name in record))
    return reading.roles_in(names)


def bucket_of(entries: Entries, path: Path, reading: Reading) -> int:
    """Return the length of the buckets of counts: the step that comes most often."""
    starts = np.unique(entries.time)
    if len(starts) < 2:
        if not len(starts):  # what is left out says why
            return 0
        if reading.bucket:
            return reading.bucket
        what = "has counts of one time alone, say of what time each is with --bucket '1 hour', "
        what += "bucket= in Python"
        raise InputError([Problem(shown(path), "", what)])
    steps, times = np.unique(np.diff(starts), return_counts=True)
    step = int(steps[times.argmax()])
    if len(steps) > 1:
        uneven = 1 - times.max() / times.sum()
        reading.remark(f"{uneven:.1%} of the steps between counts are of another length than most")
    return step


def _columns(records: Records) -> Columns:
    """Return the fields of records as columns."""

    def column(role: FieldRole) -> Texts | None:
        return Texts.of(records.texts(role)) if role in records.roles else None

    told = {each: Texts.of(records.texts(each)) for each in get_args(Told) if each in records.roles}
    counts = [str(count_in(each)) for each in records.texts("calls")]
    return Columns.of(
        named(records.texts("method"), records.texts("path")),
        told,
        _durations(records.records),
        status=column("status"),
        identity=column("id"),
        records=column("records"),
        calls=Texts.of(counts) if "calls" in records.roles else None,
    )


def _flags(found: Iterable[bool]) -> Flags:
    return np.fromiter(found, np.bool_)


def _counts_against_nothing(record: Record) -> bool:
    return any(
        value.strip().lower() in NOT_COUNTED.get(column_name(name), ())
        for name, value in record.items()
        if "limit" in name.lower()
    )


def _shown(record: Record) -> str:
    return ", ".join(f"{name}={value}" for name, value in list(record.items())[:6])


def _durations(records: Sequence[Record]) -> list[tuple[Texts, int]]:
    """Return how long requests took, where a field says it in a known unit."""
    having = {column_name(name): name for record in records[:100] for name in record}
    for each in DURATIONS:
        if each.field in having and (not each.beside or each.beside in having):
            name = having[each.field]
            return [(Texts.of([record.get(name, "") for record in records]), each.unit)]
    start, end = having.get("starttimeunixnano"), having.get("endtimeunixnano")
    if start and end:
        spans = [_difference(record.get(start, ""), record.get(end, "")) for record in records]
        return [(Texts.of(spans), 1)]
    return []


def _difference(start: str, end: str) -> str:
    """Return the µs between two moments in ns, as text."""
    if start.isdigit() and end.isdigit():
        return str((int(end) - int(start)) // 1000)
    return ""
