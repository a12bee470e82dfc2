"""How long calls stay open: their laws, and streams that depend on nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from scipy.stats import norm

from simulation import InputError
from simulation.arrays import Ints
from simulation.demand.calls import Calls, concatenate
from simulation.demand.demand import Demand
from simulation.demand.portion import calls_between
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from simulation.rate_cards import RateCard
from simulation.scenario.scenario import Scenario
from tests.helpers import build, poisson, scheduled

LAWS: list[Any] = [
    "0.4 s",
    {"uniform": ["0.1 s", "2 s"]},
    {"lognormal": {"median": "0.4 s", "p95": "3 s"}},
]


def of(law: Any, count: int = 100_000) -> Ints:
    """Return the durations of some calls under a law."""
    client = scheduled("a", "00:00", count)
    client["calls"][0]["duration"] = law
    drawn = Demand(build([client]), durations=True).draw_day(0, 0).duration
    assert drawn is not None
    assert drawn.dtype == np.int64
    assert len(drawn) == count
    return drawn


def lasting(client: dict[str, Any], law: Any) -> dict[str, Any]:
    return {**client, "calls": [{**call, "duration": law} for call in client["calls"]]}


def durations(scenario: Scenario, replication: int = 0) -> dict[tuple[str, int], int]:
    """Return the duration of each call of a replication, by client and number."""
    calls = Demand(scenario, durations=True).draw_replication(replication)
    assert calls.duration is not None
    names = [scenario.clients[client].name for client in calls.client]
    return dict(
        zip(zip(names, calls.call.tolist(), strict=True), calls.duration.tolist(), strict=True)
    )


def test_a_duration_alone_is_that_of_every_call() -> None:
    assert set(of("0.4 s", 100)) == {400_000}


def test_uniform_durations_have_every_microsecond_as_likely_with_both_ends() -> None:
    drawn = of({"uniform": ["3 us", "7 us"]})
    counts = np.bincount(drawn, minlength=8)
    assert counts[:3].sum() == 0
    expected = len(drawn) / 5
    assert (np.abs(counts[3:] - expected) < 4.5 * np.sqrt(expected * 0.8)).all()
    wide = of({"uniform": ["0.1 s", "2 s"]})
    sd = 1.9 * SECOND / np.sqrt(12)
    assert abs(wide.mean() - 1.05 * SECOND) < 4 * sd / np.sqrt(len(wide))
    assert abs(wide.std() / sd - 1) < 4 * np.sqrt(0.8 / 4 / len(wide))  # kurtosis 1.8


def test_lognormal_durations_have_the_quantiles_and_the_mean_that_are_written() -> None:
    drawn = of({"lognormal": {"median": "0.4 s", "p95": "3 s"}})
    sigma = np.log(3 / 0.4) / norm.ppf(0.95)
    # A sample's share below a quantile is binomial.
    for level in (0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999):
        share = (drawn <= 0.4e6 * np.exp(sigma * norm.ppf(level))).mean()
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / len(drawn))
    mean = 0.4e6 * np.exp(sigma**2 / 2)
    variance = mean**2 * (np.exp(sigma**2) - 1)
    assert abs(drawn.mean() - mean) < 4 * np.sqrt(variance / len(drawn))
    law = RateCard.load("zoho-crm-2026").duration("convert_lead")
    assert law.lognormal is not None
    assert law.mean == pytest.approx(1.5e6 * np.exp(law.lognormal.sigma**2 / 2))


def test_the_logarithms_of_durations_are_normal_and_each_call_is_on_its_own() -> None:
    logs = np.log(of({"lognormal": {"median": "1 min", "p95": "5 min"}}) / MINUTE)
    logs /= np.log(5) / norm.ppf(0.95)
    # Kolmogorov's test at one in ten thousand.
    ranks = np.arange(1, len(logs) + 1) / len(logs)
    assert np.abs(norm.cdf(np.sort(logs)) - ranks).max() < 2.23 / np.sqrt(len(logs))
    assert abs(np.corrcoef(logs[1:], logs[:-1])[0, 1]) < 4 / np.sqrt(len(logs))


def test_durations_are_at_least_a_microsecond_and_at_most_twenty_years() -> None:
    drawn = of({"lognormal": {"median": "1 us", "p95": "20 years"}}, 10_000)
    assert drawn.min() == 1
    assert drawn.max() == 20 * 365 * DAY


def test_the_call_says_how_long_it_lasts_else_the_card_else_a_second() -> None:
    def one(api: str, card: str, **more: Any) -> int:
        client = {**scheduled("a", "00:00", 1), "calls": [{"api": api, **more}]}
        scenario = build([client], rate_card=card, other_apis=["mine"])
        drawn = Demand(scenario, durations=True).draw_day(0, 0).duration
        assert drawn is not None
        return int(drawn[0])

    assert one("convert_lead", "kaizen-34") == SECOND
    assert one("convert_lead", "zoho-crm-2026", duration="7 s") == 7 * SECOND
    # One number of the stream for all: they differ as their medians, where the spread is one.
    assert one("get_users", "zoho-crm-2026") == one("get_roles", "zoho-crm-2026")
    assert one("mine", "zoho-crm-2026") == one("other", "zoho-crm-2026") != SECOND
    assert one("convert_lead", "zoho-crm-2026") > one("get_users", "zoho-crm-2026")


def test_calls_of_one_kind_may_last_differently_in_a_mix() -> None:
    mix = [
        {"api": "upsert_records", "records": 1, "duration": "0.3 s"},
        {"api": "upsert_records", "records": 100, "duration": "5 s", "weight": 2},
        {"api": "get_users", "duration": {"uniform": ["6 s", "7 s"]}},
    ]
    client = {**poisson("a", "3000 per day"), "calls": mix}
    calls = Demand(scenario := build([client]), durations=True).draw_day(0, 0)
    assert calls.duration is not None
    users = calls.api == Demand(scenario).apis.index("get_users")
    assert set(calls.duration[~users & (calls.records == 1)]) == {300_000}
    assert set(calls.duration[~users & (calls.records == 100)]) == {5_000_000}
    assert ((calls.duration[users] >= 6e6) & (calls.duration[users] <= 7e6)).all()
    # Kinds and records are those of the same calls without durations.
    plain = Demand(scenario, durations=False).draw_day(0, 0)
    assert plain.duration is None
    for column in ("time", "client", "call", "what", "credits"):
        np.testing.assert_array_equal(getattr(plain, column), getattr(calls, column))


def test_recorded_calls_last_as_the_mix_says_of_their_kind_else_as_the_card_does(
    tmp_path: Path,
) -> None:
    rows = ["00:00,get_users", "01:00,", "02:00,bulk_read", "03:00,get_roles", "04:00,get_users"]
    text = "\n".join(["timestamp,api", *(f"2026-01-05 {row}" for row in rows)])
    (tmp_path / "log.csv").write_text(text)
    mix = [
        {"api": "get_modules", "duration": "9 s"},
        {"api": "get_users", "duration": "2 s", "weight": 0.000_000_001},
        {"api": "get_roles", "weight": 0.000_000_001},
    ]
    client = {"name": "a", "arrivals": {"trace": {"file": "log.csv"}}, "calls": mix}
    drawn = durations(build([client], tmp_path))
    assert [*drawn.values()] == [2 * SECOND, 9 * SECOND, SECOND, SECOND, 2 * SECOND]
    alone = {"name": "a", "arrivals": {"trace": {"file": "log.csv"}}, "calls": mix[:1]}
    lognormal = durations(build([alone], tmp_path, rate_card="zoho-crm-2026"))
    assert lognormal["a", 1] == 9 * SECOND
    assert len(set(lognormal.values())) == 5


def test_a_recorded_kind_that_lasts_in_two_ways_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("timestamp,api\n2026-01-05 01:00,get_users\n")
    mix = [{"api": "get_users", "duration": each} for each in ("1 s", "2 s")]
    client = {"name": "a", "arrivals": {"trace": {"file": "log.csv"}}, "calls": mix}
    with pytest.raises(InputError, match=r"calls.*duration: differs from that of #1, .* one dur"):
        build([client], tmp_path)


@pytest.mark.parametrize("law", LAWS, ids=str)
def test_durations_depend_on_no_other_client_on_no_horizon_and_on_no_order(law: Any) -> None:
    first = lasting(poisson("a", "300 per day"), law)
    other = lasting(poisson("b", "500 per day"), LAWS[1])
    keys: dict[str, Any] = {"timezone": "Europe/Berlin", "start": "2026-03-28 20:30"}
    alone = durations(build([first], horizon="4 days", **keys))
    both = durations(build([other, first], horizon="4 days", **keys))
    assert {key: value for key, value in both.items() if key[0] == "a"} == alone
    longer = durations(build([first], horizon="9 days", **keys))
    assert alone.items() <= longer.items()
    assert durations(build([first], horizon="50 hours", **keys)).items() <= alone.items()


def test_durations_differ_between_replications_days_and_clients() -> None:
    law = {"uniform": ["1 s", "1 h"]}
    clients = [lasting(scheduled(name, "10:00", 50), law) for name in "ab"]
    demand = Demand(scenario := build(clients, horizon="2 days"), durations=True)
    assert demand.is_random
    assert not scenario.is_random
    assert not Demand(build([lasting(clients[0], "1 s")]), durations=True).is_random
    drawn = [demand.draw_day(replication, day) for replication in (0, 1) for day in (0, 1)]
    values = np.concatenate([calls.duration for calls in drawn if calls.duration is not None])
    assert len(set(values.tolist())) == 400


def test_a_start_within_a_day_leaves_the_durations_of_its_calls() -> None:
    client = lasting(scheduled("a", "00:00", 600, schedule={"over": "10 h"}), LAWS[2])
    whole = durations(build([client]))
    later = durations(build([client], start="2026-01-05 06:03", horizon="10 hours"))
    kept = [whole["a", call] for call in range(363, 600)]
    assert [*later.values()] == kept


@pytest.mark.parametrize("calls_a_block", [10, 700, 10_000])
def test_durations_do_not_depend_on_how_days_are_put_into_blocks(calls_a_block: int) -> None:
    clients = [
        lasting(poisson("a", "900 per day"), LAWS[2]),
        scheduled("c", "02:00", 400, schedule={"over": "30 hours"}),
        lasting(scheduled("b", "02:00", 400, schedule={"over": "3 hours"}), LAWS[1]),
    ]
    scenario = build(clients, horizon="3 days", start="2026-01-05 01:17")
    plain = Demand(scenario, durations=True).draw_replication(0)
    with patch("simulation.demand.demand._CALLS_A_BLOCK", calls_a_block):
        demand = Demand(scenario, durations=True)
        same(demand.draw_replication(0), plain)
        same(concatenate(list(demand.draw_days(0))), plain)
        portions = list(demand.draw_portions(0))
        parts = [
            calls_between(portions, hour * HOUR, (hour + 5) * HOUR) for hour in range(0, 75, 5)
        ]
        same(concatenate(parts), plain)


def same(one: Calls, other: Calls) -> None:
    for column in ("time", "client", "call", "what", "credits", "duration"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def test_a_client_alone_has_the_durations_that_it_has_among_others() -> None:
    clients = [lasting(poisson(name, "100 per day"), LAWS[2]) for name in "ab"]
    demand = Demand(build(clients), durations=True)
    calls, own = demand.draw_day(0, 0), demand.draw_client(0, 1, 0)
    assert calls.duration is not None
    assert own.duration is not None
    np.testing.assert_array_equal(calls.duration[calls.client == 1], own.duration)


def test_without_need_no_call_lasts() -> None:
    demand = Demand(build([lasting(poisson("a", "100 per day"), LAWS[2])]))
    assert not demand.has_durations
    assert demand.draw_day(0, 0).duration is None
    assert all(wanted.duration is None for wanted in next(demand.draw_portions(0)).wanted)


def test_a_duration_for_nothing_is_remarked_on() -> None:
    client = lasting(poisson("a", "100 per day"), "1 s")
    remark, *others = build([client]).remarks()
    assert remark.path == "clients.a.calls.other.duration"
    assert "no effect" in remark.what
    assert not others
