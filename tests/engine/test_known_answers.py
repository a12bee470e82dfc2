"""Cases with known right answers: each meter and each way to hold back, in both engines.

They are made up after public reports of people who ran into limits; each is small enough to be
worked out by hand, or by a loop of a few lines that stands here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from simulation import run
from simulation.quantities import DAY, MINUTE, SECOND
from simulation.scenario.scenario import Scenario
from tests.cards_of_tests import EVERY_MIDNIGHT, pool, write_card
from tests.helpers import any_limit, build, scheduled

pytestmark = pytest.mark.proof

both_engines = pytest.mark.parametrize("engine", ["simpy", "compiled"])
UNTIL_AVAILABLE: dict[str, Any] = {"on_throttle": {"queue": {"wait": "until_available"}}}


def calls_of(scenario: Scenario, engine: str) -> pd.DataFrame:
    """Return the calls, with the moments of submission and of success in µs since the start."""
    calls = run(scenario, engine=engine, examine_start=False).calls
    for name in ("submitted_at", "settled_at"):
        calls[name.removesuffix("_at")] = (
            calls[name].astype("int64") - scenario.clock.start_epoch
        ).where(calls[name].notna())
    return calls


def throttled(calls: pd.DataFrame) -> int:
    return int((calls["throttled_attempts"] > 0).sum())


def on(date: str, name: str, at: str, calls: int, over: str, **more: Any) -> dict[str, Any]:
    """Return a client that makes calls on one date alone."""
    return scheduled(name, at, calls, schedule={"over": over, "days": [date]}, **more)


# Calendars


@both_engines
def test_a_quota_that_resets_at_midnight_of_new_york_serves_both_days_in_full(
    engine: str, tmp_path: Path
) -> None:
    clients = [
        on("2026-03-09", "evening", "17:00", 40_000, "2 hours"),
        on("2026-03-10", "night", "00:10", 40_000, "2 hours"),
    ]
    keys = {"start": "2026-03-09", "timezone": "America/New_York", "horizon": "2 days"}
    midnight = {"every": "day", "at": "00:00", "timezone": "America/New_York"}
    card = write_card(tmp_path, pool("calendar", resets=midnight))
    assert throttled(calls_of(any_limit(40_000, clients, rate_card=card, **keys), engine)) == 0
    assert throttled(calls_of(any_limit(40_000, clients, **keys), engine)) == 40_000


@both_engines
def test_a_quota_by_user_that_resets_at_midnight_of_kolkata_serves_both_days_in_full(
    engine: str, tmp_path: Path
) -> None:
    def of_ten_users(**meter: Any) -> Scenario:
        editions = {"any": {"base": 0, "per_license": 1000, "maximum": None}}
        return build(
            [
                on("2026-01-05", "late", "23:00", 9_000, "50 minutes"),
                on("2026-01-06", "early", "00:30", 9_000, "50 minutes"),
            ],
            rate_card=write_card(tmp_path, pool(**meter), editions=editions),
            org={"edition": "any", "user_licenses": 10},
            timezone="Asia/Kolkata",
            horizon="2 days",
        )

    midnight = {"every": "day", "at": "00:00", "timezone": "Asia/Kolkata"}
    assert throttled(calls_of(of_ten_users(kind="calendar", resets=midnight), engine)) == 0
    assert throttled(calls_of(of_ten_users(), engine)) == 8_000


@both_engines
@pytest.mark.parametrize("start", ["2019-12-10", "2019-12-10 14:30"])
@pytest.mark.parametrize("more", [0, 1])
def test_what_was_used_before_the_start_counts_until_the_first_reset(
    engine: str, start: str, more: int, tmp_path: Path
) -> None:
    clients = [
        on("2019-12-10", "afternoon", "14:30", 7_500 - 725 + more, "2 hours"),
        on("2019-12-11", "night", "00:05", 7_500, "2 hours"),
    ]
    card = write_card(tmp_path, pool("calendar", resets=EVERY_MIDNIGHT))
    keys = {"start": start, "horizon": "2 days", "initial_usage": {"credits": 725}}
    calls = calls_of(any_limit(7_500, clients, rate_card=card, **keys), engine)
    refused = calls[calls["throttled_attempts"] > 0]
    last = [("afternoon", 7_500 - 725)]
    assert list(zip(refused["client"], refused["call"], strict=True)) == last * more


# Pools of calls


@both_engines
def test_a_rolling_pool_of_calls_takes_one_for_each_call_whatever_it_costs(
    engine: str, tmp_path: Path
) -> None:
    card = write_card(tmp_path, pool(counts="calls"))
    dear = scheduled("dear", "02:00", 30, "five", schedule={"over": "1 hour"})
    assert throttled(calls_of(any_limit(20, [dear], rate_card=card), engine)) == 10


# Buckets and calls at once


@both_engines
def test_a_bucket_of_40_that_refills_at_2_a_second_passes_77_of_186(
    engine: str, tmp_path: Path
) -> None:
    bucket = pool("bucket", counts="calls", refill="2 per second")
    loop = scheduled("loop", "00:00", 186, schedule={"over": "18.6 s"})
    card = write_card(tmp_path, bucket)
    calls = calls_of(any_limit(40, [loop], rate_card=card, horizon="1 minute"), engine)
    # Of the 185 pauses of 0.1 s each refills a fifth of a call: 40 + 37.
    assert (calls["outcome"] == "succeeded").sum() == 77
    passed = calls.loc[calls["outcome"] == "succeeded", "call"].tolist()
    # 40 at once, and 9 more of what came back meanwhile; then each fifth.
    assert passed == [*range(49), *range(50, 186, 5)]


@both_engines
def test_a_queue_before_an_empty_bucket_goes_on_at_the_first_microsecond_with_room(
    engine: str, tmp_path: Path
) -> None:
    card = write_card(tmp_path, pool("bucket", counts="calls", refill="7 per 13 s"))
    loop = scheduled("loop", "00:00", 4, **UNTIL_AVAILABLE)
    calls = calls_of(any_limit(1, [loop], rate_card=card, horizon="1 minute"), engine)
    # A call is back every 13/7 s, so in 1,857,142.86 µs, and what is more is not lost meanwhile.
    assert calls["settled"].tolist() == [0, 1_857_143, 3_714_286, 5_571_429]
    assert calls["attempts"].tolist() == [1, 2, 2, 2]


@both_engines
@pytest.mark.parametrize("again", ["00:00:01", "00:01:00"])
def test_the_sixteenth_of_16_calls_at_once_is_refused_and_none_of_the_next_15(
    engine: str, again: str, tmp_path: Path
) -> None:
    slots = {"name": "slots", "kind": "concurrent", "size": 15}
    clients = [scheduled("first", "00:00", 16), scheduled("then", again, 15)]
    for client in clients:
        client["calls"] = [{"api": "other", "duration": "1 s"}]
    card = write_card(tmp_path, pool(), slots)
    calls = calls_of(any_limit(1000, clients, rate_card=card, horizon="1 hour"), engine)
    refused = calls[calls["throttled_attempts"] > 0]
    assert list(zip(refused["client"], refused["call"], strict=True)) == [("first", 15)]
    assert refused["throttled_by"].tolist() == ["slots"]


# Several limits at once


def three_limits(times: list[int]) -> list[str]:
    """Return what refuses calls of 1 s, if anything: 60 a minute, 5,000 a day, 5 at once."""
    passed: list[int] = []
    found: list[str] = []
    for now in times:
        by = ""
        if len(passed) >= 60 and passed[-60] > now - MINUTE:
            by = "minute"
        elif len(passed) >= 5000 and passed[-5000] // DAY == now // DAY:
            by = "day"
        elif len(passed) >= 5 and passed[-5] > now - SECOND:
            by = "at once"
        else:
            passed.append(now)
        found.append(by)
    return found


@both_engines
def test_three_limits_at_once_refuse_what_an_independent_loop_says(
    engine: str, tmp_path: Path
) -> None:
    each = {"calls": 103, "every": "190 ms"}
    orders = scheduled("orders", "00:00", 1)
    orders["arrivals"] = {"schedule": {"every": "15 minutes", "each": each}}
    orders["calls"] = [{"api": "other", "duration": "1 s"}]
    card = write_card(
        tmp_path,
        {"name": "minute", "kind": "rolling", "window": "1 minute", "counts": "calls", "size": 60},
        pool("calendar", counts="calls", resets=EVERY_MIDNIGHT) | {"name": "day"},
        {"name": "at once", "kind": "concurrent", "size": 5},
    )
    calls = calls_of(any_limit(5000, [orders], rate_card=card, horizon="30 hours"), engine)
    expected = three_limits(calls["submitted"].astype(int).tolist())
    assert {by: expected.count(by) for by in ("minute", "day", "at once")} == {
        "minute": 3424,
        "day": 1316,
        "at once": 1180,
    }
    assert calls["throttled_by"].tolist() == expected


# Clients that wait, and clients that hold themselves back


def pages(tmp_path: Path, **meter: Any) -> Scenario:
    """Return a sync of 40,000 pages that waits until the pool of 15,000 a day has room."""
    sync = on("2026-01-05", "sync", "02:00", 40_000, "8000 s", **UNTIL_AVAILABLE)
    return any_limit(
        15_000, [sync], rate_card=write_card(tmp_path, pool(**meter)), horizon="4 days"
    )


@both_engines
def test_40_000_pages_of_15_000_a_day_take_three_days(engine: str, tmp_path: Path) -> None:
    calls = calls_of(pages(tmp_path, kind="calendar", resets=EVERY_MIDNIGHT), engine)
    assert (calls["outcome"] == "succeeded").all()
    by_day = (calls["settled"] // DAY).value_counts(sort=False).to_dict()
    assert by_day == {0: 15_000, 1: 15_000, 2: 10_000}
    assert calls["settled"].is_monotonic_increasing  # in order
    # One attempt finds the pool empty each day, and no other is made in vain.
    assert calls["throttled_attempts"].sum() == 2


@both_engines
def test_40_000_pages_in_a_rolling_day_pass_when_the_page_15_000_before_comes_back(
    engine: str, tmp_path: Path
) -> None:
    calls = calls_of(pages(tmp_path), engine)
    passed: list[int] = []
    for submitted in calls["submitted"].astype(int):
        back = passed[-15_000] + DAY if len(passed) >= 15_000 else 0
        passed.append(max(submitted, back, *passed[-1:]))
    assert calls["settled"].astype(int).tolist() == passed


@both_engines
def test_a_sync_with_a_quota_leaves_the_website_its_calls(engine: str) -> None:
    def lost(**keys: Any) -> dict[str, int]:
        clients = [
            scheduled("sync", "02:00", 14_000, schedule={"over": "2800 s"}, **keys),
            scheduled("website", "08:00", 4_000, schedule={"over": "10 hours"}),
        ]
        calls = calls_of(any_limit(15_000, clients), engine)
        assert keys or calls["held_back_attempts"].sum() == 0
        assert (calls["throttled_attempts"] > 0).sum() == (0 if keys else 3_000)
        lost_calls = calls.loc[calls["outcome"] == "lost", "client"].value_counts()
        return {str(name): int(lost_calls[name]) for name in lost_calls.index if lost_calls[name]}

    assert lost() == {"website": 3_000}
    # A quarter of the pool is 3,750 calls; what is beyond them, the sync does not ask for.
    assert lost(quota="25%") == {"sync": 14_000 - 3_750}


CALLS_OF_THREE = "timestamp\n2026-01-05T00:00:00\n2026-01-05T00:00:01\n2026-01-05T00:00:10.5\n"


@both_engines
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # The third call overtakes the second, whose first retry comes half a second later.
        ({"retry": {"first": "10 s", "factor": 1, "max_attempts": 10}}, [0, 21, 10.5]),
        ({"queue": {"wait": "until_available"}}, [0, 10, 20]),
        ({"queue": {"wait": "10 s"}}, [0, 11, 21]),
        ({"queue": {"wait": "10 s", "max_wait": "10.5 s"}}, [0, 11, 21]),  # just as old: it goes
        ({"queue": {"wait": "10 s", "max_wait": "10 s"}}, [0, 11, None]),
        ({"queue": {"wait": "10 s", "max_wait": "9.999999 s"}}, [0, None, 11]),
        ({"queue": {"wait": 'until "00:00"'}}, [0, None, None]),
    ],
)
def test_a_queue_serves_in_order_and_retries_do_not(
    engine: str, policy: dict[str, Any], expected: list[float | None], tmp_path: Path
) -> None:
    (tmp_path / "calls.csv").write_text(CALLS_OF_THREE)
    app = {
        "name": "app",
        "arrivals": {"trace": {"file": str(tmp_path / "calls.csv")}},
        "calls": [{"api": "other"}],
        "on_throttle": policy,
    }
    card = write_card(tmp_path, pool(), window="10 s")
    calls = calls_of(any_limit(1, [app], rate_card=card, horizon="2 minutes"), engine)
    passed = calls["settled"].where(calls["outcome"] == "succeeded")
    assert [None if pd.isna(time) else time / SECOND for time in passed] == expected
