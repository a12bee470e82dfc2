"""How much is done, and how long the rest takes, as far as the steps before tell."""

from __future__ import annotations

import pytest

from simulation.experiment.progress import Steps


class Told:
    """Hears of progress, in seconds of its own clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.seconds_left, self.counted = 100.0, list[float | None](), (0, 0)
        monkeypatch.setattr("simulation.experiment.progress.monotonic", lambda: self.now)

    def __call__(self, done: int, of: int) -> None:
        self.counted = done, of

    def left(self, seconds: float | None) -> None:
        self.seconds_left.append(seconds)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(monkeypatch)


def test_the_time_left_is_that_of_the_steps_to_come_and_of_the_rest(told: Told) -> None:
    steps = Steps(told)
    steps.rest = 7.0
    steps.expect(4, later=10)
    for _ in range(2):
        told.now += 3
        steps.tick()
    assert told.seconds_left == [None, 13 * 3 + 7, 12 * 3 + 7]
    steps.expect(5)
    assert told.seconds_left[-1] == 5 * 3 + 7  # as the steps before …
    told.now += 1
    steps.tick()
    assert told.seconds_left[-1] == 4 * 1 + 7  # … until one of these is done


def test_steps_that_are_unlike_those_before_are_not_judged_by_them(told: Told) -> None:
    steps = Steps(told)
    steps.expect(1)
    told.now += 60
    steps.tick()
    steps.expect(100, alike=False)
    assert told.seconds_left[-1] is None
    told.now += 2
    steps.tick()
    assert told.seconds_left[-1] == 99 * 2


def test_parts_of_a_long_step_tell_the_time_left(told: Told) -> None:
    steps = Steps(told)
    steps.expect(1)
    for part in range(3):
        told.now += 4
        steps.tick(1 / 3)
        assert told.seconds_left[-1] == pytest.approx(4 * (2 - part), abs=1e-6)
        assert told.counted == (part // 2, 1)
