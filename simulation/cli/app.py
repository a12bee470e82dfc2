"""What all commands share: options, exit codes, and how wrong input is told."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, ParamSpec

import typer

from simulation.plain_text import in_json
from simulation.signals import exit_code, interrupt_behind, stoppable

__all__ = [
    "CANNOT_PRINT",
    "FINISHED_WITH_FAILURES",
    "app",
    "command",
    "fail",
    "print_json",
    "show_own_warnings_alone",
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


def fail(message: str, code: int = INPUT_IS_WRONG) -> NoReturn:
    """Say what is wrong, and end."""
    print(message, file=sys.stderr)
    raise typer.Exit(code)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from simulation.version import __version__

        print(f"creditsim {__version__}")
        raise typer.Exit


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
