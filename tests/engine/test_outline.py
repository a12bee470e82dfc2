"""What is left out of a sweep changes nothing: the outline of demand is never below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.demand import Demand, Portion
from simulation.engine import LOST, CompiledModel, sweep
from simulation.engine.compiled.outline import Outline
from simulation.engine.compiled.sweep import Sweep
from simulation.quantities import DAY
from simulation.scenario import Scenario
from tests.helpers import ANY_LIMIT, build, poisson, scheduled


def levels_of(scenario: Scenario) -> tuple[Any, Any]:
    """Return when calls come, and what is in use after each in a pool without a limit."""
    calls, window = Demand(scenario).draw_replication(0), scenario.card.window
    total = np.concatenate(([0], calls.credits.cumsum()))
    back = np.searchsorted(calls.time, calls.time - window, side="right")
    return calls.time, total[1:] - total[back]


def outlined(scenario: Scenario) -> Outline:
    """Return the outline of the first replication, each of its bounds compared with the levels."""
    time, levels = levels_of(scenario)
    outline = Outline(scenario.card.window, scenario.clock.horizon)
    portions: list[Portion] = []
    for portion in Demand(scenario).draw_portions(0):
        portions = [*outline.needed(portions, portion.begin), portion]
        outline.add(portions)
        for part in range(8):
            begin, end = (
                portion.begin + (portion.end - portion.begin) * n // 8 for n in (part, part + 1)
            )
            within = levels[(time >= begin) & (time < end)]
            assert outline.bound(begin, end) >= within.max(initial=0)
    return outline


@settings(max_examples=60)
@given(
    rates=st.lists(st.integers(1, 3000), min_size=1, max_size=3),
    days=st.integers(1, 6),
    seed=st.integers(0, 2**20),
    calls_a_block=st.sampled_from([60, 700, 2**16]),
)
def test_the_outline_is_never_below_demand_and_finds_the_most_that_is_in_use(
    rates: list[int], days: int, seed: int, calls_a_block: int
) -> None:
    clients = [poisson(f"p{n}", f"{rate} per day") for n, rate in enumerate(rates)]
    clients.append(scheduled("s", "09:00", 40))
    scenario = build(clients, horizon=f"{days} days", seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation.demand.demand._CALLS_A_BLOCK", calls_a_block)
        assert outlined(scenario).most == levels_of(scenario)[1].max(initial=0)


@settings(max_examples=40)
@given(
    rate=st.integers(100, 3000),
    retries=st.booleans(),
    hours=st.integers(30, 150),
    burst=st.integers(1, 3000),
    calls_a_block=st.sampled_from([40, 500]),
    timezone=st.sampled_from(["UTC", "Asia/Kathmandu"]),
)
def test_no_count_depends_on_how_days_are_cut(
    rate: int, retries: bool, hours: int, burst: int, calls_a_block: int, timezone: str
) -> None:
    client = poisson("p", f"{rate} per day")
    if retries:
        client["on_throttle"] = {"retry": {"first": "20 minutes", "jitter": "full"}}
    scenario = build(
        [client, scheduled("b", "10:00", burst)], horizon=f"{hours} hours", timezone=timezone
    )
    sizes, everyone = np.linspace(0.2 * rate, 1.2 * rate + burst, 9).astype(np.int64), np.ones(2)
    whole = sweep(Demand(scenario), 1, sizes, everyone.astype(bool))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("simulation.demand.demand._CALLS_A_BLOCK", calls_a_block)
        cut = sweep(Demand(scenario), 1, sizes, everyone.astype(bool))
    assert cut.throttled.tolist() == whole.throttled.tolist()
    assert cut.lost.tolist() == whole.lost.tolist()
    assert (cut.calls, cut.credits, cut.enough) == (whole.calls, whole.credits, whole.enough)


@pytest.mark.parametrize("retries", [False, True])
def test_days_on_which_no_size_is_reached_are_not_put_in_order(
    retries: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The burst on the fifth day is all that the sizes do not grant at once.
    client = poisson("p", "500 per day")
    if retries:
        client["on_throttle"] = {"retry": {"first": "1 minute", "max_attempts": 4}}
    burst = scheduled("b", "10:00", 4000)
    burst["arrivals"]["schedule"]["days"] = ["2026-01-09"]
    scenario = build([client, burst], horizon="12 days", start="2026-01-05")
    decided: list[tuple[float, float]] = []
    original = Sweep._decide

    def noted(self: Sweep, begin: int, ends: list[int]) -> None:
        decided.append((begin / DAY, ends[-1] / DAY))
        original(self, begin, ends)

    monkeypatch.setattr(Sweep, "_decide", noted)
    demand, everyone = Demand(scenario), np.ones(2, bool)
    sizes = np.array([2000, 3000, 9000])
    swept = sweep(demand, 0, sizes, everyone)
    assert decided[0][0] == 4.0
    assert decided[-1][1] <= 7.0
    assert swept.throttled[0] > swept.throttled[1] > 0 == swept.throttled[2]
    assert swept.calls == len(demand.draw_replication(0))
    # A pool so small that all days have to be decided throttles as many at the other sizes.
    decided.clear()
    whole = sweep(demand, 0, np.array([10, 2000, 3000, 9000]), everyone)
    assert decided[0][0] == 0.0
    assert decided[-1][1] == 12.0
    assert whole.throttled[1:].tolist() == swept.throttled.tolist()
    assert whole.lost[1:].tolist() == swept.lost.tolist()
    assert whole.enough == swept.enough


@pytest.mark.parametrize(("window", "rate"), [("50 minutes", 9000), ("100 minutes", 6000)])
def test_windows_too_short_for_an_outline_are_counted_as_long_ones_are(
    window: str, rate: int, tmp_path: Path
) -> None:
    card = tmp_path / "short.yaml"
    card.write_text(ANY_LIMIT.read_text() + f"\nwindow: {window}\n")
    client = poisson("p", f"{rate} per day")
    client["calls"] = [{"api": "two"}]
    org = {"edition": "any", "user_licenses": 1}
    scenario = build([client], horizon="3 days", rate_card=str(card), org=org)
    _, levels = levels_of(scenario)
    sizes = np.quantile(levels, [0.2, 0.9, 1.0]).astype(np.int64)
    swept = sweep(Demand(scenario), 0, sizes, np.ones(1, bool))
    assert swept.enough == levels.max()
    assert swept.throttled[0] > swept.throttled[1] > 0 == swept.throttled[2]
    lost = [
        sum(
            int((day.settled.outcome == LOST).sum())
            for day in CompiledModel(scenario, 0, Demand(scenario), int(size)).run()
        )
        for size in sizes
    ]
    assert swept.throttled.tolist() == lost
