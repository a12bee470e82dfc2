"""What a change must hold before it lands is the same on one's own machine and in CI."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.helpers import ROOT

CI = (ROOT / ".ci" / "run").read_text()


def _hooks() -> list[dict[str, Any]]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return [hook for repository in config["repos"] for hook in repository["hooks"]]


def test_a_commit_is_checked_by_the_commands_that_ci_runs() -> None:
    block = re.search(r'echo "== lint and types"\n((?:    \S.*\n)+)', CI)
    assert block is not None
    in_ci = [line.strip() for line in block[1].splitlines()]
    assert [hook["entry"] for hook in _hooks()] == in_ci
    assert {command.split()[0] for command in in_ci} == {".venv/bin/ruff", ".venv/bin/mypy"}


def test_hooks_look_at_the_whole_repository_with_the_tools_of_the_environment() -> None:
    for hook in _hooks():
        assert hook["language"] == "system"
        assert hook["pass_filenames"] is False
