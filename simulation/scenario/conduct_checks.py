"""Checks of what clients hold back and of what is in use at the start, against the rate card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from simulation.errors import KeyPath, KeyProblem
from simulation.plain_names import plain_name
from simulation.rate_cards import RateCard
from simulation.scenario.clients import Client
from simulation.scenario.conduct import InitialUsage
from simulation.scenario.partial_reading import Unread

__all__ = ["conduct_problems", "conduct_remarks", "group_problems", "initial_problems"]

_CARD: KeyPath = ("rate_card",)


def conduct_problems(
    client: Client, path: KeyPath, card: RateCard, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield parts of the pool that a client cannot keep to."""
    if unread.touches(_CARD):
        return
    kind = card.pool.kind
    if client.quota is not None and kind not in ("rolling", "calendar"):
        what = f"is a part of what comes back in a window, and the pool of {card.name} is {kind}"
        yield KeyProblem((*path, "quota"), f"{what}: write a pace, or max_concurrent")
    if client.reserve is not None and kind == "concurrent":
        what = f"is a part of a pool of credits, and that of {card.name} is calls at once"
        yield KeyProblem((*path, "reserve"), f"{what}: write max_concurrent")
    if client.reserve is not None and client.reserve.share == 1:
        what = "is all of the pool, so the client would make no call: write less, such as 20%"
        yield KeyProblem((*path, "reserve"), what)


def initial_problems(
    initial: InitialUsage | None, limit_of: Callable[[], int], card: RateCard, unread: Unread
) -> Iterator[KeyProblem]:
    """Yield a start that the pool cannot have."""
    if initial is None or unread.touches(_CARD, ("org",), ("initial_usage",)):
        return
    if card.pool.kind == "concurrent":
        what = f"is of credits, and the pool of {card.name} is calls at once: leave it out"
        yield KeyProblem(("initial_usage",), what)
    elif initial.credits is not None and initial.credits > (limit := limit_of()):
        what = f"{initial.credits:,} is more than the limit of {limit:,}, write at most that"
        yield KeyProblem(("initial_usage", "credits"), what)


def group_problems(clients: Sequence[Client], unread: Unread) -> Iterator[KeyProblem]:
    """Yield groups that a reader would take for another one, which they are not."""
    seen: dict[str, str] = {}
    for number, client in enumerate(clients):
        path: KeyPath = ("clients", number, "group")
        if client.group is None or unread.touches(path):
            continue
        plain = plain_name(client.group)
        first = seen.setdefault(plain, client.group)
        if not plain:
            yield KeyProblem(path, f"{client.group!r} has no sign that can be seen, write a name")
        elif first != client.group:
            what = f"{client.group!r} and {first!r} differ only in blanks, capitals or Unicode form"
            yield KeyProblem(path, f"{what}: write one of them for one group, or another name")


def conduct_remarks(clients: Sequence[Client], card: RateCard, limit: int) -> Iterator[KeyProblem]:
    """Yield what is valid but changes nothing, or hardly what is meant."""
    yield from _group_remarks(clients, card)
    for number, client in enumerate(clients):
        here: KeyPath = ("clients", number)
        if client.quota is not None and client.quota.at_most(limit) >= limit:
            yield KeyProblem((*here, "quota"), "has no effect, it is the whole pool or more")
        if client.reserve is not None and client.reserve.at_least(limit) >= limit:
            what = "is all of the pool or more, so the client makes no call when it knows of it"
            yield KeyProblem((*here, "reserve"), f"{what}: write less, such as 20%")
        if client.reserve is not None and card.reports_usage_from >= 1:
            what = f"has no effect, on {card.name} the vendor never tells what remains"
            yield KeyProblem((*here, "reserve"), what)
        queue = client.on_throttle.queue
        if queue is not None and queue.max_wait and queue.max_wait < (queue.wait.span or 0):
            what = "is shorter than the wait, so every call that waits is lost: write a longer one"
            yield KeyProblem((*here, "on_throttle", "queue", "max_wait"), what)
        retry = client.on_throttle.retry
        if retry is not None and retry.then is not None and retry.max_attempts <= 2:
            what = "has no effect, there is no second retry: write max_attempts: 3 or more"
            yield KeyProblem((*here, "on_throttle", "retry", "then"), what)
        if retry is not None and retry.first == 0 and retry.then is None:
            attempts = retry.max_attempts
            if attempts > 2:
                what = f"is 0 and grows from 0, so all {attempts} attempts are made at once: "
                what += "write then: 30 s for the delay before the second retry"
                yield KeyProblem((*here, "on_throttle", "retry", "first"), what)


def _group_remarks(clients: Sequence[Client], card: RateCard) -> Iterator[KeyProblem]:
    groups = any(meter.scope == "group" for meter in card.meters)
    if groups and len(clients) > 1 and not any(client.group for client in clients):
        what = f"name no group, so each is one by itself for the limits of {card.name}"
        yield KeyProblem(("clients",), f"{what}: write the group whose limits a client shares")
    for number, client in enumerate(clients):
        if client.group is not None and not groups:
            what = f"has no effect, no limit of {card.name} is for each group"
            yield KeyProblem(("clients", number, "group"), what)
