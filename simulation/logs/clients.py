"""Whose an entry is: the app that made a request, told from what a log says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import unquote

import numpy as np

from simulation.arrays import Ints
from simulation.logs.names import Codes, Names

__all__ = ["ClientNames", "Told", "product_of"]

Told = Literal["user", "agent", "address"]
"""What may tell an app from others."""

_NOTHING = ("", "-", '"-"')
_BOT = re.compile(r"[A-Za-z0-9_.-]{0,40}(?:bot|crawler|spider|monitor|uptime)[A-Za-z]{0,20}", re.I)
_COMPATIBLE = re.compile(r"compatible; ?([A-Za-z0-9_. -]{1,60})")
_PRODUCT = re.compile(r"[^/(\s;]{1,80}(?: [A-Z][^/(\s;]{1,40})?")


def product_of(agent: str) -> str:
    """Return the program that an agent names, without its version; browsers are one program.

    >>> product_of("python-requests/2.28.1"), product_of("Mozilla/5.0 (X11) Chrome/96.0")
    ('python-requests', 'a browser')
    >>> product_of("Mozilla/5.0 (compatible; Googlebot/2.1; +http://google.com/bot.html)")
    'Googlebot'
    """
    agent = unquote(agent.replace("+", " ") if " " not in agent else agent).strip(" '\"")
    if agent.startswith(("Mozilla/", "Opera/")):
        found = _COMPATIBLE.search(agent)
        if found and not found[1].startswith("MSIE"):
            return found[1].partition("/")[0].strip()
        bot = _BOT.search(agent)
        return bot[0] if bot else "a browser"
    found = _PRODUCT.match(agent)
    return found[0].strip() if found else agent[:80]


class ClientNames:
    """The clients of a log, by what tells them apart.

    Parameters
    ----------
    by : sequence of str, optional
        What tells them apart. Without it the user does, or else the agent, or else the address:
        the first of these that an entry has.

    Attributes
    ----------
    names : list of str
        What each is called; its place is its code.
    """

    def __init__(self, by: Sequence[Told] = ()) -> None:
        self.by = tuple(by)
        self.names: list[str] = []
        self._codes: dict[str, int] = {}
        self._tables: dict[Told, Names] = {}
        self._known: dict[tuple[Told, ...], Codes] = {}

    def __getitem__(self, code: int) -> str:
        return self.names[code]

    def __len__(self) -> int:
        return len(self.names)

    def table(self, told: Told) -> Names:
        """Return the names of one of the things that tell clients apart."""
        if told not in self._tables:
            self._tables[told] = Names()
        return self._tables[told]

    def code_of(self, name: str) -> int:
        """Return the code of a client of this name."""
        name = name or "unnamed"
        if name not in self._codes:
            self._codes[name] = len(self.names)
            self.names.append(name)
        return self._codes[name]

    def codes_of(self, told: Mapping[Told, Ints], count: int) -> Ints:
        """Return whose each of ``count`` entries is, (n,), from the codes of what tells them."""
        if not told:
            return np.full(count, self.code_of("unnamed"), np.int64)
        first, *others = told.values()
        # One number for each combination, so that only new ones are looked at by Python.
        joined = first
        for column in others:
            joined = joined << 16 | column

        def code_of(row: int) -> int:
            return self.code_of(self._name({name: int(its[row]) for name, its in told.items()}))

        return self._known.setdefault(tuple(told), Codes()).of(joined, code_of)

    def _name(self, codes: Mapping[Told, int]) -> str:
        """Return the name of a client."""
        found: list[str] = []
        for told in self.by or ("user", "agent", "address"):
            name = self._tables[told][codes[told]] if told in codes else ""
            if name not in _NOTHING:
                found.append(product_of(name) if told == "agent" else name)
                if not self.by:
                    break
        return " ".join(found)
