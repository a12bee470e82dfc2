"""Dotted keys, as messages write and ``--set`` takes them: what they lead to, in one reading.

An item of a list is called by a name of its own, or by its position from ``#1`` on. A name may hold
dots or look like the position of another item; a key that has two readings for it is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simulation.errors import LABELS, InputError, KeyPath, Problem, dotted
from simulation.formats.plain_yaml import DEEPEST
from simulation.formats.spelling import did_you_mean

__all__ = ["Step", "labels", "misread", "split", "step"]

_POSITION = re.compile("(#?)([0-9]{1,9})")  # a bare number counts from 0; messages never write one
_SHOWN = 80  # characters of a key that is too long to be shown
_ENDS = re.compile("[.=]")  # what may follow a name in an assignment


class Step(NamedTuple):
    """One step into nested data: a key or an index, and what is left of the dotted key."""

    key: Any
    rest: list[str]
    name: str = ""
    """The name of the item, or the key, that was found in the data; empty where none was."""


def _names(items: list[Any]) -> list[str]:
    """Return the name of each item of a list; empty where it has none, or another has the same."""
    found = [
        next((item[key] for key in LABELS if isinstance(item.get(key), str)), "")
        if isinstance(item, dict)
        else ""
        for item in items
    ]
    times = Counter(found)
    return [
        name if name.strip() and name.isprintable() and times[name] == 1 else "" for name in found
    ]


def _index(word: str, count: int) -> int | None:
    """Return the index that a word such as ``#1`` means in a list of ``count`` items, or None."""
    if found := _POSITION.fullmatch(word):
        index = int(found[2]) - len(found[1])
        return index if 0 <= index < count else None
    return None


def labels(items: list[Any]) -> list[str]:
    """Return what each item of a list is called in keys: its name, or its position from #1 on.

    A name that two items have cannot tell them apart; one that is the beginning of another name, or
    the position of another item, could be taken for that.

    >>> labels([{"name": "web"}, {"api": "other"}, {"api": "other"}, 5])
    ['web', '#2', '#3', '#4']
    >>> labels([{"name": "crm"}, {"name": "crm.eu"}, {"name": "#1"}])
    ['#1', '#2', '#3']
    """
    names = _names(items)
    given = {*names} - {""}
    unsure = set[str]()
    for index, name in enumerate(names):
        for beginning in _beginnings(name):
            if beginning in given and beginning != name:
                unsure |= {name, beginning}
            is_own = beginning == name == f"#{index + 1}"
            if _index(beginning, len(names)) is not None and not is_own:
                unsure.add(name)
    return [
        name if name and name not in unsure else f"#{position}"
        for position, name in enumerate(names, 1)
    ]


def misread(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the index of each name that begins like an item's position, and that item's index.

    >>> list(misread(["#2", "#1.calls", "#3", "#9"]))
    [(0, 1), (1, 0)]
    """
    for index, name in enumerate(names):
        beginning = _ENDS.split(name, maxsplit=1)[0]
        other = _index(beginning, len(names)) if name.startswith("#") else None
        if other is not None and (index, name) != (other, beginning):
            yield index, other


def _beginnings(name: str) -> Iterator[str]:
    """Yield the beginnings of a name that can be read as a name, and the name itself."""
    yield from (name[: end.start()] for end in _ENDS.finditer(name))
    yield name


def step(target: Any, rest: list[str], before: KeyPath, option: str) -> Step:
    """Return the one reading of the next words of a dotted key.

    Parameters
    ----------
    target : dict or list
        What the words lead into; ``before`` is the way to it.
    option : str
        Where the key was written, for messages.

    Raises
    ------
    InputError
        If there is no such item, there are two readings, or it leads deeper than files do.
    """
    if len(before) >= DEEPEST:
        what = f"leads deeper than {DEEPEST} levels, shorten it"
        raise InputError([Problem(f"{option[:_SHOWN]}…", "", what)])
    found = [*_steps(target, rest)]
    if len({(each.key, *each.rest) for each in found}) > 1:
        raise InputError([Problem(option, "", _two_readings(target, found, before))])
    if found:
        return found[0]
    if not isinstance(target, list):
        return Step(rest[0], rest[1:])
    names = labels(target)
    what = f"there is no {rest[0]!r} here, {did_you_mean(rest[0], names)}name one of: "
    what = what + ", ".join(names) if names else "the list is empty, fill it"
    raise InputError([Problem(option, "", what)])


def _steps(target: Any, rest: list[str]) -> Iterator[Step]:
    """Yield the readings of the next words that lead to what is there, the longest name first."""
    is_list = isinstance(target, list)
    # A number may be a key, and keys and names may hold dots.
    keys = _names(target) if is_list else [*map(str, target)]
    targets = dict(zip(keys, range(len(keys)) if is_list else target, strict=True))
    for length in range(len(rest), 0, -1):
        if (name := ".".join(rest[:length])) and name in targets:
            yield Step(targets[name], rest[length:], name)
    if is_list and (index := _index(rest[0], len(target))) is not None:
        yield Step(index, rest[1:])


def _two_readings(target: Any, found: list[Step], before: KeyPath) -> str:
    """Return the message about a key with two readings: what each is, and how to write it."""
    if not isinstance(target, list):
        keys = " or ".join(repr(str(each.key)) for each in found)
        return f"may lead into {keys}, which both are there: change it in the file"
    called, names = labels(target), _names(target)
    around = f"{dotted(before)}." if before else ""
    ways = dict.fromkeys(
        f"{around}{'.'.join([called[key], *rest])} for {names[key] or called[key]!r}"
        for key, rest, _ in found
    )
    return f"has two readings, write {' or '.join(ways)}"


def split(data: Any, assignment: str) -> tuple[str, str]:
    """Return the key and the value of a ``key=value``, also where a name on the way has a ``=``.

    Raises
    ------
    InputError
        If it is no assignment, or there are two readings.
    """
    option = f"--set {assignment}"
    cuts = [found.start() for found in re.finditer("=", assignment)]
    parts = [(assignment[:cut].strip(), assignment[cut + 1 :]) for cut in cuts]
    if not parts or not parts[0][0]:
        raise InputError([Problem(option, "", "write it as key=value")])
    found = [(key, text, way) for key, text in parts[1:] if (way := _way(data, key, strict=True))]
    if not found:
        return parts[0]
    if way := _way(data, parts[0][0], strict=False):
        found = [(*parts[0], way), *found]
    if len(found) > 1:
        ways = [f"{dotted(way)}={text}" for _, text, way in found]
        remedy = "change it in the file" if len({*ways}) == 1 else f"write {' or '.join(ways)}"
        raise InputError([Problem(option, "", f"has two readings, {remedy}")])
    key, text, _ = found[0]
    return key, text


def _way(data: Any, key: str, strict: bool) -> KeyPath:
    """Return the path of a key, or nothing; if strict, each ``=`` has to be in a name."""
    way: KeyPath = ()
    rest = key.split(".")
    while rest:
        here: Any = data if isinstance(data, dict | list) else {}
        found = next(_steps(here, rest), None)
        if found is None and (isinstance(here, list) or (strict and "=" in ".".join(rest))):
            return ()
        found = found or Step(rest[0], rest[1:])
        try:
            data = here[found.key]
        except LookupError:
            data = None
        way, rest = (*way, found.key), found.rest
    return way
