"""The command line: reads arguments, calls the library, prints. Heavy imports wait for need."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation.bounds import MOST_CREDITS, MOST_LICENSES, MOST_REPLICATIONS
from simulation.cli.app import (
    CANNOT_PRINT,
    AsJson,
    Assignments,
    Confined,
    Confirm,
    Force,
    MaxReplications,
    Replications,
    ReportFile,
    ScenarioFile,
    Seed,
    TraceMegabytes,
    Workers,
    app,
    command,
    fail,
    path_argument,
    path_option,
    print_json,
    read_confirm,
    show_own_warnings_alone,
    tell_remark,
    whole_option,
)
from simulation.cli.batch_command import batch
from simulation.cli.results import Destination, draw_saved
from simulation.cli.terminal import PrintError, guard, stop_printing
from simulation.formats import PLAN_FILES, RUN_FILES, TRACE_MEGABYTES, Access, shown
from simulation.plain_text import one_line
from simulation.signals import leave_to_the_system

if TYPE_CHECKING:
    from simulation.experiment import RunResult
    from simulation.formats import OutputFolder
    from simulation.planning import Plan
    from simulation.scenario import Scenario

__all__ = ["app", "main"]


def _load(
    path: Path, assignments: list[str] | None, access: Access, **options: int | None
) -> Scenario:
    """Load a scenario with the changes of ``--set``, and of options named like its keys."""
    from simulation.scenario import load_scenario

    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    scenario = load_scenario(path, [*(assignments or []), *given], **access._asdict())
    for remark in scenario.remarks():
        tell_remark(remark)
    return scenario


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from simulation import __version__

        print(f"creditsim {__version__}")
        raise typer.Exit


@command
def new(
    path: Annotated[Path, path_argument("PATH", "Where to write it.")] = Path("scenario.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write a commented scenario to start from.

    Example: creditsim new my-org.yaml
    """
    from simulation.scenario import write_starter

    write_starter(path, force)
    named = shlex.quote(shown(path))
    print(f"Wrote {named}. Change it to your org, then: creditsim validate {named}")


@command
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
    from simulation.batch import is_portfolio, read_portfolio, told_once
    from simulation.errors import InputError

    valid: list[tuple[Path | str, Scenario]] = []
    problems: list[str] = []
    access = Access(confined, trace_megabytes)
    for path in scenarios:
        try:
            if not is_portfolio(path):
                valid.append((path, _load(path, set_, access)))
                continue
            items = read_portfolio([path], access).items
        except InputError as error:
            problems += map(str, error.problems)
            continue
        wrong: list[tuple[str, str]] = []
        for item in items:
            try:
                valid.append((f"{item.source}: {item.name}", item.load(set_ or ())))
            except InputError as error:
                wrong += ((item.source, str(problem)) for problem in error.problems)
        for first, count in told_once(wrong):
            problems.append(f"{wrong[first][1]}{f' (fails {count:,} orgs)' if count > 1 else ''}")
    _tell_valid(valid, problems if as_json else None)
    if problems:
        fail("\n".join(problems))


def _tell_valid(valid: list[tuple[Path | str, Scenario]], problems: list[str] | None) -> None:
    """Say what scenarios are and how much work a run of each is; as JSON if with problems."""
    from simulation.demand import too_much, workload_of
    from simulation.experiment import cores

    told = []
    for place, scenario in valid:
        found = workload_of(scenario, "simpy", cores(None))
        for problem in too_much(scenario, found):
            tell_remark(problem)
        if problems is None:
            what = f"{scenario.describe()}; a run takes {found.describe()}"
            print(one_line(f"{shown(place)}: valid, {what}"))
        work = {"calls": found.calls, "bytes": found.memory, "seconds": found.seconds}
        named = {"file": shown(place), "name": scenario.name, "limit": scenario.limit}
        told.append({**named, "run": work})
    if problems is not None:
        print_json({"valid": told, "problems": problems})


@command
def schema() -> None:
    """Print the JSON Schema of a scenario file.

    Example: creditsim schema > scenario.schema.json
    """
    from simulation.scenario import scenario_schema

    print(scenario_schema(), end="")


@command
def quote(
    edition: Annotated[str, typer.Option(help="Edition of the rate card, or an alias.")],
    licenses: Annotated[
        int | None, whole_option("--licenses", 0, MOST_LICENSES, "User licenses.")
    ] = None,
    addon: Annotated[
        int, whole_option("--addon", 0, MOST_CREDITS, "Add-on credits per 24 hours.")
    ] = 0,
    rate_card: Annotated[str, typer.Option(help="Name, or path of a file.")] = "kaizen-34",
    as_json: AsJson = False,
) -> None:
    """Say how large a pool is, and what add-on credits cost.

    Example: creditsim quote --edition professional --licenses 40 --addon 75000
    """
    from simulation.rate_cards import RateCard

    card = RateCard.load(rate_card)
    result = card.quote(edition, licenses, addon)
    if as_json:
        print_json(result.model_dump())
        return
    from simulation.cli.card_view import quote_view
    from simulation.cli.console import Console

    Console().print(quote_view(result, card))


@command
def rate_cards(
    name: Annotated[str | None, typer.Argument(help="Show this card, by name or path.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the rate cards, or show one with its sources.

    Example: creditsim rate-cards kaizen-34
    """
    from simulation.rate_cards import RateCard, shipped_rate_cards

    if name is not None:
        card = RateCard.load(name)
        if as_json:
            print_json(card.model_dump(mode="json"))
            return
        from simulation.cli.card_view import rate_card_view
        from simulation.cli.console import Console

        Console().print(rate_card_view(card))
        return
    cards = [RateCard.load(shipped) for shipped in shipped_rate_cards()]
    if as_json:
        print_json([{"name": card.name, "title": card.title} for card in cards])
    else:
        for card in cards:
            print(f"{card.name:<16}{card.title}")


@command
def run(
    scenario: ScenarioFile,
    set_: Assignments = None,
    seed: Seed = None,
    replications: Annotated[
        int | None,
        whole_option("--replications", 1, MOST_REPLICATIONS, "In place of the scenario's."),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="simpy, the reference, or compiled: the same, much faster.")
    ] = "simpy",
    workers: Workers = None,
    force: Force = False,
    precision: Annotated[
        str | None,
        typer.Option(
            help="Add replications until the throttled share is known to within a part of itself, "
            "such as 5%."
        ),
    ] = None,
    max_replications: Annotated[
        int | None,
        whole_option(
            "--max-replications", 1, MOST_REPLICATIONS, "For --precision; 1000 unless given."
        ),
    ] = None,
    interval: Annotated[str, typer.Option(help="Rows of intervals.parquet.")] = "1 hour",
    out: Annotated[
        Path | None,
        path_option("--out", "Folder for calls, tables, summary and scenario."),
    ] = None,
    report: ReportFile = None,
    confined: Confined = False,
    trace_megabytes: TraceMegabytes = TRACE_MEGABYTES,
    as_json: AsJson = False,
) -> None:
    """Simulate a scenario: does the pool run dry, when, and why.

    Example: creditsim run scenarios/mid-market.yaml --set org.addon_credits=20000
    """
    access = Access(confined, trace_megabytes)
    checked = _load(scenario, set_, access, seed=seed, replications=replications)

    from simulation.cli.console import Console
    from simulation.cli.forecast import forecast
    from simulation.cli.progress import progress
    from simulation.cli.run_view import run_view
    from simulation.experiment import run as run_scenario

    def simulate(output: OutputFolder | None) -> RunResult:
        with progress("Simulating", "day") as watch:
            advance = forecast(checked, watch, workers) if engine == "simpy" else watch.advance
            return run_scenario(
                checked,
                engine=engine,
                precision=precision,
                max_replications=max_replications,
                interval=interval,
                out=output,
                keep_calls=False,
                workers=workers,
                force=force,
                progress=advance,
            )

    destination = Destination(out, report, RUN_FILES, force)
    result = destination.make(simulate)
    with destination.telling():
        if as_json:
            print_json(result.to_dict())
            return
        Console().print(run_view(result, precision))
        destination.tell()


@command
def plan(
    scenario: ScenarioFile,
    set_: Assignments = None,
    seed: Seed = None,
    replications: Replications = None,
    max_replications: MaxReplications = None,
    confirm: Confirm = "1000000",
    workers: Workers = None,
    force: Force = False,
    out: Annotated[
        Path | None,
        path_option("--out", "Folder for the frontier, the plan and the scenario."),
    ] = None,
    report: ReportFile = None,
    confined: Confined = False,
    trace_megabytes: TraceMegabytes = TRACE_MEGABYTES,
    as_json: AsJson = False,
) -> None:
    """Find the cheapest purchase that meets the objective, and why.

    Example: creditsim plan scenarios/mid-market.yaml --out plan
    """
    access = Access(confined, trace_megabytes)
    checked = _load(scenario, set_, access, seed=seed, replications=replications)
    most_confirmed = read_confirm(confirm)

    from simulation.cli.console import Console
    from simulation.cli.plan_view import plan_view
    from simulation.cli.progress import progress
    from simulation.planning import plan as plan_scenario

    def judge(output: OutputFolder | None) -> Plan:
        with progress("Judging", "step") as watch:
            return plan_scenario(
                checked,
                max_replications=max_replications,
                confirm=most_confirmed,
                workers=workers,
                force=force,
                out=output,
                progress=watch.advance,
            )

    destination = Destination(out, report, PLAN_FILES, force)
    result = destination.make(judge)
    with destination.telling():
        if as_json:
            print_json(result.to_dict())
            return
        Console().print(plan_view(result))
        destination.tell()


command(batch)


@command
def report(
    folder: Annotated[Path, path_argument("DIR", "What `run --out` or `plan --out` wrote.")],
    file: Annotated[
        Path | None,
        path_option("--file", "The page; DIR/report.html unless given."),
    ] = None,
    force: Force = False,
) -> None:
    """Draw a result: one page that opens offline, to share.

    Example: creditsim report results
    """
    page = folder / "report.html" if file is None else file
    draw_saved(folder, page, force)
    print(f"Written to {page}")


def main() -> None:
    """Run the command line."""
    try:
        guard()
        show_own_warnings_alone()
        leave_to_the_system()
        try:
            app()
        finally:
            sys.stdout.flush()
    except PrintError as error:
        stop_printing()
        if error.has_seen_enough:  # a reader such as head
            sys.exit(0)
        print(f"standard output cannot be written ({error}), send it elsewhere", file=sys.stderr)
        sys.exit(CANNOT_PRINT)
