"""YAML as plain values, each with its line, read within a budget.

It is YAML 1.1 without the readings that surprise: 02:00 and dates stay text, no is 'no', and a
number that can be read in two ways stays as it is written. Tags are refused; the number of values,
their depth and their lengths are bounded. An alias stands for a copy, counted with all in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from simulation.errors import KeyPath
from simulation.formats.yaml_commas import cut_in_list, cut_in_mapping
from simulation.formats.yaml_mistakes import Parser, find_mistake

__all__ = [
    "DEEPEST",
    "LONGEST_NUMBER",
    "LONGEST_TEXT",
    "MOST_VALUES",
    "NotYaml",
    "Refused",
    "Tree",
    "unprintable",
    "write_yaml",
]

MOST_VALUES = 500_000
"""The most values in a file: keys not counted, an alias as the values that it stands for."""

DEEPEST = 50
"""The most lists and mappings inside one another."""

LONGEST_TEXT = 10_000
"""The most characters of one key or value."""

LONGEST_NUMBER = 40
"""The most characters of one number."""

_Parser = Parser
_UNPRINTABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_NULL = re.compile(r"~|null|Null|NULL|")
_DIGITS = r"[0-9]+(?:_[0-9]{3})*"
_INT = re.compile(rf"[-+]?(?:0|(?!0){_DIGITS})")
_FLOAT = re.compile(rf"[-+]?(?:{_DIGITS}(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NUMBER_BEGINS = "-+.0123456789"
_TWO_READINGS = re.compile(r"([-+]?[1-9][0-9]{0,2}\.[0-9]{3})([eE][-+]?[0-9]+)?")
_TAGS = {"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"}
_FITTING: dict[type, str] = {str: "str", list: "seq", dict: "map"}
_MERGE = "<<"
_SHOWN = 40  # characters of a tag, an alias or a key, of which there may be thousands
_TOO_DEEP = f"is nested deeper than {DEEPEST} levels, write it flatter"


class NotYaml(ValueError):  # noqa: N818 - what the text is
    """Text that is no YAML, with the line of the mistake, and the key there."""

    def __init__(self, what: str, line: int | None, path: KeyPath = ()) -> None:
        super().__init__(what)
        self.line = line
        self.path = path


class Refused(ValueError):  # noqa: N818 - what became of it
    """YAML outside the budget or with a surprise in it, with the line and the key."""

    def __init__(self, what: str, line: int, path: KeyPath = ()) -> None:
        super().__init__(what)
        self.line = line
        self.path = path


class Unreadable:
    """The kind of a node that cannot be read; its value says what is wrong."""


@dataclass(slots=True)
class _Node:
    """A value as it is written.

    ``value`` is a scalar's value, the nodes of a list, or the pairs of nodes of a mapping;
    ``size`` counts the values that it stands for, ``height`` the levels.
    """

    kind: type
    value: Any
    line: int
    plain: str | None = None
    size: int = 1
    height: int = 0

    @property
    def text(self) -> str:
        """A key as it is written."""
        return str(self.value) if self.plain is None else self.plain


def unprintable(text: str) -> str:
    """Return which character of a text is no printable one, or nothing."""
    found = _UNPRINTABLE.search(text)
    return f"holds the character U+{ord(found[0]):04X}, take it out" if found else ""


class Tree:
    """A YAML document, read and checked, of which plain data can be built.

    Raises
    ------
    NotYaml
        If the text is no YAML, or more than one document.
    Refused
        If it leaves the budget, carries tags, or gives a key twice.
    """

    def __init__(self, text: str) -> None:
        if what := unprintable(text):
            found = _UNPRINTABLE.search(text)
            raise NotYaml(what, 1 + text.count("\n", 0, found.start() if found else 0))
        self._events = _Parser(text)
        self._anchors: dict[str, _Node | None] = {}
        self._size = 0
        self.unread: dict[KeyPath, str] = {}
        self._path: list[str | int] = []  # to what is being read
        try:
            self._root = self._document()
        except yaml.YAMLError as error:
            wrong = _not_yaml(error, text)
            if "nesting depth" in str(wrong):  # libyaml looks ahead, and has a bound of its own
                raise Refused(_TOO_DEEP, wrong.line or 1, tuple(self._path)) from None
            raise wrong from None
        except (NotYaml, Refused) as error:
            error.path = error.path or tuple(self._path)
            raise
        finally:
            self._events.dispose()

    def build(self, lines: dict[KeyPath, int] | None = None) -> Any:
        """Return the data, no list or mapping of it shared; ``lines`` takes the line of each part.

        A value that cannot be read is None; ``unread`` says what is wrong with it.
        """
        if self._root is None:
            return None
        lines = {} if lines is None else lines
        lines[()] = self._root.line
        return self._build(self._root, (), lines)

    def _build(self, node: _Node, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
        if node.kind is list:
            items = []
            for index, inner in enumerate(node.value):
                lines[*path, index] = inner.line
                items.append(self._build(inner, (*path, index), lines))
            return items
        if node.kind is Unreadable:
            self.unread[path] = node.value
            return None
        if node.kind is not dict:
            return node.value
        first: dict[Any, int] = {}
        built: dict[Any, Any] = {}
        for key, inner in _pairs(node, path):
            here = (*path, key.text)
            lines[here] = key.line
            built[key.value] = self._build(inner, here, lines)
        for key, _ in node.value:
            if key.value in first:
                what = f"stands on lines {first[key.value]} and {key.line}, keep one of them"
                self.unread[*path, key.text] = what
            first.setdefault(key.value, key.line)
        return built

    @property
    def is_mapping(self) -> bool:
        """Whether the document is a mapping."""
        return self._root is not None and self._root.kind is dict

    def _document(self) -> _Node | None:
        self._events.get_event()  # of the stream
        if self._events.check_event(yaml.StreamEndEvent):
            return None
        self._events.get_event()  # of the document
        root = self._node(self._events.get_event(), 0)
        self._events.get_event()
        if not self._events.check_event(yaml.StreamEndEvent):
            line = self._events.get_event().start_mark.line + 1
            raise NotYaml("a second document begins here, write one a file", line)
        return root

    def _node(self, event: Any, depth: int) -> _Node:
        """Return the node that begins with an event."""
        line = event.start_mark.line + 1
        anchor = event.anchor
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(anchor, line, depth)
        self._count(1, line)
        if anchor is not None:
            self._anchors[anchor] = None  # until it is read: an alias inside itself finds None
        if isinstance(event, yaml.ScalarEvent):
            node = _scalar(event, line)
        elif depth >= DEEPEST:
            raise Refused(_TOO_DEEP, line)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._list(line, depth, event.flow_style)
        else:
            node = self._mapping(line, depth, event.flow_style)
        if what := _wrong_tag(event.tag, node.kind):
            if node.kind in (list, dict):
                raise Refused(what, line)
            node = _Node(Unreadable, what, line)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _aliased(self, anchor: str, line: int, depth: int) -> _Node:
        name = anchor[:_SHOWN]
        if anchor not in self._anchors:
            raise NotYaml(f"*{name} stands for nothing, no &{name} comes before it", line)
        node = self._anchors[anchor]
        if node is None:
            raise Refused(f"*{name} stands inside of &{name} itself, write it out", line)
        if depth + node.height > DEEPEST:
            raise Refused(_TOO_DEEP, line)
        self._count(node.size, line)
        return node

    def _count(self, values: int, line: int) -> None:
        self._size += values
        if self._size > MOST_VALUES:
            what = f"makes more than {MOST_VALUES:,} values, aliases counted in full: split it"
            raise Refused(what, line)

    def _list(self, line: int, depth: int, flow: bool | None) -> _Node:
        nodes: list[_Node] = []
        events = []
        while not isinstance(event := self._events.get_event(), yaml.SequenceEndEvent):
            if flow:
                events.append(event)
            self._path.append(len(nodes))
            nodes.append(self._node(event, depth + 1))
            self._path.pop()
        if what := cut_in_list(events):
            return _Node(Unreadable, what, line)
        return _whole(list, nodes, nodes, line)

    def _mapping(self, line: int, depth: int, flow: bool) -> _Node:
        pairs: list[tuple[_Node, _Node]] = []
        before: Any = None
        while not isinstance(event := self._events.get_event(), yaml.MappingEndEvent):
            if is_simple := isinstance(event, yaml.ScalarEvent | yaml.AliasEvent):
                self._path.append(getattr(event, "value", f"*{event.anchor}")[:_SHOWN])
            key = self._node(event, depth + 1)
            self._size -= key.size  # keys are not counted
            if not is_simple or key.kind in (list, dict):
                raise Refused("has a list or a mapping as a key, write a word", key.line)
            if key.kind is Unreadable:
                raise Refused(key.value, key.line)
            following = self._events.get_event()
            if flow and before is not None and (what := cut_in_mapping(before, event, following)):
                self._path.pop()
                name, value = pairs.pop()
                pairs.append((name, _Node(Unreadable, what, value.line)))
                event.value = f"{before.value},{event.value}"  # for a third part, as in 1,250,000
                before = event
                continue
            self._path[-1] = key.text[:_SHOWN]
            pairs.append((key, self._node(following, depth + 1)))
            self._path.pop()
            before = following
        return _whole(dict, pairs, [value for _, value in pairs], line)


def write_yaml(data: Any) -> str:
    """Return data as YAML that `Tree` reads as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Writes a float so that it has one reading, and quotes text that looks like another value."""

    def of_float(self, value: float) -> yaml.ScalarNode:
        node = self.represent_float(value)
        if found := _TWO_READINGS.fullmatch(node.value):
            node.value = f"{found[1]}0{found[2] or ''}"
        return node

    def of_text(self, text: str) -> yaml.ScalarNode:
        node = self.represent_str(text)
        try:
            is_text = isinstance(_plain_value(text, 0), str)
        except Refused:
            is_text = False
        if not is_text:
            node.style = "'"
        return node


_Dumper.add_representer(float, _Dumper.of_float)
_Dumper.add_representer(str, _Dumper.of_text)


def _whole(kind: type, value: Any, inside: list[_Node], line: int) -> _Node:
    size = 1 + sum(node.size for node in inside)
    return _Node(kind, value, line, None, size, 1 + max((n.height for n in inside), default=0))


def _wrong_tag(tag: str | None, kind: type) -> str:
    """Return what is wrong with the tag of a node of a kind, or nothing."""
    if tag is not None and tag not in _TAGS:
        name = tag.replace("tag:yaml.org,2002:", "!!")[:_SHOWN]
        return f"carries the tag {name}, write the value alone"
    if tag in (None, "!") or kind is Unreadable or str(tag).endswith(f":{_FITTING.get(kind)}"):
        return ""
    return f"is not what its tag says ({tag}), leave the tag out"


def _scalar(event: Any, line: int) -> _Node:
    text = event.value
    if len(text) > LONGEST_TEXT:
        what = f"has {len(text):,} characters, write at most {LONGEST_TEXT:,}"
        return _Node(Unreadable, what, line)
    if event.style == '"' and (what := unprintable(text)):  # written as an escape
        return _Node(Unreadable, what, line)
    if not event.implicit[0]:
        return _Node(str, text, line)
    try:
        value = _plain_value(text, line)
    except Refused as refused:
        return _Node(Unreadable, str(refused), line)
    return _Node(type(value), value, line, text)


def _plain_value(text: str, line: int) -> Any:
    """Return the value that text without quotes stands for."""
    if not text or text[0] in "~nN":
        return None if _NULL.fullmatch(text) else text
    if text[0] in "tTfF":
        return text.lower() == "true" if _BOOL.fullmatch(text) else text
    if text[0] not in _NUMBER_BEGINS or not _FLOAT.fullmatch(text):
        return text
    if len(text) > LONGEST_NUMBER:
        what = f"is a number of {len(text):,} characters, write at most {LONGEST_NUMBER}"
        raise Refused(what, line)
    if _TWO_READINGS.fullmatch(text):
        return text  # the reader of the key decides whether 12.000 may mean 12,000
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    value = float(text.replace("_", ""))
    if value in (float("inf"), float("-inf")):
        raise Refused(f"{text} is too large for a number, write a smaller one", line)
    return value


def _pairs(node: _Node, path: KeyPath) -> list[tuple[_Node, _Node]]:
    """Return keys and values, those of a merge (``<<``) first: the mapping's own replace them."""
    merged: list[tuple[_Node, _Node]] = []
    own: list[tuple[_Node, _Node]] = []
    for key, value in node.value:
        if key.plain != _MERGE:
            own.append((key, value))
            continue
        for inner in reversed(value.value) if value.kind is list else [value]:
            if inner.kind is not dict:
                what = "<< takes a mapping, or a list of mappings"
                raise Refused(what, key.line, (*path, _MERGE))
            merged += _pairs(inner, path)
    return merged + own


def _not_yaml(error: yaml.YAMLError, text: str) -> NotYaml:
    """Return the mistake that a parser stopped at, in its words where there are no better ones."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "context", None) or str(error)
    what = " ".join(str(said).split())
    if mark is None:
        return NotYaml(what, None)
    if (mistake := find_mistake(text, mark.line + 1, mark.column)) is not None:
        return NotYaml(mistake.what, mistake.line, mistake.path)
    return NotYaml(f"{what}; check indent and quotes", mark.line + 1)
