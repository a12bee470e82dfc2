"""The kinds of call that requests are: a table, as data, looked up by method and path.

A request is given as a *target*: its method, its path and the names of its query's parameters, such
as ``GET /crm/v7/Leads/{id}/Notes?fields&per_page=200``. The table that ships is of Zoho CRM
(``zoho-crm-calls.yaml``); a table of one's own is a file of the same form. Paths are compared part
by part along a tree of all requests, so no target makes a look-up slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from pydantic import Field, model_validator

from simulation.errors import KeyPath, KeyProblem, KeyProblems
from simulation.fitting.call_rules import (
    ANY,
    BLANKS,
    METHODS,
    OTHER,
    REST,
    CallGroup,
    CallRule,
    Paths,
    RecordGuess,
    Source,
)
from simulation.formats import Document, Part, did_you_mean, twice
from simulation.rate_cards import RateCard, shipped_rate_cards

__all__ = ["UNKNOWN", "CallKindTable", "Kind", "read_call_kinds"]

UNKNOWN = "unknown"
"""The group of targets that no request of a table fits."""

LONGEST_PATH = LONGEST_QUERY = 2_000
"""The most characters that are read: servers refuse longer ones."""
MOST_PARTS = 32
"""The most parts of a path: the longest request of the vendor has 8, behind a gateway's prefix."""
LONGEST_KEPT, MOST_KEPT = 500, 20_000
"""The longest target whose kind is remembered, in characters, and how many are."""

_TABLE = "zoho-crm-calls.yaml"
_FORMAT = re.compile(r"\.(?:json|xml)$", re.IGNORECASE)


class Kind(NamedTuple):
    """What a target is.

    Attributes
    ----------
    api : str
        The kind of call, as rate cards name it; ``other`` where it has none of its own.
    group : str
        The group of the table that the request stands in, for reports; ``UNKNOWN`` if in none.
    records : int, RecordGuess or None
        How many records a call carries: as the target tells it, guessed, or not known at all.
    known : bool
        Whether the table has the request; if not, the kind is ``other``.
    """

    api: str
    group: str
    records: int | RecordGuess | None
    known: bool


_NOT_LISTED = Kind(OTHER, UNKNOWN, None, known=False)


class _Node:
    """A place in the tree of all requests: what may follow, and what ends here, by method."""

    __slots__ = ("after", "ends")

    def __init__(self) -> None:
        self.after: dict[str, _Node] = {}
        self.ends: dict[str, list[tuple[CallRule, str]]] = {}


class CallKindTable(Part):
    """Requests of an API, each with the kind of call that it is.

    >>> table = read_call_kinds()
    >>> table.kind_of("POST /crm/v8/Leads/{id}/actions/convert").api
    'convert_lead'
    >>> table.kind_of("GET /crm/v2.1/Contacts/deleted?per_page=50&page").records
    50
    >>> table.kind_of("POST /crm/v7/Deals/upsert").records
    RecordGuess(number=10, least=1, most=100)
    >>> table.kind_of("GET /favicon.ico")
    Kind(api='other', group='unknown', records=None, known=False)
    """

    name: str
    title: str
    vendor: str = Field(description="as rate cards name it; their kinds of call may be named")
    sources: dict[str, Source] = Field(default_factory=dict)
    under: Paths = Field((), description="where the API begins in a path; all before it is skipped")
    reserved: tuple[str, ...] = Field((), description="first words of paths that are no modules")
    other_apis: tuple[str, ...] = Field((), description="kinds of call that no shipped card has")
    groups: tuple[CallGroup, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> CallKindTable:
        problems = [*self._wrong_groups(), *self._wrong_apis(), *self._twice()]
        if problems:
            raise KeyProblems(problems)
        return self

    def _wrong_groups(self) -> Iterator[KeyProblem]:
        if (again := twice(group.name for group in self.groups)) is not None:
            yield KeyProblem(("groups",), f"{again!r} stands twice, give each its own name")
        for g, group in enumerate(self.groups):
            for s, source in enumerate(group.sources):
                if source not in self.sources:
                    meant = did_you_mean(source, self.sources)
                    what = f"{source!r} is no source of the table, {meant}add it under 'sources'"
                    yield KeyProblem(("groups", g, "sources", s), what)

    def _wrong_apis(self) -> Iterator[KeyProblem]:
        apis = {*_apis_of(self.vendor), *self.other_apis, OTHER}
        for here, _, rule in self._rules():
            if rule.api not in apis:
                meant = did_you_mean(rule.api, apis)
                what = (
                    f"{rule.api!r} is a kind of call of no shipped rate card of {self.vendor}, "
                    f"{meant}or declare it under 'other_apis'"
                )
                yield KeyProblem((*here, "api"), what)

    def _twice(self) -> Iterator[KeyProblem]:
        """Yield what two rules claim: a request, or a name."""
        requests: dict[object, str] = {}
        names = {_plain(api): api for api in self.apis}
        for here, group, rule in self._rules():
            parameters = frozenset(map(str.casefold, rule.parameters))
            for root in self._roots(group):
                key = (rule.method, rule.path_under(root), parameters)
                if key in requests:
                    what = f"{rule.request!r} also stands in group {requests[key]!r}, keep one"
                    yield KeyProblem((*here, "request"), what)
                requests[key] = group.name
            for n, name in enumerate(rule.names):
                owner = names.setdefault(_plain(name), rule.request)
                if owner not in (rule.request, rule.api):
                    what = f"{name!r} also names {owner!r}, let it name one of them"
                    yield KeyProblem((*here, "names", n), what)

    def _rules(self) -> Iterator[tuple[KeyPath, CallGroup, CallRule]]:
        for g, group in enumerate(self.groups):
            for c, rule in enumerate(group.calls):
                yield ("groups", g, "calls", c), group, rule

    def _roots(self, group: CallGroup) -> tuple[str, ...]:
        return (self.under if group.under is None else group.under) or ("",)

    @property
    def apis(self) -> frozenset[str]:
        """The kinds of call that the table names."""
        return frozenset({OTHER, *(rule.api for _, _, rule in self._rules())})

    @cached_property
    def _tree(self) -> _Node:
        top = _Node()
        for _, group, rule in self._rules():
            for root in self._roots(group):
                node = top
                for part in rule.path_under(root):
                    node = node.after.setdefault(part, _Node())
                ends = node.ends.setdefault(rule.method, [])
                ends.append((rule, group.name))
                ends.sort(key=lambda end: -len(end[0].parameters))
        return top

    @cached_property
    def _named(self) -> dict[str, Kind]:
        """The kinds of names and of ids of kinds; an id is that of the first rule that has it."""
        named = {_plain(OTHER): Kind(OTHER, OTHER, None, known=True)}
        for _, group, rule in self._rules():
            for name in (rule.api, *rule.names):
                kind = Kind(rule.api, group.name, rule.records_of({}), known=True)
                named.setdefault(_plain(name), kind)
        return named

    @cached_property
    def _reserved(self) -> frozenset[str]:
        return frozenset(map(str.casefold, self.reserved))

    @cached_property
    def _kept(self) -> dict[str, Kind]:
        return {}

    def kind_of(self, target: str) -> Kind:
        """Return what a target is: a request, or the name of a kind of call in any spelling.

        A target without a method is known if its path has one kind for all methods. No target
        raises an error or takes long, whatever it holds.

        >>> read_call_kinds().kind_of("UpsertRecords").api
        'upsert_records'
        """
        kept = self._kept
        if (kind := kept.get(target)) is not None:
            return kind
        kind = self._find(target)
        if len(target) <= LONGEST_KEPT:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[target] = kind
        return kind

    def _find(self, target: str) -> Kind:
        path, _, query = target.partition("?")
        if len(path) > LONGEST_PATH:
            return _NOT_LISTED
        if "/" not in path:
            return self._named.get(_plain(path), _NOT_LISTED)
        words = path.partition("#")[0].split()
        method = words.pop(0).upper() if words and "/" not in words[0] else ""
        if not words or (method and method not in METHODS):
            return _NOT_LISTED
        parts = _parts(words[0])
        if len(parts) > MOST_PARTS:
            return _NOT_LISTED
        parameters = _parameters(query)
        for begin in range(len(parts)):
            for place in self._places(self._tree, parts[begin:]):
                if (end := _end(place, method, parameters)) is not None:
                    rule, group = end
                    return Kind(rule.api, group, rule.records_of(parameters), known=True)
        return _NOT_LISTED

    def _places(self, node: _Node, parts: list[str]) -> Iterator[_Node]:
        """Yield the places where a path may end, the most exact one first.

        It comes to each place of the tree once at most, whatever the path.
        """
        if not parts:
            yield node
        else:
            word = parts[0].casefold()
            literal = node.after.get(word) if word not in (*BLANKS, REST) else None
            if literal is not None:
                yield from self._places(literal, parts[1:])
            for blank, fits in BLANKS.items():
                after = node.after.get(blank)
                if after is None or not fits(parts[0]):
                    continue
                if blank == "{module}" and word in self._reserved:
                    continue
                if blank == "{value}" and literal is not None:
                    continue  # Leads/upsert is no record with the external id "upsert"
                yield from self._places(after, parts[1:])
        if (rest := node.after.get(REST)) is not None:
            yield rest


def _end(place: _Node, method: str, parameters: Mapping[str, str]) -> tuple[CallRule, str] | None:
    """Return the rule that holds at a place, with its group; of all methods if none is given.

    Those of all methods have to agree on the kind.
    """
    found = []
    for each in (method, ANY) if method else place.ends:
        ends = place.ends.get(each, ())
        if (holding := next((end for end in ends if end[0].holds(parameters)), None)) is not None:
            found.append(holding)
    if not method and len({rule.api for rule, _ in found}) > 1:
        return None
    return found[0] if found else None


def _parts(path: str) -> list[str]:
    """Return the parts of a path, without what tells nothing: empty ones, ``;…``, ``.json``."""
    parts = (part.partition(";")[0] for part in path.split("/"))
    kept = [unquote(part) if "%" in part else part for part in parts if part]
    if kept:
        kept[-1] = _FORMAT.sub("", kept[-1])
    return kept


def _parameters(query: str) -> dict[str, str]:
    """Return the parameters of a query by name, as far as it is read; names in small letters."""
    pairs = (pair.partition("=") for pair in query[:LONGEST_QUERY].split("&"))
    return {name.casefold(): value for name, _, value in pairs}


def _plain(name: str) -> str:
    """Return a name without capitals, blanks and signs.

    >>> _plain("GET_USERS"), _plain("Upsert Records")
    ('getusers', 'upsertrecords')
    """
    return "".join(sign for sign in name.casefold() if sign.isalnum())


@lru_cache
def _apis_of(vendor: str) -> frozenset[str]:
    """Return the kinds of call of the vendor's rate cards that ship."""
    cards = map(RateCard.load, shipped_rate_cards())
    return frozenset(api for card in cards if card.vendor == vendor for api in card.calls)


@lru_cache
def _shipped_table() -> CallKindTable:
    with resources.as_file(resources.files("simulation.fitting") / _TABLE) as path:
        return Document.read(path, "table of calls").validate(CallKindTable)


def read_call_kinds(path: Path | str | None = None) -> CallKindTable:
    """Return the table of a file, or the one that ships, of Zoho CRM.

    Raises
    ------
    InputError
        If there is no such file, or it is no valid table.
    """
    if path is None:
        return _shipped_table()
    return Document.read(path, "table of calls").validate(CallKindTable)
