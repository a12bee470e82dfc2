"""The grid against theory: green as the pool is, red for three pools that are slightly wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from itertools import product
from time import process_time
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import simpy
from numpy.typing import NDArray
from scipy.stats import chisquare, t

import simulation.engine.compiled.model
import simulation.engine.model
import simulation.engine.pool
from simulation.demand.demand import Demand
from simulation.engine.compiled.kernel import decide
from simulation.engine.compiled.lanes import lanes_of
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.model import Model
from simulation.engine.pool import CreditPool, TooManyRequests
from simulation.planning.theory import kaufman_roberts
from simulation.quantities import DAY, HOUR, MINUTE
from simulation.rate_cards.card import RateCard
from tests.helpers import any_limit, poisson, scheduled
from tests.kept_figures import FOLDER, keep
from tests.stationary import Slotting, Stationary, stationary_counts
from tests.theory_grid import LONG, SHORT, Cell, Effort, grid, measure, standardised, summary, wrong

pytestmark = pytest.mark.proof

Mutation = Callable[[], AbstractContextManager[None]]


@cache
def _cells(effort: Effort) -> dict[int, Cell]:
    return grid(effort)


def figures(effort: Effort) -> pd.DataFrame:
    """Return the rows of all cells of a grid."""
    cells = _cells(effort).items()
    return pd.DataFrame([row for number, cell in cells for row in measure(number, cell, effort)])


def test_throttled_shares_are_those_of_theory_on_a_grid(long: bool) -> None:
    effort, begun = LONG if long else SHORT, process_time()
    rows = figures(effort)
    print(summary(rows).round(3).to_string())  # noqa: T201 - shown with -s, and where it fails
    assert wrong(rows) == []
    assert set(rows["engine"]) == {"simpy", "compiled"}
    assert (rows["cost"].min(), rows["cost"].max()) == (1, 500)
    assert (rows["limit"].min(), rows["limit"].max()) == (5, 50_000)
    assert rows["cell"].nunique() > 70
    if long:
        assert (rows["load"].min(), rows["load"].max()) == (0.5, 1.5)
        assert rows["cell"].nunique() > 200
        keep("theory", rows, cpu_minutes=round((process_time() - begun) / 60, 1))


# Three pools that are slightly wrong, in both engines.


@contextmanager
def releases_after(window: int) -> Iterator[None]:
    """Have credits come back after another time than a window."""
    laws_of = simulation.engine.compiled.model.laws_of

    def laws(*given: Any) -> Any:
        return laws_of(*given)._replace(window=window)

    class Pool(CreditPool):
        def __init__(self, env: simpy.Environment, limit: int, _: int, card: RateCard) -> None:
            super().__init__(env, limit, window, card)

    with (
        patch.object(simulation.engine.compiled.model, "laws_of", laws),
        patch.object(simulation.engine.model, "CreditPool", Pool),
    ):
        yield


def releases_at_23_55() -> AbstractContextManager[None]:
    """Have credits come back five minutes early."""
    return releases_after(DAY - 5 * MINUTE)


@contextmanager
def attempts_first() -> Iterator[None]:
    """Have releases wait for the attempts of their instant.

    To the compiled loop, which counts whole µs, that is a window which is longer by one.
    """
    with (
        releases_after(DAY + 1),
        patch.object(simulation.engine.model, "CreditPool", CreditPool),
        patch.object(simulation.engine.pool, "_RELEASE", 2**62),
    ):
        yield


@contextmanager
def restarts_at_midnight() -> Iterator[None]:
    """Have all credits come back at midnight."""

    def decide_anew(lanes: Any, *given: Any) -> Any:  # called once a day
        return decide(lanes_of(lanes.state["limit"]), *given)

    class Pool(CreditPool):
        day = 0

        def take(self, units: int, booked: bool = False) -> None:  # noqa: ARG002
            today = int(self.env.now) // DAY
            if today > self.day:
                self.day, self.used_units = today, 0
            if self.used_units + units > self.limit_units:
                raise TooManyRequests(self._answer)
            self.used_units += units

    with (
        patch.object(simulation.engine.compiled.model, "decide", decide_anew),
        patch.object(simulation.engine.model, "CreditPool", Pool),
    ):
        yield


MUTATIONS: list[Mutation] = [releases_at_23_55, attempts_first, restarts_at_midnight]


@pytest.mark.once
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_a_pool_that_is_slightly_wrong_turns_the_grid_red(mutation: Mutation, long: bool) -> None:
    with mutation():
        rows = figures(SHORT)
    found = wrong(rows)
    print(summary(rows).round(3).to_string(), *found, sep="\n")  # noqa: T201
    assert found
    if long:
        keep(mutation.__name__.replace("_", "-"), rows)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_both_engines_are_wrong_in_the_same_way(mutation: Mutation) -> None:
    clients = [poisson("a", "70 per day", "one"), scheduled("b", "06:00", 20, "five")]
    demand = Demand(any_limit(90, clients, horizon="5 days"))

    def refused(engine: type[Model | CompiledModel]) -> list[list[int]]:
        days = engine(demand.scenario, 0, demand).run()
        return [day.settled.throttled_attempts.tolist() for day in days]

    right = refused(Model)
    with mutation():
        assert refused(Model) == refused(CompiledModel) != right
    assert refused(CompiledModel) == right


def test_the_figures_that_are_kept_say_the_same() -> None:
    kept = {file.stem: pd.read_csv(file) for file in FOLDER.glob("*.csv")}
    assert wrong(kept["theory"]) == []
    assert kept["theory"]["cell"].nunique() > 200
    for mutation in MUTATIONS:
        assert wrong(kept[mutation.__name__.replace("_", "-")])
    assert len(kept["decisions"]) == 3
    assert kept["decisions"]["decisions"].min() > 300_000
    assert not kept["decisions"]["different"].any()
    assert kept["engines"]["decisions"].sum() > 10_000_000


# What the grid stands on.


def test_a_stationary_pool_holds_what_the_product_form_says() -> None:
    loads, costs, limit = [4.0, 1.5, 0.9], [1, 3, 5], 11
    weights = {
        state: math.prod(a**n / math.factorial(n) for a, n in zip(loads, state, strict=True))
        for state in product(range(12), range(4), range(3))
        if np.dot(state, costs) <= limit
    }
    draws = 40_000
    random = np.random.default_rng(3)
    counts = stationary_counts(loads, costs, limit, random, draws)
    drawn = dict.fromkeys(weights, 0)
    for state in map(tuple, counts.tolist()):
        drawn[state] += 1
    expected = np.array(list(weights.values())) * draws / sum(weights.values())
    seen = np.array(list(drawn.values()))
    assert expected.min() > 5
    assert chisquare(seen, expected).pvalue > 0.001


def _errors_by_hour(stationary: bool) -> NDArray[np.float64]:
    """Return the standardised error of the throttled share of each hour after the first day."""
    cell, days, replications = Cell(100, 1.2, (1, 5)), 4, 60
    scenario = cell.scenario(days, seed=5)
    demand = cell.demand(scenario) if stationary else Demand(scenario)
    shares = np.array(kaufman_roberts(cell.loads, cell.costs, cell.limit))
    differences = np.zeros((replications, 24 * (days + 1)))
    for replication in range(replications):
        for day in CompiledModel(scenario, replication, demand).run():
            calls = day.settled.calls
            surplus = (day.settled.throttled_attempts > 0) - shares[calls.client]
            differences[replication] += np.bincount(
                calls.time // HOUR, surplus, minlength=differences.shape[1]
            )
    return standardised(differences[:, 24:])[0]


def test_a_stationary_start_shows_in_no_hour_and_a_full_pool_does_for_days() -> None:
    assert np.abs(_errors_by_hour(stationary=True)).max() < 4.5
    assert _errors_by_hour(stationary=True).var() < 1.5
    assert _errors_by_hour(stationary=False).var() > 3


def test_the_first_day_of_a_stationary_start_is_accepted_whole() -> None:
    cell = Cell(1_000, 1.5, (1, 50))
    demand = cell.demand(cell.scenario(1, seed=1))
    assert isinstance(demand, Stationary)
    for engine in (Model, CompiledModel):
        first, second = engine(demand.scenario, 0, demand).run()
        assert not first.settled.throttled_attempts.any()
        assert second.settled.throttled_attempts.any()
        assert 0.9 < first.settled.calls.credits.sum() / cell.limit <= 1


def test_calls_that_tie_are_throttled_as_simple_cases_say() -> None:
    # One instant a window: empty each time, so E max(0, N - 1) / 2 for a Poisson N of mean 2.
    assert Slotting(2.0, 1, 1).share == pytest.approx((1 + math.exp(-2)) / 2)
    # One server, two instants: it is taken now with probability x, or was before, or no call comes.
    come = 1 - math.exp(-1.0)
    taken = come / (1 + come)
    accepted_of_two = 2 * taken
    assert Slotting(2.0, 1, 2).share == pytest.approx(1 - accepted_of_two / 2)
    assert Slotting(2.0, 1, 4).law.sum() == pytest.approx(1)


def test_standardised_errors_of_few_replications_are_standard_normal() -> None:
    z, _ = standardised(np.random.default_rng(1).normal(size=(8, 20_000)))
    assert z.var() == pytest.approx(1, abs=0.04)
    assert t.var(7) == pytest.approx(1.4)  # what it is without the correction


def test_the_verdict_is_red_for_numbers_that_are_not_standard_normal() -> None:
    random = np.random.default_rng(2)
    rows = pd.DataFrame({"cell": range(1200), "slots": 0, "cost": [1, 5, 50, 500] * 300})
    rows.loc[:99, "slots"] = 1
    right = random.normal(size=1200)
    assert wrong(rows.assign(z=right)) == []
    assert wrong(rows.assign(z=right + 0.35 * (rows["cost"] == 50))) != []
    assert wrong(rows.assign(z=1.3 * right)) != []
    assert wrong(rows.assign(z=0.7 * right)) != []
    assert wrong(rows.assign(z=np.where(rows.index == 7, 4.6, right))) != []
