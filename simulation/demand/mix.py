"""What a client's calls are: their kinds and how many records each carries."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, sqrt
from typing import NamedTuple

import numpy as np
from scipy.special import pdtr

from simulation.arrays import Floats, Ints
from simulation.demand.arrivals import Arrivals
from simulation.demand.calls import packed
from simulation.demand.kernels import draw_mix
from simulation.demand.streams import names_of
from simulation.scenario import CallMix, Client, Scenario

__all__ = ["Mix"]

_FAR = 12.0  # standard deviations and more from the mean nothing of a Poisson law is left


class Mix:
    """The mix of a client's calls.

    Parameters
    ----------
    client : Client
    scenario : Scenario
    code : sequence of int
        What stands for each call of the mix: the index of its kind in `Demand.apis`.
    """

    def __init__(self, client: Client, scenario: Scenario, code: Sequence[int]) -> None:
        self._names = names_of(scenario.seed, client.name, "mix")
        self._only: int | None = None
        calls = client.calls
        if not calls:  # the trace names all: code 0, one record
            self._only = 1
        elif len(calls) == 1 and calls[0].records.fixed is not None:
            self._only = code[0] << 32 | calls[0].records.fixed
        weights = np.array([call.weight for call in calls], np.float64)
        parts = np.cumsum(weights) / max(weights.sum(), 1e-300)
        self._lows = np.concatenate(([0.0], parts[:-1]))
        lengths = parts - self._lows
        laws = [_records(call, scenario) for call in calls]
        spans = np.array([law.span for law in laws])
        # A kind of no weight is never chosen.
        self._scales = np.divide(spans, lengths, out=np.zeros(len(calls)), where=lengths > 0)
        codes = np.array(code, np.int64)
        self._least = packed(codes, np.array([law.least for law in laws], np.int64))
        self._most = np.array([law.span - 1 for law in laws], np.int64)
        self._ends = np.cumsum([len(law.sums) for law in laws], dtype=np.int64)
        self._begins = self._ends - [len(law.sums) for law in laws]
        self._sums = np.concatenate([np.empty(0), *(law.sums for law in laws)])
        self._numbers = np.concatenate([np.empty(0, np.int64), *(law.numbers for law in laws)])

    def draw(self, replication: int, arrivals: Arrivals) -> Ints:
        """Return kind and records of each call, as `simulation.demand.calls.packed`."""
        count = len(arrivals.times)
        if self._only is not None:
            return np.full(count, self._only, np.int64)
        what = np.empty(count, np.int64)
        draw_mix(
            what,
            arrivals.days,
            replication,
            self._names,
            self._lows,
            self._scales,
            self._least,
            self._most,
            self._begins,
            self._ends,
            self._sums,
            self._numbers,
        )
        return what


class _Records(NamedTuple):
    """The law of a kind's records: ``span`` numbers as likely, or those in ``numbers``.

    ``sums`` are the probabilities of these, added up.
    """

    least: int
    span: int
    sums: Floats = np.empty(0)
    numbers: Ints = np.empty(0, np.int64)


def _records(call: CallMix, scenario: Scenario) -> _Records:
    law = call.records
    if law.fixed is not None:
        return _Records(law.fixed, 1)
    if law.uniform is not None:
        least, most = law.uniform
        return _Records(least, most - least + 1)
    if law.choices is not None:
        sums = np.cumsum(list(law.choices.values()))
        return _Records(0, 1, sums / sums[-1], np.array(list(law.choices), np.int64))
    mean = law.poisson
    assert mean is not None
    far = _FAR * sqrt(mean) + 4 * _FAR
    drawn = np.arange(max(0, floor(mean - far)), ceil(mean + far))
    most_records = scenario.card.most_records(call.api)
    return _Records(0, 1, pdtr(drawn, mean), np.clip(drawn, 1, most_records))
