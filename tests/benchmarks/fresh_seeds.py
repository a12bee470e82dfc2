"""Do recommended sizes keep their promise on demand that had no part in choosing them?

    python -m tests.benchmarks.fresh_seeds

Plans three shipped scenarios, then judges the recommended size on 500 replications of another
seed. The promise is kept if the share of those that meet the objective is not below the
stated probability by more than binomial error.
"""

from __future__ import annotations

import time

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import binom

from simulation import load_scenario, plan
from simulation.demand.demand import Demand
from tests.helpers import ROOT, judge

REPLICATIONS = 500
FRESH_SEED = 20_261_122
SHARE = "objective={throttled_share: 0.1%, probability: 95%}"

CASES = {
    "mid-market": [],
    "retry-storm": [SHARE],
    "enterprise": ["replications=20", "horizon=8 days"],
}


def main() -> None:
    """Plan, judge afresh and print the table."""
    table = Table("scenario", "recommended", "chosen from", "kept, of 500 fresh", "p-value", "s")
    for name, sets in CASES.items():
        begun = time.perf_counter()
        scenario = load_scenario(ROOT / "scenarios" / f"{name}.yaml", sets)
        result = plan(scenario, max_replications=120, confirm="none")
        size = result.recommendation.addon_credits
        if size is None:
            table.add_row(name, "none is enough", str(result.replications), "", "", "")
            continue
        fresh = scenario.changed({"seed": FRESH_SEED})
        limit = np.array([fresh.changed({"org.addon_credits": size}).limit])
        goal = fresh.objective
        judged = judge(Demand(fresh), range(REPLICATIONS), limit)
        kept = int(judged.meets(goal).sum())
        chance = binom.cdf(kept, REPLICATIONS, goal.probability)
        table.add_row(
            name,
            f"{size:,}{'' if result.recommendation.decided else ' (undecided)'}",
            str(result.replications),
            f"{kept} = {kept / REPLICATIONS:.1%}, wanted {goal.probability:.0%}",
            f"{chance:.3f}",
            f"{time.perf_counter() - begun:.0f}",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
