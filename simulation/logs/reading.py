"""Logs read by their content, whatever their names: the way in of this room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulation.errors import InputError, Problem
from simulation.formats import shown
from simulation.logs.clients import ClientNames, Told
from simulation.logs.columns import Reading
from simulation.logs.entries import UNKNOWN, Entries
from simulation.logs.json_logs import read_json
from simulation.logs.layouts import access_layout
from simulation.logs.line_logs import read_lines
from simulation.logs.log_formats import pattern_layout
from simulation.logs.sources import HEAD, encoding_of, find, head_of
from simulation.logs.table_logs import read_table_log
from simulation.logs.typed_tables import EXCEL, PARQUET
from simulation.moments import read_zone
from simulation.quantities import parse_duration

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_skipped", "entries_of_logs", "read_log"]

MOST_SKIPPED = 0.05
"""The share of lines that may be left out without being asked."""

_LOOKED_AT = 300
_HARMLESS = "counts against no limit"
"""A reason to leave an entry out that is no fault of the log."""


def entries_of_logs(paths: Sequence[str | Path], reading: Reading) -> Iterator[Entries]:
    """Yield what logs say, in their order, by parts that fit into memory.

    Raises
    ------
    InputError
        If a file cannot be read, or its form is none that is known.
    """
    layout = None if reading.log_format is None else pattern_layout(reading.log_format)
    for path in find(paths):
        yield from (
            _entries_of(path, reading) if layout is None else read_lines(path, layout, reading)
        )


def _entries_of(path: Path, reading: Reading) -> Iterator[Entries]:
    head = head_of(path)
    if head.startswith((*EXCEL, PARQUET)):
        return read_table_log(path, reading)
    lines = _lines_of(head)
    if not lines:
        raise InputError([Problem(shown(path), "", "is empty, name a log with entries")])
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
    refused = {reason: n for reason, n in skipped.counts.items() if reason != _HARMLESS}
    share = sum(refused.values()) / max(1, skipped.read + sum(refused.values()))
    if skipped.read and share <= allowed:
        return
    reasons = "; ".join(f"{n:,} {reason}" for reason, n in refused.items())
    first = next((each[0] for each in skipped.first.values() if each), "")
    what = f"{share:.1%} of its lines could not be read ({reasons or 'none was there'})"
    if first:
        what += f", the first is {first!r}"
    remedy = "name its fields, or allow more by allow_skipped"
    raise InputError([Problem("log", "", f"{what}: {remedy}")])
