"""When calls come: rates, profiles, calendars and schedules."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from simulation import InputError
from simulation.demand.arrivals import spread
from simulation.demand.demand import Demand
from simulation.demand.portion import Block
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from simulation.scenario.clock import Clock
from simulation.scenario.poisson import Poisson
from simulation.scenario.scenario import Scenario
from tests.helpers import build, poisson, scheduled


def drawn(scenario: Scenario, day: int, replications: int = 1) -> list[np.ndarray]:
    demand = Demand(scenario)
    return [demand.draw_day(replication, day).time for replication in range(replications)]


def daily_counts(
    replications: int, day: int = 0, rate: str = "100 per day", **law: Any
) -> np.ndarray:
    scenario = build([poisson("p", rate, poisson=law)], horizon="60 days", start="2026-01-05")
    return np.array([len(times) for times in drawn(scenario, day, replications)])


def test_counts_of_a_flat_rate_are_poisson() -> None:
    counts = daily_counts(4000)
    assert abs(counts.mean() - 100) < 4 * np.sqrt(100 / 4000)
    # The variance of a sample variance of Poisson counts is (μ + 2μ²) / n to first order.
    assert abs(counts.var(ddof=1) - 100) < 4 * np.sqrt((100 + 2 * 100**2) / 4000)


def test_daily_variation_is_the_coefficient_of_variation_beyond_poisson() -> None:
    counts = daily_counts(4000, daily_variation="30%")
    expected = 100 + (0.3 * 100) ** 2
    assert abs(counts.mean() - 100) < 4 * np.sqrt(expected / 4000)
    sampled = [
        np.random.default_rng(n).negative_binomial(1 / 0.09, 1 / (1 + 9), 4000).var(ddof=1)
        for n in range(200)
    ]  # how the sample variance of such counts scatters
    assert abs(counts.var(ddof=1) - expected) < 4 * np.std(sampled)


@pytest.mark.parametrize(
    ("day", "law", "expected"),
    [
        (0, {"growth": "10% per month"}, 100),
        (30, {"growth": "10% per month"}, 110),
        (45, {"growth": "-20% per month"}, 100 * 0.8**1.5),
        (15, {"events": [{"date": "2026-01-20", "factor": 3}]}, 300),
        (16, {"events": [{"date": "2026-01-20", "factor": 3}]}, 100),
        (15, {"events": [{"date": "2026-01-20", "factor": 0}]}, 0),
        (30, {"growth": "50% per month", "events": [{"date": "2026-02-04", "factor": 2}]}, 300),
    ],
)
def test_growth_and_events_move_the_mean(day: int, law: dict[str, Any], expected: float) -> None:
    counts = daily_counts(1000, day, **law)
    assert abs(counts.mean() - expected) <= 4 * np.sqrt(expected / 1000)


def test_a_profile_moves_calls_about_without_adding_any() -> None:
    weights = list(range(1, 25))
    scenario = build([poisson("p", "240 per day", poisson={"profile": weights})])
    hours = np.concatenate([times // HOUR for times in drawn(scenario, 0, 400)])
    seen = np.bincount(hours, minlength=24) / 400
    expected = 240 * np.array(weights) / sum(weights)
    assert (np.abs(seen - expected) < 4.5 * np.sqrt(expected / 400)).all()


def test_office_hours_are_busiest_on_working_days_and_average_to_the_rate() -> None:
    weights = Poisson(rate="1 per day", profile="office_hours").weekly_weights().reshape(7, 24)
    assert weights.mean() == pytest.approx(1)
    assert weights[:5, 9:17].min() > 5 * weights[5:].max()
    week = build(
        [poisson("p", "100 per day", poisson={"profile": "office_hours"})], horizon="7 days"
    )
    counts = [sum(len(drawn(week, day, 20)[n]) for day in range(7)) for n in range(20)]
    assert abs(np.mean(counts) - 700) < 4 * np.sqrt(700 / 20)
    assert Poisson(rate="1 per day", profile=tuple(range(168))).weekly_weights()[
        167
    ] == pytest.approx(2)


@pytest.mark.parametrize(
    ("start", "hours", "missing"), [("2026-03-29", 23, {2}), ("2026-10-25", 25, set())]
)
def test_days_of_daylight_saving_have_23_and_25_hours(
    start: str, hours: int, missing: set[int]
) -> None:
    scenario = build(
        [poisson("p", "2400 per day")], start=start, timezone="Europe/Berlin", horizon="3 days"
    )
    assert scenario.clock.day_start(1) == hours * HOUR
    spans = scenario.clock.hours(0)
    assert {span.hour for span in spans} == set(range(24)) - missing
    assert sum(span.end - span.start for span in spans) == hours * HOUR
    counts = [len(times) for times in drawn(scenario, 0, 50)]
    assert abs(np.mean(counts) - 100 * hours) < 4 * np.sqrt(100 * hours / 50)


def test_a_time_that_daylight_saving_skips_comes_an_hour_later_and_a_double_one_once() -> None:
    spring = build(
        [scheduled("s", "02:30", 1)], start="2026-03-29", timezone="Europe/Berlin", horizon="2 days"
    )
    assert (
        spring.clock.local(int(drawn(spring, 0)[0][0])).isoformat() == "2026-03-29T03:30:00+02:00"
    )
    autumn = spring.changed({"start": "2026-10-25"})
    (times,) = drawn(autumn, 0)
    assert len(times) == 1
    assert autumn.clock.local(int(times[0])).isoformat() == "2026-10-25T02:30:00+02:00"


def test_half_hour_daylight_saving_splits_its_hour() -> None:
    clock = Clock(datetime(2026, 10, 4), ZoneInfo("Australia/Lord_Howe"), 2 * DAY)
    assert clock.day_start(1) == 23.5 * HOUR
    spans = {span.hour: span.end - span.start for span in clock.hours(0)}
    assert spans[2] == 30 * MINUTE


def test_a_run_may_begin_within_a_day_and_end_within_one() -> None:
    client = scheduled("s", ["08:00", "09:00", "22:00"], 1)  # type: ignore[arg-type]
    scenario = build([client], start="2026-01-05 08:30", horizon="24 hours")
    assert scenario.clock.days == 2
    assert drawn(scenario, 0)[0].tolist() == [30 * MINUTE, 13 * HOUR + 30 * MINUTE]
    assert drawn(scenario, 1)[0].tolist() == [23 * HOUR + 30 * MINUTE]
    assert scenario.clock.date(1) == date(2026, 1, 6)
    midnight = scheduled("s", "00:00", 1)
    for start, expected in (("00:00", [0]), ("00:00:00.000001", [])):
        scenario = build([midnight], start=f"2026-01-05 {start}", horizon="25 hours")
        assert drawn(scenario, 0)[0].tolist() == expected


def test_a_start_with_an_offset_is_moved_to_the_scenario_s_zone() -> None:
    scenario = build(
        [scheduled("s", "00:00", 1)], start="2026-01-05T23:30:00+00:00", timezone="Europe/Berlin"
    )
    assert scenario.clock.date(0) == date(2026, 1, 6)
    assert scenario.clock.day_start(0) == -30 * MINUTE


def test_bursts_spread_evenly_and_reach_over_midnight() -> None:
    assert spread(0, 3, 10).tolist() == [0, 3, 6]
    assert spread(5, 0, 10).tolist() == []
    assert spread(0, 4, 2**62)[3] == 3 * 2**60  # no overflow
    client = scheduled("s", "23:50", 4, schedule={"over": "20 minutes", "days": ["mon"]})
    scenario = build([client], horizon="3 days")
    minutes = [(times // MINUTE).tolist() for day in range(3) for times in drawn(scenario, day)]
    assert minutes == [[1430, 1435], [1440, 1445], []]
    client = scheduled("s", "00:00", 4, schedule={"over": "96 hours", "days": ["mon"]})
    scenario = build([client], horizon="6 days")
    assert [(drawn(scenario, day)[0] // DAY).tolist() for day in range(5)] == [
        [0],
        [1],
        [2],
        [3],
        [],
    ]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6]),
        ("weekdays", [0, 1, 2, 3, 4]),
        ("weekends", [5, 6]),
        (["tue", "Thursday"], [1, 3]),
        (["2026-01-07"], [2]),
        (["2026-01-07", "sun"], [2, 6]),
    ],
)
def test_schedules_keep_to_their_days(days: Any, expected: list[int]) -> None:
    scenario = build([scheduled("s", "12:00", 1, schedule={"days": days})], horizon="7 days")
    assert [day for day in range(7) if len(drawn(scenario, day)[0])] == expected


def test_every_counts_from_midnight_of_the_first_day_and_goes_on_across_days() -> None:
    client = scheduled("s", "", 2)
    client["arrivals"]["schedule"] = {"every": "7 hours", "calls": 2, "over": "1 hour"}
    scenario = build([client], start="2026-01-05 05:00", horizon="30 hours")
    times = np.concatenate([drawn(scenario, day)[0] for day in range(scenario.clock.days)])
    begun = [h * HOUR + half for h in (2, 9, 16, 23) for half in (0, 30 * MINUTE)]
    assert times.tolist() == begun


def test_a_rate_that_no_machine_could_simulate_is_refused_in_words() -> None:
    law = {"growth": "900% per month"}
    with pytest.raises(InputError, match=r"rate: gives 8e\+09 calls on the busiest day"):
        build([poisson("p", "1000 per second", poisson=law)], horizon="60 days")
    longer: dict[str, Any] = {"start": "2026-10-25", "timezone": "Europe/Berlin"}  # 25 hours long
    scenario = build([poisson("p", "100,000,000 per day")], **longer)
    with pytest.raises(
        InputError, match=r"client 'p' would make .* calls on 2026-10-25, more than"
    ):
        drawn(scenario, 0)


def test_calls_of_one_client_are_numbered_in_order_of_time() -> None:
    scenario = build(
        [poisson("a", "500 per day"), poisson("b", "500 per day"), scheduled("c", "12:00", 9)],
        horizon="2 days",
    )
    demand = Demand(scenario)
    first = demand.draw_day(0, 0)
    made = np.bincount(first.client, minlength=3).tolist()
    second = demand.draw_day(0, 1, made)
    for place in range(3):
        calls = np.concatenate([day.call[day.client == place] for day in (first, second)])
        assert calls.tolist() == list(range(len(calls)))
    for day in (first, second):
        keys = list(zip(day.time, day.client, day.call, strict=True))
        assert keys == sorted(keys)


def test_record_distributions_have_their_means_and_bounds() -> None:
    laws = [
        ({"uniform": [1, 5]}, 3.0, np.sqrt(2)),
        ({"choices": {1: 3, 100: 1}}, 25.75, 99 * np.sqrt(3) / 4),
        ({"choices": [10, 20]}, 15.0, 5.0),
        ({"poisson": 30}, 30.0, np.sqrt(30)),
        (40, 40.0, 0.0),
    ]
    for law, mean, deviation in laws:
        client = poisson("p", "20000 per day", "upsert_records")
        client["calls"][0]["records"] = law
        records = Demand(build([client])).draw_day(0, 0).records
        assert abs(records.mean() - mean) <= 4 * deviation / np.sqrt(len(records))
        assert records.min() >= 1
        assert records.max() <= 100


def test_a_call_has_one_record_at_least_however_few_are_drawn() -> None:
    client = poisson("p", "2000 per day", "upsert_records")
    client["calls"][0]["records"] = {"poisson": 0.5}
    records = Demand(build([client])).draw_day(0, 0).records
    assert np.unique(records)[:2].tolist() == [1, 2]


@pytest.mark.parametrize("jitter", ["none", "full"])
def test_jitter_alone_makes_replications_differ(jitter: str) -> None:
    retry = {"retry": {"first": "1 s", "jitter": jitter}}
    scenario = build([scheduled("s", "08:00", 3, on_throttle=retry)])
    assert Demand(scenario).is_random == (jitter == "full")


def test_a_client_s_calls_are_numbered_through_all_days() -> None:
    clients = [poisson("a", "20 per day"), scheduled("b", "08:00", 3)]
    calls = Demand(build(clients, horizon="3 days")).draw_replication(0)
    for place in range(2):
        numbers = calls.call[calls.client == place]
        assert numbers.tolist() == list(range(len(numbers)))


@pytest.mark.parametrize("most", [0, 4, 1_000_000])
def test_days_that_are_not_kept_for_other_replications_are_drawn_the_same_again(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulation.demand.client._MOST_REMEMBERED", most)
    clients = [scheduled("a", "08:00", 3, schedule={"over": "1 hour"}), scheduled("b", "09:00", 2)]
    demand = Demand(build(clients, horizon="4 days"))
    demand.blocks = [Block(range(day, day + 1)) for day in range(4)]
    first, second = (list(map(len, demand.draw_days(replication))) for replication in (0, 1))
    assert first == second == [5, 5, 5, 5]
    times = [demand.draw_replication(replication).time.tolist() for replication in (0, 1)]
    assert times[0] == times[1]
    kept = [len(client._wants._drawn) for client in demand._clients]
    assert kept == {0: [0, 0], 4: [2, 2], 1_000_000: [4, 4]}[most]


@pytest.mark.parametrize("kinds", [1, 2, 3])
def test_a_mix_makes_each_kind_as_often_as_its_weight_says(kinds: int) -> None:
    client = poisson("p", "30000 per day")
    weights = dict([("other", 3), ("bulk_read", 1), ("get_users", 2)][:kinds])
    client["calls"] = [{"api": api, "weight": weight} for api, weight in weights.items()]
    demand = Demand(build([client]))
    calls = demand.draw_day(0, 0)
    assert len(demand.apis) == kinds
    shares = np.bincount(calls.api, minlength=kinds) / len(calls)
    credits = {"other": 1, "bulk_read": 50, "get_users": 1}
    for code, api in enumerate(demand.apis):
        exact = weights[api] / sum(weights.values())
        assert abs(shares[code] - exact) <= 4 * np.sqrt(exact * (1 - exact) / len(calls))
        assert (calls.credits[calls.api == code] == credits[api]).all()


def test_streams_of_other_clients_days_and_purposes_are_independent() -> None:
    twins = build([poisson("a", "5000 per day"), poisson("b", "5000 per day")], horizon="2 days")
    demand = Demand(twins)
    draws = [demand.draw_client(r, c, d).time % DAY for r in (0, 1) for c in (0, 1) for d in (0, 1)]
    for n, one in enumerate(draws):
        for other in draws[:n]:
            assert len(np.intersect1d(one, other)) < 5  # of 5,000 among 8.64e10 instants


def test_clock_names_moments_as_a_reader_would() -> None:
    clock = Clock(datetime(2026, 3, 28), ZoneInfo("Europe/Berlin"), 5 * DAY)
    assert clock.say(0) == "day 1 (Sat 28 Mar), 00:00"
    assert clock.say(26 * HOUR) == "day 2 (Sun 29 Mar), 03:00"
    assert clock.say(47 * HOUR) == "day 3 (Mon 30 Mar), 00:00"
    assert clock.day_of(47 * HOUR - SECOND) == 1
