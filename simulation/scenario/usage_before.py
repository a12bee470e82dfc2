"""What recorded calls before the start take of the pool, and what is wrong with such a record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import numpy as np

from simulation.arrays import Ints
from simulation.errors import KeyPath, KeyProblem
from simulation.quantities import DAY
from simulation.rate_cards import RateCard, reset_moments
from simulation.scenario.call_checks import CallKinds
from simulation.scenario.clock import Clock
from simulation.scenario.conduct import InitialUsage
from simulation.scenario.partial_reading import Unread
from simulation.scenario.traces import Trace

__all__ = ["before_problems", "before_remarks", "recorded_before"]

_FILE: KeyPath = ("initial_usage", "trace", "file")
_UNNAMED = "other"
"""The call kind of rows that name none."""


class _Scenario(Protocol):
    """What is asked here of a `Scenario`, whose module imports this one."""

    @property
    def card(self) -> RateCard: ...
    @property
    def limit(self) -> int: ...
    @property
    def start(self) -> datetime: ...
    @property
    def timezone(self) -> ZoneInfo: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def initial_usage(self) -> InitialUsage | None: ...
    @property
    def trace_before(self) -> Trace | None: ...


def recorded_before(scenario: _Scenario) -> Ints:
    """Return when and how much recorded calls took of the pool before the start, (k, 2), in order.

    Those that are back at the start are left out. Times are µs since the start; amounts are as the
    pool counts, in smallest units of a credit or in calls.
    """
    trace, initial = scenario.trace_before, scenario.initial_usage
    law = None if initial is None else initial.law
    assert trace is not None
    assert law is not None
    card, begin, each = scenario.card, scenario.clock.start_epoch, law.each
    burst = np.zeros(1, np.int64) if each is None else np.arange(each.calls) * each.every
    since = _since(scenario)
    rows = []
    for row, time in enumerate((trace.times - begin).tolist()):
        count = 1 if trace.counts is None else int(trace.counts[row])
        firsts = time + np.arange(count) * int(trace.lengths[row]) // max(1, count)
        times = np.add.outer(firsts, burst).ravel()
        times = times[(since < times) & (times < 0)]
        taken = card.units(*_call(trace, row)) if card.pool.counts_credits else 1
        rows.append(np.column_stack([times, np.full_like(times, taken)]))
    taken_by_time = np.concatenate(rows)
    return taken_by_time[np.lexsort(taken_by_time.T[::-1])]


def _since(scenario: _Scenario) -> int:
    """Return the moment, at most 0, behind which what is taken before the start still counts."""
    pool, begin = scenario.card.pool, scenario.clock.start_epoch
    if pool.resets is None:
        return -scenario.card.window
    found = reset_moments(pool.resets, scenario.timezone, begin, begin)
    return found[0] - begin - 1 if found else -DAY


def _call(trace: Trace, row: int) -> tuple[str, int]:
    """Return the call kind of a row and its records."""
    api = (trace.apis and trace.apis[row]) or _UNNAMED
    return api, 1 if trace.records is None else max(1, int(trace.records[row]))


def before_problems(
    initial: InitialUsage | None, trace: Trace | None, kinds: CallKinds, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield the first recorded call before the start that the rate card lacks or refuses."""
    if initial is None or trace is None or unread.touches(("rate_card",), ("other_apis",)):
        return
    for row in range(len(trace.times)):
        if wrong := kinds.refused(*_call(trace, row)):
            yield KeyProblem(_FILE, wrong, f"{trace.file}:{trace.lines[row]}")
            return


def before_remarks(scenario: _Scenario) -> Iterator[KeyProblem]:
    """Yield a record of which nothing is in use at the start, or more than the pool holds."""
    if scenario.trace_before is None:
        return
    card = scenario.card
    held: Any = card.of_pool(int(recorded_before(scenario)[:, 1].sum()))
    if not held:
        what = "has no effect, nothing in it is in use at the start: name a trace of the calls"
        yield KeyProblem(_FILE, f"{what} just before {scenario.start:%Y-%m-%d %H:%M}")
    elif card.pool.resets is None and card.pool.kind == "rolling" and held > scenario.limit:
        what = f"holds {held:,} {card.pool.unit} at the start, more than the limit of"
        yield KeyProblem(_FILE, f"{what} {scenario.limit:,}: leave out calls that were throttled")
