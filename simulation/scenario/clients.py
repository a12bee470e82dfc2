"""The model of one client: when it calls, what it calls, what it does when throttled."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simulation.bounds import MOST_CONCURRENT
from simulation.formats import Part, listed
from simulation.paces import Pace
from simulation.quantities import WHOLE
from simulation.scenario.arrival_laws import Arrivals, kinds
from simulation.scenario.call_mix import CallMix
from simulation.scenario.conduct import SomeOfPool
from simulation.scenario.policies import OnThrottle

__all__ = ["Client"]


class Client(Part):
    """One integration or app that makes calls."""

    name: str = Field(
        min_length=1, max_length=100, description="a name of its own; it seeds its random numbers"
    )
    arrivals: Arrivals = Field(description=f"when its calls come: {listed(kinds(), 'or')}")
    calls: tuple[CallMix, ...] = Field(
        (), description="what it calls; a trace may name that itself"
    )
    on_throttle: OnThrottle = Field(
        default_factory=lambda: OnThrottle.model_validate("drop"),
        description="drop, {retry: ...} or {queue: ...}",
    )
    quota: SomeOfPool | None = Field(
        None, description="takes at most this share of the pool, or credits, in any window"
    )
    reserve: SomeOfPool | None = Field(
        None, description="makes no attempt that would leave less than this of the pool free"
    )
    pace: Pace | None = Field(
        None, description="makes at most this many attempts in a stretch of time, evenly spaced"
    )
    max_concurrent: Annotated[int, Field(ge=1, le=MOST_CONCURRENT), WHOLE] | None = Field(
        None, description="has at most this many calls open at once"
    )
    group: str | None = Field(
        None, min_length=1, max_length=100, description="the group whose limits it shares"
    )

    @property
    def is_drawn(self) -> bool:
        """Whether its calls differ between replications: arrivals, mix or records are drawn."""
        return (
            self.arrivals.is_drawn
            or len(self.calls) > 1
            or any(call.records.fixed is None for call in self.calls)
        )

    @property
    def has_line(self) -> bool:
        """Whether its calls wait for each other: it queues, keeps a pace, or bounds open calls."""
        return (
            self.on_throttle.queue is not None
            or self.pace is not None
            or self.max_concurrent is not None
        )

    @property
    def holds_back(self) -> bool:
        """Whether it may not make an attempt that is due."""
        return self.has_line or self.quota is not None or self.reserve is not None

    @property
    def has_jitter(self) -> bool:
        """Whether its delays before retries are drawn."""
        retry = self.on_throttle.retry
        return retry is not None and retry.jitter == "full"
