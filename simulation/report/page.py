"""The report: one page that opens offline, for the person who signs the purchase."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from simulation.experiment import RunResult, timeline, weekly
from simulation.formats import OutputFile, dollars, number, percent, period, plural
from simulation.planning import Plan, advised
from simulation.rate_cards import register_of_assumptions
from simulation.report import figures
from simulation.report.card_in_words import card_facts, limits_in_words, superseded_in_words
from simulation.report.cards_compared import other_cards_in_words
from simulation.report.meters_in_words import limit_figures
from simulation.report.plan_in_words import alternatives_in_words, plan_findings
from simulation.report.rates_in_words import estimates_in_words, run_on_estimates
from simulation.report.run_in_words import run_figures, run_findings, start_finding
from simulation.scenario import Scenario
from simulation.version import __version__

__all__ = ["environment", "figures_as_json", "report", "write"]

_BAND_OF_TEN = 10
"""Replications from which a band can leave out one of ten."""

_ABOUT_TIMELINE = (
    "The line is the median of {count:,} simulated {units}, the band holds {held}. Below, in "
    "which share of them calls are throttled at that time. "
)
_MOVE_THE_SLIDER = "Move the slider to see what other add-on sizes do."
_PLAN_FOR_OTHERS = "To see what other add-on sizes do, draw a plan: creditsim plan --report."
_NOT_KEPT = (
    "Pictures over time, and what happens as things are, are not on this page: its result was kept "
    "without them. Make it again with creditsim plan --out, or creditsim batch --report."
)
_ABOUT_FRONTIER = (
    "Every purchasable size, judged on the same simulated {units}: its price, and the share of "
    "calls that it leaves throttled."
)
_ABOUT_BILLS = (
    " What is paid is what is used of a size, at most its price: point at a size to see both."
)


def report(
    result: RunResult | Plan,
    yaml: str | None = None,
    plotly: str | None = None,
) -> str:
    """Return the report of a result as one HTML page that needs nothing else.

    Parameters
    ----------
    result : RunResult or Plan
    yaml : str, optional
        The scenario's text, where it is not meant to be run from the current folder.
    plotly : str, optional
        Where the page finds Plotly's script, 4.7 MB that many pages can share; unless given,
        the page holds it.
    """
    scenario = result.scenario
    plan: Plan | None = None
    run: RunResult | None
    if isinstance(result, Plan):
        plan, run = result, None if result.over_time is None else result.over_time.now
        advice, found = plan_findings(result), _of_plan(result)
    else:
        run = result
        advice, found = run_findings(result), _of_run(result)
    sections = [each for each in found if each.figure is not None or each.sentences]
    page = environment().get_template("page.html.j2")
    html: str = page.render(
        scenario=scenario,
        org=scenario.outline(),
        advice=advice,
        run=run_findings(run) if plan and run else [],
        estimates=run_on_estimates(result)
        if isinstance(result, RunResult)
        else estimates_in_words(result),
        other_cards=superseded_in_words(scenario.card)
        if plan is None
        else other_cards_in_words(plan),
        not_kept=_NOT_KEPT if run is None else "",
        start=start_finding(result.warmup),
        plan=plan,
        sections=sections,
        rows=[] if run is None else run_figures(run),
        limits=[] if run is None else limit_figures(run),
        figures=figures_as_json(
            {each.id: each.figure for each in sections if each.figure is not None}
        ),
        card=scenario.card,
        assumptions=_assumptions(),
        command=_command(result),
        version=__version__,
        plotly=Markup(get_plotlyjs().replace("</script", "<\\/script")) if plotly is None else "",
        plotly_file=plotly,
        facts=card_facts(scenario.card),
        meters=limits_in_words(scenario.card) if scenario.card.limits else [],
        yaml=scenario.to_yaml(Path.cwd()) if yaml is None else yaml,
    )
    return html


def environment() -> Environment:
    """Return the Jinja environment that fills in templates."""
    environment = Environment(
        loader=PackageLoader("simulation.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, percent=percent, dollars=dollars)
    return environment


def figures_as_json(pictures: Mapping[str, go.Figure]) -> Markup:
    """Return figures by name as JSON that may stand inside a script element."""
    # A name or a text with "</script>" would end the element; JSON may write < as an escape.
    members = (f"{json.dumps(name)}:{figure.to_json()}" for name, figure in pictures.items())
    return Markup(f"{{{','.join(members)}}}".replace("<", "\\u003c"))


class _Section(NamedTuple):
    """A heading with what it says, a list of sentences, and a picture; either may be left out."""

    id: str
    title: str
    text: str
    figure: go.Figure | None
    sentences: tuple[str, ...] = ()


def _of_run(run: RunResult) -> list[_Section]:
    """Return the pictures of a run in their order."""
    size = run.scenario.org.addon_credits
    return [
        _credits(run.scenario, {size: timeline(run)}, size, len(run.runs), _PLAN_FOR_OTHERS),
        *_as_it_is(run, weekly(run)),
    ]


def _of_plan(plan: Plan) -> list[_Section]:
    """Return the pictures of a plan in their order."""
    kept, scenario = plan.over_time, plan.scenario
    about = _ABOUT_FRONTIER.format(units=plural(period(scenario.counted)))
    if scenario.billed_use_of_a_day is not None:
        about += _ABOUT_BILLS
    found = [_Section("frontier", "What each purchase buys", about, figures.frontier(plan))]
    if kept is not None:
        size = advised(plan)
        shown = scenario.org.addon_credits if size is None else size
        lines = {each: kept.timeline(each) for each in kept.sizes}
        first = _credits(scenario, lines, shown, kept.replications, _MOVE_THE_SLIDER)
        found = [first, *found, *_as_it_is(kept.now, kept.hours)]
    words = "What each change saves a month, with its 95 % interval."
    if any(each.addon_credits_alone for each in plan.alternatives):
        words += (
            " Where it changes licenses or the edition and their prices are not stated, that "
            "is in add-on credits alone."
        )
    saved = figures.alternatives(plan)
    if saved is None:
        words = "What each change would need."
    in_words = alternatives_in_words(plan)
    return [*found, _Section("alternatives", "Alternatives", words, saved, tuple(in_words))]


def _credits(
    scenario: Scenario, lines: Mapping[int, pd.DataFrame], shown: int, count: int, others: str
) -> _Section:
    """Return the picture of available credits by ``count`` replications of each size."""
    words = _ABOUT_TIMELINE.format(
        count=count,
        units=plural(period(scenario.counted)),
        held="nine of ten" if count >= _BAND_OF_TEN else "nearly all of them",
    )
    figure = figures.available_credits_by_size(scenario, lines, shown)
    title = f"Available {scenario.card.pool.unit} over time"
    return _Section("credits", title, words + (others if scenario.card.sells else ""), figure)


def _as_it_is(run: RunResult, hours: pd.DataFrame) -> list[_Section]:
    """Return the pictures of what happens with the add-on credits that the org has."""
    card = run.scenario.card
    whose = "With the add-on credits that the org has now. " if card.sells else ""
    who = whose + "A client that uses much and suffers little makes others wait."
    title = f"Who uses the {card.pool.unit}, and who suffers"
    found = [_Section("clients", title, who, figures.uses_and_suffers(run))]
    if run.category_runs["category"].nunique() > 1:
        categories = figures.uses_and_suffers(run, "category")
        found.append(_Section("categories", "The same by kind of call", whose, categories))
    if run.runs["throttled_attempts"].any():
        when = whose + f"Hours are those of {run.scenario.timezone}."
        found.append(_Section("hours", "When it hurts", when, figures.week(hours)))
    if run.runs[["throttled_attempts", "held_back_attempts"]].any(axis=None):
        waits = whose + "Clients that try again lose fewer calls, and wait."
        found.append(_Section("delays", "Delays and lost calls", waits, figures.delays(run)))
    return found


def _assumptions() -> list[tuple[str, str]]:
    """Return the register of assumptions: each, and the field that changes it."""
    register = register_of_assumptions()
    return [(each.assumption.replace("`", ""), each.field.replace("`", "")) for each in register]


def _command(result: RunResult | Plan) -> str:
    """Return the command that gives the result again from its scenario file."""
    seed = result.scenario.seed
    if isinstance(result, Plan):
        most = f"--max-replications {result.replications}"
        return f"creditsim plan scenario.yaml --seed {seed} {most} --report report.html"
    return (
        f"creditsim run scenario.yaml --seed {seed} --engine {result.engine} --report report.html"
    )


def write(
    result: RunResult | Plan,
    file: Path,
    force: bool = False,
) -> None:
    """Write the report to a file, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written, or is there, was not written by this tool, and ``force``
        is not set.
    """
    output = OutputFile(file, force)  # refused before the work, not after it
    output.write(report(result))
