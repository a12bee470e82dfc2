"""The bar of a long command: what it says it does, and that it never runs backwards."""

from __future__ import annotations

from typing import Any

import pytest
from rich.progress import Progress

from simulation import plan
from simulation.cli.progress import progress
from tests.helpers import build, poisson


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What a bar was told to show."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(Progress, "update", lambda _bar, _task, **fields: found.append(fields))
    return found


def test_a_bar_waits_where_more_work_turns_up_and_never_runs_backwards(
    shown: list[dict[str, Any]],
) -> None:
    with progress("Searching", "step") as watch:
        for done, of in [(1, 4), (2, 4), (3, 12), (6, 12), (9, 12), (0, 0)]:
            watch(done, of)
    assert [each["completed"] for each in shown] == [0.25, 0.5, 0.5, 0.5, 0.75, 0.75]
    assert [each["done"] for each in shown] == [1, 2, 3, 6, 9, 0]


def test_a_plan_s_bar_names_what_is_done(shown: list[dict[str, Any]]) -> None:
    scenario = build([poisson("a", "20 per day")], horizon="2 days", replications=2)
    with progress("Searching", "step") as watch:
        plan(scenario, max_replications=2, confirm=10, progress=watch)
    named = [each["description"] for each in shown if "description" in each]
    assert named == ["Searching", "Checking on fresh replications", "Checking in SimPy"]
    completed = [each["completed"] for each in shown if "completed" in each]
    assert completed == sorted(completed)
