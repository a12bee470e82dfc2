"""The colours of pictures: those of Okabe and Ito (2008), which colour-blind readers tell apart."""

from __future__ import annotations

__all__ = ["BAND", "BLUE", "GREEN", "GREY", "ORANGE", "PALE", "RED"]

BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#7F7F7F"
BAND = "rgba(0,114,178,0.25)"
PALE = "rgba(127,127,127,0.25)"
