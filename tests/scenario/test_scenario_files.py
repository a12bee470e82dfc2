"""Scenario files: what is read, and how what is wrong is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from simulation import InputError, load_scenario
from simulation.formats.documents import Document
from simulation.quantities import DAY, HOUR, MINUTE, SECOND
from simulation.scenario.scenario import Scenario
from simulation.scenario.starter import scenario_schema, write_starter
from tests.helpers import OTHER_POOLS, ROOT, SCENARIOS, build, creditsim, scheduled

SCHEMA = ROOT / "simulation/scenario/scenario.schema.json"

CONTRACT = """\
name: Mid-market sales org
rate_card: kaizen-34
org: {edition: professional, user_licenses: 40, addon_credits: 0}
start: 2026-01-05
timezone: Europe/Berlin
horizon: 30 days
warmup: 1 day
replications: 30
seed: 34
clients:
  - name: website-forms
    arrivals:
      poisson: {rate: 1200 per day, profile: office_hours, daily_variation: 15%,
                growth: 3% per month, events: [{date: 2026-01-20, factor: 3}]}
    calls:
      - {api: upsert_records, records: {uniform: [1, 5]}, weight: 3}
      - {api: convert_lead, weight: 1}
    on_throttle: {retry: {first: 30 s, factor: 2, max_delay: 1 hour, max_attempts: 6, jitter: full}}
  - name: nightly-sync
    arrivals:
      schedule: {at: ["02:00"], days: weekdays, calls: 400, over: 10 minutes}
    calls: [{api: upsert_records, records: 100}]
    on_throttle: drop
objective: {throttled_share: 0.1%, probability: 95%}
"""


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "mid.yaml"
    path.write_text(CONTRACT)
    return path


def test_every_key_is_read_in_the_units_it_is_written_in(contract: Path) -> None:
    scenario = load_scenario(contract)
    assert (scenario.limit, scenario.horizon, scenario.warmup_end) == (30_000, 30 * DAY, DAY)
    assert str(scenario.timezone) == "Europe/Berlin"
    assert scenario.clock.start.isoformat() == "2026-01-05T00:00:00+01:00"
    forms, sync = scenario.clients
    law = forms.arrivals.poisson
    assert law is not None
    assert (law.rate, law.daily_variation, law.growth) == (1200, 0.15, 1.03)
    assert forms.calls[0].records.uniform == (1, 5)
    retry = forms.on_throttle.retry
    assert retry is not None
    assert (retry.first, retry.max_delay, retry.max_attempts) == (30 * SECOND, HOUR, 6)
    assert [d // SECOND for d in retry.delays()] == [30, 60, 120, 240, 480]
    schedule = sync.arrivals.schedule
    assert schedule is not None
    assert (schedule.days, schedule.over) == ((0, 1, 2, 3, 4), 10 * MINUTE)
    assert sync.on_throttle.retry is None
    assert scenario.objective.throttled_share == 0.001


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("seed: 34", "sed: 34", "9: sed: is an unknown key, did you mean 'seed'?"),
        (
            "weight: 3",
            "wieght: 3",
            "16: clients.website-forms.calls.upsert_records.wieght: is an unknown key",
        ),
        ("edition: professional", "edition: pro", "3: org.edition: 'pro' is no edition"),
        ("user_licenses: 40, ", "", "3: org.user_licenses: is missing"),
        ("addon_credits: 0", "addon_credits: 2500", "3: org.addon_credits: 2,500 add-on credits"),
        ("addon_credits: 0", "addon_credits: 1.5", "3: org.addon_credits: 1.5 is not whole"),
        ("2026-01-05", "05.01.2026", "4: start: '05.01.2026' is not a date, write it such as"),
        ("Europe/Berlin", "Berlin", "5: timezone: 'Berlin' is no time zone"),
        ("horizon: 30 days", "horizon: 30", "6: horizon: 30 is not a duration, write a number"),
        ("horizon: 30 days", "horizon: 12 hours", "7: warmup: leaves nothing of a horizon of 12"),
        (
            "replications: 30",
            "replications: 0",
            "8: replications: 0 is wrong, it should be greater",
        ),
        (
            "rate: 1200 per day",
            "rate: 1200",
            "13: clients.website-forms.arrivals.poisson.rate: 1200",
        ),
        (
            "office_hours",
            "office",
            "clients.website-forms.arrivals.poisson.profile: 'office' is no",
        ),
        ("growth: 3%", "growth: -100%", "poisson.growth: '-100% per month' leaves nothing"),
        (
            "uniform: [1, 5]",
            "uniform: [1, 101]",
            "16: clients.website-forms.calls.upsert_records.records: 101 is",
        ),
        (
            "uniform: [1, 5]",
            "uniform: [5, 1]",
            "calls.upsert_records.records: 'uniform' goes from least to most",
        ),
        (
            "api: convert_lead",
            "api: convert",
            "17: clients.website-forms.calls.convert.api: 'convert' is",
        ),
        ("on_throttle: drop", "on_throttle: wait", "23: clients.nightly-sync.on_throttle: 'wait'"),
        ("max_attempts: 6", "max_attempts: 0", "on_throttle.retry.max_attempts: 0 is wrong"),
        (
            "name: nightly-sync",
            "name: website-forms",
            "19: clients.#2.name: 'website-forms' names two",
        ),
        ("days: weekdays", "days: workdays", "21: clients.nightly-sync.arrivals.schedule.days:"),
        ('at: ["02:00"], ', "", "schedule: needs one of 'at' (times of the day) and 'every'"),
        (
            "  - name: nightly-sync\n",
            "  - name: nightly-sync\n    name: twice\n",
            "20: clients.twice.name: stands on lines 19 and 20",
        ),
        (
            "objective: {",
            "objective: {cost_of_lost_call: 1, ",
            "24: objective: names a share and a",
        ),
        (
            "uniform: [1, 5]",
            "uniform: [1]",
            "calls.upsert_records.records.uniform.#2: is missing, add it",
        ),
        (
            "records: 100",
            "records: 0",
            "22: clients.nightly-sync.calls.upsert_records.records: 0 is wrong",
        ),
        ("95%", "95", "24: objective.probability: 95 is more than the whole, write '95%'"),
        (
            "addon_credits: 0}",
            "addon_credits: 0, license_prices: {professional: 35, pro: 35}}",
            (
                "3: org.license_prices.pro: 'pro' is no edition of rate card kaizen-34, did you "
                "mean 'professional'? name one of"
            ),
        ),
        (
            "addon_credits: 0}",
            "addon_credits: 500}",
            "3: org.addon_credits: 500 add-on credits are not sold",
        ),
        ("user_licenses: 40, ", "", "3: org.user_licenses: is missing, professional gives"),
        (
            "probability: 95%}",
            "probability: 95%, protect: [website-forms, forms]}",
            (
                "24: objective.protect.#2: 'forms' is no client, did you mean 'website-forms'? "
                "name one of: website-forms, nightly"
            ),
        ),
        ("clients:", "clients", "not valid YAML"),
        ("name: Mid-market sales org\n", "", "1: name: is missing"),
    ],
)
def test_a_mistake_is_refused_with_file_line_key_and_remedy(
    contract: Path, before: str, after: str, complaint: str
) -> None:
    assert before in CONTRACT
    contract.write_text(CONTRACT.replace(before, after, 1))
    with pytest.raises(InputError) as refusal:
        load_scenario(contract)
    lines = str(refusal.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(str(contract))
    assert complaint in lines[0]


def test_all_mistakes_are_told_at_once(contract: Path) -> None:
    contract.write_text(
        CONTRACT.replace("seed: 34", "seed: -1").replace(
            "user_licenses: 40", "user_licenses: forty"
        )
    )
    with pytest.raises(InputError) as refusal:
        load_scenario(contract)
    assert [problem.path for problem in refusal.value.problems] == ["org.user_licenses", "seed"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is not a scenario file, write 'key: value' lines"),
        ("- a\n- b\n", "is not a scenario file"),
        ("name: [\n", "is not valid YAML"),
        ("name: \x00\n", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint):
        load_scenario(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        load_scenario(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_scenario(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("name: Café\n".encode("latin-1"))
    with pytest.raises(InputError, match="is not UTF-8"):
        load_scenario(tmp_path / "latin.yaml")


def test_set_reaches_any_key_by_position_or_by_name(contract: Path) -> None:
    scenario = load_scenario(
        contract,
        [
            "org.addon_credits=20000",
            "clients.website-forms.calls.0.records=100",
            "clients.1.arrivals.schedule.at=[03:00, 15:30]",
            "clients.nightly-sync.on_throttle.retry.first=10 s",
            "horizon=7 days",
        ],
    )
    assert scenario.limit == 50_000
    assert scenario.clients[0].calls[0].records.fixed == 100
    schedule = scenario.clients[1].arrivals.schedule
    assert schedule is not None
    assert [f"{at:%H:%M}" for at in schedule.at] == ["03:00", "15:30"]
    retry = scenario.clients[1].on_throttle.retry
    assert retry is not None
    assert retry.first == 10 * SECOND


@pytest.mark.parametrize(
    ("assignment", "complaint"),
    [
        (
            "org.addon=5",
            "--set org.addon: is an unknown key, did you mean 'addon_credits'",
        ),
        ("clients.web.name=x", "--set clients.web.name: there is no 'web' here, did you mean"),
        ("clients=[]", "--set clients: has 0 items, write at least 1"),
        ("seed", "--set seed: write it as key=value"),
        ("seed=x", "--set seed: 'x' is not a number, write a whole number"),
    ],
)
def test_set_refuses_what_a_file_would_not_take(
    contract: Path, assignment: str, complaint: str
) -> None:
    with pytest.raises(InputError) as refusal:
        load_scenario(contract, [assignment])
    assert str(refusal.value).startswith(complaint)


def test_a_saved_scenario_is_the_scenario_again(contract: Path, tmp_path: Path) -> None:
    scenario = load_scenario(contract, ["org.addon_credits=20000", "start=2026-02-01 12:30"])
    again = tmp_path / "again.yaml"
    again.write_text(scenario.to_yaml(tmp_path))
    assert load_scenario(again).model_dump() == scenario.model_dump()


def test_a_saved_scenario_finds_its_trace_and_card_from_its_new_folder(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "in" / "usage.csv").write_text("timestamp\n2026-01-05 10:00\n")
    card = (ROOT / "simulation" / "rate_cards" / "kaizen-93.yaml").read_text()
    (tmp_path / "in" / "card.yaml").write_text(card)
    client = {
        "name": "recorded",
        "arrivals": {"trace": {"file": "usage.csv"}},
        "calls": [{"api": "other"}],
    }
    scenario = build([client], tmp_path / "in", rate_card="card.yaml")
    (tmp_path / "out" / "scenario.yaml").write_text(scenario.to_yaml(tmp_path / "out"))
    again = load_scenario(tmp_path / "out" / "scenario.yaml")
    assert again.trace_of(again.clients[0]).times.tolist() == [1767607200_000000]
    assert again.card.name == "kaizen-93"


def test_an_api_of_one_s_own_is_declared_and_costs_what_other_costs() -> None:
    client = scheduled("mailer", "09:00", 5, api="send_mail")
    with pytest.raises(InputError, match="declare it under 'other_apis'"):
        build([client])
    assert build([client], other_apis=["send_mail"]).category("send_mail") == "other"


def test_retry_delays_are_exact_where_floats_are_not() -> None:
    client = scheduled("a", "09:00", 1)
    retry = {"first": "1 s", "factor": 1.1, "max_delay": "1 day", "max_attempts": 12}
    scenario = build([{**client, "on_throttle": {"retry": retry}}])
    law = scenario.clients[0].on_throttle.retry
    assert law is not None
    exact = [10**6 * 11**n // 10**n for n in range(11)]
    assert list(law.delays()) == exact


def test_warmup_is_one_window_unless_given_and_must_leave_something() -> None:
    client = scheduled("a", "09:00", 1)
    assert build([client], horizon="2 days", warmup=None).warmup_end == DAY
    with pytest.raises(
        InputError, match=r"warmup: is at least one window \(24 hours\) unless given"
    ):
        build([client], horizon="1 day", warmup=None)


# --- what editors are told ------------------------------------------------------------


def test_the_schema_that_ships_is_the_one_that_the_models_give() -> None:
    assert SCHEMA.read_text() == scenario_schema(), "run: creditsim schema > simulation/..."


@pytest.mark.parametrize("path", [*SCENARIOS, *OTHER_POOLS], ids=lambda path: path.stem)
def test_shipped_scenarios_name_the_schema_and_satisfy_it(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
    assert named
    assert (path.parent / named[1]).resolve() == SCHEMA
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator(schema).validate(Document.read(path).data)
    assert load_scenario(path).name


def test_the_starter_is_valid_names_an_existing_schema_and_is_never_overwritten(
    tmp_path: Path,
) -> None:
    path = tmp_path / "my-org.yaml"
    write_starter(path)
    schema = path.read_text().splitlines()[0].partition("$schema=")[2]
    assert Path(schema).is_file()
    jsonschema.Draft202012Validator(json.loads(Path(schema).read_text())).validate(
        Document.read(path).data
    )
    assert load_scenario(path).limit == 12_000
    path.write_text("mine")
    with pytest.raises(InputError, match="exists already, name another file or add --force"):
        write_starter(path)
    assert path.read_text() == "mine"
    write_starter(path, force=True)
    assert load_scenario(path).limit == 12_000


@pytest.mark.parametrize(
    "change",
    [
        {"sed": 1},
        {"horizon": 30},
        {"horizon": "soon"},
        {"replications": 0},
        {"clients": []},
        {"objective": {"probability": 95}},
    ],
)
def test_the_schema_refuses_what_the_models_refuse(change: dict[str, object]) -> None:
    data = {**yaml.safe_load(CONTRACT), "start": "2026-01-05"}
    data["clients"][0]["arrivals"]["poisson"]["events"][0]["date"] = "2026-01-20"
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    assert validator.is_valid(data)
    assert not validator.is_valid({**data, **change})
    with pytest.raises(InputError):
        Document({**data, **change}).validate(Scenario)


def test_an_item_that_is_wrong_is_told_and_not_counted_as_missing(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "name: n\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 2 days\nclients:\n"
        "  - {name: a, arrivals: {schedule: {every: never}}, calls: [{api: other}]}\n"
    )
    done = creditsim("validate", tmp_path / "one.yaml")
    assert done.stderr.count("\n") == 1
    assert "one.yaml:6: clients.a.arrivals.schedule.every: 'never'" in done.stderr


@pytest.mark.parametrize("key", ["", " ", "a\nb", "\x1b[31m"])
def test_a_key_that_cannot_be_seen_is_named_as_it_would_be_quoted(key: str) -> None:
    with pytest.raises(InputError) as refusal:
        build([scheduled("a", "09:00", 1)], None, **{key: 1})
    assert str(refusal.value).startswith(f"test.yaml: {key!r}: is an unknown key")
