"""The scenario file as validated models: an org, its clients, and what to find out.

A scenario is read from YAML by `load_scenario`, or built from a dict by
``Scenario.model_validate``. Everything that can be wrong with it is found here, its rate
card and traces included, so that a simulation never starts on a broken one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self
from zoneinfo import ZoneInfo

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from simulation.bounds import MOST_CLIENTS, MOST_REPLICATIONS
from simulation.errors import InputError, KeyPath, KeyProblem, KeyProblems, Problem
from simulation.formats import Document, Part, PositiveDuration, counted, thawed
from simulation.quantities import WHOLE, Duration, write_duration
from simulation.rate_cards import (
    DEFAULT_RATE_CARD,
    AddonBilling,
    BilledUse,
    Category,
    Offer,
    RateCard,
)
from simulation.scenario.alternative_checks import alternative_problems
from simulation.scenario.call_checks import CallKinds
from simulation.scenario.checks import (
    billing_problems,
    billing_remarks,
    client_problems,
    length_problems,
    name_problems,
    objective_problems,
    objective_remarks,
    org_problems,
    org_remarks,
    price_problems,
    start_problems,
)
from simulation.scenario.clients import Client
from simulation.scenario.clock import Clock
from simulation.scenario.moments import read_start, read_zone
from simulation.scenario.named_files import read_named_files
from simulation.scenario.objective import Alternative, Objective
from simulation.scenario.org import Org
from simulation.scenario.partial_reading import Unread, read_rest, with_further
from simulation.scenario.portable_yaml import portable_yaml

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["Scenario"]


class Scenario(Part):
    """An organisation, the clients that use its credits, and what to find out about them.

    >>> scenario = Scenario.model_validate({
    ...     "name": "One poller",
    ...     "org": {"edition": "free"},
    ...     "start": "2026-01-05",
    ...     "horizon": "7 days",
    ...     "clients": [{
    ...         "name": "poller",
    ...         "arrivals": {"schedule": {"every": "10 seconds"}},
    ...         "calls": [{"api": "get_modules"}],
    ...     }],
    ... })
    >>> scenario.limit
    5000
    """

    name: str = Field(min_length=1, max_length=200, description="what reports call it")
    rate_card: str = Field(
        DEFAULT_RATE_CARD, description="a card that ships, or the path of one of your own"
    )
    org: Org = Field(description="what the org has bought")
    addon_billing: AddonBilling | None = Field(
        None, description="`purchased` or `consumed`: how add-on credits are billed"
    )
    billed_use: BilledUse | None = Field(
        None, description="`calendar_day` or `any_24_hours`: a day's use, where use is billed"
    )
    start: Annotated[
        datetime,
        BeforeValidator(read_start),
        WithJsonSchema({"type": "string", "examples": ["2026-01-05", "2026-01-05 08:30"]}),
    ] = Field(description="when the run begins: a date or a date-time, local")
    timezone: Annotated[
        ZoneInfo,
        BeforeValidator(read_zone),
        WithJsonSchema({"type": "string", "examples": ["Europe/Berlin", "UTC"]}),
    ] = Field(
        default_factory=lambda: ZoneInfo("UTC"),
        description="where hours, weekdays and schedules are read; UTC unless given",
    )
    horizon: PositiveDuration = Field(description="how long a run lasts")
    warmup: Duration | None = Field(
        None, description="left out of the statistics; chosen by pilot runs unless given"
    )
    replications: Annotated[int, Field(ge=1, le=MOST_REPLICATIONS), WHOLE] = Field(
        30, description="runs, each with its own random numbers"
    )
    seed: Annotated[int, Field(ge=0, lt=2**63), WHOLE] = Field(
        34, description="the same seed gives the same bytes"
    )
    clients: tuple[Client, ...] = Field(
        min_length=1, max_length=MOST_CLIENTS, description="who makes calls, in this order"
    )
    other_apis: tuple[str, ...] = Field(
        (), description="call kinds of your own, which cost what `other` costs"
    )
    objective: Objective = Field(
        default_factory=Objective, description="what a purchase must achieve"
    )
    alternatives: tuple[Alternative, ...] = Field(
        (), description="named changes that `creditsim plan` judges beside the scenario"
    )

    _document: Document = PrivateAttr()
    _card: RateCard = PrivateAttr()
    _traces: dict[str, Trace] = PrivateAttr(default_factory=dict)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy without changes; refuse changes, which nothing would check here.

        Raises
        ------
        InputError
            If there is an ``update``: `changed` makes changes, and checks them.
        """
        if update:
            keys = ", ".join(map(repr, update))
            raise InputError(
                f"a copy with another {keys} would not be checked, and would run otherwise than it "
                "says: use scenario.changed({'org.addon_credits': 5000}) and the like"
            )
        return super().model_copy(deep=deep)

    def copy(self, **options: Any) -> Self:
        """Return a copy without changes, as `model_copy`."""
        deep = bool(options.pop("deep", False))
        changes = options.pop("update", None) or {}
        return self.model_copy(update={**options, **changes}, deep=deep)

    if not TYPE_CHECKING:

        @classmethod
        def model_construct(cls, *_: Any, **__: Any) -> Self:
            """Refuse to make a scenario that nothing has checked.

            Raises
            ------
            InputError
                Always: `model_validate` makes scenarios, and `changed` others like them.
            """
            raise InputError(
                "a scenario is always checked: use Scenario.model_validate(...) or "
                "load_scenario(...), or scenario.changed(...) for another like one that is there"
            )

    @model_validator(mode="wrap")
    @classmethod
    def _checked(
        cls, data: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if not isinstance(data, Scenario | Mapping):  # attributes of an object are no document
            raise ValueError("is no mapping, write 'key: value' pairs")
        if isinstance(data, Scenario):
            return handler(data)
        document = (info.context or {}).get("document") or Document(thawed(dict(data)), "scenario")
        try:
            scenario = handler(data)
        except ValidationError as error:
            if (rest := read_rest(cls, handler, document, error)) is None:
                raise
            if found := rest.model._completed(document, rest.unread, rest.further):
                raise with_further(error, found) from None
            raise
        if problems := scenario._completed(document, Unread(), []):
            raise KeyProblems(problems)
        return scenario

    def _completed(
        self, document: Document, unread: Unread, refused: list[KeyProblem]
    ) -> list[KeyProblem]:
        """Keep the document and the files that it names; return what is wrong beyond the models.

        What depends on unread keys is left out. ``refused`` is what the models refused.
        """
        self._document = document
        self._card, self._traces, found = read_named_files(
            self.rate_card, self.clients, self.timezone, document, unread
        )
        found += self._problems(unread)
        return [
            *found,
            *alternative_problems(
                self.alternatives,
                self.clients,
                lambda values: self._without_alternatives(values).clients,
                document,
                unread,
                [*refused, *found],
            ),
        ]

    def _problems(self, unread: Unread) -> Iterator[KeyProblem]:
        """Yield what is wrong between keys, and against the rate card and the traces."""
        card, names = self._card, [client.name for client in self.clients]
        yield from name_problems(names, "clients", unread)
        yield from start_problems(self.start, self.timezone, unread)
        yield from length_problems(self.horizon, self.warmup, card, len(names), unread)
        yield from org_problems(self.org, card, unread)
        kinds = CallKinds(card, self.other_apis)
        has_dates = not unread.touches(("start",), ("timezone",), ("horizon",))
        clock = self.clock if has_dates else None
        for number, client in enumerate(self.clients):
            trace = self._traces.get(client.name)
            yield from client_problems(client, ("clients", number), kinds, trace, clock, unread)
        yield from objective_problems(self.objective, names, unread)
        yield from price_problems(self.org, card, unread)
        yield from billing_problems(self.addon_billing, self.billed_use, card, unread)
        alternatives = [alternative.name for alternative in self.alternatives]
        yield from name_problems(alternatives, "alternatives", unread)

    @property
    def card(self) -> RateCard:
        """The rate card that ``rate_card`` names."""
        return self._card

    @property
    def user_licenses(self) -> int:
        """User licenses; 0 where the edition gives nothing per license."""
        return self.org.user_licenses or 0

    @property
    def offer(self) -> Offer:
        """What the rate card offers the org: its allowance, and what it can buy at which price."""
        return self._card.offer(self.org.edition, self.user_licenses)

    @property
    def billed_use_of_a_day(self) -> BilledUse | None:
        """What a day's bill is for; None where the whole size is paid, used or not."""
        billed = (self.addon_billing or self._card.addon_billing) == "consumed"
        return (self.billed_use or self._card.billed_use) if billed else None

    @property
    def limit(self) -> int:
        """The size of the pool, credits per window."""
        return self.offer.limit(self.org.addon_credits)

    @property
    def warmup_end(self) -> int:
        """When the statistics begin, µs from the start."""
        return self._card.window if self.warmup is None else self.warmup

    @property
    def counted(self) -> int:
        """The time after the warm-up, which statistics are over, µs."""
        return self.horizon - self.warmup_end

    @property
    def is_random(self) -> bool:
        """Whether replications differ: some arrivals, mix, records or jitter are drawn."""
        return any(client.is_drawn or client.has_jitter for client in self.clients)

    @cached_property
    def clock(self) -> Clock:
        """The calendar of the run."""
        return Clock(self.start, self.timezone, self.horizon)

    def has_trace(self, client: Client) -> bool:
        """Return whether a client replays recorded usage that was read."""
        return client.name in self._traces

    def trace_of(self, client: Client) -> Trace:
        """Return the recorded usage that a client replays."""
        return self._traces[client.name]

    def category(self, api: str) -> Category:
        """Return the category of a call kind."""
        return self._card.category(api)

    def describe(self) -> str:
        """Return in a line what this scenario is.

        >>> Scenario.model_validate({
        ...     "name": "n", "org": {"edition": "free"}, "start": "2026-01-05",
        ...     "horizon": "7 days", "clients": [{
        ...         "name": "a", "arrivals": {"schedule": {"every": "1 h"}},
        ...         "calls": [{"api": "other"}]}]}).describe()  # doctest: +ELLIPSIS
        'n: free on kaizen-34, 5,000 credits per 24 hours, 1 client, 30 × 7 days from ...'
        """
        return f"{self.name}: {self.outline()}"

    def outline(self) -> str:
        """Return in a line what this scenario is, without its name: the org, the pool, the runs."""
        org = self.org.edition
        if self.org.user_licenses:
            org += f" with {counted(self.org.user_licenses, 'license')}"
        return (
            f"{org} on {self._card.name}, {self.limit:,} credits per "
            f"{self._card.window_in_words}, {counted(len(self.clients), 'client')}, "
            f"{self.replications} × {write_duration(self.horizon)} from {self.start:%Y-%m-%d}"
        )

    def problem(self, path: KeyPath, what: str) -> Problem:
        """Return a problem at a key, with the file and line where the key is written."""
        return self._document.problem(path, what)

    def remarks(self) -> list[Problem]:
        """Return what is valid but probably not meant, such as dates outside the run."""
        found = [*org_remarks(self.org, self._card), *objective_remarks(self.objective)]
        found += billing_remarks(self.addon_billing, self.billed_use, self._card)
        for number, client in enumerate(self.clients):
            here: KeyPath = ("clients", number)
            found += (
                remark._replace(path=(*here, *remark.path))
                for remark in client.arrivals.remarks(self.clock)
            )
        return [self.problem(path, what) for path, what, *_ in found]

    def fingerprint(self) -> str:
        """Return a hash of all that decides its results: every key, the rate card, the traces.

        Comments, the file's path, and the way and order in which keys are written do not matter.
        """
        found = hashlib.sha256(json.dumps(self.model_dump(), default=str).encode())
        found.update(self._card.model_dump_json().encode())
        for client, trace in self._traces.items():
            found.update(client.encode())
            found.update(trace.digest())
        return found.hexdigest()

    def changed(self, values: Mapping[str, Any]) -> Scenario:
        """Return the scenario with values put at dotted keys, checked anew.

        Raises
        ------
        InputError
            If a key is unknown or a value does not fit.
        """
        return self._document.changed(values).validate(Scenario)

    def with_alternative(self, alternative: Alternative) -> Scenario:
        """Return the scenario with a named change made to it, and no alternatives of its own.

        Raises
        ------
        InputError
            If the change does not fit.
        """
        return self._without_alternatives(alternative.set)

    def _without_alternatives(self, values: Mapping[str, Any]) -> Scenario:
        """Return the scenario with values put at dotted keys, and no alternatives."""
        values = {**thawed(dict(values)), "alternatives": []}
        return self._document.changed(values).validate(Scenario, blame=False)

    @contextmanager
    def telling_alternative(self, index: int) -> Iterator[None]:
        """Add the alternative's key to errors of the scenario that the alternative makes."""
        try:
            yield
        except InputError as error:
            key = ("alternatives", index, "set")
            problems = (self.problem(key, f"{p.path}: {p.what}") for p in error.problems)
            raise InputError(problems) from None

    def to_yaml(self, folder: Path, without: str = "") -> str:
        """Return the scenario, every override applied, as YAML that can be run from ``folder``.

        The key ``without`` is left out.
        """
        traces = [
            ("clients", number, *client.arrivals.file_key)
            for number, client in enumerate(self.clients)
            if client.arrivals.file is not None
        ]
        return portable_yaml(self._document, traces, folder, without)
