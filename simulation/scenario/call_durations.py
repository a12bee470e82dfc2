"""How long the calls of a client stay open: as its mix says, else as the rate card does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from simulation.errors import KeyPath, KeyProblem
from simulation.rate_cards import CallDuration, RateCard
from simulation.scenario.clients import Client

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["ClientDurations", "duration_problems", "duration_remarks", "durations_of"]


class ClientDurations(NamedTuple):
    """How long the calls of one client stay open.

    Attributes
    ----------
    of_call : tuple of CallDuration
        Of each call of its mix.
    of_api : dict of str to CallDuration
        Of each kind that recorded usage names: as the call of that kind in the mix, if any.
    """

    of_call: tuple[CallDuration, ...]
    of_api: dict[str, CallDuration]

    @property
    def are_drawn(self) -> bool:
        """Whether some are drawn at random."""
        return any(law.fixed is None for law in (*self.of_call, *self.of_api.values()))


def durations_of(client: Client, card: RateCard, trace: Trace | None) -> ClientDurations:
    """Return how long the calls of a client stay open; ``trace`` is what it replays, if any."""
    calls = client.calls
    of_call = tuple(call.duration or card.duration(call.api) for call in calls)
    of_api = dict[str, CallDuration]()
    if trace is not None and trace.apis is not None:
        in_mix = {call.api: law for call, law in zip(calls, of_call, strict=True)}
        named = dict.fromkeys(filter(None, trace.apis))
        of_api = {api: in_mix.get(api) or card.duration(api) for api in named}
    return ClientDurations(of_call, of_api)


def duration_problems(client: Client, path: KeyPath) -> Iterator[KeyProblem]:
    """Yield durations of one kind that differ, where recorded usage names only the kind."""
    first = dict[str, int]()
    for index, call in enumerate(client.calls):
        other = first.setdefault(call.api, index)
        if call.duration != client.calls[other].duration:
            what = (
                f"differs from that of #{other + 1}, and a recorded {call.api} may be either: "
                "write one duration for both"
            )
            yield KeyProblem((*path, "calls", index, "duration"), what)


def duration_remarks(clients: Sequence[Client]) -> Iterator[KeyProblem]:
    """Yield durations that are written, for scenarios in which no call lasts."""
    for number, client in enumerate(clients):
        for index, call in enumerate(client.calls):
            if call.duration is not None:
                what = "has no effect, nothing counts the calls that are open at once"
                yield KeyProblem(("clients", number, "calls", index, "duration"), what)
