"""Demand for the theory: runs that begin in their stationary state, and calls that tie.

Theory speaks of the stationary state. A pool that starts full forgets it slowly: with a fixed
holding time the start comes back every window. So the demand of the first day is drawn here such
that the pool is in its stationary state when the first window ends, and one window of warm-up
leaves it out. The engines are the product's own, and so is the demand from the second day on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import poisson

from simulation.demand import Block, Drawn, Portion
from simulation.demand.calls import Calls, concatenate, packed
from simulation.demand.demand import Demand
from simulation.demand.wanted import Wanted
from simulation.quantities import DAY
from simulation.scenario.scenario import Scenario

__all__ = ["Slotted", "Slotting", "Stationary", "stationary_counts"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_SLOTTED, _STATIONARY = 1, 2  # name the random numbers


class _OfTheTests(Demand, ABC):
    """Demand with some days drawn by the tests: single-record calls of the client's only kind."""

    @abstractmethod
    def times(self, replication: int, day: int) -> list[Ints] | None:
        """Return when each client calls, in order; None for a day of the product's own."""

    def draw_client(self, replication: int, client: int, day: int, first_call: int = 0) -> Calls:
        """Return the calls of one client on one day."""
        drawn = self.times(replication, day)
        if drawn is None:
            return super().draw_client(replication, client, day, first_call)
        time, api = drawn[client], self.scenario.clients[client].calls[0].api
        ones = np.ones(len(time), np.int64)
        place, kind = (ones * n for n in (client, self.apis.index(api)))
        call = np.arange(first_call, first_call + len(time))
        credits = self.scenario.card.credits(api, ones)
        return Calls(time, place.astype(np.int32), call, packed(kind, ones), credits)

    @property
    def blocks(self) -> list[Block]:
        """Each day by itself."""
        return [Block(range(day, day + 1)) for day in range(self.days)]

    def draw_portion(
        self,
        replication: int,
        block: Block,
        first_calls: Sequence[int] | Ints | None = None,
        drawn: Drawn | None = None,  # noqa: ARG002
    ) -> Portion:
        """Return what all clients want in a block."""
        clients = range(len(self.scenario.clients))
        drawn_by = [
            concatenate([self.draw_client(replication, client, day) for day in block.days])
            for client in clients
        ]
        wanted = [Wanted(calls.time, calls.what, calls.credits) for calls in drawn_by]
        firsts = np.zeros(len(wanted), np.int64) if first_calls is None else np.array(first_calls)
        return Portion(block, wanted, self.scenario.clock, firsts)


def stationary_counts(
    loads: Sequence[float],
    costs: Sequence[int],
    limit: int,
    random: np.random.Generator,
    count: int = 1,
) -> Ints:
    """Return how many calls of each class a stationary pool holds, drawn exactly, (count, k).

    Their law is the truncated product form π(n) ∝ Π aₖ^nₖ / nₖ! where Σ nₖbₖ ≤ limit. Independent
    Poisson numbers of means aₖθ^bₖ, 0 < θ ≤ 1, have a law ∝ θ^(Σ nₖbₖ) Π aₖ^nₖ / nₖ!. Those that
    fit are kept with probability θ^(limit − Σ nₖbₖ), which leaves π. With the θ at which the mean
    is the limit, few are refused, however heavy the load is.
    """
    load, cost = np.array(loads, float), np.array(costs, np.int64)
    tilt = 1.0
    if load @ cost > limit:
        tilt = float(brentq(lambda x: load @ (cost * x ** cost.astype(float)) - limit, 0, 1))
    drawn = np.empty((0, len(load)), np.int64)
    while len(drawn) < count:
        counts = random.poisson(load * tilt**cost, (max(256, 4 * len(drawn), count), len(load)))
        free = limit - counts @ cost
        kept = (free >= 0) & (random.random(len(counts)) < tilt ** np.maximum(free, 0))
        drawn = np.concatenate((drawn, counts[kept]))
    return drawn[:count]


class Stationary(_OfTheTests):
    """The demand of a scenario whose first day leaves the pool in its stationary state.

    Every client is Poisson, flat, with one kind of call, and drops what is throttled.

    The state of the pool is the set of accepted calls of the last window W: class and age of each.
    Claim: stationary is the density f = Π λₖ / G over the calls held, at any ages in [0, W), where
    their costs fit into the limit, and 0 elsewhere. In words: the numbers have the truncated
    product form with aₖ = λₖW, and the ages are independent and uniform.

    Proof. All ages grow alike and f does not depend on them, so growing changes nothing. A state y
    is left for y + k by a call of class k that fits, at a rate of λₖ f(y), and reached from y + k
    as its oldest call gets as old as W, at a rate of f(y + k with age W) = λₖ f(y): the same. A
    state y + k with k of age 0 is reached from y at a rate of λₖ f(y), which is its density. ∎

    So the first day has as many calls as that law draws, at independent uniform times. They fit by
    construction, the pool accepts them all, and at the end of the day its state is drawn from the
    stationary law. With a warm-up of one window no statistic sees the first day, and from then on
    the throttled share has the expectation that theory gives, in every hour of every day.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        laws = [client.arrivals.poisson for client in scenario.clients]
        self._loads = [float(law.rate) for law in laws if law is not None]
        kinds = [client.calls[0].api for client in scenario.clients]
        one = np.ones(1, np.int64)
        self._call_costs = [int(scenario.card.credits(kind, one)[0]) for kind in kinds]
        self._first_day = lru_cache(maxsize=1)(self._draw_first_day)

    def times(self, replication: int, day: int) -> list[Ints] | None:
        """Return the calls that the stationary pool holds, for the first day."""
        return None if day else self._first_day(replication)

    def _draw_first_day(self, replication: int) -> list[Ints]:
        scenario = self.scenario
        random = np.random.default_rng([scenario.seed, replication, _STATIONARY])
        counts = stationary_counts(self._loads, self._call_costs, scenario.limit, random)
        return [np.sort(random.integers(0, DAY, n)) for n in counts[0]]


class Slotting:
    """A pool whose calls all come at ``slots`` instants a window: what theory says of it.

    At each of them a Poisson number of calls comes, and exactly then what was accepted a window
    ago is free again. What is accepted, y = min(number, free), follows from the numbers accepted
    at the ``slots`` − 1 instants before: a Markov chain, small enough to be solved.

    Attributes
    ----------
    states : list of tuples
        The numbers accepted at the last ``slots`` − 1 instants.
    law : (s,) float64 array
        The stationary probability of each state.
    share : float
        The throttled share.

    One instant a window is a pool that is empty each time: E max(0, number − servers) / load.

    >>> round(Slotting(load=1.0, servers=1, slots=1).share, 4)
    0.3679
    """

    def __init__(self, load: float, servers: int, slots: int) -> None:
        each = load / slots
        numbers = product(range(servers + 1), repeat=slots - 1)
        self.states = [state for state in numbers if sum(state) <= servers]
        place = {state: n for n, state in enumerate(self.states)}
        moves = np.zeros((len(self.states), len(self.states)))
        excess = np.empty(len(self.states))
        accepted = poisson.pmf(np.arange(servers + 1), each)
        at_least = poisson.sf(np.arange(-1, servers + 1), each)  # P(number ≥ n)
        for n, state in enumerate(self.states):
            free = servers - sum(state)
            excess[n] = each * at_least[free] - free * at_least[free + 1]
            for number in range(free + 1):
                after = (*state[1:], number) if slots > 1 else ()
                moves[n, place[after]] += accepted[number] if number < free else at_least[free]
        equations = moves.T - np.eye(len(moves))
        equations[-1] = 1.0
        law = np.linalg.solve(equations, np.eye(len(moves))[-1])
        self.law: Floats = np.maximum(law, 0.0) / np.maximum(law, 0.0).sum()
        self.share = float(self.law @ excess) / each
        self.load, self.slots = load, slots


class Slotted(_OfTheTests):
    """Calls of one client that come at a few instants of each day, from a stationary start.

    On the first day the numbers of all instants but the first are those of a state drawn from the
    chain's law; the pool is empty before and accepts them, and the chain goes on from there.
    """

    def __init__(self, scenario: Scenario, slotting: Slotting, after: int) -> None:
        super().__init__(scenario)
        self._slotting = slotting
        self._instants = after + np.arange(slotting.slots) * (DAY // slotting.slots)

    def times(self, replication: int, day: int) -> list[Ints]:
        """Return the calls of a day."""
        chain = self._slotting
        random = np.random.default_rng([self.scenario.seed, replication, day, _SLOTTED])
        if day:
            numbers = random.poisson(chain.load / chain.slots, chain.slots)
        else:
            numbers = np.array([0, *chain.states[random.choice(len(chain.states), p=chain.law)]])
        return [np.repeat(self._instants, numbers) + day * DAY]
