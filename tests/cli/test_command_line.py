"""The command line, through its real entry point."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from simulation.formats.written import PLAN_FILES
from simulation.rate_cards.shipped import shipped_rate_cards
from tests.helpers import OTHER_POOLS, ROOT, SCENARIOS, creditsim, printed_json

MID_MARKET = ROOT / "scenarios" / "mid-market.yaml"
PLAN = ("--replications", "20", "--max-replications", "20", "--confirm", "100000")
QUICK = ("--replications", "2", "--set", "horizon=4 days")


def _imported(*arguments: str) -> tuple[str, str]:
    """Return what a command prints, and those of the heavy libraries that it imports."""
    code = (
        "import sys\n"
        f"sys.argv = {['creditsim', *arguments]!r}\n"
        "from simulation.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('numba', 'numpy', 'pandas', 'plotly', 'pyarrow', 'scipy', 'simpy')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    printed, heavy = done.stdout.rstrip().rsplit("\n", 1)
    return printed, heavy


def test_help_is_light_and_every_command_shows_an_example() -> None:
    shown, heavy = _imported("--help")
    assert heavy == "[]"
    commands = ("new", "validate", "schema", "quote", "rate-cards", "run", "plan")
    for command in commands:
        assert re.search(rf"^  {command} ", shown, re.MULTILINE)
        assert f"Example: creditsim {command}" in creditsim(command, "--help").stdout


@pytest.mark.parametrize(
    "arguments",
    [("quote", "--edition", "free"), ("rate-cards",), ("rate-cards", "kaizen-34")],
    ids=" ".join,
)
def test_what_only_reads_a_rate_card_waits_for_no_numbers(arguments: tuple[str, ...]) -> None:
    printed, heavy = _imported(*arguments)
    assert "5,000" in printed or "kaizen-93" in printed
    assert heavy == "[]"


def test_import_simulation_is_light() -> None:
    code = "import simulation, sys; print('numpy' in sys.modules or 'pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_new_scenario_runs_as_it_is(tmp_path: Path) -> None:
    assert creditsim("new", "org.yaml", cwd=tmp_path).returncode == 0
    shown = creditsim("run", "org.yaml", "--replications", "2", cwd=tmp_path)
    assert shown.returncode == 0
    assert "My org" in shown.stdout
    again = creditsim("new", "org.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "org.yaml: exists already, name another file or add --force\n"


def test_run_says_what_it_means_before_it_shows_tables() -> None:
    shown = creditsim("run", MID_MARKET, "--replications", "4").stdout
    text = " ".join(shown.split())
    assert re.search(
        r"In \d of 4 simulated months \(95 % interval .+\) the pool ran dry, .* (by|on) day \d+ "
        r"\(\w+ \d+ \w+\), \d\d:\d\d\. `[\w-]+` used \d+ % of the credits with \d+ % of the "
        r"calls; ",
        text,
    )
    assert text.index("ran dry") < text.index("calls submitted")
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b[" not in shown
    for client in ("website-forms", "nightly-sync", "quarterly-load"):
        assert client in shown


def test_run_prints_the_summary_that_it_writes(tmp_path: Path) -> None:
    summary = printed_json("run", MID_MARKET, *QUICK, "--json", "--out", tmp_path / "out")
    written = json.loads((tmp_path / "out" / "summary.json").read_text())
    del written["files"]  # which are on the disk, and not printed
    assert summary == written
    assert summary["replications"] == 2
    assert summary["engine"] == "simpy"
    seeded = printed_json("run", MID_MARKET, *QUICK, "--json", "--seed", "7")
    assert seeded["seed"] == 7
    assert seeded["overall"] != summary["overall"]
    scenario = (tmp_path / "out" / "scenario.yaml").read_text()
    assert "horizon: 4 days" in scenario
    assert "replications: 2" in scenario


def test_the_same_seed_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert creditsim("run", MID_MARKET, *QUICK, "--out", tmp_path / name).returncode == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_intervals_may_be_asked_for_in_another_length(tmp_path: Path) -> None:
    creditsim("run", MID_MARKET, *QUICK, "--out", tmp_path, "--interval", "15 minutes")
    assert len(pd.read_parquet(tmp_path / "intervals.parquet")) == 2 * 4 * 96


@pytest.mark.once
def test_plan_advises_in_words_before_it_shows_the_sizes_worth_seeing() -> None:
    shown = creditsim("plan", MID_MARKET, *PLAN)
    assert shown.returncode == 0, shown.stderr
    text = " ".join(shown.stdout.split())
    assert re.search(
        r"Whether any purchase is enough \(at most 0.1 % of the calls throttled in at least 95 % "
        r"of months\) is not decided after 40 replications; .* \(95 % interval \d+ % to 100 %",
        text,
    )
    assert text.index("not decided") < text.index("may be enough") < text.index("Why")
    assert "each ended the same" in text
    assert "ten contacts" in text
    assert max(map(len, shown.stdout.splitlines())) <= 80
    table = [line for line in shown.stdout.splitlines() if re.match(r" +[\d,]+ +[\d.]+ ", line)]
    assert 5 <= len(table) <= 10


def test_plan_prints_the_contract_s_json_and_writes_the_whole_frontier(tmp_path: Path) -> None:
    told = printed_json("plan", MID_MARKET, *PLAN, "--json", "--out", tmp_path)
    written = json.loads((tmp_path / "plan.json").read_text())
    assert {*written.pop("files")} == {*PLAN_FILES}
    assert told == written
    assert {
        "scenario",
        "rate_card",
        "objective",
        "current",
        "replications",
        "frontier",
        "recommendation",
        "confirmation",
    } <= set(told)
    row = told["frontier"][1]
    assert list(row) == [
        "addon_credits",
        "limit",
        "price_per_day",
        "price_per_month",
        "bill_per_month",
        "worst_bill_per_month",
        "throttled_share",
        "lost_calls",
        "meets_probability",
        "meets_ci95",
        "replications",
    ]
    assert (row["addon_credits"], row["price_per_day"], row["price_per_month"]) == (1000, 0.14, 4.2)
    assert set(row["throttled_share"]) == set(row["lost_calls"]) == {"mean", "ci95"}
    assert row["bill_per_month"] == {"mean": 4.2, "ci95": [4.2, 4.2]}
    assert row["worst_bill_per_month"] == 4.2
    assert told["current"] == told["frontier"][0]
    advice = told["recommendation"]
    assert {
        "status",
        "addon_credits",
        "price_per_month",
        "bill_per_month",
        "worst_bill_per_month",
        "zero_throttle_addon_credits",
        "reasons",
        "rejected",
    } <= set(advice)
    assert len(advice["rejected"]) == len(told["frontier"]) - 1
    written = pd.read_parquet(tmp_path / "frontier.parquet")
    assert len(written) == len(told["frontier"]) == 479
    assert len((tmp_path / "frontier.csv").read_text().splitlines()) == 480


def test_validate_tells_of_every_file_and_fails_if_one_is_wrong(tmp_path: Path) -> None:
    shown = creditsim("validate", *SCENARIOS, *OTHER_POOLS)
    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) == len([*SCENARIOS, *OTHER_POOLS])
    broken = tmp_path / "broken.yaml"
    broken.write_text(MID_MARKET.read_text().replace("seed: 34", "sede: 34"))
    shown = creditsim("validate", MID_MARKET, broken)
    assert shown.returncode == 2
    line = MID_MARKET.read_text().splitlines().index("seed: 34") + 1
    assert shown.stderr.startswith(
        f"{broken}:{line}: sede: is an unknown key, did you mean 'seed'?"
    )
    assert "scenarios/mid-market.yaml: valid" in shown.stdout
    told = creditsim("validate", MID_MARKET, broken, "--json")
    assert len(json.loads(told.stdout)["problems"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "no-such-file.yaml"),
        ("run", "README.md"),
        ("run", "scenarios"),
        ("run", MID_MARKET, "--set", "org.edition=gold"),
        ("run", MID_MARKET, "--engine", "warp"),
        ("run", MID_MARKET, "--replications", "0"),
        ("run", MID_MARKET, "--out", "README.md/out"),
        ("quote", "--edition", "gold"),
        ("quote", "--edition", "free", "--addon", "1000"),
        ("rate-cards", "none"),
        ("validate", "no-such-file.yaml"),
        ("plan", "no-such-file.yaml"),
        ("plan", MID_MARKET, "--confirm", "some"),
        ("plan", MID_MARKET, "--max-replications", "3"),
        ("plan", MID_MARKET, "--out", "README.md/out"),
        ("plan", MID_MARKET, "--set", "objective.protect=[missing]"),
        ("run", MID_MARKET, "--no-such-option"),
        ("no-such-command",),
    ],
)
def test_wrong_input_is_exit_code_2_and_no_traceback(arguments: tuple[str | Path, ...]) -> None:
    done = creditsim(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path: Path) -> None:
    text = MID_MARKET.read_text().replace("name: dashboard", 'name: "[red]:bomb:<b>"')
    (tmp_path / "odd.yaml").write_text(text)
    shown = creditsim("run", tmp_path / "odd.yaml", *QUICK)
    assert shown.returncode == 0
    assert "[red]:bomb:<b>" in shown.stdout


def test_a_terminal_that_lacks_signs_is_no_reason_to_fail(tmp_path: Path) -> None:
    shown = creditsim("run", MID_MARKET, *QUICK, PYTHONIOENCODING="ascii")
    assert shown.returncode == 0
    assert "2 ? 4 days" in shown.stdout


def test_of_a_single_client_the_findings_do_not_say_that_it_did_it_all(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text(
        "name: one\norg: {edition: free}\nstart: 2026-01-05\nhorizon: 2 days\nwarmup: 0\n"
        "replications: 2\nclients:\n- name: poller\n  arrivals: {schedule: {every: 10 s}}\n"
        "  calls: [{api: get_modules}]\n"
    )
    text = " ".join(creditsim("run", tmp_path / "one.yaml").stdout.split())
    assert (
        "on day 1 (Mon 5 Jan), 13:53. 7,280 calls (95 % interval 7,280 to 7,280) are lost" in text
    )
    assert "`poller`" not in text


def test_rate_cards_are_listed_and_shown() -> None:
    listed = creditsim("rate-cards").stdout
    assert [line.split()[0] for line in listed.splitlines()] == [*shipped_rate_cards()]
    assert {"kaizen-34", "kaizen-93", "zoho-crm-2026"} <= {*shipped_rate_cards()}
    card = printed_json("rate-cards", "zoho-crm-2026", "--json")
    assert card["editions"]["ultimate"]["aliases"] == ["crm_plus"]


def test_the_schema_is_printed_as_json() -> None:
    assert json.loads(creditsim("schema").stdout)["title"] == "creditsim scenario"


def test_a_reader_that_stops_early_gets_no_traceback() -> None:
    command = f"{Path(sys.executable).parent / 'creditsim'} rate-cards kaizen-34 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("kaizen-34")
    assert done.stderr == ""


def test_progress_is_shown_on_a_terminal_only_and_ctrl_c_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    command = [str(Path(sys.executable).parent / "creditsim"), "run", str(MID_MARKET)]
    out = tmp_path / "out"
    master, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        [*command, "--replications", "500", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        env=environment,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )  # a test run in the background may have been told to ignore the signal
    os.close(terminal)
    seen = ""
    deadline = time.monotonic() + 60
    while "days" not in seen and time.monotonic() < deadline:
        seen += os.read(master, 4096).decode(errors="replace")
    process.send_signal(signal.SIGINT)
    shown, _ = process.communicate(timeout=60)
    os.close(master)
    assert "Simulating" in seen
    assert process.returncode == 130
    assert shown == b""
    assert not out.exists()
    quiet = creditsim("run", MID_MARKET, *QUICK).stderr  # no terminal: remarks alone
    assert "Simulating" not in quiet
    assert quiet.count("\n") == quiet.count("(a remark, the scenario is valid)")


@pytest.mark.once
@pytest.mark.parametrize("command", ["run", "plan"])
def test_the_timeline_fits_80_columns_with_and_without_colour(command: str) -> None:
    quick = ("--replications", "4") if command == "run" else (*PLAN, "--confirm", "none")
    plain = creditsim(command, MID_MARKET, *quick).stdout
    assert "Available credits" in plain
    assert "\x1b" not in plain
    assert max(map(len, plain.splitlines())) <= 80
    drawn = [line for line in plain.splitlines() if set("▁▂▃▄▅▆▇█") & set(line)]
    assert len(drawn) >= 2
    assert any(set(line) == {"!", " "} for line in plain.splitlines())
    coloured = creditsim(command, MID_MARKET, *quick, FORCE_COLOR="1", TERM="xterm-256color").stdout
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert "\x1b[31m" in coloured  # red where calls are throttled


def test_the_timeline_is_ascii_where_nothing_else_can_be_shown() -> None:
    told = creditsim("run", MID_MARKET, "--replications", "2", PYTHONIOENCODING="ascii").stdout
    begin = told.index("Available credits")
    drawing = told[begin : told.index("In one run")].split("\n", 1)[1]
    assert "#" in drawing
    assert "?" not in drawing
