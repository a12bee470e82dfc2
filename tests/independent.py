"""The pool as others would program it: each decides the same calls, and shares no code with ours.

The rule is the same and the answers must be, call for call. How two things of one instant are
ordered is where programs of this kind differ; ours has releases first (rule 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from itertools import pairwise

import ciw
import simpy

from simulation.demand.calls import Calls
from simulation.quantities import DAY

__all__ = ["loss_queue_of_ciw", "textbook_simpy"]


class _Gaps(ciw.dists.Distribution):  # type: ignore[misc]  # Ciw has no types
    """Times between arrivals, one after the other; Ciw's own cannot be copied on newer Pythons."""

    def __init__(self, times: list[int]) -> None:
        self._gaps = [after - before for before, after in pairwise([0, *times])]
        self._drawn = 0

    def sample(self, t: float | None = None, ind: object = None) -> float:  # noqa: ARG002
        self._drawn += 1
        return float(self._gaps[self._drawn - 1]) if self._drawn <= len(self._gaps) else math.inf


def loss_queue_of_ciw(calls: Calls, servers: int) -> list[bool]:
    """Decide calls of one cost by Ciw: a node with as many servers as fit, and no waiting room.

    A call is a customer who is served for 24 hours, or is turned away. Ciw counts in floats, which
    hold whole µs exactly. Of several events of one instant it draws the first at random, so this
    is for calls of which none comes exactly 24 hours after another.
    """
    times = calls.time.tolist()
    network = ciw.create_network(
        arrival_distributions=[_Gaps(times)],
        service_distributions=[ciw.dists.Deterministic(float(DAY))],
        number_of_servers=[servers],
        queue_capacities=[0],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(float(max(times, default=0) + 2 * DAY))
    records = sorted(simulation.get_all_records(), key=lambda record: int(record.id_number))
    assert [int(record.arrival_date) for record in records] == times
    return [record.record_type == "service" for record in records]


def textbook_simpy(calls: Calls, limit: int) -> list[bool]:
    """Decide calls by the SimPy model of a textbook: a container, and a process for each release.

    At one instant SimPy goes by what was scheduled first. That is the release, unless the process
    that makes the calls has slept for all of the 24 hours.
    """
    env, granted = simpy.Environment(), list[bool]()
    pool = simpy.Container(env, capacity=limit or 1, init=limit)

    def release(credits: int) -> Generator[simpy.Event, None, None]:
        yield env.timeout(DAY)
        yield pool.put(credits)

    def client() -> Generator[simpy.Event, None, None]:
        for time, credits in zip(calls.time.tolist(), calls.credits.tolist(), strict=True):
            yield env.timeout(time - env.now)
            granted.append(pool.level >= credits)
            if granted[-1]:
                yield pool.get(credits)
                env.process(release(credits))

    env.process(client())
    env.run()
    return granted
