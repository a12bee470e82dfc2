"""A log beside the scenario that was fitted to it: whether the model does what the log did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simulation.arrays import Floats
from simulation.demand import Calls, Demand, Portion, concatenate
from simulation.engine import sweep
from simulation.experiment import Steps
from simulation.trust.judged_days import JudgedDays
from simulation.trust.rolling import GAP_EDGES, Rolled, rolled
from simulation.trust.scores import interval_of

__all__ = ["Comparison", "Progress", "Verdict", "compare_with_log", "replications_for"]

Progress = Callable[[int, int], None]
Verdict = Literal["fits", "understates", "overstates", "too short"]
"""Whether the log is such as the model draws; shorter than a week it cannot be told."""

_MOST_CALLS = 10_000_000
"""The calls that are drawn for one judgement; it takes some seconds."""
_FEWEST, _MOST = 40, 200
_SHORTEST = 7
_SIZES = (0.95, 0.85, 0.75)
"""Pool sizes at which throttling is compared, as parts of the log's highest demand: at none of
them would the log pass unthrottled."""
_QUANTILES = {"median": 0.5, "exceeded 5 % of the time": 0.95, "exceeded 1 % of the time": 0.99}
_NEAR = 0.01
"""Of the log's value: what differs by less is no difference."""


@dataclass(frozen=True)
class Beside:
    """A statistic of the log, and of the model's replications.

    Attributes
    ----------
    log : float
    median, low, high : float
        Of the replications: the median, and the ends of what holds 95 % of them.
    """

    log: float
    median: float
    low: float
    high: float

    @property
    def side(self) -> int:
        """Where the log lies: below what 95 % of replications have (-1), in it (0), above (1)."""
        near = _NEAR * abs(self.log)
        return int(self.log > self.high + near) - int(self.log < self.low - near)


@dataclass(frozen=True)
class Comparison:
    """A log beside the replications of a scenario, on the same days.

    Attributes
    ----------
    days : JudgedDays
    replications : int
    log : Rolled
        The demand of the log.
    hourly : (h, 3) float64 array
        Credits of the window before each full hour by the model: median, and the ends of what
        holds 95 % of the replications.
    hours : (168,) float64 array
        Calls in each hour of the week by the model, as many weeks together as the log has.
    gaps : (49,) float64 array
        Gaps between calls by the model, as `Rolled.gaps`; the mean of the replications.
    demand : dict of Beside
        Of the credits that the calls of one window take: ``mean``, ``highest`` and quantiles over
        time.
    throttled : dict of Beside
        The share of calls that are throttled, by pool size in credits.
    """

    days: JudgedDays
    replications: int
    log: Rolled
    hourly: Floats
    hours: Floats
    gaps: Floats
    demand: dict[str, Beside]
    throttled: dict[int, Beside]

    @property
    def verdict(self) -> Verdict:
        """Whether the log is such as the model draws.

        It is not where its highest demand lies outside what 95 % of replications have; nor where
        the share of throttled calls does so, on the same side, at two of the three pool sizes.
        """
        if len(self.days) < _SHORTEST:
            return "too short"
        side = self.demand["highest"].side
        sides = [each.side for each in self.throttled.values()]
        side = side or (sides.count(1) > 1) - (sides.count(-1) > 1)
        return {0: "fits", 1: "understates", -1: "overstates"}[side]  # type: ignore[return-value]

    @property
    def factor(self) -> float:
        """The log's highest demand as a multiple of the model's median one."""
        highest = self.demand["highest"]
        return highest.log / highest.median if highest.median else np.inf

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as plain data, for JSON."""
        return {
            "verdict": self.verdict,
            "factor": self.factor if np.isfinite(self.factor) else None,
            "replications": self.replications,
            "first": self.days.first.isoformat(),
            "days": len(self.days),
            "rolling_demand": {name: _as_json(each) for name, each in self.demand.items()},
            "throttled_share": [
                {"credits": size, **_as_json(each)} for size, each in self.throttled.items()
            ],
            "calls_by_hour_of_week": {
                "log": self.log.hours.tolist(),
                "model": self.hours.tolist(),
            },
            "gaps": {
                "edges_s": (GAP_EDGES / 1e6).tolist(),
                "log": self.log.gaps.tolist(),
                "model": self.gaps.tolist(),
            },
        }


def _as_json(each: Beside) -> dict[str, Any]:
    model = {"median": each.median, "low": each.low, "high": each.high}
    return {"log": each.log, "model": model}


def replications_for(demand: Demand) -> int:
    """Return how many replications a judgement takes: 200, or fewer where they are large."""
    calls = demand.calls_a_day * demand.days
    return int(np.clip(_MOST_CALLS / max(calls, 1.0), _FEWEST, _MOST))


def compare_with_log(
    models: Sequence[JudgedDays], log: JudgedDays, progress: Progress | None = None
) -> Comparison:
    """Return a scenario beside the replay of a log, on the same days.

    Parameters
    ----------
    models : sequence of JudgedDays
        With the scenario; or with several, if it is not known which is true, that take part alike.
    log : JudgedDays
        With the calls of the log as they came, as `JudgedDays.replayed` makes it.
    progress : callable, optional
        Called with how many parts are done, and how many there are.
    """
    days = models[0]
    drawn, recorded = [Demand(each.scenario) for each in models], Demand(log.scenario)
    count = replications_for(drawn[0])
    steps = Steps(progress)
    steps.expect(count)
    portions = [*recorded.draw_portions(0)]
    seen = rolled(_calls_of(portions), log)
    sizes = sorted({max(1, int(share * seen.peaks.max())) for share in _SIZES})
    at_log = _throttled(recorded, 0, sizes, portions)
    found, shares = [], []
    for replication in range(count):
        demand = drawn[replication % len(drawn)]
        portions = [*demand.draw_portions(replication)]
        found.append(rolled(_calls_of(portions), days))
        shares.append(_throttled(demand, replication, sizes, portions))
        steps.tick()
    at_model = np.stack(shares)
    hourly = np.stack([each.hourly for each in found])
    return Comparison(
        days=days,
        replications=count,
        log=seen,
        hourly=np.stack(interval_of(hourly), axis=1),
        hours=np.mean([each.hours for each in found], axis=0),
        gaps=np.mean([each.gaps for each in found], axis=0),
        demand=_demand(seen, found),
        throttled={
            size: _beside(at_log[place], at_model[:, place]) for place, size in enumerate(sizes)
        },
    )


def _beside(log: float, drawn: Floats) -> Beside:
    median, low, high = (float(each) for each in interval_of(drawn))
    return Beside(float(log), median, low, high)


def _demand(log: Rolled, drawn: list[Rolled]) -> dict[str, Beside]:
    """Return statistics of the rolling demand over time."""
    hourly = np.stack([each.hourly for each in drawn])
    found = {"mean": _beside(log.hourly.mean(), hourly.mean(axis=1))}
    for name, share in _QUANTILES.items():
        found[name] = _beside(np.quantile(log.hourly, share), np.quantile(hourly, share, axis=1))
    highest = np.array([each.peaks.max() for each in drawn])
    return {**found, "highest": _beside(log.peaks.max(), highest)}


def _calls_of(portions: Sequence[Portion]) -> Calls:
    return concatenate([each.calls() for each in portions])


def _throttled(
    demand: Demand, replication: int, sizes: Sequence[int], portions: Sequence[Portion]
) -> Floats:
    """Return the share of calls that each pool size throttles in a replication, (s,)."""
    scenario = demand.scenario
    limits = np.array([scenario.card.pool_parts(size) for size in sizes], np.int64)
    swept = sweep(demand, replication, limits, np.ones(len(scenario.clients), bool), portions)
    return swept.throttled / max(1, swept.calls)
