"""Rates that are estimates: how far each is known, and what a tenth more demand would need.

More demand is judged as an alternative of the plan is: on as many replications of the same random
numbers, which the plan itself takes no notice of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from simulation.demand import Demand
from simulation.errors import InputError
from simulation.formats import counted
from simulation.planning.search import Search
from simulation.planning.status import Status, status_of
from simulation.scenario import Alternative, Client, Poisson, Scenario, Schedule, written_rate

__all__ = [
    "RECORDED",
    "Estimates",
    "MoreDemand",
    "RateEstimate",
    "WithMore",
    "rate_estimates",
    "shares_of",
    "with_more_demand",
]

RECORDED = "recorded calls"
"""What a client makes whose calls are those of a trace."""
MORE = 1.1
"""By which all demand is multiplied."""

_OF = {"rate": "calls a day", "calls": "calls each time"}
"""What numbers of laws say of how much is called."""

_NEAR = 0.02
"""How far the factor on a whole number of calls may lie from that."""


@dataclass(frozen=True, kw_only=True)
class RateEstimate:
    """How much a client calls, as far as that is known.

    Attributes
    ----------
    client : str
    of : str
        What is estimated: ``calls a day``, or of a schedule ``calls each time``. Calls of a burst
        count one by one.
    estimate, low, high : float
        The value that is simulated, and the ends of its 95 % interval.
    share : float
        The client's part of all credits, or of all calls where the pool counts those.
    """

    client: str
    of: str
    estimate: float
    low: float
    high: float
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``creditsim plan --json`` prints it."""
        return {
            "client": self.client,
            "of": self.of,
            "estimate": self.estimate,
            "ci95": [self.low, self.high],
            "share": self.share,
        }

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> RateEstimate:
        """Return what `to_dict` gave."""
        rest = dict(given)
        low, high = rest.pop("ci95")
        return cls(**rest, low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class MoreDemand:
    """What the org would need to buy if all clients called a tenth more.

    Attributes
    ----------
    factor : float
        By which each client's calls are multiplied.
    status : str
        As that of the recommendation, or ``not_judged``.
    addon_credits : int or None
        The size that would be recommended; None where there is none.
    price_per_month : Decimal or None
        What that costs, in $.
    decided : bool
        Whether the looks of the plan's own search decide this, too.
    unchanged : dict of str to str
        The clients that call as before, each with what it makes: ``recorded calls``, or so few
        ``calls each time`` that a tenth more is no whole number.
    reason : str
        Why it was not judged; empty where it was.
    """

    factor: float
    status: Status | Literal["not_judged"]
    addon_credits: int | None
    price_per_month: Decimal | None
    decided: bool
    unchanged: dict[str, str]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """What a plan says of a scenario whose rates are estimates.

    Attributes
    ----------
    rates : list of RateEstimate
        In the order of the clients.
    more_demand : MoreDemand
    """

    rates: list[RateEstimate]
    more_demand: MoreDemand

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``creditsim plan --json`` prints it."""
        rates = [each.to_dict() for each in self.rates]
        return {"rates": rates, "more_demand": asdict(self.more_demand)}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Estimates:
        """Return what was kept as JSON; raises ValidationError where it is not of these types."""
        rates = [RateEstimate.from_dict(each) for each in given["rates"]]
        kept: Estimates = TypeAdapter(cls).validate_python(
            {"rates": list(map(asdict, rates)), "more_demand": given["more_demand"]}
        )
        return kept


def rate_estimates(scenario: Scenario, shares: Mapping[str, float]) -> list[RateEstimate]:
    """Return how far it is known how much each client calls; none where it is said to be known.

    Parameters
    ----------
    scenario : Scenario
    shares : mapping of str to float
        By client its part of the credits.
    """
    found = []
    for client in scenario.clients:
        law = client.arrivals.law
        for key, number in client.arrivals.estimates.items():
            if law is not None and key in _OF:
                value, low, high = (law.calls_each * float(each) for each in number.parts)
                found.append(
                    RateEstimate(
                        client=client.name,
                        of=_OF[key],
                        estimate=value,
                        low=low,
                        high=high,
                        share=shares[client.name],
                    )
                )
    return found


def shares_of(demand: Demand) -> dict[str, float]:
    """Return each client's part of the credits that one replication asks for."""
    scenario = demand.scenario
    counts_credits = scenario.card.pool.counts_credits
    asked = dict.fromkeys((client.name for client in scenario.clients), 0)
    for portion in demand.draw_portions(0):
        for name, wanted in zip(asked, portion.wanted, strict=True):
            asked[name] += wanted.total if counts_credits else len(wanted)
    total = max(1, sum(asked.values()))
    return {name: credits / total for name, credits in asked.items()}


class WithMore(NamedTuple):
    """A scenario whose clients call a tenth more, or why there is none."""

    scenario: Scenario | None
    unchanged: dict[str, str]
    reason: str

    def search(self, search: Search, demand: Demand) -> Search | None:
        """Return a search among the sizes that may be enough with more demand; None without any.

        Smaller sizes than the scenario's own are left out: they are not enough as things are, and
        far too small ones take longest where clients try again. The least cost may be at any size.
        """
        first = search.chosen if search.objective.cost_of_lost_call is None else 0
        if self.scenario is None or first is None:
            return None
        return Search(Demand(self.scenario, demand), search.sizes[first:], search.limits[first:])

    def judged(self, search: Search, demand: Demand, other: Search | None) -> Estimates:
        """Return what a plan says, by its own search, and another one with more demand."""
        size = None if other is None or other.chosen is None else int(other.sizes[other.chosen])
        price = None if size is None else demand.scenario.offer.price_per_month(size)
        more = MoreDemand(
            factor=MORE,
            status="not_judged" if self.scenario is None else status_of(size),
            addon_credits=size,
            price_per_month=price,
            decided=self.scenario is not None and (other or search).decided,
            unchanged=self.unchanged,
            reason=self.reason,
        )
        rates = rate_estimates(demand.scenario, shares_of(demand))
        return Estimates(rates=rates, more_demand=more)


def with_more_demand(scenario: Scenario, check: Callable[[Scenario], None]) -> WithMore | None:
    """Return a scenario whose clients call a tenth more; None where no rate is an estimate.

    Parameters
    ----------
    scenario : Scenario
        Its warm-up known.
    check : callable
        Raises InputError where a scenario cannot be planned.
    """
    if not any(_OF.keys() & client.arrivals.estimates.keys() for client in scenario.clients):
        return None
    values, unchanged = dict[str, Any](), dict[str, str]()
    for number, client in enumerate(scenario.clients, 1):
        more = _more_of(client)
        if isinstance(more, str):
            unchanged[client.name] = more
        else:
            values |= {f"clients.#{number}.arrivals.{key}": each for key, each in more.items()}
    if not values:
        return WithMore(None, unchanged, "no client can call a tenth more")
    try:
        changed = scenario.with_alternative(Alternative(name="more demand", set=values))
        check(changed)
    except InputError as error:
        first = error.problems[0]
        what = f"{first.path}: {first.what}" if first.path else first.what
        return WithMore(None, unchanged, what)
    return WithMore(changed, unchanged, "")


def _more_of(client: Client) -> dict[str, Any] | str:
    """Return the keys under ``arrivals`` by which a client calls more, or why there are none."""
    law = client.arrivals.law
    if isinstance(law, Poisson):
        return {"poisson.rate": written_rate(law.rate * MORE)}
    if not isinstance(law, Schedule):
        return RECORDED
    if (calls := _more(law.calls)) is not None:
        return {"schedule.calls": calls}
    if law.every is not None:
        return {"schedule.every": f"{round(law.every / MORE)} us"}
    if law.each is not None and (calls := _more(law.each.calls)) is not None:
        return {"schedule.each.calls": calls}
    return f"{counted(law.calls * law.calls_each, 'call')} each time"


def _more(calls: int) -> int | None:
    """Return a tenth more calls, None where no whole number is near.

    >>> _more(300), _more(25), _more(5)
    (330, 28, None)
    """
    more = round(calls * MORE)
    return more if abs(more / calls - MORE) <= _NEAR + 1e-9 else None
