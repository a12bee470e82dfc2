"""Many meters, and clients that hold themselves back: both engines, call for call."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from simulation.demand.demand import Demand
from simulation.engine.compiled.model import CompiledModel
from simulation.engine.compiled.sweep import sweep
from simulation.quantities import DAY, MINUTE
from simulation.scenario.loading import load_scenario
from simulation.scenario.scenario import Scenario
from tests.cards_of_tests import write_card
from tests.engine.test_compiled import compare
from tests.helpers import SCENARIOS, any_limit, scheduled
from tests.kept_figures import keep
from tests.strategies import metered_scenarios

pytestmark = pytest.mark.proof

CARDS_WITH_CALLS_AT_ONCE = ("kaizen-93", "zoho-crm-2026")


@settings(max_examples=400, deadline=None)
@given(metered_scenarios())
def test_both_engines_agree_on_all_meters_and_policies_at_once(scenario: Scenario) -> None:
    demand = Demand(scenario)
    for replication in (0, 1):
        compare(demand, replication, scenario.limit)


@pytest.mark.long
def test_ten_million_decisions_of_many_meters_are_the_same_in_both_engines(long: bool) -> None:
    decisions = dict[str, int]()
    for path, card in product(SCENARIOS, CARDS_WITH_CALLS_AT_ONCE):
        plain = Demand(load_scenario(path))
        enough = sweep(plain, 0, np.array([0]), np.ones(len(plain.scenario.clients), bool)).enough
        demand = Demand(load_scenario(path, [f"rate_card={card}"]))
        assert not demand.scenario.is_plain
        decisions[f"{path.stem} on {card}"] = sum(
            compare(demand, 0, int(share * enough)) for share in (0.6, 0.99)
        )
    compared = sum(decisions.values())
    sys.stdout.write(f"{compared:,} decisions compared, none differed\n")
    assert compared > 10_000_000
    if long:
        keep("metered-engines", pd.DataFrame(decisions.items(), columns=["scenario", "decisions"]))


def test_what_is_open_when_the_warm_up_ends_is_looked_at_before_calls_that_end_later(
    tmp_path: Path,
) -> None:
    slots = {"name": "slots", "kind": "concurrent", "size": 2}
    open_till_10_12 = {
        **scheduled("open", "10:00", 2, "one"),
        "calls": [{"api": "one", "duration": "12 minutes"}],
    }
    waits = scheduled(
        "waits", "10:05", 1, "one", on_throttle={"queue": {"wait": "until_available"}}
    )
    scenario = any_limit(
        100, [open_till_10_12, waits], rate_card=write_card(tmp_path, slots), warmup="610 minutes"
    )
    # Both slots are taken at 10:10; nothing is accepted between then and 10:12.
    compare(Demand(scenario), 0, 100)
    (day,) = CompiledModel(scenario).run()
    assert day.peaks is not None
    assert day.peaks.tolist() == [3, 2]


@pytest.mark.parametrize("warmup", ["0 s", "24 hours", "1441 minutes"])
def test_a_call_that_ends_as_the_day_and_the_warm_up_do_makes_room_for_one_that_waits(
    warmup: str, tmp_path: Path
) -> None:
    long = {
        **scheduled("long", "23:50", 2, "one", max_concurrent=1),
        "calls": [{"api": "one", "duration": "10 minutes"}],
    }
    slots = {"name": "slots", "kind": "concurrent", "size": 2}
    scenario = any_limit(
        100, [long], rate_card=write_card(tmp_path, slots), horizon="2 days", warmup=warmup
    )
    compare(Demand(scenario), 0, 100)
    before, after = CompiledModel(scenario).run()
    assert before.grants.time.tolist() == [DAY - 10 * MINUTE]
    # The second call of each evening begins at midnight, the last one's not within the run.
    assert after.grants.time.tolist() == [DAY, 2 * DAY - 10 * MINUTE]
