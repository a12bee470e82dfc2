"""What is used of a meter, summed anew from what was taken and when: for independent recounts."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from simulation.quantities import MINUTE
from simulation.rate_cards.meters import Meter
from simulation.scenario.clients import Client
from simulation.scenario.scenario import Scenario

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Taken(NamedTuple):
    """What an accepted attempt took of a meter, and when its call ends."""

    time: int
    amount: int
    end: int


class Count:
    """What was taken of a meter: by the org, by a client, or by a group."""

    def __init__(self, meter: Meter, size: int, window: int, resets: list[int]) -> None:
        self.kind, self.size, self.window, self.resets = meter.kind, size, window, resets
        self.taken: list[Taken] = []
        self.refill: Fraction = Fraction(0)

    def used(self, at: int) -> Fraction | int:
        """Return what is used at a moment that is not in the past, if nothing more is taken."""
        if self.kind == "rolling":
            return sum(each.amount for each in self.taken if each.time > at - self.window)
        if self.kind == "calendar":
            since = max((reset for reset in self.resets if reset <= at), default=-(2**62))
            return sum(each.amount for each in self.taken if each.time >= since)
        if self.kind == "concurrent":
            return sum(each.end > at for each in self.taken)
        # A bucket lacks what was taken since it was last full, less what came back since then;
        # whichever moment that was, no other one gives more.
        most, lacking, scale = 0, 0, self.refill.denominator
        for each in reversed(self.taken):
            lacking += each.amount * scale
            most = max(most, lacking - (at - max(0, each.time)) * self.refill.numerator)
        return Fraction(most, scale)

    def first(self, fits: Callable[[Fraction | int], bool], now: int, horizon: int) -> int:
        """Return the first moment at which what is used fits, if nothing more is taken."""
        moments = range(now, horizon)
        return now + bisect_left(moments, True, key=lambda at: fits(self.used(at)))


def scans(zone: ZoneInfo, start: int, horizon: int, shows: Callable[[datetime], bool]) -> list[int]:
    """Return the moments of a run at which a clock shows something, by looking each minute."""
    return [
        minute * MINUTE - start
        for minute in range(-(-start // MINUTE), (start + horizon) // MINUTE + 1)
        if shows((_EPOCH + timedelta(minutes=minute)).astimezone(zone))
    ]


def resets_of(meter: Meter, scenario: Scenario) -> list[int]:
    """Return when a calendar meter gives back, after the start."""
    law = meter.resets
    if law is None:
        return []
    zone = scenario.timezone if law.timezone == "org" else ZoneInfo(law.timezone)

    def shows(clock: datetime) -> bool:
        if law.every == "hour":
            return clock.minute == law.at.minute
        of_day = (clock.hour, clock.minute, clock.fold) == (law.at.hour, law.at.minute, 0)
        return of_day and (law.every == "day" or clock.day == law.day)

    found = scans(zone, scenario.clock.start_epoch, scenario.horizon, shows)
    return [moment for moment in found if moment > 0]


def whose(meter: Meter, place: int, client: Client) -> object:
    """Return of whom a meter counts a client's calls."""
    if meter.scope == "org":
        return "org"
    return client.group if meter.scope == "group" and client.group else place


def counts(meter: Meter, api: str, records: int) -> bool:
    """Return whether a meter counts a call."""
    return not meter.applies_to or any(
        each.api in (None, api) and (each.more_than is None or records > each.more_than)
        for each in meter.applies_to
    )


def amount(part: Any, limit: int, units: int, up: bool = False) -> int:
    """Return a share, rounded down or ``up``, or a number of credits, in units."""
    if part.share is None:
        return int(part.credits) * units
    exact = Fraction(str(part.share)) * limit
    return ceil(exact) if up else int(exact)
