"""The start of a new scenario: the commented starter file, and the schema for editors."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from simulation.errors import InputError, OutputError, Problem
from simulation.formats import OutputFile
from simulation.scenario.scenario import Scenario

__all__ = ["scenario_schema", "write_starter"]

_SCHEMA_LINE = "# yaml-language-server: $schema="


def scenario_schema() -> str:
    """Return the JSON Schema of a scenario file, as text."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Scenario.model_json_schema(),
        "title": "creditsim scenario",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_starter(path: Path, force: bool = False) -> None:
    """Write the starter scenario; its first line names the schema that ships.

    Raises
    ------
    InputError
        If the file exists and ``force`` is not set, or it cannot be written.
    """
    package = resources.files("simulation.scenario")
    text = (package / "starter.yaml").read_text(encoding="utf-8")
    with resources.as_file(package / "scenario.schema.json") as schema:
        text = f"{_SCHEMA_LINE}{schema}\n{text}"
    try:
        if force and path.exists():
            OutputFile(path, force).write(text)
            return
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        what = "exists already, name another file or add --force"
        raise InputError([Problem(str(path), "", what)]) from None
    except OSError as error:
        reason = (error.strerror or "unwritable").lower()
        what = f"cannot be written ({reason}), name another file"
        raise OutputError([Problem(str(path), "", what)]) from None
