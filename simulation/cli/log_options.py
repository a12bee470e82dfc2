"""The options by which logs are read, of every command that reads some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar, get_args

import typer

from simulation.cli.app import fail
from simulation.cli.options import path_option

if TYPE_CHECKING:
    from simulation.fitting import FitOptions

__all__ = ["LogArguments", "fit_options", "pairs", "value_of"]

T = TypeVar("T")

_DATES = ("day_first", "month_first")


class LogArguments(NamedTuple):
    """How logs are read."""

    client_by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="user|agent|address", help="What tells apps apart; may be given again."
        ),
    ] = None
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=FIELD",
            help="What the log calls its time, method, path, status, user, agent, address, id, "
            "records or calls; may be given again.",
        ),
    ] = None
    dates: Annotated[
        str | None,
        typer.Option(metavar="day_first|month_first", help="What 9/11/2026 means in the log."),
    ] = None
    bucket: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Time that each count is of, in one row."),
    ] = None
    log_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="PATTERN",
            help="How the server writes its lines: a LogFormat of Apache, such as "
            "'%h %l %u %t \"%r\" %>s %b %D', or a log_format of nginx.",
        ),
    ] = None
    allow_skipped: Annotated[
        str, typer.Option(metavar="SHARE", help="The part of the lines that may be left out.")
    ] = "5%"
    calls: Annotated[
        Path | None, path_option("--calls", "Your own table of requests and their kinds of call.")
    ] = None


def fit_options(asked: LogArguments, **others: Any) -> FitOptions:
    """Return the options of a fit; ends with a message if one cannot be read."""
    from simulation.fitting import FitOptions
    from simulation.formats import listed
    from simulation.logs import FieldRole, Told, pattern_layout
    from simulation.quantities import parse_duration, parse_share

    if asked.dates not in (None, *_DATES):
        fail(f"--dates: {asked.dates!r} is neither day_first nor month_first")
    for each in asked.client_by or ():
        if each not in get_args(Told):
            fail(f"--client-by: {each!r} is none of {listed(get_args(Told), 'or')}")
    fields, roles = pairs("--field", asked.field), get_args(FieldRole)
    for role in fields.keys() - {*roles}:
        fail(f"--field: {role!r} is none of {listed(roles, 'or')}")
    allowed = value_of("--allow-skipped", parse_share, asked.allow_skipped)
    if allowed > 1:
        fail(f"--allow-skipped: {asked.allow_skipped} is more than all lines, write at most 100%")
    if asked.log_format is not None:
        value_of("--format", pattern_layout, asked.log_format)
    return FitOptions(
        day_first=None if asked.dates is None else asked.dates == "day_first",
        clients_by=asked.client_by or (),
        fields=fields,
        bucket=0 if asked.bucket is None else value_of("--bucket", parse_duration, asked.bucket),
        allow_skipped=allowed,
        log_format=asked.log_format,
        calls=asked.calls,
        **others,
    )


def value_of(option: str, reader: Callable[[str], T], text: str) -> T:
    """Return what an option says; ends with a message that names it if that cannot be read."""
    try:
        return reader(text)
    except ValueError as error:
        fail(f"{option}: {error}")


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Return what options such as ``--name curl=nightly-sync`` say."""
    found: dict[str, str] = {}
    for each in given or ():
        key, equals, value = each.partition("=")
        if not (key and equals and value):
            fail(f"{option}: {each!r} is no pair, write it such as a=b")
        if key in found:
            fail(f"{option}: {key!r} is given twice, as {found[key]!r} and {value!r}, name one")
        found[key] = value
    return found
