"""Which orgs a batch plans for: scenario files, folders and globs of them, portfolio files.

A portfolio file names scenario templates and gives each org its own values: a CSV file with an
org in a row and a key, as ``--set`` takes it, over each column; or YAML with ``orgs``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from simulation.csv_files import csv_problem, csv_rows
from simulation.documents import Document, value_of
from simulation.errors import InputError, Problem, encodable, in_a_line
from simulation.input_files import ANYWHERE, MOST_MEGABYTES, Access, read_text, real_path, shown
from simulation.parts import Part
from simulation.plain_yaml import unprintable
from simulation.scenario import Scenario

__all__ = ["Item", "Portfolio", "read_portfolio"]

_YAML = (".yaml", ".yml")
_OF_A_BATCH = "item.json"
_RESULTS = (_OF_A_BATCH, "plan.json", "summary.json")

_FOLDER_LETTERS, _FOLDER_BYTES = 80, 240
"""A folder's name at most: systems take 255 bytes, and a dot, a number and ``.part`` are added."""

Values = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One org to plan for.

    Attributes
    ----------
    name : str
        What tables call it; no two of a portfolio share one.
    folder : str
        The folder of its result, named after it.
    file : Path
        The scenario file, or the template.
    source : str
        Where it was named: a file, or ``file:line`` of a portfolio file.
    values : tuple of (str, object)
        What is put at which keys of the template.
    problem : str
        What is wrong with the row itself, or nothing.
    access : Access
        Which files the scenario may name.
    """

    name: str
    folder: str
    file: Path
    source: str
    values: Values = ()
    problem: str = ""
    access: Access = ANYWHERE

    def load(self, assignments: Sequence[str] = ()) -> Scenario:
        """Read and check the scenario, with ``key=value`` assignments made last.

        Raises
        ------
        InputError
            With a line for each thing that is wrong; those of a portfolio file name its line.
        """
        if self.problem:
            raise InputError([Problem(self.source, "", self.problem)])
        try:
            document = _template(self.file).changed(dict(self.values), self.source)
            document.access = self.access
            for assignment in assignments:
                document.set(assignment)
            return document.validate(Scenario)
        except InputError as error:
            raise InputError(map(self._told, error.problems)) from None
        except Exception as error:  # whatever a cell makes of the reading is this org's alone
            raise InputError([Problem(self.source, "", in_a_line(error))]) from error

    def seed(self, assignments: Sequence[str] = ()) -> int | None:
        """Return the seed as far as it can be read, for an org whose scenario is wrong."""
        given = dict(self.values).get("seed")
        for assignment in assignments:
            key, _, text = assignment.partition("=")
            given = value_of(text) if key.strip() == "seed" else given
        if given is None and not self.problem:
            try:
                given = _template(self.file).data.get("seed", Scenario.model_fields["seed"].default)
            except Exception:  # loading the org names the reason
                return None
        is_seed = isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**63
        return given if is_seed else None

    def _told(self, problem: Problem) -> Problem:
        """Name the portfolio's line as well, where a problem lies in the template."""
        if problem.where.startswith((self.source, "--set")):
            return problem
        return replace(problem, where=f"{self.source}: {problem.where}")


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


@lru_cache(maxsize=8)
def _read(file: Path, changed_at: int) -> Document:  # noqa: ARG001 - part of the cache's key
    return Document.read(file)


def _template(file: Path) -> Document:
    """Return a document that many rows begin with; never to be changed itself."""
    try:
        changed_at = file.stat().st_mtime_ns
    except OSError:
        changed_at = 0
    return _read(file, changed_at)


def read_portfolio(paths: Iterable[Path | str], access: Access = ANYWHERE) -> Portfolio:
    """Find out which orgs are meant.

    Parameters
    ----------
    paths : iterable of Path or str
        Scenario files, folders (searched with all in them), globs, and portfolio files: CSV, or
        YAML with ``orgs``. A scenario file that is named twice counts once; scenarios that were
        written with results count where they are named themselves.
    access : Access
        Which files their scenarios may name.

    Raises
    ------
    InputError
        If a path does not exist, names nothing, or is a portfolio file that cannot be read.
        What is wrong with one scenario or one row shows when it is loaded.
    """
    items: list[Item] = []
    left_out: list[Path] = []
    for path in paths:
        try:
            items += _items_of(str(path), left_out)
        except OSError as error:
            what = f"cannot be searched ({error.strerror}), name a place that you may read"
            raise InputError([Problem(shown(error.filename), "", what)]) from None
    if not items:
        raise InputError("no scenario is named, name files, folders, globs or a portfolio file")
    return Portfolio([replace(item, access=access) for item in _told_apart(items)], left_out)


def _items_of(path: str, left_out: list[Path]) -> Iterator[Item]:
    place = Path(path)
    if place.is_dir():
        for file in _files_in(place):
            if _is_of_a_result(file):
                if not file.with_name(_OF_A_BATCH).exists():  # those are too many to tell
                    left_out.append(file)
            elif (kind := _kind(file)) == "scenario":
                yield _file_item(file, place)
            elif kind == "other":
                left_out.append(file)
    elif place.exists() or not has_magic(path):
        yield from _file_items(place, place.parent)
    else:
        found = [file for file in _matching(path) if not _is_of_a_result(file)]
        if not found:
            raise InputError([Problem(path, "", "matches no file, check the pattern")])
        root = Path(*_fixed(place.parts[:-1]))
        for file in found:
            yield from _file_items(file, root)


def _matching(pattern: str) -> list[Path]:
    found = map(Path, glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute
    return sorted(file for file in found if file.is_file())


def _fixed(parts: Sequence[str]) -> Iterator[str]:
    """Yield the parts of a pattern before the first that is one."""
    for part in parts:
        if has_magic(part):
            return
        yield part


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the YAML files in a folder and those in it, but for hidden ones and results."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _files_in(entry)
        elif entry.suffix.lower() in _YAML:
            yield entry


def _is_of_a_result(file: Path) -> bool:
    """Return whether a scenario was written beside the result that it gave."""
    return file.name == "scenario.yaml" and any(file.with_name(name).exists() for name in _RESULTS)


def _kind(file: Path) -> Literal["scenario", "portfolio", "other"]:
    """Return what a YAML file seems to be; that it cannot be read shows later."""
    try:
        text = read_text(file, "portfolio", errors="replace")
    except InputError:
        return "scenario"
    keys = set(re.findall(r"""^["']?(orgs|clients)["']?\s*:""", text, re.MULTILINE))
    if "orgs" in keys:
        return "portfolio"
    return "scenario" if keys else "other"


def _file_items(file: Path, root: Path) -> Iterator[Item]:
    """Yield what a file that was named or matched stands for."""
    if file.suffix.lower() == ".csv":
        yield from _csv_items(file)
    elif not file.exists():
        what = "there is no such file, name a scenario, a folder, a glob or a portfolio file"
        raise InputError([Problem(shown(file), "", what)])
    elif _kind(file) == "portfolio":
        yield from _yaml_items(file)
    else:
        yield _file_item(file, root)


def _file_item(file: Path, root: Path) -> Item:
    short = file.relative_to(root).with_suffix("")
    return Item(shown(file), "-".join(map(shown, short.parts)), file, shown(file))


def _csv_items(file: Path) -> Iterator[Item]:
    rows = csv_rows(file, "portfolio", MOST_MEGABYTES["portfolio"])
    header = [name.strip() for name in next(rows, (0, []))[1]]
    if "scenario" not in header:
        found = f"found {', '.join(header)}" if header else "it is empty"
        what = f"has no column 'scenario' with the template of each org, {found}"
        raise csv_problem(file, 1, what)
    if twice := {name for name in header if header.count(name) > 1}:
        raise csv_problem(file, 1, f"names column {min(twice)!r} twice, keep one of them")
    count = 0
    for line, cells in rows:
        count += 1
        source = f"{shown(file)}:{line}"
        texts = dict(zip(header, map(str.strip, cells), strict=False))
        given, problem = _values_of(texts)
        templates = [given.pop("scenario")] if "scenario" in given else []
        if len(cells) != len(header):
            problem = f"has {len(cells)} cells where line 1 names {len(header)}, add or drop some"
        elif any(text for name, text in texts.items() if not name):
            problem = "has a cell under no name, name its column in line 1"
        yield from _row_items(file, source, templates, given, problem)
    if not count:
        raise csv_problem(file, None, "has no rows, line 1 names the columns and orgs follow")


def _values_of(texts: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return what the cells of a row mean, and what is wrong with the first that means nothing."""
    given: dict[str, Any] = {}
    problem = ""
    for key, text in texts.items():
        if what := unprintable(text):
            problem = problem or f"{key}: {what}"
        elif key in ("scenario", "name") and text:
            given[key] = text
        elif key and text:
            try:
                given[key] = value_of(text)
            except Exception as error:  # a cell may hold whatever YAML makes of it
                problem = problem or f"{key}: {in_a_line(error)}"
    return given, problem


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _PortfolioFile(Part):
    scenarios: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    orgs: tuple[Any, ...] = Field(min_length=1)


def _yaml_items(file: Path) -> Iterator[Item]:
    document = Document.read(file, "portfolio")
    told = document.validate(_PortfolioFile)
    for place, org in enumerate(told.orgs):
        problem = ""
        if not isinstance(org, dict):
            org, problem = {}, f"{org!r} is no org, write 'key: value' pairs"  # noqa: PLW2901
        given = {str(key): value for key, value in org.items() if key != "scenario"}
        templates = _as_list(org.get("scenario", list(told.scenarios)))
        if not isinstance(templates, list) or not all(isinstance(t, str) for t in templates):
            templates, problem = [], f"scenario: {templates!r} is no path, name a scenario file"
        source = document.where(("orgs", place))
        yield from _row_items(file, source, templates, given, problem)


@lru_cache
def _beside(file: Path, template: str) -> Path:
    """Return where a template lies; one object for all orgs that share it."""
    return file.parent / template


def _row_items(
    file: Path, source: str, templates: Sequence[str], values: dict[str, Any], problem: str
) -> list[Item]:
    """Return an org once with each of its templates, or once with what is wrong with them."""
    try:
        if any("\0" in template for template in templates):
            raise ValueError("no path holds a null byte")
        return list(_crossed(file, source, templates, values, problem))
    except InputError as error:
        problem = problem or "; ".join(map(str, error.problems))
    except (OSError, ValueError) as error:  # too long, or nothing that a system calls a path
        told = ", ".join(map(repr, templates))[:80]
        reason = getattr(error, "strerror", None) or str(error)
        problem = problem or f"scenario: {told} is no path ({reason}), name a scenario file"
    return list(_crossed(file, source, [], values, problem))


def _crossed(
    file: Path, source: str, templates: Sequence[str], values: dict[str, Any], problem: str
) -> Iterator[Item]:
    """Yield an org once with each of its templates."""
    found: list[Path] = []
    for template in templates:
        place = _beside(file, template)
        if has_magic(template) and not place.exists():
            matching = _matching(str(place))
            if not matching:
                problem = problem or f"scenario: {template} matches no file, check the pattern"
            found += matching
        else:
            found.append(place)
    if not found:
        problem = problem or "scenario: is missing, name the org's template"
        found = [file]
    name = values.get("name")
    name = name if isinstance(name, str) and name else source
    for template_file in found:
        own = f"{name} ({shown(template_file.stem)})" if len(found) > 1 else name
        slug = own.replace(shown(file), shown(file.stem)) if name == source else own
        yield Item(own, slug, template_file, source, tuple(values.items()), problem)


def _told_apart(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items with names and folders of their own; scenario files that came before once."""
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
    """Return a folder's name for an org: letters and digits, and not too many of them.

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
