"""Mutation testing: do tests notice when the code that decides and advises is changed?

    python -m tests.mutation                              # all modules of mutation.toml, for hours
    python -m tests.mutation engine/pool planning/search  # some of them

Cosmic Ray (`pip install cosmic-ray`) makes the mutants. Of each module a sample is drawn, one
mutant a place, and tested in a copy of the checkout: by the tests that are meant to notice, and
by a wider choice if these do not. Survivors that mutation.toml names as harmless are counted
apart and not tested. Annotations, docstrings, texts and decorators that change speed alone are
left as they are.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import os
import random
import resource
import shutil
import signal
import sys
import time
import tomllib
import traceback
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, NoReturn

import hypothesis
import numba
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rich.console
import scipy.special
import simpy
from rich.table import Table
from scipy.stats import binomtest

ROOT = Path(__file__).parent.parent
SEED = 20_261_126
PLACES = 32
"""Places of a module that are mutated at most, drawn at random."""

MEMORY_BYTES = 12 * 2**30
LOADED = (hypothesis, numba, pd, pq, rich.console, scipy.special, simpy)
"""What every test imports is imported once, and each test run is a fork."""


class Place(NamedTuple):
    """A place of a module that an operator of Cosmic Ray can change."""

    line: int
    column: int
    operator: str
    occurrence: int


class Mutant(NamedTuple):
    """A changed module: where, what of, and the whole of it."""

    line: int
    name: str
    source: str


def places_of(source: str) -> dict[tuple[int, int], list[Place]]:
    """Return the ways in which each place of a module that may matter can be changed."""
    import cosmic_ray.plugins
    from cosmic_ray.ast import ast_nodes, get_ast

    left_alone, tree = _left_alone(source), get_ast(source)
    places: dict[tuple[int, int], list[Place]] = {}
    for name in cosmic_ray.plugins.operator_names():
        operator = cosmic_ray.plugins.get_operator(name)
        if operator.arguments():
            continue
        nodes = ast_nodes(tree)
        starts = (start for node in nodes for start, _ in operator().mutation_positions(node))
        for occurrence, start in enumerate(starts):
            if not any(first <= start < last for first, last in left_alone):
                place = Place(start[0], start[1], name, occurrence)
                places.setdefault(start, []).append(place)
    return places


def mutant(source: str, place: Place) -> Mutant:
    """Return a module that is changed at one place."""
    import cosmic_ray.plugins
    from cosmic_ray.mutating import mutate_code

    operator = cosmic_ray.plugins.get_operator(place.operator)()
    mutated = mutate_code(source, operator, place.occurrence)
    pairs = zip(source.splitlines(), mutated.splitlines(), strict=False)
    before, after = next(pair for pair in pairs if pair[0] != pair[1])
    return Mutant(place.line, f"{before.strip()} -> {after.strip()}", mutated)


def chosen(source: str, before: str, after: str) -> Mutant:
    """Return a module that is changed as mutation.toml says."""
    line = source[: source.index(before)].count("\n") + 1
    return Mutant(line, f"{before} -> {after}", source.replace(before, after))


def _left_alone(source: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return from where to where annotations, decorators and texts reach."""
    parts: list[ast.AST] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case (
                ast.AnnAssign(annotation=annotation) | ast.arg(annotation=ast.expr() as annotation)
            ):
                if not any(isinstance(part, ast.Call) for part in ast.walk(annotation)):
                    parts.append(annotation)  # those with calls bound what is read
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                parts.append(node)
            case ast.FunctionDef(returns=ast.expr() as annotation):
                parts += [*node.decorator_list, annotation]
            case ast.FunctionDef() | ast.ClassDef():
                parts += node.decorator_list
            case ast.Constant(value=str()):
                parts.append(node)
    return [
        ((part.lineno, part.col_offset - 1), (part.end_lineno, part.end_col_offset))  # type: ignore[attr-defined]
        for part in parts
    ]


def sample(source: str, count: int, seed: str) -> list[Mutant]:
    """Return one mutant for each of a number of places, in the order of the file."""
    places, draw = places_of(source), random.Random(seed)
    chosen = draw.sample(sorted(places), min(count, len(places)))
    return [mutant(source, place) for place in sorted(draw.choice(places[at]) for at in chosen)]


def passes(folder: Path, tests: list[str], plain: bool, log: Path, most_s: float = 900) -> bool:
    """Run tests in a copy of the checkout; return whether all of them pass in time."""
    child = os.fork()
    if child == 0:
        _run_tests(folder, tests, plain, log)
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code in {3, 4, 5}:
                raise SystemExit(f"pytest itself ({code}) fails: {log.read_text()[-2000:]}")
            _end_group(child)
            return code == 0
        time.sleep(0.05)
    _end_group(child)
    os.waitpid(child, 0)
    return False


def _end_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _run_tests(folder: Path, tests: list[str], plain: bool, log: Path) -> NoReturn:
    os.setsid()
    os.sched_setaffinity(0, {random.choice(sorted(os.sched_getaffinity(0)))})  # as if of one core
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "simulation"}]:
        del sys.modules[name]
    os.chdir(folder)
    sys.path[:0] = [str(folder)]
    os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=mutation"]
    options += ["-W", "ignore:Module already imported so cannot be rewritten"]
    once = (hypothesis.Phase.explicit, hypothesis.Phase.generate)  # no example is made simpler
    hypothesis.settings.register_profile(
        "mutation", derandomize=True, deadline=None, database=None, phases=once
    )
    if plain:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
        numba.config.DISABLE_JIT = 1
        options += ["-W", "ignore:loops run as plain Python"]
    code = 3
    try:
        code = int(pytest.main([*options, *tests]))
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Fates(NamedTuple):
    """How many mutants of a module were drawn, and what became of them."""

    mutants: int
    sampled: int
    harmless: int
    killed: int
    chosen: int
    chosen_killed: int

    def row(self, name: str) -> list[str]:
        """Return a row of the table: with the share that is killed, and its 95 % interval."""
        tested = self.sampled - self.harmless
        share = "-"
        if tested:
            low, high = binomtest(self.killed, tested).proportion_ci(method="exact")
            share = f"{self.killed / tested:.0%} ({low:.0%} to {high:.0%})"
        counts = (self.sampled, self.harmless, self.killed, tested - self.killed)
        named = f"{self.chosen_killed} of {self.chosen}"
        return [name, f"{self.mutants:,}", *map(str, counts), share, named]


def fates(name: str, how: dict[str, Any], folder: Path, count: int, seed: int) -> Fates:
    """Test the mutants of one module, and print what becomes of each."""
    file, log = folder / "simulation" / f"{name}.py", folder.with_name("log.txt")
    source = file.read_text()
    named = [chosen(source, *each) for each in how.get("chosen", [])]
    drawn = sample(source, how.get("places", count), f"{seed} {name}")
    harmless, plain = how.get("harmless", {}), how.get("plain", False)
    choices = []
    for tests in [how[each] for each in ("quick", "wide") if each in how]:
        begun = time.monotonic()
        if not passes(folder, tests, plain, log):
            raise SystemExit(f"{name}: tests fail without a mutant:\n{log.read_text()[-3000:]}")
        took = time.monotonic() - begun
        print(f"{name} as it is: {took:.0f} s", flush=True)
        choices.append((tests, 30 + 3 * took))  # a mutant that takes longer hangs

    def verdict(mutant: Mutant) -> str:
        if mutant.name in harmless:
            return "harmless"
        begun = time.monotonic()
        file.write_text(mutant.source)
        survives = all(passes(folder, tests, plain, log, most) for tests, most in choices)
        file.write_text(source)
        said = "SURVIVES" if survives else "killed"
        took = time.monotonic() - begun
        print(f"{said} {name}:{mutant.line} {mutant.name} ({took:.0f} s)", flush=True)
        return said

    of_named, of_drawn = ([verdict(each) for each in mutants] for mutants in (named, drawn))
    return Fates(
        sum(map(len, places_of(source).values())),
        len(drawn),
        of_drawn.count("harmless"),
        of_drawn.count("killed"),
        len(named),
        of_named.count("killed"),
    )


def outdated(setup: dict[str, Any]) -> list[str]:
    """Return what of mutation.toml does not fit the code any more: modules, tests, lines."""
    wrong = []
    for name, how in setup.items():
        file = ROOT / "simulation" / f"{name}.py"
        if not file.exists():
            wrong.append(f"{name}: there is no simulation/{name}.py")
            continue
        source = file.read_text()
        lines = {line.strip() for line in source.splitlines()}
        wrong += (
            f"{name}: {before!r} stands {source.count(before)} times, not once"
            for before, _ in how.get("chosen", [])
            if source.count(before) != 1
        )
        wrong += (
            f"{name}: no line is as {change!r} begins"
            for change in how.get("harmless", {})
            if not any(change.startswith(f"{line} -> ") for line in lines)
        )
        for test in (*how["quick"], *how.get("wide", [])):
            path, _, function = test.removeprefix("--deselect=").partition("::")
            if not path.endswith(".py"):  # an option of pytest
                continue
            if not (ROOT / path).exists() or f"def {function}" not in (ROOT / path).read_text():
                wrong.append(f"{name}: there is no {test}")
    return wrong


def main() -> None:
    """Test the modules that are named, or all, and print the table."""
    setup = tomllib.loads((ROOT / "tests" / "mutation.toml").read_text())
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(setup))
    parser.add_argument("--places", type=int, default=PLACES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--quick", action="store_true", help="without the wider choice of tests")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(setup):
        parser.error(f"not in mutation.toml: {', '.join(sorted(unknown))}")
    if wrong := outdated({name: setup[name] for name in options.modules}):
        parser.error("\n".join(wrong))
    # One thread of Arrow's allocator is there before the forks; it holds no lock of ours.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    columns = ("module", "mutants", "sampled", "harmless", "killed", "survived", "share", "chosen")
    table, every = Table(*columns), []
    with TemporaryDirectory() as work:
        folder = Path(work) / "checkout"
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        os.environ["NUMBA_CACHE_DIR"] = f"{work}/loops"
        for name in options.modules:
            if options.quick:
                setup[name].pop("wide", None)
            every.append(fates(name, setup[name], folder, options.places, options.seed))
            table.add_row(*every[-1].row(name))
    table.add_row(*Fates(*map(sum, zip(*every, strict=True))).row("all"))
    rich.console.Console(width=120).print(table)


if __name__ == "__main__":
    main()
