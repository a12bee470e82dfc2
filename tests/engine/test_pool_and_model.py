"""The pool and the model, one rule at a time (rule 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import simpy
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulation import CreditPool, Model, RateCard, TooManyRequests, run
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from tests.cards_of_tests import write_card
from tests.helpers import (
    ANY_LIMIT,
    any_limit,
    as_ended,
    build,
    calls_of,
    poisson,
    recount,
    scheduled,
)


def outcomes(calls: Any, client: str) -> list[str]:
    return [str(outcome) for outcome in calls[calls["client"] == client]["outcome"]]


def test_a_credit_is_free_again_exactly_24_hours_after_it_was_consumed() -> None:
    env = simpy.Environment()
    pool = CreditPool(env, limit=1)
    heard: list[tuple[int, str]] = []

    def client() -> Any:
        pool.consume(1)
        for wait in (DAY - 1, 1):
            yield env.timeout(wait)
            try:
                pool.consume(1)
                heard.append((int(env.now), "accepted"))
            except TooManyRequests as refusal:
                heard.append((int(env.now), str(refusal)))

    env.process(client())
    env.run()
    assert heard == [(DAY - 1, "429 TOO_MANY_REQUESTS"), (DAY, "accepted")]


def test_a_throttled_attempt_carries_the_vendor_s_body_and_consumes_nothing() -> None:
    pool = CreditPool(simpy.Environment(), limit=3)
    pool.consume(2)
    with pytest.raises(TooManyRequests) as refusal:
        pool.consume(2)
    assert refusal.value.status == 429
    assert refusal.value.body == {
        "code": "TOO_MANY_REQUESTS",
        "details": {},
        "message": "Many requests fired than the allowed limit for the past 24 hours.",
        "status": "error",
    }
    assert pool.available == 1
    assert pool.unbooked == [(0, 2)]
    pool.consume(1)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), max_size=30))
def test_at_any_moment_the_pool_holds_what_was_accepted_in_the_window_before_it(
    steps: list[tuple[int, int]],
) -> None:
    env, window = simpy.Environment(), 10
    pool = CreditPool(env, limit=9, window=window)
    accepted: list[tuple[int, int]] = []

    def client() -> Any:
        for wait, credits in steps:
            yield env.timeout(wait)
            held = sum(cost for since, cost in accepted if env.now - window < since)
            assert pool.used == held
            if held + credits <= 9:
                pool.consume(credits)
                accepted.append((int(env.now), credits))
            else:
                with pytest.raises(TooManyRequests):
                    pool.consume(credits)

    env.process(client())
    env.run()
    assert pool.unbooked == accepted


def test_releases_come_before_attempts_of_the_same_instant() -> None:
    clients = [scheduled("early", "10:00", 3, schedule={"days": ["mon"]})]
    clients.append(scheduled("late", "10:00", 3, schedule={"days": ["tue"]}))
    calls = calls_of(any_limit(3, clients, horizon="2 days"))
    assert outcomes(calls, "late") == ["succeeded"] * 3


def test_attempts_of_one_instant_go_by_the_client_s_place_then_the_call_s_number() -> None:
    clients = [scheduled(name, "10:00", 2) for name in ("zebra", "ant", "mole")]
    calls = calls_of(any_limit(3, clients))
    assert outcomes(calls, "zebra") == ["succeeded", "succeeded"]
    assert outcomes(calls, "ant") == ["succeeded", "lost"]
    assert outcomes(calls, "mole") == ["lost", "lost"]


def test_a_retry_takes_its_call_s_place_among_the_attempts_of_its_instant() -> None:
    retry = {"retry": {"first": "1 hour", "factor": 1, "max_attempts": 30}}
    clients = [
        scheduled("full", "09:00", 1, api="two", schedule={"days": ["mon"]}),
        scheduled("second", "09:00", 1, schedule={"days": ["tue"]}),
        scheduled("patient", "10:00", 2, on_throttle=retry, schedule={"days": ["mon"]}),
        scheduled("last", "09:00", 1, schedule={"days": ["tue"]}),
    ]
    calls = calls_of(any_limit(2, clients, horizon="3 days"))
    assert outcomes(calls, "second") == ["succeeded"]
    assert outcomes(calls, "patient") == ["succeeded", "lost"]
    assert outcomes(calls, "last") == ["lost"]
    first = calls[(calls["client"] == "patient") & (calls["call"] == 0)].iloc[0]
    assert (first["end"], first["attempts"]) == (33 * HOUR, 24)


def test_a_smaller_call_may_pass_where_a_larger_one_was_throttled() -> None:
    clients = [scheduled("large", "10:00", 1, "fifty"), scheduled("small", "10:00", 1, "five")]
    calls = calls_of(any_limit(40, clients))
    assert outcomes(calls, "small") == ["succeeded"]


def test_a_call_dearer_than_the_limit_is_impossible_and_lost_at_its_first_attempt() -> None:
    retry = {"retry": {"first": "1 s", "max_attempts": 9}}
    scenario = any_limit(499, [scheduled("load", "10:00", 2, "five_hundred", on_throttle=retry)])
    calls = calls_of(scenario)
    assert outcomes(calls, "load") == ["impossible"] * 2
    assert calls["attempts"].tolist() == [1, 1]
    summary = run(scenario).to_dict()["clients"]["load"]
    assert summary["impossible_calls"]["mean"] == summary["lost_calls"]["mean"] == 2


def test_delays_grow_by_the_factor_up_to_the_longest_counted_from_each_attempt() -> None:
    retry = {"first": "1 minute", "factor": 3, "max_delay": "5 minutes", "max_attempts": 5}
    clients = [
        scheduled("full", "09:00", 1),
        scheduled("r", "10:00", 1, on_throttle={"retry": retry}),
    ]
    scenario = any_limit(1, clients)
    (call,) = calls_of(scenario).query("client == 'r'").itertuples()
    assert (call.outcome, call.attempts, call.throttled_attempts) == ("lost", 5, 5)
    assert call.end - call.time == (1 + 3 + 5 + 5) * MINUTE
    hourly = run(scenario).intervals["throttled_attempts_other"]
    assert hourly[10] == 5


def test_an_attempt_due_at_the_horizon_is_not_made() -> None:
    def last(first: str) -> Any:
        retry = {"first": first, "max_attempts": 2}
        clients = [scheduled("full", "00:00", 1)]
        clients.append(scheduled("r", "23:00", 1, on_throttle={"retry": retry}))
        return calls_of(any_limit(1, clients)).query("client == 'r'").iloc[0]

    assert (last("59 minutes")["outcome"], last("59 minutes")["attempts"]) == ("lost", 2)
    at_the_horizon = last("1 hour")
    assert (at_the_horizon["outcome"], at_the_horizon["attempts"]) == ("unfinished", 1)
    assert str(at_the_horizon["settled_at"]) == "NaT"


def test_full_jitter_stays_below_the_delay_and_depends_on_nothing_else_that_happens() -> None:
    retry = {"first": "10 minutes", "factor": 1, "max_attempts": 2, "jitter": "full"}
    jittered = scheduled("j", "10:00", 200, on_throttle={"retry": retry})
    full, other = scheduled("full", "09:00", 1), scheduled("x", "09:30", 50)

    def waits(clients: list[dict[str, Any]]) -> list[int]:
        calls = calls_of(any_limit(1, clients)).query("client == 'j'")
        waited: list[int] = (calls["end"] - calls["time"]).tolist()
        return waited

    alone = waits([full, jittered])
    assert waits([full, other, jittered]) == alone
    assert waits([jittered, full, other]) == alone
    assert all(0 <= wait < 10 * MINUTE for wait in alone)
    assert len(set(alone)) == 200
    # The mean of 200 uniforms: half the delay, with a standard error of delay / √(12·200).
    assert abs(sum(alone) / 200 - 5 * MINUTE) < 4 * 10 * MINUTE / (12 * 200) ** 0.5


def test_a_model_without_a_number_is_the_first_replication() -> None:
    scenario = any_limit(900, [poisson("a", "20 per day")])
    days = [next(model.run()) for model in (Model(scenario), Model(scenario, 0))]
    assert days[0].settled.calls.time.tolist() == days[1].settled.calls.time.tolist()


def test_a_retry_without_delay_happens_at_once_and_in_order() -> None:
    retry = {"first": "1 us", "factor": 1, "max_attempts": 6, "jitter": "full"}
    clients = [scheduled(name, "10:00", 3, on_throttle={"retry": retry}) for name in ("a", "b")]
    scenario = any_limit(1, clients)
    calls = calls_of(scenario)
    assert as_ended(calls, scenario) == recount(scenario)
    assert (calls[calls["outcome"] == "lost"]["end"] == 10 * HOUR).all()  # ⌊u · 1 µs⌋ is 0


def test_the_statistics_leave_out_what_was_submitted_during_the_warm_up() -> None:
    clients = [scheduled("a", ["10:00", "23:00"], 10)]  # type: ignore[arg-type]
    scenario = any_limit(15, clients, horizon="2 days", warmup="1 day")
    result = run(scenario)
    assert len(result.calls) == 40
    overall = result.runs.iloc[0]
    assert overall["calls"] == 20
    assert overall["throttled_calls"] == 5
    assert overall["hours_to_first_throttle"] == 47
    assert result.intervals["calls"].sum() == 40


def test_a_rate_card_may_charge_for_throttled_attempts(tmp_path: Path) -> None:
    card = {**yaml.safe_load(ANY_LIMIT.read_text()), "throttled_attempt_credits": 2}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    org = {"edition": "any", "user_licenses": 10}
    clients = [scheduled("load", "10:00", 1, "fifty"), scheduled("small", "11:00", 10)]
    scenario = build(clients, tmp_path, rate_card="card.yaml", org=org)
    result = run(scenario)
    # The refused call of 50 takes 2 of 10; eight of the small calls fit, then each takes 0.
    assert outcomes(result.calls, "small") == ["succeeded"] * 8 + ["lost"] * 2
    assert result.runs["credits_used"][0] == 8
    assert result.runs["peak_window_credits"][0] == 10
    assert result.intervals["credits_used"][10] == 2


def test_a_process_of_one_s_own_counts_in_the_pool_s_use() -> None:
    scenario = any_limit(10, [scheduled("a", "10:00", 10)], horizon="1 day")
    model = Model(scenario)

    def own(env: simpy.Environment, pool: CreditPool) -> Any:
        yield env.timeout(9 * HOUR)
        pool.consume(4)

    model.env.process(own(model.env, model.pool))
    (day,) = model.run()
    assert day.grants.credits.tolist() == [4] + [1] * 6
    assert (day.settled.outcome == 1).sum() == 4


def test_the_pool_remembers_one_window_and_little_more() -> None:
    env = simpy.Environment()
    pool = CreditPool(env, limit=10**9, card=RateCard.load("kaizen-34"))

    def client() -> Any:
        while True:
            yield env.timeout(SECOND)
            pool.consume(1, booked=True)

    env.process(client())
    for day in range(1, 4):
        env.run(until=day * DAY)
        assert 86_399 <= len(pool._times) <= 86_400 + 10_001
    assert pool.used == 86_399  # what was consumed on the second at which the day ends is back
    assert pool.unbooked == []


def test_a_process_of_one_s_own_takes_no_slot_that_it_could_not_give_back(tmp_path: Path) -> None:
    pool = {"name": "open", "size": "pool", "kind": "concurrent", "counts": "calls"}
    card = write_card(tmp_path, pool)
    model = Model(any_limit(3, [scheduled("a", "08:00", 1)], rate_card=card))
    with pytest.raises(TypeError, match="has no end"):
        model.pool.consume(1)
