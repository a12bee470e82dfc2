"""One replication on the compiled engine, day by day: the same records as the SimPy model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.demand import Calls, jitter_key
from simulation.engine.compiled.kernel import (
    CHARGED,
    MADE,
    PLACE,
    RETRY_GRANTED,
    RETRY_THROTTLED,
    STRAYED,
    UNUSED,
    USED,
    Day,
    Lanes,
    Laws,
    Tape,
    decide,
)
from simulation.engine.engine import Engine
from simulation.engine.records import (
    SUCCEEDED,
    UNFINISHED,
    CallRecords,
    DayRecords,
    Entries,
    concatenate,
    in_order,
)
from simulation.scenario import Scenario

__all__ = ["CompiledModel", "empty_tape", "lanes_of", "laws_of"]

Ints = NDArray[np.int64]

_SLOTS = 2**13
_NEVER = -(2**62)


def laws_of(scenario: Scenario, replication: int) -> Laws:
    """Return what the loops need to know of a scenario's rules and clients."""
    retries = [client.on_throttle.retry for client in scenario.clients]
    tables = [retry.delays() if retry else () for retry in retries]
    delays = [delay for table in tables for delay in table] or [0]
    ends = np.cumsum([len(table) for table in tables])
    keys = [jitter_key(scenario.seed, replication, client.name) for client in scenario.clients]
    return Laws(
        scenario.card.window,
        scenario.clock.horizon,
        scenario.card.throttled_attempt_credits,
        (max(delays) // (_SLOTS - 2)).bit_length(),
        np.array([retry.max_attempts if retry else 1 for retry in retries], np.int64),
        np.array(delays, np.int64),
        np.array([0, *ends[:-1]], np.int64),
        np.array(ends - 1, np.int64),
        np.array([retry is not None and retry.jitter == "full" for retry in retries]),
        np.array(keys, np.uint64),
    )


def lanes_of(limits: Sequence[int] | Ints, before: Lanes | None = None) -> Lanes:
    """Return empty pools of these sizes, behind those that are there ``before``."""
    count = len(limits)
    state = np.zeros((count, 13), np.int64)
    state[:, UNUSED], state[:, STRAYED] = -1, _NEVER
    room = (1024, 64) if before is None else (before.grant_time.shape[1], before.calls.shape[1])
    new = Lanes(
        np.array(limits, np.int64),
        state,
        np.empty((count, room[0]), np.int64),
        np.empty((count, room[0]), np.int64),
        np.empty((count, room[1], 7), np.int64),
        np.empty((count, room[1], 3), np.int64),
        np.full((count, _SLOTS), -1, np.int32),
    )
    if before is None:
        return new
    pairs: Any = zip(before, new, strict=True)
    return Lanes(*(np.concatenate(pair) for pair in pairs))


def empty_tape(read: bool = True) -> Tape:
    """Return a tape without calls; unless it is ``read``, nothing is written to it."""
    return Tape(
        np.empty(0, np.int8),
        np.empty(0, np.int32),
        np.empty(0, np.int64),
        np.empty(0, np.bool_),
        np.empty((64 if read else 0, 4), np.int64),
        np.zeros(int(read), np.int64),
    )


def hold(lanes: Lanes, credits: int, window: int) -> None:
    """Start unused pools with ``credits`` in use, which come back evenly over a window (µs)."""
    parts = min(lanes.grant_time.shape[1] - 1, credits)
    for part in range(parts):  # Python's whole numbers, since no product of them overflows
        lanes.grant_time[:, part] = (part + 1) * window // parts - window
        lanes.grant_credits[:, part] = (part + 1) * credits // parts - part * credits // parts
    lanes.state[:, MADE], lanes.state[:, USED] = parts, credits


class CompiledModel(Engine):
    """One replication of a scenario, decided by the compiled loop; see `Engine`."""

    def run(self, held: int = 0) -> Iterator[DayRecords]:
        """Simulate day by day until the horizon; yield what each local day leaves behind.

        ``held`` credits are in use at the start and come back evenly over the first window.
        """
        clock, start = self.scenario.clock, 0
        laws = laws_of(self.scenario, self.replication)
        lanes = lanes_of([self.limit])
        hold(lanes, held, laws.window)
        ledger = _Ledger(len(self.demand.apis))
        for day, calls in enumerate(self.demand.draw_days(self.replication)):
            end = clock.day_end(day)
            base = ledger.open(calls)
            everything = np.zeros(len(calls), bool)
            today = Day(calls.time, calls.client, calls.call, calls.credits, everything)
            first = np.zeros(1, np.int64)
            lanes, ledger.tape = decide(lanes, laws, today, first, end, ledger.tape, base)
            grants, throttles = ledger.attempts(calls)
            settled, handed_out = ledger.close_days(last=end == clock.horizon)
            lanes.calls[0, :, PLACE] -= handed_out
            yield DayRecords(day, start, end, settled, grants, throttles)
            start = end


class _Ledger:
    """The calls that are not yet handed out, day by day, with what became of them."""

    def __init__(self, kinds: int) -> None:
        self._kinds = kinds
        self._days: list[Calls] = []
        self._accounts = np.empty(0, np.int64)  # of the calls on the tape
        self.tape = empty_tape()

    def open(self, calls: Calls) -> int:
        """Take a day's calls, as if all succeeded at once; return the place of the first."""
        tape, count = self.tape, len(calls)
        base = len(tape.outcome)
        self._days.append(calls)
        accounts = calls.client.astype(np.int64) * self._kinds + calls.api
        self._accounts = np.concatenate((self._accounts, accounts))
        tape.length[0] = 0
        self.tape = Tape(
            np.concatenate((tape.outcome, np.full(count, SUCCEEDED, np.int8))),
            np.concatenate((tape.attempts, np.ones(count, np.int32))),
            np.concatenate((tape.settled_at, calls.time)),
            np.zeros(count, np.bool_),
            tape.events,
            tape.length,
        )
        return base

    def attempts(self, calls: Calls) -> tuple[Entries, Entries]:
        """Return what the attempts of the day just opened were granted, and those throttled."""
        refused = self.tape.refused
        granted = [self._firsts(calls, ~refused), self._events(RETRY_GRANTED)]
        granted.append(self._events(CHARGED))
        throttled = [self._firsts(calls, refused), self._events(RETRY_THROTTLED)]
        return in_order(granted), in_order(throttled)

    def _firsts(self, calls: Calls, which: NDArray[np.bool_]) -> Entries:
        account = self._accounts[-len(calls) :] if len(calls) else self._accounts[:0]
        return Entries(calls.time[which], calls.credits[which], account[which])

    def _events(self, kind: int) -> Entries:
        events = self.tape.events[: self.tape.length[0]]
        events = events[events[:, 3] == kind]
        if kind == CHARGED:
            return Entries(events[:, 0], events[:, 2], events[:, 1])
        return Entries(events[:, 0], events[:, 2], self._accounts[events[:, 1]])

    def close_days(self, last: bool) -> tuple[CallRecords, int]:
        """Return the records of the days that are settled, and of how many calls they are."""
        tape, done, place = self.tape, list[CallRecords](), 0
        while self._days:
            here = slice(place, place + len(self._days[0]))
            outcome = tape.outcome[here]
            if not last and (outcome == UNFINISHED).any():
                break
            attempts = tape.attempts[here]
            throttled = attempts - (outcome == SUCCEEDED).astype(np.int32)
            calls = self._days.pop(0)
            done.append(CallRecords(calls, attempts, throttled, outcome, tape.settled_at[here]))
            place = here.stop
        self._accounts = self._accounts[place:]
        kept = (tape.outcome[place:], tape.attempts[place:], tape.settled_at[place:])
        self.tape = Tape(*kept, tape.refused, tape.events, tape.length)
        return concatenate(done), place
