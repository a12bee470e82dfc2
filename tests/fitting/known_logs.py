"""Logs of runs whose scenario is known: every attempt of every call, as text and as entries."""

from __future__ import annotations

import datetime as dt
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from simulation.arrays import Ints
from simulation.demand.calls import unpacked
from simulation.demand.demand import Demand
from simulation.engine.compiled.model import CompiledModel
from simulation.fitting.call_kinds import read_call_kinds
from simulation.fitting.from_log import Fit, fit_usage
from simulation.fitting.gathering import Gathering
from simulation.fitting.options import FitOptions
from simulation.logs import Entries, Reading
from simulation.quantities import SECOND
from simulation.scenario.scenario import Scenario

__all__ = ["Attempts", "attempts_of", "entries_of", "fit_attempts", "fit_options", "text_of"]

_REQUESTS = {
    "get_users": "GET /crm/v8/users",
    "bulk_read": "POST /crm/bulk/v8/read",
    "convert_lead": "POST /crm/v8/Leads/{id}/actions/convert",
}
"""A request of each kind of call; those of a record tell each call from all others."""

_FIRST_ID = 4_150_868_000_000_000
_PRIME = np.int64(0x100000001B3)  # numbers become hashes, whose bits all differ
_TABLE = read_call_kinds()


class Attempts(NamedTuple):
    """The attempts of a run, in the order of time.

    Attributes
    ----------
    time : (n,) int64 array
        µs since 1970-01-01 UTC.
    app : (n,) int64 array
        A number in ``apps``.
    call : (n,) int64 array
        A number of its own for each call.
    kind : (n,) int64 array
        A number in ``kinds``.
    status : (n,) int64 array
        429 where it was throttled, else 200.
    apps, kinds : tuple of str
        What the log names as user agents, and kinds of call.
    """

    time: Ints
    app: Ints
    call: Ints
    kind: Ints
    status: Ints
    apps: tuple[str, ...]
    kinds: tuple[str, ...]


def attempts_of(
    demand: Demand, apps: tuple[str, ...], replication: int, whole_seconds: bool = True
) -> Attempts:
    """Return the attempts of a run.

    Parameters
    ----------
    demand : Demand
        Of clients that do not draw the waits before their retries.
    apps : tuple of str
        What each client calls itself; several may be one app. ``*`` stands for the kind of call:
        its calls of each kind are those of an app of that name.
    replication : int
    whole_seconds : bool
        Whether the log has seconds alone, as servers write unless they are told otherwise.
    """
    scenario = demand.scenario
    names = tuple(dict.fromkeys([name for name in apps if name != "*"]))
    names += tuple(each for each in demand.apis if "*" in apps and each not in names)
    columns: list[tuple[Ints, ...]] = []
    for day in CompiledModel(scenario, replication, demand).run():
        done = day.settled
        kind = unpacked(done.calls.what)[0]
        call = done.calls.client.astype(np.int64) << 32 | done.calls.call
        for number, client in enumerate(scenario.clients):
            mine = np.flatnonzero(done.calls.client == number)
            app = np.array([names.index(demand.apis[n] if apps[number] == "*" else apps[number])
                            for n in range(len(demand.apis))])  # fmt: skip
            retry = client.on_throttle.retry
            most = retry.max_attempts if retry else 1
            delays = (retry.delays() if retry else ()) or (0,)
            waits = [*delays, *([delays[-1]] * most)][: most - 1]
            for n, wait in enumerate(accumulate(waits, initial=0)):
                its = mine[done.attempts[mine] > n]
                throttled = done.throttled_attempts[its] > n
                status = np.where(throttled, 429, 200)
                columns.append((done.calls.time[its] + wait, app[kind[its]], call[its],
                                kind[its], status))  # fmt: skip
    time, app, call, kind, status = map(np.concatenate, zip(*columns, strict=True))
    order = np.argsort(time, kind="stable")
    time = time[order] + scenario.clock.start_epoch
    step = SECOND if whole_seconds else 1000
    return Attempts(
        *(time // step * step, app[order], call[order], kind[order], status[order]),
        names,
        demand.apis,
    )


def text_of(attempts: Attempts) -> str:
    """Return attempts as an access log in the combined format."""
    fine = bool((attempts.time % SECOND).any())
    lines = []
    for time, app, call, kind, status in zip(
        *(column.tolist() for column in attempts[:5]), strict=True
    ):
        when = dt.datetime.fromtimestamp(time // SECOND, dt.UTC)
        part = f".{time % SECOND // 1000:03}" if fine else ""
        request = _REQUESTS[attempts.kinds[kind]].replace("{id}", str(_FIRST_ID + call))
        lines.append(
            f'10.0.0.1 - - [{when:%d/%b/%Y:%H:%M:%S}{part} +0000] "{request} HTTP/1.1" '
            f'{status} 312 "-" "{attempts.apps[app]}/1.0"\n'
        )
    return "".join(lines)


def entries_of(attempts: Attempts, reading: Reading) -> Entries:
    """Return attempts as a reader of that log would."""
    requests = [_REQUESTS[kind] for kind in attempts.kinds]
    targets = np.array([reading.targets.code_of(each) for each in requests])
    clients = np.array([reading.clients.code_of(name) for name in attempts.apps])
    by_record = np.array(["{id}" in each for each in requests])[attempts.kind]
    return Entries.of(
        attempts.time,
        np.arange(1, len(attempts.time) + 1),
        client=clients[attempts.app],
        target=targets[attempts.kind],
        status=attempts.status,
        same=np.where(by_record, attempts.call, -1 - attempts.kind) * _PRIME,
    )


def fit_options(scenario: Scenario) -> FitOptions:
    """Return how the log of a scenario is fitted: by its org, with the names of the log."""
    org = scenario.org
    return FitOptions(
        timezone=scenario.clock.timezone,
        rate_card=scenario.rate_card,
        edition=org.edition,
        user_licenses=org.user_licenses,
        keep_names=True,
    )


def fit_attempts(attempts: Attempts, options: FitOptions) -> Fit:
    """Return the fit of a run's log."""
    reading = Reading(options.timezone)
    gathering = Gathering(reading, _TABLE)
    gathering.take(entries_of(attempts, reading))
    return fit_usage(gathering.usage(), reading, options)
