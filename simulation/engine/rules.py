"""The rules of a scenario as both engines take them: its meters, and what its clients hold back.

Times are µs since the scenario's start; amounts are whole numbers of the card's smallest unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

import numpy as np

from simulation.arrays import Floats, Ints, Records, record
from simulation.demand import Demand, jitter_key
from simulation.errors import InputError
from simulation.rate_cards import Meter, RateCard, reset_moments
from simulation.scenario import Clock, PartOfPool, Scenario, recorded_before

__all__ = [
    "CONDUCT",
    "KEEPS",
    "METER",
    "METER_CODES",
    "NEVER",
    "POLICY_CODES",
    "START_PARTS",
    "Limits",
    "Rules",
    "taken_evenly",
]

NEVER = 2**62
"""A moment behind every run, and a size that nothing reaches."""

_KINDS = ("rolling", "calendar", "bucket", "concurrent")
METER_CODES = ROLLING, CALENDAR, BUCKET, CONCURRENT = 0, 1, 2, 3
"""The kinds of meter, in the order of `_KINDS`."""

POLICY_CODES = DROP, RETRY, QUEUE_FOR, QUEUE_UNTIL, QUEUE_FOR_ROOM = 0, 1, 2, 3, 4
"""What a client does when throttled; a queue stops for a time, until a time, or for room."""

METER = record(
    kind=np.int64,
    counts_credits=np.bool_,
    scale=np.int64,  # parts of a unit that a bucket counts in, so that its refill is exact
    window=np.int64,  # µs, of a rolling meter
    refill=np.int64,  # parts per µs, of a bucket
    first=np.int64,  # where its counts begin: one for the org, or one for each client or group
    end=np.int64,
    resets_begin=np.int64,  # where its resets begin and end in `Rules.resets`
    resets_end=np.int64,
)
"""A meter."""

CONDUCT = record(
    policy=np.int64,
    max_attempts=np.int64,
    first_delay=np.int64,  # where its delays begin in `Rules.delays`,
    last_delay=np.int64,  # and the last of them, which repeats
    jittered=np.bool_,
    key=np.uint64,  # what the jitter is drawn from
    wait=np.int64,  # µs that a queue stops
    clock_begin=np.int64,  # where the ends of its waits begin and end in `Rules.clock_times`
    clock_end=np.int64,
    max_wait=np.int64,  # µs
    interval=np.int64,  # µs between attempts; 0 for none
    max_open=np.int64,
    has_line=np.bool_,
    has_quota=np.bool_,
    has_reserve=np.bool_,
)
"""What a client does when it is throttled, and how it holds itself back."""

KEEPS = record(reserve=np.int64, told_from=np.int64)
"""What a client keeps free of a pool of one size, and the usage from which it can know."""


class Limits(NamedTuple):
    """What depends on the size of the pool.

    Attributes
    ----------
    sizes : (counts,) int64 array
        Of each meter's counts, scaled.
    keeps : (clients,) of KEEPS
    """

    sizes: Ints
    keeps: Records


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """A scenario's rules.

    Attributes
    ----------
    names : tuple of str
        Of the card's meters, in its order.
    pool : int
        Which of them is the pool.
    meters : (m,) of METER
        The card's; behind them, if a client has a quota, one for what clients take themselves.
    vendors : int
        How many of them are the card's.
    least : (m, apis) int64 array
        The records above which a meter counts a call of a kind, -1 for all, `NEVER` for none.
    whose : (m, clients) int64 array
        Which count of a meter a client takes from.
    resets, clock_times, delays : int64 arrays
        Moments and delays that meters and clients point to.
    conduct : (clients,) of CONDUCT
    throttled_attempt_credits : int
        Units.
    warmup, horizon : int
        µs.
    start : (k, 2) int64 array
        When and how much was taken of the pool before the start, or comes back as if it were.
    """

    names: tuple[str, ...]
    pool: int
    meters: Records
    vendors: int
    least: Ints
    whose: Ints
    resets: Ints
    clock_times: Ints
    delays: Ints
    conduct: Records
    throttled_attempt_credits: int
    warmup: int
    horizon: int
    start: Ints
    scenario: Scenario

    @classmethod
    def of(cls, demand: Demand, replication: int) -> Rules:
        """Return the rules of one replication; replications differ only in jitter."""
        scenario = demand.scenario
        return _made(scenario, demand.apis, replication)

    def begun_with(self, held: int) -> Rules:
        """Return the rules with some of the pool, in its parts, in use at the start.

        It comes back evenly over the first window; a pool of calls at once begins with none.
        """
        card = self.scenario.card
        if card.pool.kind == "concurrent":
            return self
        return replace(self, start=taken_evenly(held, card.window))

    def limits(self, limit: int) -> Limits:
        """Return what a pool of some size, in units, makes of sizes, quotas and reserves."""
        scenario, card = self.scenario, self.scenario.card
        edition = card.edition(scenario.org.edition)
        sizes = np.full(int(self.meters["end"].max()), NEVER, np.int64)
        for number, meter in enumerate(card.meters):
            its = self.meters[number]
            size = limit if meter.is_pool else _in_units(card, meter, meter.size_for(edition))
            sizes[its["first"] : its["end"]] = size * int(its["scale"])
        keeps = np.zeros(len(scenario.clients), KEEPS)
        for number, client in enumerate(scenario.clients):
            if client.quota is not None:
                part, most = client.quota, client.quota.at_most(limit)
                sizes[self.whose[self.vendors, number]] = _units_of(card, part, most)
            if client.reserve is not None:
                part, least = client.reserve, client.reserve.at_least(limit)
                keeps[number]["reserve"] = _units_of(card, part, least)
                keeps[number]["told_from"] = ceil(round(card.reports_usage_from * limit, 6))
        return Limits(sizes, keeps)

    def amounts(self, parts: Ints) -> Floats:
        """Return what is given in the parts of each of the card's meters, in credits or calls."""
        per_credit = self.scenario.card.units_per_credit
        of_credits = np.where(self.meters["counts_credits"], per_credit, 1)
        divisors: Ints = (self.meters["scale"] * of_credits)[: self.vendors]
        found: Floats = parts[: self.vendors] / divisors
        return found


def _in_units(card: RateCard, meter: Meter, size: int) -> int:
    return size * card.units_per_credit if meter.counts_credits else size


def _units_of(card: RateCard, part: PartOfPool, amount: int) -> int:
    """Return an amount in units; where a share gave it, it is in units already."""
    return amount if part.share is not None else card.pool_parts(amount)


class _Tables:
    """Numbers that records point to, one after the other."""

    def __init__(self) -> None:
        self._all: list[int] = []

    def add(self, numbers: Sequence[int]) -> tuple[int, int]:
        begin = len(self._all)
        self._all += numbers
        return begin, len(self._all)

    @property
    def array(self) -> Ints:
        return np.array(self._all, np.int64)


def _made(scenario: Scenario, apis: Sequence[str], replication: int) -> Rules:
    card, clock, clients = scenario.card, scenario.clock, scenario.clients
    resets, clock_times, delays = _Tables(), _Tables(), _Tables()
    quotas = any(client.quota is not None for client in clients)
    own = [card.pool.model_copy(update={"scope": "client"})] if quotas else []
    card_meters = [*card.meters, *own]
    meters = np.zeros(len(card_meters), METER)
    least = np.full((len(meters), len(apis)), NEVER, np.int64)
    whose = np.zeros((len(meters), len(clients)), np.int64)
    used = 0
    for number, meter in enumerate(card_meters):
        of_client = _counts_of(meter, scenario)
        whose[number] = used + of_client
        row = meters[number]
        row["kind"], row["counts_credits"] = _KINDS.index(meter.kind), meter.counts_credits
        row["first"], row["end"] = used, used + int(of_client.max()) + 1
        used = int(row["end"])
        if meter.kind == "rolling":
            row["window"] = card.window if meter.is_pool else meter.window
        row["scale"] = 1
        if meter.kind == "bucket":
            row["refill"], row["scale"] = _refill(meter, scenario)
        if meter.resets is not None:
            row["resets_begin"], row["resets_end"] = resets.add(_resets(meter, scenario, clock))
        for code, api in enumerate(apis):
            records = meter.least_records(api if api in card.calls else "other")
            least[number, code] = NEVER if records is None else records
    conduct = np.zeros(len(clients), CONDUCT)
    for number, client in enumerate(clients):
        row, retry, queue = conduct[number], client.on_throttle.retry, client.on_throttle.queue
        row["max_attempts"] = retry.max_attempts if retry else 1
        row["policy"] = DROP if retry is None else RETRY
        row["first_delay"], end = delays.add(retry.delays() if retry else ())
        row["last_delay"] = end - 1
        row["jittered"] = retry is not None and retry.jitter == "full"
        row["key"] = jitter_key(scenario.seed, replication, client.name)
        row["max_wait"] = NEVER
        if queue is not None:
            row["policy"] = QUEUE_FOR_ROOM
            row["max_wait"] = queue.max_wait or NEVER
            if queue.wait.span is not None:
                row["policy"], row["wait"] = QUEUE_FOR, queue.wait.span
            elif queue.wait.clock is not None:
                row["policy"] = QUEUE_UNTIL
                times = sorted({clock.at(day, queue.wait.clock) for day in range(clock.days)})
                row["clock_begin"], row["clock_end"] = clock_times.add(times)
        row["interval"] = 0 if client.pace is None else ceil(1 / client.pace)
        row["max_open"] = client.max_concurrent or NEVER
        row["has_line"], row["has_quota"] = client.has_line, client.quota is not None
        row["has_reserve"] = client.reserve is not None
    return Rules(
        names=tuple(meter.name for meter in card.meters),
        pool=card.meters.index(card.pool),
        meters=meters,
        vendors=len(card.meters),
        least=least,
        whose=whose,
        resets=resets.array,
        clock_times=clock_times.array,
        delays=delays.array,
        conduct=conduct,
        throttled_attempt_credits=card.in_units(card.throttled_attempt_credits),
        warmup=scenario.warmup_end,
        horizon=clock.horizon,
        start=_before(scenario),
        scenario=scenario,
    )


def _counts_of(meter: Meter, scenario: Scenario) -> Ints:
    """Return which count of a meter each client takes from, (clients,), counted from 0."""
    names: dict[object, int] = {}
    found = []
    for number, client in enumerate(scenario.clients):
        whose: object = None
        if meter.scope == "client":
            whose = number
        elif meter.scope == "group":  # a client without a group is one by itself
            whose = client.group or number
        found.append(names.setdefault(whose, len(names)))
    return np.array(found, np.int64)


def _refill(meter: Meter, scenario: Scenario) -> tuple[int, int]:
    """Return how many parts of a unit come back per µs, and how many parts a unit has."""
    card = scenario.card
    pace = meter.refill_for(card.edition(scenario.org.edition))
    units = card.units_per_credit
    if meter.counts_credits:
        pace *= units
    largest = (
        scenario.offer.largest_limit
        if meter.is_pool
        else meter.size_for(card.edition(scenario.org.edition))
    )
    if too_fine := meter.too_fine(largest, card.edition(scenario.org.edition), units):
        what = f"refill of limit {meter.name!r} of rate card {card.name} {too_fine}"
        raise InputError([scenario.problem(("rate_card",), what)])
    return pace.numerator, pace.denominator


def _resets(meter: Meter, scenario: Scenario, clock: Clock) -> list[int]:
    assert meter.resets is not None
    begin = clock.start_epoch
    found = reset_moments(meter.resets, scenario.timezone, begin, begin + clock.horizon)
    return [moment - begin for moment in found if moment > begin]


START_PARTS = 2**10 - 1
"""Of what is in use at the start; an unused pool of the compiled loops has room for as many."""


def _before(scenario: Scenario) -> Ints:
    """Return when and how much was taken before the start, (k, 2), in order."""
    initial, card = scenario.initial_usage, scenario.card
    if initial is None:
        return np.empty((0, 2), np.int64)
    if initial.credits is not None:
        return taken_evenly(card.pool_parts(initial.credits), card.window)
    return recorded_before(scenario)


def taken_evenly(held: int, window: int) -> Ints:
    """Return grants before the start that come back evenly over the next window.

    They are at most `START_PARTS` parts, equal to within one unit.
    """
    # Python's whole numbers, since no product of them overflows.
    parts = min(held, START_PARTS)
    rows = [
        (
            (part + 1) * window // parts - window,
            (part + 1) * held // parts - part * held // parts,
        )
        for part in range(parts)
    ]
    return np.array(rows, np.int64).reshape(-1, 2)
