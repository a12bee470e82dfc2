"""The law of calls at random: a Poisson process whose rate changes."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from simulation.arrays import Floats
from simulation.bounds import (
    FEWEST_PER_MONTH,
    LEAST_VARIATION,
    MOST_CALLS_A_DAY,
    MOST_PER_MONTH,
    MOST_VARIATION,
)
from simulation.errors import KeyProblem, KeyProblems
from simulation.formats import (
    Part,
    check_weight,
    did_you_mean,
    exact,
    exact_percent,
    one_reading,
    twice,
)
from simulation.moments import read_date
from simulation.quantities import (
    DAYS_PER_MONTH,
    FACTOR,
    GrowthPerMonth,
    RatePerDay,
    Share,
    parse_number,
)
from simulation.scenario.clock import Clock
from simulation.scenario.estimated import Estimable, EstimatedRate, EstimatedShare, range_of
from simulation.scenario.laws import DAYS_PER_WEEK, Found, Law, outside, run_of, weekdays_of

__all__ = ["PROFILES", "Event", "Poisson"]

_MOST_EVENTS = 20  # that its sentence names

# Weights of an hour: a working day that builds up from 7, dips at noon and fades after 18,
# with a trickle at night and at weekends. Ours, not measured.
_WORKDAY = [1] * 6 + [3, 10, 30, 60, 70, 65, 45, 55, 65, 62, 55, 40, 20, 10, 6, 4, 2, 1]
_DAY_OFF = [1] * 8 + [3, 4, 5, 5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 1]
PROFILES: dict[str, Sequence[float]] = {"flat": [1], "office_hours": _WORKDAY * 5 + _DAY_OFF * 2}


def _read_date(value: Any) -> Any:
    """Return a date; a number is refused, though it could count days or seconds."""
    if isinstance(value, str):
        return read_date(value.strip())
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise ValueError(f"{value!r} is not a date, write it such as 2026-01-20")


class Event(Part):
    """A date on which a client is busier, or quieter, than usual."""

    date: Annotated[dt.date, BeforeValidator(_read_date)] = Field(description="a local date")
    factor: Annotated[float, Field(ge=0, le=1_000_000), FACTOR] = Field(
        description="by which its rate is multiplied"
    )


def _read_profile(value: Any) -> Any:
    if value in ("flat", "office_hours"):
        return value
    right = "write flat, office_hours, 24 hourly or 168 weekly weights"
    if not isinstance(value, list | tuple):
        meant = did_you_mean(value, PROFILES)
        raise ValueError(f"{value!r} is no profile, {meant}{right}")
    if len(value) not in (24, 168):
        raise ValueError(f"is no profile, it has {len(value)} weights, {right}")
    weights = [float(parse_number(weight)) for weight in value]
    if min(weights) < 0 or not any(weights):
        raise ValueError("has a weight below 0, or none above 0")
    return tuple(map(check_weight, weights))


def _read_rate(rate: float) -> float:
    if not 0 < rate <= MOST_CALLS_A_DAY:
        raise ValueError(
            f"is {rate:g} a day, write more than 0 and at most {MOST_CALLS_A_DAY:,} per day, "
            "or leave the client out"
        )
    return rate


def _read_variation(share: float) -> float:
    if share and not LEAST_VARIATION <= share <= MOST_VARIATION:
        raise ValueError(
            f"{share:g} is out of range, write 0 or {LEAST_VARIATION:.4%} to {MOST_VARIATION:.0%}"
        )
    return share


def _read_growth(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        factor = handler(value)
    except ArithmeticError:
        factor = math.inf
    if not FEWEST_PER_MONTH <= factor <= MOST_PER_MONTH:
        raise ValueError(
            f"{value!r} is a factor of more than {MOST_PER_MONTH:,.0f} in 30 days, or less than "
            f"one part in as many: write a slower growth"
        )
    return factor


class Poisson(Law):
    """Calls that come at random, each on its own: a Poisson process with a changing rate."""

    is_drawn: ClassVar[bool] = True
    draws_number: ClassVar[bool] = True

    rate: Annotated[RatePerDay, AfterValidator(_read_rate), Estimable(EstimatedRate)] = Field(
        description="mean number of calls, over whole weeks of the profile; or {estimate, low, "
        "high: ...}"
    )
    profile: Annotated[
        str | tuple[float, ...],
        BeforeValidator(_read_profile),
        WithJsonSchema(
            {
                "anyOf": [
                    {"enum": ["flat", "office_hours"]},
                    *(
                        {
                            "type": "array",
                            "items": {"type": "number", "minimum": 0},
                            "minItems": length,
                            "maxItems": length,
                        }
                        for length in (24, 168)
                    ),
                ]
            }
        ),
    ] = Field(
        "flat", description="flat, office_hours, 24 weights by hour, or 168 from Monday 00:00"
    )
    daily_variation: Annotated[
        Share,
        AfterValidator(_read_variation),
        BeforeValidator(one_reading),
        Estimable(EstimatedShare),
    ] = Field(
        0.0,
        description="coefficient of variation of a day's volume beyond Poisson; or {estimate, low, "
        "high: ...}",
    )
    growth: Annotated[GrowthPerMonth, WrapValidator(_read_growth)] = Field(
        1.0, description="compound growth of the rate"
    )
    events: tuple[Event, ...] = Field((), description="dates with a factor on the rate")

    @model_validator(mode="after")
    def _one_event_a_date(self) -> Poisson:
        if again := twice(event.date for event in self.events):
            what = f"name {again} twice, write one event with the factor of both"
            raise KeyProblems([KeyProblem(("events",), what)])
        return self

    @property
    def _hours(self) -> Sequence[float]:
        return PROFILES[self.profile] if isinstance(self.profile, str) else self.profile

    def weekly_weights(self) -> Floats:
        """Return the weights of the 168 hours from Monday 00:00, with mean 1."""
        weights: Floats = np.resize(np.asarray(self._hours, np.float64), 24 * DAYS_PER_WEEK)
        weights /= weights.mean()
        return weights

    def mean_arrivals(self, clock: Clock) -> Floats:
        """Return the mean number of arrivals on each local day of the run, (days,)."""
        by_day = np.full(clock.days, self.rate)
        if self.profile != "flat":
            weekly = self.weekly_weights().reshape(DAYS_PER_WEEK, 24).mean(axis=1)
            by_day *= weekly[weekdays_of(clock)]
        if self.growth != 1:
            by_day *= self.growth ** (np.arange(clock.days) / DAYS_PER_MONTH)
        for event in self.events:
            if 0 <= (day := (event.date - clock.date(0)).days) < clock.days:
                by_day[day] *= event.factor
        return by_day

    @property
    def differs_by_weekday(self) -> bool:
        """Whether the days of a week differ in their calls."""
        by_day = self.weekly_weights().reshape(DAYS_PER_WEEK, -1)
        return bool((by_day != by_day[0]).any())

    def in_words(self) -> str:
        """Return the law as a sentence, with all digits that it was given with."""
        said = f"{self.arrival}s at random (Poisson), {exact(self.rate)} a day on average"
        said += range_of(self.rate)
        if self.profile == "flat":
            said += ", at the same rate all day"
        elif isinstance(self.profile, str):
            said += f", by the hours of `{self.profile}`"
        else:
            said += f", by {len(self.profile)} hourly weights"
        if self.daily_variation:
            said += (
                f"; the volume of days varies by {exact_percent(self.daily_variation)} beyond that"
            )
            said += " (coefficient of variation)"
        if self.growth != 1:
            said += f"; the rate changes by {exact(100 * (self.growth - 1))} % in 30 days, compound"
        if self.events:
            shown = [f"{each.date} (× {exact(each.factor)})" for each in self.events[:_MOST_EVENTS]]
            more = len(self.events) - len(shown)
            said += f"; dates with a factor: {', '.join(shown)}" + (
                f" and {more:,} more" * bool(more)
            )
        return f"{said}." if self.each is None else f"{said}. {self.each.in_words()}"

    def problems(self, clock: Clock) -> Iterator[Found]:
        """Yield more calls than a day can hold."""
        if (most := self._most_arrivals_a_day(clock) * self.calls_each) > MOST_CALLS_A_DAY:
            included = "growth and events" if self.each is None else "growth, events and bursts"
            what = (
                f"gives {most:.3g} calls on the busiest day, {included} included, "
                f"write one that gives at most {MOST_CALLS_A_DAY:,}"
            )
            yield ("rate",), what

    def remarks(self, clock: Clock) -> Iterator[Found]:
        """Yield events outside the run, and weights or factors that leave no call within it."""
        if others := outside((event.date for event in self.events), clock):
            yield ("events",), f"{others} not in {run_of(clock)}, its factor has no effect"
        if not self._ever_calls(clock):
            yield (), f"gives no call in {run_of(clock)}, its weights or factors are 0 there"

    def _most_arrivals_a_day(self, clock: Clock) -> float:
        """Return the mean arrivals on the busiest day of a run; inf where no float holds it."""
        hours: list[float] = [*self._hours] * (DAYS_PER_WEEK * 24 // len(self._hours))
        mean = math.fsum(hours) / DAYS_PER_WEEK
        shares = [math.fsum(hours[24 * day : 24 * day + 24]) / mean for day in range(DAYS_PER_WEEK)]
        start, days = clock.start.date(), range(clock.days)
        factors: dict[int, float] = {}
        for event in self.events:
            factors[(event.date - start).days] = event.factor
        # Growth is steady: the busiest of each weekday is among the first or the last week's.
        asked = {
            *days[:DAYS_PER_WEEK],
            *days[-DAYS_PER_WEEK:],
            *(day for day in factors if day in days),
        }
        try:
            most: float = max(
                self.rate
                * math.pow(self.growth, day / DAYS_PER_MONTH)
                * factors.get(day, 1.0)
                * shares[(start.weekday() + day) % DAYS_PER_WEEK]
                for day in asked
            )
        except OverflowError:
            return math.inf
        return most

    def _ever_calls(self, clock: Clock) -> bool:
        """Return whether some hour of the run has a rate above 0."""
        weights = self._hours
        silent = {event.date for event in self.events if event.factor == 0}
        if all(weights) and not silent:
            return True
        loud = [day for day in range(clock.days) if clock.date(day) not in silent]
        return any(
            weights[(clock.date(day).weekday() * 24 + span.hour) % len(weights)] > 0
            for day in loud[: DAYS_PER_WEEK + 1]
            for span in clock.hours(day)
            if span.end > 0 and span.start < clock.horizon
        )
