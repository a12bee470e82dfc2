"""The options and arguments that commands share, and how their texts are read: as files are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from simulation.bounds import MOST_REPLICATIONS, MOST_SEED, MOST_WORKERS
from simulation.cli.app import fail

__all__ = [
    "AsJson",
    "Assignments",
    "Confined",
    "Confirm",
    "Force",
    "MaxReplications",
    "Replications",
    "ReportFile",
    "ScenarioFile",
    "Seed",
    "TraceMegabytes",
    "Workers",
    "path_argument",
    "path_option",
    "read_confirm",
    "whole_option",
]

_MOST_TO_CONFIRM = 10**18

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key, such as org.addon_credits=20000; may be given again.",
    ),
]


def _refuse(name: str, what: str) -> NoReturn:
    """Say what is wrong with an option or argument, and end."""
    from simulation.errors import Problem

    fail(str(Problem(name, "", what)))


def _whole(name: str, text: Any, least: int, most: int, more: str = "") -> int:
    """Return the whole number that an option gives, read as in files."""
    from simulation.quantities import parse_whole

    try:
        number = parse_whole(text)
    except ValueError as error:
        _refuse(name, f"{error}{more}")
    if not least <= number <= most:
        _refuse(name, f"{number:,} is out of range, write {least:,} to {most:,}{more}")
    return number


def whole_option(name: str, least: int, most: int, help: str) -> Any:  # noqa: A002 - as Typer's
    """Return an option that takes a whole number within bounds, which its help tells."""

    def read(text: Any) -> int:
        return _whole(name, text, least, most)

    told = f"{help} From {least:,} to {most:,}."
    return typer.Option(name, metavar="N", parser=read, help=told)


def _path_reader(name: str) -> Callable[[Any], Path]:
    """Return what reads a path that is not empty."""

    def read(text: Any) -> Path:
        from simulation.errors import InputError
        from simulation.formats import named_path

        try:
            return named_path(text, name)
        except InputError as error:
            fail(str(error))

    return read


def path_option(name: str, help: str) -> Any:  # noqa: A002 - as Typer's
    """Return an option that takes a path."""
    return typer.Option(name, metavar="PATH", parser=_path_reader(name), help=help)


def path_argument(name: str, help: str) -> Any:  # noqa: A002 - as Typer's
    """Return an argument that takes a path, or several."""
    reader = _path_reader(name.removesuffix("..."))
    return typer.Argument(metavar=name, parser=reader, help=help)


ScenarioFile = Annotated[
    Path, path_argument("SCENARIO", "A scenario file; `creditsim new` writes one.")
]
ReportFile = Annotated[
    Path | None, path_option("--report", "Write a page with pictures to this file.")
]
Workers = Annotated[
    int | None,
    whole_option(
        "--workers", 1, MOST_WORKERS, "Processes or threads; as many as cores unless given."
    ),
]
Seed = Annotated[int | None, whole_option("--seed", 0, MOST_SEED, "In place of the scenario's.")]
Replications = Annotated[
    int | None, whole_option("--replications", 1, MOST_REPLICATIONS, "To begin with.")
]
MaxReplications = Annotated[
    int | None,
    whole_option(
        "--max-replications",
        1,
        MOST_REPLICATIONS,
        "After which it stays undecided; 480, or 200 million calls.",
    ),
]
Confirm = Annotated[
    str, typer.Option(metavar="N|all|none", help="Calls to decide again in SimPy; 0 is none.")
]
Confined = Annotated[
    bool,
    typer.Option(
        "--confined/--no-confined",
        help="Refuse a rate card or trace outside the scenario's folder.",
    ),
]
TraceMegabytes = Annotated[
    int, whole_option("--trace-megabytes", 1, 1_000_000, "The largest trace that is read.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Replace files that creditsim did not write; begin what is too much work."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def read_confirm(confirm: str) -> int | Literal["all", "none"]:
    """Read what ``--confirm`` gives."""
    if confirm in ("all", "none"):
        return "all" if confirm == "all" else "none"
    return _whole("--confirm", confirm, 0, _MOST_TO_CONFIRM, ", or all or none")
