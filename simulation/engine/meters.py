"""The meters of a rate card as the SimPy model asks them: each accepts or refuses, and gives back.

What comes back is taken back when a meter is next asked, before it answers: that is the same as at
the instant itself, since nothing looks in between. The end of a call is an event only where a
client waits for one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple

import simpy

from simulation.engine.pool import Alarm
from simulation.engine.rules import BUCKET, CALENDAR, CONCURRENT, NEVER, ROLLING, Limits, Rules

__all__ = ["Claim", "Meter", "OpenCalls", "OpenCount", "meters_of"]

_END = -1  # at one instant, calls end before everything else

OpenCount = tuple[list[int], int]
"""Where open calls are counted: a list, and an index in it."""


class OpenCalls:
    """The calls that are open, and the clients that wait for one to end."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._ends: list[tuple[int, int, Sequence[OpenCount]]] = []
        self._opened = 0
        self._waiting: list[Callable[[], None]] = []

    def open(self, counts: Sequence[OpenCount], ends_at: int) -> None:
        """Keep a call open until a moment, when it no longer counts."""
        heappush(self._ends, (ends_at, self._opened, counts))
        self._opened += 1
        if self._waiting:
            self._wake_at(ends_at)

    def end_until(self, now: int) -> None:
        """End the calls that end until a moment, that moment included."""
        ends = self._ends
        while ends and ends[0][0] <= now:
            for numbers, which in heappop(ends)[2]:
                numbers[which] -= 1

    def wait(self, wake: Callable[[], None]) -> None:
        """Call a client, once, when the next call ends."""
        self._waiting.append(wake)
        if self._ends:
            self._wake_at(self._ends[0][0])

    def _wake_at(self, when: int) -> None:
        Alarm(self._env, self._wake).at(when, _END)

    def _wake(self, _: simpy.Event) -> None:
        waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()


class Claim(NamedTuple):
    """What an attempt takes from a meter, in its parts.

    Attributes
    ----------
    meter : Meter
    whose : int
        Which of its counts.
    cost : int
    most : int
        The most that may be used before it; below 0 where it costs more than the whole.
    """

    meter: Meter
    whose: int
    cost: int
    most: int


class Meter(ABC):
    """One rule that can throttle: one count for the org, or one for each client or group.

    Parameters
    ----------
    rules : Rules
    limits : Limits
        Of a pool of one size.
    number : int
        Which of the rules' meters it is.

    Attributes
    ----------
    peak : int
        The most used at once since the warm-up.
    """

    def __init__(self, rules: Rules, limits: Limits, number: int) -> None:
        its = rules.meters[number]
        self.name = rules.names[number] if number < rules.vendors else "quota"
        self.least = rules.least[number].tolist()
        first = int(its["first"])
        # Which of its counts each client takes from.
        self.whose: list[int] = (rules.whose[number] - first).tolist()
        self.sizes: list[int] = limits.sizes[first : int(its["end"])].tolist()
        self.counts_credits, self.scale = bool(its["counts_credits"]), int(its["scale"])
        self.peak = 0

    def counts(self, api: int, records: int) -> bool:
        """Return whether it counts calls of a kind and a number of records."""
        return bool(records > self.least[api])

    def claim(self, client: int, credits: int) -> Claim:
        """Return what an attempt takes from it."""
        whose = self.whose[client]
        cost = (credits if self.counts_credits else 1) * self.scale
        return Claim(self, whose, cost, self.sizes[whose] - cost)

    def note_peak(self, now: int) -> None:
        """Note what is used now, if it is the most so far."""
        self.peak = max(self.peak, *(self.used(whose, now) for whose in range(len(self.sizes))))

    @abstractmethod
    def used(self, whose: int, now: int) -> int:
        """Return what is used now of one of its counts, in parts."""

    @abstractmethod
    def take(self, whose: int, cost: int, now: int) -> int:
        """Take parts from one of its counts; return what is used then."""

    def room_at(self, whose: int, most: int, now: int) -> int | None:
        """Return when at most ``most`` is used of a count, if nothing is taken until then.

        None where that is when some call ends.
        """
        if self.used(whose, now) <= most:
            return now
        return NEVER if most < 0 else self._back_at(whose, most)

    @abstractmethod
    def _back_at(self, whose: int, most: int) -> int | None:
        """Return when use falls to ``most``; more is used now."""


class Rolling(Meter):
    """What is taken comes back a window later."""

    def __init__(self, rules: Rules, limits: Limits, number: int) -> None:
        super().__init__(rules, limits, number)
        self._window = int(rules.meters[number]["window"])
        self._taken = [deque[tuple[int, int]]() for _ in self.sizes]
        self._used = [0] * len(self.sizes)
        if number == rules.pool:
            self._taken[0].extend(map(tuple, rules.start.tolist()))
            self._used[0] = int(rules.start[:, 1].sum())

    def used(self, whose: int, now: int) -> int:
        taken, edge = self._taken[whose], now - self._window
        while taken and taken[0][0] <= edge:
            self._used[whose] -= taken.popleft()[1]
        return self._used[whose]

    def take(self, whose: int, cost: int, now: int) -> int:
        self._taken[whose].append((now, cost))
        self._used[whose] += cost
        return self._used[whose]

    def _back_at(self, whose: int, most: int) -> int | None:
        left = self._used[whose]
        for time, cost in self._taken[whose]:
            left -= cost
            if left <= most:
                return time + self._window
        return NEVER


class Calendar(Meter):
    """All that is taken comes back at the next reset."""

    def __init__(self, rules: Rules, limits: Limits, number: int) -> None:
        super().__init__(rules, limits, number)
        its = rules.meters[number]
        self._resets: list[int] = rules.resets[
            int(its["resets_begin"]) : int(its["resets_end"])
        ].tolist()
        self._used, self._next = [0] * len(self.sizes), 0
        if number == rules.pool:
            self._used[0] = int(rules.start[:, 1].sum())

    def used(self, whose: int, now: int) -> int:
        if self._next < len(self._resets) and self._resets[self._next] <= now:
            self._next = bisect_right(self._resets, now)
            self._used = [0] * len(self.sizes)
        return self._used[whose]

    def take(self, whose: int, cost: int, now: int) -> int:
        self._used[whose] = self.used(whose, now) + cost
        return self._used[whose]

    def _back_at(self, whose: int, most: int) -> int | None:  # noqa: ARG002 - all of it
        return self._resets[self._next] if self._next < len(self._resets) else NEVER


class Bucket(Meter):
    """What is taken comes back at a steady pace; it is counted in parts that come back whole."""

    def __init__(self, rules: Rules, limits: Limits, number: int) -> None:
        super().__init__(rules, limits, number)
        self._refill = int(rules.meters[number]["refill"])
        self._used, self._since = [0] * len(self.sizes), [0] * len(self.sizes)
        if number == rules.pool:
            self._used[0] = int(rules.start[:, 1].sum()) * self.scale

    def used(self, whose: int, now: int) -> int:
        back = (now - self._since[whose]) * self._refill
        self._used[whose] = max(0, self._used[whose] - back)
        self._since[whose] = now
        return self._used[whose]

    def take(self, whose: int, cost: int, now: int) -> int:
        self._used[whose] = self.used(whose, now) + cost
        return self._used[whose]

    def _back_at(self, whose: int, most: int) -> int | None:
        return self._since[whose] - (-(self._used[whose] - most) // self._refill)


class Concurrent(Meter):
    """Calls that are open; what is taken comes back when the call ends."""

    def __init__(self, calls: OpenCalls, rules: Rules, limits: Limits, number: int) -> None:
        super().__init__(rules, limits, number)
        self._calls, self._open = calls, [0] * len(self.sizes)

    def count_of(self, client: int) -> OpenCount:
        """Return where the open calls of a client are counted."""
        return self._open, self.whose[client]

    def used(self, whose: int, now: int) -> int:
        self._calls.end_until(now)
        return self._open[whose]

    def take(self, whose: int, cost: int, now: int) -> int:  # noqa: ARG002 - a call has ended before
        self._open[whose] += cost
        return self._open[whose]

    def _back_at(self, whose: int, most: int) -> int | None:  # noqa: ARG002
        return None


_Made = Callable[[Rules, Limits, int], Meter]
_KINDS: dict[int, _Made] = {
    ROLLING: Rolling,
    CALENDAR: Calendar,
    BUCKET: Bucket,
}


def meters_of(rules: Rules, limits: Limits, calls: OpenCalls) -> list[Meter]:
    """Return the meters of some rules: the card's in its order, then that of clients' quotas."""
    kinds: dict[int, _Made] = {**_KINDS, CONCURRENT: partial(Concurrent, calls)}
    return [kinds[int(its["kind"])](rules, limits, n) for n, its in enumerate(rules.meters)]
