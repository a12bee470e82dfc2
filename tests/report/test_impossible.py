"""Calls that cost more than the limit: refused for what they are, no pool ran dry."""

from __future__ import annotations

from typing import Any

import pytest

from simulation import InputError, RateCard, plan, run
from simulation.report.plan_in_words import plan_findings
from simulation.report.run_in_words import run_findings
from tests.helpers import any_limit, build, poisson, scheduled

_DEAR = scheduled("loader", "09:00", 2, "five_hundred")
_CHEAP = scheduled("web", "10:00", 5)


@pytest.mark.parametrize("replications", [1, 3])
@pytest.mark.parametrize("random", [False, True])
def test_only_a_pool_that_ran_dry_is_told_as_one(replications: int, random: bool) -> None:
    web = poisson("web", "3 per day") if random else _CHEAP
    only = run(any_limit(400, [_DEAR, web], replications=replications))
    first, second = run_findings(only)
    assert "did the pool run dry" in first or "did not run dry" in first
    assert first.endswith(
        "; 2 calls in a day were refused because each costs more than the whole limit."
    )
    assert "all because they cost more than the whole limit" in second
    assert "ran dry" not in first


def test_of_both_it_is_said_that_calls_were_throttled() -> None:
    told = run_findings(run(any_limit(3, [_DEAR, _CHEAP])))
    assert "calls were throttled, first on day 1" in told[0]
    assert "4 calls" in told[1]
    assert told[1].endswith("and 2 cost more than the whole limit.")
    dry = run_findings(run(any_limit(3, [_CHEAP])))
    assert "the pool ran dry, first on" in dry[0]
    assert "whole limit" not in " ".join(dry)


@pytest.mark.parametrize("edition", ["free", "professional"])
def test_no_licenses_are_not_counted(edition: str) -> None:
    card = RateCard.load("kaizen-34")
    with pytest.raises(InputError, match=f"outside what {edition} can buy, 0 to "):
        card.offer(edition, 0).check_addon(600_000)
    with pytest.raises(InputError, match=f"outside what {edition} with 2 licenses can buy"):
        card.offer(edition, 2).check_addon(600_000)


def test_what_would_do_for_a_free_org_speaks_of_no_licenses() -> None:
    goal: dict[str, Any] = {"throttled_share": 0, "probability": "100%"}
    console = scheduled("console", "09:00", 9_000)
    result = plan(build([console], objective=goal), confirm="none")
    told = " ".join(
        [*plan_findings(result), *(each.change for each in result.recommendation.remedies)]
    )
    assert "edition standard (5,000 credits before those of licenses) and " in told
    assert "0 licenses" not in told.replace("5,000", "").replace("0,000", "")
    heavy = scheduled("heavy", "09:00", 2_000_000)
    told = " ".join(plan_findings(plan(build([heavy], objective=goal), confirm="none")))
    assert " 0 licenses" not in told
