"""Daily variation, its shared part, and days that are named and left out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from scipy import special, stats

from simulation.fitting.cells import Cells
from simulation.fitting.client import fit_client
from simulation.fitting.daily import deviance, fit_days
from simulation.fitting.hours import Days
from simulation.fitting.result import DayFactors
from simulation.fitting.variation import daily_variation, shared_variation
from simulation.quantities import DAY, HOUR, SECOND
from tests.fitting.simulated import UTC, cells_of, demand_of, random_of, times_of

MONDAY = dt.date(2026, 1, 5)


@pytest.mark.parametrize("mean", [0.5, 3.0, 20.0, 1000.0])
@pytest.mark.parametrize("variation", [0.0, 0.02, 0.25, 1.0])
def test_the_deviance_of_days_has_the_mean_that_theory_gives(mean: float, variation: float) -> None:
    """Against the sum over all counts, weighted by their probability."""
    y = np.arange(int(mean + 60 * np.sqrt(mean + variation * mean**2)) + 50).astype(np.float64)
    if variation:
        size = 1 / variation
        chance = stats.nbinom.pmf(y, size, size / (size + mean))
        each = special.xlogy(y, y / mean) - (y + size) * np.log((y + size) / (mean + size))
    else:
        chance = stats.poisson.pmf(y, mean)
        each = special.xlogy(y, y / mean) - (y - mean)
    exact = float((2 * each * chance).sum())
    # One day of each count: their deviances by the mean that the function takes off.
    scaled = [deviance(y[[n]], np.array([mean]), 1.0, variation)[0] for n in range(0, len(y), 7)]
    taken = 2 * each[::7] / np.array(scaled)
    assert taken[each[::7] > 1e-6] == pytest.approx(exact, rel=0.03)


def test_outages_and_holidays_are_named_and_left_out() -> None:
    demand = demand_of({"poisson": {"rate": "1000 per day", "daily_variation": "10%"}})
    clean = random_of(fit_client("app", cells_of(demand), UTC))
    times = times_of(demand, 0)
    begin = demand.scenario.clock.start_epoch
    day = (times - begin) // DAY
    kept = times[(day != 9) & ~((day == 20) & (times % DAY > 3 * HOUR))]
    more = begin + 15 * DAY + np.linspace(0, DAY - 1, 4000).astype(np.int64)
    log = Cells.of_times(np.append(kept, more), SECOND, ((begin, begin + 28 * DAY),))
    fitted = fit_client("app", log, UTC)
    named = {each.date: each for each in fitted.outliers}
    assert set(named) == {MONDAY + dt.timedelta(n) for n in (9, 15, 20)}
    assert named[MONDAY + dt.timedelta(9)].factor == 0
    assert 4 < named[MONDAY + dt.timedelta(15)].factor < 6
    law = random_of(fitted)
    assert law.estimates["rate"].value == pytest.approx(clean.estimates["rate"].value, rel=0.02)
    assert law.estimates["daily_variation"].holds(0.1)


def factors(
    generator: np.random.Generator, clients: int, days: int, part: float
) -> list[DayFactors]:
    """Return factors of clients that vary by 20 %, of whose variance a part is shared."""
    shared = generator.normal(0, 0.2 * np.sqrt(part), days)
    own = generator.normal(0, 0.2 * np.sqrt(1 - part), (clients, days))
    noise = generator.normal(0, 0.05, (clients, days))
    return [
        DayFactors(np.arange(days), 1 + shared + own[n] + noise[n], np.full(days, 0.05**2), 0.2)
        for n in range(clients)
    ]


@pytest.mark.proof
@pytest.mark.parametrize("part", [0.0, 0.5, 0.8])
def test_the_shared_part_is_within_its_interval(part: float) -> None:
    generator = np.random.default_rng(int(10 * part))
    found = [shared_variation(factors(generator, 5, 28, part)) for _ in range(200)]
    held = sum(each.holds(part) for each in found)
    assert held >= stats.binom.ppf(0.001, 200, 0.93)
    mean = np.mean([each.value for each in found])
    assert mean == pytest.approx(part, abs=0.06)


def test_what_cannot_be_shared_is_said() -> None:
    (one,) = factors(np.random.default_rng(1), 1, 28, 0.5)
    assert np.isnan(shared_variation([one]).value)
    assert "two clients" in shared_variation([]).note
    other = DayFactors(one.day + 1000, one.factor, one.noise, 0.2)
    assert "in common" in shared_variation([one, other]).note


def test_day_factors_of_a_client_are_those_that_were_drawn() -> None:
    """The same office day by day: clients of one cause share all of their variation."""
    generator = np.random.default_rng(11)
    volume = generator.gamma(25, 1 / 25, 28)
    parts = []
    for _ in range(3):
        calls = generator.poisson(2000 * volume)
        times = [
            generator.integers((20_458 + day) * DAY, (20_459 + day) * DAY, count)
            for day, count in enumerate(calls.tolist())
        ]
        log = Cells.of_times(np.concatenate(times), SECOND, ((20_458 * DAY, 20_486 * DAY),))
        part = fit_client("app", log, UTC).day_factors
        assert part is not None
        parts.append(part)
    found = shared_variation(parts)
    assert found.value > 0.85
    assert found.high == 1


def test_days_that_vary_less_than_their_bursts_make_them_leave_variation_open() -> None:
    """By bursts of 300 calls days of 1000 would vary by 55 %; they do by 3 %."""
    number = np.arange(28)
    calls = np.random.default_rng(2).poisson(1000, 28).astype(np.float64)
    days = Days(number, number % 7, calls, np.ones(28))
    model = fit_days(days, np.ones(28, bool), np.zeros(28, np.int64), None, 300.0)
    variation = daily_variation(days, model, model)
    assert (variation.value, variation.low) == (0, 0)
    assert variation.high > 0.01
    assert "less than bursts" in variation.note


def test_days_of_any_number_of_arrivals_have_a_deviance_of_about_one_degree_each() -> None:
    """Far beyond what doubles tell of digamma and trigamma beside their leading terms, too."""
    for mean in (1e3, 1e6, 1e9, 1e13, 1e17):
        _, freedom = deviance(np.full(7, mean), np.full(7, mean), 1.0, 0.0)
        assert freedom == pytest.approx(1, rel=0.01)
