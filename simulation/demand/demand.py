"""Demand: what the clients want, one local day at a time, as arrays.

Both engines take the same demand. It depends on the scenario and its seed, never on what
the pool does with it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from simulation.demand.arrivals import ArrivalProcess, TraceArrivals, arrivals_of
from simulation.demand.kernels import choose, deal, line_up
from simulation.demand.streams import stream
from simulation.scenario import CallMix, Client, RecordCount, Scenario

__all__ = ["Calls", "Demand", "demand_of"]

Ints = NDArray[np.int64]
Columns = tuple[Ints, NDArray[np.int32], Ints, Ints]

_MOST_REMEMBERED = 1_000_000  # calls of a client whose days are the same in all replications


@dataclass(frozen=True)
class Calls:
    """Calls that clients want to make, a column each; all of one length.

    Attributes
    ----------
    time : (n,) int64 array
        When the call is submitted, µs since the scenario's start.
    client : (n,) int32 array
        The client's place in the scenario.
    call : (n,) int64 array
        The call's number within its client and replication, from 0, in order of time.
    api : (n,) int32 array
        The call kind's place in `Demand.apis`.
    records, credits : (n,) int64 array
        Records in the call, and what it costs.
    """

    time: Ints
    client: NDArray[np.int32]
    call: Ints
    api: NDArray[np.int32]
    records: Ints
    credits: Ints

    def __len__(self) -> int:
        return len(self.time)

    def take(self, index: Ints | slice) -> Calls:
        """Return some of the calls, by index."""
        return Calls(*(getattr(self, field.name)[index] for field in fields(self)))


def concatenate(parts: Sequence[Calls]) -> Calls:
    """Join calls, one after the other."""
    return Calls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Calls)))


class Demand:
    """What every client of a scenario wants, on any day of any replication.

    Attributes
    ----------
    scenario : Scenario
        The scenario.
    apis : tuple of str
        The call kinds that the scenario makes, in the order of the rate card.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        used = {call.api for client in scenario.clients for call in client.calls}
        for client in scenario.clients:
            if client.arrivals.file is not None:
                used.update(api for api in scenario.trace_of(client).apis or () if api)
        known = (*scenario.card.calls, *scenario.other_apis)
        self.apis = tuple(api for api in dict.fromkeys(known) if api in used)
        self._clients = [_ClientDemand(c, n, self) for n, c in enumerate(scenario.clients)]
        # Fetching memory anew from the system for each day takes as long as drawing the day. The
        # GNU C library keeps what is freed once it has seen an array of this size go.
        np.empty(31 * 2**20, np.uint8)

    @property
    def is_random(self) -> bool:
        """Whether replications differ: some arrivals, mix, records or jitter are drawn."""
        return self.scenario.is_random

    @property
    def days(self) -> int:
        """How many local days a run touches."""
        return self.scenario.clock.days

    @cached_property
    def busiest_day(self) -> int:
        """The most calls on a day of the first week, in the first replication."""
        return max(len(self.draw_day(0, day)) for day in range(min(7, self.days)))

    def draw_client(self, replication: int, client: int, day: int, first_call: int = 0) -> Calls:
        """Return the calls of one client on one local day, in order of time.

        Parameters
        ----------
        replication, client, day : int
            Counted from 0; ``client`` is its place in the scenario.
        first_call : int
            How many calls the client made on the days before.
        """
        time, api, records, credits = self._clients[client].draw(replication, day)
        place = np.full(len(time), client, np.int32)
        call = np.arange(first_call, first_call + len(time), dtype=np.int64)
        return Calls(time, place, call, api, records, credits)

    def draw_day(
        self, replication: int, day: int, first_calls: Sequence[int] | Ints | None = None
    ) -> Calls:
        """Return the calls of all clients on one local day, ordered by time, client and call."""
        each = [client.draw(replication, day) for client in self._clients]
        bits = (len(each) - 1).bit_length()
        # A key that holds the client sorts by time and then by client, on any sorting method.
        keys = np.concatenate([columns[0] << bits | n for n, columns in enumerate(each)])
        keys.sort()
        _, api, records, credits = (np.concatenate(column) for column in zip(*each, strict=True))
        ends = np.cumsum([len(columns[0]) for columns in each])
        firsts = np.zeros(len(each), np.int64) if first_calls is None else np.array(first_calls)
        return Calls(*line_up(keys, bits, ends, firsts, api, records, credits))

    def draw_days(self, replication: int) -> Iterator[Calls]:
        """Yield the calls of all clients on each local day, numbered through all days."""
        made = np.zeros(len(self._clients), np.int64)
        for day in range(self.days):
            calls = self.draw_day(replication, day, made)
            made += np.bincount(calls.client, minlength=len(made))
            yield calls

    def draw_replication(self, replication: int) -> Calls:
        """Return the calls of all clients on all days, in order."""
        return concatenate(list(self.draw_days(replication)))

    @cached_property
    def cheapest(self) -> dict[tuple[int, int], int]:
        """The least credits that a call can cost, for each (client, api) that occurs."""
        return {key: cost for client in self._clients for key, cost in client.cheapest().items()}


@lru_cache(maxsize=4)
def demand_of(scenario: bytes) -> Demand:
    """Return the demand of a pickled scenario, which a worker is sent again and again."""
    return Demand(pickle.loads(scenario))


class _ClientDemand:
    """The demand of one client: its arrival process, and its mix of calls."""

    def __init__(self, client: Client, place: int, demand: Demand) -> None:
        self.client = client
        self.place = place
        self.scenario = demand.scenario
        self.arrivals: ArrivalProcess = arrivals_of(client, demand.scenario)
        self.code = {api: code for code, api in enumerate(demand.apis)}
        weights = np.array([call.weight for call in client.calls])
        self.thresholds = np.cumsum(weights)[:-1] / weights.sum()
        self._is_random = client.is_drawn
        self._known: dict[int, Columns] = {}
        self._remembered = 0
        self.codes = np.array([self.code[call.api] for call in client.calls], np.int32)

    def draw(self, replication: int, day: int) -> Columns:
        """Return time, api, records and credits of each call of a day, in order of time."""
        if self._is_random:
            return self._draw(replication, day)
        known = self._known.get(day)
        if known is None:  # every replication has the same
            known = self._draw(replication, day)
            if self._remembered < _MOST_REMEMBERED:
                self._known[day] = known
                self._remembered += len(known[0])
        return known

    def _draw(self, replication: int, day: int) -> Columns:
        times = self.arrivals.draw(replication, day)
        api, records, credits = self._mix(replication, day, len(times))
        if isinstance(self.arrivals, TraceArrivals) and self.arrivals.trace.counts is None:
            api, records = self._recorded(self.arrivals, day, api, records)
            credits = self._credits(api, records)
        clock = self.scenario.clock
        if len(times) and (times[0] < 0 or times[-1] >= clock.horizon):
            kept = slice(*np.searchsorted(times, [0, clock.horizon]))
            times, api, records, credits = times[kept], api[kept], records[kept], credits[kept]
        return times, api, records, credits

    def _mix(self, replication: int, day: int, count: int) -> tuple[NDArray[np.int32], Ints, Ints]:
        """Draw api, records and credits of each call from the mix."""
        calls, card = self.client.calls, self.scenario.card
        if not calls:
            return np.zeros(count, np.int32), np.ones(count, np.int64), np.ones(count, np.int64)
        key = (self.scenario.seed, replication, self.client.name, day)
        if len(calls) == 1:
            records = self._draw_records(calls[0], count, (*key, "records.0"))
            api = np.full(count, self.codes[0], np.int32)
            return api, records, card.credits(calls[0].api, records)
        chosen, counts = choose(stream(*key, "mix").random(count), self.thresholds)
        each = [
            self._draw_records(call, int(n), (*key, f"records.{entry}"))
            for entry, (call, n) in enumerate(zip(calls, counts, strict=True))
        ]
        costs = [card.credits(call.api, drawn) for call, drawn in zip(calls, each, strict=True)]
        dealt: tuple[NDArray[np.int32], Ints, Ints] = deal(
            chosen, counts, self.codes, np.concatenate(each), np.concatenate(costs)
        )
        return dealt

    def _draw_records(self, call: CallMix, count: int, key: tuple[int, int, str, int, str]) -> Ints:
        law: RecordCount = call.records
        if law.fixed is not None:
            return np.full(count, law.fixed, np.int64)
        random = stream(*key)
        if law.uniform is not None:
            return random.integers(law.uniform[0], law.uniform[1], count, np.int64, endpoint=True)
        if law.choices is not None:
            numbers = np.array(list(law.choices), np.int64)
            weights = np.cumsum(list(law.choices.values()))
            place = np.searchsorted(weights[:-1] / weights[-1], random.random(count), side="right")
            return numbers[place]
        kind = self.scenario.card.calls.get(call.api)
        most = kind.max_records if kind else None
        assert law.poisson is not None
        return np.clip(random.poisson(law.poisson, count), 1, most)

    def _recorded(
        self,
        arrivals: TraceArrivals,
        day: int,
        api: NDArray[np.int32],
        records: Ints,
    ) -> tuple[NDArray[np.int32], Ints]:
        """Put what the trace names in place of what the mix drew."""
        rows = arrivals.rows(day)
        trace = arrivals.trace
        if trace.apis is not None:
            named = [self.code.get(name, -1) for name in trace.apis[rows]]
            from_trace = np.array(named, np.int32)
            api = np.where(from_trace >= 0, from_trace, api)
            records = np.where(from_trace >= 0, 1, records)
        if trace.records is not None:
            said = trace.records[rows]
            records = np.where(said > 0, said, records)
        return api, records

    def _credits(self, api: NDArray[np.int32], records: Ints) -> Ints:
        card = self.scenario.card
        if len(self.code) == 1:
            return card.credits(next(iter(self.code)), records)
        credits = np.empty(len(api), np.int64)
        for name, code in self.code.items():
            chosen = np.flatnonzero(api == code)
            if len(chosen):
                credits[chosen] = card.credits(name, records[chosen])
        return credits

    def cheapest(self) -> dict[tuple[int, int], int]:
        """Return the least that a call of each kind can cost, by (client, api)."""
        card, least = self.scenario.card, dict[tuple[int, int], int]()
        trace = self.arrivals.trace if isinstance(self.arrivals, TraceArrivals) else None

        recorded = trace.records if trace else None
        said = recorded[recorded > 0] if recorded is not None else np.empty(0, np.int64)
        open_somewhere = len(said) < (0 if recorded is None else len(recorded))

        def note(api: str, records: int) -> None:
            key = (self.place, self.code[api])
            least[key] = min(card.credits(api, records), least.get(key, 2**62))

        for call in self.client.calls:
            if len(said):
                note(call.api, int(said.min()))
            if not len(said) or open_somewhere:
                note(call.api, call.records.smallest)
        for row, api in enumerate((trace and trace.apis) or ()):
            if api:
                note(api, 1 if recorded is None else max(1, int(recorded[row])))
        return least
