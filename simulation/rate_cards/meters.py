"""The meters of a rate card: each is one rule that can throttle.

The credit pool is one of them. A card without ``limits`` has no other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from simulation.bounds import MOST_CREDITS, MOST_RECORDS
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import FrozenDict, Part, PositiveDuration, did_you_mean, listed
from simulation.moments import read_time, read_zone
from simulation.paces import parse_pace
from simulation.quantities import DAY, WHOLE, parse_whole
from simulation.rate_cards.meter_words import meter_in_words

__all__ = ["ORG_ZONE", "THE_POOL", "AppliesTo", "Meter", "Resets", "meter_problems"]

POOL = "pool"
"""The size of the meter that is the org's credit pool."""

_OF_KIND = {
    "rolling": ("window", "'24 hours'"),
    "calendar": ("resets", "{at: '00:00', timezone: America/New_York}"),
    "bucket": ("refill", "'2 per second'"),
}
"""The key that a kind of meter needs, with an example."""

ORG_ZONE = "org"
"""The time zone of the org itself, in place of a named one."""

_MOST_METERS = 16
_EVERY = "*"  # edition
_LAST_SAFE_DAY = 28


def _read_zone(value: Any) -> Any:
    return value if value == ORG_ZONE else read_zone(value).key


class Resets(Part):
    """When a calendar meter gives all of it back."""

    every: Literal["hour", "day", "month"] = "day"
    at: Annotated[
        dt.time,
        BeforeValidator(read_time),
        WithJsonSchema({"type": "string", "examples": ["00:00"]}),
    ] = Field(dt.time(), description="the time of the day; with `hour` its minutes count")
    day: Annotated[int, Field(ge=1, le=_LAST_SAFE_DAY), WHOLE] = Field(
        1, description="the day of the month, with `month`"
    )
    timezone: Annotated[
        str,
        BeforeValidator(_read_zone),
        WithJsonSchema({"type": "string", "examples": ["America/New_York", ORG_ZONE]}),
    ] = Field(description="where that clock hangs; org: in the org's own zone")

    @model_validator(mode="after")
    def _check(self) -> Resets:
        if self.every == "hour" and self.at.hour:
            what = f"has an hour, write the minutes alone, such as 00:{self.at.minute:02}"
            raise KeyProblems([KeyProblem(("at",), what)])
        if self.every != "month" and "day" in self.model_fields_set:
            raise KeyProblems([KeyProblem(("day",), "is for resets each month, leave it out")])
        return self

    def in_words(self) -> str:
        """Return when it resets, such as ``at 00:00 in America/New_York``."""
        zone = "of the org's zone" if self.timezone == ORG_ZONE else f"in {self.timezone}"
        if self.every == "hour":
            past = f"{self.at.minute} minutes past" if self.at.minute else "at the start of"
            return f"{past} each hour {zone}"
        day = f"on day {self.day} of each month " if self.every == "month" else ""
        return f"{day}at {self.at:%H:%M} {zone}"


class AppliesTo(Part):
    """Calls that a meter counts: of one kind or of all, or of those with many records."""

    api: str | None = None
    more_than: Annotated[int, Field(ge=0, le=MOST_RECORDS), WHOLE] | None = Field(
        None, description="only calls with more records than this"
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"api": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_something(self) -> AppliesTo:
        if self.api is None and self.more_than is None:
            raise ValueError("says nothing, write a call kind, or {more_than: 10}")
        return self


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _read_size(value: Any) -> Any:
    """Return a number of credits or calls, ``pool``, or numbers by edition."""
    if value == POOL or isinstance(value, dict):
        return value
    return parse_whole(value)


def _read_refill(value: Any) -> Any:
    """Return paces by edition; one for all editions stands under `_EVERY`."""
    if isinstance(value, dict):
        return FrozenDict({edition: parse_pace(each) for edition, each in value.items()})
    return FrozenDict({_EVERY: parse_pace(value)})


Amount = Annotated[int, Field(ge=0, le=MOST_CREDITS), WHOLE]


class Meter(Part):
    """One rule that can throttle (RULES 6): what it counts, of whom, and when it gives back.

    >>> Meter.model_validate({"name": "minute", "kind": "rolling", "counts": "calls",
    ...                       "size": 60, "window": "1 minute"}).in_words("professional")
    '60 calls in any minute for the org'
    """

    name: str = Field(min_length=1, max_length=60)
    kind: Literal["rolling", "calendar", "bucket", "concurrent"]
    counts: Literal["credits", "calls"] | None = None
    scope: Literal["org", "client", "group"] = "org"
    size: Annotated[int | Mapping[str, Amount] | Literal["pool"], BeforeValidator(_read_size)]
    window: PositiveDuration | None = None
    resets: Resets | None = None
    refill: Annotated[Mapping[str, Fraction], BeforeValidator(_read_refill)] | None = None
    applies_to: Annotated[tuple[AppliesTo, ...], BeforeValidator(_as_list)] = ()

    @model_validator(mode="after")
    def _check(self) -> Meter:
        problems = list(self._problems())
        if problems:
            raise KeyProblems(problems)
        return self

    def _problems(self) -> Iterator[KeyProblem]:
        yield from self._kind_problems()
        if self.kind == "concurrent" and self.counts == "credits":
            what = "is calls where they are counted while open, write calls or leave it out"
            yield KeyProblem(("counts",), what)
        for edition, size in self._sizes().items():
            if size < 1:
                what = f"{size} lets no call through, write 1 or more"
                yield KeyProblem(("size", *filter(None, [edition])), what)
        if "applies_to" in self.model_fields_set and not self.applies_to:
            what = "is empty, so it would throttle nothing: name call kinds, or leave it out"
            yield KeyProblem(("applies_to",), what)
        if self.is_pool and self.scope != "org":
            yield KeyProblem(("scope",), "is org for the pool, which the whole org shares")
        if self.is_pool and self.applies_to:
            yield KeyProblem(("applies_to",), "is left out for the pool, which all calls take from")

    def _kind_problems(self) -> Iterator[KeyProblem]:
        """Yield keys that belong to another kind of meter, and those that this kind lacks."""
        for kind, (key, example) in _OF_KIND.items():
            value = getattr(self, key)
            if self.is_pool and key == "window" and self.kind == "rolling":
                if value is not None:  # which of the two would count?
                    yield KeyProblem((key,), "of the pool is the card's own 'window', leave it out")
            elif kind == self.kind and value is None:
                yield KeyProblem((key,), f"is missing, a {kind} meter needs one: {example}")
            elif kind != self.kind and value is not None:
                what = f"is for a meter of kind {kind}, and this is {self.kind}: leave it out"
                yield KeyProblem((key,), what)

    def _sizes(self) -> Mapping[str, int]:
        """Return its sizes by edition; one for all editions stands under ``""``."""
        if isinstance(self.size, Mapping):
            return self.size
        return {} if self.is_pool else {"": int(self.size)}

    @property
    def is_pool(self) -> bool:
        """Whether it is the org's credit pool, whose size is the limit."""
        return self.size == POOL

    @cached_property
    def counts_credits(self) -> bool:
        """Whether it counts credits, not calls."""
        return self.kind != "concurrent" and self.counts != "calls"

    def size_for(self, edition: str) -> int:
        """Return its size for an edition, in credits or calls; not of the pool."""
        assert self.size != POOL
        return self.size[edition] if isinstance(self.size, Mapping) else int(self.size)

    def refill_for(self, edition: str) -> Fraction:
        """Return how fast a bucket refills for an edition, in credits or calls per µs."""
        assert self.refill is not None
        return self.refill[_EVERY if _EVERY in self.refill else edition]

    def problems(
        self, editions: Mapping[str, Any], least: Mapping[str, float]
    ) -> Iterator[KeyProblem]:
        """Yield what does not fit a card's editions and call kinds, at keys inside the meter.

        ``least`` is the least that a call of each kind can cost, credits.
        """
        for key in ("size", "refill"):
            value = getattr(self, key)
            if isinstance(value, Mapping) and _EVERY not in value:
                yield from _edition_problems(key, value, editions)
        for number, each in enumerate(self.applies_to):
            if each.api is not None and each.api not in least:
                what = f"{each.api!r} is no call kind of the card, {did_you_mean(each.api, least)}"
                yield KeyProblem(("applies_to", number), what + f"use one of: {', '.join(least)}")
        if self.counts_credits:
            named = [each.api for each in self.applies_to]
            costs = [least[api] for api in least if not named or None in named or api in named]
            one = min((cost for cost in costs if cost), default=0)
            for edition, size in self._sizes().items():
                if size < one:
                    what = f"{size} is below one call, which costs {one}: write {one} or more"
                    yield KeyProblem(("size", *filter(None, [edition])), what)

    def least_records(self, api: str) -> int | None:
        """Return the records above which it counts calls of a kind; None where it counts none.

        -1 where it counts all of them.
        """
        if not self.applies_to:
            return -1
        its = [
            -1 if each.more_than is None else each.more_than
            for each in self.applies_to
            if each.api in (None, api)
        ]
        return min(its, default=None)

    def in_words(self, edition: str, pool: int | None = None, window: int = DAY) -> str:
        """Return what it allows an edition, as a phrase.

        ``pool`` and ``window`` are the limit and the window of the card, where it is the pool.
        """
        size = pool if self.is_pool else self.size_for(edition)
        return meter_in_words(self, size, edition, window)


def _edition_problems(
    key: str, values: Mapping[str, Any], editions: Mapping[str, Any]
) -> Iterator[KeyProblem]:
    for edition in values:
        if edition not in editions:
            what = f"is no edition of the card, {did_you_mean(edition, editions)}"
            yield KeyProblem((key, edition), what + f"name one of: {', '.join(editions)}")
    if missing := [name for name in editions if name not in values]:
        yield KeyProblem((key,), f"says nothing of {listed(missing)}, write one for each edition")


THE_POOL = Meter.model_validate({"name": "credits", "kind": "rolling", "size": POOL})
"""The pool of a card whose limits do not name it."""


def meter_problems(
    limits: Sequence[Meter], editions: Mapping[str, Any], least: Mapping[str, float]
) -> Iterator[KeyProblem]:
    """Yield what is wrong with a card's meters: in themselves, and beside each other.

    ``least`` is the least that a call of each kind costs, credits.
    """
    names = {} if any(meter.is_pool for meter in limits) else {THE_POOL.name: "the pool"}
    pools = 0
    for number, meter in enumerate(limits):
        if meter.name in names:
            what = f"{meter.name!r} is also the name of {names[meter.name]}, give it another"
            yield KeyProblem(("limits", number, "name"), what)
        names.setdefault(meter.name, f"limits.{number}")
        pools += meter.is_pool
        if meter.is_pool and pools > 1:
            yield KeyProblem(("limits", number, "size"), "is the pool twice, write a number here")
        for path, what, *_ in meter.problems(editions, least):
            yield KeyProblem(("limits", number, *path), what)
    if len(limits) > _MOST_METERS:
        yield KeyProblem(("limits",), f"has {len(limits)} meters, write {_MOST_METERS} at most")
