"""What calls cost by tiers of records, and in parts of a credit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulation import InputError, RateCard, run
from simulation.demand.wanted import Prices
from simulation.rate_cards.costs import common_unit
from simulation.scenario.scenario import Scenario
from tests.helpers import ANY_LIMIT, QUARTERS, build, creditsim, scheduled

TIERS = {"up_to": {200: 1, 1000: 2, 2000: 3}}
KIND = {"category": "crud", "credits": TIERS}
ZOHO = RateCard.load("zoho-crm-2026")


def any_limit_card() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(ANY_LIMIT.read_text())
    return {**data, "sources": []}


def own_card(folder: Path, calls: dict[str, Any], **keys: object) -> Path:
    data = any_limit_card()
    data |= {"name": "own", "calls": {**data["calls"], **calls}, **keys}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def _build(client: dict[str, Any], card: Path, **keys: Any) -> Scenario:
    org = {"edition": "any", "user_licenses": 3000}
    return build([client], rate_card=str(card), org=org, **keys)


def refusals(path: Path) -> dict[str, str]:
    with pytest.raises(InputError) as refusal:
        RateCard.load(path)
    assert all(each.where.startswith(f"{path}:") for each in refusal.value.problems)
    return {each.path: each.what for each in refusal.value.problems}


def priced(card: RateCard, api: str, records: list[int]) -> list[float]:
    """Return what calls cost in the loop that prices demand."""
    what = np.array(records, np.int64) | 1 << 32
    amounts: list[float] = card.in_credits(Prices.of(card, ["other", api]).credits(what)).tolist()
    return amounts


@pytest.mark.parametrize(
    ("api", "category", "costs"),
    [
        ("send_mail", "other", {1: 20}),
        ("coql_query", "crud", {1: 1, 200: 1, 201: 2, 1000: 2, 1001: 3, 2000: 3}),
        ("composite", "other", {1: 1}),
        ("merge_records", "crud", {1: 50}),
        ("mass_convert_leads", "convert", {50: 200}),
        ("mass_delete", "crud", {1: 1, 100: 1, 101: 2, 500: 5}),
        ("create_custom_module", "meta", {1: 500}),
    ],
)
def test_the_vendor_s_newer_kinds_cost_what_was_read(
    api: str, category: str, costs: dict[int, int]
) -> None:
    assert ZOHO.category(api) == category
    assert [ZOHO.credits(api, records) for records in costs] == [*costs.values()]
    assert ZOHO.credits(api, np.array([*costs])).tolist() == [*costs.values()]
    assert priced(ZOHO, api, [*costs]) == [*costs.values()]
    assert api not in RateCard.load("kaizen-34").calls


@given(
    st.dictionaries(st.integers(1, 40), st.integers(0, 9), min_size=1, max_size=5),
    st.integers(1, 40),
    st.integers(1, 40),
)
def test_a_call_costs_what_the_first_tier_says_that_reaches_its_records(
    up_to: dict[int, int], one: int, other: int
) -> None:
    def cost(records: int) -> int:
        return up_to[min(bound for bound in up_to if bound >= records)]

    data = any_limit_card()
    data["calls"]["tiered"] = {"category": "crud", "credits": {"up_to": up_to}}
    card = RateCard.model_validate(data)
    every = range(1, max(up_to) + 1)
    expected = [cost(records) for records in every]
    assert [card.credits("tiered", records) for records in every] == expected
    assert card.credits("tiered", np.array(every)).tolist() == expected
    assert priced(card, "tiered", [*every]) == expected
    assert card.most_records("tiered") == max(up_to)
    least, most = (min(each, max(up_to)) for each in sorted((one, other)))
    assert card.least_units("tiered", least, most) == min(expected[least - 1 : most])


def test_kinds_without_tiers_are_priced_beside_kinds_with_them() -> None:
    card = RateCard.load(QUARTERS)
    apis, records = [*card.calls], [1, 5, 6, 10, 11, 60, 61, 100]
    pairs = [(code, n) for code in range(len(apis)) for n in records]
    what = np.array([code << 32 | n for code, n in pairs], np.int64)
    assert Prices.of(card, apis).credits(what).tolist() == [
        card.units(apis[code], n) for code, n in pairs
    ]


def test_a_call_above_the_last_tier_is_refused_with_line_and_remedy(tmp_path: Path) -> None:
    card = own_card(tmp_path, {"query": KIND, "low": {**KIND, "max_records": 500}})
    for api, most in (("query", 2000), ("low", 500)):
        client = scheduled("a", "09:00", 1, api)
        client["calls"][0]["records"] = most + 1
        with pytest.raises(InputError, match=f"{most + 1} is more than {api} takes, .* {most}$"):
            _build(client, card)
        client["calls"][0]["records"] = {"poisson": 10 * most}
        with pytest.raises(InputError, match=f"more than {api} takes, write at most {most}$"):
            _build(client, card)
    trace = tmp_path / "t.csv"
    trace.write_text("timestamp,api,records\n2026-01-05 09:00:00,query,2001\n")
    recorded = {"name": "a", "arrivals": {"trace": {"file": str(trace)}}}
    with pytest.raises(InputError) as refusal:
        _build(recorded, card)
    assert f"{trace}:2: " in str(refusal.value)
    assert "2001 is more than query takes, at most 2000" in str(refusal.value)
    with pytest.raises(InputError, match="2001 is more than query takes, write at most 2000"):
        RateCard.load(card).credits("query", np.array([3, 2001]))


def test_records_that_are_drawn_stay_within_the_last_tier(tmp_path: Path) -> None:
    card = own_card(tmp_path, {"query": {"category": "crud", "credits": {"up_to": {3: 1, 9: 5}}}})
    client = scheduled("a", "09:00", 500, "query")
    client["calls"][0]["records"] = {"poisson": 9}
    calls = run(_build(client, card)).calls
    assert calls["records"].max() == 9
    assert calls["credits"].tolist() == [1 if n <= 3 else 5 for n in calls["records"]]


def test_ids_that_cost_as_other_have_its_tiers_and_their_end(tmp_path: Path) -> None:
    card = own_card(tmp_path, {"other": {"category": "other", "credits": {"up_to": {2: 1, 5: 4}}}})
    client = scheduled("a", "09:00", 1, "mine")
    with pytest.raises(InputError, match="costs 1 or 4 and is called 'other'"):
        _build(client, card)
    client["calls"][0]["records"] = 6
    with pytest.raises(InputError, match="6 is more than mine takes, write at most 5"):
        _build(client, card, other_apis=["mine"])


@pytest.mark.parametrize(
    ("kind", "path", "complaint"),
    [
        ({"credits": {"up_to": {}}}, "credits.up_to", "has no tier, write records with credits"),
        ({"credits": {}}, "credits.up_to", "is missing, add it"),
        ({"credits": {"upto": {1: 1}}}, "credits.upto", "did you mean 'up_to'"),
        ({"credits": {"up_to": {0: 1}}}, "credits.up_to.0", "greater than or equal to 1"),
        ({"credits": {"up_to": {9: -1}}}, "credits.up_to.9", "-1 is negative, write 0 or more"),
        ({"credits": {"up_to": {9: True}}}, "credits.up_to.9", "true is yes or no"),
        ({"credits": {"up_to": {9: 10**6 + 1}}}, "credits.up_to.9", "less than or equal to"),
        ({"credits": {"up_to": {"200": 1, 200: 2}}}, "credits.up_to.200", "one bound, give it one"),
        ({"credits": TIERS, "per_records": 10}, "per_records", "stands beside tiers"),
        ({"credits": TIERS, "max_records": 2001}, "max_records", "2,001 is above the last tier"),
        ({"credits": [1, 2]}, "credits", "is not a number"),
        ({"credits": "cheap"}, "credits", "'cheap' is not a number"),
        ({"credits": 1.0000001}, "credits", "1.0000001 has more than 6 decimals"),
        ({"credits": -0.5}, "credits", "-0.5 is negative, write 0 or more"),
    ],
)
def test_costs_that_mean_nothing_or_two_things_are_refused(
    tmp_path: Path, kind: dict[str, Any], path: str, complaint: str
) -> None:
    found = refusals(own_card(tmp_path, {"query": {"category": "crud", **kind}}))
    assert complaint in found[f"calls.query.{path}"]


def test_parts_of_a_credit_need_a_smallest_unit_and_the_message_names_it(tmp_path: Path) -> None:
    quarter = {"category": "other", "credits": 0.25}
    tiered = {"category": "crud", "credits": {"up_to": {10: 1, 20: 1.5}}}
    found = refusals(
        own_card(tmp_path, {"fast": quarter, "query": tiered}, throttled_attempt_credits=0.1)
    )
    paths = ["calls.fast.credits", "calls.query.credits.up_to.20", "throttled_attempt_credits"]
    assert sorted(found) == paths
    assert found["calls.fast.credits"] == (
        "0.25 is not a whole multiple of the card's smallest unit of credits, 1: write "
        "'smallest_unit: 0.05' on the card, or a whole multiple"
    )
    card = RateCard.load(own_card(tmp_path, {"fast": quarter, "query": tiered}, smallest_unit=0.25))
    assert (card.units_per_credit, card.credits("fast", 1), card.units("query", 11)) == (4, 0.25, 6)
    assert card.credits("query", np.array([1, 11])).tolist() == [1.0, 1.5]


@pytest.mark.parametrize(
    ("unit", "complaint"),
    [
        (0, "0 is out of range, write 1, or a part of a credit"),
        (2, "2 is out of range"),
        (-0.5, "-0.5 is negative"),
        (0.3, "0.3 is not a whole part of a credit, which has 3.33333 of them: write 1,"),
        (0.0000001, "has more than 6 decimals"),
        ("x", "'x' is not a number"),
    ],
)
def test_a_smallest_unit_is_one_of_a_whole_number_of_parts(
    tmp_path: Path, unit: Any, complaint: str
) -> None:
    assert complaint in refusals(own_card(tmp_path, {}, smallest_unit=unit))["smallest_unit"]


def test_the_bounds_of_a_card_are_of_as_many_smallest_units(tmp_path: Path) -> None:
    found = refusals(
        own_card(
            tmp_path,
            {"dear": {"category": "other", "credits": 250_001}},
            smallest_unit=0.25,
            editions={"any": {"base": 10**12, "per_license": 10**6, "maximum": 10**12}},
        )
    )
    assert sorted(found) == [
        "calls.dear.credits",
        *sorted(f"editions.any.{key}" for key in ("base", "maximum", "per_license")),
    ]
    assert found["calls.dear.credits"] == (
        "250,001 is more than 1,000,000 times the card's smallest unit: write at most 250000, or a "
        "larger 'smallest_unit'"
    )


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=6))
def test_the_unit_that_would_do_divides_a_credit_and_all_costs(millionths: list[int]) -> None:
    amounts = {n: value / 10**6 for n, value in enumerate(millionths)}
    unit = common_unit(amounts)
    assert unit.numerator == 1
    assert all(value * unit.denominator % 10**6 == 0 for value in millionths)
    larger = [d for d in range(1, min(unit.denominator, 1000)) if 10**6 % d == 0]
    assert not any(all(value * d % 10**6 == 0 for value in millionths) for d in larger)


@given(st.integers(0, 10**12), st.sampled_from([1, 2, 4, 5, 8, 10, 64, 1000, 10**6]))
def test_amounts_pass_through_credits_unchanged(units: int, parts: int) -> None:
    data = {**any_limit_card(), "smallest_unit": 1 / parts}
    data |= {"editions": {"any": {"base": 0, "maximum": None}}, "purchase_cap_credits": 0}
    data["calls"] = {"other": {"category": "other", "credits": 1}}
    card = RateCard.model_validate(data)
    assert card.units_per_credit == parts
    assert card.in_units(card.in_credits(units)) == units
    assert str(card.in_credits(units)) == str(units if parts == 1 else units / parts)


def test_credits_that_are_no_whole_number_of_units_are_refused() -> None:
    with pytest.raises(ValueError, match=r"0\.3 credits are not a whole multiple of 0\.25"):
        RateCard.load(QUARTERS).in_units(0.3)
    with pytest.raises(ValueError, match=r"0\.5 credits are not a whole multiple of 1"):
        ZOHO.in_units(0.5)


def test_tiers_are_shown_in_words_and_in_json(tmp_path: Path) -> None:
    shown = creditsim("rate-cards", "zoho-crm-2026").stdout
    assert re.search(
        r"coql_query +crud +1 up to 200 records +2000 *\n +2 up to 1,000 records", shown
    )
    card = own_card(tmp_path, {"query": KIND}, smallest_unit=0.5, throttled_attempt_credits=0.5)
    words = " ".join(creditsim("rate-cards", card).stdout.split())
    assert "and costs 0.5 credits. Its smallest amount is 0.5 of a credit." in words
    assert "smallest amount" not in shown
    dumped = RateCard.load(card).model_dump(mode="json")
    assert dumped["calls"]["query"]["credits"] == {"up_to": {"200": 1, "1000": 2, "2000": 3}}
    assert (dumped["smallest_unit"], dumped["calls"]["one"]["credits"]) == (0.5, 1)


def _mails(**keys: Any) -> Any:
    schedule = {"over": "1 hour", "days": ["2026-01-05"]}
    return build(
        [scheduled("a", "09:00", 3000, "send_mail", schedule=schedule)],
        rate_card="zoho-crm-2026",
        org={"edition": "professional", "user_licenses": 6},
        **keys,
    )


@pytest.mark.parametrize("keys", [{}, {"other_apis": ["send_mail"]}])
def test_three_thousand_mails_a_day_want_60_000_credits_of_53_000(keys: dict[str, Any]) -> None:
    scenario = _mails(**keys)
    runs = run(scenario).runs
    assert scenario.limit == 53_000
    assert runs["credits_demanded"].tolist() == [60_000]
    assert runs["lost_calls"].tolist() == [350]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_five_queries_cost_11_credits_by_their_rows(tmp_path: Path, engine: str) -> None:
    rows = [200, 201, 1000, 1001, 2000]
    (tmp_path / "t.csv").write_text(
        "timestamp,api,records\n"
        + "".join(f"2026-01-05 00:00:0{n},coql_query,{each}\n" for n, each in enumerate(rows))
    )
    client = {"name": "a", "arrivals": {"trace": {"file": "t.csv"}}}
    result = run(build([client], tmp_path, rate_card="zoho-crm-2026"), engine=engine)
    assert result.calls["credits"].tolist() == [1, 2, 2, 3, 3]
    assert result.calls["credits"].dtype == np.int64
    assert result.runs["credits_used"].tolist() == [11]
    assert pd.api.types.is_integer_dtype(result.intervals["credits_used"])
