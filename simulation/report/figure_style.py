"""What all pictures have in common."""

from __future__ import annotations

import plotly.graph_objects as go

from simulation.report.colours import GREY, PALE

__all__ = ["blank_figure", "styled"]


def blank_figure(height: int) -> go.Figure:
    """Return a figure without anything in it."""
    return styled(go.Figure(), height)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """Return a figure with what all have in common: it fits a phone, and light and dark pages."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 13, "color": GREY},
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.01, "x": 0},
        hoverlabel={"font": {"size": 13}},
        dragmode=False,
    )
    figure.update_xaxes(automargin=True, gridcolor=PALE, zeroline=False)
    figure.update_yaxes(automargin=True, gridcolor=PALE, zeroline=False)
    return figure
