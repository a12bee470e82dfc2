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
from simulation.formats import Document, PositiveDuration, counted, thawed
from simulation.moments import read_start, read_zone
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
from simulation.scenario.call_durations import ClientDurations, durations_of
from simulation.scenario.checked import CheckedPart
from simulation.scenario.clients import Client
from simulation.scenario.clock import Clock
from simulation.scenario.conduct import InitialUsage
from simulation.scenario.cross_checks import problems_between, remarks_on
from simulation.scenario.named_files import BEFORE, read_named_files
from simulation.scenario.objective import Alternative, Objective
from simulation.scenario.org import Org
from simulation.scenario.partial_reading import Unread, read_rest, with_further
from simulation.scenario.portable_yaml import portable_yaml

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["Scenario"]


class Scenario(CheckedPart):
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
        (),
        description="call kinds of your own; those that the card does not list cost as `other`",
    )
    initial_usage: InitialUsage | None = Field(
        None, description="what is in use at the start, in place of a warm-up"
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
            self.rate_card,
            self.clients,
            None if self.initial_usage is None else self.initial_usage.law,
            self.other_apis,
            self.timezone,
            document,
            unread,
        )
        found += problems_between(self, unread)
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
        if self.warmup is not None:
            return self.warmup
        return self._card.window if self.initial_usage is None else 0

    @property
    def counted(self) -> int:
        """The time after the warm-up, which statistics are over, µs."""
        return self.horizon - self.warmup_end

    @property
    def is_random(self) -> bool:
        """Whether replications differ: arrivals, mix, records, durations or jitter are drawn."""
        return any(client.is_drawn or client.has_jitter for client in self.clients) or (
            self.needs_durations and self.draws_durations
        )

    @property
    def needs_durations(self) -> bool:
        """Whether calls last: something counts the calls that are open at once."""
        return any(meter.kind == "concurrent" for meter in self._card.meters) or any(
            client.max_concurrent is not None for client in self.clients
        )

    @property
    def draws_durations(self) -> bool:
        """Whether the durations of some calls differ between replications, if calls last."""
        return any(self.durations_of(client).are_drawn for client in self.clients)

    def durations_of(self, client: Client) -> ClientDurations:
        """Return how long the calls of a client stay open, if calls last."""
        return durations_of(client, self._card, self._traces.get(client.name))

    @cached_property
    def clock(self) -> Clock:
        """The calendar of the run."""
        return Clock(self.start, self.timezone, self.horizon)

    @property
    def is_plain(self) -> bool:
        """Whether nothing but a rolling pool of credits decides: what plans are fastest for."""
        return (
            len(self._card.meters) == 1
            and self._card.pool.kind == "rolling"
            and self._card.pool.counts_credits
            and self.initial_usage is None
            and not any(client.holds_back for client in self.clients)
        )

    @property
    def trace_before(self) -> Trace | None:
        """The recorded calls before the start, where ``initial_usage`` names them."""
        return self._traces.get(BEFORE)

    def has_trace(self, client: Client) -> bool:
        """Return whether a client replays recorded usage that was read."""
        return client.name in self._traces

    def trace_of(self, client: Client) -> Trace:
        """Return the recorded usage that a client replays."""
        return self._traces[client.name]

    def trace_if_read(self, client: Client) -> Trace | None:
        """Return the recorded usage that a client replays, if it replays any that was read."""
        return self._traces.get(client.name)

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
            f"{org} on {self._card.name}, "
            f"{self._card.pool_in_words(self.limit, self.org.edition)}, "
            f"{counted(len(self.clients), 'client')}, "
            f"{self.replications} × {write_duration(self.horizon)} from {self.start:%Y-%m-%d}"
        )

    def problem(self, path: KeyPath, what: str) -> Problem:
        """Return a problem at a key, with the file and line where the key is written."""
        return self._document.problem(path, what)

    def remarks(self) -> list[Problem]:
        """Return what is valid but probably not meant, such as dates outside the run."""
        return [self.problem(path, what) for path, what, *_ in remarks_on(self)]

    def fingerprint(self) -> str:
        """Return a hash of all that decides its results: every key, the rate card, the traces.

        Comments, the file's path, the way and order in which keys are written, and what of the org
        is assumed do not matter.
        """
        keys = self.model_dump(exclude={"org": {"assumed"}})
        found = hashlib.sha256(json.dumps(keys, default=str).encode())
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

    def on_card(self, rate_card: str, addon_credits: int) -> Scenario:
        """Return the scenario on another card that ships, without alternatives.

        Its traces are not read again, since they may be on another machine.

        Raises
        ------
        InputError
            If the scenario does not fit the card.
        """
        # Only the price there is told. A bill would need whole days, which a short run may lack.
        values = {
            "rate_card": rate_card,
            "org.addon_credits": addon_credits,
            "addon_billing": "purchased",
            "alternatives": [],
        }
        document = self._document.changed(values)
        document.kept = self._traces
        return document.validate(Scenario, blame=False)

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
        traces: list[KeyPath] = [
            ("clients", number, *client.arrivals.file_key)
            for number, client in enumerate(self.clients)
            if client.arrivals.file is not None
        ]
        if self.initial_usage is not None and (law := self.initial_usage.law) is not None:
            traces.append(("initial_usage", *law.file_key[1:]))
        return portable_yaml(self._document, traces, folder, without)
