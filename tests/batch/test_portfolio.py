"""Which orgs are meant: files, folders, globs, and portfolios that cross templates with values."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from csv import DictWriter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import simulation.batch.portfolio
import simulation.batch.runner
import simulation.formats.input_files
from simulation import InputError, load_scenario, plan_portfolio
from simulation.batch.executors import Workforce
from simulation.batch.job import Job, Outcome
from simulation.batch.portfolio import Portfolio, portfolio_of, read_portfolio
from simulation.batch.portfolio_files import Item
from simulation.batch.rows import scenario_row
from simulation.scenario import Scenario
from tests.browser import CHROMIUM, Browser
from tests.helpers import ROOT, SHARED_DATA, creditsim
from tests.strategies import COLUMNS, bad_cells

TEMPLATE = """\
name: Template
org: {edition: standard, user_licenses: 3}
start: 2026-01-05
horizon: 2 days
replications: 2
clients:
  - name: forms
    arrivals: {poisson: {rate: 200 per day}}
    calls: [{api: other}]
    on_throttle: drop
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two templates."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(TEMPLATE)
    Path("large.yaml").write_text(TEMPLATE.replace("200 per day", "900 per day"))
    return tmp_path


def csv(text: str) -> Portfolio:
    Path("orgs.csv").write_text(text)
    return read_portfolio(["orgs.csv"])


def wrong(portfolio: Portfolio, place: int = 0) -> str:
    with pytest.raises(InputError) as caught:
        portfolio.items[place].load()
    return str(caught.value)


@pytest.mark.usefixtures("folder")
def test_a_row_gives_its_values_to_the_template_and_empty_cells_give_none() -> None:
    portfolio = csv(
        "name,scenario,org.edition,org.user_licenses,clients.forms.arrivals.poisson.rate,start\n"
        "Acme,small.yaml,enterprise,40,,\n"
        "Globex,small.yaml,,,1200 per hour,2026-02-01\n"
    )
    acme, globex = (item.load() for item in portfolio.items)
    assert (acme.name, acme.org.edition, acme.org.user_licenses) == ("Acme", "enterprise", 40)
    assert (globex.name, globex.org.edition, globex.org.user_licenses) == ("Globex", "standard", 3)
    rates = [each.clients[0].arrivals.poisson for each in (acme, globex)]
    assert [str(law.rate) for law in rates if law] != [str(rates[0] and rates[0].rate)] * 2
    assert [f"{each.start:%m-%d}" for each in (acme, globex)] == ["01-05", "02-01"]


@pytest.mark.usefixtures("folder")
def test_what_a_row_gives_is_what_set_gives() -> None:
    portfolio = csv(
        "name,scenario,org.addon_credits,objective.throttled_share,clients.forms.calls\n"
        'Acme,large.yaml,5000,1%,"[{api: get_modules}, {api: other, weight: 2}]"\n'
    )
    sets = ["org.addon_credits=5000", "objective.throttled_share=1%", "name=Acme"]
    sets.append("clients.forms.calls=[{api: get_modules}, {api: other, weight: 2}]")
    scenario = load_scenario("large.yaml", sets)
    assert portfolio.items[0].load().model_dump() == scenario.model_dump()
    assert portfolio.items[0].load().fingerprint() == scenario.fingerprint()


@pytest.mark.usefixtures("folder")
def test_options_come_last() -> None:
    portfolio = csv("name,scenario,org.addon_credits,seed\nAcme,small.yaml,5000,1\n")
    scenario = portfolio.items[0].load(["org.addon_credits=1000", "seed=7"])
    assert (scenario.org.addon_credits, scenario.seed) == (1000, 7)


@pytest.mark.usefixtures("folder")
def test_names_are_text_whatever_they_look_like() -> None:
    portfolio = csv('name,scenario\n4711,small.yaml\n"Acme: North, Inc.",small.yaml\n')
    assert [item.load().name for item in portfolio.items] == ["4711", "Acme: North, Inc."]
    assert [item.folder for item in portfolio.items] == ["4711", "acme-north-inc"]


@pytest.mark.usefixtures("folder")
def test_a_spreadsheet_s_semicolons_and_byte_order_mark_are_read() -> None:
    portfolio = csv("\ufeffname;scenario;org.user_licenses\nMüller;small.yaml;7\n;;\n")
    (item,) = portfolio.items
    assert item.load().org.user_licenses == 7
    assert (item.name, item.source, item.folder) == ("Müller", "orgs.csv:2", "müller")


@pytest.mark.usefixtures("folder")
def test_a_pattern_crosses_an_org_with_several_templates() -> None:
    portfolio = csv("name,scenario\nAcme,*l*.yaml\nGlobex,small.yaml\n")
    names = ["Acme (large)", "Acme (small)", "Globex"]
    assert [item.name for item in portfolio.items] == names
    assert [item.load().name for item in portfolio.items] == ["Acme", "Acme", "Globex"]


@pytest.mark.usefixtures("folder")
def test_yaml_crosses_every_org_with_every_template_but_its_own() -> None:
    Path("portfolio.yaml").write_text(
        "scenarios: [small.yaml, large.yaml]\n"
        "orgs:\n"
        "  - {name: Acme, org.edition: enterprise}\n"
        "  - name: Globex\n"
        "    scenario: small.yaml\n"
        "    clients.forms.calls: [{api: get_modules}]\n"
        "  - {name: Initech, org.edition: gold}\n"
    )
    portfolio = read_portfolio(["portfolio.yaml"])
    names = ["Acme (small)", "Acme (large)", "Globex", "Initech (small)", "Initech (large)"]
    assert [item.name for item in portfolio.items] == names
    assert portfolio.items[1].load().org.edition == "enterprise"
    assert portfolio.items[2].load().clients[0].calls[0].api == "get_modules"
    assert wrong(portfolio, 3).startswith("portfolio.yaml:7: org.edition: 'gold' is no edition")


@pytest.mark.usefixtures("folder")
def test_what_a_file_is_shows_at_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("orgs.yaml").write_text("scenarios: small.yaml\norgs: [{name: Acme}]\n")
    looks: list[Path] = []
    read = simulation.formats.input_files.read_text

    def noted(file: Path, *more: Any, **named: Any) -> str:
        looks.append(file)
        return read(file, *more, **named)

    monkeypatch.setattr(simulation.batch.portfolio, "read_text", noted)
    found = portfolio_of(Path("orgs.yaml"))
    assert found is not None
    assert [item.name for item in found.items] == ["Acme"]
    assert portfolio_of(Path("small.yaml")) is None
    assert [item.name for item in read_portfolio(["orgs.yaml"]).items] == ["Acme"]
    assert looks == [Path(f"{name}.yaml") for name in ("orgs", "small", "orgs")]


@pytest.mark.usefixtures("folder")
def test_orgs_without_a_name_are_called_by_their_line_and_equal_names_are_numbered() -> None:
    portfolio = csv("name,scenario\n,small.yaml\nA B,small.yaml\nA B,small.yaml\na-b,small.yaml\n")
    assert [item.name for item in portfolio.items] == ["orgs.csv:2", "A B", "A B (2)", "a-b"]
    assert [item.folder for item in portfolio.items] == ["orgs-2", "a-b", "a-b-2", "a-b-3"]


def test_folders_are_searched_and_what_is_no_scenario_is_left_out(folder: Path) -> None:
    for name in ("clients/acme", "clients/globex", "clients/.hidden", "clients/out/items/acme"):
        (folder / name).mkdir(parents=True)
        (folder / name / "scenario.yaml").write_text(TEMPLATE)
    Path("clients/out/items/acme/item.json").write_text("{}")
    Path("clients/globex/plan.json").write_text("{}")
    Path("clients/globex/globex.yaml").write_text(TEMPLATE)
    Path("clients/acme/card.yml").write_text("name: card\neditions: {}\n")
    Path("clients/broken.yaml").write_text("clients: [\n")
    portfolio = read_portfolio(["clients"])
    assert [item.folder for item in portfolio.items] == [
        "acme-scenario",
        "broken",
        "globex-globex",
    ]
    written = [Path("clients/acme/card.yml"), Path("clients/globex/scenario.yaml")]
    assert portfolio.left_out == written
    assert "clients/broken.yaml:2: is not valid YAML" in wrong(portfolio, 1)
    matched = read_portfolio(["clients/**/scenario.yaml"])
    assert [item.folder for item in matched.items] == ["acme-scenario"]
    (named,) = read_portfolio(["clients/out/items/acme/scenario.yaml"]).items
    assert named.load().name == "Template"


@pytest.mark.usefixtures("folder")
def test_globs_are_sorted_and_a_file_named_twice_counts_once() -> None:
    portfolio = read_portfolio(["*.yaml", "small.yaml", "./large.yaml"])
    assert [item.name for item in portfolio.items] == ["large.yaml", "small.yaml"]
    absolute = read_portfolio([str(Path.cwd() / "**" / "*.yaml")])
    assert [item.folder for item in absolute.items] == ["large", "small"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Acme,small.yaml,gold", "orgs.csv:2: org.edition: 'gold' is no edition"),
        ("Acme,nowhere.yaml,", "orgs.csv:2: nowhere.yaml: there is no such file"),
        ("Acme,no*where.yaml,", "orgs.csv:2: scenario: no*where.yaml matches no file"),
        ("Acme,,", "orgs.csv:2: scenario: is missing, name the org's template"),
        ("Acme,small.yaml,,7", "orgs.csv:2: has 4 cells where line 1 names 3"),
        ("Acme,small.yaml", "orgs.csv:2: has 2 cells where line 1 names 3"),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_harms_no_other(row: str, message: str) -> None:
    portfolio = csv(f"name,scenario,org.edition\n{row}\nGlobex,small.yaml,enterprise\n")
    assert wrong(portfolio).startswith(message)
    assert portfolio.items[-1].load().name == "Globex"


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(column=st.sampled_from(COLUMNS), cell=bad_cells)
@example(column="clients.forms.arrivals.poisson.growth", cell="100% per second")
@example(column="seed", cell="!!int abc")
@example(column="seed", cell="9" * 5000)
@example(column="horizon", cell="[" * 600)
@example(column="scenario", cell="a\0b.yaml")
@example(column="scenario", cell="a" * 5000)
@example(column="name", cell="\U00020000" * 80)
@pytest.mark.usefixtures("planned_at_once")
def test_whatever_a_cell_holds_it_harms_its_own_org_alone(
    column: str, cell: str, folder: Path
) -> None:
    before, between, after = ({"name": f"{n}", "scenario": "small.yaml"} for n in "abc")
    between[column] = cell
    for file, write in (("orgs.csv", _write_csv), ("orgs.yaml", _write_yaml)):
        write(folder / file, [before, between, after])
        shutil.rmtree("out", ignore_errors=True)
        try:
            told = plan_portfolio(file, out="out").portfolio
        except InputError as error:  # what is no YAML: told with its line, before anything is begun
            if not re.match(r"orgs\.yaml:\d+: ", str(error)):
                raise
            continue
        assert told["status"].iloc[[0, -1]].tolist() == ["none_needed"] * 2
        assert told["item"].iloc[[0, -1]].tolist() == ["a", "c"]
        for row in told.iloc[1:-1].itertuples():  # none where the cell names no org
            if row.status != "none_needed":
                assert row.error.startswith(f"{file}:")
                assert "\n" not in row.error


def _write_csv(file: Path, orgs: list[dict[str, str]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = DictWriter(text, list(dict.fromkeys(key for org in orgs for key in org)))
        writer.writeheader()
        writer.writerows(orgs)


def _write_yaml(file: Path, orgs: list[dict[str, str]]) -> None:
    text = yaml.safe_dump({"orgs": orgs})
    file.write_text(text, encoding="utf-8")


@pytest.fixture
def planned_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is done by a thread of this process, and every valid org is planned in no time."""

    @contextmanager
    def threads(workers: int) -> Iterator[Workforce]:
        with ThreadPoolExecutor(workers) as pool:
            yield Workforce(pool, lambda: workers)

    def plan(job: Job) -> Outcome:
        price: dict[str, Any] = {
            "current_price_per_month": Decimal(0),
            "price_per_month": Decimal(0),
        }
        price |= {"current_bill_per_month": 0.0, "bill_per_month": 0.0}
        sure = ("meets_probability", "meets_low", "meets_high", "current_meets_probability")
        told = {
            "status": "none_needed",
            "at_risk": False,
            "decided": True,
            "advice": "none",
            **price,
        }
        told |= {**dict.fromkeys(sure, 1.0), "addon_credits": 0, "replications": 2}
        return Outcome({}, {**scenario_row(job.scenario), **told}, [], "", 0.0)

    monkeypatch.setattr(simulation.batch.runner, "processes", threads)
    monkeypatch.setattr(simulation.batch.runner, "do_job", plan)


@pytest.mark.usefixtures("folder", "planned_at_once")
def test_a_changed_org_is_read_once_but_where_many_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"Org {n},small.yaml\n" for n in range(5))
    Path("orgs.csv").write_text(f"name,scenario\n{rows}")
    read: list[str] = []
    load = Item.load

    def noted(item: Item, *given: Any, **named: Any) -> Scenario:
        read.append(item.name)
        return load(item, *given, **named)

    monkeypatch.setattr(Item, "load", noted)
    names = [f"Org {n}" for n in range(5)]
    for seed, held in ((1, 1000), (2, 1000), (3, 3)):
        monkeypatch.setattr(simulation.batch.runner, "_REMEMBERED", held)
        read.clear()
        done = plan_portfolio("orgs.csv", out="out", seed=seed, workers=1, confirm="none")
        assert done.did == {"new" if seed == 1 else "changed": names}
        assert read == names + names[held:]


@pytest.mark.usefixtures("folder")
def test_a_wrong_column_offers_the_right_one() -> None:
    with pytest.raises(InputError) as refusal:
        csv("name,scenario,org.user_license\nAcme,small.yaml,3\n")
    told = str(refusal.value)
    assert told.startswith("orgs.csv:1: org.user_license: is an unknown key, did you mean 'user_li")


@pytest.mark.usefixtures("folder")
def test_a_mistake_of_the_template_names_its_line_and_the_row_s() -> None:
    Path("small.yaml").write_text(TEMPLATE.replace("drop", "panic"))
    told = wrong(csv("name,scenario\nAcme,small.yaml\n"))
    assert told.startswith("orgs.csv:2: small.yaml:10: clients.forms.on_throttle")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "orgs.csv:1: has no column 'scenario'"),
        ("name,template\nAcme,small.yaml\n", "found name, template"),
        ("name,scenario\n", "orgs.csv: has no rows"),
        ("name,scenario,seed,seed\n", "orgs.csv:1: names column 'seed' twice"),
        ('name,scenario\n"Acme,small.yaml\n', "is not CSV"),
    ],
)
def test_a_portfolio_file_that_makes_no_sense_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"orgs\.csv") as caught:
        csv(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("path", ["nowhere.yaml", "nowhere*.yaml", "nowhere.csv", "empty"])
def test_a_path_that_names_nothing_ends_a_batch_before_it_begins(path: str, folder: Path) -> None:
    (folder / "empty").mkdir()
    done = creditsim("batch", path, "--out", "out", cwd=folder)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (folder / "out").exists()


@pytest.mark.usefixtures("folder")
def test_a_portfolio_in_yaml_that_makes_no_sense_is_refused_with_its_line() -> None:
    Path("p.yaml").write_text("orgs:\n  - {name: A}\nscenario: small.yaml\n")
    with pytest.raises(InputError, match=r"p\.yaml:3: scenario: is an unknown key, did you mean"):
        read_portfolio(["p.yaml"])


@pytest.mark.usefixtures("folder")
def test_the_seed_of_a_wrong_row_is_that_which_it_would_have_had() -> None:
    portfolio = csv(
        "name,scenario,org.edition,seed\nA,small.yaml,gold,\nB,small.yaml,gold,9\nC,none.yaml,,\n"
    )
    assert [item.seed() for item in portfolio.items] == [34, 9, None]
    assert [item.seed(["x=1", "seed=5"]) for item in portfolio.items] == [5, 5, 5]


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="no usage data beside the checkout")
def test_one_template_replays_the_usage_of_several_orgs(folder: Path) -> None:
    trace = SHARED_DATA / "elb_requests_5min.csv"
    Path("small.yaml").write_text(
        TEMPLATE.replace("poisson: {rate: 200 per day}", "trace: {file: none.csv}").replace(
            "2026-01-05", "2014-04-10"
        )
    )
    law = f"{{counts: {{file: {trace}, bucket: 5 minutes, columns: {{count: value}}}}}}"
    portfolio = csv(f'name,scenario,clients.forms.arrivals\nA,small.yaml,"{law}"\n')
    assert (
        portfolio.items[0].load().trace_of(portfolio.items[0].load().clients[0]).counts is not None
    )


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to look with")
def test_the_page_sorts_searches_and_links_to_each_report(folder: Path) -> None:
    rows = ["Acme,enterprise,0,900", "Globex,free,0,9000", "Initech,gold,0,9", "Hooli,free,0,5100"]
    text = "name,org.edition,org.user_licenses,clients.forms.arrivals.poisson.rate,scenario\n"
    Path("orgs.csv").write_text(text + "".join(f"{row} per day,small.yaml\n" for row in rows))
    options = ("--report", "--max-replications", "4", "--confirm", "none")
    done = creditsim("batch", "orgs.csv", "--out", "out", *options, cwd=folder)
    assert done.returncode == 3, done.stderr
    with Browser() as browser:
        browser.open(folder / "out/portfolio.html")
        names = "[...document.querySelectorAll('#orgs tbody tr:not([hidden]) .name')]"
        shown = f"{names}.map(cell => cell.firstElementChild.nextSibling.textContent)"
        heading = "document.querySelectorAll('#orgs th button')[{}].click()"
        given = ["Acme", "Globex", "Initech", "Hooli"]
        assert browser.ask(shown) == given
        browser.ask(heading.format(0))
        assert browser.ask(shown) == sorted(given)
        browser.ask(heading.format(0))
        assert browser.ask(shown) == sorted(given)[::-1]
        browser.ask(heading.format(4))  # how sure: what failed has none, and comes last
        assert browser.ask(shown)[-1] == "Initech"
        browser.ask(heading.format(4))
        assert browser.ask(shown)[-1] == "Initech"
        browser.ask("document.getElementById('risk').click()")
        assert set(browser.ask(shown)) == {"Globex", "Hooli"}
        search = "const s = document.getElementById('search'); s.value = 'HOO';"
        browser.ask(f"{search} s.dispatchEvent(new Event('input'))")
        assert browser.ask(shown) == ["Hooli"]
        assert browser.ask("document.getElementById('shown').textContent") == "1 of 4"
        link = browser.ask("document.querySelector('#orgs a[href*=hooli]').getAttribute('href')")
        assert browser.errors == []
        browser.open(folder / "out" / link)
        assert browser.ask("document.querySelector('h1').textContent") == "Hooli"
        assert browser.ask("document.querySelectorAll('.js-plotly-plot').length") > 0
        assert browser.errors == []
        assert all(request.startswith(("file:", "data:")) for request in browser.requests)


def test_the_example_portfolio_can_be_planned() -> None:
    portfolio = read_portfolio([ROOT / "scenarios/portfolio.csv"])
    assert [item.load().name for item in portfolio.items] == [item.name for item in portfolio.items]


@pytest.mark.parametrize(
    ("header", "cells", "told"),
    [
        (["", "seed", ""], [" ", "7", ""], ""),
        (["", "seed", ""], ["lost", "7", ""], "has a cell under no name"),
        (["", "seed", ""], ["", "7", "lost"], "has a cell under no name"),
        (["#a", "seed", "#a"], ["x", "7", "y"], ""),
        (["#", "seed", "#"], ["x", "7", ""], ""),
    ],
)
def test_columns_without_a_name_or_of_one_s_own_may_stand_twice_and_lose_no_cell(
    tmp_path: Path, header: list[str], cells: list[str], told: str
) -> None:
    file = tmp_path / "orgs.csv"
    file.write_text(f"scenario,{','.join(header)}\nbase.yaml,{','.join(cells)}\n")
    (item,) = read_portfolio([file]).items
    assert item.problem.startswith(told)
    assert bool(item.problem) == bool(told)
    assert dict(item.values) == {"seed": 7}


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "orgs.csv"
    file.write_text("scenario,seed,seed\nbase.yaml,7,8\n")
    with pytest.raises(InputError, match=r"orgs.csv:1: names column 'seed' twice, keep one"):
        read_portfolio([file])
