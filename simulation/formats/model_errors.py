"""What a model refuses, in words: what is wrong at a key, and what would be right there."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from simulation.errors import KeyPath
from simulation.formats.spelling import did_you_mean

__all__ = ["describe", "known_keys", "next_keys", "unknown_part"]

_LONGEST_ITEM = 80
_NO_SPACE = re.compile(r"(\w+):([^\s:/\\][^\s]*)")
_TYPOGRAPHIC = re.compile(
    "^[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb]|[\u201c\u201d\u2018\u2019\u00ab\u00bb]$"
)


def describe(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    """Return what is wrong and what would be right, in a line without the place."""
    what = _describe(model, detail, path)
    if isinstance(detail["input"], str) and _TYPOGRAPHIC.search(detail["input"].strip()):
        what += "; typographic quotes count as text, write straight ones or none"
    return what


def _describe(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        known = known_keys(model, path[:-1])
        if (right := _with_space(path[-1])) and right.partition(":")[0] in known:
            return f"has no space after its colon, write {right!r}"
        meant = did_you_mean(str(path[-1]), known)
        return f"is an unknown key, {meant}known here: {', '.join(known)}"
    if kind in {"too_short", "too_long"}:
        context = detail["ctx"]
        bound = f"at least {context['min_length']}" if "min_length" in context else ""
        bound = bound or f"at most {context['max_length']}"
        return f"has {context['actual_length']} items, write {bound}"
    if kind == "missing":
        meaning = _meaning(model, path)
        return f"is missing, add it: {meaning}" if meaning else "is missing, add it"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return _of_text(model, detail, path) or _of_another_kind(model, detail, path)


def _of_text(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    """Say what is wrong with a text or a key, or nothing where the trouble is of another kind."""
    value = detail["input"]
    if detail["type"] == "string_too_long":
        return f"has {len(value):,} characters, write at most {detail['ctx']['max_length']}"
    if detail["type"] == "string_too_short":
        return "is empty, write a text"
    if detail["type"] == "invalid_key":
        return f"is no word, known here: {', '.join(known_keys(model, path[:-1]))}"
    if detail["type"] == "string_type":
        told = "it in quotes" if isinstance(value, int | float) else "some"
        return f"{_as_shown(value)} is no text, write {told}"
    return ""


def _of_another_kind(model: type[BaseModel], detail: ErrorDetails, path: KeyPath) -> str:
    kind, message, value = detail["type"], detail["msg"], detail["input"]
    shown = _as_shown(value)
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        if right := _with_space(value):
            return f"{shown} has no space after a colon, write {right!r}"
        return f"{shown} is not a mapping, write 'key: value' pairs"
    if kind in {"list_type", "tuple_type"}:
        return f"{shown} is no list, write {_as_item(model, path, value)}"
    subject, should, rest = message.replace("tuple", "list").partition(" should ")
    if not should:
        return f"{shown} is wrong: {subject[:1].lower()}{subject[1:]}"
    return f"{shown} is wrong, it should {rest}"


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


def _as_item(model: type[BaseModel], path: KeyPath, value: Any) -> str:
    """Say how to write what stands alone as the only item of a list."""
    if isinstance(value, dict):
        return "a dash before its first key"
    item = _model_at(model, path)
    required = [] if item is None else [k for k, f in item.model_fields.items() if f.is_required()]
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_ITEM:
        return f"[{{{required[0]}: {value}}}]" if required else f"[{value}]"
    return "items in brackets, or each after a dash"


def _meaning(model: type[BaseModel], path: KeyPath) -> str:
    """Return what a key that is missing is for."""
    here = _model_at(model, path[:-1])
    field = getattr(here, "model_fields", {}).get(path[-1])
    return "" if field is None else field.description or ""


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys of the model that stands at a path inside another model."""
    return list(getattr(_model_at(model, path), "model_fields", {}))


def next_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that come after a key in its model's order."""
    known = known_keys(model, path[:-1])
    return known[known.index(str(path[-1])) + 1 :] if path[-1] in known else []


def unknown_part(model: type[BaseModel], key: str) -> str:
    """Say so if a dotted key can lead nowhere in a model, whatever the lists in it hold."""
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
