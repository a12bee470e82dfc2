"""What is wrong with a scenario that its models alone cannot see: between keys, and with files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulation.clients import Client
from simulation.errors import InputError, KeyPath, KeyProblem
from simulation.quantities import write_duration

if TYPE_CHECKING:
    from simulation.scenario import Scenario
    from simulation.traces import Trace

__all__ = ["problems_of"]


def problems_of(scenario: Scenario) -> Iterator[KeyProblem]:
    """Find what is wrong between keys, and against the rate card and the traces."""
    names = [client.name for client in scenario.clients]
    for place in _again(names):
        what = f"{names[place]!r} names two clients, give each a name of its own"
        yield KeyProblem(("clients", place, "name"), what)
    if scenario.warmup_end >= scenario.horizon:
        what = f"leaves nothing of a horizon of {write_duration(scenario.horizon)}"
        if scenario.warmup is None:
            what = f"is one window ({scenario.card.window_in_words}) unless given and {what}"
        yield KeyProblem(("warmup",), f"{what}, write a shorter one, or 0")
    yield from _org_problems(scenario)
    for place, client in enumerate(scenario.clients):
        yield from _call_problems(scenario, ("clients", place, "calls"), client)
        yield from _trace_problems(scenario, ("clients", place), client)
    yield from _planning_problems(scenario, names)


def _again(names: list[str]) -> Iterator[int]:
    """Yield the places of the names that stand further above already."""
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name in seen:
            yield place
        seen.add(name)


def _planning_problems(scenario: Scenario, names: list[str]) -> Iterator[KeyProblem]:
    for place, name in enumerate(scenario.objective.protect):
        if name not in names:
            what = f"{name!r} is no client, name one of: {', '.join(names)}"
            yield KeyProblem(("objective", "protect", place), what)
    for edition in scenario.org.license_prices:
        try:
            scenario.card.edition(edition)
        except InputError as error:
            yield KeyProblem(("org", "license_prices", edition), error.problems[0].what)
    twice = set(_again([alternative.name for alternative in scenario.alternatives]))
    for place, alternative in enumerate(scenario.alternatives):
        if place in twice:
            what = f"{alternative.name!r} names two alternatives"
            yield KeyProblem(("alternatives", place, "name"), what)
        try:
            scenario.with_alternative(alternative)
        except InputError as error:
            for problem in error.problems:
                what = f"{problem.path or problem.where}: {problem.what}"
                yield KeyProblem(("alternatives", place, "set"), what)


def _org_problems(scenario: Scenario) -> Iterator[KeyProblem]:
    org, card = scenario.org, scenario.card
    try:
        rules = card.editions[card.edition(org.edition)]
    except InputError as error:
        yield KeyProblem(("org", "edition"), error.problems[0].what)
        return
    if org.user_licenses is None and rules.per_license:
        what = f"is missing, {org.edition} gives credits per license: write how many"
        yield KeyProblem(("org", "user_licenses"), what)
        return
    try:
        card.check_addon(org.edition, scenario.user_licenses, org.addon_credits)
    except InputError as error:
        yield KeyProblem(("org", "addon_credits"), error.problems[0].what)


def _call_problems(scenario: Scenario, path: KeyPath, client: Client) -> Iterator[KeyProblem]:
    if client.arrivals.file is None and not client.calls:
        yield KeyProblem(path, "is missing, say what this client calls")
    for place, call in enumerate(client.calls):
        here = (*path, place)
        if not scenario.knows(call.api):
            yield KeyProblem((*here, "api"), _unknown_api(scenario, call.api))
        elif (most := _max_records(scenario, call.api)) and call.records.largest > most:
            what = f"{call.records.largest} is more than {call.api} takes, write at most {most}"
            yield KeyProblem((*here, "records"), what)


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
    if begun[0] < scenario.horizon and begun[-1] + trace.bucket >= 0:
        return ""
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
            if most and trace.records is not None and trace.records[row] > most:
                return row, f"{trace.records[row]} is more than {api} takes, at most {most}"
    return None


def _unknown_api(scenario: Scenario, api: str) -> str:
    known = ", ".join((*scenario.card.calls, *scenario.other_apis))
    return f"{api!r} is no call kind, declare it under 'other_apis' or use one of: {known}"


def _max_records(scenario: Scenario, api: str) -> int | None:
    kind = scenario.card.calls.get(api)
    return kind.max_records if kind else None
