"""What a client's calls are: their kinds and how many records each carries."""

from __future__ import annotations

from math import ceil, floor, sqrt

import numpy as np
from scipy.special import pdtr

from simulation.arrays import Floats, Ints
from simulation.demand.arrivals import Arrivals
from simulation.demand.kernels import draw_mix
from simulation.demand.streams import key_of, purpose_of
from simulation.scenario import CallMix, Client, Scenario

__all__ = ["Mix"]

_FAR = 12.0  # standard deviations and more from the mean nothing of a Poisson law is left


class Mix:
    """The mix of a client's calls.

    Parameters
    ----------
    client : Client
    scenario : Scenario
    code : dict of str to int
        The index of each call kind in `Demand.apis`.
    """

    def __init__(self, client: Client, scenario: Scenario, code: dict[str, int]) -> None:
        self._names = np.array([*key_of(scenario.seed, client.name), purpose_of("mix")], np.uint64)
        self._only: int | None = None
        calls = client.calls
        if not calls:  # the trace names all: code 0, one record
            self._only = 1
        elif len(calls) == 1 and calls[0].records.fixed is not None:
            self._only = code[calls[0].api] << 32 | calls[0].records.fixed
        weights = np.array([call.weight for call in calls], np.float64)
        parts = np.cumsum(weights) / max(weights.sum(), 1e-300)
        self._lows = np.concatenate(([0.0], parts[:-1]))
        lengths = parts - self._lows
        # A kind of no weight is never chosen.
        self._scales = np.divide(1.0, lengths, out=np.zeros(len(lengths)), where=lengths > 0)
        self._kinds = np.zeros((len(calls), 5), np.int64)
        tables: list[Floats] = []
        numbers: list[Ints] = []
        end = 0
        for kind, call in zip(self._kinds, calls, strict=True):
            least, span, table, values = _records(call, scenario)
            kind[:] = code[call.api], least, span, end, end + len(table)
            tables.append(table)
            numbers.append(values)
            end += len(table)
        self._tables = np.concatenate([np.empty(0), *tables])
        self._numbers = np.concatenate([np.empty(0, np.int64), *numbers])

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
            self._kinds,
            self._tables,
            self._numbers,
        )
        return what


def _records(call: CallMix, scenario: Scenario) -> tuple[int, int, Floats, Ints]:
    """Return the law of a kind's records.

    The least number, and how many numbers are as likely; or 0, and probabilities added up, with
    their numbers.
    """
    law, none = call.records, (np.empty(0), np.empty(0, np.int64))
    if law.fixed is not None:
        return law.fixed, 1, *none
    if law.uniform is not None:
        least, most = law.uniform
        return least, most - least + 1, *none
    if law.choices is not None:
        sums = np.cumsum(list(law.choices.values()))
        return 0, 0, sums / sums[-1], np.array(list(law.choices), np.int64)
    mean = law.poisson
    assert mean is not None
    far = _FAR * sqrt(mean) + 4 * _FAR
    drawn = np.arange(max(0, floor(mean - far)), ceil(mean + far))
    kind = scenario.card.calls.get(call.api)
    return 0, 0, pdtr(drawn, mean), np.clip(drawn, 1, kind.max_records if kind else None)
