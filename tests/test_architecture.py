"""The house: twelve rooms, each of which imports downward alone. Imports are read from the code."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from simulation.lazy import offered
from tests.helpers import ROOT
from tests.rooms import FACES, FILES, ROOMS, floor, imports, room_of


def test_no_room_imports_one_above_it() -> None:
    wrong = [
        (module, other)
        for module, path in FILES.items()
        for other, _ in imports(path)
        if other.startswith("simulation") and floor(other) < floor(module)
    ]
    assert wrong == [("simulation.__main__", "simulation.cli")]


def test_no_modules_import_each_other() -> None:
    graph = {module: {other for other, _ in imports(path)} for module, path in FILES.items()}
    inside = {module: others & {*FILES} for module, others in graph.items()}
    TopologicalSorter(inside).prepare()  # raises CycleError where there is a circle


def test_a_room_is_entered_by_its_face() -> None:
    wrong = [
        (module, other)
        for module, path in FILES.items()
        for other, _ in imports(path)
        if room_of(other) and room_of(other) != room_of(module) and other.count(".") > 1
    ]
    assert wrong == []


def test_only_the_terminal_may_import_the_face_of_the_package() -> None:
    """That face is the user's; a room takes each name from the room in which it stands."""
    users = {
        module
        for module, path in FILES.items()
        for other, _ in imports(path)
        if other == "simulation"
    }
    assert {user for user in users if room_of(user) != "cli"} == set()


def test_a_report_neither_simulates_nor_reaches_what_does() -> None:
    """A page draws what a result holds."""
    wrong = [
        (module, other)
        for module, path in FILES.items()
        for other, _ in imports(path)
        if room_of(module) == "report" and room_of(other) in ("engine", "demand")
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_face_is_a_list_of_names_that_exist(room: str) -> None:
    text = FACES[room].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert not re.search(r"^\s*(def|class) ", text, re.MULTILINE), "a face defines nothing"
    names = dict(offered(f"simulation.{room}"))
    for name, home in names.items():
        assert name in ast_names(FILES[home]), f"{home} has no {name}"
        assert f"simulation.{room}.{name}" not in FILES, f"a module of the room hides {name}"


def ast_names(path: Path) -> set[str]:
    """Return the names that a module defines."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def test_no_module_outgrows_a_reader() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES.values()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_tests_stand_in_the_rooms_that_they_prove() -> None:
    rooms = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}
    assert rooms - {"benchmarks"} == {*ROOMS}
