"""YAML documents whose values know the line they stand on, checked against a model."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from simulation.errors import InputError, KeyPath, KeyProblems, Problem, dotted

__all__ = ["Document", "value_of"]

M = TypeVar("M", bound=BaseModel)

_UNWRITTEN = ("[key]", "fixed")  # parts of a model's path that stand in no file, unless they do


class _Loader(yaml.SafeLoader):
    """YAML 1.1 without the readings that surprise: 02:00 stays text, dates stay text, no = 'no'."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag.rpartition(":")[2] not in {"int", "float", "bool", "timestamp"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


def value_of(text: str) -> Any:
    """Read a value as YAML; what is none is text.

    >>> value_of("20000"), value_of("[mon, fri]"), value_of("1 hour"), value_of("Acme: North: a")
    (20000, ['mon', 'fri'], '1 hour', 'Acme: North: a')
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        return text


class Document:
    """A YAML file, or plain data, as nested mappings and lists.

    Attributes
    ----------
    name : str
        How messages call it: the file's path as the user wrote it.
    folder : Path
        Where relative paths inside it start.
    data : dict
        The nested data.
    """

    def __init__(self, data: Any, name: str = "", folder: Path | str = ".") -> None:
        self.data = data
        self.name = name
        self.folder = Path(folder)
        self._lines: dict[KeyPath, int] = {}
        self._overrides: dict[KeyPath, str] = {}

    @classmethod
    def read(cls, path: Path | str, what: str = "scenario") -> Document:
        """Read a YAML file.

        Raises
        ------
        InputError
            If there is no such file, it is no valid YAML, names a key twice, or is no mapping.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise _problem(path, f"there is no such file, name a {what} file") from None
        except UnicodeDecodeError as error:
            raise _problem(
                path, f"is not UTF-8 text (byte {error.start}), save it as UTF-8"
            ) from None
        except OSError as error:
            reason = (error.strerror or "unreadable").lower()
            raise _problem(path, f"cannot be read ({reason}), name a {what} file") from None
        document = cls(None, str(path), path.parent)
        try:
            loader = _Loader(text)
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise _problem(path, f"is not a {what} file, write 'key: value' lines")
            document._note_lines(node, ())
            document.data = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f"{path}:{mark.line + 1}" if mark else str(path)
            what_is_wrong = " ".join(str(error.problem or error.context).split())
            raise InputError(
                [Problem(where, "", f"is not valid YAML: {what_is_wrong}; check indent and quotes")]
            ) from None
        except yaml.YAMLError as error:
            raise _problem(path, f"is not valid YAML: {' '.join(str(error).split())}") from None
        return document

    def _note_lines(self, node: yaml.Node, path: KeyPath) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if name in seen:
                    what = f"stands here and on line {seen[name]}, keep one of them"
                    raise InputError([Problem(f"{self.name}:{line}", dotted((*path, name)), what)])
                seen[name] = line
                self._lines[*path, name] = line
                self._note_lines(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for position, value in enumerate(node.value):
                self._note_lines(value, (*path, position))

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
        self.assign(key.strip(), value_of(text))

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
        copy = Document(deepcopy(self.data), self.name, self.folder)
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
        if rest[0].isdigit() and int(rest[0]) < len(target):
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
            part = str(key)
            if not (part.strip() and part.isprintable()):
                part = repr(key)
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
    return InputError([Problem(str(path), "", what)])


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
