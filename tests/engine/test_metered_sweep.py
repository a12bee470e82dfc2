"""Sweeps, watched pools and warm-up pilots of many meters say what single runs say."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import run
from simulation.arrays import Ints
from simulation.demand import Demand, Portion
from simulation.engine import CompiledModel, Model, Pools, sweep_together, throttled_from, watch
from simulation.engine.compiled.metered_sweep import MeteredLanes
from simulation.engine.records import IMPOSSIBLE, LOST
from simulation.engine.rules import Rules
from simulation.quantities import HOUR
from simulation.scenario import Scenario
from tests.cards_of_tests import pool, write_card
from tests.helpers import any_limit, poisson, scheduled
from tests.strategies import metered_scenarios

pytestmark = pytest.mark.proof

_BLOCK = "simulation.demand.demand._CALLS_A_BLOCK"


class Counts(NamedTuple):
    """What one run counts after the warm-up, and what its pool gives on each day."""

    throttled: int
    lost: int
    throttled_by: list[int]
    daily_use: list[int]
    attempts: int


def counts_of(scenario: Scenario, demand: Demand, limit: int, counted: Ints) -> Counts:
    """Return what a run of one size counts, from the records of each of its calls."""
    throttled = lost = attempts = 0
    by = np.zeros(len(scenario.card.meters), np.int64)
    used = np.zeros(scenario.clock.days, np.int64)
    for day in CompiledModel(scenario, 0, demand, limit).run():
        its = day.settled
        counts = counted[its.calls.client] & (its.calls.time >= scenario.warmup_end)
        refused = counts & (its.throttled_by >= 0)
        throttled += int(refused.sum())
        by += np.bincount(its.throttled_by[refused], minlength=len(by))
        lost += int((counts & np.isin(its.outcome, (LOST, IMPOSSIBLE))).sum())
        attempts += int(its.attempts.sum())
        used[day.day] += day.grants.credits.sum()
    return Counts(throttled, lost, by.tolist(), used.tolist(), attempts)


def six_sizes(scenario: Scenario) -> Ints:
    """Return sizes from far too small to more than enough."""
    limit = scenario.limit
    third, half = max(1, limit // 3), max(1, limit // 2)
    return np.unique([third, half, limit, limit + 7, 2 * limit, 10 * limit + 5000])


@settings(max_examples=150, deadline=None)
@given(metered_scenarios(), st.sampled_from([3, 2**16]))
def test_a_sweep_of_many_meters_counts_what_single_runs_count(
    scenario: Scenario, calls_a_block: int
) -> None:
    # Blocks of three calls are parts of days.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_BLOCK, calls_a_block)
        demand, limits = Demand(scenario), six_sizes(scenario)
        counted = np.arange(len(scenario.clients)) % 3 != 1
        (swept,) = sweep_together([Pools(demand, limits, counted, "calendar_day")], 0)
    assert (swept.throttled_by is None) == scenario.is_plain
    assert swept.daily_use is not None
    for place, limit in enumerate(limits.tolist()):
        single = counts_of(scenario, demand, limit, counted)
        assert swept.throttled[place] == single.throttled
        assert swept.lost[place] == single.lost
        if swept.throttled_by is not None:
            assert swept.throttled_by[place].tolist() == single.throttled_by
        if scenario.card.pool.counts_credits:
            assert swept.daily_use.pools[place].tolist() == single.daily_use


@settings(max_examples=60, deadline=None)
@given(metered_scenarios())
def test_what_is_enough_is_a_pool_that_itself_throttles_no_call(scenario: Scenario) -> None:
    # A part of the pool that a client leaves to others changes with the pool's size.
    if any(client.reserve or client.quota for client in scenario.clients):
        return
    demand, everyone = Demand(scenario), np.ones(len(scenario.clients), bool)
    (swept,) = sweep_together([Pools(demand, np.array([1]), everyone)], 0)
    names = [meter.is_pool for meter in scenario.card.meters]
    single = counts_of(scenario, demand, swept.enough, everyone)
    assert single.throttled_by[names.index(True)] == 0


class Noted(MeteredLanes):
    """Lanes of which it is noted who sleeps as each day, or part of one, ends."""

    def __init__(self, demand: Demand, limits: Ints) -> None:
        everyone = np.ones(len(demand.scenario.clients), bool)
        super().__init__(Rules.of(demand, 0), limits, everyone)
        self.awake: list[list[bool]] = []

    def _take(self, portion: Portion, begin: int, end: int) -> None:
        super()._take(portion, begin, end)
        self.awake.append([lane is not None for lane in self._lanes])


def test_lanes_sleep_wake_and_sleep_again_and_what_they_count_stays_the_same(
    tmp_path: Path,
) -> None:
    slots = {"name": "slots", "kind": "concurrent", "size": 3}
    # 400 calls late on Tuesdays: small pools refuse some, and then some of Wednesday's.
    tuesdays = {"days": ["tue"], "over": "1 hour"}
    clients = [
        poisson("web", "300 per day"),
        scheduled("sync", "22:00", 400, schedule=tuesdays),
    ]
    for client, duration in zip(clients, ("30 s", "1 s"), strict=True):
        client["calls"] = [{"api": "one", "duration": duration}]
    card = write_card(tmp_path, pool(), slots)
    scenario = any_limit(500, clients, rate_card=card, horizon="21 days")
    demand, limits = Demand(scenario), np.array([450, 500, 600, 2000, 3000, 4000])
    lanes = Noted(demand, limits)
    for portion in demand.draw_portions(0):
        lanes.take(portion)
    lanes.finish()
    awake = np.array(lanes.awake)
    tuesdays_and_wednesdays = np.isin(np.arange(21) % 7, (1, 2))
    for lane in range(3):
        assert awake[:, lane].tolist() == tuesdays_and_wednesdays.tolist()
    assert not awake[:, 3:].any()
    singles = [counts_of(scenario, demand, limit, np.ones(2, bool)) for limit in limits.tolist()]
    expected_counts = [[each.throttled, each.lost, *each.throttled_by] for each in singles]
    assert lanes.counts.tolist() == expected_counts
    assert min(each.throttled_by[0] for each in singles[:3]) > 0
    # The reference is decided on all days, three of six sizes on two days of a week.
    attempts = singles[-1].attempts
    assert attempts < lanes.work < len(limits) * attempts / 2


def test_a_lane_stays_awake_while_other_calls_of_a_client_are_open(tmp_path: Path) -> None:
    bucket = pool("bucket", refill="1 per 20 minutes")
    slots = {"name": "slots", "kind": "concurrent", "scope": "client", "size": 1}
    clients = [scheduled("a", "22:50", 1), scheduled("b", "02:15", 1)]
    clients[1]["arrivals"]["schedule"]["at"] = ["23:00", "23:30", "02:15"]
    for client, duration in zip(clients, ("1 s", "3 hours"), strict=True):
        client["calls"] = [{"api": "one", "duration": duration}]
    card = write_card(tmp_path, bucket, slots)
    scenario = any_limit(1, clients, rate_card=card, horizon="2 days")
    demand, limits, everyone = Demand(scenario), np.array([1, 2]), np.ones(2, bool)
    (swept,) = sweep_together([Pools(demand, limits, everyone)], 0)
    assert swept.throttled_by is not None
    # At midnight one call of b is open, whatever the bucket's size, and each bucket is full; but a
    # bucket of 1 refused the call of 23:00, so that the one of 23:30 is open, until 02:30.
    for place, limit in enumerate(limits.tolist()):
        single = counts_of(scenario, demand, limit, everyone)
        assert swept.throttled_by[place].tolist() == single.throttled_by
    assert swept.throttled_by.tolist() == [[2, 1], [0, 2]]


@pytest.mark.parametrize("share", ["quota", "reserve"])
def test_a_pool_that_clients_leave_a_part_of_is_never_taken_for_an_endless_one(
    share: str, tmp_path: Path
) -> None:
    client = scheduled("sync", "02:00", 80, "one", **{share: "50%"})
    scenario = any_limit(100, [client], rate_card=write_card(tmp_path, pool()), horizon="2 days")
    demand, limits, everyone = Demand(scenario), np.array([100, 200]), np.ones(1, bool)
    (swept,) = sweep_together([Pools(demand, limits, everyone)], 0)
    # It makes 50 of 80 calls in a pool of 100: below the 80 that fit, and not throttled.
    assert swept.lost.tolist() == [60, 0]
    assert swept.throttled.tolist() == [0, 0]


def test_a_reserve_in_a_pool_of_calls_is_of_calls_whatever_they_cost(tmp_path: Path) -> None:
    client = scheduled("sync", "00:00", 1, "two", reserve=3)
    card = write_card(tmp_path, pool(counts="calls"), reports_usage_from="0%")
    scenario = any_limit(4, [client], rate_card=card, horizon="1 hour")
    demand, limits, everyone = Demand(scenario), np.array([4, 5, 50]), np.ones(1, bool)
    (swept,) = sweep_together([Pools(demand, limits, everyone)], 0)
    # The call costs 2 credits, but the pool of 4 calls has 3 left after it.
    assert swept.lost.tolist() == [0, 0, 0]
    assert run(scenario, engine="simpy").calls["outcome"].tolist() == ["succeeded"]
    singles = [counts_of(scenario, demand, limit, everyone) for limit in limits.tolist()]
    assert [single.lost for single in singles] == [0, 0, 0]


@settings(max_examples=25, deadline=None)
@given(metered_scenarios(most_clients=2), st.sampled_from([35, 60]))
def test_pools_of_many_meters_watched_over_time_say_what_simpy_runs_say(
    scenario: Scenario, minutes: int
) -> None:
    limits = np.unique([scenario.limit, scenario.limit + 3, 4 * scenario.limit])
    watched = watch(Demand(scenario), 0, limits, minutes * HOUR // 60)
    for row, limit in enumerate(limits.tolist()):
        sized = scenario.changed({"org.user_licenses": limit})
        its = run(sized, engine="simpy", interval=f"{minutes} minutes").intervals
        assert watched.available[row].tolist() == its["credits_available"].tolist()
        assert watched.throttled_attempts[row].tolist() == its["throttled_attempts"].tolist()


@settings(max_examples=40, deadline=None)
@given(metered_scenarios(most_clients=2), st.sampled_from([7, 60, 100]))
def test_warm_up_pilots_of_many_meters_are_runs_that_begin_with_that_much_in_use(
    scenario: Scenario, minutes: int
) -> None:
    held, length = (0, scenario.limit, scenario.limit // 2), minutes * HOUR // 60
    found = throttled_from(Demand(scenario), 0, held, length)
    for counts, credits in zip(found.tolist(), held, strict=True):
        begun = scenario
        if scenario.card.pool.kind != "concurrent":  # no call is open at the start
            begun = scenario.changed({"initial_usage": {"credits": credits}})
        expected = np.zeros(len(counts), np.int64)
        for day in Model(begun, 0).run():
            its = day.settled
            throttled_at = its.calls.time[its.throttled_by >= 0]
            expected += np.bincount(throttled_at // length, minlength=len(counts))
        assert counts == expected.tolist()


def test_a_call_that_ends_at_midnight_makes_room_for_one_that_waits_in_a_sweep(
    tmp_path: Path,
) -> None:
    long = scheduled("long", "23:50", 3, "one", max_concurrent=1)
    long["calls"] = [{"api": "one", "duration": "10 minutes"}]
    scenario = any_limit(
        1000, [long], rate_card=write_card(tmp_path, pool()), horizon="3 days", warmup="0 s"
    )
    demand, everyone = Demand(scenario), np.ones(1, bool)
    # Two lanes are decided to the end, and the third is the pool without an end.
    limits = np.array([1, 3, 100])
    (swept,) = sweep_together([Pools(demand, limits, everyone, "calendar_day")], 0)
    assert swept.daily_use is not None
    assert swept.daily_use.pools[-1].tolist() == [1, 3, 3]
    for place, limit in enumerate(limits.tolist()):
        single = counts_of(scenario, demand, limit, everyone)
        assert swept.daily_use.pools[place].tolist() == single.daily_use
        assert swept.throttled[place] == single.throttled
