"""Remedies where no purchase is enough: the fewest licenses, the smallest size of an edition.

Nothing is rounded: what is named meets the objective on the same replications, and a license
or a step less does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from simulation.demand import Demand
from simulation.formats import counted, dollars
from simulation.planning.frontier import MOST_SIZES, Evidence, bill_of, frontier_table
from simulation.planning.judgement import at_least
from simulation.planning.judging import Asked, Judges
from simulation.planning.reasons import Bound, Rejection
from simulation.planning.search import Search
from simulation.rate_cards import Offer
from simulation.scenario import Scenario

__all__ = ["Pools", "Remedy", "license_price", "licenses_per_month", "remedies"]

# Pools that are judged at once between one that fails and one that is enough. A sweep of many
# pools draws the demand once, so few sweeps of 32 cost less than a bisection's many; pools that
# are far too small for clients that try again cost more than a draw.
_PROBES = 32
_ALL = 200  # where no more pools lie between, all of them are judged


class Pools:
    """Pools of any size, and whether each meets the objective; each is judged once.

    Parameters
    ----------
    search : Search
        A search whose largest size fails; pools are judged on as many replications.
    judges : Judges
    """

    def __init__(self, search: Search, judges: Judges) -> None:
        self._search, self._judges = search, judges
        self._largest = int(search.limits[-1])
        # A pool that throttles no call in the wanted part of the replications meets the objective
        # without being simulated, and so does every larger one: a bound from above for free.
        enough = np.sort(search.judged.enough)
        shares = np.arange(1, len(enough) + 1) / len(enough)
        index = int(at_least(shares, search.objective.probability).argmax())
        self._throttles_none = max(self._largest + 1, int(enough[index]))
        self._judged = {self._largest: False}

    def judge(self, limits: Iterable[int]) -> None:
        """Judge all of these at once but those that are judged already."""
        asked = {limit for limit in limits if limit < self._throttles_none}
        if new := sorted(asked - self._judged.keys()):
            search, pools = self._search, np.array(new, np.int64)
            judging = Search(search.demand, pools, pools)
            self._judges.alone(judging.judging(search.count))
            kept = judging.judged.keep_to(search.objective)
            self._judged.update(zip(new, kept.tolist(), strict=True))

    def meets(self, limit: int) -> bool:
        """Return whether a pool of ``limit`` credits meets the objective."""
        self.judge([limit])
        return self._judged.get(limit, True)

    def bill(self, offer: Offer, size: int) -> tuple[float, float | None]:
        """Return what the credits used of a size would be billed; see `bill_of`."""
        search = self._search
        org = {"edition": offer.edition, "user_licenses": offer.user_licenses}
        values = {f"org.{key}": value for key, value in {**org, "addon_credits": size}.items()}
        changed = search.scenario.changed({**values, "alternatives": []})
        limits = np.array([offer.limit(size)])
        # As many as the search saw, and none of those that chose the remedy.
        first = 0 if search.certain else 2 * search.count
        asked = Asked(Demand(changed), range(first, first + search.count), limits)
        (judged,) = self._judges.answer([asked])
        evidence = Evidence(
            scenario=changed,
            objective=search.objective,
            sizes=np.array([size]),
            judged=judged,
            certain=search.certain,
        )
        found, worst = bill_of(frontier_table(evidence), size)
        return found.mean, worst

    def needed(self) -> int:
        """Return the smallest pool that meets it, above the largest that can be bought.

        Of the pools between, 32 at a time are judged, around the last that fails, and then all.
        """
        # A larger pool may throttle more calls (rule 5), so the answer is the one after the last
        # that fails, not after the first. One that fails between two probes may go unseen.
        fails, enough = self._largest, self._throttles_none
        while enough - fails > 1:
            between = enough - fails - 1
            count = between if between <= _ALL else _PROBES
            probes = [fails + (enough - fails) * n // (count + 1) for n in range(1, count + 1)]
            self.judge(probes)
            fails = max((each for each in probes if not self._judged[each]), default=fails)
            enough = min((each for each in probes if each > fails), default=enough)
        return enough


def remedies(scenario: Scenario, pools: Pools, needed: int) -> tuple[list[Remedy], list[Rejection]]:
    """Return what would meet the objective, and the changes that would not.

    Parameters
    ----------
    scenario : Scenario
    pools : Pools
    needed : int
        The smallest pool that meets the objective.
    """
    card, edition = scenario.card, scenario.offer.edition
    editions = list(card.editions)
    higher = editions[editions.index(edition) + 1 :]
    # Where an edition changes more than the pool, `other_limits` judges it.
    plain = len(card.meters) == 1
    offers = [card.offer(each, scenario.user_licenses) for each in higher if plain]
    # Pools of all editions are judged together, in one sweep of each replication.
    pools.judge(limit for offer in offers for limit in _limits(offer, needed))
    found, rejected = [], []
    licenses = _fewest_licenses(scenario, pools, needed)
    if licenses is None:
        rejected.append(_no_licenses(scenario, needed))
    else:
        offers.insert(0, card.offer(edition, licenses))
    for offer in offers:
        if (many := len(offer.sizes)) > MOST_SIZES:
            reason = f"has {many:,} sizes, more than the {MOST_SIZES:,} that a plan judges"
            change = _named(scenario, offer.edition)
            rejected.append(Rejection(change=change, bound="sizes", reason=reason))
            continue
        remedy = _remedy(scenario, pools, offer, needed)
        if remedy is None:
            top = offer.largest_limit
            reason = f"at most {top:,} {card.pool.unit} with add-ons, and {needed:,} are needed"
            change, bound = _named(scenario, offer.edition), _bound_above(offer.maximum, needed)
            rejected.append(Rejection(change=change, bound=bound, reason=reason))
        else:
            found.append(remedy)
    return found, rejected


def _bound_above(maximum: int | None, needed: int) -> Bound:
    return "cap" if maximum is None or maximum >= needed else "maximum"


def _no_licenses(scenario: Scenario, needed: int) -> Rejection:
    """Return why no number of licenses is enough."""
    offer = scenario.offer
    why = "they add no credits"
    bound: Bound = "edition"
    if offer.rules.per_license and offer.maximum is not None:
        bound = "maximum"
        why = f"the edition's maximum is {offer.maximum:,}, and {needed:,} are needed"
    return Rejection(change=f"more user licenses on {offer.edition}", bound=bound, reason=why)


def _named(scenario: Scenario, edition: str) -> str:
    licenses = scenario.user_licenses
    alone = scenario.card.offer(edition, licenses).limit()
    with_them = f"with {counted(licenses, 'license')}" if licenses else "before those of licenses"
    return f"edition {edition} ({alone:,} {scenario.card.pool.unit} {with_them})"


def _limits(offer: Offer, needed: int) -> list[int]:
    """Return the pools to be bought, from the last that is smaller than needed."""
    sizes = offer.sizes
    if len(sizes) > MOST_SIZES:
        return []
    # -(-a // b) rounds up in whole numbers. The last size that is too small is among them, to show
    # that a step less fails, and every larger one, since one of those might fail after all.
    missing = max(0, needed - offer.allowance)
    first = min(-(-missing // offer.step), len(sizes) - 1)
    return [offer.limit(size) for size in sizes[max(0, first - 1) :]]


def _fewest_licenses(scenario: Scenario, pools: Pools, needed: int) -> int | None:
    """Return the fewest licenses with which the largest purchase is enough, or None."""
    now = scenario.offer
    rules = now.rules
    if not rules.per_license or (rules.maximum is not None and rules.maximum < needed):
        return None
    # Licenses by the card's rules alone, which is where to begin: what they give together with the
    # most add-on credits has to reach what is needed.
    most = now.card_cap // now.step * now.step
    fewest = -(-(needed - most - rules.base) // rules.per_license)
    count = max(now.user_licenses + 1, fewest)

    def top(licenses: int) -> int:
        return scenario.card.offer(now.edition, licenses).largest_limit

    # Near the edition's maximum the largest pool falls by up to a step as licenses are added.
    while (limit := top(count)) < needed or not pools.meets(limit):
        count += 1
    # What is needed is the pool after the last that fails, and a smaller one may meet it too.
    while count > now.user_licenses + 1 and pools.meets(top(count - 1)):
        count -= 1
    return count


def _remedy(scenario: Scenario, pools: Pools, offer: Offer, needed: int) -> Remedy | None:
    """Return the smallest size that is enough, with every larger one, or None."""
    pools.judge(_limits(offer, needed))
    sizes = offer.sizes
    # From the largest down: the answer is the smallest size that has only such above it.
    index = len(sizes)
    while index > 0 and pools.meets(offer.limit(sizes[index - 1])):
        index -= 1
    if index == len(sizes):
        return None
    return remedy_of(scenario, pools, offer, sizes[index])


def remedy_of(scenario: Scenario, pools: Pools, offer: Offer, size: int) -> Remedy:
    """Return the remedy that a size of another offer is, with what it costs."""
    licenses = offer.user_licenses
    change = counted(licenses, "user license")
    if licenses == scenario.user_licenses:
        change = _named(scenario, offer.edition)
    of_price = f"{dollars(offer.price_per_month(size))} a month"
    bill = float(offer.price_per_month(size))
    worst: float | None = bill
    if scenario.billed_use_of_a_day is not None:
        bill, worst = pools.bill(offer, size)
        of_price = f"{of_price} at most, about {dollars(bill)} on average"
    if size:
        change += f" and {size:,} add-on credits ({of_price})"
    price = license_price(scenario, offer.edition)
    total = None if price is None else price * licenses + offer.price_per_month(size)
    return Remedy(
        change=change,
        edition=offer.edition,
        user_licenses=licenses,
        addon_credits=size,
        limit=offer.limit(size),
        bill_per_month=bill,
        worst_bill_per_month=worst,
        total_per_month=total,
    )


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A change that meets the objective where no purchase does.

    Attributes
    ----------
    change : str
        What to change, in words.
    edition : str
    user_licenses, addon_credits, limit : int
        What the org would have then.
    bill_per_month, worst_bill_per_month : float, float or None
        What is paid for the add-on credits in $, on fresh replications, and what 1 month in 20 is
        billed more than; the price of the size where that is paid.
    total_per_month : Decimal or None
        Licenses and the price of the add-on credits in $, where the scenario states the license's
        price; where use is billed it is what is paid at most.
    """

    change: str
    edition: str
    user_licenses: int
    addon_credits: int
    limit: int
    bill_per_month: float
    worst_bill_per_month: float | None
    total_per_month: Decimal | None


def license_price(scenario: Scenario, edition: str) -> Decimal | None:
    """Return what a license of an edition costs in $ a month, where the scenario states it."""
    card, prices = scenario.card, scenario.org.license_prices
    of_edition = (price for name, price in prices.items() if card.edition(name) == edition)
    return next(of_edition, None)


def licenses_per_month(scenario: Scenario) -> Decimal | None:
    """Return what an org's licenses cost in $ a month, where the scenario states the price."""
    if not scenario.user_licenses:
        return Decimal(0)
    price = license_price(scenario, scenario.offer.edition)
    return None if price is None else price * scenario.user_licenses
