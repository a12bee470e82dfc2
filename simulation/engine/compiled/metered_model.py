"""One replication of a scenario of many meters, day by day: the same records as SimPy's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Calls
from simulation.engine.compiled import metered
from simulation.engine.compiled.meter_loops import AT_ONCE, CHARGED, GRANTED, THROTTLED
from simulation.engine.engine import Engine
from simulation.engine.giving_back import GivingBack
from simulation.engine.records import (
    SUCCEEDED,
    UNFINISHED,
    CallRecords,
    DayRecords,
    Entries,
    concatenate,
    in_order,
)
from simulation.engine.rules import Rules

__all__ = ["run_metered"]


def run_metered(engine: Engine, held: int | None = None) -> Iterator[DayRecords]:
    """Simulate day by day until the horizon; yield what each local day leaves behind.

    ``held`` of the pool, in its parts, are in use at the start in place of what the scenario says.
    """
    clock, start = engine.scenario.clock, 0
    rules = Rules.of(engine.demand, engine.replication)
    if held is not None:
        rules = rules.begun_with(held)
    tables, limits = metered.tables_of(rules), rules.limits(engine.units)
    state, open_calls = metered.start_of(rules, limits), _OpenCalls(len(engine.demand.apis))
    giving_back = GivingBack(rules)
    for day, calls in enumerate(engine.demand.draw_days(engine.replication)):
        end = clock.day_end(day)
        base = open_calls.add(calls)
        today = metered.MeteredDay.of(calls, np.zeros(len(calls), bool))
        state, open_calls.roll = metered.decide(state, tables, today, end, open_calls.roll, base)
        if end == clock.horizon:
            metered.end(state, open_calls.roll)
        grants, throttles = open_calls.attempts(giving_back)
        settled, handed_out = open_calls.close_days(last=end == clock.horizon)
        state.calls["row"] -= handed_out  # of free entries too, whose row says nothing
        yield DayRecords(
            day,
            start,
            end,
            settled,
            grants,
            throttles,
            before=None if day else giving_back.before,
            peaks=rules.amounts(state.meters["peak"]),
        )
        start = end


class _OpenCalls:
    """The calls that are not yet handed out, day by day, with what became of them."""

    def __init__(self, kinds: int) -> None:
        self._kinds = kinds
        self._days: list[Calls] = []
        self._accounts = np.empty(0, np.int64)  # of the calls on the roll
        self._durations = np.empty(0, np.int64)
        self.roll = metered.no_roll()._replace(
            events=np.zeros(1024, metered.EVENT), length=np.zeros(1, np.int64)
        )

    def add(self, calls: Calls) -> int:
        """Take a day's calls, as if all succeeded at once; return the first's row on the roll."""
        roll, count = self.roll, len(calls)
        base = len(roll.outcome)
        self._days.append(calls)
        accounts = calls.client.astype(np.int64) * self._kinds + calls.api
        self._accounts = np.concatenate((self._accounts, accounts))
        lasting = np.zeros(count, np.int64) if calls.duration is None else calls.duration
        self._durations = np.concatenate((self._durations, lasting))
        roll.length[0] = 0
        self.roll = roll._replace(
            outcome=np.concatenate((roll.outcome, np.full(count, SUCCEEDED, np.int8))),
            attempts=np.concatenate((roll.attempts, np.ones(count, np.int32))),
            held=np.concatenate((roll.held, np.zeros(count, np.int32))),
            by=np.concatenate((roll.by, np.full(count, -1, np.int8))),
            settled_at=np.concatenate((roll.settled_at, calls.time)),
        )
        return base

    def attempts(self, giving_back: GivingBack) -> tuple[Entries, Entries]:
        """Return what the attempts of the day just opened were granted, and those throttled."""
        # As in the journal: of what happened at one instant, what was granted at once comes first.
        granted = in_order([self._events(kind) for kind in (AT_ONCE, GRANTED, CHARGED)])
        throttled = in_order([self._events(THROTTLED)])
        return giving_back.of(granted), replace(throttled, back_at=None)

    def _events(self, kind: int) -> Entries:
        events = self.roll.events[: self.roll.length[0]]
        events = events[events["kind"] == kind]
        time, row = events["time"], events["row"]
        if kind == CHARGED:
            return Entries(time, events["credits"], row)
        return Entries(time, events["credits"], self._accounts[row], time + self._durations[row])

    def close_days(self, last: bool) -> tuple[CallRecords, int]:
        """Return the records of the days that are settled, and of how many calls they are."""
        roll, done, row = self.roll, list[CallRecords](), 0
        while self._days:
            here = slice(row, row + len(self._days[0]))
            outcome: NDArray[np.int8] = roll.outcome[here]
            # Days are handed out in order: one with calls in flight holds back those behind it.
            if not last and (outcome == UNFINISHED).any():
                break
            attempts = roll.attempts[here]
            throttled = attempts - (outcome == SUCCEEDED).astype(np.int32)
            settled_at, held, by = roll.settled_at[here], roll.held[here], roll.by[here]
            calls = self._days.pop(0)
            done.append(CallRecords(calls, attempts, throttled, outcome, settled_at, held, by))
            row = here.stop
        self._accounts, self._durations = self._accounts[row:], self._durations[row:]
        self.roll = roll._replace(
            outcome=roll.outcome[row:],
            attempts=roll.attempts[row:],
            held=roll.held[row:],
            by=roll.by[row:],
            settled_at=roll.settled_at[row:],
        )
        return concatenate(done), row
