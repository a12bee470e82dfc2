"""The demand of one client: when it calls, and what it asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation.arrays import Ints
from simulation.demand.arrivals import ArrivalProcess, TraceArrivals, arrivals_of
from simulation.demand.kernels import choose, deal
from simulation.demand.streams import stream
from simulation.scenario import CallMix, Client, RecordCount, Scenario

__all__ = ["ClientDemand", "Columns"]


Columns = tuple[Ints, NDArray[np.int32], Ints, Ints]


_MOST_REMEMBERED = 1_000_000  # calls of a client whose days are the same in all replications


class ClientDemand:
    """The demand of one client: its arrival process, and its mix of calls."""

    def __init__(
        self, client: Client, number: int, scenario: Scenario, apis: tuple[str, ...]
    ) -> None:
        self.client = client
        self.number = number
        self.scenario = scenario
        self.arrivals: ArrivalProcess = arrivals_of(client, scenario)
        self.code = {api: code for code, api in enumerate(apis)}
        weights = np.array([call.weight for call in client.calls])
        # Without the last one, which is 1 but for rounding: any number below 1 chooses a kind.
        self.thresholds = np.cumsum(weights)[:-1] / weights.sum()
        self._is_random = client.is_drawn
        self._drawn: dict[int, Columns] = {}
        self._remembered = 0
        self.codes = np.array([self.code[call.api] for call in client.calls], np.int32)

    def draw(self, replication: int, day: int) -> Columns:
        """Return time, api, records and credits of each call of a day, in order of time."""
        if self._is_random:
            return self._draw(replication, day)
        columns = self._drawn.get(day)
        if columns is None:  # every replication has the same
            columns = self._draw(replication, day)
            if self._remembered < _MOST_REMEMBERED:
                self._drawn[day] = columns
                self._remembered += len(columns[0])
        return columns

    def _draw(self, replication: int, day: int) -> Columns:
        times = self.arrivals.draw(replication, day)
        api, records, credits = self._mix(replication, day, len(times))
        if isinstance(self.arrivals, TraceArrivals) and self.arrivals.trace.counts is None:
            api, records = self._recorded(self.arrivals, day, api, records)
            credits = self._credits(api, records)
        clock = self.scenario.clock
        # Cut after all is drawn, so that another horizon changes no call that it keeps.
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
        # Records and costs are drawn for one kind after the other, whole arrays at a time, and
        # then dealt to the calls that chose the kind.
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
            index = np.searchsorted(weights[:-1] / weights[-1], random.random(count), side="right")
            return numbers[index]
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
            key = (self.number, self.code[api])
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
