"""The law of a client's calls: one of the kinds that there are, or recorded usage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from simulation.errors import KeyPath, KeyProblem
from simulation.formats import FrozenDict, Part, PositiveDuration, listed
from simulation.scenario.bursts import Each
from simulation.scenario.clock import Clock
from simulation.scenario.estimated import Estimated
from simulation.scenario.laws import Law
from simulation.scenario.poisson import Poisson
from simulation.scenario.schedule import Schedule

__all__ = ["Arrivals", "CountTrace", "TraceFile", "kinds"]


Dates = Literal["day_first", "month_first"]
_DATES = "day_first or month_first: what 9/11/2026 means, where the file itself does not tell"
_BURST = "{calls: ..., every: ...}: a burst in place of each recorded call"


class CountTrace(Part):
    """Recorded counts of calls per bucket of time."""

    file: str = Field(description="a CSV file, relative to the scenario")
    bucket: PositiveDuration = Field(description="length of a bucket; its calls spread evenly")
    columns: dict[Literal["timestamp", "count"], str] = Field(
        default_factory=FrozenDict, description="what the file calls `timestamp` and `count`"
    )
    dates: Dates | None = Field(None, description=_DATES)
    each: Each | None = Field(None, description=_BURST)


class TraceFile(Part):
    """Recorded usage: a row is a call, or with ``counts`` a bucket of calls."""

    file: str | None = Field(
        None, description="a CSV with `timestamp`, optionally `api` and `records`: a row is a call"
    )
    columns: dict[Literal["timestamp", "api", "records"], str] = Field(
        default_factory=FrozenDict, description="what the file calls these columns"
    )
    dates: Dates | None = Field(None, description=_DATES)
    counts: CountTrace | None = Field(None, description="or counts of calls per bucket")
    each: Each | None = Field(None, description=_BURST)

    @model_validator(mode="after")
    def _one_kind(self) -> TraceFile:
        if (self.file is None) == (self.counts is None):
            raise ValueError(
                "needs one of 'file' (a row is a call) and 'counts' (calls per bucket)"
            )
        if self.each is not None and self.counts is not None and self.counts.each is not None:
            raise ValueError("has 'each' twice, write it here or under 'counts'")
        return self


class Arrivals(Part):
    """The law by which a client's calls come: exactly one of the kinds."""

    poisson: Poisson | None = Field(None, description="at random")
    schedule: Schedule | None = Field(None, description="by the clock")
    trace: TraceFile | None = Field(None, description="as recorded")
    counts: CountTrace | None = Field(None, description="short for `trace: {counts: ...}`")

    @model_validator(mode="after")
    def _one_kind(self) -> Arrivals:
        if sum(getattr(self, kind) is not None for kind in type(self).model_fields) != 1:
            raise ValueError(f"needs exactly one of {listed(map(repr, kinds()))}")
        return self

    @property
    def kind(self) -> str:
        """The key that names the law."""
        return next(kind for kind in type(self).model_fields if getattr(self, kind) is not None)

    @property
    def law(self) -> Law | None:
        """The law; None where calls are recorded ones."""
        law = getattr(self, self.kind)
        return law if isinstance(law, Law) else None

    @property
    def estimates(self) -> dict[str, Estimated]:
        """The numbers of the law that are estimates, by key; none of recorded calls."""
        return {} if self.law is None else self.law.estimates

    @property
    def each(self) -> Each | None:
        """What every arrival makes, wherever it is written; None where it is a call."""
        if self.law is not None:
            return self.law.each
        of_counts = self.count_trace.each if self.count_trace else None
        return of_counts or (self.trace.each if self.trace else None)

    @property
    def is_drawn(self) -> bool:
        """Whether calls differ between replications, in their number or in their times."""
        return self.law is not None and self.law.is_drawn

    @property
    def draws_number(self) -> bool:
        """Whether the number of calls differs between replications."""
        return self.law is not None and self.law.draws_number

    @property
    def differs_by_weekday(self) -> bool:
        """Whether the days of a week differ in their calls; recorded ones are taken to."""
        return self.law is None or self.law.differs_by_weekday

    def problems(self, clock: Clock) -> Iterator[KeyProblem]:
        """Yield what no run could mean, at keys inside a client."""
        for key, what in () if self.law is None else self.law.problems(clock):
            yield KeyProblem(("arrivals", self.kind, *key), what)

    def remarks(self, clock: Clock) -> Iterator[KeyProblem]:
        """Yield what can be meant but changes nothing, at keys inside a client."""
        for key, what in () if self.law is None else self.law.remarks(clock):
            yield KeyProblem(("arrivals", self.kind, *key), what)

    @property
    def count_trace(self) -> CountTrace | None:
        """The counts per bucket, wherever they are written."""
        return self.counts or (self.trace.counts if self.trace else None)

    @property
    def file(self) -> str | None:
        """The trace's file, or None where calls are not recorded ones."""
        if self.count_trace:
            return self.count_trace.file
        return self.trace.file if self.trace else None

    @property
    def file_key(self) -> KeyPath:
        """The key inside a client that names the trace's file."""
        if self.counts:
            return ("arrivals", "counts", "file")
        return ("arrivals", "trace", *(("counts",) if self.count_trace else ()), "file")


def kinds() -> list[str]:
    """Return the keys of the kinds, without the one that is short for another.

    >>> kinds()
    ['poisson', 'schedule', 'trace']
    """
    return [kind for kind in Arrivals.model_fields if kind != "counts"]
