"""What all commands share: options, exit codes, and how wrong input is told."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, ParamSpec

import typer

from simulation.bounds import MOST_REPLICATIONS, MOST_SEED, MOST_WORKERS
from simulation.signals import exit_code, interrupt_behind, stoppable
from simulation.terminal import in_json

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
    "Seed",
    "TraceMegabytes",
    "Workers",
    "app",
    "calls_to_confirm",
    "command",
    "fail",
    "print_json",
    "tell_remark",
]

P = ParamSpec("P")

CANNOT_PRINT = 1
INPUT_IS_WRONG = 2
FINISHED_WITH_FAILURES = 3

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
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, max=MOST_WORKERS, help="Processes or threads; as many as cores unless given."
    ),
]
Seed = Annotated[int | None, typer.Option(min=0, max=MOST_SEED, help="In place of the scenario's.")]
Replications = Annotated[
    int | None, typer.Option(min=1, max=MOST_REPLICATIONS, help="To begin with.")
]
MaxReplications = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_REPLICATIONS,
        help="After which it stays undecided; 480, or 200 million calls.",
    ),
]
Confirm = Annotated[str, typer.Option(metavar="N|all|none", help="Calls to decide again in SimPy.")]
Confined = Annotated[
    bool,
    typer.Option(
        "--confined/--no-confined",
        help="Refuse a rate card or trace outside the scenario's folder.",
    ),
]
TraceMegabytes = Annotated[
    int, typer.Option(min=1, max=1_000_000, help="The largest trace that is read.")
]
Force = Annotated[
    bool,
    typer.Option(
        "--force", help="Replace files that creditsim did not write; begin what is too much work."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def fail(message: str, code: int = INPUT_IS_WRONG) -> NoReturn:
    """Say what is wrong, and end."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)


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
    from simulation.results import to_json

    print(in_json(to_json(data)))


def calls_to_confirm(confirm: str) -> int | Literal["all", "none"]:
    """Read what ``--confirm`` gives."""
    if confirm == "all":
        return "all"
    if confirm == "none":
        return "none"
    if re.fullmatch("[0-9]{1,18}", confirm):
        return int(confirm)
    fail(
        f"--confirm: {confirm!r} is no number of calls, write one of at most 18 digits, all or none"
    )
