"""Errors of models in words: what is wrong at a key, and what would be right there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails

from simulation.errors import KeyPath
from simulation.formats.spelling import did_you_mean

__all__ = ["describe", "details_of", "known_keys", "next_keys", "unknown_part"]

_LONGEST_ITEM = 80
_NO_SPACE = re.compile(r"(\w+):([^\s:/\\][^\s]*)")
_TYPOGRAPHIC = re.compile(
    "^[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb]|[\u201c\u201d\u2018\u2019\u00ab\u00bb]$"
)


def describe(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    """Return what is wrong and what would be right, in one line without file and key."""
    what = _describe(model, detail, path)
    if isinstance(detail["input"], str) and _TYPOGRAPHIC.search(detail["input"].strip()):
        what += "; typographic quotes count as text, write straight ones or none"
    return what


def _describe(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    kind, value = detail["type"], detail["input"]
    if kind == "extra_forbidden":
        right = _with_space(path[-1])
        if right and right.partition(":")[0] in known_keys(model, path[:-1]):
            return f"has no space after its colon, write {right!r}"
    if kind in _NO_MAPPING and (right := _with_space(value)):
        return f"{_as_shown(value)} has no space after a colon, write {right!r}"
    if kind == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if template := _TEMPLATES.get(kind):
        blanks = {
            name: fill(model, detail, path)
            for name, fill in _BLANKS.items()
            if f"{{{name}}}" in template
        }
        return template.format(**detail.get("ctx", {}), **blanks)
    subject, should, rest = detail["msg"].partition(" should ")
    if not should:
        return f"{_as_shown(value)} is wrong: {subject[:1].lower()}{subject[1:]}"
    return f"{_as_shown(value)} is wrong, it should {rest}"


def _as_shown(value: Any) -> str:
    if isinstance(value, str | int | float | None):
        return repr(value)
    words = {"dict": "a mapping", "list": "a list"}
    kind = type(value).__name__
    return words.get(kind, f"a {kind}")


def _with_space(value: Any) -> str:
    """Return ``key: value`` where the space after the colon was forgotten, or nothing."""
    found = _NO_SPACE.search(value) if isinstance(value, str) else None
    return f"{found[1]}: {found[2]}" if found else ""


def _as_text(_: type[BaseModel], detail: ErrorDetails, __: KeyPath) -> str:
    """Return how to write a value as text."""
    return "it in quotes" if isinstance(detail["input"], int | float) else "some"


def _as_item(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    """Return how to write a single value as the only item of a list."""
    value = detail["input"]
    if isinstance(value, dict):
        return "a dash before its first key"
    item = _model_at(model, path)
    required = [] if item is None else [k for k, f in item.model_fields.items() if f.is_required()]
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ITEM:
        return f"[{{{required[0]}: {value}}}]" if required else f"[{value}]"
    return "items in brackets, or each after a dash"


def _known(model: type[BaseModel], _: ErrorDetails, path: KeyPath) -> str:
    """Return the keys that may stand beside a key."""
    return ", ".join(known_keys(model, path[:-1]))


def _meant(model: type[BaseModel], _: ErrorDetails, path: KeyPath) -> str:
    """Return which key is probably meant by an unknown one, or nothing."""
    return did_you_mean(str(path[-1]), known_keys(model, path[:-1]))


def _meaning(model: type[BaseModel], _: ErrorDetails, path: KeyPath) -> str:
    """Return what a missing key is for, after a colon, or nothing."""
    here = _model_at(model, path[:-1])
    field = getattr(here, "model_fields", {}).get(path[-1])
    return f": {field.description}" if field is not None and field.description else ""


_NO_MAPPING = ("model_type", "dict_type", "model_attributes_type")
_TEMPLATES = {
    "extra_forbidden": "is an unknown key, {meant}known here: {known}",
    "missing": "is missing, add it{meaning}",
    "invalid_key": "is no word, known here: {known}",
    "too_short": "has {actual_length} items, write at least {min_length}",
    "too_long": "has {actual_length} items, write at most {max_length}",
    "string_too_short": "is empty, write a text",
    "string_too_long": "has {length} characters, write at most {max_length}",
    "string_type": "{value} is no text, write {text}",
    **dict.fromkeys(("list_type", "tuple_type"), "{value} is no list, write {item}"),
    **dict.fromkeys(_NO_MAPPING, "{value} is not a mapping, write 'key: value' pairs"),
}
"""What is wrong, by pydantic's kinds of error, whose context fills the blanks, beside `_BLANKS`."""

_BLANKS: dict[str, Callable[[type[BaseModel], ErrorDetails, KeyPath], str]] = {
    "item": _as_item,
    "known": _known,
    "length": lambda _, detail, __: f"{len(detail['input']):,}",
    "meaning": _meaning,
    "meant": _meant,
    "text": _as_text,
    "value": lambda _, detail, __: _as_shown(detail["input"]),
}


def details_of(error: ValidationError) -> list[InitErrorDetails]:
    """Return the details of an error in the form from which another error can be made."""
    found: list[InitErrorDetails] = []
    for each in error.errors(include_url=False):
        detail = InitErrorDetails(type=each["type"], loc=each["loc"], input=each["input"])
        if "ctx" in each:
            detail["ctx"] = each["ctx"]
        found.append(detail)
    return found


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys of the model that stands at a path inside another model."""
    return list(getattr(_model_at(model, path), "model_fields", {}))


def next_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that come after a key in its model's order."""
    keys = known_keys(model, path[:-1])
    return keys[keys.index(str(path[-1])) + 1 :] if path[-1] in keys else []


def unknown_part(model: type[BaseModel], key: str) -> str:
    """Return what is wrong with a dotted key that leads nowhere in a model, or nothing."""
    here: Any = model
    for part in key.split("."):
        fields = getattr(here, "model_fields", {})
        if not fields:
            return ""
        if part not in fields:
            return f"is an unknown key, {did_you_mean(part, fields)}known here: {', '.join(fields)}"
        here = fields[part].annotation
        if not (isinstance(here, type) and issubclass(here, BaseModel)):
            return ""
    return ""


def _model_at(model: type[BaseModel], path: KeyPath) -> type[BaseModel] | None:
    """Return the model that stands at a path inside another one."""
    here: Any = model
    for key in path:
        if isinstance(key, int):
            continue
        field = getattr(here, "model_fields", {}).get(key)
        if field is not None:
            here = _model_in(field.annotation)
    return here if isinstance(here, type) else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in an annotation such as ``Model | None`` or ``dict[str, Model]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if (found := _model_in(argument)) is not None:
            return found
    return None
