"""Numbers that are estimates: a value with its 95 % interval, wherever a law takes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, InitErrorDetails, core_schema

from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import details_of, exact

__all__ = [
    "Estimable",
    "Estimated",
    "EstimatedCount",
    "EstimatedRate",
    "EstimatedShare",
    "range_of",
    "written_rate",
]

_KEYS = ("estimate", "low", "high")


class Estimated:
    """A number that was estimated; it counts as its value.

    Attributes
    ----------
    low, high : float
        The ends of its 95 % interval, which holds the value.
    """

    low: float
    high: float

    def __new__(cls, value: float, low: float, high: float) -> Estimated:
        """Return a number with the ends of its interval."""
        number = super().__new__(cls, value)  # type: ignore[call-arg]  # that of float or int
        number.low, number.high = low, high
        return number

    def __reduce__(self) -> tuple[type[Estimated], tuple[float, float, float]]:
        """Return what a copy is made of, in another process too."""
        return type(self), self.parts

    @property
    def parts(self) -> tuple[float, float, float]:
        """The value alone, and the ends of its interval."""
        return self.real, self.low, self.high  # type: ignore[attr-defined]


class EstimatedRate(Estimated, float):
    """A rate in calls per 24 hours."""


class EstimatedShare(Estimated, float):
    """A share, or a coefficient of variation."""


class EstimatedCount(Estimated, int):
    """A whole number."""


@dataclass(frozen=True)
class Estimable:
    """Lets a number be written as ``{estimate: …, low: …, high: …}``, each as the number alone is.

    Attributes
    ----------
    kind : type
        What an estimated number becomes.
    """

    kind: type[EstimatedRate | EstimatedShare | EstimatedCount]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Return how the number is read and written."""
        return core_schema.no_info_wrap_validator_function(
            self._read,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(_as_data),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the number's own schema, or a mapping of three."""
        alone = handler(schema)
        three = {
            "type": "object",
            "properties": dict.fromkeys(_KEYS, alone),
            "required": [*_KEYS],
            "additionalProperties": False,
        }
        return {"anyOf": [*alone.pop("anyOf", [dict(alone)]), three]}

    def _read(self, value: Any, handler: core_schema.ValidatorFunctionWrapHandler) -> Any:
        if not isinstance(value, Mapping):
            return handler(value)
        right = "write {estimate: ..., low: ..., high: ...}"
        wrong = [
            KeyProblem((key,), f"is an unknown key, {right}") for key in value if key not in _KEYS
        ]
        wrong += [KeyProblem((), f"has no {key!r}, {right}") for key in _KEYS if key not in value]
        if wrong:
            raise KeyProblems(wrong)
        numbers, details = [], list[InitErrorDetails]()
        for key in _KEYS:
            try:
                numbers.append(handler(value[key]))
            except ValidationError as error:
                for detail in details_of(error):
                    detail["loc"] = (key,)
                    details.append(detail)
        if details:
            raise ValidationError.from_exception_data("estimate", details)
        number, low, high = numbers
        if not low <= number <= high:
            what = f"{value['estimate']} is not between low and high, {value['low']} and "
            what += f"{value['high']}: where it is no estimate any more, write the number alone"
            raise KeyProblems([KeyProblem(("estimate",), what)])
        return self.kind(number, low, high)


def range_of(number: float) -> str:
    """Return what a sentence says of a number behind it: its interval, if it is an estimate.

    >>> range_of(300), range_of(EstimatedRate(1500, 1380, 1620))
    ('', ' (an estimate, 95 % interval 1,380 to 1,620)')
    """
    if not isinstance(number, Estimated):
        return ""
    return f" (an estimate, 95 % interval {exact(number.low)} to {exact(number.high)})"


def written_rate(per_day: float) -> str:
    """Return a rate as a scenario file takes it, never with three digits behind the dot.

    Those could be thousands.
    """
    return f"{per_day:.12f} per day"


def _as_data(number: float) -> Any:
    """Return a number as the data of a scenario; its interval is part of what makes results."""
    if not isinstance(number, Estimated):
        return number
    return dict(zip(_KEYS, number.parts, strict=True))
