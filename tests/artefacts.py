"""Files that are made from the program, and kept in the repository for people to read.

python -m tests.artefacts --pages  # writes schema and tables anew, in seconds
python -m tests.artefacts          # the notebooks and the picture too, in some minutes

Review the difference and commit it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from pydantic import BaseModel

from simulation.formats.parts import FrozenDict
from simulation.rate_cards.assumptions import register_of_assumptions
from simulation.rate_cards.durations import CallDuration, LogNormal
from simulation.scenario.arrival_laws import CountTrace, TraceFile
from simulation.scenario.bursts import Each
from simulation.scenario.call_mix import CallMix, RecordCount
from simulation.scenario.clients import Client
from simulation.scenario.conduct import InitialUsage, Queue
from simulation.scenario.objective import Alternative, Objective
from simulation.scenario.org import Org
from simulation.scenario.poisson import Event, Poisson
from simulation.scenario.policies import Retry
from simulation.scenario.scenario import Scenario
from simulation.scenario.schedule import Schedule
from simulation.scenario.starter import scenario_schema
from tests import rooms
from tests.browser import Browser

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
SCHEMA = ROOT / "simulation/scenario/scenario.schema.json"
KEYS = ROOT / "scenarios" / "README.md"
ASSUMPTIONS = ROOT / "simulation" / "rate_cards" / "README.md"
PICTURE = ROOT / "scenarios" / "mid-market-plan.png"
_BELOW = "section:not(:first-of-type), footer"

ROOMS = ROOT / "simulation" / "README.md"

_SECTIONS: list[tuple[str, type[BaseModel]]] = [
    ("The scenario", Scenario),
    ("`org`", Org),
    ("`objective`", Objective),
    ("An alternative", Alternative),
    ("A client", Client),
    ("`arrivals: {poisson: …}`", Poisson),
    ("An event", Event),
    ("`arrivals: {schedule: …}`", Schedule),
    ("`arrivals: {trace: …}`", TraceFile),
    ("`trace: {counts: …}`", CountTrace),
    ("`each: …`, on every law", Each),
    ("A call of the mix", CallMix),
    ("`records`, unless a number", RecordCount),
    ("`duration`, unless a duration alone", CallDuration),
    ("`duration: {lognormal: …}`", LogNormal),
    ("`on_throttle: {retry: …}`", Retry),
    ("`on_throttle: {queue: …}`", Queue),
    ("`initial_usage`", InitialUsage),
]
_DEFAULTS = {
    ("Retry", "first"): "30 s",
    ("Retry", "max_delay"): "1 hour",
    ("Poisson", "growth"): "none",
    ("Poisson", "daily_variation"): "0",
    ("Schedule", "days"): "all",
    ("Scenario", "timezone"): "UTC",
    ("Scenario", "warmup"): "by pilot runs",
    ("Scenario", "objective"): "0.1 %, 95 %",
    ("Scenario", "addon_billing"): "the card's",
    ("Scenario", "billed_use"): "the card's",
    ("Objective", "throttled_share"): "0.1 %",
    ("Objective", "probability"): "95 %",
    ("Client", "on_throttle"): "drop",
    ("CallMix", "records"): "1",
}


def _rows(model: type[BaseModel]) -> Iterator[str]:
    # What all laws have stands behind what each has.
    for name, field in sorted(model.model_fields.items(), key=lambda item: item[0] == "each"):
        if (model, name) in {(RecordCount, "fixed"), (CallDuration, "fixed")}:
            continue
        default: Any = _DEFAULTS.get((model.__name__, name), field.default)
        if field.is_required():
            default = "required"
        elif default in (None, ()) or field.default_factory in (dict, list, FrozenDict):
            default = ""
        yield f"| `{name}` | {field.description or ''} | {default} |"


def key_tables() -> str:
    """Return the tables of scenario keys, as Markdown."""
    parts = []
    for title, model in _SECTIONS:
        rows = "\n".join(_rows(model))
        parts += [f"### {title}", "", "| key | what | default |", "| --- | --- | --- |", rows, ""]
    return "\n".join(parts)


def assumption_table() -> str:
    """Return the register of assumptions, as Markdown."""
    rows = [f"| {each.assumption} | {each.field} |" for each in register_of_assumptions()]
    return "\n".join(["| assumption | field that changes it |", "| --- | --- |", *rows, ""])


def made_anew() -> Iterator[tuple[Path, str]]:
    """Yield the pages that have a part made from the code, each with its text as it should be."""
    for page, name, part in (
        (KEYS, "keys", key_tables()),
        (ROOMS, "modules", rooms.modules()),
        (ASSUMPTIONS, "assumptions", assumption_table()),
    ):
        begin, end = (
            f"<!-- {name}: made by `python -m tests.artefacts` -->",
            f"<!-- end of {name} -->",
        )
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        assert found, f"{page} lacks {begin} and {end}"
        yield page, f"{before}{begin}\n\n{part}\n{end}{after}"


def draw_picture() -> None:
    """Take the README's picture: the head of the mid-market plan's report, in Chromium."""
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        creditsim = str(Path(sys.executable).parent / "creditsim")
        command = [creditsim, "plan", "scenarios/mid-market.yaml", "--report", str(page)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        with Browser(width=960) as browser:
            browser.open(page)
            browser.ask(f"document.querySelectorAll({_BELOW!r}).forEach(e => e.remove())")
            browser.picture(PICTURE)


def read_notebook(path: Path) -> Any:
    """Return a notebook."""
    return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]


def execute(notebook: Any) -> Any:
    """Run a notebook among the others, and return it with its outputs; raise where a cell does."""
    place = {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=300, resources=place, record_timing=False)
    # Figures are kept as data, without a copy of Plotly each.
    return client.execute(env={**os.environ, "PLOTLY_RENDERER": "plotly_mimetype"})


def execute_notebooks() -> None:
    """Run the notebooks and keep their outputs."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        nbformat.write(execute(read_notebook(path)), path)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    SCHEMA.write_text(scenario_schema(), encoding="utf-8")
    for page, text in made_anew():
        page.write_text(text, encoding="utf-8")
    if sys.argv[1:] != ["--pages"]:
        execute_notebooks()
        draw_picture()
