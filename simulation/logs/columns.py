"""Entries from the columns of a log: what each field says, whatever the log's form was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.errors import InputError, Problem
from simulation.logs.clients import ClientNames, Told
from simulation.logs.entries import UNKNOWN, Entries, Skipped
from simulation.logs.field_names import FieldRole, column_name, roles_of
from simulation.logs.line_loops import part_requests, read_decimals, without_port
from simulation.logs.moment_parts import UNREAD
from simulation.logs.names import Bytes, HashedRequests, HashedTexts, Names
from simulation.logs.times import Moments, OrderOfDatesError, Texts, read_column

__all__ = ["Clock", "Columns", "Reading", "named", "parted"]


@dataclass
class Reading:
    """How logs are read, and what is found on the way.

    Attributes
    ----------
    zone : ZoneInfo
        The zone of times that carry no offset.
    day_first : bool or None
        Whether 9/11/2017 is in November; None where the log has to tell.
    ahead : int
        How many parts of a file are read before they are asked for.
    log_format : str or None
        The pattern of lines, as `pattern_layout` takes it; None where their content tells.
    fields : mapping of str to str
        What the log calls things, where it is JSON or a table: ``{"time": "request.started"}``.
    clients : ClientNames
    targets : Names
    skipped : Skipped
    bucket : int
        The length of a bucket, µs, where the log has counts; 0 where it has requests.
    offset : int
        What the times are ahead of UTC, µs, as the first of them says that is ahead or behind; 0
        where none is, or none says so.
    remarks : list of str
        What a reader of the log should know.
    is_api : callable or None
        Whether a name is one of an API, which tells whether columns of counts are of APIs or of
        apps; without it they are of APIs.
    found_fields : set of str
        The roles of ``fields`` whose field some log has.
    """

    zone: ZoneInfo
    day_first: bool | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    clients: ClientNames = field(default_factory=ClientNames)
    targets: Names = field(default_factory=Names)
    skipped: Skipped = field(default_factory=Skipped)
    bucket: int = 0
    offset: int = 0
    remarks: list[str] = field(default_factory=list)
    log_format: str | None = None
    ahead: int = 3
    is_api: Callable[[str], bool] | None = None
    found_fields: set[str] = field(default_factory=set)

    def roles_in(self, names: list[str]) -> dict[FieldRole, str]:
        """Return which field of a log says what, by their names, and note which are as asked."""
        plain = {*map(column_name, names)}
        self.found_fields |= {
            role for role, name in self.fields.items() if column_name(name) in plain
        }
        return roles_of(names, self.fields)

    def remark(self, what: str) -> None:
        """Note what a reader of the log should know, once."""
        if what not in self.remarks:
            self.remarks.append(what)


def parted(texts: Texts, methods: Texts | None = None) -> HashedRequests:
    """Return requests such as ``GET /path?query HTTP/1.1``; their methods may stand elsewhere."""
    text, parts = Bytes.of(texts.data), np.empty((6, len(texts)), np.int64)
    part_requests(text, texts.starts, texts.ends, parts)
    if methods is not None:
        parts[0], parts[1] = methods.starts, methods.ends
    return HashedRequests.of(text, parts)


def named(methods: Sequence[str], paths: Sequence[str]) -> HashedRequests:
    """Return requests whose methods and paths are known; a path may be the name of an API."""
    plain = [path.partition("?")[0] for path in paths]
    queries = [path.partition("?")[2] for path in paths]
    columns = [Texts.of(texts) for texts in (methods, plain, queries)]
    before = np.cumsum([0, *(len(each.data) for each in columns[:2])])
    data = np.concatenate([each.data for each in columns])
    parts = [
        place + begin
        for each, begin in zip(columns, before, strict=True)
        for place in (each.starts, each.ends)
    ]
    return HashedRequests.of(Bytes.of(data), np.array(parts, np.int64).reshape(6, len(paths)))


@dataclass(frozen=True)
class Columns:
    """What the columns of a log say of n entries, as far as that needs nothing but them.

    Attributes
    ----------
    requests : HashedRequests
    told : mapping of str to HashedTexts
        What tells clients apart.
    numbers : mapping of str to (n,) int64 array
        The others, by the names that `Entries` has for them.
    """

    requests: HashedRequests
    told: Mapping[Told, HashedTexts]
    numbers: Mapping[str, Ints]

    @classmethod
    def of(
        cls,
        requests: HashedRequests,
        told: Mapping[Told, Texts],
        durations: Sequence[tuple[Texts, int]] = (),
        **others: Texts | None,
    ) -> Columns:
        """Read columns of texts.

        Parameters
        ----------
        requests : HashedRequests
        told : mapping of str to Texts
            What tells clients apart.
        durations : sequence of (Texts, int)
            The parts of a duration, each with the µs of its unit.
        **others : Texts or None
            ``status``, ``identity``, ``records``, ``calls``; None where there is no such column.
        """
        found: dict[str, Ints] = {}
        for name, texts in others.items():
            if texts is not None:
                its = _hashes(texts) if name == "identity" else _numbers(texts, 1)
                found[name] = np.maximum(its, 0, out=its) if name in ("status", "calls") else its
        if durations:
            parts = np.array([_numbers(texts, unit) for texts, unit in durations])
            found["duration"] = np.where((parts < 0).any(axis=0), UNKNOWN, parts.sum(axis=0))
        hashed = {}
        for tells, texts in told.items():
            its_texts = texts
            if tells == "address":
                its_texts = Texts(texts.data, texts.starts, texts.ends.copy())
                without_port(its_texts.data, its_texts.starts, its_texts.ends)
            hashed[tells] = HashedTexts.of(its_texts)
        return cls(requests, hashed, found)

    def entries(self, reading: Reading, times: Ints, lines: Ints) -> Entries:
        """Return the entries, which began at these times."""
        codes = {told: reading.clients.table(told).codes_of(its) for told, its in self.told.items()}
        return Entries.of(
            times,
            lines,
            client=reading.clients.codes_of(codes, len(times)),
            target=reading.targets.targets_of(self.requests),
            same=self.requests.same,
            **self.numbers,
        )


class Clock:
    """The times of one log, read part by part.

    Parameters
    ----------
    reading : Reading
    file : str
        The log, for messages.
    day_first : bool, optional
        Whether 9/11/2017 is in November, where ``reading`` does not tell.
    """

    def __init__(self, reading: Reading, file: str, day_first: bool | None = None) -> None:
        self.file, self._reading = file, reading
        self.day_first = day_first if reading.day_first is None else reading.day_first
        self._latest = UNREAD

    def times(self, texts: Texts) -> tuple[Ints, Flags]:
        """Return when entries began, and which of them have a time that can be read.

        The times are (n,), µs since 1970 UTC.

        Raises
        ------
        InputError
            If the dates can be read day first and month first.
        """
        try:
            moments = read_column(texts, self.day_first)
        except OrderOfDatesError as error:
            raise self.refusal(error) from None
        return self.placed(moments), moments.is_read

    def placed(self, moments: Moments) -> Ints:
        """Return when the moments of the next part of the log are, (n,), µs since 1970 UTC."""
        zone, reading = self._reading.zone, self._reading
        if moments.day_first is not None and reading.day_first is None:
            if self.day_first not in (None, moments.day_first):
                what = "has dates that only the day first can be, and others that only the month"
                raise self.refusal(OrderOfDatesError(f"{what} first"))
            self.day_first = moments.day_first
        times, is_skipped, _ = moments.placed(zone, self._latest)
        if not reading.offset and len(ahead := moments.offsets[~moments.has_no_offset]):
            reading.offset = int(ahead[np.argmax(ahead != 0)])
        if (moments.has_no_offset & moments.is_read).any():
            reading.remark(f"times without an offset are read as local times of {zone}")
            self._latest = max(self._latest, int(times.max()))
        if is_skipped.any():
            reading.remark(
                f"some times are skipped by daylight saving in {zone}: is that the log's zone?"
            )
        return times

    def refusal(self, error: OrderOfDatesError) -> InputError:
        """Return the error of a log whose dates can be read in two ways."""
        what = f"{error}: say which with --dates day_first or month_first, day_first= in Python"
        return InputError([Problem(self.file, "", what)])


def _numbers(texts: Texts, unit: int) -> Ints:
    found = np.empty(len(texts), np.int64)
    read_decimals(texts.data, texts.starts, texts.ends, unit, found)
    return found


def _hashes(texts: Texts) -> Ints:
    """Return a hash of each text, (n,); 0 of one that is empty or a dash."""
    hashed: Ints = HashedTexts.of(texts).hashes.view(np.int64)
    hashed[texts.ends - texts.starts < 2] = 0
    return hashed
