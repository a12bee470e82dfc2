"""The report: one page that opens offline, for the person who signs the purchase."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

import simulation
from simulation.experiment import RunResult
from simulation.formats import OutputFile, dollars, number, percent, period, plural
from simulation.planning import Plan, advised, sizes_to_compare, timelines
from simulation.report import figures
from simulation.report.plan_in_words import plan_findings
from simulation.report.run_in_words import card_facts, run_findings, start_finding

__all__ = ["environment", "report", "write"]

_BAND_OF_TEN = 10
"""Replications below which a band that leaves out one of ten leaves out none."""

_ABOUT_TIMELINE = (
    "The line is the median of {count:,} simulated {units}, the band holds {held}. Below, in "
    "which share of them calls are throttled at that time. Move the slider to see what other "
    "add-on sizes do."
)
_ABOUT_FRONTIER = (
    "Every purchasable size, judged on the same simulated {units}: its price, and the share of "
    "calls that it leaves throttled."
)


def report(
    result: RunResult | Plan,
    progress: Callable[[int, int], None] | None = None,
    yaml: str | None = None,
    plotly: str | None = None,
) -> str:
    """Return the report of a result as one HTML page that needs nothing else.

    Parameters
    ----------
    result : RunResult or Plan
    progress : callable, optional
        Called with the add-on sizes simulated for the timeline and those in all.
    yaml : str, optional
        The scenario's text, where it is not meant to be run from the current folder.
    plotly : str, optional
        Where the page finds Plotly's script, 4.7 MB that many pages can share; unless given,
        the page holds it.
    """
    scenario = result.scenario
    plan = result if isinstance(result, Plan) else None
    size = None if plan is None else advised(plan)
    throttles_none = None if plan is None else plan.recommendation.zero_throttle_addon_credits
    named = [each for each in (size, throttles_none) if each is not None]
    sizes = sizes_to_compare(scenario, named)
    by_size = timelines(scenario, sizes, progress)
    now = scenario.org.addon_credits
    # The words on the org as it is need more replications than a picture of one size of many.
    run = timelines(scenario, [now])[now] if isinstance(result, Plan) else result
    page = environment().get_template("page.html.j2")
    sections = list(_sections(plan, run, by_size, now if size is None else size))
    html: str = page.render(
        scenario=scenario,
        org=scenario.describe().removeprefix(f"{scenario.name}: "),
        advice=plan_findings(plan) if plan else run_findings(run),
        run=run_findings(run) if plan else [],
        start=start_finding(result.warmup),
        plan=plan,
        sections=sections,
        figures=_json(
            {section["id"]: json.loads(section["figure"].to_json()) for section in sections}
        ),
        card=scenario.card,
        assumptions=_assumptions(),
        command=_command(scenario.seed, plan, result),
        version=simulation.__version__,
        plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")) if plotly is None else "",
        plotly_file=plotly,
        facts=card_facts(scenario.card),
        yaml=scenario.to_yaml(Path.cwd()) if yaml is None else yaml,
    )
    return html


def environment() -> Environment:
    """Return what templates are filled in with."""
    environment = Environment(
        loader=PackageLoader("simulation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, dollars=dollars)
    return environment


def _json(data: Any) -> Markup:
    """Write data as JSON that may stand inside a script element."""
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return Markup(text)


def _sections(
    plan: Plan | None, run: RunResult, by_size: dict[int, RunResult], shown: int
) -> list[dict[str, Any]]:
    """Return the pictures in their order, each with a heading and what it says."""
    scenario = run.scenario
    unit = period(scenario.counted)
    count = len(next(iter(by_size.values())).runs)
    throttled = bool(run.runs["throttled_attempts"].sum())
    found: list[tuple[str, str, str, go.Figure | None]] = [
        (
            "credits",
            "Available credits over time",
            _ABOUT_TIMELINE.format(
                count=count,
                units=plural(unit),
                held="nine of ten" if count >= _BAND_OF_TEN else "nearly all of them",
            ),
            figures.available_credits_by_size(by_size, shown),
        )
    ]
    if plan is not None:
        found.append(
            (
                "frontier",
                "What each purchase buys",
                _ABOUT_FRONTIER.format(units=plural(unit)),
                figures.frontier(plan),
            )
        )
    whose = "With the add-on credits that the org has now. "
    found.append(
        (
            "clients",
            "Who uses the credits, and who suffers",
            whose + "A client that uses much and suffers little makes others wait.",
            figures.uses_and_suffers(run),
        )
    )
    if run.category_runs["category"].nunique() > 1:
        categories = figures.uses_and_suffers(run, "category")
        found.append(("categories", "The same by kind of call", whose, categories))
    if throttled:
        hours = whose + f"Hours are those of {scenario.timezone}."
        found.append(("hours", "When it hurts", hours, figures.when_it_hurts(run)))
        waits = whose + "Clients that try again lose fewer calls, and wait."
        found.append(("delays", "Delays and lost calls", waits, figures.delays(run)))
    if plan is not None:
        words = "What each change saves a month, with its 95 % interval."
        if any(each.addon_credits_alone for each in plan.alternatives):
            words += (
                " Where it changes licenses or the edition and their prices are not stated, that "
                "is in add-on credits alone."
            )
        found.append(("alternatives", "Alternatives", words, figures.alternatives(plan)))
    return [
        {"id": name, "title": title, "text": text, "figure": figure}
        for name, title, text, figure in found
        if figure is not None
    ]


def _assumptions() -> list[tuple[str, str]]:
    """Return the register of assumptions: each, and the field that changes it."""
    text = (resources.files("simulation.rate_cards") / "README.md").read_text("utf-8")
    table = text.split("## Register of assumptions")[1]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", table, flags=re.MULTILINE)[2:]
    return [(what.replace("`", ""), field.replace("`", "")) for what, field in rows]


def _command(seed: int, plan: Plan | None, result: RunResult | Plan) -> str:
    """Return the command that gives the result again from its scenario file."""
    if plan is not None:
        most = f"--max-replications {plan.replications}"
        return f"creditsim plan scenario.yaml --seed {seed} {most} --report report.html"
    assert isinstance(result, RunResult)
    return (
        f"creditsim run scenario.yaml --seed {seed} --engine {result.engine} --report report.html"
    )


def write(
    result: RunResult | Plan,
    file: Path,
    progress: Callable[[int, int], None] | None = None,
    force: bool = False,
) -> None:
    """Write the report to a file, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written, or is there, was not written by this tool, and ``force``
        is not set.
    """
    place = OutputFile(file, force)  # refused before the work, not after it
    place.write(report(result, progress))
