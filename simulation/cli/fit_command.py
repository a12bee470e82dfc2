"""The command that makes a scenario of logs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from simulation.bounds import MOST_LICENSES
from simulation.cli.app import fail, print_json
from simulation.cli.options import AsJson, Force, path_argument, path_option, whole_option
from simulation.formats import shown

__all__ = ["fit"]

_DATES = ("day_first", "month_first")


def fit(
    logs: Annotated[list[Path], path_argument("LOG...", "Files, and patterns such as 'a/*.gz'.")],
    out: Annotated[Path, path_option("--out", "Write the scenario to this file.")],
    timezone: Annotated[
        str, typer.Option(help="By whose clocks clients call, such as Asia/Kolkata.")
    ] = "UTC",
    rate_card: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="The scenario's rate card.")
    ] = None,
    edition: Annotated[str | None, typer.Option(help="The org's edition.")] = None,
    licenses: Annotated[
        int | None, whole_option("--licenses", 0, MOST_LICENSES, "User licenses.")
    ] = None,
    client_by: Annotated[
        list[str] | None,
        typer.Option(help="What tells apps apart: user, agent, address; may be given again."),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="LOGGED=NAME", help="What to call an app; may be given again."),
    ] = None,
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Call apps what the log calls them.")
    ] = False,
    field: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=FIELD",
            help="What the log calls its time, method, path, status, user, agent, address, id, "
            "records or calls; may be given again.",
        ),
    ] = None,
    dates: Annotated[
        str | None,
        typer.Option(metavar="day_first|month_first", help="What 9/11/2026 means in the log."),
    ] = None,
    bucket: Annotated[
        str | None, typer.Option(help="The time that a count is of, where one row is all.")
    ] = None,
    log_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="PATTERN",
            help="How the server writes its lines: a LogFormat of Apache, such as "
            "'%h %l %u %t \"%r\" %>s %b %D', or a log_format of nginx.",
        ),
    ] = None,
    allow_skipped: Annotated[
        str, typer.Option(help="The share of lines that may be left out.")
    ] = "5%",
    calls: Annotated[
        Path | None, path_option("--calls", "A table of your own: requests, and kinds of call.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Make a scenario of logs: who calls, when, how much, and how surely that is known.

    Example: creditsim fit access.log --out org.yaml && creditsim plan org.yaml
    """
    from simulation.cli.progress import progress
    from simulation.fitting import FitOptions
    from simulation.fitting import fit as fitted
    from simulation.formats import OutputFile, to_json
    from simulation.moments import read_zone
    from simulation.quantities import parse_duration, parse_share
    from simulation.rate_cards import DEFAULT_RATE_CARD

    if dates not in (None, *_DATES):
        fail(f"--dates: {dates!r} is neither day_first nor month_first")
    try:
        options = FitOptions(
            timezone=read_zone(timezone),
            rate_card=rate_card or DEFAULT_RATE_CARD,
            edition=edition,
            user_licenses=licenses,
            names=_pairs("--name", name),
            keep_names=keep_names,
            day_first=None if dates is None else dates == "day_first",
            clients_by=client_by or (),
            fields=_pairs("--field", field),
            bucket=0 if bucket is None else parse_duration(bucket),
            log_format=log_format,
            allow_skipped=parse_share(allow_skipped),
            calls=calls,
        )
    except ValueError as error:
        fail(str(error))
    scenario_file = OutputFile(out, force)
    json_file = OutputFile(out.with_suffix(".fit.json"), force)
    with progress("Reading", "line"):
        found = fitted(*logs, options=options)
    scenario_file.write(found.text)
    json_file.write(to_json(found.report) + "\n")
    if as_json:
        print_json(found.report)
        return
    from simulation.cli.console import Console
    from simulation.cli.fit_view import fit_view

    Console().print(fit_view(found))
    named = shlex.quote(shown(out))
    print(f"Wrote {named}. Write your org into it, then: creditsim plan {named}")


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """Return what options such as ``--name curl=nightly-sync`` say."""
    found = {}
    for each in given or ():
        key, equals, value = each.partition("=")
        if not (key and equals and value):
            fail(f"{option}: {each!r} has no two sides, write it such as a=b")
        found[key] = value
    return found
