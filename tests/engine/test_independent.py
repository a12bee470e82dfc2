"""The pool against independent programs on the same arrivals: every decision is the same.

Ciw is a library for queues, `limits` one for rate limits, and the third is a model as SimPy's own
documentation would have it. Where the order of one instant is theirs to choose, each is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ciw
import numpy as np
import pandas as pd
import pytest

from simulation.demand.calls import Calls
from simulation.demand.demand import Demand
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.model import Model
from simulation.engine.records import SUCCEEDED, concatenate
from simulation.quantities import DAY
from simulation.scenario.scenario import Scenario
from tests.helpers import any_limit, moving_window, poisson, scheduled
from tests.independent import loss_queue_of_ciw, textbook_simpy
from tests.kept_figures import keep

pytestmark = pytest.mark.proof

Clients = list[dict[str, Any]]

HOURLY = {"schedule": {"every": "1 hour", "calls": 7}}

Compare = Callable[[str, list[bool], list[bool]], None]


@pytest.fixture(scope="module")
def compare(long: bool) -> Iterator[Compare]:
    """Assert that a program decides as ours; keep how many decisions that were, in all."""
    rows: list[dict[str, Any]] = []

    def count_and_assert(program: str, theirs: list[bool], ours: list[bool]) -> None:
        different = sum(a != b for a, b in zip(theirs, ours, strict=True))
        counts = {"decisions": len(ours), "accepted": sum(ours), "different": different}
        rows.append({"program": program, **counts})
        assert theirs == ours

    yield count_and_assert
    if long and rows:
        keep("decisions", pd.DataFrame(rows).groupby("program").sum().reset_index())


def decided(scenario: Scenario) -> tuple[Calls, list[bool]]:
    """Return the calls of a scenario, and which of them both engines accept."""
    demand = Demand(scenario)
    decisions = []
    for engine in (Model, CompiledModel):
        days = engine(scenario, 0, demand).run()
        records = concatenate([day.settled for day in days])
        decisions.append((records.outcome == SUCCEEDED).tolist())
    assert decisions[0] == decisions[1]
    assert 0 < sum(decisions[0]) < len(decisions[0])
    return demand.draw_replication(0), decisions[0]


def one_class(limit: int, api: str, calls_a_day: float, days: int) -> Scenario:
    """Return a pool whose calls all cost the same and come at random."""
    rate = f"{calls_a_day} per day"
    return any_limit(limit, [poisson("a", rate, api)], horizon=f"{days} days", seed=limit)


@pytest.mark.parametrize(
    ("limit", "api", "cost", "load", "days"),
    [
        (5, "one", 1, 0.7, 200),
        (20, "one", 1, 1.3, 60),
        (150, "one", 1, 0.95, 20),
        (200, "one", 1, 1.4, 12),
        (504, "five", 5, 1.1, 30),
        (999, "fifty", 50, 0.8, 60),
        (20_000, "five_hundred", 500, 1.0, 40),
        pytest.param(1_000, "one", 1, 1.1, 50, marks=pytest.mark.long),
        pytest.param(2_500, "five", 5, 1.0, 200, marks=pytest.mark.long),
        pytest.param(100, "one", 1, 1.2, 1_200, marks=pytest.mark.long),
    ],
)
def test_decisions_are_those_of_a_loss_queue_of_ciw(
    limit: int, api: str, cost: int, load: float, days: int, compare: Compare
) -> None:
    servers = limit // cost
    calls, ours = decided(one_class(limit, api, load * servers, days))
    times = calls.time
    assert len(np.unique(times % DAY)) == len(times)  # nothing ties
    compare("Ciw", loss_queue_of_ciw(calls, servers), ours)


APIS = {"one": 400.0, "two": 150.0, "five": 60.0, "fifty": 7.0, "five_hundred": 0.8}


def _mixed(limit: int, apis: tuple[str, ...], days: int) -> Scenario:
    clients = [poisson(api, f"{APIS[api]} per day", api) for api in apis]
    ties = {"name": "hourly", "arrivals": HOURLY, "calls": [{"api": apis[-1]}]}
    return any_limit(limit, [*clients, ties], horizon=f"{days} days", seed=limit)


@pytest.mark.parametrize(
    ("name", "program"), [("textbook SimPy", textbook_simpy), ("limits", moving_window)]
)
@pytest.mark.parametrize(
    ("limit", "apis", "days"),
    [
        (40, ("one",), 10),
        (400, ("one",), 10),
        (900, ("one", "two", "five"), 10),
        (1_400, ("one", "fifty"), 10),
        (5_000, ("one", "five", "fifty", "five_hundred"), 10),
        pytest.param(500, ("one",), 400, marks=pytest.mark.long),
        pytest.param(9_000, tuple(APIS), 300, marks=pytest.mark.long),
    ],
)
def test_decisions_are_those_of_a_textbook_model_and_of_limits_ties_included(
    name: str,
    program: Callable[[Calls, int], list[bool]],
    limit: int,
    apis: tuple[str, ...],
    days: int,
    compare: Compare,
) -> None:
    calls, ours = decided(_mixed(limit, apis, days))
    assert len(np.unique(calls.time % DAY)) < len(calls)  # some tie
    compare(name, program(calls, limit), ours)


def _one_call_a_day() -> tuple[Calls, list[bool]]:
    """Return a call at the same time of each day, and another that is throttled, at a limit of 1.

    The first comes exactly as the credit of the day before comes back: both engines accept it.
    """
    clients = [scheduled("daily", "09:00", 1, "one"), scheduled("later", "15:00", 1, "one")]
    calls, ours = decided(any_limit(1, clients, horizon="4 days"))
    assert ours == [True, False] * 4
    return calls, ours


def test_limits_counts_what_is_exactly_a_window_old() -> None:
    calls, ours = _one_call_a_day()
    assert moving_window(calls, 1, window=DAY - 1) == ours
    # On the second day the call of 09:00 is throttled by that of the first day, and so the one of
    # 15:00 is accepted, which throttles both of the third day.
    theirs = [True, False, False, True, False, False, True, False]
    assert moving_window(calls, 1, window=DAY) == theirs


def test_a_textbook_model_that_slept_for_a_window_makes_its_call_before_the_release() -> None:
    calls, ours = _one_call_a_day()
    assert textbook_simpy(calls, 1) == ours  # at 15:00 it was awake
    daily = calls.take(np.flatnonzero(calls.client == 0))
    assert textbook_simpy(daily, 1) == [True, False, True, False]


def test_ciw_draws_at_random_what_comes_first() -> None:
    calls, _ = _one_call_a_day()
    daily = calls.take(np.flatnonzero(calls.client == 0))
    decisions = set()
    for seed in range(20):
        ciw.seed(seed)
        decisions.add(tuple(loss_queue_of_ciw(daily, 1))[1])
    assert decisions == {True, False}
