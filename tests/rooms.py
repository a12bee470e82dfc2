"""The rooms of the house, and which imports which, read from the code.

python -m tests.rooms            # prints how many names each room (row) imports from each other
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.helpers import ROOT

__all__ = ["FACES", "FILES", "PACKAGE", "ROOMS", "floor", "imports", "modules", "room_of", "table"]

PACKAGE = ROOT / "simulation"
ROOMS = (
    *("cli", "batch", "report", "planning", "trust", "experiment", "engine", "fitting", "demand"),
    *("scenario", "rate_cards", "logs", "formats"),
)
"""From the top down; below them are the modules that stand in no room."""

FILES = {
    ".".join(["simulation", *path.relative_to(PACKAGE).with_suffix("").parts]): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py"
}
"""The modules of the package by name, without the faces."""

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


def table() -> str:
    """Return how many names each room, a row, takes from each other room, a column."""
    counts = Counter(
        (room_of(module), room_of(other))
        for module, path in FILES.items()
        for other, _ in imports(path)
        if room_of(module) != room_of(other)
    )
    width = max(map(len, ROOMS))
    lines = [" " * width + "".join(f"{room:>{width + 1}}" for room in ROOMS)]
    for room in ROOMS:
        cells = (counts[room, other] or "." for other in ROOMS)
        lines.append(f"{room:<{width}}" + "".join(f"{cell!s:>{width + 1}}" for cell in cells))
    return "\n".join(lines)


def modules() -> str:
    """Return a list of all modules, by room, each with the first line of its docstring."""
    parts = []
    for room in (*ROOMS, ""):
        parts += [f"### {room}" if room else "### Below all rooms", ""]
        for module, path in FILES.items():
            if room_of(module) == room:
                name = path.relative_to(PACKAGE / room).with_suffix("")
                says = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
                parts.append(f"- [`{name}`]({path.relative_to(PACKAGE)}): {says.splitlines()[0]}")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    print(table())
