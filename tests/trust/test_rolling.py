"""What the pool would have to give: the credits of one window, at their highest on each day."""

from __future__ import annotations

import datetime as dt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulation.demand.demand import Demand
from simulation.engine import sweep
from simulation.trust.judged_days import JudgedDays
from simulation.trust.rolling import rolled_replications, window_peaks
from tests.fitting.simulated import demand_of


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 5)), max_size=30),
    st.integers(1, 40),
)
def test_the_peak_of_a_day_is_the_most_that_any_window_that_ends_on_it_took(
    calls: list[tuple[int, int]], window: int
) -> None:
    calls.sort()
    time = np.array([at for at, _ in calls], np.int64)
    taken = np.array([credits for _, credits in calls], np.int64)
    edges = np.array([20, 50, 90])

    def in_use(end: int) -> int:
        return sum(credits for at, credits in calls if end - window < at <= end)

    expected = [max(map(in_use, range(20, 50))), max(map(in_use, range(50, 90)))]
    assert window_peaks(time, taken, edges, window).tolist() == expected


def test_days_and_hours_are_those_of_the_local_clock() -> None:
    """Berlin's 29 March 2026 has 23 hours, so a client that calls each hour calls 23 times."""
    hourly = {"schedule": {"every": "1 hour"}}
    demand = demand_of(hourly, timezone="Europe/Berlin", start="2026-03-27", days=5)
    days = JudgedDays.of(demand.scenario, dt.date(2026, 3, 28), 3)
    (found,) = rolled_replications([Demand(days.scenario)], days, 1)
    assert found.calls.tolist() == [24, 23, 24]
    assert found.hours.nonzero()[0].tolist() == [
        *range(24),  # Monday
        *range(5 * 24, 6 * 24 + 2),  # Saturday, and Sunday until two
        *range(6 * 24 + 3, 7 * 24),
    ]
    assert found.peaks.tolist() == [24, 24, 24]


def test_portions_that_are_at_hand_are_swept_as_those_that_are_drawn() -> None:
    demand = demand_of({"poisson": {"rate": "900 per day"}}, days=5)
    limits, counted = np.array([400, 800]), np.ones(1, bool)
    drawn = sweep(demand, 3, limits, counted)
    kept = sweep(demand, 3, limits, counted, [*demand.draw_portions(3)])
    assert drawn.throttled.all()
    assert (kept.throttled.tolist(), kept.calls) == (drawn.throttled.tolist(), drawn.calls)
