"""What a client does when it is throttled, as its attempts show: it drops calls, or tries again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from simulation.arrays import Ints
from simulation.fitting.attempt_loops import ASSUMED_ATTEMPTS, bin_of, gap_of
from simulation.fitting.cells import Cells
from simulation.fitting.gathering import ClientUsage
from simulation.fitting.result import OnThrottle
from simulation.fitting.spelling import number_text, span_text
from simulation.quantities import SECOND

__all__ = ["Conduct", "conduct_of"]

_FEWEST = 5
"""The fewest gaps that show a wait."""
_ALIKE = 0.15  # by so much distributions of gaps differ because some are cut off
_GROWS, _JITTERS = 1.3, 3.0
_ASSUMED: dict[str, Any] = {
    "retry": {"first": "30 s", "factor": 2, "max_delay": "1 hour", "max_attempts": ASSUMED_ATTEMPTS}
}


@dataclass(frozen=True)
class Conduct:
    """What a client does when it is throttled.

    Attributes
    ----------
    on_throttle : OnThrottle
        As a scenario file writes it.
    is_seen : bool
        Whether the log shows it; otherwise it is assumed.
    retries : bool
        Whether attempts that follow a throttled one are retries of its call.
    why : str
        What shows it, in a sentence.
    """

    on_throttle: OnThrottle
    is_seen: bool
    retries: bool
    why: str

    def calls_of(self, usage: ClientUsage) -> Cells:
        """Return the calls of a client: its attempts, but for those that are retries."""
        return usage.calls if self.retries else usage.attempts


def conduct_of(usage: ClientUsage) -> Conduct:
    """Return what a client does when it is throttled.

    Attempts after a throttled one are retries if they come at other times than the client asks
    for the same thing otherwise: their gaps grow from attempt to attempt, or are much shorter.
    Else they are calls of their own. Where calls follow each other so closely that a retry of one
    may come behind the next one, no wait can be told, and what the client does is assumed.
    """
    if not usage.throttled:
        why = "the log has no throttled attempt, so what it does then is assumed"
        return Conduct(_ASSUMED, False, False, why)
    counts = usage.after.sum(axis=1)
    if not _as_usual(usage) and usage.crowded[0].sum() >= max(_FEWEST, counts[0]):
        why = (
            f"its requests come so closely that retries of {usage.throttled:,} throttled ones "
            "cannot be told from new calls: each that was answered counts as a call, and so "
            f"does each {ASSUMED_ATTEMPTS}th of the others, since what it does is assumed"
        )
        return Conduct(_ASSUMED, False, True, why)
    known = [n for n in range(len(counts)) if counts[n] >= _FEWEST]
    if not known or known[0] != 0:
        why = f"of {usage.throttled:,} throttled attempts, none was tried again"
        return Conduct("drop", True, False, why)
    # In a log of whole seconds none is between 0 and a second, and 0 may be half a second.
    unseen = 0.0 if usage.after[:, 1 : bin_of(SECOND)].any() else SECOND / 2
    waits = [max(_quantile(usage.after[n], 0.5), unseen) for n in known]
    grows = len(waits) > 1 and max(waits) >= _GROWS * waits[0]
    usual = _quantile(usage.usual, 0.5) if usage.usual.sum() >= _FEWEST else np.inf
    if _as_usual(usage) or (not grows and not waits[0] * 2 < usual):
        why = (
            "what follows a throttled attempt comes as it always does, so it counts as new calls; "
            f"requests that are alike cannot be told apart: up to {_after_all(usage).sum():,} may "
            "be retries"
        )
        return Conduct("drop", False, False, why)
    return Conduct({"retry": _policy(usage, waits)}, True, True, _told(usage, counts))


def _as_usual(usage: ClientUsage) -> bool:
    """Return whether gaps after throttled attempts are those between equal requests otherwise.

    By the largest difference of their distributions (N. Smirnov, Table for estimating the goodness
    of fit of empirical distributions, 1948), beyond what chance and gaps that are cut off make.
    """
    after, usual = _after_all(usage), usage.usual
    if min(after.sum(), usual.sum()) < _FEWEST:
        return False
    apart = np.abs(np.cumsum(after) / after.sum() - np.cumsum(usual) / usual.sum()).max()
    return bool(apart < _ALIKE + 1.36 * np.sqrt(1 / after.sum() + 1 / usual.sum()))


def _after_all(usage: ClientUsage) -> Ints:
    """Return the counts of all gaps after throttled attempts, (bins,)."""
    found: Ints = usage.after.sum(axis=0) + usage.crowded.sum(axis=0)
    return found


def _policy(usage: ClientUsage, waits: list[float]) -> dict[str, Any]:
    """Return a retry policy whose waits are those that were seen."""
    low, high = (_quantile(usage.after[0], share) for share in (0.1, 0.9))
    is_jittered = high > _JITTERS * low
    scale = 2.0 if is_jittered else 1.0  # the middle of what is uniform from 0 on is half of it
    delays = [scale * wait for wait in waits]
    factors = [b / a for a, b in pairwise(delays)]
    growing = [factor for factor in factors if factor >= _GROWS]
    factor = float(np.median(growing)) if growing else 1.0
    policy: dict[str, Any] = {"first": span_text(_round(delays[0]))}
    if factor > 1:
        policy["factor"] = float(number_text(round(factor * 4) / 4))
        if len(growing) < len(factors):
            policy["max_delay"] = span_text(_round(max(delays)))
    policy["max_attempts"] = max(2, _most_attempts(usage.chains))
    if is_jittered:
        policy["jitter"] = "full"
    return policy


def _most_attempts(chains: Ints) -> int:
    """Return with how many attempts calls were given up, or the most that one took."""
    lost = np.flatnonzero(chains[:, 1] >= 2)
    seen = np.flatnonzero(chains.sum(axis=1))
    return int(lost.max() if len(lost) else seen.max(initial=1))


def _told(usage: ClientUsage, counts: Ints) -> str:
    return f"{counts.sum():,} retries after {usage.throttled:,} throttled attempts show it"


def _quantile(bins: Ints, share: float) -> float:
    """Return a quantile of binned gaps, µs."""
    sums = np.cumsum(bins)
    return float(gap_of(int(np.searchsorted(sums, share * sums[-1]))))


def _round(microseconds: float) -> int:
    """Return a wait as people would set it: to whole seconds, or two digits."""
    if microseconds < 10 * SECOND:
        return round(microseconds / 100_000) * 100_000 or 1000
    return round(microseconds / SECOND) * SECOND
