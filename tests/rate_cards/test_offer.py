"""What cards offer an org: by the vendor's tables, and as laws that hold for every org."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulation import InputError, Quote, RateCard
from simulation.rate_cards.offer import Offer
from simulation.rate_cards.prices import price_per_day
from simulation.rate_cards.shipped import shipped_rate_cards
from tests.helpers import ROOT

CARDS = ROOT / "simulation" / "rate_cards"
KAIZEN_34 = RateCard.load("kaizen-34")
SHIPPED = [RateCard.load(name) for name in shipped_rate_cards()]


@st.composite
def offers(draw: st.DrawFn) -> tuple[RateCard, Offer]:
    """Return a card that ships, and what it offers an org."""
    card = draw(st.sampled_from(SHIPPED))
    edition = draw(st.sampled_from(sorted(card.editions)))
    few, many = st.integers(0, 2_000), st.integers(0, 1_000_000)
    return card, card.offer(edition, draw(few | many))


@pytest.mark.parametrize(
    ("card", "edition", "licenses", "allowance", "maximum"),
    [
        ("kaizen-34", "free", 3, 5_000, 5_000),
        ("kaizen-34", "starter", 10, 7_500, 100_000),
        ("kaizen-34", "standard", 10, 7_500, 100_000),
        ("kaizen-34", "professional", 40, 30_000, 500_000),
        ("kaizen-34", "zoho_one", 100, 115_000, 1_000_000),
        ("kaizen-34", "crm_plus", 100, 115_000, 1_000_000),
        ("kaizen-34", "ultimate", 100, 215_000, None),
        ("kaizen-93", "standard", 10, 52_500, 100_000),
        ("kaizen-93", "professional", 10, 55_000, 1_000_000),
        ("kaizen-93", "enterprise", 10, 60_000, 2_000_000),
        ("kaizen-93", "zoho_one", 10, 60_000, 2_000_000),
        ("kaizen-93", "ultimate", 10, 70_000, None),
        ("kaizen-93", "crm_plus", 50, 150_000, None),
        ("zoho-crm-2026", "professional", 10, 55_000, 3_000_000),
        ("zoho-crm-2026", "enterprise", 10, 60_000, 5_000_000),
        ("zoho-crm-2026", "crm_plus", 10, 70_000, None),
        ("zoho-crm-2026", "free", 3, 5_000, 5_000),
    ],
)
def test_allowance_and_maximum_of_each_edition(
    card: str, edition: str, licenses: int, allowance: int, maximum: int | None
) -> None:
    offer = RateCard.load(card).offer(edition, licenses)
    assert (offer.allowance, offer.maximum) == (allowance, maximum)


@given(offers())
def test_an_offer_begins_at_the_allowance_and_ends_at_purchase_cap_and_maximum(
    offered: tuple[RateCard, Offer],
) -> None:
    card, offer = offered
    rules = card.editions[offer.edition]
    assert offer.allowance == rules.base + rules.per_license * offer.user_licenses
    most = offer.allowance + 10**12 if rules.maximum is None else rules.maximum
    assert offer.limit() == offer.limit(0) == min(offer.allowance, most)
    cap = card.purchase_cap_credits
    assert offer.purchase_cap == max(0, min(cap, most - offer.allowance))
    assert offer.sizes[0] == 0
    assert offer.sizes[-1] <= offer.purchase_cap < offer.sizes[-1] + card.addon_step
    assert offer.limits == [offer.limit() + size for size in offer.sizes]
    assert offer.largest_limit == offer.limits[-1] <= most
    assert offer.ends_at_maximum == (max(0, most - offer.allowance) < cap)


def test_nothing_can_be_bought_where_the_edition_s_maximum_leaves_nothing() -> None:
    assert list(KAIZEN_34.offer("free", 3).sizes) == [0]
    over = KAIZEN_34.offer("professional", 1_000)
    assert (over.allowance, over.limit(), over.purchase_cap) == (510_000, 500_000, 0)


@pytest.mark.parametrize("card", SHIPPED, ids=shipped_rate_cards())
def test_every_size_costs_more_than_the_one_below_it_and_no_more_a_credit(card: RateCard) -> None:
    offer = card.offer([*card.editions][-1], 7)
    prices = [offer.price_per_day(size) for size in offer.sizes]
    assert prices[0] == 0
    steps = [above - below for below, above in pairwise(prices)]
    assert all(step > 0 for step in steps)
    assert all(later <= sooner for sooner, later in pairwise(steps))
    for size, price in zip(offer.sizes, prices, strict=True):
        assert (card.price_per_day(size), offer.price_per_month(size)) == (price, 30 * price)


@given(offers(), st.data())
def test_a_quote_says_what_the_offer_says(
    offered: tuple[RateCard, Offer], data: st.DataObject
) -> None:
    card, offer = offered
    size = data.draw(st.sampled_from(offer.sizes))
    assert offer.quote(size) == Quote(
        rate_card=card.name,
        edition=offer.edition,
        user_licenses=offer.user_licenses,
        allowance=offer.allowance,
        maximum=offer.maximum,
        purchase_cap=offer.purchase_cap,
        addon_credits=size,
        limit=offer.limit(size),
        price_per_day=card.price_per_day(size),
        price_per_month=card.price_per_month(size),
        addon_billing=card.addon_billing,
    )
    assert card.limit(offer.edition, offer.user_licenses, size) == offer.limit(size)


def test_an_alias_is_offered_what_its_edition_is() -> None:
    for card in SHIPPED:
        for edition, rules in card.editions.items():
            assert all(card.offer(alias, 9) == card.offer(edition, 9) for alias in rules.aliases)


def test_licenses_may_be_left_out_where_they_give_nothing() -> None:
    assert KAIZEN_34.offer("free") == KAIZEN_34.offer("free", 0)
    with pytest.raises(InputError, match="licenses are missing, starter gives credits per license"):
        KAIZEN_34.offer("starter")


@given(st.integers(0, 499))
def test_prices_rise_with_size_and_are_exact_to_the_cent(thousands: int) -> None:
    here = KAIZEN_34.price_per_month(thousands * 1000)
    above = KAIZEN_34.price_per_month((thousands + 1) * 1000)
    assert above > here
    assert here == here.quantize(Decimal("0.01"))
    per_1000 = [Decimal(p) for p in ("0.14", "0.06", "0.05", "0.025", "0.012")]
    slab = next(n for n, top in enumerate((25, 100, 250, 500, 1000)) if thousands < top)
    assert above - here == 30 * per_1000[slab]  # what the next thousand costs, by the table


def test_credits_beyond_the_slabs_have_no_price() -> None:
    slabs = KAIZEN_34.addon_slabs
    most = sum(slab.credits for slab in slabs)
    assert price_per_day(slabs, most) > price_per_day(slabs, most - 1)
    with pytest.raises(InputError, match=f"price {most:,} credits, not {most + 1:,}"):
        price_per_day(slabs, most + 1)


def test_sizes_that_are_not_sold_are_refused_with_the_nearest_ones() -> None:
    with pytest.raises(InputError, match="write 1,000 or 2,000"):
        KAIZEN_34.offer("professional", 40).quote(1500)
    why = r"0 to 470,000 \(allowance 30,000 of at most 500,000\): write 0 to 470,000"
    with pytest.raises(InputError, match=why):
        KAIZEN_34.offer("professional", 40).quote(471_000)
    with pytest.raises(InputError, match="0 to 500,000: write 0 to 500,000"):
        KAIZEN_34.offer("ultimate", 40).limit(501_000)


@given(step=st.integers(1, 12), cap=st.integers(0, 40), amount=st.integers(-3, 45))
def test_what_is_sold_is_every_step_up_to_the_cap_and_a_refusal_names_the_nearest(
    step: int, cap: int, amount: int
) -> None:
    data = yaml.safe_load((CARDS / "kaizen-34.yaml").read_text())
    card = RateCard.model_validate({**data, "addon_step": step, "purchase_cap_credits": cap})
    offer = card.offer("ultimate", 1)
    sold = [size for size in range(cap + 1) if size % step == 0]
    assert list(offer.sizes) == sold
    if amount in sold:
        offer.check_addon(amount)
        return
    nearest = f"0 to {sold[-1]}" if sold[-1] else "0"
    if 0 < amount < sold[-1]:
        nearest = f"{amount - amount % step} or {amount - amount % step + step}"
    with pytest.raises(InputError, match=f": write {nearest}$"):
        offer.check_addon(amount)
