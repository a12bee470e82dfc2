"""Access logs of known scenarios, as files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from simulation.demand.demand import Demand
from tests.fitting.simulated import demand_of, times_of

__all__ = ["access_log", "log_of"]


def access_log(path: Path, times: list[int], agent: str = "sync", status: int = 200) -> Path:
    """Write a log in which one app reads a record at each time, µs since 1970-01-01 UTC."""
    with path.open("a", encoding="utf-8") as file:
        for time in times:
            when = dt.datetime.fromtimestamp(time // 1_000_000, dt.UTC)
            request = "GET /crm/v8/Leads/1 HTTP/1.1"
            file.write(
                f'- - - [{when:%d/%b/%Y:%H:%M:%S} +0000] "{request}" {status} 9 "-" "{agent}"\n'
            )
    return path


def log_of(path: Path, *laws: dict[str, Any], days: int = 28) -> tuple[Demand, Path]:
    """Write the log of a run in which an app calls by some laws; return its demand, too."""
    demand = demand_of(*laws, days=days)
    return demand, access_log(path, times_of(demand, 0).tolist())
