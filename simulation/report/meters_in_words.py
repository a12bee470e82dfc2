"""What a run's result says of each limit of its card, and of what clients held back themselves."""

from __future__ import annotations

from math import isnan
from typing import NamedTuple

from simulation.experiment import RunResult, meter_size
from simulation.formats import listed, number, percent, period
from simulation.planning import helps_against, more_of_the_pool
from simulation.rate_cards import Meter
from simulation.scenario import Scenario

__all__ = [
    "LimitRow",
    "held_back_in_words",
    "limit_figures",
    "most_used_in_words",
    "only_others_throttle",
    "ran_out",
    "throttling_limits",
    "what_helps",
    "who_throttled",
]


class LimitRow(NamedTuple):
    """A limit in a table: calls that it throttled first, their share of all, and its peak."""

    name: str
    calls: str
    share: str
    peak: str
    size: str
    peak_share: str


def _means(result: RunResult, statistic: str) -> dict[str, float]:
    rows = result.meters[result.meters["statistic"] == statistic]
    return dict(zip(rows["meter"], rows["mean"], strict=True))


def limit_figures(result: RunResult) -> list[LimitRow]:
    """Return a row for each limit of the card, in the order in which they are asked.

    Empty where the pool is the only one, of which the other tables tell.
    """
    meters = result.scenario.card.meters
    if len(meters) == 1:
        return []
    calls, share, peak, peak_share = (
        _means(result, name)
        for name in ("throttled_calls", "throttled_share", "peak", "peak_share")
    )
    rows = []
    for meter in meters:
        name = meter.name
        size = f"{meter_size(result.scenario, meter):,} {meter.unit}"
        rows.append(
            LimitRow(
                name=name,
                calls=number(calls[name]),
                share="" if isnan(share[name]) else percent(share[name]),
                peak=number(peak[name]),
                size=size,
                peak_share="" if isnan(peak_share[name]) else percent(peak_share[name]),
            )
        )
    return rows


def throttling_limits(result: RunResult) -> list[tuple[Meter, float]]:
    """Return the limits that throttled calls, each with how many first in a run, most first."""
    calls = _means(result, "throttled_calls")
    found = [(meter, calls[meter.name]) for meter in result.scenario.card.meters]
    return sorted((each for each in found if each[1] > 0), key=lambda each: -each[1])


def only_others_throttle(result: RunResult) -> bool:
    """Return whether calls are throttled, and none of them by the pool."""
    found = throttling_limits(result)
    return bool(found) and not any(meter.is_pool for meter, _ in found)


def ran_out(scenario: Scenario) -> str:
    """Return what happened where the pool throttled calls, as a clause."""
    kind = scenario.card.pool.kind
    if kind == "concurrent":
        return f"calls were throttled because {scenario.limit:,} others were open"
    return "the bucket ran dry" if kind == "bucket" else "the pool ran dry"


def _named(scenario: Scenario, meter: Meter) -> str:
    """Return a limit with what it allows."""
    allows = scenario.card.meter_in_words(meter, scenario.org.edition, scenario.limit)
    return f"{'the pool' if meter.is_pool else f'`{meter.name}`'} ({allows})"


def who_throttled(result: RunResult) -> tuple[str, str]:
    """Return what throttled calls, and the end of the sentence: which how many, and what helps not.

    Both are empty where the pool is the only limit, or none throttled a call.
    """
    scenario = result.scenario
    found = throttling_limits(result)
    if len(scenario.card.meters) == 1 or not found:
        return "", ""
    if len(found) == 1 and found[0][0].is_pool:
        return ran_out(scenario), "; no other limit throttled a call"
    more = more_of_the_pool(scenario)
    helps = "help" if scenario.card.sells else "helps"
    total = sum(count for _, count in found)
    first = listed(
        [f"{_named(scenario, meter)} {percent(count / total)}" for meter, count in found]
    )
    if only_others_throttle(result):
        if len(found) == 1:
            name = _named(scenario, found[0][0])
            end = f": the pool throttled none, and {more} will not help"
            return f"{name} throttled calls", end
        end = f": {first} of them first, the pool none, so {more} will not help"
        return "calls were throttled", end
    return "calls were throttled", f": {first} of them first, so {more} {helps} only in part"


def what_helps(result: RunResult) -> str:
    """Return what would help against the limits that throttle beside the pool, as a sentence.

    Empty where none does.
    """
    others = [meter for meter, _ in throttling_limits(result) if not meter.is_pool]
    pool = result.scenario.card.pool
    if not others and pool.kind == "concurrent" and throttling_limits(result):
        others = [pool]
    return " ".join(f"Against {named}: {words}." for named, words in helps_against(others))


def held_back_in_words(result: RunResult) -> str:
    """Return what clients held back themselves, as a sentence; empty where nothing."""
    held = result.estimate("held_back_attempts").mean
    if not held > 0:
        return ""
    unit = period(result.scenario.counted)
    by_client = result.client_runs.groupby("client", sort=False)["held_back_attempts"].mean()
    by_client = by_client[by_client > 0]
    times = "attempt was" if number(held) == "1" else "attempts were"
    if len(by_client) == 1:
        whom = f"by `{by_client.index[0]}` itself"
    else:
        name = str(by_client.idxmax())
        share = percent(by_client[name] / by_client.sum())
        whom = f"by the clients themselves, {share} of them by `{name}`"
    return f"{number(held)} {times} held back in a {unit} {whom}: the vendor never saw them."


def most_used_in_words(result: RunResult) -> str:
    """Return a sentence on the fullest limit beside the pool; empty where there is none."""
    scenario = result.scenario
    shares = _means(result, "peak_share")
    others = [meter for meter in scenario.card.meters if not meter.is_pool]
    others = [meter for meter in others if shares[meter.name] > 0]
    if not others:
        return ""
    fullest = max(others, key=lambda meter: shares[meter.name])
    return (
        f"Of the other limits `{fullest.name}` came nearest: {percent(shares[fullest.name])} of "
        f"{scenario.card.meter_in_words(fullest, scenario.org.edition)} was in use at most, in "
        "the median run."
    )
