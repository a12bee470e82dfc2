"""How clients hold themselves back, as it is written: what is refused, and what has no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulation import InputError, run
from simulation.quantities import HOUR, MINUTE, SECOND
from tests.helpers import build, creditsim, scheduled

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
        ({"reserve": "100%"}, "clients.a.reserve: is all of the pool"),
        ({"pace": "10"}, "clients.a.pace: '10' is not a pace, write it such as '10 per second'"),
        ({"pace": "0 per second"}, "clients.a.pace: '0 per second' lets nothing through"),
        ({"max_concurrent": 0}, "clients.a.max_concurrent"),
        ({"on_throttle": {"queue": None}}, "clients.a.on_throttle.queue: is empty"),
        ({"on_throttle": {"queue": {}}}, "clients.a.on_throttle.queue.wait: is missing"),
        ({"on_throttle": {"queue": {"wait": 'until "25:00"'}}}, "a.on_throttle.queue.wait: "),
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
