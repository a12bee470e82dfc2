"""The models of what a client does when it is throttled."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import Part, PositiveDuration
from simulation.quantities import FACTOR, HOUR, SECOND, WHOLE, Duration
from simulation.scenario.conduct import Queue

__all__ = ["OnThrottle", "Retry"]


_POLICIES = "write drop, {retry: {first: 30 s}} or {queue: {wait: 15 minutes}}"


class Retry(Part):
    """Try a throttled call again, after delays that grow."""

    first: Duration = Field(30 * SECOND, description="delay before the first retry; 0 for at once")
    then: PositiveDuration | None = Field(
        None, description="with `first: 0`, the delay before the second retry, from which they grow"
    )
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

    @model_validator(mode="after")
    def _check(self) -> Retry:
        if self.then is not None and self.first:
            what = "is for a first retry at once, write first: 0, or leave it out"
            raise KeyProblems([KeyProblem(("then",), what)])
        return self

    def delays(self) -> tuple[int, ...]:
        """Return the delays before retry 1, 2, … in µs; the last one repeats (rule 3.9).

        >>> [d // SECOND for d in Retry(first="30 s", factor=3, max_delay="5 min").delays()]
        [30, 90, 270, 300]
        """
        delays: list[int] = [] if self.then is None else [0]
        with localcontext() as context:
            context.prec = 60  # exact where the result is a whole number of microseconds
            exact = Decimal(self.first if self.then is None else self.then)
            while len(delays) < self.max_attempts - 1:
                delays.append(min(int(exact), self.max_delay))
                if exact >= self.max_delay or self.factor == 1 or exact == 0:
                    break
                exact *= self.factor
        return tuple(delays)


class OnThrottle(Part):
    """What a client does with a throttled call: ``drop`` it, ``retry``, or ``queue``."""

    retry: Retry | None = Field(None, description="try again, after delays that grow")
    queue: Queue | None = Field(None, description="stop as a whole, then work what has waited")

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if value == "drop":
            return {}
        if isinstance(value, dict):
            if "retry" in value and value["retry"] is None:
                what = "is empty, write drop, or {retry: {first: 30 s}}; {retry: {}} for defaults"
                raise KeyProblems([KeyProblem(("retry",), what)])
            if "queue" in value and value["queue"] is None:
                what = "is empty, write drop, or {queue: {wait: 15 minutes}}"
                raise KeyProblems([KeyProblem(("queue",), what)])
            if not value:
                raise ValueError(f"is empty, {_POLICIES}")
            if "retry" in value and "queue" in value:
                what = (
                    "'retry' and 'queue' are two ways to go on: a queue makes the same call again"
                )
                raise ValueError(f"{what} when its wait is over, so keep one")
            return value
        raise ValueError(f"{value!r} is no policy, {_POLICIES}")

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        policies = {
            # Without what a model makes of a key that is left out: one of them has to be there.
            name: {key: value for key, value in either["anyOf"][0].items() if key != "default"}
            for name, either in schema["properties"].items()
        }
        one_of_them = {**schema, "properties": policies, "minProperties": 1, "maxProperties": 1}
        return {
            "title": "OnThrottle",
            "description": schema["description"],
            "anyOf": [{"const": "drop"}, one_of_them],
        }
