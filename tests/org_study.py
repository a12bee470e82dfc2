"""How far plans can be trusted: random orgs planned, then judged on demand that chose nothing.

``python -m tests.org_study [ORGS [FIRST]]`` prints a table, and keeps that of 300 orgs or more. An
org has one to four clients of several laws, sizes and habits, and asks for about as much as its
edition and licenses allow; a plan of it takes some seconds. The sizes that its plan names, for the
org as it is and with fewer calls, are then judged on 1,000 replications of another seed, which
stand for the truth.
"""

from __future__ import annotations

import random
import shlex
import sys
from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from simulation import Plan, plan
from simulation.demand.demand import Demand
from simulation.experiment.workers import cores, in_processes
from simulation.scenario.scenario import Scenario
from tests.helpers import build, judge
from tests.kept_figures import keep

__all__ = ["Claim", "claims", "random_org", "table"]

_TRUTH_SEED = 900_000_000
_TRUTH_REPLICATIONS = 1_000
_WORTH_KEEPING = 300  # orgs
_BATCH = 250  # replications judged at once
_SURELY = 0.01  # of a size that just meets its objective, how often chance makes it look wrong
_NEAR = 0.03  # true probabilities so near to the wanted one are hard to tell from it

# A call's kind, with its records; credits as the card has them.
_KINDS: list[tuple[dict[str, Any], float]] = [
    ({"api": "get_records_by_cvid"}, 3),
    ({"api": "convert_lead"}, 5),
    ({"api": "upsert_records", "records": {"uniform": [1, 100]}}, 5.5),
    ({"api": "bulk_read"}, 50),
    ({"api": "bulk_read"}, 50),
    ({"api": "bulk_write"}, 500),
]


def random_org(number: int) -> Scenario:
    """Return the org of a number: the same number gives the same org."""
    draw = random.Random(f"org {number}")
    edition, least, per_license, most = draw.choice(
        [
            ("free", 5_000, 0, 0),
            ("standard", 5_000, 250, 60),
            ("professional", 10_000, 500, 40),
            ("enterprise", 15_000, 1_000, 40),
        ]
    )
    licenses = draw.randint(1, most) if most else 0
    allowance = least + licenses * per_license
    wanted = allowance * draw.uniform(0.3, 0.6 if edition == "free" else 1.3)
    parts = [draw.uniform(0.2, 1) for _ in range(draw.randint(1, 4))]
    clients = [
        _client(draw, f"client {n}", wanted * part / sum(parts)) for n, part in enumerate(parts)
    ]
    goal = {
        "throttled_share": draw.choice([0, "0.1%", "1%", "5%"]),
        "probability": draw.choice(["90%", "95%", "95%", "99%"]),
    }
    fewer: dict[str, Any] = {"name": "fewer calls", "set": {}}
    for place, client in enumerate(clients):
        law = client["arrivals"].get("poisson")
        if law is not None:
            rate = f"{0.8 * float(law['rate'].split()[0]):.2f} per day"
            fewer["set"][f"clients.#{place + 1}.arrivals.poisson.rate"] = rate
    return build(
        clients,
        org={"edition": edition, **({"user_licenses": licenses} if licenses else {})},
        horizon=f"{draw.choice([3, 4, 6])} days",
        warmup="1 day",
        replications=30,
        seed=number,
        objective=goal,
        alternatives=[fewer] if fewer["set"] else [],
    )


def _client(draw: random.Random, name: str, credits: float) -> dict[str, Any]:
    """Return a client that asks for about this many credits on a busy day."""
    call, cost = draw.choice(_KINDS)
    calls = max(1.0, credits / cost)
    while calls > 150:  # dearer calls, so that a plan is quick
        call, cost = draw.choice(_KINDS)
        calls = max(1.0, credits / cost)
    retry = {
        "first": draw.choice(["1 minute", "1 hour"]),
        "factor": 2,
        "max_attempts": draw.randint(2, 4),
        "jitter": draw.choice(["none", "full"]),
    }
    client: dict[str, Any] = {
        "name": name,
        "calls": [call],
        "on_throttle": draw.choice(["drop", "drop", {"retry": retry}]),
    }
    if draw.random() < 0.2:  # a job that makes its calls in a burst, on some days
        days = draw.choice(["all", "weekdays", ["mon", "thu"]])
        at = {"at": [f"{draw.randint(0, 23):02}:00"], "days": days, "calls": round(calls)}
        over = draw.choice([0, "10 minutes", "3 hours"])
        return {**client, "arrivals": {"schedule": {**at, "over": over}}}
    law = {
        "rate": f"{calls:.2f} per day",
        "profile": draw.choice(["flat", "office_hours"]),
        "daily_variation": draw.choice([0, "10%", "20%", "40%"]),
        "growth": draw.choice(["0% per month", "0% per month", "10% per month"]),
    }
    return {**client, "arrivals": {"poisson": law}}


class Claim(NamedTuple):
    """What a plan says of the size that it recommends, for the org or for an alternative."""

    status: str
    decided: bool
    wanted: float
    said: float
    said_low: float
    said_high: float
    true: int
    """In how many of the replications that stand for the truth the size keeps to the objective."""
    true_smaller: int | None
    """The same of the next smaller size; None where the largest does not do, or none is needed."""
    true_safe: int | None
    """The same of the size that an undecided plan says is surely enough."""
    true_beyond: int | None
    """The same of the size one step further: larger where this one misses, else second smaller."""

    @property
    def probability(self) -> float:
        """The true probability, but for chance."""
        return self.true / _TRUTH_REPLICATIONS

    @property
    def is_wrong(self) -> bool:
        """Whether the size surely misses the objective; the largest reaches it if none is to do."""
        return _surely(self.true, self.wanted, "less" if self.does else "greater")

    @property
    def is_too_large(self) -> bool:
        """Whether a smaller size surely does."""
        return self.true_smaller is not None and _surely(self.true_smaller, self.wanted, "greater")

    @property
    def is_one_step_off(self) -> bool:
        """Whether it is wrong or too large, and the right size is the next one."""
        if self.is_wrong:
            needed = self.does
        elif self.is_too_large:
            needed = False
        else:
            return False
        if self.true_beyond is None:
            return True
        return (self.true_beyond / _TRUTH_REPLICATIONS >= self.wanted) == needed

    @property
    def is_unsafe(self) -> bool:
        """Whether the size that is said to be enough surely is not."""
        return self.true_safe is not None and _surely(self.true_safe, self.wanted, "less")

    @property
    def does(self) -> bool:
        """Whether a size is recommended."""
        return self.status != "not_reachable"


def _surely(kept: int, wanted: float, side: str) -> bool:
    return bool(binomtest(kept, _TRUTH_REPLICATIONS, wanted, side).pvalue < _SURELY)


def _true(scenario: Scenario, credits: Sequence[int]) -> dict[int, int]:
    """Return in how many replications of another seed each size keeps to the objective."""
    scenario = scenario.changed({"seed": _TRUTH_SEED + scenario.seed})
    demand, goal, sizes = Demand(scenario), scenario.objective, np.unique(credits)
    limits = np.array([scenario.offer.limit(size) for size in sizes.tolist()], np.int64)
    kept = np.zeros(len(sizes), np.int64)
    for first in range(0, _TRUTH_REPLICATIONS, _BATCH):
        kept += judge(demand, range(first, first + _BATCH), limits).meets(goal).sum(axis=0)
    return dict(zip(sizes.tolist(), kept.tolist(), strict=True))


def claims(result: Plan) -> tuple[Claim, list[Claim]]:
    """Return what a plan says, of the org as it is and of its alternatives, beside the truth."""
    advice, between = result.recommendation, result.recommendation.undecided_between
    shown = advice.addon_credits
    if shown is None:
        shown = int(result.frontier["addon_credits"].iloc[-1])
    row = result.fresh.set_index("addon_credits").loc[shown]
    ends = (float(row["meets_low"]), float(row["meets_high"]))
    said = (advice.status, advice.decided, float(row["meets_probability"]), *ends)
    safe = None if between is None else between[1]
    own = _claim(result.scenario, advice.addon_credits, safe, *said)
    others = []
    for each in result.alternatives:
        changed = next(a for a in result.scenario.alternatives if a.name == each.name)
        said = (each.status, each.decided, *each.meets_probability[:3])
        scenario = result.scenario.with_alternative(changed)
        others.append(_claim(scenario, each.addon_credits, None, *said))
    return own, others


def _claim(
    scenario: Scenario,
    size: int | None,
    safe: int | None,
    status: str,
    decided: bool,
    said: float,
    low: float,
    high: float,
) -> Claim:
    sizes = list(scenario.offer.sizes)
    places = range(len(sizes))
    place = len(sizes) - 1 if size is None else sizes.index(size)
    smaller = sizes[place - 1] if size else None
    around = {each: sizes[each] for each in (place - 2, place - 1, place + 1) if each in places}
    true = _true(scenario, [sizes[place], *around.values(), *([] if safe is None else [safe])])
    met, wanted = true[sizes[place]], scenario.objective.probability
    beyond = place + 1 if size is not None and _surely(met, wanted, "less") else place - 2
    if size is None:
        beyond = place - 1
    return Claim(
        status,
        decided,
        wanted,
        said,
        low,
        high,
        met,
        None if smaller is None else true[smaller],
        None if safe is None else true[safe],
        true[around[beyond]] if beyond in around else None,
    )


def _gap(some: Sequence[Claim]) -> str:
    """Write by how many points what is said exceeds the truth on average, with its error."""
    if len(some) < 2:
        return "-"
    gaps = np.array([100 * (each.said - each.probability) for each in some])
    return f"{gaps.mean():+.2f} ± {gaps.std(ddof=1) / sqrt(len(gaps)):.2f} (of {len(some)})"


def _part(some: Sequence[Claim], has: Callable[[Claim], bool]) -> str:
    return f"{sum(map(has, some))} of {len(some)}"


def _covered(claim: Claim) -> bool:
    return claim.said_low <= claim.probability <= claim.said_high


def _column(some: Sequence[Claim]) -> list[str]:
    """Return the figures of some claims, in the order of the table's rows."""
    sure = [each for each in some if each.decided]
    open_ = [each for each in some if not each.decided]
    near = [each for each in sure if abs(each.probability - each.wanted) <= _NEAR]
    safe = [each for each in open_ if each.true_safe is not None]
    bought = [each for each in sure if each.true_smaller is not None]
    return [
        str(len(some)),
        *(str(sum(each.status == s for each in sure)) for s in ("none_needed", "buy")),
        str(sum(not each.does for each in sure)),
        str(len(open_)),
        _part(sure, lambda each: each.is_wrong),
        _part(bought, lambda each: each.is_too_large),
        _part(sure, lambda each: each.is_one_step_off),
        _part(safe, lambda each: each.is_unsafe),
        _gap(sure),
        _gap(near),
        _gap(open_),
        _part(some, _covered),
    ]


_ROWS = (
    "plans",
    "decided: none needed",
    "decided: buy",
    "decided: not reachable",
    "undecided",
    "decided wrongly for sure",
    "decided for a size with a smaller one that surely does",
    "decided, one step off for sure",
    "undecided, and the size said to be enough surely is not",
    "said less true probability, points: decided",
    f"… decided, true probability within {100 * _NEAR:.0f} points of the wanted",
    "… undecided",
    "95 % intervals that hold the true probability",
)


def _studied(number: int) -> tuple[Claim, list[Claim], int]:
    """Return what the plan of an org says, beside the truth, and the replications simulated."""
    done = 0

    def tick(so_far: int, _: int) -> None:
        nonlocal done
        done = so_far

    result = plan(random_org(number), confirm="none", workers=1, progress=tick)
    return *claims(result), done


def table(orgs: Sequence[int]) -> pd.DataFrame:
    """Return the table, after a line for each org to standard error."""
    own: list[Claim] = []
    others: list[Claim] = []
    steps = 0
    studied = in_processes(_studied, orgs, cores(None))
    for number, (mine, theirs, done) in zip(orgs, studied, strict=True):
        steps += done
        own.append(mine)
        others += theirs
        print(number, done, *mine, file=sys.stderr, flush=True)
    rows = [*zip(_ROWS, _column(own), _column(others), strict=True)]
    rows.append(("replications simulated", f"{steps:,} in all", ""))
    return pd.DataFrame(rows, columns=["", "the org as it is", "its alternative"])


if __name__ == "__main__":
    orgs, first_org = map(int, [*sys.argv[1:], *("100", "0")[len(sys.argv) - 1 :]])
    found = table(range(first_org, first_org + orgs))
    if orgs >= _WORTH_KEEPING:
        keep("orgs", found, command=shlex.join(["python", "-m", "tests.org_study", *sys.argv[1:]]))
    print(found.to_csv(sep="|", index=False))
