"""The parts of a picture of available credits over time."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from simulation.rate_cards import ALERT_LEVELS
from simulation.report.colours import BAND, BLUE, GREY, ORANGE, PALE, RED
from simulation.scenario import Scenario

__all__ = ["level_lines", "timeline_traces", "warm_up"]


def timeline_traces(line: pd.DataFrame) -> list[tuple[int, go.Scatter | go.Bar]]:
    """Return the traces of a timeline, each with the row that it stands in."""
    start = line["start"]
    # Whole credits, and four digits of shares, keep a page of a dozen sizes small.
    whole = [line[name].round().astype(int) for name in ("low", "median", "high")]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    band = "9 of 10 runs"
    return [
        (1, go.Scatter(x=start, y=whole[2], showlegend=False, **edge)),
        (1, go.Scatter(x=start, y=whole[0], fill="tonexty", fillcolor=BAND, name=band, **edge)),
        (
            1,
            go.Scatter(
                x=start,
                y=whole[1],
                mode="lines",
                line={"color": BLUE, "width": 1.5},
                name="median",
                hovertemplate="%{y:,} available<extra></extra>",
            ),
        ),
        (
            2,
            go.Bar(
                x=start,
                y=line["throttled"].round(4),
                marker={"color": RED, "line": {"width": 0}},
                name="runs that throttle",
                hovertemplate="%{y:.0%} of runs throttle<extra></extra>",
            ),
        ),
    ]


def warm_up(scenario: Scenario) -> list[dict[str, object]]:
    """Return a grey rectangle over the warm-up, of which no call counts."""
    if not scenario.warmup_end:
        return []
    begins, ends = (
        pd.Timestamp(scenario.clock.start_epoch + moment, unit="us", tz="UTC")
        .tz_convert(scenario.timezone)
        .tz_localize(None)
        .isoformat()
        for moment in (0, scenario.warmup_end)
    )
    return [
        {
            "type": "rect",
            "x0": begins,
            "x1": ends,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"width": 0},
            "fillcolor": PALE,
            "label": {
                "text": "warm-up",
                "textposition": "top center",
                "font": {"size": 10, "color": GREY},
            },
        }
    ]


def level_lines(limit: int) -> list[dict[str, object]]:
    """Return lines where 50, 80, 90 and 100 % of the limit are used."""
    line = {"color": ORANGE, "width": 1, "dash": "dot"}
    return [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "yref": "y",
            "y0": limit * (100 - level) / 100,
            "y1": limit * (100 - level) / 100,
            "line": line,
            "label": {
                "text": f"{level} % used",
                "textposition": "end",
                "font": {"size": 10, "color": GREY},
                "yanchor": "bottom",
            },
        }
        for level in ALERT_LEVELS
    ]
