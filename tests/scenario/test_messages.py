"""Messages name file, line and key, what is wrong and what is right; all of a file at once."""

from __future__ import annotations

import random
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError, model_validator
from typer.testing import CliRunner

from simulation import InputError, load_scenario, run
from simulation.batch.portfolio import read_portfolio
from simulation.batch.runner import plan_portfolio
from simulation.cli.commands import app
from simulation.errors import KeyProblem, KeyProblems, Problem
from simulation.formats.documents import Document
from simulation.scenario.partial_reading import read_rest
from simulation.scenario.scenario import Scenario
from tests.helpers import SCENARIOS, build, creditsim, scheduled

_FOLDER = TemporaryDirectory()  # gone when the tests end

SCENARIO = """\
name: Messages
org:
  edition: professional
  user_licenses: 12
start: 2026-01-05
timezone: Europe/Berlin
horizon: 7 days
clients:
  - name: web
    arrivals:
      poisson: {rate: 100 per day, profile: office_hours}
    calls:
      - {api: upsert_records, records: 10}
  - name: erp
    arrivals:
      schedule: {at: ["18:00"], calls: 5, over: 10 minutes}
    calls:
      - {api: get_records_by_cvid}
      - api: bulk_read
    on_throttle: {retry: {first: 30 s, factor: 2}}
  - name: third
    arrivals:
      poisson:
        rate: 10 per day
        events: [{date: 2026-01-06, factor: 2}]
    calls: [{api: other}]
objective:
  throttled_share: 0.1%
  probability: 95%
alternatives:
  - name: more
    set: {org.user_licenses: 20}
"""


def _told(text: str, folder: Path) -> list[str]:
    """Return what is said of a scenario, without the folder."""
    (folder / "case.yaml").write_text(text)
    with pytest.raises(InputError) as refusal:
        load_scenario(folder / "case.yaml")
    return [str(problem).removeprefix(f"{folder}/") for problem in refusal.value.problems]


def _only_line(written: str, instead_of: str, folder: Path) -> str:
    """Return the one line that is said of the scenario with one thing written otherwise."""
    assert instead_of in SCENARIO
    told = _told(SCENARIO.replace(instead_of, written, 1), folder)
    assert len(told) == 1
    return told[0]


@pytest.mark.parametrize(
    ("written", "instead_of", "line"),
    [
        (
            "records: 12,000}",
            "records: 10}",
            "records: '12,000' is cut at its comma inside {…}, write 12 or 12000",
        ),
        (
            "at: [6pm]",
            'at: ["18:00"]',
            "16: clients.erp.arrivals.schedule.at.#1: '6pm' is no time of the day, write it as 18:",
        ),
        (
            "at: [“18:00”]",
            'at: ["18:00"]',
            "16: clients.erp.arrivals.schedule.at.#1: '“18:00”' is no time of the day, write it as",
        ),
        (
            "profile: “flat”",
            "profile: office_hours",
            "11: clients.web.arrivals.poisson.profile: '“flat”' is no profile, did you mean 'fl",
        ),
        (
            "rate: “10 per day”",
            "rate: 10 per day",
            (
                "24: clients.third.arrivals.poisson.rate: '“10 per day”' is not a "
                "rate, write it such as '1200 per day'; typographic quotes count as text"
            ),
        ),
        (
            "profile: business_hours",
            "profile: office_hours",
            "11: clients.web.arrivals.poisson.profile: 'business_hours' is no profile, write flat,",
        ),
        (
            "cost_of_lost_call: 0,50 €",
            "throttled_share: 0.1%\n  probability: 95%",
            "28: objective.cost_of_lost_call: '0,50 €' can be read as 0.5 or as 50, write 0.5 or",
        ),
        (
            "cost_of_lost_call: $0.50",
            "throttled_share: 0.1%\n  probability: 95%",
            "28: objective.cost_of_lost_call: '$0.50' is not a number, write 0.50 without a curren",
        ),
        (
            "factor: 300%}]",
            "factor: 2}]",
            (
                "25: clients.third.arrivals.poisson.events.2026-01-06.factor: '300%' is not a "
                "number, write 3, which is the same"
            ),
        ),
        (
            "api: bulk_read\n        weight: 80%",
            "api: bulk_read",
            "20: clients.erp.calls.bulk_read.weight: '80%' is not a number, write 0.8",
        ),
        (
            "calls: bulk_read",
            "calls: [{api: other}]",
            "26: clients.third.calls: 'bulk_read' is no list, write [{api: bulk_read}]",
        ),
        (
            "calls: {api: other}",
            "calls: [{api: other}]",
            "26: clients.third.calls: a mapping is no list, write a dash before its first key",
        ),
        (
            'to: "18:00"',
            "over: 10 minutes",
            "16: clients.erp.arrivals.schedule.to: is an unknown key, known here: each, at, every,",
        ),
        (
            "- arrivals:",
            "- name: third\n    arrivals:",
            "21: clients.#3.name: is missing, add it before 'arrivals': a name of its own",
        ),
        ("name: web", "name: third", "21: clients.#3.name: 'web' names two clients, give each"),
        (
            "start:",
            "org:\n  edition: professional\n  user_licenses: 12\nstart:",
            "2: org: is missing, add it before 'start': what the org has bought",
        ),
        (
            "edition: Professional",
            "edition: professional",
            (
                "3: org.edition: 'Professional' is no edition of rate card kaizen-34, did you mean "
                "'professional'? name one of: free,"
            ),
        ),
        ("edition: Zoho One", "edition: professional", "did you mean 'zoho_one'?"),
        ("edition: CRM Plus", "edition: professional", "did you mean 'crm_plus'?"),
        (
            "api: upsert",
            "api: bulk_read",
            (
                "19: clients.erp.calls.upsert.api: 'upsert' is no call kind of rate card "
                "kaizen-34, did you mean 'upsert_records'? a call without a price of its own, "
                "such as another read, costs 1 and is called 'other': write that, declare it"
            ),
        ),
        ("api: coql", "api: bulk_read", "costs 1 and is called 'other': write that"),
        ("api: get_records", "api: bulk_read", "did you mean 'get_records_by_cvid'? a call with"),
        ("api: bulk read", "api: bulk_read", "did you mean 'bulk_read'?"),
        ("Berlin", "Europe/Berlin", "6: timezone: 'Berlin' is no time zone, did you mean 'Europe/"),
        ("europe/berlin", "Europe/Berlin", "did you mean 'Europe/Berlin'?"),
        ("IST", "Europe/Berlin", "such as Asia/Kolkata or Europe/Dublin or Asia/Jerusalem"),
        ("CEST", "Europe/Berlin", "write the place that is meant, such as Europe/Berlin"),
        ("GMT+1", "Europe/Berlin", "or Etc/GMT-1, which is UTC+1 all year (its sign is the other"),
        ("UTC-05:00", "Europe/Berlin", "such as America/New_York, or Etc/GMT+5, which is UTC-5"),
        ("UTC+05:30", "Europe/Berlin", "write a place that has this offset, such as Asia/Kolkata"),
        ("probability: 150%", "probability: 95%", "29: objective.probability: 150% is more than"),
    ],
)
def test_a_line_names_the_place_the_mistake_and_the_remedy(
    tmp_path: Path, written: str, instead_of: str, line: str
) -> None:
    told = _only_line(written, instead_of, tmp_path)
    assert line in told
    assert told.startswith("case.yaml:")


# --- text that is no YAML -----------------------------------------------------------------

_TAB = "a tab stands where only spaces may, use spaces"


@pytest.mark.parametrize(
    ("written", "instead_of", "line"),
    [
        ("\tedition: prof", "  edition: prof", f"3: org.edition: is not valid YAML: {_TAB}"),
        (
            "erp\n\tarrivals",
            "erp\n    arrivals",
            f"15: clients.erp.arrivals: is not valid YAML: {_TAB}",
        ),
        (
            "   user_licenses",
            "  user_licenses",
            (
                "4: org.user_licenses: is not valid YAML: is indented by 3 spaces and what stands "
                "above it by 2, write 2"
            ),
        ),
        (" user_licenses", "  user_licenses", "is indented by 1 space and what stands above it by"),
        (
            "erp\n   arrivals",
            "erp\n    arrivals",
            (
                "15: clients.erp.arrivals: is not valid YAML: is indented by 3 spaces and what "
                "stands above it by 4, write 4"
            ),
        ),
        (
            "edition:professional",
            "edition: professional",
            (
                "3: org.edition: is not valid YAML: 'edition:professional' has no space after its "
                "colon, write 'edition: professional'"
            ),
        ),
        (
            "horizon:7 days",
            "horizon: 7 days",
            "7: horizon: is not valid YAML: 'horizon:7 days' has no space after its colon, write",
        ),
        (
            "{api:get_records_by_cvid}",
            "{api: get_records_by_cvid}",
            (
                "18: clients.erp.calls.#1.api:get_records_by_cvid: has no space after its colon, "
                "write 'api: get_records_by_cvid'"
            ),
        ),
        (
            "- api:bulk_read",
            "- api: bulk_read",
            "19: clients.erp.calls.#2: 'api:bulk_read' has no space after a colon, write 'api: b",
        ),
    ],
)
def test_a_slip_in_the_layout_is_told_as_its_author_sees_it(
    tmp_path: Path, written: str, instead_of: str, line: str
) -> None:
    told = _only_line(written, instead_of, tmp_path)
    assert f"case.yaml:{line}" in told or line in told


_KEY_LINES = [n for n, line in enumerate(SCENARIO.splitlines()) if line.startswith("  ")]


@given(st.sampled_from(_KEY_LINES), st.sampled_from(["\t", "one more", "one less"]))
@settings(deadline=None)
def test_a_slip_in_any_indent_is_refused_with_a_line_near_it(place: int, slip: str) -> None:
    lines = SCENARIO.splitlines()
    here = lines[place]
    if slip == "\t":
        lines[place] = "\t" + here.lstrip()
    else:
        lines[place] = f" {here}" if slip == "one more" else here[1:]
    file = _written("\n".join(lines))
    try:
        load_scenario(file)
    except InputError as refusal:
        told = refusal
    else:  # the only key of its mapping may be indented as one likes
        assert slip != "\t"
        assert Document.read(file).data == Document.read(_written(SCENARIO)).data
        return
    numbers = [int(problem.where.rpartition(":")[2]) for problem in told.problems]
    if slip == "\t":
        assert numbers == [place + 1]
        assert _TAB in str(told)
    assert min(abs(number - place - 1) for number in numbers) <= 1


def _written(text: str) -> Path:
    file = Path(_FOLDER.name) / "case.yaml"
    file.write_text(text)
    return file


# --- all mistakes of a file at once ---------------------------------------------------------

_PLANTED = [
    ("name: Messages", "nam: Messages", "name: is missing"),
    ("edition: professional", "edition: pro", "org.edition: 'pro' is no edition"),
    ("user_licenses: 12", "user_licences: 12", "org.user_licences: is an unknown key"),
    ("2026-01-05", "05.01.2026", "start: '05.01.2026' is not a date"),
    ("Europe/Berlin", "Berlin", "timezone: 'Berlin' is no time zone"),
    ("100 per day", "100 per dayy", "clients.web.arrivals.poisson.rate: '100 per dayy'"),
    ("name: third", "name: erp", ".name: 'erp' names two clients"),
    ("api: bulk_read", "api: bulk read", ".api: 'bulk read' is no call kind"),
    ("records: 10}", "records: 101}", "records: 101 is more than upsert_records takes"),
    ("first: 30 s", "first: 30", ".on_throttle.retry.first: 30 is not a duration"),
    ("date: 2026-01-06, factor: 2", "date: 6 Jan, factor: 2", "events.6 Jan.date: '6 Jan' is not"),
    ("0.1%", "1", "objective.throttled_share: 1 may mean 1% or 100%"),
    ("{org.user_licenses: 20}", "{org.user_licensez: 20}", "alternatives.more.set: org.user_lic"),
]


@given(st.sets(st.sampled_from(_PLANTED), min_size=1))
@settings(deadline=None)
def test_all_mistakes_of_a_file_are_told_at_once(planted: set[tuple[str, str, str]]) -> None:
    text = SCENARIO
    for before, after, _ in planted:
        assert before in text
        text = text.replace(before, after, 1)
    with pytest.raises(InputError) as refusal:
        load_scenario(_written(text))
    told = [str(problem) for problem in refusal.value.problems]
    assert [line for _, _, line in planted if not any(line in each for each in told)] == []
    extra = [each for each in told if not any(line in each for _, _, line in planted)]
    assert all("nam: is an unknown key" in each for each in extra)
    lines = [int(problem.where.rpartition(":")[2]) for problem in refusal.value.problems]
    assert lines == sorted(lines)


_OVERRIDDEN = {  # by override, what the message says of the file
    "org.edition=free": "org.addon_credits: 5,000 add-on credits are outside",
    "horizon=1 day": "warmup: leaves nothing of a horizon of 1 day",
    "warmup=90 days": "leaves nothing of a horizon of",
    "clients.web.name=erp": "clients.#2.name: 'erp' names two clients",
    "org.edition.x=1": "org.edition: a mapping is no text",
    "clients.erp.arrivals.poisson.rate=1 per day": "clients.erp.arrivals: needs exactly one of",
    "objective.cost_of_lost_call=1": "objective: names a share and a cost",
    "clients.third.calls.other.api=x": "clients.third.calls.x.api: 'x' is no call kind",
    "clients.third=4": "clients.#3: 4 is not a mapping",
    "seed=-1": "-1 is wrong",
    "rate_card=none.yaml": "none.yaml: there is no such file",
}


@given(
    st.sampled_from([None, *_PLANTED[1:]]), st.lists(st.sampled_from([*_OVERRIDDEN]), max_size=2)
)
@settings(deadline=None)
def test_what_an_override_makes_wrong_is_not_blamed_on_the_file_alone(
    planted: tuple[str, str, str] | None, assignments: list[str]
) -> None:
    text = SCENARIO.replace("  user_licenses: 12", "  user_licenses: 12\n  addon_credits: 5000")
    text = text.replace("horizon:", "warmup: 2 days\nhorizon:")
    wrong = text if planted is None else text.replace(planted[0], planted[1], 1)
    keys = [each.partition("=")[0] for each in assignments]
    file = _written(wrong)
    before = {(problem.where, problem.what) for problem in _problems(file)}
    for problem in _problems(file, *assignments):
        if problem.where.startswith(f"{file}:"):
            assert (problem.where, problem.what) in before
        else:
            assert problem.where.startswith(tuple(f"--set {key}" for key in keys))
    alone = [problem for each in assignments for problem in _problems(_written(text), each)]
    told = "\n".join(map(str, alone))
    for assignment, key in zip(assignments, keys, strict=True):
        assert re.search(f"--set {re.escape(key)}: .*{re.escape(_OVERRIDDEN[assignment])}", told)


def _problems(file: Path, *assignments: str) -> list[Problem]:
    try:
        load_scenario(file, assignments)
    except InputError as error:
        return error.problems
    return []


def test_a_mistake_of_a_template_is_told_once_with_how_many_orgs_it_fails(tmp_path: Path) -> None:
    rows = "".join(f"base.yaml,a{n},{seed}\n" for n, seed in enumerate([1] * 25 + [-1]))
    file = _portfolio(tmp_path, f"scenario,name,seed\n{rows}")
    template = tmp_path / "base.yaml"
    template.write_text(SCENARIO.replace("edition: professional", "edition: pro"))
    done = CliRunner().invoke(app, ["validate", str(file)])
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{file}:2: {template}:3: org.edition: 'pro' is no edition of ")
    assert first.endswith(" (fails 26 orgs)")
    assert second.startswith(f"{file}:27: seed: -1 is wrong")
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["batch", str(file), "--out", str(out)], env={"COLUMNS": "500"})
    assert done.exit_code == 3
    for text, begins in ((done.stderr, "failed: "), (done.stdout, "• a0 and 24 more orgs: ")):
        lines = [line for line in text.splitlines() if "'pro' is no edition" in line]
        assert len(lines) == 2
        assert lines[0].startswith(f"{begins}{file}:2: {template}:3: org.edition: ")
        assert f"{file}:27: seed: -1 is wrong" in lines[1]
    errors = pd.read_csv(out / "portfolio.csv")["error"]
    assert all(f"{file}:{n}: {template}:3" in error for n, error in enumerate(errors, 2))


def test_a_mistake_that_a_portfolio_makes_names_its_line(tmp_path: Path) -> None:
    file = _portfolio(tmp_path, "scenario,horizon\nbase.yaml,7 days\nbase.yaml,1 day\n")
    first, second = read_portfolio([file]).items
    first.load()
    with pytest.raises(InputError) as refusal:
        second.load()
    assert str(refusal.value).startswith(
        f"{file}:3: warmup: is at least one window (24 hours) unless "
    )
    with pytest.raises(InputError) as refusal:
        first.load(["org.edition=pro"])
    assert str(refusal.value).startswith("--set org.edition: 'pro' is no edition")
    with pytest.raises(InputError) as refusal:
        first.load(["clients.web.name=erp"])
    told = f"{file}:2: --set clients.web.name: {tmp_path / 'base.yaml'}:14: clients.#2.name: 'erp'"
    assert str(refusal.value).startswith(told)


def test_a_rate_card_that_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    text = SCENARIO.replace("name: Messages", "name: Messages\nrate_card: none.yaml")
    told = _told(text.replace("name: third", "name: erp"), tmp_path)
    assert len(told) == 2
    assert re.match(r"case.yaml:2: rate_card: .*none.yaml: there is no such file", told[0])
    assert "'erp' names two clients" in told[1]


def test_a_broken_base_is_told_once_and_not_again_for_each_alternative(tmp_path: Path) -> None:
    more = "".join(f"  - name: a{n}\n    set: {{org.user_licenses: {n}}}\n" for n in range(5))
    told = _told(SCENARIO.replace("edition: professional", "edition: pro") + more, tmp_path)
    assert len(told) == 1


class _NeverRight(BaseModel):
    """Refuses one key after the other, and itself where there is none."""

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, data: dict[str, Any]) -> Any:
        if not data:
            raise ValueError("is never right")
        raise KeyProblems([KeyProblem((next(iter(data)),), "is never right")])


@pytest.mark.parametrize("keys", [0, 3, 1_000])
def test_what_is_wrong_without_end_is_given_up(keys: int) -> None:
    document = Document({f"key{n}": n for n in range(keys)}, "test.yaml")
    tried = 0

    def read(data: Any) -> _NeverRight:
        nonlocal tried
        tried += 1
        return _NeverRight.model_validate(data)

    with pytest.raises(ValidationError) as refused:
        read(document.data)
    assert read_rest(_NeverRight, read, document, refused.value) is None
    assert tried == min(keys, 10) + 1
    assert len(document.data) == keys


def test_mistakes_beside_which_nothing_can_be_read_are_told_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SCENARIO.replace("horizon: 7 days", "horizon: long").replace("name: third", "name: web")
    told = _told(text, tmp_path)
    assert len(told) == 2
    monkeypatch.setattr("simulation.scenario.partial_reading._ROUNDS", 0)
    (line,) = _told(text, tmp_path)
    assert line in told
    assert line.startswith("case.yaml:7: horizon: 'long' is not a duration")


def test_a_name_that_only_stands_in_for_one_that_cannot_be_read_is_not_told(tmp_path: Path) -> None:
    text = SCENARIO.replace("name: web", """name: "unread ('clients', 1, 'name')\"""")
    (line,) = _told(text.replace("name: erp", "name: [erp]"), tmp_path)
    assert line.startswith("case.yaml:14: clients.#2.name: ")
    assert "two clients" not in line


@pytest.mark.parametrize("text", ["scenario,seed\nbase.yaml,1\n", "orgs: [{seed: 1}]\n"])
def test_a_portfolio_in_place_of_a_scenario_is_told_with_the_command_for_it(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / ("orgs.csv" if "," in text else "orgs.yaml")
    file.write_text(text)
    with pytest.raises(InputError) as refusal:
        load_scenario(file)
    told = "is a portfolio and no scenario, plan for its orgs with: creditsim batch"
    assert str(refusal.value) == f"{file}: {told} {file}"


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", range(3))
def test_values_that_nothing_can_read_are_all_told(path: Path, seed: int) -> None:
    document = Document.read(path)
    places = [*_scalars(document.data, ())]
    wrong = random.Random(seed).sample(places, min(7, len(places)))
    for *around, last in wrong:
        here = document.data
        for key in around:
            here = here[key]
        here[last] = ["no", {"such": "value"}]
    with pytest.raises(InputError) as refusal:
        document.validate(Scenario)
    told = {problem.path for problem in refusal.value.problems}
    for place in wrong:
        key = document.readable(tuple(place))
        inside = ("alternatives.", "objective.protect", "other_apis")
        assert any(key.startswith(each) or each.startswith(key) for each in told) or any(
            key.startswith(each) for each in inside
        ), (key, told)


def _scalars(data: object, path: tuple[str | int, ...]) -> list[tuple[str | int, ...]]:
    if isinstance(data, dict):
        return [p for key, value in data.items() for p in _scalars(value, (*path, key))]
    if isinstance(data, list):
        return [p for place, value in enumerate(data) for p in _scalars(value, (*path, place))]
    return [path]


# --- portfolios, batches and Python ---------------------------------------------------------


def _portfolio(folder: Path, text: str, name: str = "orgs.csv") -> Path:
    (folder / "base.yaml").write_text(SCENARIO)
    (folder / name).write_text(text)
    return folder / name


def test_a_column_of_one_s_own_is_told_once_with_how_to_keep_it(tmp_path: Path) -> None:
    rows = "base.yaml,a,20,Jim\nbase.yaml,b,30,Joe\n"
    file = _portfolio(tmp_path, f"scenario,name,org.user_licenses,owner\n{rows}")
    with pytest.raises(InputError) as refusal:
        read_portfolio([file])
    (problem,) = refusal.value.problems
    assert (problem.where, problem.path) == (f"{file}:1", "owner")
    assert problem.what.startswith("is an unknown key, known here: name, rate_card, org,")
    assert problem.what.endswith("; write # before the name of a column of your own")
    some = _portfolio(tmp_path, f"scenario,name,org.user_licenses,owner\n{rows}base.yaml,c,40,\n")
    assert read_portfolio([some]).items[-1].load().user_licenses == 40
    with pytest.raises(InputError, match=r"orgs.csv:2: owner: is an unknown key"):
        read_portfolio([some]).items[0].load()
    file = _portfolio(tmp_path, f"scenario,name,org.user_licenses,#owner\n{rows}")
    assert [item.load().user_licenses for item in read_portfolio([file]).items] == [20, 30]


@pytest.mark.parametrize("key", ["org.licenses", "objective.share", "clients_", "org.edition.x"])
def test_a_column_that_leads_nowhere_is_refused_at_its_header(tmp_path: Path, key: str) -> None:
    file = _portfolio(tmp_path, f"scenario,{key}\nbase.yaml,1\n")
    if key == "org.edition.x":  # what holds a value may turn out to hold keys: the row tells
        assert len(read_portfolio([file]).items) == 1
        return
    with pytest.raises(InputError, match=f"orgs.csv:1: {key}: is an unknown key"):
        read_portfolio([file])


def test_validate_checks_the_orgs_of_a_portfolio(tmp_path: Path) -> None:
    file = _portfolio(tmp_path, "scenario,name,seed\nbase.yaml,a,1\nbase.yaml,b,-1\n")
    done = creditsim("validate", file)
    assert (done.returncode, done.stderr.count("\n"), done.stdout.count("\n")) == (2, 1, 1)
    assert done.stderr.startswith(f"{file}:3: seed: -1 is wrong")
    assert done.stdout.startswith(f"{file}:2: a: valid, a: professional with 12 licenses")


_UNREADABLE = st.sampled_from(
    ["1e999999999", "9" * 5_000, "!!int abc", "!!bool x", '"a\\0b"', "y" * 10_001]
)


@given(st.lists(st.none() | _UNREADABLE, min_size=1, max_size=6), st.sampled_from(["seed", "name"]))
@settings(deadline=None)
def test_a_value_that_cannot_be_read_fails_its_row_alone(
    values: list[str | None], key: str
) -> None:
    rows = "".join(f"  - {{{key}: {value or n + 1}}}\n" for n, value in enumerate(values))
    file = _portfolio(Path(_FOLDER.name), f"scenarios: base.yaml\norgs:\n{rows}", "orgs.yaml")
    for n, (item, value) in enumerate(zip(read_portfolio([file]).items, values, strict=True)):
        if value is None and key == "seed":
            assert item.load().seed == n + 1
        elif value is not None:
            with pytest.raises(InputError) as refusal:
                item.load()
            (problem,) = refusal.value.problems
            assert str(problem).startswith(f"{file}:{n + 3}: {key}: ")


@pytest.mark.parametrize("column", ["scenario", "name", "seed"])
def test_a_cell_of_any_length_fails_its_row_alone(tmp_path: Path, column: str) -> None:
    row = {"scenario": "base.yaml", "name": "long", "seed": "1", column: "y" * 200_000}
    file = _portfolio(tmp_path, f"scenario,name,seed\nbase.yaml,a,5\n{','.join(row.values())}\n")
    first, second = read_portfolio([file]).items
    assert first.load().seed == 5
    with pytest.raises(InputError, match=rf"orgs.csv:3: {column}: has 200,000 characters, write"):
        second.load()


def test_a_trace_with_a_cell_without_end_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("timestamp,count\n2026-01-05," + "1" * 200_000 + "\n")
    law = "arrivals: {counts: {file: t.csv, bucket: 1 hour}}\n    calls: [{api: other}]\n"
    text = SCENARIO.replace("objective:", f"  - name: recorded\n    {law}objective:")
    (told,) = _told(text, tmp_path)
    assert "t.csv:2: " in told
    assert "has a cell of more than 131,072 characters, check the quotes" in told


def test_an_option_that_fits_no_org_is_one_usage_error(tmp_path: Path) -> None:
    rows = "".join(f"base.yaml,{n}\n" for n in range(60))
    file = _portfolio(tmp_path, f"scenario,seed\n{rows}")
    with pytest.raises(InputError) as refusal:
        plan_portfolio(file, out=tmp_path / "out", max_replications=5)
    assert str(refusal.value) == (
        "--max-replications 5: plans begin with 30 replications, write at least 30"
    )


def test_a_scenario_is_loaded_with_one_assignment_or_several(tmp_path: Path) -> None:
    file = _portfolio(tmp_path, "").with_name("base.yaml")
    assert load_scenario(file, "seed=5").seed == 5
    assert load_scenario(file, set="seed=5").seed == 5
    assert load_scenario(file, ["seed=5", "seed=6"]).seed == 6


def test_a_statistic_that_is_none_is_refused_with_the_nearest() -> None:
    result = run(build([scheduled("web", "09:00", 5)]), keep_calls=False)
    assert result.estimate("lost_calls").mean == 0
    with pytest.raises(InputError, match="'lost' is no statistic of this result, did you mean 'lo"):
        result.estimate("lost")
    with pytest.raises(InputError, match="'clients' is no grain of this result, did you mean 'cli"):
        result.estimate("lost_calls", "clients", "web")
    with pytest.raises(InputError, match="'w' is no name of this result, name one of: web"):
        result.estimate("lost_calls", "client", "w")
    with pytest.raises(InputError, match="'web' is no name of this result, leave it out"):
        result.estimate("lost_calls", name="web")


# --- keys as messages write them and --set takes them ----------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_key_is_taken_as_it_is_told(path: Path) -> None:
    document = Document.read(path)
    for place in _scalars(document.data, ()):
        key = document.readable(place)
        here = document.changed({key: "a mark"}).data
        for part in place:
            here = here[part]
        assert here == "a mark", key


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("org.license_prices.fixed", "x", ""),
        ("org.license_prices.[key]", "x", ""),
        ("clients.web.calls.upsert_records.records", 0, ""),
        ("clients.web.calls.upsert_records.records", {"fixed": 0}, ".fixed"),
        ("clients.web.calls.upsert_records.records", {"choices": {"x": 1}}, ".choices.x"),
    ],
)
def test_a_line_names_the_key_that_is_written(
    tmp_path: Path, key: str, value: object, told: str
) -> None:
    (tmp_path / "case.yaml").write_text(SCENARIO)
    with pytest.raises(InputError) as refusal:
        load_scenario(tmp_path / "case.yaml").changed({key: value})
    assert {problem.path for problem in refusal.value.problems} == {key + told}


def test_items_are_named_by_name_api_or_date_and_else_counted_from_one() -> None:
    data = {
        "clients": [
            {"name": "a", "calls": [{"api": "x"}, {"api": "y"}, {"api": "y"}]},
            {"calls": [{"weight": 1}]},
        ]
    }
    document = Document(data)
    keys = {
        ("clients", 0, "calls", 0, "weight"): "clients.a.calls.x.weight",
        ("clients", 0, "calls", 2, "weight"): "clients.a.calls.#3.weight",
        ("clients", 1, "calls", 0, "weight"): "clients.#2.calls.#1.weight",
    }
    assert {place: document.readable(place) for place in keys} == keys
    with pytest.raises(InputError, match="there is no '#3' here, name one of: a, #2"):
        document.changed({"clients.#3.name": "c"})
    with pytest.raises(InputError, match="there is no '#0' here"):
        document.changed({"clients.#0.name": "c"})


# --- numbers on the command line --------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (("quote", "--edition", "professional"), ("--licenses", "--addon")),
        (("run", "n.yaml"), ("--seed", "--replications", "--workers", "--trace-megabytes")),
        (("plan", "n.yaml"), ("--seed", "--replications", "--max-replications", "--workers")),
        (
            ("batch", "n.yaml", "--out", "out"),
            ("--seed", "--replications", "--max-replications", "--workers", "--trace-megabytes"),
        ),
        (("validate", "n.yaml"), ("--trace-megabytes",)),
    ],
)
def test_every_number_on_the_command_line_has_a_stated_bound(
    command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    for option in options:
        for number in ("-1", "1e30", "9" * 30, str(2**64)):
            done = CliRunner().invoke(app, [*command, option, number])
            assert done.exit_code == 2, (option, number)
            assert done.output.startswith(f"{option}: ")
            assert re.search("write [01] to [0-9,]+\n$", done.output)
    with pytest.raises(InputError, match="workers is 1025, write 1 to 1,024"):
        run(build([scheduled("web", "09:00", 5)]), workers=1025)
