"""What is wrong with the calls of a client, written or recorded: by the rate card, and the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from simulation.bounds import MOST_CREDITS_A_CALL
from simulation.errors import KeyPath, KeyProblem
from simulation.formats import did_you_mean
from simulation.rate_cards import RateCard
from simulation.scenario.clients import Client
from simulation.scenario.clock import Clock
from simulation.scenario.names import misread_names
from simulation.scenario.partial_reading import Unread

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["CallKinds", "call_problems", "trace_problems"]

_API_KEYS: tuple[KeyPath, ...] = (("rate_card",), ("other_apis",))
"""What says which call kinds there are."""


class CallKinds(NamedTuple):
    """The call kinds that a scenario may name: those of its rate card, and those it declares."""

    card: RateCard
    declared: tuple[str, ...]

    def unknown(self, api: str) -> str:
        """Say so if this is no call kind, and what may be meant."""
        card = self.card
        if api in card.calls or api in self.declared:
            return ""
        known = (*card.calls, *self.declared)
        cost = card.calls["other"].credits
        return (
            f"{api!r} is no call kind of rate card {card.name}, {did_you_mean(api, known)}"
            f"a call without a price of its own, such as another read, costs {cost} and is called "
            f"'other': write that, declare it under 'other_apis', or use one of: {', '.join(known)}"
        )

    def max_records(self, api: str) -> int | None:
        """Return the most records of a call; None where there is no bound."""
        kind = self.card.calls.get(api)
        return kind.max_records if kind else None

    def too_dear(self, api: str, records: int) -> str:
        """Say so if a call costs more credits than the engines can add up."""
        cost = self.card.credits(api, records)
        if cost <= MOST_CREDITS_A_CALL:
            return ""
        return f"{records:,} make {api} cost {cost:,} credits, more than {MOST_CREDITS_A_CALL:,}"


def call_problems(
    client: Client, path: KeyPath, kinds: CallKinds, unread: Unread
) -> Iterator[KeyProblem]:
    """Find calls of a client's mix that the rate card does not know, or does not take."""
    calls = (*path, "calls")
    apis = [
        f"unread {n}" if unread.touches((*calls, n, "api")) else call.api
        for n, call in enumerate(client.calls)
    ]
    for place, what in misread_names(apis):
        yield KeyProblem((*calls, place, "api"), what)
    has_law = not unread.touches(calls, (*path, "arrivals"))
    if has_law and client.arrivals.file is None and not client.calls:
        yield KeyProblem(calls, "is missing, say what this client calls")
    for place, call in enumerate(client.calls):
        here = (*calls, place)
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
    """Find what keeps a client's recorded calls from being replayed in a run."""
    if unread.touches((*path, "calls"), *_API_KEYS):
        return
    if trace.apis is None and not client.calls:
        yield KeyProblem((*path, "calls"), "is missing, and the trace names no api: add it")
    elif outside := _outside(trace, clock):
        yield KeyProblem((*path, *client.arrivals.file_key), outside, trace.file)
    elif wrong := _wrong_row(trace, client, kinds):
        row, what = wrong
        where = f"{trace.file}:{trace.lines[row]}"
        yield KeyProblem((*path, *client.arrivals.file_key), what, where)


def _outside(trace: Trace, clock: Clock) -> str:
    """Say so if no row of a trace falls into the run."""
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
    """Find the first row whose api or records the rate card does not take."""
    mixed = [call.api for call in client.calls]
    for row in range(len(trace.times)):
        named = trace.apis[row] if trace.apis else ""
        if not (named or mixed):
            return row, "names no api here, write one, or give the client 'calls'"
        for api in [named] if named else mixed:
            if unknown := kinds.unknown(api):
                return row, unknown
            most = kinds.max_records(api)
            records = 1 if trace.records is None else int(trace.records[row])
            if most and records > most:
                return row, f"{records} is more than {api} takes, at most {most}"
            if too_dear := kinds.too_dear(api, records):
                return row, too_dear
    return None
