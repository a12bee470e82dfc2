"""A fitted scenario says how surely it knows how much is called, where a plan reads it."""

from __future__ import annotations

import datetime as dt
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml

import simulation
from simulation import InputError
from simulation.fitting import FitOptions, replay_of
from simulation.fitting.result import Component, Estimate
from simulation.fitting.writing import with_ranges
from simulation.formats import Document
from simulation.rate_cards import RateCard
from simulation.scenario.estimated import Estimated
from simulation.scenario.scenario import Scenario
from tests.fitting.simulated import demand_of, write_log


def test_a_fitted_rate_has_the_interval_that_its_report_has(tmp_path: Path) -> None:
    truth = {"poisson": {"rate": "200 per day"}}
    write_log(tmp_path / "access.log", demand_of(truth, days=14))
    found = simulation.fit(tmp_path / "access.log")
    law = found.scenario.clients[0].arrivals.poisson
    assert law is not None
    assert isinstance(law.rate, Estimated)
    assert law.rate.low < 200 < law.rate.high
    reported = found.report["clients"][0]["components"][0]["estimates"]["rate"]
    expected = [reported["value"], *reported["ci95"]]
    assert np.allclose(law.rate.parts, expected, rtol=1e-5)
    (tmp_path / "org.yaml").write_text(found.text)
    assert simulation.load_scenario(tmp_path / "org.yaml").fingerprint() == (
        found.scenario.fingerprint()
    )


def component(calls: int, low: float, high: float) -> Component:
    """Return a job that makes some calls each time, as a fit has it."""
    estimate = Estimate((low + high) / 2, 1.0, low, high, 14, "runs")
    return Component({"schedule": {"at": ["02:00"], "calls": calls}}, {"calls": estimate}, 1.0, 9)


def test_the_calls_of_a_job_have_an_interval_only_where_they_differ() -> None:
    differ = with_ranges(component(30, 28.3, 31.2))
    assert differ == {"at": ["02:00"], "calls": {"estimate": 30, "low": 28, "high": 32}}
    beside = with_ranges(component(30, 30.4, 31.2))  # what it mostly makes is not its mean
    assert beside["calls"] == {"estimate": 30, "low": 30, "high": 32}
    for low, high in ((30.0, 30.0), (0.0, np.inf)):  # the same each time; seen once
        assert with_ranges(component(30, low, high))["calls"] == 30


def test_how_much_days_vary_has_its_interval_too(tmp_path: Path) -> None:
    truth = {"poisson": {"rate": "900 per day", "daily_variation": "20%"}}
    write_log(tmp_path / "access.log", demand_of(truth, days=28))
    law = simulation.fit(tmp_path / "access.log").scenario.clients[0].arrivals.poisson
    assert law is not None
    assert isinstance(law.daily_variation, Estimated)
    assert law.daily_variation.low < 0.2 < law.daily_variation.high


def test_a_log_that_grew_by_a_client_between_two_readings_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    write_log(log, demand_of({"poisson": {"rate": "100 per day"}}, days=3))
    found, card = simulation.fit(log), RateCard.load("kaizen-34")
    replay_of([log], FitOptions(), found.usage, card)
    line = log.read_text().splitlines()[-1].replace('"app-0"', '"newcomer"')
    with log.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(InputError, match="log: has calls of 'newcomer' that were not there"):
        replay_of([log], FitOptions(), found.usage, card)


def test_weights_of_a_week_stand_a_line_for_each_day(tmp_path: Path) -> None:
    week = [[hour + day for hour in range(24)] for day in (1, 20, 1, 9, 40, 3, 60)]
    law = {"poisson": {"rate": "3000 per day", "profile": [*chain(*week)]}}
    write_log(tmp_path / "a.log", demand_of(law, days=42))
    found = simulation.fit(tmp_path / "a.log")
    lines = found.text.splitlines()
    begin = lines.index("        profile: [") + 1
    days = [line.rpartition(",  # ") for line in lines[begin : begin + 7]]
    assert [day for _, _, day in days] == [
        *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    ]
    written = [[float(each) for each in weights.split(", ")] for weights, _, _ in days]
    fitted = found.report["clients"][0]["components"][0]["law"]["poisson"]["profile"]
    assert list(map(len, written)) == [24] * 7
    assert [*chain(*written)] == fitted
    read = Document(yaml.safe_load(found.text), "a").validate(Scenario)
    assert read.fingerprint() == found.scenario.fingerprint()


def test_a_wrong_word_for_the_org_is_not_blamed_on_the_log(tmp_path: Path) -> None:
    write_log(tmp_path / "a.log", demand_of({"poisson": {"rate": "100 per day"}}, days=3))
    with pytest.raises(InputError, match="did you mean 'professional'") as refusal:
        simulation.fit(tmp_path / "a.log", options=FitOptions(edition="profesional"))
    assert not str(refusal.value).startswith("log")


def test_licenses_that_give_nothing_are_not_assumed(tmp_path: Path) -> None:
    write_log(tmp_path / "a.log", demand_of({"poisson": {"rate": "100 per day"}}, days=3))
    free = simulation.fit(tmp_path / "a.log", options=FitOptions(edition="free")).scenario
    assert (free.org.user_licenses, free.org.assumed) == (0, ())
    assert not [*free.remarks()]


@pytest.mark.parametrize(
    ("offset", "zone"),
    [("+0530", ", such as Asia/Kolkata"), ("-0400", ", such as America/New_York"), ("+0345", "")],
)
def test_times_with_an_offset_ask_for_the_zone_of_their_clocks(
    tmp_path: Path, offset: str, zone: str
) -> None:
    log = tmp_path / "a.log"
    write_log(log, demand_of({"poisson": {"rate": "100 per day"}}, days=3))
    log.write_text(log.read_text().replace("+0000]", f"{offset}]"))
    (remark,) = (each for each in simulation.fit(log).report["remarks"] if "offset" in each)
    assert remark.startswith(f"its times have the offset {offset[:3]}:{offset[3:]}, and the days")
    assert remark.endswith(f"name the zone by --timezone{zone}")
    berlin = simulation.fit(log, options=FitOptions(timezone=ZoneInfo("Europe/Berlin")))
    assert not any("offset" in each for each in berlin.report["remarks"])


def counts(tmp_path: Path, columns: dict[str, list[int]]) -> Path:
    """Write a table of counts by hour, with a column for each name."""
    begin = dt.datetime(2026, 3, 2)
    rows = zip(*columns.values(), strict=True)
    lines = [f"{begin + n * dt.timedelta(hours=1)},{','.join(map(str, row))}"
             for n, row in enumerate(rows)]  # fmt: skip
    (tmp_path / "counts.csv").write_text("\n".join([f"hour,{','.join(columns)}", *lines]))
    return tmp_path / "counts.csv"


def test_columns_of_counts_are_apps_unless_one_is_called_as_a_kind_of_call(tmp_path: Path) -> None:
    usual = [20 + n % 7 for n in range(24 * 14)]
    table = counts(tmp_path, {"Marketing": usual, "Call Centre": usual[::-1]})
    apps = simulation.fit(table)
    assert {app.usage.name for app in apps.apps} == {"Marketing", "Call Centre"}
    assert any("are taken to be apps" in each for each in apps.report["remarks"])
    table = counts(tmp_path, {"UpsertRecords": usual, "Call Centre": usual[::-1]})
    (app,) = simulation.fit(table).apps
    assert {each["api"] for each in app.mix.calls} == {"upsert_records", "other"}


def test_hours_without_a_call_count_at_either_end_of_an_app(tmp_path: Path) -> None:
    """Five hundred calls in one hour of two weeks are no twelve thousand a day."""
    once = [500 * (n == 100) for n in range(24 * 14)]
    table = counts(tmp_path, {"steady": [100] * 24 * 14, "once": once})
    fitted = simulation.fit(table, options=FitOptions(keep_names=True))
    (app,) = (each for each in fitted.apps if each.name == "once")
    (law,) = app.laws.components
    assert law.estimates["rate"].value == pytest.approx(500 / 14, rel=0.01)


def test_clients_of_two_apps_have_names_of_their_own(tmp_path: Path) -> None:
    """One app has a job and more; another is called as its job would be."""
    job, more = {"schedule": {"at": ["02:00"], "calls": 90}}, {"poisson": {"rate": "200 per day"}}
    log = tmp_path / "a.log"
    write_log(log, demand_of(job, more, more, days=14))
    for logged, name in (("app-0", "sync"), ("app-1", "sync"), ("app-2", "sync-job-1")):
        log.write_text(log.read_text().replace(f'"{logged}"', f'"{name}"'))
    fitted = simulation.fit(log, options=FitOptions(keep_names=True))
    assert sorted(each.name for each in fitted.scenario.clients) == [
        *("sync-job-1", "sync-job-2", "sync-single")
    ]


def test_a_name_of_an_app_may_hold_braces(tmp_path: Path) -> None:
    job, more = {"schedule": {"at": ["02:00"], "calls": 90}}, {"poisson": {"rate": "200 per day"}}
    log = tmp_path / "a.log"
    write_log(log, demand_of(job, more, days=14))
    log.write_text(log.read_text().replace('"app-0"', '"{sync}"').replace('"app-1"', '"{sync}"'))
    fitted = simulation.fit(log, options=FitOptions(keep_names=True))
    names = sorted(each.name for each in fitted.scenario.clients)
    assert names == ["{sync}-job-1", "{sync}-single"]
