"""Rate cards on the command line: which is in force, one in a scenario's place, a new start."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulation import InputError, load_scenario
from simulation.cli.commands import app
from simulation.rate_cards import RateCard, shipped_rate_cards
from simulation.scenario import write_starter
from tests.helpers import ANY_LIMIT, ROOT, creditsim

SCENARIO = """\
name: Options
org: {edition: professional, user_licenses: 6}
start: 2026-01-05
horizon: 2 days
warmup: 0
replications: 1
clients:
  - name: web
    arrivals: {schedule: {every: 1 minute}}
    calls: [{api: other}]
"""
NEWEST = "zoho-crm-2026"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a scenario in a folder of its own and a card beside that."""
    monkeypatch.chdir(tmp_path)
    Path("orgs").mkdir()
    Path("orgs/s.yaml").write_text(SCENARIO)
    text = (ROOT / "simulation" / "rate_cards" / "kaizen-93.yaml").read_text()
    Path("own.yaml").write_text(text.replace("name: kaizen-93", "name: own"))
    return tmp_path


def printed(*words: str) -> str:
    """Return what a command prints."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.stdout


def refusal(*words: str) -> str:
    """Return the one line with which a command refuses its input."""
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.output
    return done.stderr.rstrip()


# ---- which card is in force


def test_the_list_says_which_card_is_in_force_and_which_are_not() -> None:
    lines = dict(line.split(maxsplit=1) for line in creditsim("rate-cards").stdout.splitlines())
    assert lines[NEWEST].startswith("in force since 2026-01-01 ")
    for old in ("kaizen-34", "kaizen-93"):
        assert lines[old].startswith(f"superseded by {NEWEST} ")
    told = {card["name"]: card for card in json.loads(printed("rate-cards", "--json"))}
    assert [*told] == [*shipped_rate_cards()]
    assert told["kaizen-34"]["superseded_by"] == NEWEST
    assert (told["kaizen-34"]["in_force"], told[NEWEST]["in_force"]) == (False, True)
    assert f"superseded by {NEWEST}" in printed("rate-cards", "kaizen-93")


@pytest.mark.usefixtures("folder")
def test_a_run_says_that_its_card_is_superseded_and_by_which() -> None:
    quick = ("run", "orgs/s.yaml", "--engine", "compiled")
    said = f"Rate card kaizen-34 is superseded by {NEWEST}, in force since 2026-01-01"
    assert said in " ".join(printed(*quick).split())
    assert "superseded" not in printed(*quick, "--rate-card", NEWEST)
    assert "superseded" not in printed(*quick, "--json")


@pytest.mark.usefixtures("folder")
def test_a_plan_says_what_the_card_in_force_would_give() -> None:
    quick = ("plan", "orgs/s.yaml", "--confirm", "none")
    said = (
        f"On {NEWEST}, the card in force since 2026-01-01, this org would have a limit of 53,000 "
        "and would perhaps need no add-on credits."
    )
    assert said in " ".join(printed(*quick).split())
    (told,) = json.loads(printed(*quick, "--json"))["other_cards"]
    five = ("rate_card", "limit", "status", "addon_credits", "price_per_month")
    assert [told[key] for key in five] == [NEWEST, 53_000, "none_needed", 0, 0]
    assert json.loads(printed(*quick, "--json", "--rate-card", NEWEST))["other_cards"] == []


# ---- another card in place of the scenario's


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("confined", ["--confined", "--no-confined"])
@pytest.mark.usefixtures("folder")
def test_a_path_starts_at_the_current_folder_and_may_lead_anywhere(
    command: str, confined: str
) -> None:
    more = ["--confirm", "none"] if command == "plan" else []
    words = [command, "orgs/s.yaml", "--rate-card", "own.yaml", confined, *more, "--json"]
    told = json.loads(printed(*words, "--out", "out"))
    assert told["rate_card"] == "own"
    assert load_scenario("out/scenario.yaml").card.name == "own"
    assert load_scenario("out/scenario.yaml").limit == 53_000


@pytest.mark.usefixtures("folder")
def test_in_a_batch_it_is_the_card_of_every_org() -> None:
    table = "scenario,name,rate_card\norgs/s.yaml,a,kaizen-34\norgs/s.yaml,b,zoho-crm-2026\n"
    Path("orgs.csv").write_text(table)
    words = ["batch", "orgs.csv", "--out", "out", "--confirm", "none"]
    for card, did in (("own.yaml", "new"), ("own.yaml", "kept"), ("kaizen-93", "changed")):
        assert len(json.loads(printed(*words, "--rate-card", card, "--json"))["did"][did]) == 2
        cards = {
            json.loads(each.read_text())["rate_card"] for each in Path("out").rglob("plan.json")
        }
        assert cards == {Path(card).stem}


@pytest.mark.parametrize("command", ["run", "plan", "batch"])
@pytest.mark.usefixtures("folder")
def test_what_is_no_card_or_is_named_twice_is_refused_in_a_line(command: str) -> None:
    words = [command, "orgs/s.yaml", *(["--out", "out"] if command == "batch" else [])]
    assert refusal(*words, "--rate-card", "kaizen-39").startswith(
        "--rate-card: no rate card 'kaizen-39' ships, did you mean 'kaizen-93'? name one of "
    )
    missing = "orgs/own.yaml: there is no such file, name a rate card file"
    assert refusal(*words, "--rate-card", "orgs/own.yaml") == missing
    assert refusal(*words, "--rate-card", "own.yaml", "--set", " rate_card = kaizen-34") == (
        "--rate-card: names a rate card, as --set rate_card does, keep one of them"
    )
    assert not Path("out").exists()


@pytest.mark.usefixtures("folder")
def test_what_does_not_fit_the_chosen_card_names_it() -> None:
    told = refusal("run", "orgs/s.yaml", "--rate-card", str(ANY_LIMIT))
    assert told.startswith(f"--rate-card {ANY_LIMIT}: orgs/s.yaml:2: org.edition: 'professional' ")


def test_in_python_it_is_an_argument_too(folder: Path) -> None:
    assert load_scenario("orgs/s.yaml", rate_card="own.yaml", confined=True).card.name == "own"
    assert load_scenario("orgs/s.yaml", rate_card=folder / "own.yaml").limit == 53_000
    with pytest.raises(InputError, match="as --set rate_card does"):
        load_scenario("orgs/s.yaml", "rate_card=kaizen-34", rate_card="own.yaml")


# ---- a new scenario


@pytest.mark.parametrize(
    ("today", "start", "event"),
    [
        (date(2026, 1, 5), "2026-01-05", "2026-01-20"),  # a Monday
        (date(2026, 1, 6), "2026-01-12", "2026-01-27"),
        (date(2026, 12, 27), "2026-12-28", "2027-01-12"),
    ],
)
def test_it_starts_on_the_coming_monday_and_its_dates_move_with_it(
    tmp_path: Path, today: date, start: str, event: str
) -> None:
    write_starter(tmp_path / "s.yaml", today=today)
    text = (tmp_path / "s.yaml").read_text()
    assert f"\nstart: {start}  " in text
    assert f"# events: [{{date: {event}, factor: 3}}]" in text
    (tmp_path / "s.yaml").write_text(text.replace("# events", "events"))
    assert load_scenario(tmp_path / "s.yaml").remarks() == []


def test_as_it_ships_it_stays_as_it_is_but_for_its_dates(tmp_path: Path) -> None:
    write_starter(tmp_path / "s.yaml", today=date(2026, 1, 5))
    shipped = (ROOT / "simulation" / "scenario" / "starter.yaml").read_text()
    assert (tmp_path / "s.yaml").read_text().split("\n", 1)[1] == shipped


@pytest.mark.parametrize("card", shipped_rate_cards())
def test_on_every_card_and_edition_it_is_valid_and_its_comments_are_true(
    tmp_path: Path, card: str
) -> None:
    for edition, rules in RateCard.load(card).editions.items():
        file = tmp_path / f"{edition}.yaml"
        write_starter(file, rate_card=card, edition=edition, today=date(2026, 1, 5))
        scenario, text = load_scenario(file), file.read_text()
        assert (scenario.card.name, scenario.offer.edition) == (card, edition)
        assert scenario.remarks() == []
        listed = re.search(r"edition: \S+ +# (.*)", text)
        assert listed is not None
        assert listed[1].split(", ") == [*RateCard.load(card).editions]
        assert ("user_licenses: 0" in text) == (not rules.per_license)


@pytest.mark.usefixtures("folder")
def test_what_is_asked_of_it_stands_in_it() -> None:
    words = ["--edition", "zoho_one", "--licenses", "25", "--timezone", "Asia/Kolkata"]
    said = printed("new", "orgs/new.yaml", "--rate-card", "own.yaml", *words)
    assert said.count("\n") == 1  # nothing of another card
    scenario = load_scenario("orgs/new.yaml", confined=False)
    assert (scenario.card.name, scenario.limit) == ("own", 75_000)
    assert str(scenario.timezone) == "Asia/Kolkata"
    assert scenario.start.weekday() == 0
    assert "rate_card: ../own.yaml  " in Path("orgs/new.yaml").read_text()


@pytest.mark.usefixtures("folder")
def test_where_no_card_is_named_it_says_which_is_in_force_and_how_to_choose_it() -> None:
    first = printed("new", "new.yaml").splitlines()[0]
    assert first == (
        f"It is on rate card kaizen-34; in force is {NEWEST}, chosen with --rate-card {NEWEST}."
    )
    assert load_scenario("new.yaml").card.name == "kaizen-34"


@pytest.mark.usefixtures("folder")
def test_on_a_card_that_lists_none_of_its_calls_it_makes_others(tmp_path: Path) -> None:
    printed("new", "new.yaml", "--rate-card", str(ANY_LIMIT), "--edition", "any")
    calls = [[call.api for call in client.calls] for client in load_scenario("new.yaml").clients]
    assert calls == [["other"]] * 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--rate-card", "nope"], "--rate-card: no rate card 'nope' ships, "),
        (["--edition", "gold"], "--edition: 'gold' is no edition of rate card kaizen-34, "),
        (["--timezone", "Mars"], "--timezone: 'Mars' is no time zone, "),
        (["--licenses", "-1"], "--licenses: "),
        (["--rate-card", str(ANY_LIMIT)], "--edition: is missing, rate card any-limit has these: "),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_written_is_refused_in_a_line(words: list[str], told: str) -> None:
    assert refusal("new", "new.yaml", *words).startswith(told)
    assert not Path("new.yaml").exists()
