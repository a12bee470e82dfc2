"""The meters of a rate card: each is one rule that can throttle.

The credit pool is one of them. A card without ``limits`` has no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from simulation.bounds import MOST_CREDITS
from simulation.errors import KeyProblem, KeyProblems, dotted
from simulation.formats import FrozenDict, Part, PositiveDuration, did_you_mean, listed
from simulation.paces import pace_in_words, parse_pace
from simulation.plain_names import plain_name
from simulation.quantities import DAY, WHOLE, parse_whole, write_duration
from simulation.rate_cards.meter_parts import AppliesTo, Resets

__all__ = ["THE_POOL", "Meter", "meter_problems", "window_in_words"]

POOL = "pool"
"""The size of the meter that is the org's credit pool."""

_OF_KIND = {
    "rolling": ("window", "'24 hours'"),
    "calendar": ("resets", "{at: '00:00', timezone: America/New_York}"),
    "bucket": ("refill", "'2 per second'"),
}
"""The key that a kind of meter needs, with an example."""

_EACH = {"hour": "an hour", "day": "a day", "month": "a month"}
_OF_WHOM = {
    "org": " for the org",
    "client": " for each client",
    "group": " for each group of clients",
}
_MOST_NAMED = 2  # kinds of call in a phrase

_MOST_METERS = 16
_MOST_PARTS = 2**60  # of a bucket: engines count in whole numbers of 64 bits
_EVERY = "*"  # edition


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
    """One rule that can throttle (rule 6): what it counts, of whom, and when it gives back.

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
            what = "is credits, and calls at once are counted: write calls, or leave it out"
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
                yield KeyProblem((key,), f"is missing, a {kind} limit needs one: {example}")
            elif kind != self.kind and value is not None:
                what = f"is for a limit of kind {kind}, and this is {self.kind}: leave it out"
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

    def too_fine(self, size: int, edition: str, units_per_credit: int = 1) -> str:
        """Return what is wrong with a refill of which engines cannot count whole parts, or nothing.

        ``size`` is that of the bucket, in what it counts.
        """
        pace, parts = self.refill_for(edition), size
        if self.counts_credits:
            pace, parts = pace * units_per_credit, size * units_per_credit
        if parts * pace.denominator <= _MOST_PARTS and pace.numerator <= _MOST_PARTS:
            return ""
        said = f"has too many digits for a bucket of {size:,} {self.unit} to be counted exactly"
        return f"{said}: write a rounder pace, or a smaller bucket"

    def problems(
        self,
        editions: Mapping[str, Any],
        least: Mapping[str, float],
        most_records: Mapping[str, int | None],
        units_per_credit: int,
    ) -> Iterator[KeyProblem]:
        """Yield what does not fit a card's editions and call kinds, at keys inside the meter.

        ``least`` is the least that a call of each kind can cost, credits, and ``most_records`` how
        many records it can have.
        """
        for key in ("size", "refill"):
            value = getattr(self, key)
            if isinstance(value, Mapping) and _EVERY not in value:
                yield from _edition_problems(key, value, editions)
        yield from self._refill_problems(editions, units_per_credit)
        if self.applies_to and all(
            self._counts_none(each, most_records) for each in self.applies_to
        ):
            what = (
                "names only calls of more records than they can have, so it would throttle nothing"
            )
            yield KeyProblem(("applies_to",), f"{what}: lower more_than")
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

    def _refill_problems(
        self, editions: Mapping[str, Any], units_per_credit: int
    ) -> Iterator[KeyProblem]:
        if self.refill is None or self.is_pool:  # how large the pool is depends on the org
            return
        said = set()
        for edition in editions:
            written = edition if edition in self.refill else _EVERY
            size = self._sizes().get(edition, self._sizes().get(""))
            if size is None or written not in self.refill or written in said:
                continue
            if too_fine := self.too_fine(size, edition, units_per_credit):
                said.add(written)
                key = () if written == _EVERY else (written,)
                yield KeyProblem(("refill", *key), too_fine)

    def _counts_none(self, each: AppliesTo, most_records: Mapping[str, int | None]) -> bool:
        """Whether no call has as many records as a part of ``applies_to`` asks for."""
        its = [most_records.get(each.api)] if each.api is not None else most_records.values()
        return each.more_than is not None and all(
            most is not None and each.more_than >= most for most in its
        )

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

    @property
    def unit(self) -> str:
        """What it counts, in words."""
        return "credits" if self.counts_credits else "calls"

    def size_in_words(self, size: int, edition: str, window: int = DAY) -> str:
        """Return a size in a few words, such as ``5,000 credits per 24 hours``."""
        amount = f"{size:,} {self.unit}"
        if self.kind == "rolling":
            return f"{amount} per {window_in_words(self.window or window)}"
        if self.resets is not None:
            return f"{amount} {_EACH[self.resets.every]}"
        if self.kind == "bucket":
            return f"a bucket of {amount}, {pace_in_words(self.refill_for(edition))} back"
        return f"{amount} at once"

    def in_words(self, edition: str, pool: int | None = None, window: int = DAY) -> str:
        """Return what it allows an edition, as a phrase.

        ``pool`` and ``window`` are the limit and the window of the card, where it is the pool.
        """
        size = pool if self.is_pool else self.size_for(edition)
        amount = f"the limit, in {self.unit}," if size is None else f"{size:,} {self.unit}"
        if self.kind == "rolling":
            any_window = window_in_words(self.window or window).removeprefix("1 ")
            said = f"{amount} in any {any_window}"
        elif self.resets is not None:
            said = f"{amount} {_EACH[self.resets.every]}, back {self.resets.in_words()}"
        elif self.kind == "bucket":
            pace = pace_in_words(self.refill_for(edition))
            said = f"{amount} in a bucket that refills by {pace}"
        else:
            said = f"{amount} at once"
        whose = "" if self.is_pool else _OF_WHOM[self.scope]
        return f"{said}{whose}{self.calls_in_words(_MOST_NAMED)}"

    def calls_in_words(self, most: int | None = None) -> str:
        """Return which calls it counts, as an addition; empty where it counts all.

        More kinds than ``most`` are not named but counted.
        """
        if not self.applies_to:
            return ""
        if most is not None and len(self.applies_to) > most:
            return f", in {len(self.applies_to)} kinds of call"
        return f", in {listed([each.in_words() for each in self.applies_to])}"

    def gives_back_in_words(self, window: int = DAY) -> str:
        """Return when it gives back what was taken; ``window`` is the card's."""
        if self.kind == "rolling":
            return f"{window_in_words(self.window or window)} after it was taken"
        if self.resets is not None:
            return f"all of it {self.resets.in_words()}"
        return "as it refills" if self.kind == "bucket" else "when the call ends"


def window_in_words(window: int) -> str:
    """Return a window as people call it: ``24 hours``, not ``1 day``."""
    return write_duration(window).replace("1 day", "24 hours")


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
    limits: Sequence[Meter],
    editions: Mapping[str, Any],
    least: Mapping[str, float],
    most_records: Mapping[str, int | None],
    units_per_credit: int,
) -> Iterator[KeyProblem]:
    """Yield what is wrong with a card's meters: in themselves, and beside each other.

    ``least`` is the least that a call of each kind costs, credits, and ``most_records`` how many
    records it can have.
    """
    names = {} if any(meter.is_pool for meter in limits) else {THE_POOL.name: "the pool"}
    pools = 0
    for number, meter in enumerate(limits):
        plain = plain_name(meter.name)
        if not plain or not meter.name.isprintable():
            what = f"{meter.name!r} has signs that cannot be seen, or no other, write a name"
            yield KeyProblem(("limits", number, "name"), what)
        elif plain in names:
            what = f"{meter.name!r} is also the name of {names[plain]}, give it another"
            yield KeyProblem(("limits", number, "name"), what)
        names.setdefault(plain, dotted(("limits", number)))
        pools += meter.is_pool
        if meter.is_pool and pools > 1:
            yield KeyProblem(("limits", number, "size"), "is the pool twice, write a number here")
        for path, what, *_ in meter.problems(editions, least, most_records, units_per_credit):
            yield KeyProblem(("limits", number, *path), what)
    if len(limits) > _MOST_METERS:
        yield KeyProblem(("limits",), f"has {len(limits)} of them, write {_MOST_METERS} at most")
