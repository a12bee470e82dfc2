"""The credit pool: a SimPy resource that takes back each credit 24 hours after granting it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from heapq import heappush
from typing import Any

import simpy

from simulation.quantities import DAY
from simulation.rate_cards import DEFAULT_RATE_CARD, RateCard, ThrottledResponse

__all__ = ["Alarm", "CreditPool", "TooManyRequests"]

_FORGET_AFTER = 10_000  # grants that came back, before they are dropped from the lists
_RELEASE = -1  # at one instant, releases come before everything else


class TooManyRequests(Exception):  # noqa: N818 - the vendor's word
    """A throttled attempt, with the vendor's answer."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        answer: ThrottledResponse = self.args[0]
        return answer.status

    @property
    def body(self) -> dict[str, Any]:
        """The body of the answer, as the vendor sends it."""
        answer: ThrottledResponse = self.args[0]
        return deepcopy(answer.body)

    def __str__(self) -> str:
        """Return status and code, for messages."""
        return f"{self.status} {self.body.get('code', '')}"


class Alarm(simpy.Event):
    """An event that is set again and again, each time for an absolute instant.

    A process that waits a million times needs one alarm, not a million timeouts. Events of
    one instant are processed in the order of their ``order``; SimPy's own events have 0 and 1.
    A ``callback`` is called each time.
    """

    def __init__(
        self, env: simpy.Environment, callback: Callable[[simpy.Event], None] | None = None
    ) -> None:
        super().__init__(env)
        # Triggered once for all, as a Timeout is: SimPy looks at `_ok` when it has processed it.
        self._always = [callback] if callback else []
        self._ok = True
        self._value = None
        self.callbacks = None  # type: ignore[assignment]  # SimPy's sign of not being pending

    def at(self, instant: int, order: int) -> Alarm:
        """Set the alarm; it must not be pending."""
        env = self.env
        self.callbacks = self._always.copy()  # SimPy takes the list away when it processes it
        # As Environment.schedule does, but for an instant instead of a delay, and twice as fast.
        heappush(env._queue, (instant, order, next(env._eid), self))  # type: ignore[misc]
        return self


class CreditPool:
    """Credits that can be consumed at once or not at all, and that come back after a window.

    Nothing queues here: an attempt is accepted if ``used + credits <= limit``, and is
    answered `TooManyRequests` if not (rule 3). What is consumed at s is free again at
    exactly s + window, by an event of the pool's own.

    Parameters
    ----------
    env : simpy.Environment
        Time is an integer count of µs.
    limit : int
        The size of the pool, credits.
    window : int
        How long a credit stays consumed, µs.
    card : RateCard, optional
        Says what a throttled attempt is answered, and what it costs; and the smallest unit of a
        credit, in which the pool counts.

    Attributes
    ----------
    limit_units, used_units : int
        `limit` and `used`, as numbers of the card's smallest unit.
    unbooked : list of (instant, units)
        What was consumed and not booked by the caller, in order of time.

    >>> env = simpy.Environment()
    >>> pool = CreditPool(env, limit=500)
    >>> def client():
    ...     pool.consume(500)
    ...     try:
    ...         pool.consume(1)
    ...     except TooManyRequests as refusal:
    ...         print(refusal, "with", pool.available, "available")
    ...     yield env.timeout(DAY)
    ...     print("a day later", pool.available)
    >>> _ = env.process(client())
    >>> env.run()
    429 TOO_MANY_REQUESTS with 0 available
    a day later 500
    """

    def __init__(
        self, env: simpy.Environment, limit: int, window: int = DAY, card: RateCard | None = None
    ) -> None:
        card = card or RateCard.load(DEFAULT_RATE_CARD)
        self.env = env
        self.limit = limit
        self.window = window
        self.limit_units, self.used_units = card.in_units(limit), 0
        self.unbooked: list[tuple[int, int]] = []
        self._answer = card.throttled_response
        self._throttled_attempt_units = card.in_units(card.throttled_attempt_credits)
        self._card = card
        # What was granted, when and how much, in order of time; those before `_oldest` are back.
        self._times: list[int] = []
        self._units: list[int] = []
        self._oldest = 0
        self._release = Alarm(env, self._on_release)

    @property
    def used(self) -> int | float:
        """Credits that are consumed now; whole where a credit is the card's smallest unit."""
        return self._card.in_credits(self.used_units)

    @property
    def available(self) -> int | float:
        """Credits that can be consumed now."""
        return self._card.in_credits(self.limit_units - self.used_units)

    def consume(self, credits: float, booked: bool = False) -> None:
        """Consume credits now, or raise `TooManyRequests` and consume nothing.

        Parameters
        ----------
        credits : int or float
            What the call costs.
        booked : bool
            Whether the caller keeps a record of it; otherwise it is kept in ``unbooked``.

        Raises
        ------
        ValueError
            If they are not a whole multiple of the card's smallest unit.
        """
        self.take(self._card.in_units(credits), booked)

    def take(self, units: int, booked: bool = False) -> None:
        """Consume a number of the card's smallest unit now; else as `consume`."""
        used = self.used_units + units
        if used > self.limit_units:
            left = self.limit_units - self.used_units
            if self._throttled_attempt_units and left:
                self.take(min(self._throttled_attempt_units, left))
            raise TooManyRequests(self._answer)
        # The attribute itself: the property `now` is a call more for each attempt.
        now: int = self.env._now  # type: ignore[assignment]  # time is integer here
        self.used_units = used
        self._times.append(now)
        self._units.append(units)
        if not booked:
            self.unbooked.append((now, units))
        # One alarm for the oldest grant suffices, since grants come back in the order of granting.
        if self._release.callbacks is None:
            self._release.at(now + self.window, _RELEASE)

    def _on_release(self, _: simpy.Event) -> None:
        times, units, oldest, back = self._times, self._units, self._oldest, 0
        made = len(times)
        # All that comes back before the next event can come back now: nothing looks until then.
        seen_from = self.env.peek() - self.window
        while True:
            back += units[oldest]
            oldest += 1
            if oldest == made:
                break
            granted_at = times[oldest]
            if granted_at >= seen_from:
                self._release.at(granted_at + self.window, _RELEASE)
                break
        self.used_units -= back
        # Deleting from the front moves all that stays, so it is done once for many grants.
        if oldest > _FORGET_AFTER:
            del times[:oldest], units[:oldest]
            oldest = 0
        self._oldest = oldest
