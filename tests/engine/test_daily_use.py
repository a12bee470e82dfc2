"""What sweeps say each pool uses on a day is what the engines' records of it add up to."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import run
from simulation.arrays import Ints
from simulation.demand import Demand
from simulation.engine import CompiledModel, Model, Pools, sweep_together
from simulation.quantities import DAY
from simulation.rate_cards import BilledUse
from simulation.scenario import Scenario
from tests.helpers import any_limit, build, poisson, scheduled
from tests.strategies import scenarios

_RETRY = {"retry": {"first": "10 minutes", "factor": 2, "max_attempts": 7, "jitter": "full"}}


def day_starts(scenario: Scenario) -> list[int]:
    """Return when each local day begins, by the calendar alone, µs; and when the last ends."""
    zone, start = scenario.timezone, scenario.clock.start
    first, starts = start.astimezone(zone).date(), list[int]()
    while not starts or starts[-1] < scenario.horizon:
        midnight = pd.Timestamp(first + timedelta(len(starts)))
        local = midnight.tz_localize(zone, nonexistent="shift_forward", ambiguous=True)
        apart = local.tz_convert("UTC") - pd.Timestamp(start).tz_convert("UTC")
        starts.append(apart // pd.Timedelta(1, "us"))
    return starts


def recounted(time: Ints, credits: Ints, starts: list[int], use: BilledUse) -> list[int]:
    """Return what is used on each day, by what was granted: one grant after the other."""
    found = []
    for begin, end in pairwise(starts):
        if use == "calendar_day":
            found.append(int(credits[(time >= begin) & (time < end)].sum()))
            continue
        # What is in use is most at a grant, or as the day begins.
        moments = [begin, *time[(time >= begin) & (time < end)].tolist()]
        ends = [time <= moment for moment in moments]
        ends[0] = time < begin
        held = [
            int(credits[(time > moment - DAY) & until].sum())
            for moment, until in zip(moments, ends, strict=True)
        ]
        found.append(max(held))
    return found


def assert_used_as_decided(
    scenario: Scenario, limits: list[int], use: BilledUse, engine: type[Any] = CompiledModel
) -> None:
    demand, starts = Demand(scenario), day_starts(scenario)
    counted = np.ones(len(scenario.clients), bool)
    pools = Pools(demand, np.array(limits), counted, use)
    (swept,) = sweep_together([pools], 0)
    (plain,) = sweep_together([Pools(demand, np.array(limits), counted)], 0)
    assert plain.daily_use is None
    assert swept.daily_use is not None
    assert swept.throttled.tolist() == plain.throttled.tolist()
    assert swept.lost.tolist() == plain.lost.tolist()
    assert swept.daily_use.pools.shape == (len(limits), scenario.clock.days)
    endless = 2**40
    used = [*swept.daily_use.pools.tolist(), swept.daily_use.unlimited.tolist()]
    for limit, its in zip([*limits, endless], used, strict=True):
        grants = [
            day.grants for day in engine(scenario, 0, demand, scenario.card.in_credits(limit)).run()
        ]
        time = np.concatenate([each.time for each in grants])
        credits = np.concatenate([each.credits for each in grants])
        assert its == recounted(time, credits, starts, use), limit


_uses = st.sampled_from(["calendar_day", "any_24_hours"])


@settings(max_examples=80, deadline=None)
@given(scenario=scenarios(everything=True), use=_uses, simpy=st.booleans())
def test_pools_use_on_each_day_what_their_records_add_up_to(
    scenario: Scenario, use: BilledUse, simpy: bool
) -> None:
    limits = sorted({0, scenario.limit // 3, scenario.limit, 2 * scenario.limit + 7, 5000})
    assert_used_as_decided(scenario, limits, use, Model if simpy else CompiledModel)


@settings(max_examples=30, deadline=None)
@given(
    rate=st.integers(300, 4000),
    retries=st.booleans(),
    start=st.sampled_from(["2026-03-27", "2026-10-23 13:00", "2026-01-05"]),
    hours=st.integers(60, 200),
    burst=st.integers(1, 3000),
    seed=st.integers(0, 2**20),
    use=_uses,
)
def test_lanes_that_sleep_and_wake_use_what_their_records_add_up_to(
    rate: int, retries: bool, start: str, hours: int, burst: int, seed: int, use: BilledUse
) -> None:
    client: dict[str, Any] = poisson("p", f"{rate} per day")
    burst_client = scheduled("b", "23:30", burst)
    burst_client["arrivals"]["schedule"]["days"] = ["sat"]
    if retries:
        client["on_throttle"] = burst_client["on_throttle"] = _RETRY
    scenario = any_limit(
        0,
        [client, burst_client],
        start=start,
        timezone="Europe/Berlin",
        horizon=f"{hours} hours",
        seed=seed,
    )
    # From pools that throttle every day to some that are reached on one day, or on none.
    limits = [rate // 2, rate, rate + 200, rate + burst // 2, rate + burst, rate + 2 * burst + 400]
    assert_used_as_decided(scenario, sorted({*limits}), use)


@pytest.mark.parametrize("start", ["2026-03-29", "2026-10-25"])
def test_a_day_of_23_or_25_hours_is_one_day(start: str) -> None:
    hours = 23 if start == "2026-03-29" else 25
    calls = scheduled("s", "00:00", 1)
    calls["arrivals"]["schedule"] = {"every": "1 hour"}
    scenario = build([calls], start=start, timezone="Europe/Berlin", horizon="2 days")
    (swept,) = sweep_together(
        [Pools(Demand(scenario), np.array([9]), np.ones(1, bool), "calendar_day")], 0
    )
    assert swept.daily_use is not None
    assert swept.daily_use.unlimited.tolist()[0] == hours


def test_what_a_run_writes_of_its_calls_adds_up_to_the_days_use() -> None:
    client = poisson("p", "900 per day", on_throttle=_RETRY)
    scenario = any_limit(
        700, [client], start="2026-03-27", timezone="Europe/Berlin", horizon="6 days"
    )
    calls = run(scenario).calls
    done = calls[calls["outcome"] == "succeeded"]
    dates = done["settled_at"].dt.tz_convert("Europe/Berlin").dt.date
    by_day = done.groupby(dates)["credits"].sum().tolist()
    (swept,) = sweep_together(
        [Pools(Demand(scenario), np.array([700]), np.ones(1, bool), "calendar_day")], 0
    )
    assert swept.daily_use is not None
    used = swept.daily_use.pools[0].tolist()
    assert used[: len(by_day)] == by_day
    assert not any(used[len(by_day) :])


@pytest.mark.parametrize("use", ["calendar_day", "any_24_hours"])
@pytest.mark.parametrize("throttled", ["drop", _RETRY])
def test_a_pool_that_a_large_call_left_as_it_was_used_no_more_for_it(
    use: BilledUse, throttled: Any
) -> None:
    # The call costs more than the pool: a pool without a limit holds it for a day, this one never.
    large = scheduled("large", "13:00", 1, "five_hundred")
    large["arrivals"]["schedule"]["days"] = ["tue"]
    few = scheduled("few", "09:00", 20, on_throttle=throttled)
    scenario = any_limit(0, [few, large], start="2026-01-05", horizon="5 days")
    assert_used_as_decided(scenario, [10, 400, 519, 520], use)
    assert_used_as_decided(scenario, [10, 400, 519, 520], use, Model)
