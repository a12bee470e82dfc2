"""What a run says of the limits that throttled, and of what clients held back themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from simulation import RunResult, run
from simulation.cli.console import Console
from simulation.cli.run_view import run_view
from simulation.report.figures import uses_and_suffers
from simulation.report.meters_in_words import limit_figures
from simulation.report.page import report
from simulation.report.run_in_words import run_figures, run_findings
from tests.helpers import build, scheduled

CRM = {"rate_card": "zoho-crm-2026", "org": {"edition": "free"}}


@cache
def result_of(case: str) -> RunResult:
    """Return a run in which one thing throttles, or nothing, or all of them."""
    slow = [{"api": "get_users", "duration": "10 s"}]
    many = {**scheduled("sync", "02:00", 20), "calls": slow}  # 5 at once pass
    dear = scheduled("loader", "05:00", 11, api="bulk_write", schedule={"over": "1 hour"})
    cases: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
        "at once": ([many], CRM),
        "pool": ([dear], CRM),
        "both": ([many, dear], CRM),
        "none": ([scheduled("a", "02:00", 3)], CRM),
        "held": ([{**many, "max_concurrent": 2, "on_throttle": {"queue": {"wait": "1 min"}}}], CRM),
        "minute": (
            [scheduled("a", "02:00", 70, "get", schedule={"over": "30 s"})],
            {"rate_card": "xero-2026", "org": {"edition": "core"}},
        ),
        "bucket": (
            [scheduled("a", "02:00", 60, "read")],
            {"rate_card": "shopify-rest-2026", "org": {"edition": "standard"}},
        ),
        "open": (
            [scheduled("a", "02:00", 8, "record")],
            {"rate_card": "netsuite-2026", "org": {"edition": "standard", "user_licenses": 0}},
        ),
        "day": (
            [scheduled("a", "02:00", 20, "get", schedule={"over": "1 hour"})],
            {"rate_card": "books-2026", "org": {"edition": "standard"}},
        ),
    }
    clients, keys = cases[case]
    return run(build(clients, **keys))


def said(case: str) -> str:
    """Return all that a run says."""
    return " ".join(run_findings(result_of(case)))


def test_where_only_another_limit_throttles_the_first_sentence_says_credits_do_not_help() -> None:
    first = run_findings(result_of("at once"))[0]
    assert first == (
        "In the one simulated day `concurrency` (5 calls at once for each client) throttled calls, "
        "first on day 1 (Mon 5 Jan), 02:00: the pool throttled none, and more credits will not "
        "help."
    )
    assert "Against `concurrency`: fewer calls at once (`max_concurrent` on a" in said("at once")


def test_where_the_pool_throttles_alone_or_in_part_that_is_said() -> None:
    assert run_findings(result_of("pool"))[0].startswith(
        "In the one simulated day the pool ran dry"
    )
    assert "; no other limit throttled a call." in said("pool")
    assert "Against" not in said("pool")
    both = run_findings(result_of("both"))[0]
    assert (
        ": `concurrency` (5 calls at once for each client) 88 % and the pool (5,000 credits in any "
        "24 hours) 12 % of them first, so more credits help only in part." in both
    )


def test_calls_too_many_for_a_minute_are_to_be_spread_and_no_purchase_is_spoken_of() -> None:
    assert "`minute` (60 calls in any minute for the org) throttled calls" in said("minute")
    assert "and a larger pool will not help" in said("minute")
    assert "Against `minute`: a slower pace (`pace`), clients that wait" in said("minute")
    assert "credits" not in said("minute")


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("none", "no call was throttled: at most 3 credits were held in any 24 hours"),
        ("none", "Of the other limits `concurrency` came nearest: 60 % of 5 calls at once"),
        ("bucket", "In the one simulated day the bucket ran dry"),
        ("open", "calls were throttled because 5 others were open"),
        ("open", "Against the pool: fewer calls at once"),
        ("day", "at most 20 calls were taken between two resets"),
    ],
)
def test_pools_of_other_kinds_are_told_in_their_own_words(case: str, words: str) -> None:
    assert words in said(case)
    assert "in any 24 hours" not in said(case) or case == "none"


def test_what_clients_held_back_themselves_is_told_apart() -> None:
    assert "throttled" not in run_findings(result_of("held"))[1]
    assert "no call was lost, every one that was held back succeeded later" in said("held").lower()
    assert "18 attempts were held back in a day by `sync` itself: the vendor never saw" in said(
        "held"
    )


def test_the_terminal_and_the_page_have_a_table_of_limits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = limit_figures(result_of("both"))
    assert [tuple(row) for row in rows] == [
        ("credits", "2", "6.5 %", "4,505", "5,000 credits", "90 %"),
        ("concurrency", "15", "48 %", "5", "5 calls", "100 %"),
        ("sub-concurrency", "0", "0 %", "0", "10 calls", "0 %"),
    ]
    Console().print(run_view(result_of("both")))
    assert "throttled first" in capsys.readouterr().out
    page = report(result_of("both"), plotly="plotly.js")
    assert "<h2>Which limit throttles</h2>" in page
    assert "<td>sub-concurrency</td>" in page
    assert "Limit concurrency (concurrent): calls at once of each client: 5 on free" in page


def test_a_card_with_the_pool_alone_shows_no_table_of_limits() -> None:
    plain = run(build([scheduled("a", "02:00", 3)]))
    assert limit_figures(plain) == []
    assert "Which limit throttles" not in report(plain, plotly="plotly.js")


def test_tables_and_pictures_of_a_pool_of_calls_speak_of_calls(
    capsys: pytest.CaptureFixture[str],
) -> None:
    labels = [label for label, *_ in run_figures(result_of("day"))]
    assert "most calls taken between two resets, median" in labels
    Console().print(run_view(result_of("day")))
    assert "Available calls" in capsys.readouterr().out
    assert "2,000 calls a day" in result_of("day").scenario.outline()
    names = [trace.name for trace in uses_and_suffers(result_of("day")).data]
    assert names == ["of the throttled calls", "of the accepted calls"]
    assert "add-on" not in " ".join(run_findings(result_of("day")))


def test_the_page_of_methods_has_limits_and_how_clients_hold_back() -> None:
    text = result_of("held").methods()["run_methods.md"]
    assert "- Limits, in the order in which they are asked" in text
    assert "  - `concurrency`: 5 calls at once for each client" in text
    assert "When throttled it stops for 1 minute, then works what has waited in order." in text
    assert "At most 2 of its calls are open at once." in text
    assert "All other limits are unused at first, and no call is open." in text
