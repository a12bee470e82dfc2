"""Options and arguments follow the rules of files: numbers, paths, and what is left out."""

from __future__ import annotations

import inspect
import io
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from simulation import InputError, plan, plan_portfolio, run
from simulation.cli.commands import app
from simulation.cli.options import read_confirm
from simulation.quantities import parse_whole
from simulation.rate_cards.card import RateCard
from simulation.rate_cards.shipped import shipped_rate_cards
from tests.helpers import ROOT, build, poisson, scheduled

SCENARIO = """\
name: Options
org: {edition: free}
start: 2026-01-05
horizon: 3 days
warmup: 1 day
replications: 2
clients:
  - name: web
    arrivals: {poisson: {rate: 200 per day}}
    calls: [{api: other}]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a scenario."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(SCENARIO)
    return tmp_path


class _Parameter(NamedTuple):
    """An option or argument: of which command, what it is called, its type, and what reads it."""

    command: str
    name: str
    kind: type
    reader: Callable[[str], Any] | None
    help: str


def _parameters() -> Iterator[_Parameter]:
    """Yield the options and arguments of all commands."""
    for registered in app.registered_commands:
        function = registered.callback
        assert function is not None
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
            hint = parameter.annotation
            if hint is typer.Context:
                continue
            base, info = get_args(hint)
            kinds = [each for each in (get_args(base) or (base,)) if each is not type(None)]
            names = [info.default, *(getattr(info, "param_decls", None) or ()), info.metavar, name]
            told = next(each for each in names if isinstance(each, str))
            yield _Parameter(function.__name__, told, kinds[0], info.parser, info.help)


NUMBERS = [each for each in _parameters() if each.kind is int]
PATHS = [each for each in _parameters() if each.kind is Path or each.name == "PATHS..."]


def _identity(parameter: _Parameter) -> str:
    return f"{parameter.command} {parameter.name}"


def test_every_number_and_path_is_found() -> None:
    assert len(NUMBERS) == 21
    assert {each.name for each in PATHS} == {
        *("--out", "--report", "--file", "--calls", "--replay", "PATH", "DIR"),
        *("SCENARIO", "SCENARIO...", "PATHS...", "LOG..."),
    }


# ---- whole numbers

_written = st.one_of(
    st.from_regex(r"[-+]?[0-9]{1,4}([.,_][0-9]{1,4}){0,2}(e[0-9])?", fullmatch=True),
    st.sampled_from(["12.000", "1.000", "1_0", "75.000", "1000.000", "1,000", "", "x", "9" * 41]),
)


@pytest.mark.parametrize("option", NUMBERS, ids=_identity)
@given(text=_written)
def test_a_number_is_read_as_in_a_file(option: _Parameter, text: str) -> None:
    assert option.reader is not None
    try:
        number, told = parse_whole(text), ""
    except ValueError as error:
        number, told = -1, f"{option.name}: {error}"
    with redirect_stderr(io.StringIO()) as said:
        try:
            assert option.reader(text) == number
        except typer.Exit as refused:
            code = refused.exit_code
            line = said.getvalue()
            assert (code, line.count("\n")) == (2, 1)
            if told:
                assert line == f"{told}\n"
            else:
                bounds = re.search("is out of range, write ([0-9,]+) to ([0-9,]+)\n", line)
                assert bounds is not None
                least, most = map(parse_whole, bounds.groups())
                assert not least <= number <= most
                assert f"From {bounds[1]} to {bounds[2]}." in option.help
            return
    assert not told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("quote --edition standard --licenses 12.000", "'12.000' can be read as 12 or as 12,000"),
        ("quote --edition standard --addon 75.000", "'75.000' can be read as 75 or as 75,000"),
        ("run s.yaml --replications 2.000", "'2.000' can be read as 2 or as 2,000, write 2 or 2"),
        ("run s.yaml --seed 5,0", "'5,0' can be read as 5 or as 50"),
        ("plan s.yaml --workers 1.000", "'1.000' can be read as 1 or as 1,000"),
        ("validate s.yaml --trace-megabytes 0", "0 is out of range, write 1 to 1,000,000"),
        ("plan s.yaml --max-replications many", "'many' is not a number, write a whole number"),
        ("plan s.yaml --confirm 1.000", "'1.000' can be read as 1 or as 1,000, write 1 or 1000"),
        ("batch s.yaml --out o --confirm some", "'some' is not a number, write a whole number s"),
        ("plan s.yaml --confirm -5", "-5 is out of range, write 0 to 1,000,"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_a_number_that_is_refused_is_one_line_that_names_the_option(
    options: str, told: str
) -> None:
    done = CliRunner().invoke(app, shlex.split(options))
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"{options.split()[-2]}: {told}")
    assert not Path("o").exists()


@pytest.mark.usefixtures("folder")
def test_thousands_are_grouped_on_the_command_line_too() -> None:
    words = ["quote", "--edition", "standard", "--licenses", "1,000", "--addon", "0.0", "--json"]
    assert json.loads(CliRunner().invoke(app, words).stdout)["user_licenses"] == 1000
    done = CliRunner().invoke(app, ["run", "s.yaml", "--seed", "1,234", "--json"])
    assert json.loads(done.stdout)["seed"] == 1234
    assert read_confirm("50,000") == 50_000


# ---- paths


@pytest.mark.parametrize("parameter", PATHS, ids=_identity)
@pytest.mark.usefixtures("folder")
def test_an_empty_path_is_refused_by_its_name_and_nothing_is_written(
    parameter: _Parameter,
) -> None:
    required = {
        "run": ["s.yaml"],
        "plan": ["s.yaml"],
        "batch": ["s.yaml", "--out", "o"],
        "backtest": ["s.yaml", "a.log"],
    }
    words = [parameter.command, *required.get(parameter.command, [])]
    if parameter.name.startswith("--"):
        words += ["r"] * (parameter.command == "report")
        words += [parameter.name, ""]
    elif parameter.name in ("SCENARIO", "PATHS..."):
        words[1] = ""
    else:
        words += [*["s.yaml"] * (parameter.command == "validate"), ""]
    done = CliRunner().invoke(app, words)
    name = parameter.name.removesuffix("...")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{name}: is empty, write a path; ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["s.yaml"]


@pytest.mark.usefixtures("folder")
def test_an_empty_path_is_refused_in_python_too() -> None:
    for function in (run, plan):
        with pytest.raises(InputError, match="out: is empty, write a path"):
            function("s.yaml", out="")
    with pytest.raises(InputError, match="out: is empty, write a path"):
        plan_portfolio("s.yaml", out="")
    with pytest.raises(InputError, match="PATHS: is empty, write a path"):
        plan_portfolio(["s.yaml", ""], out="out")
    assert [path.name for path in Path().iterdir()] == ["s.yaml"]


# ---- licenses that are left out


@pytest.mark.parametrize("card", shipped_rate_cards())
def test_a_quote_needs_licenses_where_a_scenario_does(card: str) -> None:
    rules = RateCard.load(card)
    client = [scheduled("web", "09:00", 5)]
    for edition in rules.editions:
        words = ["quote", "--rate-card", card, "--edition", edition]
        done = CliRunner().invoke(app, words)
        try:
            limit, refusal = build(client, rate_card=card, org={"edition": edition}).limit, ""
        except InputError as error:
            refusal = str(error)
        if refusal:
            reason = f"{edition} gives credits per license: write how many"
            assert reason in refusal
            assert (done.exit_code, done.stdout) == (2, "")
            assert f"licenses are missing, {reason}, such as --licenses 40\n" in done.stderr
            limit = build(
                client, rate_card=card, org={"edition": edition, "user_licenses": 0}
            ).limit
            words += ["--licenses", "0"]
        assert json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["limit"] == limit


# ---- no calls decided again


@pytest.mark.parametrize("none", [0, "none"])
def test_no_call_is_decided_again_where_none_is_asked_for(none: Any) -> None:
    keys: dict[str, Any] = {"horizon": "2 days", "warmup": "1 day", "replications": 2}
    scenario = build([poisson("web", "100 per day")], **keys)
    assert plan(scenario, max_replications=2, confirm=none).confirmation is None
    again = plan(scenario, max_replications=2, confirm=1).confirmation
    assert again is not None
    assert again.calls > 0


@pytest.mark.usefixtures("folder")
def test_no_call_is_decided_again_where_the_command_line_or_a_batch_asks_for_none() -> None:
    done = CliRunner().invoke(
        app, ["plan", "s.yaml", "--max-replications", "2", "--confirm", "0", "--json"]
    )
    assert json.loads(done.stdout)["confirmation"] is None
    first = plan_portfolio("s.yaml", out="out", max_replications=2, confirm=0, workers=1)
    again = plan_portfolio("s.yaml", out="out", max_replications=2, confirm="none", workers=1)
    assert len(first.did["new"]) == len(again.did["kept"]) == 1
    assert (
        json.loads(next(Path("out").glob("items/*/plan.json")).read_text())["confirmation"] is None
    )


@pytest.mark.parametrize("wanted", ["some", -1, 2.5, True, None])
def test_what_is_no_number_of_calls_is_refused_before_the_work(wanted: Any) -> None:
    scenario = build([poisson("web", "100 per day")])
    begun: list[tuple[int, int]] = []
    with pytest.raises(InputError, match=r"confirm is .*, write a number of calls, 'all' o"):
        plan(scenario, confirm=wanted, progress=lambda *step: begun.append(step))
    assert begun == []


# ---- where things are


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("report", ["page.html", "out/page.html"])
@pytest.mark.usefixtures("folder")
def test_all_that_is_written_is_named(command: str, report: str) -> None:
    more = ["--max-replications", "2", "--confirm", "0"] if command == "plan" else []
    words = [command, "s.yaml", *more, "--out", "out", "--report", report]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    told = done.stdout.splitlines()[-2:]
    assert told[1] == f"Written to {report}"
    assert Path(report).exists()
    files = told[0].removeprefix("Written to out: ").split(", ")
    assert {*files, "page.html"} >= {path.name for path in Path("out").iterdir()} >= {*files}


@pytest.mark.parametrize("name", ["org.yaml", "my org.yaml"])
def test_what_comes_next_is_what_the_readme_says(folder: Path, name: str) -> None:
    done = CliRunner().invoke(app, ["new", name])
    following = shlex.split(done.stdout.partition("then: creditsim ")[2].splitlines()[0])
    assert following == ["validate", name]
    assert CliRunner().invoke(app, following).exit_code == 0
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"creditsim new my-org\.yaml .*\ncreditsim validate my-org\.yaml", readme)
