"""A plan on estimated rates says how far they are known, and what a tenth more demand needs."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulation import Plan, Scenario, load_result, load_scenario, plan, run
from simulation.planning.estimates import Estimates, MoreDemand
from simulation.report import estimates_in_words, report, run_on_estimates
from tests.helpers import build, creditsim, poisson, scheduled

QUICK: dict[str, Any] = {"confirm": "none", "max_replications": 16, "workers": 1}


def rate(calls: float, width: float = 0.2) -> dict[str, str]:
    """Return a rate that is known within a width around it, as a part of it."""
    ends = {"low": calls * (1 - width / 2), "high": calls * (1 + width / 2)}
    return {key: f"{each:.1f} per day" for key, each in {"estimate": calls, **ends}.items()}


def estimated(name: str, calls: float, width: float = 0.2, **more: Any) -> dict[str, Any]:
    """Return a client at random whose rate is an estimate."""
    return poisson(name, "", poisson={"rate": rate(calls, width)}, **more)


def busy(*clients: dict[str, Any], **keys: Any) -> Scenario:
    """Return an org that has to buy for these clients."""
    its = {"edition": "standard", "user_licenses": 4}
    return build(list(clients), **{"org": its, "horizon": "3 days", "replications": 16, **keys})


def said(scenario: Scenario) -> list[str]:
    """Return what the plan of a scenario says of its estimates."""
    return estimates_in_words(plan(scenario, **QUICK))


def more_of(scenario: Scenario) -> MoreDemand:
    """Return what the plan of a scenario says of more demand."""
    found = plan(scenario, **QUICK).estimates
    assert found is not None
    return found.more_demand


@pytest.mark.parametrize("calls", [1_000, 6_500, 9_000])
@pytest.mark.parametrize("objective", [{}, {"cost_of_lost_call": 0.01}])
def test_more_demand_needs_what_a_plan_of_all_rates_a_tenth_higher_says(
    calls: int, objective: dict[str, Any]
) -> None:
    now = busy(estimated("web", calls), poisson("phone", "300 per day"), objective=objective)
    higher = {"clients.web.arrivals.poisson.rate": f"{1.1 * calls} per day"}
    higher["clients.phone.arrivals.poisson.rate"] = "330 per day"
    advice, more = plan(now.changed(higher), **QUICK).recommendation, more_of(now)
    assert (more.status, more.addon_credits, more.price_per_month) == (
        advice.status,
        advice.addon_credits,
        advice.price_per_month,
    )


def test_where_no_purchase_is_enough_more_demand_changes_nothing() -> None:
    now = busy(estimated("web", 6_000), org={"edition": "free"})
    assert (more_of(now).status, more_of(now).addon_credits) == ("not_reachable", None)
    assert said(now)[1] == "With 10 % more demand no purchase would be enough either."


def test_known_rates_give_the_plan_of_before_to_the_byte(tmp_path: Path) -> None:
    known = busy(poisson("web", "9000 per day"), alternatives=[])
    result = plan(known, **QUICK)
    assert result.estimates is None
    assert "estimates" not in result.to_dict()
    assert estimates_in_words(result) == []
    assert run_on_estimates(run(known, replications=1)) == []


def test_the_plan_itself_takes_no_notice() -> None:
    plans = [
        plan(busy(each), **QUICK).to_dict()
        for each in (
            estimated("web", 9_000),
            poisson("web", "9000 per day"),
        )
    ]
    assert plans[0].pop("estimates")
    assert plans[0] == plans[1]


def test_a_rate_that_is_set_is_known_and_the_others_stay_estimates(tmp_path: Path) -> None:
    now = busy(estimated("web", 9_000), estimated("phone", 300))
    (tmp_path / "org.yaml").write_text(now.to_yaml(tmp_path))
    set_ = "clients.web.arrivals.poisson.rate=9000 per day"
    found = plan(load_scenario(tmp_path / "org.yaml", set_), **QUICK).estimates
    assert found is not None
    assert [each.client for each in found.rates] == ["phone"]


def test_what_cannot_make_a_tenth_more_calls_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("timestamp\n2026-01-05T10:00\n")
    job = {"schedule": {"at": "02:00", "each": {"calls": 20}}}
    clients = [
        estimated("web", 9_000),
        {
            "name": "recorded",
            "arrivals": {"trace": {"file": "usage.csv"}},
            "calls": [{"api": "other"}],
        },
        scheduled("once", "02:00", 4),
        scheduled("nightly", "02:00", 40),
        {"name": "bursts", "arrivals": job, "calls": [{"api": "other"}]},
        {
            "name": "poll",
            "arrivals": {"schedule": {"every": "11 minutes"}},
            "calls": [{"api": "other"}],
        },
    ]
    keys = {"org": {"edition": "professional", "user_licenses": 1}, "horizon": "3 days"}
    now = build(clients, tmp_path, replications=4, **keys)
    more = more_of(now)
    assert more.unchanged == {
        "recorded": "recorded calls",
        "once": "4 calls each time",
    }
    unchanged = "(`recorded` of recorded calls and `once` of 4 calls each time stay as they are)"
    assert f"With 10 % more demand {unchanged[:-1]}{WHY} " in said(now)[1]
    by_hand = now.changed(
        {
            "clients.web.arrivals.poisson.rate": "9900 per day",
            "clients.nightly.arrivals.schedule.calls": 44,
            "clients.bursts.arrivals.schedule.each.calls": 22,
            "clients.poll.arrivals.schedule.every": "10 minutes",
        }
    )
    assert more.addon_credits == plan(by_hand, **QUICK).recommendation.addon_credits


WHY = ", for a tenth more is no whole number)"


def test_jobs_of_one_call_are_not_named_one_by_one() -> None:
    jobs = [scheduled(f"job-{number}", f"0{number}:00", 1) for number in range(1, 6)]
    unchanged = "(5 clients of 1 call each time stay as they are)"
    assert (
        f"With 10 % more demand {unchanged[:-1]}{WHY} "
        in said(busy(estimated("web", 900), *jobs))[1]
    )
    unchanged = "(`job-1` of 1 call each time stays as it is)"
    assert (
        f"With 10 % more demand {unchanged[:-1]}{WHY} "
        in said(busy(estimated("web", 900), jobs[0]))[1]
    )


def test_calls_are_those_of_bursts_one_by_one() -> None:
    """80 arrivals of 5 calls are 400 calls a day, and so are the ends of the interval."""
    burst = {"calls": 5, "every": "1 s"}
    web = poisson("web", "", poisson={"rate": rate(80, 0.5), "each": burst})
    (line,) = run_on_estimates(run(busy(web, replications=1)))
    assert line.endswith("of the credits: 400 calls a day, 95 % interval 300 to 500.")
    calls = {"estimate": 30, "low": 25, "high": 34}
    job = scheduled("job", "02:00", 1, schedule={"calls": calls, "each": burst})
    (line,) = run_on_estimates(run(busy(job, replications=1)))
    assert line.endswith("of the credits: 150 calls each time, 95 % interval 125 to 170.")


def test_more_than_a_scenario_can_say_is_told_and_the_plan_goes_on() -> None:
    burst = {"calls": 10, "every": "18 hours 30 minutes"}  # of 11 it would last more than a week
    job = scheduled("job", "02:00", 1, schedule={"each": burst})
    result = plan(busy(estimated("web", 100), job), **QUICK)
    assert result.estimates is not None
    assert result.estimates.more_demand.status == "not_judged"
    _, more = estimates_in_words(result)
    what = "clients.job.arrivals.schedule.each: lasts 7 days 17 hours"
    assert more.startswith(f"What 10 % more demand would need was not judged: {what}")


def test_of_the_clients_that_take_most_credits_the_least_known_is_named() -> None:
    clients = [
        estimated("small", 100, 0.9),
        estimated("wide", 4_000, 0.3),
        estimated("narrow", 5_000, 0.1),
    ]
    first, _ = said(busy(*clients))
    assert first == (
        "Rates are estimates, the least sure of those that matter that of `wide`, which takes "
        "44 % of the credits: 4,000 calls a day, 95 % interval 3,400 to 4,600."
    )
    dear = estimated("small", 100, 0.9, api="bulk_write")
    assert "above all that of `small`, which takes 8" in said(busy(dear, *clients[1:]))[0]


def test_a_run_says_the_same_of_its_rates_in_one_line() -> None:
    now = busy(estimated("wide", 4_000, 0.3), estimated("narrow", 5_000, 0.1), replications=2)
    (line,) = run_on_estimates(run(now))
    assert line.startswith(
        "Rates are estimates, the least sure of those that matter that of `wide`"
    )
    job = scheduled("job", "02:00", 1, schedule={"calls": {"estimate": 30, "low": 25, "high": 34}})
    (line,) = run_on_estimates(run(busy(job, poisson("web", "10 per day"), replications=1)))
    assert line.startswith("How much is called is an estimate for `job`, which takes ")
    assert line.endswith(" of the credits: 30 calls each time, 95 % interval 25 to 34.")


def test_what_more_would_cost_is_said_beside_what_is_recommended() -> None:
    result = plan(busy(estimated("web", 9_000)), **QUICK)
    assert result.estimates is not None
    size, more = result.recommendation.addon_credits, result.estimates.more_demand
    assert size is not None
    assert more.addon_credits is not None
    assert more.price_per_month is not None
    assert result.recommendation.price_per_month is not None
    apart = more.price_per_month - result.recommendation.price_per_month
    assert apart > 0
    do = "would be enough" if more.decided else "would perhaps be enough"
    assert estimates_in_words(result)[1] == (
        f"With 10 % more demand {more.addon_credits:,} add-on credits {do}, for "
        f"${more.price_per_month:.2f} a month: {more.addon_credits - size:,} more than {size:,}, "
        f"${apart:.2f} more."
    )


def test_where_a_tenth_more_changes_nothing_that_is_said() -> None:
    few = busy(estimated("web", 100), replications=120)  # enough to decide
    none = estimates_in_words(plan(few, **{**QUICK, "max_replications": 120}))
    assert none[1] == "With 10 % more demand no add-on credits would be needed either."
    same = said(busy(estimated("web", 6_200), objective={"throttled_share": "3%"}))
    assert same[1] == "With 10 % more demand the same 1,000 add-on credits would perhaps be enough."


def test_it_is_written_read_back_and_on_the_page_and_in_the_terminal(tmp_path: Path) -> None:
    now = busy(estimated("web", 9_000))
    made = plan(now, out=tmp_path / "out", **QUICK)
    read = load_result(tmp_path / "out")
    assert isinstance(read, Plan)
    assert read.estimates == made.estimates
    kept = json.loads((tmp_path / "out" / "plan.json").read_text(), parse_float=Decimal)
    assert Estimates.from_dict(kept["estimates"]) == made.estimates
    assert kept["estimates"]["rates"][0]["ci95"] == [Decimal("8100.0"), Decimal("9900.0")]
    sentences = estimates_in_words(made)
    page = report(made)
    assert all(each.replace("`", "`") in page for each in sentences)
    assert run_on_estimates(run(now, replications=1))[0] in report(run(now, replications=1))
    (tmp_path / "org.yaml").write_text(now.to_yaml(tmp_path))
    for command, line in (("plan", sentences[1]), ("run", "How much is called is an estimate")):
        options = ["--max-replications", "16", "--confirm", "none"] if command == "plan" else []
        shown = creditsim(command, str(tmp_path / "org.yaml"), *options).stdout
        assert " ".join(line.split()[:9]) in " ".join(shown.split())
