"""The apps of a log: the large ones for themselves, the small ones as one, each fitted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import count
from zoneinfo import ZoneInfo

import numpy as np

from simulation.errors import InputError, Problem
from simulation.fitting.call_durations import sums_by_kind
from simulation.fitting.calls import Mix, mix_of
from simulation.fitting.cells import Cells
from simulation.fitting.client import fit_client
from simulation.fitting.gathering import ClientUsage, Usage
from simulation.fitting.hours import LocalClock
from simulation.fitting.options import FitOptions
from simulation.fitting.result import OTHERS, FittedClient
from simulation.fitting.retries import Conduct, conduct_of
from simulation.quantities import DAY, HOUR
from simulation.rate_cards import RateCard

__all__ = ["FittedApp", "fitted_apps", "named_clients"]

_LEAST_SHARE = 0.01
"""The share of all calls below which a client is one of the small ones, which are merged."""
_MOST_APPS = 20
_SHOWN = 10
_LONGEST = 80
"""Of a name: what the scenario adds, such as -job-1, has room beside it."""


@dataclass(frozen=True)
class FittedApp:
    """What the log shows of one app.

    Attributes
    ----------
    name : str
        What the scenario calls it.
    client_names : list of str
        What the scenario calls the clients that stand for it: one for each law.
    usage : ClientUsage
    laws : FittedClient
    mix : Mix
    conduct : Conduct
    """

    name: str
    client_names: list[str]
    usage: ClientUsage
    laws: FittedClient
    mix: Mix
    conduct: Conduct


def fitted_apps(
    usage: Usage, options: FitOptions, card: RateCard, start: dt.date
) -> list[FittedApp]:
    """Return what a log shows of each app, the busiest first, for a scenario from a date on."""
    named = named_clients(usage, options)
    taken = {name.casefold() for name, _ in named}
    return [
        _fitted(each, name, taken, card, options.timezone, start, usage.bucket)
        for name, each in named
    ]


def _client_names(name: str, laws: FittedClient, taken: set[str]) -> list[str]:
    """Return names for the clients of an app that are not taken, and take them."""
    if len(laws.components) == 1:
        return [name]
    names = []
    for each in laws.components:
        if "schedule" in each.law:
            free = _free(name, "{name}-job-{number}", 1, taken)  # the app's own name is taken
        else:
            what = "bursts" if "each" in each.law["poisson"] else "single"
            free = _free(f"{name}-{what}", "{name}-{number}", 2, taken)
        taken.add(free.casefold())
        names.append(free)
    return names


def _largest(usage: Usage, names: Collection[str]) -> list[ClientUsage]:
    """Return the clients that are large or named, and the rest as one."""
    total = sum(each.attempts.total for each in usage.clients)
    large, small = list[ClientUsage](), list[ClientUsage]()
    for place, each in enumerate(usage.clients):
        is_large = place < _MOST_APPS and each.attempts.total >= _LEAST_SHARE * total
        is_one = each.name in names or (is_large and each.name != OTHERS)
        (large if is_one else small).append(each)
    if len(small) < 2:
        return [each for each in usage.clients if each.attempts.total]
    kinds = sum((each.kinds for each in small), start=type(small[0].kinds)())
    merged = ClientUsage(
        name=OTHERS,
        calls=_together([each.calls for each in small]),
        attempts=_together([each.attempts for each in small]),
        throttled=sum(each.throttled for each in small),
        kinds=kinds,
        after=sum((each.after for each in small[1:]), small[0].after),
        crowded=sum((each.crowded for each in small[1:]), small[0].crowded),
        usual=sum((each.usual for each in small[1:]), small[0].usual),
        chains=sum((each.chains for each in small[1:]), small[0].chains),
        durations=sums_by_kind(pair for each in small for pair in each.durations.items()),
    )
    return [*large, merged]


def _together(cells: list[Cells]) -> Cells:
    """Return the calls of several clients as those of one."""
    at = np.concatenate([each.at for each in cells])
    unique, which = np.unique(at, return_inverse=True)
    calls = np.bincount(which, np.concatenate([each.calls for each in cells]), len(unique))
    return Cells(cells[0].grain, unique, calls.astype(np.int64), cells[0].covered)


def named_clients(usage: Usage, options: FitOptions) -> list[tuple[str, ClientUsage]]:
    """Return the clients that stand for themselves and the rest, as the scenario names them.

    Raises
    ------
    InputError
        If a name is given to what the log does not have, or to two apps, or is too long.
    """
    _check_names(usage, options.names)
    found: list[tuple[str, ClientUsage]] = []
    taken = {name.casefold() for name in options.names.values()}
    for each in _largest(usage, options.names):
        if each.name in options.names:
            name = options.names[each.name]
        elif each.name == OTHERS or options.keep_names:
            name = _free(each.name[:_LONGEST], "{name}-{number}", 2, taken)
        else:
            name = _free("", "app-{number}", len(found) + 1, taken)
        taken.add(name.casefold())
        found.append((name, each))
    return found


def _free(name: str, numbered: str, first: int, taken: Collection[str]) -> str:
    """Return a name that is not taken, with a number if it has to be; case tells none apart."""
    names = (numbered.format(name=name, number=number) for number in count(first))
    if name and name.casefold() not in taken:
        return name
    return next(name for name in names if name.casefold() not in taken)


def _check_names(usage: Usage, names: Mapping[str, str]) -> None:
    logged = [each.name for each in usage.clients]
    for name in names:
        if name not in logged:
            first = ", ".join(map(repr, logged[:_SHOWN]))
            what = f"the log has no app {name!r}, name one of {first}"
            more = f" and {len(logged) - _SHOWN} more" if len(logged) > _SHOWN else ""
            raise InputError([Problem("--name", "", f"{what}{more}")])
    for name in names.values():
        uses = [each for each in names.values() if each.casefold() == name.casefold()]
        what = ""
        if len(uses) > 1:
            what = f"{name!r} is given to {len(uses)} apps, give each a name of its own"
        elif len(name) > _LONGEST:
            what = f"{name[:20]!r}… has {len(name)} characters, write at most {_LONGEST}"
        if what:
            raise InputError([Problem("--name", "", what)])


def _fitted(
    usage: ClientUsage,
    name: str,
    taken: set[str],
    card: RateCard,
    zone: ZoneInfo,
    start: dt.date,
    bucket: int,
) -> FittedApp:
    conduct = conduct_of(usage)
    cells = conduct.calls_of(usage)
    if bucket >= HOUR:  # hours and days of a table are those of the local clock
        cells, zone = _by_the_clock(cells, zone, bucket), ZoneInfo("UTC")
    laws = fit_client(name, cells, zone, start)
    names = _client_names(name, laws, taken)
    return FittedApp(name, names, usage, laws, mix_of(usage, card), conduct)


def _by_the_clock(cells: Cells, zone: ZoneInfo, bucket: int) -> Cells:
    """Return the cells of counts by hour or day as the local clock names them."""
    grain = HOUR if bucket < DAY else DAY
    clock = LocalClock(zone, cells.covered[0][0], cells.covered[-1][1])
    at = clock.local(cells.begins) // grain
    unique, which = np.unique(at, return_inverse=True)
    calls = np.bincount(which, cells.calls, len(unique)).astype(np.int64)
    # Also where it has no call: all rows of the table count.
    begins, ends = np.array(cells.covered, np.int64).T
    first, last = clock.local(begins) // grain, clock.local(ends - 1) // grain + 1
    covered = tuple(zip((first * grain).tolist(), (last * grain).tolist(), strict=True))
    return Cells(grain, unique, calls, covered)
