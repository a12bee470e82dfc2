"""The house: data flows one way, and what is heavy is imported where it is used."""

from __future__ import annotations

import ast
import re

from tests.helpers import ROOT

PACKAGE = ROOT / "simulation"
ORDER = re.findall(
    r"`(\w+)\.py`",
    "\n".join((PACKAGE / "README.md").read_text().split("\n\nTo read")[0].splitlines()),
)


def _imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports, but for type checking alone."""
    tree = ast.parse((PACKAGE / f"{module}.py").read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simulation."):
            found.add(str(node.module).removeprefix("simulation."))
    return found


def test_every_module_has_its_place_in_the_table_of_rooms() -> None:
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert set(ORDER) == modules
    assert len(ORDER) == len(modules)


def test_no_module_imports_one_that_stands_below_it() -> None:
    place = {module: n for n, module in enumerate(ORDER)}
    wrong = [
        (module, other)
        for module in ORDER
        for other in _imports(module)
        if place[other] > place[module]
    ]
    assert wrong == []


def test_no_module_outgrows_a_reader() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
