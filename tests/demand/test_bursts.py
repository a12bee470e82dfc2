"""One arrival, many calls: `each` on every law."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from simulation import InputError, run
from simulation.arrays import Ints
from simulation.demand.arrivals import arrivals_of
from simulation.demand.calls import concatenate
from simulation.demand.demand import Demand
from simulation.demand.workload import calls_a_day, workload_of
from simulation.planning.theory import erlang_b
from simulation.quantities import DAY, HOUR, MINUTE, SECOND, parse_duration
from simulation.scenario.scenario import Scenario
from tests.helpers import any_limit, build, poisson, scheduled

NIGHT: dict[str, Any] = {"start": "2026-03-27 13:40", "timezone": "Europe/Berlin"}


def times(scenario: Scenario, replication: int = 0) -> Ints:
    return Demand(scenario).draw_replication(replication).time


def with_each(client: dict[str, Any], calls: int, every: str | int = 0) -> dict[str, Any]:
    (law, keys), *_ = client["arrivals"].items()
    return {**client, "arrivals": {law: {**keys, "each": {"calls": calls, "every": every}}}}


def expected(begins: Ints, calls: int, every: int, horizon: int) -> Ints:
    """Return the calls of bursts by the plainest loop, cut at the run's ends."""
    made = sorted(int(begin) + k * every for begin in begins for k in range(calls))
    return np.array([each for each in made if 0 <= each < horizon], np.int64)


def whole_days(scenario: Scenario) -> Ints:
    """Return the arrivals of all local days of a run, whatever of them is in it."""
    process: Any = arrivals_of(scenario.clients[0], scenario)
    return np.concatenate([process.draw_day(0, day) for day in range(scenario.clock.days)])


LAWS = [
    poisson("a", "40 per day", poisson={"profile": "office_hours", "daily_variation": "50%"}),
    scheduled("a", "23:50", 3, schedule={"over": "30 minutes"}),
    {
        "name": "a",
        "arrivals": {"schedule": {"every": "7 hours"}},
        "calls": [{"api": "other"}],
    },
]


@pytest.mark.parametrize(
    ("calls", "every"),
    [(1, 0), (4, 0), (60, "200 ms"), (5, "1 us"), (5, "10 hours"), (60, "2 hours"), (2, "7 days")],
)
@pytest.mark.parametrize("client", LAWS, ids=["poisson", "at", "every"])
def test_every_arrival_is_a_burst(client: dict[str, Any], calls: int, every: str | int) -> None:
    plain = build([client], horizon="9 days", **NIGHT)
    drawn = times(build([with_each(client, calls, every)], horizon="9 days", **NIGHT))
    step = parse_duration(every)
    wanted = expected(whole_days(plain), calls, step, 9 * DAY)
    np.testing.assert_array_equal(drawn, wanted)
    assert len(drawn)


@pytest.mark.parametrize("client", LAWS, ids=["poisson", "at", "every"])
def test_one_call_each_changes_nothing(client: dict[str, Any]) -> None:
    plain, one = (
        Demand(build([each], horizon="3 days", **NIGHT)).draw_replication(0)
        for each in (client, with_each(client, 1, "5 days"))
    )
    np.testing.assert_array_equal(plain.time, one.time)
    np.testing.assert_array_equal(plain.what, one.what)


MIXED = [
    {"api": "upsert_records", "records": {"uniform": [1, 50]}},
    {"api": "get_users", "duration": {"uniform": ["1 s", "1 h"]}},
]


@pytest.mark.parametrize("client", LAWS, ids=["poisson", "at", "every"])
def test_bursts_depend_on_no_horizon_on_no_block_and_on_no_other_client(
    client: dict[str, Any],
) -> None:
    bursts = with_each({**client, "calls": MIXED}, 30, "50 minutes")
    other = with_each(poisson("b", "90 per day"), 3, "1 h")
    columns = ("time", "call", "what", "credits", "duration")

    def of(scenario: Scenario) -> dict[str, Ints]:
        calls = Demand(scenario, durations=True).draw_replication(0)
        calls = calls.take(np.flatnonzero(calls.client == len(scenario.clients) - 1))
        return {name: getattr(calls, name) for name in columns}

    whole = of(build([bursts], horizon="6 days", **NIGHT))
    beside = of(build([other, bursts], horizon="6 days", **NIGHT))
    short = of(build([bursts], horizon="61 hours", **NIGHT))
    until = np.searchsorted(whole["time"], 61 * HOUR)
    for name in columns:
        np.testing.assert_array_equal(whole[name], beside[name])
        np.testing.assert_array_equal(whole[name][:until], short[name])
    with patch("simulation.demand.demand._CALLS_A_BLOCK", 40):
        demand = Demand(scenario := build([bursts], horizon="6 days", **NIGHT), durations=True)
        assert len(demand.blocks) >= 7
        in_parts = demand.draw_replication(0)
    days = [Demand(scenario, durations=True).draw_day(0, day) for day in reversed(range(7))]
    alone = concatenate(days[::-1])
    for name in set(columns) - {"call"}:
        np.testing.assert_array_equal(whole[name], getattr(in_parts, name))
        np.testing.assert_array_equal(whole[name], getattr(alone, name))


def test_a_burst_reaches_over_midnight_and_belongs_to_both_days() -> None:
    client = with_each(scheduled("a", "23:59", 1), 4, "30 s")
    demand = Demand(build([client], horizon="2 days"))
    counts = [len(demand.draw_day(0, day)) for day in range(2)]
    assert counts == [2, 4]
    assert demand.draw_day(0, 1).time.tolist()[:2] == [DAY, DAY + 30 * SECOND]


def test_a_burst_may_end_on_the_stroke_of_midnight() -> None:
    client = with_each(scheduled("a", "23:59:59.999999", 1), 2, "1 us")
    demand = Demand(build([client], horizon="2 days"))
    assert [demand.draw_day(0, day).time.tolist() for day in range(2)] == [
        [DAY - 1],
        [DAY, 2 * DAY - 1],
    ]


def test_a_burst_that_began_before_the_run_on_its_first_day_goes_on() -> None:
    client = with_each(scheduled("a", "06:00", 1), 100, "1 min")
    drawn = times(build([client], start="2026-01-05 07:00", horizon="12 hours"))
    assert drawn.tolist() == [minute * MINUTE for minute in range(40)]


def trace(folder: Path, text: str, **more: Any) -> dict[str, Any]:
    (folder / "log.csv").write_text(text)
    return {"name": "a", "arrivals": {"trace": {"file": "log.csv", **more}}}


def test_a_recorded_call_gives_its_kind_and_records_to_its_whole_burst(tmp_path: Path) -> None:
    text = """timestamp,api,records
2026-01-05 22:00,upsert_records,7
2026-01-05 22:10,get_users,
2026-01-06 03:00,,30
"""
    mix = [{"api": "insert_records", "records": 3}]
    client = {**trace(tmp_path, text, each={"calls": 13, "every": "10 min"}), "calls": mix}
    for start, horizon in (("2026-01-05", "2 days"), ("2026-01-05 22:05", "1 day")):
        result = run(build([client], tmp_path, start=start, horizon=horizon)).calls
        began = pd.Timestamp(start, tz="UTC")
        kinds = ("upsert_records", 7), ("get_users", 1), ("insert_records", 30)
        begins = ("2026-01-05 22:00", "2026-01-05 22:10", "2026-01-06 03:00")
        wanted = [
            (moment, api, records)
            for (api, records), begin in zip(kinds, begins, strict=True)
            for k in range(13)
            if (moment := pd.Timestamp(begin, tz="UTC") + k * pd.Timedelta("10 min")) >= began
        ]
        found = zip(result["submitted_at"], result["api"], result["records"], strict=True)
        assert [*found] == sorted(wanted, key=lambda each: each[0])


def test_recorded_counts_are_bursts_too(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("timestamp,count\n2026-01-05 10:00,2\n2026-01-05 10:30,0\n")
    burst = {"calls": 3, "every": "1 s"}
    counts = {"file": "log.csv", "bucket": "30 minutes"}
    where: list[dict[str, Any]] = [
        {"counts": {**counts, "each": burst}},
        {"trace": {"counts": counts, "each": burst}},
        {"trace": {"counts": {**counts, "each": burst}}},
    ]
    for law in where:
        client = {"name": "a", "arrivals": law, "calls": [{"api": "other"}]}
        seconds = times(scenario := build([client], tmp_path)) // SECOND - 36_000
        assert seconds.tolist() == [0, 1, 2, 900, 901, 902]
        assert calls_a_day(scenario) == 6
    twice = {"trace": {"counts": {**counts, "each": burst}, "each": burst}}
    with pytest.raises(InputError, match=r"arrivals\.trace: has 'each' twice"):
        build([{"name": "a", "arrivals": twice, "calls": [{"api": "other"}]}], tmp_path)


def test_workload_counts_the_calls_of_bursts() -> None:
    flat, bursts = (
        build([client], horizon="30 days")
        for client in (poisson("a", "25000 per day"), with_each(poisson("a", "100 per day"), 250))
    )
    assert calls_a_day(bursts) == calls_a_day(flat) == 25_000
    assert workload_of(bursts, "simpy").calls == workload_of(flat, "simpy").calls
    # A day of bursts is held in memory whole: 100 of them, and four standard deviations more.
    assert workload_of(bursts, "simpy").busiest_day == pytest.approx((100 + 4 * 10) * 250)
    drawn = np.array([len(Demand(bursts).draw_day(n, 0)) for n in range(400)]) / 250
    assert abs(drawn.mean() - 100) < 4 * np.sqrt(100 / 400)
    assert abs(drawn.var(ddof=1) - 100) < 4 * np.sqrt((100 + 2 * 100**2) / 400)


@pytest.mark.parametrize(
    ("client", "wrong"),
    [
        (with_each(poisson("a", "1 per day"), 0), "each.calls: "),
        (with_each(poisson("a", "1 per day"), 2, "8 days"), "each: lasts 8 days, write fewer"),
        (with_each(poisson("a", "1 per day"), 1000, "1 hour"), "each: lasts 41 days 15 hours, wr"),
        (with_each(poisson("a", "200 per day"), 10**6), "rate: gives 2e+08 calls on the busiest"),
        (with_each(scheduled("a", "02:00", 200), 10**6), "each.calls: gives 2e+08 calls on a day"),
        (with_each(scheduled("a", "02:00", 2), 3, "often"), "each.every: 'often' is not a durat"),
    ],
)
def test_bursts_that_no_run_could_hold_are_refused(client: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InputError) as refused:
        build([client])
    assert wrong in str(refused.value)


def test_a_rate_that_grows_beyond_a_day_s_calls_in_bursts_is_refused_when_it_is_drawn() -> None:
    keys = {"daily_variation": "100%"}
    client = with_each(poisson("a", "95 per day", poisson=keys), 10**6, "1 us")
    demand = Demand(build([client], seed=3))
    with pytest.raises(InputError, match=r"client 'a' would make [0-9.e+]+ calls on 2026-01-05"):
        demand.draw_day(0, 0)


def test_laws_say_their_bursts() -> None:
    said = [
        build([with_each(client, 60, "200 ms")]).clients[0].arrivals.law.in_words()  # type: ignore[union-attr]
        for client in LAWS
    ]
    burst = "Each arrival is a burst of 60 calls, one every 0.2 s."
    assert said[0].startswith("arrivals at random (Poisson), 40 a day on average")
    assert said[1] == f"by the clock, 3 arrivals at 23:50 spread over 30 minutes. {burst}"
    assert said[2] == f"by the clock, 1 arrival every 7 hours. {burst}"
    at_once = build([with_each(LAWS[0], 250)]).clients[0].arrivals.law
    assert at_once is not None
    assert at_once.in_words().endswith("Each arrival is a burst of 250 calls, all at once.")


def test_a_burst_into_the_run_is_a_call_in_it() -> None:
    keys = {"days": ["2026-01-05"]}
    client = scheduled("a", "06:00", 1, schedule=keys)
    with pytest.raises(InputError, match="gives no call in a run from"):
        build([client], start="2026-01-05 07:00")
    with pytest.raises(InputError, match="gives no call in a run from"):
        build([with_each(client, 60, "1 min")], start="2026-01-05 07:00")
    assert not build([with_each(client, 61, "1 min")], start="2026-01-05 07:00").remarks()


@pytest.mark.proof
def test_page_views_of_many_calls_are_lost_as_erlang_b_says() -> None:
    # 15,000 credits hold 60 views of 250 calls; 50 arrive a day, so that single calls fit easily.
    client = with_each(poisson("site", "50 per day", api="one"), 250)
    scenario = any_limit(15_000, [client], horizon="1002 days", warmup="2 days", replications=1)
    calls = run(scenario, engine="compiled").calls
    calls = calls[calls["submitted_at"] >= pd.Timestamp("2026-01-07", tz="UTC")]
    lost = calls.groupby("submitted_at")["outcome"].apply(lambda its: (its == "lost").any())
    views = len(lost)
    share = erlang_b(50, 60)
    assert 0.02 < share < 0.025
    # Views that are lost come close together, so the error is that of means over ten days.
    days = (lost.index - lost.index[0]).days // 10
    batches = lost.groupby(days).mean()
    error = batches.std(ddof=1) / np.sqrt(len(batches))
    assert views == pytest.approx(50_000, abs=4 * np.sqrt(50_000))
    assert abs(batches.mean() - share) < 4 * error
    assert error < share / 5
