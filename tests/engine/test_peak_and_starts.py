"""What is asked of a sweep besides counts: the fullest window, and a pool from several starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.arrays import Ints
from simulation.demand import Demand
from simulation.engine import CompiledModel, calls_at_peak, sweep, throttled_from
from simulation.quantities import DAY, HOUR
from simulation.scenario import Scenario
from tests.helpers import ANY_LIMIT, any_limit, poisson, scheduled

WINDOWS = {"24 hours": DAY, "1 hour": HOUR, "10 minutes": HOUR // 6}


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write rate cards whose credits come back after other times."""
    written = {}
    for window in WINDOWS:
        file = tmp_path_factory.mktemp("cards") / "card.yaml"
        card = {**yaml.safe_load(ANY_LIMIT.read_text()), "window": window}
        file.write_text(yaml.safe_dump(card))
        written[window] = file
    return written


def fullest_window(scenario: Scenario) -> Any:
    """Return the calls of the first window that holds most credits, by looking at each."""
    calls, window = Demand(scenario).draw_replication(0), scenario.card.window
    first = np.searchsorted(calls.time, calls.time - window, side="right")
    held = [int(calls.credits[begin : n + 1].sum()) for n, begin in enumerate(first)]
    last = int(np.argmax(held))
    return calls.take(slice(int(first[last]), last + 1))


@settings(max_examples=60)
@given(
    rate=st.sampled_from([0, 3, 300, 3000]),
    burst=st.integers(1, 400),
    window=st.sampled_from([*WINDOWS]),
    calls_a_block=st.sampled_from([60, 2**16]),
    seed=st.integers(0, 2**20),
)
def test_the_peak_is_the_first_of_the_fullest_windows(
    rate: int, burst: int, window: str, calls_a_block: int, seed: int, cards: dict[str, Path]
) -> None:
    # Two bursts of the same size: without others, all days' windows are as full.
    clients = [scheduled("a", "09:00", burst), scheduled("b", "21:00", burst)]
    if rate:
        clients.append(poisson("p", f"{rate} per day", "five"))
    keys = {"rate_card": str(cards[window]), "horizon": "5 days", "seed": seed}
    scenario = any_limit(10, clients, **keys)
    expected = fullest_window(scenario)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation.demand.demand._CALLS_A_BLOCK", calls_a_block)
        found = calls_at_peak(Demand(scenario), 0)
    # Calls that cost nothing in the instant of the last one change no share.
    for name in ("time", "client", "credits"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name


def by_runs(scenario: Scenario, held: tuple[int, ...], length: int) -> Ints:
    """Return the calls that the pool throttles from each start, by full runs."""
    counts = []
    for credits in held:
        begun = scenario.changed({"initial_usage": {"credits": credits}})
        days = [day.settled for day in CompiledModel(begun, 0).run()]
        times = np.concatenate([day.calls.time[day.throttled_attempts > 0] for day in days])
        counts.append(np.bincount(times // length, minlength=-(-scenario.horizon // length)))
    return np.array(counts)


@settings(max_examples=60)
@given(
    limit=st.integers(5, 3000),
    rate=st.integers(1, 2000),
    burst=st.integers(1, 400),
    retries=st.booleans(),
    window=st.sampled_from([*WINDOWS]),
    minutes=st.sampled_from([7, 60, 100]),
    charged=st.integers(0, 2),
    calls_a_block=st.sampled_from([60, 2**16]),
    seed=st.integers(0, 2**20),
)
def test_a_pool_throttles_from_each_start_what_runs_from_there_throttle(
    limit: int,
    rate: int,
    burst: int,
    retries: bool,
    window: str,
    minutes: int,
    charged: int,
    calls_a_block: int,
    seed: int,
    cards: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    client = poisson("p", f"{rate} per day", "five")
    if retries:
        client["on_throttle"] = {"retry": {"first": "10 minutes", "max_attempts": 3}}
    card = {**yaml.safe_load(cards[window].read_text()), "throttled_attempt_credits": charged}
    file = tmp_path_factory.mktemp("charged") / "card.yaml"
    file.write_text(yaml.safe_dump(card))
    keys = {"rate_card": str(file), "horizon": "100 hours", "seed": seed}
    scenario = any_limit(limit, [client, scheduled("b", "10:00", burst)], **keys)
    held = (0, limit, limit // 2)
    length = minutes * HOUR // 60
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation.demand.demand._CALLS_A_BLOCK", calls_a_block)
        found = throttled_from(Demand(scenario), 0, held, length)
    assert np.array_equal(found, by_runs(scenario, held, length))


@pytest.mark.parametrize("window", [*WINDOWS])
def test_a_sweep_of_no_sizes_tells_which_pool_is_enough(
    window: str, cards: dict[str, Path]
) -> None:
    clients = [scheduled("a", "09:00", 7), scheduled("b", "09:05", 5)]
    scenario = any_limit(10, clients, rate_card=str(cards[window]), horizon="3 days")
    everyone, none = np.ones(2, bool), np.empty(0, np.int64)
    assert sweep(Demand(scenario), 0, none, everyone).enough == 12
