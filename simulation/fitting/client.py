"""One client's log, fitted: its schedules, and a law of what comes at random."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from simulation.fitting.cells import Cells
from simulation.fitting.hours import LocalClock
from simulation.fitting.random_part import random_parts
from simulation.fitting.result import Component, DayFactors, FittedClient, Outlier
from simulation.fitting.schedules import COARSEST, schedules_of
from simulation.fitting.spelling import span_text

__all__ = ["fit_client"]


def fit_client(
    name: str, cells: Cells, zone: ZoneInfo, start: dt.date | None = None
) -> FittedClient:
    """Return the laws by which a client calls, as its log shows them.

    Parameters
    ----------
    name : str
        The client's name.
    cells : Cells
        Its calls.
    zone : ZoneInfo
        The time zone by whose clocks it calls: that of the scenario.
    start : date, optional
        The local date on which the scenario starts: rates that grow are those of this date, and
        periods are counted from its midnight. The first date of the log unless given.
    """
    begin, end = cells.covered[0][0], cells.covered[-1][1]
    clock = LocalClock(zone, begin, end)
    if start is None:
        start = (
            (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=begin))
            .astimezone(zone)
            .date()
        )
    if not cells.total:
        what = "the log has no call of this client"
        return FittedClient(name, start, (), (), None, (what,))
    schedules, rest = schedules_of(cells, clock, start)
    notes = []
    if cells.grain > COARSEST:
        what = f"counts over {span_text(cells.grain)} cannot tell calls by the clock from others"
        notes.append(what)
    components: list[Component] = schedules
    outliers: tuple[Outlier, ...] = ()
    factors: DayFactors | None = None
    if rest.total:
        parts = random_parts(rest, clock, start, cells.total)
        components = [*schedules, *(part.component for part in parts)]
        dates = {each.date: each for part in reversed(parts) for each in part.outliers}
        outliers = tuple(dates[date] for date in sorted(dates))
        factors = parts[0].day_factors  # of the smallest bursts, of which there are the most
    return FittedClient(name, start, tuple(components), outliers, factors, tuple(notes))
