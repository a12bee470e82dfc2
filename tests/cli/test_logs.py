"""From logs to a scenario and to a judgement, by the commands as a user types them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from simulation import load_scenario, run
from simulation.cli.commands import app
from tests.trust.logs import access_log, log_of

OFFICE = {"poisson": {"rate": "500 per day", "profile": "office_hours"}}
NIGHTLY = {"schedule": {"at": "02:00", "calls": 60, "over": "1 minute"}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with three weeks of log in which two apps call."""
    monkeypatch.chdir(tmp_path)
    log_of(Path("a.log"), OFFICE, days=21)
    log_of(Path("nightly.log"), NIGHTLY, days=21)
    text = Path("nightly.log").read_text().replace('"sync"', '"nightly"')
    with Path("a.log").open("a") as file:
        file.write(text)
    Path("nightly.log").unlink()
    return tmp_path


def _command(*words: str) -> Result:
    return CliRunner().invoke(app, [*words])


@pytest.mark.usefixtures("folder")
def test_a_log_becomes_a_scenario_that_can_be_planned() -> None:
    done = _command("fit", "a.log", "--out", "org.yaml")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[-2:] == [
        "Wrote org.yaml and org.fit.json.",
        "Set your edition and licenses in it, then: creditsim plan org.yaml",
    ]
    words = " ".join(done.stdout.split())
    assert (
        "No log tells what the org has bought: professional with 10 licenses, a pool of " in words
    )
    assert "In the log app-1 is sync; app-2 is nightly." in words
    scenario = load_scenario("org.yaml")
    assert [each.name for each in scenario.clients] == ["app-1", "app-2"]
    assert scenario.clients[1].arrivals.schedule is not None
    planned = _command("plan", "org.yaml", "--json")
    assert planned.exit_code == 0, planned.stderr
    told = "org.assumed: edition and user_licenses are assumed, and all advice rests on that: write"
    assert told in planned.stderr
    report = json.loads(Path("org.fit.json").read_text())
    assert report == json.loads(_command("fit", "a.log", "--out", "b.yaml", "--json").stdout)
    assert Path("b.yaml").read_text() == Path("org.yaml").read_text()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "assumed"),
    [
        (["--edition", "enterprise", "--licenses", "20"], ()),
        (["--edition", "enterprise"], ("user_licenses",)),
        (["--licenses", "20"], ("edition",)),
    ],
)
def test_a_scenario_says_what_of_the_org_is_assumed(
    options: list[str], assumed: tuple[str, ...]
) -> None:
    assert _command("fit", "a.log", "--out", "org.yaml", *options).exit_code == 0
    scenario = load_scenario("org.yaml")
    assert scenario.org.assumed == assumed
    assert bool(scenario.remarks()) == bool(assumed)
    assert scenario.changed({"org.assumed": []}).fingerprint() == scenario.fingerprint()


@pytest.mark.usefixtures("folder")
def test_a_replay_makes_the_calls_of_the_log() -> None:
    assert _command("fit", "a.log", "--out", "org.yaml", "--replay", "r.yaml").exit_code == 0
    result = run(load_scenario("r.yaml", ["warmup=0", "horizon=21 days"]))
    lines = Path("a.log").read_text().splitlines()
    assert result.runs["calls"].tolist() == [len(lines)]
    assert {*map(str, Path().glob("r-*.csv"))} == {"r-app-1.csv", "r-app-2.csv"}


@pytest.mark.usefixtures("folder")
def test_a_fit_says_how_far_it_may_be_trusted() -> None:
    options = ("--report", "page.html", "--hold-out", "1 week")
    done = _command("fit", "a.log", "--out", "org.yaml", *options)
    assert done.exit_code == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert "Fit for planning: in the log the busiest 24 hours took" in words
    assert "of 7 daily peaks lay inside their 95 % prediction intervals" in words
    report = json.loads(Path("org.fit.json").read_text())
    assert report["comparison"]["verdict"] == "fits"
    assert report["backtest"]["days"] == len(report["backtest"]["by_day"]) == 7
    page = Path("page.html").read_text()
    assert "Fit for planning: in the log" in page
    assert "Days that were not fitted" in page
    assert "<h1>Fit of a.log</h1>" in page
    assert report["throttled"] == {"attempts": 0, "dates": [], "in_use": []}


@pytest.mark.usefixtures("folder")
def test_a_scenario_is_judged_by_a_later_log() -> None:
    assert _command("fit", "a.log", "--out", "org.yaml").exit_code == 0
    log_of(Path("later.log"), OFFICE, days=28)
    done = _command("backtest", "org.yaml", "later.log", "--report", "page.html")
    assert done.exit_code == 0, done.stderr
    assert "27 daily peaks" in " ".join(done.stdout.split())
    assert "Days that were not fitted" in Path("page.html").read_text()
    found = json.loads(_command("backtest", "org.yaml", "later.log", "--json").stdout)
    assert (found["first"], found["days"]) == ("2026-01-06", 27)
    assert found["crps"].keys() == {"scenario", "flat Poisson", "last week"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("fit none.log --out o.yaml", "none.log: there is no such file"),
        ("fit a.log --out a.log", "a.log: is named for a log and --out, name two files"),
        ("fit a.log --out o.yaml --hold-out 3", "--hold-out: '3' is not a duration"),
        ("fit a.log --out o.yaml --hold-out '3 weeks'", "--hold-out: 21 days of the log leave"),
        ("fit a.log --out o.yaml --hold-out '36 hours'", "--hold-out: 1 day 12 hours are no whole"),
        ("fit a.log --out o.fit.json", "o.fit.json: is a name for estimates"),
        ("fit a.log --out o.yaml --timezone Mars", "--timezone: 'Mars'"),
        (
            "fit a.log --out o.yaml --client-by useragent",
            "--client-by: 'useragent' is none of user",
        ),
        ("fit a.log --out o.yaml --name x", "--name: 'x' is no pair"),
        ("fit a.log --out o.yaml --name curl=x", "--name: the log has no app 'curl', name one of"),
        ("fit a.log --out o.yaml --name sync=x --name nightly=x", "--name: 'x' is given to 2 apps"),
        ("fit a.log --out o.yaml --report o.yaml", "o.yaml: is named for --out and --report"),
        ("fit a.log --out o.yaml --replay o.fit.json", "is named for its estimates and --replay"),
        (
            "backtest o.yaml a.log --set 'horizon=3 days'",
            "--set: horizon has no effect on a backtest, its days are those of the log, and it j",
        ),
        (
            "backtest o.yaml a.log --set seed=5 --set objective.throttled_share=1%",
            "--set: objective.throttled_share has no effect on a backtest",
        ),
        ("backtest none.yaml a.log", "none.yaml: there is no such file"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_wrong_is_one_line_and_nothing_is_written(words: str, told: str) -> None:
    before = {path.name for path in Path().iterdir()}
    done = _command(*shlex.split(words))
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert told in done.stderr
    assert {path.name for path in Path().iterdir()} == before


@pytest.mark.usefixtures("folder")
def test_a_log_of_one_line_tells_no_rate() -> None:
    access_log(Path("one.log"), [1_767_571_200_000_000])
    done = _command("fit", "one.log", "--out", "one.yaml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "log: covers 1 s, and less than a day tells no calls a day: name more"
    )


@pytest.mark.usefixtures("folder")
def test_dates_unlike_all_others_are_named_and_not_fitted() -> None:
    events = [{"date": "2026-01-20", "factor": 0.05}, {"date": "2026-01-29", "factor": 3}]
    law = {"poisson": {"rate": "800 per day", "profile": "office_hours", "events": events}}
    log_of(Path("b.log"), law, days=35)
    done = _command("fit", "b.log", "--out", "b.yaml")
    words = " ".join(done.stdout.split())
    assert "Not fitted: 2026-01-20, 0.0" in words
    assert "times the usual calls of 1 app, as a holiday or an outage; 2026-01-29, " in words
    assert "as a campaign or a load." in words
    likely = [each["likely"] for each in _report("b.fit.json")["clients"][0]["outliers"]]
    assert likely == ["a holiday or an outage", "a campaign or a load"]


def _report(path: str) -> dict[str, Any]:
    return json.loads(Path(path).read_text())  # type: ignore[no-any-return]


@pytest.mark.usefixtures("folder")
def test_a_named_app_stands_for_itself_however_small_it_is() -> None:
    begin = 1_767_571_200_000_000
    for agent in ("one", "two", "three"):
        access_log(Path("a.log"), [begin, begin + 60_000_000], agent)
    assert _command("fit", "a.log", "--out", "o.yaml", "--name", "two=app-2").exit_code == 0
    names = {each.name.partition("-job")[0] for each in load_scenario("o.yaml").clients}
    assert names == {"app-1", "app-2", "app-3", "small-apps"}
    assert [each["attempts"] for each in _report("o.fit.json")["clients"]][-2:] == [2, 4]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--field", "foo=bar"), "--field: 'foo' is none of time, "),
        (
            ("--field", "user=nope"),
            "--field: no log has a field 'nope', which was to tell its user",
        ),
        (("--allow-skipped", "200%"), "--allow-skipped: 200% is more than all lines"),
    ],
)
def test_options_that_can_have_no_effect_are_refused(
    folder: Path, options: tuple[str, ...], said: str
) -> None:
    done = _command("fit", "a.log", "--out", "org.yaml", *options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "org.yaml").exists()
