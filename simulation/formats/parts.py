"""The base of all models of files: strict and unchangeable, with the numbers that they share."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue

from simulation.bounds import LEAST_WEIGHT, MOST_CREDITS, MOST_RECORDS, MOST_WEIGHT
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats.model_errors import details_of
from simulation.quantities import NUMBER, WHOLE, Count, Duration, parse_whole

__all__ = [
    "Credits",
    "FrozenDict",
    "Part",
    "PositiveDuration",
    "Records",
    "Weight",
    "check_weight",
    "exactly_one_of",
    "frozen",
    "of_value_alone",
    "one_number_twice",
    "one_reading",
    "thawed",
    "twice",
]

M = TypeVar("M")


class FrozenDict(dict[Any, Any]):
    """A mapping that does not change; `dict` of it is one that does.

    Unlike ``MappingProxyType`` it can be sent to other processes.

    >>> FrozenDict(a=1)["a"], FrozenDict(a=1) == {"a": 1}
    (1, True)
    >>> FrozenDict(a=1)["a"] = 2
    Traceback (most recent call last):
    TypeError: does not change, use scenario.changed({...}) for another scenario
    """

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("does not change, use scenario.changed({...}) for another scenario")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[Any, Any]]]:
        """Return how to build it again: whole, since pickle would set item by item."""
        return FrozenDict, (dict(self),)


def frozen(value: Any) -> Any:
    """Return a value with every list and mapping in it made unchangeable."""
    if isinstance(value, dict):
        return FrozenDict({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return tuple(map(frozen, value))
    return value


def thawed(value: Any) -> Any:
    """Return a copy of a value in plain lists and mappings.

    >>> thawed(frozen({"at": ["02:00"]}))
    {'at': ['02:00']}
    """
    if isinstance(value, dict):
        return {key: thawed(item) for key, item in value.items()}
    return [*map(thawed, value)] if isinstance(value, list | tuple) else value


class Part(BaseModel):
    """A part of a file: unknown keys are refused, values do not change, yes is no number."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """Return a value; refuse true and false, which Python counts as 1 and 0, and models.

        A model may hold unchecked values, and cannot be written to a file.
        """
        if _is_strange(value):
            raise ValueError(_strange(value))
        items: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            items = value.items()
        elif isinstance(value, list | tuple):
            items = enumerate(value)
        wrong = [
            KeyProblem((str(key) if isinstance(key, bool) else key,), _strange(found))
            for key, item in items
            for found in (key, item)
            if _is_strange(found)
        ]
        if wrong:
            raise KeyProblems(wrong)
        return value

    @field_validator("*", mode="after")
    @classmethod
    def _frozen(cls, value: Any) -> Any:
        """Return a value made unchangeable, since no change would be checked."""
        return frozen(value) if isinstance(value, dict | list) else value


def _is_strange(value: Any) -> bool:
    return isinstance(value, bool | BaseModel)


def _strange(value: bool | BaseModel) -> str:
    if isinstance(value, BaseModel):
        return f"is a {type(value).__name__} ready made, give its keys and values as plain data"
    word = str(value).lower()
    return f"{word} is yes or no, write a number, or '{word}' in quotes for text"


def check_weight(weight: float) -> float:
    """Return a weight of 0 or within the bounds.

    Raises
    ------
    ValueError
        If it is outside.
    """
    if weight and not LEAST_WEIGHT <= weight <= MOST_WEIGHT:
        raise ValueError(
            f"has a weight out of range, write 0 or {LEAST_WEIGHT:g} to {MOST_WEIGHT:,.0f}"
        )
    return weight


Weight = Annotated[float, Field(ge=0), AfterValidator(check_weight), NUMBER]
Credits = Annotated[Count, Field(le=MOST_CREDITS)]
Records = Annotated[int, Field(ge=1, le=MOST_RECORDS), WHOLE]


def one_reading(value: Any) -> Any:
    """Return a share; refuse a bare 1, which may be one per cent or the whole.

    Raises
    ------
    ValueError
        If it is a bare 1, with both readings.
    """
    try:
        whole = Decimal(str(value).strip()) == 1
    except InvalidOperation:
        whole = False
    if whole:
        raise ValueError(f"{value!r} may mean 1% or 100%, write '1%' or '100%'")
    return value


def _above_zero(duration: int) -> int:
    if duration <= 0:
        raise ValueError("is 0, write a duration above 0 such as '30 s'")
    return duration


PositiveDuration = Annotated[Duration, AfterValidator(_above_zero)]


def twice(items: Iterable[Any]) -> Any:
    """Return the first item that equals an earlier one, or None.

    >>> twice([1, 2, 1]), twice("ab")
    (1, None)
    """
    seen = set()
    for item in items:
        if item in seen:
            return item
        seen.add(item)
    return None


def of_value_alone(value: Any, handler: ModelWrapValidatorHandler[M], key: str) -> M:
    """Return the model of a value that is written alone, as its key.

    Raises
    ------
    ValidationError
        If the value is wrong; it blames the value itself, since the key is not written.
    """
    try:
        return handler({key: value})
    except ValidationError as error:
        wrong = details_of(error)
        for detail in wrong:
            detail["loc"] = ()
        raise ValidationError.from_exception_data(error.title, wrong) from None


def exactly_one_of(properties: dict[str, Any]) -> JsonSchemaValue:
    """Return the JSON schema of a mapping that has exactly one of some keys."""
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def one_number_twice(keys: Iterable[Any]) -> tuple[Any, Any] | None:
    """Return the first key that is the number of an earlier one, and that earlier one; or None.

    Keys that are no whole numbers are left to the model, which reports them.

    >>> one_number_twice([1, 2, "1", 2.0])
    ('1', 1)
    """
    seen: dict[int, Any] = {}
    for written in keys:
        try:
            number = parse_whole(written)
        except ValueError:
            continue
        if number in seen:
            return written, seen[number]
        seen[number] = written
    return None
