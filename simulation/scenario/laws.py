"""The base of arrival laws: what each says of its calls without drawing one."""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
from pydantic import Field

from simulation.arrays import Floats, Ints
from simulation.errors import KeyPath
from simulation.formats import Part
from simulation.scenario.bursts import Each
from simulation.scenario.clock import Clock
from simulation.scenario.estimated import Estimated

__all__ = ["DAYS_PER_WEEK", "WEEKDAYS", "Found", "Law", "outside", "run_of", "weekdays_of"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

DAYS_PER_WEEK = 7

Found = tuple[KeyPath, str]
"""A key of the law, and what is wrong there or without effect."""


class Law(Part, ABC):
    """A law by which calls come that names no file; `simulation.demand` draws its calls."""

    is_drawn: ClassVar[bool]
    """Whether its calls differ between replications, in their number or in their times."""

    draws_number: ClassVar[bool]
    """Whether the number of its calls differs between replications."""

    each: Each | None = Field(
        None, description="{calls: ..., every: ...}: a burst in place of each call"
    )

    @abstractmethod
    def mean_arrivals(self, clock: Clock) -> Floats:
        """Return the mean number of arrivals on each local day of the run, (days,)."""

    def mean_calls(self, clock: Clock) -> Floats:
        """Return the mean number of calls that begin on each local day of the run, (days,)."""
        return self.mean_arrivals(clock) * self.calls_each

    @property
    def calls_each(self) -> int:
        """The calls that an arrival makes."""
        return 1 if self.each is None else self.each.calls

    @property
    def estimates(self) -> dict[str, Estimated]:
        """Its numbers that are estimates, by key."""
        numbers = {key: getattr(self, key) for key in type(self).model_fields}
        return {key: its for key, its in numbers.items() if isinstance(its, Estimated)}

    @property
    def times_drawn(self) -> float:
        """How often each of its calls is drawn: more than once if they reach into later days."""
        return 1.0

    @property
    def arrival(self) -> str:
        """What its sentence calls an arrival."""
        return "call" if self.each is None else "arrival"

    @property
    @abstractmethod
    def differs_by_weekday(self) -> bool:
        """Whether the days of a week differ in their calls."""

    @abstractmethod
    def in_words(self) -> str:
        """Return the law as a sentence, with all digits that it was given with."""

    def problems(self, clock: Clock) -> Iterator[Found]:  # noqa: ARG002
        """Yield what no run could mean: no call ever, more calls than a day can hold."""
        yield from ()

    def remarks(self, clock: Clock) -> Iterator[Found]:  # noqa: ARG002
        """Yield what can be meant but changes nothing: dates outside the run, no call within it."""
        yield from ()


def weekdays_of(clock: Clock) -> Ints:
    """Return the weekday of each local day of a run, (days,), 0 for Monday."""
    return (clock.date(0).weekday() + np.arange(clock.days)) % DAYS_PER_WEEK


def run_of(clock: Clock) -> str:
    """Return the dates of a run in words."""
    first, last = clock.start.date(), clock.date(clock.days - 1)
    return f"the run ({first.isoformat()} to {last.isoformat()})"


def outside(days: Iterable[dt.date], clock: Clock) -> str:
    """Return the dates that are not in a run in words, with their verb; nothing where all are.

    The first three are named.
    """
    first, last = clock.start.date(), clock.date(clock.days - 1)
    others = [day.isoformat() for day in days if not first <= day <= last]
    if not others:
        return ""
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return f"{', '.join(others[:3])}{more} {'is' if len(others) == 1 else 'are'}"
