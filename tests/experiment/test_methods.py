"""The page beside a result that says how its figures were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

import simulation
from simulation import load_scenario, plan, run
from simulation.experiment.methods import quoted, run_methods
from simulation.experiment.summary import ESTIMATORS
from simulation.experiment.warmup import Warmup
from simulation.formats.words import listed
from simulation.plain_text import neutral, one_line
from simulation.planning.methods import plan_methods
from simulation.scenario.scenario import Scenario
from tests.helpers import ROOT, SCENARIOS, any_limit, build, creditsim, poisson, scheduled

QUICK: dict[str, Any] = {"replications": 2, "max_replications": 4, "confirm": 1000}
SECTIONS = ["Purpose", "Inputs", "Initialisation", "Estimation", "Software"]
HOSTILE = "# a\n<b>x</b> [l](http://e) `c` ``| *d* _e_ &amp; $f$ \x1b[31m\u202eg\\"


def _tokens(text: str) -> list[Token]:
    """Return the tokens of Markdown, those inside lines too."""
    outer = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)
    return [inner for token in outer for inner in (token, *(token.children or ()))]


def _codes(text: str) -> list[str]:
    return [token.content for token in _tokens(text) if token.type == "code_inline"]


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("flat", "at the same rate all day"),
        ("office_hours", "by the hours of `office_hours`"),
        ([0] * 8 + [1] * 16, "by 24 hourly weights"),
        ([1] * 100 + [2] * 68, "by 168 hourly weights"),
    ],
)
def test_the_page_says_by_which_hours_calls_come(profile: Any, said: str) -> None:
    client = poisson("a", "0.25 per day", poisson={"profile": profile})
    text = run_methods(build([client]), None, "simpy")
    assert f"`a`: calls at random (Poisson), 0.25 a day on average, {said}. Calls:" in text


def test_a_run_of_a_shipped_scenario_says_what_went_in_and_how_it_was_estimated(
    tmp_path: Path,
) -> None:
    scenario = load_scenario(ROOT / "scenarios" / "mid-market.yaml", ["org.addon_credits=2000"])
    result = run(scenario, engine="compiled", replications=3, out=tmp_path)
    text = (tmp_path / "run_methods.md").read_text("utf-8")
    assert result.warmup is not None
    headings = [token.content for token in _tokens(text) if token.type == "inline"]
    assert [line for line in headings if line in SECTIONS] == SECTIONS
    for said in (
        "Scenario: `scenario.yaml` beside this page",
        "2,000 add-on credits: a pool of 24,000 credits per 24 hours",
        "Clients, 6 in this order",
        (
            "`website-forms`: calls at random (Poisson), 1,500 a day on average, by the hours of "
            "`office_hours`; the volume of days varies by 15 % beyond that"
        ),
        (
            "the rate changes by 3 % in 30 days, compound. Calls: `upsert_records` of 1 to 5 "
            "records, every number as likely (weight 3), `convert_lead` (weight 1)."
        ),
        (
            "A throttled call is tried again after 30 seconds, each delay 2 times the one before "
            "and at most 1 hour, each delay drawn between 0 and its length; it is lost after 6 "
            "attempts."
        ),
        (
            "`nightly-sync`: by the clock, 400 calls at 02:00 on weekdays spread over 10 minutes. "
            "Calls: `upsert_records` of 100 records. A throttled call is lost."
        ),
        "dates with a factor: 2026-03-19 (× 1.6)",
        "A run begins at 2026-03-02 00:00 (Europe/Berlin) and ends at 2026-04-08 01:00: 37 days.",
        "Warm-up: 7 days. Calls submitted before 2026-03-09 00:00",
        "statistics, which are over the 30 days that follow",
        "chosen by pilot runs",
        "Replications: 3, independent of each other. Engine: `compiled`",
        "with 95 % confidence",
        f"creditsim {simulation.__version__} with NumPy {np.__version__}",
        "seed 34",
    ):
        assert said in text, said
    for source in scenario.card.sources:
        assert source.url in text
        assert source.date in text
    for statistic, estimator in ESTIMATORS.items():
        assert f"`{statistic}`" in text
        assert f"  - {estimator}: " in text


def test_a_plan_says_its_objective_its_search_and_its_fresh_replications(tmp_path: Path) -> None:
    scenario = load_scenario(ROOT / "scenarios" / "mid-market.yaml", ["horizon=9 days"])
    result = plan(scenario, out=tmp_path, **QUICK)
    text = (tmp_path / "plan_methods.md").read_text("utf-8")
    fresh = listed(f"{size:,}" for size in result.fresh["addon_credits"])
    assert result.confirmation is not None
    for said in (
        "in at least 95 % of runs of 8 days at most 0.1 % of the calls have their first attempt ",
        "Sizes: 479 can be bought, from 0 to 478,000 add-on credits",
        f"Search: {result.replications} replications. It began with 2 ",
        "At most 5 % of plans decide wrongly",
        f"Fresh replications: {result.replications} more, which decided nothing, judged {fresh} ",
        f"the SimPy model decided {result.confirmation.calls:,} calls again",
        (
            "Alternative `load the quarter on Saturday`: the same but for "
            "`clients.quarterly-load.arrivals.schedule.days`."
        ),
    ):
        assert said in text, said
    costs = scenario.changed({"objective": {"cost_of_lost_call": 0.25, "protect": ["marketing"]}})
    told = plan(costs, **QUICK).methods()["plan_methods.md"]
    assert "$0.25 for each of the calls of `marketing` that is lost" in told


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_shipped_scenario_has_all_of_its_clients_in_it(file: Path) -> None:
    scenario = load_scenario(file)
    text = run_methods(scenario, None, "simpy")
    assert [name for name in _codes(text) if name in {c.name for c in scenario.clients}] == [
        client.name for client in scenario.clients
    ]
    assert str(ROOT) not in text


def test_a_trace_is_named_with_its_rows_its_calls_and_its_span(tmp_path: Path) -> None:
    rows = ["When,What", *(f"2026-01-0{day} 08:30:00,other" for day in (4, 5, 5, 6, 9))]
    (tmp_path / "used.csv").write_text("\n".join(rows) + "\n")
    counts = "timestamp,count\n2026-01-05 00:00:00,3\n2026-01-05 01:00:00,0\n"
    (tmp_path / "hours.csv").write_text(counts)
    columns = {"timestamp": "When", "api": "What"}
    clients: list[dict[str, Any]] = [
        {"name": "a", "arrivals": {"trace": {"file": "used.csv", "columns": columns}}},
        {
            "name": "b",
            "arrivals": {"counts": {"file": str(tmp_path / "hours.csv"), "bucket": "1 hour"}},
            "calls": [{"api": "other"}],
        },
    ]
    scenario = build(clients, tmp_path, horizon="3 days", timezone="Asia/Tokyo")
    text = run(scenario, examine_start=False).methods()["run_methods.md"]
    assert (
        "`a`: as recorded in `used.csv`: 5 rows, each a call, 5 calls, from 2026-01-04 08:30:00 to "
        "2026-01-09 08:30:00 local time; 3 rows begin within the run. Of its columns, `timestamp` "
        "is `When`, `api` is `What`. Calls: as the trace names them."
    ) in text
    assert (
        "`b`: as recorded in `hours.csv`: 2 rows, each a count of calls in 1 hour, 3 calls, from "
        "2026-01-05 00:00:00 to 2026-01-05 01:00:00 local time; 2 rows begin"
    ) in text
    assert str(tmp_path) not in text
    assert "Nothing in the scenario is random" in text
    assert "There is no warm-up" in text


def test_a_card_of_one_s_own_is_named_without_its_folder() -> None:
    text = run_methods(any_limit(40, [scheduled("a", "02:00", 1)]), None, "simpy")
    assert "from `any-limit.yaml`" in text
    assert "test.yaml" not in text
    assert str(ROOT) not in text


@pytest.mark.parametrize(
    ("warmup", "said"),
    [
        (None, "Whether the start still shows after it was not examined."),
        (Warmup(86_400_000_000, True, 0.3), "named by the scenario"),
        (Warmup(86_400_000_000, True, 0.3), "30 % of the throttled calls of the two come at"),
        (Warmup(86_400_000_000, False, 0.3), "it is **not** forgotten"),
        (Warmup(86_400_000_000, False, 0.0123), "1.23 % of the throttled calls"),
        (Warmup(86_400_000_000, False, 0.0123), "up to 2 %: it is forgotten"),
    ],
)
def test_the_warm_up_is_said_to_be_what_it_was(warmup: Warmup | None, said: str) -> None:
    scenario = build([poisson("a", "5 per day")], horizon="4 days", warmup="1 day")
    assert said in run_methods(scenario, warmup, "simpy")


def test_a_precision_that_was_wanted_is_said() -> None:
    scenario = any_limit(40, [poisson("a", "60 per day", "one")], horizon="4 days", warmup="1 day")
    result = run(scenario, replications=4, precision="20%", max_replications=9)
    text = result.methods()["run_methods.md"]
    assert f"Replications: {len(result.runs)}, independent of each other, added until " in text
    assert "at most 20 % of the share" in text


@example(HOSTILE)
@example("`" * 9)
@example(" a ")
@example("   ")
@example("a`")
@given(st.text(min_size=1, max_size=60))
def test_no_text_of_the_user_s_is_read_as_markdown_or_by_a_terminal(text: str) -> None:
    line = f"before {quoted(text)} between {quoted('|')} after"
    assert neutral(line) == line
    (paragraph,) = [token for token in _tokens(line) if token.type == "inline"]
    kinds = [token.type for token in paragraph.children or ()]
    assert kinds == ["text", "code_inline", "text", "code_inline", "text"]
    shown = (paragraph.children or [])[1].content
    assert shown == one_line(text) or (not text.strip() and not shown.strip())


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    client = poisson(HOSTILE, "5 per day", HOSTILE)
    change = {"name": HOSTILE, "set": {"org.addon_credits": 1000}}
    scenario = any_limit(
        40,
        [client],
        name=HOSTILE,
        other_apis=[HOSTILE],
        horizon="2 days",
        warmup="1 day",
        alternatives=[change],
        objective={"protect": [HOSTILE], "throttled_share": "1%", "probability": "50%"},
    )
    run(scenario, replications=2, out=tmp_path / "run")
    plan(scenario, out=tmp_path / "plan", **QUICK)
    for file in (tmp_path / "run" / "run_methods.md", tmp_path / "plan" / "plan_methods.md"):
        text = file.read_bytes().decode("utf-8")
        assert neutral(text) == text
        assert _codes(text).count(one_line(HOSTILE)) >= 3
        kinds = {token.type for token in _tokens(text)}
        assert not kinds & {"html_inline", "html_block", "link_open", "em_open", "image", "fence"}
        headings = [token for token in _tokens(text) if token.type == "heading_open"]
        assert len(headings) == 1 + len(SECTIONS)


def test_the_command_writes_it_and_writes_over_its_own(tmp_path: Path) -> None:
    file = ROOT / "scenarios" / "rolling-window.yaml"
    for _ in range(2):
        done = creditsim("run", file, "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert "run_methods.md" in done.stdout
    copy = tmp_path / "copy"
    copy.mkdir()  # no mark tells whose it is, but its beginning does
    (copy / "run_methods.md").write_bytes((tmp_path / "out" / "run_methods.md").read_bytes())
    assert creditsim("run", file, "--out", copy).returncode == 0
    (copy / "run_methods.md").write_text("# Methods\n\nOf my thesis.\n")
    refused = creditsim("run", file, "--out", copy)
    assert refused.returncode == 2
    assert "run_methods.md" in refused.stderr


def test_a_last_look_that_chose_is_told() -> None:
    scenario = any_limit(40, [poisson("a", "5 per day")], horizon="2 days")
    result = plan(scenario, **QUICK)
    n = result.replications
    said = f"judged on {n} others as well, for a last look at all {2 * n}."
    for count, told in ((n, False), (2 * n, True)):
        frontier = result.frontier.assign(replications=count)
        text = replace(result, frontier=frontier).methods()["plan_methods.md"]
        assert (said in text) == told


def test_where_nothing_is_random_a_plan_says_so() -> None:
    scenario = any_limit(40, [scheduled("a", "02:00", 1)], horizon="2 days")
    result = plan(scenario, **QUICK)
    assert isinstance(result.scenario, Scenario)
    text = plan_methods(scenario, None, [0, 4], 1, [0], None)
    assert "one replication tells all" in text
    assert "Search:" not in text
    assert "Confirmation" not in text
