"""A saved scenario finds its files from wherever it lies, those of its alternatives too."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from simulation import InputError, load_scenario
from tests.helpers import ANY_LIMIT
from tests.scenario.test_traces import recorded


def test_a_saved_scenario_finds_the_files_of_its_alternatives_too(tmp_path: Path) -> None:
    here, there = tmp_path / "in", tmp_path / "out"
    here.mkdir()
    there.mkdir()
    (here / "less.csv").write_text("timestamp\n2026-01-05 11:00\n")
    (here / "own.yaml").write_text(ANY_LIMIT.read_text())
    changes = [
        {"name": "less", "set": {"clients.recorded.arrivals.trace.file": "less.csv"}},
        {
            "name": "cards",
            "set": {"rate_card": "own.yaml", "org": {"edition": "any", "user_licenses": 9}},
        },
        {"name": "shipped", "set": {"rate_card": "kaizen-93"}},
    ]
    csv = "timestamp\n2026-01-05 10:00\n2026-01-05 11:00\n"
    scenario = recorded(here, csv, [{"api": "other"}], alternatives=changes)
    (there / "scenario.yaml").write_text(scenario.to_yaml(there))
    again = load_scenario(there / "scenario.yaml")
    less, cards, shipped = (again.with_alternative(each) for each in again.alternatives)
    assert [len(each.trace_of(each.clients[0]).times) for each in (again, less)] == [2, 1]
    assert cards.card.name == yaml.safe_load(ANY_LIMIT.read_text())["name"]
    assert again.alternatives[2].set == {"rate_card": "kaizen-93"}
    assert shipped.card.name == "kaizen-93"


def test_a_folder_whose_name_is_no_text_is_named_in_no_saved_scenario(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    scenario = recorded(odd, "timestamp\n2026-01-05 10:00\n", [{"api": "other"}])
    assert "file: usage.csv" in scenario.to_yaml(odd)
    with pytest.raises(InputError, match="its path is no UTF-8 text, which a saved scenario can"):
        scenario.to_yaml(tmp_path)
