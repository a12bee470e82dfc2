"""Damaged results: whatever happened to a file, reading it back names it in one line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from simulation import InputError, load_result, load_scenario, plan, run
from simulation.batch.runner import plan_portfolio
from simulation.batch.store import BatchStore
from simulation.cli.destination import draw
from simulation.formats.written import PLAN_FILES, RUN_FILES
from simulation.planning.result import Plan
from simulation.planning.saved import load_plan
from tests.helpers import any_limit, creditsim, poisson, scheduled

R = TypeVar("R")

_READ = {name for name in (*RUN_FILES, *PLAN_FILES) if not name.endswith(".csv")}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Make a result of a run, of a plan with all that one can hold, and of a batch."""
    folder = tmp_path_factory.mktemp("results")
    change = {"name": "half", "set": {"clients.a.arrivals.poisson.rate": "10 per day"}}
    clients = [poisson("a", "20 per day"), scheduled("b", "09:00", 4)]
    scenario = any_limit(20, clients, replications=2, horizon="2 days", alternatives=[change])
    run(scenario, out=folder / "run")
    plan(scenario, max_replications=2, out=folder / "plan", confirm=10)
    plan_portfolio(
        folder / "plan" / "scenario.yaml", out=folder / "batch", confirm="none", confined=False
    )
    return {name: folder / name for name in ("run", "plan", "batch")}


def copied(source: Path, folder: Path) -> Path:
    """Return a copy of a result as most tools make one: its files, and none of its attributes."""
    folder.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file():
            shutil.copyfile(file, folder / file.name)
    assert "user.creditsim" not in os.listxattr(folder)
    return folder


def without_hashes(folder: Path) -> Path:
    """Return a result as it was before summaries had hashes of the files."""
    for name in ("summary.json", "plan.json"):
        if (folder / name).is_file():
            told = json.loads((folder / name).read_text())
            told.pop("files", None)
            (folder / name).write_text(json.dumps(told, indent=2) + "\n")
    return folder


def refusal(folder: Path) -> str:
    """Return how a folder is refused."""
    with pytest.raises(InputError) as refused:
        getattr(load_result(folder), "calls", None)  # which are read when asked for
    return str(refused.value)


def in_time(work: Callable[[], R]) -> R:
    """Return what some work returns, unless it waits for ever."""
    done: list[R] = []
    thread = Thread(target=lambda: done.append(work()), daemon=True)
    thread.start()
    thread.join(120)
    assert done, "it waits, or failed"
    return done[0]


def damages(file: Path) -> Iterator[tuple[str, Callable[[Path], Any]]]:
    """Yield ways in which a file is damaged."""
    content = file.read_bytes()
    for name, damaged in (
        ("empty", b""),
        ("cut in half", content[: len(content) // 2]),
        ("cut by a byte", content[:-8]),
        ("garbage", bytes(range(256)) * 4),
        ("garbage inside", content[:9] + b"\xff\xfe\x00" * (len(content) // 6) + content[-9:]),
        ("a list", b"[]"),
        ("null", b"null"),
        ("a deep list", b"[" * 100_000),
        ("no keys", b"{}"),
    ):
        yield name, lambda place, damaged=damaged: place.write_bytes(damaged)  # type: ignore[misc]
    for other in sorted(file.parent.iterdir()):
        if other.is_file() and other != file and other.read_bytes() != content:
            yield f"as {other.name}", lambda place, other=other: shutil.copy(other, place)  # type: ignore[misc]
    if file.suffix == ".json":
        told = json.loads(content)
        for key in told:
            rest = {name: value for name, value in told.items() if name != key}
            text = json.dumps(rest)
            yield f"without {key}", lambda place, text=text: place.write_text(text)  # type: ignore[misc]
            value: Any
            for value in (7, [7], {}):
                text = json.dumps({**told, key: value})
                yield (
                    f"{key} as {value}",
                    lambda place, text=text: place.write_text(text),  # type: ignore[misc]
                )
    elif file.suffix == ".parquet":
        table = pq.read_table(file)
        for column in table.column_names[:3]:
            less = table.drop_columns([column])
            yield f"without {column}", lambda place, less=less: pq.write_table(less, place)  # type: ignore[misc]
        yield "no rows", lambda place: pq.write_table(table.slice(0, 0), place)
        texts = table.to_pandas().astype(str)
        yield "texts", texts.to_parquet


@pytest.mark.parametrize("hashed", [True, False])
@pytest.mark.parametrize("kind", ["run", "plan"])
def test_a_damaged_file_is_named_in_one_line(
    results: dict[str, Path], kind: str, hashed: bool, tmp_path: Path
) -> None:
    unnoticed = 0  # damage to what no page needs, such as the page of methods
    source = copied(results[kind], tmp_path / "source")
    source = source if hashed else without_hashes(source)
    for file in sorted(source.iterdir()):
        for name, damage in damages(file):
            if name == "without files":  # which is a result of before
                continue
            folder = copied(source, tmp_path / "result")
            damage(folder / file.name)
            try:
                found = load_result(folder)
                if file.name == "calls.parquet":  # which is read when asked for
                    assert len(found.calls.columns)  # type: ignore[union-attr]
                elif file.name in _READ:
                    unnoticed += not (hashed and file.suffix == ".md")
                    draw(found)
            except InputError as error:
                told = str(error)
            else:
                told = file.name
            assert "\n" not in told, (file.name, name)
            is_summary = file.name in ("summary.json", "plan.json")
            assert file.name in told or (is_summary and "holds no result" in told), (name, told)
            shutil.rmtree(folder)
    assert unnoticed < (1 if hashed else 40)


@pytest.fixture(scope="module")
def others(results: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Make results that are whole and differ little from those above: in seed, length or demand."""
    folder, made = tmp_path_factory.mktemp("others"), []
    first = load_scenario(results["run"] / "scenario.yaml")
    changes: list[dict[str, Any]] = [
        {"seed": 7},
        {"horizon": "3 days"},
        {"clients.b.arrivals.schedule.calls": 5},
    ]
    for place, change in enumerate(changes):
        scenario = first.changed(change)
        run(scenario, out=folder / f"run-{place}")
        plan(scenario, max_replications=2, out=folder / f"plan-{place}", confirm=10)
        made += [folder / f"run-{place}", folder / f"plan-{place}"]
    return made


@pytest.mark.parametrize("kind", ["run", "plan"])
def test_files_of_two_results_are_never_read_as_one(
    results: dict[str, Path], others: list[Path], kind: str, tmp_path: Path
) -> None:
    source = copied(results[kind], tmp_path / "source")
    draw(load_result(source))
    read = [name for name in (RUN_FILES if kind == "run" else PLAN_FILES) if name in _READ]
    replaced = Counter[str]()
    for other in (each for each in others if each.name.startswith(kind)):
        for name in read:
            if (other / name).read_bytes() == (source / name).read_bytes() or name.endswith(".md"):
                continue
            folder = copied(source, tmp_path / f"{other.name}-{name}")
            shutil.copyfile(other / name, folder / name)
            told = refusal(folder)
            assert "\n" not in told
            assert name in told
            if kind == "plan" and name != "scenario.yaml":  # which is at hand there
                with pytest.raises(InputError, match=r"not what was written|different results"):
                    load_plan(folder, load_result(source).scenario)
            replaced[name] += 1
    assert {*replaced} == {name for name in read if not name.endswith(".md")}


def test_the_command_draws_no_page_from_files_of_two_results(
    results: dict[str, Path], others: list[Path], tmp_path: Path
) -> None:
    folder = copied(results["run"], tmp_path / "copy")
    assert creditsim("report", folder).returncode == 0
    (folder / "report.html").unlink()
    for name in ("client_runs.parquet", "intervals.parquet"):
        shutil.copyfile(others[0] / name, folder / name)
    done = creditsim("report", folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"{folder}: is not whole (look at client_runs.parquet: it is not what was written with "
        "summary.json), write the result again with --out\n"
    )
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("kind", ["run", "plan"])
def test_a_result_of_before_is_read_though_it_has_no_hashes(
    results: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    folder = without_hashes(copied(results[kind], tmp_path / "result"))
    assert load_result(folder).to_dict() == load_result(results[kind]).to_dict()


def test_what_a_batch_keeps_of_an_org_is_a_result_that_may_be_copied(
    results: dict[str, Path], tmp_path: Path
) -> None:
    (item,) = (results["batch"] / "items").iterdir()
    folder = copied(item, tmp_path / "batch" / "items" / "copy")  # as deep: it has an outer card
    assert isinstance(load_result(folder), Plan)
    a_letter(folder)
    assert "plan.json: it is not what was written here" in refusal(folder)


def test_the_command_says_it_in_one_line(results: dict[str, Path], tmp_path: Path) -> None:
    for kind, name in (("run", "intervals.parquet"), ("plan", "frontier.parquet")):
        folder = tmp_path / kind
        shutil.copytree(results[kind], folder)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        done = creditsim("report", folder)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert done.stderr.startswith(f"{folder}: is not whole (look at {name}: ")


CHANGES = {
    "scenario.yaml": ("limit", "horizon", "start", "warmup", "seed"),
    "summary.json": ("replications", "seed", "limit"),
}


def change(file: Path, key: str) -> None:
    """Change what a file says, as by hand."""
    if file.suffix == ".yaml":
        told = yaml.safe_load(file.read_text())
        other = {"horizon": "4 days", "start": "2026-03-02", "warmup": "6 hours", "seed": 7}
        if key == "limit":
            told["org"]["addon_credits"] = 3000
        else:
            told[key] = other[key]
        file.write_text(yaml.safe_dump(told, sort_keys=False))
        load_scenario(file)
    elif file.suffix == ".json":
        file.write_text(json.dumps({**json.loads(file.read_text()), key: 10**30}))
    elif key == "rows twice":
        table = pd.read_parquet(file)
        pd.concat([table, table]).to_parquet(file)
    else:
        table = pd.read_parquet(file).astype({key: float})
        table[key] = float("nan")
        table.to_parquet(file)


@pytest.mark.parametrize(
    ("kind", "name", "key"),
    [
        *(("run", name, key) for name, keys in CHANGES.items() for key in keys),
        *(("plan", "scenario.yaml", key) for key in ("limit", "horizon", "seed")),
        *(("run", f"{name}.parquet", "rows twice") for name in ("runs", "client_runs", "summary")),
        *(("run", f"{name}.parquet", "rows twice") for name in ("category_runs", "intervals")),
        ("run", "runs.parquet", "peak_window_credits"),
        ("run", "runs.parquet", "throttled_calls"),
        ("run", "client_runs.parquet", "credits_used"),
        ("plan", "frontier.parquet", "meets_probability"),
    ],
)
def test_no_page_mixes_what_was_written_with_what_was_changed(
    results: dict[str, Path], kind: str, name: str, key: str, tmp_path: Path
) -> None:
    folder = copied(results[kind], tmp_path / "result")
    change(folder / name, key)
    told = refusal(folder)
    assert told.startswith(f"{folder}: is not whole (look at {name}: it is not what was written")
    assert told.endswith("), write the result again with --out")
    if key not in ("horizon", "start", "warmup"):  # of which no other file tells enough
        assert name in refusal(without_hashes(folder))


def test_a_plan_without_the_size_that_the_org_has_is_not_whole(
    results: dict[str, Path], tmp_path: Path
) -> None:
    folder = without_hashes(copied(results["plan"], tmp_path / "result"))
    told = json.loads((folder / "plan.json").read_text())
    told["frontier"] = [row for row in told["frontier"] if row["addon_credits"]]
    (folder / "plan.json").write_text(json.dumps(told))
    table = pd.read_parquet(folder / "frontier.parquet")
    table[table["addon_credits"] > 0].to_parquet(folder / "frontier.parquet")
    assert "frontier.parquet: it has no row of 0 add-on credits" in refusal(folder)


def test_a_column_of_moments_that_are_numbers_is_named(
    results: dict[str, Path], tmp_path: Path
) -> None:
    folder = without_hashes(copied(results["plan"], tmp_path / "result"))
    table = pd.read_parquet(folder / "timelines.parquet")
    table["start"] = table["start"].astype("int64")
    table.to_parquet(folder / "timelines.parquet")
    assert "timelines.parquet: its column 'start' holds no times" in refusal(folder)


def test_a_name_that_no_folder_can_have_is_refused() -> None:
    said = r"^a\\x00b: cannot be read \(.*\), name a folder that `creditsim run --out` or"
    with pytest.raises(InputError, match=said):
        load_result("a\0b")


@pytest.mark.parametrize("kind", ["run", "plan"])
def test_what_is_no_regular_file_is_not_waited_for(
    results: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    for name in sorted(path.name for path in results[kind].iterdir()):
        if name in _READ and not name.endswith(".md"):
            folder = without_hashes(copied(results[kind], tmp_path / name))
            (folder / name).unlink()
            os.mkfifo(folder / name)
            told = in_time(lambda folder=folder: refusal(folder))  # type: ignore[misc]
            assert name in told or "holds no result" in told


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        ("item.json", b""),
        ("item.json", b"[7]"),
        ("item.json", b'{"identity": "x", "row": [], "alternatives": {}, "files": 7}'),
        ("runtime.json", b"[]"),
        ("runtime.json", b'{"seconds": "long"}'),
        ("frontier.parquet", b"PAR1"),
    ],
)
def test_a_batch_makes_anew_what_is_damaged(
    results: dict[str, Path], tmp_path: Path, name: str, damaged: bytes
) -> None:
    folder = tmp_path / "batch"
    shutil.copytree(results["batch"], folder)
    (item,) = (folder / "items").iterdir()
    (item / name).write_bytes(damaged)
    source = results["plan"] / "scenario.yaml"
    done = plan_portfolio(source, out=folder, confirm="none", confined=False, workers=1)
    assert (done.totals["planned"], done.totals["failed"]) == (1, 0)
    assert (name == "runtime.json") == ("kept" in done.did)


def with_record(item: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what is kept of an org."""
    told = json.loads((item / "item.json").read_text())
    change(told)
    (item / "item.json").write_text(json.dumps(told))


def a_letter(item: Path) -> None:
    """Change a file without a change of its size."""
    file = item / "plan.json"
    file.write_text(file.read_text().replace("recommendation", "recommendatiom", 1))


def a_pipe(name: str) -> Callable[[Path], None]:
    """Return what puts a pipe in place of a file."""

    def damage(item: Path) -> None:
        (item / name).unlink()
        os.mkfifo(item / name)

    return damage


def told_of_row(**values: Any) -> Callable[[Path], None]:
    """Return what changes a row; ... for a key that is missing."""

    def damage(item: Path) -> None:
        def change(told: dict[str, Any]) -> None:
            row = {**told["row"], **values}
            told["row"] = {key: value for key, value in row.items() if value is not ...}

        with_record(item, change)

    return damage


def told_of_alternative(*alternatives: Any) -> Callable[[Path], None]:
    """Return what changes the alternatives that are kept."""
    return lambda item: with_record(item, lambda told: told.update(alternatives=alternatives))


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "a letter": a_letter,
    "a pipe as record": a_pipe("item.json"),
    "a pipe as runtime": a_pipe("runtime.json"),
    "a pipe as table": a_pipe("frontier.parquet"),
    "deep runtime": lambda item: (item / "runtime.json").write_text("[" * 100_000),
    "deep record": lambda item: (item / "item.json").write_text("[" * 100_000),
    "sizes alone": lambda item: with_record(
        item, lambda told: told.update(files=dict.fromkeys(told["files"], 1))
    ),
    "an alternative without keys": told_of_alternative({}),
    "no mapping as alternative": told_of_alternative(7),
    **{
        f"{key} as {value}": told_of_row(**{key: value})
        for key, value in (
            ("status", "none"),
            ("status", "pending"),
            ("at_risk", ...),
            ("addon_credits", "abc"),
            ("addon_credits", 1.5),
            ("addon_credits", True),
            ("decided", "no"),
            ("meets_low", "x"),
            ("meets_low", float("nan")),
            ("advice", 5),
            ("advice", ...),
            ("price_per_month", "NaN"),
            ("price_per_month", None),
            ("current_price_per_month", "much"),
            ("seed", [[]]),
            ("surplus", 1),
        )
    },
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_batch_plans_again_what_is_not_as_it_was_kept(
    results: dict[str, Path], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "batch"
    shutil.copytree(results["batch"], folder)
    (item,) = (folder / "items").iterdir()
    with BatchStore(folder) as store:
        assert store.find(item.name) is not None
        assert store.runtime(item.name)["seconds"] > 0
    DAMAGES[name](item)
    with BatchStore(folder) as store:
        if "runtime" in name:
            assert in_time(lambda: store.runtime(item.name)) == {}
        else:
            assert in_time(lambda: [store.find(item.name)]) == [None]


def test_a_kept_plan_in_which_a_letter_changed_is_made_again(
    results: dict[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "batch"
    shutil.copytree(results["batch"], folder)
    (item,) = (folder / "items").iterdir()
    a_letter(item)
    source = results["plan"] / "scenario.yaml"
    for did in ("new", "kept"):
        done = plan_portfolio(
            source, out=folder, confirm="none", confined=False, workers=1, report=True
        )
        assert (list(done.did), done.totals["failed"]) == ([did], 0)


@pytest.mark.parametrize("name", ["items/.x.part", "items/.aa.old", ".scratch", "items", ".lock"])
def test_what_is_in_the_way_of_a_batch_is_named(name: str, tmp_path: Path) -> None:
    place = tmp_path / name
    place.parent.mkdir(exist_ok=True)
    if name == ".lock":
        place.mkdir()
    else:
        place.write_text("mine")
    with pytest.raises(InputError) as refused, BatchStore(tmp_path):
        pass
    assert str(refused.value).startswith(f"{place}: was not written by a batch and is in its way")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux has them")
def test_results_are_read_without_threads_of_arrow(results: dict[str, Path]) -> None:
    # One that is alive when a program ends may abort it (apache/arrow, issue 34314): of 150
    # commands that refused a damaged result with code 2, one ended so.
    code = f"""
import numpy, pathlib, pyarrow.parquet, simulation
from simulation.formats import read_table

def threads():  # but that of the memory allocator, which begins at a moment of its own
    named = [name.read_text() for name in pathlib.Path("/proc/self/task").glob("*/comm")]
    return len([name for name in named if "jemalloc" not in name])

before = threads()
assert len(simulation.load_result({str(results["run"])!r}).calls)
assert len(simulation.load_result({str(results["plan"])!r}).frontier)
assert len(read_table(pathlib.Path({str(results["batch"] / "portfolio.parquet")!r})))
assert threads() == before, threads() - before
"""
    # Nor of OpenBLAS, of which NumPy and SciPy have one each.
    alone = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], check=True, env=alone)
