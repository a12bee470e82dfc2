"""Arrival processes: when a client's calls come, one local day at a time.

Times are int64 µs since the scenario's start, in order. A day is always drawn whole, whatever
the horizon, so that cutting a run short changes no call before the cut.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.bounds import MOST_CALLS_A_DAY
from simulation.demand.kernels import NO_ROOM, TOO_MANY, draw_factors, draw_poisson
from simulation.demand.streams import names_of
from simulation.errors import InputError
from simulation.quantities import DAY, DAYS_PER_MONTH
from simulation.scenario import Client, Clock, Each, Law, Poisson, Scenario, Schedule, Trace

__all__ = [
    "ArrivalProcess",
    "Arrivals",
    "BurstArrivals",
    "DailyArrivals",
    "PoissonArrivals",
    "ScheduledArrivals",
    "TraceArrivals",
    "arrivals_of",
]

_MOST_BEGINS = 16  # days whose bursts are remembered: those that one day needs
_MOST_BLOCKS = 1024  # of days whose hours are remembered: all of a run, but for very long ones


class Arrivals(NamedTuple):
    """When a client calls on some local days.

    Attributes
    ----------
    times : (n,) int64 array
        µs since the scenario's start, in order; none is before it or at the horizon.
    days : (3, d) int64 array
        Numbers of the days, how many calls of each come before the start, and how many are in
        ``times``.
    rows : (n,) int64 array or None
        The row of a trace that each call is of; None where there is none, or a row is many calls.
    """

    times: Ints
    days: Ints
    rows: Ints | None = None

    def part(self, begin: int, end: int) -> Arrivals:
        """Return those of its only day from a moment to another one, µs."""
        first, last = np.searchsorted(self.times, (begin, end)).tolist()
        (day,), (early,), _ = self.days.tolist()
        days = np.array([[day], [early + first], [last - first]], np.int64)
        rows = None if self.rows is None else self.rows[first:last]
        return Arrivals(self.times[first:last], days, rows)


class ArrivalProcess(Protocol):
    """The law by which a client's calls come."""

    def draw(self, replication: int, days: range) -> Arrivals:
        """Return when the calls of some local days come."""
        ...


class DailyArrivals(ABC):
    """An arrival process that is drawn one local day at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    def draw_day(self, replication: int, day: int) -> Ints:
        """Return the times of a whole local day's calls, in order, whatever of it is in the run."""

    def rows_of(self, replication: int, day: int) -> Ints | None:  # noqa: ARG002
        """Return the row of a trace that each call of `draw_day` is of, if each is of one."""
        return None

    def draw(self, replication: int, days: range) -> Arrivals:
        """Return when the calls of some local days come."""
        # Cut after all is drawn, so that another horizon changes no call that it keeps.
        kept, columns, rows = [], [], list[Ints]()
        for day in days:
            times = self.draw_day(replication, day)
            first, end = np.searchsorted(times, [0, self._clock.horizon]).tolist()
            kept.append(times[first:end])
            columns.append((day, first, end - first))
            if (its := self.rows_of(replication, day)) is not None:
                rows.append(its[first:end])
        joined = np.concatenate(rows) if rows else None
        return Arrivals(np.concatenate(kept), np.array(columns, np.int64).T.copy(), joined)


class _Means(NamedTuple):
    """How many calls come on d local days on average.

    Attributes
    ----------
    hours : Hours
    of_hour : (h,) float64 array
        In each of the hours.
    days : (3, d) int64 array
        The days' numbers, with room for what is counted as in `Arrivals`.
    together : float
        In all hours.
    """

    hours: Hours
    of_hour: Floats
    days: Ints
    together: float


class PoissonArrivals(DailyArrivals):
    """A Poisson process whose rate follows hour, weekday, growth, events and a daily factor.

    The day's factor is gamma distributed with mean 1 and the coefficient of variation
    ``daily_variation``, so that a day's count is negative binomial: Poisson, and as much wider
    (M. Greenwood and G. U. Yule, An inquiry into the nature of frequency distributions, 1920).
    """

    def __init__(self, client: str, law: Poisson, clock: Clock, seed: int) -> None:
        super().__init__(clock)
        self._client = client
        self._law = law
        self._most = MOST_CALLS_A_DAY / law.calls_each
        self._weights = law.weekly_weights()
        self._means = lru_cache(_MOST_BLOCKS)(self._mean_counts)  # the same in all replications
        variation = law.daily_variation
        self._shape = variation**-2 if variation > 0 else 0.0
        self._names = names_of(seed, client, "arrivals")
        self._volume = names_of(seed, client, "volume")

    def draw_day(self, replication: int, day: int) -> Ints:
        """Return the times of a whole local day's calls, in order, whatever of it is in the run."""
        # As if the run began with the day and never ended.
        begin = self._clock.day_start(day)
        return self._draw(replication, range(day, day + 1), begin, 2**62).times + begin

    def draw(self, replication: int, days: range) -> Arrivals:
        """Return when the calls of some local days come."""
        return self._draw(replication, days, 0, self._clock.horizon)

    def _draw(self, replication: int, days: range, begin: int, until: int) -> Arrivals:
        """Return the calls of some local days from a moment on, and until another one after it."""
        hours, means, columns, expected = self._means(days)
        columns = columns.copy()
        factors = np.ones(len(days))
        if self._shape:
            draw_factors(factors, columns[0], self._shape, replication, self._volume)
        # Room for what comes at most, nearly always, and for the words drawn in vain.
        room = 512 + int(min(expected + 8 * expected**0.5, MOST_CALLS_A_DAY))
        while True:
            times = np.empty(room, np.int64)
            made = draw_poisson(
                times,
                columns,
                factors,
                hours.edges - begin if begin else hours.edges,
                means,
                hours.first,
                replication,
                until,
                self._names,
                self._most,
            )
            if made == TOO_MANY:
                self._refuse(days, hours.first, means, factors)
            if made != NO_ROOM:
                return Arrivals(times[:made], columns)
            room *= 2

    def _refuse(self, days: range, first: Ints, means: Floats, factors: Floats) -> None:
        of_day = [means[hour:end].sum() for hour, end in pairwise(first)]
        calls = np.array(of_day) * factors * self._law.calls_each
        worst = int(np.argmax(~(calls <= MOST_CALLS_A_DAY)))
        raise InputError(
            f"client {self._client!r} would make {calls[worst]:.3g} calls on "
            f"{self._clock.date(days[worst])}, more than {MOST_CALLS_A_DAY:,}: lower its rate, "
            "growth or factors"
        )

    def _mean_counts(self, days: range) -> _Means:
        """Return how many calls come on some days on average."""
        hours = hours_of(self._clock, days)
        rates = np.array([self._rate(day) for day in days])
        means: Floats = np.repeat(rates, np.diff(hours.first)) / DAY
        means *= self._weights[hours.of_week] * np.diff(hours.edges)
        numbers = np.zeros((3, len(days)), np.int64)
        numbers[0] = days
        return _Means(hours, means, numbers, float(means.sum()))

    def _rate(self, day: int) -> float:
        """Return the mean number of calls in 24 hours of a local day, at weights of 1."""
        today = self._clock.date(day)
        rate: float = self._law.rate * self._law.growth ** (day / DAYS_PER_MONTH)
        for event in self._law.events:
            if event.date == today:
                rate *= event.factor
        return rate


class Hours(NamedTuple):
    """The hours of some local days, one after the other.

    Attributes
    ----------
    edges : (h + 1,) int64 array
        When each begins, and the last ends, µs.
    of_week : (h,) int64 array
        Which of the 168 hours from Monday 00:00 the clock shows.
    first : (d + 1,) int64 array
        The first hour of each day; its number of hours is 0 for a date that the zone left out.
    """

    edges: Ints
    of_week: Ints
    first: Ints


@lru_cache(_MOST_BLOCKS)
def hours_of(clock: Clock, days: range) -> Hours:
    """Return the hours of some local days, which all clients of a scenario share."""
    spans = [clock.hours(day) for day in days]
    edges = [clock.day_start(days[0]), *(span.end for day in spans for span in day)]
    of_week = [
        clock.date(day).weekday() * 24 + span.hour
        for day, its in zip(days, spans, strict=True)
        for span in its
    ]
    first = np.cumsum([0, *map(len, spans)])
    return Hours(np.array(edges, np.int64), np.array(of_week, np.int64), first)


def spread(start: int, count: int, length: int) -> Ints:
    """Return the times of calls spread evenly: start + ⌊k·length/count⌋, k = 0 … count−1.

    >>> spread(100, 4, 10)
    array([100, 102, 105, 107])
    """
    if count * length < 2**63:
        return start + np.arange(count, dtype=np.int64) * length // max(count, 1)
    # Products beyond 64 bits, by Python's whole numbers.
    exact = (start + k * length // count for k in range(count))
    return np.fromiter(exact, np.int64, count)


class ScheduledArrivals(DailyArrivals):
    """Calls by the clock: bursts at times of the day, or one interval apart; nothing random."""

    def __init__(self, client: str, law: Schedule, clock: Clock, seed: int) -> None:  # noqa: ARG002
        super().__init__(clock)
        self._law = law
        self._weekdays = {day for day in law.days if isinstance(day, int)}
        self._dates = {day for day in law.days if isinstance(day, date)}
        self._offsets = spread(0, law.calls, law.over)

    def draw_day(self, replication: int, day: int) -> Ints:  # noqa: ARG002
        """Return the times of a local day's calls, in order."""
        start, end = self._clock.day_start(day), self._clock.day_start(day + 1)
        first = day  # a burst may reach into this day from an earlier one
        while first > 0 and self._clock.day_start(first) + self._law.over > start:
            first -= 1
        begins = np.concatenate([self._begins(earlier) for earlier in range(first, day + 1)])
        begins = begins[(begins >= start) | (begins + self._law.over > start)]
        times = (begins[:, np.newaxis] + self._offsets).ravel()
        return np.sort(times[(times >= start) & (times < end)])

    def _begins(self, day: int) -> Ints:
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


class TraceArrivals(DailyArrivals):
    """Calls as recorded: at the rows' times, or spread evenly over each row's bucket.

    Attributes
    ----------
    trace : Trace
        The recorded usage.
    """

    def __init__(self, trace: Trace, clock: Clock) -> None:
        super().__init__(clock)
        self.trace = trace
        self._times = trace.times - clock.start_epoch
        self._longest = int(trace.lengths.max())

    def rows_of(self, replication: int, day: int) -> Ints | None:  # noqa: ARG002
        """Return the row of each call of `draw_day`; None where a row is a count of calls."""
        if self.trace.counts is not None:
            return None
        edges = [self._clock.day_start(day), self._clock.day_start(day + 1)]
        return np.arange(*np.searchsorted(self._times, edges), dtype=np.int64)

    def draw_day(self, replication: int, day: int) -> Ints:  # noqa: ARG002
        """Return the times of a local day's calls, in order."""
        start, end = self._clock.day_start(day), self._clock.day_start(day + 1)
        if self.trace.counts is None:
            return self._times[slice(*np.searchsorted(self._times, [start, end]))]
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


class BurstArrivals(DailyArrivals):
    """Bursts: each arrival of another process is the first of several calls, evenly apart.

    No burst begins before the first local day of the run.
    """

    def __init__(self, begins: DailyArrivals, each: Each, clock: Clock) -> None:
        super().__init__(clock)
        self._each = each
        self._begins = lru_cache(_MOST_BEGINS)(begins.draw_day)
        self._rows = begins.rows_of

    def draw_day(self, replication: int, day: int) -> Ints:
        """Return the times of a local day's calls, in order."""
        return self._draw_day(replication, day)[0]

    def rows_of(self, replication: int, day: int) -> Ints | None:
        """Return the row of a trace that each call of `draw_day` is of, if each is of one."""
        rows = [self._rows(replication, each) for each in self._reaching(day)]
        known = [its for its in rows if its is not None]
        return np.concatenate(known)[self._draw_day(replication, day)[1]] if known else None

    def _reaching(self, day: int) -> range:
        """Return the local days whose bursts may reach into a day, itself included."""
        start, first = self._clock.day_start(day), day
        while first > 0 and self._clock.day_start(first) + self._each.length > start:
            first -= 1
        return range(first, day + 1)

    def _draw_day(self, replication: int, day: int) -> tuple[Ints, Ints]:
        """Return the times of a local day's calls, in order, and which burst each is of."""
        start, end = self._clock.day_start(day), self._clock.day_start(day + 1)
        begins = np.concatenate([self._begins(replication, one) for one in self._reaching(day)])
        # The first call of each burst on this day, and the first behind it.
        first, behind = np.zeros_like(begins), np.full_like(begins, self._each.calls)
        if every := self._each.every:
            first = np.maximum(-((begins - start) // every), 0)
            behind = np.minimum(-((begins - end) // every), behind)
        counts = np.maximum(behind - first, 0)
        burst = np.repeat(np.arange(len(begins)), counts)
        number = np.arange(len(burst)) - np.repeat(counts.cumsum() - counts - first, counts)
        times = begins[burst] + number * every
        # Calls of one moment stay in the order of their bursts.
        order = np.argsort(times, kind="stable")
        return times[order], burst[order]


_PROCESSES: dict[type[Law], Callable[[str, Any, Clock, int], DailyArrivals]] = {
    Poisson: PoissonArrivals,
    Schedule: ScheduledArrivals,
}
"""What draws the calls of each law, made of the client's name, the law, the clock and the seed."""


def arrivals_of(client: Client, scenario: Scenario) -> ArrivalProcess:
    """Return the arrival process of one client of a scenario."""
    law, each, clock = client.arrivals.law, client.arrivals.each, scenario.clock
    process: DailyArrivals = (
        TraceArrivals(scenario.trace_of(client), clock)
        if law is None
        else _PROCESSES[type(law)](client.name, law, clock, scenario.seed)
    )
    return process if each is None or each.calls == 1 else BurstArrivals(process, each, clock)
