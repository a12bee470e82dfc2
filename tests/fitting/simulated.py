"""Logs of known scenarios: what `simulation.demand` draws, counted in cells."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Ints
from simulation.demand.demand import Demand
from simulation.fitting.cells import Cells
from simulation.fitting.result import Component, FittedClient
from simulation.quantities import SECOND
from simulation.scenario.arrival_laws import Arrivals
from simulation.scenario.poisson import Poisson
from simulation.scenario.scenario import Scenario

__all__ = ["UTC", "cells_of", "demand_of", "law_of", "random_of", "times_of", "write_log"]

UTC = ZoneInfo("UTC")

_REQUESTS = {
    "get_users": "GET /crm/v2/users",
    "get_records_by_cvid": "GET /crm/v2/Leads?cvid=1",
    "convert_lead": "POST /crm/v2/Leads/1/actions/convert",
}


def demand_of(*laws: dict[str, Any], days: int = 28, **keys: Any) -> Demand:
    """Return the demand of a scenario with a client for each law."""
    clients = [
        {
            "name": f"app-{number}",
            "arrivals": law,
            "calls": [{"api": "get_users"}],
            "on_throttle": "drop",
        }
        for number, law in enumerate(laws)
    ]
    written = {
        "name": "known",
        "org": {"edition": "enterprise", "user_licenses": 100},
        "start": "2026-01-05",
        "horizon": f"{days} days",
        "warmup": "0",
        "clients": clients,
        **keys,
    }
    return Demand(Scenario.model_validate(written))


def times_of(demand: Demand, replication: int) -> Ints:
    """Return when all calls come, µs since 1970-01-01 UTC."""
    days = [calls.time for calls in demand.draw_days(replication)]
    return np.concatenate(days) + demand.scenario.clock.start_epoch


def write_log(path: Path, demand: Demand, replication: int = 0) -> None:
    """Write the calls as the access log of a server, the clients told apart by their agents."""
    names = [client.name for client in demand.scenario.clients]
    with path.open("w") as file:
        for day in demand.draw_days(replication):
            seconds = (day.time + demand.scenario.clock.start_epoch) // SECOND
            for second, client, api in zip(seconds, day.client, day.api, strict=True):
                when = dt.datetime.fromtimestamp(int(second), dt.UTC)
                request = _REQUESTS[demand.apis[api]]
                file.write(
                    f'10.0.0.{client} - - [{when:%d/%b/%Y:%H:%M:%S} +0000] "{request} HTTP/1.1" '
                    f'200 100 "-" "{names[client]}"\n'
                )


def cells_of(demand: Demand, replication: int = 0, grain: int = SECOND) -> Cells:
    """Return the calls of all clients together, in cells, of the whole run."""
    clock = demand.scenario.clock
    covered = ((clock.start_epoch, clock.start_epoch + clock.horizon),)
    return Cells.of_times(times_of(demand, replication), grain, covered)


def law_of(component: Component) -> Poisson:
    """Return the law of a component as the scenario file's checks read it."""
    law = Arrivals.model_validate(component.law).poisson
    assert law is not None
    return law


def random_of(fitted: FittedClient) -> Component:
    """Return what comes at random of a client."""
    (found,) = (each for each in fitted.components if "poisson" in each.law)
    return found
