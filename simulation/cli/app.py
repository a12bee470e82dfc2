"""What all commands share: how they are registered, exit codes, messages of wrong input."""

from __future__ import annotations

import functools
import inspect
import os
import shlex
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any, NoReturn, ParamSpec, get_type_hints

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
    "typed_command",
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
    """Print what is wrong on stderr, and end with an exit code."""
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


def command(function: Callable[P, None]) -> None:
    """Register a function as a command: wrong input becomes lines on stderr and exit code 2."""

    def run_or_fail(*args: P.args, **kwargs: P.kwargs) -> None:
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
            run_or_fail(*args, **kwargs)

    app.command(help=None)(laid_out(guarded))


def laid_out(function: Callable[..., None]) -> Callable[..., None]:
    """Return a function that takes the options of a group one by one, as Typer needs them.

    A group is a `NamedTuple` whose fields are options; a parameter of its type stands for them.
    So options that several commands share are written once, and passed on as one value.
    """
    parameters, groups = list[inspect.Parameter](), dict[str, Any]()
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        kind = parameter.annotation
        if not hasattr(kind, "_fields"):
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        groups[name] = kind
        types = get_type_hints(kind, include_extras=True)
        parameters += (
            inspect.Parameter(
                field,
                inspect.Parameter.KEYWORD_ONLY,
                default=kind._field_defaults[field],
                annotation=types[field],
            )
            for field in kind._fields
        )

    @functools.wraps(function)
    def gathered(**given: Any) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field: given.pop(field) for field in kind._fields})
        function(**given)

    gathered.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return gathered


def typed_command(context: typer.Context) -> str:
    """Return the command that runs as it can be typed again: its arguments, then its options.

    Without --force, which nothing that it says depends on.
    """
    from simulation.formats import shown

    words = dict[bool, list[str]]({True: [], False: []})
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name == "force":
            continue
        is_argument, value = parameter.param_type_name == "argument", context.params[name]
        key = [] if is_argument else [max(parameter.opts, key=len)]
        for each in value if isinstance(value, list | tuple) else [value]:
            words[is_argument] += key if each is True else [*key, shown(each)]
    return shlex.join(["creditsim", str(context.info_name), *words[True], *words[False]])


def print_json(data: Any) -> None:
    """Print data as JSON, for programs."""
    from simulation.formats import to_json

    print(in_json(to_json(data)))


def show_own_warnings_alone() -> None:
    """Show our own warnings in a line each, and those of libraries only on request (``-W``)."""
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
        os.environ["PYTHONWARNINGS"] = (
            "ignore"  # worker processes read it before any of our code runs
        )
