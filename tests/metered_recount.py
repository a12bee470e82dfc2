"""An independent recount of all meters and of clients that hold themselves back, at O(n²).

It is written from the rules as they read: nothing is kept but what was taken and when, and every
question sums that anew. All that it shares with the product is the demand and the jitter's
uniform numbers.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple

import numpy as np

from simulation.demand.demand import Demand
from simulation.demand.streams import jitter_key, uniform
from simulation.engine.records import OUTCOMES, CallRecords
from simulation.scenario.clients import Client
from simulation.scenario.scenario import Scenario
from tests.metered_counts import Count, Taken, amount, counts, resets_of, scans, whose

_AT_AN_END = -1  # there may be room when a call ends


class MeteredEnd(NamedTuple):
    """How one call ended."""

    client: int
    call: int
    outcome: str
    attempts: int
    throttled_attempts: int
    settled_at: int
    held_back: int
    throttled_by: int


@dataclass(eq=False)
class Call:
    """A call and what became of it so far."""

    client: int
    number: int
    submitted: int
    credits: int
    duration: int
    counts: list[int]  # which of the card's meters count it
    tries: int = 0
    attempts: int = 0
    held: int = 0
    by: int = -1
    outcome: str = "unfinished"
    settled_at: int = -1


@dataclass(eq=False)
class State:
    """What a client remembers."""

    line: list[Call] = field(default_factory=list)
    paused: int = 0
    next_slot: int = 0
    ends: list[int] = field(default_factory=list)
    waits: bool = False  # for a call to end
    for_room: bool = False


class MeteredRecount:
    """Decides all calls of a replication; `run` returns how they ended."""

    def __init__(self, scenario: Scenario, replication: int = 0) -> None:
        self.scenario, self.horizon = scenario, scenario.horizon
        card = scenario.card
        self.units = card.units_per_credit
        self.of_pool = self.units if card.pool.counts_credits else 1
        self.limit = int(scenario.limit * self.of_pool)
        self.replication, self.meters = replication, list(card.meters)
        self.states = [State() for _ in scenario.clients]
        # of each meter, and behind them of what clients take themselves: a count of each
        self.kept: list[dict[object, Count]] = [{} for _ in range(len(self.meters) + 1)]
        self.resets = [resets_of(meter, scenario) for meter in self.meters]
        self.pool_number = self.meters.index(card.pool)
        self.pool = self._count(self.pool_number, 0)
        self._take_what_was_used_before()
        self.know_from = ceil(Fraction(str(card.reports_usage_from)) * self.limit)
        self.soon: list[tuple[int, int, int, Call]] = []
        self.ends: list[int] = []  # of calls that something counts while they are open
        self.now = 0
        self.clock_times: dict[Any, list[int]] = {}

    def _take_what_was_used_before(self) -> None:
        initial = self.scenario.initial_usage
        if initial is None:
            return
        assert initial.credits is not None
        used, window = initial.credits * self.of_pool, self.scenario.card.window
        parts = min(used, 1023)
        for k in range(1, parts + 1):
            part = k * used // parts - (k - 1) * used // parts
            self.pool.taken.append(Taken(k * window // parts - window, part, 0))

    def _count(self, number: int, place: int) -> Count:
        """Return what a client takes from: of a meter, or its quota."""
        client = self.scenario.clients[place]
        is_quota = number == len(self.meters)
        number = self.pool_number if is_quota else number
        meter = self.meters[number]
        key = place if is_quota else whose(meter, place, client)
        kept = self.kept[-1 if is_quota else number]
        if key in kept:
            return kept[key]
        card, edition = self.scenario.card, self.scenario.org.edition
        units = self.units if meter.counts_credits else 1
        size = self.limit if meter.is_pool else meter.size_for(edition) * units
        if is_quota:
            size = amount(client.quota, self.limit, self.of_pool)
        window = card.window if meter.is_pool else meter.window or 0
        found = kept[key] = Count(meter, size, window, self.resets[number])
        if meter.kind == "bucket":
            found.refill = meter.refill_for(edition) * units
        return found

    def _asked(self, call: Call) -> list[tuple[int, Count, int]]:
        """Return the meters that count a call, in order, and what it takes of each."""
        return [
            (
                number,
                self._count(number, call.client),
                call.credits if self.meters[number].counts_credits else 1,
            )
            for number in call.counts
        ]

    def run(self) -> list[MeteredEnd]:
        """Return how every call ended, by client and number."""
        calls = self._submitted()
        for call in calls:
            self._wake(call, call.submitted)
        while True:
            due = self.soon[0][0] if self.soon else self.horizon
            waiting = [state for state in self.states if state.waits]
            later = [end for end in self.ends if end > self.now] if waiting else []
            end = min(later, default=self.horizon)
            if min(due, end) >= self.horizon:
                break
            if end <= due:  # at one instant, what comes back comes first
                self.now = end
                for state in waiting:
                    state.waits = False
                    self._wake(state.line[0], end)
                continue
            self.now, *_, call = heapq.heappop(self.soon)
            self._due(call, self.states[call.client])
        for state in self.states:
            for call in state.line:
                if call.submitted + self._max_wait(call) < self.horizon:
                    self._settle(call, "lost", call.submitted + self._max_wait(call))
        return sorted(
            MeteredEnd(
                call.client,
                call.number,
                call.outcome,
                call.attempts,
                call.attempts - (call.outcome == "succeeded"),
                call.settled_at,
                call.held,
                call.by,
            )
            for call in calls
        )

    def _submitted(self) -> list[Call]:
        demand = Demand(self.scenario)
        kinds = self.scenario.card.calls
        calls = []
        for place in range(len(self.states)):
            made = 0
            for day in range(demand.days):
                drawn = demand.draw_client(self.replication, place, day, made)
                made += len(drawn)
                lasting = np.zeros(len(drawn), int) if drawn.duration is None else drawn.duration
                columns = (drawn.call, drawn.time, drawn.credits, lasting, drawn.api, drawn.records)
                for number, time, credits, duration, code, records in zip(
                    *(column.tolist() for column in columns), strict=True
                ):
                    api = demand.apis[code] if demand.apis[code] in kinds else "other"
                    asked = [
                        n for n, meter in enumerate(self.meters) if counts(meter, api, records)
                    ]
                    calls.append(Call(place, number, time, credits, duration, asked))
        return calls

    def _client(self, call: Call) -> Client:
        return self.scenario.clients[call.client]

    def _max_wait(self, call: Call) -> int:
        queue = self._client(call).on_throttle.queue
        return 2**62 if queue is None or queue.max_wait is None else queue.max_wait

    def _wake(self, call: Call, when: int) -> None:
        heapq.heappush(self.soon, (when, call.client, call.number, call))

    def _settle(self, call: Call, outcome: str, when: int) -> None:
        call.outcome, call.settled_at = outcome, when

    def _leave(self, call: Call, state: State) -> None:
        """Take a call out of its line, if it is its first; the next one's turn is now."""
        if state.line and state.line[0] is call:
            del state.line[0]
            if state.line:
                self._wake(state.line[0], self.now)

    def _due(self, call: Call, state: State) -> None:
        """Do what is due: an attempt, or a look of the first in line."""
        is_first = bool(state.line) and state.line[0] is call
        if is_first and self.now - call.submitted > self._max_wait(call):
            self._leave(call, state)
            self._settle(call, "lost", call.submitted + self._max_wait(call))
        elif not is_first and state.line:  # behind those that wait
            call.held += 1
            state.line.append(call)
        elif (again := self._not_before(call, state)) == self.now:
            self._attempt(call, state)
        else:
            if not is_first:
                call.held += 1
                state.line.append(call)
            self._look_again(call, state, again)

    def _look_again(self, call: Call, state: State, when: int) -> None:
        if when == _AT_AN_END:
            state.waits = True
        else:
            self._wake(call, when)

    def _not_before(self, call: Call, state: State) -> int:
        """Return when the client may go on: now, later, or when a call ends."""
        client = self._client(call)
        if max(state.paused, state.next_slot) > self.now:
            return max(state.paused, state.next_slot)
        open_now = sum(end > self.now for end in state.ends)
        if client.max_concurrent is not None and open_now >= client.max_concurrent:
            return _AT_AN_END
        if state.for_room:
            room = self._room(call)
            state.for_room = room != self.now
            return room
        return self.now

    def _room(self, call: Call) -> int:
        """Return the first moment at which everything has room, if nothing more is taken."""
        latest, is_full = self.now, False
        asked = [(count, cost) for _, count, cost in self._asked(call)]
        if self._client(call).quota is not None:
            asked.append(self._quota_of(call))
        for count, cost in asked:
            if count.kind == "concurrent":
                is_full |= count.used(self.now) + 1 > count.size
            else:
                most = count.size - cost
                fits = lambda used, most=most: used <= most  # noqa: E731
                latest = max(latest, count.first(fits, self.now, self.horizon))
        if self._client(call).reserve is not None:
            leaves = lambda used: self._leaves_reserve(call, used)  # noqa: E731
            latest = max(latest, self.pool.first(leaves, self.now, self.horizon))
        return _AT_AN_END if is_full and latest == self.now else latest

    def _quota_of(self, call: Call) -> tuple[Count, int]:
        quota = self._count(len(self.meters), call.client)
        return quota, call.credits if self.meters[self.pool_number].counts_credits else 1

    def _leaves_reserve(self, call: Call, used: Fraction | int) -> bool:
        """Return whether an attempt leaves the reserve free, as far as the client is told."""
        kept = amount(self._client(call).reserve, self.limit, self.of_pool, up=True)
        cost = call.credits if self.meters[self.pool_number].counts_credits else 1
        return used < self.know_from or used + cost + kept <= self.limit

    def _attempt(self, call: Call, state: State) -> None:
        client, is_dear = self._client(call), False
        call.tries += 1
        held = client.reserve is not None and not self._leaves_reserve(
            call, self.pool.used(self.now)
        )
        if client.quota is not None:
            quota, cost = self._quota_of(call)
            held |= quota.used(self.now) + cost > quota.size
            is_dear = cost > quota.size
        if held:
            call.held += 1
            self._refused(call, state, "lost" if is_dear else None)
            return
        call.attempts += 1
        if client.pace is not None:
            state.next_slot = self.now + ceil(1 / client.pace)
        asked = self._asked(call)
        refusing = [number for number, count, cost in asked if self._is_full(count, cost)]
        if not refusing:
            self._accept(call, state)
            return
        call.by = refusing[0] if call.by < 0 else call.by
        self._charge()
        is_impossible = any(cost > count.size for _, count, cost in asked)
        self._refused(call, state, "impossible" if is_impossible else None)

    def _is_full(self, count: Count, cost: int) -> bool:
        return count.used(self.now) + cost > count.size

    def _accept(self, call: Call, state: State) -> None:
        end = self.now + call.duration
        for _, count, cost in self._asked(call):
            count.taken.append(Taken(self.now, cost, end))
        client = self._client(call)
        if client.quota is not None:
            quota, cost = self._quota_of(call)
            quota.taken.append(Taken(self.now, cost, end))
        state.ends.append(end)
        if client.max_concurrent is not None or any(
            self.meters[number].kind == "concurrent" for number in call.counts
        ):
            self.ends.append(end)
        self._settle(call, "succeeded", self.now)
        self._leave(call, state)

    def _charge(self) -> None:
        """Take from the pool what a throttled attempt costs, as far as there is so much."""
        card = self.scenario.card
        free = int(self.pool.size - self.pool.used(self.now))
        cost = min(int(card.throttled_attempt_credits * self.units), free)
        if cost > 0:
            self.pool.taken.append(Taken(self.now, cost, self.now))

    def _refused(self, call: Call, state: State, ends_as: str | None) -> None:
        """Give a refused call up, try it again, or stop the queue."""
        policy = self._client(call).on_throttle
        if policy.queue is not None and ends_as is None:
            if not state.line:
                state.line.append(call)
            self._stop(call, state)
            return
        self._leave(call, state)
        if ends_as is None and policy.retry is not None and call.tries < policy.retry.max_attempts:
            self._wake(call, self.now + self._delay(call))
        else:
            self._settle(call, ends_as or "lost", self.now)

    def _stop(self, call: Call, state: State) -> None:
        queue = self._client(call).on_throttle.queue
        assert queue is not None
        if queue.wait.is_for_room:
            state.for_room = True
            self._look_again(call, state, self._room(call))
            return
        state.paused = self.now + (queue.wait.span or 0)
        if queue.wait.clock is not None:
            times = self._times_of(queue.wait.clock)
            state.paused = min((time for time in times if time > self.now), default=self.horizon)
        self._wake(call, state.paused)

    def _times_of(self, clock: Any) -> list[int]:
        if clock not in self.clock_times:
            zone, start = self.scenario.timezone, self.scenario.clock.start_epoch
            shown = (clock.hour, clock.minute, 0)
            self.clock_times[clock] = scans(
                zone, start, self.horizon, lambda at: (at.hour, at.minute, at.fold) == shown
            )
        return self.clock_times[clock]

    def _delay(self, call: Call) -> int:
        law = self._client(call).on_throttle.retry
        assert law is not None
        exact = Fraction(law.first)
        power = call.tries - 1
        if law.then is not None:
            exact, power = (Fraction(law.then), power - 1) if power else (Fraction(0), 0)
        whole = int(min(exact * Fraction(str(law.factor)) ** power, Fraction(law.max_delay)))
        if law.jitter == "none":
            return whole
        key = jitter_key(self.scenario.seed, self.replication, self._client(call).name)
        return int(uniform(key, call.number, call.tries) * whole)


def metered_ends(records: CallRecords) -> list[MeteredEnd]:
    """Return calls as an engine leaves them, in the form of the recount."""
    return sorted(
        MeteredEnd(client, call, OUTCOMES[outcome], *rest)
        for client, call, outcome, *rest in zip(
            records.calls.client.tolist(),
            records.calls.call.tolist(),
            records.outcome.tolist(),
            records.attempts.tolist(),
            records.throttled_attempts.tolist(),
            records.settled_at.tolist(),
            records.held_back.tolist(),
            records.throttled_by.tolist(),
            strict=True,
        )
    )
