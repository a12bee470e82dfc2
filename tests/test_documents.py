"""Everything that a reader copies runs as written; what is made from the program is up to date."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from simulation.batch.portfolio import read_portfolio
from tests import artefacts
from tests.fitting.simulated import demand_of, write_log
from tests.helpers import OTHER_POOLS, ROOT, SCENARIOS, creditsim

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "scenarios" / "README.md",
    ROOT / "notebooks" / "README.md",
    ROOT / "simulation" / "README.md",
    ROOT / "simulation" / "rate_cards" / "README.md",
    ROOT / "tests" / "README.md",
    ROOT / "tests" / "STRESS-DES.md",
]


def _blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)


def _commands() -> list[str]:
    """Return every ``creditsim`` line of every document, but for comments."""
    lines = []
    for path in DOCUMENTS:
        for block in _blocks(path, "sh"):
            whole = block.replace("\\\n", " ")
            lines += [line for line in whole.splitlines() if line.startswith("creditsim ")]
    return list(dict.fromkeys(lines))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scenarios and logs in it, where the documents' commands run in order."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "scenarios").symlink_to(ROOT / "scenarios")
    law = {"poisson": {"rate": "300 per day", "profile": "office_hours"}}
    write_log(folder / "access.log", demand_of(law, days=21))
    write_log(folder / "later.log", demand_of(law, days=14, start="2026-02-02"))
    return folder


@pytest.mark.once  # the ports that they name are taken while the other Python runs them
@pytest.mark.parametrize("line", _commands())
def test_commands_run_as_they_are_written(line: str, workspace: Path) -> None:
    arguments = shlex.split(line, comments=True)[1:]
    if arguments[0] == "run":
        arguments += ["--replications", "2"]  # the rest as written
    if arguments[0] in ("plan", "batch"):
        arguments += ["--replications", "2", "--max-replications", "2", "--confirm", "9999"]
    own = workspace / "my-org.yaml"  # of the first command, which another worker may have run
    if arguments[0] != "new" and own.name in arguments and not own.exists():
        assert creditsim("new", own.name, cwd=workspace).returncode == 0
    fitted = workspace / "org.yaml"
    if arguments[0] in ("plan", "backtest") and fitted.name in arguments and not fitted.exists():
        assert creditsim("fit", "access.log", "--out", fitted.name, cwd=workspace).returncode == 0
    with cluster_of_the_readme() if "--scheduler" in arguments else nullcontext():
        done = creditsim(*arguments, cwd=workspace)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@contextmanager
def cluster_of_the_readme() -> Iterator[None]:
    """Start the scheduler and the workers as the README does."""
    (block,) = [block for block in _blocks(ROOT / "README.md", "sh") if "dask scheduler" in block]
    lines = [line.removesuffix(" &") for line in block.splitlines() if line.startswith("dask ")]
    assert len(lines) == 2
    programs = Path(sys.executable).parent
    started = [
        subprocess.Popen(
            [programs / "dask", *shlex.split(line)[1:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for line in lines
    ]
    try:
        yield
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(timeout=60)


def test_there_are_commands_to_run() -> None:
    assert {"new", "validate", "run", "fit", "plan", "backtest", "quote", "rate-cards"} <= {
        shlex.split(line, comments=True)[1] for line in _commands()
    }


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_python_examples_run_as_they_are_written(path: Path) -> None:
    for block in _blocks(path, "python"):
        subprocess.run(
            [sys.executable, "-c", block.replace("replications=10", "replications=2")],
            cwd=path.parent,
            check=True,
        )


def test_the_portfolio_of_the_documents_is_read(tmp_path: Path) -> None:
    (block,) = [each for each in _blocks(ROOT / "scenarios/README.md", "yaml") if "orgs:" in each]
    for file in SCENARIOS:
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "portfolio.yaml").write_text(block)
    names = [item.load().name for item in read_portfolio([tmp_path / "portfolio.yaml"]).items]
    assert names == ["Northwind", "Fabrikam", "Litware"]


def test_clients_that_hold_themselves_back_run_as_they_are_written(tmp_path: Path) -> None:
    blocks = _blocks(ROOT / "scenarios" / "README.md", "yaml")
    (block,) = [each for each in blocks if "clients:" in each]
    for key in ("quota", "reserve", "pace", "max_concurrent", "queue", "initial_usage", "then"):
        assert f"{key}:" in block
    (tmp_path / "back.yaml").write_text(block)
    checked = creditsim("validate", tmp_path / "back.yaml")
    assert checked.returncode == 0
    assert "has no effect" not in checked.stderr
    options = ["--engine", "compiled", "--replications", "2"]
    done = creditsim("run", tmp_path / "back.yaml", *options)
    assert done.returncode == 0, done.stderr
    assert "held back" in done.stdout


def test_the_limits_of_the_cards_page_make_a_card(tmp_path: Path) -> None:
    page = ROOT / "simulation" / "rate_cards" / "README.md"
    (block,) = [each for each in _blocks(page, "yaml") if each.startswith("limits:")]
    card = (ROOT / "simulation" / "rate_cards" / "kaizen-34.yaml").read_text()
    (tmp_path / "own.yaml").write_text(f"{card}\n{block}")
    shown = creditsim("rate-cards", tmp_path / "own.yaml")
    assert shown.returncode == 0, shown.stderr
    assert "• sub-concurrency (concurrent)" in shown.stdout


def test_the_readme_s_scenario_is_valid(tmp_path: Path) -> None:
    (block,) = _blocks(ROOT / "README.md", "yaml")
    (tmp_path / "small.yaml").write_text(block)
    assert creditsim("validate", tmp_path / "small.yaml").returncode == 0


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_item_of_the_reporting_guideline_is_answered() -> None:
    text = (ROOT / "tests" / "STRESS-DES.md").read_text()
    rows = re.findall(r"^\| (\d[\d.]+) ([^|]+) \| (.*) \|$", text, re.MULTILINE)
    parts = [f"2.5.{n}" for n in range(1, 6)]
    items = {1: 3, 2: 4, 3: 4, 4: 3, 5: 4, 6: 1}
    wanted = [f"{section}.{n}" for section, last in items.items() for n in range(1, last + 1)]
    assert [number for number, *_ in rows] == sorted([*wanted, *parts])
    assert all(len(answer) > 60 for *_, answer in rows)


def test_the_readme_names_every_option_of_a_fit() -> None:
    text = (ROOT / "README.md").read_text().partition("\n## From logs\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`(--[a-z-]+)", text))
    options = set(re.findall(r"--[a-z-]+", creditsim("fit", "--help").stdout))
    assert options - told == {"--out", "--force", "--json", "--help"}
    assert told <= options


def test_the_main_job_and_the_tests_are_one_line_each() -> None:
    main, tests = _blocks(ROOT / "README.md", "sh")[:2]
    assert len(main.splitlines()) == len(tests.splitlines()) == 1
    assert main.strip().endswith("creditsim run scenarios/mid-market.yaml")
    assert tests.strip().endswith("python -m pytest")


@pytest.mark.parametrize(
    ("page", "text"), [*artefacts.made_anew()], ids=["keys", "modules", "assumptions"]
)
def test_what_pages_have_from_the_code_is_up_to_date(page: Path, text: str) -> None:
    assert page.read_text(encoding="utf-8") == text, "run: python -m tests.artefacts"


def test_the_readme_s_picture_comes_from_a_report_whose_command_stands_beneath() -> None:
    text = (ROOT / "README.md").read_text()
    assert artefacts.PICTURE.read_bytes().startswith(b"\x89PNG")
    place = text.index(f"]({artefacts.PICTURE.relative_to(ROOT)})")
    beneath = text[place : place + 400]
    assert "creditsim plan scenarios/mid-market.yaml --report report.html" in beneath


def test_every_shipped_scenario_has_its_story_in_the_table() -> None:
    table = (ROOT / "scenarios" / "README.md").read_text()
    told = set(re.findall(r"\]\(([\w/-]+\.yaml)\)", table))
    shipped = [*SCENARIOS, *OTHER_POOLS]
    assert told == {str(path.relative_to(ROOT / "scenarios")) for path in shipped}
