"""The house: data flows one way, and what is heavy is imported where it is used."""

from __future__ import annotations

import ast
import re

from tests.helpers import ROOT

PACKAGE = ROOT / "simulation"
ORDER = re.findall(
    r"`(?:\w+/)?(\w+)\.py`",
    "\n".join((PACKAGE / "README.md").read_text().split("\n\nTo read")[0].splitlines()),
)


FILES = {
    path.stem: path
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__init__" and "rate_cards" not in path.parts
}


def _imports(module: str) -> set[str]:
    """Return the modules of the package that a module imports, but for type checking alone."""
    tree = ast.parse(FILES[module].read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simulation."):
            name = str(node.module).removeprefix("simulation.")
            found |= {alias.name for alias in node.names} if name == "report" else {name}
    return found


def test_every_module_has_its_place_in_the_table_of_rooms() -> None:
    assert set(ORDER) == set(FILES)
    assert len(ORDER) == len(FILES)


def test_no_module_imports_one_that_stands_below_it() -> None:
    place = {module: n for n, module in enumerate(ORDER)}
    wrong = [
        (module, other)
        for module in ORDER
        for other in {name.rpartition(".")[2] for name in _imports(module)}
        if place[other] > place[module]
    ]
    assert wrong == []


def test_no_module_outgrows_a_reader() -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in FILES.values()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
