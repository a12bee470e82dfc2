"""YAML documents with the line of each value, changed by ``--set``, checked against a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from simulation.errors import InputError, KeyPath, KeyProblem, KeyProblems, Problem, dotted
from simulation.formats.addresses import labels, split, step
from simulation.formats.input_files import ANYWHERE, Access, read_text, shown
from simulation.formats.model_errors import describe, next_keys
from simulation.formats.parts import thawed
from simulation.formats.plain_yaml import LONGEST_TEXT, NotYaml, Refused, Tree, unprintable
from simulation.formats.yaml_mistakes import has_comment

__all__ = ["Document", "value_of"]

M = TypeVar("M", bound=BaseModel)

_KEY_ITSELF = "[key]"
"""What pydantic appends to the path of a key that is itself wrong; it stands in no file."""

_NOTHING = object()
_OPTION = "--set "


def value_of(text: str) -> Any:
    """Return a text's value as YAML, or the text where it is no YAML or has a # as text may.

    >>> value_of("20000"), value_of("[mon, fri]"), value_of("Acme #2"), value_of("Acme: North: a")
    (20000, ['mon', 'fri'], 'Acme #2', 'Acme: North: a')

    Raises
    ------
    InputError
        If it is YAML that no file may hold (a tag, too many aliases, too long a number), or has a
        comment beside a list, a mapping or text in quotes.
    """
    try:
        if len(text) > LONGEST_TEXT:
            raise Refused(f"has {len(text):,} characters, write at most {LONGEST_TEXT:,}", 1)
        tree = Tree(text)
        value = tree.build()
        if tree.unread:
            raise InputError(Problem("", dotted(path), what) for path, what in tree.unread.items())
        if not has_comment(text):
            return value
        if isinstance(value, dict | list) or text.lstrip()[0] in "\"'":
            raise InputError("holds a comment, leave it out, or quote all that is meant")
        return text.strip()
    except NotYaml:
        if unprintable(text):
            raise InputError(f"{text[:40]!r} holds what is no text, take it out") from None
        return text
    except Refused as refused:
        raise InputError([Problem("", dotted(refused.path), str(refused))]) from None


class Document:
    """A YAML file, or plain data, as nested mappings and lists.

    Attributes
    ----------
    name : str
        What messages call it: the file's path as the user wrote it.
    folder : Path
        Where relative paths inside it start.
    access : Access
        Which files it may name.
    data : dict
        The nested data.
    unread : dict
        What is wrong with values that could not be read, by key path; they are None in ``data``.
    kept : mapping
        What was read before of files that it names, so that they are not read again.
    """

    def __init__(
        self,
        data: Any,
        name: str = "",
        folder: Path | str = ".",
        access: Access = ANYWHERE,
    ) -> None:
        self.data = data
        self.name = name
        self.folder = Path(folder)
        self.access = access
        self.unread: dict[KeyPath, str] = {}
        self.kept: Mapping[str, Any] = {}
        self._lines: dict[KeyPath, int] = {}
        self._overrides: dict[KeyPath, str] = {}
        self._replaced: list[tuple[str, KeyPath, Any]] = []

    @classmethod
    def read(
        cls,
        path: Path | str,
        what: str = "scenario",
        access: Access = ANYWHERE,
    ) -> Document:
        """Return the document of a YAML file.

        Raises
        ------
        InputError
            If there is no such file, it is no valid YAML, names a key twice, is no mapping, or is
            larger than its kind may be.
        """
        path = Path(path)
        document = cls(None, shown(path), path.parent, access)
        try:
            tree = Tree(read_text(path, what))
            if not tree.is_mapping:
                raise _problem(path, f"is not a {what} file, write 'key: value' lines")
            document.data = tree.build(document._lines)
            document.unread = tree.unread
        except NotYaml as error:
            where = shown(path) if error.line is None else f"{shown(path)}:{error.line}"
            message = f"is not valid YAML: {error}"
            raise InputError([Problem(where, dotted(error.path), message)]) from None
        except Refused as error:
            where = f"{shown(path)}:{error.line}"
            message = str(error) if error.path else f"the file {error}"
            raise InputError([Problem(where, dotted(error.path), message)]) from None
        return document

    def changed(self, values: Mapping[str, Any], origin: str = "") -> Document:
        """Return a copy with values put at dotted keys; this document stays as it is.

        A list is entered by the ``name`` of one of its items, its ``api`` or its ``date``:
        ``clients.website-forms.calls.upsert_records.records``; or by its position, ``#1`` for
        the first. Messages name the origin of the values, ``--set`` unless another is given.

        Raises
        ------
        InputError
            If a key leads into a list item that does not exist, has two readings, or gives what
            another one gives.
        """
        copy = self._copy()
        whole: dict[KeyPath, str] = {}  # keys by path, and by the paths around it
        around: dict[KeyPath, str] = {}
        for key, value in values.items():
            option = origin or f"{_OPTION}{key}"
            path = copy._put(key, value, option)
            paths = [path[:length] for length in range(1, len(path) + 1)]
            other = next((whole[each] for each in paths if each in whole), around.get(path))
            if other is not None:
                what = f"gives a value that {other!r} gives as well, keep one of them"
                raise InputError([Problem(option, key, what)])
            whole[path] = key
            around.update(dict.fromkeys(paths, key))
        return copy

    def overridden(self, assignments: Iterable[str]) -> Document:
        """Return a copy with ``key=value`` applied in order, as ``--set`` gives them.

        Keys are those of `changed`; values are read as YAML.

        Raises
        ------
        InputError
            If one is no assignment, leads into a list item that does not exist, has two readings,
            or undoes what an earlier one put inside of its value.
        """
        copy = self._copy()
        for assignment in assignments:
            key, text = split(copy.data, assignment)
            try:
                value = value_of(text)
            except InputError as error:
                problems = (replace(each, where=f"{_OPTION}{key}") for each in error.problems)
                raise InputError(problems) from None
            path = copy._put(key, value, f"{_OPTION}{key}")
            for inside, option in copy._overrides.items():
                is_inside = len(inside) > len(path) and inside[: len(path)] == path
                if is_inside and option.startswith(_OPTION):
                    what = f"replaces what {option} has put inside of it, write it before that"
                    raise InputError([Problem(f"{_OPTION}{key}", "", what)])
        return copy

    def _copy(self) -> Document:
        copy = Document(deepcopy(self.data), self.name, self.folder, self.access)
        copy._lines = self._lines  # shared: `_put` replaces these mappings, and never changes one
        copy.unread = self.unread
        copy._overrides = dict(self._overrides)
        copy._replaced = [*self._replaced]
        return copy

    def _put(self, key: str, value: Any, option: str) -> KeyPath:
        """Put a value at a dotted key, making the mappings on the way; return the path there."""
        path: KeyPath = ()
        target = self.data
        rest = key.split(".")
        while True:
            here, rest, _ = step(target, rest, path, option)
            path = (*path, here)
            if not rest:
                break
            if not isinstance(inner := _at(target, here), dict | list):
                self._replaced.append((option, path, inner))
                inner = target[here] = {}
            target = inner
        self._replaced.append((option, path, _at(target, here)))
        target[here] = thawed(value)
        self._overrides[path] = option
        self.unread = {p: what for p, what in self.unread.items() if p[: len(path)] != path}
        self._lines = {p: line for p, line in self._lines.items() if p[: len(path)] != path}
        return path

    def _before(self, origin: str) -> Document:
        """Return a copy without the values of an origin, and without those that came later."""
        copy = self._copy()
        first = [each for each, *_ in self._replaced].index(origin)
        for _, path, value in reversed(self._replaced[first:]):
            target = reduce(getitem, path[:-1], copy.data)
            if value is _NOTHING:
                del target[path[-1]]
            else:
                target[path[-1]] = deepcopy(value)
        return copy

    def where(self, path: KeyPath) -> str:
        """Return ``file:line`` of a key, or of the nearest key around it; or the option."""
        for length in range(len(path), -1, -1):
            if (option := self._overrides.get(path[:length])) is not None:
                return option
            if (line := self._lines.get(path[:length])) is not None:
                return f"{self.name}:{line}"
        return self.name

    def _line(self, path: KeyPath) -> int:
        """Return the line of a key, or of the nearest key around it; 0 where there is none."""
        around = (path[:length] for length in range(len(path), -1, -1))
        return next((self._lines[key] for key in around if key in self._lines), 0)

    def readable(self, path: KeyPath, names: dict[int, list[str]] | None = None) -> str:
        """Return a path as ``--set`` takes it, list items by their name where they have one.

        ``names`` keeps what the items of each list are called, for the next path.
        """
        names = {} if names is None else names
        parts: list[str] = []
        value = self.data
        for key in path:
            # A key of a mapping may be a number.
            part = dotted((str(key) if isinstance(value, Mapping) else key,))
            if isinstance(value, list) and isinstance(key, int):
                if id(value) not in names:
                    names[id(value)] = labels(value)
                called = names[id(value)]
                part = called[key] if key < len(called) else dotted((key,))
                value = value[key] if key < len(value) else None
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
            parts.append(part)
        return ".".join(parts)

    def problem(self, path: KeyPath, what: str) -> Problem:
        """Return a problem at a key of this document."""
        return Problem(self.where(path), self.readable(path), what)

    def validate(self, model: type[M], blame: bool = True) -> M:
        """Return a model of the data; its validators find this document in their context.

        Raises
        ------
        InputError
            With a line for each thing that the model refuses. If ``blame``, it names the override
            without which a value of the file would be right.
        """
        valid, wrong = self._validated(model)
        if valid is None:
            raise InputError(self._in_order(wrong, self._blamed(model, wrong) if blame else {}))
        return valid

    def _validated(self, model: type[M]) -> tuple[M | None, list[KeyProblem]]:
        """Return a model of the data, or what is wrong with it."""
        valid: M | None = None
        wrong: list[KeyProblem] = []
        try:
            valid = model.model_validate(self.data, context={"document": self})
        except ValidationError as error:
            wrong = [*self.wrong(model, error)]
        if self.unread:
            around = {path[:length] for path in self.unread for length in range(1, len(path) + 1)}
            wrong = [
                each
                for each in wrong
                if each.path not in around
                and not any(each.path[:n] in self.unread for n in range(len(each.path)))
            ]
            wrong += [KeyProblem(path, what) for path, what in self.unread.items()]
        return (None if wrong else valid), wrong

    def _blamed(self, model: type[M], wrong: list[KeyProblem]) -> dict[KeyProblem, str]:
        """Return by problem the override that causes it, where its own value is no override."""
        origins = [*dict.fromkeys(origin for origin, *_ in self._replaced)]
        overrides = {*origins}
        open_ = [each for each in wrong if each.where or self.where(each.path) not in overrides]
        blamed: dict[KeyProblem, str] = {}
        for origin in reversed(origins):
            if not open_:
                break
            before = {*self._before(origin)._validated(model)[1]}
            blamed |= {each: origin for each in open_ if each not in before}
            open_ = [each for each in open_ if each in before]
        return blamed

    def _in_order(
        self, problems: Iterable[KeyProblem], blamed: Mapping[KeyProblem, str]
    ) -> list[Problem]:
        """Return problems as messages name them, in the order of their lines."""
        names: dict[int, list[str]] = {}
        found: list[tuple[int, Problem]] = []
        for problem in problems:
            path, what, where, key = problem
            here = where or self.where(path)
            if (origin := blamed.get(problem)) is not None:
                stands = where or path[:1] in self._lines  # in the file, which may leave a key out
                here = f"{origin}: {here}" if stands else origin
            own, _, line = here.rpartition(":")
            number = int(line) if own == self.name and line.isdecimal() else self._line(path)
            found.append((number, Problem(here, key or self.readable(path, names), what)))
        return [problem for _, problem in sorted(found, key=lambda each: each[0])]

    def wrong(self, model: type[BaseModel], error: ValidationError) -> Iterator[KeyProblem]:
        """Yield what a model refused, each with its path in what is written."""
        details = error.errors(include_url=False)
        for detail in details:
            loc = detail["loc"]
            if detail["type"] == "too_short" and any(
                len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc
                for other in details
            ):
                continue  # items that are wrong are not counted, and are reported themselves
            path = self._written(loc)
            if detail["type"] == "missing" and any(
                other["type"] == "extra_forbidden"
                and other["loc"][:-1] == loc[:-1]
                and str(other["loc"][-1]).startswith(f"{loc[-1]}:")
                for other in details
            ):
                continue  # the key is there, without a space after its colon: a problem of its own
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, KeyProblems):
                for problem in cause.problems:
                    yield problem._replace(path=(*path, *problem.path))
            else:
                yield self._with_line(
                    KeyProblem(path, describe(model, detail, path)), model, detail
                )

    def _with_line(
        self, problem: KeyProblem, model: type[BaseModel], detail: ErrorDetails
    ) -> KeyProblem:
        """Return a problem; where a key is missing, with the line before which to write it."""
        around = problem.path[:-1]
        if detail["type"] != "missing" or not self.where(around).startswith(f"{self.name}:"):
            return problem
        for key in next_keys(model, problem.path):
            if (*around, key) in self._lines:
                what = problem.what.replace("add it", f"add it before {key!r}", 1)
                return problem._replace(what=what, where=self.where((*around, key)))
        return problem

    def _written(self, loc: KeyPath) -> KeyPath:
        """Return a model's path as it is written, without what pydantic appends to it."""
        path: KeyPath = ()
        value = self.data
        for part in loc:
            is_own_key = isinstance(value, Mapping) and part in value
            if part == _KEY_ITSELF and not is_own_key:
                continue
            path = (*path, part)
            try:
                value = value[part]
            except (LookupError, TypeError):
                value = None
        return path


def _at(target: Any, key: Any) -> Any:
    """Return what stands at a key of a list or mapping, or `_NOTHING`."""
    return target[key] if isinstance(target, list) else target.get(key, _NOTHING)


def _problem(path: Path, what: str) -> InputError:
    return InputError([Problem(shown(path), "", what)])
