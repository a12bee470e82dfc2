"""What throttles besides the pool, in figures and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulation.formats import listed, percent
from simulation.planning.status import calls_of
from simulation.rate_cards import Meter
from simulation.scenario import Scenario

__all__ = [
    "BesidePool",
    "helps_against",
    "more_of_the_pool",
    "reasons_beside",
    "throttled_beside",
    "what_helps_beside",
]


_FEWER_AT_ONCE = (
    "fewer calls at once (`max_concurrent` on a client that makes many), a slower pace (`pace`), "
    "shorter calls, or other hours"
)
_SLOWER = "a slower pace (`pace`), clients that wait (`queue`), or other hours"


@dataclass(frozen=True, kw_only=True)
class BesidePool:
    """What other meters than the pool throttle.

    Attributes
    ----------
    size : int or None
        The add-on credits with which that is; None with a pool that is never used up.
    shares : dict of str to float
        By meter, the calls that it throttles first, as a share of all calls; those above 0.
    credits_help : bool
        Whether some pool, however large, meets the objective.
    """

    size: int | None
    shares: Mapping[str, float]
    credits_help: bool


def _meters(scenario: Scenario, shares: Mapping[str, float]) -> list[Meter]:
    """Return the meters that throttle, the one that throttles most first."""
    its = [meter for meter in scenario.card.meters if meter.name in shares]
    return sorted(its, key=lambda meter: -shares[meter.name])


def more_of_the_pool(scenario: Scenario) -> str:
    """Return what a larger pool is to an org, in words: more credits, where any can be bought."""
    return "more credits" if scenario.card.sells else "a larger pool"


def throttled_beside(scenario: Scenario, shares: Mapping[str, float]) -> str:
    """Return which part of the calls other meters throttle, and which, in words."""
    card, edition = scenario.card, scenario.card.edition(scenario.org.edition)
    named = [
        f"{percent(shares[meter.name])} by {meter.name} "
        f"({card.meter_in_words(meter, edition, scenario.limit)})"
        for meter in _meters(scenario, shares)
    ]
    whole = percent(sum(shares.values()))
    throttled = f"{whole} of the {calls_of(scenario.objective)} are throttled"
    if len(named) == 1:
        return f"{throttled}{named[0].removeprefix(whole)}"
    return f"{throttled}, {listed(named)}"


def what_helps_beside(scenario: Scenario, shares: Mapping[str, float]) -> str:
    """Return what would help where other meters throttle, as sentences; empty where none does."""
    helps = helps_against(_meters(scenario, shares))
    if len(helps) == 1:
        return f"What would help: {helps[0][1]}."
    return " ".join(f"Against {named}: {words}." for named, words in helps)


def helps_against(meters: Sequence[Meter]) -> list[tuple[str, str]]:
    """Return what would help against meters, in words, each with the names of the meters."""
    open_at_once = [meter for meter in meters if meter.kind == "concurrent"]
    others = [meter for meter in meters if meter.kind != "concurrent"]
    return [
        (listed(["the pool" if meter.is_pool else f"`{meter.name}`" for meter in its]), words)
        for its, words in ((open_at_once, _FEWER_AT_ONCE), (others, _SLOWER))
        if its
    ]


def reasons_beside(scenario: Scenario, beside: BesidePool | None) -> list[str]:
    """Return what throttles besides the pool, and what would help, a sentence each."""
    reasons = list[str]()
    if beside is None:
        return reasons
    if beside.shares:
        then = "With a pool that is never used up"
        if beside.size is not None:
            then = f"With {beside.size:,} add-on credits"
        said = throttled_beside(scenario, beside.shares)
        reasons.append(f"{then} {said}: {more_of_the_pool(scenario)} will not change that.")
    if not beside.credits_help:
        helps = what_helps_beside(scenario, beside.shares)
        reasons.append(f"No pool is large enough. {helps}".rstrip())
    return reasons
