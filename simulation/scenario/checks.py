"""Checks of a scenario that its models alone cannot make: between keys, and against files.

Each check takes parts of a scenario. What depends on values that could not be read is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from simulation.errors import InputError, KeyPath, KeyProblem
from simulation.formats import did_you_mean, listed
from simulation.moments import wrong_start
from simulation.quantities import DAY, write_duration
from simulation.rate_cards import AddonBilling, BilledUse, RateCard
from simulation.scenario.call_checks import CallKinds, call_problems, trace_problems
from simulation.scenario.clients import Client
from simulation.scenario.clock import Clock
from simulation.scenario.names import alike_names
from simulation.scenario.objective import Objective
from simulation.scenario.org import Org
from simulation.scenario.partial_reading import Unread

if TYPE_CHECKING:
    from simulation.scenario.traces import Trace

__all__ = [
    "billing_problems",
    "billing_remarks",
    "client_problems",
    "length_problems",
    "name_problems",
    "objective_problems",
    "objective_remarks",
    "org_problems",
    "org_remarks",
    "price_problems",
    "start_problems",
]

_CARD: KeyPath = ("rate_card",)


def name_problems(names: Sequence[str], key: str, unread: Unread) -> Iterator[KeyProblem]:
    """Yield names of ``clients`` or ``alternatives`` that a reader, or ``--set``, may confuse."""
    for index, what in alike_names(names, key):
        if not unread.touches((key, index, "name")):
            yield KeyProblem((key, index, "name"), what)


def start_problems(start: datetime, zone: ZoneInfo, unread: Unread) -> Iterator[KeyProblem]:
    """Yield a start that the local clock never shows, or shows twice."""
    is_read = not unread.touches(("start",), ("timezone",))
    if is_read and (what := wrong_start(start, zone)):
        yield KeyProblem(("start",), what)


def length_problems(
    horizon: int, warmup: int | None, card: RateCard, clients: int, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield a warm-up that leaves nothing of the horizon, and a horizon too long to be sorted."""
    begins = card.window if warmup is None else warmup
    is_read = not unread.touches(("horizon",), ("warmup",), _CARD)
    if is_read and begins >= horizon:
        what = f"leaves nothing of a horizon of {write_duration(horizon)}"
        if warmup is None:
            what = f"is at least one window ({card.window_in_words}) unless given and {what}"
        yield KeyProblem(("warmup",), f"{what}, write a shorter one, or 0")
    longest = (2**63 >> (clients - 1).bit_length()) - 2 * DAY
    if horizon > longest:  # demand sorts calls by time and client as one number of 64 bits
        what = f"is too long for {clients:,} clients, write at most {longest // DAY:,} days"
        yield KeyProblem(("horizon",), what)


def org_problems(org: Org, card: RateCard, unread: Unread) -> Iterator[KeyProblem]:
    """Yield an edition that the rate card does not know, and what it does not sell for it."""
    if unread.touches(_CARD, ("org", "edition")):
        return
    try:
        offer = card.offer(org.edition, org.user_licenses or 0)
    except InputError as error:
        yield KeyProblem(("org", "edition"), error.problems[0].what)
        return
    if unread.touches(("org",)):
        return
    if org.user_licenses is None and offer.rules.per_license:
        what = f"is missing, {org.edition} gives credits per license: write how many"
        yield KeyProblem(("org", "user_licenses"), what)
        return
    try:
        offer.check_addon(org.addon_credits)
    except InputError as error:
        yield KeyProblem(("org", "addon_credits"), error.problems[0].what)


def price_problems(org: Org, card: RateCard, unread: Unread) -> Iterator[KeyProblem]:
    """Yield license prices of editions that the rate card does not know."""
    for edition in () if unread.touches(_CARD) else org.license_prices:
        try:
            card.edition(edition)
        except InputError as error:
            yield KeyProblem(("org", "license_prices", edition), error.problems[0].what)


def billing_problems(
    billing: AddonBilling | None, use: BilledUse | None, card: RateCard, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield a day's use that the card's window does not tell."""
    if unread.touches(_CARD, ("addon_billing",), ("billed_use",)):
        return
    billed = (billing or card.addon_billing) == "consumed"
    if billed and (use or card.billed_use) == "any_24_hours" and card.window != DAY:
        what = (
            f"is any_24_hours, and credits of rate card {card.name} come back after "
            f"{card.window_in_words}: write calendar_day"
        )
        yield KeyProblem(("billed_use",), what)


def client_problems(
    client: Client,
    path: KeyPath,
    kinds: CallKinds,
    trace: Trace | None,
    clock: Clock | None,
    unread: Unread,
) -> Iterator[KeyProblem]:
    """Yield calls that cannot be made, and calls that no run can hold.

    Without a ``clock``, which the run's dates could not give, nothing is said of when calls come.
    """
    yield from call_problems(client, path, kinds, unread)
    if clock is None or unread.touches((*path, "arrivals")):
        return
    if trace is not None:
        yield from trace_problems(client, path, kinds, trace, clock, unread)
    for found in client.arrivals.problems(clock):
        yield found._replace(path=(*path, *found.path))


def objective_problems(
    objective: Objective, clients: Sequence[str], unread: Unread
) -> Iterator[KeyProblem]:
    """Yield names under ``protect`` that no client has."""
    if any(unread.touches(("clients", index, "name")) for index in range(len(clients))):
        return
    for index, name in enumerate(objective.protect):
        if name not in clients:
            what = f"{name!r} is no client, {did_you_mean(name, clients)}name one of: "
            yield KeyProblem(("objective", "protect", index), what + ", ".join(clients))


def org_remarks(org: Org, card: RateCard) -> Iterator[KeyProblem]:
    """Yield user licenses that give nothing, and what is no more than assumed."""
    if org.assumed:
        what = f"{listed(org.assumed)} {'is' if len(org.assumed) == 1 else 'are'} assumed, and all "
        what += "advice rests on that: write what the org has, and leave this key out"
        yield KeyProblem(("org", "assumed"), what)
    if org.user_licenses and not card.offer(org.edition, 0).rules.per_license:
        what = f"has no effect, {org.edition} gives no credits per license"
        yield KeyProblem(("org", "user_licenses"), what)


def billing_remarks(
    billing: AddonBilling | None, use: BilledUse | None, card: RateCard
) -> Iterator[KeyProblem]:
    """Yield a ``billed_use`` that has no effect, since the whole size is paid."""
    if use is not None and (billing or card.addon_billing) != "consumed":
        what = "has no effect where the whole size is paid: write addon_billing: consumed too"
        yield KeyProblem(("billed_use",), what)


def objective_remarks(objective: Objective) -> Iterator[KeyProblem]:
    """Yield a probability that no number of replications shows."""
    if objective.probability == 1:
        what = (
            "100% can be disproved but not shown by replications, so a plan may stay undecided: "
            "write such as 99%"
        )
        yield KeyProblem(("objective", "probability"), what)
