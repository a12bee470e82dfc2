"""A client of the SimPy model that many meters may throttle, and that may hold itself back."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING

import simpy

from simulation.demand import Calls, uniform
from simulation.engine.gate import Counting, Gate
from simulation.engine.journal import Journal
from simulation.engine.metered_ledger import MeteredLedger, Waiting
from simulation.engine.meters import Meter
from simulation.engine.policies import Process
from simulation.engine.pool import Alarm, CreditPool
from simulation.engine.records import IMPOSSIBLE, LOST, SUCCEEDED
from simulation.engine.rules import (
    DROP,
    NEVER,
    QUEUE_FOR,
    QUEUE_FOR_ROOM,
    RETRY,
    Limits,
    Rules,
)

if TYPE_CHECKING:
    from simulation.demand import Demand
    from simulation.scenario import Clock

__all__ = ["MeteredClient"]


class MeteredClient:
    """A client: when it makes an attempt, and what it does with one that is refused.

    Its calls may stand in a line: if it queues, keeps a pace, or bounds its open calls. Only the
    first call of the line is looked at; the others follow it, in order.
    """

    def __init__(
        self,
        env: simpy.Environment,
        gate: Gate,
        pool: CreditPool,
        journal: Journal,
        rules: Rules,
        limits: Limits,
        number: int,
    ) -> None:
        self._env, self._gate, self._journal, self._number = env, gate, journal, number
        self._pool = pool
        conduct = rules.conduct[number]
        self._policy, self._has_line = int(conduct["policy"]), bool(conduct["has_line"])
        self._max_attempts, self._wait = int(conduct["max_attempts"]), int(conduct["wait"])
        begin, end = int(conduct["first_delay"]), int(conduct["last_delay"]) + 1
        self._delays: list[int] = rules.delays[begin:end].tolist()
        self._jittered, self._key = bool(conduct["jittered"]), int(conduct["key"])
        begin, end = int(conduct["clock_begin"]), int(conduct["clock_end"])
        self._clock_times: list[int] = rules.clock_times[begin:end].tolist()
        self._max_wait, self._interval = int(conduct["max_wait"]), int(conduct["interval"])
        self._max_open, self._horizon = int(conduct["max_open"]), rules.horizon
        self._has_quota = bool(conduct["has_quota"])
        self._has_reserve = bool(conduct["has_reserve"])
        keeps = limits.keeps[number]
        self._reserve, self._told_from = int(keeps["reserve"]), int(keeps["told_from"])
        self._counting: dict[int, Counting] = {}  # by kind of call and number of records
        self._line: deque[Waiting] = deque()
        self._alarm = Alarm(env, self._look)
        self._paused, self._next_slot, self._open, self._for_room = 0, 0, [0], False
        self._simple = not (self._has_line or self._has_quota or self._has_reserve)

    def process(self, demand: Demand, clock: Clock, replication: int, first_order: int) -> Process:
        """Submit the client's calls, each at its time; draw them at the start of each day."""
        # Bound once, for the loop that makes every call of the run.
        env, wake_at, number = self._env, Alarm(self._env).at, self._number
        refuser, take, opened = self._gate.refuser, self._gate.take, self._gate.calls.open
        order, made = first_order, 0
        for day in range(demand.days):
            yield env.timeout(max(0, clock.day_start(day) - env.now))
            calls = demand.draw_client(replication, number, day, made)
            accounts = number * len(demand.apis) + calls.api.astype(int)
            ledger = MeteredLedger(calls, accounts)
            self._journal.open_with(day, number, ledger)
            made += len(calls)
            counting = self._counting_of(calls)
            for n, (time, its, lasts) in enumerate(
                zip(calls.time.tolist(), counting, calls.lasting.tolist(), strict=True)
            ):
                yield wake_at(time, order)
                if not self._simple:
                    self._due(Waiting(ledger, n, order, its))
                elif (by := refuser(its.claims, time)) is None:
                    take(its.claims, time)
                    if its.open:
                        opened(its.open, time + lasts)
                else:
                    call = Waiting(ledger, n, order, its)
                    self._throttled(call, by, time)
                    self._go_on(call, False, time)
                order += 1

    def _counting_of(self, calls: Calls) -> list[Counting]:
        """Return what each of the client's calls takes from the meters."""
        costs, whats = calls.credits.tolist(), calls.what.tolist()
        for what, credits in zip(whats, costs, strict=True):
            if what not in self._counting:
                its = self._gate.counting(self._number, what, credits, self._has_quota)
                if self._max_open < NEVER:
                    its.open.append((self._open, 0))
                self._counting[what] = its
        return [self._counting[what] for what in whats]

    def _accept(self, call: Waiting, now: int) -> None:
        self._gate.take(call.counting.claims, now)
        for meter, whose, cost, _ in call.counting.quota:
            meter.take(whose, cost, now)
        if self._max_open < NEVER:
            self._open[0] += 1
        if call.counting.open:
            self._gate.calls.open(call.counting.open, now + call.duration)

    def _due(self, call: Waiting) -> None:
        """Try a call that is due, or let it stand in line."""
        if not self._has_line:
            self._try(call, False)
        elif self._line:
            call.held += 1
            self._line.append(call)
        else:
            self._look_at(call)

    def _look(self, _: simpy.Event) -> None:
        """Look at the first call in line."""
        call, now = self._line[0], int(self._env.now)
        if now - call.submitted > self._max_wait:
            self._leave_line(now)
            call.settle(LOST, call.submitted + self._max_wait)
        else:
            self._look_at(call)

    def _look_at(self, call: Waiting) -> None:
        now = int(self._env.now)
        is_first = bool(self._line)
        when = self._pause_over(call, now)
        if when == now:
            self._try(call, is_first)
            return
        if not is_first:
            call.held += 1
            self._line.append(call)
        self._await(when)

    def _pause_over(self, call: Waiting, now: int) -> int | None:
        """Return when the client may go on: now if nothing stops it, None when a call ends."""
        later = max(self._paused, self._next_slot)
        if later > now:
            return later
        if self._max_open < NEVER:
            self._gate.calls.end_until(now)
            if self._open[0] >= self._max_open:
                return None
        if self._for_room:
            room = self._room_at(call, now)
            self._for_room = room != now
            return room
        return now

    def _await(self, when: int | None) -> None:
        if when is None:
            self._gate.calls.wait(self._wake_now)
        elif when < self._horizon:
            self._alarm.at(when, self._line[0].order)

    def _wake_now(self) -> None:
        self._alarm.at(int(self._env.now), self._line[0].order)

    def _leave_line(self, now: int) -> None:
        self._line.popleft()
        if self._line and now < self._horizon:
            self._alarm.at(now, self._line[0].order)

    def _most_beside_reserve(self, credits: int) -> int:
        pool = self._gate.pool
        cost = credits if pool.counts_credits else 1
        kept = pool.sizes[0] - (self._reserve + cost) * pool.scale
        # Below this usage the vendor tells nothing, so that the client makes the attempt.
        return max(self._told_from * pool.scale - 1, kept)

    def _room_at(self, call: Waiting, now: int) -> int | None:
        """Return when every meter has room for a call; None where that may be when a call ends."""
        latest, at_an_end = now, False
        claims = [*call.counting.claims, *call.counting.quota]
        needs = [(meter, whose, most) for meter, whose, _, most in claims]
        if self._has_reserve:
            needs.append((self._gate.pool, 0, self._most_beside_reserve(call.credits)))
        for meter, whose, most in needs:
            moment = meter.room_at(whose, most, now)
            if moment is None:
                at_an_end = True
            else:
                latest = max(latest, moment)
        return None if latest == now and at_an_end else latest

    def _try(self, call: Waiting, is_first: bool) -> None:
        """Make an attempt, unless quota or reserve hold it back."""
        now, credits = int(self._env.now), call.credits
        holds = self._gate.refuser(call.counting.quota, now) is not None
        if not holds and self._has_reserve:
            holds = self._gate.pool.used(0, now) > self._most_beside_reserve(credits)
        if holds:
            call.held += 1
            call.tries += 1
            self._go_on(call, is_first, now)
            return
        if self._interval:
            self._next_slot = now + self._interval
        by = self._gate.refuser(call.counting.claims, now)
        if by is not None:
            self._throttled(call, by, now)
            self._go_on(call, is_first, now)
            return
        self._accept(call, now)
        if is_first:
            self._leave_line(now)
        call.attempts += 1
        if now == call.submitted and call.attempts == 1 and not call.held:
            call.ledger.at_once(call.position)  # as most calls: nothing is kept of it
            return
        self._note(True, now, call)
        call.settle(SUCCEEDED, now)

    def _throttled(self, call: Waiting, by: Meter, now: int) -> None:
        call.tries += 1
        call.attempts += 1
        self._note(False, now, call)
        self._pool.unbooked += self._gate.charge(now)
        if call.by < 0:
            call.by = self._gate.meters.index(by)

    def _note(self, accepted: bool, now: int, call: Waiting) -> None:
        account, ends_at = int(call.ledger.accounts[call.position]), now + call.duration
        self._journal.retried(accepted, now, call.credits, account, ends_at)

    def _go_on(self, call: Waiting, is_first: bool, now: int) -> None:
        """Give a refused call up, try it again later, or stop the queue."""
        is_impossible = call.attempts > 0 and any(claim.most < 0 for claim in call.counting.claims)
        gives_up = (
            is_impossible
            or self._policy == DROP
            or (self._policy == RETRY and call.tries >= self._max_attempts)
            or any(claim.most < 0 for claim in call.counting.quota)
        )
        if gives_up or self._policy == RETRY:
            if is_first:
                self._leave_line(now)
            if gives_up:
                call.settle(IMPOSSIBLE if is_impossible else LOST, now)
                return
            due = now + self._delay(call)
            if due < self._horizon:
                Alarm(self._env, lambda _: self._due(call)).at(due, call.order)
            return
        if not is_first:
            self._line.append(call)
        if self._policy == QUEUE_FOR_ROOM:
            self._for_room = True
            self._await(self._room_at(call, now))
            return
        if self._policy == QUEUE_FOR:
            self._paused = now + self._wait
        else:
            which = bisect_right(self._clock_times, now)
            times = self._clock_times
            self._paused = times[which] if which < len(times) else NEVER
        self._await(self._paused)

    def _delay(self, call: Waiting) -> int:
        longest = self._delays[min(call.tries, len(self._delays)) - 1]
        if not self._jittered:
            return longest
        return int(uniform(self._key, call.number, call.tries) * longest)

    def lose_what_waited(self) -> None:
        """Mark as lost the calls in line whose longest wait was over before the horizon."""
        for call in self._line:
            if call.submitted + self._max_wait < self._horizon:
                call.settle(LOST, call.submitted + self._max_wait)
