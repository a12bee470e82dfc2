"""Rules of a table of calls: requests, each with the kind of call that it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field, TypeAdapter, WrapValidator, model_validator

from simulation.formats import Part, Records

__all__ = [
    "ANY",
    "BLANKS",
    "METHODS",
    "OTHER",
    "REST",
    "CallGroup",
    "CallRule",
    "Paths",
    "RecordGuess",
    "Source",
]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ANY = "ANY"
"""Stands for all methods."""
REST = "**"
"""Stands for any rest of a path, and for none."""

OTHER = "other"
"""The kind of calls that have none of their own."""

_IS_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}").fullmatch
_IS_VERSION = re.compile(r"[vV][0-9]{1,3}(?:\.[0-9]{1,3})?").fullmatch
_IS_NUMBER = re.compile(r"[0-9]{1,9}").fullmatch
_IS_ID = re.compile(
    r"\{.*\}|[0-9]+|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
).fullmatch

BLANKS: dict[str, Callable[[str], object]] = {
    "{version}": _IS_VERSION,
    "{id}": _IS_ID,
    "{module}": _IS_NAME,
    "{name}": _IS_NAME,
    "{value}": bool,
}
"""What stands for many words in the path of a request, the more exact ones first."""


class RecordGuess(NamedTuple):
    """How many records a call carries where the log does not tell: a guess, and its range."""

    number: int
    least: int
    most: int


class Source(Part):
    """Where requests, or what they cost, were published."""

    title: str
    url: str
    date: str = Field(description="when it was published or read")


class RecordRule(Part):
    """How many records a call carries where the log tells it, and what is guessed elsewhere."""

    read_from: tuple[str, ...] = Field(
        (), description="parameters that tell it; the first one that is there"
    )
    guess: Records
    range: tuple[Records, Records] = Field(description="[fewest, most]")

    @model_validator(mode="after")
    def _check(self) -> RecordRule:
        least, most = self.range
        if least > most:
            raise ValueError(f"'range' goes from fewest to most, write [{most}, {least}]")
        if not least <= self.guess <= most:
            what = f"the guess {self.guess} is outside of its range, write {least} to {most}"
            raise ValueError(what)
        return self

    def of(self, parameters: Mapping[str, str]) -> int | RecordGuess:
        """Return the number that a parameter tells, or the guess if none tells one in range."""
        least, most = self.range
        for name in self.read_from:
            value = parameters.get(name, "")
            if _IS_NUMBER(value) and least <= int(value) <= most:
                return int(value)
        return RecordGuess(self.guess, least, most)


_NUMBER: TypeAdapter[int] = TypeAdapter(Records)


def _records(value: Any, _: Any) -> Any:
    # Which of both is meant is plain, so messages are those of one, not of a union.
    if isinstance(value, dict):
        return RecordRule.model_validate(value)
    return _NUMBER.validate_python(value)


def _check_path(path: str) -> str:
    parts = path.split("/")
    for part in parts:
        if not part or set(part) & set("?# "):
            raise ValueError(
                f"{path!r} is no path, write its parts with a / between them, and parameters of "
                "the query under 'parameters'"
            )
        if "{" in part and part not in BLANKS:
            raise ValueError(f"{part!r} stands for nothing, write one of: {', '.join(BLANKS)}")
    if any("*" in part for part in parts if part != REST) or REST in parts[:-1]:
        raise ValueError(f"{path!r} has a * before its end, write {REST} as its last part alone")
    return path


def _check_request(request: str) -> str:
    method, _, path = request.partition(" ")
    if method not in (*METHODS, ANY) or not path:
        raise ValueError(
            f"{request!r} is no request, write a method ({', '.join(METHODS)}, {ANY}) and a path, "
            "such as 'GET {module}/{id}'"
        )
    _check_path(path)
    return request


Paths = tuple[Annotated[str, AfterValidator(_check_path)], ...]


class CallRule(Part):
    """A request of the API, and the kind of call that it is."""

    request: Annotated[str, AfterValidator(_check_request)]
    parameters: tuple[str, ...] = Field((), description="all of these are in the query")
    api: str = OTHER
    records: Annotated[int | RecordRule | None, WrapValidator(_records)] = None
    names: tuple[str, ...] = Field((), description="what logs that name calls may call it")
    assumption: str | None = Field(None, description="what no source says")

    def path_under(self, root: str) -> tuple[str, ...]:
        """Return the parts of its whole path, words in small letters."""
        path = f"{root}/{self.request.partition(' ')[2]}"
        return tuple(part.casefold() for part in path.split("/") if part)

    @property
    def method(self) -> str:
        """Its method, or ``ANY``."""
        return self.request.partition(" ")[0]

    def holds(self, parameters: Mapping[str, str]) -> bool:
        """Return whether a query has all parameters that it asks for."""
        return all(name.casefold() in parameters for name in self.parameters)

    def records_of(self, parameters: Mapping[str, str]) -> int | RecordGuess | None:
        """Return how many records a call with these parameters carries; None if not known."""
        rule = self.records
        return rule.of(parameters) if isinstance(rule, RecordRule) else rule


class CallGroup(Part):
    """Requests that belong together in reports, and where they were read."""

    name: Annotated[str, Field(min_length=1)]
    under: Paths | None = Field(None, description="as of the table, for this group alone")
    sources: tuple[str, ...] = Field((), description="keys of the table's sources")
    calls: tuple[CallRule, ...]
