"""The command that plans for many orgs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulation.cli.app import FINISHED_WITH_FAILURES, print_json
from simulation.cli.options import (
    AsJson,
    Confined,
    PlanArguments,
    path_option,
)

__all__ = ["batch"]


def batch(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATHS...",
            help="Scenario files, folders, globs, and portfolio files (CSV, or YAML with orgs).",
        ),
    ],
    out: Annotated[
        Path,
        path_option("--out", "Folder of results; the next batch goes on there."),
    ],
    asked: PlanArguments,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Use the workers of this Dask cluster."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Retry the orgs that failed.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Draw a page of the portfolio, and one of each org.")
    ] = False,
    confined: Confined = True,
    as_json: AsJson = False,
) -> None:
    """Plan for many orgs: what each should buy, what that costs together, who is at risk.

    Run it again with the same --out and it goes on where it was, planning only what is new or has
    changed. Exit code 3: done, but some orgs failed.

    Example: creditsim batch scenarios/portfolio.csv --out portfolio --report
    """
    from simulation.batch import plan_portfolio
    from simulation.cli.batch_view import batch_progress, batch_view

    with batch_progress() as advance:
        result = plan_portfolio(
            paths,
            out=out,
            set=asked.set_ or (),
            rate_card=asked.rate_card,
            replications=asked.replications,
            max_replications=asked.max_replications,
            seed=asked.seed,
            confirm=asked.confirm,
            workers=asked.workers,
            scheduler=scheduler,
            retry_failed=retry_failed,
            report=report,
            confined=confined,
            trace_megabytes=asked.trace_megabytes,
            force=asked.force,
            progress=advance,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        from simulation.cli.console import Console

        Console().print(batch_view(result))
        page = ", portfolio.html" if (out / "portfolio.html").exists() else ""
        tables = "portfolio.csv, alternatives.csv, totals.json, runtimes.csv"
        print(f"Written to {out}: {tables}{page}, items/")
    if result.totals["failed"]:
        raise typer.Exit(FINISHED_WITH_FAILURES)
