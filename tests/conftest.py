"""Options of the tests: what takes minutes runs only where it is asked for."""

from __future__ import annotations

import re

import hypothesis
import pytest

hypothesis.settings.register_profile("untimed", deadline=None)  # machines are noisy
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help="also run what takes minutes, and let the proofs look longer; with `-m proof` the "
        "figures in tests/proof are written anew",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless `--long` or a `-m` that names it asks for it."""
    if config.getoption("--long") or re.search(r"\blong\b", config.getoption("-m")):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the proofs are to look long."""
    return bool(request.config.getoption("--long"))
