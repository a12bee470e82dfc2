"""What a run and a plan say of themselves: sentences and headings, by what the figures are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulation import RunResult, plan, run
from simulation.cli.console import Console
from simulation.cli.plan_view import sizes_worth_seeing
from simulation.cli.run_view import run_view
from simulation.formats.words import percent
from simulation.planning.result import Plan, surely_enough
from simulation.report.plan_in_words import advice_in_brief, what_it_is
from simulation.report.run_in_words import precision_finding, run_findings
from tests.helpers import any_limit, poisson
from tests.planning.test_planning import random_case


@pytest.fixture(scope="module")
def result() -> RunResult:
    """A run whose pool runs dry in some of its replications, not in most."""
    scenario = any_limit(54, [poisson("a", "40 per day")], horizon="4 days", warmup="1 day")
    return run(scenario.changed({"replications": 30}), examine_start=False)


def test_when_a_pool_runs_dry_is_said_of_all_runs_or_of_those_that_do(result: RunResult) -> None:
    first = result.runs["hours_to_first_throttle"].dropna().sort_values()
    dry = len(first)
    assert 1 < dry < 15
    clock = result.scenario.clock
    those = clock.say(int(first.iloc[(dry - 1) // 2] * 3_600_000_000))
    assert f"In {dry} of 30 simulated runs of 3 days (95 % interval " in run_findings(result)[0]
    assert (
        f"in half of those by {those}, the warm-up of 1 day not counted."
        in (run_findings(result)[0])
    )
    most = run(result.scenario.changed({"org.user_licenses": 46}), examine_start=False)
    half = most.estimate("hours_to_first_throttle").mean
    assert np.isfinite(half)
    moment = clock.say(int(half * 3_600_000_000))
    assert f"in half of all runs of 3 days by {moment}" in run_findings(most)[0]
    assert "not counted" not in run_findings(run(most.scenario.changed({"warmup": 0})))[0]


def test_no_median_stands_under_the_heading_mean(
    result: RunResult, capsys: pytest.CaptureFixture[str]
) -> None:
    Console().print(run_view(result))
    shown = capsys.readouterr().out
    heading = next(line for line in shown.splitlines() if "In one run" in line)
    assert " ".join(heading.split()) == "In one run, by 30 simulated estimate 95 % interval"
    assert "mean" not in shown
    assert "most credits held in any window, median" in shown
    assert "usage, warm-up too " in shown


def test_how_precise_a_share_is_is_said_only_where_the_replications_tell(
    result: RunResult,
) -> None:
    share = result.estimate("throttled_share")
    known = percent((share.high - share.low) / 2 / share.mean)
    said = precision_finding(result, "5%")
    assert said.startswith(
        f"After 30 replications half the 95 % interval of the throttled share is {known}"
    )
    one = run(result.scenario.changed({"org.user_licenses": 30}), replications=1)
    assert one.runs["throttled_calls"].all()
    assert precision_finding(one, "5%").startswith("One replication does not tell")
    none = run(result.scenario.changed({"org.user_licenses": 900}), replications=2)
    assert precision_finding(none, "5%").startswith("No call was throttled in 2 replications")


def _between(low: int, high: int | None, looks_best: int, **more: Any) -> Plan:
    """Return a plan that is open between two sizes."""
    made = plan(random_case(), max_replications=10, confirm="none")
    advice = replace(
        made.recommendation,
        decided=False,
        undecided_between=(low, high),
        addon_credits=looks_best,
        **more,
    )
    return replace(made, recommendation=advice)


@pytest.mark.parametrize(
    ("low", "high", "brief", "labels"),
    [
        (4, 12, "buy 12: surely enough; 8 may be too", {8: "may be enough", 12: "surely enough"}),
        (0, 8, "buy 8", {8: "may be enough"}),
        (4, None, "not decided whether any purchase is enough, 8 may be", {8: "may be enough"}),
    ],
)
def test_a_plan_that_is_open_names_what_is_surely_enough_first(
    low: int, high: int | None, brief: str, labels: dict[int, str]
) -> None:
    open_ = _between(low, high, 8)
    assert surely_enough(open_) == high
    assert advice_in_brief(open_) == brief
    seen = sizes_worth_seeing(open_)
    assert {size: seen[size] for size in labels} == labels
    assert "recommended" not in seen.values()


def test_a_plan_that_is_decided_recommends() -> None:
    advice = replace(_between(4, 12, 8).recommendation, decided=True, undecided_between=None)
    decided = replace(_between(4, 12, 8), recommendation=advice)
    assert surely_enough(decided) == 8
    assert what_it_is(decided, 8) == "recommended"
    assert what_it_is(decided, 12) == ""
    assert advice_in_brief(decided) == "buy 8"
