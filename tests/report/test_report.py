"""The report in a real browser, and the pictures as figures."""

from __future__ import annotations

import html
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from simulation import DAY, Plan, RunResult, load_result, load_scenario, plan, run
from simulation.experiment.over_time import coarser, timeline, weekly
from simulation.formats.words import percent
from simulation.planning.over_time import OverTime, sizes_to_compare
from simulation.report import figures
from simulation.report.page import figures_as_json, report, write
from simulation.report.plan_in_words import plan_findings, what_it_is
from tests.browser import CHROMIUM, Browser
from tests.helpers import ROOT, any_limit, build, creditsim, poisson, scheduled

MID_MARKET = ROOT / "scenarios" / "mid-market.yaml"
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a plan of the mid-market scenario, with its report."""
    folder = tmp_path_factory.mktemp("plan")
    scenario = load_scenario(MID_MARKET)
    plan(scenario, replications=8, max_replications=8, confirm="none", out=folder)
    done = creditsim("report", folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Written to {folder / 'report.html'}\n"
    return folder


@pytest.fixture(scope="module")
def storm() -> RunResult:
    retry = {"retry": {"first": "1 minute", "factor": 2, "max_delay": "1 hour"}}
    clients = [
        poisson("forms", "300 per day", on_throttle=retry),
        scheduled("sync", "09:00", 150, "two", schedule={"days": ["tue"]}),
    ]
    scenario = any_limit(450, clients, horizon="8 days", warmup="1 day", replications=5)
    return run(scenario, engine="compiled", keep_calls=False)


@needs_browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_the_page_is_readable_complains_of_nothing_and_asks_no_server(
    planned: Path, width: int, dark: bool
) -> None:
    with Browser(width, dark=dark) as browser:
        browser.open(planned / "report.html")
        assert browser.errors == []
        page = (planned / "report.html").as_uri()
        assert [url for url in browser.requests if not url.startswith("data:")] == [page]
        assert browser.ask("document.scrollingElement.scrollWidth") <= width
        drawn = browser.ask("[...document.querySelectorAll('.figure')].map(f => f.id)")
        assert drawn[:5] == ["credits", "frontier", "clients", "categories", "hours"]
        assert browser.ask(
            "[...document.querySelectorAll('.figure')].every(f => f.querySelector('svg.main-svg'))"
        )
        smallest = browser.ask(
            "Math.min(...[...document.querySelectorAll('p, li, td')]"
            ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
        )
        assert smallest >= 14
        for ink in ("--ink", "--soft"):
            assert _contrast(browser, ink) >= 4.5  # WCAG 2.2, AA
        words = browser.ask("document.querySelector('.advice').innerText")
        assert words.startswith("Whether any purchase is enough (at most 0.1 % of the calls")
        assert "add-on credits" in words


@needs_browser
def test_on_paper_the_figures_are_dark_on_white_whatever_the_screen(planned: Path) -> None:
    colour = "getComputedStyle(document.querySelector('#clients .ytick text')).fill"
    with Browser(dark=True) as browser:
        browser.open(planned / "report.html")
        on_screen = browser.ask(colour)
        browser.ask("dispatchEvent(new Event('beforeprint'))")
        assert browser.ask(colour) == "rgb(51, 51, 51)"
        browser.ask("dispatchEvent(new Event('afterprint'))")
        assert browser.ask(colour) == on_screen == "rgb(170, 179, 188)"


def _contrast(browser: Browser, ink: str) -> float:
    """Return the contrast of a text colour against the page, by the formula of WCAG."""

    def luminance(name: str) -> float:
        colour = browser.ask(
            f"getComputedStyle(document.documentElement).getPropertyValue({name!r}).trim()"
        )
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])

    high, low = sorted((luminance(ink), luminance("--ground")), reverse=True)
    return (high + 0.05) / (low + 0.05)


@needs_browser
def test_the_slider_moves_the_timeline(planned: Path) -> None:
    seen = (
        "(() => {const p = document.getElementById('credits');"
        "const n = p.data.findIndex(t => t.name === 'median' && t.visible);"
        "return [n, p.layout.yaxis.range[1],"
        " p.querySelector('.slider-label').textContent]})()"
    )
    with Browser() as browser:
        browser.open(planned / "report.html")
        before = browser.ask(seen)
        told = load_result(planned)
        assert isinstance(told, Plan)
        limits = told.frontier.set_index("addon_credits")["limit"]

        def shown(size: int) -> list[Any]:
            return [pytest.approx(limits[size] * 1.05), f"add-on credits: {size:,}"]

        def moved_to(share: float, size: int) -> list[Any]:
            now: list[Any] = []
            for _ in range(50):  # the slider acts a moment later, and not while it moves
                left, top, width, height = browser.ask(
                    "(() => {const e = document.querySelector('#credits .slider-rail-touch-rect');"
                    "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
                    "return [r.left, r.top, r.width, r.height]})()"
                )
                browser.click(left + 3 + share * (width - 6), top + height / 2)
                browser.ask("new Promise(done => setTimeout(done, 200))")
                now = browser.ask(seen)
                if now[1:] == shown(size):
                    break
            return now

        advice = told.recommendation
        assert advice.addon_credits is not None
        assert advice.zero_throttle_addon_credits is not None
        assert before[1:] == shown(advice.addon_credits)
        smallest = moved_to(0, 0)
        assert smallest[0] < before[0]  # another timeline, of a smaller pool
        assert smallest[1:] == shown(0)
        top = max(advice.zero_throttle_addon_credits, advice.addon_credits)
        largest = moved_to(1, top)
        assert largest[0] >= before[0]
        assert largest[1:] == shown(top)
        assert browser.errors == []


@needs_browser
def test_names_that_look_like_markup_are_text(tmp_path: Path) -> None:
    evil = '<script>window.hacked = 1</script><b>"bold"</b>&amp;</script>'
    name = "<img src=x onerror='window.hacked = 1'>"
    clients = [scheduled(name, "09:00", 60), scheduled("<i>other</i>", "10:00", 9)]
    scenario = build(clients, name=evil, horizon="3 days", replications=2)
    page = tmp_path / "page.html"
    write(run(scenario, engine="compiled"), page)
    with Browser() as browser:
        browser.open(page)
        assert browser.ask("window.hacked") is None
        assert browser.errors == []
        assert browser.ask("document.querySelector('h1').textContent") == evil
        assert browser.ask("document.title").startswith(evil)
        labels = browser.ask(
            "[...document.querySelectorAll('#clients .ytick text')].map(t => t.textContent)"
        )
        assert set(labels) == {name, "<i>other</i>"}


def test_figures_cannot_end_the_element_that_holds_them() -> None:
    evil = "</script><script>alert(1)</script>"
    held = figures_as_json({"name": go.Figure(layout={"title": {"text": evil}})})
    assert "<" not in held
    assert json.loads(held)["name"]["layout"]["title"]["text"] == evil


def test_a_year_of_fifty_clients_weighs_less_than_eight_megabytes(tmp_path: Path) -> None:
    clients = [poisson(f"client {n}", "12 per day") for n in range(50)]
    scenario = build(
        clients,
        horizon="365 days",
        replications=2,
        org={"edition": "professional", "user_licenses": 1},
    )
    page = tmp_path / "page.html"
    write(run(scenario, engine="compiled", keep_calls=False), page)
    assert page.stat().st_size < 8_000_000


@pytest.mark.once
def test_run_and_plan_write_a_report_too(tmp_path: Path) -> None:
    scenario = ROOT / "scenarios" / "free-startup.yaml"
    quick = ("--replications", "2", "--set", "horizon=3 days")
    for command in (("run", "--engine", "compiled"), ("plan", "--max-replications", "2")):
        page = tmp_path / f"{command[0]}.html"
        done = creditsim(command[0], scenario, *quick, *command[1:], "--report", page)
        assert done.returncode == 0, done.stderr
        assert page.read_text().startswith("<!DOCTYPE html>")
    done = creditsim("run", scenario, *quick, "--report", tmp_path / "no" / "page.html")
    assert done.returncode == 2
    assert done.stderr.endswith(
        "cannot be written (no such file or directory), name another file\n"
    )
    assert not (tmp_path / "no").exists()


def test_a_folder_without_a_result_is_refused(tmp_path: Path) -> None:
    done = creditsim("report", tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"{tmp_path}: holds no result, name a folder that `creditsim run --out` or `plan --out` "
        "wrote\n"
    )
    run(any_limit(5, [scheduled("a", "09:00", 9)]), out=tmp_path)
    (tmp_path / "runs.parquet").unlink()
    done = creditsim("report", tmp_path)
    assert done.returncode == 2
    remedy = "write the result again with --out"
    assert done.stderr == f"{tmp_path}: is not whole (look at runs.parquet), {remedy}\n"
    (tmp_path / "plan.json").write_text("{}")
    done = creditsim("report", tmp_path)
    assert done.returncode == 2
    what = "is not whole (look at 'current' in plan.json)"
    assert done.stderr == f"{tmp_path}: {what}, {remedy}\n"


def test_a_result_read_back_says_what_it_said(planned: Path, tmp_path: Path) -> None:
    scenario = load_scenario(MID_MARKET, ["replications=2", "horizon=4 days"])
    first = run(scenario, out=tmp_path)
    again = load_result(tmp_path)
    assert isinstance(again, RunResult)
    assert again.to_dict() == first.to_dict()
    pd.testing.assert_frame_equal(again.calls, first.calls)
    told = load_result(planned)
    assert isinstance(told, Plan)
    written = json.loads((planned / "plan.json").read_text())
    del written["files"]
    assert told.to_dict() == written | {
        "recommendation": told.to_dict()["recommendation"],
        "frontier": told.to_dict()["frontier"],
        "alternatives": told.to_dict()["alternatives"],
        "current": told.to_dict()["current"],
        "fresh": told.to_dict()["fresh"],
    }
    original = plan(load_scenario(MID_MARKET), replications=8, max_replications=8, confirm="none")
    assert plan_findings(told) == plan_findings(original)
    assert told.recommendation == original.recommendation
    assert told.alternatives == original.alternatives


SIMULATES = (
    *("experiment.experiment.Demand", "experiment.replications.CompiledModel.run"),
    *("experiment.replications.Model.run", "planning.over_time.run", "planning.over_time.sweep"),
    *("planning.over_time.Demand", "demand.demand.Demand.draw_client"),
)


@pytest.mark.parametrize("kind", ["plan", "run"])
def test_a_page_drawn_from_files_is_the_one_of_the_result_and_simulates_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = ["replications=3", "horizon=9 days", "warmup=1 day"]
    scenario = load_scenario(MID_MARKET, changes)
    made: Plan | RunResult
    if kind == "plan":
        made = plan(scenario, max_replications=3, confirm="none", out=tmp_path)
    else:
        made = run(scenario, engine="compiled", out=tmp_path)
    page = report(made, yaml="")

    def simulate(*_: object, **__: object) -> None:
        raise AssertionError("a page draws what a result holds")

    for name in SIMULATES:
        monkeypatch.setattr(f"simulation.{name}", simulate)
    with pytest.raises(AssertionError):
        run(scenario)
    kept = load_result(tmp_path)
    assert report(kept, yaml="") == page
    assert (made.scenario.warmup_end, kept.scenario.warmup_end) == (DAY, DAY)
    assert ("Move the slider" in page) == (kind == "plan")


def test_what_is_shown_over_time_is_read_back_as_it_was_made(planned: Path) -> None:
    scenario = load_scenario(MID_MARKET, ["replications=8"])
    told = load_result(planned)
    assert isinstance(told, Plan)
    assert told.over_time is not None
    again = OverTime(told.scenario, told.over_time.sizes)
    assert again.sizes == told.over_time.sizes
    assert again.replications == told.over_time.replications == scenario.replications
    for name, table in again.tables().items():
        pd.testing.assert_frame_equal(told.over_time.tables()[name], table)
    for size in (0, again.sizes[-1]):
        changed = told.scenario.changed({"org.addon_credits": size, "alternatives": []})
        expected = timeline(run(changed, engine="compiled", keep_calls=False))
        for name in ("low", "median", "high"):
            assert again.timeline(size)[name].tolist() == expected[name].round().tolist()
        for name in ("start", "throttled", "warming"):
            pd.testing.assert_series_equal(again.timeline(size)[name], expected[name])


def test_a_result_of_before_has_a_page_that_says_what_is_missing(
    planned: Path, tmp_path: Path
) -> None:
    told = json.loads((planned / "plan.json").read_text())
    for name in ("frontier.parquet", "fresh.parquet", "scenario.yaml"):
        shutil.copyfile(planned / name, tmp_path / name)
    del told["files"]
    (tmp_path / "plan.json").write_text(json.dumps(told))
    kept = load_result(tmp_path)
    assert isinstance(kept, Plan)
    assert kept.over_time is None
    page = report(kept)
    assert "its result was kept without them. Make it again with creditsim plan --out" in page
    assert 'id="frontier"' in page
    assert 'id="credits"' not in page
    assert "As things are" not in page


def test_a_timeline_of_fewer_rows_has_the_worst_of_each_stretch(storm: RunResult) -> None:
    hourly = timeline(storm)
    coarse = coarser(hourly, 50)
    assert len(coarse) == 48
    assert coarse["start"].tolist() == hourly["start"].iloc[::4].tolist()
    assert coarse["median"].iloc[9] == hourly["median"].iloc[36:40].min()
    assert coarse["throttled"].iloc[9] == hourly["throttled"].iloc[36:40].max()
    pd.testing.assert_frame_equal(coarser(hourly, 192), hourly)


def test_the_chart_of_lost_calls_has_those_that_drop_and_those_that_lose_most() -> None:
    retry = {"retry": {"first": "1 minute", "max_attempts": 2}}
    clients = [
        scheduled("all", "08:00", 5),
        scheduled("again", "09:00", 3, on_throttle=retry),
        scheduled("drops", "10:00", 40),
    ]
    lost = figures.delays(run(any_limit(5, clients), keep_calls=False))
    assert lost is not None
    bars, *delays = lost.data
    assert dict(zip(bars.y, bars.x, strict=True)) == {"again": 3, "drops": 40}
    assert [list(trace.y) for trace in delays] == [["again"]] * 3
    assert lost.layout.annotations[1].text == "seconds until success"
    drop = figures.delays(run(any_limit(5, clients[::2]), keep_calls=False))
    assert drop is not None
    assert [list(trace.y) for trace in drop.data] == [["drops"]]
    assert [each.text for each in drop.layout.annotations] == ["lost calls in a run"]
    many = [scheduled(f"c{n}", f"{n:02}:00", n) for n in range(1, 20)]
    most = figures.delays(run(any_limit(0, many[::-1]), keep_calls=False))
    assert most is not None
    assert list(most.data[0].x) == list(range(8, 20))


@pytest.mark.parametrize("name", ["Acme", "Acme: North: a", ": ", "free: on", "a: b, c: d"])
def test_the_page_says_the_org_s_whole_name_and_what_it_is(name: str) -> None:
    scenario = build([scheduled("a", "09:00", 9)], name=name)
    page = html.unescape(report(run(scenario, engine="compiled")))
    assert f"<h1>{name}</h1>" in page
    assert '<p class="soft">free on kaizen-34, 5,000 credits per 24 hours, 1 client, ' in page


def test_the_timeline_is_the_worst_of_each_stretch_by_quantiles(storm: RunResult) -> None:
    hourly = timeline(storm)
    assert len(hourly) == 8 * 24
    table = storm.intervals.pivot(
        index="start_at", columns="replication", values="credits_available"
    )
    for name, q in (("low", 0.05), ("high", 0.95)):
        assert hourly[name].to_numpy() == pytest.approx(table.quantile(q, axis=1).to_numpy())
    assert (hourly["low"] < hourly["high"]).any()
    assert hourly["median"].to_numpy() == pytest.approx(table.median(axis=1).to_numpy())
    throttled = storm.intervals.groupby("start_at")["throttled_attempts"].apply(
        lambda n: (n > 0).mean()
    )
    assert hourly["throttled"].to_numpy() == pytest.approx(throttled.to_numpy())
    daily = timeline(storm, most=8)
    assert len(daily) == 8
    assert daily["low"].iloc[1] == pytest.approx(table.iloc[24:48].min(axis=0).quantile(0.05))


def test_the_week_counts_each_hour_once(storm: RunResult) -> None:
    table = weekly(storm)
    assert table.shape == (7, 24)
    tuesdays = storm.intervals[storm.intervals["start_at"].dt.day_of_week == 1]
    nine = tuesdays[tuesdays["start_at"].dt.hour == 9]["throttled_attempts"]
    assert table.loc[1, 9] == pytest.approx(nine.mean())
    assert table.loc[1, 9] > table.loc[3, 9]


def test_the_sizes_go_from_none_to_one_that_throttles_no_call(storm: RunResult) -> None:
    scenario = load_scenario(MID_MARKET, ["replications=2", "horizon=10 days"])
    sizes = sizes_to_compare(scenario, [1000], most=4)
    assert sizes[0] == 0
    assert 1000 in sizes
    compared = OverTime(scenario, [1000])
    assert {0, 1000} <= {*compared.sizes}
    assert compared.now.runs["replication"].tolist() == [0, 1]
    month = OverTime(load_scenario(MID_MARKET, ["replications=1"]))
    assert month.timeline(0)["throttled"].any()
    assert not month.timeline(month.sizes[-1])["throttled"].any()
    assert sizes_to_compare(storm.scenario)[0] == 0


def test_each_figure_shows_the_result_s_own_numbers(storm: RunResult, planned: Path) -> None:
    def traces(figure: go.Figure | None) -> dict[str, Any]:
        assert figure is not None
        return {trace.name: trace for trace in figure.data}

    used = traces(figures.uses_and_suffers(storm))["of the credits used"]
    sums = storm.client_runs.groupby("client")["credits_used"].sum()
    assert dict(zip(used.y, used.x, strict=True)) == pytest.approx((sums / sums.sum()).to_dict())
    late = traces(figures.delays(storm))["95 %"]
    assert list(late.y) == ["forms"]
    means = storm.client_runs.groupby("client")["delay_p95_s"].mean()
    assert late.x[0] == pytest.approx(means["forms"])
    line = traces(figures.available_credits(storm))["median"]
    assert list(line.y) == timeline(storm)["median"].round().astype(int).tolist()
    told = load_result(planned)
    assert isinstance(told, Plan)
    curve = traces(figures.frontier(told))
    assert list(curve["throttled share"].y) == (100 * told.frontier["throttled_share"]).tolist()
    advised = told.recommendation.addon_credits
    assert advised is not None
    assert f"{what_it_is(told, advised)}: {advised:,}" in curve
    assert figures.alternatives(told) is not None
    assert percent(0.5) == "50 %"
    drop = run(any_limit(9, [scheduled("a", "09:00", 9)]), keep_calls=False)
    assert figures.delays(drop) is None  # no call is lost, and none waits
    free = build([scheduled("a", "09:00", 5_600)])
    assert figures.frontier(plan(free, confirm="none")) is None  # nothing can be bought
