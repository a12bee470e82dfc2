"""Common mistakes that make a text no YAML: tabs, a missing space, a wrong indent."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import yaml

from simulation.errors import LABELS

__all__ = ["Mistake", "Parser", "find_mistake", "has_comment"]

_KEY = re.compile(r"( *)((?:- +)*)([\"']?)([^\s\"'#:{}\[\],&*!|>%@`-][^\"':#]*)\3:(?= |$)")
_ITEM = re.compile(r"( *)((?:- *)+)")
_NO_SPACE = re.compile(r" *(?:- +)*([A-Za-z_]\w*):([^\s:/\\].*)")
_TAB = "a tab stands where only spaces may, use spaces"
_LINES_BEFORE = 3
"""How far before the line that the parser blames a key without a space may stand."""

Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: the same events, eight times as fast."""


def has_comment(text: str) -> bool:
    """Return whether a text that is YAML holds a comment: a # between its tokens.

    >>> has_comment("Acme #2"), has_comment("'Acme #2'"), has_comment("Acme#2")
    (True, False, False)
    """
    if "#" not in text:
        return False
    end = 0
    for token in yaml.scan(text, Loader=Parser):
        if "#" in text[end : token.start_mark.index]:
            return True
        end = max(end, token.end_mark.index)
    return "#" in text[end:]


class Mistake(NamedTuple):
    """A mistake, its line, and the path of the key there, which may be empty."""

    line: int
    path: tuple[str, ...]
    what: str


def find_mistake(text: str, line: int, column: int = 0) -> Mistake | None:
    r"""Return the common mistake at the line on which a text stops being YAML, or None.

    >>> find_mistake("org:\n\tedition: free\n", 2)
    Mistake(line=2, path=('org', 'edition'), what='a tab stands where only spaces may, use spaces')
    >>> find_mistake("org:\n  edition:free\n  user_licenses: 1\n", 3).what
    "'edition:free' has no space after its colon, write 'edition: free'"
    >>> find_mistake("org:\n  edition: free\n   addon_credits: 0\n", 3).what
    'is indented by 3 spaces and what stands above it by 2, write 2'
    """
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return None
    here = lines[line - 1]
    if "\t" in here[: len(here) - len(here.lstrip())] or here[column : column + 1] == "\t":
        return Mistake(line, _path_of_tabbed(lines, line - 1), _TAB)
    for number in range(line, max(0, line - 1 - _LINES_BEFORE), -1):
        if found := _NO_SPACE.fullmatch(lines[number - 1].rstrip()):
            key, value = found.groups()
            path = (*_path(lines, number - 1), key)
            what = f"'{key}:{value}' has no space after its colon, write '{key}: {value}'"
            return Mistake(number, path, what)
    return _wrong_indent(lines, line - 1)


def _wrong_indent(lines: list[str], index: int) -> Mistake | None:
    """Return a mistake if the indent of a line is that of nothing before it."""
    written = _indent(lines[index])
    before = [line for line in lines[:index] if line.strip() and not line.lstrip().startswith("#")]
    if not before or not lines[index].strip():
        return None
    levels: list[int] = []
    for line in before:
        level = _indent(line)
        while levels and levels[-1] > level:
            levels.pop()
        item = _ITEM.match(line)
        levels += [each for each in (level, item.end() if item else level) if each not in levels]
    opens_one = before[-1].rstrip().endswith((":", "-", "|", ">"))
    if written in levels or (opens_one and written > _indent(before[-1])):
        return None
    right = min(levels, key=lambda level: (abs(level - written), -level))
    what = f"is indented by {written} space{'s' if written != 1 else ''} and what stands above it"
    return Mistake(index + 1, _path(lines, index), f"{what} by {right}, write {right}")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _path_of_tabbed(lines: list[str], index: int) -> tuple[str, ...]:
    """Return the path of a line that is indented by tabs, taken to be one level deeper."""
    before = [line for line in lines[:index] if line.strip()]
    last = before[-1] if before else ""
    item = _ITEM.match(last)
    level = item.end() if item else _indent(last)
    if _holds_more(last.rpartition(":")[2]):
        level += 2
    return _path([*before, " " * level + lines[index].lstrip()], len(before))


def _holds_more(rest: str) -> bool:
    """Return whether the text after a key's colon is empty, so that the key holds what follows."""
    return not rest.strip() or rest.lstrip().startswith(("#", "&"))


def _path(lines: list[str], index: int) -> tuple[str, ...]:
    """Return the path of a line, as far as the indents show it."""
    path: list[str] = []
    key = _KEY.match(lines[index])
    level = len(lines[index]) - len(lines[index].lstrip())
    if key:
        path.append(key[4].strip())
        level = key.end(2)
    is_item = False
    for line in reversed(lines[:index]):
        found, item = _KEY.match(line), _ITEM.match(line)
        if item and item.end(1) < level <= item.end() + 1:
            if found and found[4] in LABELS:
                path.append(line[found.end() :].strip())
            level, is_item = item.end(1), True
        elif (
            found
            and not item
            and found.end(2) < level + is_item
            and _holds_more(line[found.end() :])
        ):
            path.append(found[4].strip())
            level, is_item = found.end(2), False
        if not level + is_item:
            break
    return tuple(reversed(path))
