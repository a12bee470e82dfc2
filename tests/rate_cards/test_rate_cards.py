"""Rate cards: limits, credits and prices as the vendor's tables have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from simulation import InputError, RateCard
from tests.helpers import ROOT, build, creditsim, scheduled

CARDS = ROOT / "simulation" / "rate_cards"
KAIZEN_34 = RateCard.load("kaizen-34")
every_card_of_zoho_crm = pytest.mark.parametrize(
    "name", ["kaizen-34", "kaizen-93", "zoho-crm-2026"]
)


@pytest.mark.parametrize(
    ("api", "records", "credits", "category"),
    [
        ("get_users", 1, 1, "meta"),
        ("get_modules", 1, 1, "meta"),
        ("get_field_metadata", 1, 1, "meta"),
        ("get_deleted_records", 1, 2, "crud"),
        ("get_records_by_cvid", 200, 3, "crud"),
        ("insert_records", 1, 1, "crud"),
        ("update_records", 10, 1, "crud"),
        ("upsert_records", 11, 2, "crud"),
        ("upsert_records", 100, 10, "crud"),
        ("add_tags", 50, 1, "crud"),
        ("remove_tags", 51, 2, "crud"),
        ("convert_lead", 1, 5, "convert"),
        ("bulk_read", 1, 50, "bulk"),
        ("bulk_write", 25_000, 500, "bulk"),
        ("other", 1, 1, "other"),
        ("send_mail", 1, 1, "other"),
    ],
)
def test_credits_of_a_call_alone_and_in_arrays(
    api: str, records: int, credits: int, category: str
) -> None:
    assert KAIZEN_34.credits(api, records) == credits
    many = KAIZEN_34.credits(api, np.array([records, records], np.int64))
    assert many.tolist() == [credits, credits]
    assert many.dtype == np.int64
    assert KAIZEN_34.category(api) == category


@every_card_of_zoho_crm
def test_slabs_end_where_they_and_those_before_them_add_up_to(name: str) -> None:
    card = RateCard.load(name)
    assert card.slab_edges() == [25_000, 100_000, 250_000, 500_000, 1_000_000]


def test_an_unknown_edition_or_card_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="name one of: free, standard, starter"):
        KAIZEN_34.offer("pro", 1)
    with pytest.raises(InputError, match="name one of kaizen-34, "):
        RateCard.load("kaizen")


@every_card_of_zoho_crm
def test_the_vendor_s_answer_is_quoted_exactly(name: str) -> None:
    answer = RateCard.load(name).throttled_response
    assert answer.status == 429
    assert answer.body == {
        "code": "TOO_MANY_REQUESTS",
        "details": {},
        "message": "Many requests fired than the allowed limit for the past 24 hours.",
        "status": "error",
    }


def _own_card(folder: Path, **changes: object) -> Path:
    data = {**yaml.safe_load((CARDS / "kaizen-34.yaml").read_text()), "name": "own", **changes}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_card_of_one_s_own_is_a_file_of_the_same_form(tmp_path: Path) -> None:
    own = _own_card(tmp_path, addon_step=500)
    assert RateCard.load(own).offer("professional", 1).limit(1500) == 12_000
    assert RateCard.load("own.yaml", folder=tmp_path).name == "own"
    shown = creditsim("quote", "--edition", "free", "--rate-card", own)
    assert "own" in shown.stdout


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"windw": "24 hours"}, "windw: is an unknown key, did you mean 'window'"),
        ({"window": 0}, "window: is empty"),
        ({"calls": {}}, "calls: has no 'other'"),
        ({"addon_slabs": []}, "addon_slabs: do not reach the purchase cap"),
        ({"throttled_attempt_credits": -1}, "throttled_attempt_credits: -1 is negative"),
    ],
)
def test_a_broken_card_is_refused_with_file_key_and_remedy(
    tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError) as refusal:
        RateCard.load(_own_card(tmp_path, **changes))
    assert complaint in str(refusal.value)
    assert str(refusal.value).startswith(f"{tmp_path / 'own.yaml'}:")


def test_a_scenario_names_the_key_of_its_card_that_is_wrong(tmp_path: Path) -> None:
    card = _own_card(tmp_path, windw="24 hours", addon_step=0)
    data = yaml.safe_load(card.read_text())
    del data["purchase_cap_credits"]
    card.write_text(yaml.safe_dump(data))
    with pytest.raises(InputError) as refusal:
        build([scheduled("a", "09:00", 1)], tmp_path, rate_card="own.yaml")
    told = {problem.path: problem for problem in refusal.value.problems}
    assert set(told) == {"windw", "addon_step", "purchase_cap_credits"}
    assert all(problem.where.startswith(f"{card}:") for problem in told.values())
    line = 1 + card.read_text().splitlines().index("addon_step: 0")
    assert told["addon_step"].where == f"{card}:{line}"


@pytest.mark.parametrize("name", ["fixed", "[key]"])
@pytest.mark.parametrize("holder", ["calls", "editions"])
def test_a_key_that_is_called_as_a_part_of_a_model_is_named(
    tmp_path: Path, holder: str, name: str
) -> None:
    shipped = yaml.safe_load(_own_card(tmp_path).read_text())
    changes = {holder: {**shipped[holder], name: {"base": 1, "credits": 1}}}
    with pytest.raises(InputError) as refusal:
        RateCard.load(_own_card(tmp_path, **changes))
    paths = {problem.path for problem in refusal.value.problems}
    assert f"{holder}.{name}.{'category' if holder == 'calls' else 'maximum'}" in paths
    assert all(path.startswith(f"{holder}.{name}.") for path in paths)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"purchase_cap_credits": 10**12 + 1}, "purchase_cap_credits"),
        ({"throttled_attempt_credits": 10**6 + 1}, "throttled_attempt_credits"),
        ({"addon_step": 10**12 + 1}, "addon_step"),
        ({"addon_step": True}, "addon_step"),
        ({"window": "7301 days"}, "window"),
        ({"editions": {"free": {"base": 10**12 + 1, "maximum": 10**13}}}, "editions.free.base"),
        (
            {"editions": {"free": {"base": 1, "per_license": 10**7, "maximum": None}}},
            "editions.free.per_license",
        ),
        (
            {"calls": {"other": {"category": "other", "credits": 10**6 + 1}}},
            "calls.other.credits",
        ),
        (
            {"calls": {"other": {"category": "other", "credits": 1, "per_records": 10**10}}},
            "calls.other.per_records",
        ),
        (
            {"addon_slabs": [{"credits": 10**13, "price_per_1000": 1}]},
            "addon_slabs.#1.credits",
        ),
        (
            {"addon_slabs": [{"credits": 500_000, "price_per_1000": "1e30"}]},
            "addon_slabs.#1.price_per_1000",
        ),
    ],
)
def test_every_quantity_of_a_card_has_a_stated_maximum(
    tmp_path: Path, changes: dict[str, object], path: str
) -> None:
    with pytest.raises(InputError) as refusal:
        RateCard.load(_own_card(tmp_path, **changes))
    assert path in {problem.path for problem in refusal.value.problems}
