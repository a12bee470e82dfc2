"""Intervals hold the truth as often as they say: run after run, on demand of every kind."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.coverage_table import KINDS, STATISTICS, Covered, coverage, coverage_of_all
from tests.kept_figures import FOLDER, keep

pytestmark = pytest.mark.proof

RARE = ("rare, 1e-4", "rare and bursty, 1e-3", "one rare large call")
"""Kinds of which most replications throttle nothing; their intervals may be wide."""


def most(kind: str, statistic: str) -> float:
    """Return how often intervals may hold the truth: as said, or always where they are exact."""
    is_share = statistic in ("throttled_share", "lost_calls")
    return 0.97 if is_share and kind not in RARE else 1.0


@pytest.mark.parametrize("kind", ["steady", "rare, 1e-4"])
def test_a_few_dozen_runs_do_not_contradict_the_intervals(kind: str) -> None:
    for each in coverage(kind, 40):
        assert each.is_within(0.93, most(kind, each.statistic)), each


@pytest.mark.long
def test_intervals_hold_the_truth_as_often_as_they_say(long: bool) -> None:
    rows = list(coverage_of_all(1000 if long else 200))
    if long:
        table = pd.DataFrame(rows).assign(coverage=[each.share for each in rows])
        keep("coverage", table)
    failed = [each for each in rows if not each.is_within(0.93, most(each.kind, each.statistic))]
    assert failed == []


def test_the_coverage_that_is_kept_is_what_intervals_say() -> None:
    if not (FOLDER / "coverage.csv").exists():
        pytest.skip("none is kept")
    kept = pd.read_csv(FOLDER / "coverage.csv")
    assert set(kept["kind"]) == set(KINDS)
    assert set(kept["statistic"]) == set(STATISTICS)
    rows = [Covered(*each) for each in kept.drop(columns="coverage").itertuples(index=False)]
    assert [
        each for each in rows if not each.is_within(0.93, most(each.kind, each.statistic))
    ] == []
