"""The orgs of a portfolio file, each a template with its own values, or what is wrong with one.

A portfolio file is a CSV file with an org in each row and a key, as ``--set`` takes it, at the
head of each column; or YAML with ``orgs``. A column whose name begins with # is the user's own and
may repeat; one without a name must be empty; any other name stands once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from simulation.errors import InputError, Problem, dotted, in_a_line
from simulation.formats import (
    ANYWHERE,
    LONGEST_TEXT,
    MOST_MEGABYTES,
    Access,
    Document,
    Part,
    Row,
    csv_problem,
    csv_rows,
    decimal_comma,
    shown,
    unknown_part,
    unprintable,
    value_of,
)
from simulation.scenario import Scenario, on_chosen_card

__all__ = ["Item", "csv_items", "matching", "yaml_items"]

_REMARK = "#"

Values = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One org to plan for.

    Attributes
    ----------
    name : str
        Its name in tables, unique in a portfolio.
    folder : str
        The name of the folder of its result.
    file : Path
        The scenario file, or the template.
    source : str
        Where the org is named: a file, or ``file:line`` of a portfolio file.
    values : tuple of (str, object)
        Keys of the template, and the values that replace theirs.
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

    def load(self, assignments: Sequence[str] = (), rate_card: str = "") -> Scenario:
        """Return the checked scenario, with ``key=value`` assignments made last.

        ``rate_card`` is a card in its own one's place, as `chosen_card` returns it.

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
            return on_chosen_card(document, rate_card).overridden(assignments).validate(Scenario)
        except InputError as error:
            raise InputError(map(self._located, error.problems)) from None
        except Exception as error:  # a cell may break the reading of its own org only
            raise InputError([Problem(self.source, "", in_a_line(error))]) from error

    def seed(self, assignments: Sequence[str] = ()) -> int | None:
        """Return the seed of an org whose scenario is wrong; None where it cannot be read."""
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

    def _located(self, problem: Problem) -> Problem:
        """Return a problem of the template with the portfolio's line before its own."""
        if problem.is_of_option or problem.where.startswith(self.source):
            return problem
        return replace(problem, where=f"{self.source}: {problem.where}")


@lru_cache(maxsize=8)
def _read(file: Path, changed_at: int) -> Document:  # noqa: ARG001 - part of the cache's key
    return Document.read(file)


def _template(file: Path) -> Document:
    """Return the cached template; callers change a copy."""
    try:
        changed_at = file.stat().st_mtime_ns
    except OSError:
        changed_at = 0
    return _read(file, changed_at)


def csv_items(file: Path) -> Iterator[Item]:
    """Yield the orgs of a CSV file: each row once with each of its templates.

    Raises
    ------
    InputError
        If it cannot be read, or every row fills a column that is no key.
    """
    rows = csv_rows(file, "portfolio", MOST_MEGABYTES["portfolio"], longest=None)
    header = [name.strip() for name in next(rows, Row(0, [])).cells]
    if "scenario" not in header:
        found = f"found {', '.join(header)}" if header else "it is empty"
        what = f"has no column 'scenario' with the template of each org, {found}"
        raise csv_problem(file, 1, what)
    named = [name for name in header if name and not name.startswith("#")]
    if twice := {name for name in named if named.count(name) > 1}:
        raise csv_problem(file, 1, f"names column {min(twice)!r} twice, keep one of them")
    unknown = {name: what for name in header if (what := _unknown_column(name))}
    filled = Counter[str]()
    count = 0
    for line, cells, has_semicolons in rows:
        count += 1
        source = f"{shown(file)}:{line}"
        texts = dict(zip(header, map(str.strip, cells), strict=False))
        filled.update(name for name in unknown if texts.get(name))
        given, problem = _values_of(texts, has_semicolons)
        templates = [given.pop("scenario")] if "scenario" in given else []
        if len(cells) != len(header):
            problem = f"has {len(cells)} cells where line 1 names {len(header)}, add or drop some"
        elif any(cell.strip() for name, cell in zip(header, cells, strict=True) if not name):
            problem = "has a cell under no name, name its column in line 1"
        yield from _row_items(file, source, templates, given, problem)
    if not count:
        raise csv_problem(file, None, "has no rows, line 1 names the columns and orgs follow")
    if wrong := [name for name in unknown if filled[name] == count]:
        where = f"{shown(file)}:1"  # raised once, since every row is wrong
        raise InputError(Problem(where, name, unknown[name]) for name in wrong)


def _unknown_column(name: str) -> str:
    """Return why a column is no key of a scenario; nothing if it is one."""
    if name in ("", "scenario") or name.startswith(_REMARK) or unprintable(name):
        return ""
    what = unknown_part(Scenario, name)
    return what and f"{what}; write {_REMARK} before the name of a column of your own"


def _values_of(texts: Mapping[str, str], has_semicolons: bool) -> tuple[dict[str, Any], str]:
    """Return the values of a row's cells, and what is wrong with the first that has none."""
    given: dict[str, Any] = {}
    problem = ""
    for key, text in texts.items():
        if key.startswith(_REMARK):
            continue
        if len(text) > LONGEST_TEXT:
            what = f"has {len(text):,} characters, write at most {LONGEST_TEXT:,}"
            problem = problem or f"{key}: {what}"
        elif what := unprintable(text):
            problem = problem or f"{key}: {what}"
        elif key in ("scenario", "name") and text:
            given[key] = text
        elif key and text:
            try:
                value = given[key] = value_of(text)
                commas = map(decimal_comma, _texts(value) if has_semicolons else ())
                if what := next(filter(None, commas), ""):
                    problem = problem or f"{key}: {what}"
            except Exception as error:  # a cell may hold whatever YAML makes of it
                problem = problem or f"{key}: {in_a_line(error)}"
    return given, problem


def _texts(value: Any) -> Iterator[str]:
    """Yield all text in a value, that of keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _texts(inner)


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class _PortfolioFile(Part):
    scenarios: Annotated[tuple[str, ...], BeforeValidator(_as_list)] = ()
    orgs: tuple[Any, ...] = Field(min_length=1)


def yaml_items(file: Path) -> Iterator[Item]:
    """Yield the orgs of a YAML file: each of ``orgs`` once with each of its templates.

    Raises
    ------
    InputError
        If it cannot be read; a value that cannot be read is a problem of its org alone.
    """
    document = Document.read(file, "portfolio")
    wrong: dict[int, list[str]] = {}
    for path in [path for path in document.unread if path[0] == "orgs"]:
        if len(path) > 1 and isinstance(path[1], int):  # of an org; the rest is the file's
            what = f"{dotted(path[2:])}: {document.unread.pop(path)}".removeprefix(": ")
            wrong.setdefault(path[1], []).append(what)
    portfolio = document.validate(_PortfolioFile)
    for index, org in enumerate(portfolio.orgs):
        problem = "; ".join(wrong.get(index, []))
        if not isinstance(org, dict):
            problem = problem or f"{org!r} is no org, write 'key: value' pairs"
            org = {}  # noqa: PLW2901
        given = {str(key): value for key, value in org.items() if key != "scenario"}
        templates = _as_list(org.get("scenario", list(portfolio.scenarios)))
        if not isinstance(templates, list) or not all(isinstance(t, str) for t in templates):
            problem = problem or f"scenario: {templates!r} is no path, name a scenario file"
            templates = []
        source = document.where(("orgs", index))
        yield from _row_items(file, source, templates, given, problem)


@lru_cache
def _beside(file: Path, template: str) -> Path:
    """Return the path of a template, cached: a thousand orgs share one `Path`."""
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
        named = ", ".join(map(repr, templates))[:80]
        reason = getattr(error, "strerror", None) or str(error)
        problem = problem or f"scenario: {named} is no path ({reason}), name a scenario file"
    return list(_crossed(file, source, [], values, problem))


def _crossed(
    file: Path, source: str, templates: Sequence[str], values: dict[str, Any], problem: str
) -> Iterator[Item]:
    """Yield an org once with each of its templates."""
    found: list[Path] = []
    for template in templates:
        path = _beside(file, template)
        if has_magic(template) and not path.exists():
            fitting = matching(str(path))
            if not fitting:
                problem = problem or f"scenario: {template} matches no file, check the pattern"
            found += fitting
        else:
            found.append(path)
    if not found:
        problem = problem or "scenario: is missing, name the org's template"
        found = [file]
    name = values.get("name")
    name = name if isinstance(name, str) and name else source
    for template_file in found:
        own = f"{name} ({shown(template_file.stem)})" if len(found) > 1 else name
        slug = own.replace(shown(file), shown(file.stem)) if name == source else own
        yield Item(own, slug, template_file, source, tuple(values.items()), problem)


def matching(pattern: str) -> list[Path]:
    """Return the files that a pattern fits, sorted."""
    found = map(Path, glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute
    return sorted(file for file in found if file.is_file())
