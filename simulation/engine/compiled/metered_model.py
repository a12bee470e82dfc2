"""One replication of a scenario of many meters, day by day: the same records as SimPy's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from simulation.demand import Calls
from simulation.engine.compiled import metered
from simulation.engine.compiled.lanes import EVENT
from simulation.engine.compiled.meter_loops import AT_ONCE, CHARGED, GRANTED, THROTTLED
from simulation.engine.compiled.unsettled import Unsettled
from simulation.engine.engine import Engine
from simulation.engine.giving_back import GivingBack
from simulation.engine.records import (
    SUCCEEDED,
    CallRecords,
    DayRecords,
    Entries,
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
    state, unsettled = metered.start_of(rules, limits), _Unsettled(len(engine.demand.apis))
    giving_back = GivingBack(rules)
    for day, calls in enumerate(engine.demand.draw_days(engine.replication)):
        end = clock.day_end(day)
        base = unsettled.add(calls)
        today = metered.MeteredDay.of(calls, np.zeros(len(calls), bool))
        state, unsettled.tape = metered.decide(state, tables, today, end, unsettled.tape, base)
        if end == clock.horizon:
            metered.end(state, unsettled.tape)
        grants, throttles = unsettled.attempts(giving_back)
        settled, handed_out = unsettled.close_days(last=end == clock.horizon)
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


class _Unsettled(Unsettled[metered.Tape]):
    """The calls of a scenario of many meters, which may last."""

    FILLS: ClassVar[dict[str, int]] = {**Unsettled.FILLS, "held": 0, "by": -1}

    def __init__(self, kinds: int) -> None:
        events, length = np.zeros(1024, EVENT), np.zeros(1, np.int64)
        super().__init__(kinds, metered.no_tape()._replace(events=events, length=length))
        self._durations = np.empty(0, np.int64)

    def add(self, calls: Calls) -> int:
        self._durations = np.concatenate((self._durations, calls.lasting))
        return super().add(calls)

    def records(self, calls: Calls, here: slice) -> CallRecords:
        tape = self.tape
        outcome, attempts = tape.outcome[here], tape.attempts[here]
        throttled = attempts - (outcome == SUCCEEDED).astype(np.int32)
        settled_at, held, by = tape.settled_at[here], tape.held[here], tape.by[here]
        return CallRecords(calls, attempts, throttled, outcome, settled_at, held, by)

    def attempts(self, giving_back: GivingBack) -> tuple[Entries, Entries]:
        """Return what the attempts of the day just opened were granted, and those throttled."""
        # As in the journal: of what happened at one instant, what was granted at once comes first.
        granted = in_order([self._entries(kind) for kind in (AT_ONCE, GRANTED, CHARGED)])
        return giving_back.of(granted), in_order([self._entries(THROTTLED)])

    def _entries(self, kind: int) -> Entries:
        events = self.events(kind)
        time, row = events["time"], events["row"]
        if kind == CHARGED:
            return Entries(time, events["credits"], row)
        ends_at = None if kind == THROTTLED else time + self._durations[row]
        return Entries(time, events["credits"], self.accounts[row], ends_at)

    def close_days(self, last: bool) -> tuple[CallRecords, int]:
        records, handed_out = super().close_days(last)
        self._durations = self._durations[handed_out:]
        return records, handed_out
