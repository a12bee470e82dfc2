"""How long a client's calls stay open, drawn from streams of their own."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from simulation.arrays import Floats, Ints
from simulation.demand.arrivals import Arrivals
from simulation.demand.kernels import draw_mix
from simulation.demand.streams import names_of
from simulation.quantities import LONGEST
from simulation.rate_cards import CallDuration
from simulation.scenario import Client, Scenario

__all__ = ["Durations"]

_SPAN = 2**52  # as many numbers as a word of a stream is made into

# What `draw_mix` takes for one kind of call, whose records are any number below the span.
_ZERO, _NONE = np.zeros(1, np.int64), np.empty(0, np.int64)
_NUMBERS = (np.zeros(1), np.full(1, float(_SPAN)), _ZERO, np.full(1, _SPAN - 1, np.int64))
_NO_CHOICES = (_ZERO, _ZERO, np.empty(0), _NONE)


class Durations:
    """The durations of a client's calls.

    Word n of the stream of a day is for the client's n-th call of that day, whatever its kind.

    Parameters
    ----------
    client : Client
    scenario : Scenario
    code : dict of str to int
        The index of each call kind in `Demand.apis`.
    """

    def __init__(self, client: Client, scenario: Scenario, code: dict[str, int]) -> None:
        found = scenario.durations_of(client)
        self._names = names_of(scenario.seed, client.name, "duration")
        self.are_drawn = found.are_drawn
        self._laws = list(dict.fromkeys((*found.of_call, *found.of_api.values())))
        self._of_entry = np.array([*map(self._laws.index, found.of_call)], np.int64)
        self._of_api = np.zeros(len(code), np.int64)
        for api, law in found.of_api.items():
            self._of_api[code[api]] = self._laws.index(law)

    def draw(self, replication: int, arrivals: Arrivals, entry: Ints, api: Ints) -> Ints:
        """Return the duration of each call, µs.

        Parameters
        ----------
        entry : (n,) int64 array
            Which call of the mix each is; -1 where recorded usage names the kind.
        api : (n,) int64 array
            The index of each call's kind.
        """
        numbers = self._numbers(replication, arrivals) if self.are_drawn else api
        if len(self._laws) == 1:
            return _by_law(self._laws[0], numbers)
        # The last of the mix where the entry is -1, or nothing: `where` takes the other.
        of_entry = self._of_entry[entry] if len(self._of_entry) else entry
        which = np.where(entry < 0, self._of_api[api], of_entry)
        durations = np.empty(len(api), np.int64)
        for number, law in enumerate(self._laws):
            here = which == number
            durations[here] = _by_law(law, numbers[here])
        return durations

    def _numbers(self, replication: int, arrivals: Arrivals) -> Ints:
        """Return a whole number below 2**52 for each call, every one as likely."""
        numbers = np.empty(len(arrivals.times), np.int64)
        draw_mix(numbers, arrivals.days, replication, self._names, *_NUMBERS, *_NO_CHOICES)
        return numbers


def _by_law(law: CallDuration, numbers: Ints) -> Ints:
    """Return a duration for each of some numbers below 2**52, by inversion, µs."""
    if law.fixed is not None:
        return np.full(len(numbers), law.fixed, np.int64)
    if law.uniform is not None:
        least, most = law.uniform
        span = most - least + 1
        # Rounding may reach the next one.
        within: Ints = (numbers * (span / _SPAN)).astype(np.int64)
        return least + np.minimum(within, span - 1)
    assert law.lognormal is not None
    # Another machine's exponential may differ in the last bit. Whole µs hide that: of a duration
    # of a second, one in some thousand million is that near to half a µs.
    normal: Floats = ndtri((numbers + 0.5) / _SPAN)
    exact = law.lognormal.median * np.exp(law.lognormal.sigma * normal)
    durations: Ints = np.rint(np.clip(exact, 1, LONGEST)).astype(np.int64)
    return durations
