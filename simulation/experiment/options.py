"""What is asked of a run: checked once against its scenario, and handed on as one piece."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.bounds import MOST_REPLICATIONS
from simulation.errors import InputError
from simulation.experiment.replications import ENGINES
from simulation.experiment.workers import cores
from simulation.quantities import parse_duration, parse_share
from simulation.scenario import Scenario

__all__ = ["RunOptions"]

MAX_REPLICATIONS = 1000
"""Replications after which a run to a precision gives up."""

_MOST_INTERVALS = 2_000_000


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What is asked of a run, besides the scenario and where it is written.

    Attributes
    ----------
    engine : str
    interval : int
        Length of the rows of intervals, in microseconds.
    precision : float
        What part of the throttled share half its interval may be; 0 where none is wanted.
    max_replications : int or None
        Replications after which a precision is given up; None where none are added.
    workers : int
    """

    engine: str
    interval: int
    precision: float
    max_replications: int | None
    workers: int

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        *,
        engine: str,
        interval: str,
        precision: str | float | None,
        max_replications: int | None,
        workers: int | None,
    ) -> RunOptions:
        """Return the options that `simulation.run` was given, once they are checked.

        Raises
        ------
        InputError
        """
        if engine not in ENGINES:
            known = " or ".join(ENGINES)
            raise InputError(f"engine {engine!r} is unknown, use {known}")
        length, part = _interval(interval, scenario), _precision(precision)
        most = _most_replications(max_replications, part, scenario)
        return cls(
            engine=engine,
            interval=length,
            precision=part,
            max_replications=most,
            workers=cores(workers),
        )


def _interval(text: str, scenario: Scenario) -> int:
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise InputError(f"interval {error}") from None
    if length <= 0 or scenario.horizon // length > _MOST_INTERVALS:
        raise InputError(f"interval {text!r} makes too many rows, write a longer one")
    return length


def _precision(value: str | float | None) -> float:
    """Return what part of the throttled share half its interval may be; 0 where none is wanted."""
    if value is None:
        return 0.0
    try:
        share = parse_share(value)
    except ValueError as error:
        raise InputError(f"precision {error}") from None
    if not 0 < share < 1:
        raise InputError(f"precision is {value}, write more than 0 and less than 100%, such as 5%")
    return share


def _most_replications(given: int | None, precision: float, scenario: Scenario) -> int | None:
    """Return the replications after which a run to a precision gives up; None if it adds none."""
    if given is None:
        given = MAX_REPLICATIONS
    elif not precision:
        what = "has no effect without a precision: name one such as 5%, or set 'replications'"
        raise InputError(f"max_replications {what}")
    if given < scenario.replications and precision:
        what = f"write at least the {scenario.replications} replications that the run begins with"
        raise InputError(f"max_replications is {given}, {what}")
    if given > MOST_REPLICATIONS:
        what = f"is {given:,}, write at most {MOST_REPLICATIONS:,}"
        raise InputError(f"max_replications {what}")
    return given if precision and scenario.is_random else None
