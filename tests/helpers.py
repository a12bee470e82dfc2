"""What several tests share: small scenarios, the command line, and independent recounts."""

from __future__ import annotations

import heapq
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import limits.storage.memory
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.demand.calls import Calls
from simulation.demand.demand import Demand
from simulation.demand.kernels import fill
from simulation.demand.streams import jitter_key, key_of, purpose_of, uniform
from simulation.engine.model import Model
from simulation.engine.records import OUTCOMES
from simulation.experiment.tables import call_table
from simulation.formats.documents import Document
from simulation.planning.judgement import Judgement
from simulation.planning.judging import Asked
from simulation.planning.judging import judge as judge_all
from simulation.quantities import DAY
from simulation.scenario.clients import Client
from simulation.scenario.scenario import Scenario

ROOT = Path(__file__).parent.parent
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))
OTHER_POOLS = sorted((ROOT / "scenarios" / "other-pools").glob("*.yaml"))
SHARED_DATA = ROOT.parent / "shared" / "data"
CARDS = ROOT / "tests" / "cards"
ANY_LIMIT = CARDS / "any-limit.yaml"
CHARGING = ANY_LIMIT.with_name("charging.yaml")
QUARTERS = ANY_LIMIT.with_name("quarters.yaml")
CHARGING_QUARTERS = ANY_LIMIT.with_name("charging-quarters.yaml")


def judge(demand: Demand, replications: Sequence[int], limits: NDArray[np.int64]) -> Judgement:
    """Return what pool sizes throttle and lose in replications that follow each other."""
    numbers = range(replications[0], replications[-1] + 1)
    return judge_all([Asked(demand, numbers, limits)])[0]


def stream_words(
    count: int, seed: int = 34, client: str = "a", day: int = 0, replication: int = 0
) -> NDArray[np.uint64]:
    """Return the first words of a stream, as the loops draw them."""
    words = np.empty(4 * -(-count // 4), np.uint64)
    fill(words, 0, day, replication, purpose_of("arrivals"), *key_of(seed, client))
    return words[:count]


def build(clients: list[dict[str, Any]], folder: Path | None = None, **keys: Any) -> Scenario:
    """Build a scenario with defaults that most tests want: free, one day, no warm-up."""
    data = {
        "name": "Test",
        "org": {"edition": "free"},
        "start": "2026-01-05",
        "horizon": "1 day",
        "warmup": 0,
        "replications": 1,
        "clients": clients,
        **keys,
    }
    return Document(data, "test.yaml", folder or Path.cwd()).validate(Scenario)


def any_limit(limit: int, clients: list[dict[str, Any]], **keys: Any) -> Scenario:
    """Build a scenario whose pool has exactly this limit, on the tests' own rate card."""
    org = {"edition": "any", "user_licenses": limit}
    return build(clients, **{"rate_card": str(ANY_LIMIT), "org": org, **keys})


def scheduled(name: str, at: str, calls: int, api: str = "other", **more: Any) -> dict[str, Any]:
    """Return a client that makes calls at a time of day, all at once."""
    schedule = {"at": at, "calls": calls, **more.pop("schedule", {})}
    return {"name": name, "arrivals": {"schedule": schedule}, "calls": [{"api": api}], **more}


def poisson(name: str, rate: str, api: str = "other", **more: Any) -> dict[str, Any]:
    """Return a client whose calls come at random."""
    law = {"rate": rate, **more.pop("poisson", {})}
    return {"name": name, "arrivals": {"poisson": law}, "calls": [{"api": api}], **more}


def calls_of(scenario: Scenario, replication: int = 0) -> pd.DataFrame:
    """Simulate a replication and return its calls, times in µs since the start as well."""
    demand = Demand(scenario)
    days = Model(scenario, replication, demand).run()
    tables = [call_table(day.settled, demand, replication).to_pandas() for day in days]
    calls = pd.concat(tables, ignore_index=True)
    epoch = scenario.clock.start_epoch
    calls["time"] = calls["submitted_at"].astype("int64") - epoch
    calls["end"] = calls["settled_at"].astype("int64").where(calls["settled_at"].notna(), 0) - epoch
    return calls


class Ended(NamedTuple):
    """How one call ended, as the recount has it."""

    client: int
    call: int
    outcome: str
    attempts: int
    throttled_attempts: int
    settled_at: int | None


def recount(scenario: Scenario, replication: int = 0) -> list[Ended]:
    """Decide every attempt by the rules as they read, at O(n²): no window, no SimPy.

    All that it shares with the product is the demand and the jitter's uniform numbers.
    """
    demand, horizon = Demand(scenario), scenario.horizon
    limit = scenario.limit * scenario.card.units_per_credit  # demand counts in smallest units
    firsts = [0] * len(scenario.clients)
    due: list[tuple[int, int, int, int, int]] = []  # time, client, call, credits, attempt
    for day in range(demand.days):
        for place in range(len(scenario.clients)):
            calls = demand.draw_client(replication, place, day, firsts[place])
            firsts[place] += len(calls)
            for time, call, credits in zip(calls.time, calls.call, calls.credits, strict=True):
                due.append((int(time), place, int(call), int(credits), 1))
    ended: dict[tuple[int, int], Ended] = {
        (place, call): Ended(place, call, "unfinished", 0, 0, None) for _, place, call, *_ in due
    }
    heapq.heapify(due)
    accepted: list[tuple[int, int]] = []
    while due:
        now, place, call, credits, attempt = heapq.heappop(due)
        assert 0 <= now < horizon
        used = sum(cost for since, cost in accepted if now - DAY < since <= now)
        retry = scenario.clients[place].on_throttle.retry
        if used + credits <= limit:
            accepted.append((now, credits))
            end = Ended(place, call, "succeeded", attempt, attempt - 1, now)
        elif credits > limit:
            end = Ended(place, call, "impossible", attempt, attempt, now)
        elif retry is None or attempt == retry.max_attempts:
            end = Ended(place, call, "lost", attempt, attempt, now)
        else:
            end = Ended(place, call, "unfinished", attempt, attempt, None)
            client = scenario.clients[place]
            again = now + _delay(client, scenario.seed, replication, call, attempt)
            if again < horizon:
                heapq.heappush(due, (again, place, call, credits, attempt + 1))
        ended[place, call] = end
    return sorted(ended.values())


def _delay(client: Client, seed: int, replication: int, call: int, retry: int) -> int:
    law = client.on_throttle.retry
    assert law is not None
    longest = min(law.first * Fraction(str(law.factor)) ** (retry - 1), Fraction(law.max_delay))
    whole = int(longest)
    if law.jitter == "none":
        return whole
    return int(uniform(jitter_key(seed, replication, client.name), call, retry) * whole)


def as_ended(calls: pd.DataFrame, scenario: Scenario) -> list[Ended]:
    """Read calls as the simulation records them in the form of `recount`."""
    place = {client.name: n for n, client in enumerate(scenario.clients)}
    return sorted(
        Ended(
            place[row.client],
            int(row.call),
            str(row.outcome),
            int(row.attempts),
            int(row.throttled_attempts),
            None if row.outcome == "unfinished" else int(row.end),
        )
        for row in calls.itertuples()
    )


def most_held(calls: pd.DataFrame, window: int = DAY) -> float:
    """Return the most credits accepted in any window, by comparing every pair of calls."""
    good = calls[calls["outcome"] == OUTCOMES[0]]
    times, credits = good["end"].to_numpy(), good["credits"].to_numpy()
    held = (times[:, None] - window < times[None, :]) & (times[None, :] <= times[:, None])
    return float((held * credits[None, :]).sum(axis=1).max(initial=0)) if len(times) else 0.0


def creditsim(
    *arguments: str | Path, cwd: Path = ROOT, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the installed command as a user does."""
    command = Path(sys.executable).parent / "creditsim"
    return subprocess.run(
        [command, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb", **env},
        check=False,
    )


def printed_json(*arguments: str | Path) -> Any:
    """Run the command, expect success, and read what it printed."""
    done = creditsim(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class _Clock:
    """Stands in for the module `time`: the clock of the simulation, in µs."""

    now = 0

    def time(self) -> int:
        return self.now


def moving_window(calls: Calls, limit: int, window: int = DAY - 1) -> list[bool]:
    """Decide calls by the moving window of the package `limits`, on our clock.

    It still counts what is exactly as old as its window; ours is free again by then. So a window
    of 1 µs less decides as ours does.
    """
    clock, granted = _Clock(), []
    with patch.object(limits.storage.memory, "time", clock):
        store = limits.storage.memory.MemoryStorage()
        for now, cost in zip(calls.time.tolist(), calls.credits.tolist(), strict=True):
            clock.now = now
            granted.append(store.acquire_entry("org", limit, window, cost))
    return granted


def share_tolerance(share: float, trials: float, sigmas: float = 4.0) -> float:
    """Return how far a share of independent trials may stray from its expectation."""
    return float(sigmas * np.sqrt(share * (1 - share) / trials))
