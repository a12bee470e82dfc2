"""The commands about scenario files: write one, check some, print their schema."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation.bounds import MOST_LICENSES
from simulation.cli.app import fail, print_json
from simulation.cli.options import (
    AsJson,
    Assignments,
    Confined,
    TraceMegabytes,
    path_argument,
    whole_option,
)
from simulation.cli.reading import load, print_remark
from simulation.formats import TRACE_MEGABYTES, Access, shown
from simulation.plain_text import one_line
from simulation.rate_cards import DEFAULT_RATE_CARD

if TYPE_CHECKING:
    from simulation.scenario import Scenario

__all__ = ["new", "schema", "validate"]


def new(
    path: Annotated[Path, path_argument("PATH", "Where to write it.")] = Path("scenario.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    rate_card: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help=f"Its rate card, {DEFAULT_RATE_CARD} unless given; `creditsim rate-cards` says "
            "which is in force.",
        ),
    ] = None,
    edition: Annotated[
        str | None, typer.Option(help="Edition of the rate card, or an alias.")
    ] = None,
    licenses: Annotated[
        int | None, whole_option("--licenses", 0, MOST_LICENSES, "User licenses.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="Where hours and weekdays are read, such as Asia/Kolkata.")
    ] = None,
) -> None:
    """Write a commented scenario to start from; it starts on the coming Monday, today if it is one.

    Example: creditsim new my-org.yaml --rate-card zoho-crm-2026 --edition enterprise --licenses 25
    """
    from simulation.rate_cards import RateCard, superseded_by
    from simulation.scenario import write_starter

    write_starter(
        path,
        force,
        rate_card=rate_card,
        edition=edition,
        user_licenses=licenses,
        timezone=timezone,
    )
    if rate_card is None:
        newest = superseded_by(RateCard.load(DEFAULT_RATE_CARD))
        in_force = "it is in force"
        if newest is not None:
            in_force = f"in force is {newest.name}, chosen with --rate-card {newest.name}"
        print(f"It is on rate card {DEFAULT_RATE_CARD}; {in_force}.")
    named = shlex.quote(shown(path))
    logs = "or let your logs write one (creditsim fit access.log --out org.yaml)"
    print(f"Wrote {named}. Change it to your org, {logs}, then: creditsim validate {named}")


def validate(
    scenarios: Annotated[list[Path], path_argument("SCENARIO...", "Files.")],
    set_: Assignments = None,
    confined: Confined = False,
    trace_megabytes: TraceMegabytes = TRACE_MEGABYTES,
    as_json: AsJson = False,
) -> None:
    """Check scenario files, and those that a portfolio file makes, without running them.

    Example: creditsim validate scenarios/*.yaml
    """
    from simulation.batch import distinct_failures, portfolio_of
    from simulation.errors import InputError

    valid: list[tuple[Path | str, Scenario]] = []
    problems: list[str] = []
    access = Access(confined, trace_megabytes)
    for path in scenarios:
        try:
            portfolio = portfolio_of(path, access)
            if portfolio is None:
                valid.append((path, load(path, set_, access)))
                continue
        except InputError as error:
            problems += map(str, error.problems)
            continue
        wrong: list[tuple[str, str]] = []
        for item in portfolio.items:
            try:
                valid.append((f"{item.source}: {item.name}", item.load(set_ or ())))
            except InputError as error:
                wrong += ((item.source, str(problem)) for problem in error.problems)
        for first, count in distinct_failures(wrong):
            problems.append(f"{wrong[first][1]}{f' (fails {count:,} orgs)' if count > 1 else ''}")
    _print_valid(valid, problems if as_json else None)
    if problems:
        fail("\n".join(problems))


def _print_valid(valid: list[tuple[Path | str, Scenario]], problems: list[str] | None) -> None:
    """Print what scenarios are and how much work a run of each is; as JSON if given problems."""
    from simulation.demand import too_much, workload_of
    from simulation.experiment import cores

    listed = []
    for file, scenario in valid:
        found = workload_of(scenario, "simpy", cores(None))
        for problem in too_much(scenario, found):
            print_remark(problem)
        if problems is None:
            what = f"{scenario.describe()}; a run takes {found.describe()}"
            print(one_line(f"{shown(file)}: valid, {what}"))
        work = {"calls": found.calls, "bytes": found.memory, "seconds": found.seconds}
        named = {"file": shown(file), "name": scenario.name, "limit": scenario.limit}
        listed.append({**named, "run": work})
    if problems is not None:
        print_json({"valid": listed, "problems": problems})


def schema() -> None:
    """Print the JSON Schema of a scenario file.

    Example: creditsim schema > scenario.schema.json
    """
    from simulation.scenario import scenario_schema

    print(scenario_schema(), end="")
