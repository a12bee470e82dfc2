"""Checks of a client's calls, written or recorded, against the rate card and the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from simulation.bounds import MOST_CREDITS_A_CALL
from simulation.errors import KeyPath, KeyProblem
from simulation.formats import did_you_mean
from simulation.rate_cards import RateCard
from simulation.scenario.call_durations import duration_problems
from simulation.scenario.clients import Client
from simulation.scenario.clock import Clock
from simulation.scenario.names import misread_names
from simulation.scenario.partial_reading import Unread

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["CallKinds", "call_problems", "trace_problems"]

_API_KEYS: tuple[KeyPath, ...] = (("rate_card",), ("other_apis",))
"""The keys that decide which call kinds there are."""


class CallKinds(NamedTuple):
    """The call kinds that a scenario may name: those of its rate card, and those it declares."""

    card: RateCard
    declared: tuple[str, ...]

    def unknown(self, api: str) -> str:
        """Return what is wrong with a name that is no call kind, or nothing."""
        card = self.card
        if api in card.calls or api in self.declared:
            return ""
        names = (*card.calls, *self.declared)
        other = card.calls["other"]
        cost = other.credits if other.tiers is None else other.tiers.costs_in_words()
        return (
            f"{api!r} is no call kind of rate card {card.name}, {did_you_mean(api, names)}"
            f"a call without a price of its own, such as another read, costs {cost} and is called "
            f"'other': write that, declare it under 'other_apis', or use one of: {', '.join(names)}"
        )

    def max_records(self, api: str) -> int | None:
        """Return the most records of a call; None where there is no bound."""
        return self.card.most_records(api)

    def refused(self, api: str, records: int) -> str:
        """Return what is wrong with a call of this many records, or nothing."""
        if unknown := self.unknown(api):
            return unknown
        if (most := self.max_records(api)) and records > most:
            return f"{records} is more than {api} takes, at most {most}"
        return self.too_dear(api, records)

    def too_dear(self, api: str, records: int) -> str:
        """Return what is wrong with a call that costs more than engines can add up, or nothing."""
        card = self.card
        if card.units(api, records) <= MOST_CREDITS_A_CALL:
            return ""
        cost, most = card.credits(api, records), card.in_credits(MOST_CREDITS_A_CALL)
        return f"{records:,} make {api} cost {cost:,} credits, more than {most:,}"


def call_problems(
    client: Client, path: KeyPath, kinds: CallKinds, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield calls of a client's mix that the rate card lacks or refuses."""
    calls = (*path, "calls")
    apis = [
        f"unread {n}" if unread.touches((*calls, n, "api")) else call.api
        for n, call in enumerate(client.calls)
    ]
    for index, what in misread_names(apis):
        yield KeyProblem((*calls, index, "api"), what)
    has_law = not unread.touches(calls, (*path, "arrivals"))
    if has_law and client.arrivals.file is None and not client.calls:
        yield KeyProblem(calls, "is missing, say what this client calls")
    for index, call in enumerate(client.calls):
        here = (*calls, index)
        if unread.touches((*here, "api"), *_API_KEYS):
            continue
        if unknown := kinds.unknown(call.api):
            yield KeyProblem((*here, "api"), unknown)
        elif unread.touches((*here, "records")):
            continue
        elif (most := kinds.max_records(call.api)) and call.records.largest > most:
            what = f"{call.records.largest} is more than {call.api} takes, write at most {most}"
            yield KeyProblem((*here, "records"), what)
        elif too_dear := kinds.too_dear(call.api, call.records.largest):
            yield KeyProblem((*here, "records"), too_dear)


def trace_problems(
    client: Client, path: KeyPath, kinds: CallKinds, trace: Trace, clock: Clock, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield what keeps a client's recorded calls from being replayed in a run."""
    if unread.touches((*path, "calls"), *_API_KEYS):
        return
    if trace.apis is None and not client.calls:
        yield KeyProblem((*path, "calls"), "is missing, and the trace names no api: add it")
    elif trace.apis is not None and (differing := [*duration_problems(client, path)]):
        yield from differing
    elif outside := _outside(trace, clock):
        yield KeyProblem((*path, *client.arrivals.file_key), outside, trace.file)
    elif wrong := _wrong_row(trace, client, kinds):
        row, what = wrong
        where = f"{trace.file}:{trace.lines[row]}"
        yield KeyProblem((*path, *client.arrivals.file_key), what, where)


def _outside(trace: Trace, clock: Clock) -> str:
    """Return what is wrong with a trace of which no row falls into the run, or nothing."""
    begun = trace.times - clock.start_epoch
    inside = (begun < clock.horizon) & (begun + trace.lengths >= (trace.bucket > 0))
    if trace.counts is None and inside.any():
        return ""
    if trace.counts is not None and trace.counts[inside].any():
        return ""
    if inside.any():
        return "counts no call in the run, write counts above 0, or leave the client out"
    spans = [(int(begun[0]), int(begun[-1])), (0, clock.horizon)]
    rows, run = (
        " to ".join(f"{clock.local(moment):%Y-%m-%d %H:%M}" for moment in span) for span in spans
    )
    return f"has rows from {rows}, none of them in the run ({run}): change 'start'"


def _wrong_row(trace: Trace, client: Client, kinds: CallKinds) -> tuple[int, str] | None:
    """Return the first row whose api or records the rate card refuses, and why; or None."""
    mixed = [call.api for call in client.calls]
    for row in range(len(trace.times)):
        named = trace.apis[row] if trace.apis else ""
        if not (named or mixed):
            return row, "names no api here, write one, or give the client 'calls'"
        for api in [named] if named else mixed:
            records = 1 if trace.records is None else int(trace.records[row])
            if wrong := kinds.refused(api, records):
                return row, wrong
    return None
