"""Statistics, recomputed from the calls by other means."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import simpy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from simulation import InputError, run
from simulation.demand.demand import Demand
from simulation.engine.model import Model
from simulation.engine.pool import CreditPool
from simulation.experiment.delays import Delays, quantile_with_zeros
from simulation.experiment.estimates import (
    binomial_interval,
    mean_difference,
    mean_of,
    median_of,
    ratio_of,
    ratios,
    unseen_calls,
)
from simulation.experiment.statistics import QUANTILES, STATISTICS, ReplicationStatistics
from simulation.experiment.summary import throttled_share
from simulation.experiment.usage import Intervals
from simulation.quantities import DAY, HOUR, SECOND
from simulation.scenario.call_mix import RecordCount
from simulation.scenario.scenario import Scenario
from tests.helpers import any_limit, build, poisson, scheduled
from tests.strategies import scenarios

BUSY: list[dict[str, Any]] = [
    poisson(
        "forms",
        "300 per day",
        "two",
        on_throttle={"retry": {"first": "10 minutes", "max_attempts": 90, "jitter": "full"}},
    ),
    poisson("loader", "12 per day", "fifty"),
    scheduled("nightly", "02:00", 40, "five"),
]


def test_every_count_equals_what_pandas_counts_in_the_calls() -> None:
    scenario = any_limit(900, BUSY, horizon="5 days", warmup="1 day", replications=3, seed=4)
    result = run(scenario)
    epoch = pd.Timestamp(scenario.start, tz="UTC")
    for column, table in (("client", result.client_runs), ("category", result.category_runs)):
        for (replication, name), calls in _after_warmup(result.calls, epoch).groupby(
            ["replication", column], observed=True
        ):
            row = table[(table["replication"] == replication) & (table[column] == name)].iloc[0]
            _check(row, calls, epoch)
    for replication, calls in _after_warmup(result.calls, epoch).groupby("replication"):
        row = result.runs[result.runs["replication"] == replication].iloc[0]
        assert 0 < row["delay_p95_s"] < row["delay_p99_s"]
        _check(row, calls, epoch)


def _after_warmup(calls: pd.DataFrame, epoch: pd.Timestamp) -> pd.DataFrame:
    return calls[calls["submitted_at"] >= epoch + pd.Timedelta(days=1)]


def _check(row: pd.Series, calls: pd.DataFrame, epoch: pd.Timestamp) -> None:
    good = calls[calls["outcome"] == "succeeded"]
    refused = calls[calls["throttled_attempts"] > 0]
    delay = (good["settled_at"] - good["submitted_at"]).dt.total_seconds()
    first = (refused["submitted_at"].min() - epoch).total_seconds() / 3600
    expected = {
        "calls": len(calls),
        "attempts": calls["attempts"].sum(),
        "throttled_attempts": calls["throttled_attempts"].sum(),
        "held_back_attempts": calls["held_back_attempts"].sum(),
        "throttled_calls": len(refused),
        "throttled_share": len(refused) / len(calls),
        "succeeded_calls": len(good),
        "lost_calls": calls["outcome"].isin(["lost", "impossible"]).sum(),
        "impossible_calls": (calls["outcome"] == "impossible").sum(),
        "unfinished_calls": (calls["outcome"] == "unfinished").sum(),
        "credits_demanded": calls["credits"].sum(),
        "credits_used": good["credits"].sum(),
        "hours_to_first_throttle": first,
        "delay_p50_s": delay.quantile(0.50),
        "delay_p95_s": delay.quantile(0.95),
        "delay_p99_s": delay.quantile(0.99),
    }
    elsewhere = {"peak_window_credits", "exhausted_hours", "any_throttled"}
    of_all = {name for name in QUANTILES if name.startswith("delay_all")}
    assert {*expected} == {*STATISTICS} - elsewhere - of_all, "a statistic is not counted again"
    for name, value in expected.items():
        assert row[name] == pytest.approx(float(value), rel=1e-12, nan_ok=True), name


@settings(max_examples=60, deadline=None)
@given(scenarios())
def test_peaks_and_exhausted_hours_equal_a_walk_through_every_instant(scenario: Scenario) -> None:
    result = run(scenario)
    good = result.calls[result.calls["outcome"] == "succeeded"]
    epoch = scenario.clock.start_epoch
    cheapest = _cheapest(scenario)
    walked = _walk(good, epoch, scenario, cheapest)
    assert result.runs["peak_window_credits"][0] == walked[0]
    assert result.runs["exhausted_hours"][0] == pytest.approx(walked[1] / HOUR, abs=1e-9)
    for name, mine in good.groupby("client", observed=True):
        row = result.client_runs[result.client_runs["client"] == name].iloc[0]
        assert row["peak_window_credits"] == _walk(mine, epoch, scenario, 0)[0]
    held = _held_before(good, epoch, scenario)
    assert result.intervals["credits_available"].tolist() == [scenario.limit - h for h in held]


def _cheapest(scenario: Scenario) -> float:
    return min(
        scenario.card.credits(call.api, records)
        for client in scenario.clients
        for call in client.calls
        for records in _possible(call.records)
    )


def _possible(law: RecordCount) -> Iterable[int]:
    if law.fixed is not None:
        return [law.fixed]
    if law.uniform is not None:
        return range(law.uniform[0], law.uniform[1] + 1)
    return law.choices or range(1, 101)


def _walk(good: pd.DataFrame, epoch: int, scenario: Scenario, cheapest: float) -> tuple[float, int]:
    """Return the most credits held and the time exhausted, step by step."""
    steps: dict[int, float] = {0: 0}
    for at, credits in zip(
        good["settled_at"].astype("int64") - epoch, good["credits"], strict=True
    ):
        steps[at] = steps.get(at, 0) + credits
        steps[at + DAY] = steps.get(at + DAY, 0) - credits
    held, peak, exhausted = 0.0, 0.0, 0
    moments = [t for t in sorted(steps) if t < scenario.horizon]
    for now, then in zip(moments, [*moments[1:], scenario.horizon], strict=True):
        held += steps[now]
        peak = max(peak, held)
        if scenario.limit - held < cheapest:
            exhausted += then - now
    return peak, exhausted


def _held_before(good: pd.DataFrame, epoch: int, scenario: Scenario) -> list[float]:
    times = good["settled_at"].astype("int64").to_numpy() - epoch
    ends = [min(end, scenario.horizon) for end in range(HOUR, scenario.horizon + HOUR, HOUR)]
    credits = good["credits"].to_numpy()
    return [float(credits[(times < end) & (times + DAY >= end)].sum()) for end in ends]


def test_what_was_held_only_during_the_warm_up_counts_in_no_peak() -> None:
    clients = [
        scheduled("early", "06:00", 50, schedule={"days": ["mon"]}),
        scheduled("noon", "12:00", 30, schedule={"days": ["mon"]}),
        scheduled("later", "09:00", 10, schedule={"days": ["tue", "wed"]}),
    ]
    result = run(any_limit(100, clients, horizon="3 days", warmup="30 hours"))
    # At 06:00 of the second day the 50 are back: 30 are held on, and 10 more from 09:00.
    assert result.runs["peak_window_credits"].tolist() == [40]
    assert result.client_runs["peak_window_credits"].tolist() == [0, 30, 10]
    assert run(result.scenario.changed({"warmup": 0})).runs["peak_window_credits"].tolist() == [80]


def test_the_marks_that_usage_crossed_and_when() -> None:
    clients = [
        scheduled("a", "06:00", 79, schedule={"days": ["mon"]}),
        scheduled("b", "07:00", 1, schedule={"days": ["mon"]}),
        scheduled("c", "08:00", 20, schedule={"days": ["mon"]}),
        scheduled("d", "07:30", 90, schedule={"days": ["tue"]}),
    ]
    alerts = run(any_limit(100, clients, horizon="2 days")).alerts
    rows = [(row.level_percent, row.day, f"{row.crossed_at:%H:%M}") for row in alerts.itertuples()]
    assert rows == [
        (50, 0, "06:00"),
        (80, 0, "07:00"),
        (90, 0, "08:00"),
        (100, 0, "08:00"),
        (50, 1, "07:30"),
        (80, 1, "07:30"),
        (90, 1, "07:30"),
        (100, 1, "07:30"),
    ]


def test_a_share_is_that_of_all_calls_and_not_the_mean_of_the_replications_shares() -> None:
    throttled, calls = [90, 0, 5], [1000, 10, 100]
    share = ratio_of(throttled, calls)
    assert share.mean == pytest.approx(95 / 1110)
    columns = np.array([throttled, [3, 2, 1], [0, 0, 0]]).T
    at_once = ratios(columns, np.array(calls))
    for place in range(3):
        alone = ratio_of(columns[:, place], calls)
        assert at_once[place] == pytest.approx(alone)
    assert math.isnan(ratio_of([4], [9]).low)
    assert math.isnan(ratio_of([0, 0], [0, 0]).mean)


def test_without_skewness_the_interval_is_student_s() -> None:
    values = [3.0, 5.0, 4.0, 8.0, 10.0, 9.0, 6.5]  # as far above 6.5 as below
    low, high = stats.t.interval(0.95, 6, loc=6.5, scale=stats.sem(values))
    for estimate in (mean_of(values), mean_difference(values)):
        assert estimate[:4] == pytest.approx((6.5, low, high, 7))
    shifted = mean_difference([value - 6.5 for value in values])
    assert shifted[:4] == pytest.approx((0, low - 6.5, high - 6.5, 7), abs=1e-12)
    assert mean_of([*values, math.nan]).replications == 7
    assert math.isnan(mean_of([4.0]).low)
    assert math.isnan(mean_of([math.nan]).mean)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=40), st.floats(0.1, 100))
def test_intervals_hold_their_estimate_and_scale_with_it(counts: list[int], unit: float) -> None:
    estimate = mean_of(counts)
    assert 0 <= estimate.low <= estimate.mean <= estimate.high
    scaled = mean_of([unit * count for count in counts], unseen=unit)
    assert scaled[:3] == pytest.approx([unit * end for end in estimate[:3]])
    if any(counts) and 3 * sum(count > 0 for count in counts) <= len(counts):
        assert estimate.low < estimate.mean < estimate.high


def test_events_of_one_size_have_the_exact_interval_of_a_poisson_number() -> None:
    for events in (0, 1, 3, 10):
        counts = [7.0] * events + [0.0] * (30 - events)
        estimate = mean_of(counts, unseen=7.0)
        low, high = stats.chi2.ppf([0.025, 0.975], [2 * events or 1e-9, 2 * events + 2]) / 2
        assert estimate[:3] == pytest.approx([7 * each / 30 for each in (events, low, high)])


def test_what_no_replication_shows_may_be_as_large_as_peaks_differ() -> None:
    peaks = [100.0, 140.0, 150.0, 160.0, 400.0]  # a fifth of five is the largest alone
    assert unseen_calls(peaks, 2.0) == (400 - 160) / 2
    assert unseen_calls([100.0] * 9, 50.0) == 1.0
    none, one = mean_of([0] * 30, unseen=20.0), mean_of([0] * 30)
    assert none.low == one.low == none.mean == 0
    assert none.high == pytest.approx(20 * one.high)


@pytest.mark.parametrize("n", [2, 3, 5, 30, 480])
def test_what_is_the_same_in_all_replications_is_not_certain_for_that(n: int) -> None:
    reach = max(stats.chi2.ppf(0.975, 2) / 2, stats.t.ppf(0.975, n - 1)) / n
    for value, unseen in ((1.0, 1.0), (577.0, 1.0), (577.0, 20.0)):
        found = mean_of([value] * n, unseen)
        ends = max(0.0, value - unseen * reach), value + unseen * reach
        assert found[:4] == pytest.approx((value, *ends, n))
    calls = np.arange(1, n + 1) * 300  # shares are the same, counts are not
    thirds = ratio_of(calls / 3, calls)
    assert thirds.low < thirds.mean < thirds.high
    assert thirds.high - thirds.mean == pytest.approx(reach / calls.mean())
    assert mean_of([1.0] * n, unseen=0.0)[:4] == (1.0, 1.0, 1.0, n)
    assert mean_difference([1.0] * n)[:4] == (1.0, 1.0, 1.0, n)


@pytest.mark.parametrize(("n", "chance"), [(2, 0.3), (5, 0.1), (30, 0.02), (30, 0.1), (30, 0.004)])
def test_a_count_that_seldom_differs_is_covered_all_the_same(n: int, chance: float) -> None:
    random, covered = np.random.default_rng(13), 0
    for _ in range(2000):
        found = mean_of(1.0 + (random.random(n) < chance))
        covered += found.low <= 1 + chance <= found.high
    assert covered / 2000 > 0.93 - 4 * math.sqrt(0.95 * 0.05 / 2000)


def _sums(random: np.random.Generator, kind: str) -> tuple[list[float], float]:
    """Draw 30 replications of a kind; return them with their true mean."""
    if kind == "steady":
        return random.normal(10, 3, 30).tolist(), 10.0
    if kind == "skewed":
        return random.lognormal(0, 0.8, 30).tolist(), math.exp(0.32)
    if kind == "rare":
        return random.poisson(0.05, 30).tolist(), 0.05
    jumps = random.poisson(0.05, 30)
    return [float(random.exponential(40, n).sum()) for n in jumps], 2.0


@pytest.mark.parametrize(
    ("kind", "most"), [("steady", 0.97), ("skewed", 0.97), ("rare", 0.999), ("bursts", 0.999)]
)
def test_intervals_cover_the_truth_as_often_as_they_say(kind: str, most: float) -> None:
    random, covered = np.random.default_rng(34), 0
    for _ in range(3000):
        values, truth = _sums(random, kind)
        estimate = mean_of(values, unseen=40.0 if kind == "bursts" else 1.0)
        covered += estimate.low <= truth <= estimate.high
    error = 4 * math.sqrt(0.95 * 0.05 / 3000)
    assert 0.93 - error < covered / 3000 < most + error


def test_the_first_throttle_of_runs_that_throttle_none_is_later_than_all() -> None:
    hours = [30.0, 50.0, 40.0, *[math.inf] * 2]
    assert median_of(hours).mean == 50
    assert median_of([30.0, *[math.inf] * 9]).mean == math.inf
    many = [float(n) for n in range(1, 31)]
    assert median_of(many)[:4] == (15, 10, 21, 30)  # what a table of the binomial says for 30
    assert math.isnan(median_of(many[:5]).low)
    assert median_of([9.0] * 30)[:4] == (9, 9, 9, 30)
    alone = stats.binomtest(9, 30).pvalue / 2
    assert alone < 0.025 < stats.binomtest(10, 30).pvalue / 2  # no rank nearer would hold


def test_no_interval_of_the_first_throttle_leaves_the_time_that_counts() -> None:
    scenario = any_limit(60, [poisson("a", "40 per day")], horizon="4 days", warmup="1 day")
    result = run(scenario.changed({"replications": 30}))
    share = result.estimate("any_throttled")
    first = result.estimate("hours_to_first_throttle")
    throttled = int((result.runs["throttled_calls"] > 0).sum())
    assert 0 < throttled < 15
    assert share[:3] == pytest.approx((throttled / 30, *binomial_interval(throttled, 30)))
    assert first.replications == throttled
    assert first.mean == math.inf
    assert 24 <= first.low <= first.high
    told = result.to_dict()["overall"]["hours_to_first_throttle"]
    assert told["mean"] is None
    assert told["ci95"][1] is None


def test_delays_are_of_all_calls_together_and_calls_that_never_succeed_wait_for_ever() -> None:
    late = [np.array([5, 9]), np.array([7]), np.array([], np.int64)]
    counts, never = np.array([10, 4, 6]), np.array([0, 2, 0])
    assert Delays(late, counts).quantile(0.5).mean == 0
    assert Delays(late, counts).quantile(1.0).mean == 9
    assert Delays(late, counts, never).quantile(0.85).mean == pytest.approx(7 * 0.85 + 9 * 0.15)
    assert Delays(late, counts, never).quantile(1.0).mean == math.inf
    assert Delays(late, counts).quantile(0.99).high == math.inf  # 30 calls do not tell


def test_the_interval_of_a_percentile_covers_it() -> None:
    random, covered = np.random.default_rng(5), 0
    truth = -1000 * math.log(0.05 / 0.3)  # three calls of ten wait, exponentially long
    for _ in range(400):
        waits = random.binomial(200, random.beta(30, 70, 20))
        late = [np.sort(random.exponential(1000, n)).astype(np.int64) for n in waits]
        found = Delays(late, np.full(20, 200)).quantile(0.95)
        covered += found.low <= truth <= found.high
    assert abs(covered / 400 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 400)


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from([0.5, 0.95, 0.999]))
def test_shares_of_runs_come_with_the_clopper_pearson_interval(
    k: int, others: int, confidence: float
) -> None:
    n = max(1, k + others)
    exact = stats.binomtest(k, n).proportion_ci(confidence, "exact")
    assert binomial_interval(k, n, confidence) == pytest.approx((exact.low, exact.high))


def test_the_summary_has_every_statistic_at_every_grain_and_null_where_there_is_none() -> None:
    idle = scheduled("idle", "10:00", 1, schedule={"days": ["2026-03-31"]})
    scenario = build([scheduled("sync", "10:00", 1), idle], replications=2)
    summary = run(scenario).to_dict()
    assert list(summary) == [
        "scenario",
        "rate_card",
        "engine",
        "limit",
        "replications",
        "seed",
        "warmup",
        "confidence",
        "estimators",
        "overall",
        "clients",
        "categories",
        "limits",
    ]
    assert [*summary["overall"]] == [*STATISTICS]
    assert list(summary["clients"]) == ["sync", "idle"]  # as the scenario has them
    assert list(summary["categories"]) == ["other"]
    assert summary["overall"]["calls"] == {"mean": 1.0, "ci95": [1.0, 1.0]}
    none = {"mean": None, "ci95": [None, None]}
    assert summary["overall"]["hours_to_first_throttle"] == none
    assert summary["clients"]["idle"]["throttled_share"] == none
    assert summary["clients"]["idle"]["delay_p95_s"] == none
    one = run(scenario, replications=1).to_dict()
    assert one["overall"]["calls"] == {"mean": 1.0, "ci95": [None, None]}


def test_intervals_of_any_length_add_up_and_the_last_may_be_shorter() -> None:
    scenario = any_limit(900, BUSY, horizon="50 hours", seed=4)
    hourly, odd = run(scenario).intervals, run(scenario, interval="7 hours").intervals
    assert (len(hourly), len(odd)) == (50, 8)
    columns = [name for name in odd if name.startswith(("calls", "credits_u", "throttled"))]
    for column in columns:
        sums = [hourly[column][n * 7 : n * 7 + 7].sum() for n in range(8)]
        assert odd[column].tolist() == sums
    ends = [min(n * 7 + 6, 49) for n in range(8)]
    assert odd["credits_available"].tolist() == hourly["credits_available"][ends].tolist()
    assert odd["start_at"].diff().dropna().dt.total_seconds().unique() == 7 * HOUR / SECOND


@example([7, 9], 0, 0.75)  # between the last two
@example([9], 3, 0.99)
@given(st.lists(st.integers(1, 10**9), max_size=12), st.integers(0, 12), st.floats(0, 1))
def test_a_quantile_is_that_of_all_delays_those_of_none_included(
    delays: list[int], at_once: int, q: float
) -> None:
    late = np.sort(np.array(delays, np.int64))
    everyone = [0] * at_once + late.tolist()
    found = quantile_with_zeros(late, len(everyone), q)
    if not everyone:
        assert math.isnan(found)
        return
    assert found == pytest.approx(float(np.quantile(everyone, q)), rel=1e-9, abs=1e-6)
    place = (len(everyone) - 1) * q
    if place == int(place):  # no rounding where an order statistic is meant
        assert found == everyone[int(place)]


def test_the_first_delayed_call_is_the_first_that_is_not_zero() -> None:
    late = np.array([7, 9], np.int64)
    assert [quantile_with_zeros(late, 5, n / 4) for n in range(5)] == [0, 0, 0, 7, 9]


def test_no_interval_of_a_share_ends_above_the_whole() -> None:
    clients = [poisson("big", "3 per day", "fifty")]
    result = run(any_limit(20, clients, horizon="3 days", replications=9))
    share = result.estimate("throttled_share")
    assert 0.9 < share.low < share.mean == share.high == 1.0
    assert result.estimate("calls").high > result.estimate("calls").mean


def test_what_is_not_random_is_certain_and_all_else_never_is() -> None:
    exact = run(any_limit(100, [scheduled("a", "02:00", 50)], horizon="4 days", replications=9))
    assert exact.estimate("throttled_share")[:3] == (0.0, 0.0, 0.0)
    drawn = run(any_limit(100, [poisson("a", "5 per day")], horizon="4 days", replications=9))
    for statistic in ("throttled_share", "lost_calls", "throttled_calls", "exhausted_hours"):
        assert drawn.estimate(statistic).mean == 0 < drawn.estimate(statistic).high


def test_calls_by_the_clock_are_as_many_in_every_replication_but_what_becomes_of_them_is_not() -> (
    None
):
    clients = [poisson("a", "5 per day", "one"), scheduled("b", "02:00", 1, "fifty")]
    result = run(any_limit(20, clients, horizon="4 days", warmup="1 day", replications=6))
    assert result.client_runs.groupby("client")["lost_calls"].unique()["b"].tolist() == [3]
    lost = result.estimate("lost_calls", "client", "b")
    assert lost.low < lost.mean == 3.0 == lost.high  # no more than there are calls
    assert result.estimate("lost_calls").low < result.estimate("lost_calls").high
    for statistic in ("calls", "credits_demanded"):
        assert result.estimate(statistic, "client", "b").is_exact
        assert not result.estimate(statistic, "client", "a").is_exact
        assert not result.estimate(statistic).is_exact
    used = result.estimate("credits_used", "category", "bulk")
    assert used.high <= result.estimate("credits_demanded", "category", "bulk").high
    mixed = scheduled("b", "02:00", 1, "two")
    mixed["calls"] = [{"api": "two"}, {"api": "one"}]
    drawn = run(any_limit(99, [mixed], horizon="4 days", replications=6))
    assert drawn.estimate("calls").is_exact
    assert not drawn.estimate("credits_demanded").is_exact
    assert not drawn.estimate("credits_demanded", "client", "b").is_exact


@pytest.mark.parametrize("limit", [1, 60, 75, 90, 500])
def test_a_precision_is_that_of_the_interval_which_the_summary_tells(limit: int) -> None:
    clients = [poisson("a", "60 per day", "one"), poisson("b", "0.1 per day", "fifty")]
    result = run(any_limit(limit, clients, horizon="4 days", warmup="1 day", replications=9))
    assert throttled_share(result.runs) == pytest.approx(
        result.estimate("throttled_share"), nan_ok=True
    )


def test_a_run_to_a_precision_adds_replications_until_the_share_is_known_so_well() -> None:
    clients = [poisson("a", "60 per day", "one")]
    scenario = any_limit(60, clients, horizon="4 days", warmup="1 day", replications=4)
    result = run(scenario, engine="compiled", precision="15%", examine_start=False)
    share, many = result.estimate("throttled_share"), len(result.runs)
    assert (share.high - share.low) / 2 <= 0.15 * share.mean
    assert 4 < many < 1000
    assert result.scenario.replications == many
    first = run(scenario, engine="compiled", examine_start=False).estimate("throttled_share")
    assert (first.high - first.low) / 2 > 0.15 * first.mean
    at_once = run(scenario, engine="compiled", replications=many, examine_start=False)
    assert at_once.runs.equals(result.runs)
    assert at_once.summary.equals(result.summary)
    few = run(scenario, precision="1%", max_replications=5, examine_start=False)
    assert len(few.runs) == 5


def test_a_run_to_a_precision_of_a_share_that_is_not_seen_goes_on_to_the_most_replications() -> (
    None
):
    clients = [poisson("a", "60 per day", "one")]
    scenario = any_limit(1_000, clients, horizon="2 days", replications=2)
    result = run(scenario, engine="compiled", precision="5%", max_replications=9)
    assert result.estimate("throttled_share").mean == 0
    assert len(result.runs) == 9


def test_a_process_of_one_s_own_is_in_the_use_of_the_pool_and_of_no_client() -> None:
    scenario = any_limit(10, [scheduled("a", "10:00", 5), scheduled("b", "11:00", 1, "two")])
    demand = Demand(scenario)
    model = Model(scenario, 0, demand)

    def own(env: simpy.Environment, pool: CreditPool) -> Any:
        yield env.timeout(9 * HOUR)
        pool.consume(3)

    model.env.process(own(model.env, model.pool))
    statistics = ReplicationStatistics(demand, Intervals(demand, HOUR))
    for day in model.run():
        statistics.add(day)
    grains = [group.grain for group in statistics.groups]
    peaks = [*zip(grains, statistics.usage.peaks, strict=True)]
    assert [peak for grain, peak in peaks if grain == "overall"] == [10]
    assert [peak for grain, peak in peaks if grain == "client"] == [5, 2]
    assert sorted(peak for grain, peak in peaks if grain == "category") == [2, 5]


@pytest.mark.parametrize("precision", ["0%", "100%", 0.0, 1.0, "much"])
def test_a_precision_that_is_no_part_of_a_share_is_refused(precision: str | float) -> None:
    with pytest.raises(InputError, match=r"^precision "):
        run(any_limit(9, [scheduled("a", "02:00", 5)]), precision=precision)


def test_a_run_to_a_precision_cannot_end_before_it_begins() -> None:
    scenario = any_limit(9, [scheduled("a", "02:00", 5)], replications=4)
    with pytest.raises(
        InputError, match="max_replications is 3, write at least the 4 replications"
    ):
        run(scenario, precision="5%", max_replications=3)


def test_a_call_that_waited_was_throttled_when_it_was_tried_not_when_it_was_submitted() -> None:
    # Four calls pass at 03:00: those of a, and one of b. The other one of b is tried at 04:00.
    waits = scheduled("a", "03:00", 3)
    paced = scheduled("b", "03:00", 2, pace="1 per hour")
    scenario = any_limit(4, [waits, paced], horizon="1 day")
    for engine in ("simpy", "compiled"):
        (hours,) = run(scenario, engine=engine).runs["hours_to_first_throttle"]
        assert hours == 4
