"""Planning at its edges: cards of very many sizes, few replications, and what is confirmed."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

import simulation.planning.over_time
from simulation import InputError, plan
from simulation.planning.frontier import MOST_SIZES, check_sizes
from simulation.planning.over_time import OverTime
from simulation.report.plan_in_words import plan_findings
from tests.helpers import build, creditsim, scheduled
from tests.planning.test_planning import SMALL_STEPS, random_case


def card(folder: Path, **changes: Any) -> str:
    data = {**yaml.safe_load(SMALL_STEPS.read_text()), **changes}
    slabs = [{"credits": data["purchase_cap_credits"], "price_per_1000": "0.1"}]
    (folder / "own.yaml").write_text(
        yaml.safe_dump({**data, "addon_slabs": slabs}, default_flow_style=None)
    )
    return str(folder / "own.yaml")


def test_a_card_of_a_million_sizes_is_refused_with_the_step_that_would_do(tmp_path: Path) -> None:
    own = card(tmp_path, addon_step=1, purchase_cap_credits=1_000_000)
    clients = [scheduled("a", "09:00", 90, "one")]
    keys: dict[str, Any] = {"rate_card": own, "org": {"edition": "any", "user_licenses": 20}}
    scenario = build(clients, **keys)
    with pytest.raises(InputError) as refusal:
        plan(scenario)
    (problem,) = refusal.value.problems
    assert (problem.where, problem.path) == (own, "addon_step")
    assert "gives 1,000,001 sizes from 0 to 1,000,000" in problem.what
    assert f"at most {MOST_SIZES:,}: write 101 or more" in problem.what
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.to_yaml(tmp_path))
    done = creditsim("plan", file)
    assert done.returncode == 2
    assert done.stderr.startswith("own.yaml: addon_step: gives 1,000,001 sizes")
    assert done.stderr.count("\n") == 1
    card(tmp_path, addon_step=101, purchase_cap_credits=1_000_000)
    assert plan(build(clients, **keys), confirm="none").recommendation.addon_credits == 101


@settings(max_examples=25, deadline=None)
@example(cap=MOST_SIZES - 1, step=1)
@example(cap=MOST_SIZES, step=1)
@example(cap=2 * MOST_SIZES - 1, step=1)
@example(cap=2 * MOST_SIZES, step=1)
@example(cap=11 * MOST_SIZES + 9, step=10)
@given(cap=st.integers(MOST_SIZES - 1, 10 * MOST_SIZES), step=st.integers(1, 12))
def test_the_step_that_a_refusal_names_is_the_least_that_will_do(cap: int, step: int) -> None:
    def check(step: int) -> None:
        with TemporaryDirectory() as folder:
            own = card(Path(folder), addon_step=step, purchase_cap_credits=cap)
            org = {"edition": "any", "user_licenses": 20}
            check_sizes(build([scheduled("a", "09:00", 90, "one")], rate_card=own, org=org))

    if cap // step + 1 <= MOST_SIZES:
        check(step)
        return
    with pytest.raises(InputError) as refusal:
        check(step)
    said = re.search(r"write ([\d,]+) or more", refusal.value.problems[0].what)
    assert said is not None
    least = int(said[1].replace(",", ""))
    check(least)
    with pytest.raises(InputError):
        check(least - 1)


def test_what_a_change_or_a_remedy_could_buy_is_bounded_too(tmp_path: Path) -> None:
    own = card(tmp_path, addon_step=1, purchase_cap_credits=10**12)
    org = {"edition": "capped", "user_licenses": 20}  # 40 sizes are left to buy
    clients = [scheduled("a", "09:00", 90, "one")]
    scenario = build(clients, rate_card=own, org=org)
    advice = plan(scenario, confirm="none").recommendation
    assert advice.status == "not_reachable"
    assert [(r.edition, r.addon_credits) for r in advice.remedies] == [("higher", 0)]
    change = {"name": "any", "set": {"org.edition": "any"}}
    with pytest.raises(InputError, match=r"addon_step: gives 1,000,000,000,001 sizes"):
        plan(scenario.changed({"alternatives": [change]}))


def test_an_edition_of_more_sizes_than_are_judged_is_no_remedy_and_says_why(tmp_path: Path) -> None:
    editions = {
        "capped": {"base": 0, "per_license": 1, "maximum": 60},
        "higher": {"base": 0, "per_license": 1, "maximum": None},
    }
    own = card(tmp_path, addon_step=1, purchase_cap_credits=20_000, editions=editions)
    org = {"edition": "capped", "user_licenses": 20}
    scenario = build([scheduled("a", "09:00", 90, "one")], rate_card=own, org=org)
    advice = plan(scenario, confirm="none").recommendation
    assert (advice.status, advice.remedies) == ("not_reachable", [])
    said = {each.change: (each.bound, each.reason) for each in advice.rejected if each.change}
    assert said["edition higher (20 credits with 20 licenses)"] == (
        "sizes",
        f"has 20,001 sizes, more than the {MOST_SIZES:,} that a plan judges",
    )


def test_all_calls_are_confirmed_or_none_or_as_many_as_are_asked_for() -> None:
    scenario = build([scheduled("a", "09:00", 3)], horizon="4 days")

    def confirmed(**option: Any) -> int | None:
        done = plan(scenario, **option).confirmation
        return None if done is None else done.calls

    assert confirmed() == confirmed(confirm="all") == 12
    assert confirmed(confirm=np.int64(6)) == 6
    assert confirmed(confirm=0) is confirmed(confirm="none") is None


@pytest.mark.parametrize("confirm", ["some", "7", True, False, -1, 1.5, None])
def test_what_is_no_number_of_calls_to_confirm_is_refused(confirm: Any) -> None:
    told = f"confirm is {confirm!r}, write a number of calls, 'all' or 'none'"
    with pytest.raises(InputError, match=re.escape(told)):
        plan(build([scheduled("a", "09:00", 3)]), confirm=confirm)


def test_what_is_shown_over_time_is_simulated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = build([scheduled("a", "09:00", 1_200)], horizon="3 days")
    shown = OverTime(scenario)
    shown.simulate()

    def again(*_: Any, **__: Any) -> None:
        raise AssertionError("it is simulated again")

    for name in ("run", "sweep", "sizes_to_compare"):
        monkeypatch.setattr(simulation.planning.over_time, name, again)
    kept = OverTime.of_tables(scenario, shown.tables())
    assert kept.sizes == shown.sizes
    for size in shown.sizes:
        pd.testing.assert_frame_equal(kept.timeline(size), shown.timeline(size))
    with pytest.raises(AssertionError, match="again"):
        OverTime(scenario).simulate()


@pytest.mark.parametrize("goal", [{}, {"cost_of_lost_call": 0.5}])
def test_a_plan_says_the_objective_that_it_was_made_for_and_no_other(goal: dict[str, Any]) -> None:
    scenario = build([scheduled("a", "09:00", 3)], objective=goal)
    said = plan(scenario, confirm="none").to_dict()["objective"]
    assert said == {**(goal or {"throttled_share": 0.001, "probability": 0.95}), "protect": []}


@pytest.mark.parametrize("replications", [1, 2, 3])
@pytest.mark.parametrize(
    "goal",
    [
        {},
        {"throttled_share": "10%", "probability": "50%"},
        {"throttled_share": 0, "probability": "100%"},
        {"cost_of_lost_call": 0.1},
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_plan_of_few_replications_says_what_it_can_say(
    replications: int, goal: dict[str, Any]
) -> None:
    half = {"name": "half of b", "set": {"clients.b.calls.0.api": "two"}}
    scenario = random_case(replications=replications, objective=goal, alternatives=[half])
    result = plan(scenario, max_replications=replications, confirm="none")
    assert result.replications == replications
    words = " ".join(plan_findings(result))
    assert "nan" not in words
    assert "nothing in this" not in words
    assert not any("nan" in reason for reason in result.recommendation.reasons)
    advice = result.recommendation
    assert advice.addon_credits is not None
    assert not advice.decided
    looked = replications if "cost_of_lost_call" in goal else 2 * replications
    told = f"{looked} replication{'s' if looked > 1 else ''}"
    after = f"After {told} this is not decided", f"is not decided after {told}"
    assert any(said in words for said in after)
    assert np.isfinite(result.frontier["throttled_share"]).all()
