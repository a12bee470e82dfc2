"""The model of bursts: every arrival of a law makes several calls."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from simulation.formats import Part, exact
from simulation.quantities import DAY, MINUTE, SECOND, Count, Duration, write_duration

__all__ = ["Each"]

_LONGEST = 7 * DAY  # each day is drawn together with all before it whose bursts reach into it


class Each(Part):
    """What every arrival of a law makes: a burst of calls, evenly apart."""

    calls: Annotated[Count, Field(ge=1, le=10_000_000)] = Field(description="calls in a burst")
    every: Duration = Field(0, description="the time from each of them to the next; 0: all at once")

    @model_validator(mode="after")
    def _not_too_long(self) -> Each:
        if self.length > _LONGEST:
            raise ValueError(
                f"lasts {write_duration(self.length)}, write fewer calls or a shorter 'every', "
                f"so that a burst lasts at most {write_duration(_LONGEST)}"
            )
        return self

    @property
    def length(self) -> int:
        """The time from a burst's first call to its last, µs."""
        return (self.calls - 1) * self.every

    def in_words(self) -> str:
        """Return what an arrival makes, as a sentence.

        >>> Each(calls=60, every="200 ms").in_words()
        'Each arrival is a burst of 60 calls, one every 0.2 s.'
        """
        if self.calls == 1:
            return "Each arrival is one call."
        how = "all at once"
        if self.every:
            short = self.every < MINUTE
            step = f"{exact(self.every / SECOND)} s" if short else write_duration(self.every)
            how = f"one every {step}"
        return f"Each arrival is a burst of {self.calls:,} calls, {how}."
