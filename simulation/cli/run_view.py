"""What the terminal shows of a run."""

from __future__ import annotations

from functools import partial

import pandas as pd
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simulation.cli.console import table_of
from simulation.cli.timeline_view import Timeline
from simulation.experiment import RunResult, Warmup, timeline
from simulation.formats import number, percent, period
from simulation.rate_cards import ALERT_LEVELS
from simulation.report import (
    limit_figures,
    precision_finding,
    run_figures,
    run_findings,
    run_on_estimates,
    start_finding,
    superseded_in_words,
)

__all__ = ["run_view", "start_view"]


def run_view(result: RunResult, precision: str | None = None) -> RenderableType:
    """Return what a run means, how near it came to a precision, and its tables."""
    parts: list[RenderableType] = [
        Text(result.scenario.describe(), style="dim"),
        Text(""),
        Text(" ".join(run_findings(result)), style="bold"),
        *map(Text, run_on_estimates(result)),
        *map(Text, superseded_in_words(result.scenario.card)),
        *start_view(result.warmup),
        *([] if precision is None else [Text(""), Text(precision_finding(result, precision))]),
        Text(""),
        Timeline(
            f"Available {result.scenario.card.pool.unit}",
            result.scenario.limit,
            period(result.scenario.counted),
            len(result.runs),
            partial(timeline, result),
        ),
        _overall_table(result),
        *_limit_table(result),
        _group_table(result, "client"),
    ]
    if result.category_runs["category"].nunique() > 1:
        parts.append(_group_table(result, "category"))
    parts.append(_alert_table(result))
    return Group(*parts)


def start_view(warmup: Warmup | None) -> list[Text]:
    """Return what the start of the runs does to the figures; nothing if it does not show."""
    said = start_finding(warmup)
    if warmup is None or not said:
        return []
    return [Text(""), Text(said, style="dim" if warmup.is_enough else "yellow")]


def _overall_table(result: RunResult) -> Table:
    many = len(result.runs)
    title = f"In one run, by {many:,} simulated" if many > 1 else "In the one run"
    table = table_of(title, "estimate", "95 % interval")
    for row in run_figures(result):
        table.add_row(*row)
    return table


def _limit_table(result: RunResult) -> list[Table]:
    """Return a table of the card's limits, where there is more than the pool."""
    rows = limit_figures(result)
    if not rows:
        return []
    table = table_of("by limit", "throttled first", "share", "peak", "size", "of it")
    for row in rows:
        table.add_row(Text(row.name), *row[1:])
    return [table]


def _group_table(result: RunResult, key: str) -> Table:
    table = table_of(f"by {key}", "calls", "credits", "share", "throttled", "lost", "95 % within")
    means = result.estimates(key)
    total = means["credits_used"].sum()
    for name, row in means.iterrows():
        delay = f"{number(row['delay_p95_s'])} s" if row["delay_p95_s"] > 0 else ""
        table.add_row(
            Text(str(name)),
            number(row["calls"]),
            number(row["credits_used"]),
            percent(row["credits_used"] / total) if total else "",
            "" if pd.isna(row["throttled_share"]) else percent(row["throttled_share"]),
            number(row["lost_calls"]),
            delay,
        )
    return table


def _alert_table(result: RunResult) -> Table:
    what = "usage, warm-up too" if result.scenario.warmup_end else "usage rose to"
    table = table_of(what, "in runs", "first, median", "days a run")
    many, alerts = len(result.runs), result.alerts
    epoch = result.scenario.clock.start_epoch
    for level in ALERT_LEVELS:
        rose = alerts[alerts["level_percent"] == level]
        first = rose.groupby("replication")["crossed_at"].min()
        moment = "never"
        if len(first):
            middle = int(first.astype("int64").median())
            moment = result.scenario.clock.say(middle - epoch)
        table.add_row(
            f"{level} % of the limit",
            f"{len(first):,} of {many:,}",
            moment,
            number(len(rose) / many),
        )
    return table
