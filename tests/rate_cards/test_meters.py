"""The limits of a rate card as they are written: what they say, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from simulation import InputError, RateCard
from simulation.rate_cards.meters import THE_POOL, Meter
from tests.helpers import ROOT, creditsim, printed_json

KAIZEN_34 = ROOT / "simulation" / "rate_cards" / "kaizen-34.yaml"
DAY = {"at": "00:00", "timezone": "America/New_York"}


def card_file(folder: Path, *limits: dict[str, Any], **changes: Any) -> Path:
    """Write the default card with limits, and return its path."""
    data = {**yaml.safe_load(KAIZEN_34.read_text()), "name": "own", "limits": [*limits], **changes}
    path = folder / "own.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def at_once(**keys: Any) -> dict[str, Any]:
    """Return a limit of calls at once, with keys changed; None leaves one out."""
    found = {"name": "m", "kind": "concurrent", "size": 5, **keys}
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("limit", "complaint"),
    [
        (at_once(kind="leaky"), "limits.m.kind"),
        (at_once(applies_to=[]), "limits.m.applies_to: is empty, so it would throttle nothing"),
        (at_once(applies_to=["get_user"]), "'get_user' is no call kind of the card, did you mean"),
        (at_once(applies_to=[{}]), "says nothing, write a call kind, or {more_than: 10}"),
        (at_once(size=0), "limits.m.size: 0 lets no call through, write 1 or more"),
        (at_once(size=None), "limits.m.size: is missing"),
        (at_once(counts="credits"), "limits.m.counts: is credits, and calls at once are counted"),
        (at_once(size={"free": 5}), "limits.m.size: says nothing of enterprise"),
        (at_once(size={"freee": 5}), "limits.m.size.freee: is no edition of the card, did you"),
        (at_once(window="1 minute"), "limits.m.window: is for a limit of kind rolling, and this"),
        (at_once(kind="rolling"), "limits.m.window: is missing, a rolling limit needs one"),
        (at_once(kind="calendar"), "limits.m.resets: is missing, a calendar limit needs one"),
        (at_once(kind="bucket"), "limits.m.refill: is missing, a bucket limit needs one"),
        (at_once(kind="bucket", refill="0 per second"), "lets nothing through"),
        (at_once(kind="bucket", refill={"free": "1/s"}), "limits.m.refill: says nothing of"),
        (
            at_once(kind="bucket", refill="0.5 per 7300 days"),
            "limits.m.refill: '0.5 per 7300 days'",
        ),
        (
            at_once(kind="bucket", refill="0.0033333333333333333333333 per second"),
            "limits.m.refill: has too many digits for a bucket of 5 credits to be counted exactly",
        ),
        (
            at_once(kind="bucket", refill=f"1{'0' * 38} per us"),
            "limits.m.refill: has too many digits for a bucket of 5 credits to be counted exactly",
        ),
        (
            at_once(applies_to={"api": "insert_records", "more_than": 100}),
            "limits.m.applies_to: names only calls of more records than they can have",
        ),
        (at_once(name=" "), "has signs that cannot be seen, or no other, write a name"),
        (at_once(name="a\nb"), "has signs that cannot be seen, or no other, write a name"),
        (at_once(kind="calendar", resets={"at": "00:00"}), "resets.timezone: is missing"),
        (at_once(kind="calendar", resets={**DAY, "timezone": "Mars"}), "resets.timezone: "),
        (at_once(kind="calendar", resets={**DAY, "at": "24:30"}), "resets.at: "),
        (at_once(kind="calendar", resets={**DAY, "every": "week"}), "resets.every: "),
        (at_once(kind="calendar", resets={**DAY, "day": 2}), "resets.day: is for resets each"),
        (
            at_once(kind="calendar", resets={**DAY, "every": "hour", "at": "03:15"}),
            "resets.at: has an hour, write the minutes alone, such as 00:15",
        ),
        (
            at_once(kind="rolling", window="1 minute", applies_to="bulk_write", size=400),
            "limits.m.size: 400 is below one call, which costs 500: write 500 or more",
        ),
        (at_once(name="credits"), "limits.credits.name: 'credits' is also the name of the pool"),
        (at_once(size="pool", scope="client"), "limits.m.scope: is org for the pool"),
        (at_once(size="pool", applies_to="other"), "limits.m.applies_to: is left out for the pool"),
        (
            at_once(kind="rolling", size="pool", window="1 hour"),
            "limits.m.window: of the pool is the card's own 'window', leave it out",
        ),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_with_file_key_and_remedy(
    tmp_path: Path, limit: dict[str, Any], complaint: str
) -> None:
    file = card_file(tmp_path, limit)
    with pytest.raises(InputError) as refused:
        RateCard.load(file)
    assert complaint in str(refused.value)
    assert all(line.startswith(f"{file}:") for line in str(refused.value).splitlines())


def test_two_limits_of_one_name_or_two_pools_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'m' is also the name of limits\.#1"):
        RateCard.load(card_file(tmp_path, at_once(), at_once(size=6)))
    with pytest.raises(InputError, match="'M ' is also the name of limits"):
        RateCard.load(card_file(tmp_path, at_once(), at_once(name="M ")))
    two = at_once(size="pool"), at_once(name="n", size="pool")
    with pytest.raises(InputError, match="is the pool twice, write a number here"):
        RateCard.load(card_file(tmp_path, *two))


@pytest.mark.parametrize(
    "pool",
    [at_once(size="pool"), at_once(kind="rolling", counts="calls", size="pool")],
)
def test_throttled_attempts_cost_no_credits_where_the_pool_counts_calls(
    tmp_path: Path, pool: dict[str, Any]
) -> None:
    with pytest.raises(InputError) as refused:
        RateCard.load(card_file(tmp_path, pool, throttled_attempt_credits=1))
    said = "throttled_attempt_credits: are credits, but the pool, limit 'm', counts calls: write 0"
    assert said in str(refused.value)
    assert RateCard.load(card_file(tmp_path, pool)).pool.unit == "calls"
    assert RateCard.load(card_file(tmp_path, throttled_attempt_credits=1)).pool is THE_POOL


def test_a_bad_limit_is_refused_by_the_commands_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    text = KAIZEN_34.read_text()
    line = len(text.splitlines()) + 3
    file.write_text(f"{text}\nlimits:\n  - {{name: m, kind: concurrent, size: 0}}\n")
    commands: list[list[str | Path]] = [
        ["rate-cards", file],
        ["quote", "--edition", "free", "--rate-card", file],
    ]
    for command in commands:
        done = creditsim(*command)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{file}:{line}: limits.m.size: 0 lets no call through")


@pytest.mark.parametrize(
    ("limit", "phrase", "back"),
    [
        ({"kind": "rolling", "window": "1 min"}, "9 credits in any minute", "1 minute after"),
        (
            {"kind": "rolling", "counts": "calls", "window": "10 s", "scope": "client"},
            "9 calls in any 10 seconds for each client",
            "10 seconds after",
        ),
        (
            {"kind": "calendar", "counts": "calls", "resets": DAY},
            "9 calls a day, back at 00:00 in America/New_York for the org",
            "all of it at 00:00 in America/New_York",
        ),
        (
            {"kind": "calendar", "resets": {"every": "hour", "timezone": "org"}},
            "9 credits an hour, back at the start of each hour of the org's zone",
            "all of it at the start of each hour",
        ),
        (
            {"kind": "calendar", "resets": {"every": "month", "day": 2, "timezone": "UTC"}},
            "9 credits a month, back on day 2 of each month at 00:00 in UTC",
            "all of it on day 2",
        ),
        (
            {"kind": "bucket", "refill": "120 per minute"},
            "9 credits in a bucket that refills by 2 per second",
            "as it refills",
        ),
        ({"kind": "concurrent", "scope": "group"}, "9 calls at once for each group", "when the"),
        (
            {"kind": "concurrent", "applies_to": ["a", {"api": "b", "more_than": 10}]},
            "9 calls at once for the org, in a and b of more than 10 records",
            "when the call ends",
        ),
        (
            {"kind": "concurrent", "applies_to": ["a", "b", "c"]},
            "9 calls at once for the org, in 3 kinds of call",
            "when the call ends",
        ),
    ],
)
def test_a_limit_says_in_words_what_it_allows_and_when_it_gives_back(
    limit: dict[str, Any], phrase: str, back: str
) -> None:
    meter = Meter.model_validate({"name": "m", "size": 9, **limit})
    assert meter.in_words("free").startswith(phrase)
    assert meter.gives_back_in_words().startswith(back)


@pytest.mark.parametrize(
    ("card", "edition", "limit", "words"),
    [
        ("kaizen-34", "free", 5_000, "5,000 credits per 24 hours"),
        ("xero-2026", "core", 5_000, "5,000 calls per 24 hours"),
        ("books-2026", "standard", 2_000, "2,000 calls a day"),
        ("shopify-rest-2026", "plus", 400, "a bucket of 400 calls, 20 per second back"),
        ("netsuite-2026", "standard", 5, "5 calls at once"),
    ],
)
def test_a_pool_is_told_as_what_it_is(card: str, edition: str, limit: int, words: str) -> None:
    assert RateCard.load(card).pool_in_words(limit, edition) == words


def test_quote_names_the_other_limits_and_no_purchase_where_nothing_is_sold() -> None:
    org = ("--edition", "professional", "--licenses", "5", "--rate-card", "zoho-crm-2026")
    shown = " ".join(creditsim("quote", *org).stdout.split())
    assert "limit: credits in any 24 hours 52,500" in shown
    besides = "15 calls at once for each client; 10 calls at once for the org, in 8 kinds of call"
    assert f"Besides: {besides}." in shown
    assert printed_json("quote", *org, "--json")["besides"] == besides.split("; ")
    sold = creditsim("quote", "--edition", "standard", "--rate-card", "books-2026").stdout
    assert "limit: calls a day, back at 00:00 of the org's zone" in sold
    assert "price" not in sold
    assert "add-on" not in sold
    plain = creditsim("quote", "--edition", "free").stdout
    assert "Besides" not in plain
    assert "price per day" in plain


def test_rate_cards_shows_every_limit_in_words_and_as_json() -> None:
    shown = " ".join(creditsim("rate-cards", "zoho-crm-2026").stdout.split())
    concurrency = (
        "concurrency (concurrent): calls at once of each client: 5 on free, 10 on standard, "
        "15 on professional, 20 on enterprise, 25 on ultimate; back when the call ends"
    )
    assert concurrency in shown
    assert "insert_records of more than 10 records" in shown
    found = printed_json("rate-cards", "zoho-crm-2026", "--json")
    assert concurrency in found["limits_in_words"]
    assert [limit["name"] for limit in found["limits"]] == ["concurrency", "sub-concurrency"]
    bucket = " ".join(creditsim("rate-cards", "shopify-rest-2026").stdout.split())
    assert "back 2 per second on standard, 4 per second on advanced" in bucket
    assert "It sells no add-on credits." in bucket
    assert "Limits" not in creditsim("rate-cards", "kaizen-34").stdout
