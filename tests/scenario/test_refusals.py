"""What cannot be meant is refused at the door; what may not be meant is remarked on."""

from __future__ import annotations

import copy
import math
import operator
import pickle
import sys
import unicodedata
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from simulation import InputError, load_scenario
from simulation.demand.demand import Demand
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.compiled.sweep import sweep
from simulation.engine.records import concatenate
from simulation.formats.documents import Document
from simulation.plain_text import one_line
from simulation.quantities import DAY
from simulation.scenario.scenario import Scenario
from tests.engine.test_compiled import compare
from tests.helpers import SCENARIOS, build, creditsim, poisson, scheduled


def _refusal(clients: list[dict[str, Any]], folder: Path | None = None, **keys: Any) -> str:
    with pytest.raises(InputError) as refusal:
        build(clients, folder, **keys)
    return str(refusal.value)


def _remarks(clients: list[dict[str, Any]], **keys: Any) -> list[str]:
    return [str(remark) for remark in build(clients, **keys).remarks()]


# --- a scenario's parts never disagree -------------------------------------------------

_WAYS_TO_COPY: list[Callable[[Scenario], Scenario]] = [
    copy.copy,
    copy.deepcopy,
    lambda scenario: scenario.model_copy(),
    lambda scenario: scenario.model_copy(deep=True),
    lambda scenario: pickle.loads(pickle.dumps(scenario)),
    Scenario.model_validate,
]


@pytest.mark.parametrize("copied", _WAYS_TO_COPY)
def test_a_copy_is_the_same_scenario_whole(
    copied: Callable[[Scenario], Scenario], tmp_path: Path
) -> None:
    scenario = load_scenario(SCENARIOS[2])
    again = copied(scenario)
    assert (again.limit, again.fingerprint()) == (scenario.limit, scenario.fingerprint())
    assert again.to_yaml(tmp_path) == scenario.to_yaml(tmp_path)
    changed = again.changed({"seed": 1})
    assert (changed.seed, again.seed, scenario.seed) == (1, scenario.seed, scenario.seed)


_WAYS_PAST_THE_CHECKS: list[Callable[[Scenario], Any]] = [
    lambda s: s.model_copy(update={"org": s.org.model_copy(update={"addon_credits": 50_000})}),
    lambda s: s.model_copy(update={"seed": 1}),
    lambda s: s.copy(update={"seed": 1}),
    lambda s: s.copy(exclude={"alternatives"}),
    lambda s: Scenario.model_construct(**dict(s)),
    lambda s: s.changed({"org": s.org.model_copy(update={"addon_credits": -1})}),
    lambda s: s.changed({"clients": [*s.clients]}),
]
if sys.version_info >= (3, 13):
    _WAYS_PAST_THE_CHECKS.append(lambda s: getattr(copy, "replace")(s, seed=1))  # noqa: B009


@pytest.mark.parametrize("past", _WAYS_PAST_THE_CHECKS)
def test_what_nothing_would_check_is_refused(past: Callable[[Scenario], Any]) -> None:
    with pytest.raises(InputError, match=r"scenario\.changed|as plain data"):
        past(load_scenario(SCENARIOS[2]))


def test_a_scenario_is_made_of_plain_data_alone() -> None:
    scenario = load_scenario(SCENARIOS[0])
    data = dict(scenario)
    with pytest.raises(ValueError, match=r"org\n.*is a Org ready made, give its keys"):
        Scenario.model_validate(data)
    with pytest.raises(ValueError, match="is no mapping"):
        Scenario.model_validate(type("Like", (), data)(), from_attributes=True)


def _changes(part: Any, path: str = "") -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield every way to change what is inside a model: its keys, items and attributes."""
    inside: list[tuple[str, Any]] = []
    if isinstance(part, BaseModel):
        inside = [(f".{name}", getattr(part, name)) for name in type(part).model_fields]
        for name, _ in inside:
            yield f"{path}{name}=", partial(setattr, part, name[1:], None)
    elif isinstance(part, dict):
        inside = [(f"[{key}]", item) for key, item in part.items()]
        key = next(iter(part), "new")
        for name in ("__setitem__", "__delitem__", "pop", "setdefault"):
            yield f"{path}.{name}", partial(getattr(part, name), key, *[1][: name[2:5] == "set"])
        for name in ("update", "__ior__"):
            yield f"{path}.{name}", partial(getattr(part, name), {"new": 1})
        for name in ("clear", "popitem"):
            yield f"{path}.{name}", getattr(part, name)
    elif isinstance(part, list | tuple):
        inside = [(f"[{place}]", item) for place, item in enumerate(part)]
        yield f"{path}[0]=", partial(operator.setitem, part, 0, 1)
    for name, item in inside:
        yield from _changes(item, f"{path}{name}")


def test_nothing_inside_a_scenario_or_its_card_can_be_changed_in_place() -> None:
    mix = {"api": "other", "records": {"choices": {1: 2, 10: 1}}}
    alternative = {"name": "all", "set": {"clients.a.calls": [mix], "org": {"edition": "free"}}}
    scenario = build(
        [poisson("a", "9 per day", calls=[mix]), scheduled("b", "09:00", 1)],
        org={"edition": "free", "license_prices": {"free": 0}},
        alternatives=[alternative],
    )
    before = scenario.model_dump(), scenario.card.model_dump()
    again = pickle.loads(pickle.dumps(scenario))
    for whole in (scenario, again, copy.deepcopy(scenario), scenario.card):
        ways = [*_changes(whole)]
        assert len(ways) > 50
        for _, change in ways:
            with pytest.raises((TypeError, ValueError)):
                change()
    assert (scenario.model_dump(), scenario.card.model_dump()) == before
    assert again.fingerprint() == scenario.fingerprint()
    given = scenario.changed({"org.license_prices": scenario.org.license_prices})
    assert given.changed({"org.license_prices.free": 1}).org.license_prices == {"free": 1}
    assert scenario.with_alternative(scenario.alternatives[0]).clients[0].calls[0].records.choices


# --- dates, times and clients that never call ------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "key", "complaint"),
    [
        ({"at": "09:00", "days": []}, "days", "is empty"),
        ({"at": "09:00", "days": ["2016-01-05"]}, "days", "gives no call in a run from 2026-01-05"),
        ({"at": "09:00", "days": ["2062-01-05"]}, "days", "gives no call in a run from 2026-01-05"),
        ({"at": "09:00", "days": ["mon", "monday"]}, "days", "monday stands twice"),
        ({"at": ["09:00", "10:00", "09:00:00"]}, "at", "09:00:00 stands twice"),
        ({"at": "09:00", "calls": 0}, "calls", "0 is wrong, it should be greater"),
        ({"at": ["6pm"]}, "at.#1", "'6pm' is no time of the day, write it as 18:00"),
        ({"at": ["10:00", "2:00"]}, "at.#2", "'2:00' is no time of the day, write it as 02:00"),
        ({"at": ["“18:00”"]}, "at.#1", "is no time of the day, write it as 18:00"),
        ({"at": [7200]}, "at.#1", "7200 is no time of the day, write it as 02:00"),
        ({"at": ["02:00+01:00"]}, "at.#1", "is no time of the day, write it as 02:00"),
        ({"at": "24:00"}, "at.#1", "'24:00' is no time of the day"),
        ({"every": "21 years"}, "every", "is too long, write at most 7300 days"),
        ({"at": "09:00", "over": "9999999 years"}, "over", "write at most 7300 days"),
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(
    schedule: dict[str, Any], key: str, complaint: str
) -> None:
    client = {"name": "a", "arrivals": {"schedule": schedule}, "calls": [{"api": "other"}]}
    told = _refusal([client])
    assert told.startswith(f"test.yaml: clients.a.arrivals.schedule.{key}: ")
    assert complaint in told


def test_a_start_later_in_the_day_leaves_no_call_of_its_date() -> None:
    client = scheduled("a", "09:00", 1, schedule={"days": ["2026-01-05"]})
    assert "gives no call" in _refusal([client], start="2026-01-05 09:00:00.000001")
    assert build([client], start="2026-01-05 09:00").remarks() == []
    reaching = scheduled("a", "09:00", 2, schedule={"days": ["2026-01-05"], "over": "2 hours"})
    assert build([reaching], start="2026-01-05 10:00").remarks() == []
    assert "gives no call" in _refusal([reaching], start="2026-01-05 10:00:01")


_times = st.sampled_from(["00:00", "02:30", "12:00", "23:59:59.999999"])
_days = st.sampled_from(
    ["all", "weekends", ["mon"], ["2026-01-05"], ["2026-01-04", "2026-01-12"], ["2027-01-05"]]
)
_laws = st.one_of(
    st.fixed_dictionaries({"at": st.lists(_times, min_size=1, unique=True), "days": _days}),
    st.fixed_dictionaries(
        {"every": st.sampled_from(["7 hours", "50 hours", "8 days"]), "days": _days}
    ),
)


@given(
    _laws,
    st.sampled_from(["2026-01-05", "2026-01-05 23:59:59.9999995", "2026-03-28 12:00"]),
    st.sampled_from(["1 hour", "3 days", "9 days"]),
    st.sampled_from([0, "5 hours"]),
    st.integers(1, 3),
)
@settings(max_examples=150, deadline=None)
def test_a_client_without_a_call_in_the_run_is_told_and_no_other(
    law: dict[str, Any], start: str, horizon: str, over: str, calls: int
) -> None:
    schedule = {**law, "over": over, "calls": calls}
    client = {"name": "a", "arrivals": {"schedule": schedule}, "calls": [{"api": "other"}]}
    keys: dict[str, Any] = {"start": start[:26], "horizon": horizon, "timezone": "Europe/Berlin"}
    try:
        scenario = build([client], **keys)
    except InputError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert "clients.a.arrivals.schedule.days: gives no call in a run" in refused
        assert all(day.startswith("20") for day in law["days"])  # weekdays come in every run
        return
    made = sum(len(day) for day in Demand(scenario).draw_days(0))
    told = [remark.what for remark in scenario.remarks() if "no call in the run" in remark.what]
    assert bool(told) == (made == 0)


def test_dates_outside_the_run_are_remarked_on() -> None:
    events = [{"date": "2026-01-06", "factor": 2}, {"date": "2016-01-06", "factor": 2}]
    busy = poisson("a", "9 per day", poisson={"events": events})
    days = ["2026-01-05", "2026-03-31"]
    load = scheduled("b", "09:00", 1, schedule={"days": days})
    run = "(2026-01-05 to 2026-01-06)"
    of_events, of_days = _remarks([busy, load], horizon="2 days")
    assert of_events == (
        f"test.yaml: clients.a.arrivals.poisson.events: 2016-01-06 is not in the run {run}, its "
        "factor has no effect"
    )
    assert of_days == (
        f"test.yaml: clients.b.arrivals.schedule.days: 2026-03-31 is not in the run {run}, no call "
        "comes then"
    )


def test_dates_outside_a_run_that_set_has_cut_are_told_as_well() -> None:
    load = scheduled("a", "09:00", 1, schedule={"days": ["2026-01-07"]})
    whole = build([load], horizon="3 days")
    assert whole.remarks() == []
    for cut in ({"horizon": "1 day"}, {"start": "2025-12-29"}):
        (remark,) = whole.changed(cut).remarks()
        assert "no call" in remark.what


@pytest.mark.parametrize(
    "law",
    [
        {"profile": [0] * 12 + [1] * 12},
        {"events": [{"date": "2026-01-05", "factor": 0}]},
    ],
)
def test_a_law_whose_weights_are_0_in_the_run_is_remarked_on(law: dict[str, Any]) -> None:
    client = poisson("a", "9 per day", poisson=law)
    [remark] = _remarks([client], horizon="12 hours")
    assert "clients.a.arrivals.poisson: gives no call in the run" in remark
    assert _remarks([poisson("a", "9 per day")], horizon="12 hours") == []


def test_remarks_are_shown_and_the_command_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: n\norg: {edition: free, user_licenses: 3}\nstart: 2026-01-05\nhorizon: 2 days\n"
        "replications: 1\nobjective: {probability: 100%}\nclients:\n"
        "  - {name: a, arrivals: {schedule: {at: ['09:00']}}, calls: [{api: other}]}\n"
    )
    for command in ("validate", "run", "plan"):
        done = creditsim(command, file)
        assert done.returncode == 0, done.stderr
        assert f"{file}:2: org.user_licenses: has no effect" in done.stderr
        assert f"{file}:6: objective.probability: 100% can be disproved but" in done.stderr


def test_recorded_counts_of_0_are_no_calls(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text(
        "timestamp,count\n2026-01-04 10:00,7\n2026-01-05 10:00,0\n2026-01-07 10:00,7\n"
    )
    law = {"counts": {"file": "counts.csv", "bucket": "1 hour"}}
    client = {"name": "a", "arrivals": law, "calls": [{"api": "other"}]}
    assert "clients.a.arrivals.counts.file: counts no call in the run" in _refusal(
        [client], tmp_path
    )


# --- what has two readings -------------------------------------------------------------

_letters = st.text(st.sampled_from("aAÄäÅåßeéﬁK\u212aI1"), min_size=1, max_size=6)


@given(_letters, st.data())
@settings(max_examples=200, deadline=None)
def test_names_that_look_alike_are_refused(name: str, data: st.DataObject) -> None:
    forms = ["NFC", "NFD", "NFKC", "NFKD"]
    other = unicodedata.normalize(data.draw(st.sampled_from(forms)), name)
    case = data.draw(st.sampled_from(["upper", "casefold", "swapcase", "strip"]))
    other = getattr(other, case)()
    place = data.draw(st.integers(0, len(other)))
    blank = data.draw(st.sampled_from(["", " ", "\t", "\u00a0", "\u200b", "  "]))
    other = other[:place] + blank + other[place:]
    told = _refusal([poisson(name, "9 per day"), poisson(other, "9 per day")])
    assert "clients.#2.name: " in told or one_line(f"clients.{other}.name: ") in told
    assert "give each a name of its own" in told


@given(_letters, _letters)
@settings(max_examples=100, deadline=None)
def test_names_that_differ_to_the_reader_are_taken(one: str, other: str) -> None:
    plain = [unicodedata.normalize("NFKC", name).casefold() for name in (one, other)]
    assume(plain[0] != plain[1])
    assert build([poisson(one, "9 per day"), poisson(other, "9 per day")]).remarks() == []


@pytest.mark.parametrize("name", [" ", "\u200b", "\t\u2060"])
def test_a_name_that_cannot_be_seen_is_refused(name: str) -> None:
    told = _refusal([poisson(name, "9 per day")])
    assert told == one_line(
        f"test.yaml: clients.#1.name: {name!r} has no sign that can be seen, write a name"
    )


def test_a_name_that_keys_take_for_another_item_s_position_is_refused() -> None:
    told = _refusal([poisson("#2", "9 per day"), poisson("b", "9 per day")])
    assert told == (
        "test.yaml: clients.#1.name: '#2' reads as item #2 in keys that --set takes, "
        "write another name"
    )
    assert build([poisson("a", "9 per day"), poisson("#2", "9 per day")]).remarks() == []


def _client(**keys: Any) -> dict[str, Any]:
    return {**poisson("a", "9 per day"), **keys}


@pytest.mark.parametrize(
    ("keys", "client", "path", "complaint"),
    [
        ({}, _client(on_throttle={"retry": None}), "on_throttle.retry", "is empty, write drop"),
        (
            {},
            _client(calls=[{"api": "other", "records": {"choices": [1, 9, 1]}}]),
            "calls.other.records.choices",
            "1 stands twice",
        ),
        (
            {},
            poisson(
                "a",
                "9 per day",
                poisson={"events": [{"date": "2026-01-05", "factor": f} for f in (2, 3)]},
            ),
            "arrivals.poisson.events",
            "name 2026-01-05 twice",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"events": [{"date": 0, "factor": 2}]}),
            "arrivals.poisson.events.#1.date",
            "0 is not a date",
        ),
        (
            {"objective": {"throttled_share": 1}},
            _client(),
            "objective.throttled_share",
            "1 may mean 1% or 100%",
        ),
        (
            {"objective": {"throttled_share": "100%"}},
            _client(),
            "objective.throttled_share",
            "100% lets every call be throttled",
        ),
        (
            {"objective": {"throttled_share": "150%"}},
            _client(),
            "objective.throttled_share",
            "150% lets every call be throttled",
        ),
        (
            {"objective": {"probability": "1.0"}},
            _client(),
            "objective.probability",
            "'1.0' may mean 1% or 100%",
        ),
        (
            {"objective": {"probability": "150%"}},
            _client(),
            "objective.probability",
            "150% is more than the whole",
        ),
        (
            {"objective": {"probability": "0%"}},
            _client(),
            "objective.probability",
            "0% is less than any size keeps to",
        ),
        (
            {"start": "2026-03-29 02:30", "timezone": "Europe/Berlin"},
            _client(),
            "start",
            "is skipped in Europe/Berlin, write 2026-03-29 03:30",
        ),
        (
            {"start": "2026-10-25 02:30", "timezone": "Europe/Berlin"},
            _client(),
            "start",
            "comes twice in Europe/Berlin, write 2026-10-25 02:30+02:00 or 2026-10-25 02:30+01:00",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"growth": "900% per day"}),
            "arrivals.poisson.growth",
            "'900% per day' is a factor of more than 1,000,000,000,000 in 30 days",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"growth": "-99% per day"}),
            "arrivals.poisson.growth",
            "or less than one part in as many: write a slower growth",
        ),
        ({"objective": "cheap"}, _client(), "objective", "'cheap' is not a mapping"),
        (
            {},
            _client(arrivals={"trace": {"columns": {"timestamp": "at"}}}),
            "arrivals.trace",
            "needs one of 'file' (a row is a call) and 'counts' (calls per bucket)",
        ),
        (
            {},
            _client(
                arrivals={"trace": {"file": "a.csv", "counts": {"file": "b.csv", "bucket": "1 h"}}}
            ),
            "arrivals.trace",
            "needs one of 'file' (a row is a call) and 'counts' (calls per bucket)",
        ),
        *(
            (
                {},
                _client(calls=[{"api": "other", "records": {"choices": [1, number]}}]),
                "calls.other.records.choices",
                f"{number!r} is no number of records, write a list such as [1, 10, 100]",
            )
            for number in (True, [10], {10: 2})
        ),
        (
            {"other_apis": ["#2"]},
            _client(calls=[{"api": "#2"}, {"api": "other"}]),
            "calls.#1.api",
            "'#2' reads as item #2 in keys that --set takes, write another name",
        ),
        ({"timezone": "localtime"}, _client(), "timezone", "'localtime' is no time zone"),
        ({"timezone": "berlin"}, _client(), "timezone", "did you mean 'Europe/Berlin'?"),
        ({"timezone": "posix/Europe/Berlin"}, _client(), "timezone", "is no time zone"),
    ],
)
def test_what_has_two_readings_is_refused(
    keys: dict[str, Any], client: dict[str, Any], path: str, complaint: str
) -> None:
    path = path if path.partition(".")[0] in keys else f"clients.a.{path}"
    told = _refusal([client], **keys)
    assert told.startswith(f"test.yaml: {path}: ")
    assert complaint in told


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in nested data."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _places(item, (*path, key))


def _with(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    here = changed
    for key in path[:-1]:
        here = here[key]
    here[path[-1]] = new
    return changed


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_yes_and_no_are_refused_at_every_place(file: Path) -> None:
    data = Document.read(file).data
    for path in _places(data):
        if "set" in path:  # of an alternative: what it sets is checked where it is put
            continue
        for word in (True, False):
            with pytest.raises(InputError) as refusal:
                Document(_with(data, path, word), "s.yaml", file.parent).validate(Scenario)
            assert any(
                str(word) in p.what or str(word).lower() in p.what for p in refusal.value.problems
            ), path


# --- quantities that no engine could count ---------------------------------------------


@pytest.mark.parametrize(
    ("keys", "client", "path"),
    [
        ({"horizon": "7301 days"}, _client(), "horizon"),
        ({"warmup": "7301 days"}, _client(), "warmup"),
        ({"seed": 2**63}, _client(), "seed"),
        ({"replications": 10**6 + 1}, _client(), "replications"),
        (
            {"org": {"edition": "standard", "user_licenses": 10**7 + 1}},
            _client(),
            "org.user_licenses",
        ),
        ({"org": {"edition": "free", "addon_credits": 10**12 + 1}}, _client(), "org.addon_credits"),
        (
            {"org": {"edition": "free", "license_prices": {"free": 1e10}}},
            _client(),
            "org.license_prices.free",
        ),
        ({"objective": {"cost_of_lost_call": 1e10}}, _client(), "objective.cost_of_lost_call"),
        ({"objective": {"cost_of_lost_call": "inf"}}, _client(), "objective.cost_of_lost_call"),
        ({}, poisson("a", "0 per day"), "arrivals.poisson.rate"),
        ({}, poisson("a", "100,000,001 per day"), "arrivals.poisson.rate"),
        (
            {},
            poisson("a", "9 per day", poisson={"growth": "100% per second"}),
            "arrivals.poisson.growth",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"growth": "-99.9% per hour"}),
            "arrivals.poisson.growth",
        ),
        (
            {"horizon": "7300 days"},
            poisson("a", "9 per day", poisson={"growth": "10% per month"}),
            "arrivals.poisson.rate",
        ),
        (
            {"horizon": "7300 days"},
            poisson("a", "9 per day", poisson={"growth": "100% per day"}),
            "arrivals.poisson.rate",
        ),
        (
            {},
            poisson(
                "a", "9999 per day", poisson={"events": [{"date": "2026-01-05", "factor": 1e6}]}
            ),
            "arrivals.poisson.rate",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"events": [{"date": "2026-01-05", "factor": 1e7}]}),
            "arrivals.poisson.events.2026-01-05.factor",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"daily_variation": 1e-309}),
            "arrivals.poisson.daily_variation",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"daily_variation": "1001%"}),
            "arrivals.poisson.daily_variation",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"profile": [1e308] * 24}),
            "arrivals.poisson.profile",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"profile": [10**400] * 24}),
            "arrivals.poisson.profile",
        ),
        (
            {},
            poisson("a", "9 per day", poisson={"profile": [1e-300] * 24}),
            "arrivals.poisson.profile",
        ),
        ({}, scheduled("a", "09:00", 10**7 + 1), "arrivals.schedule.calls"),
        ({}, _client(calls=[{"api": "other", "weight": 1e308}]), "calls.other.weight"),
        ({}, _client(calls=[{"api": "other", "weight": 1e-300}]), "calls.other.weight"),
        ({}, _client(calls=[{"api": "other", "records": 2**63}]), "calls.other.records"),
        (
            {},
            _client(calls=[{"api": "other", "records": {"uniform": [1, 10**20]}}]),
            "calls.other.records.uniform.#2",
        ),
        (
            {},
            _client(calls=[{"api": "other", "records": {"poisson": 1e7}}]),
            "calls.other.records.poisson",
        ),
        (
            {},
            _client(calls=[{"api": "other", "records": {"choices": {1: math.inf}}}]),
            "calls.other.records.choices.1",
        ),
        (
            {},
            _client(calls=[{"api": "other", "records": {"choices": {10**20: 1}}}]),
            f"calls.other.records.choices.{10**20}",
        ),
        ({}, _client(on_throttle={"retry": {"first": "9999999 years"}}), "on_throttle.retry.first"),
        (
            {},
            _client(on_throttle={"retry": {"max_delay": "9999999 years"}}),
            "on_throttle.retry.max_delay",
        ),
        ({}, _client(on_throttle={"retry": {"factor": 1e7}}), "on_throttle.retry.factor"),
        (
            {},
            _client(on_throttle={"retry": {"max_attempts": 10**6}}),
            "on_throttle.retry.max_attempts",
        ),
        ({"start": "1989-12-31"}, _client(), "start"),
        ({"start": "9999-12-31"}, _client(), "start"),
        (
            {"horizon": "7300 days"},
            [poisson(f"a{n}", "9 per day") for n in range(20_000)],
            "horizon",
        ),
    ],
)
def test_every_quantity_has_a_stated_maximum(keys: dict[str, Any], client: Any, path: str) -> None:
    path = path if path.partition(".")[0] in keys else f"clients.a.{path}"
    told = _refusal(client if isinstance(client, list) else [client], **keys)
    assert told.startswith(f"test.yaml: {path}: ")
    assert len(told.splitlines()) == 1


def _card_at_its_bounds(folder: Path, penalty: int) -> None:
    card = {
        "name": "most",
        "title": "Every quantity at its bound",
        "sources": [],
        "window": "7300 days",
        "addon_step": 10**12,
        "purchase_cap_credits": 10**12,
        "throttled_attempt_credits": penalty,
        "throttled_response": {"status": 429, "body": {}},
        "editions": {
            "any": {"base": 0, "per_license": 1, "maximum": None},
            "most": {"base": 10**12, "per_license": 10**6, "maximum": None},
        },
        "calls": {
            "other": {"category": "other", "credits": 10**6},
            "each": {"category": "crud", "credits": 1, "per_records": 1},
            "many": {"category": "crud", "credits": 10**6, "per_records": 10**9},
        },
        "addon_slabs": [{"credits": 10**12, "price_per_1000": 10**9}],
    }
    (folder / "most.yaml").write_text(yaml.safe_dump(card))


def test_a_call_that_costs_more_than_can_be_added_up_is_refused_written_or_recorded(
    tmp_path: Path,
) -> None:
    _card_at_its_bounds(tmp_path, 0)
    (tmp_path / "t.csv").write_text(
        "timestamp,records\n2026-01-05 10:00,1\n2026-01-05 11:00,1000001\n"
    )
    keys: dict[str, Any] = {"rate_card": "most.yaml"}
    keys["org"] = {"edition": "any", "user_licenses": 1}
    too_dear = "1,000,001 make each cost 1,000,001 credits, more than 1,000,000"
    calls = [{"api": "each", "records": {"uniform": [1, 1_000_001]}}]
    told = _refusal([_client(calls=calls)], tmp_path, **keys)
    assert told == f"test.yaml: clients.a.calls.each.records: {too_dear}"
    recorded = _client(arrivals={"trace": {"file": "t.csv"}}, calls=[{"api": "each"}])
    told = _refusal([recorded], tmp_path, **keys)
    assert told == f"{tmp_path}/t.csv:3: clients.a.arrivals.trace.file: {too_dear}"


_most_records = st.sampled_from(
    [1, 10**6, {"uniform": [1, 10**6]}, {"choices": {1: 1e12, 10**6: 1e-9, 10**5: 1e12}}]
)
_most_calls = st.lists(
    st.one_of(
        st.fixed_dictionaries({"api": st.just("each"), "records": _most_records}),
        st.just({"api": "many", "records": 10**9}),
        st.just({"api": "other"}),
    ).flatmap(lambda call: st.sampled_from([1e-9, 1, 1e12]).map(lambda w: {**call, "weight": w})),
    min_size=1,
    max_size=3,
)
_most_retries = st.fixed_dictionaries(
    {
        "first": st.sampled_from(["1 us", "7300 days"]),
        "factor": st.sampled_from([1, 10**6]),
        "max_delay": st.sampled_from(["1 us", "20 hours", "7300 days"]),
        "max_attempts": st.sampled_from([1, 5]),
        "jitter": st.sampled_from(["none", "full"]),
    }
)


@given(
    st.lists(st.tuples(_most_calls, _most_retries), min_size=1, max_size=3),
    st.sampled_from([(0, "any"), (3 * 10**6, "any"), (10**7, "most")]),
    st.sampled_from([0, 1, 10**6]),
    st.sampled_from(["2 days", "300 days"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_at_the_bounds_the_engines_agree_and_no_sum_wraps(
    mixes: list[tuple[Any, Any]], bought: tuple[int, str], penalty: int, horizon: str
) -> None:
    with TemporaryDirectory() as folder:
        _card_at_its_bounds(Path(folder), penalty)
        clients: list[dict[str, Any]] = [
            {
                "name": f"c{n}",
                "arrivals": {"schedule": {"every": "1 day", "calls": 4, "over": over}},
                "calls": calls,
                "on_throttle": {"retry": retry},
            }
            for n, (calls, retry) in enumerate(mixes)
            for over in [["1 hour", 0, "7 days"][n]]
        ]
        org = {"edition": bought[1], "user_licenses": bought[0]}
        keys = {"horizon": horizon, "seed": 2**63 - 1, "start": "2200-12-01"}
        scenario = build(clients, Path(folder), rate_card="most.yaml", org=org, **keys)
    assert scenario.limit == (bought[0] if bought[1] == "any" else 10**12 + 10**13)
    demand = Demand(scenario)
    assert compare(demand, 0, scenario.limit) > 0
    costs = np.concatenate([day.credits for day in demand.draw_days(0)])
    assert 0 < costs.min() <= costs.max() <= 10**6
    everyone = np.ones(len(clients), bool)
    swept = sweep(demand, 0, np.array([0, scenario.limit]), everyone)
    assert 0 < swept.enough <= sum(costs.tolist())


def test_the_longest_run_of_the_dearest_calls_is_added_up_exactly() -> None:
    client = scheduled("a", "23:59:59.999999", 1, schedule={"days": ["2045-12-30"]})
    every_year = scheduled(
        "b", "09:00", 1000, schedule={"days": [f"{2026 + n}-12-30" for n in range(20)]}
    )
    with TemporaryDirectory() as folder:
        _card_at_its_bounds(Path(folder), 0)
        org = {"edition": "most", "user_licenses": 10**7}
        keys = {"rate_card": "most.yaml", "org": org, "horizon": "7300 days"}
        scenario = build([client, every_year], Path(folder), **keys)
    days = CompiledModel(scenario, 0).run()
    settled = concatenate([day.settled for day in days])
    assert int(settled.calls.credits.sum()) == 20_001 * 10**6


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("stamp", ["0001-01-01 00:00", "9999-12-31 23:59:59+00:00", "1989-12-31"])
def test_a_trace_of_a_year_that_no_run_reaches_is_refused_in_every_zone(
    tmp_path: Path, stamp: str, zone: str
) -> None:
    (tmp_path / "t.csv").write_text(f"timestamp\n{stamp}\n")
    client = {"name": "a", "arrivals": {"trace": {"file": "t.csv"}}, "calls": [{"api": "other"}]}
    told = _refusal([client], tmp_path, timezone=zone)
    assert f"t.csv:2: clients.a.arrivals.trace.file: {stamp!r} is out of range" in told


def test_the_longest_run_of_many_clients_is_that_whose_times_sort_with_their_clients() -> None:
    clients = [scheduled(f"c{place}", "09:00", 1) for place in range(2**13 + 1)]  # 14 bits
    longest = (2**63 // 2**14) // DAY - 2
    build(clients, horizon=f"{longest} days")
    with pytest.raises(InputError, match=f"8,193 clients, write at most {longest:,} days"):
        build(clients, horizon=f"{longest + 1} days")
