"""The model of how long a call stays open: a duration, or one of two distributions."""

from __future__ import annotations

import math
from typing import Any, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simulation.formats import Part, PositiveDuration, exact, exactly_one_of, of_value_alone
from simulation.quantities import MINUTE, SECOND, write_duration

__all__ = ["DEFAULT_DURATION", "CallDuration", "LogNormal"]

_QUANTILE_95 = 1.6448536269514722  # of the standard normal law


def _said(duration: int) -> str:
    """Return a duration as people write short ones."""
    return write_duration(duration) if duration >= MINUTE else f"{exact(duration / SECOND)} s"


class LogNormal(Part):
    """Durations whose logarithms are normal: most near the median, few much longer."""

    median: PositiveDuration = Field(description="half of the calls last at most this long")
    p95: PositiveDuration = Field(description="19 of 20 calls last at most this long")

    @model_validator(mode="after")
    def _longer(self) -> LogNormal:
        if self.p95 <= self.median:
            median = _said(self.median)
            raise ValueError(
                f"'p95', within which 19 of 20 calls end, must be longer than 'median', write one "
                f"above {median}, or for calls that all last as long 'duration: {median}'"
            )
        return self

    @property
    def sigma(self) -> float:
        """The standard deviation of the logarithm."""
        return math.log(self.p95 / self.median) / _QUANTILE_95


class CallDuration(Part):
    """How long an accepted call stays open: a duration, or one of two distributions."""

    fixed: PositiveDuration | None = None
    uniform: tuple[PositiveDuration, PositiveDuration] | None = Field(
        None, description="[least, most], every microsecond as likely, both included"
    )
    lognormal: LogNormal | None = Field(
        None, description="by the median and the duration that 95 % of calls stay within"
    )

    @model_validator(mode="wrap")
    @classmethod
    def _short_form(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Return the model of a duration alone."""
        if isinstance(value, dict | CallDuration):
            return handler(value)
        return of_value_alone(value, handler, "fixed")

    @model_validator(mode="after")
    def _one_kind(self) -> CallDuration:
        if sum(getattr(self, kind) is not None for kind in type(self).model_fields) != 1:
            raise ValueError("needs a duration, or exactly one of 'uniform' and 'lognormal'")
        if self.uniform and self.uniform[0] > self.uniform[1]:
            right = ", ".join(map(_said, self.uniform[::-1]))
            raise ValueError(f"'uniform' goes from least to most, write [{right}]")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        properties = dict(schema["properties"])
        fixed, *_ = properties.pop("fixed")["anyOf"]  # without the null of what is not written
        return {
            "title": "CallDuration",
            "description": schema["description"],
            "anyOf": [fixed, exactly_one_of(properties)],
        }

    @property
    def mean(self) -> float:
        """The mean duration, µs."""
        if self.uniform is not None:
            return sum(self.uniform) / 2
        if self.lognormal is not None:
            return self.lognormal.median * math.exp(self.lognormal.sigma**2 / 2)
        return float(self.fixed or 0)

    def in_words(self) -> str:
        """Return the duration in words.

        >>> CallDuration.model_validate("0.4 s").in_words()
        '0.4 s'
        >>> CallDuration(uniform=("1 s", "1 min")).in_words()
        '1 s to 1 minute, every duration as likely'
        """
        if self.uniform is not None:
            return f"{' to '.join(map(_said, self.uniform))}, every duration as likely"
        if self.lognormal is not None:
            median, p95 = map(_said, (self.lognormal.median, self.lognormal.p95))
            return f"{median} in the median and at most {p95} in 95 % (log-normal)"
        return _said(self.fixed or 0)


DEFAULT_DURATION = CallDuration.model_validate("1 s")
"""Of calls of which neither scenario nor card says anything. *Assumption*: most calls of web APIs
end within a second, so one is on the safe side; and with it the calls open are those of the last
second, which is easily checked."""
