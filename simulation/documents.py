"""YAML documents whose values know the line they stand on, checked against a model."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from simulation.errors import InputError, KeyPath, KeyProblems, Problem, dotted
from simulation.input_files import ANYWHERE, Access, read_text, shown
from simulation.plain_yaml import LONGEST_TEXT, NotYaml, Refused, Tree, unprintable

__all__ = ["Document", "value_of"]

M = TypeVar("M", bound=BaseModel)

_UNWRITTEN = ("[key]", "fixed")  # parts of a model's path that stand in no file, unless they do


def value_of(text: str) -> Any:
    """Read a value as YAML; what is none is text.

    >>> value_of("20000"), value_of("[mon, fri]"), value_of("1 hour"), value_of("Acme: North: a")
    (20000, ['mon', 'fri'], '1 hour', 'Acme: North: a')

    Raises
    ------
    InputError
        If it is YAML that no file may hold: tags, aliases without end, numbers without measure.
    """
    try:
        if len(text) > LONGEST_TEXT:
            raise Refused(f"has {len(text):,} characters, write at most {LONGEST_TEXT:,}", 1)
        return Tree(text).build()
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
        How messages call it: the file's path as the user wrote it.
    folder : Path
        Where relative paths inside it start.
    access : Access
        Which files it may name.
    data : dict
        The nested data.
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
        self._lines: dict[KeyPath, int] = {}
        self._overrides: dict[KeyPath, str] = {}

    @classmethod
    def read(
        cls,
        path: Path | str,
        what: str = "scenario",
        access: Access = ANYWHERE,
    ) -> Document:
        """Read a YAML file.

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
        except NotYaml as error:
            where = shown(path) if error.line is None else f"{shown(path)}:{error.line}"
            told = f"is not valid YAML: {error}; check indent and quotes"
            raise InputError([Problem(where, dotted(error.path), told)]) from None
        except Refused as error:
            where = f"{shown(path)}:{error.line}"
            told = str(error) if error.path else f"the file {error}"
            raise InputError([Problem(where, dotted(error.path), told)]) from None
        return document

    def set(self, assignment: str) -> None:
        """Apply one ``key=value`` as ``--set`` gives it; the value is read as YAML.

        Raises
        ------
        InputError
            If it is no assignment, or leads into a list item that does not exist.
        """
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip():
            raise InputError([Problem(f"--set {assignment}", "", "write it as key=value")])
        try:
            value = value_of(text)
        except InputError as error:
            told = (replace(each, where=f"--set {key.strip()}") for each in error.problems)
            raise InputError(told) from None
        self.assign(key.strip(), value)

    def assign(self, key: str, value: Any, origin: str = "") -> None:
        """Put a value at a dotted key, making the mappings on the way.

        A list is entered by position, or by the ``name`` of one of its items:
        ``clients.website-forms.calls.0.records``. Messages name the origin of the value, which
        is ``--set`` unless told otherwise.

        Raises
        ------
        InputError
            If the key leads into a list item that does not exist.
        """
        option = origin or f"--set {key}"
        path: KeyPath = ()
        target = self.data
        rest = key.split(".")
        while True:
            here, rest = self._step(target, rest, option)
            path = (*path, here)
            if not rest:
                break
            inner = target[here] if isinstance(target, list) else target.get(here)
            if not isinstance(inner, dict | list):
                inner = target[here] = {}
            target = inner
        target[here] = value
        self._overrides[path] = option
        self._lines = {p: line for p, line in self._lines.items() if p[: len(path)] != path}

    def changed(self, values: Mapping[str, Any], origin: str = "") -> Document:
        """Return a copy with values put at dotted keys; this document stays as it is."""
        copy = Document(deepcopy(self.data), self.name, self.folder, self.access)
        copy._lines = self._lines
        copy._overrides = dict(self._overrides)
        for key, value in values.items():
            copy.assign(key, value, origin)
        return copy

    @staticmethod
    def _step(target: Any, rest: list[str], option: str) -> tuple[Any, list[str]]:
        if not isinstance(target, list):
            return rest[0], rest[1:]
        names = [item.get("name") if isinstance(item, dict) else None for item in target]
        for length in range(len(rest), 0, -1):  # a name may itself hold dots
            name = ".".join(rest[:length])
            if name in names:
                return names.index(name), rest[length:]
        if re.fullmatch("[0-9]{1,9}", rest[0]) and int(rest[0]) < len(target):
            return int(rest[0]), rest[1:]
        known = ", ".join(name or str(place) for place, name in enumerate(names))
        raise InputError(
            [Problem(option, "", f"there is no {rest[0]!r} here, name one of: {known}")]
        )

    def where(self, path: KeyPath) -> str:
        """Return ``file:line`` of a key, or of the nearest thing around it; or the option."""
        for length in range(len(path), -1, -1):
            if (option := self._overrides.get(path[:length])) is not None:
                return option
            if (line := self._lines.get(path[:length])) is not None:
                return f"{self.name}:{line}"
        return self.name

    def readable(self, path: KeyPath) -> str:
        """Write a path as ``--set`` takes it, list items by their name where they have one."""
        parts: list[str] = []
        value = self.data
        for key in path:
            part = dotted((key,))
            if isinstance(value, list) and isinstance(key, int) and key < len(value):
                names = [item.get("name") for item in value if isinstance(item, dict)]
                value = value[key]
                name = value.get("name") if isinstance(value, dict) else None
                if isinstance(name, str) and names.count(name) == 1:
                    part = name
            else:
                value = value.get(key) if isinstance(value, Mapping) else None
            parts.append(part)
        return ".".join(parts)

    def problem(self, path: KeyPath, what: str) -> Problem:
        """Return a problem at a key of this document."""
        return Problem(self.where(path), self.readable(path), what)

    def validate(self, model: type[M]) -> M:
        """Build a model of the data; its validators find this document in their context.

        Raises
        ------
        InputError
            With a line for each thing that the model refuses.
        """
        try:
            return model.model_validate(self.data, context={"document": self})
        except ValidationError as error:
            raise InputError(self._problems(model, error)) from None

    def _problems(self, model: type[BaseModel], error: ValidationError) -> Iterator[Problem]:
        details = error.errors(include_url=False)
        for detail in details:
            loc = detail["loc"]
            if detail["type"] == "too_short" and any(
                len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc
                for other in details
            ):
                continue  # items that are wrong are not counted, and told themselves
            path = self._written(loc)
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, KeyProblems):
                for inner, what, where, key in cause.problems:
                    here = self.problem((*path, *inner), what)
                    yield Problem(where, key or here.path, what) if where else here
            else:
                yield self.problem(path, _describe(model, detail, path))

    def _written(self, loc: KeyPath) -> KeyPath:
        """Return a model's path without the parts that the model adds to what is written."""
        path: KeyPath = ()
        value = self.data
        for part in loc:
            if isinstance(value, Mapping):
                added = part == "[key]" and part not in value
            else:
                added = part in _UNWRITTEN
            if added:
                continue
            path = (*path, part)
            try:
                value = value[part]
            except (LookupError, TypeError):
                value = None
        return path


def _problem(path: Path, what: str) -> InputError:
    return InputError([Problem(shown(path), "", what)])


def _describe(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        known = _known_keys(model, path[:-1])
        near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return f"is an unknown key, {meant}known here: {', '.join(known)}"
    if kind in {"too_short", "too_long"}:
        context = detail["ctx"]
        bound = f"at least {context['min_length']}" if "min_length" in context else ""
        bound = bound or f"at most {context['max_length']}"
        return f"has {context['actual_length']} items, write {bound}"
    if kind == "missing":
        return "is missing, add it"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    value = detail["input"]
    shown = (
        repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    )
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        return f"{shown} is not a mapping, write 'key: value' pairs"
    return f"{shown} is wrong, it {message.removeprefix('Input ').replace('tuple', 'list')}"


def _known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """List the keys of the model that stands at a path inside another model."""
    here: Any = model
    for key in path:
        if isinstance(key, int):
            continue
        field = getattr(here, "model_fields", {}).get(key)
        if field is not None:
            here = _model_in(field.annotation)
    return list(getattr(here, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    """Find the model in an annotation such as ``Model | None`` or ``dict[str, Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if (found := _model_in(argument)) is not None:
            return found
    return None
