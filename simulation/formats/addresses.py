"""Keys as messages write them and ``--set`` takes them: what they lead to, in one reading only.

An item of a list is called by a name of its own, or by its place from ``#1`` on. A name may hold
dots or look like the place of another item; then a key can have two readings, and has none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from simulation.errors import LABELS, InputError, KeyPath, Problem, dotted
from simulation.formats.spelling import did_you_mean

__all__ = ["Step", "labels", "misread", "split", "step"]

_PLACE = re.compile("(#?)([0-9]{1,9})")  # a bare number counts from 0; messages never write one
_ENDS = re.compile("[.=]")  # what may follow a name in an assignment


class Step(NamedTuple):
    """One step into nested data: a key or place, what is left of the dotted key, and a name."""

    key: Any
    rest: list[str]
    name: str = ""
    """The key or name that is there already, as it was written; nothing where none is."""


def _names(items: list[Any]) -> list[str]:
    """Return the name of each item of a list that no other one has, or nothing."""
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


def _place(word: str, count: int) -> int | None:
    """Return the place in a list that a word means where it is no name; None where it is none."""
    if found := _PLACE.fullmatch(word):
        place = int(found[2]) - len(found[1])
        return place if 0 <= place < count else None
    return None


def labels(items: list[Any]) -> list[str]:
    """Return what each item of a list is called in keys: its name, or its place from #1 on.

    A name that two items have does not tell them apart; one that is the beginning of another, or
    the place of another item, could be read as that.

    >>> labels([{"name": "web"}, {"api": "other"}, {"api": "other"}, 5])
    ['web', '#2', '#3', '#4']
    >>> labels([{"name": "crm"}, {"name": "crm.eu"}, {"name": "#1"}])
    ['#1', '#2', '#3']
    """
    names = _names(items)
    known = {*names} - {""}
    unsure = set[str]()
    for place, name in enumerate(names):
        for beginning in _beginnings(name):
            if beginning in known and beginning != name:
                unsure |= {name, beginning}
            is_own = beginning == name == f"#{place + 1}"
            if _place(beginning, len(names)) is not None and not is_own:
                unsure.add(name)
    return [
        name if name and name not in unsure else f"#{place}" for place, name in enumerate(names, 1)
    ]


def misread(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the place of each name that begins like the place of an item, and that item's place.

    >>> list(misread(["#2", "#1.calls", "#3", "#9"]))
    [(0, 1), (1, 0)]
    """
    for place, name in enumerate(names):
        beginning = _ENDS.split(name, maxsplit=1)[0]
        other = _place(beginning, len(names)) if name.startswith("#") else None
        if other is not None and (place, name) != (other, beginning):
            yield place, other


def _beginnings(name: str) -> Iterator[str]:
    """Yield a name, and what of it can be read as one."""
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
        If there is no such item, or there are two readings.
    """
    found = [*_steps(target, rest)]
    if len({(each.key, *each.rest) for each in found}) > 1:
        raise InputError([Problem(option, "", _two_readings(target, found, before))])
    if found:
        return found[0]
    if not isinstance(target, list):
        return Step(rest[0], rest[1:])
    known = labels(target)
    what = f"there is no {rest[0]!r} here, {did_you_mean(rest[0], known)}name one of: "
    what = what + ", ".join(known) if known else "the list is empty, fill it"
    raise InputError([Problem(option, "", what)])


def _steps(target: Any, rest: list[str]) -> Iterator[Step]:
    """Yield the readings of the next words that lead to what is there, the longest name first."""
    is_list = isinstance(target, list)
    # A number may be a key, and keys and names may hold dots.
    keys = _names(target) if is_list else [*map(str, target)]
    places = dict(zip(keys, range(len(keys)) if is_list else target, strict=True))
    for length in range(len(rest), 0, -1):
        if (name := ".".join(rest[:length])) and name in places:
            yield Step(places[name], rest[length:], name)
    if is_list and (place := _place(rest[0], len(target))) is not None:
        yield Step(place, rest[1:])


def _two_readings(target: Any, found: list[Step], before: KeyPath) -> str:
    """Say what each of two readings of a key is, and how to write it."""
    if not isinstance(target, list):
        keys = " or ".join(repr(str(each.key)) for each in found)
        return f"may lead into {keys}, which both are there: change it in the file"
    known, names = labels(target), _names(target)
    around = f"{dotted(before)}." if before else ""
    ways = dict.fromkeys(
        f"{around}{'.'.join([known[key], *rest])} for {names[key] or known[key]!r}"
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
        told = "change it in the file" if len({*ways}) == 1 else f"write {' or '.join(ways)}"
        raise InputError([Problem(option, "", f"has two readings, {told}")])
    key, text, _ = found[0]
    return key, text


def _way(data: Any, key: str, strict: bool) -> KeyPath:
    """Return where a key leads, or nothing; if strict, each ``=`` has to be of a name there."""
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
