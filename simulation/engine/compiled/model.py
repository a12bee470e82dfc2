"""One replication on the compiled engine, day by day: the same records as the SimPy model's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Calls, Demand, jitter_key
from simulation.engine.compiled.kernel import (
    CHARGED,
    RETRY_GRANTED,
    RETRY_THROTTLED,
    Day,
    Laws,
    Tape,
    decide,
)
from simulation.engine.compiled.lanes import EVENT, POLICY, lanes_of, slot_bits
from simulation.engine.compiled.metered_model import run_metered
from simulation.engine.compiled.unsettled import Unsettled
from simulation.engine.engine import Engine
from simulation.engine.records import (
    SUCCEEDED,
    CallRecords,
    DayRecords,
    Entries,
    in_order,
)

__all__ = ["CompiledModel", "empty_tape", "laws_of"]


def laws_of(demand: Demand, replication: int) -> Laws:
    """Return a scenario's rules and its clients' policies, as the loops take them."""
    scenario = demand.scenario
    policies, delays = np.zeros(len(scenario.clients), POLICY), list[int]()
    for policy, client in zip(policies, scenario.clients, strict=True):
        retry = client.on_throttle.retry
        policy["max_attempts"] = retry.max_attempts if retry else 1
        policy["first_delay"] = len(delays)
        delays += retry.delays() if retry else ()
        policy["last_delay"] = len(delays) - 1
        policy["jittered"] = retry is not None and retry.jitter == "full"
        policy["key"] = jitter_key(scenario.seed, replication, client.name)
    return Laws(
        window=scenario.card.window,
        horizon=scenario.clock.horizon,
        throttled_attempt_credits=scenario.card.in_units(scenario.card.throttled_attempt_credits),
        slot_bits=slot_bits(max(delays), demand.calls_a_day) if delays else 0,
        policies=policies,
        delays=np.array(delays, np.int64),
    )


def empty_tape(read: bool = True) -> Tape:
    """Return a tape without calls; unless it is ``read``, nothing is written to it."""
    return Tape(
        outcome=np.empty(0, np.int8),
        attempts=np.empty(0, np.int32),
        settled_at=np.empty(0, np.int64),
        refused=np.empty(0, np.bool_),
        events=np.empty(64 if read else 0, EVENT),
        length=np.zeros(int(read), np.int64),
    )


class CompiledModel(Engine):
    """One replication of a scenario, decided by the compiled loop; see `Engine`."""

    def _days(self) -> Iterator[DayRecords]:
        if not self.scenario.is_plain:
            yield from run_metered(self)
            return
        clock, start = self.scenario.clock, 0
        laws = laws_of(self.demand, self.replication)
        lanes = lanes_of([self.scenario.card.in_units(self.limit)])
        unsettled = _Unsettled(len(self.demand.apis), empty_tape())
        for day, calls in enumerate(self.demand.draw_days(self.replication)):
            end = clock.day_end(day)
            base = unsettled.add(calls)
            nothing = np.zeros(len(calls), bool)  # the tape tells each call: nothing is counted
            today = Day(calls.time, calls.client, calls.call, calls.credits, nothing)
            first = np.zeros(1, np.int64)
            tape = unsettled.tape
            lanes, unsettled.tape = decide(lanes, laws, today, first, end, tape, base)
            grants, throttles = unsettled.attempts(calls)
            settled, handed_out = unsettled.close_days(last=end == clock.horizon)
            lanes.calls["row"] -= handed_out  # of free entries too, whose row says nothing
            yield DayRecords(day, start, end, settled, grants, throttles)
            start = end


class _Unsettled(Unsettled[Tape]):
    """The calls of a scenario whose only meter is the pool."""

    def add(self, calls: Calls) -> int:
        base = super().add(calls)
        self.tape = self.tape._replace(refused=np.zeros(len(calls), np.bool_))
        return base

    def records(self, calls: Calls, here: slice) -> CallRecords:
        outcome, attempts = self.tape.outcome[here], self.tape.attempts[here]
        throttled = attempts - (outcome == SUCCEEDED).astype(np.int32)
        settled_at = self.tape.settled_at[here]
        return CallRecords.of_pool(calls, attempts, throttled, outcome, settled_at)

    def attempts(self, calls: Calls) -> tuple[Entries, Entries]:
        """Return what the attempts of the day just opened were granted, and those throttled."""
        refused = self.tape.refused
        # As in the journal: of what happened at one instant, first attempts, retries, then charges.
        granted = [self._firsts(calls, ~refused), self._entries(RETRY_GRANTED)]
        granted.append(self._entries(CHARGED))
        throttled = [self._firsts(calls, refused), self._entries(RETRY_THROTTLED)]
        return in_order(granted), in_order(throttled)

    def _firsts(self, calls: Calls, which: NDArray[np.bool_]) -> Entries:
        # The day just opened is the last on the tape; [-0:] would be all of it.
        account = self.accounts[-len(calls) :] if len(calls) else self.accounts[:0]
        return Entries(calls.time[which], calls.credits[which], account[which])

    def _entries(self, kind: int) -> Entries:
        events = self.events(kind)
        account = events["row"] if kind == CHARGED else self.accounts[events["row"]]
        return Entries(events["time"], events["credits"], account)
