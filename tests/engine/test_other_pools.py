"""The scenarios on other vendors' cards: what their comments say, and both engines alike."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from simulation import load_scenario, run
from simulation.demand.demand import Demand
from tests.engine.test_compiled import compare
from tests.helpers import OTHER_POOLS, ROOT

FOLDER = ROOT / "scenarios" / "other-pools"


def calls_of(name: str, *changes: str) -> pd.DataFrame:
    """Return the calls of one replication, as the compiled engine decides them."""
    scenario = load_scenario(FOLDER / f"{name}.yaml", ["replications=1", *changes])
    return run(scenario, engine="compiled").calls


def refused(calls: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Return how many calls of each client each meter throttled."""
    throttled = calls[calls["throttled_attempts"] > 0]
    pairs = zip(throttled["client"], throttled["throttled_by"], strict=True)
    return dict(Counter((str(client), str(meter)) for client, meter in pairs))


def lost(calls: pd.DataFrame, client: str) -> int:
    return int(((calls["client"] == client) & (calls["outcome"] == "lost")).sum())


@pytest.mark.parametrize("file", OTHER_POOLS, ids=lambda file: file.stem)
def test_both_engines_agree_on_other_vendors_pools(file: Path) -> None:
    scenario = load_scenario(file, ["horizon=1 day", "warmup=0"])
    assert compare(Demand(scenario), 0, scenario.limit) > 1_000


@pytest.mark.parametrize("name", ["bigin", "recruit"])
def test_credits_that_nobody_sells_run_out(name: str) -> None:
    assert {meter for _, meter in refused(calls_of(name))} == {"credits"}


def test_a_calendar_day_refuses_nothing_on_either_side_of_midnight() -> None:
    assert refused(calls_of("creator")) == {}


def test_a_sync_that_waits_for_midnight_loses_nothing_and_costs_the_shop_its_next_day() -> None:
    calls = calls_of("books")
    assert {meter for _, meter in refused(calls)} == {"daily"}
    assert lost(calls, "invoice-sync") == 0
    shop = calls[(calls["client"] == "shop") & (calls["outcome"] == "lost")]
    # The sync took Monday's rest, when the shop makes few calls, and three quarters of Tuesday.
    at = shop["submitted_at"].dt.tz_convert("Europe/Berlin").dt
    assert set(at.day) <= {5, 6}
    assert set(at.hour[at.day == 5]) <= {22, 23}
    assert (at.day == 6).sum() > 100
    assert refused(calls_of("books", "org.edition=professional")) == {}


def test_five_of_thirty_exports_at_once_are_refused_each_hour() -> None:
    assert refused(calls_of("salesforce")) == {("reporting", "long-calls"): 5 * 48}
    assert refused(calls_of("salesforce", "clients.reporting.max_concurrent=10")) == {}


def test_a_hundred_in_ten_seconds_pass_and_the_day_is_far_from_used_up() -> None:
    # 20 a second for 15 seconds: 100 pass, 100 are refused, and 100 pass again.
    by = refused(calls_of("hubspot"))
    assert by["enrichment", "ten-seconds"] == 100 * 2 * 144
    assert {meter for client, meter in by if client == "enrichment"} == {"ten-seconds"}
    slower = refused(calls_of("hubspot", "clients.enrichment.pace=9 per second"))
    assert "enrichment" not in {client for client, _ in slower}


def test_sixty_of_an_order_s_hundred_and_three_calls_pass() -> None:
    # In the first 2 seconds 3 calls of the second workflow pass beside those of the first.
    assert refused(calls_of("xero")) == {("invoice-workflow", "minute"): 43 * 2 * 48}
    fewer = "clients.invoice-workflow.arrivals.schedule.each.calls=4"
    assert refused(calls_of("xero", fewer)) == {}


def test_an_inventory_loop_gets_through_and_leaves_an_empty_bucket() -> None:
    calls = calls_of("shopify-rest")
    by = refused(calls)
    assert {meter for _, meter in by} == {"bucket"}
    assert by["inventory-loop", "bucket"] > 24 * 100
    assert lost(calls, "inventory-loop") == 0
    alone = calls_of("shopify-rest", "clients.inventory-loop.on_throttle=drop")
    loop = alone[(alone["client"] == "inventory-loop") & (alone["submitted_at"].dt.hour == 5)]
    # 77 of an hour's 186, and fewer by what orders took just before or meanwhile.
    assert 70 <= (loop["outcome"] == "succeeded").sum() <= 77


def test_a_sixth_worker_is_refused_and_a_fourth_is_not() -> None:
    by = refused(calls_of("netsuite"))
    assert {meter for _, meter in by} == {"concurrency"}
    assert by["order-import", "concurrency"] > 96
    fewer = refused(calls_of("netsuite", "clients.order-import.max_concurrent=4"))
    assert fewer.get(("order-import", "concurrency"), 0) < 96
