"""The bar of a long command: what it says it does, and that it never runs backwards."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
from rich.progress import Progress

from simulation import plan
from simulation.cli.progress import Watch, progress
from tests.helpers import build, poisson


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a bar was told to show."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(Progress, "update", lambda _bar, _task, **fields: found.append(fields))
    return found


def test_a_bar_waits_where_more_work_turns_up_and_never_runs_backwards(
    shown: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with progress("Searching", "step") as watch:
        for done, of in [(0, 4), (1, 4), (2, 4), (3, 12), (6, 12), (9, 12), (0, 0)]:
            watch(done, of)
            now[0] += 0.1
    # A step takes as long as another until the last ones, which are done three at a time.
    assert [each["completed"] for each in shown[:5]] == pytest.approx([0, 0.25, 0.5, 0.5, 0.5])
    completed = [each["completed"] for each in shown]
    assert completed == sorted(completed)
    assert [each["done"] for each in shown] == [0, 1, 2, 3, 6, 9, 0]


def test_a_plan_s_bar_names_what_is_done(shown: list[dict[str, Any]]) -> None:
    scenario = build([poisson("a", "20 per day")], horizon="2 days", replications=2)
    with progress("Searching", "step") as watch:
        plan(scenario, max_replications=2, confirm=10, progress=watch)
    named = [name for name, _ in groupby(each["description"] for each in shown)]
    assert named == ["Searching", "Checking on fresh replications", "Checking in SimPy"]
    completed = [each["completed"] for each in shown if "completed" in each]
    assert completed == sorted(completed)


def test_the_time_left_follows_from_the_steps_unless_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [50.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    watch = Watch("Working", lambda _: None)
    assert watch.seconds_left is None
    now[0] += 20  # pilot runs, which come once
    watch(1, 11)
    now[0] += 4
    watch(3, 11)
    assert watch.seconds_left == 16  # eight steps, two seconds each
    assert watch.part == pytest.approx(24 / 40)
    now[0] += 1
    assert watch.seconds_left == 15  # it runs down between steps
    watch.left(75.0)
    watch(4, 11)
    assert watch.seconds_left == 75
    assert watch.part == pytest.approx(24 / 40)  # waits, and never runs backwards
    watch.left(None)
    assert watch.seconds_left is None
