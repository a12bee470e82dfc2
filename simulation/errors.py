"""What is wrong with the input, in a form that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from simulation.plain_text import encodable, one_line

__all__ = [
    "LABELS",
    "InputError",
    "KeyPath",
    "KeyProblem",
    "KeyProblems",
    "LoopWarning",
    "OutputError",
    "Problem",
    "dotted",
    "in_a_line",
    "shortened",
]

KeyPath = tuple[str | int, ...]
"""The way to a value in nested data: keys of mappings, positions in lists."""


LABELS = ("name", "api", "date")
"""Keys that identify an item of a list."""


def dotted(path: KeyPath) -> str:
    """Return a key path as ``--set`` takes it; a part that cannot be seen is quoted.

    >>> dotted(("clients", 0, "calls")), dotted(("org", ""))
    ('clients.#1.calls', "org.''")
    """
    parts = (f"#{part + 1}" if isinstance(part, int) else part for part in path)
    return ".".join(part if part.strip() and part.isprintable() else repr(part) for part in parts)


_LONG = 200  # characters of a value: the longest name is not cut
_QUOTED = re.compile(
    rf"""(?<![\w\\])('(?:[^'\\]|\\.){{{_LONG},}}'|"(?:[^"\\]|\\.){{{_LONG},}}")(?!\w)"""
)
_WORD = re.compile(rf"\S{{{_LONG + 2},}}")
_OPTION = re.compile(r"--[a-z][-a-z]+(?: |$)").match  # a file may be called "----"
_LONGEST_WHERE, _LONGEST_KEY = 1_000, 400
_LONGEST = 3_000  # of a message: the call kinds of a card are listed in full


def shortened(text: str) -> str:
    """Return a message in which values of more than 200 characters are cut in their middle.

    >>> shortened(f"{'a' * 300!r} is no edition") == f"'{'a' * 99}…{'a' * 49}' is no edition"
    True
    """
    if len(text) <= _LONG:
        return text
    text = _QUOTED.sub(lambda found: _cut(found[0], 150), text)
    return _cut(_WORD.sub(lambda found: _cut(found[0], 150), text), _LONGEST)


def _cut(text: str, length: int) -> str:
    """Return a text, its middle replaced by … where it is longer than ``length``."""
    end = length // 3
    return text if len(text) <= length + 1 else f"{text[: length - end]}…{text[-end:]}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where it stands, and what would be right.

    Attributes
    ----------
    where : str
        ``file:line``, ``file``, or the option that brought the value.
    path : str
        The dotted key path, or ``""`` where no key is to blame.
    what : str
        What is wrong and what would be right, in one line.
    """

    where: str
    path: str
    what: str

    @property
    def is_of_option(self) -> bool:
        """Whether an option alone is to blame, whatever the file holds."""
        return _OPTION(self.where) is not None and ": " not in self.where

    def __str__(self) -> str:
        """Return ``file:line: path.to.key: what is wrong, what would be right``, cut where long."""
        path = "" if self.where == f"--set {self.path}" else self.path
        where = shortened(self.where) if "--set " in self.where else self.where
        key = _cut(shortened(path), _LONGEST_KEY)
        parts = (_cut(where, _LONGEST_WHERE), key, shortened(self.what))
        return one_line(": ".join(part for part in parts if part))


class InputError(ValueError):
    """The user's input is wrong; the text has one line for each problem."""

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = [Problem("", "", problems)]
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class OutputError(InputError):
    """A file or folder that the user named for results cannot be written."""


def in_a_line(error: BaseException) -> str:
    """Return an error's message in one line, after its type unless the input is wrong.

    >>> in_a_line(InputError("seed: is wrong")), in_a_line(OverflowError("too large"))
    ('seed: is wrong', 'OverflowError: too large')
    """
    text = encodable(" ".join(str(error).split()))
    if isinstance(error, InputError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class LoopWarning(UserWarning):
    """Compiled loops cannot be kept or used: results are the same, but take longer."""


class KeyProblem(NamedTuple):
    """A problem at a path inside a model.

    ``where`` names the file if it is another one, and ``key`` the key to blame in that file.
    """

    path: KeyPath
    what: str
    where: str = ""
    key: str = ""


class KeyProblems(ValueError):  # noqa: N818 - several problems, raised together
    """Problems found while validating a model, each with its path inside the model."""

    def __init__(self, problems: Iterable[KeyProblem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{dotted(p.path)}: {p.what}" for p in self.problems))
