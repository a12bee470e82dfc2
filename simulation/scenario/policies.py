"""The models of what a client does when it is throttled."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import Part, PositiveDuration
from simulation.quantities import FACTOR, HOUR, SECOND, WHOLE

__all__ = ["OnThrottle", "Retry"]


class Retry(Part):
    """Try a throttled call again, after delays that grow."""

    first: PositiveDuration = Field(30 * SECOND, description="delay before the first retry")
    factor: Annotated[Decimal, Field(ge=1, le=1_000_000), FACTOR] = Field(
        Decimal(2), description="by which each delay outgrows the one before"
    )
    max_delay: PositiveDuration = Field(HOUR, description="no delay is longer")
    max_attempts: Annotated[int, Field(ge=1, le=100_000), WHOLE] = Field(
        6, description="attempts in all, the first included; then the call is lost"
    )
    jitter: Literal["none", "full"] = Field(
        "none", description="full: each delay is uniform between 0 and its length"
    )

    def delays(self) -> tuple[int, ...]:
        """Return the delays before retry 1, 2, … in µs; the last one repeats (rule 3.9).

        >>> [d // SECOND for d in Retry(first="30 s", factor=3, max_delay="5 min").delays()]
        [30, 90, 270, 300]
        """
        delays: list[int] = []
        with localcontext() as context:
            context.prec = 60  # exact where the result is a whole number of microseconds
            exact = Decimal(self.first)
            while len(delays) < self.max_attempts - 1:
                delays.append(min(int(exact), self.max_delay))
                if exact >= self.max_delay or self.factor == 1:
                    break
                exact *= self.factor
        return tuple(delays)


class OnThrottle(Part):
    """What a client does with a throttled call: ``drop`` it, or ``retry``."""

    retry: Retry | None = Field(description="try again, after delays that grow")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if value == "drop":
            return {"retry": None}
        if isinstance(value, dict):
            if "retry" in value and value["retry"] is None:
                what = "is empty, write drop, or {retry: {first: 30 s}}; {retry: {}} for defaults"
                raise KeyProblems([KeyProblem(("retry",), what)])
            return value
        raise ValueError(f"{value!r} is no policy, write drop or {{retry: {{first: 30 s}}}}")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        model_or_null = schema["properties"]["retry"]["anyOf"]
        return {
            "title": "OnThrottle",
            "description": schema["description"],
            "anyOf": [{"const": "drop"}, {**schema, "properties": {"retry": model_or_null[0]}}],
        }
