"""Logs of any kind: a law that can be read, or a clear word of what cannot be told."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simulation.fitting.cells import Cells
from simulation.fitting.client import fit_client
from simulation.fitting.result import FittedClient
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from simulation.scenario.arrival_laws import Arrivals
from tests.fitting.simulated import UTC, cells_of, demand_of, law_of, random_of

BERLIN = ZoneInfo("Europe/Berlin")


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, np.int64)


def check(fitted: FittedClient) -> None:
    """Check what is true of every fit."""
    for each in fitted.components:
        Arrivals.model_validate(each.law)
        for estimate in each.estimates.values():
            assert not estimate.low > estimate.high
            assert not estimate.value < estimate.low * (1 - 1e-9)
            assert not estimate.value > estimate.high * (1 + 1e-9)
        if each.profile is not None:
            assert each.profile.shape == (168, 3)
            assert np.isfinite(each.profile).all()
            assert each.profile[:, 0].mean() == pytest.approx(1)
    if fitted.components:
        assert sum(each.share for each in fitted.components) == pytest.approx(1)


def test_no_call() -> None:
    fitted = fit_client("app", Cells(SECOND, ints(), ints(), ((0, DAY),)), UTC)
    assert fitted.components == ()
    assert fitted.notes == ("the log has no call of this client",)
    assert fitted.start == dt.date(1970, 1, 1)


def test_one_call() -> None:
    fitted = fit_client("app", Cells.of_times(ints(5 * SECOND), SECOND, ((0, 7 * DAY),)), UTC)
    check(fitted)
    rate = random_of(fitted).estimates["rate"]
    # The exact interval of one count: 0.0253 to 5.57.
    assert rate.value == pytest.approx(1 / 7)
    assert rate.low == pytest.approx(0.0253 / 7, rel=0.01)
    assert rate.high == pytest.approx(5.572 / 7, rel=0.01)
    assert "cannot tell" in random_of(fitted).estimates["daily_variation"].note


def test_one_second() -> None:
    second = 20_458 * 86_400
    cells = Cells(SECOND, ints(second), ints(3), ((second * SECOND, (second + 1) * SECOND),))
    fitted = fit_client("app", cells, BERLIN)
    check(fitted)
    assert any("less than a day" in note for note in random_of(fitted).notes)


def test_a_rate_that_no_scenario_may_have_is_cut() -> None:
    second = 20_458 * 86_400
    cells = Cells(SECOND, ints(second), ints(9000), ((second * SECOND, (second + 1) * SECOND),))
    fitted = fit_client("app", cells, BERLIN)
    check(fitted)
    assert any("is cut" in note for note in random_of(fitted).notes)


def test_all_calls_in_one_cell() -> None:
    cells = Cells(SECOND, ints(20_460 * 86_400), ints(1000), ((20_458 * DAY, 20_486 * DAY),))
    fitted = fit_client("app", cells, UTC)
    check(fitted)
    assert random_of(fitted).law["poisson"]["each"]["calls"] == 1000


@pytest.mark.parametrize("start", ["1990-03-20", "2026-03-20", "2026-10-15", "2100-10-20"])
def test_both_changes_of_the_clock(start: str) -> None:
    law = {"poisson": {"rate": "2000 per day", "profile": "office_hours"}}
    demand = demand_of(law, start=start, timezone="Europe/Berlin", days=21)
    fitted = fit_client("app", cells_of(demand), BERLIN)
    check(fitted)
    assert random_of(fitted).estimates["rate"].value == pytest.approx(2000, rel=0.03)
    assert fitted.outliers == ()


def test_the_years_1970_and_2100_in_one_log() -> None:
    last = 130 * 365 * DAY
    cells = Cells.of_times(ints(0, last), SECOND, ((0, last + SECOND),))
    check(fit_client("app", cells, BERLIN))
    apart = ((0, 20 * DAY), (last, last + 20 * DAY))
    check(fit_client("app", Cells.of_times(ints(5, last + 5), SECOND, apart), BERLIN))


@pytest.mark.parametrize("grain", [MINUTE, 5 * MINUTE, HOUR, 6 * HOUR, DAY])
def test_coarse_counts_give_what_they_can_and_say_what_they_cannot(grain: int) -> None:
    law = {"poisson": {"rate": "1500 per day", "profile": "office_hours", "daily_variation": "20%"}}
    fitted = fit_client("app", cells_of(demand_of(law, seed=2), grain=grain), UTC)
    check(fitted)
    found = random_of(fitted)
    assert found.estimates["rate"].holds(1500)
    assert found.estimates["daily_variation"].holds(0.2)
    assert (found.profile is None) == (grain == DAY)
    assert any("bursts" in note for note in found.notes) == (grain > 5 * MINUTE)
    assert any("by the clock" in note for note in fitted.notes) == (grain > 5 * MINUTE)


def test_bursts_in_hourly_counts_are_bounded() -> None:
    law = {"poisson": {"rate": "400 per day", "each": {"calls": 10}}}
    found = random_of(fit_client("app", cells_of(demand_of(law), grain=HOUR), UTC))
    (note,) = (note for note in found.notes if "bursts" in note)
    assert "bursts of 9" in note or "bursts of 10" in note
    assert "each" not in found.law["poisson"]


@pytest.mark.parametrize("milliseconds", [1, 100, 7000])
def test_other_grains(milliseconds: int) -> None:
    law = {"poisson": {"rate": "1500 per day", "profile": "office_hours"}}
    fitted = fit_client("app", cells_of(demand_of(law), grain=1000 * milliseconds), UTC)
    check(fitted)
    assert law_of(random_of(fitted)).each is None


def test_a_profile_is_as_simple_as_the_log_lets_it_be() -> None:
    hours = [1] * 8 + [5] * 10 + [2] * 6
    for written, length in (("flat", 0), (hours, 24), ("office_hours", 168)):
        law = {"poisson": {"rate": "3000 per day", "profile": written, "daily_variation": "10%"}}
        found = random_of(fit_client("app", cells_of(demand_of(law)), UTC))
        assert len(found.law["poisson"].get("profile", ())) == length


def test_weekdays_without_calls_have_weight_0() -> None:
    week = ([1] * 8 + [6] * 10 + [1] * 6) * 5 + [0] * 48
    law = {"poisson": {"rate": "700 per day", "profile": week, "daily_variation": "10%"}}
    found = random_of(fit_client("app", cells_of(demand_of(law, seed=2)), UTC))
    assert found.law["poisson"]["profile"][120:] == [0] * 48
    assert found.estimates["rate"].holds(700)
    assert found.profile is not None
    assert (found.profile[120:, 1] == 0).all()


def test_a_start_after_the_log_carries_growth_to_it() -> None:
    law = {"poisson": {"rate": "2000 per day", "growth": "60% per month"}}
    cells = cells_of(demand_of(law))
    first = random_of(fit_client("app", cells, UTC))
    then = random_of(fit_client("app", cells, UTC, dt.date(2026, 2, 4)))
    assert first.estimates["rate"].holds(2000)
    assert then.estimates["rate"].holds(3200)
    ratio = then.estimates["rate"].value / first.estimates["rate"].value
    assert ratio == pytest.approx(first.estimates["growth"].value)


@settings(max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(
    gaps=st.lists(st.integers(1, 200_000), max_size=60),
    sizes=st.lists(st.integers(1, 10**6), min_size=60, max_size=60),
    grain=st.sampled_from([1000, SECOND, 7 * SECOND, MINUTE, HOUR, 5 * HOUR, DAY]),
    begin=st.integers(0, 4 * 10**15),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"]),
)
def test_any_log_is_fitted(
    gaps: list[int], sizes: list[int], grain: int, begin: int, zone: str
) -> None:
    # At most some years, whatever the grain.
    most = max(1, 5 * 365 * DAY // grain // 60)
    at = begin // grain + np.cumsum([0, *(min(gap, most) for gap in gaps)])[: len(gaps)]
    calls = ints(*sizes[: len(at)])
    last = int(at[-1]) + 1 if len(at) else begin // grain + 1
    covered = ((begin // grain * grain, last * grain),)
    check(fit_client("app", Cells(grain, at.astype(np.int64), calls, covered), ZoneInfo(zone)))
