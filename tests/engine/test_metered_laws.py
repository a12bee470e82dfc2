"""Laws of every meter and of every way to hold back, recounted from the calls alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings

from simulation.demand.demand import Demand
from simulation.experiment.experiment import run
from simulation.rate_cards.meters import Meter
from simulation.scenario.scenario import Scenario
from tests.helpers import calls_of
from tests.metered_counts import Count, Taken, amount, counts, resets_of, whose
from tests.strategies import metered_scenarios

pytestmark = pytest.mark.proof

generated = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def accepted(scenario: Scenario) -> pd.DataFrame:
    """Return the calls that were accepted, in order, with the place of their client."""
    assume(len(Demand(scenario).draw_replication(0)) <= 1500)
    calls = calls_of(scenario)
    places = {client.name: place for place, client in enumerate(scenario.clients)}
    calls["place"] = [places[name] for name in calls["client"]]
    good = calls[calls["outcome"] == "succeeded"]
    return good.sort_values(["end", "place", "call"])


def taken_of(meter: Meter, rows: Iterable[object]) -> list[Taken]:
    """Return what calls took of a meter."""
    return [
        Taken(row.end, row.credits if meter.counts_credits else 1, row.end + row.duration_us)  # type: ignore[attr-defined]
        for row in rows
    ]


def instances(scenario: Scenario, good: pd.DataFrame) -> Iterator[tuple[Meter, list[Taken]]]:
    """Yield each meter with what was taken of it, for each org, client or group."""
    for meter in scenario.card.meters:
        of: dict[object, list[object]] = {}
        for row in good.itertuples():
            if counts(meter, str(row.api), int(row.records)):
                key = whose(meter, row.place, scenario.clients[row.place])
                of.setdefault(key, []).append(row)
        for rows in of.values():
            yield meter, taken_of(meter, rows)


def assert_within(
    meter: Meter, scenario: Scenario, taken: list[Taken], size: int, window: int
) -> None:
    """Assert that no window, period, stretch or instant has more than a meter's size."""
    resets = resets_of(meter, scenario)
    for last, one in enumerate(taken):
        until = taken[: last + 1]
        if meter.kind == "rolling":
            used = sum(each.amount for each in until if each.time > one.time - window)
        elif meter.kind == "calendar":
            since = max((moment for moment in resets if moment <= one.time), default=0)
            used = sum(each.amount for each in until if each.time >= since)
        elif meter.kind == "concurrent":
            used = sum(each.end > one.time for each in until)
        else:
            refill, used = meter.refill_for("any"), 0
            lacking = 0
            for each in reversed(until):  # of each stretch that ends now
                lacking += each.amount
                assert lacking <= size + (one.time - each.time) * refill
        assert used <= size


@generated
@given(metered_scenarios())
def test_no_meter_gives_more_than_its_size(scenario: Scenario) -> None:
    for meter, taken in instances(scenario, accepted(scenario)):
        size = int(scenario.limit) if meter.is_pool else meter.size_for("any")
        window = scenario.card.window if meter.is_pool else meter.window or 0
        assert_within(meter, scenario, taken, size, window)


@generated
@given(metered_scenarios())
def test_no_client_takes_more_than_it_allows_itself(scenario: Scenario) -> None:
    good, pool = accepted(scenario), scenario.card.pool
    for place, client in enumerate(scenario.clients):
        its = good[good["place"] == place]
        taken = taken_of(pool, its.itertuples())
        if client.quota is not None:
            quota = amount(client.quota, int(scenario.limit), 1)
            assert_within(pool, scenario, taken, quota, scenario.card.window)
        if client.pace is not None:
            assert (its["end"].sort_values().diff().dropna() >= ceil(1 / client.pace)).all()
        if client.max_concurrent is not None:
            ends, begins = its["end"] + its["duration_us"], its["end"]
            for now in begins:
                assert ((begins <= now) & (now < ends)).sum() <= client.max_concurrent


@generated
@given(metered_scenarios())
def test_a_reserve_is_left_free_where_the_client_can_know(scenario: Scenario) -> None:
    good, pool, limit = accepted(scenario), scenario.card.pool, int(scenario.limit)
    count = Count(pool, limit, scenario.card.window, resets_of(pool, scenario))
    if pool.kind == "bucket":
        count.refill = pool.refill_for("any")
    for row in good.itertuples():
        client = scenario.clients[row.place]
        (one,) = taken_of(pool, [row])
        used = count.used(one.time)
        # Of two calls of one client at one instant, the one that waited may come second.
        if client.reserve is not None and client.max_concurrent is None:
            kept = amount(client.reserve, limit, 1, up=True)
            is_told = used >= ceil(scenario.card.reports_usage_from * limit)
            assert not is_told or used + one.amount + kept <= limit
        count.taken.append(one)


@generated
@given(metered_scenarios())
def test_every_call_succeeds_or_is_lost_or_is_unfinished_whatever_holds_it_up(
    scenario: Scenario,
) -> None:
    result = run(scenario, engine="compiled", examine_start=False)
    for runs in (result.runs, result.client_runs, result.category_runs):
        ended = runs["succeeded_calls"] + runs["lost_calls"] + runs["unfinished_calls"]
        assert (runs["calls"] == ended).all()
        assert (runs["attempts"] == runs["throttled_attempts"] + runs["succeeded_calls"]).all()
        assert (runs["impossible_calls"] <= runs["lost_calls"]).all()
    calls = result.calls
    assert ((calls["throttled_by"] != "") == (calls["throttled_attempts"] > 0)).all()
    assert (calls["settled_at"].isna() == (calls["outcome"] == "unfinished")).all()
    never = calls["attempts"] == 0  # what was never asked for was held back, at least once
    assert (calls["held_back_attempts"] > 0)[never].all()
