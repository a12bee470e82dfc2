"""Reading of the files that a scenario names: its rate card and its traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from simulation.errors import InputError, KeyPath, KeyProblem
from simulation.formats import Document, shown
from simulation.rate_cards import DEFAULT_RATE_CARD, RateCard
from simulation.scenario.arrival_laws import Arrivals
from simulation.scenario.clients import Client
from simulation.scenario.partial_reading import Unread

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["BEFORE", "NamedFiles", "read_named_files"]

BEFORE = ""
"""What the trace of the calls before the start is called; clients have longer names."""


class NamedFiles(NamedTuple):
    """A rate card, traces by the names of their clients, and what is wrong with the files."""

    card: RateCard
    traces: dict[str, Trace]
    problems: list[KeyProblem]


def read_named_files(
    rate_card: str,
    clients: Sequence[Client],
    before: Arrivals | None,
    other_apis: Sequence[str],
    zone: ZoneInfo,
    document: Document,
    unread: Unread,
) -> NamedFiles:
    """Return the rate card and the traces that a document names, each if it may be read.

    The trace of what came ``before`` the start stands under `BEFORE` among those of clients.

    A card that ships stands in for one that cannot be read, whose key then counts as unread.
    Timestamps without an offset are local times of ``zone``; without a zone no trace is read.
    """
    folder, access = document.folder, document.access
    traces: dict[str, Trace] = {}
    problems: list[KeyProblem] = []
    try:
        if Path(rate_card).suffix:
            access.check(folder, rate_card)
        card = RateCard.load(rate_card, folder)
    except InputError as error:
        problems += _asked_for(("rate_card",), folder / rate_card, error)
        unread.add(("rate_card",))
        card = RateCard.load(DEFAULT_RATE_CARD)
    laws: list[tuple[KeyPath, str, Arrivals]] = [
        (("clients", index, *client.arrivals.file_key), client.name, client.arrivals)
        for index, client in enumerate(clients)
    ]
    if before is not None:
        laws.append((("initial_usage", *before.file_key[1:]), BEFORE, before))
    for key, name, law in () if unread.touches(("timezone",)) else laws:
        if law.file is None:
            continue
        if name in document.kept:
            traces[name] = document.kept[name]
            continue
        from simulation.scenario.traces import read_trace  # the rest can do without NumPy

        try:
            access.check(folder, law.file)
            trace = read_trace(law, folder, zone, access.trace_megabytes)
            traces[name] = trace.spelled_as({*card.calls, *other_apis})
        except InputError as error:
            problems += _asked_for(key, folder / law.file, error)
    return NamedFiles(card, traces, problems)


def _asked_for(key: KeyPath, file: Path, error: InputError) -> Iterator[KeyProblem]:
    """Yield problems of a file; one of the whole file is at the key that asks for it."""
    for problem in error.problems:
        if problem.where == shown(file) and not problem.path:
            yield KeyProblem(key, f"{problem.where}: {problem.what}")
        else:
            yield KeyProblem(key, problem.what, problem.where, problem.path)
