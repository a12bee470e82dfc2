"""The models of what a client calls: kinds of call, and how many records each carries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from simulation.bounds import LEAST_WEIGHT, MOST_RECORDS, MOST_WEIGHT
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import (
    Part,
    Records,
    Weight,
    exactly_one_of,
    of_value_alone,
    one_number_twice,
    twice,
)
from simulation.quantities import NUMBER, parse_whole
from simulation.rate_cards import CallDuration

__all__ = ["CallMix", "RecordCount"]


def _equally_likely(numbers: Sequence[Any]) -> dict[Any, float]:
    wrong = [number for number in numbers if isinstance(number, bool | dict | list)]
    if wrong:
        what = f"{wrong[0]!r} is no number of records, write a list such as [1, 10, 100]"
        raise KeyProblems([KeyProblem(("choices",), what)])
    if (again := twice(numbers)) is not None:
        what = f"{again!r} stands twice, write numbers with weights such as {{{again}: 2, 100: 1}}"
        raise KeyProblems([KeyProblem(("choices",), what)])
    return dict.fromkeys(numbers, 1.0)


class RecordCount(Part):
    """How many records a call carries: a number, or one of three distributions."""

    fixed: Records | None = None
    uniform: tuple[Records, Records] | None = Field(
        None, description="[least, most], every number as likely"
    )
    poisson: Annotated[float, Field(gt=0, le=1e6), NUMBER] | None = Field(
        None, description="a mean; draws of 0 become 1, draws above the call's maximum that"
    )
    choices: dict[Records, Weight] | None = Field(
        None, description="numbers with their weights, or a list of numbers"
    )

    @model_validator(mode="wrap")
    @classmethod
    def _short_forms(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Return the model of a number alone, and of ``choices`` as a list."""
        if isinstance(value, dict):
            choices = value.get("choices")
            if isinstance(choices, list | tuple):
                value = {**value, "choices": (choices := _equally_likely(choices))}
            if isinstance(choices, Mapping) and (both := one_number_twice(choices)):
                what = "{!r} and {!r} are one number that stands twice, keep one".format(*both)
                raise KeyProblems([KeyProblem(("choices",), what)])
            return handler(value)
        if isinstance(value, str) and value[:1].isdecimal():
            value = parse_whole(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(
                f"{value!r} is no number of records, write a number or {{uniform: [1, 5]}}"
            )
        return of_value_alone(value, handler, "fixed")

    @model_validator(mode="after")
    def _one_kind(self) -> RecordCount:
        if sum(getattr(self, kind) is not None for kind in type(self).model_fields) != 1:
            raise ValueError("needs a number, or exactly one of 'uniform', 'poisson' and 'choices'")
        if self.uniform and self.uniform[0] > self.uniform[1]:
            raise ValueError(f"'uniform' goes from least to most, write {list(self.uniform)[::-1]}")
        if self.choices is not None and not sum(self.choices.values()) > 0:
            raise ValueError("'choices' has no weight above 0")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        properties = dict(schema["properties"])
        properties.pop("fixed")
        properties["choices"] = {
            "anyOf": [
                {"type": "object", "additionalProperties": {"type": "number", "minimum": 0}},
                {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1},
            ],
            "description": properties["choices"]["description"],
        }
        return {
            "title": "RecordCount",
            "description": schema["description"],
            "anyOf": [{"type": "integer", "minimum": 1}, exactly_one_of(properties)],
        }

    @property
    def largest(self) -> int:
        """The most records that a call may be meant to carry (for ``poisson`` the mean)."""
        if self.fixed is not None:
            return self.fixed
        if self.uniform is not None:
            return self.uniform[1]
        if self.choices is not None:
            return max(self.choices)
        return math.ceil(self.poisson or 0)

    @property
    def smallest(self) -> int:
        """The fewest records that a call may carry."""
        return min(fewest for fewest, _ in self.spans(None))

    def spans(self, most: int | None) -> list[tuple[int, int]]:
        """Return the numbers of records that a call may carry, as the ends of stretches.

        ``most`` are the most records of its kind, or None where there is no bound.
        """
        if self.fixed is not None:
            return [(self.fixed, self.fixed)]
        if self.uniform is not None:
            return [self.uniform]
        if self.choices is not None:
            return [(number, number) for number, weight in self.choices.items() if weight > 0]
        return [(1, most or MOST_RECORDS)]


class CallMix(Part):
    """One kind of call among those that a client makes."""

    api: str = Field(description="a call kind of the rate card, or of `other_apis`")
    records: RecordCount = Field(
        default_factory=lambda: RecordCount(fixed=1),
        description="records in a call: a number, or one of {uniform, poisson, choices: ...}",
    )
    weight: Annotated[float, Field(ge=LEAST_WEIGHT, le=MOST_WEIGHT), NUMBER] = Field(
        1.0, description="how often, beside the other kinds"
    )
    duration: CallDuration | None = Field(
        None,
        description="how long it stays open once accepted: a duration, or one of {uniform, "
        "lognormal: ...}; the rate card's unless given",
    )
