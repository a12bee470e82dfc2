"""Files from strangers: bounded YAML, regular files of a stated size, names of every kind."""

from __future__ import annotations

import os
import re
import socket
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from simulation import InputError, load_scenario
from simulation.batch.portfolio import read_portfolio
from simulation.cli.commands import app
from simulation.formats import plain_yaml as plain
from simulation.formats.documents import Document, value_of
from simulation.formats.input_files import MOST_MEGABYTES, shown
from simulation.formats.plain_yaml import DEEPEST, LONGEST_NUMBER, LONGEST_TEXT, Tree, write_yaml
from tests.helpers import ROOT, SCENARIOS, creditsim

SCENARIO = """\
name: n
org: {edition: free}
start: 2026-01-05
horizon: 3 days
replications: 1
clients:
  - name: a
    arrivals: {schedule: {every: 1 hour}}
    calls: [{api: other}]
"""
LINE = SCENARIO.count("\n") + 1

# What is added to a scenario, and the complaint about its first line.
HOSTILE: dict[str, tuple[str, str]] = {
    "int that is none": ("seed: !!int abc", "carries the tag !!int"),
    "int that is one": ("seed: !!int 5", "carries the tag !!int"),
    "bool": ("seed: !!bool x", "carries the tag !!bool"),
    "float": ("seed: !!float x", "carries the tag !!float"),
    "time": ("x: !!timestamp soon", "carries the tag !!timestamp"),
    "bytes": ("x: !!binary '!'", "carries the tag !!binary"),
    "set": ("x: !!set {a, b}", "carries the tag !!set"),
    "pairs": ("x: !!pairs [a: b]", "carries the tag !!pairs"),
    "python": ("x: !!python/object/apply:os.system [ls]", "carries the tag !!python/object"),
    "own tag": ("x: !mine 5", "carries the tag !mine"),
    "tag of another kind": ("x: !!map [1]", "is not what its tag says"),
    "alias to itself": ("x: &a [*a]", r"\*a stands inside of &a itself"),
    "alias to its mapping": ("x: &a {b: {c: *a}}", r"\*a stands inside of &a itself"),
    "alias to nothing": ("x: *a", "is not valid YAML"),
    "deep lists": (f"x: {'[' * 1000}{']' * 1000}", f"deeper than {DEEPEST} levels"),
    "deep lists without an end": (f"x: {'[' * 9_000}", f"deeper than {DEEPEST} levels"),
    "deep mappings": (f"x: {'{a: ' * 1000}1{'}' * 1000}", f"deeper than {DEEPEST} levels"),
    "deep by aliases": (
        "x: [&a0 [x]" + "".join(f", &a{n} [[[[[*a{n - 1}]]]]]" for n in range(1, 40)) + "]",
        f"deeper than {DEEPEST} levels",
    ),
    "aliases that explode": (
        "x: [&a0 [x,x,x,x,x,x,x,x,x]"
        + "".join(f", &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
        + "]",
        "makes more than 500,000 values",
    ),
    "merges that explode": (
        "x: [&a0 {k: v}"
        + "".join(f", &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12))
        + "]",
        "makes more than 500,000 values",
    ),
    "integer of 4301 digits": (f"seed: {'9' * 4301}", "is a number of 4,301 characters"),
    "digits behind a dot": (f"seed: 0.{'9' * 4301}", "is a number of 4,303 characters"),
    "integer as a key": (f"{'9' * 999}: 1", "is a number of 999 characters"),
    "exponent": ("seed: 1e999999999", "is too large for a number"),
    "exponent of many digits": (f"seed: 1e{'9' * 50}", "is a number of 52 characters"),
    "long text": (f"x: {'y' * 20_000}", "has 20,000 characters"),
    "NUL": ('x: "a\\0b"', r"holds the character U\+0000"),
    "half of a pair": ('x: "a\\ud800b"', "is not valid YAML|holds the character U.D800"),
    "list as a key": ("? [a, b]\n: 1", "has a list or a mapping as a key"),
    "key twice": ("x: {a: 1, a: 2}", "x.a: stands on line"),
    "key twice by its value": ("x: {1: a, 1.0: b}", "x.1.0: stands on line"),
    "merge of text": ("x: {<<: 5}", "<< takes a mapping"),
}


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Read with libyaml and without it."""
    if request.param == "Python":
        monkeypatch.setattr(plain, "_Parser", yaml.SafeLoader)
    return str(request.param)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("parser")
def test_yaml_outside_the_budget_is_refused_with_its_line(tmp_path: Path, name: str) -> None:
    text, complaint = HOSTILE[name]
    file = tmp_path / "n.yaml"
    file.write_text(f"{SCENARIO}{text}\n")
    begun = time.process_time()
    with pytest.raises(InputError, match=complaint) as refused:
        load_scenario(file)
    assert time.process_time() - begun < 10  # and not minutes
    (problem,) = refused.value.problems
    assert problem.where == f"{file}:{LINE}"
    key = re.split("[: ]", text)[0][:40]
    if "is not valid YAML" in complaint:
        assert not problem.path or problem.path.startswith(key)
    elif name == "list as a key":
        assert str(problem).startswith(f"{problem.where}: the file has a list")
    else:
        assert problem.path.partition(".")[0] == key


@pytest.mark.parametrize("name", HOSTILE)
def test_set_and_cells_take_no_more_than_a_file_does(name: str) -> None:
    text, complaint = HOSTILE[name]
    value = text.partition(": ")[2]
    if "not valid YAML" in complaint or name.endswith("as a key"):
        with suppress(InputError):  # what is no YAML is text
            value_of(value)
    else:
        with pytest.raises(InputError, match=complaint.partition("x.")[2] or complaint):
            value_of(value)


@given(st.text(max_size=60) | st.text("[]{}:,&*!|>-?%@`'\"ab1\n\t .\\#", max_size=60))
def test_a_value_is_read_or_refused_and_nothing_else_happens(text: str) -> None:
    for which in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        with patch.object(plain, "_Parser", which), suppress(InputError):
            value_of(text)


def test_the_refusal_of_exploding_aliases_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="makes more than"):
            value_of(HOSTILE["aliases that explode"][0].partition(": ")[2])
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(-1e300, 1e300).map(lambda x: float(f"{x:.15g}"))
    | st.decimals(-99, 999, places=3, allow_nan=False).map(float)
    | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), max_size=12)
    | st.sampled_from(["08", "1e5", "12.000", "1_000", "~", "no", "<<", "=", "true", "2026-01-05"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz", max_size=4), inner)
    ),
    max_leaves=12,
)


@given(plain_values)
def test_what_is_written_is_read_as_the_same_by_both_parsers(data: Any) -> None:
    text = write_yaml(data)
    expected = _as_read(data)
    for which in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        with patch.object(plain, "_Parser", which):
            assert _as_read(Tree(text).build()) == expected


def _as_read(data: Any) -> Any:
    """Return data with the kind of each value beside it: 1, 1.0 and True are not the same."""
    if isinstance(data, dict):
        return {key: _as_read(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_as_read(value) for value in data]
    return type(data).__name__, data


def test_both_parsers_read_what_ships_as_the_same() -> None:
    assert "C" in plain._Parser.__name__, "PyYAML is without libyaml here"
    cards = sorted((ROOT / "simulation" / "rate_cards").glob("*.yaml"))
    for file in [*SCENARIOS, *cards]:
        what = "rate card" if file in cards else "scenario"
        fast = Document.read(file, what)
        with patch.object(plain, "_Parser", yaml.SafeLoader):
            slow = Document.read(file, what)
        assert fast.data == slow.data
        assert fast._lines == slow._lines


def test_an_alias_is_a_copy_and_set_changes_one(tmp_path: Path) -> None:
    file = tmp_path / "n.yaml"
    file.write_text(
        SCENARIO.replace(
            "every: 1 hour}}", "every: &h 1 hour}}\n    on_throttle: &p {retry: {first: 30 s}}"
        )
        + "  - name: b\n    arrivals: {schedule: {every: *h}}\n    calls: [{api: other}]\n"
        + "    on_throttle: *p\n"
    )
    both = load_scenario(file, ["clients.b.on_throttle.retry.first=10 s"]).clients
    firsts = [client.on_throttle.retry.first for client in both if client.on_throttle.retry]
    assert firsts == [30_000_000, 10_000_000]
    with pytest.raises(InputError, match=r"^--set clients.b.on_throttle.retry.first: 'soon' is"):
        load_scenario(file, ["clients.b.on_throttle.retry.first=soon"])


def test_a_merge_gives_keys_that_a_mapping_s_own_keys_override(tmp_path: Path) -> None:
    tree = Tree("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {<<: [*a, *b], x: 9}\n")
    assert tree.build()["c"] == {"x": 9, "y": 2, "z": 4}


def test_the_bounds_themselves_are_read() -> None:
    assert value_of("[" * DEEPEST + "]" * DEEPEST)
    assert value_of("9" * LONGEST_NUMBER) == int("9" * LONGEST_NUMBER)
    assert value_of("y" * LONGEST_TEXT) == "y" * LONGEST_TEXT


# --- which files are read -------------------------------------------------------------


def test_what_is_no_regular_file_is_refused_without_reading_or_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "folder.csv").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.yaml"))
        for name in ["pipe.yaml", "zero.yaml", "folder.yaml", "s.yaml"]:
            done = creditsim("validate", tmp_path / name)
            assert (done.returncode, done.stderr.count("\n")) == (2, 1), name
            assert "cannot be read (it is a" in done.stderr
            card = tmp_path / "n.yaml"
            card.write_text(f"rate_card: {name}\n{SCENARIO}")
            with pytest.raises(
                InputError, match=rf"n.yaml:1: rate_card: .*{name}: cannot be read \(it is"
            ):
                load_scenario(card)
    for name in ["pipe.csv", "folder.csv"]:
        done = creditsim("batch", tmp_path / name, "--out", tmp_path / "out")
        assert done.returncode in (2, 3)
        assert "cannot be read" in done.stderr or "no scenario" in done.stderr
    for item in read_portfolio([tmp_path]).items:
        if item.file.name != "n.yaml":
            with pytest.raises(InputError, match="cannot be read"):
                item.load()


@pytest.mark.parametrize("kind", ["scenario", "rate card", "portfolio"])
def test_a_file_larger_than_its_kind_is_refused_with_the_size_that_would_be_right(
    tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "large.yaml"
    file.write_text("name: n\n")
    os.truncate(file, MOST_MEGABYTES[kind] * 1_000_000 + 100_000)
    with pytest.raises(InputError, match=rf"a {kind} file has at most {MOST_MEGABYTES[kind]}:"):
        Document.read(file, kind)


def test_a_large_trace_is_refused_unless_allowed(tmp_path: Path) -> None:
    rows = "2026-01-05 10:00:00,5\n" * 60_000  # 1.3 MB
    (tmp_path / "t.csv").write_text(f"timestamp,count\n{rows}")
    law = "arrivals: {counts: {file: t.csv, bucket: 1 hour}}"
    file = tmp_path / "n.yaml"
    file.write_text(SCENARIO.replace("arrivals: {schedule: {every: 1 hour}}", law))
    assert creditsim("validate", file).returncode == 0
    done = creditsim("validate", file, "--trace-megabytes", "1")
    assert done.returncode == 2
    assert f"n.yaml:8: clients.a.arrivals.counts.file: {tmp_path}/t.csv: has 1.3 MB" in done.stderr
    with pytest.raises(InputError, match="--trace-megabytes"):
        load_scenario(file, trace_megabytes=1)


@pytest.mark.parametrize("name", ["a\0b.yaml", "a\ud800b.yaml"])
def test_names_that_no_file_can_have_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name that a file can have"):
        load_scenario(tmp_path / name)
    with pytest.raises(InputError, match="holds"):
        load_scenario(SCENARIOS[0], [f"rate_card={name}"])


ODD_PLACES: dict[str, Callable[[Path], None]] = {
    "circle": lambda place: place.symlink_to(place),
    "circle/n.yaml": lambda place: place.parent.symlink_to(place.parent),
    "file/n.yaml": lambda place: place.parent.touch(),
    "a" * 256: lambda _: None,
    f"{'a' * 256}/n.yaml": lambda _: None,
    "nowhere/n.yaml": lambda _: None,
    "closed/n.yaml": lambda place: place.parent.mkdir(mode=0),
    "caf\udce9/n.yaml": lambda place: place.parent.touch(),
}


@pytest.mark.parametrize("name", ODD_PLACES)
def test_every_command_that_reads_a_place_says_in_one_line_why_it_cannot(
    tmp_path: Path, name: str
) -> None:
    ODD_PLACES[name](place := tmp_path / name)
    for command in ("validate", "run", "plan", "report", f"batch --out={tmp_path / 'o'}"):
        done = CliRunner().invoke(app, [*command.split(" ", 1), str(place)])
        assert done.exit_code == 2, (command, done.output)
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith(shown(place)[:80])  # a long name is cut
        assert "name a" in done.stderr


def test_orgs_that_are_no_list_are_refused_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("scenarios: [t.yaml]\norgs: {a: !!int abc}\n")
    with pytest.raises(InputError, match=r"p.yaml:2: orgs.a: carries the tag !!int"):
        read_portfolio([tmp_path / "p.yaml"])


def test_a_bad_cell_is_a_row_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text(SCENARIO)
    bad = ["!!int abc", "9" * 5000, "[" * 600, "a\0b", "&a [*a]", "1e999999999"]
    rows = "".join(f"org {n};n.yaml;{cell}\n" for n, cell in enumerate(bad))
    rows += "last;n.yaml;7\nnul;n\0.yaml;7\n"
    (tmp_path / "orgs.csv").write_text(f"name;scenario;seed\n{rows}")
    items = read_portfolio([tmp_path / "orgs.csv"]).items
    assert [item.name for item in items] == [*(f"org {n}" for n in range(6)), "last", "nul"]
    for item in items:
        if item.name == "last":
            assert item.load().seed == 7
        else:
            with pytest.raises(InputError, match=r"orgs.csv:\d+: (seed|scenario): "):
                item.load()


# --- confinement ----------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder beside which lie a rate card and a trace that links of it lead to."""
    folder = tmp_path / "mail"
    (folder / "own").mkdir(parents=True)
    card = (ROOT / "simulation" / "rate_cards" / "kaizen-93.yaml").read_text()
    for place in (tmp_path, folder / "own"):
        (place / "card.yaml").write_text(card)
        (place / "t.csv").write_text("timestamp\n2026-01-05 10:00\n")
    for name in ("card.yaml", "t.csv"):
        (folder / f"link-{name}").symlink_to(tmp_path / name)
    return folder


def _naming(folder: Path, card: str, trace: str) -> Path:
    file = folder / "n.yaml"
    law = f"arrivals: {{trace: {{file: {trace}}}}}"
    text = SCENARIO.replace("arrivals: {schedule: {every: 1 hour}}", law)
    file.write_text(f"rate_card: {card}\n{text}")
    return file


def test_a_confined_scenario_names_files_of_its_folder_alone(outside: Path) -> None:
    inside = _naming(outside, "own/card.yaml", "own/../own/t.csv")
    assert load_scenario(inside, confined=True).card.name == "kaizen-93"
    places = ["../{}", "link-{}", str(outside.parent / "{}"), "own/../../{}"]
    for place in places:
        file = _naming(outside, place.format("card.yaml"), "own/t.csv")
        assert load_scenario(file).card.name == "kaizen-93"
        with pytest.raises(InputError, match=r"rate_card: .* lies outside the scenario's folder"):
            load_scenario(file, confined=True)
        file = _naming(outside, "own/card.yaml", place.format("t.csv"))
        assert load_scenario(file).clients
        with pytest.raises(InputError, match=r"trace.file: .* lies outside the scenario's folder"):
            load_scenario(file, confined=True)
    inside = _naming(outside, "own/card.yaml", "own/t.csv")
    with pytest.raises(InputError, match=r"rate_card: .* lies outside"):
        load_scenario(inside, confined=True).changed({"rate_card": "../card.yaml"})


def test_commands_confine_when_told_and_batch_unless_told(outside: Path, tmp_path: Path) -> None:
    file = _naming(outside, "../card.yaml", "own/t.csv")
    for name in ("validate", "run", "plan"):
        done = creditsim(name, file, "--confined")
        assert done.returncode == 2
        assert "'../card.yaml' lies outside the scenario's folder, move it" in done.stderr
    assert creditsim("validate", file).returncode == 0
    done = creditsim("batch", file, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "lies outside the scenario's folder" in done.stdout + done.stderr
    few = ["--replications", "2", "--max-replications", "2", "--confirm", "none"]
    done = creditsim("batch", file, "--out", tmp_path / "out", "--no-confined", *few)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_folder_whose_name_is_not_utf_8_is_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    file = folder / "n.yaml"
    file.write_text(SCENARIO)
    done = creditsim("validate", file)
    assert done.returncode == 0
    assert r"caf\udce9/n.yaml: valid" in done.stdout
    assert "Traceback" not in creditsim("validate", file, "--set", "seed=x").stderr
    few = ["--replications", "2"]
    done = creditsim("run", file, *few, "--out", tmp_path / "out", "--json")
    assert done.returncode == 0, done.stderr
    few += ["--max-replications", "2", "--confirm", "none"]
    done = creditsim("batch", file.parent, "--out", tmp_path / "batch", *few)
    assert done.returncode == 0, done.stderr
    assert b"caf" in (tmp_path / "batch" / "portfolio.csv").read_bytes()
