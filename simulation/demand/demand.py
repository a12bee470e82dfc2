"""Demand: what the clients want, one local day at a time, as arrays.

Both engines take the same demand. It depends on the scenario and its seed, never on what
the pool does with it.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import Calls, concatenate
from simulation.demand.client import ClientDemand
from simulation.demand.kernels import line_up
from simulation.demand.workload import calls_a_day
from simulation.scenario import Scenario

__all__ = ["Demand", "demand_of"]


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
        declared = (*scenario.card.calls, *scenario.other_apis)
        self.apis = tuple(api for api in dict.fromkeys(declared) if api in used)
        self._clients = [
            ClientDemand(client, number, scenario, self.apis)
            for number, client in enumerate(scenario.clients)
        ]
        # Fetching memory anew from the system for each day takes as long as drawing the day. The
        # GNU C library keeps freed memory once an array just below its bound of 32 MiB was freed,
        # in the whole process and up to twice that size. A day of 333,333 calls is drawn in 20 ms,
        # and in 39 ms without the line below (best of 25, twice each, on 2 cores), by
        #   python -m timeit -n 2 -r 25 -s "from simulation.demand import Demand
        #   from tests.benchmarks.compiled_engine import scenario
        #   demand = Demand(scenario(10_000_000, mix=True)); demand.draw_day(0, 3)" \
        #   "demand.draw_day(0, 3)"
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
    def calls_a_day(self) -> float:
        """How many calls all clients submit on a mean local day."""
        return calls_a_day(self.scenario)

    @cached_property
    def busiest_day(self) -> int:
        """The most calls on a day of the first week, in the first replication."""
        return max(len(self.draw_day(0, day)) for day in range(min(7, self.days)))

    def draw_client(self, replication: int, client: int, day: int, first_call: int = 0) -> Calls:
        """Return the calls of one client on one local day, in order of time.

        Parameters
        ----------
        replication, client, day : int
            Counted from 0; ``client`` is the client's number.
        first_call : int
            How many calls the client made on the days before.
        """
        time, api, records, credits = self._clients[client].draw(replication, day)
        number = np.full(len(time), client, np.int32)
        call = np.arange(first_call, first_call + len(time), dtype=np.int64)
        return Calls(time, number, call, api, records, credits)

    def draw_day(
        self, replication: int, day: int, first_calls: Sequence[int] | Ints | None = None
    ) -> Calls:
        """Return the calls of all clients on one local day, ordered by time, client and call."""
        each = [client.draw(replication, day) for client in self._clients]
        bits = (len(each) - 1).bit_length()
        # A key that holds the client sorts by time and then by client, on any sorting method, and
        # in place: the calls' other columns need no index, since `line_up` finds them by client.
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
