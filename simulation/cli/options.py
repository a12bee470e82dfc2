"""The options and arguments that commands share; their values are read as those of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, NoReturn

import typer

from simulation.bounds import MOST_REPLICATIONS, MOST_SEED, MOST_WORKERS
from simulation.cli.app import fail
from simulation.formats import TRACE_MEGABYTES

if TYPE_CHECKING:
    from simulation.planning import Confirmed

__all__ = [
    "AsJson",
    "Assignments",
    "ChosenCard",
    "Confined",
    "Force",
    "PlanArguments",
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
    """Print what is wrong with an option or argument, and end."""
    from simulation.errors import Problem

    fail(str(Problem(name, "", what)))


def _whole(name: str, text: Any, least: int, most: int, more: str = "") -> int:
    """Return the whole number of an option, read as in files; ends if out of bounds."""
    from simulation.quantities import parse_whole

    try:
        number = parse_whole(text)
    except ValueError as error:
        _refuse(name, f"{error}{more}")
    if not least <= number <= most:
        _refuse(name, f"{number:,} is out of range, write {least:,} to {most:,}{more}")
    return number


def whole_option(name: str, least: int, most: int, help: str) -> Any:  # noqa: A002 - as Typer's
    """Return an option that takes a whole number within bounds, which its help names."""

    def read(text: Any) -> int:
        return _whole(name, text, least, most)

    bounded = f"{help} From {least:,} to {most:,}."
    return typer.Option(name, metavar="N", parser=read, help=bounded)


def _path_reader(name: str) -> Callable[[Any], Path]:
    """Return a parser of paths that refuses an empty one."""

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


def read_confirm(given: Any) -> Confirmed:
    """Return the value of ``--confirm``: a number of calls, all or none."""
    if given in ("all", "none"):
        return "all" if given == "all" else "none"
    return _whole("--confirm", given, 0, _MOST_TO_CONFIRM, ", or all or none")


ScenarioFile = Annotated[
    Path, path_argument("SCENARIO", "A scenario file; `creditsim new` writes one.")
]
ReportFile = Annotated[
    Path | None, path_option("--report", "Write a page with pictures to this file.")
]
Workers = Annotated[
    int | None,
    whole_option(
        "--workers", 1, MOST_WORKERS, "Processes or threads at once (default: one per core)."
    ),
]
Seed = Annotated[int | None, whole_option("--seed", 0, MOST_SEED, "In place of the scenario's.")]
Replications = Annotated[
    int | None,
    whole_option(
        "--replications",
        1,
        MOST_REPLICATIONS,
        "Initial replications, in place of the scenario's.",
    ),
]
MaxReplications = Annotated[
    int | None,
    whole_option(
        "--max-replications",
        1,
        MOST_REPLICATIONS,
        "Give up after this many (default 480, or 200 million calls).",
    ),
]
Confined = Annotated[
    bool,
    typer.Option(
        "--confined/--no-confined",
        help="Refuse a rate card or trace outside the scenario's folder.",
    ),
]
TraceMegabytes = Annotated[
    int, whole_option("--trace-megabytes", 1, 1_000_000, "The largest trace that may be read.")
]
ChosenCard = Annotated[
    str | None,
    typer.Option(
        "--rate-card",
        metavar="NAME|PATH",
        help="In place of the scenario's; a path starts at the current folder.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Replace files that creditsim did not write; start work that may take too much "
        "memory or time.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Confirm = Annotated[
    Any,  # a `Confirmed`; Typer takes no union
    typer.Option(
        metavar="N|all|none",
        parser=read_confirm,
        help="How many calls to check against the SimPy model; 0 is none.",
    ),
]


class PlanArguments(NamedTuple):
    """The options of plans, of one org or of many."""

    set_: Assignments = None
    rate_card: ChosenCard = None
    seed: Seed = None
    replications: Replications = None
    max_replications: MaxReplications = None
    confirm: Confirm = 1_000_000
    workers: Workers = None
    force: Force = False
    trace_megabytes: TraceMegabytes = TRACE_MEGABYTES
