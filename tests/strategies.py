"""Hypothesis strategies: small scenarios with everything that makes decisions hard."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from hypothesis import strategies as st

from simulation.scenario.scenario import Scenario
from tests.helpers import ANY_LIMIT, CHARGING, CHARGING_QUARTERS, QUARTERS, any_limit

_FILES = TemporaryDirectory()  # traces that were drawn; gone when the tests end

_APIS = ("one", "two", "five", "fifty", "five_hundred", "per_ten", "other")

_records = st.one_of(
    st.integers(1, 100),
    st.tuples(st.integers(1, 20), st.integers(21, 100)).map(lambda pair: {"uniform": list(pair)}),
    st.floats(0.5, 30).map(lambda mean: {"poisson": mean}),
    st.dictionaries(st.integers(1, 100), st.floats(0.1, 5), min_size=1, max_size=3).map(
        lambda choices: {"choices": choices}
    ),
)

_call = st.fixed_dictionaries(
    {"api": st.sampled_from(_APIS), "records": _records, "weight": st.integers(1, 4)}
)

_SECOND_DAYS = ["2026-01-06", "2026-03-29", "2026-10-25"]  # of a run, whichever its start

_times = st.sampled_from(["00:00", "00:10", "06:00", "06:00:00.000001", "12:00", "23:59"])

_each: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries(
        {
            "calls": st.integers(1, 5),
            "every": st.sampled_from([0, "1 us", "10 minutes", "20 hours"]),
        }
    ).map(lambda burst: {"each": burst}),
)

_schedule = st.one_of(
    st.fixed_dictionaries(
        {
            "at": st.lists(_times, min_size=1, max_size=3, unique=True),
            "calls": st.integers(1, 12),
            "over": st.sampled_from([0, "1 ms", "10 minutes", "3 hours"]),
            "days": st.sampled_from(["all", "weekdays", ["mon", "wed"], _SECOND_DAYS]),
        }
    ),
    st.fixed_dictionaries(
        {"every": st.sampled_from(["10 minutes", "1 hour", "7 hours"]), "calls": st.integers(1, 3)}
    ),
)
_schedule = st.tuples(_schedule, _each).map(lambda parts: {"schedule": {**parts[0], **parts[1]}})

_poisson = st.tuples(
    st.fixed_dictionaries(
        {
            "rate": st.integers(1, 60).map(lambda n: f"{n} per day"),
            "profile": st.sampled_from(["flat", "office_hours"]),
            "daily_variation": st.sampled_from([0, "30%"]),
        }
    ),
    _each,
).map(lambda parts: {"poisson": {**parts[0], **parts[1]}})

_LAWS = (_schedule, _poisson)  # those that name no file

_retry = st.fixed_dictionaries(
    {
        "first": st.sampled_from(["1 us", "1 ms", "30 s", "10 minutes", "6 hours"]),
        "factor": st.sampled_from([1, 1.1, 2, 3]),
        "max_delay": st.sampled_from(["1 ms", "10 minutes", "1 day"]),
        "max_attempts": st.integers(1, 8),
        "jitter": st.sampled_from(["none", "full"]),
    }
).map(lambda law: {"retry": law})


_row = st.tuples(
    st.integers(0, 3 * 24 * 60).map(
        lambda minute: f"2026-01-{5 + minute // 1440:02}T{minute // 60 % 24:02}:{minute % 60:02}"
    ),
    st.sampled_from(["one", "two", "fifty", ""]),
    st.integers(1, 40),
)


def _trace(rows: list[tuple[str, str, int]], each: dict[str, Any]) -> dict[str, Any]:
    text = "timestamp,api,records\n" + "".join(f"{t}:00,{api},{n}\n" for t, api, n in rows)
    file = Path(_FILES.name) / f"{sha256(text.encode()).hexdigest()[:20]}.csv"
    file.write_text(text)
    return {"trace": {"file": str(file), **each}}


def _counts(rows: list[tuple[str, int]], each: dict[str, Any]) -> dict[str, Any]:
    text = "timestamp,count\n" + "".join(f"{t}:00,{n}\n" for t, n in rows)
    file = Path(_FILES.name) / f"{sha256(text.encode()).hexdigest()[:20]}.csv"
    file.write_text(text)
    return {"counts": {"file": str(file), "bucket": "10 minutes", **each}}


_calls = st.tuples(st.lists(_row, min_size=1, max_size=40), _each).map(
    lambda parts: _trace([("2026-01-05T00:00", "one", 1), *sorted(parts[0])], parts[1])
)
_buckets = st.tuples(st.dictionaries(st.integers(1, 71), st.integers(0, 30)), _each).map(
    lambda parts: _counts(
        [
            (f"2026-01-{5 + hour // 24:02}T{hour % 24:02}:00", n)
            for hour, n in [(0, 3), *sorted(parts[0].items())]
        ],
        parts[1],
    )
)


COLUMNS = (
    "name",
    "scenario",
    "seed",
    "horizon",
    "org.edition",
    "org.addon_credits",
    "clients",
    "clients.forms.calls",
    "clients.forms.arrivals.poisson.rate",
    "clients.forms.arrivals.poisson.growth",
    "alternatives",
    "no.such.key",
)

_typed = st.tuples(
    st.sampled_from(["!!int", "!!bool", "!!float", "!!timestamp", "!!binary", "!!python/name:x"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=8),
).map(" ".join)
_endless = st.tuples(st.sampled_from("0123456789[{-a\U00020000"), st.sampled_from([80, 600, 5000]))

bad_cells = st.one_of(
    _typed,
    _endless.map(lambda pair: pair[0] * pair[1]),
    st.sampled_from(["100% per second", "1e999999999", f"{2**64}", "true", "*a", "&a *a"]),
    st.sampled_from(['"\\ud800"', '"\\0"', '"\\x9b"', "a\0b.yaml", "/dev/null", ".", "~", "[[1]]"]),
    st.text(st.characters(codec="utf-8"), max_size=30),
)
"""Cells of a portfolio that mean nothing, or more than was bargained for."""


_pace = st.sampled_from(["1 per second", "1 per 7 minutes", "3 per hour", "7 per day"])

_any_meter = {
    "counts": st.sampled_from(["credits", "calls"]),
    "scope": st.sampled_from(["org", "client", "group"]),
    "applies_to": st.sampled_from(
        [None, None, ["one", "fifty"], [{"more_than": 5}], ["two", {"api": "one", "more_than": 3}]]
    ),
}
_resets = st.fixed_dictionaries(
    {
        "every": st.sampled_from(["hour", "day", "month"]),
        "at": st.sampled_from(["00:00", "00:10"]),
        "timezone": st.sampled_from(["org", "America/New_York", "Asia/Kolkata"]),
    }
)
_meter = st.one_of(
    st.fixed_dictionaries(
        {
            **_any_meter,
            "kind": st.just("rolling"),
            "size": st.integers(500, 1500) | st.integers(500, 520),
            "window": st.sampled_from(["1 us", "10 minutes", "1 hour", "30 hours"]),
        }
    ),
    st.fixed_dictionaries(
        {
            **_any_meter,
            "kind": st.just("calendar"),
            "size": st.integers(500, 600),
            "resets": _resets,
        }
    ),
    st.fixed_dictionaries(
        {
            **_any_meter,
            "kind": st.just("bucket"),
            "size": st.integers(500, 540),
            "refill": _pace,
        }
    ),
    st.fixed_dictionaries(
        {
            "scope": _any_meter["scope"],
            "applies_to": _any_meter["applies_to"],
            "kind": st.just("concurrent"),
            "size": st.integers(1, 4),
        }
    ),
)


def _small(meter: dict[str, Any]) -> dict[str, Any]:
    """Return a meter of calls with a size that a few of them reach."""
    if meter.get("counts") == "calls":
        meter = {**meter, "size": 1 + meter["size"] % 12}
    return {key: value for key, value in meter.items() if value is not None}


_pool: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        None,
        {"kind": "rolling"},
        {"kind": "rolling", "counts": "calls"},
        {"kind": "calendar", "resets": {"timezone": "Europe/Berlin"}},
        {"kind": "bucket", "refill": "1 per minute"},
        {"kind": "bucket", "refill": "7 per 13 minutes"},  # full again between two µs
        {"kind": "concurrent"},
    ]
)

_duration = st.sampled_from(
    [
        *("1 us", "1 ms", "10 minutes"),
        {"uniform": ["1 s", "1 hour"]},
        {"lognormal": {"median": "2 minutes", "p95": "3 hours"}},
    ]
)

_queue = st.fixed_dictionaries(
    {"wait": st.sampled_from(["until_available", 'until "00:00"', "10 minutes", "7 hours"])},
    optional={"max_wait": st.sampled_from(["1 us", "1 hour", "1 day"])},
).map(lambda queue: {"queue": queue})

_at_once = _retry.map(
    lambda law: {"retry": {**law["retry"], "first": 0, "then": law["retry"]["first"]}}
)


@st.composite
def metered_scenarios(draw: st.DrawFn, most_clients: int = 4) -> Scenario:
    """Draw a scenario of many meters whose clients hold themselves back in every way."""
    meters = [_small(each) for each in draw(st.lists(_meter, max_size=4))]
    limits: list[dict[str, Any]] = [
        {**each, "name": f"meter-{number}"} for number, each in enumerate(meters)
    ]
    if (pool := draw(_pool)) is not None:
        limits.insert(draw(st.integers(0, len(limits))), {**pool, "name": "pool", "size": "pool"})
    kind = "rolling" if pool is None else pool["kind"]
    data = yaml.safe_load(ANY_LIMIT.read_text())
    if kind != "concurrent" and "counts" not in (pool or {}):
        data["throttled_attempt_credits"] = draw(st.sampled_from([0, 0, 1, 3]))
    data["reports_usage_from"] = draw(st.sampled_from(["0%", "50%", "100%"]))
    text = yaml.safe_dump({**data, "limits": limits})
    card = Path(_FILES.name) / f"{sha256(text.encode()).hexdigest()[:20]}.yaml"
    card.write_text(text)
    clients = [
        _metered_client(draw, place, kind) for place in range(draw(st.integers(1, most_clients)))
    ]
    limit = draw(st.one_of(st.integers(1, 60), st.integers(61, 3000)))
    if kind == "concurrent":
        limit = draw(st.integers(1, 6))
    keys: dict[str, Any] = {}
    if kind != "concurrent" and draw(st.booleans()):
        keys["initial_usage"] = {"credits": draw(st.integers(0, limit))}
    return any_limit(
        limit,
        clients,
        rate_card=str(card),
        horizon=draw(st.sampled_from(["1 hour", "1 day", "50 hours", "3 days"])),
        warmup=draw(st.sampled_from([0, "30 minutes"])),
        start=draw(st.sampled_from(["2026-01-05", "2026-03-28 20:30", "2026-10-24 00:00:01"])),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"])),
        seed=draw(st.integers(0, 2**32)),
        **keys,
    )


def _metered_client(draw: st.DrawFn, place: int, kind: str) -> dict[str, Any]:
    (law, keys), *_ = draw(st.one_of(*_LAWS)).items()
    calls = draw(st.lists(_call, min_size=1, max_size=3))
    client: dict[str, Any] = {
        "name": f"client-{place}",
        "arrivals": {law: keys},
        "calls": [{**call, "duration": draw(_duration)} for call in calls],
        "on_throttle": draw(st.one_of(st.just("drop"), _retry, _at_once, _queue, _queue)),
    }
    some: dict[str, Any] = {
        "pace": _pace,
        "max_concurrent": st.integers(1, 3),
        "group": st.sampled_from(["a", "b"]),
    }
    if kind in ("rolling", "calendar"):
        some["quota"] = st.sampled_from(["25%", "100%", 7, 40])
    if kind != "concurrent":
        some["reserve"] = st.sampled_from(["20%", "99%", 5, 60])
    for key, values in some.items():
        if draw(st.integers(0, 2)) == 0:
            client[key] = draw(values)
    return client


@st.composite
def scenarios(draw: st.DrawFn, most_clients: int = 5, everything: bool = False) -> Scenario:
    """Draw a scenario: ties, bursts, costs above the limit, limits from 0 to more than enough.

    Its card has whole credits, or tiers and parts of a credit. With ``everything`` also recorded
    demand, and rate cards on which refusals cost credits.
    """
    arrivals = st.one_of(*_LAWS)
    starts = ["2026-01-05", "2026-03-28 20:30", "2026-10-24 00:00:01"]
    cards = [None, None, QUARTERS]
    if everything:
        arrivals = st.one_of(*_LAWS, _calls, _buckets)
        starts = starts[:1]  # recorded demand begins there
        cards += [CHARGING, CHARGING_QUARTERS]
    named = draw(st.sampled_from(cards))
    card = {} if named is None else {"rate_card": str(named)}
    clients: list[dict[str, Any]] = [
        {
            "name": f"client-{place}",
            "arrivals": draw(arrivals),
            "calls": draw(st.lists(_call, min_size=1, max_size=3)),
            "on_throttle": draw(st.one_of(st.just("drop"), _retry)),
        }
        for place in range(draw(st.integers(1, most_clients)))
    ]
    return any_limit(
        draw(st.one_of(st.integers(0, 60), st.integers(61, 3000))),
        clients,
        horizon=draw(st.sampled_from(["1 hour", "1 day", "50 hours", "3 days"])),
        start=draw(st.sampled_from(starts)),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"])),
        seed=draw(st.integers(0, 2**32)),
        **card,
    )
