"""The model of one client: when it calls, what it calls, what it does when throttled."""

from __future__ import annotations

from pydantic import Field

from simulation.formats import Part, listed
from simulation.scenario.arrival_laws import Arrivals, kinds
from simulation.scenario.call_mix import CallMix
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
        description="drop, or {retry: ...}",
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
    def has_jitter(self) -> bool:
        """Whether its delays before retries are drawn."""
        retry = self.on_throttle.retry
        return retry is not None and retry.jitter == "full"
