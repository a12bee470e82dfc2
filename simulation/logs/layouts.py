"""The layouts of logs whose lines have fields one after the other: what stands at which place."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from simulation.logs.tables import is_moment

__all__ = ["Field", "Layout", "Role", "access_layout", "tokens_of", "w3c_layout"]

Role = Literal[
    "time",
    "request",
    "method",
    "path",
    "query",
    "status",
    "duration",
    "address",
    "user",
    "agent",
    "id",
]

_METHOD = r"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS|CONNECT|TRACE|PROPFIND|REPORT)"
_IS_METHOD = re.compile(_METHOD).fullmatch
_IS_REQUEST = re.compile(rf'"{_METHOD} [^ ].*"').fullmatch
_IS_STATUS = re.compile(
    r"10[0-3]|20[0-8]|226|30[0-8]|4(?:0[0-9]|1[0-8]|2[0-9]|31|51|99)|50[0-9]|51[01]|52[0-9]|530"
).fullmatch
_IS_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?").fullmatch
_IS_SECONDS = re.compile(r"[0-9]+\.[0-9]+").fullmatch
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"\S*|\[[^\]]*\]\S*|\S+')
_SECOND = 1_000_000
_ENOUGH = 5
"""Lines of one layout that are enough, though most lines have others."""


class Field(NamedTuple):
    """A field of a line.

    Attributes
    ----------
    role : str
        What it says.
    token : int
        At which place it stands, from 0.
    last : int
        Where it ends, if it takes several places, as a date and a time do.
    unit : int
        µs that one of it is, if it is a duration.
    """

    role: Role
    token: int
    last: int = -1
    unit: int = _SECOND


class Layout(NamedTuple):
    """What stands where in the lines of a log.

    Attributes
    ----------
    name : str
        What such a log is called.
    delimiter : str
        A blank or a tab.
    fields : tuple of Field
    needed : int
        How many places a line has at least.
    marks : tuple of (bytes, int)
        What stands before the first place and behind each one, where that is no delimiter; and how
        often it stands in that place, too.
    day_first : bool or None
        Whether 9/11/2017 is in November, where that is known of such a log.
    """

    name: str
    delimiter: str
    fields: tuple[Field, ...]
    needed: int
    marks: tuple[tuple[bytes, int], ...] = ()
    day_first: bool | None = None

    @classmethod
    def of(cls, name: str, fields: Sequence[Field], delimiter: str = " ") -> Layout:
        """Return a layout whose lines have at least a time and what was asked for."""
        least = ("time", "request", "method", "path", "status")
        needed = max(max(each.token, each.last) for each in fields if each.role in least) + 1
        return cls(name, delimiter, tuple(fields), needed)

    def has(self, role: str) -> bool:
        """Return whether a field has this role."""
        return any(each.role == role for each in self.fields)


def tokens_of(line: str) -> list[str]:
    """Return the tokens of a line; quotes and brackets hold blanks.

    >>> tokens_of('a [1 2] "b c" d')
    ['a', '[1 2]', '"b c"', 'd']
    """
    return _TOKEN.findall(line)


def access_layout(lines: Sequence[str]) -> Layout | None:
    """Return the layout that most lines of an access log have, or None.

    Found are a time, a request in quotes (or a method and a path), a status, and as far as they
    stand there the address, the user, the agent, and a duration in seconds.
    """
    found = Counter(layout for line in lines if (layout := _layout_of(tokens_of(line))))
    if not found:
        return None
    layout, count = found.most_common(1)[0]
    if count * 2 <= sum(found.values()) and count <= _ENOUGH:
        return None
    has_tabs = sum("\t" in line for line in lines) * 2 > len(lines)
    return layout._replace(delimiter="\t") if has_tabs else layout


def _layout_of(tokens: list[str]) -> Layout | None:
    """Return the layout of one line, or None where it is none of an access log."""
    if elb := _of_load_balancer(tokens):
        return elb
    time = next(_times(tokens), None)
    asked = [n for n, token in enumerate(tokens) if _IS_REQUEST(token)]
    bare = [n for n, token in enumerate(tokens[:-1]) if _IS_METHOD(token)]
    if time is None or not (asked or bare):
        return None
    if asked:
        at, fields = asked[0], [time, Field("request", asked[0])]
    else:
        at = bare[0] + 1
        fields = [time, Field("method", bare[0]), Field("path", at)]
    statuses = [n for n, token in enumerate(tokens) if _IS_STATUS(token)]
    after = [n for n in statuses if n > at]
    if after or statuses:
        fields.append(Field("status", (after or statuses)[0]))
    quoted = [n for n in range(at + 1, len(tokens)) if tokens[n].startswith('"')]
    if quoted:  # the referer stands before the agent
        fields.append(Field("agent", quoted[1 if len(quoted) > 1 else 0]))
    if time.token >= 2 and tokens[time.token - 2] == "-":  # who it is by identd, never told
        fields.append(Field("user", time.token - 1))
        fields.append(Field("address", max(0, time.token - 3)))
    elif time.token > 0:
        fields.append(Field("address", time.token - 1))
    last = quoted[-1] if quoted else at
    seconds = [n for n in range(last + 1, len(tokens)) if _IS_SECONDS(tokens[n])]
    if seconds:
        fields.append(Field("duration", seconds[0]))
    return Layout.of("access log", fields)


def _times(tokens: list[str]) -> Iterator[Field]:
    """Yield the fields of a line that are moments with a time of the day."""
    for n, token in enumerate(tokens):
        if len(token) < 8 or not is_moment(token):
            continue
        if n + 1 < len(tokens) and _IS_CLOCK(tokens[n + 1]):
            yield Field("time", n, n + 1)
        elif ":" in token or "." in token or token.isdigit():
            yield Field("time", n)


_ALB_KINDS = ("http", "https", "h2", "grpcs", "ws", "wss")


def _of_load_balancer(tokens: list[str]) -> Layout | None:
    """Return the layout of a load balancer of AWS, if a line is of one.

    Sources: AWS, Access logs for your Application Load Balancer, and Access logs for your Classic
    Load Balancer. ``request_creation_time`` is when a call begins; older logs lack it.
    """
    if len(tokens) > 13 and tokens[0] in _ALB_KINDS and is_moment(tokens[1]):
        time = 21 if len(tokens) > 21 and is_moment(tokens[21]) else 1
        return Layout.of(
            "AWS application load balancer",
            [
                Field("time", time),
                *(Field("duration", n) for n in (5, 6, 7)),
                *(Field("status", 8), Field("request", 12), Field("agent", 13)),
                *(Field("address", 3), Field("id", 17)),
            ],
        )
    is_classic = len(tokens) in (12, 15) and is_moment(tokens[0]) and tokens[11].startswith('"')
    if is_classic and all(re.fullmatch(r"-1|[0-9.]+", tokens[n]) for n in (4, 5, 6)):
        fields = [
            Field("time", 0),
            *(Field("duration", n) for n in (4, 5, 6)),
            *(Field("status", 7), Field("request", 11), Field("address", 2)),
        ]
        return Layout.of(
            "AWS classic load balancer",
            [*fields, Field("agent", 12)] if len(tokens) > 12 else fields,
        )
    return None


_W3C: dict[str, Role] = {
    "cs-method": "method",
    "cs-uri-stem": "path",
    "cs-uri": "path",
    "cs-uri-query": "query",
    "sc-status": "status",
    "c-ip": "address",
    "cs-username": "user",
    "cs(User-Agent)": "agent",
    "c-user-agent": "agent",
    "time-taken": "duration",
    "x-edge-request-id": "id",
}


def w3c_layout(directive: str, delimiter: str) -> Layout | None:
    """Return the layout that a line ``#Fields: …`` says, or None where it has no time.

    Sources: W3C, Extended Log File Format; AWS, CloudFront standard logs, whose ``time-taken`` is
    in seconds; Microsoft, IIS logging, where it is in ms.
    """
    names = directive.partition(":")[2].split()
    places = {name: n for n, name in enumerate(names)}
    if "date" in places and places.get("time") == places["date"] + 1:
        fields = [Field("time", places["date"], places["time"])]
    elif "timestamp" in places:
        fields = [Field("time", places["timestamp"])]
    else:
        return None
    is_of_cloudfront = "x-edge-location" in places
    for name, role in _W3C.items():
        if name in places and not any(each.role == role for each in fields):
            unit = _SECOND if is_of_cloudfront else 1000
            fields.append(Field(role, places[name], unit=unit))
    return Layout.of("W3C log", fields, delimiter)
