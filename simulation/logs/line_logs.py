"""Logs of lines: access logs, load balancers of AWS, W3C logs; read block by block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.formats import shown
from simulation.logs.clients import Told
from simulation.logs.columns import Columns, Reading, Requests, read_times
from simulation.logs.entries import Entries
from simulation.logs.layouts import Field, Layout, Role, w3c_layout
from simulation.logs.line_loops import FIELDS, LONG, MISSING, count_lines, split
from simulation.logs.names import Bytes
from simulation.logs.sources import LONGEST_LINE, Block, blocks
from simulation.logs.times import Texts

__all__ = ["read_lines"]

_OF_REQUESTS: tuple[Role, ...] = ("method", "path", "query")
_DIRECTIVE = b"#Fields:"


def read_lines(path: Path, layout: Layout | None, reading: Reading) -> Iterator[Entries]:
    """Yield what a log of lines says, block by block.

    Parameters
    ----------
    path : Path
    layout : Layout or None
        What stands where; None where lines that begin with ``#Fields:`` say it.
    reading : Reading

    Raises
    ------
    InputError
        If the file cannot be read, or its dates can be read in two ways.
    """
    lines = _Lines(path, layout, reading)
    for block in blocks(path):
        yield from lines.take(block)


class _Lines:
    """The lines of one file."""

    def __init__(self, path: Path, layout: Layout | None, reading: Reading) -> None:
        self._file, self._reading = shown(path), reading
        self._layout, self._has_directives = layout, layout is None
        self._line = 1

    def take(self, block: Block) -> Iterator[Entries]:
        """Yield the entries of a block."""
        self._reading.skipped.note("longer than 1 MB", block.too_long, [])
        self._line += block.too_long
        if not self._has_directives:
            yield self._entries(block.data)
            return
        data, begin = bytes(block.data), 0
        while begin < len(data):  # the fields may change from line to line
            if data.startswith(_DIRECTIVE, begin):
                end = data.find(b"\n", begin) + 1 or len(data)
                directive = data[begin:end].decode("utf-8", "replace")
                following = data[end : end + 10_000].split(b"\n", 1)[0]
                self._layout = w3c_layout(directive, "\t" if b"\t" in following else " ")
                self._line += 1
            else:
                found = data.find(b"\n" + _DIRECTIVE, begin) + 1
                end = found or len(data)
                yield self._entries(memoryview(data)[begin:end])
            begin = end

    def _entries(self, data: memoryview) -> Entries:
        """Return the entries of lines of one layout."""
        text = Bytes.of(data)
        count = count_lines(text)
        layout, begin = self._layout, self._line
        self._line += count
        if layout is None or not count:
            early = [line for line in bytes(data).split(b"\n") if line and line[:1] != b"#"]
            reason = "before #Fields names a date and a time"
            examples = [(self._file, begin, line.decode("utf-8", "replace")) for line in early]
            self._reading.skipped.note(reason, len(early), examples[:1])
            return Entries.together([])
        starts, ends, kinds, lines = self._split(text, layout, count)
        numbers = begin + np.arange(count)
        self._note(data, kinds == MISSING, lines, numbers, "fewer fields than other lines")
        self._note(data, kinds == LONG, lines, numbers, "longer than 1 MB")
        whole = np.flatnonzero(kinds == FIELDS)
        starts, ends = starts[:, whole], ends[:, whole]
        (row,) = [n for n, each in enumerate(layout.fields) if each.role == "time"]
        column = Texts(text.data, starts[row], ends[row])
        times, is_read = read_times(column, self._reading, self._file)
        self._note(
            data, ~is_read, lines[whole], numbers[whole], "no time where other lines have it"
        )
        kept = np.flatnonzero(is_read)
        starts, ends = starts[:, kept], ends[:, kept]
        self._reading.skipped.read += len(kept)
        columns = self._columns(layout, text, starts, ends)
        return columns.entries(self._reading, times[kept], numbers[whole[kept]])

    def _split(self, text: Bytes, layout: Layout, count: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Return where fields begin and end, what each line is, and where it begins."""
        places = sorted({place for each in layout.fields for place in _places(each)})
        slots = np.full(max(*places, layout.needed - 1) + 1, -1, np.int64)
        slots[places] = np.arange(len(places))
        starts = np.empty((len(places), count), np.int64)
        ends, lines = np.empty_like(starts), np.empty(count, np.int64)
        kinds = np.empty(count, np.int8)
        delimiter = ord(layout.delimiter)
        arguments = (layout.needed, LONGEST_LINE, starts, ends, kinds, lines)
        split(text, delimiter, slots, *arguments)
        chosen = [places.index(each.token) for each in layout.fields]
        last = [places.index(_places(each)[-1]) for each in layout.fields]
        return starts[chosen], ends[last], kinds.astype(np.int64), lines

    def _columns(self, layout: Layout, text: Bytes, starts: Ints, ends: Ints) -> Columns:
        """Return the fields of lines as columns."""
        texts = [
            Texts(text.data, np.ascontiguousarray(first), np.ascontiguousarray(last))
            for first, last in zip(starts, ends, strict=True)
        ]
        having = {each.role: its for each, its in zip(layout.fields, texts, strict=True)}
        durations = [
            (its, each.unit)
            for each, its in zip(layout.fields, texts, strict=True)
            if each.role == "duration"
        ]
        told = self._told(layout)
        return Columns(
            self._requests(text, having, starts.shape[1]),
            having.get("status"),
            having.get("id"),
            durations=durations,
            told={name: having[name] for name in told},
        )

    def _requests(self, text: Bytes, having: dict[Role, Texts], count: int) -> Requests:
        if "request" in having:
            return Requests.of(having["request"])
        parts = np.zeros((6, count), np.int64)
        for n, role in enumerate(_OF_REQUESTS):
            if role in having:
                its = having[role]
                is_given = its.ends - its.starts > (role == "query")  # a dash is none
                parts[2 * n], parts[2 * n + 1] = (
                    its.starts,
                    np.where(is_given, its.ends, its.starts),
                )
        return Requests(text, parts)

    def _told(self, layout: Layout) -> list[Told]:
        """Return what tells clients apart: addresses only where no agent does."""
        by = self._reading.clients.by or ("user", "agent", "address")
        found = [each for each in by if layout.has(each)]
        if not self._reading.clients.by and "agent" in found and "address" in found:
            found.remove("address")
        return found

    def _note(
        self, data: memoryview, wrong: Flags, begins: Ints, numbers: Ints, reason: str
    ) -> None:
        """Note lines that are left out."""
        rows = np.flatnonzero(wrong)
        examples = [
            (self._file, int(numbers[row]), _line_at(data, int(begins[row])))
            for row in rows[:3].tolist()
        ]
        self._reading.skipped.note(reason, len(rows), examples)


def _places(each: Field) -> list[int]:
    return [each.token] if each.last < 0 else [each.token, each.last]


def _line_at(data: memoryview, begin: int) -> str:
    """Return the beginning of a line."""
    return bytes(data[begin : begin + 400]).split(b"\n", 1)[0].decode("utf-8", "replace").rstrip()
