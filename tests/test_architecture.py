"""The house: ten rooms, each of which imports downward alone. Imports are read from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.lazy import offered
from tests.helpers import ROOT

PACKAGE = ROOT / "simulation"
ROOMS = (
    *("cli", "batch", "report", "planning", "experiment", "engine", "demand", "scenario"),
    *("rate_cards", "formats"),
)
"""From the top down; below them are the modules that stand in no room."""

FILES = {
    ".".join(["simulation", *path.relative_to(PACKAGE).with_suffix("").parts]): path
    for path in PACKAGE.rglob("*.py")
    if path.name != "__init__.py"
}
FACES = {room: PACKAGE / room / "__init__.py" for room in ROOMS}


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each module that a file imports, and the name that it takes from it, if it names one.

    What is imported for type checkers counts: it is known, though it is not loaded.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                module, name = str(node.module), alias.name
                yield (f"{module}.{name}", "") if f"{module}.{name}" in FILES else (module, name)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


def room_of(module: str) -> str:
    """Return the room of a module; nothing for one that stands in no room, or is not ours."""
    parts = module.split(".")
    return parts[1] if parts[0] == "simulation" and parts[1:2] and parts[1] in ROOMS else ""


def floor(module: str) -> int:
    """Return how deep a module lies: 0 in the highest room, most in no room."""
    return ROOMS.index(room_of(module)) if room_of(module) else len(ROOMS)


def test_no_room_imports_one_above_it() -> None:
    wrong = [
        (module, other)
        for module, path in FILES.items()
        for other, _ in imports(path)
        if other.startswith("simulation") and floor(other) < floor(module)
    ]
    assert wrong == [("simulation.__main__", "simulation.cli")]


def test_a_room_is_entered_by_its_face() -> None:
    wrong = [
        (module, other)
        for module, path in FILES.items()
        for other, _ in imports(path)
        if room_of(other) and room_of(other) != room_of(module) and other.count(".") > 1
    ]
    assert wrong == []


def test_a_report_neither_simulates_nor_reaches_what_does() -> None:
    """A page draws what a result holds."""
    found = {
        (module, other)
        for module, path in FILES.items()
        for other, _ in imports(path)
        if room_of(module) == "report" and room_of(other) in ("engine", "demand")
    }
    assert found - {("simulation.report.run_in_words", "simulation.demand")} == set()


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


def test_every_module_has_its_place_in_the_table_of_rooms() -> None:
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    table = "".join(line for line in readme.splitlines() if line.startswith("| "))
    named = re.findall(r"`([\w/]+)\.py`", table)
    assert sorted(named) == sorted(
        str(path.relative_to(PACKAGE).with_suffix("")) for path in FILES.values()
    )


def test_no_module_outgrows_a_reader() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES.values()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_tests_stand_in_the_rooms_that_they_prove() -> None:
    rooms = {path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").exists()}
    assert rooms - {"benchmarks"} == {*ROOMS}
