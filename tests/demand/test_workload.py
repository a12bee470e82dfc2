"""What is too much work is refused before any of it is begun, and the estimate is near."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from typer.testing import CliRunner

from simulation import InputError, load_scenario, plan, run
from simulation.cli.commands import app
from simulation.demand.demand import Demand
from simulation.demand.workload import check_workload, workload_of
from simulation.planning.judging import Judges
from simulation.planning.planning import _most_replications
from simulation.planning.search import Search
from simulation.scenario.scenario import Scenario
from tests.cards_of_tests import write_card
from tests.helpers import SCENARIOS, any_limit, creditsim, poisson, scheduled
from tests.strategies import scenarios

TOO_MUCH: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "rates": ([poisson(f"c{n}", "90000000 per day") for n in range(2)], {}),
    "growth": (
        [
            poisson(f"c{n}", "1000 per day", poisson={"growth": "100% per month"})
            for n in range(100)
        ],
        {"horizon": "360 days"},
    ),
    "events": (
        [
            poisson(
                f"c{n}",
                "1000 per day",
                poisson={"events": [{"date": "2026-01-05", "factor": 90_000}]},
            )
            for n in range(2)
        ],
        {},
    ),
    "a period": (
        [{"name": "a", "arrivals": {"schedule": {"every": "1 us"}}, "calls": [{"api": "other"}]}],
        {},
    ),
    "many at one instant": ([scheduled(f"c{n}", "02:00", 10_000_000) for n in range(100)], {}),
    "replications": (
        [poisson("a", "9000 per day")],
        {"replications": 1_000_000, "horizon": "1 year"},
    ),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_too_much_is_refused_at_once_with_the_estimate_and_what_to_change(kind: str) -> None:
    clients, keys = TOO_MUCH[kind]
    for refused in (run, plan):
        with pytest.raises(InputError, match=r"about .*: write .*; --force goes ahead") as caught:
            refused(any_limit(10_000, clients, **keys))
        assert len(caught.value.problems) == 1
        assert caught.value.problems[0].path in (
            "clients.a.arrivals",
            "clients.c0.arrivals",
            "replications",
        )


def test_an_alternative_that_is_too_much_is_refused_too() -> None:
    more = {"name": "more", "set": {"clients.a.arrivals.poisson.rate": "90000000 per day"}}
    clients = [poisson("a", "5 per day"), poisson("b", "90000000 per day")]
    fewer = {"clients.b.arrivals.poisson.rate": "20000000 per day"}
    told = r"^--set alternatives: alternatives.more.set: clients.[ab].arrivals: .* calls on a day"
    with pytest.raises(InputError, match=told):
        plan(any_limit(100, clients).changed({**fewer, "alternatives": [more]}))


def test_force_goes_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulation.demand.workload.MOST_CALLS_A_DAY", 3)
    scenario = any_limit(100, [scheduled("a", "02:00", 9)])
    for work in (run, plan):
        with pytest.raises(InputError, match="about 9 calls on a day"):
            work(scenario)
        work(scenario, force=True)


def test_the_command_line_says_one_line_and_takes_force(tmp_path: Path) -> None:
    file = SCENARIOS[0].with_name("free-startup.yaml")
    endless = ("--set", "replications=1000000", "--set", "horizon=1 year")
    for command in ("run", "plan"):
        done = creditsim(command, file, *endless)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert re.search(r"^--set replications: .*about .*; --force goes ahead", done.stderr)
    assert creditsim("run", file, "--force", "--set", "horizon=2 days").returncode == 0


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_what_ships_is_accepted_for_a_year_too(file: Path) -> None:
    for changes in ([], ["horizon=1 year", "warmup=1 day"]):
        scenario = load_scenario(file, changes)
        check_workload(scenario, "simpy", 1)
        check_workload(scenario, "compiled", 1, sizes=len(scenario.offer.sizes))


@settings(max_examples=50, deadline=None)
@given(scenario=scenarios(everything=True))
def test_the_estimate_of_calls_is_near_what_is_drawn(scenario: Scenario) -> None:
    found, demand = workload_of(scenario, "compiled"), Demand(scenario)
    drawn = [sum(map(len, demand.draw_days(n))) for n in range(8)]
    whole_day = found.busiest_day * demand.days
    assert sum(drawn) / 8 <= 2 * whole_day + 20
    if scenario.horizon >= 2 * 86_400_000_000:
        assert found.calls / scenario.replications <= 4 * max(drawn) + 60


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_validate_says_how_much_work_a_run_is_and_warns_where_it_is_refused(
    kind: str, tmp_path: Path
) -> None:
    clients, keys = TOO_MUCH[kind]
    scenario = any_limit(10_000, clients, **keys)
    file = tmp_path / "much.yaml"
    file.write_text(scenario.to_yaml(tmp_path))
    with pytest.raises(InputError) as refusal:
        run(load_scenario(file))
    done = creditsim("validate", file)
    assert done.returncode == 0
    assert done.stderr == f"{refusal.value} (a remark, the scenario is valid)\n"
    assert re.search("; a run takes about [^\n]+ calls, [^\n]+B and [^\n]+s?\n", done.stdout)
    told = creditsim("validate", SCENARIOS[0], file, "--json")
    little, much = (each["run"] for each in json.loads(told.stdout)["valid"])
    assert little["calls"] < much["calls"]
    assert creditsim("validate", SCENARIOS[0]).stderr == ""


def test_a_run_to_a_precision_is_estimated_with_the_most_replications() -> None:
    waiting = {"retry": {"first": "1 min"}}
    scenario = any_limit(5, [poisson("a", "3000000 per day", on_throttle=waiting)], replications=2)
    known = workload_of(scenario, "compiled")
    most = workload_of(scenario, "compiled", replications=1_000)
    assert (known.replications, most.replications) == (2, 1_000)
    assert most.calls == pytest.approx(500 * known.calls)
    assert most.seconds == pytest.approx(500 * known.seconds)
    told = "replications: up to 200,000 replications, until .* lower --max-replications; --force"
    with pytest.raises(InputError, match=told):
        run(scenario, engine="compiled", precision="5%", max_replications=200_000)
    with pytest.raises(
        InputError, match="max_replications is 10,000,000,000, write at most 1,000,"
    ):
        run(scenario, engine="compiled", precision="5%", max_replications=10**10)
    done = CliRunner().invoke(app, ["run", "n.yaml", "--max-replications", "10000000000"])
    assert done.exit_code == 2
    told = "--max-replications: 10,000,000,000 is out of range, write 1 to 1,000,000"
    assert done.output.startswith(told)


@pytest.mark.parametrize(
    ("clients", "keys", "told"),
    [
        (1, {"replications": 2_000}, "replications: 2,000 replications: takes .*: write fewer"),
        (1_001, {}, "clients: 1,001 clients: takes .*: join clients that are alike"),
        (
            1_001,
            {"replications": 1_002},
            "replications: 1,002 replications: takes .*: write fewer",
        ),
        (
            1_001,
            {"horizon": "1002 days"},
            "horizon: takes .*: write a shorter one, fewer replications or lower rates",
        ),
        (5, {"horizon": "30 days", "replications": 900}, "horizon: takes .*: write a shorter one"),
    ],
)
@pytest.mark.parametrize("bound", ["MOST_SECONDS", "MOST_MEMORY_SHARE"])
def test_too_much_work_is_told_at_the_key_that_makes_most_of_it(
    clients: int, keys: dict[str, Any], told: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"simulation.demand.workload.{bound}", 1e-9)
    scenario = any_limit(10, [scheduled(f"c{n}", "09:00", 1) for n in range(clients)], **keys)
    with pytest.raises(InputError, match=f"^test.yaml: {told}.*; --force goes ahead$") as refused:
        check_workload(scenario, "compiled", 1)
    assert ("of memory, and this machine has" in str(refused.value)) == ("MEMORY" in bound)


_PATIENCE: tuple[dict[str, Any], ...] = ({}, {"on_throttle": {"retry": {"first": "1 min"}}})


def test_what_waits_is_kept_of_all_replications() -> None:
    few, many = (
        [
            workload_of(
                any_limit(5, [poisson("a", "1000000 per day", **keys)], replications=n), "simpy"
            )
            for keys in _PATIENCE
        ]
        for n in (10, 1_010)
    )
    drops, retries = (after.memory - before.memory for before, after in zip(few, many, strict=True))
    assert retries - drops == pytest.approx(1_000 * 1_000_000 * 16)


def test_a_queue_that_tries_every_microsecond_is_too_much_and_every_second_is_not() -> None:
    def queue(wait: str) -> Any:
        return any_limit(5, [poisson("a", "9 per day", on_throttle={"queue": {"wait": wait}})])

    said = "clients.a.on_throttle.queue.wait: makes up to 86 billion attempts a day, so a run takes"
    with pytest.raises(InputError, match=said):
        check_workload(queue("1 us"), "compiled", 1)
    check_workload(queue("1 s"), "simpy", 1)


def test_a_plan_that_protects_a_few_calls_counts_the_work_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("simulation.planning.planning.DEFAULT_MAX_CALLS", 40_000)
    clients = [poisson("few", "5 per day"), poisson("many", "2000 per day")]
    goal = {"throttled_share": "10%", "probability": "50%"}
    keys: dict[str, Any] = {"replications": 3, "horizon": "2 days"}
    sizes = np.array([10])
    for protect in ([], ["few"]):
        scenario = any_limit(10, clients, objective={**goal, "protect": protect}, **keys)
        search = Search(Demand(scenario), sizes, sizes)
        Judges().alone(search.judging(3))
        assert _most_replications(search) in (9, 10)


def test_bursts_that_come_by_chance_are_estimated_with_a_busy_day() -> None:
    many = {"each": {"calls": 10_000_000, "every": "1 ms"}}
    bursts = poisson("a", "0.2 per day", poisson=many)
    scenario = any_limit(1000, [bursts], horizon="30 days")
    mean = workload_of(scenario, "compiled").busiest_day
    # One burst alone is ten million calls, five times the mean day; of 0.2 a day on average two
    # on one of 30 days are likely.
    assert mean >= 1.5e7
    alone = any_limit(1000, [poisson("a", "2000000 per day")])
    assert workload_of(alone, "compiled").busiest_day == 2_000_000


@pytest.mark.parametrize("meters", [[], [{"name": "slots", "kind": "concurrent", "size": 50}]])
@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_more_attempts_than_a_day_may_hold_are_refused_in_one_line(
    engine: Any, meters: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("engine.engine", "engine.journal", "engine.compiled.lanes"):
        monkeypatch.setattr(f"simulation.{module}.MOST_ATTEMPTS", 20_000)
    patient = {"retry": {"first": 0, "then": "1 s", "factor": 1, "max_attempts": 100_000}}
    clients = [poisson("b", "3 per day"), scheduled("a", "02:00", 4500, on_throttle=patient)]
    keys = {"rate_card": write_card(tmp_path, *meters), "horizon": "1 day"}
    file = tmp_path / "many.yaml"
    file.write_text(any_limit(100, clients, **keys).to_yaml(tmp_path))
    with pytest.raises(InputError) as refused:
        run(load_scenario(file), engine=engine, out=tmp_path / "out")
    told = str(refused.value)
    assert "\n" not in told
    assert re.search(r"many\.yaml:\d+: clients\.a\.on_throttle\.retry: on one day", told), told
    assert not (tmp_path / "out").exists()
