"""Arrival processes: when a client's calls come, one local day at a time.

Times are int64 µs since the scenario's start, in order. A day is always drawn whole, whatever
the horizon, so that cutting a run short changes no call before the cut.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from simulation.bounds import MOST_CALLS_A_DAY
from simulation.demand.kernels import arrival_times
from simulation.demand.streams import stream
from simulation.errors import InputError
from simulation.quantities import DAY, DAYS_PER_MONTH
from simulation.scenario import Client, Clock, Law, Poisson, Scenario, Schedule, Trace

__all__ = [
    "ArrivalProcess",
    "PoissonArrivals",
    "ScheduledArrivals",
    "TraceArrivals",
    "arrivals_of",
]


class ArrivalProcess(Protocol):
    """The law by which a client's calls come."""

    def draw(self, replication: int, day: int) -> NDArray[np.int64]:
        """Return the times of a local day's calls, in order."""
        ...


class PoissonArrivals:
    """A Poisson process whose rate follows hour, weekday, growth, events and a daily factor.

    The day's factor is gamma distributed with mean 1 and the coefficient of variation
    ``daily_variation``, so that a day's count is negative binomial: Poisson, and as much wider
    (M. Greenwood and G. U. Yule, An inquiry into the nature of frequency distributions, 1920).
    """

    def __init__(self, client: str, law: Poisson, clock: Clock, seed: int) -> None:
        self._client = client
        self._law = law
        self._clock = clock
        self._seed = seed
        self._weights = law.weekly_weights()
        self._means = lru_cache(maxsize=64)(self._mean_counts)  # the same in all replications

    def draw(self, replication: int, day: int) -> NDArray[np.int64]:
        """Return the times of a local day's calls, in order."""
        edges, means = self._means(day)
        variation = self._law.daily_variation
        if variation > 0:
            shape = variation**-2
            volume = stream(self._seed, replication, self._client, day, "volume")
            means = means * volume.gamma(shape, 1 / shape)
        random = stream(self._seed, replication, self._client, day, "arrivals")
        total = float(means.sum())
        if not total <= MOST_CALLS_A_DAY:  # so written, it refuses nan too
            raise InputError(
                f"client {self._client!r} would make {total:.3g} calls on {self._clock.date(day)}, "
                f"more than {MOST_CALLS_A_DAY:,}: lower its rate, growth or factors"
            )
        # Given their count, the calls of a Poisson process come independently of each other.
        count = int(random.poisson(total))
        if count == 0:
            return np.empty(0, np.int64)
        reached = np.concatenate(([0.0], np.cumsum(means)))
        times: NDArray[np.int64] = arrival_times(
            random.standard_exponential(count + 1), total, reached, edges
        )
        return times

    def _mean_counts(self, day: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the edges of a day's hours, and the mean number of calls in each."""
        today = self._clock.date(day)
        per_day = self._law.rate * self._law.growth ** (day / DAYS_PER_MONTH)
        for event in self._law.events:
            if event.date == today:
                per_day *= event.factor
        spans = self._clock.hours(day)
        weights = self._weights[[today.weekday() * 24 + span.hour for span in spans]]
        edges = np.array([self._clock.day_start(day), *(span.end for span in spans)], np.int64)
        return edges, per_day / DAY * weights * np.diff(edges)


def spread(start: int, count: int, length: int) -> NDArray[np.int64]:
    """Return the times of calls spread evenly: start + ⌊k·length/count⌋, k = 0 … count−1.

    >>> spread(100, 4, 10)
    array([100, 102, 105, 107])
    """
    if count * length < 2**63:
        return start + np.arange(count, dtype=np.int64) * length // max(count, 1)
    # Products beyond 64 bits, by Python's whole numbers.
    exact = (start + k * length // count for k in range(count))
    return np.fromiter(exact, np.int64, count)


class ScheduledArrivals:
    """Calls by the clock: bursts at times of the day, or one interval apart; nothing random."""

    def __init__(self, client: str, law: Schedule, clock: Clock, seed: int) -> None:  # noqa: ARG002
        self._law = law
        self._clock = clock
        self._weekdays = {day for day in law.days if isinstance(day, int)}
        self._dates = {day for day in law.days if isinstance(day, date)}
        self._offsets = spread(0, law.calls, law.over)

    def draw(self, replication: int, day: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the times of a local day's calls, in order."""
        start, end = self._clock.day_start(day), self._clock.day_start(day + 1)
        first = day  # a burst may reach into this day from an earlier one
        while first > 0 and self._clock.day_start(first) + self._law.over > start:
            first -= 1
        begins = np.concatenate([self._begins(earlier) for earlier in range(first, day + 1)])
        begins = begins[(begins >= start) | (begins + self._law.over > start)]
        times = (begins[:, np.newaxis] + self._offsets).ravel()
        return np.sort(times[(times >= start) & (times < end)])

    def _begins(self, day: int) -> NDArray[np.int64]:
        """Return when the bursts of a local day begin."""
        today = self._clock.date(day)
        meant = today.weekday() in self._weekdays or today in self._dates
        if not meant or not self._clock.has_hours(day):
            return np.empty(0, np.int64)
        if self._law.every is None:
            begins = sorted(self._clock.at(day, moment) for moment in self._law.at)
            return np.array(begins, np.int64)
        every, origin = self._law.every, self._clock.day_start(0)
        start, end = self._clock.day_start(day), self._clock.day_start(day + 1)
        # Counted from the run's first day, so that a step that divides no day keeps its beat.
        return np.arange(origin + -(-(start - origin) // every) * every, end, every, dtype=np.int64)


class TraceArrivals:
    """Calls as recorded: at the rows' times, or spread evenly over each row's bucket.

    Attributes
    ----------
    trace : Trace
        The recorded usage.
    """

    def __init__(self, trace: Trace, clock: Clock) -> None:
        self.trace = trace
        self._clock = clock
        self._times = trace.times - clock.start_epoch
        self._longest = int(trace.lengths.max())

    def rows(self, day: int) -> slice:
        """Return which rows of a trace of calls fall in a local day."""
        bounds = [self._clock.day_start(day), self._clock.day_start(day + 1)]
        first, last = np.searchsorted(self._times, bounds)
        return slice(int(first), int(last))

    def draw(self, replication: int, day: int) -> NDArray[np.int64]:  # noqa: ARG002
        """Return the times of a local day's calls, in order."""
        if self.trace.counts is None:
            return self._times[self.rows(day)]
        start, end = self._clock.day_start(day), self._clock.day_start(day + 1)
        # Buckets that began before this day may reach into it, the longest from furthest back.
        first, last = np.searchsorted(self._times, [start - self._longest, end])
        columns = (self._times, self.trace.counts, self.trace.lengths)
        buckets = [
            spread(int(begin), int(count), int(length))
            for begin, count, length in zip(*(each[first:last] for each in columns), strict=True)
        ]
        if not buckets:
            return np.empty(0, np.int64)
        times = np.concatenate(buckets)
        return np.sort(times[(times >= start) & (times < end)])


_PROCESSES: dict[type[Law], Callable[[str, Any, Clock, int], ArrivalProcess]] = {
    Poisson: PoissonArrivals,
    Schedule: ScheduledArrivals,
}
"""What draws the calls of each law, made of the client's name, the law, the clock and the seed."""


def arrivals_of(client: Client, scenario: Scenario) -> ArrivalProcess:
    """Return the arrival process of one client of a scenario."""
    law = client.arrivals.law
    if law is None:
        return TraceArrivals(scenario.trace_of(client), scenario.clock)
    return _PROCESSES[type(law)](client.name, law, scenario.clock, scenario.seed)
