"""Compiled loops are kept between processes, and no state of what is kept ends a command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation import jit
from simulation.arrays import record
from simulation.errors import LoopWarning
from tests.helpers import ROOT, creditsim

FREE = ROOT / "scenarios" / "free-startup.yaml"
QUICK = ("--replications", "2", "--max-replications", "2", "--set", "horizon=3 days")

_LOOP = """
from simulation.jit import compiled

@compiled
def double(number):
    return 2 * number

@compiled
def used(lanes):
    return lanes[0].used
"""


class Kept:
    """Loops of their own, kept in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self._file = folder / "loops.py"
        self._file.write_text(_LOOP)

    def files(self) -> list[Path]:
        return sorted(file for file in self.cache.rglob("*") if file.is_file())

    def load(self) -> Any:
        """Return the module of the loops, as a new process has it."""
        spec = spec_from_file_location("loops", self._file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def call(self) -> tuple[int, list[str]]:
        """Call the loop as a new process does; return what it gives, and the warnings."""
        jit._warned_of.clear()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            doubled = self.load().double(21)
        assert all(warning.category is LoopWarning for warning in caught)
        return doubled, [str(warning.message) for warning in caught]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    loop = Kept(tmp_path)
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(loop.cache)
    yield loop
    numba.config.CACHE_DIR = before


def test_a_kept_loop_is_used_again(kept: Kept) -> None:
    assert kept.call() == (42, [])
    written = {file: file.stat().st_mtime_ns for file in kept.files()}
    assert {file.suffix for file in written} == {".nbi", ".nbc"}
    assert kept.call() == (42, [])
    assert {file: file.stat().st_mtime_ns for file in kept.files()} == written


def test_a_loop_is_compiled_anew_where_the_fields_of_its_records_changed(kept: Kept) -> None:
    versions = [
        record(limit=np.int64, used=np.int64),
        record(used=np.int64, limit=np.int64),  # moved: read where it was, it would be the limit
        record(limit=np.int64, used=np.int32),
    ]
    for count, version in enumerate(versions, start=1):
        lanes = np.zeros(1, version)
        lanes["limit"], lanes["used"] = 5000, 70
        assert kept.load().used(lanes) == 70
        assert len([file for file in kept.files() if file.suffix == ".nbc"]) == count


@st.composite
def _damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Draw a way in which a file can be broken: cut off, changed in one place, or another's."""
    at, bit = draw(st.floats(0, 1, exclude_max=True)), draw(st.integers(0, 7))
    other = draw(st.binary(max_size=64))

    def cut(content: bytes) -> bytes:
        return content[: int(at * len(content))]

    def changed(content: bytes) -> bytes:
        place = int(at * len(content))
        return content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]

    damage: Callable[[bytes], bytes] = draw(st.sampled_from([cut, changed, lambda _: other]))
    return damage


@given(damage=_damages(), suffix=st.sampled_from([".nbi", ".nbc"]))
@settings(max_examples=15, deadline=None)
def test_a_loop_whose_file_is_damaged_is_compiled_again_and_kept(
    damage: Callable[[bytes], bytes],
    suffix: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    loop = Kept(tmp_path_factory.mktemp("kept"))
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(loop.cache)
    try:
        loop.call()
        (file,) = (file for file in loop.files() if file.suffix == suffix)
        whole = file.read_bytes()
        file.write_bytes(damage(whole))
        doubled, warned = loop.call()
        assert doubled == 42
        assert len(warned) <= 1  # none where the damage reads as the index of another version
        if suffix == ".nbc" and file.read_bytes() != whole:
            assert len(warned) == 1
        assert all("damaged, so they are compiled again" in warning for warning in warned)
        assert loop.call() == (42, [])
    finally:
        numba.config.CACHE_DIR = before


def test_a_loop_that_cannot_be_written_is_done_without(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(jit._CheckedFile, "_save_data", full)
    doubled, (warning,) = kept.call()
    assert doubled == 42
    assert warning.startswith("compiled loops cannot be kept in ")
    assert "No space left on device" in warning


def test_where_no_folder_can_be_written_the_loop_is_compiled_for_this_process(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jit._KeptLoop._impl_class, "_locator_classes", [])
    doubled, (warning,) = kept.call()
    assert doubled == 42
    assert "set NUMBA_CACHE_DIR to one that can" in warning


def _printed(name: str, value: str) -> tuple[str, str]:
    quick = (*QUICK, "--json", "--confirm", "none")
    done = creditsim("plan", FREE, *quick, cwd=ROOT, **{name: value})
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


def test_commands_say_in_one_line_what_is_wrong_with_the_kept_loops_and_go_on(
    tmp_path: Path,
) -> None:
    told, silence = _printed("NUMBA_CACHE_DIR", str(tmp_path))
    assert silence == ""
    for file in tmp_path.rglob("*.nbi"):
        file.write_bytes(b"")
    again, warning = _printed("NUMBA_CACHE_DIR", str(tmp_path))
    assert again == told
    assert warning.startswith(f"creditsim: kept loops in {tmp_path}")
    assert len(warning.splitlines()) == 1
    assert _printed("NUMBA_CACHE_DIR", str(tmp_path)) == (told, "")
    plain, warning = _printed("NUMBA_DISABLE_JIT", "1")
    assert plain == told
    assert warning == (
        "creditsim: loops run as plain Python, a hundred times slower "
        "(NUMBA_DISABLE_JIT is set, unset it)\n"
    )


_CACHES = """
import sys
from numba.core import caching

def refuse(self):
    raise OSError("read-only file system")

from simulation import jit
for name in sys.argv[1:]:
    locator = getattr(jit, name, None) or getattr(caching, name, None)
    locator = locator or getattr(caching, "_" + name)  # by Numba's age
    locator.ensure_cache_path = refuse
from simulation import plan, Scenario
scenario = Scenario.model_validate({
    "name": "Burst", "org": {"edition": "free"}, "start": "2026-01-05", "horizon": "2 days",
    "clients": [{
        "name": "loader", "calls": [{"api": "bulk_write"}],
        "arrivals": {"schedule": {"at": "09:00", "calls": 12}},
    }],
})
print(plan(scenario, confirm="none").recommendation.shortfall_credits)
"""


def test_compiled_loops_are_kept_by_their_content_in_the_user_s_cache_which_installs_share(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"

    def planned(*refusing: str, package: Path = ROOT) -> str:
        return subprocess.run(
            [sys.executable, "-c", _CACHES, *refusing],
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(home),
                "HOME": str(home),
                "PYTHONPATH": str(package),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def kept() -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in home.rglob("*.nb?")}

    told = planned()
    assert told == "1000\n"
    assert {"order", "past", "dropping"} <= {file.name.split(".")[0] for file in kept()}
    compiled = kept()
    shutil.copytree(ROOT / "simulation", tmp_path / "elsewhere" / "simulation")
    assert planned(package=tmp_path / "elsewhere") == told
    assert kept() == compiled
    # Where nothing can be written, loops are compiled for this process alone.
    nowhere = ("_ByContent", "InTreeCacheLocator", "UserWideCacheLocator")
    assert planned(*nowhere) == told
    assert kept() == compiled
