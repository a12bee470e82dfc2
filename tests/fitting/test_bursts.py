"""Bursts are told from single calls, and their size keeps calls and variance right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from simulation.fitting.bursts import bursts_of
from simulation.fitting.cells import Cells
from simulation.fitting.client import fit_client
from simulation.fitting.clumping import clumping_of
from simulation.fitting.hours import LocalClock
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from tests.fitting.simulated import UTC, cells_of, demand_of

HOURS = ((20_458 * DAY, 20_458 * DAY + HOUR),)


def clock_of(cells: Cells) -> LocalClock:
    return LocalClock(UTC, cells.covered[0][0], cells.covered[-1][1])


@pytest.mark.parametrize(
    ("each", "rate"),
    [
        ({"calls": 2, "every": "1 s"}, 200),
        ({"calls": 8, "every": "500 ms"}, 150),
        ({"calls": 60, "every": "200 ms"}, 100),
        ({"calls": 25}, 40),
        ({"calls": 10, "every": "20 s"}, 30),
    ],
)
def test_bursts_that_stand_apart_come_back_as_they_were(each: dict[str, Any], rate: int) -> None:
    law = {"rate": f"{rate} per day", "daily_variation": "20%", "each": each}
    demand = demand_of({"poisson": law})
    found = bursts_of(cells_of(demand), clock_of(cells_of(demand)))
    wanted = demand.scenario.clients[0].arrivals.each
    assert wanted is not None
    assert (found.calls, found.every) == (wanted.calls, wanted.every)


@pytest.mark.parametrize(
    "law",
    [
        {"rate": "20 per day"},
        {"rate": "2000 per day", "profile": "office_hours", "daily_variation": "50%"},
        {"rate": "40000 per day", "profile": [1, 20] * 12},
    ],
)
def test_single_calls_are_no_bursts(law: dict[str, Any]) -> None:
    demand = demand_of({"poisson": law})
    for replication in range(10):
        cells = cells_of(demand, replication)
        found = bursts_of(cells, clock_of(cells))
        assert (found.calls, found.size, found.spread) == (1, None, 1.0)


def test_bursts_that_overlap_are_measured_by_their_variance() -> None:
    law = {"rate": "4000 per day", "each": {"calls": 10, "every": "4 s"}}
    cells = cells_of(demand_of({"poisson": law}))
    found = bursts_of(cells, clock_of(cells))
    assert found.size is not None
    assert found.size.holds(10)
    assert found.size.high - found.size.low < 3
    assert "overlap" in found.notes[0]


def test_the_clumping_of_bursts_is_their_size_over_long_times_and_1_over_short_ones() -> None:
    """Two limits that theory gives: windows far longer than a burst, and far shorter."""
    law = {"rate": "3000 per day", "each": {"calls": 6, "every": "8 s"}}
    cells = cells_of(demand_of({"poisson": law}))
    clumping = clumping_of(cells, clock_of(cells))
    long = clumping.scales == 10 * MINUTE
    short = clumping.scales == SECOND
    # Bursts of 40 s show all but 40/600 of their variance in ten minutes.
    assert clumping.factor[long] == pytest.approx(6, abs=5 * 40 / 600 + 4 * clumping.error[long][0])
    assert clumping.factor[short] == pytest.approx(1, abs=4 * clumping.error[short][0])


@pytest.mark.parametrize("mean", [0.01, 0.3, 20])
def test_the_factor_of_a_poisson_process_differs_from_1_by_the_error_that_is_stated(
    mean: float,
) -> None:
    """Of 200 such hours; the standard deviation of as many numbers is known to a twentieth."""
    generator = np.random.default_rng(9)
    factors, stated = [], []
    for _ in range(200):
        counts = generator.poisson(mean, 3600)
        counts[0] += 1  # a log has a call
        seen = Cells(SECOND, np.flatnonzero(counts) + 20_458 * 86_400, counts[counts > 0], HOURS)
        clumping = clumping_of(seen, clock_of(seen))
        factors.append(clumping.factor[clumping.scales == SECOND][0])
        stated.append(clumping.by_chance[clumping.scales == SECOND][0])
    assert np.std(factors) == pytest.approx(np.mean(stated), rel=3 / np.sqrt(2 * 200))


def test_sizes_that_vary_are_said_with_mean_and_range() -> None:
    generator = np.random.default_rng(4)
    begins = np.sort(generator.integers(20_458 * DAY, 20_486 * DAY, 1500))
    sizes = generator.integers(1, 40, 1500)
    times = np.repeat(begins, sizes)
    cells = Cells.of_times(times, SECOND, ((20_458 * DAY, 20_486 * DAY + HOUR),))
    found = bursts_of(cells, clock_of(cells))
    assert found.size is not None
    # The mean square by the mean, as the variance of counts has it.
    assert found.size.holds((sizes**2).sum() / sizes.sum())
    assert f"{sizes.mean():.3g} on average" in found.notes[0]


def test_coarse_counts_show_no_bursts() -> None:
    demand = demand_of({"poisson": {"rate": "100 per day", "each": {"calls": 60}}})
    cells = cells_of(demand, grain=HOUR)
    assert bursts_of(cells, clock_of(cells)).size is None


def test_counts_over_minutes_do_not_tell_how_fast_calls_of_a_burst_follow() -> None:
    law = {"rate": "1500 per day", "each": {"calls": 20, "every": "2 s"}}
    cells = cells_of(demand_of({"poisson": law}), grain=5 * MINUTE)
    found = bursts_of(cells, clock_of(cells))
    assert found.size is not None
    assert found.step is not None
    assert found.size.value == pytest.approx(20, rel=0.15)
    assert found.step.low == 0
    assert found.step.high > 4 * SECOND
    assert "do not tell how fast" in found.notes[0]


def test_single_calls_and_a_rare_load_are_told_apart() -> None:
    """One size for both would be that of neither: 276 calls every few days, and no single one."""
    generator = np.random.default_rng(6)
    begin = 20_458 * DAY
    single = generator.integers(begin, begin + 9 * DAY, 900)
    loads = begin + np.array([1, 4, 7]) * DAY + 13 * HOUR
    load = (loads[:, np.newaxis] + np.arange(276) * SECOND // 5).ravel()
    times = np.concatenate([single, load])
    cells = Cells.of_times(times, SECOND, ((begin, begin + 9 * DAY),))
    (small, _), (large, _) = bursts_of(cells, clock_of(cells)).parts
    assert abs(small.total - 900) < 10
    assert small.total + large.total == 900 + 3 * 276
    fitted = fit_client("app", cells, UTC)
    single_law, load_law = (each.law["poisson"] for each in fitted.components)
    assert "each" not in single_law
    assert abs(load_law["each"]["calls"] - 276) < 10
    rare = fitted.components[1]
    assert rare.estimates["rate"].value == pytest.approx(3 / 9, rel=0.05)
    assert rare.estimates["rate"].low < 1 / 9
    assert "came 3 times in 9 days" in " ".join(rare.notes)


def test_three_kinds_of_burst_are_told_apart() -> None:
    laws: list[dict[str, Any]] = [
        {"poisson": {"rate": "200 per day"}},
        {"poisson": {"rate": "20 per day", "each": {"calls": 40, "every": "200 ms"}}},
        {"poisson": {"rate": "1 per day", "each": {"calls": 1500, "every": "200 ms"}}},
    ]
    fitted = fit_client("app", cells_of(demand_of(*laws)), UTC)
    sizes = [each.law["poisson"].get("each", {}).get("calls", 1) for each in fitted.components]
    assert sizes[0] == 1
    assert sizes[1:] == [pytest.approx(40, rel=0.05), pytest.approx(1500, rel=0.05)]
    for component, rate in zip(fitted.components, (200, 20, 1), strict=True):
        assert component.estimates["rate"].value == pytest.approx(rate, abs=3 * (rate / 28) ** 0.5)
