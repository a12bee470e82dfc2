"""Scenario files that were broken at random: accepted, or refused with file and key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings

from simulation import InputError, load_scenario
from simulation.demand.demand import Demand
from simulation.formats.documents import Document
from simulation.plain_text import one_line
from simulation.quantities import DAY
from simulation.scenario.poisson import Poisson
from simulation.scenario.scenario import Scenario
from simulation.scenario.schedule import Schedule
from tests.engine.test_compiled import compare
from tests.hostile import hostile_data, hostile_texts

_MOST_CALLS = 20_000  # of a run that is worth its time here

_checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
_often = settings(max_examples=150, deadline=None, suppress_health_check=_checks)
_very_often = settings(max_examples=20_000, deadline=None, suppress_health_check=_checks)


_OF_THE_WHOLE_FILE = re.compile(
    r"is not valid YAML|is not a scenario file|is not UTF-8|: the file (carries|is|has|holds) "
)
"""What is refused before there are keys, or of the document as a whole: by its line alone."""

_MOST_SECONDS = 2
_MOST_BYTES = 500_000_000


@contextmanager
def _within_bounds() -> Iterator[None]:
    """Require that what is done takes at most two seconds of this process and 500 MB more."""
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is measured from here on
    begun = process_time()
    try:
        yield
    finally:
        assert process_time() - begun <= _MOST_SECONDS
        assert _resident("VmHWM") - before <= _MOST_BYTES


def _resident(which: str) -> int:
    """Return the bytes of memory that this process has, or had at its peak."""
    found = re.search(rf"{which}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def _accepted(path: Path, bounds: AbstractContextManager[None]) -> Scenario | None:
    """Load a file; where it is refused, require file and key in each line, and nothing else."""
    try:
        with bounds:  # what `validate` does
            scenario = load_scenario(path)
            remarks = scenario.remarks()
            assert "\n" not in one_line(scenario.describe())
    except InputError as error:
        problems = error.problems
    else:
        event("accepted")
        for remark in remarks:
            assert remark.where.startswith(str(path))
            assert remark.path
        return scenario
    event("refused")
    assert problems
    for problem in problems:
        line = str(problem)
        assert "\n" not in line
        assert problem.where.startswith((str(path), str(path.parent))), line
        assert problem.what, line
        if not _OF_THE_WHOLE_FILE.search(line):
            assert problem.path, line
    return None


def _calls_at_most(scenario: Scenario) -> float:
    """Return a bound on the calls of the first two days, for what a test has time for."""
    calls = 0.0
    for client in scenario.clients:
        law = client.arrivals.law
        if isinstance(law, Poisson):
            factors = [event.factor for event in law.events]
            calls += 20 * law.rate * max([1.0, law.growth, *factors])
        elif isinstance(law, Schedule):
            begins = DAY // law.every + 1 if law.every else len(law.at)
            calls += 2 * begins * law.calls * (1 + law.over / DAY)
        elif law is not None:
            calls += 20 * float(law.mean_calls(scenario.clock).max())
        elif scenario.has_trace(client):
            trace = scenario.trace_of(client)
            calls += len(trace.times) if trace.counts is None else float(trace.counts.sum())
    return calls


def _runs_alike_on_both_engines(scenario: Scenario) -> None:
    try:
        short = scenario.changed({"horizon": "2 days", "warmup": 0, "replications": 1})
    except InputError:  # an alternative, or a trace, that needs the whole run
        return
    if _calls_at_most(short) > _MOST_CALLS:
        return
    event("run on both engines")
    compare(Demand(short), 0, short.limit)


def _check_text(text: str, bounds: AbstractContextManager[None]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scenario.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        if scenario := _accepted(path, bounds):
            _runs_alike_on_both_engines(scenario)


def _check_data(data: dict[str, Any], bounds: AbstractContextManager[None]) -> None:
    try:
        with bounds:
            scenario = Document(data, "scenario.yaml", os.devnull).validate(Scenario)
    except InputError as error:
        problems = error.problems
    else:
        _runs_alike_on_both_engines(scenario)
        return
    for problem in problems:
        assert problem.path, str(problem)
        assert "\n" not in problem.what


@_often
@given(hostile_texts())
def test_a_broken_file_is_accepted_or_refused_with_file_and_key(text: str) -> None:
    _check_text(text, nullcontext())


@_often
@given(hostile_data())
def test_broken_data_is_accepted_or_refused_with_its_key(data: dict[str, Any]) -> None:
    _check_data(data, nullcontext())


@pytest.mark.long
@_very_often
@given(hostile_texts())
def test_twenty_thousand_broken_files(text: str) -> None:
    _check_text(text, _within_bounds())


@pytest.mark.long
@_very_often
@given(hostile_data())
def test_twenty_thousand_times_broken_data(data: dict[str, Any]) -> None:
    _check_data(data, _within_bounds())
