"""What is wrong with a scenario that its models alone cannot see: between keys, and with files."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simulation.bounds import MOST_CREDITS_A_CALL
from simulation.errors import InputError, KeyPath, KeyProblem
from simulation.formats import did_you_mean, misread
from simulation.quantities import DAY, write_duration
from simulation.scenario.calendar_checks import calendar_problems, calendar_remarks
from simulation.scenario.clients import Client
from simulation.scenario.moments import wrong_start
from simulation.scenario.partial_reading import Unread

if TYPE_CHECKING:
    from simulation.scenario.scenario import Scenario
    from simulation.scenario.traces import Trace

__all__ = ["alternative_problems", "problems_of", "remarks_of"]

_CARD: KeyPath = ("rate_card",)
_API_KEYS: tuple[KeyPath, ...] = (_CARD, ("other_apis",))
"""What says which call kinds there are."""

_IN_FILE = "change it in the scenario, or write a scenario of its own"
_SAME_TIME = (
    f"is the same for the scenario and each alternative, which are compared run by run: {_IN_FILE}"
)
_SAME_LUCK = (
    f"is the same for the scenario and each alternative, which share their demand: {_IN_FILE}"
)
_NAMES_LUCK = f"names the random numbers of a client; another name draws other calls: {_IN_FILE}"
_OF_THE_SCENARIO = {
    "name": "has no effect here, reports call an alternative by the 'name' beside its 'set'",
    "alternatives": "has no effect here, write each alternative beside the others",
    "objective": f"is what the scenario and each alternative are judged by: {_IN_FILE}",
    **dict.fromkeys(("start", "timezone", "horizon", "warmup"), _SAME_TIME),
    **dict.fromkeys(("seed", "replications"), _SAME_LUCK),
}
"""Keys that no alternative may set: it could not follow, or be compared with the scenario."""


def problems_of(scenario: Scenario, unread: Unread) -> Iterator[KeyProblem]:
    """Find what is wrong between keys, and against the rate card and the traces.

    What depends on values that could not be read is left out.
    """
    names = [client.name for client in scenario.clients]
    for place, what in _alike(names, "clients"):
        if not unread.touches(("clients", place, "name")):
            yield KeyProblem(("clients", place, "name"), what)
    is_dated = not unread.touches(("start",), ("timezone",))
    if is_dated and (what := wrong_start(scenario.start, scenario.timezone)):
        yield KeyProblem(("start",), what)
    has_lengths = not unread.touches(("horizon",), ("warmup",), _CARD)
    if has_lengths and scenario.warmup_end >= scenario.horizon:
        what = f"leaves nothing of a horizon of {write_duration(scenario.horizon)}"
        if scenario.warmup is None:
            what = (
                f"is at least one window ({scenario.card.window_in_words}) unless given and {what}"
            )
        yield KeyProblem(("warmup",), f"{what}, write a shorter one, or 0")
    longest = (2**63 >> (len(names) - 1).bit_length()) - 2 * DAY
    if scenario.horizon > longest:  # a call's time and client are sorted as one number
        what = f"is too long for {len(names):,} clients, write at most {longest // DAY:,} days"
        yield KeyProblem(("horizon",), what)
    yield from _org_problems(scenario, unread)
    is_dated = is_dated and not unread.touches(("horizon",))
    for place, client in enumerate(scenario.clients):
        here: KeyPath = ("clients", place)
        yield from _call_problems(scenario, here, client, unread)
        if is_dated and not unread.touches((*here, "arrivals")):
            if not unread.touches((*here, "calls"), *_API_KEYS):
                yield from _trace_problems(scenario, here, client)
            yield from calendar_problems(scenario, here, client)
    yield from _planning_problems(scenario, names, unread)


def remarks_of(scenario: Scenario) -> Iterator[KeyProblem]:
    """Find what can be meant, but has no effect, or not the one that is hoped for."""
    org = scenario.org
    if org.user_licenses and not scenario.offer.rules.per_license:
        what = f"has no effect, {org.edition} gives no credits per license"
        yield KeyProblem(("org", "user_licenses"), what)
    if scenario.objective.probability == 1:
        what = (
            "100% can be disproved but not shown by replications, so a plan may stay undecided: "
            "write such as 99%"
        )
        yield KeyProblem(("objective", "probability"), what)
    for place, client in enumerate(scenario.clients):
        yield from calendar_remarks(scenario, ("clients", place), client)


def _alike(names: list[str], what: str) -> Iterator[tuple[int, str]]:
    """Find names that a reader would take for one that stands before: place, and what is wrong."""
    seen: dict[str, str] = {}
    for place, name in enumerate(names):
        plain = _plain(name)
        if not plain:
            yield place, f"{name!r} has no sign that can be seen, write a name"
        elif seen.get(plain) == name:
            yield place, f"{name!r} names two {what}, give each a name of its own"
        elif plain in seen:
            how = "differ only in blanks, capitals or Unicode form"
            yield place, f"{name!r} and {seen[plain]!r} {how}, give each a name of its own"
        seen.setdefault(plain, name)
    yield from _misread(names)


def _misread(names: list[str]) -> Iterator[tuple[int, str]]:
    """Find names that keys would take for the place of an item: place, and what is wrong."""
    for place, other in misread(names):
        what = f"{names[place]!r} reads as item #{other + 1} in keys that --set takes"
        yield place, f"{what}, write another name"


def _plain(name: str) -> str:
    """Return a name as a reader sees it: without blanks, capitals and forms of a letter."""
    for _ in range(2):  # a form of a letter may bring capitals and blanks, and they other forms
        seen = (s for s in name if not s.isspace() and unicodedata.category(s)[0] != "C")
        name = unicodedata.normalize("NFKC", "".join(seen)).casefold()
    return unicodedata.normalize("NFKC", name)


def _planning_problems(
    scenario: Scenario, names: list[str], unread: Unread
) -> Iterator[KeyProblem]:
    has_names = not any(unread.touches(("clients", n, "name")) for n in range(len(names)))
    for place, name in enumerate(scenario.objective.protect if has_names else ()):
        if name not in names:
            what = f"{name!r} is no client, {did_you_mean(name, names)}name one of: "
            yield KeyProblem(("objective", "protect", place), what + ", ".join(names))
    for edition in () if unread.touches(_CARD) else scenario.org.license_prices:
        try:
            scenario.card.edition(edition)
        except InputError as error:
            yield KeyProblem(("org", "license_prices", edition), error.problems[0].what)
    for place, what in _alike([each.name for each in scenario.alternatives], "alternatives"):
        if not unread.touches(("alternatives", place, "name")):
            yield KeyProblem(("alternatives", place, "name"), what)


def alternative_problems(
    scenario: Scenario, unread: Unread, told: list[KeyProblem]
) -> Iterator[KeyProblem]:
    """Find changes that do not fit; what is wrong without them, and told, is not theirs."""
    if not scenario.alternatives:
        return
    document, labels = scenario._document, dict[int, list[str]]()
    told = [*told, *(KeyProblem(path, what) for path, what in document.unread.items())]
    known = {(key or document.readable(path, labels), what) for path, what, _, key in told}
    wrong = {path for path, _ in known}
    for place, alternative in enumerate(scenario.alternatives):
        if unread.touches(("alternatives", place, "set")):
            continue
        here: KeyPath = ("alternatives", place, "set")
        values = dict[str, Any]()
        for key, value in alternative.set.items():
            if what := _not_for_alternatives(key):
                yield KeyProblem((*here, key), what)
            else:
                values[key] = value
        try:
            made = scenario._without_alternatives(values)
            if "clients" not in values:  # which may be other ones, added or left out
                yield from (KeyProblem(here, what) for what in _renamed(scenario, made, values))
        except InputError as error:
            for problem in error.problems:
                parts = problem.path.split(".")
                around = {".".join(parts[:length]) for length in range(1, len(parts))}
                if (problem.path, problem.what) not in known and wrong.isdisjoint(around):
                    key = problem.path or problem.where.removeprefix("--set ")
                    what = f"{key}: {problem.what}"
                    yield KeyProblem(here, what)


def _not_for_alternatives(key: str) -> str:
    """Return why an alternative may not set a key; nothing where it may."""
    root, *inner = key.split(".")
    if root == "clients" and len(inner) > 1 and inner[-1] == "name":
        return _NAMES_LUCK
    return _OF_THE_SCENARIO.get(root, "")


def _renamed(scenario: Scenario, made: Scenario, values: dict[str, Any]) -> Iterator[str]:
    """Find clients to which an alternative gives another name inside of a whole value."""
    for client, other in zip(scenario.clients, made.clients, strict=True):
        if client.name != other.name:
            inside = (
                k for k, v in values.items() if isinstance(v, dict) and other.name in v.values()
            )
            key = next(inside, f"clients.{client.name}")
            yield f"{key}.name: {other.name!r} {_NAMES_LUCK}"


def _org_problems(scenario: Scenario, unread: Unread) -> Iterator[KeyProblem]:
    org = scenario.org
    if unread.touches(_CARD, ("org", "edition")):
        return
    try:
        offer = scenario.offer
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


def _call_problems(
    scenario: Scenario, path: KeyPath, client: Client, unread: Unread
) -> Iterator[KeyProblem]:
    calls = (*path, "calls")
    apis = [
        f"unread {n}" if unread.touches((*calls, n, "api")) else call.api
        for n, call in enumerate(client.calls)
    ]
    for place, what in _misread(apis):
        yield KeyProblem((*calls, place, "api"), what)
    has_law = not unread.touches(calls, (*path, "arrivals"))
    if has_law and client.arrivals.file is None and not client.calls:
        yield KeyProblem(calls, "is missing, say what this client calls")
    for place, call in enumerate(client.calls):
        here = (*calls, place)
        if unread.touches((*here, "api"), *_API_KEYS):
            continue
        if not scenario.knows(call.api):
            yield KeyProblem((*here, "api"), _unknown_api(scenario, call.api))
        elif unread.touches((*here, "records")):
            continue
        elif (most := _max_records(scenario, call.api)) and call.records.largest > most:
            what = f"{call.records.largest} is more than {call.api} takes, write at most {most}"
            yield KeyProblem((*here, "records"), what)
        elif too_dear := _too_dear(scenario, call.api, call.records.largest):
            yield KeyProblem((*here, "records"), too_dear)


def _too_dear(scenario: Scenario, api: str, records: int) -> str:
    """Say so if a call costs more credits than the engines can add up."""
    cost = scenario.card.credits(api, records)
    if cost <= MOST_CREDITS_A_CALL:
        return ""
    return f"{records:,} make {api} cost {cost:,} credits, more than {MOST_CREDITS_A_CALL:,}"


def _trace_problems(scenario: Scenario, path: KeyPath, client: Client) -> Iterator[KeyProblem]:
    if not scenario.has_trace(client):
        return
    trace = scenario.trace_of(client)
    if trace.apis is None and not client.calls:
        yield KeyProblem((*path, "calls"), "is missing, and the trace names no api: add it")
    elif outside := _outside(scenario, trace):
        yield KeyProblem((*path, *client.arrivals.file_key), outside, trace.file)
    elif wrong := _wrong_row(scenario, client, trace):
        row, what = wrong
        where = f"{trace.file}:{trace.lines[row]}"
        yield KeyProblem((*path, *client.arrivals.file_key), what, where)


def _outside(scenario: Scenario, trace: Trace) -> str:
    """Say so if no row of a trace falls into the run."""
    clock, begun = scenario.clock, trace.times - scenario.clock.start_epoch
    inside = (begun < scenario.horizon) & (begun + trace.lengths >= (trace.bucket > 0))
    if trace.counts is None and inside.any():
        return ""
    if trace.counts is not None and trace.counts[inside].any():
        return ""
    if inside.any():
        return "counts no call in the run, write counts above 0, or leave the client out"
    spans = [(int(begun[0]), int(begun[-1])), (0, scenario.horizon)]
    rows, run = (
        " to ".join(f"{clock.local(moment):%Y-%m-%d %H:%M}" for moment in span) for span in spans
    )
    return f"has rows from {rows}, none of them in the run ({run}): change 'start'"


def _wrong_row(scenario: Scenario, client: Client, trace: Trace) -> tuple[int, str] | None:
    """Find the first row whose api or records the rate card does not take."""
    mixed = [call.api for call in client.calls]
    for row in range(len(trace.times)):
        named = trace.apis[row] if trace.apis else ""
        if not (named or mixed):
            return row, "names no api here, write one, or give the client 'calls'"
        for api in [named] if named else mixed:
            if not scenario.knows(api):
                return row, _unknown_api(scenario, api)
            most = _max_records(scenario, api)
            records = 1 if trace.records is None else int(trace.records[row])
            if most and records > most:
                return row, f"{records} is more than {api} takes, at most {most}"
            if too_dear := _too_dear(scenario, api, records):
                return row, too_dear
    return None


def _unknown_api(scenario: Scenario, api: str) -> str:
    card, known = scenario.card, (*scenario.card.calls, *scenario.other_apis)
    cost = card.calls["other"].credits
    return (
        f"{api!r} is no call kind of rate card {card.name}, {did_you_mean(api, known)}"
        f"a call without a price of its own, such as another read, costs {cost} and is called "
        f"'other': write that, declare it under 'other_apis', or use one of: {', '.join(known)}"
    )


def _max_records(scenario: Scenario, api: str) -> int | None:
    kind = scenario.card.calls.get(api)
    return kind.max_records if kind else None
