"""How far a scenario may be trusted, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isnan
from typing import Any

from simulation.formats import counted, listed, number, percent
from simulation.trust import Backtest, Comparison, LeftOut

__all__ = ["backtest_findings", "backtest_table", "comparison_findings"]

_TRUSTED = {
    "trusted": "The predicted peaks held",
    "too sure": "The prediction intervals were too narrow",
    "too few throttled": "The predicted peaks held, but more was throttled than predicted",
    "too many throttled": "The predicted peaks held, but less was throttled than predicted",
    "no better than a simple rule": "The predicted peaks held, but a simpler rule came closer",
    "too little": "There are too few days to judge by, fewer than a week",
}
_LEFT_OUT = {
    "in part": "of which the log has a part",
    "fills the pool": "whose pool still held calls that the log does not have",
}
_MOST_DATES = 3
_RIVALS = {
    "flat Poisson": "a constant rate of calls",
    "last week": "the same weekday of the week before",
}


def comparison_findings(found: Comparison) -> list[str]:
    """Return whether a model does what its log did: the verdict first, then what shows it."""
    highest, unit = found.demand["highest"], found.days.scenario.card.pool.unit
    window = found.days.scenario.card.window_in_words
    spread = f"{number(highest.low)} to {number(highest.high)} in 19 of 20 simulated runs"
    log = f"in the log the busiest {window} took {number(highest.log)} {unit}"
    peaks = f"{log}, and those of the model took {spread}"
    throttled = _throttled_in_words(found)
    if found.verdict == "too short":
        days = counted(len(found.days), "whole day")
        short = f"Too short to judge: the log has {days}, and only a week shows what is usual."
        return [short, f"So far, {peaks}.", f"{throttled}."]
    if found.verdict == "fits":
        return [f"Fit for planning: {peaks}.", f"{throttled}."]
    if found.verdict == "understates":
        so = "Plan with the calls as they came: write them with --replay."
    else:
        so = "What it advises is on the safe side."
    if highest.side:
        off = f"{found.factor:.2g} times the model's {number(highest.median)} ({spread})"
        return [f"The model {found.verdict} peaks: {log}, {off}. {so}", f"{throttled}."]
    first = f"The model {found.verdict} throttling: {throttled[0].lower()}{throttled[1:]}. {so}"
    return [first, f"{peaks[0].upper()}{peaks[1:]}."]


def _throttled_in_words(found: Comparison) -> str:
    pools = list(found.throttled.items())
    size, each = pools[len(pools) // 2]
    unit = found.days.scenario.card.pool.unit
    model = f"{percent(each.median)} ({percent(each.low)} to {percent(each.high)})"
    return (
        f"A pool of {number(size)} {unit} would throttle {percent(each.log)} of the log's calls, "
        f"and {model} of the model's"
    )


def backtest_findings(found: Backtest) -> list[str]:
    """Return what predictions were worth: the verdict first, then what shows it."""
    peaks = counted(len(found.dates), "daily peak")
    inside = f"{found.covered} of {peaks} lay inside their 95 % prediction intervals"
    said = [f"{_TRUSTED[found.verdict]}: {inside}{_outside(found)}."]
    if found.left_out:
        said.append(_left_out(found.left_out))
    if found.is_before_start:
        said.append(
            "The days lie before the scenario's start: if it was fitted to them, it knew them."
        )
    if found.is_short_before:
        before = counted(found.before, "whole day")
        said.append(f"The predictions were made from {before}; only two weeks tell what is usual.")
    scores = found.scores
    its, unit = scores["scenario"], found.unit
    rivals = [
        f"{rival} {number(scores[name].mean)}" for name, rival in _RIVALS.items() if name in scores
    ]
    said.append(
        f"The predictions score {number(its.mean)} {unit}, {' and '.join(rivals)} (by how far they "
        f"were off, CRPS, on {_scored(found, its.days)}; less is better)."
    )
    return [*said, _throttled_days(found)]


def _outside(found: Backtest) -> str:
    """Return on which side the other peaks lay."""
    below, above = found.outside
    said = [f"{below} lower"] * bool(below) + [f"{above} higher"] * bool(above)
    return f", {listed(said)}" if said else ""


def _left_out(days: Sequence[LeftOut]) -> str:
    """Return which days of the log are not judged, and why."""
    said = []
    for why, because in _LEFT_OUT.items():
        dates = [each.date for each in days if each.why == why]
        if dates:
            shown = listed(map(str, dates)) if len(dates) <= _MOST_DATES else f"from {dates[0]} on"
            said.append(f"{counted(len(dates), 'day')} ({shown}) {because}")
    return f"Not judged: {', and '.join(said)}."


def _scored(found: Backtest, days: int) -> str:
    """Return which days the scores are of."""
    if days == len(found.dates):
        return counted(days, "day")
    return f"the {counted(days, 'day')} that have a week before them"


def _throttled_days(found: Backtest) -> str:
    row = found.predicted_throttled
    predicted = number(row["median"])
    if row["low"] < row["high"]:
        predicted += f" ({number(row['low'])} to {number(row['high'])})"
    replayed = int(found.replayed.sum())
    pool = f"the scenario's pool would throttle {number(replayed)} attempts of its calls, where "
    pool += f"{predicted} are predicted"
    if found.answered_429 is None:
        return f"The log does not tell what was throttled; {pool}."
    answered = int(found.answered_429.sum())
    seen = f"On these days the log has {counted(answered, 'request')} answered 429"
    said = f"{seen}; {pool}."
    if found.throttling == "too few":
        said += " So the org's pool is smaller, or another limit throttled them: set what it has."
    if found.throttling == "too many":
        said += " So the org's pool is larger: set edition, licenses and add-on credits."
    return said


def backtest_table(found: Backtest) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and a row for each day; what the log tells of no day has no column."""
    columns = {
        "day": lambda day: f"{day['date']:%Y-%m-%d}",
        "highest use": _number_of("peak"),
        "predicted": _number_of("predicted"),
        "19 of 20 runs": _range,
        "week before": _number_of("last_week"),
        "429s": _number_of("answered_429"),
        "429s predicted": _number_of("throttled"),
    }
    days = found.table().to_dict("records")
    told = {heading: [cell(day) for day in days] for heading, cell in columns.items()}
    shown = {heading: cells for heading, cells in told.items() if any(cells)}
    return tuple(shown), list(zip(*shown.values(), strict=True))


def _number_of(name: str) -> Callable[[Mapping[Any, Any]], str]:
    """Return what writes a number of a day; nothing where it is not known."""
    return lambda day: "" if isnan(day[name]) else number(day[name])


def _range(day: Mapping[Any, Any]) -> str:
    return f"{number(day['predicted_low'])}–{number(day['predicted_high'])}"
