"""Days that a scenario had not seen, as it predicts them, beside what came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy.stats import binom

from simulation.arrays import Floats, Ints
from simulation.demand import Demand, stream
from simulation.experiment import CONFIDENCE, Steps, binomial_interval, run
from simulation.formats import counted
from simulation.quantities import DAY
from simulation.trust.comparison import Progress, replications_for
from simulation.trust.judged_days import JudgedDays, LeftOut
from simulation.trust.rolling import rolled_replications, window_peaks
from simulation.trust.scores import crps, crps_of_point, interval_of, is_within

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Backtest", "Trust", "backtest_days"]

Trust = Literal[
    "trusted",
    "too sure",
    "too few throttled",
    "too many throttled",
    "no better than a simple rule",
    "too little",
]
"""What the predictions are worth: see `Backtest.verdict`."""
Throttling = Literal["as predicted", "too few", "too many", "not told"]
"""What the prediction of throttled attempts is worth: see `Backtest.throttling`."""

_FEWEST_DAYS = 7
_NEAR = 0.001
"""Of the log's calls: as few throttled attempts more or less are no difference to who plans."""
_FEWEST_BEFORE = 14
_WEEK = 7


@dataclass(frozen=True)
class Score:
    """How far a prediction of the daily peaks was off, in credits; less is better.

    Attributes
    ----------
    mean : float
        The mean continuous ranked probability score over the days; of a prediction that is one
        value, how far off it was.
    days : int
        On how many days it says something.
    """

    mean: float
    days: int


@dataclass(frozen=True)
class Backtest:
    """Predictions of d days beside what came.

    Attributes
    ----------
    dates : list of date
    before : int
        Whole days of the log before them.
    replications : int
    peaks : (d,) float64 array
        The most credits that the calls of one window took, of windows that end on each day.
    predicted : (r, d) float64 array
        The same by each replication of the scenario.
    flat : (r, d) float64 array
        The same by a flat Poisson process of as many calls as the days before had on average, or
        as the scenario has where the log has no days before.
    last_week : (d,) float64 array
        The same on the last such weekday before; nan where the log does not reach back.
    calls : int
        Calls that the log has on all days.
    answered_429 : (d,) int64 array or None
        Attempts that the log has as answered 429; None where it tells no answers.
    replayed : (d,) int64 array
        Attempts that the scenario's pool throttles when the calls of the log are replayed.
    throttled : (r, d) int64 array
        Attempts that it throttles by each replication of the scenario.
    unit : str
        What the pool counts: credits, or calls.
    is_before_start : bool
        Whether the days lie before the scenario's start, as those that it was fitted to do.
    left_out : tuple of LeftOut
        Days of the log that are not judged, in order.
    """

    dates: list[dt.date]
    before: int
    replications: int
    peaks: Floats
    predicted: Floats
    flat: Floats
    last_week: Floats
    calls: int
    answered_429: Ints | None
    replayed: Ints
    throttled: Ints
    unit: str = "credits"
    is_before_start: bool = False
    left_out: tuple[LeftOut, ...] = ()

    def __repr__(self) -> str:
        """Return in a line which days were predicted, and what that was worth."""
        days = f"{counted(len(self.dates), 'day')}, {self.dates[0]} to {self.dates[-1]}"
        return f"<Backtest of {days}: {self.verdict}, {self.covered} peaks in their intervals>"

    @property
    def covered(self) -> int:
        """On how many days the peak lies in the interval that holds 95 % of the replications."""
        return int(is_within(self.peaks, self.predicted).sum())

    @property
    def outside(self) -> tuple[int, int]:
        """On how many days the peak lies below that interval, and on how many above it."""
        _, low, high = interval_of(self.predicted)
        return int((self.peaks < low).sum()), int((self.peaks > high).sum())

    @property
    def throttled_covered(self) -> int | None:
        """On how many days the 429s of the log lie in the interval of the throttled attempts."""
        if self.answered_429 is None:
            return None
        return int(is_within(self.answered_429.astype(float), self.throttled.astype(float)).sum())

    @property
    def scores(self) -> dict[str, Score]:
        """The score of the scenario and of each rival, on the days on which all say something."""
        known = ~np.isnan(self.last_week)
        both = known if known.any() else np.ones(len(self.dates), bool)
        found = {
            "scenario": crps(self.peaks, self.predicted)[both],
            "flat Poisson": crps(self.peaks, self.flat)[both],
        }
        if known.any():
            found["last week"] = crps_of_point(self.peaks, self.last_week)[both]
        return {name: Score(float(each.mean()), len(each)) for name, each in found.items()}

    @property
    def verdict(self) -> Trust:
        """What the predictions are worth.

        ``too little`` where there are fewer than 7 days to judge by; ``too sure`` where so many
        peaks lie outside their intervals that with a coverage of 95 % as many would in less than
        1 of 20 cases, two days counted as one; ``too few throttled`` and ``too many throttled``
        where the peaks hold and `throttling` does not; ``no better than a simple rule`` where a
        rival scores better on 7 days or more; otherwise ``trusted``. Where the log does not tell
        what was throttled, the peaks alone are judged.
        """
        days = len(self.dates)
        if days < _FEWEST_DAYS:
            return "too little"
        # Windows reach over midnight, so what one day does shows on the next.
        outside = ceil((days - self.covered) / 2)
        if binom.sf(outside - 1, ceil(days / 2), 1 - CONFIDENCE) < 1 - CONFIDENCE:
            return "too sure"
        if self.throttling == "too few":
            return "too few throttled"
        if self.throttling == "too many":
            return "too many throttled"
        its, *rivals = self.scores.values()
        if its.days >= _FEWEST_DAYS and any(each.mean < its.mean for each in rivals):
            return "no better than a simple rule"
        return "trusted"

    @property
    def throttling(self) -> Throttling:
        """Whether as many attempts are throttled on all days as the log has answered 429.

        ``too few`` and ``too many`` are predicted where what the log has lies outside what holds
        95 % of the replications, by more than 0.1 % of its calls; ``not told`` where it has no
        answers.
        """
        if self.answered_429 is None:
            return "not told"
        answered, predicted = int(self.answered_429.sum()), self.predicted_throttled
        near = _NEAR * self.calls
        if answered > predicted["high"] + near:
            return "too few"
        return "too many" if answered < predicted["low"] - near else "as predicted"

    @property
    def is_short_before(self) -> bool:
        """Whether the days before are some, but too few to show what is usual in a week."""
        return 0 < self.before < _FEWEST_BEFORE

    @property
    def predicted_throttled(self) -> dict[str, float]:
        """Attempts that are throttled on all days: the median, and what holds 95 %."""
        in_all = interval_of(self.throttled.sum(axis=1).astype(float))
        return dict(zip(("median", "low", "high"), map(float, in_all), strict=True))

    def table(self) -> pd.DataFrame:
        """Return a row for each day: what came, and the predictions with their intervals."""
        import pandas as pd

        median, low, high = interval_of(self.predicted)
        flat = interval_of(self.flat)
        throttled = interval_of(self.throttled.astype(float))
        return pd.DataFrame(
            {
                "date": self.dates,
                "peak": self.peaks,
                "predicted": median,
                "predicted_low": low,
                "predicted_high": high,
                "last_week": self.last_week,
                "flat": flat[0],
                "flat_low": flat[1],
                "flat_high": flat[2],
                "answered_429": np.nan if self.answered_429 is None else self.answered_429,
                "replayed": self.replayed,
                "throttled": throttled[0],
                "throttled_low": throttled[1],
                "throttled_high": throttled[2],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the backtest as plain data, for JSON."""
        import pandas as pd

        days = len(self.dates)
        rows = self.table().astype({"date": str}).to_dict("records")
        return {
            "verdict": self.verdict,
            "throttling": self.throttling,
            "first": self.dates[0].isoformat(),
            "days": days,
            "days_before": self.before,
            "is_before_start": self.is_before_start,
            "left_out": [
                {"date": each.date.isoformat(), "why": each.why} for each in self.left_out
            ],
            "replications": self.replications,
            "peaks_covered": _covered(self.covered, days),
            "throttled_covered": _covered(self.throttled_covered, days),
            "crps": {
                name: {"mean": its.mean, "days": its.days} for name, its in self.scores.items()
            },
            "answered_429": None if self.answered_429 is None else int(self.answered_429.sum()),
            "replayed_throttled": int(self.replayed.sum()),
            "predicted_throttled": self.predicted_throttled,
            "by_day": [
                {key: None if pd.isna(value) else value for key, value in row.items()}
                for row in rows
            ],
        }


def _covered(count: int | None, days: int) -> dict[str, Any] | None:
    if count is None:
        return None
    return {"days": count, "share": count / days, "ci95": [*binomial_interval(count, days)]}


def backtest_days(
    models: Sequence[JudgedDays],
    log: JudgedDays,
    throttled: Ints | None,
    progress: Progress | None = None,
) -> Backtest:
    """Return the predictions of a scenario beside the log of the same days.

    Parameters
    ----------
    models : sequence of JudgedDays
        The days, and the scenario that predicts them; or several scenarios, if it is not known
        which is true, that take part alike.
    log : JudgedDays
        The same days and those before them, with the calls of the log, as `JudgedDays.replayed`
        makes it.
    throttled : (n,) int64 array or None
        When attempts were answered 429, µs since 1970-01-01 UTC; None where the log does not tell.
    progress : callable, optional
        Called with how many parts are done, and how many there are.
    """
    days = models[0]
    drawn = [Demand(each.scenario) for each in models]
    count = replications_for(drawn[0])
    steps = Steps(progress)
    steps.expect(2 * count + len(models))
    (seen,) = rolled_replications([Demand(log.scenario)], log, 1)
    before = len(log) - len(days)
    found = []
    for each in rolled_replications(drawn, days, count):
        found.append(each)
        steps.tick()
    calls = seen.calls[:before] if before else np.concatenate([each.calls for each in found])
    taken = seen.credits[:before] if before else np.concatenate([each.credits for each in found])
    flat = []
    for replication in range(count):
        flat.append(_flat(days, calls.mean(), taken.sum() / max(1, calls.sum()), replication))
        steps.tick()
    edges = days.edges + days.scenario.clock.start_epoch
    per_model = -(-count // len(models))
    refused = []
    for model in models:
        refused.append(_throttled(model, per_model))
        steps.tick()
    return Backtest(
        dates=days.dates,
        before=before,
        replications=count,
        peaks=seen.peaks[before:],
        predicted=np.stack([each.peaks for each in found]),
        flat=np.stack(flat),
        last_week=_last_week(seen.peaks, before),
        calls=int(seen.calls[before:].sum()),
        answered_429=None if throttled is None else np.histogram(throttled, edges)[0],
        replayed=_throttled(log, 1)[0, before:],
        throttled=np.concatenate(refused),
        unit=days.scenario.card.pool.unit,
    )


def _last_week(peaks: Floats, before: int) -> Floats:
    """Return for each day that is predicted the peak of the last such weekday that is known.

    What is known are the days before; where there are none, it is all days before the one itself.
    """
    days = len(peaks) - before
    found = np.full(days, np.nan)
    for day in range(days):
        back = -(-(day + 1) // _WEEK) * _WEEK if before else _WEEK
        if before + day - back >= 0:
            found[day] = peaks[before + day - back]
    return found


def _flat(days: JudgedDays, calls_a_day: float, credits: float, replication: int) -> Floats:
    """Return the peak of each day if calls come by a flat Poisson process, each of some credits."""
    random = stream(days.scenario.seed, replication, "flat Poisson", 0, "arrivals")
    edges, window = days.edges, days.scenario.card.window
    begin = int(edges[0]) - window
    count = random.poisson(calls_a_day * (int(edges[-1]) - begin) / DAY)
    time = np.sort(random.integers(begin, int(edges[-1]), count))
    return np.float64(credits) * window_peaks(time, np.ones_like(time), edges, window)


def _throttled(days: JudgedDays, replications: int) -> Ints:
    """Return the throttled attempts of each replication on each judged day, (r, d)."""
    result = run(
        days.scenario,
        engine="compiled",
        replications=replications,
        interval="1 hour",
        keep_calls=False,
        examine_start=False,
    )
    hours = result.intervals
    begin = days.scenario.clock.start_epoch
    start = hours["start_at"].astype("datetime64[us, UTC]").astype("int64").to_numpy() - begin
    day = np.searchsorted(days.edges, start, side="right") - 1
    inside = (day >= 0) & (day < len(days))
    place = hours["replication"].to_numpy()[inside] * len(days) + day[inside]
    counts = hours["throttled_attempts"].to_numpy()[inside]
    sums = np.bincount(place, counts, replications * len(days))
    return sums.astype(np.int64).reshape(replications, len(days))
