"""The demand of one client: when it calls, and what it asks for."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.demand.arrivals import ArrivalProcess, Arrivals, TraceArrivals, arrivals_of
from simulation.demand.calls import packed
from simulation.demand.mix import Mix
from simulation.scenario import Client, Scenario

__all__ = ["ClientDemand", "Wanted"]

_MOST_REMEMBERED = 1_000_000  # calls of a client that are the same in all replications


class Wanted(NamedTuple):
    """What a client wants on some local days, n calls in order of time.

    Attributes
    ----------
    time : (n,) int64 array
        µs since the scenario's start.
    what : (n,) int64 array
        Kind and records of each call, as `simulation.demand.calls.packed`.
    """

    time: Ints
    what: Ints


class ClientDemand:
    """The demand of one client: its arrival process, and its mix of calls."""

    def __init__(self, client: Client, scenario: Scenario, apis: tuple[str, ...]) -> None:
        self.client = client
        self.scenario = scenario
        self.arrivals: ArrivalProcess = arrivals_of(client, scenario)
        self.code = {api: code for code, api in enumerate(apis)}
        self._mix = Mix(client, scenario, self.code)
        # What is not drawn is the same in all replications: when the calls come, or all of them.
        self._arrives = _Remembered(not client.arrivals.is_drawn)
        self._wants = _Remembered(not client.is_drawn)

    @property
    def may_be_shared(self) -> bool:
        """Whether demands may share it; recorded usage takes little to replay."""
        return self.client.arrivals.file is None

    def draw(self, replication: int, days: range) -> Wanted:
        """Return the calls of some local days, in order of time."""
        wanted: Wanted | None = self._wants.get(days)
        if wanted is None:
            wanted = self._draw(replication, days)
            self._wants.keep(days, wanted)
        return wanted

    def _draw(self, replication: int, days: range) -> Wanted:
        arrivals: Arrivals | None = self._arrives.get(days)
        if arrivals is None:
            arrivals = self.arrivals.draw(replication, days)
            self._arrives.keep(days, arrivals)
        what = self._mix.draw(replication, arrivals)
        if isinstance(self.arrivals, TraceArrivals) and self.arrivals.trace.counts is None:
            what = self._recorded(self.arrivals, days, what)
        return Wanted(arrivals.times, what)

    def _recorded(self, arrivals: TraceArrivals, days: range, what: Ints) -> Ints:
        """Return what the trace names in place of what the mix drew."""
        rows, trace = arrivals.rows(days), arrivals.trace
        api, records = what >> 32, what & (2**32 - 1)
        if trace.apis is not None:
            named = [self.code.get(name, -1) for name in trace.apis[rows]]
            from_trace = np.array(named, np.int64)
            api = np.where(from_trace >= 0, from_trace, api)
            records = np.where(from_trace >= 0, 1, records)
        if trace.records is not None:
            said = trace.records[rows]
            records = np.where(said > 0, said, records)
        return packed(api, records)

    def cheapest(self) -> dict[int, int]:
        """Return the least that a call of each kind can cost, by the kind's index."""
        card, least = self.scenario.card, dict[int, int]()
        trace = self.arrivals.trace if isinstance(self.arrivals, TraceArrivals) else None

        recorded = trace.records if trace else None
        said = recorded[recorded > 0] if recorded is not None else np.empty(0, np.int64)
        open_somewhere = len(said) < (0 if recorded is None else len(recorded))

        def note(api: str, records: int) -> None:
            code = self.code[api]
            least[code] = min(card.credits(api, records), least.get(code, 2**62))

        for call in self.client.calls:
            if len(said):
                note(call.api, int(said.min()))
            if not len(said) or open_somewhere:
                note(call.api, call.records.smallest)
        for row, api in enumerate((trace and trace.apis) or ()):
            if api:
                note(api, 1 if recorded is None else max(1, int(recorded[row])))
        return least


class _Remembered:
    """What was drawn on some days, where it is the same in all replications."""

    def __init__(self, is_same: bool) -> None:
        self._room = _MOST_REMEMBERED if is_same else 0
        self._drawn: dict[range, Any] = {}

    def get(self, days: range) -> Any:
        return self._drawn.get(days)

    def keep(self, days: range, drawn: Arrivals | Wanted) -> None:
        """Remember it unless that takes too much memory."""
        if self._room > 0:
            self._room -= len(drawn[0])
            self._drawn[days] = drawn
