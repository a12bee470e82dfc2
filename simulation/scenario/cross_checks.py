"""What is wrong, or probably not meant, between the keys of a scenario and the files it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from simulation.errors import KeyPath, KeyProblem
from simulation.rate_cards import AddonBilling, BilledUse, RateCard
from simulation.scenario.call_checks import CallKinds
from simulation.scenario.call_durations import duration_remarks
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
from simulation.scenario.conduct import InitialUsage
from simulation.scenario.conduct_checks import (
    conduct_problems,
    conduct_remarks,
    group_problems,
    initial_problems,
)
from simulation.scenario.objective import Alternative, Objective
from simulation.scenario.org import Org
from simulation.scenario.partial_reading import Unread

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = ["problems_between", "remarks_on"]


class _Scenario(Protocol):
    """What is checked of a `Scenario`, whose module imports this one."""

    @property
    def card(self) -> RateCard: ...
    @property
    def org(self) -> Org: ...
    @property
    def limit(self) -> int: ...
    @property
    def addon_billing(self) -> AddonBilling | None: ...
    @property
    def billed_use(self) -> BilledUse | None: ...
    @property
    def start(self) -> datetime: ...
    @property
    def timezone(self) -> ZoneInfo: ...
    @property
    def horizon(self) -> int: ...
    @property
    def warmup(self) -> int | None: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def clients(self) -> tuple[Client, ...]: ...
    @property
    def other_apis(self) -> tuple[str, ...]: ...
    @property
    def initial_usage(self) -> InitialUsage | None: ...
    @property
    def trace_before(self) -> Trace | None: ...
    @property
    def needs_durations(self) -> bool: ...
    @property
    def objective(self) -> Objective: ...
    @property
    def alternatives(self) -> tuple[Alternative, ...]: ...
    def trace_if_read(self, client: Client) -> Trace | None: ...


def problems_between(scenario: _Scenario, unread: Unread) -> Iterator[KeyProblem]:
    """Yield what is wrong between keys, and against the rate card and the traces."""
    card, names = scenario.card, [client.name for client in scenario.clients]
    yield from name_problems(names, "clients", unread)
    yield from start_problems(scenario.start, scenario.timezone, unread)
    begins = scenario.warmup if scenario.initial_usage is None else scenario.warmup or 0
    yield from length_problems(scenario.horizon, begins, card, len(names), unread)
    yield from org_problems(scenario.org, card, unread)
    kinds = CallKinds(card, scenario.other_apis)
    has_dates = not unread.touches(("start",), ("timezone",), ("horizon",))
    clock = scenario.clock if has_dates else None
    for number, client in enumerate(scenario.clients):
        here: KeyPath = ("clients", number)
        trace = scenario.trace_if_read(client)
        yield from client_problems(client, here, kinds, trace, clock, unread)
        yield from conduct_problems(client, here, card, unread)
    yield from group_problems(scenario.clients, unread)
    yield from initial_problems(scenario.initial_usage, lambda: scenario.limit, card, unread)
    if scenario.trace_before is not None:
        from simulation.scenario.usage_before import before_problems  # the rest needs no NumPy

        yield from before_problems(scenario.initial_usage, scenario.trace_before, kinds, unread)
    yield from objective_problems(scenario.objective, names, unread)
    yield from price_problems(scenario.org, card, unread)
    yield from billing_problems(scenario.addon_billing, scenario.billed_use, card, unread)
    alternatives = [alternative.name for alternative in scenario.alternatives]
    yield from name_problems(alternatives, "alternatives", unread)


def remarks_on(scenario: _Scenario) -> Iterator[KeyProblem]:
    """Yield what is valid but probably not meant, such as dates outside the run."""
    yield from org_remarks(scenario.org, scenario.card)
    yield from objective_remarks(scenario.objective)
    yield from billing_remarks(scenario.addon_billing, scenario.billed_use, scenario.card)
    yield from conduct_remarks(scenario.clients, scenario.card, scenario.limit)
    if scenario.trace_before is not None:
        from simulation.scenario.usage_before import before_remarks

        yield from before_remarks(scenario)
    if not scenario.needs_durations:
        yield from duration_remarks(scenario.clients)
    for number, client in enumerate(scenario.clients):
        here: KeyPath = ("clients", number)
        for remark in client.arrivals.remarks(scenario.clock):
            yield remark._replace(path=(*here, *remark.path))
