"""Cards with parts of a credit: engines count whole units, and all that leaves is in credits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import simpy
import yaml

from simulation import CreditPool, Model, RateCard, TooManyRequests, plan, run
from simulation.planning.judgement import Judgement
from simulation.scenario.scenario import Scenario
from tests.helpers import CARDS, QUARTERS, build, poisson, printed_json, scheduled

SMALL_STEPS = CARDS / "small-steps.yaml"
RETRY = {"retry": {"first": "20 minutes", "max_attempts": 5, "jitter": "full"}}
CLIENTS = [
    poisson("forms", "260 per day", "one", on_throttle=RETRY),
    poisson("loader", "9 per day", "five", poisson={"daily_variation": "30%"}),
    scheduled("nightly", "02:00", 12, "two"),
]
AMOUNTS = ("credits_demanded", "credits_used", "peak_window_credits", "credits_available")


def _cards(folder: Path) -> tuple[str, str]:
    """Return a card of 4-credit steps, and the same with all that is counted a quarter as much."""
    whole = yaml.safe_load(SMALL_STEPS.read_text())
    whole |= {"throttled_attempt_credits": 1, "addon_step": 8}
    quarter = {**whole, "smallest_unit": 0.25, "throttled_attempt_credits": 0.25, "addon_step": 2}
    quarter["purchase_cap_credits"] = whole["purchase_cap_credits"] // 4
    quarter["calls"] = {
        api: {**kind, "credits": kind["credits"] / 4} for api, kind in whole["calls"].items()
    }
    # The same price for the same part of the pool.
    quarter["addon_slabs"] = [
        {"credits": slab["credits"] // 4, "price_per_1000": str(4 * float(slab["price_per_1000"]))}
        for slab in whole["addon_slabs"]
    ]
    for name, card in (("whole", whole), ("quarter", quarter)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(card))
    return str(folder / "whole.yaml"), str(folder / "quarter.yaml")


def _pair(folder: Path, licenses: int, **keys: Any) -> tuple[Scenario, Scenario]:
    """Return a scenario in whole credits, and the same in quarters: a pool of as many units."""
    whole, quarter = (
        build(
            CLIENTS,
            rate_card=card,
            org={"edition": "any", "user_licenses": count},
            **{"horizon": "8 days", "warmup": "1 day", "replications": 4, **keys},
        )
        for card, count in zip(_cards(folder), (4 * licenses, licenses), strict=True)
    )
    assert whole.limit == 4 * quarter.limit
    return whole, quarter


def _in_quarters(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{name: table[name] / 4 for name in table if name in AMOUNTS})


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_run_in_quarters_is_the_run_in_whole_credits_by_another_unit(
    tmp_path: Path, engine: str
) -> None:
    whole, quarter = (run(each, engine=engine) for each in _pair(tmp_path, 55))
    assert whole.runs["throttled_calls"].sum() > 100
    expected = whole.calls.assign(credits=whole.calls["credits"] / 4)
    pd.testing.assert_frame_equal(quarter.calls, expected)
    for name in ("runs", "client_runs", "category_runs", "intervals"):
        mine, theirs = getattr(quarter, name), _in_quarters(getattr(whole, name))
        pd.testing.assert_frame_equal(mine, theirs)
    pd.testing.assert_frame_equal(quarter.alerts, whole.alerts)
    for statistic in ("throttled_share", "lost_calls", "exhausted_hours", "delay_p95_s"):
        assert quarter.estimate(statistic) == whole.estimate(statistic)
    for statistic in ("credits_demanded", "credits_used", "peak_window_credits"):
        mine, theirs = quarter.estimate(statistic), whole.estimate(statistic)
        ends = (mine.mean, mine.low, mine.high)
        assert ends == pytest.approx(
            (theirs.mean / 4, theirs.low / 4, theirs.high / 4), rel=1e-12, nan_ok=True
        )


def test_events_that_no_replication_shows_are_as_many_calls_in_any_unit(tmp_path: Path) -> None:
    whole, quarter = (run(each) for each in _pair(tmp_path, 5000))
    assert whole.runs["throttled_calls"].sum() == 0
    for name in ("throttled_share", "lost_calls", "throttled_attempts"):
        assert quarter.estimate(name) == whole.estimate(name)
    assert whole.estimate("lost_calls").high > 1
    mine, theirs = (each.estimate("credits_used", "client", "nightly") for each in (quarter, whole))
    assert mine.low == pytest.approx(theirs.low / 4, rel=1e-12)
    assert mine.low < mine.mean  # none was lost, and some may be


def test_the_pool_for_an_event_that_is_not_shown_is_as_large_in_any_unit() -> None:
    counts = np.zeros((8, 1), np.int64)
    calls, peaks = np.full(8, 400), np.array([400, 400, 400, 400, 400, 400, 800, 1200])

    def judged(parts: int) -> Judgement:
        return Judgement(
            limits=np.array([2000 // parts]),
            calls=calls,
            credits=2 * calls / parts,
            throttled=counts,
            lost=counts,
            enough=peaks // parts,
            work=calls,
            unit=1 / parts,
        )

    whole, quarter = judged(1), judged(4)
    assert whole.enough_for_unseen == 1200 + (1200 - 800)
    assert quarter.enough_for_unseen == whole.enough_for_unseen / 4
    assert quarter.unseen.tolist() == whole.unseen.tolist() == [200]


def test_the_pilots_choose_the_same_warm_up_in_any_unit(tmp_path: Path) -> None:
    whole, quarter = (run(each) for each in _pair(tmp_path, 55, warmup=None))
    assert quarter.warmup == whole.warmup
    assert quarter.warmup is not None
    assert quarter.warmup.still_shows > 0


@pytest.mark.parametrize(
    "objective", [{"throttled_share": "2%", "probability": "90%"}, {"cost_of_lost_call": 50}]
)
def test_a_plan_in_quarters_is_the_plan_in_whole_credits_by_another_unit(
    tmp_path: Path, objective: dict[str, Any]
) -> None:
    whole, quarter = (
        plan(each, workers=1, max_replications=16, out=tmp_path / f"{n}")
        for n, each in enumerate(_pair(tmp_path, 65, replications=16, objective=objective))
    )
    assert whole.recommendation.addon_credits
    assert quarter.recommendation.addon_credits == whole.recommendation.addon_credits // 4
    assert quarter.recommendation.price_per_month == whole.recommendation.price_per_month
    assert quarter.recommendation.decided == whole.recommendation.decided
    same = [name for name in whole.frontier if name not in ("addon_credits", "limit")]
    pd.testing.assert_frame_equal(quarter.frontier[same], whole.frontier[same])
    assert (quarter.frontier["limit"] * 4 == whole.frontier["limit"]).all()
    assert quarter.judgement is not None
    assert whole.judgement is not None
    # Rounded up to whole credits: the smallest pool for sale that throttles no call.
    assert quarter.judgement.enough.tolist() == (-(-whole.judgement.enough // 4)).tolist()
    assert quarter.judgement.enough.dtype == np.int64
    assert (quarter.confirmation, whole.confirmation) != (None, None)
    assert quarter.over_time is not None
    assert whole.over_time is not None
    shown = quarter.scenario.org.addon_credits
    mine, theirs = quarter.over_time.timeline(shown), whole.over_time.timeline(shown)
    assert (mine["throttled"] == theirs["throttled"]).all()
    assert np.abs(mine["median"] - theirs["median"] / 4).max() <= 0.5  # pictures show whole credits


def test_a_quarter_a_second_is_21_600_credits_a_day(tmp_path: Path) -> None:
    card = yaml.safe_load(QUARTERS.read_text())
    card["editions"] = {"plan": {"base": 20_000, "per_license": 500, "maximum": 200_000}}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    keys = {"rate_card": "card.yaml", "org": {"edition": "plan", "user_licenses": 10}}
    client = {
        "name": "fast",
        "arrivals": {"schedule": {"every": "1 s"}},
        "calls": [{"api": "one"}],
    }
    scenario = build([client], tmp_path, **keys)
    file = tmp_path / "scenario.yaml"
    file.write_text(scenario.to_yaml(tmp_path))
    told = printed_json("run", file, "--engine", "compiled", "--json", "--out", tmp_path / "out")
    assert told["limit"] == 25_000
    assert told["overall"]["credits_used"]["mean"] == 21_600
    assert told["overall"]["peak_window_credits"]["mean"] == 21_600
    assert told["overall"]["throttled_calls"]["mean"] == 0
    calls = pd.read_parquet(tmp_path / "out" / "calls.parquet")
    assert calls["credits"].unique().tolist() == [0.25]
    intervals = pd.read_parquet(tmp_path / "out" / "intervals.parquet")
    assert intervals["credits_available"].tolist() == [25_000 - 900.0 * n for n in range(1, 25)]


def test_a_process_of_one_s_own_pays_in_credits() -> None:
    env = simpy.Environment()
    pool = CreditPool(env, 2, card=RateCard.load(QUARTERS))
    pool.consume(1.25)
    assert (pool.used, pool.available, pool.limit) == (1.25, 0.75, 2)
    pool.consume(0.75)
    with pytest.raises(TooManyRequests):
        pool.consume(0.25)
    with pytest.raises(ValueError, match="not a whole multiple"):
        pool.consume(0.1)
    assert pool.unbooked == [(0, 5), (0, 3)]
    whole = CreditPool(env, 2)
    whole.consume(1)
    assert (repr(whole.used), repr(whole.available)) == ("1", "1")


def test_what_a_process_of_one_s_own_takes_stands_in_the_records_in_credits() -> None:
    scenario = build(
        [scheduled("a", "06:00", 2, "one")],
        rate_card=str(QUARTERS),
        org={"edition": "any", "user_licenses": 3},
    )
    model = Model(scenario)

    def own(env: simpy.Environment, pool: CreditPool) -> Any:
        yield env.timeout(1)
        pool.consume(2.75)

    model.env.process(own(model.env, model.pool))
    (day,) = model.run()
    assert scenario.card.in_credits(day.grants.credits).tolist() == [2.75, 0.25]
    assert len(day.throttles.time) == 1
