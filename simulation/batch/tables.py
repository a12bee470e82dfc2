"""The tables of a batch, its totals and its page, written from what is kept of each org."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from simulation.batch.job import PLOTLY
from simulation.batch.rows import ALTERNATIVES, PORTFOLIO
from simulation.batch.store import TABLES, BatchStore
from simulation.batch.totals import Totals
from simulation.formats import OutputFolder, TableWriter, csv_writer, for_spreadsheets, to_json

__all__ = ["write_tables"]

_RUNTIMES = ("item", "did", "seconds", "attempts", "finished_at")
_PAGE = "portfolio.html"


def write_tables(
    store: BatchStore, orgs: Callable[[], Iterator[dict[str, Any]]], page: bool
) -> dict[str, Any]:
    """Return the totals; write them, the tables and the page, which appear together.

    Parameters
    ----------
    store : BatchStore
    orgs : callable
        Yields for each org its ``row``, its ``alternatives``, its ``runtime``, what this batch
        ``did`` about it, and whether it has a ``report``. It is called twice if there is a page.
    page : bool
        Whether to write a page; an existing one is made anew in any case.
    """
    totals = Totals()
    with OutputFolder(store.folder, TABLES, store.force) as output:
        with ExitStack() as stack:
            portfolio, alternatives = (
                stack.enter_context(
                    TableWriter(columns, output.part(f"{name}.csv"), output.part(f"{name}.parquet"))
                )
                for name, columns in (("portfolio", PORTFOLIO), ("alternatives", ALTERNATIVES))
            )
            text = output.part("runtimes.csv").open("w", encoding="utf-8", newline="")
            runtimes = csv_writer(stack.enter_context(text))
            runtimes.writerow(_RUNTIMES)
            for org in orgs():
                row, name = org["row"], org["row"]["item"]
                portfolio.write(row)
                for each in org["alternatives"]:
                    alternatives.write({**each, "item": name})
                runtime = {"item": for_spreadsheets(name), "did": org["did"], **org["runtime"]}
                runtimes.writerow(runtime.get(column) for column in _RUNTIMES)
                totals.add(row, org["alternatives"])
        sums = totals.to_dict()
        output.part("totals.json").write_text(to_json(sums) + "\n", encoding="utf-8")
        if page or (store.folder / _PAGE).exists():
            from plotly.offline import get_plotlyjs

            from simulation.report import write_portfolio_page

            output.part(PLOTLY).write_text(get_plotlyjs(), encoding="utf-8")
            write_portfolio_page(output.part(_PAGE), sums, orgs())
    return sums
