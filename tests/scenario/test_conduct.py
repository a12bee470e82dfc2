"""How clients hold themselves back, as it is written: what is refused, and what has no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulation import InputError, run
from simulation.quantities import HOUR, MINUTE, SECOND
from tests.cards_of_tests import pool, write_card
from tests.helpers import any_limit, build, creditsim, scheduled

BUCKET = {"rate_card": "shopify-rest-2026", "org": {"edition": "standard"}}
AT_ONCE = {"rate_card": "netsuite-2026", "org": {"edition": "standard", "user_licenses": 0}}


def refusal(client: dict[str, Any], **keys: Any) -> str:
    """Return why a scenario of one client is refused."""
    with pytest.raises(InputError) as refused:
        build([{**scheduled("a", "08:00", 10), **client}], **keys)
    return str(refused.value)


def remarks(client: dict[str, Any], **keys: Any) -> str:
    """Return the remarks on a scenario of one client, a line each."""
    scenario = build([{**scheduled("a", "08:00", 10), **client}], **keys)
    return "\n".join(map(str, scenario.remarks()))


@pytest.mark.parametrize(
    ("client", "complaint"),
    [
        ({"quota": 0.25}, "clients.a.quota: 0.25 may be 25% or a part of a credit"),
        ({"quota": 0}, "clients.a.quota: is 0, write a share such as 25%"),
        ({"quota": "0%"}, "clients.a.quota: is 0%, write a share such as 25%"),
        ({"quota": "130%"}, "clients.a.quota: '130%' is more than the pool, write at most 100%"),
        ({"reserve": "100%"}, "clients.a.reserve: is all of the pool"),
        ({"pace": "10"}, "clients.a.pace: '10' is not a pace, write it such as '10 per second'"),
        ({"pace": "0 per second"}, "clients.a.pace: '0 per second' lets nothing through"),
        (
            {"pace": "0.5 per 7300 days"},
            "clients.a.pace: '0.5 per 7300 days' is less than 1 in 7300",
        ),
        ({"group": " "}, "clients.a.group: ' ' has no sign that can be seen, write a name"),
        ({"max_concurrent": 0}, "clients.a.max_concurrent"),
        ({"on_throttle": {"queue": None}}, "clients.a.on_throttle.queue: is empty"),
        ({"on_throttle": {"queue": {}}}, "clients.a.on_throttle.queue.wait: is missing"),
        ({"on_throttle": {"queue": {"wait": 'until "25:00"'}}}, "a.on_throttle.queue.wait: "),
        (
            {"on_throttle": {"queue": {"wait": 'until "24:00"'}}},
            "queue.wait: '24:00' is no time of the day, write it as 00:00",
        ),
        ({"on_throttle": {"queue": {"wait": 0}}}, "a.on_throttle.queue.wait: is 0, write a dura"),
        ({"on_throttle": {"queue": {"wait": "soon"}}}, "until_available, or until"),
        (
            {"on_throttle": {"queue": {"wait": "1 h"}, "retry": {}}},
            "'retry' and 'queue' are two ways to go on",
        ),
        (
            {"on_throttle": {"retry": {"first": "1 s", "then": "2 s"}}},
            "retry.then: is for a first retry at once, write first: 0",
        ),
    ],
)
def test_what_no_client_can_mean_is_refused_with_key_and_remedy(
    client: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(client)


def test_a_bare_number_is_credits_and_per_cent_is_a_share() -> None:
    def quota(written: Any) -> Any:
        return build([scheduled("a", "08:00", 1, quota=written)]).clients[0].quota

    assert quota(25).credits == 25
    assert quota(25).share is None
    assert quota("25%").share == 0.25
    assert quota("25%").at_most(5_000) == 1_250
    assert (quota("33%").at_most(10), quota("33%").at_least(10)) == (3, 4)
    assert (str(quota(2500)), str(quota("25%"))) == ("2,500 credits", "25%")


def test_waits_of_a_queue_are_times_clock_times_or_until_there_is_room() -> None:
    def wait(written: str) -> Any:
        queue = {"queue": {"wait": written}}
        policy = build([scheduled("a", "08:00", 1, on_throttle=queue)]).clients[0].on_throttle
        assert policy.queue is not None
        return policy.queue.wait

    assert wait("15 minutes").span == 15 * MINUTE
    assert wait('until "00:00"').clock.hour == wait("until 00:00").clock.hour == 0
    assert wait("until_available").is_for_room
    assert not wait("15 minutes").is_for_room


def test_a_first_retry_at_once_is_followed_by_delays_that_grow() -> None:
    retry = {"retry": {"first": 0, "then": "30 s", "max_attempts": 5}}
    policy = build([scheduled("a", "08:00", 1, on_throttle=retry)]).clients[0].on_throttle
    assert policy.retry is not None
    assert policy.retry.delays() == (0, 30 * SECOND, 60 * SECOND, 120 * SECOND)
    assert policy.retry.max_delay == HOUR


@pytest.mark.parametrize(
    ("client", "keys", "complaint"),
    [
        ({"quota": "25%"}, BUCKET, "the pool of shopify-rest-2026 is bucket: write a pace"),
        ({"quota": "25%"}, AT_ONCE, "the pool of netsuite-2026 is concurrent: write a pace"),
        ({"reserve": 2}, AT_ONCE, "is calls at once: write max_concurrent"),
        ({}, {"initial_usage": {"credits": 5001}}, "5,001 is more than the limit of 5,000"),
        ({}, {"initial_usage": {}}, "needs one of 'credits' and 'trace'"),
        ({}, {**AT_ONCE, "initial_usage": {"credits": 1}}, "is calls at once: leave it out"),
    ],
)
def test_what_the_pool_cannot_give_is_refused(
    client: dict[str, Any], keys: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(client, **keys)


@pytest.mark.parametrize(
    ("client", "remark"),
    [
        ({"group": "night"}, "clients.a.group: has no effect, no limit of kaizen-34 is for"),
        ({"quota": "100%"}, "clients.a.quota: has no effect, it is the whole pool or more"),
        (
            {"on_throttle": {"queue": {"wait": "1 hour", "max_wait": "10 minutes"}}},
            "clients.a.on_throttle.queue.max_wait: is shorter than the wait",
        ),
        ({"reserve": 5_000}, "clients.a.reserve: is all of the pool or more, so the client makes"),
        ({"on_throttle": {"retry": {"first": 0}}}, "retry.first: is 0 and grows from 0"),
        (
            {"on_throttle": {"retry": {"first": 0, "then": "5 s", "max_attempts": 2}}},
            "retry.then: has no effect, there is no second retry",
        ),
    ],
)
def test_what_changes_nothing_is_remarked_on(client: dict[str, Any], remark: str) -> None:
    assert remark in remarks(client)
    assert remarks({"quota": "50%", "reserve": 100, "pace": "5 per second"}) == ""


def test_groups_that_look_alike_are_refused_and_missing_ones_are_remarked_on(
    tmp_path: Path,
) -> None:
    def of_groups(*groups: str | None) -> Any:
        clients = [scheduled(f"c{n}", "08:00", 1) for n, _ in enumerate(groups)]
        named = [
            {**client, "group": group} if group else client
            for client, group in zip(clients, groups, strict=True)
        ]
        by_group = pool(), {"name": "m", "kind": "concurrent", "size": 1, "scope": "group"}
        return any_limit(5, named, rate_card=write_card(tmp_path, *by_group))

    with pytest.raises(InputError, match=r"c1\.group: 'g ' and 'G' differ only in blanks"):
        of_groups("G", "g ")
    said = "clients: name no group, so each is one by itself for the limits of"
    assert [said in str(remark) for remark in of_groups(None, None).remarks()] == [True]
    for groups in (("G", "G"), ("G", None), (None,)):
        assert of_groups(*groups).remarks() == []


def before(folder: Path, rows: str, **trace: Any) -> Any:
    """Return a scenario of 10 calls at its start, which recorded calls come before."""
    (folder / "before.csv").write_text(f"timestamp,api,records\n{rows}")
    keys = {"trace": {"file": str(folder / "before.csv"), **trace}}
    return any_limit(10, [scheduled("a", "00:00", 10)], initial_usage=keys, horizon="1 hour")


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("othre,1", "'othre' is no call kind of rate card"),
        ("per_ten,101", "101 is more than per_ten takes, at most 100"),
    ],
)
def test_recorded_calls_before_the_start_are_those_of_the_rate_card(
    row: str, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as refused:
        before(tmp_path, f"2026-01-04 23:00,other,1\n2026-01-04 23:30,{row}\n")
    assert f"before.csv:3: initial_usage.trace.file: {complaint}" in str(refused.value)


@pytest.mark.parametrize(
    ("row", "remark"),
    [
        ("2026-01-05 00:00,other,1", "has no effect, nothing in it is in use at the start"),
        ("2026-01-04 00:00,other,1", "has no effect, nothing in it is in use at the start"),
        ("2026-01-04 00:01,per_ten,100", ""),
        ("2026-01-04 00:01,per_ten,100\n2026-01-04 00:02,other,", "holds 11 credits at the"),
    ],
)
def test_recorded_calls_that_the_pool_does_not_hold_are_remarked_on(
    row: str, remark: str, tmp_path: Path
) -> None:
    found = [str(each) for each in before(tmp_path, f"{row}\n").remarks()]
    assert len(found) == bool(remark)
    assert remark in "".join(found)


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_every_recorded_arrival_before_the_start_makes_its_burst(
    engine: str, tmp_path: Path
) -> None:
    burst = {"calls": 6, "every": "1 minute"}  # the last two come at the start and behind it
    scenario = before(tmp_path, "2026-01-04 23:56,other,\n", each=burst)
    calls = run(scenario, engine=engine).calls
    assert (calls["outcome"] == "succeeded").sum() == 10 - 4


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_pool_of_calls_counts_recorded_calls_and_quotas_as_calls(
    engine: str, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("timestamp,api,records\n2026-01-04 23:00,per_ten,100\n")
    card = write_card(tmp_path, pool(counts="calls"), smallest_unit=0.25)
    keys: dict[str, Any] = {"rate_card": card, "horizon": "1 hour"}
    start = {"trace": {"file": str(tmp_path / "t.csv")}}
    cases: list[tuple[dict[str, Any], Any, int]] = [({}, start, 9), ({"quota": 4}, None, 4)]
    for client, initial, passed in cases:
        scenario = any_limit(
            10, [scheduled("a", "00:00", 10, **client)], initial_usage=initial, **keys
        )
        assert (run(scenario, engine=engine).calls["outcome"] == "succeeded").sum() == passed


def test_a_refusal_names_file_and_line_through_the_command(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        "name: n\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 3 days\nclients:\n"
        "  - name: a\n    arrivals: {schedule: {every: 1 hour}}\n    calls: [{api: other}]\n"
        "    quota: 0.25\n"
    )
    done = creditsim("validate", file)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{file}:9: clients.a.quota: 0.25 may be 25% or a part")
    assert len(done.stderr.splitlines()) == 1


def test_usage_at_the_start_stands_in_place_of_a_warm_up() -> None:
    keys: dict[str, Any] = {
        "horizon": "2 days",
        "warmup": None,
        "initial_usage": {"credits": 4_995},
    }
    result = run(build([scheduled("a", "00:00", 10)], **keys))
    assert result.scenario.warmup == 0
    assert result.runs["throttled_calls"].tolist() == [5]
    text = result.methods()["run_methods.md"]
    assert "At first 4,995 credits are in use" in text
    assert "the start is part of what is asked" in text
