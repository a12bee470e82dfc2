"""What a change saves: totals where licenses have prices, never more than is known."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rich.console import Console

from simulation import InputError, Plan, Scenario, load_result, plan
from simulation.batch.rows import alternative_rows, row_of
from simulation.batch.totals import Totals
from simulation.cli.plan_view import _alternative_table
from simulation.formats.words import dollars
from simulation.planning.result import AlternativeResult
from simulation.report import colours, figures
from simulation.report.plan_in_words import best_alternative, plan_findings
from tests.helpers import build, creditsim, poisson, scheduled

_CHANGES: dict[str, dict[str, Any]] = {
    "dearer edition": {"org.edition": "enterprise"},
    "more licenses": {"org.user_licenses": 16},
    "fewer licenses": {"org.user_licenses": 4},
    "fewer calls": {"clients.console.arrivals.schedule.every": "12 s"},
    "an alias of what it is": {"org.edition": "professional"},
    "cheaper licenses": {"org.license_prices": {"professional": "30.50"}},
}


def planned(
    prices: dict[str, Any], changes: dict[str, dict[str, Any]], random: bool = False, **keys: Any
) -> Plan:
    org = {"edition": "professional", "user_licenses": 6, "license_prices": prices}
    console = scheduled("console", "", 1, "get_records_by_cvid")
    console["arrivals"]["schedule"] = {"every": "10.8 s"}  # 24,000 credits a day, 13,000 allowed
    clients = [console, *([poisson("p", "40 per day")] if random else [])]
    alternatives = [{"name": name, "set": change} for name, change in changes.items()]
    goal = {"throttled_share": 0, "probability": "100%"}
    defaults = {"horizon": "2 days", "objective": goal, "alternatives": alternatives}
    scenario = build(clients, org=org, **{**defaults, **keys})
    return plan(scenario, max_replications=scenario.replications, confirm="none")


def saving_of(alternative: AlternativeResult) -> tuple[Decimal, float, float]:
    """Return what an alternative saves, with its interval."""
    assert alternative.saves_per_month is not None
    return alternative.saves_per_month[:3]


def test_a_dearer_edition_is_compared_with_its_licenses() -> None:
    changes = {name: _CHANGES[name] for name in ("dearer edition", "more licenses")}
    result = planned({"professional": 35, "enterprise": 50}, changes)
    dearer, more = result.alternatives
    # 46.20 and 6 x 35 as it is; 12.60 and 6 x 50, or 25.20 and 16 x 35, with the change
    assert (dearer.price_per_month, dearer.total_per_month) == (Decimal("12.60"), Decimal("312.60"))
    assert saving_of(dearer) == (Decimal("-56.40"), -56.4, -56.4)
    assert saving_of(more) == (Decimal("-329.00"), -329.0, -329.0)
    assert best_alternative(result) is None
    assert not any("Better" in said or "alone" in said for said in plan_findings(result))


def test_where_prices_are_not_stated_the_saving_is_in_add_on_credits_alone() -> None:
    prices: dict[str, Any]
    for prices in ({}, {"professional": 35}, {"enterprise": 50}):
        result = planned(prices, {"dearer edition": _CHANGES["dearer edition"]})
        (dearer,) = result.alternatives
        assert dearer.addon_credits_alone
        assert saving_of(dearer) == (Decimal("33.60"), 33.6, 33.6)
        assert best_alternative(result) is None
        words = " ".join(plan_findings(result))
        assert "In add-on credits alone, `dearer edition` saves $33.60 a month" in words
        assert "Better" not in words
    console = Console(width=100)
    with console.capture() as text:
        console.print(_alternative_table(result))
    assert "in add-on credits alone" in text.get()
    chart = figures.alternatives(result)
    assert chart is not None
    assert list(chart.data[0].y) == ["dearer edition<br>(in add-on credits alone)"]
    assert list(chart.data[0].marker.color) == [colours.GREY]
    totals = Totals()
    totals.add({"best_alternative": None, **row_of(result, None)}, alternative_rows(result))
    told = totals.to_dict()
    assert told["best_alternatives"]["items"] == 0
    assert told["alternatives"]["dearer edition"]["addon_credits_alone"] == 1


def test_a_change_that_leaves_licenses_as_they_are_needs_no_prices() -> None:
    names = ("fewer calls", "an alias of what it is")
    result = planned({}, {name: _CHANGES[name] for name in names})
    assert not any(each.addon_credits_alone for each in result.alternatives)
    best = best_alternative(result)
    assert best is not None
    assert best.name == "fewer calls"
    assert plan_findings(result)[1].startswith("Better: `fewer calls` needs ")


def test_a_free_edition_s_licenses_cost_nothing() -> None:
    to_free = {"org.edition": "free", "org.user_licenses": None}
    fewer = {**to_free, "clients.console.arrivals.schedule.every": "1 min"}
    (free,) = planned({"professional": 35}, {"free": fewer}).alternatives
    assert saving_of(free) == (Decimal("256.20"), 256.2, 256.2)
    assert not free.addon_credits_alone


def test_where_no_size_is_enough_nothing_is_saved_and_the_plan_read_back_says_so_too(
    tmp_path: Path,
) -> None:
    changes = {"more calls": {"clients.console.arrivals.schedule.every": "0.1 s"}, **_CHANGES}
    names = ("more calls", "dearer edition")
    first = planned({}, {name: changes[name] for name in names})
    too_many, dearer = first.alternatives
    assert (too_many.status, too_many.saves_per_month) == ("not_reachable", None)
    assert dearer.saves_per_month is not None
    scenario = first.scenario.changed(changes["more calls"])
    made = plan(scenario, max_replications=1, confirm="none", out=tmp_path)
    again = load_result(tmp_path)
    assert isinstance(again, Plan)
    assert again.recommendation == made.recommendation
    assert (again.recommendation.status, again.recommendation.price_per_month) == (
        "not_reachable",
        None,
    )
    assert again.alternatives == made.alternatives
    assert [each.saves_per_month for each in again.alternatives] == [None, None]


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["professional", "enterprise"]),
        st.decimals(0, 200, places=2).map(str),
    ),
    st.sampled_from(sorted(_CHANGES)),
)
def test_a_saving_is_the_difference_of_the_totals_or_says_that_it_is_not(
    prices: dict[str, Any], name: str
) -> None:
    result = planned(prices, {name: _CHANGES[name]}, random=True, replications=2)
    (then,) = result.alternatives
    now = result.recommendation.price_per_month
    assert now is not None
    assert then.price_per_month is not None
    assert then.saves_per_month is not None
    saving, low, high = then.saves_per_month[:3]
    assert low <= float(saving) + 1e-9
    assert high >= float(saving) - 1e-9
    if then.addon_credits_alone:
        assert saving == now - then.price_per_month
        assert best_alternative(result) is None
        assert then.total_per_month is None or "professional" not in prices
    elif then.total_per_month is not None and "professional" in prices:
        assert saving == now + 6 * Decimal(prices["professional"]) - then.total_per_month
    else:
        assert saving == now - then.price_per_month
        assert name in ("fewer calls", "an alias of what it is")


def test_a_plan_read_back_tells_the_same_of_its_alternatives(tmp_path: Path) -> None:
    org = {"edition": "professional", "user_licenses": 6, "license_prices": {"professional": 35}}
    names = ("dearer edition", "more licenses", "cheaper licenses")
    alternatives = [{"name": name, "set": _CHANGES[name]} for name in names]
    console = scheduled("console", "09:00", 8_000, "get_records_by_cvid")
    scenario = build([console], org=org, alternatives=alternatives)
    first = plan(scenario, confirm="none", out=tmp_path)
    again = load_result(tmp_path)
    assert isinstance(again, Plan)
    assert again.alternatives == first.alternatives
    assert any(each.addon_credits_alone for each in again.alternatives)
    assert dollars(again.alternatives[1].total_per_month or 0) == "$585.20"


_NOT_COMPARABLE = {
    "name": "other",
    "objective": {"throttled_share": "1%"},
    "objective.protect": ["web"],
    "start": "2026-06-01",
    "timezone": "Asia/Tokyo",
    "horizon": "2 days",
    "warmup": "1 hour",
    "seed": 7,
    "replications": 7,
    "alternatives": [],
    "clients.web.name": "site",
}
_COMPARABLE = {
    "rate_card": "kaizen-93",
    "addon_billing": "consumed",
    "billed_use": "any_24_hours",
    "org": {"edition": "free"},
    "clients.web.calls.other.weight": 2,
    "clients": [poisson("web", "1 per day")],
    "other_apis": ["mine"],
    "initial_usage": {"credits": 5},
}


def test_whether_an_alternative_may_set_it_is_decided_for_every_key() -> None:
    decided = {key.split(".")[0] for key in (*_NOT_COMPARABLE, *_COMPARABLE)}
    assert decided == set(Scenario.model_fields)


@given(st.sets(st.sampled_from([*_NOT_COMPARABLE, *_COMPARABLE]), min_size=1))
@settings(deadline=None)
def test_what_would_compare_unlike_things_is_refused_beside_all_other_mistakes(
    keys: set[str],
) -> None:
    inside = [key for key in keys if key.startswith("clients.")]
    assume("clients" not in keys or not inside)  # two keys for one value are refused as such
    change = {key: {**_NOT_COMPARABLE, **_COMPARABLE}[key] for key in sorted(keys)}
    wrong = {f"alternatives.x.set.{key}" for key in keys & _NOT_COMPARABLE.keys()}
    alternatives = [{"name": "x", "set": change}, {"name": "y", "set": {"seedd": 1}}]
    with pytest.raises(InputError) as refusal:
        build([poisson("web", "5 per day")], alternatives=alternatives)
    told = {problem.path: problem.what for problem in refusal.value.problems}
    assert told.keys() == {*wrong, "alternatives.y.set"}
    assert told["alternatives.y.set"].startswith("seedd: is an unknown key")
    for path in wrong:
        assert "the scenario" in told[path] or "has no effect here" in told[path]


@pytest.mark.parametrize("command", ["validate", "run", "plan"])
def test_every_command_tells_what_no_alternative_may_set(tmp_path: Path, command: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "name: A\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 2 days\nwarmup: 0\nclients:\n"
        "- name: a\n  arrivals: {schedule: {every: 1 hour}}\n  calls: [{api: other}]\n"
        "alternatives:\n- name: longer\n  set:\n    horizon: 3 days\n    objective.protect: [a]\n"
    )
    done = creditsim(command, file)
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(f"{file}:13: alternatives.longer.set.horizon: is the same for the ")
    assert second.startswith(f"{file}:14: alternatives.longer.set.objective.protect: is what ")
