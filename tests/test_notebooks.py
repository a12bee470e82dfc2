"""The notebooks: each runs from top to bottom and says what its committed output says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nbclient.exceptions import CellExecutionError

from tests.artefacts import execute, read_notebook
from tests.helpers import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Jupyter are not ours


def printed(notebook: Any) -> list[str]:
    """Return what the cells printed."""
    return [
        output["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    ]


@pytest.mark.once
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_says_what_it_said(path: Path) -> None:
    committed = read_notebook(path)
    assert all(cell["execution_count"] for cell in committed.cells if cell.cell_type == "code")
    before = printed(committed)
    assert printed(execute(committed)) == before


def test_a_notebook_that_raises_fails() -> None:
    notebook = read_notebook(NOTEBOOKS[0])
    notebook.cells[-1]["source"] = "1 / 0"
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(notebook)


def test_every_notebook_has_its_story_in_the_table() -> None:
    told = (ROOT / "notebooks" / "README.md").read_text()
    assert len(NOTEBOOKS) == 9
    assert [path.name for path in NOTEBOOKS if f"({path.name})" not in told] == []
