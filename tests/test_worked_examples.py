"""The source document's own examples, through the command line and through Python."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pandas as pd

from simulation import RateCard, load_scenario, run
from tests.helpers import ROOT, creditsim, printed_json

ROLLING_WINDOW = ROOT / "scenarios" / "rolling-window.yaml"


def test_professional_with_1000_licenses_is_limited_to_500000_not_510000() -> None:
    quote = printed_json("quote", "--edition", "professional", "--licenses", "1000", "--json")
    assert quote["allowance"] == 510_000
    assert quote["maximum"] == quote["limit"] == 500_000
    assert quote["purchase_cap"] == 0
    assert RateCard.load("kaizen-34").limit("professional", 1000) == 500_000


def test_75000_addon_credits_cost_6_50_a_day_and_195_a_month() -> None:
    arguments = ("--edition", "professional", "--licenses", "100", "--addon", "75000")
    quote = printed_json("quote", *arguments, "--json")
    assert (quote["price_per_day"], quote["price_per_month"]) == (6.5, 195)
    shown = creditsim("quote", *arguments).stdout
    assert "$6.50" in shown
    assert "$195.00" in shown
    card = RateCard.load("kaizen-34")
    assert card.price_per_day(75_000) == Decimal("6.50")
    assert card.price_per_month(75_000) == Decimal("195.00")


def test_100000_addon_credits_cost_240_a_month_by_the_table_and_the_card_says_why() -> None:
    card = RateCard.load("kaizen-34")
    assert str(card.price_per_month(100_000)) == "240.00"
    assert card.price_per_month(25_000) == 105
    assert card.price_per_month(100_000) - card.price_per_month(25_000) == 135
    shown = " ".join(creditsim("rate-cards", "kaizen-34").stdout.split())
    assert "$300 a month, its own table gives $105 + $135 = $240" in shown
    assert "help.zoho.com/portal/en/community/topic/kaizen-34-api-credits" in shown


def test_an_addon_above_the_purchase_cap_is_refused() -> None:
    done = creditsim(
        "quote", "--edition", "professional", "--licenses", "1000", "--addon", "75000", "--json"
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "75,000 add-on credits are outside" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_rolling_window_scenario_hour_by_hour() -> None:
    result = run(load_scenario(ROLLING_WINDOW))
    used = result.intervals.set_index("start_at")["credits_used"]
    available = result.intervals.set_index("start_at")["credits_available"]
    monday, tuesday = pd.Timestamp("2026-01-05", tz="UTC"), pd.Timestamp("2026-01-06", tz="UTC")

    at = pd.Timedelta(hours=1)
    expected_used = {2: 500, 6: 1500, 18: 3000}
    for hour in range(24):
        assert used[monday + hour * at] == expected_used.get(hour, 0)
        assert used[tuesday + hour * at] == expected_used.get(hour, 0)
    expected_left = [5000] * 2 + [4500] * 4 + [3000] * 12 + [0] * 6
    assert available[:24].tolist() == expected_left
    assert available[24:].tolist() == [0] * 24  # whatever comes back is taken at once

    asked = result.calls[result.calls["client"].isin(["evening", "next-day"])]
    good = asked[asked["outcome"] == "succeeded"]
    fits = good.groupby("submitted_at").size()
    assert fits.to_dict() == {
        pd.Timestamp("2026-01-06 02:30", tz="UTC"): 500,
        pd.Timestamp("2026-01-06 06:30", tz="UTC"): 1500,
        pd.Timestamp("2026-01-06 18:00", tz="UTC"): 3000,
    }


def test_the_rolling_window_through_the_command_line(tmp_path: Path) -> None:
    summary = printed_json("run", ROLLING_WINDOW, "--out", tmp_path, "--json")
    assert summary["limit"] == 5000
    assert summary["overall"]["succeeded_calls"]["mean"] == 10_000
    assert summary["overall"]["lost_calls"]["mean"] == 172_000
    assert summary["overall"]["hours_to_first_throttle"]["mean"] == 18.5
    # Exhausted from 18:00 until 02:30, and again from each release until the next.
    assert summary["overall"]["exhausted_hours"]["mean"] == 30
    assert summary["clients"]["evening"]["succeeded_calls"]["mean"] == 0
    calls = pd.read_parquet(tmp_path / "calls.parquet")
    assert len(calls) == 182_000
