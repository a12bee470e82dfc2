"""The package as one meets it at a prompt: its names, what is said of each, and its version."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import version

import simulation
from simulation import version as version_module
from tests.helpers import ROOT


def _fresh(code: str) -> str:
    """Return what a new Python prints that has imported nothing but the package."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_prompt_offers_the_public_names_and_nothing_else() -> None:
    offered = [name for name in dir(simulation) if not re.fullmatch(r"__\w+__", name)]
    assert offered == sorted(simulation.__all__)
    assert "__version__" in dir(simulation)
    assert "__doc__" in dir(simulation)
    for name in dir(simulation):
        getattr(simulation, name)


def test_a_prompt_offers_the_same_before_anything_is_used() -> None:
    shown = _fresh("import simulation; print(*dir(simulation))")
    assert [*shown.split()] == [name for name in dir(simulation) if name in shown.split()]
    assert {*simulation.__all__, "__version__"} <= {*shown.split()}


def test_the_docstring_says_what_each_public_name_is() -> None:
    lines = re.findall(r"^- (`.+?): \w.+$", simulation.__doc__ or "", re.MULTILINE)
    named = [name for line in lines for name in re.findall(r"`(\w+)`", line)]
    assert sorted(named) == sorted(simulation.__all__)


def test_importing_the_package_imports_nothing() -> None:
    code = "before = {*sys.modules}; import simulation; print(sorted({*sys.modules} - before))"
    assert _fresh(code) == "['__future__', 'simulation']"


def test_the_version_stands_in_one_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert ROOT / project["tool"]["hatch"]["version"]["path"] == ROOT / "simulation/version.py"
    assert simulation.__version__ == version_module.__version__ == version("creditsim")
    assigned = [
        path.name
        for path in (ROOT / "simulation").rglob("*.py")
        if re.search(r"^\s*(__version__|VERSION)\s*=", path.read_text(), re.MULTILINE)
    ]
    assert assigned == ["version.py"]
