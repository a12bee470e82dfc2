"""What all commands share: options, exit codes, and how wrong input is told."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, ParamSpec

import typer

from simulation.bounds import MOST_REPLICATIONS, MOST_SEED, MOST_WORKERS
from simulation.plain_text import in_json
from simulation.signals import exit_code, interrupt_behind, stoppable

if TYPE_CHECKING:
    from simulation.errors import Problem

__all__ = [
    "CANNOT_PRINT",
    "FINISHED_WITH_FAILURES",
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
    "app",
    "command",
    "fail",
    "path_argument",
    "path_option",
    "print_json",
    "read_confirm",
    "show_own_warnings_alone",
    "tell_remark",
    "whole_option",
]

P = ParamSpec("P")

CANNOT_PRINT = 1
INPUT_IS_WRONG = 2
FINISHED_WITH_FAILURES = 3
_MOST_TO_CONFIRM = 10**18

app = typer.Typer(
    name="creditsim",
    help="Will your integrations run out of API credits? Simulate the pool and see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key, such as org.addon_credits=20000; may be given again.",
    ),
]


def fail(message: str, code: int = INPUT_IS_WRONG) -> NoReturn:
    """Say what is wrong, and end."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)


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


def tell_remark(remark: Problem) -> None:
    """Say of a valid scenario what may not be meant."""
    print(f"{remark} (a remark, the scenario is valid)", file=sys.stderr)


def command(function: Callable[P, None]) -> Callable[P, None]:
    """Make a function a command; wrong input becomes lines on stderr and exit code 2."""

    def stop_or_tell(*args: P.args, **kwargs: P.kwargs) -> None:
        from simulation.errors import InputError

        try:
            function(*args, **kwargs)
            sys.stdout.flush()
        except InputError as error:
            fail(str(error))
        except (KeyboardInterrupt, SystemError) as error:
            interrupt = interrupt_behind(error) if isinstance(error, SystemError) else error
            if interrupt is None:
                raise
            fail(str(interrupt) or "interrupted; nothing was written", exit_code(interrupt))

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        with stoppable():
            stop_or_tell(*args, **kwargs)

    app.command(help=None)(guarded)
    return guarded


def print_json(data: Any) -> None:
    """Print data for programs."""
    from simulation.formats import to_json

    print(in_json(to_json(data)))


def read_confirm(confirm: str) -> int | Literal["all", "none"]:
    """Read what ``--confirm`` gives."""
    if confirm in ("all", "none"):
        return "all" if confirm == "all" else "none"
    return _whole("--confirm", confirm, 0, _MOST_TO_CONFIRM, ", or all or none")


def show_own_warnings_alone() -> None:
    """Show our warnings in a line, and those of libraries only if Python was told to."""
    from simulation.errors import LoopWarning

    def show(message: Warning | str, category: type[Warning], *args: Any, **kwargs: Any) -> None:
        if issubclass(category, LoopWarning):
            print(f"creditsim: {message}", file=sys.stderr)
        else:
            show_any(message, category, *args, **kwargs)

    show_any, warnings.showwarning = warnings.showwarning, show
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", LoopWarning)
        os.environ["PYTHONWARNINGS"] = "ignore"  # in what is started, from its first line on
