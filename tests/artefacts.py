"""Files that are made from the program, and kept in the repository for people to read.

python -m tests.artefacts          # writes them anew; review the difference and commit it
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.console import Console

from simulation.arrival_laws import CountTrace, Event, Poisson, Schedule, TraceFile
from simulation.clients import CallMix, Client, RecordCount, Retry
from simulation.console import run_view
from simulation.experiment import run
from simulation.scenario import Alternative, Objective, Org, Scenario
from simulation.starter import scenario_schema

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "simulation" / "scenario.schema.json"
KEYS = ROOT / "scenarios" / "README.md"
PICTURE = ROOT / "scenarios" / "mid-market-run.svg"

_BEGIN, _END = "<!-- keys: made by `python -m tests.artefacts` -->", "<!-- end of keys -->"

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
    ("A call of the mix", CallMix),
    ("`records`, unless a number", RecordCount),
    ("`on_throttle: {retry: …}`", Retry),
]
_DEFAULTS = {
    ("Retry", "first"): "30 s",
    ("Retry", "max_delay"): "1 hour",
    ("Poisson", "growth"): "none",
    ("Poisson", "daily_variation"): "0",
    ("Schedule", "days"): "all",
    ("Scenario", "timezone"): "UTC",
    ("Scenario", "warmup"): "one window",
    ("Scenario", "objective"): "0.1 %, 95 %",
    ("Client", "on_throttle"): "drop",
    ("CallMix", "records"): "1",
}


def _rows(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if (model, name) == (RecordCount, "fixed"):
            continue
        default: Any = _DEFAULTS.get((model.__name__, name), field.default)
        if field.is_required():
            default = "required"
        elif default in (None, ()) or field.default_factory in (dict, list):
            default = ""
        yield f"| `{name}` | {field.description or ''} | {default} |"


def key_tables() -> str:
    """Return the tables of scenario keys, as Markdown."""
    parts = [_BEGIN, ""]
    for title, model in _SECTIONS:
        rows = "\n".join(_rows(model))
        parts += [f"### {title}", "", "| key | what | default |", "| --- | --- | --- |", rows, ""]
    return "\n".join([*parts, _END])


def readme_with_keys() -> str:
    """Return ``scenarios/README.md`` with its tables made anew."""
    pattern = re.compile(re.escape(_BEGIN) + ".*?" + re.escape(_END), re.DOTALL)
    return pattern.sub(lambda _: key_tables(), KEYS.read_text(encoding="utf-8"))


def picture() -> str:
    """Return what ``creditsim run scenarios/mid-market.yaml`` shows, as SVG."""
    console = Console(record=True, width=80, file=io.StringIO(), markup=False, highlight=False)
    console.print(run_view(run(ROOT / "scenarios" / "mid-market.yaml", keep_calls=False)))
    svg = console.export_svg(title="creditsim run scenarios/mid-market.yaml", unique_id="creditsim")
    without_fonts = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    lines = without_fonts.replace("Fira Code", "Menlo, Consolas, DejaVu Sans Mono").splitlines()
    return "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(scenario_schema(), encoding="utf-8")
    KEYS.write_text(readme_with_keys(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
