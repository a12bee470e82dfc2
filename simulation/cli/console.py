"""What the terminal shows: findings first, then tables, at 80 columns and plain when piped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isinf, isnan

import pandas as pd
from rich import box
from rich.console import Console as _Console
from rich.console import ConsoleOptions, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from simulation.cli.terminal import unfiltered
from simulation.cli.timeline_view import Timeline
from simulation.experiment import RunResult, Warmup
from simulation.formats import money, number, percent
from simulation.plain_text import neutral
from simulation.quantities import DAYS_PER_MONTH
from simulation.rate_cards import ALERT_LEVELS, Quote, RateCard
from simulation.report import card_facts, precision_finding, run_findings, start_finding

__all__ = [
    "NOT_DECIDED",
    "Console",
    "progress",
    "quote_view",
    "rate_card_view",
    "run_view",
    "table_of",
]

NOT_DECIDED = "?: not decided; fewer may be enough, or this may not be"
"""What a table says of the sizes that it marks so."""

_QUICK_S = 1.0

_ROWS = {
    "calls": "calls submitted",
    "throttled_calls": "  first attempt throttled",
    "throttled_share": "  as a share",
    "succeeded_calls": "  succeeded",
    "lost_calls": "  lost",
    "impossible_calls": "    of them dearer than the limit",
    "unfinished_calls": "  unfinished at the end",
    "attempts": "attempts",
    "throttled_attempts": "  throttled",
    "credits_demanded": "credits demanded",
    "credits_used": "credits used",
    "peak_window_credits": "most credits held in any window, median",
    "exhausted_hours": "hours with the pool exhausted",
    "delay_p50_s": "seconds until success, median",
    "delay_p95_s": "seconds until success, 95th percentile",
    "delay_p99_s": "seconds until success, 99th percentile",
}
_ONLY_IF_ANY = {"impossible_calls", "unfinished_calls", "delay_p50_s", "delay_p95_s", "delay_p99_s"}


class Console(_Console):
    """A console that reads no name as markup and obeys no character in it.

    Parameters
    ----------
    stderr : bool
        Whether it writes to standard error.
    """

    def __init__(self, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        super().__init__(file=unfiltered(stream), markup=False, highlight=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        """Yield what is printed; colours are added to it later."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=neutral(segment.text))


@dataclass(frozen=True)
class Watch:
    """Somebody who watches work: told how far it is, and what there is to say meanwhile."""

    advance: Callable[[int, int], None]
    say: Callable[[str], None]


@contextmanager
def progress(what: str, unit: str) -> Iterator[Watch]:
    """Show progress on stderr once the work has taken a second, if it is a terminal."""
    console = Console(stderr=True)
    begun = time.monotonic()
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(f"{unit}s"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(what)

    def advance(done: int, of: int) -> None:
        if not bar.live.is_started and time.monotonic() - begun > _QUICK_S:
            bar.start()
        bar.update(task, completed=done, total=of)

    try:
        yield Watch(advance, bar.console.print)
    finally:
        bar.stop()


def table_of(*headings: str, title: str | None = None) -> Table:
    """Return an empty table: text in the first column, numbers in the others."""
    table = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    first, *others = headings
    table.add_column(first, overflow="ellipsis")  # alone gives way where the terminal is narrow
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def quote_view(quote: Quote, card: RateCard) -> RenderableType:
    """Show what an org gets and pays."""
    held = f", {quote.user_licenses:,} licenses" if quote.user_licenses else ""
    table = table_of(f"{quote.edition}{held}", quote.rate_card)
    maximum = "none" if quote.maximum is None else f"{quote.maximum:,}"
    for name, value in (
        ("allowance", f"{quote.allowance:,}"),
        ("add-on credits", f"{quote.addon_credits:,}"),
        ("edition's maximum", maximum),
        (f"limit: credits in any {card.window_in_words}", f"{quote.limit:,}"),
        ("purchase cap: add-on credits at most", f"{quote.purchase_cap:,}"),
        ("price per day", money(quote.price_per_day)),
        (f"price per month of {DAYS_PER_MONTH} days", money(quote.price_per_month)),
    ):
        table.add_row(Text(name), value)
    hint = f"Sources, and where they contradict themselves: creditsim rate-cards {card.name}"
    return Group(table, Text(hint, style="dim"))


def rate_card_view(card: RateCard) -> RenderableType:
    """Show a rate card with its sources and notes."""
    editions = table_of("edition", "allowance", "maximum", title="Editions")
    for name, edition in card.editions.items():
        names = name + (f" ({', '.join(edition.aliases)})" if edition.aliases else "")
        per = f" + {edition.per_license:,} × licenses" if edition.per_license else ""
        maximum = "none" if edition.maximum is None else f"{edition.maximum:,}"
        editions.add_row(Text(names), f"{edition.base:,}{per}", maximum)
    calls = table_of("call", "category", "credits", "records at most", title="Calls")
    for api, kind in card.calls.items():
        per = f" per {kind.per_records} records" if kind.per_records else ""
        calls.add_row(Text(api), kind.category, f"{kind.credits}{per}", f"{kind.max_records or ''}")
    slabs = table_of(
        "add-on credits", "$ per 1,000 and day", "month if full", title="Add-on credits"
    )
    for slab, edge in zip(card.addon_slabs, card.slab_edges(), strict=True):
        full = money(card.price_per_month(edge))
        if edge > card.purchase_cap_credits:
            full = "above the cap"
        slabs.add_row(f"up to {edge:,}", f"{slab.price_per_1000}", full)
    sources = [Text(f"• {s.title} ({s.date})\n  {s.url}") for s in card.sources]
    notes = [Text(f"• {note}") for note in card.notes]
    return Group(
        Text(f"{card.name}: {card.title}", style="bold"),
        editions,
        calls,
        slabs,
        Text(" ".join(card_facts(card))),
        Text("\nSources", style="bold"),
        *sources,
        Text("\nNotes", style="bold"),
        *notes,
    )


def run_view(result: RunResult, precision: str | None = None) -> RenderableType:
    """Show what a run means, and how near it came to a precision, then its tables."""
    parts: list[RenderableType] = [
        Text(result.scenario.describe(), style="dim"),
        Text(""),
        Text(" ".join(run_findings(result)), style="bold"),
        *start_view(result.warmup),
        *([] if precision is None else [Text(""), Text(precision_finding(result, precision))]),
        Text(""),
        Timeline(result, "Available credits"),
        _overall_table(result),
        _group_table(result, "client"),
    ]
    if result.category_runs["category"].nunique() > 1:
        parts.append(_group_table(result, "category"))
    parts.append(_alert_table(result))
    return Group(*parts)


def start_view(warmup: Warmup | None) -> list[Text]:
    """Show what the start of the runs does to the figures, if anything is to be said."""
    said = start_finding(warmup)
    if warmup is None or not said:
        return []
    return [Text(""), Text(said, style="dim" if warmup.is_enough else "yellow")]


def _overall_table(result: RunResult) -> Table:
    many = len(result.runs)
    title = f"In one run, by {many:,} simulated" if many > 1 else "In the one run"
    table = table_of(title, "estimate", "95 % interval")
    for statistic, name in _ROWS.items():
        estimate = result.estimate(statistic)
        if isnan(estimate.mean) or (statistic in _ONLY_IF_ANY and not estimate.mean):
            continue
        write = percent if statistic == "throttled_share" else number
        interval = ""
        if estimate.has_interval:
            interval = f"{write(estimate.low)} to {write(estimate.high)}"
            if isinf(estimate.high):
                interval = f"{write(estimate.low)} or more"
        table.add_row(name, write(estimate.mean), interval)
    return table


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
