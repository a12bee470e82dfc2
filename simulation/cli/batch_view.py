"""What the terminal shows of a batch: its progress, then what each org should do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from simulation.batch import BatchProgress, BatchResult, distinct_failures
from simulation.cli.console import NOT_DECIDED, Console, table_of
from simulation.formats import counted, dollars, in_words, percent
from simulation.report import portfolio_findings

__all__ = ["batch_progress", "batch_view"]

_LINE_EVERY_S = 10.0
_NAMES, _FAILURES, _ROWS, _CAUSE = 8, 10, 15, 14

_DID = {
    "new": "planned for the first time",
    "changed": "changed and planned again",
    "retried": "retried",
    "kept": "kept as they were",
}


@contextmanager
def batch_progress() -> Iterator[Callable[[BatchProgress], None]]:
    """Provide a progress callback: a bar on a terminal, elsewhere a line every ten seconds."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.fields[said]}"),
        BarColumn(bar_width=None),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", said="Planning")
    reasons, last_line = set[str](), time.monotonic()

    def advance(state: BatchProgress) -> None:
        nonlocal last_line
        reason = state.failure.replace(f"{state.source}: ", "")
        if reason and reason not in reasons:
            reasons.add(reason)
            if len(reasons) <= _FAILURES:
                console.print(f"failed: {state.failure}", soft_wrap=True)
            elif len(reasons) == _FAILURES + 1:
                console.print("failed: more than these; portfolio.csv will name all of them")
        if console.is_terminal:
            done = state.done + state.failed
            bar.update(task, completed=done, total=done + state.remaining, said=_said(state))
        elif time.monotonic() - last_line > _LINE_EVERY_S:
            last_line = time.monotonic()
            console.print(_said(state), soft_wrap=True)

    with bar:
        yield advance


def _said(state: BatchProgress) -> str:
    left = ""
    if state.seconds_left is not None and state.remaining:
        left = f", {in_words(state.seconds_left)} left"
    return f"{state.done:,} done, {state.failed:,} failed, {state.remaining:,} remaining{left}"


def batch_view(result: BatchResult) -> RenderableType:
    """Return the findings, a table of orgs, the failures, and what this batch did."""
    parts: list[RenderableType] = [Text(" ".join(portfolio_findings(result.totals)), style="bold")]
    rows = result.portfolio
    planned = rows[~rows["status"].isin(["failed", "pending"])]
    if len(planned):
        parts += [Text(""), _table(planned)]
    failed = rows[rows["status"] == "failed"]
    if len(failed):
        parts.append(Text(f"\n{counted(len(failed), 'org')} failed", style="bold"))
        failures = _failures(failed)
        parts += [Text(f"• {each}") for each, _ in failures[:_FAILURES]]
        if more := sum(count for _, count in failures[_FAILURES:]):
            parts.append(Text(f"• and {more:,} more in portfolio.csv"))
    return Group(*parts, Text(""), *map(Text, _what_was_done(result)))


def _failures(failed: pd.DataFrame) -> list[tuple[str, int]]:
    """Return each reason why orgs failed, in words, and how many failed for it."""
    rows = [*failed[["item", "source", "error"]].itertuples(index=False)]
    return [
        (f"{rows[first].item}{_others(count)}: {rows[first].error}", count)
        for first, count in distinct_failures((row.source, row.error) for row in rows)
    ]


def _others(count: int) -> str:
    return f" and {counted(count - 1, 'more org')}" if count > 1 else ""


def _table(planned: pd.DataFrame) -> Table:
    """Return a table of orgs: those at risk first, and of them the dearest."""
    safe = planned["safe_addon_credits"].notna()
    advised = {
        name: planned[f"safe_{name}"].where(safe, planned[name])
        for name in ("addon_credits", "price_per_month", "bill_per_month")
    }
    planned = planned.assign(**advised)
    price = planned["price_per_month"].map(_sortable)
    first = planned.assign(_price=price).sort_values(
        ["at_risk", "_price"], ascending=False, kind="stable"
    )
    shown = first.head(_ROWS)
    rest = f", the first {_ROWS} of {len(first):,}" if len(first) > _ROWS else ""
    title = f"Add-on credits for each org{rest}"
    unsure = "" if shown["decided"].all() else NOT_DECIDED
    # Both are shown where an org pays for what it uses.
    billed = bool((shown["bill_per_month"] < shown["price_per_month"].map(_sortable)).any())
    prices = ["$ at most", "bill"] if billed else ["$ a month"]
    table = table_of("org", "now", "advised", *prices, "sure", "cause", title=title)
    names = [_short(row.item, row.source) for row in shown.itertuples()]
    table.columns[0].min_width = min(20, max(map(len, names)))
    for name, row in zip(names, shown.to_dict("records"), strict=True):
        enough = not pd.isna(row["addon_credits"])
        sure = f"{percent(row['meets_probability'])}{'' if row['decided'] else ' ?'}"
        table.add_row(
            Text(name, style="bold" if row["at_risk"] else ""),
            f"{row['current_addon_credits']:,}",
            f"{row['addon_credits']:,}" if enough else "not enough",
            dollars(row["price_per_month"]) if enough else "",
            *([dollars(row["bill_per_month"]) if enough else ""] if billed else []),
            sure,
            Text(_cause(row)),
        )
    table.caption, table.caption_justify = unsure, "left"
    return table


def _short(item: str, source: str) -> str:
    """Return the name of an org for a narrow column: of a path, its last part."""
    return Path(item).name if item == source else item


def _sortable(price: Decimal | None) -> float:
    return float("inf") if price is None else float(price)


def _cause(row: dict[str, Any]) -> str:
    if pd.isna(row["caused_by"]):
        return ""
    name = str(row["caused_by"])
    short = name if len(name) <= _CAUSE else f"{name[: _CAUSE - 1]}…"
    return f"{short} {percent(row['caused_share'])}"


def _what_was_done(result: BatchResult) -> Iterator[str]:
    """Yield lines that say which orgs were planned, kept or left out."""
    for did, words in _DID.items():
        names = result.did.get(did, [])
        if not names:
            continue
        which = "" if did == "kept" else f": {_some(names)}"
        yield f"{len(names):,} {words}{which}"
    if result.left_out:
        left_out = _some(list(map(str, result.left_out)))
        yield f"Left out, no scenarios or written with a result: {left_out}"
    if result.not_named:
        yield f"Not named any more, left in items/ as they are: {_some(result.not_named)}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return f"{', '.join(names[:_NAMES])}{more}"
