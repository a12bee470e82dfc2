"""The commands that make a result of one scenario, and the one that draws it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulation.bounds import MOST_REPLICATIONS
from simulation.cli.app import print_json
from simulation.cli.destination import Destination, draw_saved
from simulation.cli.options import (
    AsJson,
    Assignments,
    ChosenCard,
    Confined,
    Force,
    PlanArguments,
    ReportFile,
    ScenarioFile,
    Seed,
    TraceMegabytes,
    Workers,
    path_argument,
    path_option,
    whole_option,
)
from simulation.cli.reading import load
from simulation.formats import PLAN_FILES, RUN_FILES, TRACE_MEGABYTES, Access

if TYPE_CHECKING:
    from simulation.experiment import RunResult
    from simulation.formats import OutputFolder
    from simulation.planning import Plan

__all__ = ["plan", "report", "run"]


def run(
    scenario: ScenarioFile,
    set_: Assignments = None,
    rate_card: ChosenCard = None,
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
    checked = load(scenario, set_, access, rate_card, seed=seed, replications=replications)

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
    with destination.saying_what_is_written():
        if as_json:
            print_json(result.to_dict())
            return
        Console().print(run_view(result, precision))
        destination.print_paths()


def plan(
    scenario: ScenarioFile,
    asked: PlanArguments,
    out: Annotated[
        Path | None,
        path_option("--out", "Folder for the frontier, the plan and the scenario."),
    ] = None,
    report: ReportFile = None,
    confined: Confined = False,
    as_json: AsJson = False,
) -> None:
    """Find the cheapest purchase that meets the objective, and why.

    Example: creditsim plan scenarios/mid-market.yaml --out plan
    """
    access = Access(confined, asked.trace_megabytes)
    given = {"seed": asked.seed, "replications": asked.replications}
    checked = load(scenario, asked.set_, access, asked.rate_card, **given)

    from simulation.cli.console import Console
    from simulation.cli.plan_view import plan_view
    from simulation.cli.progress import progress
    from simulation.planning import PlanOptions, plan_with

    options = PlanOptions(
        max_replications=asked.max_replications,
        confirm=asked.confirm,
        workers=asked.workers,
        force=asked.force,
    )

    def judge(output: OutputFolder | None) -> Plan:
        with progress("Searching", "step") as watch:
            return plan_with(checked, options, output, watch)

    destination = Destination(out, report, PLAN_FILES, asked.force)
    result = destination.make(judge)
    with destination.saying_what_is_written():
        if as_json:
            print_json(result.to_dict())
            return
        Console().print(plan_view(result))
        destination.print_paths()


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
