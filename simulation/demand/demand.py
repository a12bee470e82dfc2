"""Demand: what the clients want, some local days at a time, as arrays.

Both engines take the same demand. It depends on the scenario and its seed, never on what
the pool does with it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import groupby, pairwise
from math import ceil

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import Calls, concatenate
from simulation.demand.client import ClientDemand, Drawn
from simulation.demand.order import lined_up
from simulation.demand.portion import Block, Portion
from simulation.demand.wanted import Wanted
from simulation.demand.workload import calls_a_day
from simulation.rate_cards import CallKind, RateCard
from simulation.scenario import Scenario

__all__ = ["Demand", "demands_of"]

_CALLS_A_BLOCK = 2**16
_DAYS_A_BLOCK = 64  # times within a block, in µs, then have less than 43 bits


class Demand:
    """What every client of a scenario wants, on any day of any replication.

    Attributes
    ----------
    scenario : Scenario
        The scenario.
    apis : tuple of str
        The call kinds that the scenario makes, in the order of the rate card.
    has_durations : bool
        Whether calls last, and how long is drawn.

    Parameters
    ----------
    scenario : Scenario
    like : Demand, optional
        Demand of another scenario: clients that are the same there are drawn by the same objects,
        so that `draw_portion` can draw them once for both.
    durations : bool, optional
        Whether calls last; as the scenario needs it unless given.
    """

    def __init__(
        self, scenario: Scenario, like: Demand | None = None, durations: bool | None = None
    ) -> None:
        self.scenario = scenario
        self.has_durations = scenario.needs_durations if durations is None else durations
        used = {call.api for client in scenario.clients for call in client.calls}
        for client in scenario.clients:
            if client.arrivals.file is not None:
                used.update(api for api in scenario.trace_of(client).apis or () if api)
        declared = (*scenario.card.calls, *scenario.other_apis)
        self.apis = tuple(api for api in dict.fromkeys(declared) if api in used)
        drawn_alike: dict[str, ClientDemand] = {}
        if like is not None and like._is_drawn_as(self):
            self.blocks = like.blocks
            drawn_alike = {each.client.name: each for each in like._clients if each.may_be_shared}
        self._clients: list[ClientDemand] = [
            theirs
            if (theirs := drawn_alike.get(client.name)) and theirs.client == client
            else ClientDemand(client, scenario, self.apis, self.has_durations)
            for client in scenario.clients
        ]
        # Fetching memory anew from the system for each day takes as long as drawing the day. The
        # GNU C library keeps freed memory once an array just below its bound of 32 MiB was freed,
        # in the whole process and up to twice that size. A day of 333,333 calls is drawn in 17 ms,
        # and in 39 ms without the line below (best of 25, on 2 cores), by
        #   python -m timeit -n 2 -r 25 -s "from simulation.demand import Demand
        #   from tests.benchmarks.compiled_engine import scenario
        #   demand = Demand(scenario(10_000_000, mix=True)); demand.draw_day(0, 3)" \
        #   "demand.draw_day(0, 3)"
        np.empty(31 * 2**20, np.uint8)

    def _is_drawn_as(self, other: Demand) -> bool:
        """Return whether a client that is the same in another demand wants the same there."""
        mine, theirs = self.scenario, other.scenario
        return (
            mine.seed == theirs.seed
            and (mine.start, mine.timezone, mine.horizon)
            == (theirs.start, theirs.timezone, theirs.horizon)
            and self.apis == other.apis
            and self.has_durations == other.has_durations
            and _costs_alike(mine.card, theirs.card, self.apis, self.has_durations)
        )

    @property
    def is_random(self) -> bool:
        """Whether replications differ: arrivals, mix, records, durations or jitter are drawn."""
        drawn = self.has_durations and self.scenario.draws_durations
        return drawn or self.scenario.is_random

    @property
    def days(self) -> int:
        """How many local days a run touches."""
        return self.scenario.clock.days

    @cached_property
    def calls_a_day(self) -> float:
        """How many calls all clients submit on a mean local day."""
        return calls_a_day(self.scenario)

    @property
    def calls_a_block(self) -> float:
        """How many calls come on the days of a block, on average."""
        return self.calls_a_day * self.days / len(self.blocks)

    @cached_property
    def busiest_day(self) -> int:
        """The most calls on a day of the first week, in the first replication."""
        return max(len(self.draw_day(0, day)) for day in range(min(7, self.days)))

    @cached_property
    def blocks(self) -> list[Block]:
        """The local days of a run, in stretches and parts that are drawn at once.

        No result depends on them: they are long enough that little is done for each, and short
        enough that what is drawn stays in the cache.
        """
        busy = self.calls_a_day / _CALLS_A_BLOCK
        if busy <= 1:
            length = min(int(1 / max(busy, 1e-9)), _DAYS_A_BLOCK)
            every = range(self.days)
            return [Block(every[day : day + length]) for day in every[::length]]
        clock, blocks = self.scenario.clock, list[Block]()
        for day in range(self.days):
            begin, end = max(0, clock.day_start(day)), clock.day_end(day)
            count = ceil(busy)
            edges = [begin + part * (end - begin) // count for part in range(count + 1)]
            blocks += [Block(range(day, day + 1), part) for part in pairwise(edges)]
        return blocks

    def draw_client(self, replication: int, client: int, day: int, first_call: int = 0) -> Calls:
        """Return the calls of one client on one local day, in order of time.

        Parameters
        ----------
        replication, client, day : int
            Counted from 0; ``client`` is the client's number.
        first_call : int
            How many calls the client made on the days before.
        """
        block, nothing = Block(range(day, day + 1)), np.empty(0, np.int64)
        none = nothing if self.has_durations else None
        wanted = [Wanted(nothing, nothing, nothing, none) for _ in self._clients]
        wanted[client] = self._clients[client].draw(replication, block, {})
        firsts = np.zeros(len(wanted), np.int64)
        firsts[client] = first_call
        return lined_up(wanted, firsts, self.scenario.clock.day_start(day))

    def draw_portion(
        self,
        replication: int,
        block: Block,
        first_calls: Sequence[int] | Ints | None = None,
        drawn: Drawn | None = None,
    ) -> Portion:
        """Return what all clients want in a block, not yet lined up.

        Parameters
        ----------
        replication : int
        block : Block
        first_calls : (clients,) int64 array, optional
            How many calls each client made before; none unless given.
        drawn : Drawn, optional
            What is drawn already.
        """
        drawn = drawn or Drawn()
        wanted = [drawn.of(client, replication, block) for client in self._clients]
        firsts = np.zeros(len(wanted), np.int64) if first_calls is None else np.array(first_calls)
        return Portion(block, wanted, self.scenario.clock, firsts)

    def draw_day(
        self, replication: int, day: int, first_calls: Sequence[int] | Ints | None = None
    ) -> Calls:
        """Return the calls of all clients on one local day; else as `draw_portion`."""
        return self.draw_portion(replication, Block(range(day, day + 1)), first_calls).calls()

    def draw_portions(self, replication: int, drawn: Drawn | None = None) -> Iterator[Portion]:
        """Yield what all clients want in each block, calls numbered through all of them."""
        drawn, made = drawn or Drawn(), np.zeros(len(self._clients), np.int64)
        for block in self.blocks:
            portion = self.draw_portion(replication, block, made, drawn)
            made += [len(wanted) for wanted in portion.wanted]
            yield portion

    def draw_blocks(self, replication: int) -> Iterator[Calls]:
        """Yield the calls of all clients in each block, numbered through all of them."""
        return (portion.calls() for portion in self.draw_portions(replication))

    def draw_days(self, replication: int) -> Iterator[Calls]:
        """Yield the calls of all clients on each local day, numbered through all days."""
        drawn = zip(self.blocks, self.draw_blocks(replication), strict=True)
        for days, blocks in groupby(drawn, lambda each: each[0].days):
            calls = concatenate([calls for _, calls in blocks])
            if len(days) == 1:
                yield calls
                continue
            ends = [self.scenario.clock.day_start(day + 1) for day in days]
            first = 0
            for last in np.searchsorted(calls.time, ends).tolist():
                yield calls.take(slice(first, last))
                first = last

    def draw_replication(self, replication: int) -> Calls:
        """Return the calls of all clients on all days, in order."""
        return concatenate(list(self.draw_blocks(replication)))

    @cached_property
    def cheapest(self) -> dict[tuple[int, int], int]:
        """The least that a call can cost, for each (client, api) that occurs.

        In the card's smallest unit.
        """
        return {
            (number, code): cost
            for number, client in enumerate(self._clients)
            for code, cost in client.cheapest().items()
        }


def _costs_alike(one: RateCard, other: RateCard, apis: tuple[str, ...], lasting: bool) -> bool:
    """Return whether calls of these kinds are the same, and cost the same, on two cards.

    Where calls are ``lasting``, they also have to last as long.
    """
    if one == other:
        return True

    def kind(card: RateCard, api: str) -> CallKind | None:
        found = card.calls.get(api)
        if found is None or lasting:
            return found
        return found.model_copy(update={"duration": None})

    # `other` says what kinds cost that a card does not list.
    return one.smallest_unit == other.smallest_unit and all(
        kind(one, api) == kind(other, api) for api in (*apis, "other")
    )


@lru_cache(maxsize=4)
def demands_of(scenarios: bytes) -> list[Demand]:
    """Return the demands of pickled scenarios, which a worker is sent again and again.

    They share the clients that are alike.
    """
    first, *others = pickle.loads(scenarios)
    demand = Demand(first)
    return [demand, *(Demand(each, demand) for each in others)]
