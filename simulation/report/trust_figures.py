"""Pictures of a log beside its model, and of predictions beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import plotly.graph_objects as go

from simulation.moments import local_time
from simulation.report.colours import BAND, BLUE, GREEN, GREY, ORANGE
from simulation.report.figure_style import blank_figure
from simulation.trust import GAP_EDGES, Backtest, Comparison

__all__ = ["daily_peaks", "gaps", "hours_of_week", "rolling_demand", "throttled_by_size"]

_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_LOG, _MODEL = "log", "model"


def rolling_demand(found: Comparison) -> go.Figure:
    """Return a figure of the credits of the last window over time: the log, and the model."""
    figure = blank_figure(360)
    days = found.days
    begin, zone = days.scenario.clock.start_epoch, days.scenario.timezone
    times = [local_time(begin + hour, zone).replace(tzinfo=None) for hour in days.hours.tolist()]
    median, low, high = found.hourly.T
    _add_band(figure, times, low, high)
    figure.add_scatter(x=times, y=median, name=_MODEL, line={"color": BLUE, "width": 1.5})
    figure.add_scatter(x=times, y=found.log.hourly, name=_LOG, line={"color": ORANGE, "width": 2})
    unit = days.scenario.card.pool.unit
    figure.update_yaxes(title_text=f"{unit} in {days.scenario.card.window_in_words}")
    figure.update_yaxes(rangemode="tozero")
    return figure


def _add_band(figure: go.Figure, x: Sequence[date], low: object, high: object) -> None:
    """Add what holds 95 % of the replications."""
    edge = {"x": x, "mode": "lines", "line": {"width": 0}}
    figure.add_scatter(y=low, showlegend=False, hoverinfo="skip", **edge)
    figure.add_scatter(
        y=high, fill="tonexty", fillcolor=BAND, name="19 of 20 simulated runs", **edge
    )


def hours_of_week(found: Comparison) -> go.Figure:
    """Return a figure of the mean number of calls in each hour of the week."""
    figure = blank_figure(300)
    weeks = np.maximum(1, np.bincount(found.days.hour_of_week, minlength=168))
    labels = [f"{_WEEKDAYS[hour // 24]} {hour % 24:02}:00" for hour in range(168)]
    for name, calls, colour in ((_LOG, found.log.hours, ORANGE), (_MODEL, found.hours, BLUE)):
        figure.add_scatter(
            x=labels, y=calls / weeks, name=name, line={"color": colour, "shape": "hv"}
        )
    figure.update_xaxes(type="category", tickvals=labels[::24], ticktext=_WEEKDAYS)
    figure.update_yaxes(title_text="calls an hour", rangemode="tozero")
    return figure


def gaps(found: Comparison) -> go.Figure:
    """Return a figure of which share of the gaps between calls is longer than a time."""
    figure = blank_figure(300)
    seconds = GAP_EDGES[1:] / 1e6
    for name, counts, colour in ((_LOG, found.log.gaps, ORANGE), (_MODEL, found.gaps, BLUE)):
        longer = 1 - np.cumsum(counts) / max(1, counts.sum())
        figure.add_scatter(x=seconds, y=longer, name=name, line={"color": colour})
    ticks = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86400]
    words = ["1 ms", "10 ms", "0.1 s", "1 s", "10 s", "1 min", "10 min", "1 h", "1 day"]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=words, title_text="gap between calls")
    figure.update_yaxes(tickformat=".0%", title_text="longer", range=[0, 1])
    return figure


def throttled_by_size(found: Comparison) -> go.Figure:
    """Return a figure of the share of calls that three pools throttle, in the log and the model."""
    figure = blank_figure(300)
    sizes = [f"{size:,} {found.days.scenario.card.pool.unit}" for size in found.throttled]
    its = list(found.throttled.values())
    medians = [each.median for each in its]
    figure.add_bar(x=sizes, y=[each.log for each in its], name=_LOG, marker={"color": ORANGE})
    figure.add_bar(
        x=sizes,
        y=medians,
        name=f"{_MODEL}, and 19 of 20 simulated runs",
        marker={"color": BLUE},
        error_y={
            "array": [each.high - each.median for each in its],
            "arrayminus": [each.median - each.low for each in its],
            "color": GREY,
        },
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=".1%", title_text="throttled calls", rangemode="tozero")
    return figure


def daily_peaks(found: Backtest, unit: str) -> go.Figure:
    """Return a figure of the daily peaks that were predicted, and those that came."""
    figure = blank_figure(360)
    table = found.table()
    dates = table["date"].tolist()
    _add_band(figure, dates, table["predicted_low"], table["predicted_high"])
    figure.add_scatter(x=dates, y=table["predicted"], name="predicted", line={"color": BLUE})
    came = {"mode": "markers+lines", "line": {"color": ORANGE, "width": 2}}
    figure.add_scatter(x=dates, y=table["peak"], name="came", **came)
    week = {"mode": "markers", "marker": {"color": GREEN, "symbol": "x"}}
    if table["last_week"].notna().any():
        figure.add_scatter(x=dates, y=table["last_week"], name="a week before", **week)
    figure.add_scatter(
        x=dates, y=table["flat"], name="at a constant rate", line={"color": GREY, "dash": "dot"}
    )
    figure.update_yaxes(title_text=f"highest {unit} in use", rangemode="tozero")
    return figure
