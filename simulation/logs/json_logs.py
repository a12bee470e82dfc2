"""Logs in JSON: a line for each request, or one document with all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from simulation.errors import InputError, Problem
from simulation.formats import shown
from simulation.logs.columns import Clock, Reading
from simulation.logs.entries import Entries
from simulation.logs.records import Record, bucket_of, entries_of, hold_counts
from simulation.logs.sources import blocks, open_log, text_of

__all__ = ["read_json"]

_AT_ONCE = 20_000
_LONGEST_PREFIX = 200
_DEEPEST = 6
_MOST_MEGABYTES = 500
_LISTS = ("records", "value", "items", "entries", "logs", "data", "hits", "resourcespans")

Line = tuple[int, Any]
"""The line of a record, and what it holds."""


def _is_document(head: bytes) -> bool:
    """Return whether a log that begins so is one document, and not a line for each request."""
    first, _, rest = head.lstrip().partition(b"\n")
    if not first.startswith((b"{", b"[")):
        return False
    try:
        json.loads(first)
    except ValueError:
        return True
    return first.startswith(b"[") or not rest.lstrip().startswith(b"{")


def read_json(path: Path, head: bytes, reading: Reading) -> Iterator[Entries]:
    """Yield what a log in JSON says, some thousand requests at a time.

    Read are lines of JSON, behind what a container or syslog puts before them too; lists; HAR;
    spans of OpenTelemetry; and documents with a list called records, value, items or entries.

    Raises
    ------
    InputError
        If the file cannot be read, or is no JSON.
    """
    found = _of_document(path) if _is_document(head) else _of_lines(path, reading)
    flat = ((line, record) for line, each in found for record in _records(each))
    clock = Clock(reading, shown(path))
    part = list(islice(flat, _AT_ONCE))
    counts = hold_counts(part, reading)
    is_first = True
    while part:
        entries = entries_of(part, reading, clock, not counts, counts)
        if counts and is_first:
            reading.bucket = bucket_of(entries, path, reading)
        yield entries
        part, is_first = list(islice(flat, _AT_ONCE)), False


def _of_lines(path: Path, reading: Reading) -> Iterator[Line]:
    number = 1
    for block in blocks(path):
        number += block.too_long
        reading.skipped.note("more than 1 MB", block.too_long, [])
        for line in bytes(block.data).removesuffix(b"\n").split(b"\n"):
            begin = line.find(b"{", 0, _LONGEST_PREFIX)
            try:
                if begin < 0:
                    raise ValueError
                yield number, json.loads(line[begin:])
            except (ValueError, RecursionError):
                if line.strip():
                    text = line[:400].decode("utf-8", "replace")
                    reading.skipped.note("text that is not JSON", 1, [(shown(path), number, text)])
            number += 1


def _of_document(path: Path) -> Iterator[Line]:
    with open_log(path, megabytes=_MOST_MEGABYTES) as file, text_of(file) as text:
        try:
            yield 1, json.load(text)
        except (ValueError, RecursionError) as error:
            what = f"is no JSON ({error})"
            raise InputError([Problem(shown(path), "", what)]) from None


def _records(value: Any) -> Iterator[Record]:
    """Yield the requests of a document, each as names with dots between the levels, and texts."""
    if isinstance(value, list):
        for each in value:
            yield from _records(each)
        return
    if not isinstance(value, dict):
        return
    lower = {str(key).lower(): each for key, each in value.items()}
    if isinstance(lower.get("log"), dict) and isinstance(lower["log"].get("entries"), list):
        for each in lower["log"]["entries"]:
            yield _flat(each)
    elif "resourcespans" in lower:
        yield from _spans(lower["resourcespans"])
    elif (name := next((n for n in _LISTS if isinstance(lower.get(n), list)), None)) and (
        len(lower) <= 4
    ):
        yield from _records(lower[name])
    else:
        yield _flat(value)


def _spans(resources: Any) -> Iterator[Record]:
    """Yield spans, each with its attributes and those of its resource."""
    for resource in resources if isinstance(resources, list) else []:
        its = _attributes("resource", resource.get("resource"))
        for scope in (
            resource.get("scopeSpans") or resource.get("instrumentationLibrarySpans") or []
        ):
            for span in scope.get("spans") or []:
                flat = {**its, **_flat({k: v for k, v in span.items() if k != "attributes"})}
                yield {**flat, **_attributes("attributes", span)}


def _attributes(prefix: str, holder: Any) -> Record:
    """Return attributes, which are a list of keys and typed values."""
    found: Record = {}
    for each in holder.get("attributes") or [] if isinstance(holder, Mapping) else []:
        if isinstance(each, Mapping) and isinstance(each.get("value"), Mapping):
            for value in each["value"].values():
                found[f"{prefix}.{each.get('key')}".lower()] = str(value)
    return found


def _flat(value: Any) -> Record:
    """Return the texts of nested objects by their names, with dots between the levels."""
    found: Record = {}
    waiting: list[tuple[str, Any, int]] = [("", value, 0)]
    while waiting:
        prefix, each, depth = waiting.pop()
        if isinstance(each, Mapping):
            if depth < _DEEPEST:
                for key, inner in each.items():
                    name = f"{prefix}.{key}" if prefix else str(key)
                    waiting.append((name, inner, depth + 1))
        elif isinstance(each, list):
            if len(each) == 1 and not isinstance(each[0], list):  # headers are lists of one
                waiting.append((prefix, each[0], depth + 1))
        elif each is not None:
            found[prefix.lower()] = repr(each) if isinstance(each, float) else str(each)
    return found
