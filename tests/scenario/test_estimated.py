"""A number may be an estimate with its 95 % interval: it counts as its value, and is told apart."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from simulation import InputError, Scenario, load_scenario
from simulation.demand.demand import Demand
from simulation.scenario.estimated import Estimated
from simulation.scenario.starter import scenario_schema
from tests.helpers import build, poisson, scheduled

RATE = {"estimate": "1500 per day", "low": "1,380 per day", "high": "67.5 per hour"}
CALLS = {"estimate": 30, "low": 25, "high": 34}
KEY = "clients.web.arrivals.poisson.rate"


def org(rate: Any = RATE, calls: Any = CALLS) -> Scenario:
    """Return an org whose rate, and the calls of whose job, are written so."""
    job = scheduled("job", "02:00", 1, schedule={"calls": calls})
    web: dict[str, Any] = poisson("web", "", poisson={"rate": rate})
    return build([web, job], horizon="3 days")


def rate_of(scenario: Scenario) -> float:
    """Return the rate of the first client."""
    law = scenario.clients[0].arrivals.poisson
    assert law is not None
    return law.rate


def test_an_estimate_counts_as_its_value_and_keeps_its_interval() -> None:
    known, estimated = org("1500 per day", 30), org()
    drawn = [Demand(each).draw_replication(0) for each in (known, estimated)]
    assert np.array_equal(drawn[0].time, drawn[1].time)
    rate, schedule = rate_of(estimated), estimated.clients[1].arrivals.schedule
    assert isinstance(rate, Estimated)
    assert rate.parts == (1500, 1380, 1620)
    assert schedule is not None
    assert isinstance(schedule.calls, Estimated)
    assert schedule.calls.parts == (30, 25, 34)


@pytest.mark.parametrize("copied", [lambda each: pickle.loads(pickle.dumps(each)), deepcopy])
def test_a_copy_and_another_process_have_the_interval_too(copied: Any) -> None:
    rate = rate_of(copied(org()))
    assert isinstance(rate, Estimated)
    assert rate.parts == (1500, 1380, 1620)


def test_what_is_known_and_what_is_estimated_are_different_scenarios() -> None:
    wider = {**RATE, "high": "1700 per day"}
    prints = {each.fingerprint() for each in (org(), org(wider), org("1500 per day"))}
    assert len(prints) == 3


def test_a_number_that_is_set_in_its_place_is_known(tmp_path: Path) -> None:
    (tmp_path / "org.yaml").write_text(org().to_yaml(tmp_path))
    assert isinstance(rate_of(load_scenario(tmp_path / "org.yaml")), Estimated)
    changed = load_scenario(tmp_path / "org.yaml", f"{KEY}=2000 per day")
    assert rate_of(changed) == 2000
    assert not isinstance(rate_of(changed), Estimated)
    assert not isinstance(rate_of(org().changed({KEY: "1500 per day"})), Estimated)


def test_a_client_may_be_renamed_without_losing_its_interval() -> None:
    assert isinstance(rate_of(org().changed({"clients.web.name": "website"})), Estimated)


@pytest.mark.parametrize(
    ("rate", "key", "what"),
    [
        ({**RATE, "high": "1400 per day"}, ".estimate", "1500 per day is not between low and high"),
        (
            {**RATE, "low": "1.400 per day"},
            ".low",
            "'1.400 per day' can be read as 1.4 or as 1,400",
        ),
        ({**RATE, "low": "few"}, ".low", "'few' is not a rate"),
        ({**RATE, "low": 0}, ".low", "0 is not a rate"),
        (
            {**RATE, "likely": "1 per day"},
            ".likely",
            "is an unknown key, write {estimate: ..., low",
        ),
        (
            {"estimate": "9 per day", "low": "8 per day"},
            "",
            "has no 'high', write {estimate: ..., l",
        ),
        ([1, 2], "", "[1, 2] is not a rate"),
    ],
)
def test_what_is_no_estimate_is_refused_with_its_key(rate: Any, key: str, what: str) -> None:
    with pytest.raises(InputError) as refused:
        org(rate)
    (problem,) = refused.value.problems
    assert problem.path == KEY + key
    assert problem.what.startswith(what)


def test_an_estimate_that_is_set_outside_its_interval_says_how_to_write_it() -> None:
    with pytest.raises(
        InputError, match="where it is no estimate any more, write the number alone"
    ):
        org().changed({f"{KEY}.estimate": "2000 per day"})


def test_all_that_is_wrong_with_an_estimate_is_told_at_once() -> None:
    with pytest.raises(InputError) as refused:
        org({"estimate": "x", "low": "y", "high": "z"}, {**CALLS, "low": -1})
    keys = [problem.path.rpartition(".")[2] for problem in refused.value.problems]
    assert keys == ["estimate", "low", "high", "low"]


def test_the_schema_knows_both_ways_to_write_a_rate() -> None:
    schema = Draft202012Validator(json.loads(scenario_schema()))
    for rate, valid in ((RATE, True), ("5 per day", True), ({"estimate": "5 per day"}, False)):
        data = {
            "name": "n",
            "org": {"edition": "free"},
            "start": "2026-01-05",
            "horizon": "3 days",
            "clients": [poisson("web", "", poisson={"rate": rate})],
        }
        assert schema.is_valid(data) == valid


def test_the_sentence_of_a_law_has_the_interval() -> None:
    laws = [client.arrivals.law for client in org().clients]
    said = [law.in_words() for law in laws if law is not None]
    assert "1,500 a day on average (an estimate, 95 % interval 1,380 to 1,620)" in said[0]
    assert said[1] == "by the clock, 30 calls (an estimate, 95 % interval 25 to 34) at 02:00."
