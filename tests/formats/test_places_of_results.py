"""Where results go: a whole one or the one before, and nothing of the user's own is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simulation.formats.output
import simulation.formats.written
from simulation import InputError, plan, run
from simulation.experiment.result import RunResult
from simulation.formats.output import OutputFolder, refuse_foreign
from simulation.formats.output_file import OutputFile
from simulation.formats.written import PLAN_FILES, RUN_FILES
from simulation.planning.saved import load_result
from simulation.scenario.scenario import Scenario
from simulation.scenario.starter import write_starter
from tests.helpers import any_limit, creditsim, scheduled


@pytest.fixture
def scenario() -> Scenario:
    return any_limit(20, [scheduled("a", "02:00", 30)], horizon="2 days", replications=2)


@pytest.fixture
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("scenario") / "org.yaml"
    file.write_text(
        "# mine\nname: one\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 1 day\nwarmup: 0\n"
        "replications: 2\nclients:\n- name: a\n  arrivals: {schedule: {every: 1 hour}}\n"
        "  calls: [{api: get_modules}]\n"
    )
    return file


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def put(folder: Path, text: str, names: tuple[str, ...] = RUN_FILES, force: bool = False) -> None:
    """Put a result in place whose files all hold one text."""
    with OutputFolder(folder, names, force) as output:
        for name in names:
            output.part(name).write_text(text)


def test_what_is_written_is_what_is_announced(scenario: Scenario, tmp_path: Path) -> None:
    run(scenario, out=tmp_path / "run")
    plan(scenario, max_replications=2, confirm="none", out=tmp_path / "plan")
    assert set(contents(tmp_path / "run")) == set(RUN_FILES)
    assert set(contents(tmp_path / "plan")) == set(PLAN_FILES)


@pytest.mark.parametrize("with_marks", [True, False])
@pytest.mark.parametrize("foreign", [[], ["notes.txt", "deep/notes.txt"]])
def test_a_writer_that_is_killed_at_any_step_leaves_a_whole_result(
    foreign: list[str], with_marks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every step of putting a result in place is the last one once; readers see one result."""
    if not with_marks:
        monkeypatch.setattr(simulation.formats.written, "_get", lambda _: None)
        monkeypatch.setattr(
            simulation.formats.written, "_is_known", lambda file: file.name in RUN_FILES
        )
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "import simulation.formats.output as output\n"
        "import simulation.formats.written as written\n"
        "if sys.argv[3] == 'False':\n"
        "    written._get = lambda place: None\n"
        "    written._set = lambda place, mark: None\n"
        "    written._is_known = lambda file: file.name in written.RUN_FILES\n"
        "left = [int(sys.argv[2])]\n"
        "def count(event, args):\n"
        "    if event in ('os.rename', 'os.remove', 'os.rmdir', 'ctypes.dlsym') and armed:\n"
        "        left[0] -= 1\n"
        "        if left[0] < 0: os._exit(9)\n"
        "armed = False\n"
        "sys.addaudithook(count)\n"
        "with output.OutputFolder(Path(sys.argv[1]), written.RUN_FILES) as place:\n"
        "    for name in written.RUN_FILES: place.part(name).write_text('new')\n"
        "    armed = True\n"
    )
    steps = 0
    while True:
        folder = tmp_path / f"killed-{steps}"
        put(folder, "old")
        for name in foreign:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("mine")
        command = [sys.executable, "-c", script, str(folder), str(steps), str(with_marks)]
        code = subprocess.run(command, check=False).returncode
        with simulation.formats.output.reading(folder) as file:
            seen = {file(name).read_text() for name in RUN_FILES}
        assert seen in ({"old"}, {"new"}), f"a mixture after {steps} steps"
        if not foreign:  # reading the files by name gives one result, too
            assert {(folder / name).read_text() for name in RUN_FILES} == seen
        put(folder, "next")
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert names == {*RUN_FILES, *foreign}
        assert {(folder / name).read_text() for name in RUN_FILES} == {"next"}
        assert all((folder / name).read_text() == "mine" for name in foreign)
        assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
        if code == 0:
            break
        steps += 1
    assert steps >= 3


@pytest.mark.parametrize("foreign", [False, True])
def test_a_reader_meanwhile_sees_one_whole_result(foreign: bool, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    put(folder, "0")
    if foreign:
        (folder / "sub").mkdir()
    done = threading.Event()
    seen: list[str] = []

    def write() -> None:
        count = 0
        while count < 60 or (len(set(seen)) < 3 and count < 6_000):  # a reader may be starved
            count += 1
            put(folder, str(count))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        with simulation.formats.output.reading(folder) as file:
            (content,) = {file(name).read_text() for name in RUN_FILES}
        seen.append(content)
    writer.join()
    assert len(set(seen)) > 2


def test_one_writer_at_a_time(scenario: Scenario, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with OutputFolder(out, RUN_FILES) as output:
        for command in ("run", "plan"):
            done = creditsim(command, file, "--out", out)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.count("\n") == 1
            assert "another run or plan is writing to it" in done.stderr
        for name in RUN_FILES:
            output.part(name).write_text("first")
    assert set(contents(out).values()) == {b"first"}


def test_a_later_result_takes_the_place_of_all_of_an_earlier_one(
    scenario: Scenario, tmp_path: Path
) -> None:
    run(scenario, out=tmp_path / "out")
    plan(scenario, max_replications=2, confirm="none", out=tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {*RUN_FILES, *PLAN_FILES}  # of one scenario
    again = scenario.changed({"seed": 5})
    run(again, out=tmp_path / "out")
    assert set(contents(tmp_path / "out")) == set(RUN_FILES)
    result = load_result(tmp_path / "out")
    assert result.scenario.seed == 5


def test_calls_are_those_of_the_result_that_was_read(scenario: Scenario, tmp_path: Path) -> None:
    first, other = run(scenario, out=tmp_path / "out"), scenario.changed({"seed": 5})
    read = load_result(tmp_path / "out")
    run(other, out=tmp_path / "out")
    assert isinstance(read, RunResult)
    for result in (first, read):
        with pytest.raises(InputError, match="holds another result by now"):
            _ = result.calls


NAMES = st.sampled_from([*RUN_FILES, "notes.txt", "scenario.yml"])


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    mine=st.dictionaries(NAMES, st.binary(max_size=40), max_size=4),
    before=st.booleans(),
)
def test_no_file_of_the_user_s_own_is_ever_changed(
    mine: dict[str, bytes], before: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("out") / "results"
    if before:
        put(folder, "ours")
    folder.mkdir(exist_ok=True)
    for name, text in mine.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(text)
    held = contents(folder)
    if before and set(mine) & set(RUN_FILES) and b"ours" in mine.values():
        return  # what has our very bytes is ours
    if set(mine) & set(RUN_FILES):
        with pytest.raises(InputError, match="name another folder or add --force"):
            put(folder, "theirs")
        assert contents(folder) == held
    put(folder, "theirs", force=True)
    assert {name: contents(folder)[name] for name in mine if name not in RUN_FILES} == {
        name: text for name, text in mine.items() if name not in RUN_FILES
    }


def test_the_scenario_of_the_current_folder_is_not_replaced_by_its_result(
    file: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "scenario.yaml"
    mine.write_text(file.read_text())
    for command in ("run", "plan"):
        done = creditsim(command, "scenario.yaml", "--out", ".", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == (
            ".: holds scenario.yaml that creditsim did not write or that was changed since, name "
            "another folder or add --force\n"
        )
    assert contents(tmp_path) == {"scenario.yaml": file.read_bytes()}
    assert creditsim("run", "scenario.yaml", "--out", ".", "--force", cwd=tmp_path).returncode == 0
    assert b"# mine" not in mine.read_bytes()


@pytest.mark.parametrize("marks", [True, False])
def test_a_scenario_edited_since_it_was_written_is_the_user_s_own(
    marks: bool, scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not marks:  # as 0.1.0 wrote, or as a copy has it
        monkeypatch.setattr(simulation.formats.written, "_get", lambda _: None)
    run(scenario, out=tmp_path / "out")
    run(scenario, seed=3, out=tmp_path / "out")
    written = tmp_path / "out" / "scenario.yaml"
    written.write_text("# so that we know\n" + written.read_text())
    with pytest.raises(InputError, match=r"holds scenario\.yaml"):
        run(scenario, seed=4, out=tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["seed"] == 3


def test_a_file_that_comes_while_it_runs_is_kept_and_so_is_the_result(tmp_path: Path) -> None:
    out = tmp_path / "out"
    output = OutputFolder(out, RUN_FILES).__enter__()
    output.part("summary.json").write_text("ours")
    (out / "summary.json").write_text("mine")
    with pytest.raises(InputError, match="the result is in its folder result-1"):
        output.__exit__(None, None, None)
    assert (out / "summary.json").read_text() == "mine"
    assert (out / "result-1" / "summary.json").read_text() == "ours"


def test_a_folder_of_the_name_of_a_table_is_refused_even_by_force(tmp_path: Path) -> None:
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(InputError, match=r"holds a folder of the name summary\.json"):
        refuse_foreign(tmp_path, RUN_FILES, force=True)


def test_leftovers_of_killed_runs_go_with_the_next_one(scenario: Scenario, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / ".calls-abc").mkdir(parents=True)
    (out / ".calls-abc" / "1.arrow").write_text("")
    (out / ".summary.json.part").write_text("")
    (out / ".creditsim.part").mkdir()
    (out / ".creditsim.part" / "calls.parquet").write_text("")
    (out / ".mine.part").write_text("")
    run(scenario, out=out)
    assert {path.name for path in out.iterdir()} == {*RUN_FILES, ".mine.part"}


def pages(folder: Path) -> dict[str, Callable[[Path], Any]]:
    """Return what may stand where a page is wanted, that is no page of this tool."""

    def link(target: str) -> Callable[[Path], Any]:
        return lambda path: path.symlink_to(folder / target)

    return {
        "folder": Path.mkdir,
        "pipe": os.mkfifo,
        "text": lambda path: path.write_text("mine"),
        "html": lambda path: path.write_text("<!DOCTYPE html>\n<html>mine</html>"),
        "dangling": link("nowhere"),
        "to a folder": link("."),
        "to a pipe": link("pipe"),
        "to text": link("text"),
        "loop": lambda path: path.symlink_to(path),
        "device": lambda path: path.symlink_to("/dev/null"),
    }


def states(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return what tells whether anything was changed; that it was looked at does not count."""
    found = {path.name: path.lstat() for path in folder.iterdir()}
    return {name: (s.st_ino, s.st_mode, s.st_size, s.st_mtime_ns) for name, s in found.items()}


@pytest.mark.parametrize("kind", list(pages(Path())))
def test_a_page_never_replaces_what_this_tool_did_not_write(
    kind: str, file: Path, tmp_path: Path
) -> None:
    made = pages(tmp_path)
    for name in {"pipe", "text", kind}:
        made[name](tmp_path / name)
    before = states(tmp_path)
    with pytest.raises(InputError, match="name"):
        OutputFile(tmp_path / kind)
    if kind in ("folder", "pipe", "to a pipe", "device", "to a folder", "loop"):
        with pytest.raises(InputError, match="name"):
            OutputFile(tmp_path / kind, force=True)
        with pytest.raises(InputError, match="name"):
            write_starter(tmp_path / kind, force=True)
    assert states(tmp_path) == before


def test_a_page_of_ours_is_replaced_also_through_a_link_and_stays_what_it_is(
    tmp_path: Path,
) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    OutputFile(page).write("one")
    page.chmod(0o640)
    link.symlink_to(page)
    OutputFile(link).write("two")
    assert link.is_symlink()
    assert (page.read_text(), page.stat().st_mode & 0o777) == ("two", 0o640)
    page.write_text("changed by hand")
    with pytest.raises(InputError, match="or was changed since"):
        OutputFile(link)
    OutputFile(link, force=True).write("three")
    page.chmod(0o440)
    with pytest.raises(InputError, match="is read-only"):
        OutputFile(page, force=True)
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "link.html"}


@pytest.mark.parametrize(
    "name", ["a" * 255, "b\udcff", "c\nd", "e.part", "-f", "x" * 250 + ".html"]
)
def test_odd_names_of_outputs_are_as_good_as_any(
    name: str, scenario: Scenario, tmp_path: Path
) -> None:
    run(scenario, out=tmp_path / name)
    run(scenario, out=tmp_path / name)
    assert set(contents(tmp_path / name)) == set(RUN_FILES)
    result = load_result(tmp_path / name)
    assert isinstance(result, RunResult)
    assert len(result.calls) == 120
    (tmp_path / "pages").mkdir()
    OutputFile(tmp_path / "pages" / name).write("page")
    assert [path.name for path in (tmp_path / "pages").iterdir()] == [name]


@pytest.mark.parametrize("name", ["", ".", "..", "a" * 256, "n\0l", "no/such/folder"])
def test_names_that_are_no_files_are_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a"):
        OutputFile(tmp_path / name)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("command", ["run", "plan"])
def test_an_interrupt_while_drawing_says_what_is_written(
    command: str, inside: bool, file: Path, tmp_path: Path
) -> None:
    page = tmp_path / ("out/page.html" if inside else "page.html")
    code = (
        "import sys\n"
        "import simulation.report.page as page\n"
        "def report(*_): raise KeyboardInterrupt\n"
        "page.report = report\n"
        f"sys.argv = ['creditsim', {command!r}, {str(file)!r}, '--out', 'out', '--report', "
        f"{str(page)!r}]\n"
        "from simulation.cli.commands import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == "interrupted; the tables are written to out, the page is not\n"
    names = RUN_FILES if command == "run" else PLAN_FILES
    assert set(contents(tmp_path / "out")) == set(names)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_the_page_is_part_of_the_result_that_it_shows(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert creditsim("run", file, "--out", out, "--report", out / "page.html").returncode == 0
    assert set(contents(out)) == {*RUN_FILES, "page.html"}
    assert creditsim("run", file, "--seed", "5", "--out", out).returncode == 0
    assert set(contents(out)) == set(RUN_FILES)  # an old page would show another result
    assert creditsim("report", out).returncode == 0
    assert creditsim("report", out).returncode == 0
    (out / "report.html").write_text("mine")
    done = creditsim("report", out)
    assert done.returncode == 2
    assert (out / "report.html").read_text() == "mine"
    taken = creditsim("run", file, "--out", out, "--report", out / "summary.json")
    assert taken.stderr.endswith("is the name of a table, name another file\n")
    assert creditsim("batch", file, "--out", out, "--confirm", "none").returncode == 0
    assert (out / "report.html").read_text() == "mine"
    (out / "portfolio.csv").write_text("mine")
    done = creditsim("batch", file, "--out", out, "--confirm", "none")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds portfolio.csv that creditsim did not write" in done.stderr


@pytest.mark.parametrize("was_there", [True, False])
def test_an_interrupt_before_anything_is_written_leaves_no_folder_that_was_not_there(
    was_there: bool, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    if was_there:
        out.mkdir()

    def interrupted() -> None:
        with OutputFolder(out, RUN_FILES) as output:
            output.part("summary.json").write_text("{")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.rglob("*")] == (["out"] if was_there else [])
