"""How much work a scenario is, from its laws alone: before any of it is begun.

Calls follow from rates, growth, events, schedules and traces; memory and time follow from calls,
clients, days and replications. The figures for memory and time are rough and on the high side, to
tell a night's work from a minute's; retries are not in them, but what a queue may try is, as its
waits have no other end. It takes one pass over the clients.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Floats
from simulation.bounds import MOST_CALLS_A_DAY
from simulation.errors import InputError, KeyPath, Problem
from simulation.quantities import DAY
from simulation.scenario import Client, Scenario

__all__ = [
    "MOST_CALLS_A_DAY",
    "MOST_MEMORY_SHARE",
    "MOST_SECONDS",
    "Workload",
    "calls_a_day",
    "check_workload",
    "too_much",
    "tries_most",
    "workload_of",
]

MOST_MEMORY_SHARE = 1.0
"""Of the memory that the machine has: with more, the system ends the process, or crawls."""

MOST_SECONDS = 24 * 3600.0
"""A day and a night of work; --force allows more."""

_BYTES = 250e6  # of Python and its libraries
_BYTES_A_CALL = 350.0  # of a day: its columns, and copies of them while they are sorted
_BYTES_A_RETRIED_CALL = 600.0  # where calls wait in the loops, too
_BYTES_AN_ATTEMPT = 50.0  # of a queue, which tries again as long as the pool is exhausted
_BYTES_A_ROW = 4_000.0  # of a client or category in one replication, before it is a table
_BYTES_AN_INTERVAL = 200.0
_BYTES_A_SIZE = 50.0  # of a purchasable size in one replication
_BYTES_A_CLIENT = 30_000.0
_BYTES_A_LATE_CALL = 16.0  # of all replications: delay and account, for exact percentiles
_SECONDS_A_CALL = {"simpy": 2e-5, "compiled": 5e-7}
_SECONDS_A_JUDGED_CALL = (
    1e-8  # at one purchasable size; eight replications are judged at all of them
)
_SECONDS_A_CLIENT_DAY = 1e-4
_SECONDS_A_DAY = 1e-3
_STANDARD_DEVIATIONS = 4  # that a day of bursts may lie above its mean


@dataclass(frozen=True)
class Workload:
    """An estimate of what running or planning a scenario takes.

    Attributes
    ----------
    calls : float
        In all replications.
    busiest_day : float
        The calls of all clients on their busiest local day, with what bursts may add by chance; a
        day is held in memory as a whole.
    busiest_client : int
        The number of the client that makes most of the calls.
    replications : int
    memory : float
        Bytes, in each process.
    seconds : float
        Of the whole work, with the number of workers that was given.
    """

    calls: float
    busiest_day: float
    busiest_client: int
    replications: int
    memory: float
    seconds: float

    def describe(self) -> str:
        """Return the amount of work in a few words.

        >>> Workload(12_300.0, 410.0, 0, 30, 5e8, 170.0).describe()
        'about 12,300 calls, 500 MB and 3 minutes'
        >>> Workload(4e9, 4e7, 0, 30, 8e9, 9e4).describe()
        'about 4 billion calls, 8 GB and 25 hours'
        """
        seconds, unit = self.seconds, "second"
        for size, longer in ((3600, "hour"), (60, "minute")):
            if self.seconds >= 1.5 * size:
                seconds, unit = self.seconds / size, longer
                break
        count = _much(max(1.0, seconds))
        plural = "" if count == "1" else "s"
        return f"about {_much(self.calls)} calls, {_bytes(self.memory)} and {count} {unit}{plural}"


def workload_of(
    scenario: Scenario,
    engine: str,
    workers: int = 1,
    interval: int = DAY // 24,
    sizes: int = 0,
    replications: int | None = None,
) -> Workload:
    """Return an estimate of what a run takes, or with a number of purchasable sizes a plan.

    Parameters
    ----------
    engine : str
        ``simpy`` or ``compiled``.
    workers : int
        How many replications run at once.
    interval : int
        Length of a row of ``intervals.parquet``, µs.
    sizes : int
        How many sizes a plan judges; 0 for a run.
    replications : int, optional
        In place of the scenario's own: the most that a run to a precision may come to.
    """
    days, clients = scenario.clock.days, len(scenario.clients)
    by_day, variance, drawn, most, busiest, retried = np.zeros(days), 0.0, 0.0, -1.0, 0, 0.0
    for number, client in enumerate(scenario.clients):
        calls, again = _calls_by_day(scenario, client)
        by_day += calls
        variance += _variance_of_bursts(client, float(calls.max()))
        total = float(calls.sum())
        drawn += total * again
        if client.on_throttle.retry is not None:
            retried += total
        if total > most:
            most, busiest = total, number
    tried = sum(map(_tries_a_day, scenario.clients))
    # Whole days are drawn, and cut where the run begins or ends within one.
    in_run = min(1.0, scenario.horizon / (days * DAY))
    n = replications or scenario.replications
    day = float(by_day.max()) + _STANDARD_DEVIATIONS * variance**0.5
    a_call = _BYTES_A_RETRIED_CALL if retried else _BYTES_A_CALL
    memory = _BYTES + a_call * day + _BYTES_A_CLIENT * clients + _BYTES_AN_ATTEMPT * tried
    drawn += tried * days
    seconds = drawn * _SECONDS_A_CALL["compiled"]
    seconds += days * (clients * _SECONDS_A_CLIENT_DAY + _SECONDS_A_DAY)
    if sizes:
        memory += n * sizes * _BYTES_A_SIZE
        seconds = n * seconds + min(n, 8) * drawn * sizes * _SECONDS_A_JUDGED_CALL
    else:
        memory += n * (clients + 6) * _BYTES_A_ROW
        memory += n * (scenario.horizon / interval) * _BYTES_AN_INTERVAL
        memory += n * retried * in_run * _BYTES_A_LATE_CALL  # if each of them waits
        seconds = n * (seconds + drawn * in_run * _SECONDS_A_CALL[engine])
    in_all = float(by_day.sum()) * in_run * n
    return Workload(in_all, day, busiest, n, memory, seconds / min(workers, n))


def _variance_of_bursts(client: Client, calls: float) -> float:
    """Return the variance of a client's calls on a day, 0 where it makes no bursts."""
    law, each = client.arrivals.law, client.arrivals.each
    if law is None or each is None or not law.draws_number:
        return 0.0
    return calls * each.calls


def _tries_a_day(client: Client) -> float:
    """Return how many attempts a client's queue makes on a day on which all are throttled."""
    queue = client.on_throttle.queue
    span = None if queue is None else queue.wait.span
    return 0.0 if span is None else DAY / span


def tries_most(scenario: Scenario) -> tuple[KeyPath, str]:
    """Return the key of the client that may try most often on a day, and what to write there."""
    tries = [
        max(_tries_a_day(client), _retries_a_day(client) * _calls_by_day(scenario, client)[0].max())
        for client in scenario.clients
    ]
    most = int(np.argmax(tries))
    path: KeyPath = ("clients", most, "on_throttle")
    if scenario.clients[most].on_throttle.queue is not None:
        return (*path, "queue", "wait"), "write longer"
    return (*path, "retry"), "write longer delays, or fewer 'max_attempts'"


def _retries_a_day(client: Client) -> float:
    """Return how often a call is tried again on a day on which all attempts are throttled."""
    retry = client.on_throttle.retry
    if retry is None:
        return 0.0
    *first, last = retry.delays() or (DAY,)
    fit = int(np.searchsorted(np.cumsum(first), DAY, "right"))
    if fit == len(first):
        fit += (DAY - sum(first)) // max(1, last)
    return float(min(retry.max_attempts - 1, fit))


def calls_a_day(scenario: Scenario) -> float:
    """Return how many calls all clients submit on a mean local day of a run."""
    return float(sum(_calls_by_day(scenario, client)[0].mean() for client in scenario.clients))


def _calls_by_day(scenario: Scenario, client: Client) -> tuple[Floats, float]:
    """Return a client's mean calls on each local day, and how often each of them is drawn."""
    law, days = client.arrivals.law, scenario.clock.days
    if law is not None:
        with np.errstate(over="ignore"):  # infinitely many are too many
            return law.mean_calls(scenario.clock), law.times_drawn
    trace = scenario.trace_of(client)
    times = trace.times - scenario.clock.start_epoch
    inside = (times >= -trace.lengths) & (times < scenario.horizon)
    day = np.clip(times[inside] // DAY, 0, days - 1)  # of 24 hours: near enough
    counts = None if trace.counts is None else trace.counts[inside]
    calls = 1 if client.arrivals.each is None else client.arrivals.each.calls
    return np.bincount(day, counts, days).astype(np.float64) * calls, 1.0


def check_workload(
    scenario: Scenario,
    engine: str,
    workers: int,
    interval: int = DAY // 24,
    sizes: int = 0,
    replications: int | None = None,
) -> None:
    """Raise if a scenario is too much work; the parameters are those of `workload_of`.

    Raises
    ------
    InputError
        In one line, with the estimate and what to change.
    """
    found = workload_of(scenario, engine, workers, interval, sizes, replications)
    if problems := too_much(scenario, found):
        raise InputError(problems)


def too_much(scenario: Scenario, found: Workload) -> list[Problem]:
    """Return why a scenario is too much work, with the estimate and what to change; or nothing."""
    return [
        scenario.problem(path, f"{what}; --force goes ahead")
        for path, what in _too_much(scenario, found)
    ]


def _too_much(scenario: Scenario, found: Workload) -> Iterator[tuple[KeyPath, str]]:
    client = scenario.clients[found.busiest_client]
    arrivals: KeyPath = ("clients", found.busiest_client, "arrivals")
    # `not <=` refuses nan too, which a rate beyond all bounds times a weight of 0 gives.
    if not found.busiest_day <= MOST_CALLS_A_DAY:
        what = f"about {_much(found.busiest_day)} calls on a day, most of {client.name!r}, are"
        bound = f"more than the {_much(MOST_CALLS_A_DAY)} that can be simulated"
        yield arrivals, f"{what} {bound}: write fewer"
    elif not found.memory <= (most := MOST_MEMORY_SHARE * _machine_memory()):
        what = f"takes about {_gigabytes(found.memory)} of memory, and this machine has"
        yield _remedy(scenario, found, f"{what} {_gigabytes(most)}")
    elif not found.seconds <= MOST_SECONDS:
        hours = f"about {_much(found.seconds / 3600)} hours"
        what = f"takes {hours} for {_much(found.calls)} calls, more than {MOST_SECONDS / 3600:.0f}"
        yield _remedy(scenario, found, what)


def _remedy(scenario: Scenario, found: Workload, what: str) -> tuple[KeyPath, str]:
    """Return the key that makes most of the work, and what to write there."""
    n, clients = found.replications, len(scenario.clients)
    tries = [_tries_a_day(client) for client in scenario.clients]
    if max(tries) * scenario.clock.days * n > found.calls:  # else its calls are the work
        path: KeyPath = ("clients", tries.index(max(tries)), "on_throttle", "queue", "wait")
        return (
            path,
            f"makes up to {_much(max(tries))} attempts a day, so a run {what}: write longer",
        )
    if n > scenario.replications:
        whole = f"up to {n:,} replications, until the precision is reached: {what}"
        return ("replications",), f"{whole}: lower --max-replications"
    if n > max(1000, clients):
        return ("replications",), f"{n:,} replications: {what}: write fewer"
    if clients > max(1000, scenario.clock.days):
        return ("clients",), f"{clients:,} clients: {what}: join clients that are alike"
    return ("horizon",), f"{what}: write a shorter one, fewer replications or lower rates"


def _machine_memory() -> float:
    return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")


def _bytes(count: float) -> str:
    return _gigabytes(count) if count >= 1e9 else f"{_much(max(1.0, count / 1e6))} MB"


def _gigabytes(count: float) -> str:
    return f"{_much(count / 1e9)} GB"


def _much(count: float) -> str:
    """Return a large number rounded, in words.

    >>> _much(86_400_000_000), _much(100_000_000), _much(12.34), _much(float("inf"))
    ('86 billion', '100 million', '12', 'endlessly many')
    """
    if not np.isfinite(count) or count >= 1e15:
        return f"{count:.0e}" if np.isfinite(count) else "endlessly many"
    for size, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:,.0f} {name}"
    return f"{count:,.0f}"
