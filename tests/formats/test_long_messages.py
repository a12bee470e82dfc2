"""Messages stay short and plain whatever is written, and name the place that asks for a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from simulation import InputError, load_scenario
from simulation.cli.commands import app
from simulation.errors import Problem, shortened
from simulation.formats.documents import Document
from simulation.scenario.scenario import Scenario
from tests.helpers import scheduled

LONGEST_LINE = 5_000
_RATE = "clients.web.arrivals.schedule.calls"


def _document() -> Document:
    data: dict[str, Any] = {
        "name": "Long",
        "org": {"edition": "free", "license_prices": {"free": 1}},
        "start": "2026-01-05",
        "horizon": "3 days",
        "timezone": "UTC",
        "rate_card": "kaizen-34",
        "objective": {"protect": ["web"]},
        "other_apis": ["read"],
        "clients": [scheduled("web", "09:00", 5, on_throttle="drop")],
        "alternatives": [{"name": "more", "set": {_RATE: 6}}],
    }
    return Document(data, "long.yaml")


_KEYS = [
    *("name", "org", "org.edition", "org.license_prices", "org.license_prices.free", "start"),
    *("horizon", "timezone", "rate_card", "objective.protect", "other_apis", "seed", "clients"),
    *("clients.web", "clients.web.name", "clients.web.calls.other.api", "alternatives.more.set"),
    *("clients.web.arrivals.schedule.at", "clients.web.on_throttle", _RATE),
]
_LETTERS = st.text(st.sampled_from("ab .'\"\\é\u2028#="), min_size=1, max_size=8)
_LONG = st.builds(lambda text: (text * 3_000)[:3_000], _LETTERS)
_VALUES = _LONG | st.builds(lambda text: [text], _LONG) | st.builds(lambda text: {text: 1}, _LONG)
_ODD: st.SearchStrategy[Any] = st.sampled_from(
    [None, 5, 1.5, True, "", [], {}, [5], {5: 1}, {None: 1}, {5: {}}, [[]]]
)


def _lines(key: str, value: Any) -> list[str]:
    """Return what is said of a scenario in which one value is another."""
    try:
        _document().changed({key: value}).validate(Scenario)
    except InputError as error:
        return str(error).splitlines()
    return []


@settings(max_examples=30)
@given(st.sampled_from(_KEYS), _VALUES)
def test_no_message_is_long_whatever_the_value_is(key: str, value: Any) -> None:
    for line in _lines(key, value):
        assert len(line) <= LONGEST_LINE
        assert line.startswith("--set ")


@settings(max_examples=30)
@given(st.sampled_from(_KEYS), _ODD | _VALUES)
def test_what_a_model_refuses_is_told_in_plain_words(key: str, value: Any) -> None:
    for line in _lines(key, value):
        assert not re.search(r" it [A-Z]|String|Keys|Input|should be a valid", line)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("name", "y" * 9_990, "--set name: has 9,990 characters, write at most 200"),
        ("name", "", "--set name: is empty, write a text"),
        ("name", 5, "--set name: 5 is no text, write it in quotes"),
        ("name", ["a"], "--set name: a list is no text, write some"),
        ("org", {"edition": "free", 5: None}, "--set org: org.5: is no word, known here: edition,"),
    ],
)
def test_text_that_does_not_fit_is_told_with_the_remedy(key: str, value: Any, told: str) -> None:
    (line,) = _lines(key, value)
    assert line.startswith(told)


def test_a_key_of_a_thousand_parts_is_refused_wherever_it_stands() -> None:
    for part in ("a", "", "\u2028"):
        key = ".".join([part] * 1500)
        for line in (*_lines(key, 1), *_lines("alternatives.more.set", {key: 1})):
            assert line.endswith("leads deeper than 50 levels, shorten it")
            assert len(line) < 800
    assert len(_lines(key, 1)) == 1


@given(st.text(max_size=100), st.text("ab'\" \\", max_size=80))
def test_what_is_short_is_told_in_full(text: str, other: str) -> None:
    assert shortened(text) == text
    told = f"{other!r} is no edition, name one of: {', '.join(['professional'] * 100)}"
    assert shortened(told) == told


def test_an_override_s_key_is_told_once_where_it_is_to_blame_itself() -> None:
    assert str(Problem("--set org.addon_credits", "org.addon_credits", "is wrong")) == (
        "--set org.addon_credits: is wrong"
    )
    assert (
        str(Problem("--set org", "org.edition", "is wrong")) == "--set org: org.edition: is wrong"
    )


# ---- files that a scenario asks for, and files of another kind

SCENARIO = """\
name: Files
rate_card: {card}
org: {{edition: free}}
start: 2026-01-05
horizon: 3 days
clients:
  - name: web
    arrivals: {{trace: {{file: {trace}}}}}
    calls: [{{api: other}}]
"""


@pytest.mark.parametrize("kind", ["missing", "folder", "no text", "empty", "link to itself"])
def test_a_file_that_cannot_be_read_is_told_at_the_key_that_asks_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("card.yaml", "t.csv"):
        if kind == "folder":
            Path(name).mkdir()
        elif kind == "link to itself":
            Path(name).symlink_to(name)
        elif kind != "missing":
            Path(name).write_bytes(b"\xff" if kind == "no text" else b"")
    Path("s.yaml").write_text(SCENARIO.format(card="card.yaml", trace="t.csv"))
    with pytest.raises(InputError) as refusal:
        load_scenario("s.yaml")
    card, trace = map(str, refusal.value.problems)
    assert card.startswith("s.yaml:2: rate_card: card.yaml: ")
    assert trace.startswith("s.yaml:8: clients.web.arrivals.trace.file: t.csv: ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orgs.csv", "scenario,seed\ns.yaml,5\n"),
        ("my orgs.csv", "seed;scenario\n5;s.yaml\n"),
        ("orgs.csv", 'name,scenario\n"a: b",s.yaml\n'),
        ("orgs.yaml", "scenarios: s.yaml\norgs: [{seed: 5}]\n"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_portfolio_that_is_run_is_told_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    done = CliRunner().invoke(app, [command, name])
    shown = f"'{name}'" if " " in name else name
    told = f"is a portfolio and no scenario, plan for its orgs with: creditsim batch {shown}"
    assert (done.exit_code, done.stderr) == (2, f"{name}: {told}\n")


@pytest.mark.parametrize(
    ("where", "is_option"), [("--set a.b", True), ("--seed", True), ("-" * 80, False)]
)
def test_a_file_of_dashes_is_no_option(where: str, is_option: bool) -> None:
    assert Problem(where, "", "is wrong").is_of_option == is_option
