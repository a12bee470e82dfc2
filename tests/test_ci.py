"""What a change must hold before it lands is the same on one's own machine and in CI."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

from tests import branches, mutation
from tests.helpers import ROOT

CI = (ROOT / ".ci" / "run").read_text()


def _hooks() -> list[dict[str, Any]]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return [hook for repository in config["repos"] for hook in repository["hooks"]]


def test_a_commit_is_checked_by_the_commands_that_ci_runs() -> None:
    block = re.search(r'echo "== lint and types"\n((?:    \S.*\n)+)', CI)
    assert block is not None
    in_ci = [line.strip() for line in block[1].splitlines()]
    assert [hook["entry"] for hook in _hooks()] == in_ci
    assert {command.split()[0] for command in in_ci} == {".venv/bin/ruff", ".venv/bin/mypy"}


def test_hooks_look_at_the_whole_repository_with_the_tools_of_the_environment() -> None:
    for hook in _hooks():
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False


def test_the_lock_pins_all_that_is_asked_for_within_what_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lines = re.findall(r"^\w.*==.*$", (ROOT / ".ci" / "lock.txt").read_text(), re.MULTILINE)
    for python in ("3.11", "3.12", "3.13"):
        pinned = {}
        for pin in map(Requirement, lines):
            here = {"python_version": python, "python_full_version": f"{python}.0"}
            if pin.marker is None or pin.marker.evaluate(here):
                assert pin.name not in pinned, f"{pin.name} is pinned twice for Python {python}"
                pinned[pin.name] = next(iter(pin.specifier)).version
        for wanted in map(Requirement, asked):
            assert pinned[wanted.name.lower()] in wanted.specifier, f"{wanted}: run .ci/lock"


def test_the_whole_suite_runs_on_one_python_and_what_versions_change_on_another() -> None:
    runs = re.findall(
        r'suite "\$(newest|oldest)" -m "(.*?)" --hypothesis-profile ci ?(.*) \|\|', CI
    )
    assert runs[0] == ("newest", "not long", "")
    assert [run[:2] for run in runs[1:]] == [("oldest", "not long and not once and not proof")]
    for pattern in runs[1][2].split():
        assert list(ROOT.glob(pattern)), pattern


def test_the_count_of_branches_runs_all_tests_of_its_rooms() -> None:
    wanted = {ROOT / where / room for room in branches.ROOMS for where in ("tests", "simulation")}
    assert {Path(name) for name in branches.TESTS} == wanted


def test_every_module_of_a_measured_room_counts_and_no_other() -> None:
    measured = {
        "files": {
            f"simulation/{file}": {
                "summary": {"covered_branches": taken, "num_branches": branches},
                "missing_branches": missing,
            }
            for file, taken, branches, missing in [
                ("demand/demand.py", 3, 4, [[7, -1]]),
                ("demand/streams.py", 6, 6, []),
                ("report/page.py", 0, 9, [[1, 2]]),
                ("quantities.py", 0, 9, [[1, 2]]),
                ("engine/compiled/model.py", 2, 2, []),
                ("planning/search.py", 1, 2, [[5, 9]]),
            ]
        }
    }
    found = branches.shares(measured)
    assert found["demand"] == branches.Share(9, 10, ["simulation/demand/demand.py:7 to the end"])
    assert found["demand"].share == 0.9
    assert found["demand/streams.py"] == branches.Share(6, 6, [])
    assert found["planning/search.py"].missing == ["simulation/planning/search.py:5 to 9"]
    assert {name.partition("/")[0] for name in found} == {"demand", "engine", "planning"}
    assert found["engine/compiled/model.py"] == branches.Share(2, 2, [])


def test_the_tests_that_are_measured_exist() -> None:
    for name in branches.TESTS:
        assert Path(name).is_dir(), name
    for name in branches.LOOPS:
        assert branches.file_of(name).is_file(), name


def test_mutation_testing_names_modules_lines_and_tests_that_there_are() -> None:
    setup = tomllib.loads((ROOT / "tests" / "mutation.toml").read_text())
    assert mutation.outdated(setup) == []
    setup["planning/search"]["chosen"] = [["no such line", ""]]
    setup["engine/pool"] |= {"harmless": {"x -> y": "why"}, "quick": ["tests/test_pool.py"]}
    setup["engine/poole"] = {}
    assert [each.partition(":")[0] for each in mutation.outdated(setup)] == [
        *("engine/pool", "engine/pool", "planning/search", "engine/poole")
    ]
