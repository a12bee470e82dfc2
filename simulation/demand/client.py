"""The demand of one client: when it calls, and what it asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.arrays import Flags, Ints
from simulation.demand.arrivals import ArrivalProcess, Arrivals, arrivals_of
from simulation.demand.calls import packed, unpacked
from simulation.demand.durations import Durations
from simulation.demand.mix import Mix
from simulation.demand.portion import Block
from simulation.demand.wanted import Prices, Wanted
from simulation.scenario import Client, Scenario, Trace

__all__ = ["ClientDemand", "Drawn"]

_MOST_REMEMBERED = 1_000_000  # calls of a client that are the same in all replications


class ClientDemand:
    """The demand of one client: its arrival process, its mix of calls, and how long they last.

    Without ``durations`` no call lasts.
    """

    def __init__(
        self, client: Client, scenario: Scenario, apis: tuple[str, ...], durations: bool
    ) -> None:
        self.client = client
        self.scenario = scenario
        self.arrivals: ArrivalProcess = arrivals_of(client, scenario)
        self.code = {api: code for code, api in enumerate(apis)}
        self._codes = np.array([self.code[call.api] for call in client.calls], np.int64)
        self._durations = Durations(client, scenario, self.code) if durations else None
        # Two calls of the mix may be of one kind, and last differently.
        entries = range(len(client.calls)) if durations else self._codes.tolist()
        self._mix = Mix(client, scenario, entries)
        self._trace = None if client.arrivals.file is None else scenario.trace_of(client)
        named = (self._trace and self._trace.apis) or ()
        self._api_of_row = np.array([self.code.get(name, -1) for name in named], np.int64)
        self._prices = Prices.of(scenario.card, apis)
        # What is not drawn is the same in all replications: when the calls come, or all of them.
        self._arrives = _Remembered(not client.arrivals.is_drawn)
        lasts_alike = self._durations is None or not self._durations.are_drawn
        self._wants = _Remembered(lasts_alike and not client.is_drawn)

    @property
    def may_be_shared(self) -> bool:
        """Whether demands may share it; recorded usage takes little to replay."""
        return self.client.arrivals.file is None

    def draw(self, replication: int, block: Block, arrived: dict[ClientDemand, Arrivals]) -> Wanted:
        """Return the calls of a block, in order of time.

        ``arrived`` holds the arrivals of the block's days, which its parts share.
        """
        wanted: Wanted | None = self._wants.get(block)
        if wanted is None:
            if self not in arrived:
                arrived[self] = self._arrive(replication, block.days)
            wanted = self._want(replication, block, arrived[self])
            self._wants.keep(block, wanted)
        return wanted

    def _arrive(self, replication: int, days: range) -> Arrivals:
        arrivals: Arrivals | None = self._arrives.get(days)
        if arrivals is None:
            arrivals = self.arrivals.draw(replication, days)
            self._arrives.keep(days, arrivals)
        return arrivals

    def _want(self, replication: int, block: Block, arrivals: Arrivals) -> Wanted:
        if block.part is not None:
            arrivals = arrivals.part(*block.part)
        what = self._mix.draw(replication, arrivals)
        entry = None
        if self._durations is not None:
            entry, records = unpacked(what)
            what = packed(self._codes[entry] if len(self._codes) else entry, records)
        if self._trace is not None and arrivals.rows is not None:
            named, what = self._recorded(self._trace, arrivals.rows, what)
            if entry is not None and named is not None:
                entry = np.where(named, -1, entry)
        duration = None
        if self._durations is not None and entry is not None:
            duration = self._durations.draw(replication, arrivals, entry, unpacked(what)[0])
        return Wanted(arrivals.times, what, self._prices.credits(what), duration)

    def _recorded(self, trace: Trace, rows: Ints, what: Ints) -> tuple[Flags | None, Ints]:
        """Return which rows of a trace name a kind, and what they name in place of the mix's."""
        (api, records), is_named = unpacked(what), None
        if trace.apis is not None:
            from_trace = self._api_of_row[rows]
            is_named = from_trace >= 0
            api = np.where(is_named, from_trace, api)
            records = np.where(is_named, 1, records)
        if trace.records is not None:
            said = trace.records[rows]
            records = np.where(said > 0, said, records)
        return is_named, packed(api, records)

    def cheapest(self) -> dict[int, int]:
        """Return the least that a call of each kind can cost, by the kind's index.

        In the card's smallest unit.
        """
        card, least = self.scenario.card, dict[int, int]()
        trace = self._trace
        recorded = trace.records if trace else None
        said = recorded[recorded > 0] if recorded is not None else np.empty(0, np.int64)
        open_somewhere = len(said) < (0 if recorded is None else len(recorded))

        def note(api: str, fewest: int, most: int) -> None:
            code = self.code[api]
            least[code] = min(card.least_units(api, fewest, most), least.get(code, 2**62))

        for call in self.client.calls:
            # More records may cost less where a card has tiers, and only then each number matters.
            each = np.unique(said) if card.kind(call.api).tiers else np.sort(said)[:1]
            for number in each.tolist():
                note(call.api, number, number)
            if not len(said) or open_somewhere:
                for fewest, most in call.records.spans(card.most_records(call.api)):
                    note(call.api, fewest, most)
        for row, api in enumerate((trace and trace.apis) or ()):
            if api:
                records = 1 if recorded is None else max(1, int(recorded[row]))
                note(api, records, records)
        return least


class Drawn:
    """What clients want in a block of one replication, as far as it is drawn.

    Demands that share clients and walk the blocks side by side share it, so that each client is
    drawn once.
    """

    def __init__(self) -> None:
        self._block = Block(range(0))
        self._arrived: dict[ClientDemand, Arrivals] = {}
        self._wanted: dict[ClientDemand, Wanted] = {}

    def of(self, client: ClientDemand, replication: int, block: Block) -> Wanted:
        """Return what a client wants in a block; blocks come in order."""
        if block is not self._block:
            if block.days != self._block.days:
                self._arrived.clear()
            self._wanted.clear()
            self._block = block
        wanted = self._wanted.get(client)
        if wanted is None:
            wanted = self._wanted[client] = client.draw(replication, block, self._arrived)
        return wanted


class _Remembered:
    """What was drawn of days or blocks, where it is the same in all replications."""

    def __init__(self, is_same: bool) -> None:
        self._room = _MOST_REMEMBERED if is_same else 0
        self._drawn: dict[Any, Any] = {}

    def get(self, of: range | Block) -> Any:
        return self._drawn.get(of)

    def keep(self, of: range | Block, drawn: Arrivals | Wanted) -> None:
        """Remember it unless that takes too much memory."""
        if self._room > 0:
            self._room -= len(drawn.times if isinstance(drawn, Arrivals) else drawn)
            self._drawn[of] = drawn
