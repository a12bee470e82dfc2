"""Parts of a log are gathered by client, and retries become part of the call that they retry."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.fitting import ClientUsage, Gathering, read_call_kinds
from simulation.fitting.retries import conduct_of
from simulation.logs import Entries, Reading
from simulation.quantities import DAY, HOUR, MINUTE, SECOND

START = 1_767_571_200 * SECOND  # 2026-01-05 00:00 UTC


def gathered(
    times: list[int],
    statuses: list[int] | None = None,
    same: list[int] | None = None,
    clients: list[str] | None = None,
    parts: int = 1,
) -> dict[str, ClientUsage]:
    """Return what a log of these attempts says of each client, from so many parts of it."""
    reading = Reading(ZoneInfo("UTC"))
    who = clients or ["app"] * len(times)
    entries = Entries.of(
        START + np.array(times, np.int64),
        np.arange(1, len(times) + 1),
        status=np.array(statuses or [200] * len(times), np.int64),
        same=np.array(same or [*range(1, len(times) + 1)], np.int64),
        client=np.array([reading.clients.code_of(name) for name in who], np.int64),
        target=np.full(len(times), reading.targets.code_of("GET /crm/v7/Leads"), np.int64),
    )
    gathering = Gathering(reading, read_call_kinds())
    for rows in np.array_split(np.arange(len(times)), parts):
        gathering.take(entries.where(rows))
    return {each.name: each for each in gathering.usage().clients}


def policy_of(usage: ClientUsage) -> dict[str, Any]:
    """Return the retry policy of a client that has one."""
    on_throttle = conduct_of(usage).on_throttle
    assert isinstance(on_throttle, dict)
    its: dict[str, Any] = on_throttle["retry"]
    return its


def tried_again(waits: list[int], count: int, answered: bool = True) -> tuple[list[int], ...]:
    """Return times, statuses and requests of calls that are throttled before each wait."""
    times, statuses, same = [], [], []
    for call in range(count):
        at = call * HOUR
        for number, wait in enumerate([0, *waits]):
            at += wait
            is_last = number == len(waits)
            times.append(at)
            statuses.append(200 if is_last and answered else 429)
            same.append(call + 1)
    order = np.argsort(times, kind="stable").tolist()
    return tuple([each[n] for n in order] for each in (times, statuses, same))


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY), st.sampled_from("abc")), min_size=1, max_size=60),
    st.integers(1, 5),
)
@settings(deadline=None)
def test_cells_are_the_counts_of_each_client_however_the_log_is_parted(
    calls: list[tuple[int, str]], parts: int
) -> None:
    calls.sort()
    times = [time // SECOND * SECOND for time, _ in calls]
    names = [name for _, name in calls]
    found = gathered(times, clients=names, parts=parts)
    assert {*found} == {*names}
    for name, usage in found.items():
        own = [START + time for time, other in zip(times, names, strict=True) if other == name]
        at, counts = np.unique(np.array(own) // SECOND, return_counts=True)
        for cells in (usage.calls, usage.attempts):
            assert cells.at.tolist() == at.tolist()
            assert cells.calls.tolist() == counts.tolist()


def test_attempts_that_follow_a_throttled_one_are_of_its_call() -> None:
    times, statuses, same = tried_again([30 * SECOND, MINUTE, 2 * MINUTE], 10)
    (usage,) = gathered(times, statuses, same).values()
    assert usage.attempts.total == 40
    assert usage.calls.total == 10
    assert usage.throttled == 30
    assert usage.chains[4].tolist() == [10, 0]


def test_a_request_that_comes_again_after_an_answer_is_a_call_of_its_own() -> None:
    polls = [n * 15 * MINUTE for n in range(20)]
    (usage,) = gathered(polls, same=[7] * 20).values()
    assert usage.calls.total == 20
    assert usage.usual.sum() == 19


def test_retries_of_calls_that_follow_closely_are_counted_but_no_policy_is_told() -> None:
    """A campaign sends an update each 700 ms, and tries each of its last 200 again."""
    generator, attempts = np.random.default_rng(5), []
    for burst in range(20):
        for number in range(600):
            at, wait = burst * DAY + number * 7 * SECOND // 10, 5 * SECOND
            for _ in range(generator.integers(1, 6) if number >= 400 else 0):
                attempts.append((at, 429))
                at, wait = at + int(wait * generator.uniform(0.9, 1.1)), 2 * wait
            attempts.append((at, 200))
    attempts.sort()
    times, statuses = ([each[n] for each in attempts] for n in range(2))
    for times_seen in (times, [time // SECOND * SECOND for time in times]):
        (usage,) = gathered(times_seen, statuses, same=[7] * len(times)).values()
        conduct = conduct_of(usage)
        assert conduct.retries
        assert not conduct.is_seen
        assert "cannot be told from new calls" in conduct.why
        # The first attempts pile up before any is answered, as if their calls were given up.
        assert 0 <= usage.calls.total - 20 * 600 < 0.1 * 20 * 200


@pytest.mark.parametrize(
    ("waits", "first", "factor", "jitter"),
    [
        ([30 * SECOND, MINUTE, 2 * MINUTE, 4 * MINUTE], "30 s", 2.0, None),
        ([10 * SECOND] * 4, "10 s", None, None),
    ],
)
def test_a_retry_policy_is_read_off_its_waits(
    waits: list[int], first: str, factor: float | None, jitter: str | None
) -> None:
    times, statuses, same = tried_again(waits, 40)
    (usage,) = gathered(times, statuses, same).values()
    conduct = conduct_of(usage)
    assert conduct.is_seen
    assert conduct.retries
    policy = policy_of(usage)
    value, unit = policy["first"].split()
    seconds, wanted = first.split()
    assert abs(float(value) / float(seconds) - 1) < 0.05  # a bin is a ninth wide
    assert unit == wanted
    assert policy.get("factor") == factor
    assert policy["max_attempts"] == 5
    assert policy.get("jitter") == jitter


def test_jitter_shows_in_how_much_waits_differ() -> None:
    rng = np.random.default_rng(34)
    times: list[int] = []
    statuses: list[int] = []
    same: list[int] = []
    for call in range(300):
        first, second = rng.uniform(0, 30), rng.uniform(0, 60)
        waits = [0, max(first, 0.1), max(second, first / 2 + 0.1)]
        at = np.cumsum(waits) * SECOND + call * HOUR
        times += at.astype(int).tolist()
        statuses += [429, 429, 200]
        same += [call + 1] * 3
    (usage,) = gathered(times, statuses, same).values()
    policy = policy_of(usage)
    assert policy["jitter"] == "full"
    assert 24 <= float(policy["first"].split()[0]) <= 36


def test_a_client_that_goes_on_as_always_drops_what_is_throttled() -> None:
    polls = [n * 15 * MINUTE for n in range(200)]
    statuses = [429 if n % 5 == 0 else 200 for n in range(200)]
    (usage,) = gathered(polls, statuses, [7] * 200).values()
    conduct = conduct_of(usage)
    assert conduct.on_throttle == "drop"
    assert not conduct.retries


def test_where_nothing_was_throttled_what_a_client_does_then_is_assumed() -> None:
    (usage,) = gathered([0, HOUR]).values()
    conduct = conduct_of(usage)
    assert not conduct.is_seen
    assert "assumed" in conduct.why


def test_memory_is_bounded_by_longer_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.fitting.gathering._MOST_CELLS", 100)
    times = [n * SECOND for n in range(1000)]
    (usage,) = gathered(times, parts=10).values()
    assert usage.attempts.grain == 10 * SECOND
    assert usage.attempts.calls.tolist() == [10] * 100


def test_equal_calls_that_come_together_and_are_dropped_are_no_retries() -> None:
    """Three calls at once, each quarter of an hour, some of them throttled."""
    times = [n * 15 * MINUTE + (call > 1) * SECOND for n in range(300) for call in range(3)]
    statuses = [429 if n % 7 == 0 else 200 for n in range(300) for _ in range(3)]
    (usage,) = gathered(times, statuses, [7] * 900).values()
    conduct = conduct_of(usage)
    assert (conduct.on_throttle, conduct.retries) == ("drop", False)
    assert "cannot be told apart" in conduct.why


@pytest.mark.parametrize("tries", [4, 6])
def test_polls_that_are_never_answered_are_told_from_their_retries(tries: int) -> None:
    """A quarter of an hour is no wait behind three of half a minute."""
    polls = [n * 15 * MINUTE + k * 30 * SECOND for n in range(500) for k in range(tries)]
    (usage,) = gathered(polls, [429] * len(polls), same=[7] * len(polls)).values()
    assert usage.calls.total == 500
    assert policy_of(usage)["max_attempts"] == tries


def test_a_job_that_is_never_answered_keeps_a_sixth_of_its_requests_and_no_policy_is_told() -> None:
    times = [day * DAY + n * 3 * SECOND // 10 for day in range(20) for n in range(600)]
    (usage,) = gathered(times, [429] * len(times), same=[7] * len(times)).values()
    assert not conduct_of(usage).is_seen
    assert usage.calls.total == pytest.approx(20 * 600 / 6, rel=0.05)


def test_days_on_which_no_app_has_a_request_are_taken_to_be_missing() -> None:
    """Two logs of a week each, three weeks apart; a quiet weekend is none of these."""
    minutes = [*range(0, 7 * 1440, 15), *range(28 * 1440, 35 * 1440, 15)]
    (usage,) = gathered([n * MINUTE for n in minutes]).values()
    week = [(begin - START) // DAY for begin, _ in usage.calls.covered]
    assert week == [0, 28]
    assert usage.calls.length == pytest.approx(14 * DAY, rel=0.01)
    weekdays = [n * MINUTE for n in range(0, 28 * 1440, 15) if n // 1440 % 7 < 5]
    (usage,) = gathered(weekdays).values()
    assert len(usage.calls.covered) == 1
