"""Bills: what is paid where the card bills the add-on credits that are used."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from itertools import pairwise
from math import ceil, isnan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from simulation import plan, plan_portfolio, run
from simulation.cli.batch_view import batch_view
from simulation.demand import Demand
from simulation.errors import InputError
from simulation.experiment import Estimate
from simulation.formats import to_json
from simulation.planning import Plan, load_result
from simulation.planning.billing import Billing, days_billed, worst_of
from simulation.rate_cards import RateCard
from simulation.report import plan_findings
from simulation.scenario import Scenario
from tests.helpers import build, judge, poisson, scheduled

_RETRY = {"retry": {"first": "20 minutes", "factor": 2, "max_attempts": 6, "jitter": "full"}}


def billed(clients: list[dict[str, Any]], **keys: Any) -> Scenario:
    """Build a scenario of 10,500 credits a day that pays for what it uses above them."""
    return build(
        clients,
        **{
            "org": {"edition": "professional", "user_licenses": 1},
            "addon_billing": "consumed",
            "horizon": "9 days",
            **keys,
        },
    )


def busy(retries: bool = False, rate: int = 10_000, **keys: Any) -> Scenario:
    """Build one that uses more than its allowance on most days, across a change of the clock."""
    client = poisson("p", f"{rate} per day")
    client["arrivals"]["poisson"] |= {"daily_variation": "20%", "profile": "office_hours"}
    if retries:
        client["on_throttle"] = _RETRY
    return billed([client], **{"start": "2026-03-25", "timezone": "Europe/Berlin", **keys})


def test_a_day_that_uses_80_000_of_a_limit_of_100_000_costs_6_dollars_80() -> None:
    offer = RateCard.load("zoho-crm-2026").offer("professional", 6)
    used = offer.billed(offer.allowance + 80_000, 100_000)
    assert offer.price_per_day(used) == Decimal("6.80")
    scenario = billed([scheduled("s", "09:00", 1)], rate_card="zoho-crm-2026")
    assert Billing(scenario).per_day(np.array([80_000]))[0] == pytest.approx(6.8, abs=1e-12)


@given(used=st.integers(0, 500_000), card=st.sampled_from(["kaizen-34", "zoho-crm-2026"]))
def test_a_day_costs_what_the_slabs_say_whole_steps_or_not(used: int, card: str) -> None:
    scenario = billed([scheduled("s", "09:00", 1)], rate_card=card)
    price = float(scenario.card.price_per_day(used))
    assert Billing(scenario).per_day(np.array([used]))[0] == pytest.approx(price, abs=1e-9)


def recounted_bills(scenario: Scenario, size: int) -> list[list[float]]:
    """Return the bill of each whole day of each replication, by the calls of a run, in plain sums.

    No refusal costs credits here, so what is consumed is what the calls that succeeded cost.
    """
    sized = scenario.changed({"org.addon_credits": size})
    calls = run(sized, engine="compiled").calls
    offer, zone = scenario.offer, str(scenario.timezone)
    begin = pd.Timestamp(scenario.clock.start).tz_convert("UTC")
    first = begin + pd.Timedelta(scenario.warmup_end, "us")
    last = begin + pd.Timedelta(scenario.horizon, "us")
    midnights = pd.date_range(begin.tz_convert(zone).normalize(), periods=400, freq="D")
    midnights = midnights.tz_convert("UTC")
    days = [(a, b) for a, b in pairwise(midnights) if a >= first and b <= last]
    window, found = pd.Timedelta("24 hours"), []
    for replication in range(scenario.replications):
        done = calls[(calls["replication"] == replication) & (calls["outcome"] == "succeeded")]
        done = done.sort_values("settled_at", kind="stable")
        at, total = done["settled_at"], np.concatenate(([0], done["credits"].cumsum()))

        def until(moments: Any, side: Any = "right", its: Any = at, sums: Any = total) -> Any:
            return sums[its.searchsorted(moments, side)]

        bills = []
        for a, b in days:
            used = int(until(b, "left") - until(a, "left"))
            if scenario.billed_use_of_a_day == "any_24_hours":
                within = at[(at >= a) & (at < b)]
                held = until(within) - until(within - window)
                used = max(int(until(a, "left") - until(a - window)), *held.tolist(), 0)
            used = min(size, max(0, used - offer.allowance))
            bills.append(float(offer.price_per_day(used)))
        found.append(bills)
    return found


@pytest.mark.parametrize("use", ["calendar_day", "any_24_hours"])
@pytest.mark.parametrize("retries", [False, True])
def test_bills_of_sweeps_are_what_the_calls_of_runs_cost_day_by_day(
    use: str, retries: bool
) -> None:
    # 29 March has 23 hours. The smallest sizes throttle, the largest sleep or are never reached.
    scenario = busy(retries, billed_use=use, replications=2, warmup="30 hours", horizon="7 days")
    sizes = [0, 1000, 3000, 12_000, 300_000]
    limits = np.array([scenario.offer.limit(size) for size in sizes])
    judged = judge(Demand(scenario), [0, 1], limits)
    assert judged.bills is not None
    assert judged.throttled[:, :2].any()
    for column, size in enumerate(sizes):
        for replication, days in enumerate(recounted_bills(scenario, size)):
            month = sum(days) / len(days) * 30
            assert judged.bills[replication, column] == pytest.approx(month, abs=1e-9)
    assert (judged.bills[:, 1:] > 0).all()
    assert (judged.bills[:, 0] == 0).all()


def test_both_kinds_of_use_bill_otherwise() -> None:
    limits = np.array([40_000])
    night = scheduled("night", "22:00", 2000, "convert_lead")
    night["arrivals"]["schedule"]["over"] = "4 hours"  # half of it on the next day
    found = [
        judge(Demand(billed([night], billed_use=use)), [0], limits).bills
        for use in ("calendar_day", "any_24_hours")
    ]
    assert found[0] is not None
    assert found[1] is not None
    # 10,000 credits in one window every day: none above 10,500, whatever the day.
    assert found[0][0, 0] == found[1][0, 0] == 0
    night["arrivals"]["schedule"] |= {"calls": 4000, "days": ["tue"]}  # 20,000 in one night
    by_day, by_window = (
        judge(Demand(billed([night], billed_use=use)), [0], limits).bills
        for use in ("calendar_day", "any_24_hours")
    )
    assert by_day is not None
    assert by_window is not None
    # 10,000 on each calendar day, and 20,000 in the 24 hours that end on Wednesday; at Tuesday's
    # last moment 10,000 are in use.
    assert by_day[0, 0] == 0
    assert by_window[0, 0] == pytest.approx(9500 * 0.14 / 1000 / 9 * 30)


def test_only_whole_days_after_the_warm_up_are_billed() -> None:
    scenario = busy(start="2026-03-25 13:00", warmup="40 hours", horizon="5 days")
    # From 27 March 05:00 to 30 March 14:00: the 28th and the 29th, which has 23 hours, are whole.
    assert [str(scenario.clock.date(int(day))) for day in days_billed(scenario)] == [
        "2026-03-28",
        "2026-03-29",
    ]


def test_a_plan_without_a_whole_day_to_bill_is_refused_with_the_remedy() -> None:
    scenario = busy(start="2026-03-25 13:00", warmup="2 hours", horizon="30 hours")
    with pytest.raises(InputError, match=r"horizon: leaves no whole local day .* write 2 days"):
        plan(scenario, confirm="none")
    plan(scenario.changed({"addon_billing": "purchased"}), confirm="none", max_replications=1)


def test_what_is_paid_at_most_is_the_price() -> None:
    scenario = billed([scheduled("s", "00:00", 60_000)], warmup="1 day")
    sizes = np.array([0, 1000, 5000, 25_000])
    judged = judge(Demand(scenario), [0], scenario.offer.allowance + sizes)
    prices = [float(scenario.offer.price_per_month(int(size))) for size in sizes]
    assert judged.bills is not None
    assert judged.bills == pytest.approx(np.array([prices]))  # all of it is used every day


def test_a_day_of_25_hours_that_sees_two_windows_is_billed_the_size_at_most() -> None:
    twice = scheduled("s", "00:00", 60_000)
    twice["arrivals"]["schedule"]["at"] = ["00:00", "23:30"]
    scenario = billed([twice], start="2026-10-25", timezone="Europe/Berlin", horizon="25 hours")
    sizes = np.array([1000, 25_000])
    judged = judge(Demand(scenario), [0], scenario.offer.allowance + sizes)
    prices = [float(scenario.offer.price_per_month(int(size))) for size in sizes]
    assert judged.bills == pytest.approx(np.array([prices]))


@settings(max_examples=60)
@given(
    days=st.integers(1, 95),
    replications=st.integers(1, 60),
    seed=st.integers(0, 2**20),
)
def test_the_worst_month_is_one_of_30_days_in_20_that_no_more_exceed(
    days: int, replications: int, seed: int
) -> None:
    each = np.random.default_rng(seed).integers(0, 100, (replications, days)).astype(float)
    # In plain words: months one after the other, of runs that are long enough or of several.
    if days >= 30:
        months = [
            sum(run_[first : first + 30])
            for run_ in each.tolist()
            for first in range(0, days - 29, 30)
        ]
    else:
        runs = ceil(30 / days)
        months = [
            sum(each[first : first + runs].ravel().tolist()[:30])
            for first in range(0, replications - runs + 1, runs)
        ]
    from simulation.planning.billing import _in_parts

    parts = np.stack([_in_parts(run_[np.newaxis]) for run_ in each])
    worst = float(worst_of(parts, days, certain=False)[0])
    if len(months) < 20:
        assert isnan(worst)
    else:
        assert sum(month > worst for month in months) * 20 <= len(months)
        assert sum(month >= worst for month in months) * 20 > len(months)
        assert worst in months


def planned(scenario: Scenario, **options: Any) -> Plan:
    return plan(scenario, confirm="none", **options)


@pytest.fixture(scope="module")
def paid_by_use() -> Plan:
    scenario = busy(rate=9000, warmup="1 day", horizon="12 days", replications=60)
    return planned(scenario, max_replications=60)


def test_where_the_whole_size_is_paid_bills_are_the_price() -> None:
    result = planned(busy(addon_billing="purchased", warmup="1 day"), max_replications=30)
    for table in (result.frontier, result.fresh):
        prices = table["price_per_month"].astype(float)
        for name in ("bill_per_month", "bill_per_month_low", "bill_per_month_high"):
            assert (table[name] == prices).all()
        assert (table["worst_bill_per_month"] == prices).all()
    advice = result.recommendation
    assert advice.bill_per_month is not None
    assert advice.bill_per_month.mean == advice.bill_per_month.low == advice.worst_bill_per_month
    assert advice.worst_bill_per_month == float(advice.price_per_month or -1)
    assert "at most;" not in plan_findings(result)[0]


def test_the_size_advised_is_the_same_however_it_is_billed(paid_by_use: Plan) -> None:
    bought = planned(
        paid_by_use.scenario.changed({"addon_billing": "purchased"}), max_replications=60
    )
    same = [name for name in bought.frontier if "bill" not in name]
    pd.testing.assert_frame_equal(bought.frontier[same], paid_by_use.frontier[same])
    assert bought.recommendation.addon_credits == paid_by_use.recommendation.addon_credits


def test_the_bill_of_the_advice_is_that_of_replications_that_did_not_choose_it(
    paid_by_use: Plan,
) -> None:
    advice = paid_by_use.recommendation
    assert advice.addon_credits
    assert advice.bill_per_month is not None
    fresh = paid_by_use.fresh.set_index("addon_credits").loc[advice.addon_credits]
    search = paid_by_use.frontier.set_index("addon_credits").loc[advice.addon_credits]
    assert advice.bill_per_month == Estimate.from_row(fresh, "bill_per_month")
    assert advice.bill_per_month.mean != search["bill_per_month"]
    assert advice.bill_per_month.low < advice.bill_per_month.mean < advice.bill_per_month.high
    assert advice.bill_per_month.high <= float(advice.price_per_month or 0)
    # 60 runs of 11 days are 20 months.
    assert advice.worst_bill_per_month is not None
    assert advice.bill_per_month.mean < advice.worst_bill_per_month
    assert advice.worst_bill_per_month <= float(advice.price_per_month or 0)


def test_the_advice_begins_with_the_limit_to_set_and_what_is_paid(paid_by_use: Plan) -> None:
    advice, first = paid_by_use.recommendation, plan_findings(paid_by_use)[0]
    bill = advice.bill_per_month
    assert bill is not None
    size = paid_by_use.row(int(advice.addon_credits or 0))["addon_credits"]
    if not advice.decided and advice.undecided_between is not None:
        size = advice.undecided_between[1]
    row = paid_by_use.row(int(size))
    assert first.startswith(
        f"Set the limit of add-on credits to {size:,}: ${row['price_per_month']:,} a month at "
        f"most; you would pay about ${row['bill_per_month']:.2f} (95 % interval "
        f"${row['bill_per_month_low']:.2f} to ${row['bill_per_month_high']:.2f}), "
        f"${row['worst_bill_per_month']:.2f} in the worst month in 20. "
    )


def test_json_has_the_bill_of_each_size_and_is_read_back(paid_by_use: Plan, tmp_path: Path) -> None:
    given = json.loads(to_json(paid_by_use.to_dict()))
    for row in [*given["frontier"], *given["fresh"], given["recommendation"], given["current"]]:
        assert {*row["bill_per_month"]} == {"mean", "ci95"}
        assert "worst_bill_per_month" in row
    written = planned(
        paid_by_use.scenario.changed({"replications": 8}), max_replications=8, out=tmp_path / "p"
    )
    read = load_result(tmp_path / "p")
    assert isinstance(read, Plan)
    assert to_json(read.to_dict()) == to_json(written.to_dict())
    assert read.recommendation.worst_bill_per_month is None  # of 8 runs of 11 days: 2 months


def test_the_least_cost_counts_the_bill_in_place_of_the_price() -> None:
    # A burst on one day in nine: buying for it every day costs more than the calls are worth.
    burst = scheduled("burst", "10:00", 15_000)
    burst["arrivals"]["schedule"]["days"] = ["2026-01-13"]
    cost = {"cost_of_lost_call": 0.0005}
    scenario = billed([burst, poisson("p", "500 per day")], objective=cost, replications=20)
    sizes = {
        billing: planned(
            scenario.changed({"addon_billing": billing}), max_replications=40
        ).recommendation.addon_credits
        for billing in ("purchased", "consumed")
    }
    # Every size costs its price each day, 0.14 per 1,000: more than what 1,000 lost calls a run do.
    assert sizes["purchased"] == 0
    # What is used on that one day alone is cheaper than losing it.
    assert sizes["consumed"] is not None
    assert sizes["consumed"] >= 4000


def test_what_costs_least_is_the_least_sum_of_bill_and_lost_calls(paid_by_use: Plan) -> None:
    objective = {"cost_of_lost_call": 0.001}
    result = planned(paid_by_use.scenario.changed({"objective": objective}), max_replications=60)
    judged, months = result.judgement, result.scenario.counted / (30 * 86_400e6)
    assert judged is not None
    assert judged.bills is not None
    costs = judged.bills + 0.001 * judged.lost_calls / months
    chosen = result.frontier["addon_credits"].tolist().index(result.recommendation.addon_credits)
    assert np.nanmean(costs, axis=0)[chosen] == pytest.approx(
        costs.mean(axis=0).min(initial=9e9, where=~np.isnan(costs.mean(axis=0)))
    )
    row = result.row(int(result.recommendation.addon_credits or 0))
    assert row["cost_per_month"] == pytest.approx(
        row["bill_per_month"] + 0.001 * row["lost_calls"] / months
    )


def test_an_alternative_saves_the_difference_of_the_bills() -> None:
    scenario = busy(
        rate=9000,
        warmup="1 day",
        replications=20,
        alternatives=[
            {"name": "fewer", "set": {"clients.p.arrivals.poisson.rate": "7,500 per day"}},
            {"name": "bought", "set": {"addon_billing": "purchased"}},
        ],
    )
    result = planned(scenario, max_replications=20)
    advice = result.recommendation
    assert advice.bill_per_month is not None
    for each in result.alternatives:
        assert each.bill_per_month is not None
        assert each.saves_per_month is not None
        saves = advice.bill_per_month.mean - each.bill_per_month.mean
        assert float(each.saves_per_month.mean) == pytest.approx(saves, abs=0.011)
        assert each.saves_per_month.low <= each.saves_per_month.high
    fewer, bought = result.alternatives
    assert fewer.saves_per_month is not None
    assert fewer.saves_per_month.low > 0
    assert bought.bill_per_month is not None
    assert bought.bill_per_month.mean == float(bought.price_per_month or -1)
    assert bought.saves_per_month is not None
    assert bought.saves_per_month.high < 0


def test_a_remedy_states_what_would_be_paid() -> None:
    client = poisson("p", "120,000 per day")
    scenario = billed(
        [client],
        org={"edition": "standard", "user_licenses": 1},
        warmup="1 day",
        horizon="4 days",
        replications=4,
    )
    advice = planned(scenario, max_replications=4).recommendation
    assert advice.status == "not_reachable"
    assert advice.bill_per_month is None
    bought = [each for each in advice.remedies if each.addon_credits]
    assert bought
    for each in bought:
        offer = scenario.card.offer(each.edition, each.user_licenses)
        price = float(offer.price_per_month(each.addon_credits))
        assert 0 < each.bill_per_month < price
        assert "at most, about $" in each.change


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"billed_use": "any_day"}, "billed_use: "),
        ({"addon_billing": "rented"}, "addon_billing: "),
    ],
)
def test_billing_that_means_nothing_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        billed([scheduled("s", "09:00", 1)], **keys)


def test_a_use_that_nobody_bills_is_remarked_on() -> None:
    keys = {"addon_billing": "purchased", "billed_use": "calendar_day"}
    (remark,) = billed([scheduled("s", "09:00", 1)], **keys).remarks()
    assert str(remark).endswith("write addon_billing: consumed too")


def test_a_window_that_is_no_day_tells_no_use_of_24_hours(tmp_path: Path) -> None:
    text = (Path(__file__).parents[1] / "cards" / "any-limit.yaml").read_text()
    card = tmp_path / "hours.yaml"
    card.write_text(f"{text}\nwindow: 2 hours\n".replace("window: 24 hours\n", "", 1))
    keys = {"rate_card": str(card), "org": {"edition": "any", "user_licenses": 5}}
    with pytest.raises(InputError, match="billed_use: is any_24_hours, and credits"):
        billed([scheduled("s", "09:00", 1)], billed_use="any_24_hours", **keys)
    billed([scheduled("s", "09:00", 1)], **keys)


def test_cards_say_how_they_bill_and_a_scenario_may_know_better() -> None:
    client = [scheduled("s", "09:00", 1)]
    keys: dict[str, Any] = {"rate_card": "zoho-crm-2026", "addon_billing": None}
    assert billed(client, **keys).billed_use_of_a_day == "calendar_day"
    keys["addon_billing"] = "purchased"
    assert billed(client, **keys).billed_use_of_a_day is None
    for card in ("kaizen-34", "kaizen-93"):
        keys = {"rate_card": card, "addon_billing": None}
        assert billed(client, **keys).billed_use_of_a_day is None


def test_a_batch_keeps_price_and_bill_of_each_org(tmp_path: Path) -> None:
    for name, billing in (("used", "consumed"), ("whole", "purchased")):
        scenario = busy(
            rate=9000, warmup="1 day", addon_billing=billing, replications=4, horizon="5 days"
        )
        (tmp_path / f"{name}.yaml").write_text(scenario.to_yaml(tmp_path))
    result = plan_portfolio(
        str(tmp_path),
        out=tmp_path / "out",
        max_replications=4,
        confirm="none",
        workers=1,
        report=True,
    )
    rows = result.portfolio.set_index("item")
    used, whole = (
        rows[[name in item for item in rows.index]].iloc[0] for name in ("used", "whole")
    )
    for column in ("bill_per_month", "worst_bill_per_month"):
        assert whole[column] == float(whole["price_per_month"])
    assert used["price_per_month"] == whole["price_per_month"]
    assert 0 < used["bill_per_month"] < float(used["price_per_month"])
    assert used["bill_per_month_low"] <= used["bill_per_month"] <= used["bill_per_month_high"]
    totals = result.totals
    bills = used["bill_per_month"] + whole["bill_per_month"]
    assert totals["bill_per_month"] == pytest.approx(bills, abs=1e-5)
    assert totals["current_bill_per_month"] == 0
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(batch_view(result))
    assert "at most" in (text := console.export_text())
    assert f"${used['bill_per_month']:,.2f}" in text
    assert "at most; about $" in (tmp_path / "out" / "portfolio.html").read_text()
