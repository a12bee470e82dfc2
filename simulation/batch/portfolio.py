"""The orgs that a batch plans for: scenario files, folders and globs of them, portfolio files.

A portfolio file names scenario templates and gives each org its own values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from glob import has_magic
from pathlib import Path
from typing import Literal

from simulation.batch.portfolio_files import Item, csv_items, matching, yaml_items
from simulation.errors import InputError, Problem
from simulation.formats import ANYWHERE, Access, named_path, read_text, real_path, shown
from simulation.plain_text import encodable

__all__ = ["Portfolio", "distinct_failures", "portfolio_of", "read_portfolio"]

_YAML = (".yaml", ".yml")
_OF_A_BATCH = "item.json"
_RESULTS = (_OF_A_BATCH, "plan.json", "summary.json")

_FOLDER_LETTERS, _FOLDER_BYTES = 80, 240
"""The longest name of a folder: systems take 255 bytes; a dot, a number and ``.part`` are added."""


@dataclass(frozen=True)
class Portfolio:
    """Orgs to plan for, in the order in which they were named.

    Attributes
    ----------
    items : list of Item
    left_out : list of Path
        YAML files in the folders that are no scenarios, or were written with a result.
    """

    items: list[Item]
    left_out: list[Path]


def distinct_failures(failures: Iterable[tuple[str, str]]) -> Iterator[tuple[int, int]]:
    """Yield for each reason the index of the first org that fails for it, and how many orgs do.

    Parameters
    ----------
    failures : iterable of (str, str)
        Where each org was named, and why it fails; where a template is wrong, all its orgs
        fail for one reason.

    >>> list(distinct_failures([("a.csv:2", "a.csv:2: t: x"), ("b.csv:3", "b.csv:3: t: x")]))
    [(0, 2)]
    """
    found: dict[str, tuple[int, int]] = {}
    for index, (source, why) in enumerate(failures):
        reason = why.replace(f"{source}: ", "")
        first, count = found.get(reason, (index, 0))
        found[reason] = first, count + 1
    yield from found.values()


def read_portfolio(paths: Iterable[Path | str], access: Access = ANYWHERE) -> Portfolio:
    """Return the orgs that paths name.

    Parameters
    ----------
    paths : iterable of Path or str
        Scenario files, folders (searched with all in them), globs, and portfolio files: CSV, or
        YAML with ``orgs``. A scenario file that is named twice counts once. A scenario that was
        written with a result counts only where it is named itself.
    access : Access
        Which files their scenarios may name.

    Raises
    ------
    InputError
        If a path is empty, does not exist, names nothing, or is a portfolio file that cannot be
        read. A mistake in one scenario or one row is raised when that is loaded.
    """
    items: list[Item] = []
    left_out: list[Path] = []
    for path in paths:
        try:
            named_path(path, "PATHS")
            items += _items_of(str(path), left_out)
        except OSError as error:
            what = f"cannot be searched ({error.strerror}), name a place that you may read"
            raise InputError([Problem(shown(error.filename), "", what)]) from None
    if not items:
        raise InputError("no scenario is named, name files, folders, globs or a portfolio file")
    return _portfolio(items, left_out, access)


def _items_of(path: str, left_out: list[Path]) -> Iterator[Item]:
    named = Path(path)
    if named.is_dir():
        for file in _files_in(named):
            if _is_of_a_result(file):
                if not file.with_name(_OF_A_BATCH).exists():  # one for each org would be too many
                    left_out.append(file)
            elif (kind := _kind(file)) == "scenario":
                yield _scenario_item(file, named)
            elif kind == "other":
                left_out.append(file)
    elif named.exists() or not has_magic(path):
        yield from _items_in(named, named.parent)
    else:
        found = [file for file in matching(path) if not _is_of_a_result(file)]
        if not found:
            raise InputError([Problem(path, "", "matches no file, check the pattern")])
        root = Path(*_fixed(named.parts[:-1]))
        for file in found:
            yield from _items_in(file, root)


def _fixed(parts: Sequence[str]) -> Iterator[str]:
    """Yield the folders of a pattern before the first that is a pattern itself."""
    for part in parts:
        if has_magic(part):
            return
        yield part


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the YAML files in a folder and all folders in it, without hidden ones."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_in(entry)
        elif entry.suffix.lower() in _YAML:
            yield entry


def _is_of_a_result(file: Path) -> bool:
    """Return whether a file is the copy of a scenario beside its result."""
    return file.name == "scenario.yaml" and any(file.with_name(name).exists() for name in _RESULTS)


def _kind(file: Path) -> Literal["scenario", "portfolio", "other"]:
    """Return what a YAML file seems to be; a scenario if it cannot be read: loading says why."""
    try:
        text = read_text(file, "portfolio", errors="replace")
    except InputError:
        return "scenario"
    keys = set(re.findall(r"""^["']?(orgs|clients)["']?\s*:""", text, re.MULTILINE))
    if "orgs" in keys:
        return "portfolio"
    return "scenario" if keys else "other"


def portfolio_of(file: Path, access: Access = ANYWHERE) -> Portfolio | None:
    """Return the orgs of a portfolio file; None where the file is not one.

    Raises
    ------
    InputError
        If it is a portfolio file that cannot be read.
    """
    orgs = _orgs_of(file)
    return None if orgs is None else _portfolio(orgs, [], access)


def _portfolio(items: Iterable[Item], left_out: list[Path], access: Access) -> Portfolio:
    return Portfolio([replace(item, access=access) for item in _made_unique(items)], left_out)


def _orgs_of(file: Path) -> Iterator[Item] | None:
    """Return the orgs of a portfolio file; None where the file is not one."""
    if file.suffix.lower() == ".csv":
        return csv_items(file)
    return yaml_items(file) if _kind(file) == "portfolio" else None


def _items_in(file: Path, root: Path) -> Iterator[Item]:
    """Yield the orgs of one file: a scenario, or a portfolio's rows."""
    is_csv = file.suffix.lower() == ".csv"
    if not is_csv and not file.exists():
        what = "there is no such file, name a scenario, a folder, a glob or a portfolio file"
        raise InputError([Problem(shown(file), "", what)])
    orgs = _orgs_of(file)
    yield from (_scenario_item(file, root),) if orgs is None else orgs


def _scenario_item(file: Path, root: Path) -> Item:
    short = file.relative_to(root).with_suffix("")
    return Item(shown(file), "-".join(map(shown, short.parts)), file, shown(file))


def _made_unique(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items with unique names and folders; of a scenario file only the first."""
    files: set[Path] = set()
    names: dict[str, int] = {}
    folders: dict[str, int] = {}
    for item in items:
        if item.source == shown(item.file):
            if (resolved := real_path(item.file)) in files:
                continue
            files.add(resolved)
        name = _free(encodable(item.name), "{} ({})", names)
        folder = _free(_slug(item.folder), "{}-{}", folders)
        yield replace(item, name=name, folder=folder, source=encodable(item.source))


def _slug(name: str) -> str:
    """Return the name of an org's folder: its letters and digits, up to a length.

    >>> _slug("Acme: North, Inc."), len(_slug("\U00020000" * 80).encode())
    ('acme-north-inc', 240)
    """
    letters = re.sub(r"\W+", "-", name.casefold()).strip("-")[:_FOLDER_LETTERS]
    return letters.encode()[:_FOLDER_BYTES].decode(errors="ignore") or "org"


def _free(name: str, form: str, taken: dict[str, int]) -> str:
    """Return a name that is not taken, numbered if need be, and take it."""
    free = name
    while free in taken:
        taken[name] += 1
        free = form.format(name, taken[name])
    taken[free] = 1
    return free
