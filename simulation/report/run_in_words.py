"""What a run's result means, in the words of the person who asked."""

from __future__ import annotations

from math import isfinite, isinf, isnan

import pandas as pd

from simulation.experiment import STATISTICS, TABLE, RunResult, Warmup, binomial_interval
from simulation.formats import exact, number, percent, period, plural, say_duration
from simulation.quantities import HOUR, write_duration
from simulation.report.meters_in_words import (
    held_back_in_words,
    most_used_in_words,
    ran_out,
    what_helps,
    who_throttled,
)
from simulation.scenario import Scenario

__all__ = ["precision_finding", "run_figures", "run_findings", "start_finding"]


def start_finding(warmup: Warmup | None) -> str:
    """Return what the start of the runs does to the figures; empty if there is nothing to say."""
    if warmup is None or not warmup.length:
        return ""
    length = write_duration(warmup.length)
    if warmup.is_enough:
        if warmup.given:
            return ""
        what = f"first {length} of each run are a warm-up and are left out: after them"
        if length == "1 day":
            what = "first day of each run is a warm-up and is left out: after it"
        changes = _changes(warmup.still_shows)
        return f"The {what}, whether the pool began full or spent changes {changes}."
    if warmup.leaves_out:
        return (
            f"All calls that are throttled come during the warm-up of {length}, so that none of "
            "them is counted: write a shorter warmup."
        )
    remedy = "; write a longer horizon" if warmup.fades else ", and a longer warm-up changes little"
    return (
        f"The start still shows after the warm-up of {length}: had the pool been spent at first, "
        f"{percent(warmup.still_shows)} of the throttled calls would come at other hours, be added "
        f"or be missing{remedy}{', or a longer warmup' if warmup.given else ''}."
    )


def precision_finding(result: RunResult, wanted: str) -> str:
    """Return how precise the throttled share of a run is, which was run to a precision."""
    share, many = result.estimate("throttled_share"), len(result.runs)
    if not result.scenario.is_random:
        return "Nothing in the scenario is random, so that the throttled share is exact."
    if many == 1:
        return "One replication does not tell how precisely the throttled share is known."
    if not share.mean > 0:  # nor where it is nan, without a call
        return (
            f"No call was throttled in {many:,} replications, so the precision of the throttled "
            "share is not known."
        )
    precision = percent((share.high - share.low) / 2 / share.mean)
    return (
        f"After {many:,} replications half the 95 % interval of the throttled share is {precision} "
        f"of the share; {wanted} was wanted."
    )


def _changes(still_shows: float) -> str:
    return f"{percent(still_shows)} of the throttled calls" if still_shows else "nothing"


def run_findings(result: RunResult) -> list[str]:
    """Return what a run means, sentence by sentence: whether and when; who, and what is lost.

    Where more than the pool throttles, or clients hold themselves back, also what would help, and
    what they held back.
    """
    is_credits = result.scenario.card.pool.counts_credits
    used = _by(result.client_runs, "client", "credits_used" if is_credits else "succeeded_calls")
    calls = _by(result.client_runs, "client", "calls")
    if not used.sum():
        who = "No call was accepted" if calls.sum() else "No call was submitted after the warm-up"
    else:
        name = str(used.idxmax())
        what = "used {} of the credits with {} of the calls"
        if not is_credits:
            what = "made {} of the accepted calls, and {} of all"
        shares = percent(used[name] / used.sum()), percent(calls[name] / calls.sum())
        who = f"`{name}` {what.format(*shares)}"
    runs = result.runs
    waits = runs["throttled_calls"].any() or runs["held_back_attempts"].any()
    lost = _lost(result) if waits else ""
    if len(used) == 1 and used.sum():  # of one client there is nothing to tell apart
        who = ""
    said = "; ".join(part for part in (who, lost) if part)
    none = "" if runs["throttled_calls"].any() else most_used_in_words(result)
    more = (what_helps(result), none, held_back_in_words(result))
    return [
        _whether(result),
        *([f"{said[0].upper()}{said[1:]}."] if said else []),
        *filter(None, more),
    ]


def run_figures(result: RunResult) -> list[tuple[str, str, str]]:
    """Return the statistics of a run: what each is called, its estimate, its 95 % interval.

    Left out are those without a value, and those that are 0 and matter only if there are any.
    """
    rows = []
    for name in TABLE:
        statistic, estimate = STATISTICS[name], result.estimate(name)
        if isnan(estimate.mean) or (statistic.if_any and not estimate.mean):
            continue
        write = percent if statistic.is_share else number
        interval = ""
        if estimate.has_interval:
            upto = "or more" if isinf(estimate.high) else f"to {write(estimate.high)}"
            interval = f"{write(estimate.low)} {upto}"
        label = _label(result, name)
        rows.append((label, write(estimate.mean), interval))
    return rows


def _label(result: RunResult, name: str) -> str:
    """Return what a table calls a statistic; of another pool the most used is no window's."""
    pool = result.scenario.card.pool
    if name != "peak_window_credits" or (pool.kind == "rolling" and pool.counts_credits):
        return STATISTICS[name].label
    return {
        "rolling": "most calls counted in any window, median",
        "calendar": f"most {pool.unit} taken between two resets, median",
        "bucket": f"most {pool.unit} missing in the bucket, median",
        "concurrent": "most calls open at once, median",
    }[pool.kind]


def _whether(result: RunResult) -> str:
    runs, scenario = result.runs, result.scenario
    many, throttled = len(runs), runs["throttled_calls"]
    impossible = runs["impossible_calls"]
    dry = int((throttled > impossible).sum())
    ran_dry = ran_out(scenario)
    by_limits, end = who_throttled(result)
    if by_limits:  # beside the pool another limit may throttle
        dry, ran_dry = int((throttled > 0).sum()), by_limits
    elif dry and impossible.any():  # which of them came first is not known
        dry, ran_dry = int((throttled > 0).sum()), "calls were throttled"
    unit = period(scenario.counted)
    low, high = binomial_interval(dry, many)
    if result.estimate("any_throttled").is_exact and many > 1:
        runs, many = runs.head(1), 1
        unit = f"{unit}, in which nothing is random,"
    if dry == 0:
        pool = "bucket" if scenario.card.pool.kind == "bucket" else "pool"
        did, did_not = f"did the {pool} run dry", f"the {pool} did not run dry"
        if len(scenario.card.meters) > 1 or scenario.card.pool.kind == "concurrent":
            did, did_not = "was a call throttled", "no call was throttled"
        sure = f"In none of {many:,} simulated {plural(unit)} {did} (95 % interval "
        sure += f"of such {plural(unit)}: 0 % to {percent(high)})"
        peak, limit = runs["peak_window_credits"].max(), scenario.limit
        of_limit = f", {percent(peak / limit)} of the limit" if limit else ""
        of_limit += _never_served(result)
        never = sure if many > 1 else f"In the one simulated {unit} {did_not}"
        return f"{never}: {_most_used(scenario, peak)}{of_limit}."
    warm = scenario.warmup_end
    after = f", the warm-up of {write_duration(warm)} not counted" if warm else ""
    after = "" if start_finding(result.warmup) else after  # which says so itself
    first = result.estimate("hours_to_first_throttle").mean
    half = f"half of all {plural(unit)}"
    if not isfinite(first):  # of all runs most never throttle
        first = float(runs["hours_to_first_throttle"].quantile(0.5, interpolation="lower"))
        half = "half of those"
    moment = f"{scenario.clock.say(int(first * HOUR))}{after}"
    if many == 1:
        return f"In the one simulated {unit} {ran_dry}, first on {moment}{end}."
    sure = f"(95 % interval {percent(low)} to {percent(high)})"
    when = f"there first on {moment}" if dry == 1 else f"in {half} by {moment}"
    return f"In {dry:,} of {many:,} simulated {plural(unit)} {sure} {ran_dry}, {when}{end}."


def _most_used(scenario: Scenario, peak: float) -> str:
    """Return the most of the pool that was in use, as a clause."""
    pool, amount = scenario.card.pool, f"at most {_in_full(peak)}"
    if pool.kind == "rolling":
        held = "held" if pool.counts_credits else "counted"
        return f"{amount} {pool.unit} were {held} in any {scenario.card.window_in_words}"
    if pool.kind == "concurrent":
        return f"{amount} calls were open at once"
    if pool.kind == "bucket":
        return f"{amount} {pool.unit} were missing in the bucket"
    return f"{amount} {pool.unit} were taken between two resets"


def _in_full(credits: float) -> str:
    """Return a number of credits as text, parts of a credit included."""
    return f"{int(credits):,}" if credits == int(credits) else exact(credits)


def _never_served(result: RunResult) -> str:
    """Return a clause on calls that cost more than the limit: they are no pool that ran dry."""
    count = result.estimate("impossible_calls").mean
    if not count:
        return ""
    unit = period(result.scenario.counted)
    refused = f"{number(count)} calls in a {unit}" if count > 1 else "calls"
    whole = _whole(result)
    return f"; {refused} were refused because each costs more than {whole}"


def _whole(result: RunResult) -> str:
    """Return what a call that can never be accepted is dearer than."""
    return "the whole limit" if len(result.scenario.card.meters) == 1 else "a limit as a whole"


def _lost(result: RunResult) -> str:
    unit = period(result.scenario.counted)
    delayed, throttled = "throttled", result.runs["throttled_calls"].any()
    if result.runs["held_back_attempts"].any():
        delayed = "throttled or held back" if throttled else "held back"
    by_client = _by(result.client_runs, "client", "lost_calls")
    if not by_client.sum():
        late = result.estimate("delay_p99_s").mean
        waited = f", the slowest 1 % after {say_duration(late)} or more" if late > 0 else ""
        waiting = result.estimate("unfinished_calls").mean
        if waiting:
            return (
                f"no call was lost: those that were {delayed} succeeded later"
                f"{waited}, but for {number(waiting)} that were still waiting at the end"
            )
        return f"no call was lost, every one that was {delayed} succeeded later{waited}"
    lost = result.estimate("lost_calls")
    share = lost.mean / result.estimate("calls").mean
    by_whom = ""
    if len(by_client) > 1:
        name = str(by_client.idxmax())
        by_whom = f", {percent(by_client[name] / by_client.sum())} of them by `{name}`"
    interval = ""
    if lost.has_interval:
        interval = f" (95 % interval {number(lost.low)} to {number(lost.high)})"
    impossible = result.estimate("impossible_calls").mean
    whole = _whole(result)
    never = f", and {number(impossible)} cost more than {whole}" if impossible else ""
    if impossible == lost.mean:
        never = f", all because they cost more than {whole}"
    return (
        f"{number(lost.mean)} calls{interval} are lost in a {unit}, {percent(share)} of all"
        f"{by_whom}{never}"
    )


def _by(runs: pd.DataFrame, key: str, statistic: str) -> pd.Series:
    return runs.groupby(key, sort=False)[statistic].mean()
