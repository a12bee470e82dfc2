"""Many orgs: the same tables whatever is killed when, and whatever does the work."""

from __future__ import annotations

import csv
import errno
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

import simulation.batch.job
import simulation.batch.runner
from simulation import InputError, load_scenario, plan, plan_portfolio
from simulation.batch.executors import processes
from simulation.batch.result import BatchProgress, BatchResult
from simulation.batch.store import BatchStore
from simulation.demand.demand import Demand
from simulation.planning.causes import biggest_cause, shares_of_peak
from simulation.planning.options import PlanOptions
from simulation.planning.result import surely_enough
from simulation.report.portfolio_in_words import portfolio_findings
from tests.helpers import ROOT, any_limit, creditsim, poisson, scheduled

Process = subprocess.Popen[bytes]
TABLES = ("portfolio.csv", "portfolio.parquet", "alternatives.csv", "alternatives.parquet")
QUICK: dict[str, Any] = {"max_replications": 6, "confirm": "none"}

TEMPLATE = """\
name: Template
org: {edition: standard, user_licenses: 3}
start: 2026-01-05
horizon: 2 days
replications: 4
clients:
  - name: forms
    arrivals: {poisson: {rate: 2000 per day}}
    calls: [{api: other}]
    on_throttle: drop
  - name: load
    arrivals: {schedule: {at: "10:00", calls: 60, over: 1 hour}}
    calls: [{api: bulk_write}]
    on_throttle: {retry: {first: 10 minutes, jitter: full}}
alternatives:
  - name: load half
    set: {clients.load.arrivals.schedule.calls: 30}
"""


def portfolio(folder: Path, count: int, slow: bool = False, broken: bool = False) -> Path:
    """Write a portfolio of ``count`` orgs; with ``broken`` every tenth row is wrong."""
    (folder / "template.yaml").write_text(TEMPLATE)
    wrong = [
        {"org.edition": "gold"},
        {"scenario": "nowhere.yaml"},
        {"clients.forms.arrivals.poisson.rate": "often"},
        {"org.user_license": "3"},
    ]
    rows, factor = [], 20 if slow else 1
    for n in range(count):
        row = {
            "name": f"Org {n}",
            "scenario": "template.yaml",
            "org.edition": "standard",
            "org.user_licenses": n % 5,
            "org.user_license": "",
            "org.addon_credits": "" if n % 3 else 60_000,
            "clients.forms.arrivals.poisson.rate": f"{factor * (900 + 70 * n)} per day",
            "seed": n,
        }
        if broken and n % 10 == 3:
            row |= wrong[n // 10 % len(wrong)]
        rows.append(row)
    file = folder / "orgs.csv"
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def items(folder: Path) -> dict[str, bytes]:
    """Return the files of all results but how long they took."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted((folder / "items").rglob("*"))
        if file.is_file() and file.name != "runtime.json"
    }


def finished(folder: Path) -> dict[str, int]:
    """Return which orgs are finished, and when each was."""
    return {
        file.parent.name: file.stat().st_mtime_ns for file in folder.glob("items/[!.]*/item.json")
    }


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BatchResult]:
    """Ten orgs, planned without disturbance."""
    folder = tmp_path_factory.mktemp("ten")
    file = portfolio(folder, 10)
    return file, plan_portfolio(file, out=folder / "out", workers=2, **QUICK)


def test_each_org_is_planned_as_plan_does(ten: tuple[Path, BatchResult], tmp_path: Path) -> None:
    file, result = ten
    values = pd.read_csv(file, dtype=str).iloc[7]
    sets = [f"{key}={value}" for key, value in values.dropna().items() if "." in key]
    alone = load_scenario(file.with_name("template.yaml"), [*sets, "name=Org 7", "seed=7"])
    expected = plan(alone, out=tmp_path, **QUICK)
    kept = result.folder / "items/org-7"
    for name in ("frontier.csv", "frontier.parquet"):
        assert (kept / name).read_bytes() == (tmp_path / name).read_bytes()
    in_batch = json.loads((kept / "plan.json").read_text())
    by_plan = json.loads((tmp_path / "plan.json").read_text())
    pictures = {f"now_{name}.parquet" for name in ("runs", "summary", "meters", "hours")}
    pictures |= {"timelines.parquet"}
    assert {*by_plan.pop("files")} - {*in_batch.pop("files")} == pictures  # no page here
    assert in_batch == by_plan
    row, advice = result.portfolio.set_index("item").loc["Org 7"], expected.recommendation
    assert row["status"] == advice.status
    assert row["addon_credits"] == advice.addon_credits
    assert row["price_per_month"] == advice.price_per_month
    assert row["zero_throttle_addon_credits"] == advice.zero_throttle_addon_credits
    safe = surely_enough(expected)
    assert (None if pd.isna(row["safe_addon_credits"]) else row["safe_addon_credits"]) == safe
    shown = advice.addon_credits if safe is None else safe
    fresh = expected.fresh.set_index("addon_credits")
    held = (fresh if shown in fresh.index else expected.frontier.set_index("addon_credits")).loc[
        shown
    ]
    for column in ("meets_probability", "meets_low", "meets_high"):
        assert row[column] == held[column]
    assert row["seed"] == 7
    assert pd.isna(row["error"])


def test_what_is_advised_where_that_is_not_decided_is_what_is_surely_enough_first(
    ten: tuple[Path, BatchResult],
) -> None:
    rows = ten[1].portfolio
    known, open_ = rows["safe_addon_credits"].notna(), ~rows["decided"]
    assert (rows["safe_addon_credits"] == rows["addon_credits"])[known & rows["decided"]].all()
    for row in rows[known & open_].to_dict("records"):
        size, now = row["safe_addon_credits"], row["current_addon_credits"]
        if size == row["addon_credits"]:
            continue
        begins = f"{'cut to' if size < now else 'buy'} {size:,}"
        assert row["advice"].startswith("keep what you have" if size == now else begins)
        assert "surely enough; " in row["advice"]
    for row in rows[~known & open_].to_dict("records"):
        assert row["advice"].startswith("not decided whether any purchase is enough")
    totals, bought = ten[1].totals, rows["price_per_month"].notna()
    advised = rows["safe_price_per_month"].where(known, rows["price_per_month"])[bought]
    assert totals["safe_price_per_month"] == advised.sum()
    assert totals["without_safe_size"] == (bought & ~known).sum()
    said = " ".join(portfolio_findings(totals))
    assert f"${advised.sum():,.2f} a month, " in said


def test_the_headline_of_a_portfolio_leads_with_what_is_surely_enough() -> None:
    counts = dict.fromkeys(("not_reachable", "failed", "pending", "at_risk"), 0)
    money = {"safe_price_per_month": Decimal("33.60"), "safe_change_per_month": Decimal("8.40")}
    totals: dict[str, Any] = {
        **counts,
        **money,
        "planned": 2,
        "undecided": 2,
        "price_per_month": Decimal("16.80"),
        "safe_bill_per_month": 33.6,
        "without_safe_size": 0,
        "best_alternatives": {"items": 0, "make_reachable": 0},
    }
    said = portfolio_findings(totals)
    assert said[1] == (
        "What is advised for all orgs costs $33.60 a month, $8.40 more than is paid now. It may be "
        "that $16.80 is enough; more replications would tell."
    )
    unsafe = {**totals, "price_per_month": Decimal("33.60"), "without_safe_size": 1}
    assert portfolio_findings(unsafe)[1].endswith("For 1 org no size is surely enough yet.")


def test_the_headline_of_a_portfolio_says_what_is_paid_where_that_is_less_than_the_price() -> None:
    counts = dict.fromkeys(("not_reachable", "failed", "pending", "at_risk", "undecided"), 0)
    totals: dict[str, Any] = {
        **counts,
        "planned": 2,
        "price_per_month": Decimal("33.60"),
        "safe_price_per_month": Decimal("33.60"),
        "safe_change_per_month": Decimal("8.40"),
        "bill_per_month": 7.5,
        "safe_bill_per_month": 7.5,
        "safe_bill_change_per_month": -2.25,
        "without_safe_size": 0,
        "best_alternatives": {"items": 0, "make_reachable": 0},
    }
    assert portfolio_findings(totals)[1] == (
        "What is advised for all orgs costs $33.60 a month at most. About $7.50 would be paid, "
        "$2.25 less than is paid now."
    )


def test_orgs_at_risk_are_those_that_do_not_keep_to_their_objective_now(
    ten: tuple[Path, BatchResult],
) -> None:
    rows = ten[1].portfolio
    keep = [
        json.loads((ten[1].folder / folder / "plan.json").read_text())["current"][
            "meets_probability"
        ]
        for folder in rows["folder"]
    ]
    assert rows["current_meets_probability"].tolist() == keep
    assert rows["at_risk"].tolist() == [share < 0.95 for share in keep]
    assert set(rows["at_risk"]) == {True, False}


def test_a_kept_scenario_gives_the_plan_again(
    ten: tuple[Path, BatchResult], tmp_path: Path
) -> None:
    kept = ten[1].folder / "items/org-4"
    plan(kept / "scenario.yaml", out=tmp_path, **QUICK)
    once, again = [folder / "plan.json" for folder in (kept, tmp_path)]
    texts = [file.read_text().partition('"files"') for file in (once, again)]
    assert texts[0][0] == texts[1][0]
    files = [json.loads(file.read_text())["files"] for file in (once, again)]
    del files[0]["plan.json"]  # which names the files, and a batch keeps what pictures show …
    assert files[0].items() <= files[1].items()  # … only where it draws them


def test_tables_are_in_the_order_of_the_input_and_add_up(ten: tuple[Path, BatchResult]) -> None:
    file, result = ten
    rows, changes = result.portfolio, result.alternatives
    assert rows["item"].tolist() == pd.read_csv(file)["name"].tolist()
    assert rows["source"].tolist() == [f"{file}:{line}" for line in range(2, 12)]
    written = pd.read_csv(result.folder / "portfolio.csv")
    assert written["price_per_month"].fillna(-1).tolist() == pytest.approx(
        [-1 if price is None else float(price) for price in rows["price_per_month"]]
    )
    totals = json.loads((result.folder / "totals.json").read_text())
    assert totals["items"] == totals["planned"] == 10
    assert totals["price_per_month"] == pytest.approx(written["price_per_month"].sum())
    assert totals["at_risk"] == written["at_risk"].sum()
    saves = changes["saves_per_month"].dropna()
    told = totals["alternatives"]["load half"]
    assert told["items"] == len(saves)
    assert told["saves_per_month"]["mean"] == pytest.approx(float(sum(saves)))
    for end, name in enumerate(("low", "high")):
        ends = changes[f"saves_per_month_{name}"].sum()
        assert told["saves_per_month"]["ci95"][end] == pytest.approx(ends)
    best = rows["best_alternative_saves_per_month"].dropna()
    assert totals["best_alternatives"]["items"] == len(best) > 0
    assert totals["best_alternatives"]["saves_per_month"]["mean"] == float(sum(best))


def test_the_cause_fills_the_window_of_the_largest_demand() -> None:
    night = scheduled("night", "02:00", 30, "five")
    scenario = any_limit(100, [poisson("drizzle", "100 per day"), night], horizon="3 days")
    demand = Demand(scenario)
    calls = demand.draw_replication(0)
    day = scenario.card.window
    windows = [
        calls.take(np.flatnonzero((calls.time > end - day) & (calls.time <= end)))
        for end in calls.time
    ]
    fullest = max(windows, key=lambda window: window.credits.sum())
    by_hand = [fullest.credits[fullest.client == n].sum() for n in range(2)]
    assert shares_of_peak(demand, 0) == pytest.approx(np.array(by_hand) / sum(by_hand))
    cause = biggest_cause(demand, 4)
    assert cause is not None
    assert cause.client == "night"
    assert cause.share.low < cause.share.mean < cause.share.high
    silent = any_limit(100, [scheduled("never", "02:00", 1, schedule={"days": ["2026-03-31"]})])
    assert biggest_cause(Demand(silent), 4) is None


def test_tables_do_not_depend_on_the_number_of_workers(
    ten: tuple[Path, BatchResult], tmp_path: Path
) -> None:
    file, result = ten
    plan_portfolio(file, out=tmp_path / "one", workers=1, **QUICK)
    assert tables(tmp_path / "one") == tables(result.folder)
    assert items(tmp_path / "one") == items(result.folder)


@pytest.mark.once
def test_a_second_run_skips_what_is_done_and_redoes_what_changed(tmp_path: Path) -> None:
    file = portfolio(tmp_path, 6)
    out = tmp_path / "out"
    assert plan_portfolio(file, out=out, **QUICK).did == {"new": [f"Org {n}" for n in range(6)]}
    before = finished(out)
    text = file.read_text()
    file.write_text(
        text.replace("Org 2,template.yaml,standard,2", "Org 2,template.yaml,standard,4")
    )
    again = plan_portfolio(file, out=out, **QUICK)
    assert again.did == {
        "kept": ["Org 0", "Org 1", "Org 3", "Org 4", "Org 5"],
        "changed": ["Org 2"],
    }
    assert again.runtimes.set_index("item")["did"].to_dict()["Org 2"] == "changed"
    changed = {name for name, at in finished(out).items() if before[name] != at}
    assert changed == {"org-2"}
    fresh = plan_portfolio(file, out=tmp_path / "fresh", **QUICK)
    assert tables(out) == tables(fresh.folder)


def test_order_and_comments_change_no_org(tmp_path: Path) -> None:
    file = portfolio(tmp_path, 4)
    out = tmp_path / "out"
    plan_portfolio(file, out=out, **QUICK)
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([header, *reversed(rows)]) + "\n")
    (tmp_path / "template.yaml").write_text("# a comment\n" + TEMPLATE)
    again = plan_portfolio(file, out=out, **QUICK)
    assert list(again.did) == ["kept"]
    assert again.portfolio["item"].tolist() == [f"Org {n}" for n in (3, 2, 1, 0)]


def traced(folder: Path, last: str = "0", price: str = "0.14") -> Path:
    """Write a scenario with recorded calls and a rate card of its own."""
    (folder / "calls.csv").write_text(f"timestamp\n2026-01-05T08:00\n2026-01-05T09:0{last}\n")
    card = (ROOT / "simulation/rate_cards/kaizen-34.yaml").read_text()
    was = 'price_per_1000: "0.14"'
    assert was in card
    (folder / "card.yaml").write_text(card.replace(was, was.replace("0.14", price)))
    file = folder / "traced.yaml"
    file.write_text(
        TEMPLATE.replace("poisson: {rate: 2000 per day}", "trace: {file: calls.csv}")
        + "rate_card: card.yaml\n"
    )
    return file


@pytest.mark.once
def test_whatever_decides_a_result_changes_the_org(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(**options: Any) -> list[str]:
        return list(plan_portfolio(file, out=tmp_path / "out", **{**QUICK, **options}).did)

    file = traced(tmp_path)
    assert done() == ["new"]
    assert done() == ["kept"]
    assert done(max_replications=7) == ["changed"]
    assert done(confirm=10) == ["changed"]
    assert done(seed=5) == ["changed"]
    assert done(set=["org.addon_credits=1000"]) == ["changed"]
    assert done() == ["changed"]
    traced(tmp_path, last="1")
    assert done() == ["changed"]
    traced(tmp_path, last="1", price="0.15")
    assert done() == ["changed"]
    assert done() == ["kept"]
    monkeypatch.setattr(simulation.batch.runner, "versions", lambda: "creditsim 99")
    assert done() == ["broken"]  # not kept as it was, and no worker has that version


def test_a_worker_of_another_version_plans_nothing(tmp_path: Path) -> None:
    scenario = any_limit(10, [scheduled("a", "02:00", 4)])
    job = simulation.batch.job.Job(
        scenario, PlanOptions(max_replications=2), False, "", "creditsim 0.0, numpy 1.0"
    )
    outcome = simulation.batch.job.do_job(job)
    assert "install creditsim 0.0, numpy 1.0 on it" in outcome.error
    assert outcome.row == {}


def test_broken_rows_are_named_with_their_line_and_the_rest_is_planned(tmp_path: Path) -> None:
    file = portfolio(tmp_path, 40, broken=True)
    done = creditsim(
        "batch", file, "--out", tmp_path / "out", "--max-replications", "4", "--confirm", "none"
    )
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    rows = pd.read_csv(tmp_path / "out/portfolio.csv").set_index("item")
    failed = rows[rows["status"] == "failed"]
    assert failed.index.tolist() == ["Org 3", "Org 13", "Org 23", "Org 33"]
    assert (rows["status"] != "failed").sum() == 36
    for (name, row), words in zip(
        failed.iterrows(),
        ("org.edition: 'gold'", "nowhere.yaml: there is no such file", "rate: ", "user_license: "),
        strict=True,
    ):
        assert row["error"].startswith(f"{file}:{int(str(name)[4:]) + 2}: ")
        assert words in row["error"]
        assert row["error"] in done.stderr
    assert failed["seed"].tolist() == [3, 13, 23, 33]
    assert "4 orgs failed" in done.stdout


def test_a_missing_trace_is_a_row_and_is_planned_once_it_is_there(tmp_path: Path) -> None:
    scenario, out = traced(tmp_path, "0"), tmp_path / "out"
    (tmp_path / "calls.csv").unlink()
    result = plan_portfolio([scenario, portfolio(tmp_path, 2)], out=out, **QUICK)
    assert result.portfolio["status"].tolist()[0] == "failed"
    place, _, told = result.portfolio["error"][0].partition(" clients.forms.arrivals.trace.file: ")
    assert place.startswith(f"{scenario}:")
    assert told.endswith("calls.csv: there is no such file, name a trace file")
    assert result.portfolio["seed"][0] == 34
    again = plan_portfolio([traced(tmp_path, "0"), tmp_path / "orgs.csv"], out=out, **QUICK)
    assert again.did == {"new": [str(scenario)], "kept": ["Org 0", "Org 1"]}
    assert again.totals["failed"] == 0


class _Dying:
    """A job that kills its worker the first times that it is done."""

    def __init__(self, counter: Path, times: int, victim: str = "Org 1") -> None:
        self._counter, self._times, self._victim = counter, times, victim

    def __call__(self, job: simulation.batch.job.Job) -> simulation.batch.job.Outcome:
        if job.scenario.name == self._victim:
            with self._counter.open("a") as tally:
                tally.write("x")
            if len(self._counter.read_text()) <= self._times:
                os.kill(os.getpid(), signal.SIGKILL)
        return simulation.batch.job.do_job(job)


def test_an_org_whose_worker_is_killed_is_tried_again(
    ten: tuple[Path, BatchResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, undisturbed = ten
    monkeypatch.setattr(simulation.batch.runner, "do_job", _Dying(tmp_path / "tally", 2))
    result = plan_portfolio(file, out=tmp_path / "out", workers=2, **QUICK)
    assert tables(result.folder) == tables(undisturbed.folder)
    assert result.runtimes.set_index("item")["attempts"].to_dict()["Org 1"] == 3
    assert (result.runtimes["attempts"] == 1).sum() == 9


@pytest.mark.once
def test_an_org_that_kills_every_worker_fails_in_this_batch_alone(
    ten: tuple[Path, BatchResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, undisturbed = ten
    monkeypatch.setattr(simulation.batch.runner, "do_job", _Dying(tmp_path / "tally", 3))
    out = tmp_path / "out"
    result = plan_portfolio(file, out=out, workers=2, **QUICK)
    row = result.portfolio.set_index("item").loc["Org 1"]
    assert row["status"] == "failed"
    assert row["error"].startswith(f"{file}:3: its worker was killed 3 times")
    assert row["seed"] == 1
    assert result.totals["failed"] == 1
    assert result.totals["planned"] == 9
    assert not (out / "items/org-1").exists()
    again = plan_portfolio(file, out=out, workers=2, **QUICK)
    assert again.did["new"] == ["Org 1"]
    assert tables(out) == tables(undisturbed.folder)


class _Lacking:
    """A job whose machine lacks something while it plans for an org, or draws its page."""

    def __init__(self, error: BaseException, victim: str = "Org 1") -> None:
        self._error, self._victim = error, victim

    def __call__(self, job: simulation.batch.job.Job) -> simulation.batch.job.Outcome:
        if job.scenario.name != self._victim:
            return simulation.batch.job.do_job(job)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(simulation.batch.job, "files_of", self._fail)
            return simulation.batch.job.do_job(job)

    def _fail(self, *_: object) -> None:
        raise self._error


def _of_system(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/somewhere/temporary")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_a_disk_that_fails_a_worker_stops_the_batch_and_is_no_org_s_answer(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = portfolio(tmp_path, 2), tmp_path / "out"
    monkeypatch.setattr(simulation.batch.runner, "do_job", _Lacking(_of_system(number)))
    with pytest.raises(InputError) as stopped:
        plan_portfolio(file, out=out, workers=1, **QUICK)
    told = str(stopped.value)
    assert told.startswith(f"{out}: cannot be written ({os.strerror(number).lower()}), ")
    assert "\n" not in told
    assert ".scratch" not in told
    assert "/somewhere" not in told
    assert [place.name for place in (out / "items").iterdir()] == ["org-0"]
    monkeypatch.undo()
    again = plan_portfolio(file, out=out, workers=1, **QUICK)
    assert again.did == {"kept": ["Org 0"], "new": ["Org 1"]}
    assert again.totals["failed"] == 0


@pytest.mark.parametrize(
    "error",
    [
        *(_of_system(number) for number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)),
        MemoryError(),
        RuntimeError("can't start new thread"),
    ],
    ids=repr,
)
def test_what_a_worker_lacks_is_a_row_of_this_batch_alone(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = portfolio(tmp_path, 2), tmp_path / "out"
    monkeypatch.setattr(simulation.batch.runner, "do_job", _Lacking(error, "Org 0"))
    first = plan_portfolio(file, out=out, workers=1, **QUICK)
    assert first.did == {"broken": ["Org 0"], "new": ["Org 1"]}
    told = first.portfolio["error"][0]
    assert told.startswith(f"{file}:2: its worker could not go on (")
    assert told.endswith("; the same command plans it again")
    assert "/somewhere" not in told
    monkeypatch.undo()
    again = plan_portfolio(file, out=out, workers=1, **QUICK)
    assert again.did == {"new": ["Org 0"], "kept": ["Org 1"]}
    assert again.totals["failed"] == 0


def _fail(job: simulation.batch.job.Job) -> simulation.batch.job.Outcome:
    wrong: Any = "nonsense"
    return simulation.batch.job.do_job(job._replace(options=PlanOptions(max_replications=wrong)))


def test_a_defect_of_ours_fails_one_org_and_leaves_its_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation.batch.runner, "do_job", _fail)
    result = plan_portfolio(portfolio(tmp_path, 2), out=tmp_path / "out", **QUICK)
    assert result.totals["failed"] == 2
    assert "TypeError: '<' not supported" in result.portfolio["error"][0]
    assert "Traceback" in (tmp_path / "out/items/org-0/error.txt").read_text()
    assert load_scenario(tmp_path / "out/items/org-0/scenario.yaml").name == "Org 0"


def _pid_after(seconds: float, file: Path) -> int:
    file.write_text(str(os.getpid()))
    time.sleep(seconds)
    return os.getpid()


def _read_when_there(file: Path) -> str:
    deadline = time.monotonic() + 30
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return file.read_text()


def test_a_killed_process_takes_no_other_s_work_along(tmp_path: Path) -> None:
    with processes(2) as force:
        slow = force.executor.submit(_pid_after, 1.5, tmp_path / "slow")
        victim = force.executor.submit(_pid_after, 60.0, tmp_path / "victim")
        after = force.executor.submit(_pid_after, 0.0, tmp_path / "after")
        pids = [int(_read_when_there(tmp_path / name)) for name in ("slow", "victim")]
        os.kill(pids[1], signal.SIGKILL)
        with pytest.raises(BrokenExecutor):
            victim.result(timeout=20)
        assert slow.result(timeout=20) == pids[0]
        assert after.result(timeout=20) != pids[1]


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from simulation.batch.executors import processes\n"
        "from tests.batch.test_batch import _pid_after\n"
        "with processes(1) as force:\n"
        "    force.executor.submit(_pid_after, 60.0, Path(sys.argv[1])).result()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "pid")], cwd=ROOT)
    worker = psutil.Process(int(_read_when_there(tmp_path / "pid")))
    parent.kill()
    parent.wait()
    worker.wait(timeout=10)


class Killed:
    """A batch of the command line that is killed, part by part, at random moments."""

    def __init__(self, file: Path, out: Path, seed: int) -> None:
        self._command = [
            *(Path(sys.executable).parent / "creditsim", "batch", file, "--out", out),
            *("--max-replications", "6", "--confirm", "none", "--workers", "2"),
        ]
        self.out, self._random = out, random.Random(seed)
        self.kills = 0

    def disturb(self, longest_s: float) -> bool:
        """Run, kill something within some seconds, and return whether it was done."""
        log = self.out.with_suffix(".log")
        with log.open("ab") as errors:
            parent = subprocess.Popen(
                list(map(str, self._command)), stdout=subprocess.DEVNULL, stderr=errors, cwd=ROOT
            )
            time.sleep(self._random.uniform(0, longest_s))
            workers = _workers_of(parent.pid)
            if parent.poll() is None:
                self.kills += 1
                if workers and self._random.random() < 0.5:
                    with suppress(psutil.Error):
                        self._random.choice(workers).kill()
                else:
                    parent.kill()
            return parent.wait() == 0

    def until_done(self, longest_s: float) -> None:
        """Disturb it until it is done; check each time that nothing is done twice."""
        before: dict[str, int] = {}
        done = False
        while not done:
            done = self.disturb(longest_s)
            now = finished(self.out)
            assert before.items() <= now.items(), "lost, or done twice"
            before = now


def _workers_of(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.Error:
        return []


@pytest.mark.once
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.long) for n in range(2, 51))]
)
def test_a_batch_that_is_killed_again_and_again_ends_with_the_same_bytes(
    seed: int, forty: tuple[Path, Path], tmp_path: Path
) -> None:
    file, undisturbed = forty
    batch = Killed(file, tmp_path / "out", seed)
    batch.until_done(longest_s=4.0)
    print(f"run {seed}: {batch.kills} kills")  # noqa: T201
    assert batch.kills >= 1
    assert tables(batch.out) == tables(undisturbed)
    assert items(batch.out) == items(undisturbed)
    left = [path for path in (batch.out / "items").iterdir() if path.name.startswith(".")]
    assert left == []


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Forty orgs, planned without disturbance."""
    folder = tmp_path_factory.mktemp("forty")
    file = portfolio(folder, 40)
    return file, plan_portfolio(file, out=folder / "out", workers=2, **QUICK).folder


@contextmanager
def dask(workers: int) -> Iterator[tuple[str, Process, list[Process]]]:
    """Start a scheduler and worker processes on loopback; yield its address and them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = [str(Path(sys.executable).parent / "dask")]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    host, port = "127.0.0.1", address.rpartition(":")[2]
    started = [
        subprocess.Popen(
            [*command, "scheduler", "--host", host, "--port", port, "--no-dashboard"], **quiet
        )
    ]
    try:
        for _ in range(workers):
            one = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", host]
            started.append(subprocess.Popen([*command, "worker", address, *one], **quiet))
        yield address, started[0], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_dask_cluster_that_loses_a_worker_gives_the_same_bytes(
    forty: tuple[Path, Path], tmp_path: Path
) -> None:
    file, undisturbed = forty
    out = tmp_path / "out"
    with dask(2) as (address, _, workers):
        killed: list[int] = []

        def kill_one(state: BatchProgress) -> None:
            if state.done >= 10 and not killed:
                workers[0].kill()
                killed.append(state.remaining)

        result = plan_portfolio(file, out=out, scheduler=address, progress=kill_one, **QUICK)
    assert killed[0] > 20
    assert result.totals["failed"] == 0
    assert tables(out) == tables(undisturbed)
    assert items(out) == items(undisturbed)


@pytest.mark.once
def test_a_cluster_that_goes_away_is_one_clear_error_and_what_is_finished_is_kept(
    tmp_path: Path,
) -> None:
    file, out = portfolio(tmp_path, 8, slow=True), tmp_path / "out"
    command = [Path(sys.executable).parent / "creditsim", "batch", file, "--out", out]
    with dask(1) as (address, scheduler, _):
        options = ["--scheduler", address, "--max-replications", "30", "--confirm", "none"]
        batch = subprocess.Popen(
            list(map(str, [*command, *options])), stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        deadline = time.monotonic() + 60
        while len(finished(out)) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        scheduler.kill()
        _, errors = batch.communicate(timeout=60)
    assert batch.returncode == 2, errors
    # Where the machine is slow, a line of progress comes first.
    *_, told = errors.splitlines()
    assert told == f"--scheduler {address}: is gone; when it is back, the same command goes on"
    assert "Traceback" not in errors
    before = finished(out)
    assert 1 <= len(before) < 8
    result = plan_portfolio(file, out=out, max_replications=30, confirm="none")
    assert len(result.did["kept"]) == len(before)


def test_an_interrupt_ends_within_seconds_and_keeps_what_is_finished(tmp_path: Path) -> None:
    file, out = portfolio(tmp_path, 40, slow=True), tmp_path / "out"
    command = [Path(sys.executable).parent / "creditsim", "batch", file, "--out", out]
    options = ["--max-replications", "30", "--confirm", "none", "--workers", "2"]
    process = subprocess.Popen(
        list(map(str, [*command, *options])),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(  # noqa: PLW1509
            signal.SIGINT, signal.default_int_handler
        ),
    )
    deadline = time.monotonic() + 60
    while len(finished(out)) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = _workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    rows = pd.read_csv(out / "portfolio.csv")
    kept = finished(out)
    assert f"{len(kept)} of 40 orgs are finished and kept" in errors
    assert (rows["status"] == "pending").sum() == 40 - len(kept)
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() for worker in workers)
    totals = json.loads((out / "totals.json").read_text())
    assert totals["pending"] == 40 - len(kept)


def test_an_interrupted_batch_s_tables_hold_all_that_was_ever_finished(tmp_path: Path) -> None:
    def interrupt(state: BatchProgress) -> None:
        if state.done == enough:
            raise KeyboardInterrupt

    file, out = portfolio(tmp_path, 10), tmp_path / "out"
    enough = 4
    with pytest.raises(KeyboardInterrupt, match="4 of 10 orgs are finished and kept"):
        plan_portfolio(file, out=out, workers=1, progress=interrupt, **QUICK)
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([header, *reversed(rows)]) + "\n")
    enough = 5
    with pytest.raises(KeyboardInterrupt, match="5 of 10 orgs are finished and kept"):
        plan_portfolio(file, out=out, workers=1, progress=interrupt, **QUICK)
    status = pd.read_csv(out / "portfolio.csv")["status"]
    assert (status != "pending").tolist() == [True, *[False] * 5, *[True] * 4]


def test_two_batches_do_not_write_to_one_folder(tmp_path: Path) -> None:
    file = portfolio(tmp_path, 1)
    with BatchStore(tmp_path / "out"), pytest.raises(InputError, match="another batch is writing"):
        plan_portfolio(file, out=tmp_path / "out", **QUICK)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    file = portfolio(tmp_path, 1)
    (tmp_path / "out").write_text("a file")
    done = creditsim("batch", file, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{tmp_path / 'out'}: cannot be written" in done.stderr


@pytest.mark.once
def test_a_disk_that_fills_up_leaves_earlier_results_intact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, out = portfolio(tmp_path, 6), tmp_path / "out"
    plan_portfolio(file, out=out, **QUICK)
    before = tables(out), items(out)
    write = Path.write_bytes
    written = []

    def full(self: Path, content: bytes) -> int:
        written.append(self)
        if len(written) > 7:
            write(self, content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"out: cannot be written \(no space left on device\)"):
        plan_portfolio(file, out=out, seed=99, workers=1, **QUICK)
    monkeypatch.undo()
    after = items(out)
    assert tables(out) == before[0]
    redone = {name for name in after if after[name] != before[1][name]}
    assert {name.split("/")[1] for name in redone} <= {"org-0", "org-1"}
    assert set(after) == set(before[1])
    again = plan_portfolio(file, out=out, **QUICK)
    assert (tables(out), items(out)) == before
    assert len(again.did["kept"]) >= 4


def test_a_result_that_cannot_be_put_in_place_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == ".acme.part":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    row = {"status": "failed", "error": "why"}
    with BatchStore(tmp_path) as store:
        store.put("acme", "one", row, [], {}, {})
        monkeypatch.setattr(Path, "rename", refuse)
        with pytest.raises(InputError, match="cannot be written"):
            store.put("acme", "two", row, [], {}, {})
        kept = store.find("acme")
    assert kept is not None
    assert kept.identity == "one"


@pytest.mark.parametrize("moment", ["mkdir", "write", "away", "in place"])
def test_what_a_killed_batch_leaves_behind_is_put_right(moment: str, tmp_path: Path) -> None:
    def put(identity: str) -> None:
        row = {"status": "failed", "error": identity}
        store.put("acme", identity, row, [], {"plan.json": identity.encode()}, {})

    with BatchStore(tmp_path) as store:
        put("one")
        home = store.path("acme")
        part, old = home.with_name(".acme.part"), home.with_name(".acme.old")
        shutil.copytree(home, part)
        if moment == "mkdir":
            shutil.rmtree(part)
            part.mkdir()
        if moment in ("away", "in place"):
            home.rename(old)
        if moment == "in place":
            part.rename(home)
    with BatchStore(tmp_path) as store:
        kept = store.find("acme")
        assert kept is not None
        assert kept.identity == "one"
        assert [path.name for path in home.parent.iterdir()] == ["acme"]


def test_an_option_that_fits_no_org_is_refused_at_once(tmp_path: Path) -> None:
    file, out = portfolio(tmp_path, 3), tmp_path / "out"
    done = creditsim("batch", file, "--out", out, "--set", "org.editon=free")
    assert done.returncode == 2
    assert done.stderr.startswith("--set org.editon: is an unknown key, did you mean")
    assert done.stderr.count("\n") == 1


def test_results_of_orgs_that_are_not_named_any_more_are_left_and_told(tmp_path: Path) -> None:
    file, out = portfolio(tmp_path, 3), tmp_path / "out"
    plan_portfolio(file, out=out, **QUICK)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    again = plan_portfolio(file, out=out, **QUICK)
    assert again.not_named == ["org-2"]
    assert (out / "items/org-2/plan.json").exists()
    assert again.totals["items"] == 2


def test_a_result_that_lacks_a_file_or_half_of_one_is_made_again(tmp_path: Path) -> None:
    file, out = portfolio(tmp_path, 3), tmp_path / "out"
    plan_portfolio(file, out=out, **QUICK)
    before = tables(out), items(out)
    (out / "items/org-0/frontier.csv").unlink()
    plan_json = out / "items/org-2/plan.json"
    plan_json.write_bytes(plan_json.read_bytes()[:100])
    assert plan_portfolio(file, out=out, **QUICK).did == {
        "new": ["Org 0", "Org 2"],
        "kept": ["Org 1"],
    }
    assert (tables(out), items(out)) == before


@pytest.mark.once
def test_reports_are_drawn_later_without_planning_again(tmp_path: Path) -> None:
    file = portfolio(tmp_path, 2)
    plan_portfolio(file, out=tmp_path / "later", **QUICK)
    plans = {
        name: content
        for name, content in items(tmp_path / "later").items()
        if not name.endswith(("item.json", "plan.json"))  # which name the files
    }
    again = plan_portfolio(file, out=tmp_path / "later", report=True, **QUICK)
    assert list(again.did) == ["kept"]
    plan_portfolio(file, out=tmp_path / "once", report=True, **QUICK)
    assert not any("timelines" in name for name in plans)  # which a page alone shows
    assert items(tmp_path / "later") == items(tmp_path / "once")
    assert plans.items() <= items(tmp_path / "later").items()
    pages = [(tmp_path / name / "portfolio.html").read_bytes() for name in ("later", "once")]
    assert pages[0].replace(b"later", b"once") == pages[1]


@pytest.mark.once
def test_a_report_that_is_drawn_again_to_send_it_stays(tmp_path: Path) -> None:
    file, out = portfolio(tmp_path, 1), tmp_path / "out"
    plan_portfolio(file, out=out, report=True, **QUICK)
    page = out / "items/org-0/report.html"
    assert page.stat().st_size < 1_000_000
    assert creditsim("report", page.parent).returncode == 0
    assert page.stat().st_size > 4_000_000
    assert list(plan_portfolio(file, out=out, report=True, **QUICK).did) == ["kept"]
    assert page.stat().st_size > 4_000_000


def test_progress_counts_what_is_done_failed_and_remaining(tmp_path: Path) -> None:
    seen: list[BatchProgress] = []
    file = portfolio(tmp_path, 20, broken=True)
    plan_portfolio(file, out=tmp_path / "out", progress=seen.append, **QUICK)
    assert [state.done + state.failed for state in seen] == list(range(1, 21))
    assert all(state.done + state.failed + state.remaining == 20 for state in seen)
    assert seen[-1][:3] == (18, 2, 0)
    assert [state.failure for state in seen if state.failure] == [
        error
        for error in pd.read_csv(tmp_path / "out/portfolio.csv")["error"]
        if isinstance(error, str)
    ]
    assert all(state.seconds_left is not None for state in seen[10:])


def test_the_command_line_says_what_to_do_and_prints_json(
    ten: tuple[Path, BatchResult],
) -> None:
    file, result = ten
    options = ("--max-replications", "6", "--confirm", "none")
    shown = creditsim("batch", file, "--out", result.folder, *options)
    assert shown.returncode == 0, shown.stderr
    assert shown.stderr == ""
    assert "10 kept as they were" in shown.stdout
    assert max(map(len, shown.stdout.splitlines()[:-1])) <= 80
    printed = creditsim("batch", file, "--out", result.folder, "--json", *options)
    told = json.loads(printed.stdout)
    assert [row["item"] for row in told["orgs"]] == [f"Org {n}" for n in range(10)]
    assert told["totals"]["items"] == 10
    assert told["orgs"][3]["price_per_month"] == float(result.portfolio["price_per_month"][3])


@pytest.mark.once
def test_a_scheduler_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    done = creditsim(
        "batch",
        portfolio(tmp_path, 1),
        "--out",
        tmp_path / "out",
        "--scheduler",
        "tcp://127.0.0.1:9",
    )
    assert done.returncode == 2
    assert done.stderr.startswith("--scheduler tcp://127.0.0.1:9: is not reached")
    assert done.stderr.count("\n") == 1
