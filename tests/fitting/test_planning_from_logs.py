"""The proof of planning from logs: what a fit recommends is right, or it says how unsure it is.

The fit of four weeks is planned, and so is what the log was made of, for the weeks after it. The
spread of what drawn scenarios recommend (`Fit.drawn`) is the stated uncertainty.
``python -m tests.fitting.test_planning_from_logs LOGS`` prints the table.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy.stats import binom

from simulation import plan
from simulation.quantities import parse_growth, parse_rate
from simulation.scenario.scenario import Scenario
from tests.fitting.known_orgs import KNOWN, logged

STEP = 1000
DRAWS = 20
MOST = 100_000  # no size is enough, as a number
QUICK, LONG = ("beat", "throttled"), 60
FEW = 5  # logs of each org, where it is quick
AMONG = (DRAWS - 1) / (DRAWS + 1)
"""How often one more draw lies among the draws: neither as the least nor as the highest of all."""
CHANCE = 0.01  # of fewer than `least` where draws are such as the truth
AFTER = dt.date(2026, 2, 2)  # the Monday after the log


def size_of(scenario: Scenario, replications: int = 30, seed: int = 1, **keys: Any) -> int:
    """Return the add-on credits that are recommended for the two weeks from the start on."""
    shorter = {"horizon": "14 days", "warmup": "1 day", "replications": replications, "seed": seed}
    its = scenario.changed(shorter)
    found = plan(its, confirm="none", workers=1, max_replications=replications, **keys)
    return (
        MOST if found.recommendation.addon_credits is None else found.recommendation.addon_credits
    )


def least(logs: int) -> int:
    """Return on how many of some logs the truth has to lie among the draws, but for chance."""
    return int(binom.ppf(CHANCE, logs, AMONG))


@cache
def true_size(name: str, times: float = 1.0) -> int:
    """Return what is recommended for an org, from many replications, or with more at random."""
    known, laws = KNOWN[name], []
    for law, app, kinds in known.laws:
        ((kind, keys),) = law.items()
        if growth := keys.get("growth"):
            grown = parse_growth(growth) ** (28 / 30) * parse_rate(keys["rate"])
            keys = keys | {"rate": f"{grown:.4f} per day"}
        if kind == "poisson" and times != 1:
            keys = keys | {"rate": f"{times * parse_rate(keys['rate']):.4f} per day"}
        laws.append(({kind: keys}, app, kinds))
    return size_of(known._replace(laws=tuple(laws)).scenario(start=AFTER.isoformat()), 240)


class Advice(NamedTuple):
    """What a fit recommends, and what scenarios drawn from it do."""

    size: int
    drawn: tuple[int, ...]
    true: int

    @property
    def is_right(self) -> bool:
        """Whether the truth lies among what is drawn, so within what the fit says is unsure."""
        return min(self.drawn) <= self.true <= max(self.drawn)

    @property
    def is_near(self) -> bool:
        """Whether it is within one step of the truth."""
        return abs(self.size - self.true) <= STEP

    @property
    def is_confidently_wrong(self) -> bool:
        """Whether all of 20 draws, so more than 95 %, say one size, which is two steps off."""
        return len({*self.drawn}) == 1 and abs(self.drawn[0] - self.true) >= 2 * STEP


def advice(name: str, replication: int) -> Advice:
    """Return what the fit of one log of an org recommends."""
    found = logged(name, replication)
    size = size_of(found.scenario, seed=replication)
    drawn = (size_of(found.drawn(draw), seed=replication) for draw in range(DRAWS))
    return Advice(size, tuple(drawn), true_size(name))


def check(name: str, logs: int) -> list[Advice]:
    """Return what fits of some logs recommend, none of which is confidently wrong."""
    its = [advice(name, replication) for replication in range(logs)]
    assert not any(each.is_confidently_wrong for each in its)
    return its


@pytest.mark.proof
def test_plans_of_fits_are_right_within_what_the_fit_says_is_unsure() -> None:
    """And they would be wrong, by the same draws, if twice as much came at random."""
    its = {name: check(name, FEW) for name in QUICK}
    assert sum(each.is_right for found in its.values() for each in found) >= least(FEW * len(QUICK))
    assert all(each.size != MOST for found in its.values() for each in found)
    for name, found in its.items():
        wrong = true_size(name, 2.0)
        assert not any(each._replace(true=wrong).is_right for each in found)


@pytest.mark.long
@pytest.mark.proof
@pytest.mark.parametrize("name", KNOWN)
def test_plans_of_many_fits_are_right_or_unsure(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    its = check(name, LONG)
    right = sum(each.is_right for each in its)
    record_property("right", right / LONG)
    record_property("within a step", float(np.mean([each.is_near for each in its])))
    assert right >= least(LONG)


def test_drawn_scenarios_differ_as_the_estimates_say() -> None:
    """The rates of many draws spread as wide as the interval; the same seed draws the same."""
    found = logged("flat", 0)
    rate = found.apps[0].laws.components[0].estimates["rate"]
    laws = [found.drawn(seed).clients[0].arrivals.poisson for seed in range(300)]
    rates = [law.mean_arrivals(found.scenario.clock)[0] for law in laws if law is not None]
    # Growth that may hide in the log reaches the start of the scenario, and widens the spread.
    growth = found.apps[0].laws.components[0].estimates["growth"]
    hidden = np.log(growth.high / growth.low) / 3.92 * 14 / 30
    spread = np.hypot(np.log(rate.high / rate.low) / 3.92, hidden)
    assert np.std(np.log(rates)) == pytest.approx(spread, rel=0.15)
    assert found.drawn(3).fingerprint() == found.drawn(3).fingerprint()


if __name__ == "__main__":
    logs = int(sys.argv[1]) if len(sys.argv) > 1 else LONG
    for org in sys.argv[2:] or KNOWN:
        its = [advice(org, replication) for replication in range(logs)]
        off = np.array([each.size - each.true for each in its])
        sys.stdout.write(
            f"{org:10} true {true_size(org):6} within a step {np.mean(abs(off) <= STEP):.3f} "
            f"with uncertainty {np.mean([each.is_right for each in its]):.3f} "
            f"mean off {off.mean():7.0f} from {off.min()} to {off.max()} "
            f"confidently wrong {sum(each.is_confidently_wrong for each in its)}\n"
        )
        sys.stdout.flush()
