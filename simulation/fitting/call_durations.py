"""How long calls stay open: the median, and what 95 % of them stay within."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from simulation.arrays import Floats, Ints
from simulation.fitting.spelling import span_text
from simulation.logs import Entries
from simulation.rate_cards import RateCard

__all__ = ["SeenDurations", "duration_law", "durations_matter", "sums_by_kind"]

_BINS, _AN_OCTAVE = 200, 5
_ALL_OF, _ONE_OF = 1_000_000, 16
"""Every duration of the first million entries is counted, then that of every sixteenth entry."""
_FEWEST = 20


class SeenDurations:
    """The durations of accepted calls that a log tells, by client and target, in classes.

    Classes are a fifth of an octave wide, so a quantile is known to within 15 %.
    """

    def __init__(self) -> None:
        self.counts: defaultdict[tuple[int, int], Ints] = defaultdict(
            lambda: np.zeros(_BINS, np.int64)
        )
        self._seen = 0

    def take(self, entries: Entries, client: Ints) -> None:
        """Take a part of a log, and whose each entry is."""
        step = slice(None, None, 1 if self._seen < _ALL_OF else _ONE_OF)
        self._seen += len(entries)
        lasts, status = entries.duration[step], entries.status[step]
        known = (lasts > 0) & (status < 400)
        if not known.any():
            return
        place = (_AN_OCTAVE * np.log2(lasts[known])).astype(np.int64).clip(0, _BINS - 1)
        keys = (client[step][known] << 16 | entries.target[step][known]) * _BINS + place
        unique, counts = np.unique(keys, return_counts=True)
        for key, count in zip(unique.tolist(), counts.tolist(), strict=True):
            of, place_of = divmod(key, _BINS)
            self.counts[of >> 16, of & 0xFFFF][place_of] += count


def sums_by_kind(counts: Iterable[tuple[str, Ints]]) -> dict[str, Ints]:
    """Return durations by kind of call and class, where a kind may come more than once."""
    found: dict[str, Ints] = {}
    for kind, its in counts:
        found[kind] = found[kind] + its if kind in found else its
    return found


def durations_matter(card: RateCard) -> bool:
    """Return whether a card has a meter of calls that are open at once."""
    return any(meter.kind == "concurrent" for meter in card.meters)


def duration_law(counts: Ints) -> Any:
    """Return how long calls stay open, as a scenario file writes it; None of too few.

    Parameters
    ----------
    counts : (200,) int64 array
        Durations by class.
    """
    if counts.sum() < _FEWEST:
        return None
    median, p95 = (_rounded(_quantile(counts, share)) for share in (0.5, 0.95))
    if p95 <= median:
        return span_text(median)
    return {"lognormal": {"median": span_text(median), "p95": span_text(p95)}}


def _quantile(counts: Ints, share: float) -> float:
    """Return a quantile of durations by class, µs, between the edges of its class by their logs."""
    sums: Floats = np.cumsum(counts) / counts.sum()
    place = int(np.searchsorted(sums, share))
    before = float(sums[place - 1]) if place else 0.0
    part = (share - before) / (float(sums[place]) - before)
    return float(2 ** ((place + part) / _AN_OCTAVE))


def _rounded(microseconds: float) -> int:
    """Return a duration to two digits, in µs."""
    whole = max(1, round(microseconds))
    return int(round(whole, 2 - len(str(whole))))
