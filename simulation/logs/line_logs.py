"""Logs of lines: access logs, load balancers of AWS, W3C logs; read block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.formats import shown
from simulation.logs.ahead import worked_ahead
from simulation.logs.clients import Told
from simulation.logs.columns import Clock, Columns, Reading, parted
from simulation.logs.entries import Entries
from simulation.logs.layouts import Field, Layout, Role, w3c_layout
from simulation.logs.line_loops import LONG, MISSING, split
from simulation.logs.names import Bytes, HashedRequests
from simulation.logs.sources import LONGEST_LINE, blocks
from simulation.logs.times import Moments, OrderOfDatesError, Texts, read_column

__all__ = ["read_lines"]

_OF_REQUESTS: tuple[Role, ...] = ("method", "path", "query")
_DIRECTIVE = b"#Fields:"
_UNDATED = -1
_SHORT_LINE = 64
"""Bytes of a line of which few logs have a shorter mean; for those the arrays are made anew."""
_REASONS = {
    MISSING: "fewer fields than other lines",
    LONG: "more than 1 MB",
    _UNDATED: "no time where other lines have it",
}


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
    clock = Clock(reading, shown(path), None if layout is None else layout.day_first)
    parse = partial(_parsed, told_by=reading.clients.by, clock=clock)
    line = 1
    for part, tried in worked_ahead(parse, _parts(path, layout), reading.ahead):
        found = tried
        if isinstance(found, OrderOfDatesError) and clock.day_first is not None:
            found = parse(part)[1]  # by what the parts before it have shown
        if isinstance(found, OrderOfDatesError):
            raise clock.refusal(found)
        reading.skipped.note("more than 1 MB", part.too_long, [])
        line += part.too_long
        _note(found, line, clock.file, reading)
        if found.moments is not None and found.columns is not None:
            times = clock.placed(found.moments)
            reading.skipped.read += len(times)
            yield found.columns.entries(reading, times, line + found.numbers)
        line += found.lines


class _Part(NamedTuple):
    """Lines of one layout, and how many before them were too long."""

    data: memoryview
    layout: Layout | None
    too_long: int


class _Parsed(NamedTuple):
    """What lines say by themselves.

    Attributes
    ----------
    lines : int
        How many lines there are.
    numbers : (n,) int64 array
        Which of them, from 0, are entries.
    moments : Moments or None
    columns : Columns or None
        None where no layout is known.
    left_out : list of (str, int, list of (int, str))
        For each reason how many lines are left out, and the number and text of some.
    """

    lines: int
    numbers: Ints
    moments: Moments | None
    columns: Columns | None
    left_out: list[tuple[str, int, list[tuple[int, str]]]]


class Marks(NamedTuple):
    """What stands between fields, as `split` takes it."""

    data: Any
    bounds: Ints
    inner: Ints

    @classmethod
    def of(cls, marks: Sequence[tuple[bytes, int]]) -> Marks:
        """Return the marks of a layout; none where a delimiter parts its lines."""
        sizes = [0, *(len(mark) for mark, _ in marks)] if marks else []
        data = np.frombuffer(b"".join(mark for mark, _ in marks) or b" ", np.uint8)
        inner = np.array([times for _, times in marks], np.int64)
        return cls(data, np.cumsum(sizes, dtype=np.int64), inner)


def _parts(path: Path, layout: Layout | None) -> Iterator[_Part]:
    """Yield the lines of a log in parts of one layout; lines may say what follows them."""
    has_directives = layout is None
    for block in blocks(path):
        if not has_directives:
            yield _Part(block.data, layout, block.too_long)
            continue
        data, begin, too_long = bytes(block.data), 0, block.too_long
        while begin < len(data) or too_long:
            if data.startswith(_DIRECTIVE, begin):
                end = data.find(b"\n", begin) + 1 or len(data)
                directive = data[begin:end].decode("utf-8", "replace")
                following = data[end : end + 10_000].split(b"\n", 1)[0]
                layout = w3c_layout(directive, "\t" if b"\t" in following else " ")
            end = data.find(b"\n" + _DIRECTIVE, begin) + 1 or len(data)
            yield _Part(memoryview(data)[begin:end], layout, too_long)
            begin, too_long = end, 0


def _parsed(
    part: _Part, told_by: Sequence[Told], clock: Clock
) -> tuple[_Part, _Parsed | OrderOfDatesError]:
    """Return what lines say, or why their dates cannot be read before others are known."""
    text = Bytes.of(part.data)
    layout = part.layout
    if layout is None or not text.size:
        early = [line for line in bytes(part.data).split(b"\n") if line and line[:1] != b"#"]
        examples = [(0, line.decode("utf-8", "replace")) for line in early[:1]]
        left_out = [("no #Fields line above that names a date and a time", len(early), examples)]
        count = bytes(part.data).count(b"\n")
        return part, _Parsed(count, np.zeros(0, np.int64), None, None, left_out)
    texts, lines, others, count = _split(text, layout)
    (row,) = [n for n, each in enumerate(layout.fields) if each.role == "time"]
    try:
        moments = read_column(texts[row], clock.day_first)
    except OrderOfDatesError as error:
        return part, error
    is_read = moments.is_read
    if not is_read.all():
        undated = np.vstack([lines[:, ~is_read], np.full((~is_read).sum(), _UNDATED)])
        others = np.hstack([others, undated])
        lines, texts = lines[:, is_read], [each.where(is_read) for each in texts]
        moments = moments.where(is_read)
    columns = _columns(layout, text, texts, told_by)
    left_out = [
        (reason, int((others[2] == kind).sum()), _examples(part.data, others[:, others[2] == kind]))
        for kind, reason in _REASONS.items()
    ]
    return part, _Parsed(count, lines[0], moments, columns, left_out)


def _split(text: Bytes, layout: Layout) -> tuple[list[Texts], Ints, Ints, int]:
    """Return the fields of lines; the numbers of these and where they begin; others; their sum."""
    places = sorted({place for each in layout.fields for place in _places(each)})
    slots = np.full(max(*places, layout.needed - 1) + 1, -1, np.int64)
    slots[places] = np.arange(len(places))
    marks = Marks.of(layout.marks)
    room = text.size // _SHORT_LINE + 1
    while True:
        starts, ends = np.empty((2, len(places), room), np.int64)
        lines, others = np.empty((2, room), np.int64), np.empty((3, room), np.int64)
        arguments = (slots, layout.needed, LONGEST_LINE, starts, ends, lines, others)
        rows, left_out, count = split(text, ord(layout.delimiter), marks, *arguments)
        if count >= 0:
            break
        room = text.size // 2 + 1  # a line and its end
    texts = []
    for each in layout.fields:
        first, last = (slots[place] for place in (_places(each)[0], _places(each)[-1]))
        texts.append(Texts(text.data, starts[first, :rows], ends[last, :rows]))
    return texts, lines[:, :rows], others[:, :left_out], count


def _columns(layout: Layout, text: Bytes, texts: list[Texts], told_by: Sequence[Told]) -> Columns:
    """Return the fields of lines as columns."""
    having = {each.role: its for each, its in zip(layout.fields, texts, strict=True)}
    durations = [
        (its, each.unit)
        for each, its in zip(layout.fields, texts, strict=True)
        if each.role == "duration"
    ]
    return Columns.of(
        _requests(text, having, len(texts[0])),
        {told: having[told] for told in _told(layout, told_by)},
        durations,
        status=having.get("status"),
        identity=having.get("id"),
    )


def _requests(text: Bytes, having: dict[Role, Texts], count: int) -> HashedRequests:
    if "request" in having:
        return parted(having["request"], having.get("method"))
    parts = np.zeros((6, count), np.int64)
    for n, role in enumerate(_OF_REQUESTS):
        if role in having:
            its = having[role]
            is_given = its.ends - its.starts > (role == "query")  # a dash is none
            parts[2 * n], parts[2 * n + 1] = its.starts, np.where(is_given, its.ends, its.starts)
    return HashedRequests.of(text, parts)


def _told(layout: Layout, told_by: Sequence[Told]) -> list[Told]:
    """Return what tells clients apart: addresses only where no agent does."""
    by: Sequence[Told] = told_by or ("user", "agent", "address")
    found = [each for each in by if layout.has(each)]
    if not told_by and "agent" in found and "address" in found:
        found.remove("address")
    return found


def _examples(data: memoryview, others: Ints) -> list[tuple[int, str]]:
    """Return the numbers and the texts of the first lines that are left out."""
    return [(number, _line_at(data, begin)) for number, begin, _ in others[:, :3].T.tolist()]


def _note(found: _Parsed, line: int, file: str, reading: Reading) -> None:
    """Note lines that are left out."""
    for reason, count, examples in found.left_out:
        shown_ones = [(file, line + number, text) for number, text in examples]
        reading.skipped.note(reason, count, shown_ones)


def _places(each: Field) -> list[int]:
    return [each.token] if each.last < 0 else [each.token, each.last]


def _line_at(data: memoryview, begin: int) -> str:
    """Return the beginning of a line."""
    return bytes(data[begin : begin + 400]).split(b"\n", 1)[0].decode("utf-8", "replace").rstrip()
