"""What a search knows of each size: what stays in doubt, what is judged after all, what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from simulation.experiment.estimates import mean_of, ratio_of
from simulation.planning.frontier import Evidence, frontier_table
from simulation.planning.judging import Judges
from simulation.planning.reasons import reasons_for
from simulation.planning.search import Search
from tests.helpers import judge
from tests.planning.test_advice import RUNS, known
from tests.planning.test_search import searched


def with_given_up(search: Search, places: list[int], after: int = 2) -> Search:
    """Let a search have judged these sizes on its first replications alone."""
    judged = search.judged
    columns = {name: getattr(judged, name).copy() for name in ("throttled", "lost")}
    for column in columns.values():
        column[after:, places] = -1
    search._judged = replace(judged, **columns)
    return search


def in_doubt(search: Search, first: int, last: int | None) -> list[int]:
    """Return the places that stay in doubt where these are the ends of what may be right."""
    with pytest.MonkeyPatch.context() as patched:
        costs = search.objective.cost_of_lost_call is not None
        patched.setattr(Search, "_may_be_right", lambda _: (first, last if costs else None))
        return [int(place) for place in search._in_doubt()]


def test_in_doubt_are_what_may_be_right_the_next_smaller_and_all_larger() -> None:
    search = searched({"throttled_share": "5%", "probability": "70%"})
    most = len(search.sizes)
    assert in_doubt(search, 5, 7) == [*range(4, most)]
    assert in_doubt(search, 0, 0) == in_doubt(search, 1, None) == [*range(most)]
    assert in_doubt(search, most, None) == [most - 1]
    with_given_up(search, [0, 1, 6, 9])
    assert in_doubt(search, 5, 7) == [4, 5, 7, 8, *range(10, most)]  # those stay given up
    costs = searched({"cost_of_lost_call": 1.0})
    assert in_doubt(costs, 5, 7) == [4, 5, 6, 7, 8]  # one more on either side
    assert in_doubt(costs, most - 2, most - 1) == [*range(most - 3, most)]


def test_the_size_that_the_org_has_stays_in_doubt_where_that_is_asked_for() -> None:
    search = searched({"throttled_share": "5%", "probability": "70%"})
    search.scenario = search.scenario.changed({"org.addon_credits": 8})
    assert in_doubt(search, 5, 7)[:2] == [4, 5]
    search._keep_current = True
    assert in_doubt(search, 5, 7)[:3] == [2, 4, 5]


def test_what_a_recommendation_stands_on_is_judged_after_all() -> None:
    search = searched({"throttled_share": "5%", "probability": "70%"})
    chosen, most = search.chosen, len(search.sizes)
    assert chosen is not None
    assert 1 < chosen < most - 2
    assert search._behind().tolist() == []
    with_given_up(search, [chosen - 2, chosen - 1, most - 1], 7)
    assert search.chosen == chosen
    assert search._behind().tolist() == [chosen - 1, most - 1]
    Judges().alone(search.judging(8))
    judged_on = search.judged.replications
    assert judged_on[chosen - 2] == 7
    assert (np.delete(judged_on, chosen - 2) == 8).all()
    none = searched({"throttled_share": 0, "probability": "100%"})
    none.judged.throttled[:] = 99
    assert none.chosen is None
    assert with_given_up(none, [0, most - 2])._behind().tolist() == []
    assert with_given_up(none, [most - 1])._behind().tolist() == [most - 1]


def test_of_the_least_cost_the_sizes_on_either_side_are_judged_after_all() -> None:
    search = searched({"cost_of_lost_call": 0.2})
    chosen = search.chosen
    assert chosen is not None
    assert chosen > 1
    others = [place for place in range(len(search.sizes)) if place != chosen]
    with_given_up(search, others)
    search.judged.lost[:2, others] += 1_000  # none costs less on these
    assert search._behind().tolist() == [chosen - 1, chosen + 1]


def test_a_size_that_cost_less_on_the_replications_that_it_has_is_judged_after_all() -> None:
    search = searched({"cost_of_lost_call": 0.2})
    chosen, most = search.chosen, len(search.sizes)
    assert chosen is not None
    far = chosen + 4
    with_given_up(search, [place for place in range(most) if abs(place - chosen) > 1])
    assert far not in search._behind().tolist()
    # What the best and those beside it lose on later replications makes them dearer.
    search.judged.lost[2:, chosen - 1 : chosen + 2] += 10_000
    search.judged.lost[:2, far] = 0
    assert search.chosen is not None
    assert abs(search.chosen - chosen) <= 1
    assert far in search._behind().tolist()


def test_fresh_replications_are_those_that_the_search_did_not_see() -> None:
    search = searched({"throttled_share": "5%", "probability": "70%"})
    places = [3, 4]
    fresh = Judges().alone(search.fresh(places))
    expected = judge(search.demand, range(8, 16), search.limits[places])
    assert fresh.sizes.tolist() == search.sizes[places].tolist()
    assert fresh.judged.limits.tolist() == search.limits[places].tolist()
    for name in ("calls", "credits", "throttled", "lost", "enough"):
        assert np.array_equal(getattr(fresh.judged, name), getattr(expected, name)), name
    search.certain = True  # and there is nothing else to see
    fresh = Judges().alone(search.fresh(places))
    assert fresh.judged.limits.tolist() == search.limits[places].tolist()
    for name in ("throttled", "lost"):
        assert np.array_equal(getattr(fresh.judged, name), getattr(search.judged, name)[:, places])


def test_a_judgement_counts_what_was_judged_and_no_more() -> None:
    judged = known(RUNS).judged
    assert judged.replications.tolist() == [1, 3, 4, 4, 4, 4]
    assert np.isnan(judged.shares).tolist() == (judged.throttled < 0).tolist()
    assert np.isnan(judged.lost_calls).tolist() == (judged.throttled < 0).tolist()
    assert judged.shares[0].tolist() == [0, 0.05, 0.09, 0.09, 0.01, 0]
    assert judged.lost_calls[1, 1:].tolist() == [2, 9, 3, 2, 0]
    idle = replace(judged, calls=np.array([0, 100, 100, 100]), throttled=judged.throttled * 0)
    assert idle.shares[0].tolist() == [0] * 6  # a replication without calls throttles none
    dear = replace(
        judged,
        limits=np.array([25, 30, 40, 100, 400, 900]),
        credits=7 * judged.calls,
        enough=np.array([10, 20, 30, 400]),
    )
    # as far as the limit, since no window holds more, and no more than all calls
    assert dear.unseen.tolist() == [1, 1, 10 / 7, 70 / 7, 370 / 7, 370 / 7]
    few = replace(dear, calls=judged.calls // 10, credits=judged.calls // 10)
    assert few.unseen.tolist() == [1, 1, 10, 10, 10, 10]  # a call costs a credit at least


def test_of_what_is_certain_every_interval_is_a_point() -> None:
    goal = {"cost_of_lost_call": 0.5}
    table = frontier_table(known([[9, 6, 5, 0]], certain=True, objective=goal))
    for name in ("throttled_share", "lost_calls", "cost_per_month"):
        assert table[f"{name}_low"].tolist() == table[name].tolist()
        assert table[f"{name}_high"].tolist() == table[name].tolist()
    assert table["throttled_share"].tolist() == [0.09, 0.06, 0.05, 0]
    price = table["price_per_month"].astype(float)
    assert table["cost_per_month"].tolist() == pytest.approx(
        price + 0.5 * table["lost_calls"] * 7.5
    )
    assert table["meets_low"].tolist() == table["meets_high"].tolist()


def test_a_frontier_s_rows_say_of_each_size_what_its_own_replications_showed() -> None:
    evidence = known(RUNS)
    table, judged = frontier_table(evidence), evidence.judged
    for place, n in enumerate((1, 3, 4, 4, 4, 4)):
        row = table.iloc[place]
        counts = judged.throttled[:n, place]
        unseen = float(judged.unseen[place])
        share = ratio_of(counts, judged.calls[:n], unseen).at_most(1.0)
        lost = mean_of(counts, unseen)
        for name, found in (("throttled_share", share), ("lost_calls", lost)):
            ends = [row[f"{name}{end}"] for end in ("", "_low", "_high")]
            assert ends == pytest.approx(list(found[:3]), nan_ok=True), (name, place)
        kept = int((counts <= 5).sum())
        assert row["meets_probability"] == kept / n
        interval = binomtest(kept, n).proportion_ci(0.95, "exact")
        assert [row["meets_low"], row["meets_high"]] == pytest.approx([*interval])
        assert row["replications"] == n


def said_of(evidence: Evidence, chosen: int, decided: bool) -> list[str]:
    """Say why this size is recommended, as if fresh replications had shown the very same."""
    judged = evidence.judged
    places = [chosen - 1, chosen]
    columns = {name: getattr(judged, name)[:, places] for name in ("throttled", "lost")}
    fresh = replace(judged, limits=judged.limits[places], **columns)
    of_two = replace(evidence, sizes=evidence.sizes[places], judged=fresh)
    return reasons_for(evidence, of_two, chosen, decided, None)


def test_what_larger_and_smaller_sizes_do_is_said_as_surely_as_it_is_known() -> None:
    larger = "On the replications of the search every larger size keeps to it too."
    evidence = known(RUNS)
    assert larger in said_of(evidence, 4, decided=True)
    assert larger not in said_of(evidence, 4, decided=False)
    assert larger not in said_of(evidence, 5, decided=True)  # there is none
    assert any(said.startswith("12 are too few: ") for said in said_of(evidence, 4, decided=True))
    assert any(said.startswith("12 may be too few") for said in said_of(evidence, 4, decided=False))


def test_one_replication_of_what_is_random_has_no_interval_of_its_cost() -> None:
    evidence = known([[5, 3, 1]], objective={"cost_of_lost_call": 0.5})
    assert said_of(evidence, 2, decided=False)[1].endswith(" a month in all.")


@pytest.mark.parametrize(
    ("edition", "licenses", "bound"),
    [
        ("any", 10, "the purchase cap of 120"),
        ("higher", 10, "the purchase cap of 120"),  # the maximum of 400 leaves more
        ("higher", 180, "the purchase cap of 120"),  # or just as much
        ("higher", 200, "the edition's maximum of 400"),
    ],
)
def test_of_two_bounds_the_nearer_is_named(edition: str, licenses: int, bound: str) -> None:
    evidence = known(RUNS, org={"edition": edition, "user_licenses": licenses})
    (said,) = (said for said in said_of(evidence, 5, decided=True) if said.startswith("No more"))
    assert said == f"No more than 20 can be bought, because of {bound}."
