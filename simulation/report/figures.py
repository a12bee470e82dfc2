"""Pictures of runs and plans: each takes a result and returns a Plotly figure.

Names of a scenario appear as they are written: nothing in them is taken for markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from simulation.experiment import RunResult, timeline, weekly
from simulation.formats import number, percent
from simulation.planning import Plan, surely_enough
from simulation.report.colours import BAND, BLUE, GREEN, GREY, ORANGE, RED
from simulation.report.figure_style import blank_figure, styled
from simulation.report.plan_in_words import what_it_is
from simulation.report.timeline_parts import level_lines, timeline_traces, warm_up
from simulation.scenario import Scenario

__all__ = [
    "alternatives",
    "available_credits",
    "available_credits_by_size",
    "delays",
    "frontier",
    "uses_and_suffers",
    "week",
    "when_it_hurts",
]

_MOST_BARS = 12
_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def available_credits(result: RunResult) -> go.Figure:
    """Return a figure of available credits over time, with their spread, and of throttling."""
    size = result.scenario.org.addon_credits
    return available_credits_by_size(result.scenario, {size: timeline(result)})


def available_credits_by_size(
    scenario: Scenario, timelines: Mapping[int, pd.DataFrame], shown: int | None = None
) -> go.Figure:
    """Return the same figure for several add-on sizes, with a slider that chooses among them.

    Parameters
    ----------
    scenario : Scenario
    timelines : mapping of int to DataFrame
        `simulation.experiment.timeline` of each size, rising.
    shown : int, optional
        The size to begin with; the first unless given.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.06
    )
    sizes = list(timelines)
    active = 0 if shown is None or shown not in timelines else sizes.index(shown)
    for size, line in timelines.items():
        for row, trace in timeline_traces(line):
            trace.visible = size == sizes[active]
            figure.add_trace(trace, row=row, col=1)
    styled(figure, 460 if len(sizes) > 1 else 400)
    figure.update_yaxes(
        title_text=f"{scenario.card.pool.unit} available", rangemode="tozero", row=1, col=1
    )
    figure.update_yaxes(tickformat=".0%", range=[0, 1], nticks=3, row=2, col=1)
    layouts = [_levels(scenario, size) for size in sizes]
    figure.update_layout(shapes=layouts[active]["shapes"], barmode="overlay", bargap=0)
    figure.update_yaxes(range=layouts[active]["yaxis.range"], row=1, col=1)
    if len(sizes) > 1:
        figure.update_layout(sliders=[_slider(sizes, layouts, active, len(figure.data))])
    return figure


def _levels(scenario: Scenario, size: int) -> dict[str, Any]:
    """Return the layout that belongs to the pool of one size: its levels, and how high it is."""
    limit = scenario.offer.limit(size)
    shapes = [*level_lines(limit), *warm_up(scenario)]
    return {"shapes": shapes, "yaxis.range": [0, limit * 1.05]}


def _slider(
    sizes: list[int], layouts: list[dict[str, Any]], active: int, traces: int
) -> dict[str, Any]:
    """Return a slider over sizes that have as many traces each, in the order of the sizes."""
    each = traces // len(sizes)
    steps = []
    for index, (size, layout) in enumerate(zip(sizes, layouts, strict=True)):
        visible = [n // each == index for n in range(traces)]
        steps.append(
            {"label": f"{size:,}", "method": "update", "args": [{"visible": visible}, layout]}
        )
    return {
        "active": active,
        "steps": steps,
        "currentvalue": {"prefix": "add-on credits: ", "font": {"size": 15, "color": GREY}},
        "pad": {"t": 40},
        "tickcolor": "rgba(0,0,0,0)",
        "font": {"color": "rgba(0,0,0,0)"},
        "bordercolor": GREY,
    }


def frontier(plan: Plan) -> go.Figure | None:
    """Return a figure of price against throttled share; None where nothing can be bought.

    The recommended size and the next smaller one are marked.
    """
    if len(plan.frontier) == 1:
        return None
    figure = blank_figure(400)
    billed = plan.scenario.billed_use_of_a_day is not None
    _add_curve(figure, plan.frontier, billed)
    for size, words in _marked(plan).items():
        row = plan.frontier[plan.frontier["addon_credits"] == size].iloc[0]
        advised = words in ("recommended", "surely enough")
        figure.add_scatter(
            x=[float(row["price_per_month"])],
            y=[100 * row["throttled_share"]],
            mode="markers",
            marker={
                "size": 12,
                "color": GREEN if advised else ORANGE,
                "symbol": "diamond" if advised else "circle",
            },
            name=f"{words}: {size:,}",
            hoverinfo="skip",
        )
    offer, most = plan.scenario.offer, int(plan.frontier["addon_credits"].iloc[-1])
    for edge in plan.scenario.card.slab_edges():
        if edge < most:
            figure.add_vline(
                x=float(offer.price_per_month(edge)),
                line={"color": GREY, "width": 1, "dash": "dash"},
                annotation={"text": "end of slab", "font": {"size": 10}, "textangle": -90},
            )
    # What lies above the size that throttles nothing is a flat line at 0, so the axis ends soon
    # after it; `end` is its price.
    enough = plan.recommendation.zero_throttle_addon_credits
    end = float(offer.price_per_month(most if enough is None else enough))
    figure.update_xaxes(title_text="$ a month" + " at most" * billed, tickprefix="$")
    figure.update_xaxes(range=[-0.03 * end, max(1.0, 1.25 * end)])
    figure.update_yaxes(title_text="throttled calls", ticksuffix=" %", rangemode="tozero")
    return figure


def _add_curve(figure: go.Figure, sizes: pd.DataFrame, billed: bool) -> None:
    """Draw the throttled share of all sizes against their price, with its interval."""
    prices = sizes["price_per_month"].astype(float)
    share, low, high = (100 * sizes[f"throttled_share{end}"] for end in ("", "_low", "_high"))
    # A polygon with a gap would be filled across it.
    low, high = low.fillna(share), high.fillna(share)
    figure.add_scatter(
        x=pd.concat([prices, prices[::-1]]),
        y=pd.concat([high, low[::-1]]),
        fill="toself",
        fillcolor=BAND,
        line={"width": 0},
        hoverinfo="skip",
        name="95 % interval",
    )
    figure.add_scatter(
        x=prices,
        y=share,
        mode="lines+markers",
        line={"color": BLUE},
        marker={"size": 4},
        customdata=np.stack([sizes["addon_credits"], sizes["bill_per_month"]], axis=1),
        hovertemplate="%{customdata[0]:,} add-on credits: $%{x:,.2f} a month"
        + (" at most, about $%{customdata[1]:,.2f} paid" if billed else "")
        + ", %{y:.3g} % throttled<extra></extra>",
        name="throttled share",
    )


def _marked(plan: Plan) -> dict[int, str]:
    """Return the sizes that the curve marks, each with what it is."""
    size, advice = plan.frontier["addon_credits"], plan.recommendation.addon_credits
    marked = {
        each: what_it_is(plan, each) for each in (advice, surely_enough(plan)) if each is not None
    }
    smaller = size[:0] if advice is None else size[size < advice]
    if len(smaller):
        marked[int(smaller.iloc[-1])] = "next smaller"
    return marked


def uses_and_suffers(result: RunResult, by: str = "client") -> go.Figure:
    """Return a figure of each client's or category's share of credits used and calls throttled."""
    runs = result.client_runs if by == "client" else result.category_runs
    is_credits = result.scenario.card.pool.counts_credits
    used, of_used = "credits_used", "of the credits used"
    if not is_credits:
        used, of_used = "succeeded_calls", "of the accepted calls"
    sums = runs.groupby(by, sort=False, observed=True)[[used, "throttled_calls"]].sum()
    # Nothing throttled: shares are 0, not nan.
    shares = sums / sums.sum().replace(0, 1)
    shares = shares.loc[shares.max(axis=1).sort_values(kind="stable").index]
    if len(shares) > _MOST_BARS:
        rest = shares.iloc[: len(shares) - _MOST_BARS]
        others = pd.DataFrame([rest.sum()], index=[f"{len(rest)} others"])
        shares = pd.concat([others, shares.iloc[len(rest) :]])
    names = [escape(str(name)) for name in shares.index]
    figure = blank_figure(110 + 46 * len(names))
    for column, words, colour in (
        ("throttled_calls", "of the throttled calls", RED),
        (used, of_used, BLUE),
    ):
        figure.add_bar(
            y=names,
            x=shares[column],
            orientation="h",
            name=words,
            marker={"color": colour},
            text=[percent(share) if share else "" for share in shares[column]],
            textposition="auto",
            hovertemplate="%{y}: %{x:.1%} " + words + "<extra></extra>",
        )
    figure.update_layout(barmode="group", legend={"traceorder": "reversed"})
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", nticks=6)
    figure.update_yaxes(type="category")
    return figure


def when_it_hurts(result: RunResult) -> go.Figure:
    """Return a figure of the throttled attempts of a mean hour, by local weekday and hour."""
    return week(weekly(result))


def week(table: pd.DataFrame) -> go.Figure:
    """Return the same figure of a table that `simulation.experiment.weekly` gave."""
    figure = blank_figure(300)
    figure.add_heatmap(
        z=table.to_numpy().round(2),
        x=[f"{hour:02}" for hour in table.columns],
        y=_WEEKDAYS,
        colorscale="Cividis",
        colorbar={"title": {"text": "throttled<br>an hour"}, "thickness": 12},
        hovertemplate="%{y} %{x}:00: %{z:,} throttled attempts<extra></extra>",
        zmin=0,
        xgap=1,
        ygap=1,
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category", title_text="hour", nticks=12)
    return figure


def delays(result: RunResult) -> go.Figure | None:
    """Return a figure of the calls that each client loses, and the delays of those that wait.

    At most 12 clients, those that lose most; None where no client loses a call or waits.
    """
    means = result.estimates("client")
    clients = result.scenario.clients
    again = [c.name for c in clients if c.on_throttle.retry is not None or c.has_line]
    means = means[(means["lost_calls"] > 0) | means.index.isin(again)]
    if means.empty:
        return None
    most = means["lost_calls"].sort_values(ascending=False, kind="stable").index[:_MOST_BARS]
    means = means[means.index.isin(most)][::-1]
    waited = means[means.index.isin(again)]
    rows = 1 if waited.empty else 2
    figure = make_subplots(
        rows=rows,
        cols=1,
        subplot_titles=("lost calls in a run", "seconds until success")[:rows],
        vertical_spacing=0.12 + 0.2 / len(means),
    )
    labels = [escape(name) for name in means.index]
    figure.add_bar(
        y=labels,
        x=means["lost_calls"],
        orientation="h",
        marker={"color": RED},
        text=[number(value) for value in means["lost_calls"]],
        showlegend=False,
        row=1,
        col=1,
        hoverinfo="skip",
    )
    kinds = [
        ("delay_p50_s", "median", BLUE, "circle"),
        ("delay_p95_s", "95 %", ORANGE, "diamond"),
        ("delay_p99_s", "99 %", RED, "square"),
    ]
    for column, words, colour, symbol in kinds[: 0 if waited.empty else None]:
        figure.add_scatter(
            y=[escape(name) for name in waited.index],
            x=waited[column],
            mode="markers",
            name=words,
            marker={"color": colour, "symbol": symbol, "size": 10},
            row=2,
            col=1,
            hovertemplate="%{y}: %{x:,.3g} s<extra>" + words + "</extra>",
        )
    styled(figure, 260 + 28 * (len(means) + len(waited)))
    figure.update_layout(legend={"y": -0.08, "yanchor": "top"})
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(type="category")
    return figure


def alternatives(plan: Plan) -> go.Figure | None:
    """Return a figure of what each alternative saves a month, with intervals; None without any."""
    savers = [each for each in plan.alternatives if each.saves_per_month is not None][::-1]
    if not savers:
        return None
    estimates = [each.saves_per_month for each in savers if each.saves_per_month is not None]
    middle = [float(saving.mean) for saving in estimates]
    partly = "<br>(in add-on credits alone)"
    figure = blank_figure(110 + 46 * len(savers))
    figure.add_bar(
        y=[escape(each.name) + partly * each.addon_credits_alone for each in savers],
        x=middle,
        orientation="h",
        marker={
            "color": [
                GREEN if value > 0 and not each.addon_credits_alone else GREY
                for each, value in zip(savers, middle, strict=True)
            ]
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [e.high - value for e, value in zip(estimates, middle, strict=True)],
            "arrayminus": [value - e.low for e, value in zip(estimates, middle, strict=True)],
            "color": GREY,
        },
        text=[f"${value:,.2f}" for value in middle],
        textposition="inside",
        hovertemplate="%{y}: $%{x:,.2f} a month<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(tickprefix="$", title_text="saved a month", rangemode="tozero")
    figure.update_yaxes(type="category")
    return figure
