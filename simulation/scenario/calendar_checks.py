"""What the calendar of a run leaves of a client's law: its calls, its dates, its busiest day."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator

from simulation.bounds import MOST_CALLS_A_DAY
from simulation.errors import KeyPath, KeyProblem
from simulation.quantities import DAY, DAYS_PER_MONTH, LONGEST
from simulation.scenario.arrival_laws import PROFILES, Arrivals, Poisson, Schedule
from simulation.scenario.clock import Clock

__all__ = ["calendar_problems", "calendar_remarks"]

_WEEK = 7


def calendar_problems(law: Arrivals, path: KeyPath, clock: Clock) -> Iterator[KeyProblem]:
    """Find what no run could mean: a client that never calls, more calls than a day can hold."""
    if law.schedule and _first_call(law.schedule, clock) is None:
        what = (
            f"gives no call in a run from {_date(clock.start.date())} on, however long: "
            "write a day and a time after the start"
        )
        yield KeyProblem((*path, "arrivals", "schedule", "days"), what)
    if law.poisson and (most := _most_calls_a_day(law.poisson, clock)) > MOST_CALLS_A_DAY:
        what = (
            f"gives {most:.3g} calls on the busiest day, growth and events included, "
            f"write one that gives at most {MOST_CALLS_A_DAY:,}"
        )
        yield KeyProblem((*path, "arrivals", "poisson", "rate"), what)


def calendar_remarks(law: Arrivals, path: KeyPath, clock: Clock) -> Iterator[KeyProblem]:
    """Find what can be meant but changes nothing: dates outside the run, no call within it."""
    first, last = clock.start.date(), clock.date(clock.days - 1)
    run = f"the run ({_date(first)} to {_date(last)})"
    if law.schedule:
        here = (*path, "arrivals", "schedule")
        dates = [day for day in law.schedule.days if isinstance(day, dt.date)]
        outside = _outside(dates, first, last)
        begins = _first_call(law.schedule, clock)
        if begins is not None and begins >= clock.horizon:
            when = f"{clock.local(begins):%Y-%m-%d %H:%M}"
            yield KeyProblem(here, f"gives no call in {run}, the first would come at {when}")
        elif outside:
            yield KeyProblem((*here, "days"), f"{outside} not in {run}, no call comes then")
    if law.poisson:
        here = (*path, "arrivals", "poisson")
        if outside := _outside((event.date for event in law.poisson.events), first, last):
            yield KeyProblem((*here, "events"), f"{outside} not in {run}, its factor has no effect")
        if not _ever_calls(law.poisson, clock):
            yield KeyProblem(here, f"gives no call in {run}, its weights or factors are 0 there")


def _date(day: dt.date) -> str:
    return day.isoformat()


def _outside(days: Iterable[dt.date], first: dt.date, last: dt.date) -> str:
    outside = [day.isoformat() for day in days if not first <= day <= last]
    if not outside:
        return ""
    more = f" and {len(outside) - 3} more" if len(outside) > 3 else ""
    return f"{', '.join(outside[:3])}{more} {'is' if len(outside) == 1 else 'are'}"


def _first_call(law: Schedule, clock: Clock) -> int | None:
    """Return when a schedule's first call comes, µs; None if it comes in no run, however long."""
    start = clock.start.date()
    reach = LONGEST // DAY
    weekdays = {day for day in law.days if isinstance(day, int)}
    dates = sorted((day - start).days for day in law.days if isinstance(day, dt.date))
    days = [day for day in dates if 0 <= day < reach]
    found = min((call for day in days for call in _calls_of(law, clock, day)), default=None)
    if weekdays:
        for day in range(reach if found is None else min(reach, found // DAY + 2)):
            if (start.weekday() + day) % _WEEK in weekdays:
                calls = [*_calls_of(law, clock, day)]
                if calls:
                    return min(calls) if found is None else min(found, *calls)
    return found


def _calls_of(law: Schedule, clock: Clock, day: int) -> Iterator[int]:
    """Yield the first call within the run of each burst of a day, or of the first such burst."""
    if law.every is None:
        begins = [clock.at(day, moment) for moment in law.at]
    else:
        origin, midnight = clock.at(0, dt.time()), clock.at(day, dt.time())
        next_one = origin + -(-(max(midnight, 0) - origin) // law.every) * law.every
        begins = [next_one] if next_one < clock.at(day + 1, dt.time()) else []
        if day == 0 and next_one > origin:
            begins.append(next_one - law.every)
    for begin in begins:
        if begin >= 0:
            yield begin
        elif law.over:
            number = -(begin * law.calls // law.over)  # the first that comes at 0 or later
            if number < law.calls:
                yield begin + number * law.over // law.calls


def _most_calls_a_day(law: Poisson, clock: Clock) -> float:
    """Return the mean number of calls on the busiest day of a run; inf where no float holds it."""
    weights = PROFILES[law.profile] if isinstance(law.profile, str) else law.profile
    hours: list[float] = list(weights) * (_WEEK * 24 // len(weights))
    mean = math.fsum(hours) / _WEEK
    shares = [math.fsum(hours[24 * day : 24 * day + 24]) / mean for day in range(_WEEK)]
    start, days = clock.start.date(), range(clock.days)
    factors: dict[int, float] = {}
    for event in law.events:
        factors[(event.date - start).days] = event.factor
    # Growth is steady: the busiest of each weekday is among the first or the last week's.
    asked = {*days[:_WEEK], *days[-_WEEK:], *(day for day in factors if day in days)}
    try:
        most: float = max(
            law.rate
            * math.pow(law.growth, day / DAYS_PER_MONTH)
            * factors.get(day, 1.0)
            * shares[(start.weekday() + day) % _WEEK]
            for day in asked
        )
    except OverflowError:
        return math.inf
    return most


def _ever_calls(law: Poisson, clock: Clock) -> bool:
    """Return whether some hour of the run has a rate above 0."""
    weights = PROFILES[law.profile] if isinstance(law.profile, str) else law.profile
    silent = {event.date for event in law.events if event.factor == 0}
    if all(weights) and not silent:
        return True
    loud = [day for day in range(clock.days) if clock.date(day) not in silent]
    return any(
        weights[(clock.date(day).weekday() * 24 + span.hour) % len(weights)] > 0
        for day in loud[: _WEEK + 1]
        for span in clock.hours(day)
        if span.end > 0 and span.start < clock.horizon
    )
