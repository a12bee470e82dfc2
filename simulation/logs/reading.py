"""Logs read by their content, whatever their names: the way in of this room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import chain, combinations
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulation.errors import InputError, Problem
from simulation.formats import counted, shown
from simulation.logs.clients import ClientNames, Told
from simulation.logs.columns import Reading
from simulation.logs.entries import (
    COUNTS_AGAINST_NOTHING,
    TOLD_BEFORE,
    UNKNOWN,
    Entries,
    Skipped,
)
from simulation.logs.json_logs import read_json
from simulation.logs.layouts import access_layout
from simulation.logs.line_logs import read_lines
from simulation.logs.log_formats import pattern_layout
from simulation.logs.names import Names
from simulation.logs.repeats import Repeats
from simulation.logs.sources import HEAD, begins_alike, encoding_of, find, head_of
from simulation.logs.table_logs import read_table_log
from simulation.logs.typed_tables import EXCEL, PARQUET
from simulation.moments import read_zone
from simulation.quantities import parse_duration

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_skipped", "entries_of_logs", "read_log", "skipped_in_words"]

MOST_SKIPPED = 0.05
"""The share of lines that may be left out without being asked."""

_LOOKED_AT = 300
_MOST_CONTROL = 0.02  # of the characters of a text
_HARMLESS = (COUNTS_AGAINST_NOTHING, TOLD_BEFORE)
"""Reasons to leave an entry out that are no fault of the log."""
_ALIKE = 1000
"""Bytes with which two logs begin alike if one may hold all that the other does."""
_AHEAD, _FEW = 3, 4
"""Parts of a file that are read ahead, where there are not more than a few files."""


def entries_of_logs(paths: Sequence[str | Path], reading: Reading) -> Iterator[Entries]:
    """Yield what logs say, in their order, by parts that fit into memory.

    Raises
    ------
    InputError
        If a file cannot be read, or its form is none that is known.
    """
    files = _unlike(find(paths), reading)
    reading.ahead = _AHEAD if len(files) <= _FEW else 1
    repeats = Repeats()
    for part in _by_time(files, reading):
        is_repeated = repeats.of(part)
        count = int(is_repeated.sum())
        if count:
            reading.skipped.note(TOLD_BEFORE, count, [])
            reading.skipped.read -= count
        yield part.where(~is_repeated) if count else part


def _unlike(files: list[Path], reading: Reading) -> list[Path]:
    """Return files without those that hold the same as another, or the beginning of it.

    So a log counts once that lies there twice, such as before and after it was packed.
    """
    by_head: dict[bytes, list[Path]] = {}
    for file in files if len(files) > 1 else ():
        if head := head_of(file)[:_ALIKE].strip():
            by_head.setdefault(head, []).append(file)
    left_out: set[Path] = set()
    for alike in by_head.values():
        for one, other in combinations(alike, 2):
            if not {one, other} & left_out and (shorter := begins_alike(one, other)) is not None:
                longer = one if shorter == other else other
                reading.remark(f"{shown(shorter)} holds what {shown(longer)} does, and is left out")
                left_out.add(shorter)
    return [file for file in files if file not in left_out]


def _by_time(files: list[Path], reading: Reading) -> Iterator[Entries]:
    """Yield what files say, side by side where they are of one time: what comes first goes first.

    So calls that go on from file to file are seen in their order, and what two files tell is near.
    """
    if len(files) == 1:
        yield from _entries_in(files[0], reading)
        return
    waiting = [
        (_begin_of(file, reading), n, _entries_in(file, reading)) for n, file in enumerate(files)
    ]
    heapify(waiting)
    while waiting:
        _, n, parts = heappop(waiting)
        for part in parts:
            yield part
            if len(part):
                heappush(waiting, (int(part.time[-1]), n, parts))
                break


def _begin_of(file: Path, reading: Reading) -> int:
    """Return when a file begins, µs since 1970 UTC."""
    trial = replace(
        reading,
        clients=ClientNames(),
        targets=Names(),
        skipped=Skipped(),
        remarks=[],
        found_fields=set(),
    )
    for part in _entries_in(file, trial):
        if len(part):
            return int(part.time[0])
    return 0


def _entries_in(path: Path, reading: Reading) -> Iterator[Entries]:
    if reading.log_format is not None:
        return read_lines(path, pattern_layout(reading.log_format), reading)
    return _entries_of(path, reading)


def _entries_of(path: Path, reading: Reading) -> Iterator[Entries]:
    head = head_of(path)
    if head.startswith((*EXCEL, PARQUET)):
        return read_table_log(path, reading)
    lines = _lines_of(head)
    if not lines:
        raise InputError([Problem(shown(path), "", "is empty, name a log with entries")])
    if sum(map(_is_control, chain.from_iterable(lines))) > _MOST_CONTROL * sum(map(len, lines)):
        what = "is no text, such as a picture or a program: name a log, a table or JSON"
        raise InputError([Problem(shown(path), "", what)])
    if any(line.startswith("#Fields:") for line in lines[:50]):
        return read_lines(path, None, reading)
    if lines[0].lstrip()[:1] in ("{", "[") and _is_json(lines):
        return read_json(path, head, reading)
    layout = access_layout([line for line in lines if not line.startswith("#")])
    if layout is not None:
        return read_lines(path, layout, reading)
    if _is_json(lines):
        return read_json(path, head, reading)
    return read_table_log(path, reading)


def _lines_of(head: bytes) -> list[str]:
    """Return the lines with which a log begins, none that is blank or cut off."""
    text = head.decode(encoding_of(head), "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if len(head) >= HEAD and len(lines) > 1:
        lines.pop()
    return [line for line in lines[:_LOOKED_AT] if line.strip()]


def _is_control(character: str) -> bool:
    """Return whether a character is one that no log has but now and then."""
    return character < " " and character not in "\t\x1b"


def _is_json(lines: Sequence[str]) -> bool:
    """Return whether lines are of JSON: behind a prefix, or as one document."""
    first = lines[0].lstrip()
    of_lines = sum('{"' in line[:200] and line.rstrip().endswith("}") for line in lines)
    return of_lines * 2 > len(lines) or first in ("{", "[") or first.startswith(('{"', "[{"))


def read_log(
    *paths: str | Path,
    timezone: str = "UTC",
    day_first: bool | None = None,
    clients_by: Sequence[Told] = (),
    fields: Mapping[str, str] | None = None,
    bucket: str | None = None,
    log_format: str | None = None,
    allow_skipped: float = MOST_SKIPPED,
) -> pd.DataFrame:
    """Return the requests of logs as a table, in the order of time.

    Read are access logs in the common and combined forms and others with a time and a request;
    logs of load balancers of AWS; CloudFront and other W3C logs; JSON by lines or as one document,
    HAR and OpenTelemetry included; tables in CSV, Excel and Parquet, of requests or of counts.
    Files may be packed by gzip or zstandard.

    An entry with an identifier counts once, however often it is told at the same time: by files
    that overlap, or by one, as far as some four million others lie between. A file that holds the
    same as another, or the beginning of it, is left out, such as a log before and after it was
    packed.

    Parameters
    ----------
    *paths : str or Path
        Files, and patterns such as ``logs/*.gz``.
    timezone : str
        The zone of times that carry no offset.
    day_first : bool, optional
        Whether 9/11/2017 is in November, where the log does not tell.
    clients_by : sequence of str
        What tells clients apart: ``user``, ``agent``, ``address``.
    fields : mapping, optional
        What the log calls things: ``{"time": "request.started"}``.
    bucket : str, optional
        The time that a count is of, such as ``1 hour``, where a table has one row alone.
    log_format : str, optional
        The LogFormat of Apache or log_format of nginx by which the lines are written, such as
        ``%h %l %u %t "%r" %>s %b %D``; without it their content tells.
    allow_skipped : float
        The share of lines that may be left out.

    Returns
    -------
    DataFrame
        With the columns ``time`` (datetime64[us, UTC]), ``client`` and ``target`` (categories),
        ``status`` (0 where the log does not tell), ``duration_s`` and ``records`` (missing where it
        does not), and ``calls``: how many requests a row stands for.

    Raises
    ------
    InputError
        If a file cannot be read, or more lines had to be left out than are allowed.
    ValueError
        If there is no such time zone or duration, or lines of the format cannot be parted.
    """
    names = ClientNames(clients_by)
    length = 0 if bucket is None else parse_duration(bucket)
    zone = read_zone(timezone)
    reading = Reading(zone, day_first, fields or {}, names, bucket=length, log_format=log_format)
    found = Entries.together(list(entries_of_logs(paths, reading)))
    check_skipped(reading, allow_skipped)
    return _frame(found.where(np.argsort(found.time, kind="stable")), reading)


def _frame(entries: Entries, reading: Reading) -> pd.DataFrame:
    """Return entries as a table, with the names of their codes."""
    import pandas as pd

    # Names that are cut may be alike.
    targets, which = np.unique(
        [reading.targets[n] for n in range(len(reading.targets))], return_inverse=True
    )
    times = pd.to_datetime(entries.time, unit="us", utc=True).astype("datetime64[us, UTC]")
    known = entries.duration != UNKNOWN
    records = pd.Series(entries.records, dtype="Int64")
    return pd.DataFrame(
        {
            "time": times,
            "client": pd.Categorical.from_codes(entries.client, reading.clients.names),
            "target": pd.Categorical.from_codes(which[entries.target], targets),
            "status": entries.status,
            "duration_s": np.where(known, entries.duration / 1e6, np.nan),
            "records": records.mask(records == UNKNOWN),
            "calls": entries.calls,
        }
    )


def check_skipped(reading: Reading, allowed: float) -> None:
    """Raise InputError where more lines were left out than are allowed, or none was read."""
    skipped = reading.skipped
    refused = {reason: n for reason, n in skipped.counts.items() if reason not in _HARMLESS}
    share = sum(refused.values()) / max(1, skipped.read + sum(refused.values()))
    if skipped.read and (missing := reading.fields.keys() - reading.found_fields):
        role = min(missing)
        what = f"no log has a field {reading.fields[role]!r}, which was to tell its {role}: name "
        what += "one that is there, or leave the option out"
        raise InputError([Problem("--field", "", what)])
    if skipped.read and share <= allowed:
        return
    why = skipped_in_words(refused) or "none was there"
    what = f"{share:.1%} of its lines could not be read ({why})"
    first = next((skipped.first[reason][0] for reason in refused if skipped.first[reason]), "")
    if first:
        what += f", the first is {first!r}"
    remedy = "name its fields (--field) or its format (--format)"
    if skipped.read:
        percents = ceil(100 * share)
        remedy += f", or leave them out: allow_skipped={percents / 100} in Python, "
        remedy += f"--allow-skipped {percents}%"
    raise InputError([Problem("log", "", f"{what}: {remedy}")])


def skipped_in_words(counts: Mapping[str, int]) -> str:
    """Return how many lines have what they were left out for, by reason.

    >>> skipped_in_words({"no time that can be read": 1, "fewer fields than other lines": 1200})
    '1 line has no time that can be read, 1,200 lines have fewer fields than other lines'
    """
    return ", ".join(
        f"{counted(n, 'line')} {'has' if n == 1 else 'have'} {why}" for why, n in counts.items()
    )
